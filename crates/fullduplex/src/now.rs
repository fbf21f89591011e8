//! Time as an input.

use core::time::Duration;

/// The time since any origin that does not change; monotonic.
///
/// A [`Duration`] is the time itself. To ask a clock may take longer than a message, so whoever has one can give that
/// instead: it is asked when the time matters, which is when a waiting time runs or begins. What it says is to be the
/// time of the call, or of the read that has brought the input.
///
/// ```
/// use std::time::{Duration, Instant};
/// use fullduplex::Now;
///
/// /// When the last read was, asked for once.
/// struct ReadAt {
///     origin: Instant,
///     at: Option<Duration>, // `None` after each read
/// }
///
/// impl Now for ReadAt {
///     fn now(&mut self) -> Duration {
///         *self.at.get_or_insert_with(|| self.origin.elapsed())
///     }
/// }
/// ```
pub trait Now {
    /// The time.
    fn now(&mut self) -> Duration;
}

impl Now for Duration {
    #[inline]
    fn now(&mut self) -> Duration {
        *self
    }
}

impl<N: Now + ?Sized> Now for &mut N {
    #[inline]
    fn now(&mut self) -> Duration {
        (**self).now()
    }
}
