//! The work that no library can avoid: to copy the bytes of a read or write, to unmask, to check text. It knows the length
//! of each frame in advance, checks nothing else, and leaves large payloads in pieces. Its code is plain Rust for the
//! default processor: a library that detects AVX2 or AVX-512 at runtime can be faster.

use std::array;
use std::io::{IoSlice, Read, Write};

use fullduplex_benches::Content;

use crate::case::Case;
use crate::contenders::{Candidate, Contender, Parts, Payloads, Side};
use crate::memory::{Memory, READ_SIZE};
use crate::tally::Tally;

pub(super) const COPY: Candidate = Candidate {
    name: "memcpy",
    side: Side::Limit,
    package: None,
    usage: "what the reads bring; header and payload into one write",
    make: |parts| Some(make(parts, false, false)),
};

pub(super) const MASK: Candidate = Candidate {
    name: "copy + unmask",
    side: Side::Limit,
    package: None,
    usage: "XOR in place after each read, or while copying before each write",
    make: |parts| parts.case.kind.is_masked().then(|| make(parts, true, false)),
};

pub(super) const UTF8: Candidate = Candidate {
    name: "copy + unmask + simdutf8",
    side: Side::Limit,
    package: None,
    usage: "as above, then simdutf8 while the bytes are in the cache",
    make: |parts| {
        let is_text = parts.case.kind.content() != Content::Binary;
        is_text.then(|| make(parts, true, true))
    },
};

/// Blocks are checked as soon as they are unmasked, while they are in the cache.
const BLOCK: usize = 8 << 10;

fn make(parts: Parts, mask: bool, check: bool) -> Box<dyn Contender> {
    let Parts { case, memory, payloads } = parts;
    if case.kind.is_sending() {
        let (header, frame) = (header(case), vec![0; case.frame_len()]);
        return Box::new(Send { case, memory, payloads, header, mask, frame, keys: 1 });
    }
    let (buffer, header) = (vec![0; READ_SIZE], vec![0; case.header_len()]);
    Box::new(Receive { case, memory, buffer, start: 0, end: 0, header, done: 0, mask, check })
}

struct Receive {
    case: Case,
    memory: Memory,
    buffer: Vec<u8>,
    /// The range of the unread input.
    start: usize,
    end: usize,
    /// The header of a frame that has arrived in part.
    header: Vec<u8>,
    /// How much of that frame has arrived.
    done: usize,
    mask: bool,
    check: bool,
}

impl Contender for Receive {
    fn run(&mut self, messages: usize, tally: &mut Tally) {
        let (frame_len, header_len) = (self.case.frame_len(), self.case.header_len());
        let is_text = self.case.kind.content() != Content::Binary;
        let goal = tally.messages + messages as u64;
        while tally.messages < goal {
            if self.done == 0 && self.end - self.start >= frame_len {
                let frame = &mut self.buffer[self.start..self.start + frame_len];
                let (header, payload) = frame.split_at_mut(header_len);
                if self.mask {
                    see_to(key(header), payload, self.check);
                }
                tally.chunk(payload);
                tally.end(is_text);
                self.start += frame_len;
            } else if self.start == self.end {
                self.start = 0;
                self.end = self.memory.read(&mut self.buffer).expect("never fails");
            } else {
                self.piece(frame_len, tally);
                if self.done == frame_len {
                    self.done = 0;
                    tally.end(is_text);
                }
            }
        }
    }
}

impl Receive {
    /// Handles a piece of a frame that a read has split.
    #[inline(never)]
    fn piece(&mut self, frame_len: usize, tally: &mut Tally) {
        let input = &mut self.buffer[self.start..self.end];
        if let Some(missing) = self.header.get_mut(self.done..).filter(|rest| !rest.is_empty()) {
            let len = missing.len().min(input.len());
            missing[..len].copy_from_slice(&input[..len]);
            self.start += len;
            self.done += len;
            return;
        }
        let len = input.len().min(frame_len - self.done);
        let chunk = &mut input[..len];
        if self.mask {
            let mut key = key(&self.header);
            key.rotate_left((self.done - self.header.len()) % 4);
            see_to(key, chunk, self.check);
        }
        tally.chunk(chunk);
        self.start += len;
        self.done += len;
    }
}

fn key(header: &[u8]) -> [u8; 4] {
    *header.last_chunk().expect("a masked header")
}

/// Unmasks a piece of payload, and checks that it is UTF-8.
#[inline(always)]
fn see_to(key: [u8; 4], payload: &mut [u8], check: bool) {
    if !check {
        return xor(payload, key);
    }
    for block in payload.chunks_mut(BLOCK) {
        xor(block, key);
        assert!(simdutf8::basic::from_utf8(without_cut_ends(block)).is_ok(), "valid text");
    }
}

