//! A WebSocket in two halves, for two tasks: one receives, one sends.

#[cfg(all(test, fullduplex_loom))]
pub(crate) mod model;
mod receiving;
mod shared;

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use fullduplex::{Chunk, CloseFrame, Message, MessageKind, MessageRef, PreparedMessage, SendError};
use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use tokio::io::AsyncWrite;

use crate::error::{Error, Result};
use crate::guard::Guard;
use crate::halves::receiving::ReceivingSide;
use crate::halves::shared::Shared;
use crate::into_halves::IntoHalves;
use crate::sending::Sending;
use crate::waiters::Side;
use crate::websocket::WebSocketStream;

/// The half of a WebSocket that receives; made by
/// [`WebSocketStream::into_split`](crate::WebSocketStream::into_split).
///
/// It answers Pings and the peer's Close by itself, whether or not the [sender](WebSocketSender) is in use, keeps
/// the deadlines, and before it waits it writes what the sender was fed. Receiving and sending go on at the same time. The
/// halves share the transport's sending direction, and each locks it for no longer than it takes to encode, or to write
/// what the transport takes at once. A half that finds it locked goes on without it and is woken later. The receiver waits
/// for the lock only at the peer's Close, a failure, the end of input and its drop, which writes what the transport takes of
/// the pending output at once.
///
/// When both halves have been dropped, a Close with 1001 is sent to the peer.
pub struct WebSocketReceiver<S: IntoHalves> {
    side: Guard<Box<ReceivingSide<S>>>,
}

/// The half of a WebSocket that sends; made by
/// [`WebSocketStream::into_split`](crate::WebSocketStream::into_split).
///
/// It needs a [receiver](WebSocketReceiver) in use beside it, because only the receiver sees deadlines, the peer's Close and
/// the end of the connection. While a write is blocked, what the peer sends waits for the receiver: one task that
/// awaits `send` on this half and `recv` on the other in turn can wait for ever for a peer that does the same. Use two
/// tasks. (A [`WebSocketStream`] reads on while it writes, up to
/// [`read_ahead_size`](crate::WebSocketConfig#structfield.read_ahead_size).)
pub struct WebSocketSender<S: IntoHalves> {
    shared: Arc<Shared<S::WriteHalf>>,
}

/// Two halves that are not of one WebSocket.
pub struct ReuniteError<S: IntoHalves> {
    /// The half that sends.
    pub sender: WebSocketSender<S>,
    /// The half that receives.
    pub receiver: WebSocketReceiver<S>,
}

impl<S: IntoHalves> fmt::Debug for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReuniteError").finish_non_exhaustive()
    }
}

impl<S: IntoHalves> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the two halves are not of one WebSocket")
    }
}

impl<S: IntoHalves> std::error::Error for ReuniteError<S> {}

impl<S: IntoHalves> fmt::Debug for WebSocketReceiver<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketReceiver")
            .field("receiver", self.receiver())
            .finish_non_exhaustive()
    }
}

impl<S: IntoHalves> fmt::Debug for WebSocketSender<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketSender").finish_non_exhaustive()
    }
}

/// In two halves.
impl<S: IntoHalves> WebSocketStream<S> {
    /// Splits the WebSocket into a half that receives and a half that sends, for two tasks.
    /// [`WebSocketReceiver::reunite`] puts them together.
    ///
    /// Neither holds a lock while it waits: over TCP, messages are received and sent at the same time, on two
    /// threads if there are two.
    ///
    /// ```
    /// # use fullduplex_tokio::{WebSocketStream, Role, Result};
    /// # async fn go(socket: WebSocketStream<tokio::net::TcpStream>) -> Result<()> {
    /// let (mut sender, mut receiver) = socket.into_split();
    /// let telling = tokio::spawn(async move {
    ///     for second in 0..10 {
    ///         sender.send(format!("{second} s").into()).await?;
    ///         tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    ///     }
    ///     sender.close(None).await?;
    ///     Ok::<_, fullduplex_tokio::Error>(sender)
    /// });
    /// // Answers Pings while the other task sleeps.
    /// while let Some(message) = receiver.recv().await {
    ///     println!("{}", message?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn into_split(self) -> (WebSocketSender<S>, WebSocketReceiver<S>) {
        let receiving = receiving::split(*self.into_engine());
        let sender = WebSocketSender { shared: Arc::clone(&receiving.link.shared) };
        (sender, WebSocketReceiver { side: Guard::new(receiving, receiving::on_drop) })
    }
}

