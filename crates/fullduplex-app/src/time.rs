//! Instants in the future.

use std::time::Duration;

use tokio::time::Instant;

/// The instant after this time; if that cannot be represented, one that is decades away.
pub(crate) fn after(time: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(time).unwrap_or(now + Duration::from_secs(1 << 30))
}
