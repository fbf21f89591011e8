//! When to try again, and when not to.

use std::time::{Duration, SystemTime};

use fullduplex_tokio::fullduplex::HandshakeError;
use fullduplex_tokio::{Error, OwnedResponse};

/// How long a client waits before it tries again: exponential backoff with full jitter. After the n-th failure in a row it
/// waits a random time between zero and `first` × 2^(n-1), or `most` if that is less, so that the clients of a server that
/// failed do not all come back at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backoff {
    /// The longest first wait. Default: 1 s.
    pub first: Duration,
    /// The longest wait. Default: 30 s. A server may ask for more by `Retry-After`.
    pub most: Duration,
    /// The longest time in a `Retry-After` that is respected. Default: 1 h. A longer one counts as this.
    pub most_asked: Duration,
    /// How long a connection must last to count as a success. Default: 10 s. A server that ends each connection at once is
    /// not well, although it accepts.
    pub well_after: Duration,
    /// After how many failures in a row the client gives up. Default: `None`, never. The loss of a connection is the first
    /// failure.
    pub attempts: Option<u32>,
}

impl Backoff {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            first: Duration::from_secs(1),
            most: Duration::from_secs(30),
            most_asked: Duration::from_secs(3600),
            well_after: Duration::from_secs(10),
            attempts: None,
        }
    }

    /// With [`first`](Self::first) and [`most`](Self::most).
    #[must_use]
    pub const fn between(mut self, first: Duration, most: Duration) -> Self {
        (self.first, self.most) = (first, most);
        self
    }

    /// With [`well_after`](Self::well_after).
    #[must_use]
    pub const fn well_after(mut self, time: Duration) -> Self {
        self.well_after = time;
        self
    }

    /// With [`most_asked`](Self::most_asked).
    #[must_use]
    pub const fn most_asked(mut self, most: Duration) -> Self {
        self.most_asked = most;
        self
    }

    /// With [`attempts`](Self::attempts).
    #[must_use]
    pub const fn attempts(mut self, most: u32) -> Self {
        self.attempts = Some(most);
        self
    }

    /// The longest wait after this many failures in a row; 0 counts as 1.
    #[must_use]
    pub fn longest(&self, failures: u32) -> Duration {
        let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first.saturating_mul(doubled).min(self.most)
    }

    /// A random wait after this many failures in a row; 0 counts as 1.
    #[must_use]
    pub fn wait(&self, failures: u32) -> Duration {
        self.longest(failures).mul_f64(fastrand::f64())
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether another try makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Retry,
    /// Yes, after this time, which the server asked for (`Retry-After`, RFC 9110 §10.2.3).
    RetryAfter(Duration),
    /// No: the same request would fail again.
    GiveUp,
}

/// Whether another try makes sense after this error.
///
/// It does not after a wrong URL or header field, with TLS that is not set up, after a redirect that is not followed, after
/// a proxy refused our credentials, and after a status from 300 to 499, except 408 (Request Timeout), 425 (Too Early) and
/// 429 (Too Many Requests). It does after everything else: a host that cannot be reached, a lost connection, a status of 500
/// or more.
#[must_use]
pub fn verdict(error: &Error) -> Verdict {
    match error {
        Error::Url(_)
        | Error::Tls(_)
        | Error::Redirect(_)
        | Error::Handshake(HandshakeError::Encode(_)) => Verdict::GiveUp,
        Error::Dial(unreachable) if unreachable.error.is_permanent() => Verdict::GiveUp,
        Error::Http(refused) => match refused.response.as_response().status() {
            408 | 425 | 429 | 500.. => after(&refused.response),
            300..=499 => Verdict::GiveUp,
            // This is no WebSocket server; it may be the login page of a network, and gone soon.
            _ => Verdict::Retry,
        },
        _ => Verdict::Retry,
    }
}

/// The verdict on a response that may have a `Retry-After`.
fn after(response: &OwnedResponse) -> Verdict {
    let response = response.as_response();
    let asked = response.headers().get_str("retry-after");
    asked.and_then(retry_after).map_or(Verdict::Retry, Verdict::RetryAfter)
}

/// The time in a `Retry-After`: seconds, or until a date; zero if the date has passed.
fn retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that is too large means for ever.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_most() {
        let backoff = Backoff::new();
        let longest: Vec<u64> =
            [1, 2, 3, 5, 6, 7, 40, u32::MAX].map(|n| backoff.longest(n).as_secs()).into();
        assert_eq!(longest, [1, 2, 4, 16, 30, 30, 30, 30]);
        let zero = backoff.between(Duration::ZERO, Duration::ZERO);
        assert_eq!(zero.wait(9), Duration::ZERO);
    }

    #[test]
    fn a_wait_is_anything_up_to_the_longest() {
        let backoff = Backoff::new().between(Duration::from_secs(8), Duration::from_secs(8));
        let waits: Vec<Duration> = (0..1000).map(|_| backoff.wait(1)).collect();
        assert!(waits.iter().all(|wait| *wait < Duration::from_secs(8)));
        assert!(waits.iter().any(|wait| *wait < Duration::from_secs(1)));
        assert!(waits.iter().any(|wait| *wait > Duration::from_secs(7)));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after("120"), Some(Duration::from_secs(120)));
        assert_eq!(retry_after(" 0 "), Some(Duration::ZERO));
        assert_eq!(retry_after("99999999999999999999999"), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(retry_after("Fri, 31 Dec 1999 23:59:59 GMT"), Some(Duration::ZERO));
        let soon = SystemTime::now() + Duration::from_secs(100);
        let parsed = retry_after(&httpdate::fmt_http_date(soon)).unwrap();
        assert!((98..=100).contains(&parsed.as_secs()), "{parsed:?}");
        for wrong in ["", "soon", "-1", "1.5", "+3"] {
            assert_eq!(retry_after(wrong), None, "{wrong}");
        }
    }
}
