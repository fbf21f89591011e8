//! `atomic_waker::AtomicWaker` over loom's type.

use std::task::Waker;

/// Stands in for `atomic_waker::AtomicWaker`.
#[derive(Debug, Default)]
pub struct AtomicWaker(loom::future::AtomicWaker);

impl AtomicWaker {
    /// See `atomic_waker::AtomicWaker::register`.
    pub fn register(&self, waker: &Waker) {
        self.0.register_by_ref(waker);
    }

    /// See `atomic_waker::AtomicWaker::wake`.
    pub fn wake(&self) {
        self.0.wake();
    }
}
