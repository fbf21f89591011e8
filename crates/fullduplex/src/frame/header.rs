//! The frame header (RFC 6455 §5.2), as bytes and as a value. It knows neither role nor limits.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-------+-+-------------+-------------------------------+
//! |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
//! |I|S|S|S|  (4)  |A|     (7)     |             (16/64)           |
//! |N|V|V|V|       |S|             |   (if payload len==126/127)   |
//! | |1|2|3|       |K|             |                               |
//! +-+-+-+-+-------+-+-------------+ - - - - - - - - - - - - - - - +
//! |  Extended payload length continued, then the masking key (4)  |
//! +---------------------------------------------------------------+
//! ```

use core::fmt;

use crate::role::Role;

/// The longest header: 2 bytes, 8 of extended length, 4 of masking key.
pub const MAX_FRAME_HEADER_LEN: usize = 14;

/// The largest payload of a control frame, in bytes (RFC 6455 §5.5).
pub(crate) const MAX_CONTROL_PAYLOAD: usize = 125;

/// The largest payload whose length fits into the second byte of the header (RFC 6455 §5.2). Most messages are not larger.
pub(crate) const SMALL: usize = 125;
const MAX_SHORT_LEN: u64 = SMALL as u64;
pub(crate) const LEN_16: u8 = 126;
const LEN_64: u8 = 127;

/// The mask bit of the frames that an endpoint of this role sends: "a client MUST mask all frames […] A server MUST NOT mask
/// any frames" (§5.1).
pub(crate) const fn mask_bit_of(sender: Role) -> u8 {
    match sender {
        Role::Client => MASK,
        Role::Server => 0,
    }
}

pub(crate) const FIN: u8 = 0x80;
pub(crate) const RSV: u8 = 0x70;
/// "Per-Message Compressed" (RFC 7692 §6).
#[cfg(feature = "deflate")]
pub(crate) const RSV1: u8 = 0x40;
pub(crate) const MASK: u8 = 0x80;
pub(crate) const OPCODE: u8 = 0x0f;
const LEN: u8 = 0x7f;

/// The opcode of a frame: what kind of frame it is (RFC 6455 §5.2 and §11.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum OpCode {
    /// A further fragment of the message in progress.
    Continuation = 0,
    /// A text message, or its first fragment.
    Text = 1,
    /// A binary message, or its first fragment.
    Binary = 2,
    /// The Close frame.
    Close = 8,
    /// A Ping.
    Ping = 9,
    /// A Pong.
    Pong = 10,
}

impl OpCode {
    /// The opcode for the low four bits of the first header byte; `None` for the reserved ones.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::Continuation),
            1 => Some(Self::Text),
            2 => Some(Self::Binary),
            8 => Some(Self::Close),
            9 => Some(Self::Ping),
            10 => Some(Self::Pong),
            _ => None,
        }
    }

    /// Whether this is a control frame: Close, Ping or Pong (RFC 6455 §5.5).
    #[must_use]
    pub const fn is_control(self) -> bool {
        self as u8 & 0x08 != 0
    }
}

/// How a frame breaks RFC 6455 §5, or a limit. The connection fails with Close 1002, or with Close 1009 after
/// [`TooLarge`](Self::TooLarge).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FrameError {
    /// A reserved bit is set, and no negotiated extension defines it (§5.2).
    ReservedBits,
    /// An opcode from 3 to 7 or 11 to 15 (§5.2); the field is the opcode.
    ReservedOpCode(u8),
    /// A control frame without FIN (§5.5).
    FragmentedControl,
    /// A control frame with more than 125 bytes of payload (§5.5).
    ControlTooLong,
    /// A client's frame without a mask (§5.1).
    Unmasked,
    /// A server's frame with a mask (§5.1).
    Masked,
    /// A payload length that is encoded in more bytes than it needs (§5.2).
    LengthNotMinimal,
    /// A 64-bit payload length whose most significant bit is set (§5.2).
    LengthOverflow,
    /// A payload length over [`Limits::max_frame_size`](crate::Limits::max_frame_size).
    TooLarge,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReservedBits => "a reserved bit is set without an extension that defines it",
            Self::ReservedOpCode(code) => return write!(f, "opcode {code} is reserved"),
            Self::FragmentedControl => "a control frame is fragmented",
            Self::ControlTooLong => "a control frame has more than 125 bytes of payload",
            Self::Unmasked => "a client's frame is not masked",
            Self::Masked => "a server's frame is masked",
            Self::LengthNotMinimal => "a payload length is not in its shortest form",
            Self::LengthOverflow => "a 64-bit payload length has its top bit set",
            Self::TooLarge => "a frame is larger than the limit",
        })
    }
}

impl core::error::Error for FrameError {}

/// A frame header as a value (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Whether this is the last frame of its message.
    pub fin: bool,
    /// The reserved bits, at their places in the first byte: a subset of `0x70`.
    pub rsv: u8,
    /// The opcode.
    pub opcode: OpCode,
    /// The masking key; only a client's frame has one.
    pub mask: Option<[u8; 4]>,
    /// The payload's length in bytes, below 2^63.
    pub payload_len: u64,
}

