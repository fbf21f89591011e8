//! Who waits on a connection: one task that reads and one that writes, which may be two.
//!
//! A transport remembers one waker for each direction, the last one that it was polled with. But who reads
//! also writes (answers, what was fed), and who is blocked in writing also reads. So a side that polls the
//! transport while the other side waits hands it a waker that wakes both.

use std::sync::Arc;
use std::task::{Wake, Waker};

/// A side of the connection that may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Whoever receives.
    Reader,
    /// Whoever sends, flushes or closes.
    Writer,
}

/// The wakers of both sides.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    reader: Waiter,
    writer: Waiter,
    /// Wakes both; made when the two are different tasks.
    both: Option<Waker>,
}

#[derive(Debug, Default)]
struct Waiter {
    /// The waker of the last call that waited.
    waker: Option<Waker>,
    /// Whether a call still waits, as far as is known: it may have been dropped.
    waiting: bool,
}

struct Both(Waker, Waker);

impl Wake for Both {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.wake_by_ref();
        self.1.wake_by_ref();
    }
}

impl Waiters {
    fn pair(&mut self, side: Side) -> (&mut Waiter, &mut Waiter) {
        match side {
            Side::Reader => (&mut self.reader, &mut self.writer),
            Side::Writer => (&mut self.writer, &mut self.reader),
        }
    }

    /// `side` is about to wait with `waker`. Returns what the transport is to be polled with instead, if the
    /// other side waits in another task.
    pub(crate) fn wait(&mut self, side: Side, waker: &Waker) -> Option<Waker> {
        let (this, other) = self.pair(side);
        this.waiting = true;
        let known = this.waker.as_ref().is_some_and(|known| known.will_wake(waker));
        if !known {
            this.waker = Some(waker.clone());
        }
        let other = match &other.waker {
            Some(other_waker) if other.waiting && !other_waker.will_wake(waker) => {
                Some(other_waker.clone())
            }
            _ => None,
        };
        if !known {
            self.both = None;
        }
        let other = other?;
        let both = || Waker::from(Arc::new(Both(waker.clone(), other)));
        Some(self.both.get_or_insert_with(both).clone())
    }

    /// `side` no longer waits.
    #[inline]
    pub(crate) fn done(&mut self, side: Side) {
        self.pair(side).0.waiting = false;
    }

    /// Something has happened that `side` may wait for.
    pub(crate) fn wake(&mut self, side: Side) {
        let (this, _) = self.pair(side);
        if this.waiting
            && let Some(waker) = &this.waker
        {
            waker.wake_by_ref();
        }
    }
}
