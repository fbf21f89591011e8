//! Turns messages into frames (RFC 6455 §5.4): a whole message, a fragment, or only a header for a payload that stays
//! where it is. A message that must not be sent is refused before anything is written.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

use crate::closing::{CloseBodyError, MAX_CLOSE_BODY};
#[cfg(feature = "deflate")]
use crate::deflate::CompressError;
use crate::entropy::{Entropy, EntropyError};
use crate::event::MessageKind;
use crate::frame::encoder::{self, EncodeError, FrameKind};
use crate::frame::header::{MAX_CONTROL_PAYLOAD, MAX_FRAME_HEADER_LEN, OpCode};
use crate::mask;
use crate::output::BufferTooSmall;
use crate::role::Role;
use crate::utf8::Validator;

/// Why a message was not sent. Nothing was written, and the state of the connection is the same as before, unless a variant
/// says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendError {
    /// The connection is closing, closed or failed (RFC 6455 §5.5.1).
    Closed,
    /// A Ping or Pong of more than 125 bytes (§5.5).
    ControlTooLong,
    /// A close code that must not be sent (§7.4); the field is the number.
    CloseCode(u16),
    /// A close reason of more than 123 bytes (§5.5).
    ReasonTooLong,
    /// Another message is being sent in fragments, and its last fragment was not sent (§5.4).
    MessageUnfinished,
    /// The fragment is of another kind than the earlier fragments of its message (§5.4).
    KindChanged,
    /// The earlier fragments of this message are compressed, so this one must be sent with
    /// [`Connection::append_fragment`](crate::Connection::append_fragment).
    #[cfg(feature = "deflate")]
    BegunCompressed,
    /// Fragments of text that are not UTF-8 (§5.6).
    InvalidUtf8,
    /// A client must mask the payload, so it cannot send only the header (§5.1).
    MustMask,
    /// Too many bytes are waiting to be written: see
    /// [`EndpointConfig::max_write_buffer_size`](crate::EndpointConfig::max_write_buffer_size).
    #[cfg(feature = "alloc")]
    WriteBufferFull,
    /// The output buffer is too small for the frame.
    BufferTooSmall(BufferTooSmall),
    /// No masking key could be drawn.
    Entropy(EntropyError),
    /// The compressor failed. No payload can cause this. Nothing can be compressed any more.
    #[cfg(feature = "deflate")]
    Compress,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "nothing can be sent: the connection is closing or closed",
            Self::ControlTooLong => "the payload of a Ping or Pong is over 125 bytes",
            Self::CloseCode(code) => return write!(f, "close code {code} must not be sent"),
            Self::ReasonTooLong => "a close reason is over 123 bytes",
            Self::MessageUnfinished => "a message begun in fragments is not finished",
            Self::KindChanged => "a fragment is of another kind than its message",
            #[cfg(feature = "deflate")]
            Self::BegunCompressed => "a fragment is not compressed, but the earlier ones are",
            Self::InvalidUtf8 => "a fragment makes the text message invalid UTF-8",
            Self::MustMask => "a client's payload has to be masked with its header",
            #[cfg(feature = "alloc")]
            Self::WriteBufferFull => "too many bytes are waiting to be written",
            Self::BufferTooSmall(error) => return error.fmt(f),
            Self::Entropy(error) => return error.fmt(f),
            #[cfg(feature = "deflate")]
            Self::Compress => "the compressor failed",
        })
    }
}

impl core::error::Error for SendError {}

#[cfg(feature = "deflate")]
impl From<CompressError> for SendError {
    fn from(_: CompressError) -> Self {
        Self::Compress
    }
}

// The body of a Close is the payload of a control frame.
const _: () = assert!(MAX_CLOSE_BODY == MAX_CONTROL_PAYLOAD);

impl From<CloseBodyError> for SendError {
    fn from(error: CloseBodyError) -> Self {
        match error {
            CloseBodyError::Code(code) => Self::CloseCode(code),
            CloseBodyError::ReasonTooLong => Self::ReasonTooLong,
        }
    }
}

impl From<EncodeError> for SendError {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::BufferTooSmall(error) => Self::BufferTooSmall(error),
            EncodeError::Entropy(error) => Self::Entropy(error),
        }
    }
}

/// An encoded frame header of 2 to 14 bytes. The caller must write it right before its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the connection counts on it that this header is written"]
pub struct HeaderBytes {
    bytes: [u8; MAX_FRAME_HEADER_LEN],
    len: u8,
}

impl Deref for HeaderBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let header = self.bytes.get(..usize::from(self.len));
        // `encode` has returned this length for this array.
        debug_assert!(header.is_some());
        header.unwrap_or_default()
    }
}

