//! Writes DEFLATE blocks by hand (RFC 1951 §3.2), valid and invalid.

/// A DEFLATE stream to which blocks are appended.
#[derive(Clone, Debug, Default)]
pub(super) struct Blocks {
    bytes: Vec<u8>,
    /// How many bits of the last byte are used; 0 is all of them.
    used: u32,
}

/// Whether a block has BFINAL set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    Yes,
    No,
}

/// Types of blocks (RFC 1951 §3.2.3).
const STORED: u32 = 0;
const FIXED: u32 = 1;
const DYNAMIC: u32 = 2;
const RESERVED: u32 = 3;

/// The longest match.
const LONGEST: usize = 258;

impl Blocks {
    pub(super) fn new() -> Self {
        Self::default()
    }

    fn bit(&mut self, bit: u32) {
        if self.used == 0 {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= (bit as u8 & 1) << self.used;
        }
        self.used = (self.used + 1) % 8;
    }

    /// A number of this many bits, the lowest bit first (RFC 1951 §3.1.1).
    pub(super) fn number(mut self, number: u32, bits: u32) -> Self {
        for at in 0..bits {
            self.bit(number >> at);
        }
        self
    }

    /// A Huffman code of this many bits, the highest bit first (RFC 1951 §3.1.1).
    pub(super) fn code(mut self, code: u32, bits: u32) -> Self {
        for at in (0..bits).rev() {
            self.bit(code >> at);
        }
        self
    }

    pub(super) fn aligned(mut self) -> Self {
        self.used = 0;
        self
    }

    fn header(self, last: Last, kind: u32) -> Self {
        self.number(u32::from(last == Last::Yes), 1).number(kind, 2)
    }

    /// A stored block with these bytes.
    pub(super) fn stored(self, last: Last, data: &[u8]) -> Self {
        let len = data.len() as u16;
        self.stored_with(last, len, !len, data)
    }

    /// A stored block with these bytes, with this length and this complement of the length (RFC
    /// 1951 §3.2.4).
    pub(super) fn stored_with(self, last: Last, len: u16, complement: u16, data: &[u8]) -> Self {
        let mut blocks = self.header(last, STORED).aligned();
        blocks.bytes.extend(len.to_le_bytes());
        blocks.bytes.extend(complement.to_le_bytes());
        blocks.bytes.extend(data);
        blocks
    }

    /// The beginning of a block with fixed codes.
    pub(super) fn fixed(self, last: Last) -> Self {
        self.header(last, FIXED)
    }

    /// A symbol for a literal or a length, in the fixed code (RFC 1951 §3.2.6).
    pub(super) fn symbol(self, symbol: u32) -> Self {
        match symbol {
            0..=143 => self.code(0x30 + symbol, 8),
            144..=255 => self.code(0x190 + symbol - 144, 9),
            256..=279 => self.code(symbol - 256, 7),
            _ => self.code(0xc0 + symbol - 280, 8),
        }
    }

    /// Literals in the fixed code.
    pub(super) fn literals(self, data: &[u8]) -> Self {
        data.iter().fold(self, |blocks, byte| blocks.symbol(u32::from(*byte)))
    }

    /// A match of 3 to 10 bytes in the fixed code. The symbol and its extra bits encode the distance.
    pub(super) fn back(self, len: u32, symbol: u32, extra: u32, extra_bits: u32) -> Self {
        self.symbol(254 + len).code(symbol, 5).number(extra, extra_bits)
    }

    /// The end of a block, in the fixed code.
    pub(super) fn end(self) -> Self {
        self.symbol(256)
    }

    /// A block of the type that RFC 1951 §3.2.3 reserves.
    pub(super) fn reserved(self) -> Self {
        self.header(Last::No, RESERVED)
    }

