//! What the two halves of a WebSocket share: the sending side with its stream, for the receiver has answers to write as
//! well; and a mailbox.
//!
//! A half may hold the sending side while it is blocked in a write, so the other half never waits for it: the receiver only
//! tries to take it, and holds it itself for no longer than the shortest wait of a write that makes no progress. What the
//! halves have to tell each other goes into the mailbox, whose lock is only held for an assignment.
//!
//! No signal of the receiver is lost. The receiver first puts it into the mailbox, then tries to take the sending side. The
//! sender first gives the sending side back, then looks into the mailbox.
//!
//! 1. The receiver can take the sending side: it delivers what is in the mailbox itself.
//! 2. It cannot, so the sender has it, and has not given it back. The signal was put into the mailbox before, so the sender
//!    finds it there when it looks after that. It tries to take the sending side once more to deliver it. If it cannot, the
//!    receiver has come again, and this is case 1.
//!
//! What the sender has to tell is put into the mailbox before the sending side is given back. The receiver looks before each
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

/// The longest wait of the sender for room to write, before it looks into the mailbox: a Pong is due by then, or the
/// connection has failed. It is short against every sensible waiting time for a Pong, which is put off while a blocked write
/// goes on.
const MOST_WRITE: Duration = Duration::from_millis(100);

/// What one half has left for the other.
#[derive(Default)]
struct Mail {
    for_sender: Option<Signals>,
    /// And when the first of them was left.
    for_receiver: Option<(Signals, Duration)>,
    /// For the receiver: a write that was blocked has gone on.
    write_went_on: bool,
    /// For the sender: nothing is waited for any more.
    ended: bool,
}

/// See [`Mail`].
#[derive(Default)]
struct Mailbox(Mutex<Mail>);

impl Mailbox {
    fn open(&self) -> MutexGuard<'_, Mail> {
        // Nothing in it can be half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sending direction of the connection and of its stream.
pub(super) struct SendingSide<S> {
    pub(super) sending: Sending,
    pub(super) transport: Transport<S>,
    /// Whether the receiver waits for nothing any more.
    pub(super) ended: bool,
    mailbox: Arc<Mailbox>,
}

impl<S: IntoHalves> SendingSide<S> {
    /// Takes in what the receiver has left.
    pub(super) fn hear(&mut self) {
        let mut mail = self.mailbox.open();
        let (signals, ended) = (mail.for_sender.take(), mail.ended);
        drop(mail);
        self.ended |= ended;
        if let Some(signals) = signals {
            self.sending.writer.sender_mut().handle_signals(signals);
            // An answer that cannot be masked stays queued, and a write tells.
            let _ = self.sending.writer.queue_answers();
        }
    }

    /// Leaves what the receiver has to hear.
    fn tell(&mut self) {
        let Some(signals) = self.sending.writer.sender_mut().signals() else { return };
        let now = self.transport.elapsed();
        let mut mail = self.mailbox.open();
        match &mut mail.for_receiver {
            Some((earlier, _)) => earlier.merge(signals),
            none => *none = Some((signals, now)),
        }
    }

    /// Whether the connection has failed, or its end has come: it does not matter any more what is pending.
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

    /// Writes what the stream takes at once, unless the receiver has ended the stream. An error is told by the next call
    /// that writes.
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
            Ok(Wrote::Bytes { went_on, .. }) => {
                if went_on {
                    self.mailbox.open().write_went_on = true;
                }
            }
            Err(error) => self.transport.write_failed(error, &mut NoDeadline)?,
        }
        Ok(None)
    }
}

/// The sending side, for whichever half comes first, and the mailbox.
pub(super) struct Shared<S> {
    side: Mutex<Guard<SendingSide<S>>>,
    mailbox: Arc<Mailbox>,
}

impl<S: IntoHalves> Shared<S> {
    pub(super) fn new(sending: Sending, transport: Transport<S>, ended: bool) -> Arc<Self> {
        let mailbox = Arc::<Mailbox>::default();
        let side = SendingSide { sending, transport, ended, mailbox: Arc::clone(&mailbox) };
        // When both halves are gone.
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

    /// Uses the sending side, for the sender, once the receiver has come back from a short write.
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
            // A stream has panicked. It may be of no use any more, which it will tell.
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Leaves what the sender has to hear, and lets the receiver hear what was left for it.
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
            // The wait for the peer's Close began with ours, not now.
            receiver.poll_timeout(at);
        }
        if write_went_on {
            receiver.handle_write_progress();
        }
    }

    /// Lets the sender know that the connection is over.
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
