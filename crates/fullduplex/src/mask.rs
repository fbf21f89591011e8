//! Masking: XOR with a four-byte key (RFC 6455 §5.3). Pure kernels, no state.
//!
//! A key travels here as a little-endian `u32` whose lowest byte is for the next payload byte, so
//! that going on in the middle of a payload is a rotation ([`advance`]).

use core::array;

/// Below this size the simple word loop wins over the block kernel and its set-up.
const SMALL: usize = 256;

/// From this size on it pays to bring the block loop to an aligned address first.
const ALIGN_FROM: usize = 2048;

/// How many keys wide the blocks are by which a short payload goes that has room for one.
const LANES: usize = 8;

/// The bit of each byte in a word that ASCII does not have.
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// What the block kernel takes at a time: enough vectors that the loop around them does not count.
const BLOCK: usize = 128;

/// What the block kernel aligns to: one cache line.
const CACHE_LINE: usize = 64;

/// Masks or unmasks `payload` in place with `key`; `position` is the offset of its first byte within
/// the frame's payload (RFC 6455 §5.3: octet i is XORed with octet i MOD 4 of the key).
///
/// Masking and unmasking are the same operation.
///
/// ```
/// let mut payload = *b"Hello";
/// fullduplex::apply_mask(&mut payload, [0x37, 0xfa, 0x21, 0x3d], 0);
/// assert_eq!(payload, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
/// ```
pub fn apply_mask(payload: &mut [u8], key: [u8; 4], position: u64) {
    apply(payload, u32::from_le_bytes(key).rotate_right(8 * (position % 4) as u32));
}

/// The key for the byte that follows `len` more bytes of payload.
#[inline(always)]
pub(crate) fn advance(key: u32, len: usize) -> u32 {
    key.rotate_right(8 * (len & 3) as u32)
}

#[inline(always)]
fn widen(key: u32) -> u64 {
    u64::from(key) | u64::from(key) << 32
}

/// XORs `payload` in place; a key of 0, which frames without a mask have here, leaves it untouched.
#[inline]
pub(crate) fn apply(payload: &mut [u8], key: u32) {
    if key == 0 {
        return;
    }
    if payload.len() < SMALL {
        apply_small(payload, key);
    } else {
        apply_large(payload, key);
    }
}

/// XORs a short `payload` in place and returns the high bits of all resulting bytes, ORed into a word:
/// none of them set means that the payload is ASCII.
#[inline(always)]
pub(crate) fn apply_small(payload: &mut [u8], key: u32) -> u64 {
    if payload.len() >= 4 * LANES {
        u64::from(apply_blocks_of_lanes(payload, key))
    } else if let Some(tail) = payload.last_chunk::<8>() {
        // The tail as below.
        let wide = widen(key);
        let tail = u64::from_le_bytes(*tail) ^ wide.rotate_right(8 * (payload.len() & 3) as u32);
        let mut seen = tail;
        for word in payload.as_chunks_mut::<8>().0 {
            let plain = u64::from_le_bytes(*word) ^ wide;
            seen |= plain;
            *word = plain.to_le_bytes();
        }
        if let Some(end) = payload.last_chunk_mut::<8>() {
            *end = tail.to_le_bytes();
        }
        seen & HIGH_BITS
    } else {
        apply_tiny(payload, key)
    }
}

/// [`apply_small`] by blocks, of which `payload` has at least one. Lanes as wide as the key are what compilers make
/// vectors of, and of what is seen as well.
///
/// The tail is one block that overlaps those of the loop: it is read before the loop and written after it, so
/// that no byte is touched alone.
#[inline(always)]
fn apply_blocks_of_lanes(payload: &mut [u8], key: u32) -> u32 {
    let shifted = advance(key, payload.len());
    let Some(tail) = payload.as_rchunks::<4>().1.last_chunk::<LANES>() else { return 0 };
    let tail = tail.map(|lane| u32::from_le_bytes(lane) ^ shifted);
    let mut seen = tail;
    for block in payload.as_chunks_mut::<4>().0.as_chunks_mut::<LANES>().0 {
        let plain = block.map(|lane| u32::from_le_bytes(lane) ^ key);
        *block = plain.map(u32::to_le_bytes);
        seen = array::from_fn(|lane| seen[lane] | plain[lane]);
    }
    if let Some(end) = payload.as_rchunks_mut::<4>().1.last_chunk_mut::<LANES>() {
        *end = tail.map(u32::to_le_bytes);
    }
    seen.into_iter().fold(0, |seen, lane| seen | lane) & HIGH_BITS as u32
}

