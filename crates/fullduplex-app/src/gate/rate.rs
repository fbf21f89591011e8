//! The rate of new connections.

use tokio::time::Instant;

/// How many new connections are accepted: a number per second on average, and a number at once. All clients share it, so one
/// client that connects often can use it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// Connections per second, on average. With 0, no connection is accepted after the first `at_once`.
    pub per_second: u32,
    /// Connections at once, after a pause; 0 counts as 1.
    pub at_once: u32,
}

/// A token bucket: tokens are added as time passes, and each connection takes one.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: Rate,
    tokens: f64,
    /// When tokens were added last.
    at: Option<Instant>,
}

impl Bucket {
    /// A bucket with as many tokens as it can have.
    pub(super) fn full(mut rate: Rate) -> Self {
        rate.at_once = rate.at_once.max(1);
        Self { rate, tokens: f64::from(rate.at_once), at: None }
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        if let Some(at) = self.at {
            let passed = now.saturating_duration_since(at).as_secs_f64();
            let tokens = self.tokens + passed * f64::from(self.rate.per_second);
            self.tokens = tokens.min(f64::from(self.rate.at_once));
        }
        self.at = Some(now);
        let taken = self.tokens >= 1.0;
        if taken {
            self.tokens -= 1.0;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn so_many_come_at_once_and_then_so_many_in_a_second() {
        let start = Instant::now();
        let mut bucket = Bucket::full(Rate { per_second: 2, at_once: 3 });
        assert_eq!((0..5).filter(|_| bucket.take(start)).count(), 3);
        assert!(!bucket.take(start + Duration::from_millis(400)));
        assert!(bucket.take(start + Duration::from_millis(500)));
        assert!(!bucket.take(start + Duration::from_millis(900)));
        // A long pause adds no more than the bucket holds.
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..5).filter(|_| bucket.take(later)).count(), 3);
        // A bucket of size 0 would never admit a connection.
        let mut slow = Bucket::full(Rate { per_second: 1, at_once: 0 });
        assert!(slow.take(start) && !slow.take(start));
        // At 0 a second, nothing is added.
        let mut once = Bucket::full(Rate { per_second: 0, at_once: 1 });
        assert!(once.take(start) && !once.take(later));
        // A clock that goes back gives nothing.
        assert!(!bucket.take(start));
    }
}