impl<S: IntoHalves> WebSocketReceiver<S> {
    /// The next message or control frame; `None` at the end. As
    /// [`WebSocketStream::recv`](crate::WebSocketStream::recv), cancel-safe.
    ///
    /// # Errors
    /// As there.
    pub fn recv(&mut self) -> impl Future<Output = Option<Result<Message>>> {
        poll_fn(move |cx| self.side.poll_message(cx))
    }

    /// As [`recv`](Self::recv), but lends the message from where it lies, until the next call:
    /// [`WebSocketSender::feed_ref`] takes it.
    ///
    /// # Errors
    /// As [`recv`](Self::recv). After an error, receive again, or drop this half, before the other half closes: text that
    /// is not UTF-8 is found when it is lent, and the sender learns of it, and sends the Close with 1007, when this half is
    /// used next.
    pub async fn recv_ref(&mut self) -> Option<Result<MessageRef<'_>>> {
        match poll_fn(|cx| self.side.poll_found(cx)).await? {
            Ok(()) => self.side.message(),
            Err(error) => Some(Err(error)),
        }
    }

    /// The next piece of a message, as it arrives, or a control frame; `None` at the end. As
    /// [`WebSocketStream::recv_chunk`](crate::WebSocketStream::recv_chunk), cancel-safe.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_chunk(&mut self) -> impl Future<Output = Option<Result<Chunk>>> {
        poll_fn(move |cx| self.side.poll_chunk(cx))
    }

    /// The receiving half of the connection: the peer's Close, why it failed, whether it is closed.
    #[must_use]
    pub fn receiver(&self) -> &fullduplex::Receiver {
        self.side.reader.receiver()
    }

    /// The half of the stream that the receiver reads from.
    #[must_use]
    pub fn get_ref(&self) -> &S::ReadHalf {
        &self.side.link.reading
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
    ///
    /// # Panics
    /// When [`IntoHalves::from_halves`] returns `None` for the two halves of one stream.
    pub fn reunite(self, sender: WebSocketSender<S>) -> Result<WebSocketStream<S>, ReuniteError<S>>
    where
        S: tokio::io::AsyncRead + AsyncWrite + Unpin,
    {
        if !self.is_pair_of(&sender) {
            return Err(ReuniteError { sender, receiver: self });
        }
        drop(sender);
        match receiving::join(*self.side.into_inner()) {
            Ok(engine) => Ok(WebSocketStream::new(engine)),
            Err(receiving::NoPair) => {
                unreachable!("these are the only two halves, and of one stream")
            }
        }
    }
}

impl<S: IntoHalves> Stream for WebSocketReceiver<S> {
    type Item = Result<Message>;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().side.poll_message(cx)
    }
}

impl<S: IntoHalves> FusedStream for WebSocketReceiver<S> {
    fn is_terminated(&self) -> bool {
        self.side.is_terminated()
    }
}

/// Nothing in it is pinned.
impl<S: IntoHalves> Unpin for WebSocketReceiver<S> {}
impl<S: IntoHalves> Unpin for WebSocketSender<S> {}

