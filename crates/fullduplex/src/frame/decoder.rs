//! Decodes frames from input that may be split anywhere (RFC 6455 §5.2). It gathers a header, checks the rules that
//! depend on the role and on the extensions, and then hands out the payload as it arrives.
//!
//! It knows only frames. Other modules decide what a frame means for a message or for the connection.

use crate::frame::header::{
    FIN, FrameError, FrameHeader, MASK, MAX_CONTROL_PAYLOAD, MAX_FRAME_HEADER_LEN, OPCODE, OpCode,
    RSV, mask_bit_of,
};
use crate::input::Input;
use crate::mask;
use crate::role::Role;

/// An incremental decoder for the frames that a connection receives.
#[derive(Clone, Debug)]
pub(crate) struct Decoder {
    /// How many bytes of the current frame's payload have not been received.
    remaining: u64,
    max_frame_size: u64,
    /// The masking key, rotated for the next payload byte, or 0 if the peer does not mask.
    key: u32,
    header: [u8; MAX_FRAME_HEADER_LEN],
    header_len: u8,
    /// The mask bit that the peer must send: `0x80` from a client, 0 from a server.
    mask_bit: u8,
    /// The reserved bits that the first frame of a message may have: RSV1 if permessage-deflate was negotiated.
    allowed_rsv: u8,
    in_payload: bool,
}

/// What the decoder found next.
pub(crate) enum Decoded<'b> {
    /// All input is consumed.
    NeedMore,
    /// A frame begins. Its header was checked.
    Header(FrameHeader),
    /// The next piece of the current frame's payload.
    Payload(Payload<'b>),
}

/// A piece of payload as it was received. It is still masked.
pub(crate) struct Payload<'b> {
    bytes: &'b mut [u8],
    key: u32,
    /// Whether the frame ends with this piece.
    pub(crate) ends_frame: bool,
}

impl<'b> Payload<'b> {
    /// Unmasks the piece in place.
    #[inline]
    pub(crate) fn unmask(self) -> &'b [u8] {
        mask::apply(self.bytes, self.key);
        self.bytes
    }

    /// Unmasks the piece in place, block by block, and calls `check` with each block while it is in the cache. `check`
    /// returns how many bytes of the block are valid if not all are. Returns the valid part of the piece, and an error
    /// if that is not all of it.
    #[inline]
    pub(crate) fn unmask_checked(
        self,
        mut check: impl FnMut(&[u8]) -> Result<(), usize>,
    ) -> (&'b [u8], Result<(), ()>) {
        let mut key = self.key;
        let mut done = 0;
        for block in self.bytes.chunks_mut(CHECK_BLOCK) {
            mask::apply(block, key);
            key = mask::advance(key, block.len());
            if let Err(good) = check(block) {
                debug_assert!(good <= block.len());
                let bytes: &'b [u8] = self.bytes;
                // A block has no more valid bytes than it has bytes, so the fallback is never used.
                return (bytes.get(..done + good).unwrap_or(bytes), Err(()));
            }
            done += block.len();
        }
        (self.bytes, Ok(()))
    }
}

/// How many bytes are unmasked before they are checked: few enough that the check finds them in the first-level cache,
/// and enough that it does not matter how long the two loops take to start.
const CHECK_BLOCK: usize = 8 << 10;

impl Decoder {
    pub(crate) fn new(role: Role, max_frame_size: u64, allowed_rsv: u8) -> Self {
        Self {
            remaining: 0,
            max_frame_size,
            key: 0,
            header: [0; MAX_FRAME_HEADER_LEN],
            header_len: 0,
            mask_bit: mask_bit_of(role.peer()),
            allowed_rsv,
            in_payload: false,
        }
    }

    /// Whether the next byte begins a frame.
    #[inline]
    pub(crate) fn at_boundary(&self) -> bool {
        !self.in_payload && self.header_len == 0
    }

    /// How many bytes of the current frame's payload have not been received; 0 between frames.
    #[cfg(feature = "alloc")]
    pub(crate) fn remaining(&self) -> u64 {
        self.remaining
    }

    /// How many bytes of the current frame's payload are in `input`. Returns `None` between payloads, and if more input is
    /// needed. An empty payload counts as one piece.
    #[cfg(feature = "deflate")]
    pub(crate) fn piece_len(&self, input: &Input<'_>) -> Option<usize> {
        let len = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(input.len());
        (self.in_payload && (len > 0 || self.remaining == 0)).then_some(len)
    }

    /// Whether the current frame's payload is not complete.
    #[cfg(feature = "deflate")]
    pub(crate) fn is_in_payload(&self) -> bool {
        self.in_payload
    }

