//! The WebSocket as applications see it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use fullduplex::{
    Chunk, CloseFrame, Endpoint, Message, MessageKind, MessageRef, Negotiated, PreparedMessage,
    Role, SendError,
};
use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::config::WebSocketConfig;
use crate::engine::Engine;
use crate::engine::writing::Closing;
use crate::entropy::OsEntropy;
use crate::error::{Error, Result};
use crate::guard::Guard;
use crate::sending::Sending;
use crate::sending::write_state::WriteState;
use crate::watch::Watch;

/// A WebSocket over a stream `S`.
///
/// It is a [`Stream`] of messages and a [`Sink`] for them; [`recv`](Self::recv), [`feed`](Self::feed),
/// [`send`](Self::send) and [`flush`](Self::flush) are the same without `futures-util`.
///
/// **Receiving** returns messages and control frames; Pings and Closes are answered by themselves. It ends
/// (`None`) after the closing handshake, or after an error. It is cancel-safe: a future that is dropped before
/// it is ready has taken nothing.
///
/// **Sending**: `feed` buffers, `send` flushes, and a receiver that is about to wait flushes first: a loop of
/// `recv` and `feed` needs one write for all the messages that one read brought. While
/// [`max_write_buffer_size`](WebSocketConfig#structfield.max_write_buffer_size) bytes or more wait to be written, `feed`
/// waits. While fewer do, it takes a message, however long the message is. A `feed` that is dropped before it is ready has
/// taken nothing. A `send` may have taken the message; the next call that writes then writes the whole message. To know
/// whether it was taken, use `feed`, then `flush`.
///
/// **Reading goes on while a write is blocked**, because a peer that also writes may not read until we do. What arrives
/// meanwhile stays in the receive buffer for the next `recv`. The buffer may grow to
/// [`read_ahead_size`](WebSocketConfig#structfield.read_ahead_size), 64 KiB by default. Two peers that both write
/// before they read wait for each other when each writes more than this size plus what the transport holds. To avoid
/// that, receive in another task, with [`into_split`](Self::into_split).
///
/// **Deadlines** (handshake, close, keepalive, idle) are kept while something waits: a `recv`, `send`, `flush` or
/// `close`. They need a tokio runtime with its time driver: `#[tokio::main]` has it, a
/// [`Builder`](tokio::runtime::Builder) after `enable_all` or `enable_time`. In a runtime without one, tokio panics
/// ("timers are disabled") where a deadline is first waited for, and offers no way to ask before: in the opening
/// handshake unless its timeout is `None`, in `close`, and in `recv` with a keepalive or an idle timeout. Outside of a
/// tokio runtime nothing panics, and a deadline that has passed is noticed when the task is polled for another reason.
///
/// **Dropping** it writes what is pending and a Close with 1001, as far as the stream takes that at once.
pub struct WebSocketStream<S> {
    guard: Guard<Box<Engine<S>>>,
}

impl<S> fmt::Debug for WebSocketStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketStream")
            .field("receiver", self.receiver())
            .field("sender", self.sender())
            .finish_non_exhaustive()
    }
}

