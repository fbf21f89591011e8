//! Instants in the future.

use std::time::Duration;

use tokio::time::Instant;

/// The instant after this time, or one that is so far away that it does not matter.
pub(crate) fn after(time: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(time).unwrap_or(now + Duration::from_secs(1 << 30))
}
