//! permessage-deflate (RFC 7692) from end to end: the examples of the RFC, what our endpoint writes, hostile input, and the
//! memory that it takes.
#![cfg(feature = "deflate")]

mod bombs;
mod drained;
mod endpoints;
mod examples;
mod exchange;
mod faults;
mod memory;
mod pooled;
mod splits;
mod support;

use flate2::{Compress, Compression, FlushCompress};
use fullduplex::{Config, Connection, DeflateConfig, Role};
use fullduplex_testkit::{Frame, Random};

use support::{negotiate, receive};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// RSV1 among the three reserved bits. It marks a compressed message.
const RSV1: u8 = 4;

/// A connection with the default parameters of permessage-deflate.
fn open(role: Role, config: Config) -> Connection {
    let deflate = DeflateConfig::new();
    Connection::new(role, negotiate(deflate, deflate).by(role), config)
}

/// [`Config::new`] with another limit on messages.
fn limited(max_message_size: usize) -> Config {
    let mut config = Config::new();
    config.limits.max_message_size = max_message_size as u64;
    config
}

/// A frame of this opcode that begins a compressed message.
fn compressed(opcode: u8, payload: impl Into<Vec<u8>>) -> Frame {
    Frame { rsv: RSV1, ..Frame::new(opcode, payload) }
}

/// A peer's compressor: zlib in C.
struct Zlib(Compress);

impl Zlib {
    fn new(level: u32, window_bits: u8) -> Self {
        Self(Compress::new_with_window_bits(Compression::new(level), false, window_bits))
    }

    /// Compresses a piece, and ends it at a byte boundary with 00 00 FF FF.
    fn piece(&mut self, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(data.len() + 1024);
        let before = self.0.total_in();
        self.0.compress_vec(data, &mut out, FlushCompress::Sync).expect("zlib compresses");
        if out.is_empty() {
            // zlib writes nothing if there was no input since the last flush.
            out.extend([0, 0, 0, 0xff, 0xff]);
        }
        assert_eq!(self.0.total_in() - before, data.len() as u64);
        assert!(out.ends_with(&[0, 0, 0xff, 0xff]) && out.len() < out.capacity());
        out
    }

    /// Compresses a message, or its last piece.
    fn message(&mut self, data: &[u8]) -> Vec<u8> {
        let mut out = self.piece(data);
        out.truncate(out.len() - 4);
        out
    }
}

/// The compressed payload of a message that refers to nothing before it.
fn deflated(message: &[u8]) -> Vec<u8> {
    Zlib::new(6, 15).message(message)
}

/// Bytes that do not compress.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    (0..len).map(|_| random.next_u64() as u8).collect()
}

/// Text that compresses about as well as ordinary text.
fn prose(len: usize, seed: u64) -> String {
    let mut random = Random::new(seed);
    let mut text = String::new();
    while text.len() < len {
        let word = ["frame ", "grüße ", "\"id\": ", "message ", "€ ", "the ", "10, "];
        text.push_str(word[random.below(word.len())]);
    }
    let end = (0..=len).rev().find(|at| text.is_char_boundary(*at));
    text.truncate(end.expect("0 is one"));
    while text.len() < len {
        text.push('.');
    }
    text
}
