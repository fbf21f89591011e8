//! The WebSocket.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use fullduplex::{MessageKind, Negotiated};
use fullduplex_tokio as native;
use futures_util::future::FutureExt;
use futures_util::sink::{Sink, SinkExt};
use futures_util::stream::{FusedStream, Stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tungstenite::error::{Error, ProtocolError};
use tungstenite::internals::{Outgoing, fragment_kind};
use tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};

use crate::error::to_tungstenite;

/// A WebSocket over a stream `S`: a [`Stream`] of messages, and a [`Sink`] for them.
///
/// Receiving is cancel-safe. A [`send`](SinkExt::send) that is dropped has sent its whole message or nothing of it. Pings
/// and Closes are answered while something waits to receive. A message passed to [`feed`](SinkExt::feed) is also written
/// when the receiver is about to wait.
pub struct WebSocketStream<S> {
    inner: native::WebSocketStream<S>,
    config: Option<Box<WebSocketConfig>>,
    /// The kind of the message whose fragments are being sent.
    fragments_of: Option<MessageKind>,
    /// Whether the sink is being closed and its Close has been queued.
    is_closing: bool,
}

impl<S> fmt::Debug for WebSocketStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// The configuration for fullduplex. Without a limit of its own, the write buffer has the limit of fullduplex, at which
/// sending waits.
pub(crate) fn to_native(config: &WebSocketConfig) -> native::WebSocketConfig {
    let mut native = native::WebSocketConfig::from(config.to_core());
    native.write_buffer_size = config.write_buffer_size;
    native.max_write_buffer_size = match config.max_write_buffer_size {
        usize::MAX => native.max_write_buffer_size.max(config.write_buffer_size),
        bytes => bytes,
    };
    native
}

impl<S> WebSocketStream<S> {
    pub(crate) fn new(inner: native::WebSocketStream<S>, config: Option<WebSocketConfig>) -> Self {
        // Web frameworks pass the default with each connection. It need not be stored.
        let config = config.filter(|config| *config != WebSocketConfig::default());
        Self { inner, config: config.map(Box::new), fragments_of: None, is_closing: false }
    }

    /// A WebSocket over a stream whose opening handshake is complete.
    pub async fn from_raw_socket(stream: S, role: Role, config: Option<WebSocketConfig>) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        Self::from_partially_read(stream, Vec::new(), role, config).await
    }

    /// As [`from_raw_socket`](Self::from_raw_socket), with bytes that were read after the handshake.
    pub async fn from_partially_read(
        stream: S,
        part: Vec<u8>,
        role: Role,
        config: Option<WebSocketConfig>,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let settings = to_native(&config.unwrap_or_default());
        let negotiated = Negotiated::without_extensions();
        let inner = native::WebSocketStream::from_negotiated(
            stream,
            &part,
            role.into(),
            negotiated,
            settings,
        );
        Self::new(inner, config)
    }

    /// The stream. What was received but not delivered is lost, and so is what was not flushed.
    pub fn into_inner(self) -> S {
        self.inner.into_inner()
    }

    /// The stream.
    pub fn get_ref(&self) -> &S
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.inner.get_ref()
    }

    /// The stream, mutably. Reading from it or writing to it breaks the connection.
    pub fn get_mut(&mut self) -> &mut S
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.inner.get_mut()
    }

    /// The configuration.
    pub fn get_config(&self) -> &WebSocketConfig {
        self.config.as_deref().unwrap_or_else(|| WebSocketConfig::default_ref())
    }

    /// Sends a Close. Continue to receive until `None`.
    ///
    /// # Errors
    /// [`Error::Protocol`] for a code or a reason that must not be sent, and when a Close was sent or received before;
    /// [`Error::ConnectionClosed`] and [`Error::AlreadyClosed`] after the end; [`Error::Io`].
    pub async fn close(&mut self, msg: Option<CloseFrame>) -> Result<(), Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.send(Message::Close(msg)).await
    }

    /// The WebSocket of fullduplex, for features that tokio-tungstenite does not have: two halves, lent messages, messages
    /// in pieces.
    pub fn into_native(self) -> native::WebSocketStream<S> {
        self.inner
    }

    fn error(&self, error: native::Error) -> Error {
        to_tungstenite(error, Some(self.inner.receiver()), self.get_config())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocketStream<S> {
    /// Returns `None` when there is no space for it, which only happens if [`Sink::poll_ready`] was not called first.
    ///
    /// # Errors
    /// As [`Sink::start_send`].
    fn start_fragment(
        &mut self,
        kind: Option<MessageKind>,
        payload: &[u8],
        is_last: bool,
    ) -> Result<Option<()>, Error> {
        let kind = fragment_kind(self.fragments_of, kind)?;
        let fed = self.inner.feed_fragment(kind, payload, is_last).now_or_never();
        let fed = fed.transpose().map_err(|error| self.error(error))?;
        if fed.is_some() {
            self.fragments_of = if is_last { None } else { Some(kind) };
        }
        Ok(fed)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for WebSocketStream<S> {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(match ready!(Pin::new(&mut self.inner).poll_next(cx)) {
            Some(Ok(message)) => Some(Ok(message.into())),
            Some(Err(error)) => Some(Err(self.error(error))),
            None => None,
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FusedStream for WebSocketStream<S> {
    fn is_terminated(&self) -> bool {
        self.inner.is_terminated()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for WebSocketStream<S> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let ready = ready!(Pin::new(&mut self.inner).poll_ready(cx));
        Poll::Ready(ready.map_err(|error| self.error(error)))
    }

    fn start_send(mut self: Pin<&mut Self>, item: Message) -> Result<(), Error> {
        match Outgoing::new(item)? {
            Outgoing::Message(message) => {
                Pin::new(&mut self.inner).start_send(message).map_err(|error| self.error(error))
            }
            Outgoing::Fragment(kind, payload, is_last) => {
                self.start_fragment(kind, &payload, is_last)?.ok_or_else(|| {
                    let message = Message::from(Outgoing::Fragment(kind, payload, is_last));
                    Error::WriteBufferFull(message.into())
                })
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let flushed = ready!(Pin::new(&mut self.inner).poll_flush(cx));
        Poll::Ready(match flushed.map_err(|error| self.error(error)) {
            // Everything was written before the end.
            Err(Error::ConnectionClosed) if self.inner.pending_bytes() == 0 => Ok(()),
            other => other,
        })
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if !self.is_closing {
            // The queue may have no space for the Close yet.
            let ready = ready!(self.as_mut().poll_ready(cx));
            match ready.and_then(|()| self.as_mut().start_send(Message::Close(None))) {
                // A Close was sent or received already; the queue still has to be written.
                Ok(()) | Err(Error::Protocol(ProtocolError::SendAfterClosing)) => {}
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => return Poll::Ready(Ok(())),
                Err(error) => return Poll::Ready(Err(error)),
            }
            self.is_closing = true;
        }
        self.poll_flush(cx)
    }
}
