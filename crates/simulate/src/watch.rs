//! Parses what one end writes, frame by frame, by RFC 6455 §5. It shares no code with the core, so it notices the core's
//! mistakes.

use crate::plan::{Kept, Side, keep};

/// A whole frame header, message or control frame that was written.
#[derive(Debug)]
pub(crate) enum Item {
    /// The header of a data frame.
    Frame {
        /// The length of its payload.
        len: u64,
        /// Its number within its message, starting at 1.
        nth: u32,
    },
    /// A message.
    Message {
        /// Whether it is text.
        text: bool,
        /// Whether it is compressed.
        compressed: bool,
        /// The length of all its payloads together.
        len: u64,
        /// Where it ends.
        end: u64,
    },
    /// A control frame.
    Control {
        /// Its opcode.
        opcode: u8,
        /// Its payload, unmasked.
        payload: Box<[u8]>,
        /// Where it ends.
        end: u64,
    },
}

#[derive(Debug)]
enum State {
    /// Inside the head of the opening handshake: how many bytes of its final empty line have come.
    Head(usize),
    Header,
    Payload,
}

#[derive(Debug)]
struct Message {
    text: bool,
    compressed: bool,
    len: u64,
    frames: u32,
}

/// Parses what one end writes.
#[derive(Debug)]
pub(crate) struct Watch {
    from: Side,
    deflate: bool,
    /// Whether masking keys are replaced by known ones.
    rekeys: bool,
    state: State,
    offset: u64,
    header: [u8; 14],
    have: usize,
    left: u64,
    opcode: u8,
    fin: bool,
    key: [u8; 4],
    new_key: [u8; 4],
    at: usize,
    control: Vec<u8>,
    message: Option<Message>,
    closed: bool,
    frames: u32,
}

const END_OF_HEAD: &[u8] = b"\r\n\r\n";

impl Watch {
    /// Parses what `from` writes. `deflate` says whether it may compress, `with_head` whether a head comes first.
    ///
    /// With `rekeys`, the masking keys are replaced by known ones, so that an endpoint with keys from the operating system
    /// sends the same bytes each time.
    pub(crate) fn new(from: Side, deflate: bool, with_head: bool, rekeys: bool) -> Self {
        Self {
            from,
            deflate,
            rekeys,
            state: if with_head { State::Head(0) } else { State::Header },
            offset: 0,
            header: [0; 14],
            have: 0,
            left: 0,
            opcode: 0,
            fin: false,
            key: [0; 4],
            new_key: [0; 4],
            at: 0,
            control: Vec::new(),
            message: None,
            closed: false,
            frames: 0,
        }
    }

    /// Whether the bytes so far end between frames.
    pub(crate) fn is_between_frames(&self) -> bool {
        matches!(self.state, State::Header) && self.have == 0
    }

    /// Whether they end between frames and outside of a message.
    pub(crate) fn is_between_messages(&self) -> bool {
        self.is_between_frames() && self.message.is_none()
    }

    /// Whether the head has been written.
    pub(crate) fn is_past_head(&self) -> bool {
        !matches!(self.state, State::Head(_))
    }

    /// Whether messages may be compressed.
    pub(crate) fn may_compress(&self) -> bool {
        self.deflate
    }

