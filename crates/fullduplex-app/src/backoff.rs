//! When to try again, and when not to.

use std::time::{Duration, SystemTime};

use fullduplex_tokio::fullduplex::HandshakeError;
use fullduplex_tokio::{Error, OwnedResponse};

/// How long a client waits before it tries again: exponential backoff with full jitter. After the n-th failure in a row it
/// waits a random time between zero and `initial_delay` × 2^(n-1), or `max_delay` if that is less, so that the clients of a
/// server that failed do not all come back at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Backoff {
    /// The longest wait after the first failure. Default: 1 s.
    pub initial_delay: Duration,
    /// The longest wait. Default: 30 s. A server may ask for more by `Retry-After`.
    pub max_delay: Duration,
    /// The longest time in a `Retry-After` that is respected. Default: 1 h. A longer one counts as this.
    pub max_retry_after: Duration,
    /// How long a connection must last to count as a success. Default: 10 s. A server that ends each connection at once is
    /// not well, although it accepts.
    pub well_after: Duration,
    /// After how many failures in a row the client gives up. Default: `None`, never. The loss of a connection is the first
    /// failure, so 1 means that it does not connect again.
    pub max_failures: Option<u32>,
}

impl Backoff {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            initial_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(30),
            max_retry_after: Duration::from_secs(3600),
            well_after: Duration::from_secs(10),
            max_failures: None,
        }
    }

    /// With [`initial_delay`](Self::initial_delay) and [`max_delay`](Self::max_delay).
    #[must_use]
    pub const fn between(mut self, initial_delay: Duration, max_delay: Duration) -> Self {
        (self.initial_delay, self.max_delay) = (initial_delay, max_delay);
        self
    }

    /// With [`well_after`](Self::well_after).
    #[must_use]
    pub const fn well_after(mut self, time: Duration) -> Self {
        self.well_after = time;
        self
    }

    /// With [`max_retry_after`](Self::max_retry_after).
    #[must_use]
    pub const fn max_retry_after(mut self, most: Duration) -> Self {
        self.max_retry_after = most;
        self
    }

    /// With [`max_failures`](Self::max_failures).
    #[must_use]
    pub const fn max_failures(mut self, most: u32) -> Self {
        self.max_failures = Some(most);
        self
    }

    /// The longest wait after this many failures in a row; 0 counts as 1.
    #[must_use]
    pub fn longest(&self, failures: u32) -> Duration {
        let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        self.initial_delay.saturating_mul(doubled).min(self.max_delay)
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
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
/// It does not after a wrong URL or header field, with TLS that is not set up, after a proxy refused our credentials, and
/// after a status from 300 to 499, except the redirects that are for now (302, 303, 307), 408 (Request Timeout), 425 (Too
/// Early) and 429 (Too Many Requests). It does after everything else: a host that cannot be reached, a lost connection, a
/// status of 500 or more.
#[must_use]
pub fn verdict(error: &Error) -> Verdict {
    match error {
        Error::Url(_) | Error::Tls(_) | Error::Handshake(HandshakeError::Encode(_)) => {
            Verdict::GiveUp
        }
        Error::Dial(unreachable) if unreachable.error.is_permanent() => Verdict::GiveUp,
        Error::Http(refused) => after_response(&refused.response),
        Error::Redirect(redirected) => after_response(&redirected.refused.response),
        _ => Verdict::Retry,
    }
}

/// The verdict on a response that opens no WebSocket.
fn after_response(response: &OwnedResponse) -> Verdict {
    match response.as_response().status() {
        408 | 425 | 429 | 500.. => after(response),
        // It may be the way to the login page of a network, and gone soon.
        302 | 303 | 307 => Verdict::Retry,
        300..=499 => Verdict::GiveUp,
        // This is no WebSocket server; it may be such a page itself.
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
