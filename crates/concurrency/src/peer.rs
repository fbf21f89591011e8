//! The peer of a model, and the network to it: what the peer sends and when, and how much it accepts.

use std::collections::VecDeque;
use std::task::Waker;

/// A client's Ping with the masking key zero.
pub const PING: &[u8] = &[0x89, 0x81, 0, 0, 0, 0, b'p'];

/// A client's Close with the code 1000.
pub const CLOSE: &[u8] = &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8];

/// A peer. A model keeps it in a mutex, so that loom may switch threads before each read or write.
#[derive(Debug, Default)]
pub struct Peer {
    /// What the peer sends: each piece once the peer has received that many bytes. An empty piece is the end of input.
    pub sends: VecDeque<(usize, Vec<u8>)>,
    /// How many bytes the peer accepts before writes to it are blocked.
    pub room: usize,
    /// How many writes are blocked before the peer reads on, in models that try a blocked write again.
    pub blocks: usize,
    /// What the peer has received.
    pub received: Vec<u8>,
    /// Whether our sending direction was ended.
    pub ended: bool,
    /// Whether the peer cannot be reached any more. Then a write fails over tokio, and a read over std.
    pub gone: bool,
    /// The waker of the reader that waits for input.
    pub reader: Option<Waker>,
    /// The waker of the writer that waits for room.
    pub writer: Option<Waker>,
}

impl Peer {
    /// A peer that sends each piece once it has received that many bytes.
    #[must_use]
    pub fn new(room: usize, sends: &[(usize, &[u8])]) -> Self {
        let sends = sends.iter().map(|(after, piece)| (*after, piece.to_vec())).collect();
        Self { sends, room, ..Self::default() }
    }

    /// What can be read now.
    pub fn read(&mut self) -> Option<Vec<u8>> {
        let (after, _) = self.sends.front()?;
        if *after > self.received.len() {
            return None;
        }
        self.sends.pop_front().map(|(_, piece)| piece)
    }

    /// Accepts as many bytes as there is room for, and returns how many; `None` if the write is blocked. A writer that
    /// succeeds before it is woken loses its waker, because a transport need not wake it for the earlier wait.
    pub fn write(&mut self, bytes: &[u8]) -> Option<usize> {
        let len = bytes.len().min(self.room);
        if len == 0 {
            return None;
        }
        self.writer = None;
        self.room -= len;
        self.received.extend_from_slice(&bytes[..len]);
        if self.sends.front().is_some_and(|(after, _)| *after <= self.received.len())
            && let Some(reader) = self.reader.take()
        {
            reader.wake();
        }
        Some(len)
    }

    /// Ends the input: the peer sends nothing more.
    pub fn end_input(&mut self) {
        self.sends.push_back((0, Vec::new()));
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Wakes the writer that waits for room.
    pub fn wake_writer(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }
}

/// Parses a server's frames into opcodes and payloads.
///
/// # Panics
/// If `bytes` is not a whole number of short frames, or if a frame follows a Close.
#[must_use]
pub fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, len, rest @ ..] = bytes {
        assert!(first & 0xF0 == 0x80 && *len < 126, "no frame: {bytes:?}");
        let (payload, rest) = rest.split_at(usize::from(*len));
        frames.push((first & 0x0F, payload.to_vec()));
        bytes = rest;
    }
    assert!(bytes.is_empty(), "a part of a frame: {bytes:?}");
    let close = frames.iter().position(|(opcode, _)| *opcode == 0x8);
    assert!(close.is_none_or(|place| place + 1 == frames.len()), "behind a Close: {frames:?}");
    frames
}
