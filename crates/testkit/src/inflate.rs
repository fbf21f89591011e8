//! A strict DEFLATE decoder (RFC 1951) for tests. It is slow, and it panics on every fault.

/// The lengths of symbols 257 to 285, and how many extra bits follow each of them.
const LENGTHS: ([usize; 29], [u8; 29]) = (
    [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115,
        131, 163, 195, 227, 258,
    ],
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0],
);

/// The order in which the lengths of the code length code are sent.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Decodes the compressed messages of one direction (RFC 7692 §7.2.2), and checks that none refers back further than
/// the window that was agreed on.
#[derive(Clone, Debug)]
pub struct StrictInflate {
    window: usize,
    /// The window, and possibly older bytes before it.
    history: Vec<u8>,
}

impl StrictInflate {
    /// A decoder for a window of two to the power of `window_bits` bytes.
    #[must_use]
    pub const fn new(window_bits: u8) -> Self {
        Self { window: 1 << window_bits, history: Vec::new() }
    }

    /// Forgets all messages: the next one must not refer to them.
    pub fn forget(&mut self) {
        self.history.clear();
    }

    /// Decompresses the whole payload of a message.
    ///
    /// # Panics
    /// When the payload is not DEFLATE, does not end as it must, or refers back too far.
    pub fn message(&mut self, payload: &[u8]) -> Vec<u8> {
        let start = self.history.len();
        let tailed = [payload, &[0x00, 0x00, 0xff, 0xff]].concat();
        let mut bits = Bits { bytes: &tailed, bit: 0 };
        while bits.byte() < tailed.len() {
            assert_eq!(bits.take(1), 0, "our compressor never sets BFINAL");
            match bits.take(2) {
                0 => self.stored(&mut bits),
                1 => self.block(&mut bits, &Code::fixed(), &Code::new(&[5; 30])),
                2 => {
                    let (symbols, distances) = dynamic(&mut bits);
                    self.block(&mut bits, &symbols, &distances);
                }
                other => panic!("block type {other}"),
            }
        }
        let message = self.history.split_off(start);
        self.history.extend_from_slice(&message);
        // Drop the oldest bytes only now and then, so that the window is not moved for each message.
        if self.history.len() > 1 << 20 {
            self.history.drain(..self.history.len() - self.window);
        }
        message
    }

    fn stored(&mut self, bits: &mut Bits<'_>) {
        bits.bit = bits.byte() * 8;
        let (len, not_len) = (bits.take(16), bits.take(16));
        assert_eq!(len, !not_len & 0xffff, "the length of a stored block");
        let start = bits.byte();
        self.history.extend_from_slice(&bits.bytes[start..start + len]);
        bits.bit += len * 8;
    }

    fn block(&mut self, bits: &mut Bits<'_>, symbols: &Code, distances: &Code) {
        loop {
            match symbols.next(bits) {
                literal @ 0..=255 => self.history.push(literal as u8),
                256 => return,
                symbol => {
                    let len = LENGTHS.0[symbol - 257] + bits.take(LENGTHS.1[symbol - 257]);
                    let symbol = distances.next(bits);
                    let extra = (symbol / 2).saturating_sub(1) as u8;
                    let base = if symbol < 4 { symbol } else { (2 + symbol % 2) << extra };
                    let distance = 1 + base + bits.take(extra);
                    assert!(distance <= self.window, "{distance} back, of {}", self.window);
                    let from = self.history.len().checked_sub(distance);
                    let from = from.expect("a distance within what there is");
                    (from..from + len).for_each(|at| self.history.push(self.history[at]));
                }
            }
        }
    }
}

/// Reads the two codes at the beginning of a block with dynamic codes.
fn dynamic(bits: &mut Bits<'_>) -> (Code, Code) {
    let (symbols, distances) = (257 + bits.take(5), 1 + bits.take(5));
    let sent = 4 + bits.take(4);
    let mut lens = [0; 19];
    ORDER[..sent].iter().for_each(|at| lens[*at] = bits.take(3) as u8);
    let code = Code::new(&lens);
    let mut lens = Vec::new();
    while lens.len() < symbols + distances {
        let (len, times) = match code.next(bits) {
            16 => (*lens.last().expect("a length to repeat"), 3 + bits.take(2)),
            17 => (0, 3 + bits.take(3)),
            18 => (0, 11 + bits.take(7)),
            len => (len as u8, 1),
        };
        lens.resize(lens.len() + times, len);
    }
    assert_eq!(lens.len(), symbols + distances, "no repetition beyond the last length");
    let (symbols, distances) = lens.split_at(symbols);
    (Code::new(symbols), Code::new(distances))
}

struct Bits<'b> {
    bytes: &'b [u8],
    bit: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: u8) -> usize {
        (0..count).fold(0, |value, nth| {
            let bit = self.bytes[self.bit / 8] >> (self.bit % 8) & 1;
            self.bit += 1;
            value | usize::from(bit) << nth
        })
    }

    /// The position of the first byte that no bit was taken from.
    const fn byte(&self) -> usize {
        self.bit.div_ceil(8)
    }
}

/// A canonical Huffman code: how many codes of each length there are, and their symbols in order.
struct Code {
    counts: [usize; 16],
    symbols: Vec<usize>,
}

impl Code {
    fn new(lens: &[u8]) -> Self {
        let mut counts = [0; 16];
        lens.iter().for_each(|len| counts[usize::from(*len)] += 1);
        counts[0] = 0;
        let mut symbols: Vec<usize> = (0..lens.len()).filter(|at| lens[*at] != 0).collect();
        symbols.sort_by_key(|at| lens[*at]);
        Self { counts, symbols }
    }

    fn fixed() -> Self {
        Self::new(&[&[8; 144][..], &[9; 112], &[7; 24], &[8; 8]].concat())
    }

    fn next(&self, bits: &mut Bits<'_>) -> usize {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code = code << 1 | bits.take(1);
            if code < first + count {
                return self.symbols[index + code - first];
            }
            index += count;
            first = (first + count) << 1;
        }
        panic!("no symbol has this code");
    }
}
