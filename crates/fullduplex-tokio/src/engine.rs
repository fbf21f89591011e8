//! The loop of this adapter: deliver, write, end or wait. It runs over a [`Link`]: the link of a whole WebSocket, or the
//! link of the half that receives. The public types are thin wrappers around it.

mod deadlines;
pub(crate) mod link;
mod receiving;
pub(crate) mod writing;

use std::future::Future;
use std::io;
use std::mem::take;
use std::pin::pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use fullduplex::{Endpoint, Reader, Shutdown};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::clock::Clock;
use crate::config::WebSocketConfig;
use crate::engine::link::{Link, Whole};
use crate::entropy::OsEntropy;
use crate::error::{Error, Result, is_gone, is_reset};
use crate::sending::write_state::WriteState;
use crate::sending::{Sending, Written};
use crate::timer::Timer;
use crate::waiters::Waiters;
use crate::watch::{Tally, Watch};

/// How a transport's input has ended: with an end of input, or with a failed read.
pub(crate) type InputEnd = Option<Box<io::Result<()>>>;

/// How far the end of a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    No,
    /// The connection failed, and the application knows why. The stream may still have to be ended.
    Failed,
    /// The application knows of the end.
    Reported,
}

/// The result of a wait.
pub(crate) enum Outcome {
    /// There may be something to deliver.
    Progress,
    /// The connection is over, and there is nothing more to deliver.
    End,
    /// The connection has failed, with this error. It is boxed, so that the result of every other read stays small.
    Failed(Box<Error>),
}

/// The next step, after everything was written that can be written now.
enum Next {
    Read,
    /// Output is still pending after the peer's Close. Only the end of input can come then. It must not cut off our output,
    /// because a peer that has ended its own direction may still read.
    FinishWriting,
    /// Another task uses the sending direction. That task may have seen that the peer reads, so no deadline is checked.
    ReadWhileSenderIsBusy,
    /// The wait is over.
    Return(Outcome),
    /// The end of the connection must reach the sender before it is returned to the application, and the sender is busy.
    WaitForSender,
}

/// The receiving direction, the stream, and the link to the sending direction.
pub(crate) struct Receiving<L> {
    pub(crate) reader: Reader,
    pub(crate) link: L,
    clock: Clock,
    timer: Timer,
    /// `None` for the defaults. The watch has the counters.
    config: Option<Box<WebSocketConfig>>,
    /// The end of input, which was read while a write was blocked. It takes effect once everything before it has been
    /// received.
    input_end: InputEnd,
    /// The time of the last read, if a timeout was running then and its deadline was not checked since.
    unchecked: Option<Duration>,
    end: End,
    /// Whether the receive buffer was searched and holds no further message.
    drained: bool,
    /// What was received and not yet reported to the watch.
    pub(crate) tally: Tally,
}

/// A whole WebSocket.
pub(crate) type Engine<S> = Receiving<Whole<S>>;

/// What the connection takes over from its opening handshake.
pub(crate) struct Opened {
    pub(crate) clock: Clock,
    pub(crate) timer: Timer,
    pub(crate) unchecked: Option<Duration>,
    pub(crate) state: WriteState,
    pub(crate) watch: Watch,
}

impl<L> Receiving<L> {
    /// The same over another link, for a WebSocket that is split or put together. Waiters stay behind, because the tasks that
    /// waited have dropped their futures.
    pub(crate) fn relink<M, E>(
        self,
        relink: impl FnOnce(Reader, L) -> Result<(Reader, M), E>,
    ) -> Result<Box<Receiving<M>>, E> {
        let Self { reader, link, clock, timer, config, input_end, unchecked, end, tally, .. } =
            self;
        let (reader, link) = relink(reader, link)?;
        Ok(Box::new(Receiving {
            reader,
            link,
            clock,
            timer,
            config,
            input_end,
            unchecked,
            end,
            drained: false,
            tally,
        }))
    }

    /// Whether the application knows of the end and everything before it.
    pub(crate) fn is_terminated(&self) -> bool {
        self.end == End::Reported
    }
}

/// How an open connection begins, and its end by a drop.
impl<S: AsyncRead + AsyncWrite + Unpin> Engine<S> {
    pub(crate) fn new(
        stream: S,
        config: &WebSocketConfig,
        endpoint: Endpoint<OsEntropy>,
        state: WriteState,
        watch: Watch,
    ) -> Box<Self> {
        let opened = Opened {
            clock: Clock::start(),
            timer: Timer::default(),
            unchecked: None,
            state,
            watch,
        };
        Self::opened(stream, config, endpoint, opened)
    }

