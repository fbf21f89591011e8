//! Runs the core's loop over a tokio stream: deliver, write, end or wait. Everything else in this crate is
//! thin over it.

mod receiving;
pub(crate) mod writing;

use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use fullduplex::{Endpoint, Shutdown};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::clock::Clock;
use crate::config::WebSocketConfig;
use crate::entropy::OsEntropy;
use crate::error::{Error, Result};
use crate::guard::Farewell;
use crate::outlet::{Outlet, Progress};
use crate::timer::Timer;
use crate::waiters::{Side, Waiters};

/// How a transport's input has ended: with an end of input, or with a failed read.
pub(crate) type InputEnd = Option<Box<io::Result<()>>>;

/// How far the end of a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    No,
    /// The connection failed; the cause was told. The transport may still have to be ended.
    Failed,
    /// The end was told.
    Told,
}

/// What a wait was worth.
pub(crate) enum Waited {
    /// There may be something to deliver.
    Progress,
    /// The connection is over, and there is nothing more to deliver.
    End,
    /// The connection has failed; the error is to be told. In a box, for it comes once and this for each read.
    Failed(Box<Error>),
}

/// A stream, the endpoint over it, and what waits on both.
pub(crate) struct Engine<S> {
    stream: S,
    endpoint: Endpoint<OsEntropy>,
    /// Says farewell to the peer when the connection is dropped; knows what `S` can do.
    farewell: fn(&mut Self),
    clock: Clock,
    timer: Timer,
    waiters: Waiters,
    /// `None` for the defaults.
    config: Option<Box<WebSocketConfig>>,
    write_buffer_size: usize,
    read_ahead_size: usize,
    /// The end of input, which was read while a write was blocked. It takes effect once everything before it has been
    /// received.
    input_end: InputEnd,
    end: End,
    /// The time of the last read if a deadline ran then and was not looked at since.
    unchecked: Option<Duration>,
    /// Whether no message is found in what was read, and nothing was read since.
    drained: bool,
    outlet: Outlet,
}

impl<S> Engine<S> {
    pub(crate) fn stream(&self) -> &S {
        &self.stream
    }

    pub(crate) fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    pub(crate) fn into_stream(self) -> S {
        self.stream
    }

    pub(crate) fn endpoint(&self) -> &Endpoint<OsEntropy> {
        &self.endpoint
    }

    pub(crate) fn endpoint_mut(&mut self) -> &mut Endpoint<OsEntropy> {
        &mut self.endpoint
    }

    pub(crate) fn config(&self) -> WebSocketConfig {
        self.config.as_deref().copied().unwrap_or_default()
    }

    /// Bytes that were taken and have not been written.
    pub(crate) fn pending(&self) -> usize {
        self.endpoint.writer.pending()
    }

    /// Whether the end was told and everything before it.
    pub(crate) fn is_terminated(&self) -> bool {
        self.end == End::Told
    }

    pub(crate) fn may_send(&self) -> bool {
        self.end == End::No && !self.outlet.unwritable && self.endpoint.writer.sender().may_send()
    }

    fn check_sendable(&self) -> Result<()> {
        if self.end != End::No {
            return Err(self.ended());
        }
        if self.outlet.unwritable {
            Err(io::Error::from(io::ErrorKind::BrokenPipe).into())
        } else {
            Ok(())
        }
    }

    /// What is told to who uses a connection that is over.
    fn ended(&self) -> Error {
        if self.endpoint.reader.receiver().is_clean() {
            Error::ConnectionClosed
        } else {
            Error::AlreadyClosed
        }
    }
}

/// What an engine is made of, for the two halves that it can be taken apart into. Who waits is not among it: the
/// tasks that did use it no more.
pub(crate) struct EngineParts<S> {
    pub(crate) stream: S,
    pub(crate) endpoint: Endpoint<OsEntropy>,
    pub(crate) config: WebSocketConfig,
    pub(crate) outlet: Outlet,
    pub(crate) clock: Clock,
    pub(crate) timer: Timer,
    pub(crate) input_end: InputEnd,
    pub(crate) end: End,
    pub(crate) unchecked: Option<Duration>,
}

