//! A stream through a proxy, or without one.

use std::io::{self, Cursor, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, Chain, ReadBuf};

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

    fn has_ahead(&self) -> bool {
        self.ahead.position() < self.ahead.get_ref().len() as u64
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for ProxyStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.has_ahead() {
            let read = Pin::new(&mut this.ahead).poll_read(cx, buf);
            if !this.has_ahead() {
                this.ahead = Cursor::default();
            }
            return read;
        }
        Pin::new(&mut this.stream).poll_read(cx, buf)
    }
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

impl<S: IntoHalves + AsyncRead + AsyncWrite + Unpin> IntoHalves for ProxyStream<S> {
    type ReadHalf = Chain<Cursor<Bytes>, MaybeTlsReadHalf<S>>;
    type WriteHalf = MaybeTlsWriteHalf<S>;

    fn into_halves(self) -> (Self::ReadHalf, Self::WriteHalf) {
        let (read, write) = self.stream.into_halves();
        (self.ahead.chain(read), write)
    }

    fn from_halves(read: Self::ReadHalf, write: Self::WriteHalf) -> Option<Self> {
        let (ahead, read) = read.into_inner();
        Some(Self { stream: MaybeTlsStream::from_halves(read, write)?, ahead })
    }
}
