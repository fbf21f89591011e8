//! A shortcut for the most frequent frame: a whole message below 64 KiB, all of which is in the input. It depends on
//! nothing but the input. It leaves every other frame, and every invalid one, to the [decoder](super::decoder).

use crate::event::MessageKind;
use crate::frame::header::{FIN, LEN_16, MAX_CONTROL_PAYLOAD, OpCode, mask_bit_of};
use crate::input::Input;
use crate::mask;
use crate::role::Role;

#[cfg(test)]
mod tests;

/// A message in one frame. It is unmasked. Text was not checked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WholeMessage<'b> {
    pub(crate) kind: MessageKind,
    pub(crate) payload: &'b [u8],
    /// Whether the payload is known to be ASCII.
    pub(crate) ascii: bool,
}

/// The shortcut, and which frames it takes.
#[derive(Debug)]
pub(crate) struct Shortcut {
    /// The largest payload that it takes from a frame with a 7-bit length: at most 125 bytes.
    small_limit: u8,
    /// The largest payload that it takes from a frame with a 16-bit length.
    medium_limit: u16,
    /// The mask bit that the peer must send.
    mask_bit: u8,
}

impl Shortcut {
    /// A shortcut for the frames that `role` receives. It takes payloads of at most `max_payload` bytes.
    pub(crate) fn new(role: Role, max_payload: u64) -> Self {
        Self {
            small_limit: max_payload.min(MAX_CONTROL_PAYLOAD as u64) as u8,
            medium_limit: max_payload.min(u64::from(u16::MAX)) as u16,
            mask_bit: mask_bit_of(role.peer()),
        }
    }

    /// Takes a whole message from the start of `input`, which must be the beginning of a frame. If it returns `None`,
    /// it has taken nothing.
    ///
    /// It calls `note` once it knows that it takes the message, but before it unmasks the payload: after that, the
    /// processor's registers would have to be saved for the call.
    #[inline(always)]
    pub(crate) fn take<'b>(
        &self,
        input: &mut Input<'b>,
        note: impl FnOnce(),
    ) -> Option<WholeMessage<'b>> {
        // "An unfragmented message consists of a single frame with the FIN bit set and an opcode other than 0" (§5.4).
        // Bits RSV1 to RSV3 "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values"
        // (§5.2). If an extension was negotiated, its messages go to the decoder.
        const TEXT: u8 = FIN | OpCode::Text as u8;
        const BINARY: u8 = FIN | OpCode::Binary as u8;
        let word = u64::from_le_bytes(*input.first_chunk()?);
        let kind = match word as u8 {
            TEXT => MessageKind::Text,
            BINARY => MessageKind::Binary,
            _ => return None,
        };
        // "A server MUST close the connection upon receiving a frame that is not masked", and "a client MUST close a
        // connection if it detects a masked frame" (§5.1): with a wrong mask bit, `len` is above any limit.
        let len = (word >> 8) as u8 ^ self.mask_bit;
        if len > self.small_limit {
            return if len == LEN_16 { self.take_medium(kind, word, input, note) } else { None };
        }
        let header_len = 2 + usize::from(self.mask_bit >> 5);
        let frame_len = header_len + usize::from(len);
        if input.len() < frame_len {
            return None;
        }
        let payload = input.take(frame_len).get_mut(header_len..)?;
        note();
        let key = (word >> 16) as u32;
        let ascii = match (kind, self.mask_bit) {
            (MessageKind::Binary, 0) => false,
            (MessageKind::Binary, _) => {
                // The result is not used, so the compiler leaves the search for ASCII out of this inlined copy.
                mask::apply_small(payload, key);
                false
            }
            (MessageKind::Text, 0) => mask::is_ascii(payload),
            (MessageKind::Text, _) => mask::apply_small(payload, key),
        };
        Some(WholeMessage { kind, payload, ascii })
    }

    /// [`take`](Self::take) with a 16-bit length.
    #[inline(always)]
    fn take_medium<'b>(
        &self,
        kind: MessageKind,
        word: u64,
        input: &mut Input<'b>,
        note: impl FnOnce(),
    ) -> Option<WholeMessage<'b>> {
        let len = u16::from_be_bytes([(word >> 16) as u8, (word >> 24) as u8]);
        let header_len = 4 + usize::from(self.mask_bit >> 5);
        let frame_len = header_len + usize::from(len);
        // "The minimal number of bytes MUST be used to encode the length" (§5.2).
        if len <= MAX_CONTROL_PAYLOAD as u16 || len > self.medium_limit || input.len() < frame_len {
            return None;
        }
        let payload = input.take(frame_len).get_mut(header_len..)?;
        note();
        if self.mask_bit != 0 {
            mask::apply_large(payload, (word >> 32) as u32);
        }
        Some(WholeMessage { kind, payload, ascii: false })
    }
}
