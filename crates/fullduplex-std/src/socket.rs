//! What a socket can do beyond reading and writing: limit how long a call waits, and end one direction.

use std::any::Any;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

#[cfg(feature = "tls")]
pub(crate) mod deadline_stream;
pub(crate) mod into_halves;
pub(crate) mod operations;
pub(crate) mod stream;

use into_halves::IntoHalves;
use operations::{Operations, SHORTEST, TICK};
use stream::MaybeTlsStream;

/// The operations of a known kind of socket. A stream of another kind has none, so its deadlines are checked only when
/// a read or write returns.
pub(crate) struct Socket<S> {
    /// Limits how long later reads and writes wait; `None` removes the limit.
    pub(crate) set_limit: fn(&mut S, Option<Duration>) -> io::Result<()>,
    /// Whether the limit is a deadline for all waits together. If not, each wait has the whole time.
    pub(crate) limit_is_deadline: bool,
    /// Ends a direction of the transport, after a TLS session has sent its `close_notify`.
    pub(crate) shutdown: fn(&mut S, Shutdown) -> io::Result<()>,
}

impl<S> Clone for Socket<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Socket<S> {}

impl<S: 'static> Socket<S> {
    /// The shortest limit with which a read still gets bytes that have arrived.
    pub(crate) fn shortest(&self) -> Duration {
        // If all waits share the limit, its time also passes while the thread is not scheduled, so it must be longer.
        if self.limit_is_deadline { TICK } else { SHORTEST }
    }

    /// Recognises the known streams: TCP, Unix sockets, and this crate's TLS over TCP. For a rustls stream that the
    /// caller has created over a plain TCP socket, each wait is limited, but not their sum: this finds a silent peer in
    /// time, but not a peer that sends a byte now and then.
    pub(crate) fn of(stream: &S) -> Option<Self> {
        let stream: &dyn Any = stream;
        macro_rules! known {
            ($kind:ty) => {
                if let Some(socket) = stream.downcast_ref::<$kind>() {
                    return Some(Self {
                        set_limit: |stream, left| match (stream as &mut dyn Any)
                            .downcast_mut::<$kind>()
                        {
                            Some(socket) => socket.set_limit(left),
                            None => Ok(()),
                        },
                        limit_is_deadline: socket.limit_is_deadline(),
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
        known!(MaybeTlsStream);
        #[cfg(feature = "tls")]
        {
            use rustls::{ClientConnection, ServerConnection, StreamOwned};
            known!(deadline_stream::DeadlineStream);
            known!(stream::ServerTlsStream);
            known!(stream::ClientTlsStream);
            known!(StreamOwned<ServerConnection, TcpStream>);
            known!(StreamOwned<ClientConnection, TcpStream>);
        }
        None
    }
}

/// The two handles to one socket.
impl<S: IntoHalves> Socket<S> {
    /// The handle to read from. Its timeout is the socket's timeout for reads.
    pub(crate) fn reading() -> Self {
        Self::half(|stream, left| stream.set_read_timeout(left))
    }

    /// The handle to write to. Its timeout is the socket's timeout for writes.
    pub(crate) fn writing() -> Self {
        Self::half(|stream, left| stream.set_write_timeout(left))
    }

    fn half(set_limit: fn(&mut S, Option<Duration>) -> io::Result<()>) -> Self {
        Self { set_limit, limit_is_deadline: false, shutdown: |stream, how| stream.shutdown(how) }
    }
}
