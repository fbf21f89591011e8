//! Frames (RFC 6455 §5.2): encoded as a case wants them, decoded strictly.

use super::deflate::MAX_MESSAGE;
use crate::side::Side;

/// The opcode of a frame, 0 to 15 (RFC 6455 §5.2).
pub type Opcode = u8;

/// Continuation frame.
pub(crate) const CONTINUATION: Opcode = 0;
/// Text frame.
pub(crate) const TEXT: Opcode = 1;
/// Binary frame.
pub(crate) const BINARY: Opcode = 2;
/// Close frame.
pub(crate) const CLOSE: Opcode = 8;
/// Ping frame.
pub(crate) const PING: Opcode = 9;
/// Pong frame.
pub(crate) const PONG: Opcode = 10;

/// Whether a frame is masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    /// As RFC 6455 §5.1 demands for the runner's role, with a key from the seed.
    AsDemanded,
    /// The opposite, which is a fault.
    Wrong,
    /// With this key if the role masks at all.
    Key([u8; 4]),
}

/// How the payload's length is encoded (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LengthForm {
    /// In the fewest bytes, as the RFC demands.
    Shortest,
    /// In 16 bits, whatever the length.
    Two,
    /// In 64 bits, whatever the length.
    Eight,
    /// In the fewest bytes, with this number instead of the true length.
    Claim(u64),
}

/// A frame that a case sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whether it is the last frame of its message.
    pub fin: bool,
    /// The reserved bits, 0 to 7; RSV1 is 4.
    pub rsv: u8,
    /// The opcode.
    pub opcode: Opcode,
    /// Whether it is masked.
    pub mask: Mask,
    /// How its length is encoded.
    pub length: LengthForm,
    /// The payload, unmasked.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A valid frame with FIN, if the opcode and the payload are valid.
    #[must_use]
    pub fn new(opcode: Opcode, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            fin: true,
            rsv: 0,
            opcode,
            mask: Mask::AsDemanded,
            length: LengthForm::Shortest,
            payload: payload.into(),
        }
    }

    /// A text frame.
    #[must_use]
    pub fn text(payload: impl Into<Vec<u8>>) -> Self {
        Self::new(TEXT, payload)
    }

    /// A binary frame.
    #[must_use]
    pub fn binary(payload: impl Into<Vec<u8>>) -> Self {
        Self::new(BINARY, payload)
    }

    /// A continuation frame.
    #[must_use]
    pub fn continuation(payload: impl Into<Vec<u8>>) -> Self {
        Self::new(CONTINUATION, payload)
    }

    /// A Ping.
    #[must_use]
    pub fn ping(payload: impl Into<Vec<u8>>) -> Self {
        Self::new(PING, payload)
    }

    /// A Pong.
    #[must_use]
    pub fn pong(payload: impl Into<Vec<u8>>) -> Self {
        Self::new(PONG, payload)
    }

    /// A Close with a code and a reason, both unchecked (RFC 6455 §5.5.1).
    #[must_use]
    pub fn close(code: u16, reason: impl AsRef<[u8]>) -> Self {
        Self::new(CLOSE, [&code.to_be_bytes(), reason.as_ref()].concat())
    }

    /// The same frame without FIN.
    #[must_use]
    pub fn unfinished(mut self) -> Self {
        self.fin = false;
        self
    }

    /// The same frame with these reserved bits, 0 to 7.
    #[must_use]
    pub fn rsv(mut self, bits: u8) -> Self {
        self.rsv = bits;
        self
    }

    /// The same frame, masked like this.
    #[must_use]
    pub fn mask(mut self, mask: Mask) -> Self {
        self.mask = mask;
        self
    }

    /// The same frame with its length encoded like this.
    #[must_use]
    pub fn length(mut self, form: LengthForm) -> Self {
        self.length = form;
        self
    }

    /// Encodes the frame for a subject on this side, with `key` if it is masked.
    pub(crate) fn encode(&self, to: Side, key: [u8; 4]) -> Vec<u8> {
        // RFC 6455 §5.1: "a client MUST mask all frames that it sends to the server".
        let client = to == Side::Server;
        let key = match self.mask {
            Mask::AsDemanded => client.then_some(key),
            Mask::Wrong => (!client).then_some(key),
            Mask::Key(key) => client.then_some(key),
        };
        let mask_bit = if key.is_some() { 0x80 } else { 0 };
        let mut bytes = vec![u8::from(self.fin) << 7 | self.rsv << 4 | self.opcode];
        let len = self.payload.len() as u64;
        let (len, extra) = match self.length {
            LengthForm::Shortest => (len, shortest(len)),
            LengthForm::Claim(len) => (len, shortest(len)),
            LengthForm::Two => (len, 2),
            LengthForm::Eight => (len, 8),
        };
        match extra {
            0 => bytes.push(mask_bit | len as u8),
            2 => {
                bytes.push(mask_bit | 126);
                bytes.extend((len as u16).to_be_bytes());
            }
            _ => {
                bytes.push(mask_bit | 127);
                bytes.extend(len.to_be_bytes());
            }
        }
        match key {
            Some(key) => {
                bytes.extend(key);
                bytes.extend(xored(&self.payload, key));
            }
            None => bytes.extend(&self.payload),
        }
        bytes
    }
}

