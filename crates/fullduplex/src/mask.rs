//! Masking: XOR with a four-byte key (RFC 6455 §5.3). These functions have no state.
//!
//! Here a key is a little-endian `u32` whose lowest byte is for the next payload byte. To continue in the middle of a
//! payload, the key is rotated ([`advance`]).

use core::array;

/// From this size on, it is faster to bring the loop over blocks to an aligned address first.
const ALIGN_FROM: usize = 2048;

/// The top bit of each byte in a word. In ASCII it is 0.
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// How many bytes the loop over blocks takes at a time: so many vectors that the cost of the loop itself does not
/// matter. It is also the largest payload for [`apply_small`] and [`copy_small`], which have few loops.
const BLOCK: usize = 128;

/// From this size on, AVX2 saves more than it costs to check whether the processor has it.
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
const WIDE_FROM: usize = 512;

/// The alignment of the loop over blocks: one cache line.
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

/// The key for the byte after the next `len` bytes of payload.
#[inline(always)]
pub(crate) fn advance(key: u32, len: usize) -> u32 {
    key.rotate_right(8 * (len & 3) as u32)
}

#[inline(always)]
fn widen(key: u32) -> u64 {
    u64::from(key) | u64::from(key) << 32
}

/// XORs `payload` in place. A key of 0, which means a frame without a mask, changes nothing.
#[inline]
pub(crate) fn apply(payload: &mut [u8], key: u32) {
    if key == 0 {
        return;
    }
    if payload.len() <= BLOCK {
        apply_small(payload, key);
    } else {
        apply_large(payload, key);
    }
}

/// XORs `payload` in place, and returns whether the result is ASCII. It is made for at most [`BLOCK`] bytes.
///
/// Instead of a loop over the last bytes, it takes a whole word or vector at the end, which overlaps the one before.
/// The last one must be read before the one before is written, and written after it.
#[inline(always)]
pub(crate) fn apply_small(payload: &mut [u8], key: u32) -> bool {
    match payload.len() {
        0..8 => apply_tiny(payload, key),
        8..32 => apply_words(payload, key),
        32..64 => apply_ends::<8>(payload, key),
        64..=BLOCK => apply_ends::<16>(payload, key),
        _ => {
            apply_large(payload, key);
            is_ascii(payload)
        }
    }
}

/// [`apply_small`] for a payload of `N` to `2 * N` keys' length: it takes the first `N` lanes of four bytes and the last
/// `N`, which may overlap. From lanes as wide as the key, and without a loop, compilers make the same vectors for every
/// processor.
#[inline(always)]
fn apply_ends<const N: usize>(payload: &mut [u8], key: u32) -> bool {
    // So there are `N` lanes at each end, and the fallbacks are never used.
    debug_assert!((4 * N..=8 * N).contains(&payload.len()));
    let shifted = advance(key, payload.len());
    let (Some(first), Some(last)) = (
        payload.as_chunks::<4>().0.first_chunk::<N>(),
        payload.as_rchunks::<4>().1.last_chunk::<N>(),
    ) else {
        return false;
    };
    let first = first.map(|lane| u32::from_le_bytes(lane) ^ key);
    let last = last.map(|lane| u32::from_le_bytes(lane) ^ shifted);
    if let Some(out) = payload.as_chunks_mut::<4>().0.first_chunk_mut::<N>() {
        *out = first.map(u32::to_le_bytes);
    }
    if let Some(out) = payload.as_rchunks_mut::<4>().1.last_chunk_mut::<N>() {
        *out = last.map(u32::to_le_bytes);
    }
    let seen: [u32; N] = array::from_fn(|lane| first[lane] | last[lane]);
    let seen = (seen.as_chunks::<4>().0.iter())
        .fold([0; 4], |seen: [u32; 4], lanes| array::from_fn(|lane| seen[lane] | lanes[lane]));
    seen.map(|lane| lane & HIGH_BITS as u32) == [0; 4]
}

/// [`apply_small`] for at least eight bytes.
#[inline(always)]
fn apply_words(payload: &mut [u8], key: u32) -> bool {
    // So there is a last word, and the fallback is never used.
    debug_assert!(payload.len() >= 8);
    let wide = widen(key);
    let shifted = widen(advance(key, payload.len()));
    let Some(last) = payload.last_chunk::<8>() else { return false };
    let last = u64::from_le_bytes(*last) ^ shifted;
    let mut seen = last;
    for word in payload.as_chunks_mut::<8>().0 {
        let plain = u64::from_le_bytes(*word) ^ wide;
        seen |= plain;
        *word = plain.to_le_bytes();
    }
    if let Some(end) = payload.last_chunk_mut::<8>() {
        *end = last.to_le_bytes();
    }
    seen & HIGH_BITS == 0
}

