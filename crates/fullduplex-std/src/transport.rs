//! A stream, the limits of its waits, and the clock: what opening handshake and open connection share.

use std::io::{self, Read, Write};
use std::net;
use std::time::Duration;

use fullduplex::{Connecting, Entropy, Incoming, Receiver, Refusal};

use crate::error::{Error, Result};
use crate::socket::Socket;
use crate::socket::into_halves::IntoHalves;
use crate::socket::operations::{SocketTimeout, is_end_of_wait};
use crate::sync::Instant;

/// What waits for a transport until a deadline.
pub(crate) trait Waits {
    /// The next deadline.
    fn poll_timeout(&mut self, now: Duration) -> Option<Duration>;

    /// Does what is due.
    ///
    /// # Errors
    /// [`fullduplex::Error::Timeout`] when a timeout has expired.
    fn handle_timeout(&mut self, now: Duration) -> Result<(), fullduplex::Error>;

    /// Whether the time matters.
    fn has_timeout(&mut self) -> bool {
        true
    }

    /// Whether the connection is over, so that each wait must be short.
    fn is_over(&mut self) -> bool {
        false
    }
}

macro_rules! waits {
    ([$($generics:tt)*] $kind:ty) => {
        impl<$($generics)*> Waits for $kind {
            fn poll_timeout(&mut self, now: Duration) -> Option<Duration> {
                <$kind>::poll_timeout(self, now)
            }

            fn handle_timeout(&mut self, now: Duration) -> Result<(), fullduplex::Error> {
                <$kind>::handle_timeout(self, now)
            }
        }
    };
}

waits!([E: Entropy] Incoming<E>);
waits!([E: Entropy] Connecting<E>);
waits!([] Refusal);

/// No deadline: for the half that sends, because the receiver keeps the deadlines.
pub(crate) struct NoDeadline;

impl Waits for NoDeadline {
    fn poll_timeout(&mut self, _: Duration) -> Option<Duration> {
        None
    }

    fn handle_timeout(&mut self, _: Duration) -> Result<(), fullduplex::Error> {
        Ok(())
    }

    fn has_timeout(&mut self) -> bool {
        false
    }
}

/// The deadlines of an open connection.
pub(crate) struct Deadlines<'a> {
    pub(crate) receiver: &'a mut Receiver,
    /// Whether the caller drops the transport now.
    pub(crate) is_over: bool,
}

impl Waits for Deadlines<'_> {
    fn poll_timeout(&mut self, now: Duration) -> Option<Duration> {
        self.receiver.poll_timeout(now)
    }

    fn handle_timeout(&mut self, now: Duration) -> Result<(), fullduplex::Error> {
        self.receiver.handle_timeout(now)
    }

    fn has_timeout(&mut self) -> bool {
        self.receiver.has_timeout()
    }

    fn is_over(&mut self) -> bool {
        self.is_over || self.receiver.has_ended()
    }
}

/// A stream whose waits end in time.
pub(crate) struct Transport<S> {
    pub(crate) stream: S,
    socket: Option<Socket<S>>,
    timeout: SocketTimeout,
    /// When the wait that the timeout limits began.
    waiting_since: Duration,
    origin: Instant,
    /// The time of the last read, if a timeout was running then and its deadline was not checked since.
    pub(crate) unchecked: Option<Duration>,
    /// Whether the stream was found to be non-blocking.
    pub(crate) would_block: bool,
    /// Whether a write has failed, so that nothing more can be written.
    pub(crate) unwritable: bool,
}