/// The payload with each byte XORed with a byte of the key, in turn (RFC 6455 §5.3).
fn xored(payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    let keys: [u8; 64] = std::array::from_fn(|at| key[at % 4]);
    let mut payload = payload.to_vec();
    for part in payload.chunks_mut(keys.len()) {
        for (byte, key) in part.iter_mut().zip(&keys) {
            *byte ^= key;
        }
    }
    payload
}

/// How many bytes after the second byte of a frame encode this length in the shortest form.
const fn shortest(len: u64) -> usize {
    match len {
        0..=125 => 0,
        126..=0xffff => 2,
        _ => 8,
    }
}

/// The key of the frame that these bytes begin with, if it is masked.
pub(crate) fn first_key(bytes: &[u8]) -> Option<[u8; 4]> {
    let [_, second, rest @ ..] = bytes else { return None };
    let extra = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let key = rest.get(extra..).and_then(<[u8]>::first_chunk);
    key.copied().filter(|_| second & 0x80 != 0)
}

/// A frame that a subject has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) fin: bool,
    pub(crate) rsv: u8,
    pub(crate) opcode: Opcode,
    /// The key that the payload was masked with.
    pub(crate) key: Option<[u8; 4]>,
    pub(crate) payload: Vec<u8>,
}

/// Splits the bytes of a subject into frames, and checks the rules for single frames (RFC 6455 §5.1, §5.2, §5.5).
#[derive(Debug)]
pub(crate) struct FrameReader {
    from: Side,
    input: Vec<u8>,
    /// How many bytes of `input` belong to frames that were returned.
    taken: usize,
}

impl FrameReader {
    pub(crate) const fn new(from: Side) -> Self {
        Self { from, input: Vec::new(), taken: 0 }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.input.drain(..self.taken);
        self.taken = 0;
        self.input.extend_from_slice(bytes);
    }

    /// Discards the input.
    pub(crate) fn clear(&mut self) {
        self.input.clear();
        self.taken = 0;
    }

    /// The opcode of the next frame, as soon as it has begun.
    pub(crate) fn opcode(&self) -> Option<u8> {
        self.input.get(self.taken).map(|first| first & 0x0f)
    }

    /// The next whole frame. The error is a sentence that describes its fault.
    pub(crate) fn next(&mut self) -> Result<Option<Received>, String> {
        let rest = &self.input[self.taken..];
        let [first, second, after @ ..] = rest else { return Ok(None) };
        let (fin, rsv, opcode) = (first & 0x80 != 0, first >> 4 & 7, first & 0x0f);
        let masked = second & 0x80 != 0;
        let (len, extra) = match second & 0x7f {
            126 => {
                let Some(bytes) = after.first_chunk::<2>() else { return Ok(None) };
                (u64::from(u16::from_be_bytes(*bytes)), 2)
            }
            127 => {
                let Some(bytes) = after.first_chunk::<8>() else { return Ok(None) };
                (u64::from_be_bytes(*bytes), 8)
            }
            len => (u64::from(len), 0),
        };
        if matches!(opcode, 3..=7 | 11..=15) {
            return Err(format!(
                "it sent a frame with the reserved opcode {opcode} (RFC 6455 §5.2)"
            ));
        }
        if extra != shortest(len) {
            return Err(format!(
                "it wrote the length {len} in {extra} bytes, not in the fewest (RFC 6455 §5.2)"
            ));
        }
        if len >> 63 != 0 {
            return Err("it sent a length with the highest bit set (RFC 6455 §5.2)".into());
        }
        match (self.from, masked) {
            (Side::Client, false) => {
                return Err(
                    "it sent a frame that is not masked, as a client (RFC 6455 §5.1)".into()
                );
            }
            (Side::Server, true) => {
                return Err("it sent a masked frame, as a server (RFC 6455 §5.1)".into());
            }
            _ => {}
        }
        if opcode & 8 != 0 {
            if !fin {
                return Err("it sent a fragmented control frame (RFC 6455 §5.5)".into());
            }
            if len > 125 {
                return Err(format!(
                    "it sent a control frame with a payload of {len} bytes (RFC 6455 §5.5)"
                ));
            }
        }
        let header: usize = 2 + extra + if masked { 4 } else { 0 };
        let Some(len) = usize::try_from(len).ok().filter(|len| *len <= MAX_MESSAGE) else {
            return Err(format!("it sent a frame of {len} bytes, which it was never sent"));
        };
        let whole = header + len;
        let Some(frame) = rest.get(..whole) else { return Ok(None) };
        let (head, payload) = frame.split_at(header);
        let key = head.last_chunk::<4>().copied().filter(|_| masked);
        let payload = match &key {
            Some(key) => xored(payload, *key),
            None => payload.to_vec(),
        };
        self.taken += whole;
        Ok(Some(Received { fin, rsv, opcode, key, payload }))
    }
}
