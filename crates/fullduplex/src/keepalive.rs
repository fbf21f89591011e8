//! Deadlines: ping, pong, idle and close (RFC 6455 §5.5.2, §7.1.1). Sees instants, not frames.
//!
//! Time enters as `now`, a duration since any origin that the caller likes, and leaves as the instant at which to call
//! again. What happens in between is noted without its time, and counts as happening when the caller next tells the time,
//! which is before it waits. So no clock need be asked for a message. Any byte from the peer proves that it lives: it puts off the next Ping and answers the last one. A Pong whose
//! payload belongs to no Ping of ours is therefore as good as any. A Ping stands in line behind what waits to be
//! written. As long as a blocked write goes on, the peer reads, but it may not have got the Ping yet: we go on waiting
//! for its Pong.

use core::fmt;
use core::time::Duration;

/// How long to wait for the peer's Close, and for the transport to end after it: 5 s, within the
/// range of what browsers and servers do.
pub const DEFAULT_CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a handshake may take: 10 s, as most servers bound the time for a request head.
pub const DEFAULT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The waiting times of a connection. All but the close timeout are off by default.
///
/// Waiting times are kept in milliseconds; a longer one than 49 days is as good as none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// Send a Ping when nothing was received for this long.
    pub ping_interval: Option<Duration>,
    /// Fail when nothing was received for this long after such a Ping, and no blocked write has gone on either: a peer
    /// that reads slowly gets the Ping late. Close 1011.
    pub pong_timeout: Option<Duration>,
    /// Fail when nothing was received for this long. Close 1001.
    pub idle_timeout: Option<Duration>,
    /// Give up waiting for the peer's Close, or for the transport to end, this long after our Close.
    pub close_timeout: Duration,
}

impl Timeouts {
    /// The defaults: [`DEFAULT_CLOSE_TIMEOUT`], everything else off.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            ping_interval: None,
            pong_timeout: None,
            idle_timeout: None,
            close_timeout: DEFAULT_CLOSE_TIMEOUT,
        }
    }

    /// Turns keepalive on: a Ping after `interval` of silence, and failure when `wait` more brings
    /// nothing.
    #[must_use]
    pub const fn keepalive(mut self, interval: Duration, wait: Duration) -> Self {
        self.ping_interval = Some(interval);
        self.pong_timeout = Some(wait);
        self
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self::new()
    }
}

/// A waiting time that ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timeout {
    /// The opening handshake took too long.
    Handshake,
    /// Nothing came after our Ping ([`Timeouts::pong_timeout`]).
    Pong,
    /// Nothing came for [`Timeouts::idle_timeout`].
    Idle,
    /// The closing handshake was not completed within [`Timeouts::close_timeout`].
    Close,
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Handshake => "the opening handshake took too long",
            Self::Pong => "the peer did not answer a Ping in time",
            Self::Idle => "the peer was silent for too long",
            Self::Close => "the peer did not complete the closing handshake in time",
        })
    }
}

impl core::error::Error for Timeout {}

/// An instant in nanoseconds since the caller's origin: good for 584 years.
type Nanos = u64;

/// The instant that has not come and never will.
const NEVER: Nanos = Nanos::MAX;

/// The instant that nobody asks for.
const UNCOUNTED: Nanos = NEVER - 1;

/// In place of the last byte's instant: the connection is closing, and silence no longer counts.
const CLOSING: Nanos = NEVER - 2;

/// The instant at which the caller next tells the time. No instant that means something else is below it.
const UNDATED: Nanos = NEVER - 3;

#[inline(always)]
fn nanos(instant: Duration) -> Nanos {
    instant.as_secs().wrapping_mul(1_000_000_000).wrapping_add(u64::from(instant.subsec_nanos()))
}

/// A waiting time in milliseconds; `u32::MAX` is for ever. Kept small: every connection has four.
#[derive(Clone, Copy, Debug)]
struct Wait(u32);

impl Wait {
    const FOR_EVER: Self = Self(u32::MAX);

    fn new(wait: Option<Duration>) -> Self {
        Self(wait.map_or(u32::MAX, |wait| u32::try_from(wait.as_millis()).unwrap_or(u32::MAX)))
    }