    /// The beginning of a block with dynamic codes (RFC 1951 §3.2.7): the number of codes for literals and lengths, the
    /// number of codes for distances, and the lengths of the code length codes in the order of the RFC.
    pub(super) fn dynamic(self, literals: u32, distances: u32, lengths: &[u32]) -> Self {
        let blocks = self
            .header(Last::No, DYNAMIC)
            .number(literals - 257, 5)
            .number(distances - 1, 5)
            .number(lengths.len() as u32 - 4, 4);
        lengths.iter().fold(blocks, |blocks, len| blocks.number(*len, 3))
    }

    /// A block of zeros: one literal, and `matches` times the longest match, which takes two bits.
    pub(super) fn zeros(self, matches: usize) -> Self {
        // The code length codes: 18 (a run of zeros) is 0, 1 is 10, 2 is 11.
        let lengths = [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2];
        let run = |blocks: Self, len: u32| blocks.code(0, 1).number(len - 11, 7);
        // Literal 0 and symbol 256 have codes of two bits, symbol 285 and distance 1 have codes of one bit. There are no
        // others.
        let mut blocks = self.dynamic(286, 1, &lengths).code(3, 2);
        for len in [138, 117] {
            blocks = run(blocks, len);
        }
        blocks = run(blocks.code(3, 2), 28).code(2, 2).code(2, 2);
        // Literal 0 is 10, the longest match is 0, the distance is 0, the end is 11.
        blocks = blocks.code(2, 2);
        let mut bits = 2 * matches;
        while bits > 0 && blocks.used != 0 {
            blocks.bit(0);
            bits -= 1;
        }
        blocks.bytes.resize(blocks.bytes.len() + bits / 8, 0);
        blocks.number(0, (bits % 8) as u32).code(3, 2)
    }

    /// How many zeros [`zeros`](Self::zeros) decompresses to.
    pub(super) const fn zeros_len(matches: usize) -> usize {
        1 + matches * LONGEST
    }

    /// The stream, padded to whole bytes.
    pub(super) fn bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The stream as the payload of a message. It ends with an empty stored block, without the four bytes that the receiver
    /// appends (RFC 7692 §7.2.1).
    pub(super) fn message(self) -> Vec<u8> {
        self.header(Last::No, STORED).bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Inflater, Params};

    fn inflated(payload: &[u8]) -> Result<Vec<u8>, String> {
        Inflater::new(Params::unlimited()).message(payload)
    }

    fn hello(last: Last) -> Blocks {
        Blocks::new().fixed(last).literals(b"Hello").end()
    }

    #[test]
    fn blocks_are_those_of_the_examples_in_rfc_7692() {
        assert_eq!(hello(Last::No).message(), b"\xf2\x48\xcd\xc9\xc9\x07\x00");
        assert_eq!(hello(Last::Yes).aligned().message(), b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00");
        let stored = Blocks::new().stored(Last::No, b"Hello").message();
        assert_eq!(stored, b"\x00\x05\x00\xfa\xffHello\x00");
        let back = Blocks::new().fixed(Last::No).literals(b"H").back(4, 4, 0, 1).end().message();
        assert_eq!(back, b"\xf2\x00\x11\x00\x00");
        assert_eq!(Blocks::new().message(), b"\x00");
    }

    #[test]
    fn zeros_are_as_many_as_they_say() {
        for matches in [0, 1, 2, 3, 4, 5, 1000] {
            let zeros = inflated(&Blocks::new().zeros(matches).message()).unwrap();
            assert_eq!(zeros.len(), Blocks::zeros_len(matches));
            assert!(zeros.iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn a_match_reaches_as_far_back_as_its_symbol_says() {
        let data: Vec<u8> = (0..1200u32).map(|n| (n * n % 251) as u8).collect();
        let back = Blocks::new().stored(Last::No, &data).fixed(Last::No).back(10, 20, 175, 9).end();
        let whole = inflated(&back.message()).unwrap();
        assert_eq!(whole, [&data[..], &data[..10]].concat());
    }
}
