//! A run of one case, without I/O: bytes of the subject in, bytes for the subject out, and the time as a number.

mod judge;
mod machine;
mod opening;
mod options;
mod outgoing;
mod reader;

pub use machine::{Action, Run};
pub use options::Options;