    fn after(self, instant: Nanos) -> Nanos {
        match self.0 {
            u32::MAX => NEVER,
            millis => instant.saturating_add(u64::from(millis) * 1_000_000),
        }
    }
}

/// The end of a waiting time that begins when the caller first tells the time.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deadline {
    Never,
    After(Duration),
    At(Duration),
}

#[cfg(feature = "alloc")]
impl Deadline {
    /// The instant at which it ends, if it does. It begins `now` if it has not begun.
    pub(crate) fn from(&mut self, now: Duration) -> Option<Duration> {
        if let Self::After(wait) = *self {
            *self = Self::At(now.saturating_add(wait));
        }
        if let Self::At(instant) = *self { Some(instant) } else { None }
    }
}

/// What has to be done, now that its time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    Ping,
    Expired(Timeout),
}

/// The timers of one open connection.
#[derive(Debug)]
pub(crate) struct Timers {
    /// When the last byte came, or the connection began; [`UNCOUNTED`] if no waiting time depends on it, which is the
    /// default; [`CLOSING`] from our Close or a failure on.
    received: Nanos,
    /// When the present wait began: for a Pong, if a Ping went out after which nothing has come, or for the peer's Close.
    waiting: Nanos,
    ping_interval: Wait,
    pong: Wait,
    idle: Wait,
    close: Wait,
}

impl Timers {
    pub(crate) fn new(timeouts: &Timeouts) -> Self {
        let counts = timeouts.ping_interval.is_some() || timeouts.idle_timeout.is_some();
        Self {
            received: if counts { UNDATED } else { UNCOUNTED },
            waiting: NEVER,
            ping_interval: Wait::new(timeouts.ping_interval),
            pong: Wait::new(timeouts.pong_timeout),
            idle: Wait::new(timeouts.idle_timeout),
            close: Wait::new(Some(timeouts.close_timeout)),
        }
    }

    /// Bytes came: the peer lives, and that is all a Ping asks.
    #[inline(always)]
    pub(crate) const fn received(&mut self) {
        if self.received <= UNDATED {
            self.received = UNDATED;
            self.waiting = NEVER;
        }
    }

    /// A blocked write went on: the peer reads, so it lives. If a Ping waits in line, the wait for its Pong begins
    /// anew.
    #[inline]
    pub(crate) const fn written(&mut self) {
        if self.received <= UNDATED && self.waiting != NEVER {
            self.waiting = UNDATED;
        }
    }

    /// Our Close went out, or the connection failed: from here on only the close timeout counts.
    pub(crate) const fn closing(&mut self) {
        if self.received != CLOSING {
            self.received = CLOSING;
            self.waiting = UNDATED;
        }
    }

    /// Nothing is waited for any more.
    pub(crate) fn stop(&mut self) {
        self.received = CLOSING;
        self.waiting = 0;
        self.close = Wait::FOR_EVER;
    }

    /// Whether a waiting time runs. By default there is none while the connection is open.
    #[inline]
    pub(crate) const fn is_running(&self) -> bool {
        self.received != UNCOUNTED
    }

    /// Says when what has happened since the last call did happen: now.
    fn date(&mut self, now: Nanos) {
        for instant in [&mut self.received, &mut self.waiting] {
            if *instant == UNDATED {
                *instant = now;
            }
        }
    }

    /// The next instant at which something is due.
    #[inline]
    pub(crate) fn deadline(&mut self, now: Duration) -> Option<Duration> {
        if !self.is_running() {
            return None;
        }
        self.date(nanos(now));
        let (at, _) = self.next();
        (at != NEVER).then(|| Duration::from_nanos(at))
    }

    /// The waiting time that has run out at `now`, if one has.
    pub(crate) fn expired(&mut self, now: Duration) -> Option<Timeout> {
        self.date(nanos(now));
        match self.next() {
            (at, Due::Expired(timeout)) if at <= nanos(now) => Some(timeout),
            _ => None,
        }
    }

