//! The sending direction of a connection: checks with the machines, then frames into the caller's buffer.

#[cfg(feature = "deflate")]
use alloc::boxed::Box;
#[cfg(feature = "alloc")]
use alloc::vec::Vec;

#[cfg(feature = "alloc")]
use bytes::Bytes;

use crate::close_code::CloseCode;
use crate::closing::Closing;
use crate::control_payload::ControlPayload;
#[cfg(feature = "deflate")]
use crate::deflate::Compressing;
use crate::entropy::Entropy;
use crate::event::MessageKind;
use crate::frame::encoder::FrameKind;
use crate::message::outbound::{HeaderBytes, Outbound, SendError};
#[cfg(feature = "deflate")]
use crate::negotiated::Negotiated;
#[cfg(feature = "alloc")]
use crate::outgoing::Outgoing;
#[cfg(feature = "alloc")]
use crate::prepared::PreparedMessage;
use crate::role::Role;
use crate::utf8;

/// The sending direction of a [`Connection`](crate::Connection).
///
/// Frames come out in the caller's buffer: messages by the `send_*` methods, answers by
/// [`poll_transmit`](Self::poll_transmit). Signals for the [`Receiver`](crate::Receiver) come out by
/// [`signals`](Self::signals).
#[derive(Debug)]
pub struct Sender {
    pub(super) pong_queued: bool,
    pub(super) ping_queued: bool,
    pub(super) closing: Closing,
    pub(super) outbound: Outbound,
    #[cfg(feature = "deflate")]
    pub(super) compressing: Option<Box<Compressing>>,
    /// The payload of the queued Pong.
    pub(super) pong: ControlPayload,
}

impl Sender {
    pub(super) fn new(role: Role, #[cfg(feature = "deflate")] negotiated: &Negotiated) -> Self {
        Self {
            pong_queued: false,
            ping_queued: false,
            closing: Closing::new(),
            outbound: Outbound::new(role),
            #[cfg(feature = "deflate")]
            compressing: negotiated.deflate().map(|params| Box::new(Compressing::new(&params))),
            pong: ControlPayload::EMPTY,
        }
    }
}

/// Its state.
impl Sender {
    /// Which end of the connection this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.outbound.role()
    }

    /// Our own Close: `None` while it has not been written, `Some(None)` when it had no code.
    #[must_use]
    pub fn sent_close(&self) -> Option<Option<CloseCode>> {
        self.closing.sent()
    }

    /// Whether the connection has failed, as far as the receiver has reported it.
    /// [`Receiver::failure`](crate::Receiver::failure) says why.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.closing.has_failed()
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
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closing.is_over()
    }

    /// Frees memory that no later message could need, for a connection that is about to wait for long: the memory of the
    /// last Pong, and of the compressor where no context is taken over (RFC 7692 §7.1.1). `DeflateConfig` says how much
    /// it has.
    #[cfg(feature = "alloc")]
    #[inline]
    pub fn release(&mut self) {
        if self.pong.has_memory() && !self.pong_queued {
            self.pong = ControlPayload::EMPTY;
        }
        #[cfg(feature = "deflate")]
        if let Some(compressing) = &mut self.compressing
            && !compressing.fragmented
        {
            compressing.compressor.release();
        }
    }
}

/// Sending. Each `send_*` method writes one whole frame to the start of `out` and returns its length. A call that fails
/// leaves the connection as it was. Nothing is compressed here, even where permessage-deflate (RFC 7692) was negotiated:
/// the `append_*` methods do that.
impl Sender {
    /// Writes a whole text message as one frame: payload and at most 14 bytes of header. It is not compressed, even where
    /// permessage-deflate was negotiated: see `append_text`.
    ///
    /// # Errors
    /// [`SendError`]: closed, a message in fragments unfinished, no room, no entropy.
    #[inline]
    pub fn send_text(
        &mut self,
        text: &str,
        out: &mut [u8],
        entropy: impl Entropy,
    ) -> Result<usize, SendError> {
        self.send_whole(MessageKind::Text, text.as_bytes(), out, entropy)
    }

