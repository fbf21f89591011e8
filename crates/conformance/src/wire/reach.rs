//! Measures how far back the matches of compressed data reach. zlib decompresses the data, but only reports a match that
//! reaches back further than all that zlib still has, which is more than the negotiated window.

use std::sync::LazyLock;

/// The distance of the match that reaches back furthest, in data that zlib has decompressed without an error: DEFLATE
/// blocks, one after the other (RFC 1951 §3.2). Without matches, it is 0. An incomplete symbol at the end is ignored.
pub(super) fn furthest_match(data: &[u8]) -> usize {
    let mut walk = Walk { bits: Bits { rest: data, bits: 0, len: 0 }, furthest: 0 };
    while walk.block().is_some() {}
    walk.furthest
}

struct Walk<'d> {
    bits: Bits<'d>,
    furthest: usize,
}

/// The codes of a block with fixed codes (RFC 1951 §3.2.6).
static FIXED: LazyLock<[Code; 2]> = LazyLock::new(|| {
    let literals = std::array::from_fn::<u8, 288, _>(|symbol| match symbol {
        144..=255 => 9,
        256..=279 => 7,
        _ => 8,
    });
    [Code::new(&literals), Code::new(&[5; 30])]
});

/// The order in which the lengths of the code length code are sent (RFC 1951 §3.2.7).
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// How many extra bits follow the symbol of a length, starting with symbol 257 (RFC 1951 §3.2.5).
const LENGTH_BITS: [u32; 29] =
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];

impl Walk<'_> {
    /// Walks over a block. Returns `None` at the end of the data.
    fn block(&mut self) -> Option<()> {
        let last = self.bits.take(1)? == 1;
        match self.bits.take(2)? {
            0 => self.bits.skip_stored()?,
            1 => self.symbols(&FIXED[0], &FIXED[1])?,
            2 => {
                let [literals, distances] = self.codes()?;
                self.symbols(&literals, &distances)?;
            }
            _ => return None,
        }
        if last {
            // What follows a block with BFINAL starts at a byte boundary (RFC 7692 §7.2.3.4).
            self.bits.align();
        }
        Some(())
    }

    /// Walks over the symbols of a block, up to its end.
    fn symbols(&mut self, literals: &Code, distances: &Code) -> Option<()> {
        loop {
            match literals.symbol(&mut self.bits)? {
                0..=255 => {}
                256 => return Some(()),
                length => {
                    self.bits.take(*LENGTH_BITS.get(length - 257)?)?;
                    let distance = distances.symbol(&mut self.bits)?;
                    // The first four symbols have no extra bits. After them, the number of bits grows by one with every
                    // second symbol.
                    let extra = (distance as u32 / 2).saturating_sub(1);
                    let begin = match distance {
                        0..=3 => distance,
                        4..=29 => (2 + (distance & 1)) << extra,
                        _ => return None,
                    };
                    let distance = 1 + begin + self.bits.take(extra)? as usize;
                    self.furthest = self.furthest.max(distance);
                }
            }
        }
    }

    /// Reads the dynamic codes of a block (RFC 1951 §3.2.7).
    fn codes(&mut self) -> Option<[Code; 2]> {
        let literals = self.bits.take(5)? as usize + 257;
        let distances = self.bits.take(5)? as usize + 1;
        let count = self.bits.take(4)? as usize + 4;
        let mut lengths = [0; 19];
        for place in &ORDER[..count.min(ORDER.len())] {
            lengths[*place] = self.bits.take(3)? as u8;
        }
        let code = Code::new(&lengths);
        // The lengths of both codes are one sequence, because a repetition may extend from one code
        // into the other.
        let mut lengths = Vec::with_capacity(literals + distances);
        while lengths.len() < literals + distances {
            let (length, times) = match code.symbol(&mut self.bits)? {
                16 => (*lengths.last()?, 3 + self.bits.take(2)?),
                17 => (0, 3 + self.bits.take(3)?),
                18 => (0, 11 + self.bits.take(7)?),
                length => (length as u8, 1),
            };
            lengths.extend((0..times).map(|_| length));
        }
        let (literals, rest) = lengths.split_at(literals);
        Some([Code::new(literals), Code::new(rest.get(..distances)?)])
    }
}