impl AsRef<[u8]> for HeaderBytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// The state of sending messages: which message is being sent in fragments, if any.
#[derive(Debug)]
pub(crate) struct Outbound {
    role: Role,
    unfinished: Option<MessageKind>,
    utf8: Validator,
}

impl Outbound {
    pub(crate) fn new(role: Role) -> Self {
        Self { role, unfinished: None, utf8: Validator::default() }
    }

    /// Which end of the connection this is.
    #[inline]
    pub(crate) const fn role(&self) -> Role {
        self.role
    }

    /// The frame of a whole message.
    ///
    /// "Control frames ... MAY be injected in the middle of a fragmented message"; data may not (§5.4).
    #[inline]
    pub(crate) fn whole(&self, kind: MessageKind) -> Result<FrameKind, SendError> {
        match self.unfinished {
            None => Ok(FrameKind::last(opcode(kind))),
            Some(_) => Err(SendError::MessageUnfinished),
        }
    }

    /// Writes a whole frame to `out`.
    #[inline]
    pub(crate) fn frame(
        &self,
        frame: FrameKind,
        payload: &[u8],
        out: &mut [u8],
        entropy: &mut impl Entropy,
    ) -> Result<usize, SendError> {
        Ok(encoder::frame(self.role, frame, payload, out, entropy)?)
    }

    /// Appends the frame of a whole message to `out`.
    #[cfg(feature = "alloc")]
    #[inline(always)]
    pub(crate) fn append_message(
        &self,
        frame: FrameKind,
        payload: &[u8],
        out: &mut Vec<u8>,
        entropy: &mut impl Entropy,
    ) -> Result<(), SendError> {
        encoder::append(self.role, frame, payload, out, entropy).map_err(SendError::Entropy)
    }

    /// Appends any other frame to `out`.
    #[cfg(feature = "alloc")]
    pub(crate) fn append(
        &self,
        frame: FrameKind,
        payload: &[u8],
        out: &mut Vec<u8>,
        entropy: &mut impl Entropy,
    ) -> Result<(), SendError> {
        encoder::append_slow(self.role, frame, payload, out, entropy).map_err(SendError::Entropy)
    }

    /// Checks the next fragment. Once it is written, the caller must [commit](Self::commit) it.
    pub(crate) fn fragment(
        &self,
        kind: MessageKind,
        payload: &[u8],
        last: bool,
    ) -> Result<Fragment, SendError> {
        let opcode = match self.unfinished {
            None => opcode(kind),
            Some(unfinished) if unfinished == kind => OpCode::Continuation,
            Some(_) => return Err(SendError::KindChanged),
        };
        let mut utf8 = self.utf8;
        if kind == MessageKind::Text {
            utf8.push(payload).map_err(|_| SendError::InvalidUtf8)?;
            if last && !utf8.is_complete() {
                return Err(SendError::InvalidUtf8);
            }
        }
        let frame = FrameKind { opcode, fin: last, rsv: 0 };
        Ok(Fragment { frame, utf8, unfinished: (!last).then_some(kind) })
    }

    /// Takes note that the fragment was written.
    pub(crate) fn commit(&mut self, fragment: Fragment) {
        self.unfinished = fragment.unfinished;
        self.utf8 = fragment.utf8;
    }

    /// Encodes the header of a frame whose payload stays in the caller's buffer. If we are a client, it masks the
    /// payload there.
    pub(crate) fn header_in_place(
        &self,
        frame: FrameKind,
        payload: &mut [u8],
        entropy: &mut impl Entropy,
    ) -> Result<HeaderBytes, SendError> {
        let (bytes, len, key) = encoder::header(self.role, frame, payload.len(), entropy)
            .map_err(SendError::Entropy)?;
        if self.role == Role::Client {
            mask::apply(payload, key);
        }
        Ok(HeaderBytes { bytes, len: len as u8 })
    }

    /// Encodes the header of a server's frame, whose payload need not be masked.
    pub(crate) fn header_alone(
        &self,
        frame: FrameKind,
        payload_len: usize,
    ) -> Result<HeaderBytes, SendError> {
        if self.role == Role::Client {
            return Err(SendError::MustMask);
        }
        let mut none = crate::entropy::NoEntropy;
        let (bytes, len, _) = encoder::header(self.role, frame, payload_len, &mut none)
            .map_err(SendError::Entropy)?;
        Ok(HeaderBytes { bytes, len: len as u8 })
    }
}

/// A fragment that may be sent, and the state after it.
pub(crate) struct Fragment {
    pub(crate) frame: FrameKind,
    utf8: Validator,
    unfinished: Option<MessageKind>,
}

pub(crate) const fn opcode(kind: MessageKind) -> OpCode {
    match kind {
        MessageKind::Text => OpCode::Text,
        MessageKind::Binary => OpCode::Binary,
    }
}

#[cfg(test)]
mod tests;
