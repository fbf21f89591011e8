//! The receiving direction of a connection: bytes, instants and the transport's end in, events out.

#[cfg(feature = "deflate")]
use alloc::boxed::Box;
use core::time::Duration;

use crate::close_code::CloseCode;
use crate::closing::{Closing, Ended};
#[cfg(feature = "deflate")]
use crate::connection::sender::Sender;
use crate::control_payload::ControlPayload;
#[cfg(feature = "deflate")]
use crate::deflate::{Decompressor, DeflateParams};
use crate::error::Error;
use crate::event::{Event, MessageKind, Part};
use crate::frame::decoder::{Decoded, Decoder};
#[cfg(feature = "deflate")]
use crate::frame::header::RSV1;
use crate::frame::header::{FrameHeader, OpCode};
use crate::frame::shortcut::{Shortcut, WholeMessage};
use crate::input::Input;
use crate::keepalive::{Timeout, Timeouts, TimerAction, Timers};
use crate::limits::Limits;
use crate::message::inbound::Inbound;
#[cfg(feature = "alloc")]
use crate::message::inbound::MessageError;
use crate::negotiated::Negotiated;
use crate::role::Role;
use crate::utf8;

/// How many bytes of payload are still to come.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Default)]
pub(crate) struct Expected {
    /// To end the current frame; 0 between frames.
    pub(crate) frame: u64,
    /// To end the current message, at most.
    pub(crate) message: u64,
}

/// How far the caller must end the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shutdown {
    /// Nothing: go on.
    No,
    /// End the sending direction, then read on until the peer has ended its own or the
    /// [deadline](Receiver::poll_timeout) has come: a transport that is dropped with input unread may
    /// throw away what was sent last.
    Write,
    /// Drop it.
    Both,
}

/// The receiving direction of a [`Connection`](crate::Connection).
///
/// Bytes from the peer go in by [`poll_event`](Self::poll_event), the time by [`poll_timeout`](Self::poll_timeout) and
/// [`handle_timeout`](Self::handle_timeout), and the transport's end by [`handle_eof`](Self::handle_eof) or
/// [`handle_reset`](Self::handle_reset). Signals for the [`Sender`](crate::Sender) come out by [`signals`](Self::signals).
#[derive(Debug)]
pub struct Receiver {
    /// Whether the next byte begins a frame that may be a whole message: derived from the machines
    /// below, so that the shortcut has one thing to test.
    at_message_boundary: bool,
    shortcut: Shortcut,
    role: Role,
    over_stream: bool,
    /// Whether the transport's input has ended, or we no longer wait for it.
    ended: bool,
    /// Whether the sender does not know of the last Ping yet. Its payload is in `control`.
    pub(super) pong_due: bool,
    /// Whether the sender does not know yet that the Ping of the keepalive is due.
    pub(super) ping_due: bool,
    /// Which control frame `control` belongs to while its payload comes in.
    pub(super) receiving_control: Option<OpCode>,
    pub(super) failure: Option<Error>,
    pub(super) closing: Closing,
    pub(super) decoder: Decoder,
    pub(super) inbound: Inbound,
    pub(super) timers: Timers,
    #[cfg(feature = "deflate")]
    pub(super) decompressor: Option<Box<Decompressor>>,
    /// The payload of the last control frame received.
    pub(super) control: ControlPayload,
}

impl Receiver {
    pub(super) fn new(
        role: Role,
        negotiated: &Negotiated,
        limits: &Limits,
        timeouts: &Timeouts,
    ) -> Self {
        #[cfg(feature = "deflate")]
        let params = negotiated.deflate();
        #[cfg(feature = "deflate")]
        let allowed_rsv = if params.is_some() { RSV1 } else { 0 };
        #[cfg(not(feature = "deflate"))]
        let allowed_rsv = 0;
        let smallest = limits.max_frame_size.min(limits.max_message_size);
        Self {
            at_message_boundary: true,
            shortcut: Shortcut::new(role, smallest),
            role,
            over_stream: negotiated.is_over_stream(),
            ended: false,
            pong_due: false,
            ping_due: false,
            receiving_control: None,
            failure: None,
            closing: Closing::new(),
            decoder: Decoder::new(role, limits.max_frame_size, allowed_rsv),
            inbound: Inbound::new(limits),
            timers: Timers::new(timeouts),
            #[cfg(feature = "deflate")]
            decompressor: params.map(|params| Box::new(Decompressor::new(params.inflation()))),
            control: ControlPayload::EMPTY,
        }
    }
}