    /// What is due at `now`; a Ping counts as sent.
    pub(crate) fn poll(&mut self, now: Duration) -> Due {
        let now = nanos(now);
        self.date(now);
        match self.next() {
            (at, due) if at <= now => {
                match due {
                    Due::Ping => self.waiting = now,
                    // What has run out once does not run out again.
                    Due::Expired(Timeout::Close) => self.stop(),
                    _ => {}
                }
                due
            }
            _ => Due::Nothing,
        }
    }

    fn next(&self) -> (Nanos, Due) {
        match self.received {
            UNCOUNTED => return (NEVER, Due::Nothing),
            CLOSING => return (self.close.after(self.waiting), Due::Expired(Timeout::Close)),
            _ => {}
        }
        let idle = (self.idle.after(self.received), Due::Expired(Timeout::Idle));
        let ping = if self.waiting != NEVER {
            (self.pong.after(self.waiting), Due::Expired(Timeout::Pong))
        } else {
            (self.ping_interval.after(self.received), Due::Ping)
        };
        if idle.0 <= ping.0 { idle } else { ping }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn without_configuration_nothing_is_ever_due() {
        let mut timers = Timers::new(&Timeouts::new());
        assert_eq!(timers.poll(s(1)), Due::Nothing);
        assert_eq!((timers.is_running(), timers.deadline(s(1))), (false, None));
        assert_eq!(timers.poll(s(1 << 30)), Due::Nothing);
    }

    #[test]
    fn a_ping_follows_silence_and_failure_follows_an_unanswered_ping() {
        let mut timers = Timers::new(&Timeouts::new().keepalive(s(20), s(10)));
        assert_eq!(timers.deadline(s(100)), Some(s(120)));
        assert_eq!(timers.poll(s(119)), Due::Nothing);
        assert_eq!(timers.poll(s(121)), Due::Ping);
        assert_eq!(timers.deadline(s(122)), Some(s(131)));
        assert_eq!(timers.poll(s(131)), Due::Expired(Timeout::Pong));
    }

    #[test]
    fn any_byte_answers_a_ping() {
        let mut timers = Timers::new(&Timeouts::new().keepalive(s(20), s(10)));
        timers.deadline(s(0));
        assert_eq!(timers.poll(s(20)), Due::Ping);
        timers.received();
        assert_eq!(timers.deadline(s(25)), Some(s(45)));
        assert_eq!(timers.deadline(s(30)), Some(s(45)));
    }

    #[test]
    fn a_write_that_goes_on_puts_off_the_failure_and_neither_the_ping_nor_the_idle_timeout() {
        let timeouts = Timeouts { idle_timeout: Some(s(100)), ..Timeouts::new() };
        let mut timers = Timers::new(&timeouts.keepalive(s(20), s(10)));
        timers.deadline(s(0));
        timers.written();
        timers.deadline(s(19));
        assert_eq!(timers.poll(s(20)), Due::Ping);
        for now in (29..90).step_by(9) {
            timers.written();
            timers.deadline(s(now));
            assert_eq!(timers.expired(s(now + 9)), None);
            assert_eq!(timers.expired(s(now + 10)), Some(Timeout::Pong));
        }
        timers.written();
        timers.deadline(s(92));
        assert_eq!(timers.poll(s(100)), Due::Expired(Timeout::Idle));
    }

    #[test]
    fn an_idle_timeout_counts_from_the_last_byte() {
        let mut timers = Timers::new(&Timeouts { idle_timeout: Some(s(5)), ..Timeouts::new() });
        timers.deadline(s(0));
        timers.received();
        timers.deadline(s(3));
        assert_eq!(timers.poll(s(7)), Due::Nothing);
        assert_eq!(timers.poll(s(8)), Due::Expired(Timeout::Idle));
    }

    #[test]
    fn once_closing_only_the_close_timeout_counts() {
        let mut timers = Timers::new(&Timeouts::new().keepalive(s(1), s(1)));
        timers.deadline(s(0));
        timers.closing();
        timers.deadline(s(2));
        timers.closing();
        assert_eq!(timers.deadline(s(4)), Some(s(7)));
        assert_eq!(timers.poll(s(7)), Due::Expired(Timeout::Close));
        assert_eq!(timers.deadline(s(7)), None);
    }
}
