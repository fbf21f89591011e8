//! Writing into a buffer of the caller's, with the size that was missing as the error.

use core::fmt;

/// The caller's output buffer is too small; nothing was written that the caller may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BufferTooSmall {
    /// How many bytes the output needs in all.
    pub needed: usize,
}

impl fmt::Display for BufferTooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the output buffer is too small: {} bytes are needed", self.needed)
    }
}

impl core::error::Error for BufferTooSmall {}

/// A write position in a caller's buffer that goes on counting past the end, so that the error can
/// say how large the buffer should have been.
pub(crate) struct Cursor<'o> {
    out: &'o mut [u8],
    written: usize,
}

impl<'o> Cursor<'o> {
    pub(crate) fn new(out: &'o mut [u8]) -> Self {
        Self { out, written: 0 }
    }

    /// Appends `bytes`, or only counts them once the buffer is full.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        let end = self.written.saturating_add(bytes.len());
        if let Some(room) = self.out.get_mut(self.written..end) {
            room.copy_from_slice(bytes);
        }
        self.written = end;
    }

    /// The number of bytes written.
    ///
    /// # Errors
    /// [`BufferTooSmall`] when not all of it fitted.
    pub(crate) fn finish(self) -> Result<usize, BufferTooSmall> {
        if self.written <= self.out.len() {
            Ok(self.written)
        } else {
            Err(BufferTooSmall { needed: self.written })
        }
    }
}

impl fmt::Write for Cursor<'_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.put(s.as_bytes());
        Ok(())
    }
}
