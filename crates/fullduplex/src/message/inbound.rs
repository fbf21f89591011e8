//! Turns data frames into chunks of messages (RFC 6455 §5.4, §5.6): checks the order of fragments, UTF-8, and limits.
//!
//! It knows neither control frames nor the role.

use core::fmt;

use crate::event::{Event, MessageKind, Part};
use crate::frame::decoder::Payload;
use crate::frame::header::{FrameHeader, OpCode};
use crate::limits::Limits;
use crate::utf8::{self, Validator};

/// How a message breaks RFC 6455 §5.4 or §8.1, or a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MessageError {
    /// A continuation frame, but no message is in progress (§5.4). The connection fails with Close 1002.
    UnexpectedContinuation,
    /// A new message begins before the last one has ended (§5.4). The connection fails with Close 1002.
    Interleaved,
    /// Text that is not UTF-8 (§8.1). The connection fails with Close 1007.
    InvalidUtf8,
    /// More bytes than [`Limits::max_message_size`]. The connection fails with Close 1009.
    TooLarge,
    /// More frames than [`Limits::max_fragments`]. The connection fails with Close 1008.
    TooManyFragments,
    /// A compressed message came in an input without scratch ([`Input::new`](crate::Input::new)): our own fault.
    /// Answered with Close 1011.
    #[cfg(feature = "deflate")]
    NoScratch,
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnexpectedContinuation => "a continuation frame continues no message",
            Self::Interleaved => "a message begins inside an unfinished one",
            Self::InvalidUtf8 => "a text message is not UTF-8",
            Self::TooLarge => "a message is larger than the limit",
            #[cfg(feature = "deflate")]
            Self::NoScratch => {
                "a compressed message came, and no memory to decompress it into was given"
            }
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
    /// The error that comes after the last chunk. That chunk was valid, and has been handed out.
    pending: Option<MessageError>,
    /// Whether the message in progress is compressed (RFC 7692 §6).
    #[cfg(feature = "deflate")]
    compressed: bool,
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
            pending: None,
            #[cfg(feature = "deflate")]
            compressed: false,
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

    /// How many bytes the frames of the message in progress have announced so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// How many more bytes the message in progress may have, after decompression.
    #[cfg(feature = "alloc")]
    pub(crate) fn remaining_size(&self) -> u64 {
        self.max_size.saturating_sub(self.size)
    }

    /// The error that comes after the last chunk: that chunk ended right before a byte that is not UTF-8, or at the
    /// limit.
    #[inline]
    pub(crate) fn pending_error(&self) -> Result<(), MessageError> {
        self.pending.map_or(Ok(()), Err)
    }

    /// A data frame begins.
    ///
    /// # Errors
    /// [`MessageError`] when it must not begin here, or is too large.
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
        self.size = self.size.saturating_add(self.announced(header));
        if self.size > self.max_size {
            return Err(MessageError::TooLarge);
        }
        self.kind = Some(kind);
        self.fragments += 1;
        self.fin = header.fin;
        Ok(())
    }

    /// How many bytes of its message a frame announces. The size of a compressed message is not known before it is inflated.
    fn announced(&mut self, header: &FrameHeader) -> u64 {
        #[cfg(feature = "deflate")]
        {
            self.compressed |= header.rsv != 0;
            if self.compressed {
                return 0;
            }
        }
        header.payload_len
    }

    /// Takes a piece of the current frame's payload. Returns the event for it, if there is one.
    ///
    /// # Errors
    /// [`MessageError::InvalidUtf8`] when the text is invalid from the first byte of the piece.
    pub(crate) fn piece<'b>(
        &mut self,
        payload: Payload<'b>,
    ) -> Result<Option<Event<'b>>, MessageError> {
        let ends_message = payload.ends_frame && self.fin;
        // A payload comes after its header, so a message is in progress, and the fallback is never used. An error in its place
        // would cost some instructions for each piece.
        debug_assert!(self.kind.is_some());
        let kind = self.kind.unwrap_or(MessageKind::Binary);
        let chunk = match kind {
            MessageKind::Binary => payload.unmask(),
            MessageKind::Text => {
                let (chunk, valid) = payload.unmask_checked(|block| self.utf8.push(block));
                if valid.is_err() || ends_message && !self.utf8.is_complete() {
                    self.pending = Some(MessageError::InvalidUtf8);
                }
                chunk
            }
        };
        self.event(kind, chunk, ends_message)
    }

    /// The event for a chunk that was found valid, if there is one.
    ///
    /// # Errors
    /// What is [pending](Self::pending_error), when nothing comes before it.
    #[inline]
    fn event<'b>(
        &mut self,
        kind: MessageKind,
        chunk: &'b [u8],
        ends_message: bool,
    ) -> Result<Option<Event<'b>>, MessageError> {
        if chunk.is_empty() {
            self.pending_error()?;
            if !ends_message {
                return Ok(None);
            }
        }
        let part = Part::new(!self.started, ends_message && self.pending.is_none());
        self.started = true;
        if part.is_last() {
            self.reset();
        }
        Ok(Some(match kind {
            MessageKind::Text => Event::Text(chunk, part),
            MessageKind::Binary => Event::Binary(chunk, part),
        }))
    }

    /// Takes a whole text message that the shortcut has found and that is not UTF-8.
    ///
    /// Returns the valid part before the invalid byte, as [`piece`](Self::piece) does.
    ///
    /// # Errors
    /// [`MessageError::InvalidUtf8`] when the first byte is invalid.
    #[cold]
    pub(crate) fn invalid_whole_text<'b>(
        &mut self,
        text: &'b [u8],
    ) -> Result<Option<Event<'b>>, MessageError> {
        self.pending = Some(MessageError::InvalidUtf8);
        match text.get(..utf8::first_bad_byte(text)) {
            None | Some([]) => Err(MessageError::InvalidUtf8),
            Some(valid) => Ok(Some(Event::Text(valid, Part::First))),
        }
    }

    fn reset(&mut self) {
        #[cfg(feature = "deflate")]
        {
            self.compressed = false;
        }
        self.size = 0;
        self.fragments = 0;
        self.kind = None;
        self.started = false;
    }
}

