//! Streams to servers.

mod target;
mod tcp;
#[cfg(unix)]
mod unix;

pub(crate) use target::until;
pub use target::{Dial, Target};
pub use tcp::TcpDial;
#[cfg(unix)]
pub use unix::UnixDial;
