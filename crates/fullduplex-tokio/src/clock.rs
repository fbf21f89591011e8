//! The clock of a connection. Reading it takes as long as processing a message, so it is read only when the time
//! matters.

use std::time::Duration;

use tokio::time::Instant;

/// The time since a connection began, by tokio's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    #[inline(never)]
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// The instant of a deadline, or `None` if it is too far away for an `Instant`.
    pub(crate) fn instant(self, at: Duration) -> Option<Instant> {
        self.0.checked_add(at)
    }
}
