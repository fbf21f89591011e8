//! The endpoint's end of a connection. The peer at the other end plays a session.

use std::io::{self, ErrorKind, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::frame::{CLOSE, frame_len};
use crate::handshake::{self, head_len};
use crate::script::{Break, Pause, Pieces, Script};
use crate::session::{Role, Session, Then};

/// After so many calls in a row without progress, the endpoint counts as stuck.
const MOST_IDLE_CALLS: u32 = 1_000;

/// The kinds of calls.
const READ: usize = 0;
const WRITE: usize = 1;
const FLUSH: usize = 2;

/// The endpoint's end of a connection. It implements [`Read`](io::Read) and [`Write`](io::Write), and tokio's traits with
/// the feature `tokio`.
///
/// What it does at each call is in its [`Script`]; what comes from the peer is a session of the [`Kit`](crate::Kit).
#[derive(Debug)]
pub struct Stream(Shared);

impl Stream {
    pub(crate) fn new(shared: &Shared) -> Self {
        Self(Shared(Arc::clone(&shared.0)))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.state().shut = true;
    }
}

/// The state of a stream, which the kit inspects when the endpoint is done.
#[derive(Debug)]
pub(crate) struct Shared(Arc<Mutex<State>>);

impl Shared {
    pub(crate) fn new(
        role: Role,
        buffered: bool,
        session: &Session,
        script: Script,
        waits: Waits,
    ) -> Self {
        let mut state = State {
            script,
            waits,
            role,
            buffered,
            held: Vec::new(),
            session: session.clone(),
            random: [script.reads, script.writes, Pieces::Random(9)].map(|pieces| match pieces {
                Pieces::Random(seed) => seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
                _ => 0x6a09_e667_f3bc_c909,
            }),
            incoming: Vec::new(),
            taken: 0,
            head: 0,
            output: Vec::new(),
            heard: 0,
            closed: false,
            calls: 0,
            paused: [false; 3],
            broken: None,
            shut: false,
            idle: 0,
            reader: None,
        };
        if role == Role::Server {
            let request = handshake::REQUEST.as_bytes();
            state.head = request.len();
            state.incoming = [request, &session.bytes].concat();
        }
        Self(Arc::new(Mutex::new(state)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked in the middle of a call has failed already.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a read does when the peer will not send more until it has received something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// It would wait for ever, so it fails with [`ErrorKind::TimedOut`].
    ForEver,
    /// It fails with [`ErrorKind::WouldBlock`].
    Not,
    /// It is pending until something is written.
    UntilWoken,
}

/// The result of a call that has moved no bytes.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// It failed.
    Error(io::Error),
    /// It is pending, and must be polled again at once.
    Yields,
    /// It is pending until the stream's `reader` is woken.
    Sleeps,
}

impl From<ErrorKind> for Stopped {
    fn from(kind: ErrorKind) -> Self {
        Self::Error(kind.into())
    }
}

#[derive(Debug)]
pub(crate) struct State {
    script: Script,
    waits: Waits,
    role: Role,
    /// Whether a write reaches the peer only with the next flush.
    buffered: bool,
    /// What was written and not flushed, if that is so.
    held: Vec<u8>,
    session: Session,
    /// The states of the random number generators for reads, writes and flushes.
    random: [u64; 3],
    incoming: Vec<u8>,
    /// How many bytes of `incoming` have been read.
    taken: usize,
    /// How many bytes of `incoming` belong to the opening handshake.
    head: usize,
    /// Everything that was written and has reached the peer.
    pub(crate) output: Vec<u8>,
    /// How many bytes of `output` the peer has parsed: the head and whole frames.
    heard: usize,
    /// Whether these frames include a Close.
    closed: bool,
    pub(crate) calls: u64,
    /// For reads, writes and flushes: whether the last such call was a pause, so that the next one is not.
    paused: [bool; 3],
    /// How the stream broke, if it has.
    pub(crate) broken: Option<Break>,
    /// Whether the endpoint has ended its direction, or dropped the stream.
    pub(crate) shut: bool,
    /// How many calls in a row have moved no bytes.
    idle: u32,
    pub(crate) reader: Option<Waker>,
}

impl State {
    /// How many bytes of the session have been read.
    pub(crate) fn taken(&self) -> usize {
        self.taken.saturating_sub(self.head)
    }

    /// How many bytes a read may bring.
    pub(crate) fn available(&self) -> usize {
        let rest = self.incoming.len() - self.taken;
        if self.script.reads == Pieces::Byte { rest.min(1) } else { rest }
    }

    /// Reads up to `buf.len()` bytes.
    pub(crate) fn read(&mut self, buf: &mut [u8]) -> Result<usize, Stopped> {
        self.begin()?;
        match self.broken {
            Some(Break::Reset) => return Err(self.idle(ErrorKind::ConnectionReset.into())),
            Some(Break::EndOfInput) => return self.end_of_input(),
            None => {}
        }
        self.pause(READ)?;
        if self.available() > 0 {
            let most = self.available().min(buf.len());
            let len = self.piece(self.script.reads, READ, most);
            buf[..len].copy_from_slice(&self.incoming[self.taken..self.taken + len]);
            self.taken += len;
            self.idle = 0;
            return Ok(len);
        }
        if self.peer_ends() {
            return self.end_of_input();
        }
        match self.waits {
            Waits::ForEver => Err(self.idle(ErrorKind::TimedOut.into())),
            Waits::Not => Err(self.idle(ErrorKind::WouldBlock.into())),
            Waits::UntilWoken => Err(self.idle(Stopped::Sleeps)),
        }
    }

    /// Writes some of what is in `bufs`.
    pub(crate) fn write(&mut self, bufs: &[IoSlice<'_>]) -> Result<usize, Stopped> {
        self.begin()?;
        if self.broken == Some(Break::Reset) || self.shut {
            return Err(self.idle(ErrorKind::BrokenPipe.into()));
        }
        self.pause(WRITE)?;
        let most = bufs.iter().map(|buf| buf.len()).sum();
        let len = self.piece(self.script.writes, WRITE, most);
        let mut rest = len;
        for buf in bufs {
            let taken = rest.min(buf.len());
            self.held.extend_from_slice(&buf[..taken]);
            rest -= taken;
        }
        self.idle = 0;
        if !self.buffered {
            self.hear();
        }
        Ok(len)
    }

    /// Flushes.
    pub(crate) fn flush(&mut self) -> Result<(), Stopped> {
        self.begin()?;
        if self.broken == Some(Break::Reset) {
            return Err(self.idle(ErrorKind::BrokenPipe.into()));
        }
        self.pause(FLUSH)?;
        if !self.held.is_empty() {
            self.hear();
        }
        Ok(())
    }

    /// Ends the endpoint's direction.
    #[cfg(feature = "tokio")]
    pub(crate) fn shutdown(&mut self) -> Result<(), Stopped> {
        self.flush()?;
        self.shut = true;
        self.wake();
        Ok(())
    }

    /// Counts the call, and breaks the stream if the script says so.
    fn begin(&mut self) -> Result<(), Stopped> {
        if let Some((_, how)) = self.script.breaks.filter(|(call, _)| *call == self.calls) {
            self.broken = Some(how);
        }
        self.calls += 1;
        Ok(())
    }

    /// Pauses at random, but never twice in a row for calls of the same kind, if the script says
    /// so.
    fn pause(&mut self, kind: usize) -> Result<(), Stopped> {
        self.paused[kind] = !self.paused[kind] && random(&mut self.random[kind]) >> 62 != 0;
        match self.script.pause {
            _ if !self.paused[kind] => Ok(()),
            Pause::None => Ok(()),
            Pause::Interrupted => Err(ErrorKind::Interrupted.into()),
            Pause::WouldBlock if self.waits == Waits::UntilWoken => Err(Stopped::Yields),
            Pause::WouldBlock => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn piece(&mut self, pieces: Pieces, kind: usize, most: usize) -> usize {
        match pieces {
            Pieces::Whole => most,
            Pieces::Byte => most.min(1),
            Pieces::Random(_) if most == 0 => 0,
            Pieces::Random(_) => {
                let random = random(&mut self.random[kind]);
                // The limit is a random power of two, so that small pieces are as likely as large
                // ones.
                let most = most.min(1 << (random >> 60));
                1 + usize::try_from(random >> 32).unwrap_or(0) % most
            }
        }
    }

    fn end_of_input(&mut self) -> Result<usize, Stopped> {
        self.idle = self.idle.saturating_add(1);
        assert!(
            self.idle < MOST_IDLE_CALLS,
            "the endpoint reads on and on after the end of the input"
        );
        Ok(0)
    }

    /// Counts a call that moves no bytes.
    fn idle(&mut self, stopped: Stopped) -> Stopped {
        self.idle = self.idle.saturating_add(1);
        assert!(
            self.idle < MOST_IDLE_CALLS,
            "the endpoint calls the stream again and again, and it fails each time: {stopped:?}"
        );
        stopped
    }

    /// The peer parses what was written, and reacts to it.
    fn hear(&mut self) {
        self.output.append(&mut self.held);
        if self.heard == 0 {
            self.heard = head_len(&self.output).unwrap_or(0);
        }
        while self.heard > 0
            && let Some((opcode, len)) = frame_len(&self.output[self.heard..])
            && len <= self.output.len() - self.heard
        {
            self.heard += len;
            self.closed |= opcode == CLOSE;
        }
        if self.role == Role::Client && self.head == 0 {
            let Some(response) = handshake::response_to(&self.output) else { return };
            self.head = response.len();
            self.incoming = [response.as_slice(), &self.session.bytes].concat();
        }
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Whether the peer has ended its direction.
    fn peer_ends(&self) -> bool {
        let said_all = self.head > 0 && self.taken == self.incoming.len();
        said_all && (self.session.then == Then::Ends || self.shut || self.closed)
    }

    /// Whether a write takes everything at once, so that nothing stays in the endpoint's queue.
    pub(crate) fn takes_everything(&self) -> bool {
        self.script.writes == Pieces::Whole && self.script.pause == Pause::None
    }
}

/// The next number (Marsaglia's xorshift).
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

impl io::Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.state().read(buf).map_err(blocking)
    }
}

impl io::Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.state().write(bufs).map_err(blocking)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.state().flush().map_err(blocking)
    }
}

fn blocking(stopped: Stopped) -> io::Error {
    match stopped {
        Stopped::Error(error) => error,
        // A stream for tokio is used like a non-blocking one.
        Stopped::Yields | Stopped::Sleeps => ErrorKind::WouldBlock.into(),
    }
}

#[cfg(feature = "tokio")]
mod asynchronous {
    use std::io::{self, IoSlice};
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::{State, Stopped, Stream};

    impl Stream {
        fn poll<T>(
            &self,
            cx: &Context<'_>,
            call: impl FnOnce(&mut State) -> Result<T, Stopped>,
        ) -> Poll<io::Result<T>> {
            let mut state = self.state();
            match call(&mut state) {
                Ok(done) => Poll::Ready(Ok(done)),
                Err(Stopped::Error(error)) => Poll::Ready(Err(error)),
                Err(Stopped::Yields) => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                Err(Stopped::Sleeps) => {
                    state.reader = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        }
    }

    impl AsyncRead for Stream {
        fn poll_read(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            self.poll(cx, |state| {
                // A script may allow one byte per read while `buf` is large. Allocate only what can
                // be read.
                let mut piece = vec![0; buf.remaining().min(state.available().max(1))];
                let len = state.read(&mut piece)?;
                buf.put_slice(&piece[..len]);
                Ok(())
            })
        }
    }

    impl AsyncWrite for Stream {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.poll(cx, |state| state.write(&[IoSlice::new(buf)]))
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bufs: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.poll(cx, |state| state.write(bufs))
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.poll(cx, State::flush)
        }

        fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.poll(cx, State::shutdown)
        }
    }
}
