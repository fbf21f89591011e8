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
/// Receiving is cancel-safe; a [`send`](SinkExt::send) that is dropped has sent its message as a whole or not at all. Pings and Closes are answered while something waits to receive. What
/// [`feed`](SinkExt::feed) has taken is written when the receiver is about to wait, as well.
pub struct WebSocketStream<S> {
    inner: native::WebSocketStream<S>,
    config: Option<Box<WebSocketConfig>>,
    /// The kind of the message whose fragments are being sent.
    fragments_of: Option<MessageKind>,
    /// Whether the sink is being closed, and its Close is queued.
    is_closing: bool,
}

impl<S> fmt::Debug for WebSocketStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// As fullduplex takes it. Without a limit, a message waits to be sent once as many bytes wait to be written as
/// fullduplex lets wait.
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
        // A web framework passes the default with each connection.
        let config = config.filter(|config| *config != WebSocketConfig::default());
        Self { inner, config: config.map(Box::new), fragments_of: None, is_closing: false }
    }

    /// A WebSocket over a stream on which something else has done the opening handshake.
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

    /// The stream. What was received and not delivered, and what was not flushed, is lost.
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

    /// The stream, to be changed. Reading from it or writing to it breaks the connection.
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

    /// Sends a Close. Go on receiving until `None`.
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

    /// The WebSocket of fullduplex, for what tokio-tungstenite does not have: two halves, lent messages, messages in
    /// pieces.
    pub fn into_native(self) -> native::WebSocketStream<S> {
        self.inner
    }

    fn error(&self, error: native::Error) -> Error {
        to_tungstenite(error, Some(self.inner.receiver()), self.get_config())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocketStream<S> {
    /// `None` when there is no room for it, which only happens if [`Sink::poll_ready`] was not asked.
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
            // All was written before the end.
            Err(Error::ConnectionClosed) if self.inner.pending_bytes() == 0 => Ok(()),
            other => other,
        })
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if !self.is_closing {
            // Much may be queued before the Close.
            let ready = ready!(self.as_mut().poll_ready(cx));
            match ready.and_then(|()| self.as_mut().start_send(Message::Close(None))) {
                // The peer knows already; what is queued is still written.
                Ok(()) | Err(Error::Protocol(ProtocolError::SendAfterClosing)) => {}
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => return Poll::Ready(Ok(())),
                Err(error) => return Poll::Ready(Err(error)),
            }
            self.is_closing = true;
        }
        self.poll_flush(cx)
    }
}
