//! A clock that advances only while a thread sleeps.

use std::cell::Cell;
use std::time::Duration;

thread_local! {
    /// A thread-local is enough, because all threads of a model are coroutines of one thread.
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Stands in for `std::time::Instant`.
#[derive(Clone, Copy, Debug)]
pub struct Instant(Duration);

impl Instant {
    /// See [`std::time::Instant::now`].
    #[must_use]
    pub fn now() -> Self {
        Self(NOW.get())
    }

    /// See [`std::time::Instant::elapsed`].
    #[must_use]
    pub fn elapsed(self) -> Duration {
        NOW.get() - self.0
    }
}

/// Stands in for `std::thread::sleep`: the other threads run first, and then the clock has advanced by `duration`.
pub fn sleep(duration: Duration) {
    loom::thread::yield_now();
    NOW.set(NOW.get() + duration);
}
