//! The clock of a connection. To ask it takes as long as a message, so it is asked when the time matters.

use std::time::Duration;

use fullduplex::Now;
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

impl Now for Clock {
    fn now(&mut self) -> Duration {
        self.elapsed()
    }
}

/// When the last read brought something: the time of all that came with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastRead {
    pub(crate) clock: Clock,
    /// Asked for once, if ever.
    at: Option<Duration>,
}

impl LastRead {
    /// Nothing was read yet.
    pub(crate) fn none(clock: Clock) -> Self {
        Self { clock, at: None }
    }

    /// A read has just brought something. How long it takes to look at that must not count where a deadline runs.
    #[inline]
    pub(crate) fn brought(&mut self, deadline_runs: bool) {
        self.at = if deadline_runs { Some(self.clock.elapsed()) } else { None };
    }
}

impl Now for LastRead {
    #[inline]
    fn now(&mut self) -> Duration {
        *self.at.get_or_insert_with(|| self.clock.elapsed())
    }
}