/// Its state.
impl Receiver {
    /// Which end of the connection this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
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

    /// How many bytes of payload the frames of the message in progress have announced; 0 between messages. After
    /// [`MessageError::TooLarge`](crate::MessageError::TooLarge), it includes the frame that exceeded the limit. For a
    /// compressed message, it is the number of bytes that were decompressed.
    #[must_use]
    pub fn message_size(&self) -> u64 {
        self.inbound.size()
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

    /// Whether the transport's input has ended, or the close timeout has expired, so that the caller no longer waits for it.
    /// Then no timeout is running.
    #[inline]
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// How far the caller must end the transport, once everything has been written and if the transport has not
    /// ended by itself.
    ///
    /// "the server MUST close the TCP connection immediately" once both Closes are through; the client
    /// waits for it (RFC 6455 §7.1.1). Of a stream of HTTP/2 each end closes its own direction, "orderly TCP-level
    /// closures are represented as END_STREAM flags" (RFC 8441 §5), and a server that gave up the other one as well would
    /// reset the stream, with its Close under way. When the transport has ended, or the close timeout has expired, nothing is
    /// waited for.
    #[must_use]
    pub fn shutdown(&self) -> Shutdown {
        if self.ended {
            return Shutdown::Both;
        }
        match (self.is_closed(), self.is_clean(), self.role) {
            (false, ..) => Shutdown::No,
            (true, true, Role::Client) => Shutdown::No,
            (true, true, Role::Server) if self.over_stream => Shutdown::Write,
            (true, true, Role::Server) => Shutdown::Both,
            (true, false, _) => Shutdown::Write,
        }
    }

    /// What was agreed on about permessage-deflate, which `sender` knows the other half of; `None` where it is not in use.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate_with(&self, sender: &Sender) -> Option<DeflateParams> {
        let compressing = sender.compressing.as_ref()?;
        let inflation = self.decompressor.as_ref()?.settings();
        let compression = compressing.compressor.settings();
        Some(DeflateParams::new(compression, inflation, compressing.threshold))
    }

    /// Frees memory that no later message could need, for a connection that is about to wait for long: the memory of the
    /// last control frame, and of the decompressor where no context is taken over (RFC 7692 §7.1.1). `DeflateConfig` says
    /// how much it has.
    #[cfg(feature = "alloc")]
    #[inline]
    pub fn release(&mut self) {
        self.release_control();
        #[cfg(feature = "deflate")]
        if let Some(decompressor) = &mut self.decompressor {
            decompressor.release();
        }
    }
}

