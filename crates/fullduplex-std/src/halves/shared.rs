//! What the two halves of a WebSocket share: the sending side with its stream, because the receiver writes answers, and a
//! mailbox.
//!
//! The sender may hold the sending side while it is blocked in a write, so the receiver never waits for the sending side: it
//! only tries to take it, and holds it for no longer than the shortest wait of a write that makes no progress. The signals
//! between the halves go into the mailbox, which is locked only for an assignment.
//!
//! No signal of the receiver is lost. The receiver first puts it into the mailbox, then tries to take the sending side. The
//! sender first gives the sending side back, then looks into the mailbox.
//!
//! 1. The receiver can take the sending side. Then it delivers the signal itself.
//! 2. It cannot, because the sender has not given the sending side back. The signal is in the mailbox by then, so the sender
//!    finds it when it looks after giving the sending side back. The sender then tries to take the sending side once more,
//!    to deliver the signal. If it cannot, the receiver has taken the sending side, and this is case 1.
//!
//! The sender puts its own signals into the mailbox before it gives the sending side back. The receiver looks before each
//! wait for input, and no such wait is longer than [`MOST_READ`](super::receiving::MOST_READ).

use std::mem::take;
use std::sync::{Arc, PoisonError, TryLockError};
use std::time::Duration;

use fullduplex::{Receiver, SendError, Signals, Writer};

use crate::entropy::OsEntropy;
use crate::error::{Error, Result};
use crate::guard::Guard;
use crate::sending::{Sending, Wrote, broken_pipe};
use crate::socket::into_halves::IntoHalves;
use crate::socket::operations::SHORTEST;
use crate::sync::{Mutex, MutexGuard};
use crate::transport::{NoDeadline, Transport};

/// The longest wait of the sender in a blocked write, before it looks into the mailbox: a Pong may be due, or the connection
/// may have failed. It is short against every sensible timeout for a Pong, which is postponed while a blocked write makes
/// progress.
const MOST_WRITE: Duration = Duration::from_millis(100);

/// What one half has left for the other.
#[derive(Default)]
struct Mail {
    for_sender: Option<Signals>,
    /// The signals, and when the first of them was left.
    for_receiver: Option<(Signals, Duration)>,
    /// For the receiver: a blocked write has made progress.
    write_went_on: bool,
    /// For the sender: the receiver no longer waits for anything.
    ended: bool,
}

/// The [`Mail`] for both halves, behind a lock.
#[derive(Default)]
struct Mailbox(Mutex<Mail>);

impl Mailbox {
    fn open(&self) -> MutexGuard<'_, Mail> {
        // A panic cannot leave the mail inconsistent, because the lock is only held for assignments.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sending direction of the connection and of its stream.
pub(super) struct SendingSide<S> {
    pub(super) sending: Sending,
    pub(super) transport: Transport<S>,
    /// Whether the receiver no longer waits for anything.
    pub(super) ended: bool,
    mailbox: Arc<Mailbox>,
}

impl<S: IntoHalves> SendingSide<S> {
    /// Handles the signals that the receiver has left.
    pub(super) fn hear(&mut self) {
        let mut mail = self.mailbox.open();
        let (signals, ended) = (mail.for_sender.take(), mail.ended);
        drop(mail);
        self.ended |= ended;
        if let Some(signals) = signals {
            self.sending.writer.sender_mut().handle_signals(signals);
            // If an answer cannot be masked, it stays queued, and the next write returns the error.
            let _ = self.sending.writer.queue_answers();
        }
    }

    /// Leaves signals for the receiver.
    fn tell(&mut self) {
        let Some(signals) = self.sending.writer.sender_mut().signals() else { return };
        let now = self.transport.elapsed();
        let mut mail = self.mailbox.open();
        match &mut mail.for_receiver {
            Some((earlier, _)) => earlier.merge(signals),
            none => *none = Some((signals, now)),
        }
    }

    /// Whether the connection has failed, or its end has come. Then what is pending no longer matters.
    fn is_over(&self) -> bool {
        self.ended || self.sending.writer.sender().has_failed()
    }

    /// # Errors
    /// Why nothing can be sent any more.
    pub(super) fn check_open(&self) -> Result<()> {
        if self.is_over() {
            Err(Error::AlreadyClosed)
        } else if self.transport.unwritable {
            Err(broken_pipe())
        } else {
            Ok(())
        }
    }

    /// Writes everything that is pending, and flushes the stream.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub(super) fn write_out(&mut self) -> Result<()> {
        if self.ended {
            return Err(Error::AlreadyClosed);
        }
        loop {
            self.hear();
            if self.is_over() && self.sending.writer.pending() > 0 {
                return Err(Error::AlreadyClosed);
            }
            if self.transport.unwritable {
                return Err(broken_pipe());
            }
            match self.write_once(MOST_WRITE) {
                Ok(None) => {}
                Ok(Some(())) => return Ok(()),
                Err(error) => {
                    // The receiver ends the stream when the connection is over.
                    self.hear();
                    return Err(if self.is_over() { Error::AlreadyClosed } else { error });
                }
            }
        }
    }