impl<S: IntoHalves> WebSocketSender<S> {
    /// Takes a message into the write buffer, once there is room. It is written by [`flush`](Self::flush), or
    /// before the receiver waits. Dropped before it is ready, it has taken nothing.
    ///
    /// # Errors
    /// As [`WebSocketStream::feed`](crate::WebSocketStream::feed).
    pub fn feed(&mut self, message: Message) -> impl Future<Output = Result<()>> {
        let mut message = Some(message);
        poll_fn(move |cx| self.poll_feed(&mut message, cx))
    }

    /// As [`feed`](Self::feed), a message that is lent: it is copied into the write buffer.
    ///
    /// # Errors
    /// As [`feed`](Self::feed).
    pub fn feed_ref(&mut self, message: MessageRef<'_>) -> impl Future<Output = Result<()>> {
        poll_fn(move |cx| self.poll_taken(cx, |sending| Ok(sending.send(message)?)))
    }

    /// Sends a message: [`feed`](Self::feed), then [`flush`](Self::flush).
    ///
    /// # Errors
    /// As the two. When `flush` fails, the message was taken and must not be sent again.
    pub fn send(&mut self, message: Message) -> impl Future<Output = Result<()>> {
        let mut message = Some(message);
        poll_fn(move |cx| {
            ready!(self.poll_feed(&mut message, cx))?;
            self.poll_writing(cx, |_| false)
        })
    }

    /// Writes everything that is pending, and flushes the stream. Cancel-safe. On a connection that is over, it is `Ok` if
    /// everything was written.
    ///
    /// # Errors
    /// [`Error::Io`]: nothing can be sent any more. [`Error::AlreadyClosed`] when the connection has failed
    /// meanwhile; the receiver returns the reason.
    pub fn flush(&mut self) -> impl Future<Output = Result<()>> {
        poll_fn(move |cx| self.poll_writing(cx, |_| false))
    }

    /// As [`feed`](Self::feed), a message that was encoded once for many connections.
    ///
    /// # Errors
    /// As [`feed`](Self::feed).
    pub fn feed_prepared(&mut self, message: &PreparedMessage) -> impl Future<Output = Result<()>> {
        poll_fn(move |cx| self.poll_taken(cx, |sending| Ok(sending.send_prepared(message)?)))
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
        poll_fn(move |cx| {
            self.poll_taken(cx, |sending| Ok(sending.send_fragment(kind, payload, last)?))
        })
    }

    /// Begins the closing handshake: sends a Close with `frame`, or code 1000, and flushes. The receiver goes on
    /// until the peer's Close has come, or the [close timeout](crate::WebSocketConfig::close_timeout) has expired, which
    /// begins when the receiver is polled next. On a connection that is closing or over it only flushes.
    ///
    /// # Errors
    /// [`Error::Send`] for a code or reason that must not be sent; else as [`flush`](Self::flush).
    pub fn close(&mut self, frame: Option<CloseFrame>) -> impl Future<Output = Result<()>> {
        let mut frame = Some(frame);
        poll_fn(move |cx| self.poll_close(&mut frame, cx))
    }

