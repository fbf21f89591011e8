//! The open connection: two directions, and the signals between them. The state machines below decide what may happen
//! when.

#[cfg(feature = "alloc")]
pub(crate) mod close_scan;
#[cfg(feature = "deflate")]
mod compressing;
mod control;
#[cfg(feature = "deflate")]
mod inflating;
#[cfg(feature = "alloc")]
mod queueing;
mod receiver;
mod sender;
mod signals;

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::time::Duration;

use crate::close_code::CloseCode;
use crate::closing::CloseFrameRef;
#[cfg(feature = "deflate")]
use crate::deflate::DeflateParams;
use crate::entropy::Entropy;
use crate::error::Error;
use crate::event::{Event, MessageKind};
use crate::input::Input;
use crate::keepalive::{Timeout, Timeouts};
use crate::limits::Limits;
use crate::message::outbound::{HeaderBytes, SendError};
use crate::negotiated::Negotiated;
use crate::role::Role;

pub use control::MAX_CONTROL_FRAME_LEN;
#[cfg(feature = "alloc")]
pub(crate) use receiver::Expected;
pub use receiver::{Receiver, Shutdown};
pub use sender::Sender;
pub use signals::Signals;
pub(crate) use signals::exchange_all;

/// How a connection behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Config {
    /// What the peer may not exceed.
    pub limits: Limits,
    /// How long the connection waits for the peer.
    pub timeouts: Timeouts,
}

impl Config {
    /// The defaults of [`Limits::new`] and [`Timeouts::new`].
    #[must_use]
    pub const fn new() -> Self {
        Self { limits: Limits::new(), timeouts: Timeouts::new() }
    }

    /// Sets [`limits`](Self::limits).
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets [`timeouts`](Self::timeouts).
    #[must_use]
    pub const fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }
}

/// An open WebSocket connection (RFC 6455 §5 to §7) without its transport: a [`Receiver`] and a [`Sender`], which exchange
/// their signals.
///
/// Bytes from the peer go in by [`poll_event`](Self::poll_event), the time by [`poll_timeout`](Self::poll_timeout) and
/// [`handle_timeout`](Self::handle_timeout), and the transport's end by [`handle_eof`](Self::handle_eof) or
/// [`handle_reset`](Self::handle_reset). Frames come out in the caller's buffer: data by the `send_*` methods, answers by
/// [`poll_transmit`](Self::poll_transmit). Everything written to an output buffer must reach the peer whole and in the
/// order in which it was written.
///
/// Without the feature `alloc` it allocates nothing and has one fixed size. With it, it takes memory for the
/// payload of a control frame, at most 125 bytes each way, and for compression.
#[derive(Debug)]
pub struct Connection {
    receiver: Receiver,
    sender: Sender,
}

/// Both directions.
impl Connection {
    /// A connection whose opening handshake is complete.
    #[must_use]
    pub fn new(role: Role, negotiated: Negotiated, config: Config) -> Self {
        Self {
            receiver: Receiver::new(role, &negotiated, &config.limits, &config.timeouts),
            sender: Sender::new(
                role,
                #[cfg(feature = "deflate")]
                &negotiated,
            ),
        }
    }

