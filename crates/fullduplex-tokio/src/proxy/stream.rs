//! A stream through a proxy, or without one.

use std::io::{self, Cursor, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::into_halves::{IntoHalves, MaybeTlsReadHalf, MaybeTlsWriteHalf};
use crate::stream::MaybeTlsStream;

/// A stream that [`ProxyDial`](crate::ProxyDial) has opened: through a proxy, to which there may be TLS, or without one.
#[derive(Debug)]
pub struct ProxyStream<S> {
    stream: MaybeTlsStream<S>,
    /// What came with the proxy's answer: the server's first bytes.
    ahead: Cursor<Bytes>,
}

impl<S> ProxyStream<S> {
    pub(super) fn direct(stream: S) -> Self {
        Self::new(MaybeTlsStream::Plain(stream), Bytes::new())
    }

    pub(super) fn new(stream: MaybeTlsStream<S>, ahead: Bytes) -> Self {
        Self { stream, ahead: Cursor::new(ahead) }
    }

    /// The stream to the proxy, or to the server if there is no proxy.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        self.stream.get_ref()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for ProxyStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, ahead } = self.get_mut();
        poll_read_behind(ahead, stream, cx, buf)
    }
}

/// Reads what came ahead, and from the stream once that is gone.
fn poll_read_behind<R: AsyncRead + Unpin>(
    ahead: &mut Cursor<Bytes>,
    stream: &mut R,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let len = ahead.get_ref().len() as u64;
    if ahead.position() == len {
        return Pin::new(stream).poll_read(cx, buf);
    }
    let read = Pin::new(&mut *ahead).poll_read(cx, buf);
    if ahead.position() == len {
        // Its memory is not needed any more.
        *ahead = Cursor::default();
    }
    read
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ProxyStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// The half of a [`ProxyStream`] that is read from.
#[derive(Debug)]
pub struct ProxyReadHalf<R> {
    stream: R,
    ahead: Cursor<Bytes>,
}

impl<R: AsyncRead + Unpin> AsyncRead for ProxyReadHalf<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, ahead } = self.get_mut();
        poll_read_behind(ahead, stream, cx, buf)
    }
}

impl<S: IntoHalves + AsyncRead + AsyncWrite + Unpin> IntoHalves for ProxyStream<S> {
    type ReadHalf = ProxyReadHalf<MaybeTlsReadHalf<S>>;
    type WriteHalf = MaybeTlsWriteHalf<S>;

    fn into_halves(self) -> (Self::ReadHalf, Self::WriteHalf) {
        let (stream, write) = self.stream.into_halves();
        (ProxyReadHalf { stream, ahead: self.ahead }, write)
    }

    fn from_halves(read: Self::ReadHalf, write: Self::WriteHalf) -> Option<Self> {
        let ProxyReadHalf { stream, ahead } = read;
        Some(Self { stream: MaybeTlsStream::from_halves(stream, write)?, ahead })
    }
}