    /// How many bytes were taken and have not been given to the stream.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.shared.with(Side::Writer, |side, _| side.sending.writer.pending())
    }

    /// Whether messages can be sent: neither was a Close sent or received nor has the connection failed.
    #[must_use]
    pub fn can_send(&self) -> bool {
        self.shared.with(Side::Writer, |side, _| side.sending.can_send())
    }

    /// Turns compression of the next messages on or off, where permessage-deflate was negotiated. It is on at first.
    #[cfg(feature = "deflate")]
    pub fn set_compression(&mut self, on: bool) {
        self.shared.with(Side::Writer, |side, _| {
            side.sending.writer.sender_mut().set_compression(on);
        });
    }

    fn poll_feed(
        &mut self,
        message: &mut Option<Message>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        if let Some(present) = message {
            let taken = ready!(self.poll_taken(cx, |sending| Ok(sending.send_message(present)?)));
            *message = None;
            taken?;
        }
        Poll::Ready(Ok(()))
    }

    /// Calls `take`, which queues something, once there is space.
    #[inline]
    fn poll_taken(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(&mut Sending) -> Result<()>,
    ) -> Poll<Result<()>> {
        let mut has_tried_to_write = false;
        loop {
            let taken = self.shared.try_with(Side::Writer, |side, _| -> Result<_> {
                let sending = &mut side.sending;
                sending.check_sendable()?;
                let has_room = !sending.has_much_to_write()
                    || (has_tried_to_write && sending.writer.has_space());
                if !has_room {
                    return Ok(None);
                }
                take(sending)?;
                Ok(Some(wakes_receiver(sending)))
            });
            match taken.transpose()?.flatten() {
                Some(false) => return Poll::Ready(Ok(())),
                Some(true) => {
                    self.shared.wake(Side::Reader);
                    return Poll::Ready(Ok(()));
                }
                // The other half has the sending side, or the write buffer is full.
                None => {}
            }
            ready!(self.poll_writing(cx, |sending| sending.writer.has_space()))?;
            has_tried_to_write = true;
        }
    }

    /// Writes until all is written, or until it is blocked and `enough` says that it may wait.
    fn poll_writing(
        &mut self,
        cx: &mut Context<'_>,
        enough: impl Fn(&Sending) -> bool,
    ) -> Poll<Result<()>> {
        self.shared.register(Side::Writer, cx.waker());
        let written = self.shared.try_with(Side::Writer, |side, cx| {
            let written = side.sending.poll_write_enough(&mut side.stream, enough, cx);
            (written, wakes_receiver(&side.sending))
        });
        let Some((written, wakes_receiver)) = written else { return Poll::Pending };
        if wakes_receiver {
            self.shared.wake(Side::Reader);
        }
        written
    }

    fn poll_close(
        &mut self,
        frame: &mut Option<Option<CloseFrame>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        self.shared.register(Side::Writer, cx.waker());
        let begun = self.shared.try_with(Side::Writer, |side, _| match frame.take() {
            Some(frame) if side.sending.can_send() => {
                Some(side.sending.close(frame.as_ref().map(CloseFrame::as_frame_ref)))
            }
            // The connection is closing or over already, or an earlier poll has begun the closing handshake.
            _ => None,
        });
        match begun {
            None => return Poll::Pending,
            Some(None) => {}
            Some(Some(begun)) => {
                // The receiver must wait for the close timeout now.
                self.shared.wake(Side::Reader);
                begun?;
            }
        }
        self.poll_writing(cx, |_| false)
    }
}

/// Whether the receiver must be woken. Once the connection is closing, the receiver keeps a deadline, and ends the stream when
/// all is written, of which the transport need not tell it.
fn wakes_receiver(sending: &Sending) -> bool {
    !sending.writer.sender().may_send()
}

/// `start_send` takes the message, `poll_flush` writes it, `poll_close` does what
/// [`close`](WebSocketSender::close) does. `start_send` cannot be put off: on two threads it may wait until
/// the receiver has finished a write.
impl<S: IntoHalves> Sink<Message> for WebSocketSender<S> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.get_mut().poll_taken(cx, |sending| {
            // The receiver may queue an answer before the message comes.
            sending.writer.reserve();
            Ok(())
        })
    }

    fn start_send(self: Pin<&mut Self>, mut item: Message) -> Result<()> {
        let sent = self.shared.with(Side::Writer, |side, _| -> Result<_> {
            let sending = &mut side.sending;
            sending.check_sendable()?;
            match sending.send_message(&mut item) {
                Err(SendError::WriteBufferFull) => Err(Error::WriteBufferFull(Box::new(item))),
                other => Ok(other.map(|()| wakes_receiver(sending))?),
            }
        });
        if sent? {
            self.shared.wake(Side::Reader);
        }
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.get_mut().poll_writing(cx, |_| false)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.get_mut().poll_close(&mut Some(None), cx)
    }
}
