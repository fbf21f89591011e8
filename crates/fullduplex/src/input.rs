//! A cursor over what the transport has read.

use core::ops::Range;

/// Received bytes on their way into a [`Connection`](crate::Connection): a buffer of the caller's and
/// the count of what has been consumed of it.
///
/// The connection unmasks in place, so it borrows the buffer mutably; events borrow the buffer, not
/// the connection. When [`poll_event`](crate::Connection::poll_event) asks for more input, all of it
/// has been consumed and the buffer can be used anew.
#[derive(Debug)]
pub struct Input<'b> {
    rest: &'b mut [u8],
    /// Where the buffer begins, as a number: only to tell where a chunk lies within it.
    address: usize,
    len: usize,
}

impl<'b> Input<'b> {
    /// Offers the bytes of `received`, in the order in which they came from the wire.
    #[inline]
    pub fn new(received: &'b mut [u8]) -> Self {
        Self { address: received.as_ptr() as usize, len: received.len(), rest: received }
    }

    /// How many bytes have been consumed so far.
    #[inline]
    #[must_use]
    pub fn consumed(&self) -> usize {
        self.len - self.rest.len()
    }

    /// What has not been consumed yet.
    #[inline]
    #[must_use]
    pub fn remaining(&self) -> &[u8] {
        self.rest
    }

    /// Whether everything has been consumed.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Where `chunk`, the payload of an event, lies within the buffer that was given to
    /// [`Input::new`]: for a caller who wants to keep it by reference count instead of by copy.
    ///
    /// Returns `None` when `chunk` is not part of that buffer.
    #[inline]
    #[must_use]
    pub fn range_of(&self, chunk: &[u8]) -> Option<Range<usize>> {
        let start = (chunk.as_ptr() as usize).checked_sub(self.address)?;
        let end = start.checked_add(chunk.len())?;
        (end <= self.len).then_some(start..end)
    }

    /// The first `N` bytes, if that many are there. Consumes nothing.
    #[inline(always)]
    pub(crate) fn first_chunk<const N: usize>(&self) -> Option<&[u8; N]> {
        self.rest.first_chunk()
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }

    /// Consumes and returns the next `len` bytes, or all there are if there are fewer.
    #[inline(always)]
    pub(crate) fn take(&mut self, len: usize) -> &'b mut [u8] {
        let rest = core::mem::take(&mut self.rest);
        // The minimum lets the compiler see that the split cannot fail.
        let (taken, rest) = rest.split_at_mut(len.min(rest.len()));
        self.rest = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::Input;

    #[test]
    fn a_chunk_maps_back_to_its_place_in_the_buffer() {
        let mut buffer = *b"0123456789";
        let mut input = Input::new(&mut buffer);
        input.take(3);
        let chunk = input.take(4);
        assert_eq!(input.range_of(chunk), Some(3..7));
        assert_eq!(input.consumed(), 7);
        assert_eq!(input.remaining(), b"789");
        let elsewhere = [0; 4];
        assert_eq!(input.range_of(&elsewhere), None);
        assert_eq!(input.take(9).len(), 3);
        assert!(input.is_empty());
    }
}
