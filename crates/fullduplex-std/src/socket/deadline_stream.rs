//! A TCP socket with a deadline.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use super::operations::{Operations, SHORTEST, SocketTimeout, is_end_of_wait};

/// A TCP socket whose reads and writes end at one deadline, however many there are.
///
/// For one read, a TLS session may read its socket many times. A timeout of the socket would limit each of these waits
/// alone, so a peer could go on for ever if it sends one byte before each wait ends. The deadline limits all waits
/// together.
///
/// At first there is no deadline, and this stream behaves as the socket does. A WebSocket sets the deadline itself.
#[derive(Debug)]
pub struct DeadlineStream {
    socket: TcpStream,
    deadline: Option<Instant>,
    reading: SocketTimeout,
    writing: SocketTimeout,
}

impl DeadlineStream {
    /// A stream over `socket`, without a deadline.
    #[must_use]
    pub fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            deadline: None,
            reading: SocketTimeout::default(),
            writing: SocketTimeout::default(),
        }
    }

    /// Sets the deadline: a read or write that waits until then, or begins later, fails with
    /// [`TimedOut`](io::ErrorKind::TimedOut). `None` removes it.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// The deadline.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The socket. Do not change its timeouts while there is a deadline.
    #[must_use]
    pub fn get_ref(&self) -> &TcpStream {
        &self.socket
    }

    /// Returns the socket. The timeouts that the deadline has set are removed.
    #[must_use]
    pub fn into_inner(self) -> TcpStream {
        // If the socket refuses this, it has failed, and its next read or write returns the error.
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

/// Makes one system call that waits no longer than until the deadline. `set` sets the socket's timeout.
fn within<T>(
    deadline: Option<Instant>,
    socket: &TcpStream,
    timeout: &mut SocketTimeout,
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
        if !timeout.suits(left) {
            set(left)?;
            timeout.set(left);
        }
        match (action(socket), begun) {
            // A wait has ended. Wait again, unless the socket is non-blocking or the deadline has passed.
            (Err(error), Some(begun)) if is_end_of_wait(&error) => {
                if !timeout.has_ended(begun.elapsed()) {
                    return Err(error);
                }
            }
            (result, _) => return result,
        }
    }
}

impl Operations for DeadlineStream {
    fn set_limit(&mut self, left: Option<Duration>) -> io::Result<()> {
        // A deadline too far away for an `Instant` is no deadline.
        self.set_deadline(left.and_then(|left| Instant::now().checked_add(left)));
        Ok(())
    }

    fn limit_is_deadline(&self) -> bool {
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
