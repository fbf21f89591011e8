//! The receive buffer of a [`Reader`]: room to read into, which grows and is given up.

use bytes::{Buf, BufMut};

use crate::buffers::{self, READ_SIZE};
use crate::connection::{Expected, Receiver};
use crate::reader::Reader;

/// What a read inside a large payload may bring beyond it: the next small messages, not so many that
/// moving them would cost.
const READ_BEYOND: usize = 4 << 10;

/// From this size on, a payload gets room of its own to be read into.
const LARGE_FROM: usize = 16 << 10;

impl Reader {
    /// Takes bytes that were read already: what followed the handshake in the same read.
    pub fn push(&mut self, received: &[u8]) {
        if received.is_empty() {
            return;
        }
        self.reserve(received.len(), received.len(), 0);
        self.buf.truncate(self.end);
        self.buf.extend_from_slice(received);
        self.end = self.buf.len();
    }

    /// Where the transport reads into; never empty. Follow with [`advance`](Self::advance).
    ///
    /// `receiver` tells how much of a payload is still to come, so that a large one is read into place.
    pub fn room(&mut self, receiver: &Receiver) -> &mut [u8] {
        self.room_for(receiver.expected())
    }

    /// [`room`](Self::room) for a transport that can read into memory that was never written to: it need
    /// not be filled with zeros first. Follow with [`advance`](Self::advance), for as many bytes as were
    /// put in.
    pub fn room_buf<'a>(&'a mut self, receiver: &Receiver) -> impl BufMut + use<'a> {
        self.room_buf_for(receiver.expected())
    }

    /// [`room`](Self::room), with what is `expected` of the current message.
    pub(crate) fn room_for(&mut self, expected: Expected) -> &mut [u8] {
        let room = self.make_room(expected);
        let end = self.end + room;
        if self.buf.len() < end {
            self.buf.resize(end, 0);
        }
        self.buf.get_mut(self.end..end).unwrap_or_default()
    }

    /// [`room_buf`](Self::room_buf), with what is `expected` of the current message.
    #[inline(always)]
    pub(crate) fn room_buf_for(&mut self, expected: Expected) -> impl BufMut {
        let room = self.make_room(expected);
        self.buf.truncate(self.end);
        (&mut self.buf).limit(room)
    }

    /// Room to read into what will be polled later, for a caller that cannot deliver now; `None` when there is none.
    /// Follow with [`advance`](Self::advance).
    ///
    /// At most `size` bytes are unread then, or as many as an ordinary buffer has if that is more, and the buffer grows no
    /// larger for it. With a `size` of 0 there is no room. What counts is the memory, however small the messages are.
    pub fn room_ahead(&mut self, size: usize) -> Option<impl BufMut> {
        if size == 0 {
            return None;
        }
        self.close_gap();
        // A buffer may be much larger after a large message.
        let room = size.max(self.size()).saturating_sub(self.end - self.start);
        if room == 0 {
            return None;
        }
        let used =
            self.end - self.gathering.as_ref().map_or(self.start, |(_, message)| message.start);
        let capacity = self.buf.capacity();
        let target = if used <= capacity / 2 { capacity } else { used.saturating_mul(2).min(size) };
        let target = target.max(self.size());
        // As in `make_room`, moving the bytes must free as much room as they take. A buffer below its limit is replaced
        // by a larger one instead.
        if self.end == capacity && used > target / 2 && target <= self.made {
            return None;
        }
        if self.made == 0 {
            self.begin(0);
        } else if self.end == capacity {
            self.move_or_grow(target - used, target - used);
        }
        // A read that fills this room does not show that the peer's messages need a larger buffer.
        self.growing = false;
        let free = self.buf.capacity() - self.end;
        self.buf.truncate(self.end);
        Some((&mut self.buf).limit(free.min(room)))
    }

    /// Makes room for the next read and returns how much of it there is to offer.
    #[inline(always)]
    fn make_room(&mut self, expected: Expected) -> usize {
        let size = |bytes| usize::try_from(bytes).unwrap_or(usize::MAX);
        let wanted = match size(expected.frame) {
            // What is left of a small payload comes with the messages behind it.
            0..LARGE_FROM => None,
            _ if self.chunks.asked => None,
            // Room for what is to come, but no more than what has come already or ever came.
            remaining => {
                let here = self.gathering.as_ref().map_or(0, |(_, message)| message.len());
                let trusted = here.max(self.largest.saturating_sub(here)).max(READ_SIZE);
                Some(remaining.min(trusted).saturating_add(READ_BEYOND))
            }
        };
        let (least, room) = match wanted {
            // Growing moves what is here, so it has to bring room for as much again: a half of that may be used up
            // before the next time.
            Some(wanted) => (wanted / 2, wanted),
            None if self.made < self.size() => (self.size(), self.size()),
            // Less room than an eighth would cost a system call for too few bytes.
            None => (self.size() / 8, self.size() / 8),
        };
        self.reserve(least, room, size(expected.message));
        let free = self.buf.capacity() - self.end;
        self.growing = wanted.is_none();
        wanted.map_or(free, |wanted| wanted.min(free))
    }

    /// The transport has read `len` bytes into the [`room`](Self::room).
    ///
    /// A `len` beyond the room is cut to it.
    pub fn advance(&mut self, len: usize) {
        self.end = self.end.saturating_add(len).min(self.buf.len());
        if self.growing && self.end == self.buf.capacity() {
            self.size = READ_SIZE as u32;
        }
    }

    /// Drops the first `len` unread bytes, or all if there are fewer: they were no frames.
    pub(crate) fn consume(&mut self, len: usize) {
        self.start = self.start.saturating_add(len).min(self.end);
    }

    /// Makes `room` bytes free after `end`, unless `least` are, when the message in progress may bring
    /// `expected` more.
    #[inline]
    fn reserve(&mut self, least: usize, room: usize, expected: usize) {
        self.close_gap();
        if self.made == 0 {
            self.begin(room);
        } else if self.buf.capacity() - self.end < least {
            // No more than the message can need, and one read for the messages after it.
            self.move_or_grow(room, expected.saturating_add(READ_SIZE));
        }
    }

    /// If nothing is unread, closes the gap that headers have left below.
    #[inline(always)]
    fn close_gap(&mut self) {
        if self.start == self.end {
            self.start = self.gathering.as_ref().map_or(0, |(_, message)| message.end);
            self.end = self.start;
        }
    }

    /// [`reserve`](Self::reserve) where there is no buffer yet, or none since [`release`](Self::release).
    #[inline(never)]
    fn begin(&mut self, room: usize) {
        self.buf = buffers::take(room.max(self.size()));
        self.made = self.buf.capacity();
    }

    /// Makes `room` bytes free: moves what is unread to the start, or into a new buffer. A new buffer has room for at
    /// most `most` bytes more than are in it, unless `room` or the ordinary size asks for more.
    #[inline(never)]
    fn move_or_grow(&mut self, room: usize, most: usize) {
        let first = self.gathering.as_ref().map_or(self.start, |(_, message)| message.start);
        let used = first..self.end;
        let used_len = used.len();
        let needed = used_len.saturating_add(room);
        let capacity = self.buf.capacity();
        if needed <= capacity && used_len <= capacity / 2 {
            // Without touching the length, so that what is initialised stays so.
            self.buf.copy_within(used, 0);
        } else {
            self.buf.truncate(self.end);
            self.buf.advance(first);
            // All of it, if the messages that were given away are gone.
            let reclaimed =
                needed <= self.made && self.buf.try_reclaim(self.made.saturating_sub(used_len));
            if !reclaimed {
                // At least double, so that growing costs each byte a constant number of moves; but not
                // more than can be needed.
                let double = used_len.saturating_mul(2);
                let size = needed.max(double.min(used_len.saturating_add(most))).max(self.size());
                let mut larger = buffers::take(size);
                larger.extend_from_slice(&self.buf);
                self.made = larger.capacity();
                self.buf = larger;
            }
        }
        self.start -= first;
        self.end -= first;
        if let Some((_, message)) = &mut self.gathering {
            *message = message.start - first..message.end - first;
        }
    }

    /// How large a buffer is made where no large message asks for more.
    #[inline]
    fn size(&self) -> usize {
        self.size as usize
    }

    /// Gives the buffer up if nothing is in it: for a connection that is about to wait for long.
    ///
    /// With `std` it goes to a pool of the thread's, for the next connection that reads.
    pub fn release(&mut self) {
        #[cfg(feature = "deflate")]
        if self.inflated.as_ref().is_some_and(|inflated| inflated.open) {
            return;
        }
        if self.made == 0 || self.start != self.end || self.gathering.is_some() {
            return;
        }
        self.give_up();
        (self.start, self.end, self.made) = (0, 0, 0);
        // What is said to have been read now filled nothing.
        self.growing = false;
        #[cfg(feature = "deflate")]
        {
            self.inflated = None;
        }
    }

    fn give_up(&mut self) {
        let mut buf = core::mem::take(&mut self.buf);
        // Whole again, or of no use to anyone.
        buf.clear();
        if buf.try_reclaim(self.made) {
            buffers::give(buf);
        }
    }

    /// The size of the buffer, in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buf.capacity()
    }

    /// Whether it is known without looking that no message is to be found: nothing is unread, and `receiver` is between
    /// messages.
    #[inline]
    pub(crate) fn is_drained(&self, receiver: &Receiver) -> bool {
        #[cfg(feature = "deflate")]
        if self.inflated.is_some() {
            return false;
        }
        self.start == self.end && receiver.is_at_message_boundary()
    }

    /// Bytes received that no message has been made of yet.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        self.buf.get(self.start..self.end).unwrap_or_default()
    }

    /// The same, to be changed before it is polled: folded lines are rewritten in place, and the frame decoder asks for
    /// it.
    pub(crate) fn unread_mut(&mut self) -> &mut [u8] {
        self.buf.get_mut(self.start..self.end).unwrap_or_default()
    }
}

/// The buffer goes where [`release`](Reader::release) gives it, whatever is in it.
impl Drop for Reader {
    fn drop(&mut self) {
        if self.made > 0 {
            self.give_up();
        }
    }
}
