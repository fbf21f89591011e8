//! The tasks that wait on a connection: one that reads and one that writes. Both may be the same task.
//!
//! A transport remembers one waker for each direction, the last one that it was polled with. But a task that reads also
//! writes (answers, and what was fed), and a task that is blocked in a write also reads. So if both sides wait, the
//! transport is polled with a waker that wakes both tasks.

#[cfg(all(test, fullduplex_loom))]
mod model;

use std::sync::Arc;
use std::task::{Wake, Waker};

/// A side of the connection that may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The side that receives.
    Reader,
    /// The side that sends, flushes or closes.
    Writer,
}

impl Side {
    #[inline]
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Reader => Self::Writer,
            Self::Writer => Self::Reader,
        }
    }
}

/// The wakers of both sides, from their last calls that waited, and whether these still wait. If the future of a call was
/// dropped, this is not known, and the call counts as waiting.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// It wakes both, and is made when they are different tasks.
    both: Option<Waker>,
    reader_waits: bool,
    writer_waits: bool,
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
    /// The waker of `side`, and whether it waits.
    #[inline]
    fn side(&mut self, side: Side) -> (&mut Option<Waker>, &mut bool) {
        match side {
            Side::Reader => (&mut self.reader, &mut self.reader_waits),
            Side::Writer => (&mut self.writer, &mut self.writer_waits),
        }
    }

    /// `side` is about to wait with `waker`. If the other side waits in another task, it returns the waker to poll the
    /// transport with instead.
    #[inline]
    pub(crate) fn wait(&mut self, side: Side, waker: &Waker) -> Option<Waker> {
        let (known, waits) = self.side(side);
        *waits = true;
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            self.know(side, waker);
        }
        if self.is_waiting(side.other()) { self.both(side, waker) } else { None }
    }

    #[inline(never)]
    fn know(&mut self, side: Side, waker: &Waker) {
        *self.side(side).0 = Some(waker.clone());
        self.both = None;
    }

    /// A waker that wakes `waker`, of `side`, and the waker of the other side, if that is another task.
    #[inline(never)]
    fn both(&mut self, side: Side, waker: &Waker) -> Option<Waker> {
        let other = match side {
            Side::Reader => &self.writer,
            Side::Writer => &self.reader,
        };
        let other = other.as_ref().filter(|other| !other.will_wake(waker))?;
        let both = || Waker::from(Arc::new(Both(waker.clone(), other.clone())));
        Some(self.both.get_or_insert_with(both).clone())
    }

    /// Whether `side` may wait.
    #[inline]
    pub(crate) fn is_waiting(&self, side: Side) -> bool {
        match side {
            Side::Reader => self.reader_waits,
            Side::Writer => self.writer_waits,
        }
    }

    /// `side` no longer waits.
    #[inline]
    pub(crate) fn done(&mut self, side: Side) {
        *self.side(side).1 = false;
    }

    /// Something has happened that `side` may wait for.
    #[inline]
    pub(crate) fn wake(&mut self, side: Side) {
        if let (Some(waker), true) = self.side(side) {
            waker.wake_by_ref();
        }
    }
}
