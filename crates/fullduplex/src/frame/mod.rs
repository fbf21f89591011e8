//! Frames (RFC 6455 §5.2): the header as a value, the incremental decoder, the encoder, and a shortcut for small
//! messages.

pub(crate) mod decoder;
pub(crate) mod encoder;
pub(crate) mod header;
pub(crate) mod shortcut;

pub use header::{FrameError, FrameHeader, MAX_FRAME_HEADER_LEN, OpCode};
