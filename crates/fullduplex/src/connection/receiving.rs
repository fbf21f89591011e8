//! The receiving half of [`Connection`]'s interface: bytes, instants and the transport's end in, events out.

use core::time::Duration;

use crate::closing::{CloseReason, Ended};
#[cfg(feature = "alloc")]
use crate::connection::Expected;
use crate::connection::{Connection, Receiving, Whole};
#[cfg(feature = "alloc")]
use crate::control_payload::ControlPayload;
use crate::error::Error;
use crate::event::{Event, MessageKind, Part};
use crate::frame::decoder::{Decoded, Payload};
use crate::frame::header::{FIN, FrameHeader, LEN_16, MAX_CONTROL_PAYLOAD, OpCode};
use crate::input::Input;
use crate::keepalive::{Due, Timeout};
use crate::mask;
#[cfg(feature = "alloc")]
use crate::message::inbound::MessageError;
use crate::utf8;

/// Receiving.
impl<S> Connection<Receiving, S> {
    /// The next event in `input`, or `None` when all of it is consumed and more is needed.
    ///
    /// Payload is unmasked in place, and the event borrows it from the caller's buffer.
    ///
    /// # Errors
    /// [`Error`] when the connection fails, once. A Close with the right code is then queued, the rest of
    /// the input is ignored, further calls return `None`, and [`failure`](Self::failure) keeps the cause.
    // Only what most messages take, wherever it is called.
    #[inline(always)]
    pub fn poll_event<'b>(&mut self, input: &mut Input<'b>) -> Result<Option<Event<'b>>, Error> {
        let Some(Whole { kind, payload, ascii }) = self.whole_message(input) else {
            return self.poll_any(input);
        };
        match kind {
            MessageKind::Binary => Ok(Some(Event::Binary(payload, Part::Whole))),
            MessageKind::Text if ascii || utf8::is_valid(payload) => {
                Ok(Some(Event::Text(payload, Part::Whole)))
            }
            MessageKind::Text => self.invalid_whole_text(payload),
        }
    }

    /// The shortcut: a whole message in one frame, all of it in the buffer. It is unmasked; text is not
    /// checked yet, unless it turned out to be ASCII on the way.
    ///
    /// The first two bytes settle everything: FIN, no RSV, text or binary; the right mask bit and a
    /// length within the limits. Whatever is not exactly that is left to the machines below, which
    /// also know what is wrong with it.
    #[inline(always)]
    pub(crate) fn whole_message<'b>(&mut self, input: &mut Input<'b>) -> Option<Whole<'b>> {
        const TEXT: u8 = FIN | OpCode::Text as u8;
        const BINARY: u8 = FIN | OpCode::Binary as u8;
        if !self.receiving.at_message_boundary {
            return None;
        }
        let word = u64::from_le_bytes(*input.first_chunk()?);
        let kind = match word as u8 {
            TEXT => MessageKind::Text,
            BINARY => MessageKind::Binary,
            _ => return None,
        };
        // A wrong mask bit makes this larger than any limit.
        let len = (word >> 8) as u8 ^ self.receiving.mask_bit;
        if len > self.receiving.small_frame_limit {
            return if len == LEN_16 { self.medium_message(kind, word, input) } else { None };
        }
        let header_len = 2 + usize::from(self.receiving.mask_bit >> 5);
        let frame_len = header_len + usize::from(len);
        if input.len() < frame_len {
            return None;
        }
        let payload = input.take(frame_len).get_mut(header_len..)?;
        self.timers.received();
        let key = (word >> 16) as u32;
        let ascii = match (kind, self.receiving.mask_bit) {
            (MessageKind::Binary, 0) => false,
            (MessageKind::Binary, _) => {
                // Looking for ASCII is left out of this copy, for nobody asks.
                mask::apply_small(payload, key);
                false
            }
            (MessageKind::Text, 0) => mask::is_ascii(payload),
            (MessageKind::Text, _) => mask::apply_small(payload, key),
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
    ) -> Option<Whole<'b>> {
        let len = u16::from_be_bytes([(word >> 16) as u8, (word >> 24) as u8]);
        let header_len = 4 + usize::from(self.receiving.mask_bit >> 5);
        let frame_len = header_len + usize::from(len);
        if len <= MAX_CONTROL_PAYLOAD as u16
            || len > self.receiving.medium_frame_limit
            || input.len() < frame_len
        {
            return None;
        }
        let payload = input.take(frame_len).get_mut(header_len..)?;
        self.timers.received();
        if self.receiving.mask_bit != 0 {
            mask::apply_large(payload, (word >> 32) as u32);
        }
        Some(Whole { kind, payload, ascii: false })
    }

    /// [`poll_event`](Self::poll_event) without its shortcut: for everything that is not a small whole message, and for
    /// who has looked for one.
    #[inline(never)]
    pub(crate) fn poll_any<'b>(
        &mut self,
        input: &mut Input<'b>,
    ) -> Result<Option<Event<'b>>, Error> {
        if input.is_empty() {
            if self.receiving.inbound.pending_error().is_ok() {
                return Ok(None);
            }
        } else {
            self.timers.received();
        }
        let result = self.route(input);
        if let Err(error) = result {
            self.fail(error);
        }
        if self.closing.queued().is_some() {
            self.timers.closing();
        }
        self.update_boundary();
        result
    }

    /// [`poll_event`](Self::poll_event) without input, where that is known to bring nothing: between messages.
    #[cfg(feature = "alloc")]
    #[inline(always)]
    pub(crate) fn has_nothing(&self) -> bool {
        self.receiving.at_message_boundary
    }

    /// Whether the next frame begins a message, and is to be received: the connection has not failed, and no Close
    /// has come.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(crate) fn is_at_message_boundary(&self) -> bool {
        self.receiving.at_message_boundary
    }

    pub(super) fn update_boundary(&mut self) {
        self.receiving.at_message_boundary = self.receiving.decoder.at_boundary()
            && self.receiving.inbound.is_idle()
            && self.closing.may_receive();
    }

    fn route<'b>(&mut self, input: &mut Input<'b>) -> Result<Option<Event<'b>>, Error> {
        loop {
            if !self.closing.may_receive() {
                input.take(usize::MAX);
                return Ok(None);
            }
            self.receiving.inbound.pending_error()?;
            match self.receiving.decoder.poll(input)? {
                Decoded::NeedMore => return Ok(None),
                Decoded::Header(header) => self.begin_frame(&header)?,
                Decoded::Payload(payload) => {
                    let event = match self.receiving.receiving_control {
                        Some(opcode) => self.control_piece(opcode, payload)?,
                        None => self.receiving.inbound.piece(payload)?,
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
            self.receiving.receiving_control = Some(header.opcode);
            self.receiving.control.clear();
            Ok(())
        } else {
            self.receiving.receiving_control = None;
            Ok(self.receiving.inbound.begin_frame(header)?)
        }
    }

    fn control_piece<'b>(
        &mut self,
        opcode: OpCode,
        payload: Payload<'b>,
    ) -> Result<Option<Event<'b>>, Error> {
        let ends_frame = payload.ends_frame;
        self.receiving.control.push(payload.unmask());
        if !ends_frame {
            return Ok(None);
        }
        Ok(Some(match opcode {
            OpCode::Ping => {
                // "an endpoint MAY elect to send a Pong frame for only the most recently processed
                // Ping frame" (§5.5.3); after our own Close there is nothing more to send.
                if self.closing.may_send() {
                    self.pong.set(self.receiving.control.as_bytes());
                    self.pong_queued = true;
                }
                Event::Ping
            }
            OpCode::Close => {
                let reason = CloseReason::parse(self.receiving.control.as_bytes())?;
                self.closing.recv_close(reason.map(|reason| reason.code));
                Event::Close
            }
            _ => Event::Pong,
        }))
    }

    #[cold]
    fn invalid_whole_text<'b>(&mut self, text: &'b [u8]) -> Result<Option<Event<'b>>, Error> {
        self.receiving.at_message_boundary = false;
        let result = self.receiving.inbound.invalid_whole_text(text).map_err(Error::from);
        if let Err(error) = result {
            self.fail(error);
        }
        result
    }

    /// A whole message that the shortcut found is not UTF-8.
    #[cfg(feature = "alloc")]
    #[cold]
    pub(crate) fn fail_whole_text(&mut self) -> Error {
        let error = MessageError::InvalidUtf8.into();
        self.fail(error);
        error
    }

    /// Fails the connection (§7.1.7).
    pub(super) fn fail(&mut self, error: Error) {
        self.failure = Some(error);
        self.closing.fail(error.close_code());
        self.timers.closing();
        self.receiving.at_message_boundary = false;
    }

    /// Whether the next frame begins a message.
    #[cfg(feature = "deflate")]
    pub(crate) fn is_between_messages(&self) -> bool {
        self.receiving.inbound.is_idle()
    }

    /// What the current frame and its message may still bring.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(crate) fn expected(&self) -> Expected {
        if self.receiving.at_message_boundary {
            return Expected { frame: 0, message: self.receiving.inbound.max_size() };
        }
        let frame = self.receiving.decoder.remaining();
        #[cfg(feature = "deflate")]
        if self.receiving.inbound.is_compressed() {
            // What is still to come of the frame is not kept, and says nothing about what becomes of it.
            return Expected { frame: 0, message: self.receiving.inbound.room() };
        }
        Expected { frame, message: frame.saturating_add(self.receiving.inbound.room()) }
    }

    /// The payload of the last Ping or Pong, at most 125 bytes; valid until the next
    /// [`poll_event`](Self::poll_event).
    #[must_use]
    pub fn control_payload(&self) -> &[u8] {
        self.receiving.control.as_bytes()
    }

    /// The peer's Close: `None` while it has not come, `Some(None)` when it had no code (1005).
    #[must_use]
    pub fn peer_close(&self) -> Option<Option<CloseReason<'_>>> {
        // Nothing is received after a Close, so its payload is still there.
        self.closing
            .has_received()
            .then(|| CloseReason::parse(self.receiving.control.as_bytes()).ok().flatten())
    }

    /// The transport has come to its end of input.
    ///
    /// # Errors
    /// [`Error::Ended`] when that was not after the peer's Close (§7.1.5: code 1006): between frames, or in
    /// the middle of a message.
    pub fn handle_eof(&mut self) -> Result<(), Error> {
        let between = self.receiving.decoder.at_boundary() && self.receiving.inbound.is_idle();
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
        self.receiving.at_message_boundary = false;
        self.timers.stop();
        self.closing.end(how).map_err(|ended| {
            self.failure = Some(ended.into());
            ended.into()
        })
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), as an instant of the caller's clock. Ask again before each
    /// wait.
    ///
    /// `now` is the time since any origin that does not change, monotonic. Input that came since the last call counts
    /// as having come now, and a waiting time that begins with something since then begins now.
    #[inline]
    pub fn poll_timeout(&mut self, now: Duration) -> Option<Duration> {
        self.timers.deadline(now)
    }

    /// Whether a waiting time runs. If not, [`poll_timeout`](Self::poll_timeout) returns `None` whatever the time is, and a
    /// caller need not ask its clock. With the default [`Timeouts`](crate::Timeouts), none runs while the connection is
    /// open.
    #[inline]
    #[must_use]
    pub fn has_timeout(&self) -> bool {
        self.timers.is_running()
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
                self.fail(timeout.into());
                return Err(timeout.into());
            }
        }
        Ok(())
    }

    /// Returns the waiting time that has run out at `now`, if one has. The connection fails only in
    /// [`handle_timeout`](Self::handle_timeout): a caller that has received more than it has polled may deliver that
    /// first.
    #[must_use]
    pub fn expired(&mut self, now: Duration) -> Option<Timeout> {
        self.timers.expired(now)
    }

    /// Call it when input has come that will be polled later, and after a time in which nobody listened. Silence is
    /// counted from now on: it puts off the Ping, the Pong's deadline and the idle timeout (see
    /// [`Timeouts`](crate::Timeouts)).
    pub fn handle_unread_input(&mut self) {
        self.timers.received();
    }

    /// A write that was blocked has gone on, so the peer reads. If a Ping waited in line, the wait for its Pong begins
    /// anew.
    #[inline]
    pub fn handle_write_progress(&mut self) {
        self.timers.written();
    }

    /// Gives up the memory of the last control frame, unless that is under way or is the peer's Close.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(super) fn release_control(&mut self) {
        let control = &self.receiving.control;
        let is_done = || self.receiving.decoder.at_boundary() && !self.closing.has_received();
        if control.has_memory() && is_done() {
            self.receiving.control = ControlPayload::EMPTY;
        }
    }
}
