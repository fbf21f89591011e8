//! What a socket can do beyond reading and writing: give up waiting, and end one direction.

use std::any::Any;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// How much too early a socket may end a wait: the coarsest clock tick of the systems in use.
const TICK: Duration = Duration::from_millis(20);

/// The shortest wait: sockets refuse a timeout of zero.
pub(crate) const SHORTEST: Duration = Duration::from_millis(1);

/// The operations of a known kind of socket. A stream of another kind has none: its deadlines are looked
/// at whenever it returns.
pub(crate) struct Socket<S> {
    /// Bounds the reads and writes from now on; `None` is for ever.
    pub(crate) bound: fn(&mut S, Option<Duration>) -> io::Result<()>,
    /// Whether all waits together share the bound. Otherwise each wait has the whole bound.
    pub(crate) bounds_the_sum: bool,
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
    /// The shortest bound that still lets a read take bytes that have arrived.
    pub(crate) fn shortest(&self) -> Duration {
        // A shared bound also runs while the thread is not scheduled, so it must be longer.
        if self.bounds_the_sum { TICK } else { SHORTEST }
    }

    /// Recognises the streams whose sockets are known: TCP, Unix, this crate's TLS over TCP. Over a rustls stream that
    /// the caller has put on a bare TCP socket, each wait is bounded, but not their sum: a silent peer is found in
    /// time, but a peer that sends a byte now and then is not.
    pub(crate) fn of(stream: &S) -> Option<Self> {
        let stream: &dyn Any = stream;
        macro_rules! known {
            ($kind:ty) => {
                if let Some(socket) = stream.downcast_ref::<$kind>() {
                    return Some(Self {
                        bound: |stream, left| match (stream as &mut dyn Any).downcast_mut::<$kind>()
                        {
                            Some(socket) => socket.bound(left),
                            None => Ok(()),
                        },
                        bounds_the_sum: socket.bounds_the_sum(),
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
        {
            use rustls::{ClientConnection, ServerConnection, StreamOwned};
            known!(crate::tls::DeadlineStream);
            known!(crate::tls::ServerTlsStream);
            known!(crate::tls::ClientTlsStream);
            known!(StreamOwned<ServerConnection, TcpStream>);
            known!(StreamOwned<ClientConnection, TcpStream>);
        }
        None
    }
}

/// The operations behind [`Socket`], for one kind of stream.
pub(crate) trait Operations {
    fn bound(&mut self, left: Option<Duration>) -> io::Result<()>;
    fn bounds_the_sum(&self) -> bool;
    fn end(&mut self, how: Shutdown) -> io::Result<()>;
}

/// One read or write is one wait.
macro_rules! plain_operations {
    ($socket:ty) => {
        impl Operations for $socket {
            fn bound(&mut self, left: Option<Duration>) -> io::Result<()> {
                self.set_read_timeout(left)?;
                self.set_write_timeout(left)
            }

            fn bounds_the_sum(&self) -> bool {
                false
            }

            fn end(&mut self, how: Shutdown) -> io::Result<()> {
                self.shutdown(how)
            }
        }
    };
}

plain_operations!(TcpStream);
#[cfg(unix)]
plain_operations!(std::os::unix::net::UnixStream);

impl Operations for crate::MaybeTlsStream {
    fn bound(&mut self, left: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.bound(left),
            #[cfg(feature = "tls")]
            Self::Rustls(stream) => stream.bound(left),
        }
    }

    fn bounds_the_sum(&self) -> bool {
        match self {
            Self::Plain(socket) => socket.bounds_the_sum(),
            #[cfg(feature = "tls")]
            Self::Rustls(stream) => stream.bounds_the_sum(),
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

/// The timeout that a socket has now.
///
/// A timeout that is already set and ends early enough is kept: a wait that ends too early now and then costs less than
/// a system call for each wait.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Armed(Option<Duration>);

impl Armed {
    /// Whether a wait of at most `left` can begin with the timeout as it is.
    pub(crate) fn suits(self, left: Option<Duration>) -> bool {
        match (self.0, left) {
            (None, None) => true,
            (Some(armed), Some(left)) => armed <= left,
            _ => false,
        }
    }

    pub(crate) fn set(&mut self, left: Option<Duration>) {
        self.0 = left;
    }

    /// Whether a timeout is set.
    pub(crate) fn is_set(self) -> bool {
        self.0.is_some()
    }

    /// Whether the timeout explains a failed wait of this length. If so, the next wait sets its own timeout. If not,
    /// the socket is non-blocking.
    pub(crate) fn has_ended(&mut self, waited: Duration) -> bool {
        let ended = self.0.is_some_and(|armed| armed <= waited.saturating_add(TICK));
        if ended {
            self.0 = Some(Duration::MAX);
        }
        ended
    }
}
