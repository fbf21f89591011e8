//! `atomic_waker::AtomicWaker`, by loom's.

use std::task::Waker;

/// As `atomic_waker::AtomicWaker`.
#[derive(Debug, Default)]
pub struct AtomicWaker(loom::future::AtomicWaker);

impl AtomicWaker {
    /// As there.
    pub fn register(&self, waker: &Waker) {
        self.0.register_by_ref(waker);
    }

    /// As there.
    pub fn wake(&self) {
        self.0.wake();
    }
}
