//! (being written)
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod close_code;
mod closing;
mod connection;
#[cfg(feature = "alloc")]
mod endpoint;
mod entropy;
mod error;
mod event;
mod frame;
pub mod handshake;
pub mod headers;
mod input;
mod keepalive;
mod limits;
mod mask;
mod message;
mod negotiated;
mod output;
#[cfg(feature = "alloc")]
mod owned;
#[cfg(feature = "alloc")]
mod reader;
mod role;
mod uri;
mod utf8;

#[cfg(feature = "alloc")]
pub use bytes::Bytes;
pub use close_code::CloseCode;
pub use closing::{CloseFrameError, CloseReason, Ended};
pub use connection::{Config, Connection, MAX_CONTROL_FRAME_LEN};
#[cfg(feature = "alloc")]
pub use endpoint::{DEFAULT_MAX_WRITE_BUFFER, Endpoint, EndpointConfig, HandshakeEvent, Shutdown};
pub use entropy::{Entropy, EntropyError, NoEntropy};
pub use error::{Error, Fault, HandshakeError};
pub use event::{Event, MessageKind, Part};
pub use frame::{FrameError, FrameHeader, MAX_HEADER_LEN, OpCode};
pub use input::Input;
pub use keepalive::{DEFAULT_CLOSE_TIMEOUT, DEFAULT_HANDSHAKE_TIMEOUT, Timeout, Timeouts};
pub use limits::{DEFAULT_MAX_FRAGMENTS, DEFAULT_MAX_FRAME_SIZE, DEFAULT_MAX_MESSAGE_SIZE, Limits};
pub use mask::apply_mask;
pub use message::{HeaderBytes, MessageError, SendError};
pub use negotiated::Negotiated;
pub use output::BufferTooSmall;
#[cfg(feature = "alloc")]
pub use owned::{CloseFrame, InvalidUtf8, Message, MessageRef, Utf8Bytes};
#[cfg(feature = "alloc")]
pub use reader::Reader;
pub use role::Role;
#[cfg(feature = "alloc")]
pub use uri::OwnedUri;
pub use uri::{Uri, UriError};
