//! A cursor over what the transport has read.

use core::ops::Range;

/// Received bytes on their way into a [`Connection`](crate::Connection): a buffer of the caller's and
/// the count of what has been consumed of it.
///
/// The connection unmasks in place, so it borrows the buffer mutably; events borrow the buffer, not
/// the connection. When [`poll_event`](crate::Connection::poll_event) asks for more input, all of it
/// has been consumed and the buffer can be used anew.
///
/// Where permessage-deflate was negotiated (RFC 7692), messages that the peer compressed are inflated into scratch memory
/// that the caller gives with the input: `Input::with_scratch`, with the feature `deflate`. Once the scratch is full,
/// `poll_event` returns `None`, and `Input::needs_scratch` returns true: more of the message is to come, even if no input
/// is left.
#[derive(Debug)]
pub struct Input<'b> {
    received: Cursor<'b>,
    /// `None` for a caller that does not expect compressed messages.
    #[cfg(feature = "deflate")]
    scratch: Option<Cursor<'b>>,
    #[cfg(feature = "deflate")]
    needs_scratch: bool,
}

impl<'b> Input<'b> {
    /// Offers the bytes of `received`, in the order in which they came from the wire.
    ///
    /// Where permessage-deflate was negotiated, use `with_scratch`: a compressed message in an input without scratch makes
    /// the connection fail, with `MessageError::NoScratch`.
    #[inline]
    pub fn new(received: &'b mut [u8]) -> Self {
        Self {
            received: Cursor::new(received),
            #[cfg(feature = "deflate")]
            scratch: None,
            #[cfg(feature = "deflate")]
            needs_scratch: false,
        }
    }

    /// How many bytes have been consumed so far.
    #[inline]
    #[must_use]
    pub fn consumed(&self) -> usize {
        self.received.len - self.received.rest.len()
    }

    /// What has not been consumed yet.
    #[inline]
    #[must_use]
    pub fn remaining(&self) -> &[u8] {
        self.received.rest
    }

    /// Whether everything has been consumed.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.received.rest.is_empty()
    }

    /// Where `chunk`, the payload of an event, lies within the buffer that was given to
    /// [`Input::new`]: for a caller who wants to keep it by reference count instead of by copy.
    ///
    /// Returns `None` when `chunk` is not part of that buffer, as the payload of a compressed message is not. Where an empty
    /// chunk lies means nothing.
    #[inline]
    #[must_use]
    pub fn range_of(&self, chunk: &[u8]) -> Option<Range<usize>> {
        self.received.range_of(chunk)
    }

    /// The first `N` bytes, if that many are there. Consumes nothing.
    #[inline(always)]
    pub(crate) fn first_chunk<const N: usize>(&self) -> Option<&[u8; N]> {
        self.received.rest.first_chunk()
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.received.rest.len()
    }

    /// Consumes and returns the next `len` bytes, or all there are if there are fewer.
    #[inline(always)]
    pub(crate) fn take(&mut self, len: usize) -> &'b mut [u8] {
        self.received.take(len)
    }
}

/// Scratch memory for compressed messages.
#[cfg(feature = "deflate")]
impl<'b> Input<'b> {
    /// Offers the bytes of `received`, as [`new`](Self::new) does, and `scratch` to inflate compressed messages into. What
    /// is in `scratch` does not matter. Payload of a compressed message lies in `scratch`, all other payload in `received`.
    ///
    /// The size of `scratch` decides how much memory a message takes at a time, whatever it was compressed to. Events of one
    /// input share the scratch, so a full one is given anew with what is left of the input:
    ///
    /// ```
    /// use fullduplex::{Connection, Error, Event, Input};
    ///
    /// fn receive(conn: &mut Connection, mut received: &mut [u8]) -> Result<(), Error> {
    ///     let mut scratch = [0; 4096];
    ///     loop {
    ///         let mut input = Input::with_scratch(received, &mut scratch);
    ///         while let Some(event) = conn.poll_event(&mut input)? {
    ///             if let Event::Text(chunk, part) | Event::Binary(chunk, part) = event {
    ///                 // The chunk lies in `received` or in `scratch`.
    ///             }
    ///         }
    ///         if !input.needs_scratch() {
    ///             return Ok(());
    ///         }
    ///         let consumed = input.consumed();
    ///         received = &mut received[consumed..];
    ///     }
    /// }
    /// ```
    #[inline]
    pub fn with_scratch(received: &'b mut [u8], scratch: &'b mut [u8]) -> Self {
        let mut input = Self::new(received);
        input.scratch = Some(Cursor::new(scratch));
        input
    }

