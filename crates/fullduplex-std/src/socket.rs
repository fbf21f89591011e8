//! What a socket can do beyond reading and writing: give up waiting, and end one direction.

use std::any::Any;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// The operations of a known kind of socket. A stream of another kind has none: its deadlines are looked
/// at whenever it returns.
pub(crate) struct Socket<S> {
    /// Bounds the wait of each read and write; `None` is for ever.
    pub(crate) set_timeout: fn(&S, Option<Duration>) -> io::Result<()>,
    /// Ends a direction of the transport, after whatever its own layers have to say.
    pub(crate) shutdown: fn(&mut S, Shutdown) -> io::Result<()>,
}

impl<S> Clone for Socket<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Socket<S> {}

impl<S: 'static> Socket<S> {
    /// Recognises the streams whose sockets are known: TCP, Unix, and this crate's TLS over TCP.
    pub(crate) fn of(stream: &S) -> Option<Self> {
        let stream: &dyn Any = stream;
        macro_rules! known {
            ($kind:ty) => {
                if stream.is::<$kind>() {
                    return Some(Self {
                        set_timeout: |stream, timeout| match (stream as &dyn Any)
                            .downcast_ref::<$kind>()
                        {
                            Some(socket) => socket.bound(timeout),
                            None => Ok(()),
                        },
                        shutdown: |stream, how| match (stream as &mut dyn Any)
                            .downcast_mut::<$kind>()
                        {
                            Some(socket) => socket.end(how),
                            None => Ok(()),
                        },
                    });
                }
            };
        }
        known!(TcpStream);
        #[cfg(unix)]
        known!(std::os::unix::net::UnixStream);
        known!(crate::MaybeTlsStream);
        #[cfg(feature = "tls")]
        known!(crate::tls::ServerTlsStream);
        #[cfg(feature = "tls")]
        known!(crate::tls::ClientTlsStream);
        None
    }
}

/// The operations behind [`Socket`], for one kind of stream.
pub(crate) trait Operations {
    fn bound(&self, timeout: Option<Duration>) -> io::Result<()>;
    fn end(&mut self, how: Shutdown) -> io::Result<()>;
}

impl Operations for TcpStream {
    fn bound(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout(timeout)?;
        self.set_write_timeout(timeout)
    }

    fn end(&mut self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }
}

#[cfg(unix)]
impl Operations for std::os::unix::net::UnixStream {
    fn bound(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout(timeout)?;
        self.set_write_timeout(timeout)
    }

    fn end(&mut self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }
}

impl Operations for crate::MaybeTlsStream {
    fn bound(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.bound(timeout),
            #[cfg(feature = "tls")]
            Self::Rustls(stream) => stream.sock.bound(timeout),
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
