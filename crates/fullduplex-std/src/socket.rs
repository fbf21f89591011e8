//! What a socket can do beyond reading and writing: give up waiting, and end one direction.

use std::any::Any;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

#[cfg(feature = "tls")]
pub(crate) mod deadline_stream;
pub(crate) mod operations;
pub(crate) mod stream;

use operations::{Operations, SHORTEST, TICK};
use stream::MaybeTlsStream;

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
