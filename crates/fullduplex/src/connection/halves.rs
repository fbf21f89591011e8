//! The two halves of a [`Connection`], for two tasks or threads. They share no memory: what one has to tell
//! the other is a value, which the caller carries.

use crate::closing::Closing;
use crate::connection::{Connection, Elsewhere, ReceivingHalf, SendingHalf};
use crate::control_payload::ControlPayload;
use crate::error::Error;
use crate::keepalive::{Timeouts, Timers};

/// What one half of a connection has to tell the other one: an answer to be sent, a step of closing.
#[derive(Debug)]
pub struct Signals {
    closing: Closing,
    failure: Option<Error>,
    ping: bool,
    pong: Option<ControlPayload>,
}

impl Signals {
    /// Adds what the same half has to tell later. Of two Pongs the later one is kept: "an endpoint MAY elect
    /// to send a Pong frame for only the most recently processed Ping frame" (RFC 6455 §5.5.3).
    pub fn merge(&mut self, later: Self) {
        self.closing = later.closing;
        self.failure = later.failure;
        self.ping |= later.ping;
        if later.pong.is_some() {
            self.pong = later.pong;
        }
    }
}

impl Connection {
    /// Takes the connection apart, so that one task can receive while another one sends. What
    /// [`signals`](ReceivingHalf::signals) of one half returns is to be given to the other half's
    /// [`handle_signals`](SendingHalf::handle_signals).
    ///
    /// ```
    /// use fullduplex::{Config, Connection, Event, Input, Negotiated, NoEntropy, Role};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let conn = Connection::new(Role::Server, Negotiated::without_extensions(), Config::new());
    /// let (mut receiver, mut sender) = conn.split();
    ///
    /// let mut ping = *b"\x89\x82\0\0\0\0hi";
    /// let event = receiver.poll_event(&mut Input::new(&mut ping))?;
    /// assert_eq!(event, Some(Event::Ping));
    ///
    /// // The answer is the sender's business.
    /// let signals = receiver.signals().ok_or("there is one")?;
    /// sender.handle_signals(signals);
    /// let mut out = [0; fullduplex::MAX_CONTROL_FRAME_LEN];
    /// let pong = sender.poll_transmit(&mut out, NoEntropy)?;
    /// assert_eq!(pong, Some(&b"\x8a\x02hi"[..]));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn split(self) -> (ReceivingHalf, SendingHalf) {
        let told = self.closing;
        let receiving = Connection {
            receiving: self.receiving,
            sending: Elsewhere { told },
            role: self.role,
            over_stream: self.over_stream,
            pong_queued: false,
            ping_queued: false,
            failure: self.failure,
            closing: told,
            timers: self.timers,
            pong: ControlPayload::EMPTY,
        };
        let sending = Connection {
            receiving: Elsewhere { told },
            sending: self.sending,
            role: self.role,
            over_stream: self.over_stream,
            pong_queued: self.pong_queued,
            ping_queued: self.ping_queued,
            failure: self.failure,
            closing: told,
            timers: Timers::new(&Timeouts::new()),
            pong: self.pong,
        };
        (receiving, sending)
    }

    /// Puts the halves of one connection together again.
    ///
    /// Halves of two connections make one that has little to say to either peer.
    #[must_use]
    pub fn join(mut receiving: ReceivingHalf, mut sending: SendingHalf) -> Self {
        if let Some(signals) = receiving.signals() {
            sending.handle_signals(signals);
        }
        if let Some(signals) = sending.signals() {
            receiving.handle_signals(signals);
        }
        Self {
            receiving: receiving.receiving,
            sending: sending.sending,
            role: receiving.role,
            over_stream: receiving.over_stream,
            pong_queued: sending.pong_queued,
            ping_queued: sending.ping_queued,
            failure: receiving.failure,
            closing: receiving.closing,
            timers: receiving.timers,
            pong: sending.pong,
        }
    }
}

impl ReceivingHalf {
    /// What the sender is to be told; `None` when there is nothing new. To be asked after each event, after
    /// [`handle_timeout`](Self::handle_timeout), and after the transport's end.
    #[inline]
    pub fn signals(&mut self) -> Option<Signals> {
        if self.has_signals() { Some(self.take_signals()) } else { None }
    }

    /// Whether there is something to tell.
    #[inline]
    #[must_use]
    pub fn has_signals(&self) -> bool {
        self.pong_queued || self.ping_queued || !self.sending.told.is(&self.closing)
    }

    #[cold]
    fn take_signals(&mut self) -> Signals {
        self.sending.told = self.closing;
        let pong_queued = core::mem::take(&mut self.pong_queued);
        Signals {
            closing: self.closing,
            failure: self.failure,
            ping: core::mem::take(&mut self.ping_queued),
            pong: pong_queued.then(|| core::mem::replace(&mut self.pong, ControlPayload::EMPTY)),
        }
    }

    /// Takes what the sender had to tell.
    pub fn handle_signals(&mut self, signals: Signals) {
        self.closing.learn(signals.closing);
        // The sender knows it, too, but what it was told.
        self.sending.told.learn(signals.closing);
        if self.closing.sent().is_some() {
            self.timers.closing();
        }
        self.update_boundary();
    }
}

impl SendingHalf {
    /// What the receiver is to be told; `None` when there is nothing new. To be asked after a Close of our own,
    /// and when [`poll_transmit`](Self::poll_transmit) has written something.
    #[inline]
    pub fn signals(&mut self) -> Option<Signals> {
        if self.has_signals() { Some(self.take_signals()) } else { None }
    }

    #[cold]
    fn take_signals(&mut self) -> Signals {
        self.receiving.told = self.closing;
        Signals { closing: self.closing, failure: None, ping: false, pong: None }
    }

    /// Whether there is something to tell.
    #[inline]
    #[must_use]
    pub fn has_signals(&self) -> bool {
        !self.receiving.told.is(&self.closing)
    }

    /// Takes what the receiver had to tell.
    pub fn handle_signals(&mut self, signals: Signals) {
        self.closing.learn(signals.closing);
        self.receiving.told.learn(signals.closing);
        self.failure = signals.failure;
        // "after sending a Close frame" there is nothing more to send (§5.5.1).
        let may_send = self.closing.may_send();
        if let Some(pong) = signals.pong.filter(|_| may_send) {
            self.pong = pong;
            self.pong_queued = true;
        }
        self.ping_queued |= signals.ping && may_send;
    }
}
