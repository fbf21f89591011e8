//! A buffer that is read into in chunks, and read from the front.

use std::io::{self, Cursor, Read};

use bytes::Buf;

/// A buffer for what a stream sends. Each read asks for up to `CHUNK_SIZE` bytes.
#[derive(Debug)]
pub struct ReadBuffer<const CHUNK_SIZE: usize> {
    storage: Cursor<Vec<u8>>,
    chunk: Box<[u8; CHUNK_SIZE]>,
}

impl<const CHUNK_SIZE: usize> ReadBuffer<CHUNK_SIZE> {
    /// An empty buffer.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(CHUNK_SIZE)
    }

    /// An empty buffer with room for `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self::from_partially_read(Vec::with_capacity(capacity))
    }

    /// A buffer with `part` in it.
    #[must_use]
    pub fn from_partially_read(part: Vec<u8>) -> Self {
        Self { storage: Cursor::new(part), chunk: Box::new([0; CHUNK_SIZE]) }
    }

    /// The content of the buffer; the cursor's position says how much has been consumed.
    #[must_use]
    pub fn as_cursor(&self) -> &Cursor<Vec<u8>> {
        &self.storage
    }

    /// The content of the buffer, mutably, so that it can be consumed.
    pub fn as_cursor_mut(&mut self) -> &mut Cursor<Vec<u8>> {
        &mut self.storage
    }

    /// What was not consumed.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<u8> {
        self.drop_consumed();
        self.storage.into_inner()
    }

    /// Reads once from the stream; returns how many bytes were read.
    ///
    /// # Errors
    /// As the stream.
    pub fn read_from<S: Read>(&mut self, stream: &mut S) -> io::Result<usize> {
        self.drop_consumed();
        let len = stream.read(self.chunk.as_mut())?;
        self.storage.get_mut().extend(self.chunk.iter().take(len));
        Ok(len)
    }

    fn drop_consumed(&mut self) {
        let unread = self.remaining();
        let storage = self.storage.get_mut();
        let consumed = storage.len() - unread;
        storage.drain(..consumed);
        self.storage.set_position(0);
    }
}

impl<const CHUNK_SIZE: usize> Buf for ReadBuffer<CHUNK_SIZE> {
    fn remaining(&self) -> usize {
        self.storage.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.storage.chunk()
    }

    fn advance(&mut self, cnt: usize) {
        self.storage.advance(cnt);
    }
}

impl<const CHUNK_SIZE: usize> Default for ReadBuffer<CHUNK_SIZE> {
    fn default() -> Self {
        Self::new()
    }
}
