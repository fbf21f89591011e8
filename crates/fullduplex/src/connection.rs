//! The open connection: owns the machines of the layers below and routes between them. What may
//! happen when is their business; this file holds no rule of its own but the shortcut for the most
//! frequent frame.

#[cfg(feature = "deflate")]
mod compressing;
#[cfg(feature = "deflate")]
mod inflating;
mod sending;

#[cfg(feature = "deflate")]
use alloc::boxed::Box;
use core::time::Duration;

use crate::close_code::CloseCode;
use crate::closing::{CloseReason, Closing, Ended};
#[cfg(feature = "deflate")]
use crate::deflate::DeflateStream;
use crate::entropy::Entropy;
use crate::error::Error;
use crate::event::{Event, MessageKind, Part};
use crate::frame::decoder::{Decoded, Decoder, Payload};
use crate::frame::encoder::FrameKind;
#[cfg(feature = "deflate")]
use crate::frame::header::RSV1;
use crate::frame::header::{FIN, FrameHeader, LEN_16, MASK, MAX_CONTROL_PAYLOAD, OpCode};
use crate::input::Input;
use crate::keepalive::{Due, Timeouts, Timers};
use crate::limits::Limits;
use crate::mask;
use crate::message::inbound::Inbound;
#[cfg(feature = "alloc")]
use crate::message::inbound::MessageError;
use crate::message::outbound::{Outbound, SendError};
use crate::negotiated::Negotiated;
use crate::role::Role;
use crate::utf8;

/// The longest control frame: a masked header of 6 bytes and 125 of payload. An output buffer of
/// this size is large enough for [`Connection::poll_transmit`].
pub const MAX_CONTROL_FRAME_LEN: usize = 6 + MAX_CONTROL_PAYLOAD;

/// How a connection behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// What the peer may not exceed.
    pub limits: Limits,
    /// How long to wait for what.
    pub timeouts: Timeouts,
}

impl Config {
    /// The defaults of [`Limits::new`] and [`Timeouts::new`].
    #[must_use]
    pub const fn new() -> Self {
        Self { limits: Limits::new(), timeouts: Timeouts::new() }
    }
}

/// A small payload, kept by value.
#[derive(Debug)]
struct ControlPayload {
    bytes: [u8; MAX_CONTROL_PAYLOAD],
    len: u8,
}

impl ControlPayload {
    const EMPTY: Self = Self { bytes: [0; MAX_CONTROL_PAYLOAD], len: 0 };

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    fn push(&mut self, piece: &[u8]) {
        let start = usize::from(self.len);
        // The decoder lets no control frame pass that is longer, so nothing is ever cut here.
        for (slot, byte) in self.bytes.iter_mut().skip(start).zip(piece) {
            *slot = *byte;
            self.len += 1;
        }
    }

    fn set(&mut self, payload: &[u8]) {
        self.len = 0;
        self.push(payload);
    }
}

/// A whole message that the shortcut found.
pub(crate) struct Whole<'b> {
    pub(crate) kind: MessageKind,
    pub(crate) payload: &'b [u8],
    /// Whether the payload is known to be ASCII.
    pub(crate) ascii: bool,
}

/// How many bytes of payload are still to come.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Default)]
pub(crate) struct Expected {
    /// To end the current frame; 0 between frames.
    pub(crate) frame: u64,
    /// To end the current message, at most.
    pub(crate) message: u64,
}

/// What one call of [`Connection::inflate`] did.
#[cfg(feature = "deflate")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inflated {
    /// Bytes of the chunk that are done with; the rest is to be given again.
    pub consumed: usize,
    /// Bytes of the message that were written.
    pub produced: usize,
    /// Whether the chunk is done with: nothing more will come of it. If it is the last of its message, so is
    /// the message.
    pub done: bool,
}

