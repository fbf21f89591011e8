//! Data frames to chunks of messages (RFC 6455 §5.4, §5.6): fragment order, UTF-8, size.
//!
//! Knows no control frames and no role.

use core::fmt;

use crate::event::{Event, MessageKind, Part};
use crate::frame::decoder::Payload;
use crate::frame::header::{FrameHeader, OpCode};
use crate::limits::Limits;
use crate::utf8::{self, Validator};

/// A message that breaks RFC 6455 §5.4 or §8.1, or goes over a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageError {
    /// A continuation frame with no message in progress (§5.4). Answered with Close 1002.
    UnexpectedContinuation,
    /// A new message inside an unfinished one (§5.4). Answered with Close 1002.
    Interleaved,
    /// Text that is not UTF-8 (§8.1). Answered with Close 1007.
    InvalidUtf8,
    /// More bytes than [`Limits::max_message_size`]. Answered with Close 1009.
    TooLarge,
    /// More frames than [`Limits::max_fragments`]. Answered with Close 1008.
    TooManyFragments,
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnexpectedContinuation => "a continuation frame continues no message",
            Self::Interleaved => "a message begins inside an unfinished one",
            Self::InvalidUtf8 => "a text message is not UTF-8",
            Self::TooLarge => "a message is larger than the limit",
            Self::TooManyFragments => "a message has more fragments than the limit",
        })
    }
}

impl core::error::Error for MessageError {}

/// The message in progress, if any.
#[derive(Debug)]
pub(crate) struct Inbound {
    max_size: u64,
    /// Bytes that the frames so far have announced.
    size: u64,
    max_fragments: u32,
    fragments: u32,
    utf8: Validator,
    kind: Option<MessageKind>,
    /// Whether a chunk of the message has been handed out.
    started: bool,
    /// Whether the current frame is the message's last.
    fin: bool,
    /// Invalid text came; what was valid before it has been handed out.
    invalid: bool,
}

impl Inbound {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            max_size: limits.max_message_size,
            size: 0,
            max_fragments: limits.max_fragments.max(1),
            fragments: 0,
            utf8: Validator::default(),
            kind: None,
            started: false,
            fin: false,
            invalid: false,
        }
    }

    /// Whether no message is in progress.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.kind.is_none()
    }

    /// How many bytes the message in progress may still announce.
    #[cfg(feature = "alloc")]
    pub(crate) fn room(&self) -> u64 {
        self.max_size.saturating_sub(self.size)
    }

    /// The failure that the last chunk left behind: it ended right before a byte that is not UTF-8.
    #[inline]
    pub(crate) fn pending_error(&self) -> Result<(), MessageError> {
        if self.invalid { Err(MessageError::InvalidUtf8) } else { Ok(()) }
    }

    /// A data frame begins.
    ///
    /// # Errors
    /// [`MessageError`] when it may not begin here or announces too much.
    pub(crate) fn begin_frame(&mut self, header: &FrameHeader) -> Result<(), MessageError> {
        let kind = match (header.opcode, self.kind) {
            (OpCode::Continuation, Some(kind)) => kind,
            (OpCode::Continuation, None) => return Err(MessageError::UnexpectedContinuation),
            // "The fragments of one message MUST NOT be interleaved between the fragments of another"
            (_, Some(_)) => return Err(MessageError::Interleaved),
            (OpCode::Text, None) => MessageKind::Text,
            (_, None) => MessageKind::Binary,
        };
        if self.fragments >= self.max_fragments {
            return Err(MessageError::TooManyFragments);
        }
        // A payload length is below 2^63 and the size so far within a limit, so this cannot wrap
        // unless the limit itself is near 2^64.
        let size = self.size.saturating_add(header.payload_len);
        if size > self.max_size {
            return Err(MessageError::TooLarge);
        }
        self.kind = Some(kind);
        self.fragments += 1;
        self.size = size;
        self.fin = header.fin;
        Ok(())
    }

    /// Payload of the current frame. Returns the event for it, if there is anything to tell.
    ///
    /// # Errors
    /// [`MessageError::InvalidUtf8`], when the first byte already is the bad one.
    pub(crate) fn piece<'b>(
        &mut self,
        payload: Payload<'b>,
    ) -> Result<Option<Event<'b>>, MessageError> {
        let ends_message = payload.ends_frame && self.fin;
        let kind = self.kind.unwrap_or(MessageKind::Binary);
        let chunk = match kind {
            MessageKind::Binary => payload.unmask(),
            MessageKind::Text => {
                let (chunk, valid) = payload.unmask_checked(|block| self.utf8.push(block));
                self.invalid = valid.is_err() || ends_message && !self.utf8.is_complete();
                chunk
            }
        };
        if chunk.is_empty() {
            self.pending_error()?;
            if !ends_message {
                return Ok(None);
            }
        }
        let part = Part::new(!self.started, ends_message && !self.invalid);
        self.started = true;
        if part.is_last() {
            self.reset();
        }
        Ok(Some(match kind {
            MessageKind::Text => Event::Text(chunk, part),
            MessageKind::Binary => Event::Binary(chunk, part),
        }))
    }

    /// A whole text message of one frame, unmasked already, turned out not to be UTF-8.
    ///
    /// Returns the valid part before the bad byte, as the slow way would have.
    ///
    /// # Errors
    /// [`MessageError::InvalidUtf8`] when there is nothing valid before it.
    #[cold]
    pub(crate) fn invalid_whole_text<'b>(
        &mut self,
        text: &'b [u8],
    ) -> Result<Option<Event<'b>>, MessageError> {
        self.invalid = true;
        match text.get(..utf8::first_bad_byte(text)) {
            None | Some([]) => Err(MessageError::InvalidUtf8),
            Some(valid) => Ok(Some(Event::Text(valid, Part::First))),
        }
    }

    fn reset(&mut self) {
        self.size = 0;
        self.fragments = 0;
        self.kind = None;
        self.started = false;
    }
}
