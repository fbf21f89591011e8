//! A TCP socket with a deadline.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::socket::{Armed, Operations, SHORTEST};

/// A TCP socket of which nothing lasts beyond a deadline, however many reads and writes there are.
///
/// A session of TLS may read its socket many times for one read of its own. A timeout of the socket would bound each of
/// these waits, and a peer that sends a byte before each of them ends could go on for ever; a deadline bounds them all.
///
/// Without a deadline, which is how it begins, it is as the socket beneath. A WebSocket sets the deadline by itself.
#[derive(Debug)]
pub struct DeadlineStream {
    socket: TcpStream,
    deadline: Option<Instant>,
    reading: Armed,
    writing: Armed,
}

impl DeadlineStream {
    /// The socket, without a deadline.
    #[must_use]
    pub fn new(socket: TcpStream) -> Self {
        Self { socket, deadline: None, reading: Armed::default(), writing: Armed::default() }
    }

    /// When everything is to have ended: a read or write that lasts until then, or begins later, fails with
    /// [`TimedOut`](io::ErrorKind::TimedOut). `None` is for ever.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// When everything is to have ended.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The socket. Its timeouts are not to be changed while there is a deadline.
    #[must_use]
    pub fn get_ref(&self) -> &TcpStream {
        &self.socket
    }

    /// The socket, without what timeouts the deadline has brought it.
    #[must_use]
    pub fn into_inner(self) -> TcpStream {
        // A socket that has no timeouts any more has failed, which the next read or write tells.
        if self.reading.is_set() {
            let _ = self.socket.set_read_timeout(None);
        }
        if self.writing.is_set() {
            let _ = self.socket.set_write_timeout(None);
        }
        self.socket
    }

    fn reading<T>(&mut self, read: impl FnMut(&TcpStream) -> io::Result<T>) -> io::Result<T> {
        let set = |left| self.socket.set_read_timeout(left);
        within(self.deadline, &self.socket, &mut self.reading, set, read)
    }

    fn writing<T>(&mut self, write: impl FnMut(&TcpStream) -> io::Result<T>) -> io::Result<T> {
        let set = |left| self.socket.set_write_timeout(left);
        within(self.deadline, &self.socket, &mut self.writing, set, write)
    }
}

/// One system call, which `set` bounds.
fn within<T>(
    deadline: Option<Instant>,
    socket: &TcpStream,
    armed: &mut Armed,
    set: impl Fn(Option<Duration>) -> io::Result<()>,
    mut action: impl FnMut(&TcpStream) -> io::Result<T>,
) -> io::Result<T> {
    loop {
        let begun = deadline.map(|_| Instant::now());
        let left = deadline.zip(begun).map(|(at, begun)| at.saturating_duration_since(begun));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let left = left.map(|left| left.max(SHORTEST));
        if !armed.suits(left) {
            set(left)?;
            armed.set(left);
        }
        match (action(socket), begun) {
            // A wait that ended: before the deadline it is begun anew, unless the socket was not to block.
            (Err(error), Some(begun)) if is_wait_s_end(error.kind()) => {
                if !armed.has_ended(begun.elapsed()) {
                    return Err(error);
                }
            }
            (result, _) => return result,
        }
    }
}

/// Which of the two a system says when a timeout has run out, differs.
fn is_wait_s_end(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

impl Operations for DeadlineStream {
    fn bound(&mut self, left: Option<Duration>) -> io::Result<()> {
        // An instant beyond all instants is none.
        self.set_deadline(left.and_then(|left| Instant::now().checked_add(left)));
        Ok(())
    }

    fn bounds_the_sum(&self) -> bool {
        true
    }

    fn end(&mut self, how: Shutdown) -> io::Result<()> {
        self.socket.shutdown(how)
    }
}

impl From<TcpStream> for DeadlineStream {
    fn from(socket: TcpStream) -> Self {
        Self::new(socket)
    }
}

impl Read for DeadlineStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reading(|mut socket| socket.read(buf))
    }
}

impl Write for DeadlineStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.writing(|mut socket| socket.write(buf))
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.writing(|mut socket| socket.write_vectored(bufs))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}