impl<S> Engine<S> {
    pub(crate) fn into_parts(self) -> EngineParts<S> {
        EngineParts {
            config: self.config(),
            stream: self.stream,
            endpoint: self.endpoint,
            outlet: self.outlet,
            clock: self.clock,
            timer: self.timer,
            input_end: self.input_end,
            end: self.end,
            unchecked: self.unchecked,
        }
    }
}

impl<S> Farewell for Engine<S> {
    fn say_farewell(&mut self) {
        (self.farewell)(self);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Engine<S> {
    pub(crate) fn new(
        stream: S,
        config: &WebSocketConfig,
        mut endpoint: Endpoint<OsEntropy>,
    ) -> Box<Self> {
        // Its first waiting time begins when the clock does.
        endpoint.poll_timeout(Duration::ZERO);
        Self::from_parts(EngineParts {
            stream,
            endpoint,
            config: *config,
            outlet: Outlet::default(),
            clock: Clock::start(),
            timer: Timer::default(),
            input_end: None,
            end: End::No,
            unchecked: None,
        })
    }

    pub(crate) fn from_parts(parts: EngineParts<S>) -> Box<Self> {
        Box::new(Self {
            stream: parts.stream,
            endpoint: parts.endpoint,
            farewell: Self::farewell,
            clock: parts.clock,
            timer: parts.timer,
            waiters: Waiters::default(),
            config: (parts.config != WebSocketConfig::new()).then(|| Box::new(parts.config)),
            write_buffer_size: parts.config.write_buffer_size,
            read_ahead_size: parts.config.read_ahead_size,
            input_end: parts.input_end,
            end: parts.end,
            unchecked: parts.unchecked,
            drained: false,
            outlet: parts.outlet,
        })
    }

    /// The reader's wait: writes what is pending, ends the transport if its time has come, else reads.
    #[inline(always)]
    pub(crate) fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<Waited> {
        let waited = ready!(match self.waiters.wait(Side::Reader, cx.waker()) {
            None => self.poll_wait(cx),
            Some(both) => self.poll_wait(&mut Context::from_waker(&both)),
        });
        self.waiters.done(Side::Reader);
        Poll::Ready(waited)
    }

    #[inline(never)]
    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<Waited> {
        loop {
            // Whoever is woken to read has nothing else to do yet.
            let at_rest = self.endpoint.is_at_rest()
                && self.end == End::No
                && self.unchecked.is_none()
                && self.input_end.is_none()
                && !self.outlet.unflushed;
            if !at_rest && let Some(waited) = self.work(cx) {
                return Poll::Ready(waited);
            }
            let listens = at_rest || !self.writes_last_words();
            if listens && let Poll::Ready(read) = self.poll_fill(cx) {
                return Poll::Ready(match read {
                    Ok(()) => Waited::Progress,
                    Err(error) => self.tell(error, cx),
                });
            }
            self.endpoint.release();
            match ready!(self.poll_timer(cx)) {
                Ok(()) => {}
                Err(error) => return Poll::Ready(self.tell(error, cx)),
            }
        }
    }

    /// What is to be done before reading: looks at the deadlines, writes what is pending, ends the transport if its
    /// time has come. Returns what the wait was worth, if it is over.
    fn work(&mut self, cx: &mut Context<'_>) -> Option<Waited> {
        if self.end == End::Told {
            return Some(Waited::End);
        }
        if self.unchecked.is_some()
            && let Err(error) = self.check_deadlines(cx)
        {
            return Some(Waited::Failed(error.into()));
        }
        let written = self.poll_write_out(cx);
        if self.note_written() {
            self.waiters.wake(Side::Writer);
        }
        // A peer that does not read may have to be read before it does.
        if let Poll::Ready(Err(error)) = written
            && let Some(ended) = self.write_failed(error)
        {
            return Some(ended);
        }
        match self.endpoint.shutdown() {
            Shutdown::No if self.input_end.is_some() => self.take_input_end(cx),
            Shutdown::No => None,
            shutdown => self.shut_down(shutdown, cx).or_else(|| self.take_input_end(cx)),
        }
    }

    /// Tells keepalive what was written since the last call. Returns whether anything was.
    #[inline]
    fn note_written(&mut self) -> bool {
        let progress = self.outlet.take_progress();
        if progress == Progress::Resumed {
            self.endpoint.reader.receiver_mut().handle_write_progress();
        }
        progress != Progress::None
    }

    /// Whether the peer's Close has come and something is still to be written. Only the end of input can come then. It
    /// must not cut off our output, for a peer that has ended its own direction may still read.
    fn writes_last_words(&self) -> bool {
        self.pending() > 0
            && !self.outlet.unwritable
            && self.end == End::No
            && self.endpoint.reader.receiver().peer_close().is_some()
    }

    /// The end of input was read while a write was blocked. Everything before it has been received, so it takes effect
    /// now.
    #[cold]
    fn take_input_end(&mut self, cx: &mut Context<'_>) -> Option<Waited> {
        if self.writes_last_words() {
            return None;
        }
        let end = self.input_end.take()?;
        Some(match self.read_ended(end.map(|()| 0)) {
            Ok(()) => Waited::Progress,
            Err(error) => self.tell(error, cx),
        })
    }

    /// Where the connection is over, ends the transport as far as it is to be.
    #[cold]
    fn shut_down(&mut self, shutdown: Shutdown, cx: &mut Context<'_>) -> Option<Waited> {
        self.shut(cx);
        // TLS sends an alert at its end. A peer that reads slowly may have no room for it yet.
        let waits =
            !self.outlet.is_shut() && self.endpoint.poll_timeout(self.clock.elapsed()).is_some();
        if shutdown == Shutdown::Both && !waits {
            self.told();
            return Some(Waited::End);
        }
        None
    }

    /// What was read a while ago may have come after a deadline: a peer that keeps us busy must not make us
    /// miss one. What was read has been looked at by now and counts as a sign of life, so it is dated first; how long
    /// that took us does not count.
    #[inline(never)]
    fn check_deadlines(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let Some(read_at) = self.unchecked.take() else { return Ok(()) };
        self.endpoint.poll_timeout(self.clock.elapsed());
        if let Err(error) = self.endpoint.handle_timeout(read_at)
            && self.end == End::No
        {
            self.fail(cx);
            return Err(error.into());
        }
        Ok(())
    }

    /// Nothing more can be written.
    #[cold]
    fn write_failed(&mut self, error: Error) -> Option<Waited> {
        match error {
            // The peer reads no more; what it has sent is still to be delivered.
            Error::Io(error) if is_gone(error.kind()) => None,
            error => Some(self.give_up(error)),
        }
    }

    /// A failure is told once; what comes of the last words is not.
    #[cold]
    fn tell(&mut self, error: Error, cx: &mut Context<'_>) -> Waited {
        if self.end != End::No {
            return Waited::Progress;
        }
        self.fail(cx);
        Waited::Failed(error.into())
    }

    /// The transport is of no use any more.
    fn give_up(&mut self, error: Error) -> Waited {
        let before = self.end;
        self.told();
        if before == End::No { Waited::Failed(error.into()) } else { Waited::End }
    }

    /// There is nothing more to wait for.
    fn told(&mut self) {
        self.end = End::Told;
        self.timer.clear();
        self.waiters.wake(Side::Writer);
    }

    /// The connection has failed: writes what there is to say, and ends the sending direction.
    #[cold]
    fn fail(&mut self, cx: &mut Context<'_>) {
        if self.end != End::No {
            return;
        }
        self.end = End::Failed;
        // The failure is the error to tell. Last words that cannot be written now are written by the next
        // call that reads, if ever.
        if let Poll::Ready(Ok(())) = self.poll_write_rest(cx)
            && self.endpoint.shutdown() != Shutdown::No
        {
            self.shut(cx);
        }
        self.waiters.wake(Side::Writer);
    }

    /// Nothing follows the peer's Close, so an application may never read again: answers it, if it has come, as far
    /// as can be done now.
    #[inline]
    fn answer_close(&mut self, cx: &mut Context<'_>) {
        if self.endpoint.reader.receiver().peer_close().is_some() {
            self.received_close(cx);
        }
    }

    #[cold]
    fn received_close(&mut self, cx: &mut Context<'_>) {
        let both = self.waiters.wait(Side::Reader, cx.waker());
        let cx = &mut Context::from_waker(both.as_ref().unwrap_or(cx.waker()));
        // What cannot be written now is written by the next call.
        let _ = self.poll_write_rest(cx);
        self.waiters.done(Side::Reader);
        self.waiters.wake(Side::Writer);
    }

    /// Writes what is pending, and flushes the stream.
    #[inline(always)]
    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            // There may be more to answer once there is room for it.
            let writer = self.endpoint.output()?;
            if self.outlet.is_idle(writer) {
                return Poll::Ready(Ok(()));
            }
            ready!(self.outlet.poll_write(&mut self.stream, writer, cx))?;
        }
    }

