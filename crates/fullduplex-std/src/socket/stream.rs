//! The streams that this crate creates: TCP, with TLS or without.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

#[cfg(feature = "tls")]
use rustls::{ClientConnection, ServerConnection, StreamOwned};

#[cfg(feature = "tls")]
use super::deadline_stream::DeadlineStream;
use super::operations::Operations;

/// A client's TLS stream over TCP. To use your own session: `StreamOwned::new(session, tcp.into())`.
#[cfg(feature = "tls")]
pub type ClientTlsStream = StreamOwned<ClientConnection, DeadlineStream>;

/// A server's TLS stream over TCP.
#[cfg(feature = "tls")]
pub type ServerTlsStream = StreamOwned<ServerConnection, DeadlineStream>;

/// A TCP stream, with TLS or without.
#[derive(Debug)]
#[non_exhaustive]
pub enum MaybeTlsStream {
    /// Without TLS: `ws`.
    Plain(TcpStream),
    /// With TLS: `wss`.
    #[cfg(feature = "tls")]
    Rustls(Box<ClientTlsStream>),
}

impl MaybeTlsStream {
    /// The underlying socket.
    #[must_use]
    pub fn get_ref(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            #[cfg(feature = "tls")]
            Self::Rustls(stream) => stream.sock.get_ref(),
        }
    }
}

impl Read for MaybeTlsStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buf),
            #[cfg(feature = "tls")]
            Self::Rustls(stream) => stream.read(buf),
        }
    }
}

impl Write for MaybeTlsStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(buf),
            #[cfg(feature = "tls")]
            Self::Rustls(stream) => stream.write(buf),
        }
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write_vectored(bufs),
            #[cfg(feature = "tls")]
            Self::Rustls(stream) => {
                // `StreamOwned` does not pass this on.
                let ClientTlsStream { conn, sock } = &mut **stream;
                rustls::Stream::new(conn, sock).write_vectored(bufs)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            #[cfg(feature = "tls")]
            Self::Rustls(stream) => stream.flush(),
        }
    }
}

impl Operations for MaybeTlsStream {
    fn set_limit(&mut self, left: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.set_limit(left),
            #[cfg(feature = "tls")]
            Self::Rustls(stream) => stream.set_limit(left),
        }
    }

    fn limit_is_deadline(&self) -> bool {
        match self {
            Self::Plain(socket) => socket.limit_is_deadline(),
            #[cfg(feature = "tls")]
            Self::Rustls(stream) => stream.limit_is_deadline(),
        }
    }

    fn end(&mut self, how: Shutdown) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.end(how),
            #[cfg(feature = "tls")]
            Self::Rustls(stream) => stream.end(how),
        }
    }
}

#[cfg(feature = "tls")]
macro_rules! tls_operations {
    ($session:ty) => {
        impl<S: Operations + Read + Write> Operations for StreamOwned<$session, S> {
            fn set_limit(&mut self, left: Option<Duration>) -> io::Result<()> {
                self.sock.set_limit(left)
            }

            fn limit_is_deadline(&self) -> bool {
                self.sock.limit_is_deadline()
            }

            fn end(&mut self, how: Shutdown) -> io::Result<()> {
                // Without close_notify, the peer could not distinguish the end from a truncation (RFC 8446 §6.1).
                self.conn.send_close_notify();
                // We do not call `flush`, because it would continue an unfinished TLS handshake.
                let mut notified = Ok(());
                while self.conn.wants_write() && notified.is_ok() {
                    notified = match self.conn.write_tls(&mut self.sock) {
                        Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                        other => other.map(drop),
                    };
                }
                self.sock.end(how)?;
                notified
            }
        }
    };
}

#[cfg(feature = "tls")]
tls_operations!(ClientConnection);
#[cfg(feature = "tls")]
tls_operations!(ServerConnection);
