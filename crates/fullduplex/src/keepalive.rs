//! Deadlines: ping, pong, idle and close (RFC 6455 §5.5.2, §7.1.1). Sees instants, not frames.
//!
//! The caller passes the time as `now`, a duration since any origin of its choice, and gets the instant at which it
//! must call again. An event, such as a received byte, is recorded without its time. Its time is the `now` of the next
//! call, which the caller must make before it waits. So no message needs a look at the clock.
//!
//! Any byte from the peer proves that the peer is alive. It postpones the next Ping, and it counts as the reply to the
//! last one, so the payload of a Pong does not matter.
//!
//! A Ping is queued after everything that waits to be written. While a blocked write makes progress, the peer reads,
//! but it may not have received the Ping yet. So each progress restarts the wait for the Pong.

use core::fmt;
use core::time::Duration;

/// The default of [`Timeouts::close_timeout`]: 5 s, which is within the range of what browsers and servers use.
pub const DEFAULT_CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an opening handshake may take by default: 10 s, as most servers limit the time for a request head.
pub const DEFAULT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The timeouts of a connection. By default, only the close timeout is on.
///
/// They are stored in milliseconds, rounded up. One of more than 49 days counts as none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Timeouts {
    /// Send a Ping if nothing was received for this long. The next one comes only after something was received, so without
    /// a [`pong_timeout`](Self::pong_timeout) a peer that is gone gets one Ping.
    pub ping_interval: Option<Duration>,
    /// Fail the connection with Close 1011 if nothing was received for this long after such a Ping. While a blocked
    /// write makes progress, the time starts again, because a peer that reads slowly receives the Ping late.
    pub pong_timeout: Option<Duration>,
    /// Fail the connection with Close 1001 if nothing was received for this long.
    pub idle_timeout: Option<Duration>,
    /// How long the end may take in all, once a Close was sent or received, or the connection has failed: to write what
    /// is pending and our Close, to receive the peer's Close, and until the transport ends.
    pub close_timeout: Duration,
}

impl Timeouts {
    /// The defaults: [`DEFAULT_CLOSE_TIMEOUT`], and no other timeout.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            ping_interval: None,
            pong_timeout: None,
            idle_timeout: None,
            close_timeout: DEFAULT_CLOSE_TIMEOUT,
        }
    }

    /// Turns keepalive on: send a Ping if nothing was received for `interval`, and fail if nothing is received for
    /// `wait` after it.
    #[must_use]
    pub const fn keepalive(mut self, interval: Duration, wait: Duration) -> Self {
        self.ping_interval = Some(interval);
        self.pong_timeout = Some(wait);
        self
    }

    /// Sets [`idle_timeout`](Self::idle_timeout); `None` turns it off.
    #[must_use]
    pub const fn idle_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Sets [`close_timeout`](Self::close_timeout).
    #[must_use]
    pub const fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self::new()
    }
}

/// A timeout that has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Timeout {
    /// The opening handshake took too long.
    Handshake,
    /// Nothing was received after our Ping ([`Timeouts::pong_timeout`]).
    Pong,
    /// Nothing was received for [`Timeouts::idle_timeout`].
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
            Self::Close => "the closing handshake was not completed in time",
        })
    }
}

impl core::error::Error for Timeout {}

/// An instant in nanoseconds since the caller's origin. It can represent 584 years.
type Nanos = u64;

/// An instant that never comes.
const NEVER: Nanos = Nanos::MAX;

/// Stands for the instant of the last byte if no timeout depends on it.
const UNUSED: Nanos = NEVER - 1;

/// Stands for the instant of the last byte when the connection is closing: only the close timeout counts then.
const CLOSING: Nanos = NEVER - 2;

/// Stands for the `now` of the next call. The other special values are all larger.
const AT_NEXT_CALL: Nanos = NEVER - 3;

#[inline(always)]
fn nanos(instant: Duration) -> Nanos {
    instant.as_secs().wrapping_mul(1_000_000_000).wrapping_add(u64::from(instant.subsec_nanos()))
}

/// A timeout in milliseconds; `u32::MAX` means never. It is small because every connection has four.
#[derive(Clone, Copy, Debug)]
struct Wait(u32);

impl Wait {
    const NEVER: Self = Self(u32::MAX);

    fn new(wait: Option<Duration>) -> Self {
        let millis = wait.and_then(|wait| u32::try_from(wait.as_nanos().div_ceil(1_000_000)).ok());
        millis.map_or(Self::NEVER, Self)
    }

    fn after(self, instant: Nanos) -> Nanos {
        match self.0 {
            u32::MAX => NEVER,
            millis => instant.saturating_add(u64::from(millis) * 1_000_000),
        }
    }
}

/// What has to be done at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimerAction {
    Nothing,
    Ping,
    Expired(Timeout),
}

