//! Messages in pieces, as they arrive: for those that are too large to be held whole.

use bytes::Bytes;
#[cfg(feature = "deflate")]
use bytes::BytesMut;

use crate::error::Error;
use crate::event::{Event, MessageKind, Part};
use crate::input::Input;
use crate::owned::{Chunk, Message};
use crate::reader::room::ReadBuffer;
use crate::reader::{Begun, Reader, close};

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
        if core::mem::take(&mut self.close_held) {
            return Ok(Some(Chunk::Control(close(&self.receiver))));
        }
        let gathered = self.take_gathered();
        if gathered.is_some() {
            return Ok(gathered);
        }
        #[cfg(feature = "deflate")]
        let mut scratch = BytesMut::new();
        loop {
            let ReadBuffer { buf, start, end, .. } = &mut self.buffer;
            let begin = *start;
            let unread = buf.get_mut(begin..*end).unwrap_or_default();
            #[cfg(not(feature = "deflate"))]
            let mut input = Input::new(unread);
            #[cfg(feature = "deflate")]
            let mut input = Input::with_scratch(unread, &mut scratch);
            let event = self.receiver.poll_any(&mut input);
            let (kind, chunk, last) = match event {
                Ok(Some(Event::Text(chunk, part))) => (MessageKind::Text, chunk, part.is_last()),
                Ok(Some(Event::Binary(chunk, part))) => {
                    (MessageKind::Binary, chunk, part.is_last())
                }
                other => {
                    *start += input.consumed();
                    let payload = || Bytes::copy_from_slice(self.receiver.control_payload());
                    return Ok(match other? {
                        Some(Event::Ping) => Some(Chunk::Control(Message::Ping(payload()))),
                        Some(Event::Pong) => Some(Chunk::Control(Message::Pong(payload()))),
                        Some(Event::Close) => Some(Chunk::Control(close(&self.receiver))),
                        #[cfg(feature = "deflate")]
                        _ if input.needs_scratch() => {
                            // Little comes of little, mostly; the more there is, the better it was compressed.
                            let room = input.remaining().len().saturating_mul(4);
                            scratch = BytesMut::zeroed(room.clamp(256, INFLATE_AT_ONCE));
                            continue;
                        }
                        _ => None,
                    });
                }
            };
            let place = input.range_of(chunk);
            #[cfg(feature = "deflate")]
            let len = chunk.len();
            *start += input.consumed();
            let payload = match place {
                Some(range) => self.buffer.give(begin + range.start..begin + range.end),
                #[cfg(feature = "deflate")]
                None => scratch.split_to(len).freeze(),
                #[cfg(not(feature = "deflate"))]
                None => Bytes::new(),
            };
            let chunk = self.chunk(kind, payload, last);
            if chunk.is_some() {
                return Ok(chunk);
            }
        }
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

    /// The next piece of a message, unless that was given up.
    fn chunk(&mut self, kind: MessageKind, payload: Bytes, last: bool) -> Option<Chunk> {
        let begun = self.chunks.begun;
        self.chunks.begun = match begun {
            _ if last => Begun::No,
            Begun::No => Begun::Yes,
            begun => begun,
        };
        let part = Part::new(begun == Begun::No, last);
        (begun != Begun::GivenUp).then(|| Chunk::new(kind, payload, part))
    }

    /// What was gathered of a message before it was asked for in pieces.
    fn take_gathered(&mut self) -> Option<Chunk> {
        if let Some((kind, range)) = self.buffer.gathering.take() {
            if range.is_empty() {
                return None;
            }
            let payload = self.buffer.give(range);
            return self.chunk(kind, payload, false);
        }
        #[cfg(feature = "deflate")]
        if let Some(inflated) = self.inflated.as_mut().filter(|inflated| inflated.open) {
            inflated.open = false;
            let (kind, payload) = (inflated.kind(), inflated.give());
            if !payload.is_empty() {
                return self.chunk(kind, payload, false);
            }
        }
        None
    }
}