    /// Writes a whole binary message as one frame: payload and at most 14 bytes of header. It is not compressed, even where
    /// permessage-deflate was negotiated: see `append_binary`.
    ///
    /// # Errors
    /// [`SendError`]: closed, a message in fragments unfinished, no room, no entropy.
    #[inline]
    pub fn send_binary(
        &mut self,
        payload: &[u8],
        out: &mut [u8],
        entropy: impl Entropy,
    ) -> Result<usize, SendError> {
        self.send_whole(MessageKind::Binary, payload, out, entropy)
    }

    #[inline]
    fn send_whole(
        &self,
        kind: MessageKind,
        payload: &[u8],
        out: &mut [u8],
        mut entropy: impl Entropy,
    ) -> Result<usize, SendError> {
        let frame = self.whole(kind)?;
        self.outbound.frame(frame, payload, out, &mut entropy)
    }

    #[inline]
    pub(super) fn whole(&self, kind: MessageKind) -> Result<FrameKind, SendError> {
        self.sendable()?;
        self.outbound.whole(kind)
    }

    #[inline]
    pub(super) fn sendable(&self) -> Result<(), SendError> {
        if self.closing.may_send() { Ok(()) } else { Err(SendError::Closed) }
    }

    /// Writes the next fragment of a message (§5.4): the first call begins it, `last` ends it.
    ///
    /// Text may be cut anywhere, also within a character, but must be UTF-8 when joined.
    ///
    /// # Errors
    /// [`SendError`]: closed, another kind than the fragments before, begun compressed, not UTF-8, no room, no
    /// entropy.
    pub fn send_fragment(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        last: bool,
        out: &mut [u8],
        mut entropy: impl Entropy,
    ) -> Result<usize, SendError> {
        self.sendable()?;
        let fragment = self.outbound.fragment(kind, payload, last)?;
        #[cfg(feature = "deflate")]
        if self.is_compressing() {
            return Err(SendError::BegunCompressed);
        }
        let len = self.outbound.frame(fragment.frame, payload, out, &mut entropy)?;
        self.outbound.commit(fragment);
        Ok(len)
    }

    /// The header of a whole text message whose payload a server writes from where it lies.
    ///
    /// # Errors
    /// [`SendError::MustMask`] for a client: see [`mask_binary`](Self::mask_binary). Else as
    /// [`send_text`](Self::send_text).
    pub fn text_header(&mut self, text: &str) -> Result<HeaderBytes, SendError> {
        let frame = self.whole(MessageKind::Text)?;
        self.outbound.header_alone(frame, text.len())
    }

    /// The header of a whole binary message whose payload, of `len` bytes, a server writes from where
    /// it lies.
    ///
    /// # Errors
    /// [`SendError::MustMask`] for a client: see [`mask_binary`](Self::mask_binary). Else as
    /// [`send_binary`](Self::send_binary).
    pub fn binary_header(&mut self, len: usize) -> Result<HeaderBytes, SendError> {
        let frame = self.whole(MessageKind::Binary)?;
        self.outbound.header_alone(frame, len)
    }

    /// The header of a whole text message whose payload stays in the caller's buffer and, if we are a
    /// client, is masked there.
    ///
    /// # Errors
    /// [`SendError::InvalidUtf8`]; else as [`send_text`](Self::send_text).
    pub fn mask_text(
        &mut self,
        text: &mut [u8],
        mut entropy: impl Entropy,
    ) -> Result<HeaderBytes, SendError> {
        let frame = self.whole(MessageKind::Text)?;
        if !utf8::is_valid(text) {
            return Err(SendError::InvalidUtf8);
        }
        self.outbound.header_in_place(frame, text, &mut entropy)
    }

    /// The header of a whole binary message whose payload stays in the caller's buffer and, if we are a
    /// client, is masked there.
    ///
    /// # Errors
    /// As [`send_binary`](Self::send_binary).
    pub fn mask_binary(
        &mut self,
        payload: &mut [u8],
        mut entropy: impl Entropy,
    ) -> Result<HeaderBytes, SendError> {
        let frame = self.whole(MessageKind::Binary)?;
        self.outbound.header_in_place(frame, payload, &mut entropy)
    }
}

