//! The blocking WebSocket as applications see it.

use std::io::{Read, Write};

use fullduplex::{
    Chunk, CloseCode, CloseFrame, Endpoint, EndpointConfig, Message, MessageKind, Negotiated,
    PreparedMessage, Role, SendError, Timeout, Writer,
};

use crate::engine::{End, Engine};
use crate::entropy::OsEntropy;
use crate::error::{Error, Result};
use crate::guard::Guard;
use crate::sending::broken_pipe;
use crate::transport::Transport;

/// A WebSocket over a blocking stream `S`.
///
/// [`read`](Self::read) returns messages and control frames; Pings and Closes are answered by themselves.
/// [`send`](Self::send) writes at once, [`feed`](Self::feed) waits for a [`flush`](Self::flush), and a
/// `read` that is about to wait flushes first: a loop of `read` and `feed` needs one write for all the
/// messages that one read brought.
///
/// Deadlines (handshake, close, keepalive, idle) are kept exactly over `TcpStream`, `UnixStream` and this crate's TLS
/// streams, however little at a time the peer sends or reads: their read and write timeouts belong to the WebSocket
/// then. With TLS, a byte counts when its whole record has arrived. Over any other stream, deadlines are checked
/// whenever the stream returns; rustls's `StreamOwned` over a bare `TcpStream` returns in time when the peer is silent.
/// Over a non-blocking stream every method may fail with [`WouldBlock`](std::io::ErrorKind::WouldBlock); nothing is lost
/// by it. After a failure, our last frames may then still have to be written: go on reading until
/// [`Error::AlreadyClosed`].
///
/// If a WebSocket is dropped before its end, over the streams whose deadlines are kept, it writes what is pending and a
/// Close with 1001, as far as the stream takes that within a few milliseconds. If the stream takes all of it, the sending
/// direction of the stream is ended, for every handle to it. The peer may see a reset instead if the system drops input
/// that was not read. Over any other stream a write might block for ever, so nothing is written; [`close`](Self::close)
/// the WebSocket before. [`into_inner`](Self::into_inner) writes nothing either.
pub struct WebSocket<S> {
    engine: Guard<Engine<S>>,
}

impl<S> std::fmt::Debug for WebSocket<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebSocket")
            .field("receiver", self.engine.reader.receiver())
            .finish_non_exhaustive()
    }
}