/// An open WebSocket connection (RFC 6455 §5 to §7) without its transport.
///
/// Bytes from the peer go in by [`poll_event`](Self::poll_event), the instants that
/// [`poll_timeout`](Self::poll_timeout) asks for by [`handle_timeout`](Self::handle_timeout), and the
/// transport's end by [`handle_eof`](Self::handle_eof) or [`handle_reset`](Self::handle_reset). Frames come out in the caller's buffer: data by
/// the `send_*` methods, answers by [`poll_transmit`](Self::poll_transmit). Everything written to an
/// output buffer must reach the peer whole and in the order in which it was written.
///
/// It allocates nothing and has one fixed size.
#[derive(Debug)]
pub struct Connection {
    /// Whether the next byte begins a frame that may be a whole message: derived from the machines
    /// below, so that the shortcut has one thing to test.
    at_message_boundary: bool,
    /// The largest payload that the shortcut takes in a frame with a 7-bit length: at most 125.
    small_frame_limit: u8,
    /// The same with a 16-bit length.
    medium_frame_limit: u16,
    /// The mask bit as the peer must set it.
    mask_bit: u8,
    role: Role,
    /// Which control frame `control` belongs to while its payload comes in.
    receiving_control: Option<OpCode>,
    pong_queued: bool,
    ping_queued: bool,
    failure: Option<Error>,
    closing: Closing,
    timers: Timers,
    decoder: Decoder,
    inbound: Inbound,
    outbound: Outbound,
    #[cfg(feature = "deflate")]
    deflate: Option<Box<DeflateStream>>,
    /// The last control frame received.
    control: ControlPayload,
    /// The payload of the queued Pong.
    pong: ControlPayload,
}

impl Connection {
    /// A connection whose opening handshake is complete.
    #[must_use]
    pub fn new(role: Role, negotiated: Negotiated, config: Config) -> Self {
        let limits = &config.limits;
        #[cfg(feature = "deflate")]
        let deflate = negotiated.deflate().map(|params| Box::new(DeflateStream::new(&params)));
        #[cfg(feature = "deflate")]
        let allowed_rsv = if deflate.is_some() { RSV1 } else { 0 };
        #[cfg(not(feature = "deflate"))]
        let (Negotiated { .. }, allowed_rsv) = (negotiated, 0);
        let smallest = limits.max_frame_size.min(limits.max_message_size);
        Self {
            at_message_boundary: true,
            small_frame_limit: smallest.min(MAX_CONTROL_PAYLOAD as u64) as u8,
            medium_frame_limit: smallest.min(u64::from(u16::MAX)) as u16,
            mask_bit: if role == Role::Server { MASK } else { 0 },
            role,
            receiving_control: None,
            pong_queued: false,
            ping_queued: false,
            failure: None,
            closing: Closing::new(),
            timers: Timers::new(&config.timeouts),
            decoder: Decoder::new(role, limits.max_frame_size, allowed_rsv),
            inbound: Inbound::new(limits),
            outbound: Outbound::new(role),
            #[cfg(feature = "deflate")]
            deflate,
            control: ControlPayload::EMPTY,
            pong: ControlPayload::EMPTY,
        }
    }

    /// Begins to count the waiting times of [`Timeouts`] at `now`. Without it they count from the first
    /// [`poll_event`](Self::poll_event), which an application that only sends may never call.
    pub fn start(&mut self, now: Duration) {
        self.timers.started(now);
    }

