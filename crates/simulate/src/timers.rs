//! When an endpoint of the core has to act, by its documentation and without its code.

use fullduplex::Timeout;

use crate::plan::Settings;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// A Ping.
    Ping,
    /// A failure.
    Failure(Timeout),
}

/// The deadlines of one end. An event between two looks at the clock counts as happening at the
/// later one.
#[derive(Debug)]
pub(crate) struct Timers {
    settings: Settings,
    received: Option<u64>,
    pinged: Option<u64>,
    closing: Option<u64>,
    stopped: bool,
    was_received: bool,
    was_resumed: bool,
    was_closed: bool,
}

impl Timers {
    pub(crate) fn new(settings: &Settings, now: u64) -> Self {
        Self {
            settings: *settings,
            received: Some(now),
            pinged: None,
            closing: None,
            stopped: false,
            was_received: false,
            was_resumed: false,
            was_closed: false,
        }
    }

    /// Bytes were decoded, or the endpoint was told that some are waiting.
    pub(crate) fn receive(&mut self) {
        self.was_received = true;
    }

    /// A blocked write went on.
    pub(crate) fn resume_write(&mut self) {
        // If a byte was received as well, no Pong is awaited any more.
        self.was_resumed |= !self.was_received;
    }

    /// A Close was sent or received, or the connection has failed.
    pub(crate) fn close(&mut self) {
        self.was_closed = true;
    }

    /// The transport has ended, or the endpoint no longer waits for anything.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
    }

    fn look(&mut self, now: u64) {
        if self.was_closed && self.closing.is_none() {
            self.closing = Some(now);
        }
        if std::mem::take(&mut self.was_resumed) && self.pinged.is_some() {
            self.pinged = Some(now);
        }
        if std::mem::take(&mut self.was_received) {
            self.received = Some(now);
            self.pinged = None;
        }
    }

    /// What is due next, and when.
    pub(crate) fn next(&mut self, now: u64) -> Option<(u64, Due)> {
        self.look(now);
        if self.stopped {
            return None;
        }
        let after = |from: Option<u64>, wait: Option<u32>| Some(from? + u64::from(wait?));
        let settings = &self.settings;
        if self.closing.is_some() {
            let at = after(self.closing, Some(settings.close_timeout))?;
            return Some((at, Due::Failure(Timeout::Close)));
        }
        let idle =
            after(self.received, settings.idle_timeout).map(|at| (at, Due::Failure(Timeout::Idle)));
        let other = if self.pinged.is_some() {
            after(self.pinged, settings.pong_timeout).map(|at| (at, Due::Failure(Timeout::Pong)))
        } else {
            after(self.received, settings.ping_interval).map(|at| (at, Due::Ping))
        };
        match (idle, other) {
            (Some(idle), Some(other)) => Some(if idle.0 <= other.0 { idle } else { other }),
            (idle, other) => idle.or(other),
        }
    }

    /// When the last Ping was due, if nothing was received since.
    pub(crate) fn pinged_at(&self) -> Option<u64> {
        self.pinged.filter(|_| !self.was_received && !self.was_resumed)
    }

    /// A Ping was due, and is sent.
    pub(crate) fn ping(&mut self, now: u64) {
        self.pinged = Some(now);
    }
}
