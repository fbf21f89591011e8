//! What the two directions of a connection tell each other. They share no memory: a signal is a value, which the
//! [`Connection`](crate::Connection) carries, or the caller where the two are apart.

use crate::closing::Closing;
use crate::connection::receiver::Receiver;
use crate::connection::sender::Sender;
use crate::control_payload::ControlPayload;

/// What one direction of a connection has to tell the other one: an answer to be sent, a step of closing.
#[derive(Debug)]
#[must_use = "the other direction has to hear of it"]
pub struct Signals {
    closing: Closing,
    ping: bool,
    pong: Option<ControlPayload>,
}

impl Signals {
    /// Adds what the same direction has to tell later. Of two Pongs the later one is kept: "an endpoint MAY elect
    /// to send a Pong frame for only the most recently processed Ping frame" (RFC 6455 §5.5.3).
    pub fn merge(&mut self, later: Self) {
        self.closing = later.closing;
        self.ping |= later.ping;
        if later.pong.is_some() {
            self.pong = later.pong;
        }
    }
}

impl Receiver {
    /// What the sender is to be told; `None` when there is nothing new. Ask after each event and each error, after
    /// [`handle_timeout`](Self::handle_timeout), and after the transport's end. A Ping whose signal was not taken before
    /// the next control frame comes is not answered.
    #[inline]
    pub fn signals(&mut self) -> Option<Signals> {
        if self.has_signals() { Some(self.take_signals()) } else { None }
    }

    /// Whether there is something to tell.
    #[inline]
    #[must_use]
    pub fn has_signals(&self) -> bool {
        self.pong_due || self.ping_due || self.closing.has_news()
    }

    /// All that the other direction may have to hear, new or not.
    #[cold]
    pub(super) fn take_signals(&mut self) -> Signals {
        let answers = self.take_pong();
        Signals {
            closing: self.closing.take_news(),
            ping: core::mem::take(&mut self.ping_due),
            pong: answers.then(|| ControlPayload::of(self.control.as_bytes())),
        }
    }

    /// Whether the last Ping is still to be answered; the caller sees to it.
    pub(super) fn take_pong(&mut self) -> bool {
        core::mem::take(&mut self.pong_due)
    }

    /// Takes what the sender had to tell.
    pub fn handle_signals(&mut self, signals: Signals) {
        self.closing.learn(signals.closing);
        if self.closing.sent().is_some() {
            self.timers.closing();
        }
        self.update_boundary();
    }
}

impl Sender {
    /// What the receiver is to be told; `None` when there is nothing new. Ask after a Close of our own, and when [`poll_transmit`](Self::poll_transmit) has written something.
    #[inline]
    pub fn signals(&mut self) -> Option<Signals> {
        if self.has_signals() { Some(self.take_signals()) } else { None }
    }

    /// All that the other direction may have to hear, new or not.
    #[cold]
    pub(super) fn take_signals(&mut self) -> Signals {
        Signals { closing: self.closing.take_news(), ping: false, pong: None }
    }

    /// Whether there is something to tell.
    #[inline]
    #[must_use]
    pub fn has_signals(&self) -> bool {
        self.closing.has_news()
    }

    /// Answers a Ping. "An endpoint MAY elect to send a Pong frame for only the most recently processed Ping frame"
    /// (§5.5.3).
    pub(super) fn queue_pong(&mut self, payload: &[u8]) {
        // "The application MUST NOT send any more data frames after sending a Close frame" (§5.5.1), nor anything else.
        if self.closing.may_send() {
            self.pong.set(payload);
            self.pong_queued = true;
        }
    }

    /// Takes what the receiver had to tell.
    pub fn handle_signals(&mut self, signals: Signals) {
        self.closing.learn(signals.closing);
        // "after sending a Close frame" there is nothing more to send (§5.5.1).
        let may_send = self.closing.may_send();
        if let Some(pong) = signals.pong.filter(|_| may_send) {
            self.pong = pong;
            self.pong_queued = true;
        }
        self.ping_queued |= signals.ping && may_send;
    }
}
