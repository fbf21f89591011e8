//! The receiver's side: its loop is that of the whole WebSocket (`engine.rs`), but what is written goes through
//! what the halves share.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use fullduplex::{Chunk, Endpoint, Message, MessageRef, Reader, Receiver, Shutdown};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::clock::Clock;
use crate::config::WebSocketConfig;
use crate::engine::{End, Engine, EngineParts, InputEnd, Waited, is_gone};
use crate::error::{Error, Result};
use crate::guard::Farewell;
use crate::halves::held::Held;
use crate::halves::shared::{SendingSide, Shared};
use crate::into_halves::IntoHalves;
use crate::outlet::Progress;
use crate::timer::Timer;
use crate::waiters::Side;

/// Receiving, and what it is read from.
pub(super) struct ReceivingSide<S: IntoHalves> {
    stream: S::Reading,
    reader: Reader,
    shared: Arc<Shared<S::Writing>>,
    clock: Clock,
    timer: Timer,
    held: Held,
    input_end: InputEnd,
    config: Box<WebSocketConfig>,
    end: End,
    /// Whether nothing more will come from the transport, or is waited for.
    ended: bool,
    /// As in `Engine`.
    unchecked: Option<Duration>,
}

/// A message that was found and can be lent.
#[derive(Debug)]
pub(super) enum Found {
    /// It lies in the receive buffer.
    Here,
    /// It lies in `held`: the sender had to know of it first.
    Held,
}

/// What came of an attempt to write.
struct Written {
    result: Poll<Result<()>>,
    pending: bool,
    /// Whether the sender's direction of the transport has been ended.
    is_shut: bool,
}

impl<S: IntoHalves> ReceivingSide<S> {
    pub(super) fn receiver(&self) -> &Receiver {
        self.reader.receiver()
    }

    pub(super) fn stream(&self) -> &S::Reading {
        &self.stream
    }

    pub(super) fn is_of(&self, shared: &Arc<Shared<S::Writing>>) -> bool {
        Arc::ptr_eq(&self.shared, shared)
    }

    pub(super) fn is_terminated(&self) -> bool {
        self.end == End::Told && !self.held.is_kept()
    }

    /// Takes an engine apart.
    pub(super) fn of(engine: Engine<S>) -> (Self, Arc<Shared<S::Writing>>) {
        let mut parts = engine.into_parts();
        let ended = parts.end == End::Told || parts.endpoint.shutdown() == Shutdown::Both;
        let (reader, writer) = parts.endpoint.split();
        let (reading, writing) = parts.stream.into_halves();
        let write_buffer_size = parts.config.write_buffer_size;
        let sending = SendingSide::new(writing, writer, parts.outlet, write_buffer_size);
        let shared = Shared::new(sending);
        let receiving = Self {
            stream: reading,
            reader,
            shared: Arc::clone(&shared),
            clock: parts.clock,
            timer: parts.timer,
            held: Held::default(),
            input_end: parts.input_end,
            config: Box::new(parts.config),
            end: parts.end,
            ended,
            unchecked: parts.unchecked,
        };
        (receiving, shared)
    }

