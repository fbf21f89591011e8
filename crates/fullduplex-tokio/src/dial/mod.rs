//! Streams to servers.

mod target;
mod tcp;

pub(crate) use target::until;
pub use target::{Dial, Target};
pub use tcp::TcpDial;
