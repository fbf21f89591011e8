//! Compressed messages of a [`Receiver`] (RFC 7692 §6.2): from the payload that the peer sent to the chunks that the
//! application sees.

use crate::connection::receiver::Receiver;
use crate::deflate::{Decompressor, Finished, InflateError};
use crate::error::Error;
use crate::event::Event;
use crate::input::Input;
use crate::message::inbound::MessageError;

/// How much more payload than scratch is unmasked at a time. Payload that does not fit is masked again, so this is not much;
/// but data that cannot be compressed is a little longer as payload than it was before.
const PIECE_BEYOND: usize = 256;

impl Receiver {
    /// Whether [`inflate`](Self::inflate) comes next: there is payload of a compressed message, or the decompressor holds
    /// output or a failure of an earlier call.
    pub(super) fn has_to_inflate(&self, input: &Input<'_>) -> bool {
        if !self.inbound.is_compressed() {
            return false;
        }
        let left = |decompressor: &Decompressor| {
            decompressor.is_full() || decompressor.pending_error().is_err()
        };
        if self.decompressor.as_deref().is_some_and(left) {
            return true;
        }
        if self.decoder.is_in_payload() {
            return self.receiving_control.is_none() && self.decoder.piece_len(input).is_some();
        }
        // All of the message has come, but its end has not been handed out.
        self.inbound.is_last_frame()
    }

    /// Inflates the payload that has arrived, as far as there is scratch. Returns the event for the inflated bytes, if there
    /// is one.
    ///
    /// Payload that does not fit stays in `input`, still masked. Output that does not fit stays in the decompressor.
    pub(super) fn inflate<'b>(
        &mut self,
        input: &mut Input<'b>,
    ) -> Result<Option<Event<'b>>, Error> {
        let Some(decompressor) = self.decompressor.as_deref_mut() else {
            return Err(InflateError::Invalid.into());
        };
        decompressor.pending_error()?;
        let Some(scratch) = input.take_scratch() else {
            return Err(MessageError::NoScratch.into());
        };
        let room = scratch.len().min(self.inbound.inflate_limit());
        let (out, _) = scratch.split_at_mut(room);
        let is_needed = decompressor.is_full() || self.decoder.piece_len(input) > Some(0);
        if out.is_empty() && is_needed {
            input.ask_for_scratch();
            return Ok(None);
        }
        let most = out.len().saturating_add(PIECE_BEYOND);
        let progress = self.decoder.read_payload(input, most, |payload| {
            let progress = decompressor.decompress(payload, out);
            (progress.map_or(0, |progress| progress.consumed), progress)
        });
        let mut produced = progress?.produced;
        let mut is_whole = false;
        if !self.decoder.is_in_payload() && self.inbound.is_last_frame() {
            // The decompressor counts what it has written into `out`, so the minimum is `produced`.
            debug_assert!(produced <= out.len());
            let (_, free) = out.split_at_mut(produced.min(out.len()));
            let finished = match decompressor.finish(free) {
                // What came before a fault is handed out first, and the next poll returns the error.
                Err(_) if produced > 0 => Finished::default(),
                finished => finished?,
            };
            produced += finished.produced;
            is_whole = finished.done;
        }
        let (chunk, rest) = scratch.split_at_mut(produced.min(scratch.len()));
        input.put_back_scratch(rest);
        Ok(self.inbound.inflated(chunk, is_whole)?)
    }

    /// Whether the decompressor is needed between messages.
    #[cfg(feature = "std")]
    pub(crate) fn peer_takes_over(&self) -> bool {
        self.decompressor.as_ref().is_some_and(|inflate| inflate.settings().takeover)
    }
}