    /// [`poll_write_out`](Self::poll_write_out) for who seldom comes here.
    #[inline(never)]
    fn poll_write_rest(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_write_out(cx)
    }

    /// Reads once. The errors are those that are to be told; an end that was to be expected is none.
    #[inline(always)]
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let mut room = self.endpoint.reader.room_buf();
        let read = ready!(pin!(self.stream.read_buf(&mut room)).poll(cx));
        drop(room);
        match read {
            Ok(len) if len > 0 => {
                self.endpoint.reader.advance(len);
                self.took_input();
                Poll::Ready(Ok(()))
            }
            ended => Poll::Ready(self.read_ended(ended)),
        }
    }

    /// A read has brought bytes that have not been decoded yet.
    #[inline(always)]
    fn took_input(&mut self) {
        self.drained = false;
        // How long it takes to look at the input must not count.
        self.unchecked = self.endpoint.has_timeout().then(|| self.clock.elapsed());
    }

    /// A read brought nothing.
    #[cold]
    fn read_ended(&mut self, read: io::Result<usize>) -> Result<()> {
        Ok(match read {
            // A reset that a write was told of comes as an end of input here.
            Ok(_) if self.outlet.unwritable => self.endpoint.handle_reset(),
            Ok(_) => self.endpoint.handle_eof(),
            Err(error) if is_gone(error.kind()) => self.endpoint.handle_reset(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => {
                // Nothing is to be expected of such a stream: the next call finds the end.
                let _ = self.endpoint.handle_reset();
                return Err(error.into());
            }
        }?)
    }

    /// Waits for the next deadline, and does what is due then.
    #[inline]
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if self.endpoint.has_timeout() {
            return self.poll_deadline(cx);
        }
        self.timer.clear();
        Poll::Pending
    }

    #[inline(never)]
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.poll_due(cx));
        Poll::Ready(Ok(self.endpoint.handle_timeout(self.clock.elapsed())?))
    }

    /// Waits until the next deadline of the endpoint.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.endpoint.poll_timeout(self.clock.elapsed()) {
            Some(at) => self.poll_instant(at, cx),
            None => {
                self.timer.clear();
                Poll::Pending
            }
        }
    }

    /// Waits until the connection's clock reaches `at`.
    fn poll_instant(&mut self, at: Duration, cx: &mut Context<'_>) -> Poll<()> {
        match self.clock.instant(at) {
            Some(deadline) => self.timer.poll(deadline, cx),
            None => {
                self.timer.clear();
                Poll::Pending
            }
        }
    }

    fn shut(&mut self, cx: &mut Context<'_>) {
        self.outlet.shut(&mut self.stream, cx);
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
