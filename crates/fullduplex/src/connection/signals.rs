//! What the two directions of a connection tell each other. They share no memory: a signal is a value, which the
//! [`Connection`](crate::Connection) carries, or the caller where the two are apart.

use crate::closing::Closing;
use crate::connection::receiver::Receiver;
use crate::connection::sender::Sender;
use crate::control_payload::ControlPayload;

/// A report from one direction of a connection to the other: a Ping to answer, a step of closing.
#[derive(Debug)]
#[must_use = "the other direction has to hear of it"]
pub struct Signals {
    closing: Closing,
    ping: bool,
    pong: Option<ControlPayload>,
}

impl Signals {
    /// Passes the signals of each direction to the other, where both are at hand.
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
    // Without a copy of its own, which a signal would need.
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

/// Tells each direction all that the other one knows, whether it has been told before or not.
pub(crate) fn exchange_all(receiver: &mut Receiver, sender: &mut Sender) {
    sender.handle_signals(receiver.take_signals());
    receiver.handle_signals(sender.take_signals());
}

impl Receiver {
    /// Returns what the sender must hear; `None` when there is nothing new. Ask after each event and each error, after
    /// [`handle_timeout`](Self::handle_timeout), and after the transport's end. A Ping whose signal was not taken before
    /// the next control frame comes is not answered.
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
    /// Returns what the receiver must hear; `None` when there is nothing new. Ask after a Close of our own, and when
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
    }
}
