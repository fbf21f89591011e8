//! Why an opening handshake failed, at the server or at the client.

use core::fmt;

use super::client::{EncodeRequestError, ResponseError};
use super::server::{RejectError, RequestError};
use crate::entropy::EntropyError;

/// Why an opening handshake failed (RFC 6455 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HandshakeError {
    /// Server: the client's request does not ask for a WebSocket. The response has the status
    /// [`RequestError::status`].
    Request(RequestError),
    /// Server: the request does not ask for a WebSocket, and the application has responded to it with this status.
    Responded(u16),
    /// Server: the application's response to a request that asks for no WebSocket must not be sent. The client was sent
    /// 500 instead.
    Reject(RejectError),
    /// Client: the server's response does not open a WebSocket.
    Response(ResponseError),
    /// Client: our own request must not be sent.
    Encode(EncodeRequestError),
    /// Client: no `Sec-WebSocket-Key` could be drawn.
    Entropy(EntropyError),
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => error.fmt(f),
            Self::Responded(status) => {
                write!(f, "a request for no WebSocket was responded to with {status}")
            }
            Self::Reject(error) => error.fmt(f),
            Self::Response(error) => error.fmt(f),
            Self::Encode(error) => error.fmt(f),
            Self::Entropy(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for HandshakeError {}

impl From<RequestError> for HandshakeError {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl From<ResponseError> for HandshakeError {
    fn from(error: ResponseError) -> Self {
        Self::Response(error)
    }
}

impl From<EncodeRequestError> for HandshakeError {
    fn from(error: EncodeRequestError) -> Self {
        Self::Encode(error)
    }
}

impl From<EntropyError> for HandshakeError {
    fn from(error: EntropyError) -> Self {
        Self::Entropy(error)
    }
}
