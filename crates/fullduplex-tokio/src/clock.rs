//! The clock of a connection. To ask it takes as long as a message, so it is asked when the time matters.

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

    /// The instant of a deadline, unless it lies beyond all instants.
    pub(crate) fn instant(self, at: Duration) -> Option<Instant> {
        self.0.checked_add(at)
    }
}