    /// After an opening handshake.
    pub(crate) fn opened(
        stream: S,
        config: &WebSocketConfig,
        mut endpoint: Endpoint<OsEntropy>,
        opened: Opened,
    ) -> Box<Self> {
        let Opened { clock, timer, unchecked, state, mut watch } = opened;
        // The first timeout of the connection begins now.
        endpoint.poll_timeout(clock.elapsed());
        #[cfg(feature = "deflate")]
        let is_compressed = endpoint.deflate().is_some();
        #[cfg(not(feature = "deflate"))]
        let is_compressed = false;
        let (reader, writer) = endpoint.split();
        watch.negotiated(is_compressed, writer.pending());
        let tally = Tally::of(reader.unread().len());
        let write_buffer_size = config.write_buffer_size;
        let sending = Sending { writer, state, write_buffer_size, ended: false, watch };
        Box::new(Self {
            reader,
            link: Whole { stream, sending, waiters: Waiters::default() },
            clock,
            timer,
            config: config.boxed(),
            input_end: None,
            unchecked,
            end: End::No,
            drained: false,
            tally,
        })
    }

    /// The WebSocket is dropped.
    pub(crate) fn say_goodbye(&mut self) {
        if self.end != End::Reported {
            let Whole { stream, sending, .. } = &mut self.link;
            // The connection may have failed meanwhile. Then the peer gets the Close of that failure.
            sending.pass_signals(self.reader.receiver_mut());
            sending.say_goodbye(stream);
        }
        self.show();
    }
}

