//! A WebSocket in two halves, for two threads: one receives, one sends.

#[cfg(all(test, fullduplex_loom))]
mod model;
mod receiving;
mod shared;

use std::sync::Arc;
use std::{fmt, io};

use fullduplex::{
    Chunk, CloseCode, CloseFrame, EndpointConfig, Message, MessageKind, PreparedMessage, SendError,
    Sender, Writer,
};

use crate::entropy::OsEntropy;
use crate::error::{Error, Result};
use crate::guard::Guard;
use crate::halves::receiving::ReceivingSide;
use crate::halves::shared::{SendingSide, Shared};
use crate::socket::into_halves::IntoHalves;
use crate::websocket::WebSocket;

/// The half of a WebSocket that receives; made by [`WebSocket::into_split`].
///
/// It answers Pings and the peer's Close by itself, whether or not the [sender](WebSocketSender) is in use, keeps the
/// deadlines, and before it waits it writes what the sender was fed, as far as the stream takes that at once. It never waits
/// for the sender: while the sender is blocked in a write, the sender writes the answers.
///
/// A thread that waits in [`read`](Self::read) looks for signals of the sender once a second. So a close timeout that a
/// Close of the sender starts, and that is below a second, may expire up to a second late.
///
/// If the receiver is dropped, the sender can go on, but Pings are not answered, the peer's Close is not seen, and no
/// deadline is kept. When both halves have been dropped, a Close is written as when a [`WebSocket`] is dropped.
pub struct WebSocketReceiver<S> {
    side: Box<Guard<ReceivingSide<S>>>,
}

/// The half of a WebSocket that sends; made by [`WebSocket::into_split`].
///
/// It needs a [receiver](WebSocketReceiver) in use beside it, because only the receiver sees deadlines, the peer's Close and
/// the end of the connection. While a write is blocked, what the peer sends waits for the receiver: one thread that uses
/// both halves in turn can wait for ever for a peer that does the same. Use two threads.
pub struct WebSocketSender<S> {
    shared: Arc<Shared<S>>,
}

/// Two halves that are not of one WebSocket.
pub struct ReuniteError<S> {
    /// The half that sends.
    pub sender: WebSocketSender<S>,
    /// The half that receives.
    pub receiver: WebSocketReceiver<S>,
}

impl<S> fmt::Debug for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReuniteError").finish_non_exhaustive()
    }
}

impl<S> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the two halves are not of one WebSocket")
    }
}

impl<S> std::error::Error for ReuniteError<S> {}

impl<S> fmt::Debug for WebSocketReceiver<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketReceiver")
            .field("receiver", self.side.receiver())
            .finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for WebSocketSender<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketSender").finish_non_exhaustive()
    }
}

/// In two halves.
impl<S: IntoHalves> WebSocket<S> {
    /// Splits the WebSocket into a half that receives and a half that sends, for two threads.
    /// [`WebSocketReceiver::reunite`] puts them together.
    ///
    /// Neither half ever waits for the other one while the other one is blocked in the stream: messages are received and
    /// sent at the same time. An example is in the documentation of the [crate](crate#two-threads).
    ///
    /// # Errors
    /// [`Unsupported`](io::ErrorKind::Unsupported) for a stream with TLS; when the system grants no second handle to the
    /// socket. The WebSocket is dropped then.
    pub fn into_split(self) -> io::Result<(WebSocketSender<S>, WebSocketReceiver<S>)> {
        let side = Box::new(receiving::split(self.into_engine())?);
        Ok((WebSocketSender { shared: Arc::clone(&side.link.shared) }, WebSocketReceiver { side }))
    }
}

impl<S: IntoHalves> WebSocketReceiver<S> {
    /// The next message or control frame; waits for it. See [`WebSocket::read`].
    ///
    /// # Errors
    /// As there.
    pub fn read(&mut self) -> Result<Message> {
        self.side.read()
    }

    /// The next piece of a message, as it arrives, or a control frame. See [`WebSocket::read_chunk`].
    ///
    /// # Errors
    /// As there.
    pub fn read_chunk(&mut self) -> Result<Chunk> {
        self.side.read_chunk()
    }

    /// Whether messages can be read: the peer's Close has not come, and the connection has not failed.
    #[must_use]
    pub fn can_read(&self) -> bool {
        self.side.can_read()
    }

    /// The state of the connection as its receiving direction knows it: whether it closed cleanly, with which code, why it
    /// failed.
    #[must_use]
    pub fn receiver(&self) -> &fullduplex::Receiver {
        self.side.receiver()
    }

    /// The handle to the stream that the receiver reads from.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        &self.side.link.reading.stream
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> EndpointConfig {
        *self.side.config
    }

    /// Frees memory that the receive buffer does not need for what it holds: see [`WebSocket::release`].
    pub fn release(&mut self) {
        self.side.reader.release();
    }

    /// Whether `sender` is the other half of this WebSocket.
    #[must_use]
    pub fn is_pair_of(&self, sender: &WebSocketSender<S>) -> bool {
        Arc::ptr_eq(&self.side.link.shared, &sender.shared)
    }

