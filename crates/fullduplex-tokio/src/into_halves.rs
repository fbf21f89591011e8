//! Streams whose two directions two tasks can use.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, Join, ReadBuf, ReadHalf, WriteHalf, split};

use crate::stream::MaybeTlsStream;

/// A stream whose directions can be used by two tasks: what
/// [`WebSocketStream::into_split`](crate::WebSocketStream::into_split) needs.
///
/// TCP and Unix sockets come apart without a lock. A TLS session is one thing for both directions, and has a lock
/// that is held as long as one read or write takes. For a stream of your own, wrap what
/// [`tokio::io::split`] makes of it:
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
///     type Reading = ReadHalf<Self>;
///     type Writing = WriteHalf<Self>;
///
///     fn into_halves(self) -> (Self::Reading, Self::Writing) {
///         split(self)
///     }
///
///     fn from_halves(reading: Self::Reading, writing: Self::Writing) -> Option<Self> {
///         reading.is_pair_of(&writing).then(|| reading.unsplit(writing))
///     }
/// }
/// ```
///
/// A stream of somebody else's is split before it becomes a WebSocket: what [`tokio::io::join`] makes of the two
/// parts can be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be split into two directions",
    note = "implement `IntoHalves` for it with `tokio::io::split`, `tokio::io::join` what that makes of it, or use `StreamExt::split` of futures-util"
)]
pub trait IntoHalves: Sized {
    /// What is read from.
    type Reading: AsyncRead + Unpin;
    /// What is written to.
    type Writing: AsyncWrite + Unpin;

    /// Takes the stream apart.
    fn into_halves(self) -> (Self::Reading, Self::Writing);

    /// Puts it together again; `None` when these are not the two directions of one stream.
    fn from_halves(reading: Self::Reading, writing: Self::Writing) -> Option<Self>;
}

/// For streams that know how to do it themselves.
#[cfg(feature = "connect")]
macro_rules! natural {
    ($stream:ty, $reading:ty, $writing:ty) => {
        impl IntoHalves for $stream {
            type Reading = $reading;
            type Writing = $writing;

            fn into_halves(self) -> (Self::Reading, Self::Writing) {
                self.into_split()
            }

            fn from_halves(reading: Self::Reading, writing: Self::Writing) -> Option<Self> {
                reading.reunite(writing).ok()
            }
        }
    };
}

#[cfg(feature = "connect")]
natural!(tokio::net::TcpStream, tokio::net::tcp::OwnedReadHalf, tokio::net::tcp::OwnedWriteHalf);
#[cfg(all(feature = "connect", unix))]
natural!(tokio::net::UnixStream, tokio::net::unix::OwnedReadHalf, tokio::net::unix::OwnedWriteHalf);

/// For streams that are one thing for both directions.
macro_rules! by_lock {
    ([$($bounds:tt)*] $stream:ty) => {
        impl<$($bounds)*> IntoHalves for $stream {
            type Reading = ReadHalf<Self>;
            type Writing = WriteHalf<Self>;

            fn into_halves(self) -> (Self::Reading, Self::Writing) {
                split(self)
            }

            fn from_halves(reading: Self::Reading, writing: Self::Writing) -> Option<Self> {
                reading.is_pair_of(&writing).then(|| reading.unsplit(writing))
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
    type Reading = R;
    type Writing = W;

    fn into_halves(self) -> (R, W) {
        self.into_inner()
    }

    fn from_halves(reading: R, writing: W) -> Option<Self> {
        Some(tokio::io::join(reading, writing))
    }
}

/// The direction of a [`MaybeTlsStream`] that is read from.
#[derive(Debug)]
pub struct MaybeTlsReading<S: IntoHalves>(Direction<S::Reading, ReadHalf<MaybeTlsStream<S>>>);

/// The direction of a [`MaybeTlsStream`] that is written to.
#[derive(Debug)]
pub struct MaybeTlsWriting<S: IntoHalves>(Direction<S::Writing, WriteHalf<MaybeTlsStream<S>>>);

impl<S: IntoHalves> MaybeTlsReading<S> {
    /// The direction of the stream beneath; `None` with TLS, whose session has it.
    pub fn plain(&self) -> Option<&S::Reading> {
        match &self.0 {
            Direction::Plain(stream) => Some(stream),
            Direction::Tls(_) => None,
        }
    }
}

/// Without TLS a stream comes apart as its kind does.
#[derive(Debug)]
enum Direction<P, T> {
    Plain(P),
    #[cfg_attr(not(any(feature = "tls", feature = "native-tls")), expect(dead_code))]
    Tls(T),
}

impl<S: IntoHalves + AsyncRead + AsyncWrite + Unpin> IntoHalves for MaybeTlsStream<S> {
    type Reading = MaybeTlsReading<S>;
    type Writing = MaybeTlsWriting<S>;

    fn into_halves(self) -> (Self::Reading, Self::Writing) {
        match self {
            Self::Plain(stream) => {
                let (reading, writing) = stream.into_halves();
                let reading = MaybeTlsReading(Direction::Plain(reading));
                (reading, MaybeTlsWriting(Direction::Plain(writing)))
            }
            #[cfg(any(feature = "tls", feature = "native-tls"))]
            tls => {
                let (reading, writing) = split(tls);
                let reading = MaybeTlsReading(Direction::Tls(reading));
                (reading, MaybeTlsWriting(Direction::Tls(writing)))
            }
        }
    }

    fn from_halves(reading: Self::Reading, writing: Self::Writing) -> Option<Self> {
        match (reading.0, writing.0) {
            (Direction::Plain(reading), Direction::Plain(writing)) => {
                S::from_halves(reading, writing).map(Self::Plain)
            }
            (Direction::Tls(reading), Direction::Tls(writing)) => {
                reading.is_pair_of(&writing).then(|| reading.unsplit(writing))
            }
            _ => None,
        }
    }
}

/// Does the same to whichever direction it is.
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

impl<S: IntoHalves + AsyncRead + AsyncWrite + Unpin> AsyncRead for MaybeTlsReading<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_read(cx, buf))
    }
}

impl<S: IntoHalves + AsyncRead + AsyncWrite + Unpin> AsyncWrite for MaybeTlsWriting<S> {
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