impl<S: Read + Write + 'static> Transport<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            socket: Socket::of(&stream),
            stream,
            timeout: SocketTimeout::default(),
            waiting_since: Duration::ZERO,
            origin: Instant::now(),
            unchecked: None,
            would_block: false,
            unwritable: false,
        }
    }

    /// The time.
    pub(crate) fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }

    /// Whether the waits can be limited, and one direction ended.
    pub(crate) fn is_known(&self) -> bool {
        self.socket.is_some()
    }

    /// Limits how long the next read or write waits: until the next deadline, and no longer than `most`.
    pub(crate) fn limit_wait(
        &mut self,
        waits: &mut impl Waits,
        most: Option<Duration>,
    ) -> io::Result<()> {
        let counts = most.is_some() || waits.has_timeout();
        let now = if counts { self.elapsed() } else { Duration::ZERO };
        // This is needed for an unknown stream as well: a timeout that has been started counts from this call.
        let deadline = waits.poll_timeout(now);
        let Some(socket) = self.socket else { return Ok(()) };
        let deadline = match deadline {
            None if waits.is_over() => Some(Duration::ZERO),
            deadline => deadline,
        };
        // Even if the deadline has passed, the application gets what has arrived by now.
        let left = deadline.map(|deadline| deadline.saturating_sub(now).max(socket.shortest()));
        let left = [left, most].into_iter().flatten().min();
        if left.is_some() {
            self.waiting_since = now;
        }
        // Earlier waits have used up a part of the time until a deadline, so it must be set again.
        let used_up = socket.limit_is_deadline && left.is_some();
        if used_up || !self.timeout.suits(left) {
            (socket.set_limit)(&mut self.stream, left)?;
            self.timeout.set(left);
        }
        Ok(())
    }

    /// After an error from the stream: goes on if it was a wait that ended.
    ///
    /// # Errors
    /// [`Error::Protocol`] when a deadline has come; [`Error::Io`] when the stream has failed, and with
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when it does not block.
    pub(crate) fn interrupted(&mut self, error: io::Error, waits: &mut impl Waits) -> Result<()> {
        match error.kind() {
            io::ErrorKind::Interrupted => Ok(()),
            _ if is_end_of_wait(&error) => {
                let now = self.elapsed();
                if waits.poll_timeout(now).is_some_and(|deadline| deadline <= now) {
                    return Ok(waits.handle_timeout(now)?);
                }
                if self.timeout.has_ended(now.saturating_sub(self.waiting_since)) {
                    // Our own timeout ended the wait before the deadline: wait again.
                    Ok(())
                } else {
                    // We had set no timeout, or the wait was shorter than it: the stream is non-blocking.
                    self.would_block = true;
                    Err(io::Error::from(io::ErrorKind::WouldBlock).into())
                }
            }
            _ => Err(error.into()),
        }
    }

    /// A write has failed: see [`interrupted`](Self::interrupted).
    ///
    /// # Errors
    /// As there; nothing more can be written after [`Error::Io`], unless that would block.
    pub(crate) fn write_failed(&mut self, error: io::Error, waits: &mut impl Waits) -> Result<()> {
        let interrupted = self.interrupted(error, waits);
        self.unwritable |= interrupted.as_ref().is_err_and(Error::is_fatal);
        interrupted
    }

    /// Limits later reads and writes to the shortest wait. `false` if that is not possible.
    pub(crate) fn bound_shortly(&mut self) -> bool {
        let Some(socket) = self.socket else { return false };
        let shortest = Some(socket.shortest());
        self.timeout.set(shortest);
        (socket.set_limit)(&mut self.stream, shortest).is_ok()
    }

    /// Ends a direction of the transport, or both.
    pub(crate) fn end(&mut self, how: net::Shutdown) {
        if let Some(socket) = self.socket {
            // If this fails, the transport has ended already.
            let _ = (socket.shutdown)(&mut self.stream, how);
        }
    }

    /// Ends a direction of the transport, or both, before the next deadline.
    pub(crate) fn shut(&mut self, how: net::Shutdown, waits: &mut impl Waits) {
        if self.is_known() {
            let _ = self.limit_wait(waits, None);
            self.end(how);
        }
    }

    /// The stream, without the timeouts that were set on it.
    pub(crate) fn into_stream(mut self) -> S {
        if let Some(socket) = self.socket
            && self.timeout.is_set()
        {
            // If the socket refuses this, it has failed, and its next read or write returns the error.
            let _ = (socket.set_limit)(&mut self.stream, None);
        }
        self.stream
    }

    /// Writes a refusal, ends the sending direction, and reads on for a while: a transport that is dropped with input
    /// unread may throw away what was sent last. A non-blocking stream gets only what it takes at once.
    pub(crate) fn refuse(&mut self, refusal: &mut Refusal) {
        while !refusal.output().is_empty() {
            if self.limit_wait(refusal, None).is_err() {
                return;
            }
            match self.stream.write(refusal.output()) {
                Ok(0) => return,
                Ok(len) => refusal.advance_output(len),
                Err(error) => {
                    if self.interrupted(error, refusal).is_err() {
                        return;
                    }
                }
            }
            // A client that reads a little at a time must not put off the end.
            if refusal.handle_timeout(self.elapsed()).is_err() {
                return;
            }
        }
        let _ = self.stream.flush();
        self.shut(net::Shutdown::Write, refusal);
        let mut scratch = [0; 4 << 10];
        while self.is_known() && self.limit_wait(refusal, None).is_ok() {
            match self.stream.read(&mut scratch) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => {
                    if self.interrupted(error, refusal).is_err() {
                        return;
                    }
                }
            }
            if refusal.handle_timeout(self.elapsed()).is_err() {
                return;
            }
        }
    }
}

/// In two halves.
impl<S: IntoHalves> Transport<S> {
    /// Splits the two directions. The first transport is for reading. The second one is for writing, and has `second`,
    /// which is another handle to the same socket.
    pub(crate) fn into_halves(self, second: S) -> (Self, Self) {
        let Self { unchecked, would_block, unwritable, origin, .. } = self;
        let first = self.into_stream();
        let half = |stream, socket| Self {
            stream,
            socket: Some(socket),
            timeout: SocketTimeout::default(),
            waiting_since: Duration::ZERO,
            origin,
            unchecked: None,
            would_block,
            unwritable,
        };
        let reading = Self { unchecked, ..half(first, Socket::reading()) };
        (reading, half(second, Socket::writing()))
    }

    /// Puts the two directions together again.
    pub(crate) fn from_halves(reading: Self, writing: Self) -> Self {
        let Self { unchecked, origin, .. } = reading;
        let would_block = reading.would_block || writing.would_block;
        let unwritable = writing.unwritable;
        // Both halves have set timeouts of the same socket.
        drop(writing.into_stream());
        Self { unchecked, origin, would_block, unwritable, ..Self::new(reading.into_stream()) }
    }
}

/// Whether an error says that the peer is gone.
pub(crate) fn is_gone(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            // TLS: the transport ended without close_notify, which may be an attacker's cut.
            | io::ErrorKind::UnexpectedEof
    )
}
