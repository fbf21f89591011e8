//! What the benches and the instruction counter share: traffic to receive, reads that deliver it,
//! keys.

#[cfg(feature = "deflate")]
pub mod compression;
#[cfg(feature = "measure")]
pub mod measure;

use bytes::BufMut;
use chacha20::ChaCha12Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use fullduplex::{Entropy, EntropyError};
use fullduplex_testkit::{Frame, Random};

/// The largest size of a read: as much as a socket buffer usually holds.
pub const READ_SIZE: usize = 64 << 10;

/// The content of payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Random bytes, in binary messages.
    Binary,
    /// English, in text messages.
    Ascii,
    /// Text of one, two, three and four byte characters, in text messages.
    Mixed,
}

impl Content {
    /// All contents.
    pub const ALL: [Self; 3] = [Self::Binary, Self::Ascii, Self::Mixed];

    /// The content's name in the title of a bench.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Ascii => "ascii",
            Self::Mixed => "mixed",
        }
    }

    /// A payload of exactly `len` bytes.
    #[must_use]
    pub fn payload(self, len: usize) -> Vec<u8> {
        self.numbered(len, 0)
    }

    /// The `number`th payload of exactly `len` bytes. Each number has a different payload.
    #[must_use]
    pub fn numbered(self, len: usize, number: usize) -> Vec<u8> {
        let pattern = match self {
            Self::Binary => {
                let mut random = Random::new(7 + number as u64);
                return (0..len).map(|_| random.next_u64() as u8).collect();
            }
            Self::Ascii => "The quick brown fox jumps over the lazy dog, and then once more. ",
            Self::Mixed => {
                "Schöne Grüße, Καλημέρα κόσμε, привет мир, 世界こんにちは, \u{1f600} ok. "
            }
        };
        let mut text = String::with_capacity(len);
        for character in pattern.chars().cycle().skip(number % 64) {
            if text.len() + character.len_utf8() > len {
                break;
            }
            text.push(character);
        }
        text.extend(std::iter::repeat_n('.', len - text.len()));
        text.into_bytes()
    }

    fn frame(self, len: usize) -> Frame {
        match self {
            Self::Binary => Frame::binary(self.payload(len)),
            Self::Ascii | Self::Mixed => Frame::text(self.payload(len)),
        }
    }
}

/// Messages on the wire, one frame each, which repeat without end, and the reads that deliver them.
#[derive(Clone, Debug)]
pub struct Traffic {
    wire: Vec<u8>,
    position: usize,
    /// How many messages there are on the wire before it repeats.
    pub messages: usize,
}

impl Traffic {
    /// Messages of `len` bytes each: as many as fill one read and one more, at least sixteen.
    #[must_use]
    pub fn new(content: Content, len: usize, masked: bool) -> Self {
        let frame = content.frame(len);
        let frame = if masked { frame.masked() } else { frame };
        let frame = frame.encode();
        let messages = (READ_SIZE / frame.len() + 1).max(16);
        Self::of(frame.repeat(messages), messages)
    }

    /// Traffic of this number of messages, which are encoded in `wire`.
    #[must_use]
    pub fn of(wire: Vec<u8>, messages: usize) -> Self {
        Self { wire, position: 0, messages }
    }

    /// The next read: fills `buffer` with the next bytes of the wire, which repeats at its end. As on a busy connection, a
    /// read may end inside a frame. Returns how much was read: all of `buffer`, or the length of the wire if that is less.
    #[inline]
    pub fn read(&mut self, buffer: &mut [u8]) -> usize {
        let len = buffer.len().min(self.wire.len());
        let rest = &self.wire[self.position..];
        let (first, second) = buffer[..len].split_at_mut(len.min(rest.len()));
        first.copy_from_slice(&rest[..first.len()]);
        second.copy_from_slice(&self.wire[..second.len()]);
        self.position += len;
        if self.position >= self.wire.len() {
            self.position -= self.wire.len();
        }
        len
    }

    /// [`read`](Self::read) into memory that may be uninitialised.
    #[inline]
    pub fn read_buf(&mut self, mut buffer: impl BufMut) -> usize {
        let len = buffer.remaining_mut().min(self.wire.len());
        let rest = &self.wire[self.position..];
        let first = len.min(rest.len());
        buffer.put_slice(&rest[..first]);
        buffer.put_slice(&self.wire[..len - first]);
        self.position += len;
        if self.position >= self.wire.len() {
            self.position -= self.wire.len();
        }
        len
    }

    /// The whole wire, once.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }
}

/// Masking keys from ChaCha12, as the adapters draw them, but from a fixed seed.
#[derive(Debug)]
pub struct ChaChaEntropy(ChaCha12Rng);

impl ChaChaEntropy {
    /// A generator at the beginning of its sequence.
    #[must_use]
    pub fn new() -> Self {
        Self(ChaCha12Rng::from_seed([7; 32]))
    }
}

impl Default for ChaChaEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for ChaChaEntropy {
    #[inline]
    fn next_u32(&mut self) -> Result<u32, EntropyError> {
        Ok(self.0.next_u32())
    }
}

/// The request that Chromium sends from a page on the same machine.
pub const CHROMIUM_REQUEST: &[u8] = b"GET /chat?room=1 HTTP/1.1\r\n\
    Host: localhost:9001\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/140.0.0.0 Safari/537.36\r\n\
    Upgrade: websocket\r\n\
    Origin: http://localhost:9001\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-US,en;q=0.9\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
    \r\n";

/// A request with only what RFC 6455 §4.1 requires.
pub const MINIMAL_REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\
    Host: localhost:9001\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\
    \r\n";

/// The response of a server to a request with the key `the sample nonce`.
pub const SERVER_RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A request of exactly `len` bytes, at least 256. Its headers are cookies of about 120 bytes each.
#[must_use]
pub fn request_of(len: usize) -> Vec<u8> {
    const COOKIE: &[u8] = b"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; \
        tracking=0123456789abcdef0123456789abcdef0123456789abcdef\r\n";
    let mut head = b"GET /chat HTTP/1.1\r\nHost: localhost:9001\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        .to_vec();
    while head.len() + 2 * COOKIE.len() < len {
        head.extend_from_slice(COOKIE);
    }
    head.extend_from_slice(b"Cookie: ");
    head.resize(len - 4, b'x');
    head.extend_from_slice(b"\r\n\r\n");
    head
}
