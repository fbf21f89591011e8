//! What the two halves of a WebSocket share: the sending side with its transport, because the receiver writes answers.
//!
//! If a half finds the sending side taken, it notes that it wants it, and is woken when the sending side is free. Only a
//! call that cannot be put off waits for the lock, which is never held for longer than encoding or a write that does not
//! block. Receiving is not in here, because only one half does it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, TryLockError};
use std::task::{Context, Wake, Waker};

use tokio::io::AsyncWrite;

use crate::guard::Guard;
use crate::sending::Sending;
use crate::sync::{AtomicBool, AtomicWaker, Mutex, MutexGuard};
use crate::waiters::Side;

/// The sending direction, and what it is written to.
pub(super) struct SendingSide<W> {
    pub(super) stream: W,
    pub(super) sending: Sending,
}

/// The wakers of both halves, for when something can be written, or has happened on the other side.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    receiver: AtomicWaker,
    sender: AtomicWaker,
}

impl Wakers {
    fn of(&self, side: Side) -> &AtomicWaker {
        match side {
            Side::Reader => &self.receiver,
            Side::Writer => &self.sender,
        }
    }
}

/// A transport remembers one waker, and both halves may wait for it.
impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.sender.wake();
        self.receiver.wake();
    }
}

/// The sending side, behind a lock for both halves.
pub(super) struct Shared<W> {
    sending: Mutex<Guard<SendingSide<W>>>,
    wakers: Arc<Wakers>,
    /// The waker that the transport is polled with. It wakes both halves.
    waker: Waker,
    /// Whether the receiver, and whether the sender, has found the sending side taken.
    wanted: [AtomicBool; 2],
}

impl<W: AsyncWrite + Unpin> Shared<W> {
    pub(super) fn new(sending: SendingSide<W>) -> Arc<Self> {
        let wakers = Arc::<Wakers>::default();
        // It runs when both halves are dropped.
        let guard = Guard::new(sending, |side| side.sending.say_goodbye(&mut side.stream));
        Arc::new(Self {
            sending: Mutex::new(guard),
            waker: Waker::from(Arc::clone(&wakers)),
            wakers,
            wanted: Default::default(),
        })
    }
}

impl<W> Shared<W> {
    /// `side` is about to wait with `waker`.
    pub(super) fn register(&self, side: Side, waker: &Waker) {
        self.wakers.of(side).register(waker);
    }

    /// Something has happened that `side` may wait for.
    pub(super) fn wake(&self, side: Side) {
        self.wakers.of(side).wake();
    }

    fn wanted(&self, side: Side) -> &AtomicBool {
        let [receiver, sender] = &self.wanted;
        match side {
            Side::Reader => receiver,
            Side::Writer => sender,
        }
    }

    fn try_take(&self) -> Option<MutexGuard<'_, Guard<SendingSide<W>>>> {
        match self.sending.try_lock() {
            Ok(taken) => Some(taken),
            // The transport has panicked. If it no longer works, its next call returns an error.
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Uses the sending side, for `side`, with the context to poll its transport with. `None` when the other half has it
    /// now: that half then wakes the waker that was [registered](Self::register) for `side`.
    #[inline]
    pub(super) fn try_with<T>(
        &self,
        side: Side,
        f: impl FnOnce(&mut SendingSide<W>, &mut Context<'_>) -> T,
    ) -> Option<T> {
        let taken = match self.try_take() {
            Some(taken) => taken,
            None => {
                // The half that has the sending side swaps `wanted` after it has unlocked. If our swap comes first, that
                // half sees that it is wanted, and wakes us. If our swap comes second, the lock is free by now, and the
                // next try takes it.
                self.wanted(side).swap(true, Ordering::AcqRel);
                self.try_take()?
            }
        };
        Some(self.use_taken(side, taken, f))
    }

    /// As [`try_with`](Self::try_with), but waits until the other half has finished encoding, or a write that does not block.
    /// It is for calls that cannot be put off.
    pub(super) fn with<T>(
        &self,
        side: Side,
        f: impl FnOnce(&mut SendingSide<W>, &mut Context<'_>) -> T,
    ) -> T {
        let taken = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        self.use_taken(side, taken, f)
    }

    #[inline]
    fn use_taken<T>(
        &self,
        side: Side,
        mut taken: MutexGuard<'_, Guard<SendingSide<W>>>,
        f: impl FnOnce(&mut SendingSide<W>, &mut Context<'_>) -> T,
    ) -> T {
        let result = f(&mut taken, &mut Context::from_waker(&self.waker));
        drop(taken);
        if self.wanted(side.other()).swap(false, Ordering::AcqRel) {
            self.wake(side.other());
        }
        result
    }

    /// The sending side, if this is the last handle to it.
    pub(super) fn into_sending(self: Arc<Self>) -> Option<SendingSide<W>> {
        let shared = Arc::into_inner(self)?;
        let sending = shared.sending.into_inner().unwrap_or_else(PoisonError::into_inner);
        Some(sending.into_inner())
    }
}
