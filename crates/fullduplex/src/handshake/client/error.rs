//! The errors of a client's handshake: its own faults, and the server's.

use core::fmt;

#[cfg(feature = "deflate")]
use crate::deflate::NegotiationError;
use crate::handshake::head::HeadError;
use crate::headers::InvalidHeader;
use crate::output::BufferTooSmall;

/// Why a request was not written: the client's own fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EncodeRequestError {
    /// A subprotocol, an extra header or the origin must not be sent.
    InvalidHeader(InvalidHeader),
    /// The output buffer is too small.
    BufferTooSmall(BufferTooSmall),
}

impl fmt::Display for EncodeRequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidHeader(error) => fmt::Display::fmt(error, f),
            Self::BufferTooSmall(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl core::error::Error for EncodeRequestError {}

/// Why a response does not open the WebSocket (RFC 6455 §4.1): always the server's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResponseError {
    /// The head is not valid HTTP/1.1, or is too large.
    Head(HeadError),
    /// Status 101, but another version than HTTP/1.1.
    Version,
    /// HTTP/2: the status is not final, or a header has an invalid name or value.
    Connect,
    /// No `Upgrade` header is `websocket`, or one lists another protocol.
    Upgrade,
    /// No `Connection` header lists `Upgrade`.
    Connection,
    /// `Sec-WebSocket-Accept` is missing.
    AcceptMissing,
    /// `Sec-WebSocket-Accept` is repeated, or does not fit our key.
    Accept,
    /// The server uses an extension that was not offered.
    Extension,
    /// The server's extensions do not fit the offer of permessage-deflate (RFC 7692 §5.1).
    #[cfg(feature = "deflate")]
    Deflate(NegotiationError),
    /// `Sec-WebSocket-Protocol` is repeated, or is not one of the subprotocols that were offered.
    Subprotocol,
    /// The server chose no subprotocol, but the request requires one.
    SubprotocolMissing,
}

impl From<HeadError> for ResponseError {
    fn from(error: HeadError) -> Self {
        Self::Head(error)
    }
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Head(error) => return fmt::Display::fmt(error, f),
            Self::Version => "the server switches protocols in another version than HTTP/1.1",
            Self::Connect => {
                "this is no final response of HTTP/2, or one of its headers is invalid"
            }
            Self::Upgrade => "the Upgrade header of the response is not websocket",
            Self::Connection => "no Connection header of the response lists Upgrade",
            Self::AcceptMissing => "the response has no Sec-WebSocket-Accept header",
            Self::Accept => {
                "the response has no single Sec-WebSocket-Accept header that answers our key"
            }
            #[cfg(feature = "deflate")]
            Self::Deflate(error) => return fmt::Display::fmt(error, f),
            Self::Extension => "the server uses an extension that was not offered",
            Self::Subprotocol => "the server chose a subprotocol that was not offered, or several",
            Self::SubprotocolMissing => {
                "the server chose none of the subprotocols, and one is required"
            }
        })
    }
}

impl core::error::Error for ResponseError {}