    /// Takes the connection apart, so that one task can receive while another one sends. The caller gives what
    /// [`signals`](Receiver::signals) of one direction returns to [`handle_signals`](Sender::handle_signals) of the other.
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
    /// // The sender writes the answer.
    /// let signals = receiver.signals().ok_or("there is one")?;
    /// sender.handle_signals(signals);
    /// let mut out = [0; fullduplex::MAX_CONTROL_FRAME_LEN];
    /// let pong = sender.poll_transmit(&mut out, NoEntropy)?;
    /// assert_eq!(pong, Some(&b"\x8a\x02hi"[..]));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn split(self) -> (Receiver, Sender) {
        (self.receiver, self.sender)
    }

    /// Puts the directions of one connection together again.
    ///
    /// Both must come from the same connection. This is not checked; otherwise, both peers will see protocol errors.
    #[must_use]
    pub fn join(receiver: Receiver, sender: Sender) -> Self {
        let mut joined = Self { receiver, sender };
        // Signals that were taken may never have arrived, so each direction reports all that it knows.
        exchange_all(&mut joined.receiver, &mut joined.sender);
        joined
    }

    /// Passes the signals of each direction to the other.
    #[inline]
    fn exchange(&mut self) {
        Signals::exchange(&mut self.receiver, &mut self.sender);
    }

    /// Which end of the connection this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.receiver.role()
    }

    /// Our own Close: `None` while it has not been written, `Some(None)` when it had no code.
    #[must_use]
    pub fn sent_close(&self) -> Option<Option<CloseCode>> {
        self.sender.sent_close()
    }

    /// Why the connection failed, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<Error> {
        self.receiver.failure()
    }

    /// Whether data and control frames may still be sent.
    #[must_use]
    pub fn may_send(&self) -> bool {
        self.sender.may_send()
    }

    /// Whether both Close frames are through: the connection was closed cleanly (§7.1.4).
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.receiver.is_clean()
    }

    /// Whether the connection is over: see [`Receiver::is_closed`].
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.receiver.is_closed()
    }

    /// How far the caller must end the transport now: see [`Receiver::shutdown`].
    #[must_use]
    pub fn shutdown(&self) -> Shutdown {
        self.receiver.shutdown()
    }

    /// What was agreed on about permessage-deflate; `None` where it is not in use.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(&self) -> Option<DeflateParams> {
        self.receiver.deflate_with(&self.sender)
    }

    /// Frees memory that no later message could need: see [`Receiver::release`] and [`Sender::release`].
    #[cfg(feature = "alloc")]
    #[inline]
    pub fn release(&mut self) {
        self.receiver.release();
        self.sender.release();
    }
}

/// Receiving, as [`Receiver`] does it. The connection passes the receiver's signals to the sender.
impl Connection {
    /// The next event in `input`, or `None` when all of it is consumed and more is needed: see
    /// [`Receiver::poll_event`].
    ///
    /// # Errors
    /// As [`Receiver::poll_event`].
    // Inlined into every caller, because this is only the path of most messages. The rest is a call.
    #[inline(always)]
    pub fn poll_event<'b>(&mut self, input: &mut Input<'b>) -> Result<Option<Event<'b>>, Error> {
        let event = self.receiver.poll_event(input);
        // A data message is no signal for the sender.
        if !matches!(event, Ok(Some(Event::Text(..) | Event::Binary(..)))) {
            self.exchange();
        }
        event
    }

    /// The payload of the last Ping or Pong, at most 125 bytes; valid until the next
    /// [`poll_event`](Self::poll_event).
    #[must_use]
    pub fn control_payload(&self) -> &[u8] {
        self.receiver.control_payload()
    }

    /// The peer's Close: `None` while it has not come, `Some(None)` when it had no code (1005).
    #[must_use]
    pub fn peer_close(&self) -> Option<Option<CloseFrameRef<'_>>> {
        self.receiver.peer_close()
    }

    /// The transport has come to its end of input.
    ///
    /// # Errors
    /// As [`Receiver::handle_eof`].
    pub fn handle_eof(&mut self) -> Result<(), Error> {
        let result = self.receiver.handle_eof();
        self.exchange();
        result
    }

    /// The transport was reset, or cut in another way than by an end of input.
    ///
    /// # Errors
    /// As [`Receiver::handle_reset`].
    pub fn handle_reset(&mut self) -> Result<(), Error> {
        let result = self.receiver.handle_reset();
        self.exchange();
        result
    }

    /// When to call [`handle_timeout`](Self::handle_timeout): see [`Receiver::poll_timeout`].
    #[inline]
    pub fn poll_timeout(&mut self, now: Duration) -> Option<Duration> {
        self.receiver.poll_timeout(now)
    }

    /// Whether a timeout is running: see [`Receiver::has_timeout`].
    #[inline]
    #[must_use]
    pub fn has_timeout(&self) -> bool {
        self.receiver.has_timeout()
    }

    /// Does what is due at `now`: queues a Ping, or fails the connection. Early calls do nothing.
    ///
    /// # Errors
    /// [`Error::Timeout`] when a timeout has expired.
    pub fn handle_timeout(&mut self, now: Duration) -> Result<(), Error> {
        let result = self.receiver.handle_timeout(now);
        self.exchange();
        result
    }

    /// The timeout that has expired at `now`, if any: see [`Receiver::expired`].
    #[must_use]
    pub fn expired(&mut self, now: Duration) -> Option<Timeout> {
        self.receiver.expired(now)
    }

    /// Input has arrived that will be polled later, or the caller has not read for a while: see
    /// [`Receiver::handle_unread_input`].
    pub fn handle_unread_input(&mut self) {
        self.receiver.handle_unread_input();
    }

    /// A blocked write has made progress: see [`Receiver::handle_write_progress`].
    #[inline]
    pub fn handle_write_progress(&mut self) {
        self.receiver.handle_write_progress();
    }
}

