//! The echo endpoint over std, the WebSocket in two halves.

use fullduplex_std::{Error, IntoHalves, WebSocket};

/// Has one half send back what the other one receives, until the end. In turn, and not in two threads: what came before a
/// fault is to be sent back before the fault is found.
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
