//! The peer of a model, and the network to it: what it sends, and when; how much it takes.

use std::collections::VecDeque;
use std::task::Waker;

/// A Ping of a client, whose masking key is zero.
pub const PING: &[u8] = &[0x89, 0x81, 0, 0, 0, 0, b'p'];

/// A Close with 1000 of a client.
pub const CLOSE: &[u8] = &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8];

/// A peer. A model has it in a mutex, so loom may change threads before each read or write.
#[derive(Debug, Default)]
pub struct Peer {
    /// What it sends, in pieces: each once it has received so many bytes. An empty one is the end of input.
    pub sends: VecDeque<(usize, Vec<u8>)>,
    /// How much it takes before it is blocked.
    pub room: usize,
    /// How many writes are blocked before it reads on, where writes are tried again and again.
    pub blocks: usize,
    /// What it has received.
    pub received: Vec<u8>,
    /// Whether the sending direction to it was ended.
    pub ended: bool,
    /// Whether it cannot be reached any more: over tokio a write fails then, over std a read.
    pub gone: bool,
    /// Who waits for what it sends.
    pub reader: Option<Waker>,
    /// Who waits for room.
    pub writer: Option<Waker>,
}

impl Peer {
    /// A peer that sends these pieces, each once it has received so many bytes.
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

    /// Takes what it has room for, and returns how much; nothing if it is blocked. A writer that gets on by itself is not woken
    /// for the wait before: a transport need not do so.
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

    /// Sends nothing more.
    pub fn end_input(&mut self) {
        self.sends.push_back((0, Vec::new()));
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Wakes who waits for room.
    pub fn wake_writer(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }
}

/// The frames of a server, each with its opcode and its payload.
///
/// # Panics
/// When it is no whole number of short frames.
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
    frames
}