/// Its state.
impl<S> WebSocketStream<S> {
    /// Gives the stream back. What was received and not delivered, and what was not flushed, is lost. No Close is sent.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.into_engine().into_stream()
    }

    pub(crate) fn into_engine(self) -> Box<Engine<S>> {
        self.guard.into_inner()
    }

    /// The stream.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        self.guard.stream()
    }

    /// The stream, mutable. Reading from it or writing to it breaks the connection.
    pub fn get_mut(&mut self) -> &mut S {
        self.guard.stream_mut()
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> WebSocketConfig {
        self.guard.config()
    }

    /// The state of the connection as its receiving direction knows it: whether it closed cleanly, with which code, why it
    /// failed.
    #[must_use]
    pub fn receiver(&self) -> &fullduplex::Receiver {
        self.guard.reader.receiver()
    }

    /// The state of its sending direction: our own Close.
    #[must_use]
    pub fn sender(&self) -> &fullduplex::Sender {
        self.guard.writer().sender()
    }

    /// What was agreed on about permessage-deflate; `None` where it is not in use.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(&self) -> Option<fullduplex::DeflateParams> {
        self.guard.reader.receiver().deflate_with(self.guard.writer().sender())
    }

    /// How many bytes were taken by `feed` and `send` and have not been given to the stream.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.guard.pending()
    }

    /// Whether messages can be sent: neither was a Close sent or received nor has the connection failed.
    #[must_use]
    pub fn can_send(&self) -> bool {
        self.guard.can_send()
    }

    /// Turns compression of the next messages on or off, where permessage-deflate was negotiated. It is on at first.
    #[cfg(feature = "deflate")]
    pub fn set_compression(&mut self, on: bool) {
        self.guard.writer_mut().sender_mut().set_compression(on);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocketStream<S> {
    pub(crate) fn new(engine: Box<Engine<S>>) -> Self {
        Self { guard: Guard::new(engine, |engine| engine.say_goodbye()) }
    }

    pub(crate) fn engine(&mut self) -> &mut Engine<S> {
        &mut self.guard
    }

    /// A WebSocket over a stream on which something else has done the opening handshake, and agreed to no
    /// extension.
    #[must_use]
    pub fn from_raw_socket(stream: S, role: Role, config: WebSocketConfig) -> Self {
        Self::from_negotiated(stream, &[], role, Negotiated::without_extensions(), config)
    }

    /// As [`from_raw_socket`](Self::from_raw_socket), with bytes that were read after the handshake.
    #[must_use]
    pub fn from_partially_read(
        stream: S,
        part: Vec<u8>,
        role: Role,
        config: WebSocketConfig,
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
        config: WebSocketConfig,
    ) -> Self {
        let watch = Watch::begin(role, &config);
        Self::from_handshake(stream, part, role, negotiated, config, watch)
    }

    /// As [`from_negotiated`](Self::from_negotiated), where the opening handshake was seen.
    pub(crate) fn from_handshake(
        stream: S,
        part: &[u8],
        role: Role,
        negotiated: Negotiated,
        config: WebSocketConfig,
        watch: Watch,
    ) -> Self {
        let endpoint = Endpoint::open(role, negotiated, part, &config.endpoint(), OsEntropy);
        let state = WriteState::new(negotiated.is_over_stream());
        let mut engine = Engine::new(stream, &config, endpoint, state, watch);
        engine.watch().opened();
        Self::new(engine)
    }

    /// The next message or control frame; `None` at the end. What is pending is written before it waits.
    ///
    /// Cancel-safe. When the peer's [`Message::Close`] is returned, our Close is queued or sent. After an error, go on
    /// until `None`, so that the peer has the time to read our Close.
    ///
    /// # Errors
    /// [`Error::Protocol`] when the connection fails: if the peer broke the protocol or a limit, it was told with a Close.
    /// [`Error::Io`] when the transport failed.
    // Not `async`: such futures are larger, and a task has space for its largest future as long as it lives.
    pub fn recv(&mut self) -> impl Future<Output = Option<Result<Message>>> {
        poll_fn(move |cx| self.guard.poll_message(cx))
    }

    /// As [`recv`](Self::recv), but lends the message from where it lies, until the next call: no reference is
    /// counted, and the memory is free to be read into again.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub async fn recv_ref(&mut self) -> Option<Result<MessageRef<'_>>> {
        match poll_fn(|cx| self.guard.poll_found(cx)).await? {
            Ok(()) => self.guard.message(),
            Err(error) => Some(Err(error)),
        }
    }

    /// Lends each message and control frame to `f`, with a way to reply to it while it is lent, until the end. This is
    /// for an echo, a router or a game server: what is received is not copied, and no reference to it is counted. What
    /// `f` sends is written before the next wait.
    ///
    /// ```
    /// # use fullduplex_tokio::{MessageRef, Result, WebSocketStream};
    /// # async fn go(mut socket: WebSocketStream<tokio::net::TcpStream>) -> Result<()> {
    /// socket
    ///     .recv_each(|message, reply| match message {
    ///         MessageRef::Text(_) | MessageRef::Binary(_) => reply.send(message),
    ///         _ => Ok(()), // Pings and Closes are answered already
    ///     })
    ///     .await
    /// # }
    /// ```
    ///
    /// Cancel-safe: each message was lent to `f` or comes later.
    ///
    /// # Errors
    /// As [`recv`](Self::recv); what `f` returns, after which it can be called again.
    pub fn recv_each(
        &mut self,
        mut f: impl FnMut(MessageRef<'_>, &mut Reply<'_>) -> Result<()>,
    ) -> impl Future<Output = Result<()>> {
        poll_fn(move |cx| {
            self.guard.poll_each(
                cx,
                // Inlined, so that parts of the message that `f` does not use need not be computed.
                #[inline(always)]
                |message, reply| f(message, &mut Reply(reply)),
            )
        })
    }

    /// The next piece of a message, as it arrives, or a control frame; `None` at the end. So a message of any size
    /// is received without ever being held whole. Cancel-safe, as [`recv`](Self::recv). A call of `recv` in the middle of a
    /// message gives up the rest of the message.
    ///
    /// [`max_message_size`](WebSocketConfig#structfield.max_message_size) counts for such messages, too.
    ///
    /// ```
    /// # use fullduplex_tokio::{Chunk, Result, WebSocketStream};
    /// # async fn go(mut socket: WebSocketStream<tokio::net::TcpStream>, mut file: tokio::io::Sink) -> Result<()> {
    /// use tokio::io::AsyncWriteExt;
    ///
    /// while let Some(chunk) = socket.recv_chunk().await {
    ///     if let Chunk::Binary(payload, part) = chunk? {
    ///         file.write_all(&payload).await?;
    ///         if part.is_last() {
    ///             break;
    ///         }
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_chunk(&mut self) -> impl Future<Output = Option<Result<Chunk>>> {
        poll_fn(move |cx| self.guard.poll_chunk(cx))
    }

    /// Takes a message into the write buffer, once there is room; it is written by
    /// [`flush`](Self::flush), or before [`recv`](Self::recv) waits.
    ///
    /// A [`Message::Close`] begins the closing handshake. Dropped before it is ready, it has taken nothing.
    ///
    /// # Errors
    /// [`Error::Send`] when the message must not be sent: nothing of it is then.
    /// [`Error::AlreadyClosed`] and [`Error::ConnectionClosed`] when the connection is over; [`Error::Io`].
    pub fn feed(&mut self, message: Message) -> impl Future<Output = Result<()>> {
        let mut message = Some(message);
        poll_fn(move |cx| self.guard.poll_feed(&mut message, cx))
    }

    /// Sends a message: [`feed`](Self::feed), then [`flush`](Self::flush).
    ///
    /// Dropped before it is ready, it may have taken the message, which the next call that writes then writes.
    ///
    /// # Errors
    /// As the two. When `flush` fails, the message was taken and must not be sent again.
    pub fn send(&mut self, message: Message) -> impl Future<Output = Result<()>> {
        let mut message = Some(message);
        poll_fn(move |cx| {
            ready!(self.guard.poll_feed(&mut message, cx))?;
            self.guard.poll_flush(cx)
        })
    }

    /// Writes everything that is pending, and flushes the stream. Cancel-safe. On a connection that is over, it is `Ok` if
    /// everything was written.
    ///
    /// # Errors
    /// [`Error::Io`]: nothing can be sent any more, but what the peer has sent can still be received.
    /// What a [`recv`](Self::recv) would return when the connection fails meanwhile: it will do so, too.
    pub fn flush(&mut self) -> impl Future<Output = Result<()>> {
        poll_fn(move |cx| self.guard.poll_flush(cx))
    }

    /// As [`feed`](Self::feed), a message that was encoded once for many connections. A server's is
    /// not encoded again, and a large one is not copied either. It is not compressed.
    ///
    /// # Errors
    /// As [`feed`](Self::feed).
    pub fn feed_prepared(&mut self, message: &PreparedMessage) -> impl Future<Output = Result<()>> {
        poll_fn(move |cx| self.guard.poll_prepared(message, cx))
    }

    /// As [`feed`](Self::feed), the next fragment of a message (RFC 6455 §5.4): the first call begins the
    /// message, `last` ends it. Text may be cut anywhere, but must be UTF-8 when joined.
    ///
    /// # Errors
    /// As [`feed`](Self::feed); [`Error::Send`] for text that is not UTF-8, too.
    pub fn feed_fragment(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        last: bool,
    ) -> impl Future<Output = Result<()>> {
        poll_fn(move |cx| self.guard.poll_fragment(kind, payload, last, cx))
    }

    /// Begins the closing handshake without waiting: queues a Close with `frame`, or code 1000, behind what is pending,
    /// however much that is. [`recv`](Self::recv) writes it, and returns the messages that the peer still sends, until
    /// `None`. The [close timeout](WebSocketConfig::close_timeout) begins. On a connection that is closing or over, it
    /// does nothing.
    ///
    /// # Errors
    /// [`Error::Send`] for a code or reason that must not be sent.
    pub fn begin_close(&mut self, frame: Option<CloseFrame>) -> Result<()> {
        self.guard.begin_close(&mut Some(frame))
    }

    /// Closes the connection: sends a Close with `frame`, or code 1000, and waits for the peer's Close. On a connection
    /// that is closing or was closed, it waits for the end. On one that has failed, it returns the failure again.
    ///
    /// Messages that the peer sends before its Close stay for [`recv`](Self::recv), as long as they have room in the receive
    /// buffer ([`read_ahead_size`](WebSocketConfig#structfield.read_ahead_size)). When the peer sends more,
    /// all of them are given up: otherwise the peer could make us use more memory, or hide its Close behind
    /// them. To receive whatever comes, call [`begin_close`](Self::begin_close) and go on with `recv` until `None`.
    ///
    /// Cancel-safe: the Close is sent once.
    ///
    /// # Errors
    /// [`Error::Protocol`] when the peer's Close has not come within the [close timeout](WebSocketConfig::close_timeout),
    /// or when the connection fails or has failed; [`Error::Send`] for a code or reason that must not be sent; else as
    /// [`flush`](Self::flush).
    pub fn close(&mut self, frame: Option<CloseFrame>) -> impl Future<Output = Result<()>> {
        let mut closing = Closing::new(frame);
        poll_fn(move |cx| self.guard.poll_close(&mut closing, cx))
    }
}