/// Whether `payload` is ASCII. It is made for a short one.
#[inline(always)]
pub(crate) fn is_ascii(payload: &[u8]) -> bool {
    let seen = match payload.last_chunk::<8>() {
        Some(tail) => payload
            .as_chunks::<8>()
            .0
            .iter()
            .fold(u64::from_le_bytes(*tail), |seen, word| seen | u64::from_le_bytes(*word)),
        None => payload.iter().fold(0, |seen, byte| seen | u64::from(*byte)),
    };
    seen & HIGH_BITS == 0
}

/// [`apply_small`] for fewer than eight bytes.
#[inline]
fn apply_tiny(payload: &mut [u8], key: u32) -> bool {
    let mut seen = 0;
    for (byte, key) in payload.iter_mut().zip(widen(key).to_le_bytes()) {
        *byte ^= key;
        seen |= *byte;
    }
    seen.is_ascii()
}

/// [`apply`] for large payloads.
#[inline(never)]
pub(crate) fn apply_large(payload: &mut [u8], key: u32) {
    vectorised(
        payload.len(),
        #[inline(always)]
        move || apply_blocks(payload, key),
    );
}

/// XORs whole blocks, which the compiler turns into vectors, and the bytes before and after them.
#[inline(always)]
fn apply_blocks(payload: &mut [u8], key: u32) {
    let head = if payload.len() >= ALIGN_FROM {
        payload.as_ptr().align_offset(CACHE_LINE).min(CACHE_LINE)
    } else {
        0
    };
    // Only a payload that is longer than a cache line has a head, so the fallback is never used.
    debug_assert!(head <= payload.len());
    let Some((head, body)) = payload.split_at_mut_checked(head) else { return };
    apply_small(head, key);
    let key = advance(key, head.len());
    let (blocks, rest) = body.as_chunks_mut::<BLOCK>();
    let pattern = pattern(key);
    for block in blocks {
        for (byte, key) in block.iter_mut().zip(pattern.as_flattened()) {
            *byte ^= key;
        }
    }
    // The length of a block is a multiple of four, so the key need not be rotated.
    apply_small(rest, key);
}

/// Runs `kernel`, a loop over `len` bytes, which is compiled for every processor of the target.
#[cfg(not(all(feature = "simd", target_arch = "x86_64")))]
#[inline(always)]
fn vectorised(_len: usize, kernel: impl FnOnce()) {
    kernel();
}

/// Runs `kernel`, a loop over `len` bytes. If `len` is large enough and the processor has AVX2, it runs a copy of
/// `kernel` that is compiled for AVX2.
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
#[inline(always)]
fn vectorised(len: usize, kernel: impl FnOnce()) {
    if len < WIDE_FROM {
        kernel();
    } else {
        widely_vectorised(kernel);
    }
}

/// This is not inlined, so that a short loop does not pay for the stack that this needs.
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
#[inline(never)]
fn widely_vectorised(kernel: impl FnOnce()) {
    use jxl_simd::{AvxDescriptor, SimdDescriptor};

    match AvxDescriptor::new() {
        Some(avx2) => avx2.call(
            #[inline(always)]
            |_| kernel(),
        ),
        None => kernel(),
    }
}

/// A block that repeats the key. It has bytes, not words: if a loop over words is inside the loop over blocks, some
/// compilers exchange the two loops for AVX-512, which takes four times as long.
#[inline(always)]
fn pattern(key: u32) -> [[u8; 8]; BLOCK / 8] {
    [widen(key).to_le_bytes(); BLOCK / 8]
}

/// Copies `payload` to `out` and masks it with `key`, in one pass. Both should have the same length; if not, the rest
/// of the longer one is ignored.
#[inline]
pub(crate) fn copy(payload: &[u8], out: &mut [u8], key: u32) {
    let len = payload.len().min(out.len());
    let (Some(payload), Some(out)) = (payload.get(..len), out.get_mut(..len)) else { return };
    let whole = len - len % BLOCK;
    if whole > 0 {
        copy_blocks(payload, out, key);
    }
    // The length of a block is a multiple of four, so the key need not be rotated.
    if let (Some(payload), Some(out)) = (payload.get(whole..), out.get_mut(whole..)) {
        copy_words(payload, out, key);
    }
}

#[inline(never)]
fn copy_blocks(payload: &[u8], out: &mut [u8], key: u32) {
    vectorised(
        payload.len(),
        #[inline(always)]
        move || {
            let pattern = pattern(key);
            let blocks = payload.as_chunks::<BLOCK>().0.iter().zip(out.as_chunks_mut::<BLOCK>().0);
            for (block, out) in blocks {
                for ((byte, key), out) in block.iter().zip(pattern.as_flattened()).zip(out) {
                    *out = byte ^ key;
                }
            }
        },
    );
}

