//! Accepting WebSockets.

use std::io::{Read, Write};

use crate::handshake::HandshakeError;
use crate::handshake::server::{Callback, NoCallback, ServerHandshake};
use crate::protocol::{WebSocket, WebSocketConfig};

/// Accepts a WebSocket on a stream that a client has opened, with the default configuration: any valid request, no
/// subprotocol. A request that does not ask for a WebSocket is answered with an error status.
///
/// # Errors
/// As [`accept_hdr_with_config`].
pub fn accept<S: Read + Write>(
    stream: S,
) -> Result<WebSocket<S>, HandshakeError<ServerHandshake<S, NoCallback>>> {
    accept_with_config(stream, None)
}

/// As [`accept`], with a configuration.
///
/// # Errors
/// As [`accept_hdr_with_config`].
pub fn accept_with_config<S: Read + Write>(
    stream: S,
    config: Option<WebSocketConfig>,
) -> Result<WebSocket<S>, HandshakeError<ServerHandshake<S, NoCallback>>> {
    accept_hdr_with_config(stream, NoCallback, config)
}

/// As [`accept`], with a callback that sees the request, adds headers to the response, or rejects it.
///
/// # Errors
/// As [`accept_hdr_with_config`].
pub fn accept_hdr<S: Read + Write, C: Callback>(
    stream: S,
    callback: C,
) -> Result<WebSocket<S>, HandshakeError<ServerHandshake<S, C>>> {
    accept_hdr_with_config(stream, callback, None)
}

/// As [`accept_hdr`], with a configuration.
///
/// # Errors
/// [`HandshakeError::Interrupted`] over a stream that would block. [`HandshakeError::Failure`] with
/// [`Error::Protocol`](crate::Error::Protocol) for an invalid request, [`Error::Http`](crate::Error::Http) when the
/// callback rejects it; [`Error::Io`](crate::Error::Io).
pub fn accept_hdr_with_config<S: Read + Write, C: Callback>(
    stream: S,
    callback: C,
    config: Option<WebSocketConfig>,
) -> Result<WebSocket<S>, HandshakeError<ServerHandshake<S, C>>> {
    ServerHandshake::start(stream, callback, config).handshake()
}
