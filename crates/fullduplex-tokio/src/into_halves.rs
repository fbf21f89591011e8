//! Streams that can be split into their two directions, so that two tasks can use them.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, Join, ReadBuf, ReadHalf, WriteHalf, split};

use crate::stream::MaybeTlsStream;

/// A stream that can be split into its two directions, as
/// [`WebSocketStream::into_split`](crate::WebSocketStream::into_split) needs it.
///
/// TCP and Unix sockets are split without a lock. Both directions of a TLS stream use the same session, so it is split
/// with a lock, which each read or write holds while it runs. For a stream of your own, use [`tokio::io::split`]:
///
/// ```
/// use fullduplex_tokio::IntoHalves;
/// use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf, split};
/// # use std::{io, pin::Pin, task::{Context, Poll}};
/// # struct Mine;
/// # impl AsyncRead for Mine {
/// #     fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut tokio::io::ReadBuf<'_>)
/// #         -> Poll<io::Result<()>> { Poll::Ready(Ok(())) }
/// # }
/// # impl AsyncWrite for Mine {
/// #     fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
/// #         Poll::Ready(Ok(0)) }
/// #     fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> { Poll::Ready(Ok(())) }
/// #     fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> { Poll::Ready(Ok(())) }
/// # }
///
/// impl IntoHalves for Mine {
///     type ReadHalf = ReadHalf<Self>;
///     type WriteHalf = WriteHalf<Self>;
///
///     fn into_halves(self) -> (Self::ReadHalf, Self::WriteHalf) {
///         split(self)
///     }
///
///     fn from_halves(read: Self::ReadHalf, write: Self::WriteHalf) -> Option<Self> {
///         read.is_pair_of(&write).then(|| read.unsplit(write))
///     }
/// }
/// ```
///
/// For a stream type of another crate, split the stream before it becomes a WebSocket, and join its halves with
/// [`tokio::io::join`]: the result implements this trait.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be split into two directions",
    note = "implement `IntoHalves` for it with `tokio::io::split`, join the halves of `tokio::io::split` with `tokio::io::join`, or use `StreamExt::split` of futures-util"
)]
pub trait IntoHalves: Sized {
    /// The half to read from.
    type ReadHalf: AsyncRead + Unpin;
    /// The half to write to.
    type WriteHalf: AsyncWrite + Unpin;

    /// Splits the stream.
    fn into_halves(self) -> (Self::ReadHalf, Self::WriteHalf);

    /// Joins the halves again. Returns `None` if they are not the halves of one stream. It must return `Some` for the two
    /// halves that one call of [`into_halves`](Self::into_halves) has returned.
    fn from_halves(read: Self::ReadHalf, write: Self::WriteHalf) -> Option<Self>;
}

/// For streams that have methods for it.
#[cfg(feature = "connect")]
macro_rules! natural {
    ($stream:ty, $read:ty, $write:ty) => {
        impl IntoHalves for $stream {
            type ReadHalf = $read;
            type WriteHalf = $write;

            fn into_halves(self) -> (Self::ReadHalf, Self::WriteHalf) {
                self.into_split()
            }

            fn from_halves(read: Self::ReadHalf, write: Self::WriteHalf) -> Option<Self> {
                read.reunite(write).ok()
            }
        }
    };
}

#[cfg(feature = "connect")]
natural!(tokio::net::TcpStream, tokio::net::tcp::OwnedReadHalf, tokio::net::tcp::OwnedWriteHalf);
#[cfg(all(feature = "connect", unix))]
natural!(tokio::net::UnixStream, tokio::net::unix::OwnedReadHalf, tokio::net::unix::OwnedWriteHalf);

/// For streams that need a lock.
macro_rules! by_lock {
    ([$($bounds:tt)*] $stream:ty) => {
        impl<$($bounds)*> IntoHalves for $stream {
            type ReadHalf = ReadHalf<Self>;
            type WriteHalf = WriteHalf<Self>;

            fn into_halves(self) -> (Self::ReadHalf, Self::WriteHalf) {
                split(self)
            }

            fn from_halves(read: Self::ReadHalf, write: Self::WriteHalf) -> Option<Self> {
                read.is_pair_of(&write).then(|| read.unsplit(write))
            }
        }
    };
}

