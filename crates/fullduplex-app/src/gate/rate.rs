//! How many connections may come in a second.

use tokio::time::Instant;

/// How many connections may come: so many in each second on average, and so many at once. All clients share
/// it, so one client that connects often can use it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many in a second.
    pub per_second: u32,
    /// How many at once, after a time in which none came; one at least.
    pub at_once: u32,
}

/// A token bucket: it gets tokens as time passes, and each connection takes one.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: Rate,
    tokens: f64,
    /// When the tokens were counted.
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
        // However long nobody came, no more come at once.
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..5).filter(|_| bucket.take(later)).count(), 3);
        // Without any at once there would never be one.
        let mut slow = Bucket::full(Rate { per_second: 1, at_once: 0 });
        assert!(slow.take(start) && !slow.take(start));
        // A clock that goes back gives nothing.
        assert!(!bucket.take(start));
    }
}