    /// Sends, and once more after a write if the buffer was full.
    ///
    /// # Errors
    /// As [`check_open`](Self::check_open), as `send`, and as [`write_out`](Self::write_out), unless that would block.
    pub(super) fn send_with_room(
        &mut self,
        mut send: impl FnMut(&mut Writer<OsEntropy>) -> Result<(), SendError>,
    ) -> Result<()> {
        self.check_open()?;
        match send(&mut self.sending.writer) {
            Err(SendError::WriteBufferFull) => {}
            other => return Ok(other?),
        }
        match self.write_out() {
            // The stream may have taken enough.
            Err(error) if error.would_block() => {}
            other => other?,
        }
        Ok(send(&mut self.sending.writer)?)
    }

    /// Writes what the stream takes at once, unless the receiver has ended the stream. The next call that writes returns the
    /// error, if there is one.
    pub(super) fn write_briefly(&mut self) {
        while !self.ended && !self.transport.unwritable && self.sending.writer.pending() > 0 {
            let before = self.sending.writer.pending();
            if self.write_once(SHORTEST).is_err() || self.sending.writer.pending() >= before {
                return;
            }
        }
    }

    /// One write, which waits for `most` at most; `Some` when nothing is left to write.
    fn write_once(&mut self, most: Duration) -> Result<Option<()>> {
        self.sending.writer.queue_answers()?;
        self.tell();
        self.transport.limit_wait(&mut NoDeadline, Some(most))?;
        match self.sending.write_once(&mut self.transport.stream) {
            Ok(Wrote::Flushed) => return Ok(Some(())),
            Ok(Wrote::Bytes { went_on }) => {
                if went_on {
                    self.mailbox.open().write_went_on = true;
                }
            }
            Err(error) => self.transport.write_failed(error, &mut NoDeadline)?,
        }
        Ok(None)
    }
}

/// The sending side, behind a lock for both halves, and the mailbox.
pub(super) struct Shared<S> {
    side: Mutex<Guard<SendingSide<S>>>,
    mailbox: Arc<Mailbox>,
}

impl<S: IntoHalves> Shared<S> {
    pub(super) fn new(sending: Sending, transport: Transport<S>, ended: bool) -> Arc<Self> {
        let mailbox = Arc::<Mailbox>::default();
        let side = SendingSide { sending, transport, ended, mailbox: Arc::clone(&mailbox) };
        // This runs when both halves are dropped.
        let side = Guard::new(side, |side| {
            side.hear();
            if !side.ended {
                side.sending.say_goodbye(&mut side.transport);
            }
        });
        Arc::new(Self { side: Mutex::new(side), mailbox })
    }

    /// Uses the sending side, for the receiver; `None` when the sender has it.
    pub(super) fn try_with<T>(&self, f: impl FnOnce(&mut SendingSide<S>) -> T) -> Option<T> {
        let mut side = self.try_take()?;
        side.hear();
        Some(f(&mut side))
    }

    /// Uses the sending side, for the sender, once the receiver has finished a short write.
    pub(super) fn with<T>(&self, f: impl FnOnce(&mut SendingSide<S>) -> T) -> T {
        let mut side = self.side.lock().unwrap_or_else(PoisonError::into_inner);
        side.hear();
        let result = f(&mut side);
        loop {
            side.tell();
            drop(side);
            if self.mailbox.open().for_sender.is_none() {
                return result;
            }
            // The receiver found the side taken, so its answer is written here.
            let Some(again) = self.try_take() else { return result };
            side = again;
            side.hear();
            side.write_briefly();
        }
    }

    fn try_take(&self) -> Option<MutexGuard<'_, Guard<SendingSide<S>>>> {
        match self.side.try_lock() {
            Ok(taken) => Some(taken),
            // The stream has panicked. If it no longer works, its next call returns an error.
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Leaves the receiver's signals for the sender, and passes the signals that the sender has left to the receiver.
    pub(super) fn exchange(&self, receiver: &mut Receiver) {
        let signals = receiver.signals();
        let mut mail = self.mailbox.open();
        if let Some(signals) = signals {
            match &mut mail.for_sender {
                Some(earlier) => earlier.merge(signals),
                none => *none = Some(signals),
            }
        }
        let (reported, write_went_on) = (mail.for_receiver.take(), take(&mut mail.write_went_on));
        drop(mail);
        if let Some((signals, at)) = reported {
            receiver.handle_signals(signals);
            // The wait for the peer's Close began when our Close was written, and not now.
            receiver.poll_timeout(at);
        }
        if write_went_on {
            receiver.handle_write_progress();
        }
    }

    /// Notes for the sender that the connection is over.
    pub(super) fn end(&self) {
        self.mailbox.open().ended = true;
    }

    /// The sending side, if this is the last handle to it.
    pub(super) fn into_side(self: Arc<Self>) -> Option<SendingSide<S>> {
        let side = Arc::into_inner(self)?.side.into_inner();
        let mut side = side.unwrap_or_else(PoisonError::into_inner).into_inner();
        side.hear();
        Some(side)
    }
}