impl<L: Link> Receiving<L> {
    /// The receiver's wait: writes what is pending, ends the stream if its time has come, else reads.
    #[inline(always)]
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let waited = ready!(match self.link.begin_wait(cx.waker()) {
            None => self.poll_wait(cx),
            Some(both) => self.poll_wait(&mut Context::from_waker(&both)),
        });
        self.link.end_wait();
        Poll::Ready(waited)
    }

    #[inline(never)]
    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        loop {
            // A task that is woken to read has nothing else to do yet.
            let at_rest = self.link.is_at_rest()
                && self.end == End::No
                && !self.reader.receiver().has_ended()
                && self.unchecked.is_none()
                && self.input_end.is_none()
                && !self.reader.receiver().has_signals();
            let next = if at_rest { Next::Read } else { self.work(cx) };
            match next {
                Next::Read | Next::ReadWhileSenderIsBusy => {
                    if let Poll::Ready(read) = self.poll_fill(cx) {
                        return Poll::Ready(match read {
                            Ok(()) => Outcome::Progress,
                            Err(error) => self.fail_with(error, cx),
                        });
                    }
                }
                Next::FinishWriting => {}
                Next::Return(waited) => return Poll::Ready(waited),
                Next::WaitForSender => return Poll::Pending,
            }
            self.release(cx);
            if let Next::ReadWhileSenderIsBusy = next {
                return Poll::Pending;
            }
            if let Err(error) = ready!(self.poll_timer(cx)) {
                return Poll::Ready(self.fail_with(error, cx));
            }
        }
    }

    /// The work before a read: checks the deadlines, writes what is pending, and ends the stream if its time has come.
    fn work(&mut self, cx: &mut Context<'_>) -> Next {
        if self.end == End::Reported {
            return Next::Return(Outcome::End);
        }
        if self.unchecked.is_some()
            && let Err(error) = self.check_deadlines(cx)
        {
            return Next::Return(Outcome::Failed(error.into()));
        }
        let has_peer_close = self.end == End::No && self.reader.receiver().peer_close().is_some();
        let Some(written) = self.poll_write(cx) else {
            return match (self.reader.receiver().has_ended(), has_peer_close) {
                (true, _) => Next::WaitForSender,
                (false, true) => Next::FinishWriting,
                (false, false) => Next::ReadWhileSenderIsBusy,
            };
        };
        let writes_on = has_peer_close && written.result.is_pending();
        if let Poll::Ready(Err(error)) = written.result
            && let Some(waited) = self.write_failed(error)
        {
            return Next::Return(waited);
        }
        if written.shutdown == Shutdown::Both {
            // TLS sends an alert at its end. If the peer reads slowly, there may be no space for it yet.
            let waits = !written.is_shut && self.poll_timeout().is_some();
            if !waits {
                self.over();
                return Next::Return(Outcome::End);
            }
        }
        if writes_on {
            return Next::FinishWriting;
        }
        match self.input_end.take() {
            None => Next::Read,
            // Everything before it has been received, so the end of input takes effect now.
            Some(end) => Next::Return(match self.read_ended(end.map(|()| 0), cx) {
                Ok(()) => Outcome::Progress,
                Err(error) => self.fail_with(error, cx),
            }),
        }
    }

    /// Passes signals to the sender, writes what is pending, and ends the sending direction of the stream when its time has
    /// come. `None` when the sender is busy.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Option<Written> {
        let Self { reader, link, .. } = self;
        let written = link.try_with_sending(cx, |sending, stream, cx| {
            sending.poll_serve(stream, reader.receiver_mut(), cx)
        })?;
        if written.wakes_sender {
            link.wake_sender();
        }
        Some(written)
    }

    /// As [`poll_write`](Self::poll_write), but it waits for a busy sender. What cannot be written now is written by the
    /// next call that receives, if there is one.
    #[cold]
    fn write_now(&mut self, cx: &mut Context<'_>) {
        let Self { reader, link, tally, .. } = self;
        link.with_sending(cx, |sending, stream, cx| {
            let _ = sending.poll_serve(stream, reader.receiver_mut(), cx);
            sending.watch.heard(tally);
        });
        link.wake_sender();
    }

    /// Checks the deadlines at the time of the last read: a peer that keeps us busy must not make us miss one. The input of
    /// that read has been decoded by now and counts as a sign of life, so it gets its time first. The time that we took to
    /// decode it does not count.
    #[inline(never)]
    fn check_deadlines(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let Some(read_at) = self.unchecked.take() else { return Ok(()) };
        self.poll_timeout();
        if let Err(error) = self.handle_timeout(read_at)
            && self.end == End::No
        {
            self.fail(cx);
            return Err(error.into());
        }
        Ok(())
    }

    /// Nothing more can be written.
    #[cold]
    fn write_failed(&mut self, error: Error) -> Option<Outcome> {
        match error {
            // The peer no longer reads, but what it has sent must still be delivered.
            Error::Io(error) if is_gone(error.kind()) => None,
            // The stream cannot be used any more.
            error => {
                let before = self.end;
                self.over();
                Some(if before == End::No { Outcome::Failed(error.into()) } else { Outcome::End })
            }
        }
    }

    /// A failure is returned once. Later errors are not returned.
    #[cold]
    fn fail_with(&mut self, error: Error, cx: &mut Context<'_>) -> Outcome {
        if self.end != End::No {
            return Outcome::Progress;
        }
        self.fail(cx);
        Outcome::Failed(error.into())
    }

    /// The connection has failed: writes our Close, and ends the sending direction. An application may never receive
    /// again, so this is not put off.
    #[cold]
    fn fail(&mut self, cx: &mut Context<'_>) {
        if self.end == End::No {
            self.end = End::Failed;
            self.write_now(cx);
        }
    }

    /// There is nothing more to wait for.
    fn over(&mut self) {
        self.end = End::Reported;
        self.timer.clear();
        self.link.wake_sender();
        if Watch::ON {
            let Self { reader, link, tally, .. } = self;
            let cx = &mut Context::from_waker(Waker::noop());
            let mut watch = link.with_sending(cx, |sending, _, _| take(&mut sending.watch));
            watch.heard(tally);
            watch.see(reader.receiver());
            // A subscriber may take long, or use the other half, so this runs without the lock.
            watch.end();
        }
    }

    /// Reads once. An expected end of input is no error.
    #[inline(always)]
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let mut room = self.reader.room_buf();
        let read = ready!(pin!(self.link.reading().read_buf(&mut room)).poll(cx));
        drop(room);
        match read {
            Ok(len) if len > 0 => {
                self.took_input(len);
                Poll::Ready(Ok(()))
            }
            ended => Poll::Ready(self.read_ended(ended, cx)),
        }
    }

    /// A read has brought `len` bytes, which have not been decoded yet.
    #[inline(always)]
    fn took_input(&mut self, len: usize) {
        self.reader.advance(len);
        self.tally.read(len);
        self.drained = false;
        // The time that it takes to decode the input must not count.
        self.unchecked = self.has_timeout().then(|| self.clock.elapsed());
    }

    /// A read brought nothing.
    #[cold]
    fn read_ended(&mut self, read: io::Result<usize>, cx: &mut Context<'_>) -> Result<()> {
        if matches!(&read, Err(error) if error.kind() == io::ErrorKind::Interrupted) {
            return Ok(());
        }
        let unwritable = self.link.with_sending(cx, |sending, _, _| sending.state.unwritable);
        let receiver = self.reader.receiver_mut();
        if is_reset(&read, unwritable) {
            return Ok(receiver.handle_reset()?);
        }
        match read {
            Ok(_) => Ok(receiver.handle_eof()?),
            Err(error) => {
                // The stream will not recover, so it has ended. After the peer's Close, or after a failure, that is no error.
                if receiver.handle_reset().is_ok() {
                    return Ok(());
                }
                let error = error.into();
                self.link.with_sending(cx, |sending, _, _| sending.watch.note(&error));
                Err(error)
            }
        }
    }

    /// Frees memory that is not needed during a wait.
    #[inline]
    fn release(&mut self, cx: &mut Context<'_>) {
        self.reader.release();
        let Self { link, tally, .. } = self;
        link.try_with_sending(cx, |sending, _, _| {
            sending.writer.release();
            sending.watch.heard(tally);
        });
    }
}