    /// Puts the two halves together again. Nothing is lost: neither what was received nor what was fed.
    ///
    /// # Errors
    /// [`ReuniteError`], with both, when they are not of one WebSocket.
    pub fn reunite(self, sender: WebSocketSender<S>) -> Result<WebSocket<S>, ReuniteError<S>> {
        if !self.is_pair_of(&sender) {
            return Err(ReuniteError { sender, receiver: self });
        }
        drop(sender);
        match receiving::join(self.side.into_inner()) {
            Some(engine) => Ok(WebSocket::from_engine(engine)),
            None => unreachable!("these are the only two halves"),
        }
    }
}

impl<S: IntoHalves> WebSocketSender<S> {
    /// Sends a message: [`feed`](Self::feed), then [`flush`](Self::flush).
    ///
    /// # Errors
    /// As the two. When `flush` fails, the message is on its way nevertheless and must not be sent again.
    pub fn send(&mut self, message: Message) -> Result<()> {
        self.feed(message)?;
        self.flush()
    }

    /// Puts a message into the write buffer; written by [`flush`](Self::flush), or by the receiver the next time that it is
    /// about to wait.
    ///
    /// A [`Message::Close`] begins the closing handshake.
    ///
    /// # Errors
    /// [`Error::Send`] when it must not be sent; nothing of it is then. [`Error::WriteBufferFull`] when the
    /// buffer is full and the stream would block; [`Error::AlreadyClosed`] when the connection is over or has failed, for
    /// which the receiver returns the reason; else as [`flush`](Self::flush).
    pub fn feed(&mut self, mut message: Message) -> Result<()> {
        let send = |writer: &mut Writer<OsEntropy>| writer.send_message(&mut message);
        match self.shared.with(|side| side.send_with_room(send)) {
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
        self.shared.with(|side| side.send_with_room(|writer| writer.send_prepared(message)))
    }

    /// Puts the next fragment of a message into the write buffer: the first call begins the message, `last`
    /// ends it. Text may be cut anywhere, but must be UTF-8 when joined.
    ///
    /// # Errors
    /// [`Error::Send`] when it must not be sent or the buffer is full; nothing of it is sent then. Else as
    /// [`feed`](Self::feed).
    pub fn feed_fragment(&mut self, kind: MessageKind, payload: &[u8], last: bool) -> Result<()> {
        let send = |writer: &mut Writer<OsEntropy>| writer.send_fragment(kind, payload, last);
        self.shared.with(|side| side.send_with_room(send))
    }

    /// Writes everything that is pending, and flushes the stream.
    ///
    /// # Errors
    /// [`Error::Io`]: after [`WouldBlock`](io::ErrorKind::WouldBlock) what was not written stays pending;
    /// after any other nothing can be sent any more. [`Error::AlreadyClosed`] when the connection is over, or has failed
    /// before all was written; the receiver returns the reason.
    pub fn flush(&mut self) -> Result<()> {
        self.shared.with(SendingSide::write_out)
    }

    /// Begins the closing handshake with `frame`, or code 1000, and writes it. When the connection is closing already, it
    /// only flushes. When the connection is over or has failed, it does nothing.
    ///
    /// The receiver goes on until the peer's Close has come, or the close timeout has expired.
    ///
    /// # Errors
    /// [`Error::Send`] for a code or reason that must not be sent; [`Error::Io`] as [`flush`](Self::flush).
    pub fn close(&mut self, frame: Option<CloseFrame>) -> Result<()> {
        let frame = frame.unwrap_or_else(|| CloseFrame::new(CloseCode::Normal));
        let closed = match self.feed(Message::Close(Some(frame))) {
            Ok(()) | Err(Error::Send(SendError::Closed)) => self.flush(),
            other => other,
        };
        match closed {
            Err(Error::AlreadyClosed) => Ok(()),
            other => other,
        }
    }

    /// How many bytes were taken by `feed` and `send` and have not been given to the stream.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.shared.with(|side| side.sending.writer.pending())
    }

    /// Whether messages can be sent: neither was a Close sent or received nor has the connection failed.
    #[must_use]
    pub fn can_send(&self) -> bool {
        self.shared
            .with(|side| side.check_open().is_ok() && side.sending.writer.sender().may_send())
    }

    /// Lends the state of the connection's sending direction: our own Close.
    pub fn with_sender<T>(&self, f: impl FnOnce(&Sender) -> T) -> T {
        self.shared.with(|side| f(side.sending.writer.sender()))
    }

    /// Turns compression of the next messages on or off, where permessage-deflate was negotiated. It is on at first.
    #[cfg(feature = "deflate")]
    pub fn set_compression(&mut self, on: bool) {
        self.shared.with(|side| side.sending.writer.sender_mut().set_compression(on));
    }

    /// Frees memory that the write buffer does not need for what it holds: see [`WebSocket::release`].
    pub fn release(&mut self) {
        self.shared.with(|side| side.sending.writer.release());
    }
}
