//! A stream before its WebSocket is open: writes and reads the opening handshake, until its deadline.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use fullduplex::{BufMut, Connecting, Ended, Endpoint, Incoming, IncomingRequest, Refusal, Role};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::config::WebSocketConfig;
use crate::engine::{Engine, Opened};
use crate::entropy::OsEntropy;
use crate::error::{Error, Result, is_gone, is_reset};
use crate::sending::write_state::WriteState;
use crate::timer::Timer;
use crate::watch::Watch;

/// What waits for the peer until a deadline.
pub(crate) trait Waits {
    fn poll_timeout(&mut self, now: Duration) -> Option<Duration>;
    fn handle_timeout(&mut self, now: Duration) -> Result<(), fullduplex::Error>;
}

/// An opening handshake that reads the peer's head.
pub(crate) trait Reads: Waits {
    fn room_buf(&mut self) -> impl BufMut;
    fn advance(&mut self, len: usize);
}

macro_rules! waits {
    ($kind:ty) => {
        impl Waits for $kind {
            fn poll_timeout(&mut self, now: Duration) -> Option<Duration> {
                self.poll_timeout(now)
            }

            fn handle_timeout(&mut self, now: Duration) -> Result<(), fullduplex::Error> {
                self.handle_timeout(now)
            }
        }
    };
}

macro_rules! reads {
    ($kind:ty) => {
        waits!($kind);

        impl Reads for $kind {
            fn room_buf(&mut self) -> impl BufMut {
                self.room_buf()
            }

            fn advance(&mut self, len: usize) {
                self.advance(len);
            }
        }
    };
}

waits!(IncomingRequest<OsEntropy>);
waits!(Refusal);
reads!(Incoming<OsEntropy>);
reads!(Connecting<OsEntropy>);

/// The stream, and what waits on it.
pub(crate) struct Opening<S> {
    stream: S,
    clock: Clock,
    timer: Timer,
    /// The time of the last read, if the deadline was not checked since.
    unchecked: Option<Duration>,
    state: WriteState,
    pub(crate) watch: Watch,
}

/// What was there before the opening handshake.
pub(crate) struct Before {
    /// When the TLS handshake began, if there was one.
    pub(crate) began: Option<Clock>,
    pub(crate) watch: Watch,
}

impl Before {
    /// The opening handshake of a server begins, without TLS.
    pub(crate) fn server(config: &WebSocketConfig) -> Self {
        Self { began: None, watch: Watch::begin(Role::Server, config) }
    }