    /// Which end of the connection this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The next event in `input`, or `None` when all of it is consumed and more is needed.
    ///
    /// `now` is the time since any origin that does not change, monotonic. Payload is unmasked in
    /// place, and the event borrows it from the caller's buffer.
    ///
    /// # Errors
    /// [`Error`] when the connection fails, once. A Close with the right code is then queued, the rest of
    /// the input is ignored, further calls return `None`, and [`failure`](Self::failure) keeps the cause.
    #[inline]
    pub fn poll_event<'b>(
        &mut self,
        input: &mut Input<'b>,
        now: Duration,
    ) -> Result<Option<Event<'b>>, Error> {
        let Some(Whole { kind, payload, ascii }) = self.whole_message(input, now) else {
            return self.poll_any(input, now);
        };
        match kind {
            MessageKind::Binary => Ok(Some(Event::Binary(payload, Part::Whole))),
            MessageKind::Text if ascii || utf8::is_valid(payload) => {
                Ok(Some(Event::Text(payload, Part::Whole)))
            }
            MessageKind::Text => self.invalid_whole_text(payload, now),
        }
    }

    /// The shortcut: a whole message in one frame, all of it in the buffer. It is unmasked; text is not
    /// checked yet, unless it turned out to be ASCII on the way.
    ///
    /// The first two bytes settle everything: FIN, no RSV, text or binary; the right mask bit and a
    /// length within the limits. Whatever is not exactly that is left to the machines below, which
    /// also know what is wrong with it.
    #[inline(always)]
    pub(crate) fn whole_message<'b>(
        &mut self,
        input: &mut Input<'b>,
        now: Duration,
    ) -> Option<Whole<'b>> {
        const TEXT: u8 = FIN | OpCode::Text as u8;
        const BINARY: u8 = FIN | OpCode::Binary as u8;
        if !self.at_message_boundary {
            return None;
        }
        let word = u64::from_le_bytes(*input.first_chunk()?);
        let kind = match word as u8 {
            TEXT => MessageKind::Text,
            BINARY => MessageKind::Binary,
            _ => return None,
        };
        // A wrong mask bit makes this larger than any limit.
        let len = (word >> 8) as u8 ^ self.mask_bit;
        if len > self.small_frame_limit {
            return if len == LEN_16 { self.medium_message(kind, word, input, now) } else { None };
        }
        let header_len = 2 + usize::from(self.mask_bit >> 5);
        let frame_len = header_len + usize::from(len);
        if input.len() < frame_len {
            return None;
        }
        let payload = input.take(frame_len).get_mut(header_len..)?;
        self.timers.received(now);
        let key = (word >> 16) as u32;
        let ascii = match (kind, self.mask_bit) {
            (MessageKind::Binary, 0) => false,
            (MessageKind::Binary, _) => {
                // Looking for ASCII is left out of this copy, for nobody asks.
                mask::apply_small(payload, key);
                false
            }
            (MessageKind::Text, 0) => mask::high_bits(payload) == 0,
            (MessageKind::Text, _) => mask::apply_small(payload, key) == 0,
        };
        Some(Whole { kind, payload, ascii })
    }

    /// [`whole_message`](Self::whole_message) with a 16-bit length.
    #[inline(always)]
    fn medium_message<'b>(
        &mut self,
        kind: MessageKind,
        word: u64,
        input: &mut Input<'b>,
        now: Duration,
    ) -> Option<Whole<'b>> {
        let len = u16::from_be_bytes([(word >> 16) as u8, (word >> 24) as u8]);
        let header_len = 4 + usize::from(self.mask_bit >> 5);
        let frame_len = header_len + usize::from(len);
        if len <= MAX_CONTROL_PAYLOAD as u16
            || len > self.medium_frame_limit
            || input.len() < frame_len
        {
            return None;
        }
        let payload = input.take(frame_len).get_mut(header_len..)?;
        self.timers.received(now);
        if self.mask_bit != 0 {
            mask::apply_large(payload, (word >> 32) as u32);
        }
        Some(Whole { kind, payload, ascii: false })
    }

    /// [`poll_event`](Self::poll_event) for everything that is not a small whole message.
    #[inline(never)]
    fn poll_any<'b>(
        &mut self,
        input: &mut Input<'b>,
        now: Duration,
    ) -> Result<Option<Event<'b>>, Error> {
        if input.is_empty() {
            self.timers.started(now);
            if self.inbound.pending_error().is_ok() {
                return Ok(None);
            }
        } else {
            self.timers.received(now);
        }
        let result = self.route(input);
        if let Err(error) = result {
            self.fail(error, now);
        }
        if self.closing.queued().is_some() {
            self.timers.closing(now);
        }
        self.update_boundary();
        result
    }

    fn update_boundary(&mut self) {
        self.at_message_boundary =
            self.decoder.at_boundary() && self.inbound.is_idle() && self.closing.may_receive();
    }

    fn route<'b>(&mut self, input: &mut Input<'b>) -> Result<Option<Event<'b>>, Error> {
        loop {
            if !self.closing.may_receive() {
                input.take(usize::MAX);
                return Ok(None);
            }
            self.inbound.pending_error()?;
            match self.decoder.poll(input)? {
                Decoded::NeedMore => return Ok(None),
                Decoded::Header(header) => self.begin_frame(&header)?,
                Decoded::Payload(payload) => {
                    let event = match self.receiving_control {
                        Some(opcode) => self.control_piece(opcode, payload)?,
                        None => self.inbound.piece(payload)?,
                    };
                    if event.is_some() {
                        return Ok(event);
                    }
                }
            }
        }
    }

    fn begin_frame(&mut self, header: &FrameHeader) -> Result<(), Error> {
        if header.opcode.is_control() {
            self.receiving_control = Some(header.opcode);
            self.control.len = 0;
            Ok(())
        } else {
            self.receiving_control = None;
            Ok(self.inbound.begin_frame(header)?)
        }
    }

    fn control_piece<'b>(
        &mut self,
        opcode: OpCode,
        payload: Payload<'b>,
    ) -> Result<Option<Event<'b>>, Error> {
        let ends_frame = payload.ends_frame;
        self.control.push(payload.unmask());
        if !ends_frame {
            return Ok(None);
        }
        Ok(Some(match opcode {
            OpCode::Ping => {
                // "an endpoint MAY elect to send a Pong frame for only the most recently processed
                // Ping frame" (§5.5.3); after our own Close there is nothing more to send.
                if self.closing.may_send() {
                    self.pong.set(self.control.as_bytes());
                    self.pong_queued = true;
                }
                Event::Ping
            }
            OpCode::Close => {
                let reason = CloseReason::parse(self.control.as_bytes())?;
                self.closing.recv_close(reason.map(|reason| reason.code));
                Event::Close
            }
            _ => Event::Pong,
        }))
    }

    #[cold]
    fn invalid_whole_text<'b>(
        &mut self,
        text: &'b [u8],
        now: Duration,
    ) -> Result<Option<Event<'b>>, Error> {
        self.at_message_boundary = false;
        let result = self.inbound.invalid_whole_text(text).map_err(Error::from);
        if let Err(error) = result {
            self.fail(error, now);
        }
        result
    }

    /// A whole message that the shortcut found is not UTF-8.
    #[cfg(feature = "alloc")]
    #[cold]
    pub(crate) fn fail_whole_text(&mut self, now: Duration) -> Error {
        let error = MessageError::InvalidUtf8.into();
        self.fail(error, now);
        error
    }

    /// Fails the connection (§7.1.7).
    fn fail(&mut self, error: Error, now: Duration) {
        self.failure = Some(error);
        self.closing.fail(error.close_code());
        self.timers.closing(now);
        self.at_message_boundary = false;
    }

    /// Whether the next frame begins a message.
    #[cfg(feature = "deflate")]
    pub(crate) fn is_between_messages(&self) -> bool {
        self.inbound.is_idle()
    }

    /// What the current frame and its message may still bring.
    #[cfg(feature = "alloc")]
    pub(crate) fn expected(&self) -> Expected {
        let frame = self.decoder.remaining();
        #[cfg(feature = "deflate")]
        if self.inbound.is_compressed() {
            // What is still to come of the frame is not kept, and says nothing about what becomes of it.
            return Expected { frame: 0, message: self.inbound.room() };
        }
        Expected { frame, message: frame.saturating_add(self.inbound.room()) }
    }

    /// The payload of the last Ping or Pong, at most 125 bytes; valid until the next
    /// [`poll_event`](Self::poll_event).
    #[must_use]
    pub fn control_payload(&self) -> &[u8] {
        self.control.as_bytes()
    }

    /// The peer's Close: `None` while it has not come, `Some(None)` when it had no code (1005).
    #[must_use]
    pub fn peer_close(&self) -> Option<Option<CloseReason<'_>>> {
        // Nothing is received after a Close, so its payload is still there.
        self.closing
            .has_received()
            .then(|| CloseReason::parse(self.control.as_bytes()).ok().flatten())
    }

    /// Our own Close: `None` while it has not been written, `Some(None)` when it had no code.
    #[must_use]
    pub fn sent_close(&self) -> Option<Option<CloseCode>> {
        self.closing.sent()
    }

    /// Why the connection failed, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<Error> {
        self.failure
    }

    /// Whether data and control frames may still be sent.
    #[must_use]
    pub fn may_send(&self) -> bool {
        self.closing.may_send()
    }

    /// Whether both Close frames are through: the connection was closed cleanly (§7.1.4).
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.closing.is_clean()
    }

    /// Whether the connection is over: nothing more will be received and nothing is left to be written.
    ///
    /// "the server MUST close the TCP connection immediately"; a client waits for that, up to its
    /// [close timeout](Timeouts::close_timeout) (§7.1.1).
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closing.is_over()
    }

    /// The transport has come to its end of input.
    ///
    /// # Errors
    /// [`Error::Ended`] when that was not after the peer's Close (§7.1.5: code 1006): between frames, or in
    /// the middle of a message.
    pub fn handle_eof(&mut self) -> Result<(), Error> {
        let between = self.decoder.at_boundary() && self.inbound.is_idle();
        self.end(if between { Ended::WithoutClose } else { Ended::InsideMessage })
    }

    /// The transport was reset, or cut in another way than by an end of input.
    ///
    /// # Errors
    /// [`Error::Ended`] when that was not after the peer's Close (§7.1.5: code 1006).
    pub fn handle_reset(&mut self) -> Result<(), Error> {
        self.end(Ended::Reset)
    }

    fn end(&mut self, how: Ended) -> Result<(), Error> {
        self.at_message_boundary = false;
        self.timers.stop();
        self.closing.end(how).map_err(|ended| {
            self.failure = Some(ended.into());
            ended.into()
        })
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), as an instant of the caller's clock.
    ///
    /// It changes with every other call; ask again before each wait.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.timers.deadline()
    }

    /// Does what is due at `now`: queues a Ping, or fails the connection. Early calls do nothing.
    ///
    /// # Errors
    /// [`Error::Timeout`] when a waiting time ran out.
    pub fn handle_timeout(&mut self, now: Duration) -> Result<(), Error> {
        match self.timers.poll(now) {
            Due::Nothing => {}
            Due::Ping => self.ping_queued = self.closing.may_send(),
            // The cause is known already; what is still queued will never be read.
            Due::Expired(_) if self.failure.is_some() || self.closing.is_clean() => {
                self.closing.give_up();
            }
            Due::Expired(timeout) => {
                self.fail(timeout.into(), now);
                return Err(timeout.into());
            }
        }
        Ok(())
    }

    /// Writes the next answer of the connection's own to the start of `out`, a Pong, a Ping or a Close in
    /// that order, and returns it; `None` when there is none. Call it until then after each round of
    /// [`poll_event`](Self::poll_event) and after [`handle_timeout`](Self::handle_timeout).
    ///
    /// # Errors
    /// [`SendError::NoRoom`] when `out` is too small: [`MAX_CONTROL_FRAME_LEN`] is always enough.
    /// [`SendError::Entropy`] when a client has no masking key. The answer stays queued.
    pub fn poll_transmit<'o>(
        &mut self,
        out: &'o mut [u8],
        mut entropy: impl Entropy,
    ) -> Result<Option<&'o [u8]>, SendError> {
        let len = self.transmit(|outbound, opcode, payload| {
            outbound.frame(FrameKind::last(opcode), payload, out, &mut entropy)
        })?;
        Ok(len.map(|len| out.get(..len).unwrap_or_default()))
    }

    /// Hands the next queued control frame to `write`, and takes it off the queue when that succeeds.
    fn transmit<T>(
        &mut self,
        write: impl FnOnce(&Outbound, OpCode, &[u8]) -> Result<T, SendError>,
    ) -> Result<Option<T>, SendError> {
        if self.pong_queued {
            let written = write(&self.outbound, OpCode::Pong, self.pong.as_bytes())?;
            self.pong_queued = false;
            return Ok(Some(written));
        }
        if self.ping_queued {
            let written = write(&self.outbound, OpCode::Ping, &[])?;
            self.ping_queued = false;
            return Ok(Some(written));
        }
        let Some(code) = self.closing.queued() else { return Ok(None) };
        let code = code.map(|code| code.to_u16().to_be_bytes());
        let payload = code.as_ref().map_or(&[][..], |code| code);
        let written = write(&self.outbound, OpCode::Close, payload)?;
        self.closing.queued_sent();
        Ok(Some(written))
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) has something to write.
    #[inline]
    #[must_use]
    pub fn has_transmit(&self) -> bool {
        self.pong_queued || self.ping_queued || self.closing.queued().is_some()
    }
}
