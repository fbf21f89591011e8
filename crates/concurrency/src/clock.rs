//! A clock that goes only while a thread waits.

use std::cell::Cell;
use std::time::Duration;

thread_local! {
    /// All threads of a model are coroutines of one thread.
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// As `std::time::Instant`.
#[derive(Clone, Copy, Debug)]
pub struct Instant(Duration);

impl Instant {
    /// As there.
    #[must_use]
    pub fn now() -> Self {
        Self(NOW.get())
    }

    /// As there.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        NOW.get() - self.0
    }
}

/// As `std::thread::sleep`: the others come first, and then it is so much later.
pub fn sleep(duration: Duration) {
    loom::thread::yield_now();
    NOW.set(NOW.get() + duration);
}
