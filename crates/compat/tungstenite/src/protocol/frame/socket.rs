//! Frames over a stream, for programs that implement the protocol themselves.

use std::io::{self, Cursor, Read, Write};

use bytes::{Buf, BytesMut};

use super::{Frame, FrameHeader};
use crate::error::{CapacityError, Result};

/// How many bytes one read asks for.
const READ_SIZE: usize = 4 << 10;

/// Reads and writes frames over a stream. Payloads stay masked as they were received, and only the form of the header is
/// checked.
#[derive(Debug)]
pub struct FrameSocket<Stream> {
    stream: Stream,
    unread: BytesMut,
    header: Option<(FrameHeader, u64)>,
    pending: BytesMut,
}

impl<Stream> FrameSocket<Stream> {
    /// A socket over a stream.
    pub fn new(stream: Stream) -> Self {
        Self::from_partially_read(stream, Vec::new())
    }

    /// A socket over a stream from which `part` was read already.
    pub fn from_partially_read(stream: Stream, part: Vec<u8>) -> Self {
        let unread = BytesMut::from_iter(part);
        Self { stream, unread, header: None, pending: BytesMut::new() }
    }

    /// The stream, and the bytes that were read but are not a whole frame.
    pub fn into_inner(self) -> (Stream, BytesMut) {
        (self.stream, self.unread)
    }

    /// The stream.
    pub fn get_ref(&self) -> &Stream {
        &self.stream
    }

    /// The stream, mutably.
    pub fn get_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }
}

impl<Stream: Read> FrameSocket<Stream> {
    /// The next frame; `None` at the end of the stream.
    ///
    /// # Errors
    /// [`CapacityError::MessageTooLong`] when its payload is larger than `max_size` bytes; as [`FrameHeader::parse`];
    /// [`Error::Io`](crate::Error::Io).
    pub fn read(&mut self, max_size: Option<usize>) -> Result<Option<Frame>> {
        let max_size = max_size.unwrap_or(usize::MAX);
        loop {
            if self.header.is_none() {
                let mut cursor = Cursor::new(&self.unread);
                self.header = FrameHeader::parse(&mut cursor)?;
                let len = cursor.position() as usize;
                self.unread.advance(len);
            }
            if let Some((_, len)) = &self.header {
                let len = usize::try_from(*len).unwrap_or(usize::MAX);
                if len > max_size {
                    return Err(CapacityError::MessageTooLong { size: len, max_size }.into());
                }
                if len <= self.unread.len() {
                    let payload = self.unread.split_to(len).freeze();
                    return Ok(self
                        .header
                        .take()
                        .map(|(header, _)| Frame::from_payload(header, payload)));
                }
            }
            if self.fill()? == 0 {
                return Ok(None);
            }
        }
    }

    /// Reads once. The buffer grows with what arrives, not with what a header announces.
    fn fill(&mut self) -> io::Result<usize> {
        let len = self.unread.len();
        self.unread.resize(len + READ_SIZE, 0);
        let read = self.stream.read(self.unread.get_mut(len..).unwrap_or_default());
        self.unread.truncate(len + read.as_ref().map_or(0, |read| *read));
        read
    }
}

impl<Stream: Write> FrameSocket<Stream> {
    /// [`write`](Self::write), then [`flush`](Self::flush).
    ///
    /// # Errors
    /// The errors of both.
    pub fn send(&mut self, frame: Frame) -> Result<()> {
        self.write(frame)?;
        self.flush()
    }

    /// Queues a frame, and writes as much of the queue as the stream takes.
    ///
    /// # Errors
    /// As [`Frame::format`]; [`Error::Io`](crate::Error::Io): after
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) the frame is queued, and [`flush`](Self::flush) continues to write it.
    pub fn write(&mut self, frame: Frame) -> Result<()> {
        let mut bytes = Vec::with_capacity(frame.len());
        frame.format(&mut bytes)?;
        self.pending.extend_from_slice(&bytes);
        self.write_out()
    }

    /// Writes the queue, and flushes the stream.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn flush(&mut self) -> Result<()> {
        self.write_out()?;
        Ok(self.stream.flush()?)
    }

    fn write_out(&mut self) -> Result<()> {
        while !self.pending.is_empty() {
            match self.stream.write(&self.pending)? {
                0 => return Err(io::Error::from(io::ErrorKind::ConnectionReset).into()),
                len => self.pending.advance(len),
            }
        }
        Ok(())
    }
}
