//! The operations of each kind of socket, and the timeout that is set on a socket.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// How much too early a socket may end a wait: the coarsest clock tick of the supported systems.
pub(super) const TICK: Duration = Duration::from_millis(20);

/// The shortest timeout, because sockets refuse a timeout of zero.
pub(crate) const SHORTEST: Duration = Duration::from_millis(1);

/// The operations behind [`Socket`](super::Socket), for one kind of stream.
pub(crate) trait Operations {
    fn set_limit(&mut self, left: Option<Duration>) -> io::Result<()>;
    fn limit_is_deadline(&self) -> bool;
    fn end(&mut self, how: Shutdown) -> io::Result<()>;
}

/// One read or write is one wait.
macro_rules! plain_operations {
    ($socket:ty) => {
        impl Operations for $socket {
            fn set_limit(&mut self, left: Option<Duration>) -> io::Result<()> {
                self.set_read_timeout(left)?;
                self.set_write_timeout(left)
            }

            fn limit_is_deadline(&self) -> bool {
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

/// The timeout that is set on a socket.
///
/// If the timeout is short enough for the next wait, it is not set again. Then a wait sometimes ends too early and must
/// be repeated, but this costs less than a system call for each wait.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SocketTimeout(Option<Duration>);

impl SocketTimeout {
    /// Whether a wait of at most `left` can begin without setting the timeout.
    pub(crate) fn suits(self, left: Option<Duration>) -> bool {
        match (self.0, left) {
            (None, None) => true,
            (Some(timeout), Some(left)) => timeout <= left,
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

    /// Whether a wait of this length has ended because of the timeout. If so, the next wait sets its own timeout. If
    /// not, the socket is non-blocking.
    pub(crate) fn has_ended(&mut self, waited: Duration) -> bool {
        let ended = self.0.is_some_and(|timeout| timeout <= waited.saturating_add(TICK));
        if ended {
            self.0 = Some(Duration::MAX);
        }
        ended
    }
}

/// Whether an error says that a wait has ended, and not that the system has given the connection up (`ETIMEDOUT`).
pub(crate) fn is_end_of_wait(error: &io::Error) -> bool {
    match error.kind() {
        io::ErrorKind::WouldBlock => true,
        // Windows reports the end of a socket's timeout like this. Elsewhere only a stream such as `DeadlineStream` does, whose
        // error has no code of the system.
        io::ErrorKind::TimedOut => cfg!(windows) || error.raw_os_error().is_none(),
        _ => false,
    }
}