/// The length of the longest code that a single look-up finds.
const QUICK: u32 = 9;

/// A Huffman code (RFC 1951 §3.2.2).
struct Code {
    /// The symbol and the length of the code that these bits begin with, as `symbol << 4 | length`; 0 if it is longer.
    quick: [u16; 1 << QUICK],
    /// How many codes have each length.
    counts: [u16; 16],
    /// The symbols in the order of their codes.
    symbols: Vec<u16>,
}

impl Code {
    /// The code in which each symbol has this length, up to 15; 0 means that the symbol is not
    /// used.
    fn new(lengths: &[u8]) -> Self {
        let mut counts = [0; 16];
        for length in lengths {
            counts[usize::from(*length)] += 1;
        }
        counts[0] = 0;
        let (mut quick, mut symbols) = ([0; 1 << QUICK], Vec::with_capacity(lengths.len()));
        let mut next = 0u32;
        for length in 1..=15u32 {
            next <<= 1;
            for (symbol, _) in
                lengths.iter().enumerate().filter(|(_, of)| u32::from(**of) == length)
            {
                symbols.push(symbol as u16);
                if length <= QUICK {
                    // Codes are stored with their highest bit first, everything else with the lowest bit first.
                    let begin = (next.reverse_bits() >> (32 - length)) as usize;
                    for entry in quick.iter_mut().skip(begin).step_by(1 << length) {
                        *entry = (symbol as u16) << 4 | length as u16;
                    }
                }
                next += 1;
            }
        }
        Self { quick, counts, symbols }
    }

    /// The next symbol.
    fn symbol(&self, bits: &mut Bits<'_>) -> Option<usize> {
        let seen = bits.peek();
        let entry = self.quick[seen as usize & ((1 << QUICK) - 1)];
        if entry != 0 {
            bits.take(u32::from(entry & 15))?;
            return Some(usize::from(entry >> 4));
        }
        // The codes of each length are consecutive numbers, and longer codes follow them.
        let (mut code, mut first, mut index) = (0, 0, 0);
        for length in 1..=15 {
            code |= (seen >> (length - 1) & 1) as usize;
            let count = usize::from(self.counts[length]);
            if code < first + count {
                bits.take(length as u32)?;
                return self.symbols.get(index + code - first).map(|symbol| usize::from(*symbol));
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }
}

/// A reader of bits, the lowest of each byte first (RFC 1951 §3.1.1).
struct Bits<'d> {
    rest: &'d [u8],
    /// The next bits. Only the first `len` of them are valid.
    bits: u64,
    len: u32,
}

impl Bits<'_> {
    /// At least the next 32 bits, if there are that many.
    fn peek(&mut self) -> u64 {
        if self.len < 32 {
            if let Some(next) = self.rest.first_chunk::<8>() {
                self.bits |= u64::from_le_bytes(*next) << self.len;
                let bytes = (63 - self.len) / 8;
                self.rest = &self.rest[bytes as usize..];
                self.len += 8 * bytes;
            } else {
                while let (0..=56, [next, rest @ ..]) = (self.len, self.rest) {
                    self.bits |= u64::from(*next) << self.len;
                    self.rest = rest;
                    self.len += 8;
                }
            }
        }
        self.bits
    }

    /// Takes this number of bits, at most 32.
    fn take(&mut self, count: u32) -> Option<u32> {
        let seen = self.peek();
        self.len = self.len.checked_sub(count)?;
        self.bits >>= count;
        Some((seen & ((1 << count) - 1)) as u32)
    }

    /// Skips to the next byte boundary.
    fn align(&mut self) {
        let rest = self.len % 8;
        self.bits >>= rest;
        self.len -= rest;
    }