/// A piece of valid text, without the characters that are cut at its two ends.
#[inline(always)]
fn without_cut_ends(text: &[u8]) -> &[u8] {
    let continues = |byte: &u8| byte & 0xc0 == 0x80;
    let cut = text.iter().take_while(|byte| continues(byte)).count();
    let text = &text[cut..];
    let Some(from_end) = text.iter().rev().position(|byte| !continues(byte)) else { return text };
    let start = text.len() - 1 - from_end;
    let len = (text[start].leading_ones() as usize).max(1);
    if start + len > text.len() { &text[..start] } else { text }
}

/// The fastest masking that is possible in plain Rust for the default processor.
#[inline(always)]
fn xor(payload: &mut [u8], key: [u8; 4]) {
    if payload.len() >= 256 {
        return xor_large(payload, key);
    }
    let word = repeated(key);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for bytes in words {
        *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
    }
    // At most seven bytes are left.
    for (byte, key) in rest.iter_mut().skip(4).zip(key) {
        *byte ^= key;
    }
}

#[inline(never)]
fn xor_large(payload: &mut [u8], key: [u8; 4]) {
    let aligned = if payload.len() >= 2048 { payload.as_ptr().align_offset(64) } else { 0 };
    let (first, rest) = payload.split_at_mut(aligned);
    for (byte, key) in first.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
    let mut key = key;
    key.rotate_left(aligned % 4);
    let word = repeated(key);
    let (blocks, rest) = rest.as_chunks_mut::<128>();
    for block in blocks {
        *block = xor_block(block, word);
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

#[inline(always)]
fn xor_block(block: &[u8; 128], word: u64) -> [u8; 128] {
    let (words, _) = block.as_chunks::<8>();
    let masked: [u64; 16] = array::from_fn(|at| u64::from_ne_bytes(words[at]) ^ word);
    let mut bytes = [0; 128];
    let (places, _) = bytes.as_chunks_mut::<8>();
    for (place, word) in places.iter_mut().zip(masked) {
        *place = word.to_ne_bytes();
    }
    bytes
}

/// Masks while copying. Both slices have the same length.
#[inline(always)]
fn xor_copy(from: &[u8], to: &mut [u8], key: [u8; 4]) {
    let word = repeated(key);
    let (blocks, rest) = from.as_chunks::<128>();
    let (places, rest_to) = to.as_chunks_mut::<128>();
    for (block, place) in blocks.iter().zip(places) {
        *place = xor_block(block, word);
    }
    let (words, rest) = rest.as_chunks::<8>();
    let (places, rest_to) = rest_to.as_chunks_mut::<8>();
    for (bytes, place) in words.iter().zip(places) {
        *place = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    for ((byte, place), key) in rest.iter().zip(rest_to).zip(key.iter().cycle()) {
        *place = byte ^ key;
    }
}

fn repeated(key: [u8; 4]) -> u64 {
    let word = u64::from(u32::from_ne_bytes(key));
    word << 32 | word
}

/// Up to this size, a frame is put together before it is written. Above it, that costs more than it saves.
const JOINED: usize = 512;

struct Send {
    case: Case,
    memory: Memory,
    payloads: Payloads,
    /// The header without a key.
    header: Vec<u8>,
    mask: bool,
    frame: Vec<u8>,
    /// The last key.
    keys: u64,
}

impl Contender for Send {
    fn run(&mut self, messages: usize, _: &mut Tally) {
        let header_len = self.header.len();
        for _ in 0..messages {
            let payload = self.payloads.next();
            if self.mask {
                self.keys = self.keys.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
                let key = ((self.keys >> 32) as u32).to_ne_bytes();
                self.frame[..header_len].copy_from_slice(&self.header);
                self.frame[header_len..header_len + 4].copy_from_slice(&key);
                xor_copy(payload, &mut self.frame[header_len + 4..], key);
                self.memory.write_all(&self.frame).expect("never fails");
            } else if self.case.len <= JOINED {
                self.frame[..header_len].copy_from_slice(&self.header);
                self.frame[header_len..header_len + payload.len()].copy_from_slice(payload);
                let len = header_len + payload.len();
                self.memory.write_all(&self.frame[..len]).expect("never fails");
            } else {
                let frame = [IoSlice::new(&self.header), IoSlice::new(payload)];
                let _ = self.memory.write_vectored(&frame).expect("never fails");
            }
            self.memory.flush().expect("never fails");
        }
    }
}

/// The header of all frames of a case, without a key.
fn header(case: Case) -> Vec<u8> {
    let mask_bit = if case.kind.is_masked() { 0x80 } else { 0 };
    let mut header = vec![0x82];
    match case.len {
        len @ 0..=125 => header.push(mask_bit | len as u8),
        len @ 126..=0xffff => {
            header.push(mask_bit | 126);
            header.extend((len as u16).to_be_bytes());
        }
        len => {
            header.push(mask_bit | 127);
            header.extend((len as u64).to_be_bytes());
        }
    }
    header
}