#[cfg(feature = "alloc")]
impl Inbound {
    /// Whether the current frame, or the one before this point, is the last of the message in progress.
    pub(crate) fn is_last_frame(&self) -> bool {
        self.fin
    }
}

/// Compressed messages (RFC 7692 §6.2).
#[cfg(feature = "deflate")]
impl Inbound {
    /// Whether the message in progress is a compressed one.
    pub(crate) fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// How many bytes the decompressor may return at most: as many as the message may still have, and one more, which
    /// shows that the message is too large.
    pub(crate) fn inflate_limit(&self) -> usize {
        usize::try_from(self.remaining_size()).unwrap_or(usize::MAX).saturating_add(1)
    }

    /// Takes a `chunk` from the decompressor, within the [limit](Self::inflate_limit). Counts it, checks it if it is
    /// text, and returns the event for it, if there is one.
    ///
    /// # Errors
    /// [`MessageError::InvalidUtf8`] and [`MessageError::TooLarge`], when the chunk has no valid bytes before the fault.
    /// [`MessageError::UnexpectedContinuation`] when no message is in progress.
    pub(crate) fn inflated<'b>(
        &mut self,
        chunk: &'b [u8],
        ends_message: bool,
    ) -> Result<Option<Event<'b>>, MessageError> {
        let Some(kind) = self.kind else { return Err(MessageError::UnexpectedContinuation) };
        let remaining = usize::try_from(self.remaining_size()).unwrap_or(usize::MAX);
        // A chunk that is shorter than that is within the limit.
        let (mut chunk, beyond) = chunk.split_at_checked(remaining).unwrap_or((chunk, &[]));
        if !beyond.is_empty() {
            self.pending = Some(MessageError::TooLarge);
        }
        self.size = self.size.saturating_add(chunk.len() as u64);
        if kind == MessageKind::Text {
            // "PMCEs do not change the opcode field": what comes out of the decompressor is text.
            let checked = self.utf8.push(chunk);
            if let Err(good) = checked {
                debug_assert!(good < chunk.len());
                // The validator reports a byte of this chunk, so the fallback is never used.
                chunk = chunk.get(..good).unwrap_or(chunk);
            }
            let is_cut = ends_message && beyond.is_empty() && !self.utf8.is_complete();
            if checked.is_err() || is_cut {
                self.pending = Some(MessageError::InvalidUtf8);
            }
        }
        self.event(kind, chunk, ends_message)
    }
}

#[cfg(test)]
mod tests;
