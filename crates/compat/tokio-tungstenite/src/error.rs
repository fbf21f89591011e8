//! Converts the errors of fullduplex to those of tungstenite.

use std::io;

use fullduplex::Receiver;
use fullduplex_tokio as native;
use tungstenite::error::Error;
use tungstenite::internals::limit_error;
use tungstenite::protocol::{Message, WebSocketConfig};

/// `receiver` and `config` say which limit was exceeded, and by how much.
pub(crate) fn to_tungstenite(
    error: native::Error,
    receiver: Option<&Receiver>,
    config: &WebSocketConfig,
) -> Error {
    use native::Error as Native;
    match error {
        Native::ConnectionClosed => Error::ConnectionClosed,
        Native::AlreadyClosed => Error::AlreadyClosed,
        Native::Io(error) => error.into(),
        Native::Protocol(error) => receiver
            .and_then(|receiver| limit_error(error, receiver, config))
            .unwrap_or_else(|| error.into()),
        Native::Send(error) => error.into(),
        Native::WriteBufferFull(message) => Error::WriteBufferFull(Message::from(*message).into()),
        #[cfg(feature = "handshake")]
        Native::Handshake(error) => tungstenite::internals::handshake_error(error),
        #[cfg(feature = "handshake")]
        Native::Accept(error) => tungstenite::internals::accept_error(error),
        #[cfg(feature = "handshake")]
        Native::Http(refused) => {
            match tungstenite::internals::to_response(&refused.response, Some(refused.body)) {
                Ok(response) => Error::Http(response.into()),
                Err(error) => error,
            }
        }
        error => io::Error::new(io::ErrorKind::InvalidInput, error).into(),
    }
}
