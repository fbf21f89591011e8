//! Control frames (RFC 6455 §5.5): the peer's, and ours.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

use crate::close_code::CloseCode;
use crate::closing::{CloseBody, CloseFrameRef};
use crate::connection::receiver::Receiver;
use crate::connection::sender::Sender;
#[cfg(feature = "alloc")]
use crate::control_payload::ControlPayload;
use crate::entropy::Entropy;
use crate::error::Error;
use crate::event::Event;
use crate::frame::decoder::Payload;
use crate::frame::encoder::{FrameKind, small_header_len};
use crate::frame::header::{MAX_CONTROL_PAYLOAD, OpCode};
use crate::message::outbound::{Outbound, SendError};
use crate::output::BufferTooSmall;
use crate::role::Role;

/// The longest control frame: a masked header of 6 bytes and 125 of payload. An output buffer of this size is large enough
/// for [`Connection::poll_transmit`](crate::Connection::poll_transmit).
pub const MAX_CONTROL_FRAME_LEN: usize = small_header_len(Role::Client) + MAX_CONTROL_PAYLOAD;

/// The peer's control frames.
impl Receiver {
    /// A control frame begins: "Control frames ... MAY be injected in the middle of a fragmented message" (§5.4).
    pub(super) fn begin_control(&mut self, opcode: OpCode) {
        self.receiving_control = Some(opcode);
        // If the sender does not know of the last Ping yet, no Pong is sent for it, because this payload replaces its
        // payload.
        self.pong_due = false;
        self.control.clear();
    }

    /// Takes a piece of the payload of the control frame `opcode`. Returns its event when the frame is complete.
    ///
    /// # Errors
    /// [`Error::CloseFrame`] for a Close with a body that must not be sent.
    pub(super) fn control_piece<'b>(
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
                // "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response" (§5.5.2). After our
                // own Close, nothing more may be sent.
                self.pong_due = self.closing.may_send();
                Event::Ping
            }
            OpCode::Close => {
                let reason = CloseFrameRef::parse(self.control.as_bytes())?;
                self.closing.recv_close(reason.map(|reason| reason.code));
                Event::Close
            }
            _ => Event::Pong,
        }))
    }

    /// The payload of the last Ping or Pong, at most 125 bytes; valid until the next [`poll_event`](Self::poll_event).
    #[must_use]
    pub fn control_payload(&self) -> &[u8] {
        self.control.as_bytes()
    }

    /// The peer's Close: `None` while it has not come, `Some(None)` when it had no code (1005).
    #[must_use]
    pub fn peer_close(&self) -> Option<Option<CloseFrameRef<'_>>> {
        self.closing.has_received().then(|| {
            // Nothing is received after a Close, so its payload is still there. It was found valid when it was received. It is
            // another payload if the caller has passed on signals of another connection.
            CloseFrameRef::parse(self.control.as_bytes()).ok().flatten()
        })
    }

    /// Whether the sender does not know of the last Ping yet. The caller reports it, so the next call returns `false`.
    pub(super) fn take_pong(&mut self) -> bool {
        core::mem::take(&mut self.pong_due)
    }

    /// Frees the memory of the last control frame, unless it is not complete, needs a Pong, or is the peer's Close.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(super) fn release_control(&mut self) {
        let control = &self.control;
        let is_done =
            || self.decoder.at_boundary() && !self.pong_due && !self.closing.has_received();
        if control.has_memory() && is_done() {
            self.control = ControlPayload::EMPTY;
        }
    }
}

/// Our control frames. Each method writes one whole frame to the start of `out` and returns its length. A call that fails
/// changes nothing.
impl Sender {
    /// Writes a Ping with at most 125 bytes of payload (§5.5.2).
    ///
    /// # Errors
    /// [`SendError`]: closed, too long, no room, no entropy.
    pub fn send_ping(
        &mut self,
        payload: &[u8],
        out: &mut [u8],
        entropy: impl Entropy,
    ) -> Result<usize, SendError> {
        self.send_control(OpCode::Ping, payload, out, entropy)
    }

    /// Writes an unsolicited Pong with at most 125 bytes of payload (§5.5.3). The Pong in reply to a Ping needs no call.
    ///
    /// # Errors
    /// [`SendError`]: closed, too long, no room, no entropy.
    pub fn send_pong(
        &mut self,
        payload: &[u8],
        out: &mut [u8],
        entropy: impl Entropy,
    ) -> Result<usize, SendError> {
        self.send_control(OpCode::Pong, payload, out, entropy)
    }

    fn send_control(
        &self,
        opcode: OpCode,
        payload: &[u8],
        out: &mut [u8],
        mut entropy: impl Entropy,
    ) -> Result<usize, SendError> {
        let frame = self.control_frame(opcode, payload)?;
        self.outbound.frame(frame, payload, out, &mut entropy)
    }

    /// The frame of a Ping or Pong that the application sends.
    fn control_frame(&self, opcode: OpCode, payload: &[u8]) -> Result<FrameKind, SendError> {
        self.sendable()?;
        // "All control frames MUST have a payload length of 125 bytes or less" (§5.5)
        if payload.len() > MAX_CONTROL_PAYLOAD {
            return Err(SendError::ControlTooLong);
        }
        Ok(FrameKind::last(opcode))
    }