    /// Whether [`poll_event`](crate::Connection::poll_event) has returned `None` because the scratch is full, or empty from
    /// the start. What [remains](Self::remaining) of the input, which may be nothing, must be polled again with more scratch
    /// before more input.
    #[inline]
    #[must_use]
    pub fn needs_scratch(&self) -> bool {
        self.needs_scratch
    }

    /// Where `chunk`, the payload of an event, lies within the scratch that was given to
    /// [`with_scratch`](Self::with_scratch). Chunks follow each other in it without gaps.
    ///
    /// Returns `None` when `chunk` is not part of that scratch. Where an empty chunk lies means nothing.
    #[inline]
    #[must_use]
    pub fn scratch_range_of(&self, chunk: &[u8]) -> Option<Range<usize>> {
        self.scratch.as_ref()?.range_of(chunk)
    }

    /// The next `len` bytes, or all if there are fewer, for a caller that changes them in place. It consumes nothing.
    pub(crate) fn first_mut(&mut self, len: usize) -> &mut [u8] {
        let len = len.min(self.received.rest.len());
        self.received.rest.split_at_mut(len).0
    }

    /// All scratch that is left; `None` if none was ever given. The caller must [put back](Self::put_back_scratch) the part
    /// that it does not use.
    pub(crate) fn take_scratch(&mut self) -> Option<&'b mut [u8]> {
        Some(self.scratch.as_mut()?.take(usize::MAX))
    }

    /// Puts back the end of what [`take_scratch`](Self::take_scratch) returned.
    pub(crate) fn put_back_scratch(&mut self, rest: &'b mut [u8]) {
        if let Some(scratch) = &mut self.scratch {
            scratch.rest = rest;
        }
    }

    /// Notes that the next event needs more scratch.
    pub(crate) fn ask_for_scratch(&mut self) {
        self.needs_scratch = true;
    }
}

/// A buffer, and what is left of it.
#[derive(Debug)]
struct Cursor<'b> {
    rest: &'b mut [u8],
    /// Where the buffer begins, as a number: only to tell where a chunk lies within it.
    address: usize,
    len: usize,
}

impl<'b> Cursor<'b> {
    #[inline(always)]
    fn new(buffer: &'b mut [u8]) -> Self {
        Self { address: buffer.as_ptr() as usize, len: buffer.len(), rest: buffer }
    }

    #[inline(always)]
    fn range_of(&self, chunk: &[u8]) -> Option<Range<usize>> {
        let start = (chunk.as_ptr() as usize).checked_sub(self.address)?;
        let end = start.checked_add(chunk.len())?;
        (end <= self.len).then_some(start..end)
    }

    #[inline(always)]
    fn take(&mut self, len: usize) -> &'b mut [u8] {
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

    #[cfg(feature = "deflate")]
    #[test]
    fn chunks_in_the_scratch_follow_each_other() {
        let (mut buffer, mut scratch) = (*b"0123456789", [0; 8]);
        let mut input = Input::with_scratch(&mut buffer, &mut scratch);
        for (len, expected) in [(3, 0..3), (0, 3..3), (5, 3..8), (0, 8..8)] {
            let (chunk, rest) = input.take_scratch().expect("it was given").split_at_mut(len);
            input.put_back_scratch(rest);
            assert_eq!(input.scratch_range_of(chunk), Some(expected));
            if len > 0 {
                assert_eq!(input.range_of(chunk), None);
            }
        }
        assert_eq!(input.consumed(), 0);
        let received = input.take(2);
        assert_eq!(input.scratch_range_of(received), None);
        assert_eq!(Input::new(&mut buffer).take_scratch(), None);
    }
}