/// The high bits of all bytes of a short `payload`, ORed into a word.
#[inline(always)]
pub(crate) fn high_bits(payload: &[u8]) -> u64 {
    let seen = match payload.last_chunk::<8>() {
        Some(tail) => payload
            .as_chunks::<8>()
            .0
            .iter()
            .fold(u64::from_le_bytes(*tail), |seen, word| seen | u64::from_le_bytes(*word)),
        None => payload.iter().fold(0, |seen, byte| seen | u64::from(*byte)),
    };
    seen & HIGH_BITS
}

/// [`apply_small`] below eight bytes.
#[inline]
fn apply_tiny(payload: &mut [u8], key: u32) -> u64 {
    let mut seen = 0;
    for (byte, key) in payload.iter_mut().zip(widen(key).to_le_bytes()) {
        *byte ^= key;
        seen |= *byte;
    }
    u64::from(seen) & HIGH_BITS
}

/// [`apply`] for large payloads: whole blocks, which the compiler turns into vectors.
#[inline(never)]
pub(crate) fn apply_large(payload: &mut [u8], key: u32) {
    let head = if payload.len() >= ALIGN_FROM {
        payload.as_ptr().align_offset(CACHE_LINE).min(CACHE_LINE)
    } else {
        0
    };
    let Some((head, body)) = payload.split_at_mut_checked(head) else { return };
    apply_small(head, key);
    let key = advance(key, head.len());
    let (blocks, rest) = body.as_chunks_mut::<BLOCK>();
    apply_blocks(blocks, key);
    // A block is a multiple of four bytes, so the key has not moved.
    apply_small(rest, key);
}

#[inline]
fn apply_blocks(blocks: &mut [[u8; BLOCK]], key: u32) {
    vectorised(
        #[inline(always)]
        move || {
            let pattern = pattern(key);
            for block in blocks {
                for (byte, key) in block.iter_mut().zip(pattern.as_flattened()) {
                    *byte ^= key;
                }
            }
        },
    );
}

/// Runs a loop as it was compiled for the instructions that every processor of the target has.
#[cfg(not(feature = "simd"))]
#[inline(always)]
fn vectorised(kernel: impl FnOnce()) {
    kernel();
}

/// Runs a loop as it was compiled for the best instructions that this processor has.
#[cfg(feature = "simd")]
#[inline(always)]
fn vectorised(kernel: impl FnOnce()) {
    use fearless_simd::{Level, Simd, dispatch};

    dispatch!(Level::new(), simd => simd.vectorize(kernel));
}

/// A block of nothing but the key. Bytes and not words, for a loop over words within one over blocks is
/// turned inside out by some compilers for AVX-512, which takes four times as long.
#[inline(always)]
fn pattern(key: u32) -> [[u8; 8]; BLOCK / 8] {
    [widen(key).to_le_bytes(); BLOCK / 8]
}

/// Copies `payload` to `out`, masked with `key`, in one pass. Both have the same length; what one of
/// them has more is left alone.
#[inline]
pub(crate) fn copy(payload: &[u8], out: &mut [u8], key: u32) {
    let len = payload.len().min(out.len());
    let (Some(payload), Some(out)) = (payload.get(..len), out.get_mut(..len)) else { return };
    let whole = len - len % BLOCK;
    if whole > 0 {
        copy_blocks(payload, out, key);
    }
    // A block is a multiple of four bytes, so the key has not moved.
    if let (Some(payload), Some(out)) = (payload.get(whole..), out.get_mut(whole..)) {
        copy_small(payload, out, key);
    }
}

