//! The errors of fullduplex among tungstenite's.

use std::io;

use fullduplex::{FrameError, MessageError};
use fullduplex_tokio as native;
use tungstenite::error::{CapacityError, Error};
use tungstenite::protocol::{Message, WebSocketConfig};

/// `config` has the limits that may have been exceeded.
pub(crate) fn to_tungstenite(error: native::Error, config: &WebSocketConfig) -> Error {
    use fullduplex::Error as Core;
    use native::Error as Native;
    let too_long = |max_size: Option<usize>| {
        let max_size = max_size.unwrap_or(usize::MAX);
        CapacityError::MessageTooLong { size: max_size.saturating_add(1), max_size }.into()
    };
    match error {
        Native::ConnectionClosed => Error::ConnectionClosed,
        Native::AlreadyClosed => Error::AlreadyClosed,
        Native::Io(error) => error.into(),
        Native::Protocol(Core::Frame(FrameError::TooLarge)) => too_long(config.max_frame_size),
        Native::Protocol(Core::Message(MessageError::TooLarge)) => {
            too_long(config.max_message_size)
        }
        Native::Protocol(error) => error.into(),
        Native::Send(error) => error.into(),
        Native::WriteBufferFull(message) => {
            Error::WriteBufferFull(Message::from(*message).into())
        }
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
