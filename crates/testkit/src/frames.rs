//! Builds frames, including invalid ones, and parses frames. It does not use the core's encoder.

use std::borrow::Borrow;

use fullduplex::Role;

/// Both roles.
pub const ROLES: [Role; 2] = [Role::Server, Role::Client];

/// The bytes of a frame as an endpoint of this role receives them: a client masks its frames, and a server does not (RFC
/// 6455 §5.1).
#[must_use]
pub fn to(role: Role, frame: impl Borrow<Frame>) -> Vec<u8> {
    let frame = frame.borrow();
    match role {
        Role::Server => frame.clone().masked().encode(),
        Role::Client => frame.encode(),
    }
}

/// The bytes of several frames as an endpoint of this role receives them.
#[must_use]
pub fn all_to(role: Role, frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(|frame| to(role, frame)).collect()
}

/// A frame as a value, which a test sends or has received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whether this is the last frame of its message.
    pub fin: bool,
    /// The reserved bits, 0 to 7.
    pub rsv: u8,
    /// The opcode, 0 to 15.
    pub opcode: u8,
    /// The masking key; `None` leaves the frame unmasked.
    pub mask: Option<[u8; 4]>,
    /// The payload, unmasked.
    pub payload: Vec<u8>,
}

/// How the length of a frame is encoded: in 7, 16 or 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LengthForm {
    /// The shortest form that holds it, as RFC 6455 §5.2 demands.
    Shortest,
    /// In 16 bits; a larger length loses its upper bits.
    Two,
    /// In 64 bits.
    Eight,
}

impl Frame {
    /// A frame with FIN, without reserved bits and mask.
    #[must_use]
    pub fn new(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self { fin: true, rsv: 0, opcode, mask: None, payload: payload.into() }
    }

    /// A text frame.
    #[must_use]
    pub fn text(payload: impl Into<Vec<u8>>) -> Self {
        Self::new(1, payload)
    }

    /// A binary frame.
    #[must_use]
    pub fn binary(payload: impl Into<Vec<u8>>) -> Self {
        Self::new(2, payload)
    }

    /// A continuation frame.
    #[must_use]
    pub fn continuation(payload: impl Into<Vec<u8>>) -> Self {
        Self::new(0, payload)
    }

    /// A Ping.
    #[must_use]
    pub fn ping(payload: impl Into<Vec<u8>>) -> Self {
        Self::new(9, payload)
    }

    /// A Pong.
    #[must_use]
    pub fn pong(payload: impl Into<Vec<u8>>) -> Self {
        Self::new(10, payload)
    }

    /// A Close frame with code and reason.
    #[must_use]
    pub fn close(code: u16, reason: &str) -> Self {
        Self::new(8, [&code.to_be_bytes(), reason.as_bytes()].concat())
    }

    /// The same frame without FIN.
    #[must_use]
    pub fn unfinished(mut self) -> Self {
        self.fin = false;
        self
    }

    /// The same frame, masked.
    #[must_use]
    pub fn masked(mut self) -> Self {
        self.mask = Some([0x37, 0xfa, 0x21, 0x3d]);
        self
    }

    /// Encodes the frame, with the shortest form of its length.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.encode_as(LengthForm::Shortest)
    }

    /// Encodes the frame, with this form of its length.
    #[must_use]
    pub fn encode_as(&self, form: LengthForm) -> Vec<u8> {
        let mask_bit = if self.mask.is_some() { 0x80 } else { 0 };
        let mut bytes = vec![u8::from(self.fin) << 7 | self.rsv << 4 | self.opcode];
        match (form, self.payload.len()) {
            (LengthForm::Shortest, len @ 0..=125) => bytes.push(mask_bit | len as u8),
            (LengthForm::Shortest, len @ 126..=0xffff) | (LengthForm::Two, len) => {
                bytes.push(mask_bit | 126);
                bytes.extend((len as u16).to_be_bytes());
            }
            (_, len) => {
                bytes.push(mask_bit | 127);
                bytes.extend((len as u64).to_be_bytes());
            }
        }
        // A key of zeros leaves the payload as it is.
        let key = self.mask.unwrap_or([0; 4]);
        bytes.extend(self.mask.iter().flatten());
        bytes.extend(self.payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        bytes
    }
}

/// Parses the frames that one end has written, and unmasks them.
///
/// # Panics
/// When the bytes are not whole frames.
#[must_use]
pub fn frames(mut wire: &[u8]) -> Vec<Frame> {
    let mut found = Vec::new();
    while let [first, second, ..] = *wire {
        wire = &wire[2..];
        let mut take = |len: usize| {
            let (taken, rest) = wire.split_at(len);
            wire = rest;
            taken.to_vec()
        };
        let len = match second & 0x7f {
            126 => u64::from(u16::from_be_bytes(take(2).try_into().unwrap())),
            127 => u64::from_be_bytes(take(8).try_into().unwrap()),
            len => u64::from(len),
        };
        let mask: Option<[u8; 4]> = (second & 0x80 != 0).then(|| take(4).try_into().unwrap());
        // A key of zeros leaves the payload as it is.
        let key = mask.unwrap_or([0; 4]);
        let payload =
            take(len as usize).iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k).collect();
        found.push(Frame {
            fin: first & 0x80 != 0,
            rsv: first >> 4 & 7,
            opcode: first & 0x0f,
            mask,
            payload,
        });
    }
    assert!(wire.is_empty(), "half a frame: {wire:02x?}");
    found
}