#[inline(never)]
fn copy_blocks(payload: &[u8], out: &mut [u8], key: u32) {
    let blocks = payload.as_chunks::<BLOCK>().0.iter().zip(out.as_chunks_mut::<BLOCK>().0);
    vectorised(
        #[inline(always)]
        move || {
            let pattern = pattern(key);
            for (block, out) in blocks {
                for ((byte, key), out) in block.iter().zip(pattern.as_flattened()).zip(out) {
                    *out = byte ^ key;
                }
            }
        },
    );
}

#[inline(always)]
fn copy_small(payload: &[u8], out: &mut [u8], key: u32) {
    let wide = widen(key);
    let (words, tail) = payload.as_chunks::<8>();
    let (out_words, out_tail) = out.as_chunks_mut::<8>();
    for (word, out) in words.iter().zip(out_words) {
        *out = (u64::from_le_bytes(*word) ^ wide).to_le_bytes();
    }
    for ((byte, out), key) in tail.iter().zip(out_tail).zip(wide.to_le_bytes()) {
        *out = byte ^ key;
    }
}

/// Appends `payload` to `out`, masked with `key`, in one pass.
#[cfg(feature = "alloc")]
#[inline]
pub(crate) fn append(payload: &[u8], out: &mut alloc::vec::Vec<u8>, key: u32) {
    let (blocks, rest) = payload.as_chunks::<BLOCK>();
    if !blocks.is_empty() {
        append_blocks(blocks, out, key);
    }
    // A block is a multiple of four bytes, so the key has not moved.
    let start = out.len();
    out.extend_from_slice(rest);
    apply_small(out.get_mut(start..).unwrap_or_default(), key);
}

#[cfg(feature = "alloc")]
#[inline(never)]
fn append_blocks(blocks: &[[u8; BLOCK]], out: &mut alloc::vec::Vec<u8>, key: u32) {
    vectorised(
        #[inline(always)]
        move || {
            let pattern = pattern(key);
            for block in blocks {
                out.extend(block.iter().zip(pattern.as_flattened()).map(|(byte, key)| byte ^ key));
            }
        },
    );
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;

    fn bytewise(payload: &[u8], key: [u8; 4], position: usize) -> Vec<u8> {
        payload.iter().enumerate().map(|(i, b)| b ^ key[(i + position) % 4]).collect()
    }

    #[test]
    fn every_kernel_agrees_with_the_bytewise_definition() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let source: Vec<u8> = (0..6000u32).map(|i| (i * 7 + i / 251) as u8).collect();
        for len in (0..700).chain([2047, 2048, 2049, 4096, 5000]) {
            for start in [0, 1, 5] {
                let plain = &source[start..start + len];
                for position in 0..4 {
                    let expected = bytewise(plain, key, position);
                    let mut in_place = source.clone();
                    apply_mask(&mut in_place[start..start + len], key, position as u64);
                    assert_eq!(in_place[start..start + len], expected[..], "len {len}");
                    let mut copied = std::vec![0; len];
                    copy(plain, &mut copied, advance(u32::from_le_bytes(key), position));
                    assert_eq!(copied, expected, "copy, len {len}");
                    #[cfg(feature = "alloc")]
                    {
                        let mut appended = std::vec![1, 2, 3];
                        append(plain, &mut appended, advance(u32::from_le_bytes(key), position));
                        assert_eq!(appended[3..], expected, "append, len {len}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_high_bits_of_a_small_payload_tell_ascii() {
        for len in 0..130 {
            let mut plain = std::vec![b'a'; len];
            assert_eq!(high_bits(&plain), 0);
            assert_eq!(apply_small(&mut plain, 0), 0);
            for at in 0..len {
                let mut plain = std::vec![b'a'; len];
                plain[at] = 0xc3;
                assert_ne!(high_bits(&plain), 0, "{at} of {len}");
                assert_ne!(apply_small(&mut plain, 0), 0, "{at} of {len}");
            }
        }
    }
}