    /// The opening handshake cannot begin. It takes `self`: a value that is borrowed across an `await` takes space in the
    /// future until the future is dropped.
    pub(crate) fn failed(mut self, error: Error) -> Error {
        self.watch.failed(error)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Opening<S> {
    /// The deadline counts from the beginning of the TLS handshake, if there was one: TLS is part of the time.
    pub(crate) fn new(stream: S, before: Before, waits: &mut impl Waits) -> Self {
        waits.poll_timeout(Duration::ZERO);
        Self {
            stream,
            clock: before.began.unwrap_or_else(Clock::start),
            timer: Timer::default(),
            unchecked: None,
            state: WriteState::default(),
            watch: before.watch,
        }
    }

    /// The handshake is over.
    pub(crate) fn open(
        self,
        endpoint: Endpoint<OsEntropy>,
        config: &WebSocketConfig,
    ) -> Box<Engine<S>> {
        let Self { stream, clock, timer, unchecked, state, watch } = self;
        let opened = Opened { clock, timer, unchecked, state, watch };
        Engine::opened(stream, config, endpoint, opened)
    }

    /// Reads once.
    ///
    /// # Errors
    /// [`Error::Protocol`] at the deadline; for an end of the stream, which comes too early.
    pub(crate) fn read(&mut self, handshake: &mut impl Reads) -> impl Future<Output = Result<()>> {
        poll_fn(move |cx| self.poll_read(handshake, cx))
    }

    /// Writes the request as far as the stream takes it, and reads once.
    ///
    /// # Errors
    /// As [`read`](Self::read); [`Error::Io`].
    pub(crate) fn write_and_read(
        &mut self,
        connecting: &mut Connecting<OsEntropy>,
    ) -> impl Future<Output = Result<()>> {
        poll_fn(move |cx| {
            // The server may respond before it has read all of the request.
            if let Poll::Ready(written) = self.poll_write_request(connecting, cx) {
                written?;
            }
            self.poll_read(connecting, cx)
        })
    }

    fn poll_read(&mut self, handshake: &mut impl Reads, cx: &mut Context<'_>) -> Poll<Result<()>> {
        // A peer that sends a little at a time must not put off the deadline. What it sent in time has been decoded by now.
        if let Some(read_at) = self.unchecked.take() {
            handshake.handle_timeout(read_at)?;
        }
        loop {
            let mut room = handshake.room_buf();
            let read = pin!(self.stream.read_buf(&mut room)).poll(cx);
            drop(room);
            match read {
                Poll::Ready(Ok(len)) if len > 0 => {
                    handshake.advance(len);
                    self.unchecked = Some(self.clock.elapsed());
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(ended) => return Poll::Ready(Err(self.ended(ended))),
                Poll::Pending => ready!(self.poll_deadline(handshake, cx))?,
            }
        }
    }

    /// The stream has ended before the handshake has.
    fn ended(&self, read: io::Result<usize>) -> Error {
        match read {
            read if is_reset(&read, self.state.unwritable) => Ended::Reset.into(),
            Ok(_) => Ended::InsideHandshake.into(),
            Err(error) => error.into(),
        }
    }

    /// The instant of the deadline; `None` without one, or when it is too far away for an `Instant`.
    pub(crate) fn deadline(&self, waits: &mut impl Waits) -> Option<Instant> {
        let deadline = waits.poll_timeout(self.clock.elapsed());
        deadline.and_then(|at| self.clock.instant(at))
    }

    /// Waits for the deadline, and then lets `waits` handle it.
    fn poll_deadline(
        &mut self,
        waits: &mut impl Waits,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), fullduplex::Error>> {
        let Some(deadline) = self.deadline(waits) else { return Poll::Pending };
        ready!(self.timer.poll(deadline, cx));
        Poll::Ready(waits.handle_timeout(self.clock.elapsed()))
    }

    fn poll_write_request(
        &mut self,
        connecting: &mut Connecting<OsEntropy>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        while !connecting.output().is_empty() && !self.state.unwritable {
            let written = ready!(self.poll_write(connecting.output(), cx));
            match written {
                Ok(len) => connecting.advance_output(len),
                // The server reads no more; it may have responded before that.
                Err(error) if is_gone(error.kind()) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
        match ready!(self.state.poll_flush(&mut self.stream, cx)) {
            Err(error) if !is_gone(error.kind()) => Poll::Ready(Err(error.into())),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_write(&mut self, bytes: &[u8], cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        Poll::Ready(match ready!(Pin::new(&mut self.stream).poll_write(cx, bytes)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            Ok(0) => {
                self.state.unwritable = true;
                Err(io::ErrorKind::WriteZero.into())
            }
            Ok(len) => {
                self.state.unflushed = true;
                Ok(len)
            }
            Err(error) => {
                self.state.unwritable = true;
                Err(error)
            }
        })
    }

    /// Writes a refusal, ends the sending direction, and reads on until the client has ended its own or the deadline has
    /// come: a transport that is dropped with input unread may throw away what was sent last.
    pub(crate) fn refuse(mut self, mut refusal: Refusal) -> impl Future<Output = ()> {
        refusal.poll_timeout(self.clock.elapsed());
        poll_fn(move |cx| {
            // Whatever happens, the refusal has its reason already.
            let _ = ready!(self.poll_refuse(&mut refusal, cx));
            Poll::Ready(())
        })
    }

    fn poll_refuse(&mut self, refusal: &mut Refusal, cx: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            match self.poll_last_write(refusal, cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Pending => {
                    ready!(self.poll_deadline(refusal, cx))?;
                    continue;
                }
            }
            let mut scratch = Vec::with_capacity(SCRATCH);
            let read = pin!(self.stream.read_buf(&mut scratch)).poll(cx);
            match read {
                Poll::Ready(Ok(len)) if len > 0 => refusal.handle_timeout(self.clock.elapsed())?,
                Poll::Ready(ended) => return Poll::Ready(ended.map(drop).map_err(Error::from)),
                Poll::Pending => ready!(self.poll_deadline(refusal, cx))?,
            }
        }
    }

    /// Writes and flushes what is left of the refusal, and ends the sending direction.
    fn poll_last_write(
        &mut self,
        refusal: &mut Refusal,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !refusal.output().is_empty() {
            let len = ready!(self.poll_write(refusal.output(), cx))?;
            refusal.advance_output(len);
        }
        ready!(self.state.poll_flush(&mut self.stream, cx))?;
        self.state.shut(&mut self.stream, cx);
        if self.state.is_shut() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

/// How much of what comes after a refusal is read at once. It is not kept.
const SCRATCH: usize = 4 << 10;