    /// An engine of both sides; `None` if the other half still has the sending one.
    pub(super) fn into_engine(self) -> Option<Box<Engine<S>>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let sending = self.shared.into_sending()?;
        let mut endpoint = Endpoint::join(self.reader, sending.writer);
        if self.ended {
            // Whatever is missing at this end was told.
            let _ = endpoint.handle_eof();
        }
        Some(Engine::from_parts(EngineParts {
            stream: S::from_halves(self.stream, sending.stream)?,
            endpoint,
            config: *self.config,
            outlet: sending.outlet,
            clock: self.clock,
            timer: self.timer,
            input_end: self.input_end,
            end: self.end,
            unchecked: self.unchecked,
        }))
    }

    /// Returns the next item that `find` finds in the receive buffer; `None` at the end. A control frame or a failure
    /// is held back until the sender has been told of it.
    #[inline]
    fn poll_next<T>(
        &mut self,
        cx: &mut Context<'_>,
        find: impl Fn(&mut Self) -> Result<Option<T>, fullduplex::Error>,
        is_control: impl Fn(&T) -> bool,
        hold: impl Fn(&mut Self, T),
        take_held: impl Fn(&mut Self) -> Option<Result<T>>,
    ) -> Poll<Option<Result<T>>> {
        loop {
            if self.held.is_kept() {
                ready!(self.poll_tell(cx));
                if let Some(item) = take_held(self) {
                    return Poll::Ready(Some(item));
                }
            }
            match find(self) {
                Ok(Some(found)) if self.reader.receiver().has_signals() && is_control(&found) => {
                    hold(self, found);
                }
                Ok(Some(found)) => return Poll::Ready(Some(Ok(found))),
                Ok(None) => match ready!(self.poll_input(cx)) {
                    Waited::Progress => {}
                    Waited::End => return Poll::Ready(None),
                    Waited::Failed(error) => self.held.keep(Err(*error)),
                },
                Err(error) => self.fail(error.into()),
            }
        }
    }

    /// Takes what was held back, for a caller that asks for a message: a message that is being received in pieces is
    /// given up.
    #[cold]
    fn take_held(&mut self) -> Option<Result<Message>> {
        self.reader.give_up_message();
        self.held.take()
    }

    /// The next message or control frame; `None` at the end.
    #[inline]
    pub(super) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message>>> {
        self.poll_next(
            cx,
            |side| side.reader.poll_owned(),
            |message| !matches!(message, Message::Text(_) | Message::Binary(_)),
            |side, message| side.held.keep(Ok(message)),
            Self::take_held,
        )
    }

    /// The next piece of a message, or a control frame; `None` at the end.
    pub(super) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Chunk>>> {
        self.poll_next(
            cx,
            |side| side.reader.poll_chunk(),
            |chunk| matches!(chunk, Chunk::Control(_)),
            |side, chunk| {
                if let Chunk::Control(message) = chunk {
                    side.held.keep(Ok(message));
                }
            },
            |side| Some(side.held.take()?.map(Chunk::Control)),
        )
    }

    /// Finds the next message or control frame, to be [lent](Self::lend); `None` at the end.
    #[inline]
    pub(super) fn poll_found(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Found>>> {
        self.poll_next(
            cx,
            |side| Ok(side.reader.find()?.then_some(Found::Here)),
            // Whoever has signals has found a control frame.
            |found| matches!(found, Found::Here),
            |side, found| {
                let message = side.lend(found).map(|lent| lent.map(MessageRef::to_message));
                if let Some(message) = message {
                    side.held.keep(message);
                }
            },
            |side| {
                Some(side.take_held()?.map(|message| {
                    side.held.lend(message);
                    Found::Held
                }))
            },
        )
    }

    /// Lends what was found.
    ///
    /// # Errors
    /// For text that is not UTF-8. The next call tells the peer.
    #[inline]
    pub(super) fn lend(&mut self, found: Found) -> Option<Result<MessageRef<'_>>> {
        match (found, self.held.lent()) {
            (Found::Here, _) => Some(self.reader.message().transpose()?.map_err(Error::from)),
            (Found::Held, Some(message)) => Some(Ok(message.as_message_ref())),
            (Found::Held, None) => unreachable!("it is lent as long as nothing else is asked for"),
        }
    }

    /// Tells the sender what it has to hear of. Ready when that was told.
    fn poll_tell(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.reader.receiver().has_signals() {
            return Poll::Ready(());
        }
        self.shared.register(Side::Reader, cx.waker());
        let told = if self.reader.receiver().may_send() {
            // Each Ping has its Pong: a later one would take the place of one that still waits.
            let Self { reader, shared, .. } = self;
            shared.with(Side::Reader, |side, _| {
                side.exchange(reader.receiver_mut());
                // An answer that cannot be masked stays queued, and a write tells.
                let _ = side.writer.queue_answers();
            })
        } else {
            // Nothing follows the peer's Close or a failure, so an application may never receive again. What
            // cannot be written now is written by the next call.
            self.write_out().map(drop)
        };
        told.map_or(Poll::Pending, Poll::Ready)
    }

    /// Writes what is pending, ends the transport if its time has come, else reads.
    #[inline(never)]
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<Waited> {
        if self.end == End::Told {
            return Poll::Ready(Waited::End);
        }
        self.shared.register(Side::Reader, cx.waker());
        if let Err(error) = self.check_deadlines() {
            return Poll::Ready(Waited::Failed(error.into()));
        }
        loop {
            // Whoever writes just now wakes us when he is done. The peer may have to be read before it reads.
            let written = self.write_out();
            let knows_progress = written.is_some();
            // As in `Engine::shut_down`.
            let is_over = written.as_ref().is_some_and(|written| written.is_shut)
                || !self.reader.receiver().has_timeout()
                || self.reader.receiver_mut().poll_timeout(self.clock.elapsed()).is_none();
            // As in `Engine::writes_last_words`.
            let writes_last_words = self.end == End::No
                && self.reader.receiver().peer_close().is_some()
                && written.as_ref().is_none_or(|written| written.result.is_pending());
            let pending = match written {
                Some(Written { result: Poll::Ready(Err(error)), .. }) => match error {
                    // It reads no more; what it has sent is still to be delivered.
                    Error::Io(error) if is_gone(error.kind()) => true,
                    error => return Poll::Ready(self.give_up(error)),
                },
                Some(written) => written.pending,
                // The sender is still to be told of the end.
                None if self.ended => return Poll::Pending,
                None => true,
            };
            if self.ended
                || (!pending && is_over && self.reader.receiver().shutdown() == Shutdown::Both)
            {
                self.end = End::Told;
                self.timer.clear();
                return Poll::Ready(Waited::End);
            }
            if !writes_last_words && let Poll::Ready(read) = self.poll_fill(cx) {
                return Poll::Ready(match read {
                    Ok(()) => Waited::Progress,
                    Err(error) => self.tell(error),
                });
            }
            self.reader.release();
            if !knows_progress {
                // The sender may have seen that the peer reads. It wakes us when it is done.
                return Poll::Pending;
            }
            match ready!(self.poll_timer(cx)) {
                Ok(()) => {}
                Err(error) => return Poll::Ready(self.tell(error)),
            }
        }
    }

    /// Lets both halves know what the other one knows, writes what is pending, and ends the sending direction
    /// when its time has come. `None` when the sender is at it just now.
    fn write_out(&mut self) -> Option<Written> {
        let Self { reader, shared, ended, .. } = self;
        let conn = reader.receiver_mut();
        let (written, news) = shared.with(Side::Reader, |side, cx| {
            let news = side.exchange(conn) || *ended != side.ended;
            side.ended = *ended;
            let result = side.poll_write_out(cx);
            // Our Close may have been written.
            if side.writer.sender().has_signals() {
                side.exchange(conn);
            }
            let pending = side.writer.pending() > 0;
            if *ended || (!pending && conn.shutdown() != Shutdown::No) {
                side.outlet.shut(&mut side.stream, cx);
            }
            if !pending {
                side.writer.release();
            }
            let progress = side.outlet.take_progress();
            if progress == Progress::Resumed {
                conn.handle_write_progress();
            }
            let is_shut = side.outlet.is_shut();
            (Written { result, pending, is_shut }, news || progress != Progress::None)
        })?;
        if news {
            shared.wake(Side::Writer);
        }
        Some(written)
    }

    /// See `Engine::check_deadlines`.
    fn check_deadlines(&mut self) -> Result<()> {
        let Some(read_at) = self.unchecked.take() else { return Ok(()) };
        self.reader.receiver_mut().poll_timeout(self.clock.elapsed());
        if let Err(error) = self.handle_timeout(read_at)
            && self.end == End::No
        {
            self.end = End::Failed;
            return Err(error.into());
        }
        Ok(())
    }

    fn handle_timeout(&mut self, now: Duration) -> Result<(), fullduplex::Error> {
        if self.reader.receiver_mut().poll_timeout(now).is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        let result = self.reader.receiver_mut().handle_timeout(now);
        // Once the connection is over, the one thing still waited for is the transport's end.
        self.ended |= self.reader.receiver().is_closed();
        result
    }

    /// The connection has failed, which is told once the sender knows.
    fn fail(&mut self, error: Error) {
        if self.end == End::No {
            self.end = End::Failed;
            self.held.keep(Err(error));
        }
    }

    /// A failure is told once; what comes of the last words is not.
    #[cold]
    fn tell(&mut self, error: Error) -> Waited {
        if self.end != End::No {
            return Waited::Progress;
        }
        self.end = End::Failed;
        Waited::Failed(error.into())
    }

    /// The transport is of no use any more.
    #[cold]
    fn give_up(&mut self, error: Error) -> Waited {
        let told = std::mem::replace(&mut self.end, End::Told);
        self.timer.clear();
        if told == End::No { Waited::Failed(error.into()) } else { Waited::End }
    }

    /// Reads once. The errors are those that are to be told; an end that was to be expected is none.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if let Some(end) = self.input_end.take() {
            return Poll::Ready(self.read_ended(end.map(|()| 0)));
        }
        let mut room = self.reader.room_buf();
        let read = ready!(pin!(self.stream.read_buf(&mut room)).poll(cx));
        drop(room);
        match read {
            Ok(len) if len > 0 => {
                self.reader.advance(len);
                self.unchecked = self.reader.receiver().has_timeout().then(|| self.clock.elapsed());
                Poll::Ready(Ok(()))
            }
            ended => Poll::Ready(self.read_ended(ended)),
        }
    }

    /// A read brought nothing.
    #[cold]
    fn read_ended(&mut self, read: io::Result<usize>) -> Result<()> {
        let ended = match read {
            // A reset that a write was told of comes as an end of input here.
            Ok(_) if self.shared.wait_with(Side::Reader, |side, _| side.outlet.unwritable) => {
                self.reader.receiver_mut().handle_reset()
            }
            Ok(_) => self.reader.receiver_mut().handle_eof(),
            Err(error) if is_gone(error.kind()) => self.reader.receiver_mut().handle_reset(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => {
                // Nothing is to be expected of such a stream: the next call finds the end.
                let _ = self.reader.receiver_mut().handle_reset();
                self.ended = true;
                return Err(error.into());
            }
        };
        self.ended = true;
        Ok(ended?)
    }

    /// Waits for the next deadline, and does what is due then.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let clock = self.clock;
        let runs = self.reader.receiver().has_timeout() && !self.ended;
        let deadline =
            if runs { self.reader.receiver_mut().poll_timeout(clock.elapsed()) } else { None };
        let Some(deadline) = deadline.and_then(|at| clock.instant(at)) else {
            self.timer.clear();
            return Poll::Pending;
        };
        ready!(self.timer.poll(deadline, cx));
        Poll::Ready(Ok(self.handle_timeout(clock.elapsed())?))
    }
}

/// What the sender was not told yet, it is told when the receiver is dropped.
impl<S: IntoHalves> Farewell for ReceivingSide<S> {
    fn say_farewell(&mut self) {
        if !self.reader.receiver().has_signals() || std::thread::panicking() {
            return;
        }
        let Self { reader, shared, .. } = self;
        shared.wait_with(Side::Reader, |side, cx| {
            side.exchange(reader.receiver_mut());
            // What cannot be written now is written by the sender.
            let _ = side.poll_write_out(cx);
        });
        shared.wake(Side::Writer);
    }
}
