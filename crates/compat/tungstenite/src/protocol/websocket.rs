//! The WebSocket with its stream.

use std::io::{Read, Write};

use super::{CloseFrame, Message, Role, WebSocketConfig, WebSocketContext};
use crate::error::Result;

/// A WebSocket over a stream `Stream`, which may be blocking or non-blocking. See [`WebSocketContext`] for each method.
#[derive(Debug)]
pub struct WebSocket<Stream> {
    stream: Stream,
    context: WebSocketContext,
}

impl<Stream> WebSocket<Stream> {
    /// A WebSocket over a stream whose opening handshake is complete.
    ///
    /// # Panics
    /// As [`WebSocketContext::new`].
    pub fn from_raw_socket(stream: Stream, role: Role, config: Option<WebSocketConfig>) -> Self {
        Self { stream, context: WebSocketContext::new(role, config) }
    }

    /// As [`from_raw_socket`](Self::from_raw_socket), with bytes that were read after the handshake.
    ///
    /// # Panics
    /// As [`WebSocketContext::new`].
    pub fn from_partially_read(
        stream: Stream,
        part: Vec<u8>,
        role: Role,
        config: Option<WebSocketConfig>,
    ) -> Self {
        Self { stream, context: WebSocketContext::from_partially_read(part, role, config) }
    }

    #[cfg(feature = "handshake")]
    pub(crate) fn from_context(stream: Stream, context: WebSocketContext) -> Self {
        Self { stream, context }
    }

    /// The stream. What was received but not read is lost, and so is what was not written.
    pub fn into_inner(self) -> Stream {
        self.stream
    }

    /// The stream.
    pub fn get_ref(&self) -> &Stream {
        &self.stream
    }

    /// The stream, mutably.
    pub fn get_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// Changes the configuration: see [`WebSocketContext::set_config`].
    ///
    /// # Panics
    /// As [`WebSocketContext::new`].
    pub fn set_config(&mut self, set_func: impl FnOnce(&mut WebSocketConfig)) {
        self.context.set_config(set_func);
    }

    /// The configuration.
    pub fn get_config(&self) -> &WebSocketConfig {
        self.context.get_config()
    }

    /// Whether messages can be read: the peer's Close has not come.
    pub fn can_read(&self) -> bool {
        self.context.can_read()
    }

    /// Whether messages can be written: no Close was sent or received.
    pub fn can_write(&self) -> bool {
        self.context.can_write()
    }
}

impl<Stream: Read + Write> WebSocket<Stream> {
    /// The next message or control frame: see [`WebSocketContext::read`].
    ///
    /// # Errors
    /// As there.
    pub fn read(&mut self) -> Result<Message> {
        self.context.read(&mut self.stream)
    }

    /// [`write`](Self::write), then [`flush`](Self::flush).
    ///
    /// # Errors
    /// The errors of both.
    pub fn send(&mut self, message: Message) -> Result<()> {
        self.write(message)?;
        self.flush()
    }

    /// Queues a message: see [`WebSocketContext::write`].
    ///
    /// # Errors
    /// As there.
    pub fn write(&mut self, message: Message) -> Result<()> {
        self.context.write(&mut self.stream, message)
    }

    /// Writes the queue, and flushes the stream: see [`WebSocketContext::flush`].
    ///
    /// # Errors
    /// As there.
    pub fn flush(&mut self) -> Result<()> {
        self.context.flush(&mut self.stream)
    }

    /// Starts the closing handshake: see [`WebSocketContext::close`].
    ///
    /// # Errors
    /// As there.
    pub fn close(&mut self, code: Option<CloseFrame>) -> Result<()> {
        self.context.close(&mut self.stream, code)
    }

    /// [`read`](Self::read).
    ///
    /// # Errors
    /// As there.
    #[deprecated(note = "use `read`")]
    pub fn read_message(&mut self) -> Result<Message> {
        self.read()
    }

    /// [`send`](Self::send).
    ///
    /// # Errors
    /// As there.
    #[deprecated(note = "use `send`")]
    pub fn write_message(&mut self, message: Message) -> Result<()> {
        self.send(message)
    }

    /// [`flush`](Self::flush).
    ///
    /// # Errors
    /// As there.
    #[deprecated(note = "use `flush`")]
    pub fn write_pending(&mut self) -> Result<()> {
        self.flush()
    }
}