/// Sending, as [`Sender`] does it. The connection passes the sender's signals to the receiver. Each `send_*` method
/// writes one whole frame to the start of `out` and returns its length. A call that fails leaves the connection as it
/// was. Only the `append_*` methods compress messages.
impl Connection {
    /// Writes a whole text message as one frame: payload and at most 14 bytes of header. It is not compressed, even where
    /// permessage-deflate was negotiated: see `append_text`.
    ///
    /// # Errors
    /// As [`Sender::send_text`].
    #[inline]
    pub fn send_text(
        &mut self,
        text: &str,
        out: &mut [u8],
        entropy: impl Entropy,
    ) -> Result<usize, SendError> {
        self.sender.send_text(text, out, entropy)
    }

    /// Writes a whole binary message as one frame: payload and at most 14 bytes of header. It is not compressed, even where
    /// permessage-deflate was negotiated: see `append_binary`.
    ///
    /// # Errors
    /// As [`Sender::send_binary`].
    #[inline]
    pub fn send_binary(
        &mut self,
        payload: &[u8],
        out: &mut [u8],
        entropy: impl Entropy,
    ) -> Result<usize, SendError> {
        self.sender.send_binary(payload, out, entropy)
    }

    /// Writes the next fragment of a message (§5.4): the first call begins it, `last` ends it.
    ///
    /// # Errors
    /// As [`Sender::send_fragment`].
    pub fn send_fragment(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        last: bool,
        out: &mut [u8],
        entropy: impl Entropy,
    ) -> Result<usize, SendError> {
        self.sender.send_fragment(kind, payload, last, out, entropy)
    }

    /// The header of a whole text message whose payload a server writes from where it lies.
    ///
    /// # Errors
    /// As [`Sender::text_header`].
    pub fn text_header(&mut self, text: &str) -> Result<HeaderBytes, SendError> {
        self.sender.text_header(text)
    }

    /// The header of a whole binary message whose payload, of `len` bytes, a server writes from where
    /// it lies.
    ///
    /// # Errors
    /// As [`Sender::binary_header`].
    pub fn binary_header(&mut self, len: usize) -> Result<HeaderBytes, SendError> {
        self.sender.binary_header(len)
    }

    /// The header of a whole text message whose payload stays in the caller's buffer and, if we are a
    /// client, is masked there.
    ///
    /// # Errors
    /// As [`Sender::mask_text`].
    pub fn mask_text(
        &mut self,
        text: &mut [u8],
        entropy: impl Entropy,
    ) -> Result<HeaderBytes, SendError> {
        self.sender.mask_text(text, entropy)
    }