/// The timers of one open connection.
#[derive(Debug)]
pub(crate) struct Timers {
    /// When the last byte was received, or when the connection began. It is [`UNUSED`] if no timeout depends on it,
    /// which is the default, and [`CLOSING`] after a Close, sent or received, or a failure.
    received: Nanos,
    /// When the present wait began: the wait for a Pong, if nothing was received since our Ping, or the close timeout.
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
            received: if counts { AT_NEXT_CALL } else { UNUSED },
            waiting: NEVER,
            ping_interval: Wait::new(timeouts.ping_interval),
            pong: Wait::new(timeouts.pong_timeout),
            idle: Wait::new(timeouts.idle_timeout),
            close: Wait::new(Some(timeouts.close_timeout)),
        }
    }

    /// Bytes were received, so the peer is alive, and need not reply to our Ping.
    #[inline(always)]
    pub(crate) const fn received(&mut self) {
        if self.received <= AT_NEXT_CALL {
            self.received = AT_NEXT_CALL;
            self.waiting = NEVER;
        }
    }

    /// A blocked write has made progress, so the peer reads. If we wait for a Pong, the wait begins again.
    #[inline]
    pub(crate) const fn written(&mut self) {
        if self.received <= AT_NEXT_CALL && self.waiting != NEVER {
            self.waiting = AT_NEXT_CALL;
        }
    }

    /// A Close was sent or received, or the connection has failed. From now on, only the close timeout counts.
    pub(crate) const fn closing(&mut self) {
        if self.received != CLOSING {
            self.received = CLOSING;
            self.waiting = AT_NEXT_CALL;
        }
    }

    /// Turns all timeouts off.
    pub(crate) fn stop(&mut self) {
        self.received = CLOSING;
        self.waiting = 0;
        self.close = Wait::NEVER;
    }

    /// Whether a timeout is on. By default, none is while the connection is open.
    #[inline]
    pub(crate) const fn is_running(&self) -> bool {
        self.received != UNUSED
    }

    /// Gives the events since the last call their time.
    fn set_time(&mut self, now: Nanos) {
        for instant in [&mut self.received, &mut self.waiting] {
            if *instant == AT_NEXT_CALL {
                *instant = now;
            }
        }
    }

    /// The next instant at which the caller must call [`poll`](Self::poll).
    #[inline]
    pub(crate) fn deadline(&mut self, now: Duration) -> Option<Duration> {
        if !self.is_running() {
            return None;
        }
        self.set_time(nanos(now));
        let (at, _) = self.next();
        (at != NEVER).then(|| Duration::from_nanos(at))
    }

    /// The timeout that has expired at `now`, if one has.
    pub(crate) fn expired(&mut self, now: Duration) -> Option<Timeout> {
        self.set_time(nanos(now));
        match self.next() {
            (at, TimerAction::Expired(timeout)) if at <= nanos(now) => Some(timeout),
            _ => None,
        }
    }

    /// What has to be done at `now`. If it is a Ping, it counts as sent.
    pub(crate) fn poll(&mut self, now: Duration) -> TimerAction {
        let now = nanos(now);
        self.set_time(now);
        match self.next() {
            (at, action) if at <= now => {
                match action {
                    TimerAction::Ping => self.waiting = now,
                    // A timeout does not expire twice.
                    TimerAction::Expired(Timeout::Close) => self.stop(),
                    _ => {}
                }
                action
            }
            _ => TimerAction::Nothing,
        }
    }

    /// What has to be done next, and when.
    fn next(&self) -> (Nanos, TimerAction) {
        match self.received {
            UNUSED => return (NEVER, TimerAction::Nothing),
            CLOSING => {
                return (self.close.after(self.waiting), TimerAction::Expired(Timeout::Close));
            }
            _ => {}
        }
        let idle = (self.idle.after(self.received), TimerAction::Expired(Timeout::Idle));
        let ping = if self.waiting != NEVER {
            (self.pong.after(self.waiting), TimerAction::Expired(Timeout::Pong))
        } else {
            (self.ping_interval.after(self.received), TimerAction::Ping)
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
        assert_eq!(timers.poll(s(1)), TimerAction::Nothing);
        assert_eq!((timers.is_running(), timers.deadline(s(1))), (false, None));
        assert_eq!(timers.poll(s(1 << 30)), TimerAction::Nothing);
    }

    #[test]
    fn a_ping_follows_silence_and_failure_follows_an_unanswered_ping() {
        let mut timers = Timers::new(&Timeouts::new().keepalive(s(20), s(10)));
        assert_eq!(timers.deadline(s(100)), Some(s(120)));
        assert_eq!(timers.poll(s(119)), TimerAction::Nothing);
        assert_eq!(timers.poll(s(121)), TimerAction::Ping);
        assert_eq!(timers.deadline(s(122)), Some(s(131)));
        assert_eq!(timers.poll(s(131)), TimerAction::Expired(Timeout::Pong));
    }

    #[test]
    fn any_byte_answers_a_ping() {
        let mut timers = Timers::new(&Timeouts::new().keepalive(s(20), s(10)));
        timers.deadline(s(0));
        assert_eq!(timers.poll(s(20)), TimerAction::Ping);
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
        assert_eq!(timers.poll(s(20)), TimerAction::Ping);
        for now in (29..90).step_by(9) {
            timers.written();
            timers.deadline(s(now));
            assert_eq!(timers.expired(s(now + 9)), None);
            assert_eq!(timers.expired(s(now + 10)), Some(Timeout::Pong));
        }
        timers.written();
        timers.deadline(s(92));
        assert_eq!(timers.poll(s(100)), TimerAction::Expired(Timeout::Idle));
    }

    #[test]
    fn an_idle_timeout_counts_from_the_last_byte() {
        let mut timers = Timers::new(&Timeouts { idle_timeout: Some(s(5)), ..Timeouts::new() });
        timers.deadline(s(0));
        timers.received();
        timers.deadline(s(3));
        assert_eq!(timers.poll(s(7)), TimerAction::Nothing);
        assert_eq!(timers.poll(s(8)), TimerAction::Expired(Timeout::Idle));
    }

    #[test]
    fn once_closing_only_the_close_timeout_counts() {
        let mut timers = Timers::new(&Timeouts::new().keepalive(s(1), s(1)));
        timers.deadline(s(0));
        timers.closing();
        timers.deadline(s(2));
        timers.closing();
        assert_eq!(timers.deadline(s(4)), Some(s(7)));
        assert_eq!(timers.poll(s(7)), TimerAction::Expired(Timeout::Close));
        assert_eq!(timers.deadline(s(7)), None);
    }
}
