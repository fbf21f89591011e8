//! Messages in pieces, as they arrive, for messages that are too large to be held whole.

#[cfg(feature = "deflate")]
use core::ops::Range;

use crate::error::Error;
use crate::event::Part;
use crate::owned::Chunk;
#[cfg(feature = "deflate")]
use crate::reader::inflation::LEAST_SPACE;
use crate::reader::{Begun, Found, Reader};

/// How much of a compressed message is inflated at once. A compression bomb stops here until the caller polls again.
#[cfg(feature = "deflate")]
const INFLATE_AT_ONCE: usize = 32 << 10;

impl Reader {
    /// The next piece of a message as it arrives, or a control frame. Returns `None` when more input is needed. A message of
    /// any size takes no more memory than one read brings, or than 32 KiB if it was compressed.
    ///
    /// When pieces of a message have been returned, the other methods do not return the rest of it. A caller that uses them
    /// gives up the rest.
    ///
    /// # Errors
    /// As [`Receiver::poll_event`](crate::Receiver::poll_event).
    pub fn poll_chunk(&mut self) -> Result<Option<Chunk>, Error> {
        self.chunks.asked = true;
        self.found = None;
        let found = match self.take_gathered() {
            None => self.next_piece()?,
            gathered => gathered,
        };
        let Some(found) = found else {
            self.rest();
            return Ok(None);
        };
        Ok(Some(match self.take_found(found) {
            Chunk::Text(payload, part) => Chunk::Text(payload, self.note_piece(part)),
            Chunk::Binary(payload, part) => Chunk::Binary(payload, self.note_piece(part)),
            control => control,
        }))
    }

    /// Whether [`poll_chunk`](Self::poll_chunk) has returned a part of a message, and more of it is to come. After a failure or
    /// the peer's Close, nothing more comes.
    #[must_use]
    pub fn is_within_message(&self) -> bool {
        self.chunks.begun == Begun::Yes && self.receiver.may_receive()
    }

    /// Gives up the rest of a message of which pieces were returned, as a call that asks for a whole message does. It is for a
    /// caller that has kept the pieces and now drops them.
    pub fn give_up_message(&mut self) {
        if self.chunks.begun == Begun::Yes {
            self.chunks.begun = Begun::GivenUp;
        }
    }

    /// Notes that a piece is returned. Returns which part of its message it is for the caller: the first piece for the caller
    /// may consist of several pieces that were gathered.
    fn note_piece(&mut self, part: Part) -> Part {
        let first = self.chunks.begun == Begun::No;
        self.chunks.begun = if part.is_last() { Begun::No } else { Begun::Yes };
        Part::new(first, part.is_last())
    }

    /// What was gathered of a message before the caller asked for pieces. Once the connection is over, it is given up: the
    /// rest of the message never comes, and nothing is delivered after the Close or the failure.
    pub(super) fn take_gathered(&mut self) -> Option<Found> {
        if let Some(kind) = self.buffer.gathering.take() {
            let found = Found::Received(kind, self.buffer.message.clone(), Part::First);
            return self.receiver.may_receive().then_some(found);
        }
        #[cfg(feature = "deflate")]
        if let Some(kind) = self.inflated.as_mut().and_then(|inflated| inflated.take_gathered()) {
            return self.receiver.may_receive().then_some(Found::Inflated(kind, Part::First));
        }
        None
    }

    /// How much space the next piece needs at least and may use at most, to be inflated into.
    #[cfg(feature = "deflate")]
    pub(super) fn inflate_space(&self) -> Range<usize> {
        if self.chunks.asked {
            // A small input mostly becomes a small output.
            let least = self.buffer.unread().len().saturating_mul(4);
            return least.clamp(LEAST_SPACE, INFLATE_AT_ONCE)..INFLATE_AT_ONCE;
        }
        self.inflated.as_ref().map_or(LEAST_SPACE, |inflated| inflated.least_space())..usize::MAX
    }
}