/// Sending into a buffer that grows. Each method appends one whole frame to `out`, and compresses messages where
/// permessage-deflate (RFC 7692) was negotiated. A call that fails leaves `out` as it was.
#[cfg(feature = "alloc")]
impl Sender {
    /// Appends a whole text message, compressed where that was negotiated.
    ///
    /// # Errors
    /// [`SendError`]: closed, a message in fragments unfinished, no entropy.
    pub fn append_text(
        &mut self,
        text: &str,
        out: &mut Vec<u8>,
        mut entropy: impl Entropy,
    ) -> Result<(), SendError> {
        self.append_message(MessageKind::Text, text.as_bytes(), out, &mut entropy)
    }

    /// Appends a whole binary message, compressed where that was negotiated.
    ///
    /// # Errors
    /// [`SendError`]: closed, a message in fragments unfinished, no entropy.
    pub fn append_binary(
        &mut self,
        payload: &[u8],
        out: &mut Vec<u8>,
        mut entropy: impl Entropy,
    ) -> Result<(), SendError> {
        self.append_message(MessageKind::Binary, payload, out, &mut entropy)
    }

    /// Appends a whole message.
    pub(crate) fn append_message(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        out: &mut Vec<u8>,
        entropy: &mut impl Entropy,
    ) -> Result<(), SendError> {
        let frame = self.whole(kind)?;
        #[cfg(feature = "deflate")]
        if self.compresses(payload.len()) {
            return self.append_compressed(frame, payload, out, entropy);
        }
        self.outbound.append_message(frame, payload, out, entropy)
    }

    /// Appends a whole message without a copy of its payload where that is possible; then it takes the payload.
    pub(crate) fn append_shared(
        &mut self,
        kind: MessageKind,
        payload: &mut Bytes,
        out: &mut Outgoing,
        entropy: &mut impl Entropy,
    ) -> Result<(), SendError> {
        let frame = self.whole(kind)?;
        #[cfg(feature = "deflate")]
        if self.compresses(payload.len()) {
            return self.append_compressed(frame, payload, &mut out.buffer(), entropy);
        }
        let header = match self.role() {
            Role::Server => self.outbound.header_alone(frame, payload.len())?,
            Role::Client => match core::mem::take(payload).try_into_mut() {
                Ok(mut own) => {
                    let header = self.outbound.header_in_place(frame, &mut own, entropy);
                    *payload = own.freeze();
                    header?
                }
                Err(shared) => {
                    *payload = shared;
                    return self.outbound.append(frame, payload, &mut out.buffer(), entropy);
                }
            },
        };
        out.buffer().extend_from_slice(&header);
        out.share(core::mem::take(payload));
        Ok(())
    }

    /// Appends a message that was encoded before; without a copy if its frame has `share_from` bytes or
    /// more.
    pub(crate) fn append_prepared(
        &mut self,
        message: &PreparedMessage,
        share_from: usize,
        out: &mut Outgoing,
        entropy: &mut impl Entropy,
    ) -> Result<(), SendError> {
        let frame = self.whole(message.kind)?;
        match self.role() {
            Role::Client => {
                self.outbound.append(frame, message.payload(), &mut out.buffer(), entropy)?;
            }
            Role::Server if message.frame.len() < share_from => {
                out.buffer().extend_from_slice(&message.frame);
            }
            Role::Server => out.share_with_many(message.frame.clone()),
        }
        Ok(())
    }

    /// Appends the next fragment of a message (§5.4), see [`send_fragment`](Self::send_fragment). The first
    /// fragment decides whether the message is compressed. Its size does not matter.
    ///
    /// # Errors
    /// [`SendError`]: closed, another kind than the fragments before, not UTF-8, no entropy.
    pub fn append_fragment(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        last: bool,
        out: &mut Vec<u8>,
        mut entropy: impl Entropy,
    ) -> Result<(), SendError> {
        self.sendable()?;
        let fragment = self.outbound.fragment(kind, payload, last)?;
        #[cfg(feature = "deflate")]
        if self.compresses_fragment(fragment.frame) {
            self.append_compressed(fragment.frame, payload, out, &mut entropy)?;
            self.outbound.commit(fragment);
            return Ok(());
        }
        self.outbound.append(fragment.frame, payload, out, &mut entropy)?;
        self.outbound.commit(fragment);
        Ok(())
    }
}
