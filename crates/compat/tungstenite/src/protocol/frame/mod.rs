//! Frames as values, and a stream of frames.

pub mod coding;
#[expect(clippy::module_inception)]
mod frame;
mod socket;
mod utf8;

pub use frame::{CloseFrame, Frame, FrameHeader};
pub use socket::FrameSocket;
pub use utf8::Utf8Bytes;
