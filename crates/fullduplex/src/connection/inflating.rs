//! Compressed messages of a [`Receiver`] (RFC 7692 §6.2): from the chunks that the peer sent to those that
//! the application sees.

use crate::connection::receiver::Receiver;
use crate::deflate::{Finished, InflateError};
use crate::error::Error;
use crate::message::inbound::MessageError;

/// What one call of [`Receiver::inflate`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inflated {
    /// How many bytes of the chunk were used up. Pass the rest of it to the next call.
    pub consumed: usize,
    /// Bytes of the message that were written.
    pub produced: usize,
    /// Whether the chunk is done with: nothing more will come of it. If it is the last of its message, so is
    /// the message.
    pub done: bool,
}

impl Receiver {
    /// Decompresses `chunk`, from [`Event::Compressed`](crate::Event::Compressed), into `out`. Call it again
    /// with the rest of the chunk, which may be empty, until it is done.
    ///
    /// The message is counted against [`Limits::max_message_size`](crate::Limits::max_message_size) as it
    /// appears, and text is checked as it appears; what was good before a fault is handed out first. `out` must
    /// not be empty; how large it is decides how much memory a message takes at a time.
    ///
    /// # Errors
    /// [`Error::Inflate`], [`MessageError::TooLarge`] and [`MessageError::InvalidUtf8`]: the connection fails,
    /// as in [`poll_event`](Self::poll_event).
    pub fn inflate(&mut self, chunk: &[u8], out: &mut [u8]) -> Result<Inflated, Error> {
        if self.failure.is_some() || !self.inbound.is_inflating() {
            return Ok(Inflated { consumed: chunk.len(), produced: 0, done: true });
        }
        let result = self.inflate_some(chunk, out);
        match result {
            Err(error) => self.fail(error),
            Ok(_) => self.update_boundary(),
        }
        result
    }

    fn inflate_some(&mut self, chunk: &[u8], out: &mut [u8]) -> Result<Inflated, Error> {
        if self.inbound.is_invalid() {
            return Err(MessageError::InvalidUtf8.into());
        }
        let Some(decompressor) = self.decompressor.as_deref_mut() else {
            return Err(InflateError::Invalid.into());
        };
        // At the limit one more byte is let out, to see whether there is one.
        let mut probe = [0];
        let room = self.inbound.inflate_room();
        let at_limit = room == 0;
        let out = match out.get_mut(..room.min(out.len())) {
            Some(out) if !at_limit => out,
            _ => &mut probe[..],
        };
        let progress = decompressor.decompress(chunk, out)?;
        let mut inflated =
            Inflated { consumed: progress.consumed, produced: progress.produced, done: false };
        let consumed = progress.consumed == chunk.len();
        if consumed && self.inbound.is_last_chunk() {
            let rest = out.get_mut(progress.produced..).unwrap_or_default();
            // What came before a fault goes out first; the next call tells of it.
            let finished = match decompressor.finish(rest) {
                Err(_) if progress.produced > 0 => Finished::default(),
                finished => finished?,
            };
            inflated.produced += finished.produced;
            inflated.done = finished.done;
        } else {
            // With room left there is nothing more to come of what was consumed.
            inflated.done =
                consumed && progress.produced < out.len() && decompressor.pending_error().is_ok();
        }
        if at_limit && inflated.produced > 0 {
            return Err(MessageError::TooLarge.into());
        }
        let piece = out.get(..inflated.produced).unwrap_or_default();
        inflated.produced = self.inbound.inflated(piece);
        if inflated.done && !self.inbound.is_invalid() {
            self.inbound.chunk_inflated();
        }
        // The text before a bad byte is handed out; the next call tells of the failure.
        if self.inbound.is_invalid() {
            inflated.done = false;
            if inflated.produced == 0 {
                return Err(MessageError::InvalidUtf8.into());
            }
        }
        Ok(inflated)
    }

    /// Whether the decompressor is needed between messages.
    #[cfg(feature = "std")]
    pub(crate) fn peer_takes_over(&self) -> bool {
        self.decompressor.as_ref().is_some_and(|inflate| inflate.settings().takeover)
    }
}
