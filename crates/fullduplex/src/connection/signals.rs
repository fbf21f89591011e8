//! The signals between the two directions of a connection. These share no memory: a signal is a value, which the
//! [`Connection`](crate::Connection) passes on, or the caller if it has split the connection.

use crate::closing::Closing;
use crate::connection::receiver::Receiver;
use crate::connection::sender::Sender;
use crate::control_payload::ControlPayload;

/// A report from one direction of a connection to the other: a Ping to reply to, a Ping to send, or the state of closing.
#[derive(Debug)]
#[must_use = "the other direction needs it"]
pub struct Signals {
    closing: Closing,
    ping: bool,
    pong: Option<ControlPayload>,
}

impl Signals {
    /// Passes the signals of each direction to the other, for a caller that has both.
    #[inline]
    pub fn exchange(receiver: &mut Receiver, sender: &mut Sender) {
        if receiver.has_signals() || sender.has_signals() {
            exchange_slow(receiver, sender);
        }
    }

    /// Adds a later report of the same direction. Of two Pongs the later one is kept: "an endpoint MAY elect
    /// to send a Pong frame for only the most recently processed Ping frame" (RFC 6455 §5.5.3).
    pub fn merge(&mut self, later: Self) {
        self.closing = later.closing;
        self.ping |= later.ping;
        if later.pong.is_some() {
            self.pong = later.pong;
        }
    }
}

#[cold]
fn exchange_slow(receiver: &mut Receiver, sender: &mut Sender) {
    // The payload is copied directly. A signal would need one more copy.
    if receiver.take_pong() {
        sender.queue_pong(receiver.control_payload());
    }
    if let Some(signals) = receiver.signals() {
        sender.handle_signals(signals);
    }
    if let Some(signals) = sender.signals() {
        receiver.handle_signals(signals);
    }
}

/// Passes the full state of each direction to the other, even if it was passed before.
pub(crate) fn exchange_all(receiver: &mut Receiver, sender: &mut Sender) {
    sender.handle_signals(receiver.take_signals());
    receiver.handle_signals(sender.take_signals());
}

impl Receiver {
    /// Returns the signals for the sender; `None` when there is nothing new. Call it after each event and each error, after
    /// [`handle_timeout`](Self::handle_timeout), and after the transport's end. If the signal of a Ping is not taken before
    /// the next control frame comes, no Pong is sent for it.
    #[inline]
    pub fn signals(&mut self) -> Option<Signals> {
        if self.has_signals() { Some(self.take_signals()) } else { None }
    }

    /// Whether [`signals`](Self::signals) has something to return.
    #[inline]
    #[must_use]
    pub fn has_signals(&self) -> bool {
        self.pong_due || self.ping_due || self.closing.has_report()
    }

    /// Returns a report, even if nothing has changed since the last one.
    #[cold]
    fn take_signals(&mut self) -> Signals {
        let answers = self.take_pong();
        Signals {
            closing: self.closing.take_report(),
            ping: core::mem::take(&mut self.ping_due),
            pong: answers.then(|| ControlPayload::of(self.control.as_bytes())),
        }
    }

    /// Takes in a report of the sender.
    pub fn handle_signals(&mut self, signals: Signals) {
        self.closing.handle_report(signals.closing);
        self.update_derived();
    }
}

impl Sender {
    /// Returns the signals for the receiver; `None` when there is nothing new. Call it after our Close, and when
    /// [`poll_transmit`](Self::poll_transmit) has written something.
    #[inline]
    pub fn signals(&mut self) -> Option<Signals> {
        if self.has_signals() { Some(self.take_signals()) } else { None }
    }

    /// Returns a report, even if nothing has changed since the last one.
    #[cold]
    fn take_signals(&mut self) -> Signals {
        Signals { closing: self.closing.take_report(), ping: false, pong: None }
    }

    /// Whether [`signals`](Self::signals) has something to return.
    #[inline]
    #[must_use]
    pub fn has_signals(&self) -> bool {
        self.closing.has_report()
    }

    /// Takes in a report of the receiver.
    pub fn handle_signals(&mut self, signals: Signals) {
        self.closing.handle_report(signals.closing);
        if let Some(pong) = signals.pong {
            self.queue_pong(pong.as_bytes());
        }
        self.ping_queued |= signals.ping && self.closing.may_send();
        if self.closing.is_over() {
            // Nobody reads what was queued before the connection was lost.
            self.pong_queued = false;
            self.ping_queued = false;
        }
    }
}
