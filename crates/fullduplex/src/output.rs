//! Output into a buffer of the caller's. The error says how large the buffer must be.

use core::fmt;

/// The caller's output buffer is too small. The caller must not send what it holds.
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

/// A writer into the caller's buffer. When the buffer is full it goes on counting, so that the error can say how large
/// the buffer must be.
pub(crate) struct Cursor<'o> {
    out: &'o mut [u8],
    written: usize,
}

impl<'o> Cursor<'o> {
    pub(crate) fn new(out: &'o mut [u8]) -> Self {
        Self { out, written: 0 }
    }

    /// Appends `bytes`. If they do not fit, it only counts them.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        let free = self.out.get_mut(self.written..);
        if let Some((room, _)) = free.and_then(|free| free.split_at_mut_checked(bytes.len())) {
            room.copy_from_slice(bytes);
        }
        self.written = self.written.saturating_add(bytes.len());
    }

    /// The number of bytes written.
    ///
    /// # Errors
    /// [`BufferTooSmall`] if not all of them fitted.
    pub(crate) fn finish(self) -> Result<usize, BufferTooSmall> {
        if self.written <= self.out.len() {
            Ok(self.written)
        } else {
            Err(BufferTooSmall { needed: self.written })
        }
    }

    /// The bytes written.
    ///
    /// # Errors
    /// [`BufferTooSmall`] if not all of them fitted.
    pub(crate) fn into_bytes(self) -> Result<&'o [u8], BufferTooSmall> {
        let out: &'o [u8] = self.out;
        out.get(..self.written).ok_or(BufferTooSmall { needed: self.written })
    }

    /// The number of all bytes, including those that did not fit.
    pub(crate) const fn count(&self) -> usize {
        self.written
    }
}

impl fmt::Write for Cursor<'_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.put(s.as_bytes());
        Ok(())
    }
}
