//! Frames (RFC 6455 §5.2).

use crate::fault::{Fault, Switch};

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// RSV1, which says that a message is compressed.
pub(crate) const RSV1: u8 = 4;

/// The header of a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) fin: bool,
    pub(crate) rsv: u8,
    pub(crate) opcode: u8,
    pub(crate) key: Option<[u8; 4]>,
    pub(crate) len: u64,
    /// Whether the length is encoded in the fewest bytes.
    pub(crate) minimal: bool,
}

impl Header {
    /// Reads a header from the beginning of these bytes, if it is complete. Returns the header and its length.
    pub(crate) fn read(bytes: &[u8], switch: &Switch) -> Option<(Self, usize)> {
        let (&[first, second], rest) = bytes.split_first_chunk::<2>()?;
        let (len, minimal, rest) = match second & 0x7f {
            126 => {
                let (two, rest) = rest.split_first_chunk::<2>()?;
                let mut len = u16::from_be_bytes(*two);
                if len != len.swap_bytes() && switch.is(Fault::Length16LittleEndian) {
                    len = len.swap_bytes();
                }
                let mut len = u64::from(len);
                if len >= 1 << 15 && switch.is(Fault::Length16Signed) {
                    len |= !0xffff;
                }
                (len, len > 125, rest)
            }
            127 => {
                let (eight, rest) = rest.split_first_chunk::<8>()?;
                let mut len = u64::from_be_bytes(*eight);
                let minimal = len > 0xffff;
                if len >> 32 != 0 && switch.is(Fault::Length64CutTo32) {
                    len &= 0xffff_ffff;
                }
                if len >> 16 != 0 && switch.is(Fault::Length64CutTo16) {
                    len &= 0xffff;
                }
                (len, minimal, rest)
            }
            len => (u64::from(len), true, rest),
        };
        let (key, rest) = if second & 0x80 == 0 {
            (None, rest)
        } else {
            let (key, rest) = rest.split_first_chunk::<4>()?;
            (Some(*key), rest)
        };
        let (fin, rsv, opcode) = (first & 0x80 != 0, first >> 4 & 7, first & 15);
        Some((Self { fin, rsv, opcode, key, len, minimal }, bytes.len() - rest.len()))
    }
}

/// Appends a frame.
pub(crate) fn write(
    out: &mut Vec<u8>,
    (fin, rsv, opcode): (bool, u8, u8),
    key: Option<[u8; 4]>,
    payload: &[u8],
    switch: &Switch,
) {
    out.push(u8::from(fin) << 7 | rsv << 4 | opcode);
    let masked = if key.is_some() { 0x80 } else { 0 };
    let len = payload.len();
    let in_7_bits = len <= 125 && !(len == 125 && switch.is(Fault::Length125In16Bits));
    let in_16_bits = len <= 0xffff && !(len == 0xffff && switch.is(Fault::Length65535In64Bits));
    if in_7_bits {
        out.push(masked | len as u8);
    } else if in_16_bits {
        out.push(masked | 126);
        out.extend((len as u16).to_be_bytes());
    } else {
        out.push(masked | 127);
        out.extend((len as u64).to_be_bytes());
    }
    let Some(key) = key else { return out.extend(payload) };
    out.extend(key);
    if !payload.is_empty() && switch.is(Fault::PayloadNotMasked) {
        return out.extend(payload);
    }
    out.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]));
}