#[inline(always)]
fn copy_words(payload: &[u8], out: &mut [u8], key: u32) {
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

/// [`copy`] for at most [`BLOCK`] bytes, without a call. From four bytes on, it has no loop.
#[cfg(feature = "alloc")]
#[inline(always)]
pub(crate) fn copy_small(payload: &[u8], out: &mut [u8], key: u32) {
    match payload.len() {
        64.. => copy_ends::<16, 64>(payload, out, key),
        32.. => copy_ends::<8, 32>(payload, out, key),
        16.. => copy_ends::<4, 16>(payload, out, key),
        8.. => copy_ends::<2, 8>(payload, out, key),
        4.. => copy_ends::<1, 4>(payload, out, key),
        _ => {
            for ((byte, out), key) in payload.iter().zip(out).zip(key.to_le_bytes()) {
                *out = byte ^ key;
            }
        }
    }
}

/// [`copy_small`] for a payload of `N` to `2 * N` keys' length, as [`apply_ends`]. `BYTES` is the length of `N` keys.
#[cfg(feature = "alloc")]
#[inline(always)]
fn copy_ends<const N: usize, const BYTES: usize>(payload: &[u8], out: &mut [u8], key: u32) {
    let shifted = advance(key, payload.len());
    if let (Some(first), Some(out)) =
        (payload.first_chunk::<BYTES>(), out.first_chunk_mut::<BYTES>())
    {
        copy_lanes::<N>(first, out, key);
    }
    if let (Some(last), Some(out)) = (payload.last_chunk::<BYTES>(), out.last_chunk_mut::<BYTES>())
    {
        copy_lanes::<N>(last, out, shifted);
    }
}

/// Copies and masks as many bytes as `N` keys have.
#[cfg(feature = "alloc")]
#[inline(always)]
fn copy_lanes<const N: usize>(payload: &[u8], out: &mut [u8], key: u32) {
    if let (Some(lanes), Some(out)) = (
        payload.as_chunks::<4>().0.first_chunk::<N>(),
        out.as_chunks_mut::<4>().0.first_chunk_mut::<N>(),
    ) {
        *out = lanes.map(|lane| (u32::from_le_bytes(lane) ^ key).to_le_bytes());
    }
}

/// Appends `payload` to `out` and masks it with `key`, in one pass.
#[cfg(feature = "alloc")]
#[inline]
pub(crate) fn append(payload: &[u8], out: &mut alloc::vec::Vec<u8>, key: u32) {
    let (blocks, rest) = payload.as_chunks::<BLOCK>();
    if !blocks.is_empty() {
        append_blocks(blocks, out, key);
    }
    // The length of a block is a multiple of four, so the key need not be rotated.
    let start = out.len();
    out.extend_from_slice(rest);
    apply_small(out.get_mut(start..).unwrap_or_default(), key);
}

#[cfg(feature = "alloc")]
#[inline(never)]
fn append_blocks(blocks: &[[u8; BLOCK]], out: &mut alloc::vec::Vec<u8>, key: u32) {
    vectorised(
        blocks.as_flattened().len(),
        #[inline(always)]
        move || {
            let pattern = pattern(key);
            for block in blocks {
                append_block(block, out, &pattern);
            }
        },
    );
}

/// Appends `block` and masks it with `pattern`. There are two ways to write this, and the compiler makes good code of
/// only one of them: with the feature `simd` there are two copies of the loop, and the second way would then read the
/// pattern from memory.
#[cfg(feature = "alloc")]
#[inline(always)]
fn append_block(
    block: &[u8; BLOCK],
    out: &mut alloc::vec::Vec<u8>,
    pattern: &[[u8; 8]; BLOCK / 8],
) {
    if cfg!(all(feature = "simd", target_arch = "x86_64")) {
        let mut block = *block;
        for (byte, key) in block.iter_mut().zip(pattern.as_flattened()) {
            *byte ^= key;
        }
        out.extend_from_slice(&block);
    } else {
        out.extend(block.iter().zip(pattern.as_flattened()).map(|(byte, key)| byte ^ key));
    }
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
                    if len <= BLOCK {
                        let mut copied = std::vec![0; len];
                        copy_small(plain, &mut copied, advance(u32::from_le_bytes(key), position));
                        assert_eq!(copied, expected, "copy_small, len {len}");
                    }
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
    fn a_small_payload_is_told_to_be_ascii() {
        for len in 0..=BLOCK + 2 {
            let mut plain = std::vec![b'a'; len];
            assert!(is_ascii(&plain));
            assert!(apply_small(&mut plain, 0));
            for at in 0..len {
                let mut plain = std::vec![b'a'; len];
                plain[at] = 0xc3;
                assert!(!is_ascii(&plain), "{at} of {len}");
                assert!(!apply_small(&mut plain, 0), "{at} of {len}");
            }
        }
    }
}