/// Receiving.
impl Receiver {
    /// The next event in `input`, or `None` when all of it is consumed and more is needed.
    ///
    /// Payload is unmasked in place, and the event borrows it from the caller's buffer. Payload of a compressed message
    /// (RFC 7692) is inflated into the scratch of `Input::with_scratch`, and the event borrows it from there. What does not
    /// fit comes with the next call. Where no scratch is left it returns `None` although there is more, and
    /// `Input::needs_scratch` says so: poll what remains of the input, which may be nothing, with more scratch.
    ///
    /// A message is counted against [`Limits::max_message_size`] and text is checked as it appears, compressed or not. What
    /// was good before a fault is handed out first.
    ///
    /// # Errors
    /// [`Error`] when the connection fails, once. A Close with the right code is then queued, the rest of
    /// the input is ignored, further calls return `None`, and [`failure`](Self::failure) keeps the cause.
    // Inlined into every caller, because this is only the path of most messages. The rest is a call.
    #[inline(always)]
    pub fn poll_event<'b>(&mut self, input: &mut Input<'b>) -> Result<Option<Event<'b>>, Error> {
        let Some(WholeMessage { kind, payload, ascii }) = self.whole_message(input) else {
            return self.poll_event_slow(input);
        };
        match kind {
            MessageKind::Binary => Ok(Some(Event::Binary(payload, Part::Whole))),
            MessageKind::Text if ascii || utf8::is_valid(payload) => {
                Ok(Some(Event::Text(payload, Part::Whole)))
            }
            MessageKind::Text => self.invalid_whole_text(payload),
        }
    }

    /// The [`Shortcut`], where a message may begin.
    #[inline(always)]
    pub(crate) fn whole_message<'b>(&mut self, input: &mut Input<'b>) -> Option<WholeMessage<'b>> {
        if !self.at_message_boundary {
            return None;
        }
        self.shortcut.take(input, || self.timers.received())
    }

    /// [`poll_event`](Self::poll_event) without its shortcut: for everything that is not a small whole message, and for a
    /// caller that has already looked for one.
    #[inline(never)]
    pub(crate) fn poll_event_slow<'b>(
        &mut self,
        input: &mut Input<'b>,
    ) -> Result<Option<Event<'b>>, Error> {
        if input.is_empty() {
            let is_done = self.inbound.pending_error().is_ok();
            #[cfg(feature = "deflate")]
            let is_done = is_done && !self.has_to_inflate(input);
            if is_done {
                return Ok(None);
            }
        } else {
            self.timers.received();
        }
        let result = self.route(input);
        match result {
            Ok(_) => self.update_derived(),
            Err(error) => self.fail(error),
        }
        result
    }

    /// Whether the next frame may begin a message: the connection is between messages, has not failed, and the peer's Close
    /// has not come. Then [`poll_event`](Self::poll_event) finds nothing in an empty input.
    #[cfg(feature = "alloc")]
    #[inline(always)]
    pub(crate) fn is_at_message_boundary(&self) -> bool {
        self.at_message_boundary
    }

    /// Whether frames from the peer are still processed: its Close has not come, and the connection has not failed.
    #[cfg(feature = "alloc")]
    pub(crate) fn may_receive(&self) -> bool {
        self.closing.may_receive()
    }

    /// Updates what depends on the machines, after a step of one of them: the close timer and the message boundary.
    #[inline(always)]
    pub(super) fn update_derived(&mut self) {
        if !self.closing.may_send() {
            // A Close was sent or received, or the connection has failed: only the close timeout counts.
            self.timers.closing();
        }
        self.at_message_boundary = self.decoder.at_boundary()
            && self.inbound.is_idle()
            // A failure that the next poll returns comes before any message.
            && self.inbound.pending_error().is_ok()
            && self.closing.may_receive();
    }

    fn route<'b>(&mut self, input: &mut Input<'b>) -> Result<Option<Event<'b>>, Error> {
        loop {
            if !self.closing.may_receive() {
                input.take(usize::MAX);
                return Ok(None);
            }
            self.inbound.pending_error()?;
            #[cfg(feature = "deflate")]
            if self.has_to_inflate(input) {
                let event = self.inflate(input)?;
                if event.is_some() || input.needs_scratch() {
                    return Ok(event);
                }
                continue;
            }
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
            self.begin_control(header.opcode);
            Ok(())
        } else {
            self.receiving_control = None;
            Ok(self.inbound.begin_frame(header)?)
        }
    }

    #[cold]
    fn invalid_whole_text<'b>(&mut self, text: &'b [u8]) -> Result<Option<Event<'b>>, Error> {
        self.at_message_boundary = false;
        let result = self.inbound.invalid_whole_text(text).map_err(Error::from);
        if let Err(error) = result {
            self.fail(error);
        }
        result
    }

    /// The text of a whole message if it was found valid.
    ///
    /// # Errors
    /// [`MessageError::InvalidUtf8`] if it was not: the connection fails.
    #[cfg(feature = "alloc")]
    #[inline(always)]
    pub(crate) fn valid_text<T>(&mut self, text: Option<T>) -> Result<T, Error> {
        match text {
            Some(text) => Ok(text),
            None => Err(self.fail_whole_text()),
        }
    }

    #[cfg(feature = "alloc")]
    #[cold]
    fn fail_whole_text(&mut self) -> Error {
        let error = MessageError::InvalidUtf8.into();
        self.fail(error);
        error
    }

    /// Fails the connection (§7.1.7).
    pub(super) fn fail(&mut self, error: Error) {
        self.failure = Some(error);
        self.closing.fail(error.close_code());
        self.update_derived();
    }

    /// What the current frame and its message may still bring.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(crate) fn expected(&self) -> Expected {
        if self.at_message_boundary {
            return Expected { frame: 0, message: self.inbound.max_size() };
        }
        if !self.may_receive() {
            // The rest of the message never comes.
            return Expected::default();
        }
        let frame = self.decoder.remaining();
        #[cfg(feature = "deflate")]
        if self.inbound.is_compressed() {
            // The compressed rest of the frame is not kept, and its length says nothing about the length of the message.
            return Expected { frame: 0, message: self.inbound.remaining_size() };
        }
        Expected { frame, message: frame.saturating_add(self.inbound.remaining_size()) }
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
        self.ended = true;
        self.at_message_boundary = false;
        self.timers.stop();
        self.closing.end(how).map_err(|ended| {
            self.failure = Some(ended.into());
            ended.into()
        })
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), as an instant of the caller's clock. Ask again before each
    /// wait.
    ///
    /// `now` is the time since any origin that does not change, monotonic. What has happened since the last call counts as
    /// happening now: input that has arrived, and an event that starts a timeout.
    #[inline]
    pub fn poll_timeout(&mut self, now: Duration) -> Option<Duration> {
        self.timers.deadline(now)
    }

    /// Whether a timeout is running. If not, [`poll_timeout`](Self::poll_timeout) returns `None` whatever the time is, and a
    /// caller need not ask its clock. With the default [`Timeouts`](crate::Timeouts), none runs while the connection is
    /// open.
    #[inline]
    #[must_use]
    pub fn has_timeout(&self) -> bool {
        !self.ended && self.timers.is_running()
    }

    /// Does what is due at `now`: queues a Ping, or fails the connection. Early calls do nothing.
    ///
    /// # Errors
    /// [`Error::Timeout`] when a timeout has expired.
    pub fn handle_timeout(&mut self, now: Duration) -> Result<(), Error> {
        let action = self.timers.poll(now);
        self.ended |= action == TimerAction::Expired(Timeout::Close);
        match action {
            TimerAction::Nothing => {}
            TimerAction::Ping => self.ping_due = self.closing.may_send(),
            // The cause is known already; what is still queued will never be read.
            TimerAction::Expired(_) if self.failure.is_some() || self.closing.is_clean() => {
                self.closing.give_up();
            }
            TimerAction::Expired(timeout) => {
                self.fail(timeout.into());
                return Err(timeout.into());
            }
        }
        Ok(())
    }

    /// The timeout that has expired at `now`, if any. The connection fails only in
    /// [`handle_timeout`](Self::handle_timeout): a caller that has received more than it has polled may deliver that
    /// first.
    #[must_use]
    pub fn expired(&mut self, now: Duration) -> Option<Timeout> {
        self.timers.expired(now)
    }

    /// Call it when input has arrived that will be polled later, and after a time in which the caller has not read. Silence
    /// counts from now on, so the Ping, the deadline of the Pong and the idle timeout are postponed (see
    /// [`Timeouts`](crate::Timeouts)).
    pub fn handle_unread_input(&mut self) {
        self.timers.received();
    }

    /// A blocked write has made progress, so the peer reads. If we wait for a Pong, the wait starts again, because the Ping
    /// may have been queued behind other bytes.
    #[inline]
    pub fn handle_write_progress(&mut self) {
        self.timers.written();
    }
}