    /// Unmasks the next bytes of the current frame's payload, at most `most` of them, and passes them to `read`, which
    /// returns how many it has consumed. The others are masked again and stay in `input`.
    #[cfg(feature = "deflate")]
    pub(crate) fn read_payload<T>(
        &mut self,
        input: &mut Input<'_>,
        most: usize,
        read: impl FnOnce(&[u8]) -> (usize, T),
    ) -> T {
        let wanted = usize::try_from(self.remaining).unwrap_or(usize::MAX);
        let piece = input.first_mut(wanted.min(most));
        mask::apply(piece, self.key);
        let (done, result) = read(piece);
        let done = done.min(piece.len());
        let key = mask::advance(self.key, done);
        let (_, rest) = piece.split_at_mut(done);
        mask::apply(rest, key);
        input.take(done);
        self.key = key;
        self.remaining -= done as u64;
        self.in_payload = self.remaining > 0;
        result
    }

    /// The next header or piece of payload.
    ///
    /// # Errors
    /// [`FrameError`]. The same byte causes the error, however the input is split.
    #[inline]
    pub(crate) fn poll<'b>(&mut self, input: &mut Input<'b>) -> Result<Decoded<'b>, FrameError> {
        if !self.in_payload {
            return match self.gather_header(input)? {
                None => Ok(Decoded::NeedMore),
                Some(header) => {
                    self.begin(&header);
                    Ok(Decoded::Header(header))
                }
            };
        }
        if input.is_empty() && self.remaining > 0 {
            return Ok(Decoded::NeedMore);
        }
        let wanted = usize::try_from(self.remaining).unwrap_or(usize::MAX);
        let bytes = input.take(wanted);
        let key = self.key;
        self.key = mask::advance(key, bytes.len());
        self.remaining -= bytes.len() as u64;
        self.in_payload = self.remaining > 0;
        Ok(Decoded::Payload(Payload { bytes, key, ends_frame: !self.in_payload }))
    }

    fn begin(&mut self, header: &FrameHeader) {
        self.header_len = 0;
        self.remaining = header.payload_len;
        self.key = header.mask.map_or(0, u32::from_le_bytes);
        self.in_payload = true;
    }

    /// Moves header bytes from `input` into the fixed buffer until the header is whole.
    fn gather_header(&mut self, input: &mut Input<'_>) -> Result<Option<FrameHeader>, FrameError> {
        let had = usize::from(self.header_len);
        // Bytes are kept only while a header is not complete, and 14 bytes always are. So there is a free byte, and neither
        // fallback is used.
        debug_assert!(had < MAX_FRAME_HEADER_LEN);
        let free = self.header.get_mut(had..).unwrap_or_default();
        let len = free.len().min(input.len());
        for (slot, byte) in free.iter_mut().zip(input.remaining()) {
            *slot = *byte;
        }
        let gathered = had + len;
        match self.check(self.header.get(..gathered).unwrap_or_default())? {
            Some((header, header_len)) => {
                input.take(header_len.saturating_sub(had));
                Ok(Some(header))
            }
            None => {
                input.take(len);
                self.header_len = gathered as u8;
                Ok(None)
            }
        }
    }

    /// Checks the rules for a frame header, in the order of its bytes.
    fn check(&self, bytes: &[u8]) -> Result<Option<(FrameHeader, usize)>, FrameError> {
        let [first, rest @ ..] = bytes else { return Ok(None) };
        // "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values"
        if first & RSV & !self.allowed_rsv != 0 {
            return Err(FrameError::ReservedBits);
        }
        let bits = first & OPCODE;
        let opcode = OpCode::from_bits(bits).ok_or(FrameError::ReservedOpCode(bits))?;
        // "An endpoint MUST NOT set the "Per-Message Compressed" bit of control frames and non-first
        // fragments of a data message." (RFC 7692 §6)
        if first & RSV != 0 && !matches!(opcode, OpCode::Text | OpCode::Binary) {
            return Err(FrameError::ReservedBits);
        }
        // "All control frames ... MUST NOT be fragmented" (§5.5)
        if opcode.is_control() && first & FIN == 0 {
            return Err(FrameError::FragmentedControl);
        }
        if let [second, ..] = rest {
            // "The server MUST close the connection upon receiving a frame that is not masked. ...
            // A client MUST close a connection if it detects a masked frame." (§5.1)
            if second & MASK != self.mask_bit {
                return Err(match self.mask_bit {
                    0 => FrameError::Masked,
                    _ => FrameError::Unmasked,
                });
            }
            // "All control frames MUST have a payload length of 125 bytes or less" (§5.5)
            if opcode.is_control() && usize::from(second & !MASK) > MAX_CONTROL_PAYLOAD {
                return Err(FrameError::ControlTooLong);
            }
        }
        let decoded = FrameHeader::decode(bytes)?;
        match decoded {
            Some((header, _)) if header.payload_len > self.max_frame_size => {
                Err(FrameError::TooLarge)
            }
            _ => Ok(decoded),
        }
    }
}

#[cfg(test)]
mod tests;
