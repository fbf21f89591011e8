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
#[non_exhaustive]
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
    /// A compressed chunk was not given to [`Connection::inflate`](crate::Connection::inflate) before the
    /// next poll: our own fault. Answered with Close 1011.
    #[cfg(feature = "deflate")]
    NotInflated,
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnexpectedContinuation => "a continuation frame continues no message",
            Self::Interleaved => "a message begins inside an unfinished one",
            Self::InvalidUtf8 => "a text message is not UTF-8",
            Self::TooLarge => "a message is larger than the limit",
            #[cfg(feature = "deflate")]
            Self::NotInflated => "a compressed chunk was not decompressed before the next poll",
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
    #[cfg(feature = "deflate")]
    compressed: Compressed,
}

/// Where a compressed message stands (RFC 7692 §6).
#[cfg(feature = "deflate")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compressed {
    /// The message is not compressed, or there is none.
    No,
    /// All chunks so far are inflated.
    Waiting,
    /// A chunk was handed out and is not inflated yet.
    Chunk,
    /// The same, and it is the message's last.
    LastChunk,
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
            #[cfg(feature = "deflate")]
            compressed: Compressed::No,
        }
    }

    /// Whether no message is in progress.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.kind.is_none()
    }

    /// How many bytes a message may have.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(crate) fn max_size(&self) -> u64 {
        self.max_size
    }

    /// How many bytes the message in progress may still announce.
    #[cfg(feature = "alloc")]
    pub(crate) fn room(&self) -> u64 {
        self.max_size.saturating_sub(self.size)
    }

    /// The failure that the last chunk left behind: it ended right before a byte that is not UTF-8.
    #[inline]
    pub(crate) fn pending_error(&self) -> Result<(), MessageError> {
        if self.invalid {
            return Err(MessageError::InvalidUtf8);
        }
        #[cfg(feature = "deflate")]
        if self.is_inflating() {
            return Err(MessageError::NotInflated);
        }
        Ok(())
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
        let size = self.size.saturating_add(self.announced(header));
        if size > self.max_size {
            return Err(MessageError::TooLarge);
        }
        self.kind = Some(kind);
        self.fragments += 1;
        self.size = size;
        self.fin = header.fin;
        Ok(())
    }

    /// How much a frame announces of its message. Of a compressed one nothing is known before it is
    /// inflated.
    fn announced(&mut self, header: &FrameHeader) -> u64 {
        #[cfg(feature = "deflate")]
        {
            if header.rsv != 0 {
                self.compressed = Compressed::Waiting;
            }
            if self.compressed != Compressed::No {
                return 0;
            }
        }
        header.payload_len
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
        #[cfg(feature = "deflate")]
        if self.compressed != Compressed::No {
            return Ok(self.compressed_piece(payload, kind, ends_message));
        }
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
        #[cfg(feature = "deflate")]
        {
            self.compressed = Compressed::No;
        }
        self.size = 0;
        self.fragments = 0;
        self.kind = None;
        self.started = false;
    }
}

/// Compressed messages (RFC 7692 §6.2).
#[cfg(feature = "deflate")]
impl Inbound {
    /// Whether a chunk was handed out that is not inflated yet.
    pub(crate) fn is_inflating(&self) -> bool {
        matches!(self.compressed, Compressed::Chunk | Compressed::LastChunk)
    }

    /// Whether the message in progress is a compressed one.
    pub(crate) fn is_compressed(&self) -> bool {
        self.compressed != Compressed::No
    }

    /// Whether the chunk that is being inflated is the last of its message.
    pub(crate) fn is_last_chunk(&self) -> bool {
        self.compressed == Compressed::LastChunk
    }

    fn compressed_piece<'b>(
        &mut self,
        payload: Payload<'b>,
        kind: MessageKind,
        ends_message: bool,
    ) -> Option<Event<'b>> {
        let chunk = payload.unmask();
        if chunk.is_empty() && !ends_message {
            return None;
        }
        let part = Part::new(!self.started, ends_message);
        self.started = true;
        self.compressed = if ends_message { Compressed::LastChunk } else { Compressed::Chunk };
        Some(Event::Compressed(chunk, kind, part))
    }

    /// How many bytes of the message may still come out of the decompressor.
    pub(crate) fn inflate_room(&self) -> usize {
        usize::try_from(self.max_size - self.size).unwrap_or(usize::MAX)
    }

    /// The decompressor has brought `piece`: counts it, and checks it if it is text. Returns how many bytes
    /// of it are good; the failure is [pending](Self::pending_error) if that is not all.
    pub(crate) fn inflated(&mut self, piece: &[u8]) -> usize {
        self.size = self.size.saturating_add(piece.len() as u64);
        if self.kind != Some(MessageKind::Text) {
            return piece.len();
        }
        match self.utf8.push(piece) {
            Ok(()) => piece.len(),
            Err(good) => {
                self.invalid = true;
                good
            }
        }
    }

    /// The chunk is inflated whole. The failure is [pending](Self::pending_error) if the message may not end
    /// here.
    pub(crate) fn chunk_inflated(&mut self) {
        match self.compressed {
            Compressed::LastChunk if self.utf8.is_complete() => self.reset(),
            Compressed::LastChunk => self.invalid = true,
            _ => self.compressed = Compressed::Waiting,
        }
    }

    /// Whether text came out of the decompressor that is none.
    pub(crate) fn is_invalid(&self) -> bool {
        self.invalid
    }
}

#[cfg(test)]
mod tests;
