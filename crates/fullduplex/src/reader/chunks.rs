//! Messages in pieces, as they arrive: for those that are too large to be held whole.

#[cfg(feature = "deflate")]
use core::ops::Range;

use crate::error::Error;
use crate::event::Part;
use crate::owned::Chunk;
#[cfg(feature = "deflate")]
use crate::reader::inflation::LEAST_ROOM;
use crate::reader::{Begun, Found, Reader};

/// How much of a compressed message is made of its input at once: a bomb stops here, and waits for its reader.
#[cfg(feature = "deflate")]
const INFLATE_AT_ONCE: usize = 32 << 10;

impl Reader {
    /// The next piece of a message, or a control frame, as it arrives: a message of any size takes no more memory
    /// than one read brings, or 32 KiB where it was compressed. `None` when more input is needed.
    ///
    /// A message of which pieces were given away is not delivered by the other methods any more: who uses them gives
    /// up what is left of it.
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
        Ok(Some(match self.give(found) {
            Chunk::Text(payload, part) => Chunk::Text(payload, self.note_piece(part)),
            Chunk::Binary(payload, part) => Chunk::Binary(payload, self.note_piece(part)),
            control => control,
        }))
    }

    /// Whether a message has been given away in part, by [`poll_chunk`](Self::poll_chunk).
    #[must_use]
    pub fn is_within_message(&self) -> bool {
        self.chunks.begun == Begun::Yes
    }

    /// Gives up what is left of a message of which pieces were given away, as who asks for a message does: for a caller
    /// that has kept pieces, and drops them.
    pub fn give_up_message(&mut self) {
        if self.chunks.begun == Begun::Yes {
            self.chunks.begun = Begun::GivenUp;
        }
    }

    /// Notes that a piece is given away. Returns which part of its message it is to the caller, to which the first piece may
    /// be what was gathered of the message.
    fn note_piece(&mut self, part: Part) -> Part {
        let first = self.chunks.begun == Begun::No;
        self.chunks.begun = if part.is_last() { Begun::No } else { Begun::Yes };
        Part::new(first, part.is_last())
    }

    /// What was gathered of a message before it was asked for in pieces.
    fn take_gathered(&mut self) -> Option<Found> {
        if let Some(kind) = self.buffer.gathering.take() {
            return Some(Found::Received(kind, self.buffer.message.clone(), Part::First));
        }
        #[cfg(feature = "deflate")]
        if let Some(kind) = self.inflated.as_mut().and_then(|inflated| inflated.take_gathered()) {
            return Some(Found::Inflated(kind, Part::First));
        }
        None
    }

    /// How much room to inflate into the next piece should have, and may have.
    #[cfg(feature = "deflate")]
    pub(super) fn inflate_room(&self) -> Range<usize> {
        if self.chunks.asked {
            // Little comes of little, mostly; the more there is, the better it was compressed.
            let least = self.buffer.unread().len().saturating_mul(4);
            return least.clamp(LEAST_ROOM, INFLATE_AT_ONCE)..INFLATE_AT_ONCE;
        }
        self.inflated.as_ref().map_or(LEAST_ROOM, |inflated| inflated.least_room())..usize::MAX
    }
}
