//! Why an open connection failed: the layers' small errors united, whose fault each is, and the one total function from
//! error to close code.

use core::fmt;

use crate::close_code::CloseCode;
use crate::closing::{CloseFrameError, Ended};
#[cfg(feature = "deflate")]
use crate::deflate::InflateError;
use crate::frame::header::FrameError;
use crate::keepalive::Timeout;
use crate::message::inbound::MessageError;

/// Why a connection failed (RFC 6455 §7.1.7).
///
/// A failure ends the connection: what came before it was delivered, one Close is queued
/// ([`close_code`](Self::close_code)), and everything after it is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// The peer sent a frame that breaks §5.
    Frame(FrameError),
    /// The peer sent a message that breaks §5.4 or §8.1, or is over a limit.
    Message(MessageError),
    /// The peer sent a Close frame that breaks §5.5.1 or §7.4.
    CloseFrame(CloseFrameError),
    /// The peer sent a compressed message that cannot be decompressed (RFC 7692 §7.2.2).
    #[cfg(feature = "deflate")]
    Inflate(InflateError),
    /// A timeout has expired.
    Timeout(Timeout),
    /// The transport ended before the closing handshake was complete.
    Ended(Ended),
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The peer broke the protocol or a limit.
    Peer,
    /// The caller used the connection in a way that it must not.
    Local,
    /// The peer went silent or the transport between us broke.
    Transport,
}

impl Error {
    /// The code of the Close frame with which the failure is answered; `None` when no Close is sent,
    /// because there is nobody to read it.
    #[must_use]
    pub const fn close_code(&self) -> Option<CloseCode> {
        Some(match self {
            Self::Frame(FrameError::TooLarge) | Self::Message(MessageError::TooLarge) => {
                CloseCode::Size
            }
            Self::Message(MessageError::TooManyFragments) => CloseCode::Policy,
            Self::Message(MessageError::InvalidUtf8)
            | Self::CloseFrame(CloseFrameError::Reason) => CloseCode::Invalid,
            #[cfg(feature = "deflate")]
            Self::Message(MessageError::NoScratch) => CloseCode::Error,
            #[cfg(feature = "deflate")]
            Self::Inflate(_) => CloseCode::Invalid,
            Self::Frame(_) | Self::Message(_) | Self::CloseFrame(_) => CloseCode::Protocol,
            Self::Timeout(Timeout::Pong) => CloseCode::Error,
            Self::Timeout(Timeout::Idle) => CloseCode::Away,
            Self::Timeout(Timeout::Close | Timeout::Handshake) | Self::Ended(_) => return None,
        })
    }

    /// Whose fault the failure is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            #[cfg(feature = "deflate")]
            Self::Message(MessageError::NoScratch) => Fault::Local,
            #[cfg(feature = "deflate")]
            Self::Inflate(_) => Fault::Peer,
            Self::Frame(_) | Self::Message(_) | Self::CloseFrame(_) => Fault::Peer,
            Self::Timeout(_) | Self::Ended(_) => Fault::Transport,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(error) => error.fmt(f),
            Self::Message(error) => error.fmt(f),
            #[cfg(feature = "deflate")]
            Self::Inflate(error) => error.fmt(f),
            Self::CloseFrame(error) => error.fmt(f),
            Self::Timeout(error) => error.fmt(f),
            Self::Ended(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Error {}

impl From<FrameError> for Error {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

impl From<MessageError> for Error {
    fn from(error: MessageError) -> Self {
        Self::Message(error)
    }
}

impl From<CloseFrameError> for Error {
    fn from(error: CloseFrameError) -> Self {
        Self::CloseFrame(error)
    }
}

#[cfg(feature = "deflate")]
impl From<InflateError> for Error {
    fn from(error: InflateError) -> Self {
        Self::Inflate(error)
    }
}

impl From<Timeout> for Error {
    fn from(error: Timeout) -> Self {
        Self::Timeout(error)
    }
}

impl From<Ended> for Error {
    fn from(error: Ended) -> Self {
        Self::Ended(error)
    }
}
