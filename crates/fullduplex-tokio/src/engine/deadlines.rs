//! The deadlines of an open connection, by its clock and its timer.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::engine::Receiving;
use crate::engine::link::Link;
use crate::error::Result;
use crate::watch::Watch;

impl<L: Link> Receiving<L> {
    /// Whether a timeout is running.
    #[inline(always)]
    pub(super) fn has_timeout(&self) -> bool {
        self.reader.receiver().has_timeout()
    }

    /// The next deadline, by the connection's clock.
    pub(super) fn poll_timeout(&mut self) -> Option<Duration> {
        if self.has_timeout() {
            self.reader.receiver_mut().poll_timeout(self.clock.elapsed())
        } else {
            None
        }
    }

    /// Does what is due at `now`.
    pub(super) fn handle_timeout(&mut self, now: Duration) -> Result<(), fullduplex::Error> {
        let has_timeout = self.has_timeout();
        let receiver = self.reader.receiver_mut();
        if !has_timeout || receiver.poll_timeout(now).is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        let result = receiver.handle_timeout(now);
        if Watch::ON && result.is_ok() && receiver.may_send() {
            // It was due, and it is no failure.
            self.tally.sent_ping();
        }
        result
    }

    /// Waits for the next deadline, and does what is due then.
    #[inline]
    pub(super) fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if self.has_timeout() {
            return self.poll_deadline(cx);
        }
        self.timer.clear();
        Poll::Pending
    }

    #[inline(never)]
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.poll_due(cx));
        Poll::Ready(Ok(self.handle_timeout(self.clock.elapsed())?))
    }

    /// Waits until the next deadline.
    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.poll_timeout() {
            Some(at) => self.poll_instant(at, cx),
            None => {
                self.timer.clear();
                Poll::Pending
            }
        }
    }

    /// Waits until the connection's clock reaches `at`.
    pub(super) fn poll_instant(&mut self, at: Duration, cx: &mut Context<'_>) -> Poll<()> {
        match self.clock.instant(at) {
            Some(deadline) => self.timer.poll(deadline, cx),
            None => {
                self.timer.clear();
                Poll::Pending
            }
        }
    }
}