    /// Skips the rest of a stored block (RFC 1951 §3.2.4).
    fn skip_stored(&mut self) -> Option<()> {
        self.align();
        let mut left = self.take(16)? as usize;
        self.take(16)?;
        while left > 0 && self.len > 0 {
            self.take(8)?;
            left -= 1;
        }
        if left > 0 {
            // The bits after the first `len` belong to bytes that are skipped here.
            self.bits = 0;
        }
        self.rest = self.rest.get(left..)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

    use super::*;

    /// Whether a window of this size is enough for zlib. It measures the distance of a match from what it has returned
    /// before, so it enforces exactly the window if it returns byte by byte.
    fn fits(window_bits: u8, data: &[u8]) -> bool {
        let mut stream = Decompress::new_with_window_bits(false, window_bits);
        let mut byte = [0];
        loop {
            let (read, made) = (stream.total_in() as usize, stream.total_out());
            if stream.decompress(&data[read..], &mut byte, FlushDecompress::Sync).is_err() {
                return false;
            }
            if stream.total_in() as usize == read && stream.total_out() == made {
                return true;
            }
        }
    }

    /// Bytes that repeat the bytes at this distance, or at a slightly larger one.
    fn bytes(random: &mut fastrand::Rng, len: usize, far: usize) -> Vec<u8> {
        let mut data: Vec<u8> = (0..far.min(len)).map(|_| random.u8(..)).collect();
        while data.len() < len {
            match random.u8(..4) {
                0 => data.extend((0..random.usize(1..60)).map(|_| random.u8(b'a'..b'e'))),
                _ => {
                    let begin = data.len().saturating_sub(far + random.usize(..far));
                    let end = (begin + random.usize(3..300)).min(data.len());
                    data.extend_from_within(begin..end);
                }
            }
        }
        data.truncate(len);
        data
    }

    #[test]
    fn a_match_reaches_as_far_as_zlib_says() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut both = [0; 2];
        for round in 0..400 {
            let far = 1 << random.u32(4..13);
            let len = random.usize(1..20_000);
            let data = bytes(&mut random, len, far);
            let level = Compression::new(random.u32(..10));
            let mut stream = Compress::new_with_window_bits(level, false, random.u8(9..16));
            let mut compressed = Vec::with_capacity(data.len() * 2 + 1000);
            // Several blocks: stored, with fixed codes and with dynamic codes.
            let cut = random.usize(..data.len() + 1);
            for part in [&data[..cut], &data[cut..]] {
                stream.compress_vec(part, &mut compressed, FlushCompress::Sync).unwrap();
            }
            let reach = furthest_match(&compressed);
            for window_bits in 9..=15 {
                let fits = fits(window_bits, &compressed);
                assert_eq!(reach <= 1 << window_bits, fits, "round {round}: {reach} {window_bits}");
                both[usize::from(fits)] += 1;
            }
        }
        assert!(both[0] > 100 && both[1] > 100, "{both:?}");
    }

    #[test]
    fn blocks_of_each_kind_are_walked_over() {
        // "Hello" twice, the second time as a match that reaches back 5 bytes (RFC 7692 §7.2.3.2).
        let again = [0xf2, 0x00, 0x11, 0x00, 0x00];
        assert_eq!(furthest_match(&again), 5);
        let stored = |len: u16, last: u8| {
            let bytes = vec![0x5a; usize::from(len)];
            [&[last][..], &len.to_le_bytes(), &(!len).to_le_bytes(), &bytes].concat()
        };
        for len in 0..40 {
            for last in [0, 1] {
                assert_eq!(furthest_match(&[&stored(len, last)[..], &again].concat()), 5, "{len}");
            }
        }
        // "Hello" in a block with BFINAL, and then the match.
        let last = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        assert_eq!(furthest_match(&[&last[..], &again].concat()), 5);
    }

    #[test]
    fn what_is_no_deflate_has_an_end() {
        let mut random = fastrand::Rng::with_seed(2);
        for _ in 0..20_000 {
            let data: Vec<u8> = (0..random.usize(..80)).map(|_| random.u8(..)).collect();
            assert!(furthest_match(&data) <= 1 << 15);
        }
        assert_eq!(furthest_match(&[]), 0);
    }
}
