//! Frames (RFC 6455 §5.2), encoded and decoded without regard to their meaning.

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// A frame with its payload unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) fin: bool,
    pub(crate) rsv: u8,
    pub(crate) opcode: u8,
    /// The masking key, if it was masked.
    pub(crate) key: Option<[u8; 4]>,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// A whole frame.
    pub(crate) fn new(opcode: u8, payload: &[u8]) -> Self {
        Self { fin: true, rsv: 0, opcode, key: None, payload: payload.to_vec() }
    }

    /// Encodes the frame, masked if a key is given.
    pub(crate) fn encode(&self, key: Option<[u8; 4]>) -> Vec<u8> {
        let mut bytes = vec![u8::from(self.fin) << 7 | self.rsv << 4 | self.opcode];
        let mask_bit = u8::from(key.is_some()) << 7;
        let len = self.payload.len();
        match (u8::try_from(len), u16::try_from(len)) {
            (Ok(short @ 0..=125), _) => bytes.push(mask_bit | short),
            (_, Ok(medium)) => {
                bytes.push(mask_bit | 126);
                bytes.extend(medium.to_be_bytes());
            }
            _ => {
                bytes.push(mask_bit | 127);
                bytes.extend((len as u64).to_be_bytes());
            }
        }
        bytes.extend(key.iter().flatten());
        let key = key.unwrap_or_default();
        bytes.extend(self.payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        bytes
    }

    /// The first frame of `bytes` and its encoded length, if it is complete.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(Self, usize)> {
        let (opcode, len) = frame_len(bytes)?;
        let frame = bytes.get(..len)?;
        let (first, second) = (bytes[0], bytes[1]);
        let (head, payload) = frame.split_at(head_len(second));
        let key = head.last_chunk().copied().filter(|_| second & 0x80 != 0);
        let mask = key.unwrap_or_default();
        let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key);
        let payload = payload.collect();
        Some((Self { fin: first & 0x80 != 0, rsv: first >> 4 & 7, opcode, key, payload }, len))
    }
}

/// The opcode of the first frame of `bytes`, and the length of the frame with its header, once the header is complete.
pub(crate) fn frame_len(bytes: &[u8]) -> Option<(u8, usize)> {
    let (&[first, second], rest) = bytes.split_first_chunk::<2>()?;
    let payload = match second & 0x7f {
        126 => u16::from_be_bytes(*rest.first_chunk()?).into(),
        127 => u64::from_be_bytes(*rest.first_chunk()?),
        short => short.into(),
    };
    let payload = usize::try_from(payload).ok()?;
    Some((first & 15, head_len(second).checked_add(payload)?))
}

/// The length of a header, by its second byte.
fn head_len(second: u8) -> usize {
    let length = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + length + if second & 0x80 == 0 { 0 } else { 4 }
}

/// The complete frames of `bytes`, and the bytes after them.
pub(crate) fn frames(mut bytes: &[u8]) -> (Vec<Frame>, &[u8]) {
    let mut frames = Vec::new();
    while let Some((frame, taken)) = Frame::decode(bytes) {
        frames.push(frame);
        bytes = &bytes[taken..];
    }
    (frames, bytes)
}
