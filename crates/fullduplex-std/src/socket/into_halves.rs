//! Streams that one thread can read from while another thread writes.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::stream::MaybeTlsStream;

/// A socket that one thread can read from while another one writes to it: what
/// [`WebSocket::into_split`](crate::WebSocket::into_split) needs.
///
/// The methods do the same as the methods of [`TcpStream`]. A read or write whose timeout has expired fails with
/// [`WouldBlock`](io::ErrorKind::WouldBlock) or [`TimedOut`](io::ErrorKind::TimedOut), or returns how much was written. A
/// timeout may be changed through either handle, while the other one waits in the other direction.
///
/// TLS is missing here: both directions use the same session, so a thread that waits for input would keep the other thread
/// from writing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from by one thread while another one writes to it",
    note = "`TcpStream`, `UnixStream` and a plain `MaybeTlsStream` can; over TLS, use the whole `WebSocket`"
)]
pub trait IntoHalves: Read + Write + Sized + 'static {
    /// Another handle to the same socket.
    ///
    /// # Errors
    /// [`Unsupported`](io::ErrorKind::Unsupported) for a stream that cannot be split, such as a [`MaybeTlsStream`] with TLS;
    /// else as [`TcpStream::try_clone`].
    fn try_clone(&self) -> io::Result<Self>;

    /// Bounds each read from now on; `None` is for ever.
    ///
    /// # Errors
    /// As [`TcpStream::set_read_timeout`].
    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()>;

    /// Bounds each write from now on; `None` is for ever.
    ///
    /// # Errors
    /// As [`TcpStream::set_write_timeout`].
    fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()>;

    /// Ends a direction, or both, for all handles.
    ///
    /// # Errors
    /// As [`TcpStream::shutdown`].
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
}

macro_rules! by_socket {
    ($kind:ty) => {
        impl IntoHalves for $kind {
            fn try_clone(&self) -> io::Result<Self> {
                Self::try_clone(self)
            }

            fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                Self::set_read_timeout(self, timeout)
            }

            fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                Self::set_write_timeout(self, timeout)
            }

            fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                Self::shutdown(self, how)
            }
        }
    };
}

by_socket!(TcpStream);
#[cfg(unix)]
by_socket!(std::os::unix::net::UnixStream);

impl IntoHalves for MaybeTlsStream {
    fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Plain(socket) => socket.try_clone().map(Self::Plain),
            #[cfg(feature = "tls")]
            Self::Rustls(_) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "a TLS session is one thing for both directions",
            )),
        }
    }

    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.get_ref().set_read_timeout(timeout)
    }

    fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.get_ref().set_write_timeout(timeout)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.get_ref().shutdown(how)
    }
}