    /// The header of a whole binary message whose payload stays in the caller's buffer and, if we are a
    /// client, is masked there.
    ///
    /// # Errors
    /// As [`Sender::mask_binary`].
    pub fn mask_binary(
        &mut self,
        payload: &mut [u8],
        entropy: impl Entropy,
    ) -> Result<HeaderBytes, SendError> {
        self.sender.mask_binary(payload, entropy)
    }

    /// Writes a Ping with at most 125 bytes of payload (§5.5.2).
    ///
    /// # Errors
    /// As [`Sender::send_ping`].
    pub fn send_ping(
        &mut self,
        payload: &[u8],
        out: &mut [u8],
        entropy: impl Entropy,
    ) -> Result<usize, SendError> {
        self.sender.send_ping(payload, out, entropy)
    }

    /// Writes an unsolicited Pong with at most 125 bytes of payload (§5.5.3). Pings are answered
    /// without it.
    ///
    /// # Errors
    /// As [`Sender::send_pong`].
    pub fn send_pong(
        &mut self,
        payload: &[u8],
        out: &mut [u8],
        entropy: impl Entropy,
    ) -> Result<usize, SendError> {
        self.sender.send_pong(payload, out, entropy)
    }

    /// Writes a Close (§5.5.1), after a Pong that was still queued, and starts the wait for the peer's Close. Messages that
    /// the peer sends before its Close are still delivered.
    ///
    /// # Errors
    /// As [`Sender::close`].
    pub fn close(
        &mut self,
        code: CloseCode,
        reason: &str,
        out: &mut [u8],
        entropy: impl Entropy,
    ) -> Result<usize, SendError> {
        let written = self.sender.close(code, reason, out, entropy);
        self.exchange();
        written
    }

    /// Writes the next answer: see [`Sender::poll_transmit`].
    ///
    /// # Errors
    /// As [`Sender::poll_transmit`].
    pub fn poll_transmit<'o>(
        &mut self,
        out: &'o mut [u8],
        entropy: impl Entropy,
    ) -> Result<Option<&'o [u8]>, SendError> {
        let written = self.sender.poll_transmit(out, entropy);
        self.exchange();
        written
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) has something to write.
    #[inline]
    #[must_use]
    pub fn has_transmit(&self) -> bool {
        self.sender.has_transmit()
    }

    /// Appends a whole text message, compressed where that was negotiated.
    ///
    /// # Errors
    /// As [`Sender::append_text`].
    #[cfg(feature = "alloc")]
    pub fn append_text(
        &mut self,
        text: &str,
        out: &mut Vec<u8>,
        entropy: impl Entropy,
    ) -> Result<(), SendError> {
        self.sender.append_text(text, out, entropy)
    }

    /// Appends a whole binary message, compressed where that was negotiated.
    ///
    /// # Errors
    /// As [`Sender::append_binary`].
    #[cfg(feature = "alloc")]
    pub fn append_binary(
        &mut self,
        payload: &[u8],
        out: &mut Vec<u8>,
        entropy: impl Entropy,
    ) -> Result<(), SendError> {
        self.sender.append_binary(payload, out, entropy)
    }

    /// Appends the next fragment of a message (§5.4), see [`send_fragment`](Self::send_fragment).
    ///
    /// # Errors
    /// As [`Sender::append_fragment`].
    #[cfg(feature = "alloc")]
    pub fn append_fragment(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        last: bool,
        out: &mut Vec<u8>,
        entropy: impl Entropy,
    ) -> Result<(), SendError> {
        self.sender.append_fragment(kind, payload, last, out, entropy)
    }

    /// Turns compression of the messages that follow on or off: see [`Sender::set_compression`].
    #[cfg(feature = "deflate")]
    pub fn set_compression(&mut self, on: bool) {
        self.sender.set_compression(on);
    }
}