impl FrameHeader {
    /// Reads a header from the start of `bytes`.
    ///
    /// Returns the header and its length in bytes, or `None` if more bytes are needed. It does not check the rules that
    /// depend on role, extensions or limits.
    ///
    /// # Errors
    /// [`FrameError::ReservedOpCode`], [`FrameError::LengthNotMinimal`] or [`FrameError::LengthOverflow`], even if the
    /// rest of the header is missing.
    pub fn decode(bytes: &[u8]) -> Result<Option<(Self, usize)>, FrameError> {
        let [first, rest @ ..] = bytes else { return Ok(None) };
        let bits = first & OPCODE;
        let opcode = OpCode::from_bits(bits).ok_or(FrameError::ReservedOpCode(bits))?;
        let [second, rest @ ..] = rest else { return Ok(None) };
        let (payload_len, rest) = match second & LEN {
            LEN_16 => {
                let Some((len, rest)) = rest.split_first_chunk() else { return Ok(None) };
                let len = u64::from(u16::from_be_bytes(*len));
                // "the minimal number of bytes MUST be used to encode the length"
                if len <= MAX_SHORT_LEN {
                    return Err(FrameError::LengthNotMinimal);
                }
                (len, rest)
            }
            LEN_64 => {
                let Some((len, rest)) = rest.split_first_chunk() else { return Ok(None) };
                let len = u64::from_be_bytes(*len);
                // "a 64-bit unsigned integer (the most significant bit MUST be 0)"
                if len >> 63 != 0 {
                    return Err(FrameError::LengthOverflow);
                }
                if len <= u64::from(u16::MAX) {
                    return Err(FrameError::LengthNotMinimal);
                }
                (len, rest)
            }
            len => (u64::from(len), rest),
        };
        let (mask, rest) = if second & MASK == 0 {
            (None, rest)
        } else {
            let Some((key, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (Some(*key), rest)
        };
        let header = Self { fin: first & FIN != 0, rsv: first & RSV, opcode, mask, payload_len };
        Ok(Some((header, bytes.len() - rest.len())))
    }

    /// The length of the encoded header: 2 to 14 bytes.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        let extended = match self.payload_len {
            0..=MAX_SHORT_LEN => 0,
            126..=0xffff => 2,
            _ => 8,
        };
        2 + extended + if self.mask.is_some() { 4 } else { 0 }
    }

    /// Writes the header, with the shortest form of the length, and returns how many bytes of `out` it has written.
    pub fn encode(&self, out: &mut [u8; MAX_FRAME_HEADER_LEN]) -> usize {
        let mask_bit = if self.mask.is_some() { MASK } else { 0 };
        out[0] = if self.fin { FIN } else { 0 } | self.rsv & RSV | self.opcode as u8;
        let len_end = match self.payload_len {
            len @ 0..=MAX_SHORT_LEN => {
                out[1] = mask_bit | len as u8;
                2
            }
            len @ 126..=0xffff => {
                out[1] = mask_bit | LEN_16;
                out[2..4].copy_from_slice(&(len as u16).to_be_bytes());
                4
            }
            len => {
                out[1] = mask_bit | LEN_64;
                out[2..10].copy_from_slice(&len.to_be_bytes());
                10
            }
        };
        match self.mask {
            Some(key) => {
                out[len_end..len_end + 4].copy_from_slice(&key);
                len_end + 4
            }
            None => len_end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(payload_len: u64, mask: Option<[u8; 4]>) -> FrameHeader {
        FrameHeader { fin: true, rsv: 0, opcode: OpCode::Binary, mask, payload_len }
    }

    #[test]
    fn every_length_form_comes_back_as_it_went() {
        for payload_len in [0, 1, 125, 126, 127, 0xffff, 0x1_0000, u64::MAX >> 1] {
            for mask in [None, Some([1, 2, 3, 4])] {
                let header = header(payload_len, mask);
                let mut out = [0; MAX_FRAME_HEADER_LEN];
                let len = header.encode(&mut out);
                assert_eq!(len, header.encoded_len());
                for cut in 0..len {
                    assert_eq!(FrameHeader::decode(&out[..cut]), Ok(None));
                }
                assert_eq!(FrameHeader::decode(&out), Ok(Some((header, len))));
            }
        }
    }

    #[test]
    fn lengths_in_a_longer_form_than_needed_are_refused() {
        for bytes in [
            &[0x82, 126, 0, 125][..],
            &[0x82, 0xfe, 0, 0],
            &[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
        ] {
            assert_eq!(FrameHeader::decode(bytes), Err(FrameError::LengthNotMinimal));
        }
        let top_bit = [0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(FrameHeader::decode(&top_bit), Err(FrameError::LengthOverflow));
    }

    #[test]
    fn reserved_opcodes_are_refused_at_the_first_byte() {
        for bits in (3..8).chain(11..16) {
            assert_eq!(FrameHeader::decode(&[0x80 | bits]), Err(FrameError::ReservedOpCode(bits)));
        }
    }
}