    /// Writes a Close (§5.5.1), after a Pong that was still queued, and starts the wait for the peer's Close. Messages that
    /// the peer sends before its Close are still delivered.
    ///
    /// # Errors
    /// [`SendError`]: closed already, a code that must not be sent, a reason over 123 bytes, no room
    /// (twice [`MAX_CONTROL_FRAME_LEN`](crate::MAX_CONTROL_FRAME_LEN) is always enough), no entropy.
    pub fn close(
        &mut self,
        code: CloseCode,
        reason: &str,
        out: &mut [u8],
        mut entropy: impl Entropy,
    ) -> Result<usize, SendError> {
        self.sendable()?;
        let close = CloseBody::new(Some(CloseFrameRef { code, reason }))?;
        let pong = self.pong_queued.then(|| self.pong.as_bytes());
        // The space for both is checked first, so that a queued Pong is written with the Close or stays queued.
        let header_len = small_header_len(self.role());
        let pong_len = pong.map_or(0, |pong| header_len + pong.len());
        let close_len = header_len + close.as_bytes().len();
        let needed = pong_len + close_len;
        let places = out.split_at_mut_checked(pong_len);
        let Some((for_pong, for_close)) = places.filter(|(_, rest)| rest.len() >= close_len) else {
            return Err(SendError::BufferTooSmall(BufferTooSmall { needed }));
        };
        if let Some(pong) = pong {
            self.outbound.frame(FrameKind::last(OpCode::Pong), pong, for_pong, &mut entropy)?;
        }
        let frame = FrameKind::last(OpCode::Close);
        self.outbound.frame(frame, close.as_bytes(), for_close, &mut entropy)?;
        self.close_written(Some(code));
        Ok(needed)
    }

    /// Our Close was written. Nothing may follow it, so what is queued is dropped.
    fn close_written(&mut self, code: Option<CloseCode>) {
        // As the peer reads it: a caller can put any number into a variant that has one.
        let code = code.map(|code| CloseCode::from_u16(code.to_u16()));
        self.pong_queued = false;
        self.ping_queued = false;
        self.closing.send_close(code);
    }

    /// Queues the Pong in reply to a Ping, in place of a Pong that is queued: "An endpoint MAY elect to send a Pong frame
    /// for only the most recently processed Ping frame" (§5.5.3).
    pub(super) fn queue_pong(&mut self, payload: &[u8]) {
        // "The application MUST NOT send any more data frames after sending a Close frame" (§5.5.1), nor anything else.
        if self.closing.may_send() {
            self.pong.set(payload);
            self.pong_queued = true;
        }
    }

    /// Writes the next answer to the start of `out`, and returns it; `None` when there is none. The connection sends its
    /// answers by itself, in this order: a Pong in reply to a Ping, the Ping of the keepalive, a Close. Call this until it
    /// returns `None`, after each round of [`Connection::poll_event`](crate::Connection::poll_event) and after
    /// [`handle_timeout`](crate::Connection::handle_timeout).
    ///
    /// # Errors
    /// [`SendError::BufferTooSmall`] when `out` is too small:
    /// [`MAX_CONTROL_FRAME_LEN`](crate::MAX_CONTROL_FRAME_LEN) is always enough.
    /// [`SendError::Entropy`] when a client has no masking key. The answer stays queued.
    pub fn poll_transmit<'o>(
        &mut self,
        out: &'o mut [u8],
        mut entropy: impl Entropy,
    ) -> Result<Option<&'o [u8]>, SendError> {
        self.transmit(|outbound, opcode, payload| {
            let needed = outbound.frame(FrameKind::last(opcode), payload, out, &mut entropy)?;
            out.get(..needed).ok_or(SendError::BufferTooSmall(BufferTooSmall { needed }))
        })
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
        let close = CloseBody::new(code.map(|code| CloseFrameRef { code, reason: "" }))?;
        let written = write(&self.outbound, OpCode::Close, close.as_bytes())?;
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

/// The same into a buffer that grows.
#[cfg(feature = "alloc")]
impl Sender {
    /// Appends a Ping or Pong that the application sends.
    pub(crate) fn append_control(
        &self,
        opcode: OpCode,
        payload: &[u8],
        out: &mut Vec<u8>,
        entropy: &mut impl Entropy,
    ) -> Result<(), SendError> {
        let frame = self.control_frame(opcode, payload)?;
        self.outbound.append(frame, payload, out, entropy)
    }

    /// Appends a Close, after a Pong that is queued. With `None`, the Close has no body.
    pub(crate) fn append_close(
        &mut self,
        reason: Option<CloseFrameRef<'_>>,
        out: &mut Vec<u8>,
        entropy: &mut impl Entropy,
    ) -> Result<(), SendError> {
        self.sendable()?;
        let close = CloseBody::new(reason)?;
        if self.pong_queued {
            let pong = FrameKind::last(OpCode::Pong);
            self.outbound.append(pong, self.pong.as_bytes(), out, entropy)?;
            self.pong_queued = false;
        }
        self.outbound.append(FrameKind::last(OpCode::Close), close.as_bytes(), out, entropy)?;
        self.close_written(reason.map(|reason| reason.code));
        Ok(())
    }

    /// Appends all queued answers.
    #[inline]
    pub(crate) fn append_transmit(
        &mut self,
        out: &mut Vec<u8>,
        entropy: &mut impl Entropy,
    ) -> Result<(), SendError> {
        while self.has_transmit() {
            self.transmit(|outbound, opcode, payload| {
                outbound.append(FrameKind::last(opcode), payload, out, entropy)
            })?;
        }
        Ok(())
    }
}