    /// How many bytes were written.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Parses `bytes`, and adds what is complete now to `items`.
    ///
    /// # Errors
    /// When a frame is invalid.
    pub(crate) fn push(&mut self, bytes: &mut [u8], items: &mut Vec<Item>) -> Kept {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.state {
                State::Head(matched) => {
                    let byte = rest[0];
                    let matched = if byte == END_OF_HEAD[matched] {
                        matched + 1
                    } else {
                        usize::from(byte == END_OF_HEAD[0])
                    };
                    self.state = if matched == END_OF_HEAD.len() {
                        State::Header
                    } else {
                        State::Head(matched)
                    };
                    self.offset += 1;
                    rest = &mut rest[1..];
                }
                State::Header => {
                    keep!(!self.closed, Close, "something is written after the Close");
                    let len = self.header_len();
                    let is_key = self.have >= 2 && self.have + 4 >= len && self.header[1] >= 0x80;
                    self.header[self.have] = rest[0];
                    if is_key && self.rekeys {
                        let nth = self.have + 4 - len;
                        self.new_key[nth] = (self.frames as u8).wrapping_mul(31) ^ nth as u8;
                        rest[0] = self.new_key[nth];
                    }
                    self.have += 1;
                    self.offset += 1;
                    rest = &mut rest[1..];
                    if self.have >= 2 && self.have == self.header_len() {
                        self.begin_frame(items)?;
                    }
                }
                State::Payload => {
                    let len = (rest.len() as u64).min(self.left) as usize;
                    let (payload, after) = rest.split_at_mut(len);
                    self.payload(payload);
                    rest = after;
                    if self.left == 0 {
                        self.end_frame(items)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The length of the header, as far as the bytes so far show it.
    fn header_len(&self) -> usize {
        if self.have < 2 {
            return 2;
        }
        let length = match self.header[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + length + if self.header[1] & 0x80 != 0 { 4 } else { 0 }
    }

    fn begin_frame(&mut self, items: &mut Vec<Item>) -> Kept {
        let [first, second, ..] = self.header;
        (self.fin, self.opcode) = (first & 0x80 != 0, first & 0x0f);
        let rsv = first >> 4 & 7;
        let masked = second & 0x80 != 0;
        // "a client MUST mask all frames that it sends to the server"; "A server MUST NOT mask any frames" (§5.1).
        keep!(masked == (self.from == Side::Client), Wire, "masked: {masked}, by {:?}", self.from);
        let len = match second & 0x7f {
            126 => {
                let len = u64::from(u16::from_be_bytes([self.header[2], self.header[3]]));
                keep!(len > 125, Wire, "a length of {len} in 16 bits");
                len
            }
            127 => {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(&self.header[2..10]);
                let len = u64::from_be_bytes(bytes);
                keep!(len > 0xffff && len >> 63 == 0, Wire, "a length of {len} in 64 bits");
                len
            }
            len => u64::from(len),
        };
        if masked {
            self.key.copy_from_slice(&self.header[self.have - 4..self.have]);
        }
        self.left = len;
        self.at = 0;
        self.frames = self.frames.wrapping_add(1);
        self.state = State::Payload;
        if self.opcode >= 8 {
            keep!(self.fin && len <= 125 && rsv == 0, Wire, "a control frame {first:02x}, {len}");
            keep!(matches!(self.opcode, 8..=10), Wire, "the opcode {}", self.opcode);
            self.control.clear();
        } else {
            keep!(self.opcode <= 2, Wire, "the opcode {}", self.opcode);
            keep!(rsv & 3 == 0, Wire, "reserved bits {rsv}");
            let compressed = rsv != 0;
            keep!(!compressed || self.deflate, Wire, "compressed, which was not agreed on");
            match &mut self.message {
                None => {
                    keep!(self.opcode != 0, Wire, "a continuation of nothing");
                    let text = self.opcode == 1;
                    self.message = Some(Message { text, compressed, len, frames: 1 });
                }
                Some(message) => {
                    keep!(self.opcode == 0, Wire, "a message within another one");
                    keep!(!compressed, Wire, "RSV1 in a continuation");
                    message.len += len;
                    message.frames += 1;
                }
            }
            let nth = self.message.as_ref().map_or(1, |message| message.frames);
            items.push(Item::Frame { len, nth });
        }
        if len == 0 { self.end_frame(items) } else { Ok(()) }
    }

    fn payload(&mut self, payload: &mut [u8]) {
        let is_client = self.from == Side::Client;
        let is_control = self.opcode >= 8;
        if is_client && (self.rekeys || is_control) {
            for byte in payload.iter_mut() {
                let plain = *byte ^ self.key[self.at % 4];
                if is_control {
                    self.control.push(plain);
                }
                if self.rekeys {
                    *byte = plain ^ self.new_key[self.at % 4];
                }
                self.at += 1;
            }
        } else if is_control {
            self.control.extend_from_slice(payload);
        }
        self.left -= payload.len() as u64;
        self.offset += payload.len() as u64;
    }

    fn end_frame(&mut self, items: &mut Vec<Item>) -> Kept {
        self.state = State::Header;
        self.have = 0;
        let end = self.offset;
        if self.opcode >= 8 {
            self.closed = self.opcode == 8;
            let payload = self.control.as_slice().into();
            items.push(Item::Control { opcode: self.opcode, payload, end });
        } else if self.fin
            && let Some(Message { text, compressed, len, .. }) = self.message.take()
        {
            items.push(Item::Message { text, compressed, len, end });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use fullduplex_testkit::{Frame, LengthForm};

    use super::*;

    fn watched(from: Side, wire: &[u8]) -> Kept<Vec<Item>> {
        let mut items = Vec::new();
        Watch::new(from, false, false, false).push(&mut wire.to_vec(), &mut items)?;
        Ok(items)
    }

    #[test]
    fn what_must_not_be_written_is_seen() {
        let unfinished = Frame::text("a").unfinished().encode();
        let long = Frame::text([0; 200]);
        let faulty = [
            (Side::Server, Frame::text("a").masked().encode()),
            (Side::Client, Frame::text("a").encode()),
            (Side::Server, Frame::continuation("a").encode()),
            (Side::Server, [&unfinished[..], &Frame::text("b").encode()].concat()),
            (Side::Server, Frame::ping([0; 126]).encode()),
            (Side::Server, Frame::ping("").unfinished().encode()),
            (Side::Server, Frame::new(3, "").encode()),
            (Side::Server, Frame::new(11, "").encode()),
            (Side::Server, Frame { rsv: 4, ..Frame::text("a") }.encode()),
            (Side::Server, long.encode_as(LengthForm::Eight)),
            (Side::Server, [Frame::close(1000, "").encode(), Frame::ping("").encode()].concat()),
        ];
        for (from, wire) in faulty {
            assert!(watched(from, &wire).is_err(), "{wire:02x?}");
        }
    }

    #[test]
    fn keys_are_replaced_and_payloads_stay() {
        for size in [1, 2, 3, 7, 1000] {
            let frames = [Frame::text("hello").masked(), Frame::ping("you").masked()];
            let mut wire: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
            let mut watch = Watch::new(Side::Client, false, false, true);
            let mut items = Vec::new();
            for part in wire.chunks_mut(size) {
                watch.push(part, &mut items).unwrap();
            }
            assert_eq!(items.len(), 3);
            let passed = fullduplex_testkit::frames(&wire);
            assert_eq!(passed[0].payload, b"hello");
            assert_eq!(passed[1].payload, b"you");
            assert_ne!(passed[0].mask, frames[0].mask);
        }
    }
}
