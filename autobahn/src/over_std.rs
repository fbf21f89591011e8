//! The echo endpoint over std, the WebSocket in two halves.

use fullduplex_std::{Error, IntoHalves, WebSocket};

/// Has one half send back what the other one receives, until the end. It does so in turn, and not in two threads: the
/// suite expects the echo of what came before a fault, and a fault that is found first ends the connection.
///
/// # Errors
/// When the connection does not end well.
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
