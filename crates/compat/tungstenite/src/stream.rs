//! Streams with TLS and without.

use std::fmt::{self, Debug};
use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
#[cfg(feature = "__rustls-tls")]
use std::ops::Deref;

/// Whether to use TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `ws`.
    Plain,
    /// `wss`.
    Tls,
}

/// A stream that can send small writes without delay.
pub trait NoDelay {
    /// Sets `TCP_NODELAY`.
    ///
    /// # Errors
    /// As the stream.
    fn set_nodelay(&mut self, nodelay: bool) -> io::Result<()>;
}

impl NoDelay for TcpStream {
    fn set_nodelay(&mut self, nodelay: bool) -> io::Result<()> {
        Self::set_nodelay(self, nodelay)
    }
}

#[cfg(feature = "native-tls")]
impl<S: Read + Write + NoDelay> NoDelay for native_tls::TlsStream<S> {
    fn set_nodelay(&mut self, nodelay: bool) -> io::Result<()> {
        self.get_mut().set_nodelay(nodelay)
    }
}

#[cfg(feature = "__rustls-tls")]
impl<S, SD, T> NoDelay for rustls::StreamOwned<S, T>
where
    S: Deref<Target = rustls::ConnectionCommon<SD>>,
    SD: rustls::SideData,
    T: Read + Write + NoDelay,
{
    fn set_nodelay(&mut self, nodelay: bool) -> io::Result<()> {
        self.sock.set_nodelay(nodelay)
    }
}

/// A stream with TLS or without.
#[allow(clippy::large_enum_variant, reason = "tungstenite's variants")]
#[non_exhaustive]
pub enum MaybeTlsStream<S: Read + Write> {
    /// Without TLS: `ws`.
    Plain(S),
    /// With the platform's TLS: `wss`.
    #[cfg(feature = "native-tls")]
    NativeTls(native_tls::TlsStream<S>),
    /// With rustls: `wss`.
    #[cfg(feature = "__rustls-tls")]
    Rustls(rustls::StreamOwned<rustls::ClientConnection, S>),
}

impl<S: Read + Write + Debug> Debug for MaybeTlsStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(stream) => f.debug_tuple("MaybeTlsStream::Plain").field(stream).finish(),
            #[cfg(feature = "native-tls")]
            Self::NativeTls(stream) => {
                f.debug_tuple("MaybeTlsStream::NativeTls").field(stream).finish()
            }
            #[cfg(feature = "__rustls-tls")]
            Self::Rustls(stream) => f
                .debug_tuple("MaybeTlsStream::Rustls")
                .field(&stream.conn)
                .field(&stream.sock)
                .finish(),
        }
    }
}

/// Runs the same expression for each variant.
macro_rules! each {
    ($self:ident, $stream:ident => $action:expr) => {
        match $self {
            Self::Plain($stream) => $action,
            #[cfg(feature = "native-tls")]
            Self::NativeTls($stream) => $action,
            #[cfg(feature = "__rustls-tls")]
            Self::Rustls($stream) => $action,
        }
    };
}

impl<S: Read + Write> Read for MaybeTlsStream<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        each!(self, stream => stream.read(buf))
    }
}

impl<S: Read + Write> Write for MaybeTlsStream<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        each!(self, stream => stream.write(buf))
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        each!(self, stream => stream.write_vectored(bufs))
    }

    fn flush(&mut self) -> io::Result<()> {
        each!(self, stream => stream.flush())
    }
}

impl<S: Read + Write + NoDelay> NoDelay for MaybeTlsStream<S> {
    fn set_nodelay(&mut self, nodelay: bool) -> io::Result<()> {
        each!(self, stream => stream.set_nodelay(nodelay))
    }
}
