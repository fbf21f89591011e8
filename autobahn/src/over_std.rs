//! The echo endpoint over std, the WebSocket in two halves.

use fullduplex_std::{Error, IntoHalves, WebSocket};

/// Sends back with one half what the other half receives, until the end. One thread does both in turn, instead of two: the
/// suite expects the echo of what came before a fault, and two threads might find the fault first and end the connection.
///
/// # Errors
/// When the connection fails.
pub fn echo_by_halves<S: IntoHalves>(socket: WebSocket<S>) -> Result<(), Error> {
    let (mut sender, mut receiver) = socket.into_split()?;
    loop {
        match receiver.read() {
            Ok(message) if message.is_text() || message.is_binary() => sender.feed(message)?,
            Ok(_) => {}
            Err(Error::ConnectionClosed) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}