impl<S: Read + Write + 'static> WebSocket<S> {
    pub(crate) fn new(
        transport: Transport<S>,
        endpoint: Endpoint<OsEntropy>,
        config: EndpointConfig,
    ) -> Self {
        Self::from_engine(Engine::new(transport, endpoint, config))
    }

    pub(crate) fn from_engine(engine: Engine<S>) -> Self {
        Self { engine: engine.guarded() }
    }

    pub(crate) fn into_engine(self) -> Guard<Engine<S>> {
        self.engine
    }

    /// A WebSocket over a stream on which something else has done the opening handshake, and agreed to no
    /// extension.
    #[must_use]
    pub fn from_raw_socket(stream: S, role: Role, config: EndpointConfig) -> Self {
        Self::from_negotiated(stream, &[], role, Negotiated::without_extensions(), config)
    }

    /// As [`from_raw_socket`](Self::from_raw_socket), with bytes that were read after the handshake.
    #[must_use]
    pub fn from_partially_read(
        stream: S,
        part: Vec<u8>,
        role: Role,
        config: EndpointConfig,
    ) -> Self {
        Self::from_negotiated(stream, &part, role, Negotiated::without_extensions(), config)
    }

    /// A WebSocket over a stream on which [`fullduplex::handshake`] has done the opening handshake (RFC 6455 §4):
    /// with the extensions that were agreed on, and the bytes that were read behind the peer's head.
    ///
    /// `negotiated` decides whether messages are compressed, whatever `config` says.
    #[must_use]
    pub fn from_negotiated(
        stream: S,
        part: &[u8],
        role: Role,
        negotiated: Negotiated,
        config: EndpointConfig,
    ) -> Self {
        let endpoint = Endpoint::open(role, negotiated, part, &config, OsEntropy);
        Self::new(Transport::new(stream), endpoint, config)
    }

    /// The next message or control frame; waits for it, and writes what is pending first.
    ///
    /// When the peer's [`Message::Close`] is returned, our Close has been sent if the peer reads, and the next call returns
    /// [`Error::ConnectionClosed`]. After [`close`](Self::close), go on reading until then, because the peer may still send
    /// messages before its Close.
    ///
    /// # Errors
    /// [`Error::Protocol`] when the connection fails; where possible, a Close was sent. [`Error::Io`] when the
    /// transport fails. [`Error::ConnectionClosed`] once at a clean end, [`Error::AlreadyClosed`] after any
    /// end.
    pub fn read(&mut self) -> Result<Message> {
        self.engine.read()
    }

    /// The next piece of a message, as it arrives, or a control frame: a message of any size is received without
    /// ever being held whole. A call of [`read`](Self::read) in the middle of a message gives up the rest of the message.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_chunk(&mut self) -> Result<Chunk> {
        self.engine.read_chunk()
    }

    /// Sends a message: [`feed`](Self::feed), then [`flush`](Self::flush).
    ///
    /// # Errors
    /// As the two. When `flush` fails, the message is on its way nevertheless and must not be sent again.
    pub fn send(&mut self, message: Message) -> Result<()> {
        self.feed(message)?;
        self.flush()
    }

    /// Puts a message into the write buffer; written by [`flush`](Self::flush), or before
    /// [`read`](Self::read) waits.
    ///
    /// A [`Message::Close`] begins the closing handshake.
    ///
    /// # Errors
    /// [`Error::Send`] when it must not be sent; nothing of it is then. [`Error::WriteBufferFull`] when the
    /// buffer is full and the stream would block; else as [`flush`](Self::flush).
    pub fn feed(&mut self, mut message: Message) -> Result<()> {
        match self.send_with_room(|writer| writer.send_message(&mut message)) {
            Err(Error::Send(SendError::WriteBufferFull)) => {
                Err(Error::WriteBufferFull(Box::new(message)))
            }
            other => other,
        }
    }

    /// As [`feed`](Self::feed), a message that was encoded once for many connections. A server's is not encoded
    /// again, and a large one is not copied either. It is not compressed.
    ///
    /// # Errors
    /// [`Error::Send`] when it must not be sent or the buffer is full; nothing of it is sent then. Else as
    /// [`feed`](Self::feed).
    pub fn feed_prepared(&mut self, message: &PreparedMessage) -> Result<()> {
        self.send_with_room(|writer| writer.send_prepared(message))
    }

    /// Puts the next fragment of a message into the write buffer: the first call begins the message, `last`
    /// ends it. Text may be cut anywhere, but must be UTF-8 when joined.
    ///
    /// # Errors
    /// [`Error::Send`] when it must not be sent or the buffer is full; nothing of it is sent then.
    pub fn feed_fragment(&mut self, kind: MessageKind, payload: &[u8], last: bool) -> Result<()> {
        self.send_with_room(|writer| writer.send_fragment(kind, payload, last))
    }

    /// Turns compression of the next messages on or off, where permessage-deflate was negotiated. It is on at first.
    #[cfg(feature = "deflate")]
    pub fn set_compression(&mut self, on: bool) {
        self.writer().sender_mut().set_compression(on);
    }

    /// What was agreed on about permessage-deflate; `None` where it is not in use.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(&self) -> Option<fullduplex::DeflateParams> {
        self.receiver().deflate_with(self.sender())
    }

    /// Frees memory that the buffers do not need for what they hold: for a connection that is about to wait for long. The
    /// WebSocket does not do this by itself, because it cannot know in advance whether a wait is long.
    pub fn release(&mut self) {
        self.engine.reader.release();
        self.writer().release();
    }

    /// Writes everything that is pending, and flushes the stream.
    ///
    /// # Errors
    /// [`Error::Io`]: after [`WouldBlock`](std::io::ErrorKind::WouldBlock) what was not written stays pending;
    /// after any other nothing can be sent any more, but what the peer has sent can still be read.
    /// [`Error::Protocol`] when the peer reads too slowly for a deadline; [`Error::AlreadyClosed`] when the connection is
    /// over, or has failed before all was written.
    pub fn flush(&mut self) -> Result<()> {
        if self.engine.end == End::Reported {
            return Err(Error::AlreadyClosed);
        }
        self.check_writable()?;
        self.engine.write_out()?;
        if self.writer().pending() == 0 {
            return Ok(());
        }
        // The connection is over, and the rest is not written. A failure was returned when it happened.
        Err(match self.receiver().failure() {
            Some(_) => Error::AlreadyClosed,
            None => Timeout::Close.into(),
        })
    }

    /// Begins the closing handshake with `frame`, or code 1000, and writes it. When the connection is closing already, it
    /// only flushes. When the connection is over or has failed, it does nothing.
    ///
    /// Go on [reading](Self::read) until [`Error::ConnectionClosed`].
    ///
    /// # Errors
    /// [`Error::Send`] for a code or reason that must not be sent; else as [`flush`](Self::flush).
    pub fn close(&mut self, frame: Option<CloseFrame>) -> Result<()> {
        let frame = frame.unwrap_or_else(|| CloseFrame::new(CloseCode::Normal));
        match self.feed(Message::Close(Some(frame))) {
            Err(Error::AlreadyClosed) => return Ok(()),
            Err(Error::Send(SendError::Closed)) => {}
            other => other?,
        }
        self.flush()
    }

    /// Whether messages can be read: the peer's Close has not come, and the connection has not failed.
    #[must_use]
    pub fn can_read(&self) -> bool {
        self.engine.can_read()
    }

    /// How many bytes were taken by `feed` and `send` and have not been given to the stream.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.engine.link.sending.writer.pending()
    }

    /// Whether messages can be sent: neither was a Close sent or received nor has the connection failed.
    #[must_use]
    pub fn can_send(&self) -> bool {
        self.engine.end == End::No
            && !self.engine.link.transport.unwritable
            && self.sender().may_send()
    }

    /// The stream.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        &self.engine.link.transport.stream
    }

    /// The stream, mutable. Reading from it or writing to it breaks the connection.
    #[must_use]
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.engine.link.transport.stream
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> EndpointConfig {
        *self.engine.config
    }

    /// The state of the connection as its receiving direction knows it: whether it closed cleanly, with which code, why it
    /// failed.
    #[must_use]
    pub fn receiver(&self) -> &fullduplex::Receiver {
        self.engine.receiver()
    }

    /// The state of its sending direction: our own Close.
    #[must_use]
    pub fn sender(&self) -> &fullduplex::Sender {
        self.engine.link.sending.writer.sender()
    }

    /// Returns the stream, and removes the timeouts that the WebSocket has set on it. What was received and not read is
    /// lost, and so is what was not flushed.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.engine.into_inner().link.transport.into_stream()
    }
}

impl<S: Read + Write + 'static> WebSocket<S> {
    fn writer(&mut self) -> &mut Writer<OsEntropy> {
        &mut self.engine.link.sending.writer
    }

    /// Sends, and once more after a write if the buffer was full.
    fn send_with_room(
        &mut self,
        mut send: impl FnMut(&mut Writer<OsEntropy>) -> Result<(), SendError>,
    ) -> Result<()> {
        self.check_open()?;
        match send(self.writer()) {
            Err(SendError::WriteBufferFull) => {}
            other => return Ok(other?),
        }
        match self.flush() {
            // The stream may have taken enough.
            Err(error) if error.would_block() => {}
            other => other?,
        }
        Ok(send(self.writer())?)
    }

    fn check_open(&self) -> Result<()> {
        if self.engine.end == End::No { self.check_writable() } else { Err(Error::AlreadyClosed) }
    }

    fn check_writable(&self) -> Result<()> {
        if self.engine.link.transport.unwritable { Err(broken_pipe()) } else { Ok(()) }
    }
}