by_lock!([] DuplexStream);
#[cfg(feature = "hyper")]
by_lock!([] crate::stream::UpgradedStream);
#[cfg(feature = "native-tls")]
by_lock!([S: AsyncRead + AsyncWrite + Unpin] tokio_native_tls::TlsStream<S>);
#[cfg(feature = "tls")]
by_lock!([S: AsyncRead + AsyncWrite + Unpin] tokio_rustls::TlsStream<S>);
#[cfg(feature = "tls")]
by_lock!([S: AsyncRead + AsyncWrite + Unpin] tokio_rustls::client::TlsStream<S>);
#[cfg(feature = "tls")]
by_lock!([S: AsyncRead + AsyncWrite + Unpin] tokio_rustls::server::TlsStream<S>);

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> IntoHalves for Join<R, W> {
    type ReadHalf = R;
    type WriteHalf = W;

    fn into_halves(self) -> (R, W) {
        self.into_inner()
    }

    fn from_halves(read: R, write: W) -> Option<Self> {
        Some(tokio::io::join(read, write))
    }
}

/// The half of a [`MaybeTlsStream`] to read from.
#[derive(Debug)]
pub struct MaybeTlsReadHalf<S: IntoHalves>(Direction<S::ReadHalf, ReadHalf<MaybeTlsStream<S>>>);

/// The half of a [`MaybeTlsStream`] to write to.
#[derive(Debug)]
pub struct MaybeTlsWriteHalf<S: IntoHalves>(Direction<S::WriteHalf, WriteHalf<MaybeTlsStream<S>>>);

impl<S: IntoHalves> MaybeTlsReadHalf<S> {
    /// The half of the underlying stream, or `None` with TLS, because the TLS session owns that stream.
    pub fn plain(&self) -> Option<&S::ReadHalf> {
        match &self.0 {
            Direction::Plain(stream) => Some(stream),
            Direction::Tls(_) => None,
        }
    }
}

/// Without TLS, a half of the underlying stream. With TLS, a half of the whole, which has a lock.
#[derive(Debug)]
enum Direction<P, T> {
    Plain(P),
    #[cfg_attr(not(any(feature = "tls", feature = "native-tls")), expect(dead_code))]
    Tls(T),
}

impl<S: IntoHalves + AsyncRead + AsyncWrite + Unpin> IntoHalves for MaybeTlsStream<S> {
    type ReadHalf = MaybeTlsReadHalf<S>;
    type WriteHalf = MaybeTlsWriteHalf<S>;

    fn into_halves(self) -> (Self::ReadHalf, Self::WriteHalf) {
        match self {
            Self::Plain(stream) => {
                let (read, write) = stream.into_halves();
                let read = MaybeTlsReadHalf(Direction::Plain(read));
                (read, MaybeTlsWriteHalf(Direction::Plain(write)))
            }
            #[cfg(any(feature = "tls", feature = "native-tls"))]
            tls => {
                let (read, write) = split(tls);
                let read = MaybeTlsReadHalf(Direction::Tls(read));
                (read, MaybeTlsWriteHalf(Direction::Tls(write)))
            }
        }
    }

    fn from_halves(read: Self::ReadHalf, write: Self::WriteHalf) -> Option<Self> {
        match (read.0, write.0) {
            (Direction::Plain(read), Direction::Plain(write)) => {
                S::from_halves(read, write).map(Self::Plain)
            }
            (Direction::Tls(read), Direction::Tls(write)) => {
                read.is_pair_of(&write).then(|| read.unsplit(write))
            }
            _ => None,
        }
    }
}

/// Runs the same expression for each variant.
macro_rules! each {
    ($self:ident, $stream:ident => $action:expr) => {
        match &mut $self.get_mut().0 {
            Direction::Plain(stream) => {
                let $stream = Pin::new(stream);
                $action
            }
            Direction::Tls(stream) => {
                let $stream = Pin::new(stream);
                $action
            }
        }
    };
}

impl<S: IntoHalves + AsyncRead + AsyncWrite + Unpin> AsyncRead for MaybeTlsReadHalf<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_read(cx, buf))
    }
}

impl<S: IntoHalves + AsyncRead + AsyncWrite + Unpin> AsyncWrite for MaybeTlsWriteHalf<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Direction::Plain(stream) => stream.is_write_vectored(),
            Direction::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_shutdown(cx))
    }
}