/// Replies to a message while it is lent: see [`WebSocketStream::recv_each`].
pub struct Reply<'a>(&'a mut Sending);

impl fmt::Debug for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reply").field(&self.0.writer).finish()
    }
}

impl Reply<'_> {
    /// Takes a message into the write buffer, copied.
    ///
    /// # Errors
    /// As [`WebSocketStream::feed`]; [`Error::WriteBufferFull`] when earlier replies fill the buffer.
    #[inline]
    pub fn send(&mut self, message: MessageRef<'_>) -> Result<()> {
        self.0.send(message).map_err(
            #[cold]
            |error| match error {
                SendError::WriteBufferFull => {
                    Error::WriteBufferFull(Box::new(message.to_message()))
                }
                error => error.into(),
            },
        )
    }

    /// Takes an owned message into the write buffer, large ones without a copy.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_message(&mut self, mut message: Message) -> Result<()> {
        match self.0.send_message(&mut message) {
            Err(SendError::WriteBufferFull) => Err(Error::WriteBufferFull(Box::new(message))),
            other => Ok(other?),
        }
    }

    /// Takes a message that was encoded once for many connections.
    ///
    /// # Errors
    /// As [`WebSocketStream::feed_prepared`]; [`Error::Send`] when earlier replies fill the buffer.
    pub fn send_prepared(&mut self, message: &PreparedMessage) -> Result<()> {
        Ok(self.0.send_prepared(message)?)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for WebSocketStream<S> {
    type Item = Result<Message>;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().guard.poll_message(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FusedStream for WebSocketStream<S> {
    fn is_terminated(&self) -> bool {
        self.guard.is_terminated()
    }
}

/// `start_send` takes the message, `poll_flush` writes it, `poll_close` sends a Close with 1000. The receiver sees when
/// the peer has closed as well.
impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for WebSocketStream<S> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let engine = &mut self.get_mut().guard;
        ready!(engine.poll_ready(cx))?;
        // Another task may receive, and so queue an answer, before the message comes.
        engine.writer_mut().reserve();
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, item: Message) -> Result<()> {
        self.get_mut().guard.start_send(item)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.get_mut().guard.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.get_mut().guard.poll_begin_close(&mut Some(None), cx)
    }
}
