//! A receive buffer: room to read into, which grows and is given up.
//!
//! ```text
//!  0          message      start          end           buf.len()
//!  |  free    |  so far  |  |   unread    |    room      |
//! ```

use core::ops::Range;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::buffers::{self, FIRST_SIZE, READ_SIZE};
use crate::connection::Expected;
use crate::event::MessageKind;

/// What a read inside a large payload may bring beyond it: the next small messages, not so many that
/// moving them would cost.
const READ_BEYOND: usize = 4 << 10;

/// From this size on, a payload gets room of its own to be read into.
const LARGE_FROM: usize = 16 << 10;

/// What was received and not consumed, and room to read more into. The head of an opening handshake is read into one,
/// which then becomes the [`Reader`](crate::Reader)'s with what follows the head.
#[derive(Debug)]
pub(crate) struct ReadBuffer {
    /// Up to its length initialised, beyond `end` with bytes that mean nothing.
    pub(super) buf: BytesMut,
    /// Unread input: `start..end`.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether a read that fills the buffer asks for a larger one.
    growing: bool,
    /// How large a buffer is made where no large message asks for more: grows once a read has filled a small one.
    size: u32,
    /// The message that is being gathered, below `start`.
    pub(super) gathering: Option<MessageKind>,
    /// Where the message lies that is being gathered, or that is to be lent.
    pub(super) message: Range<usize>,
    /// The largest message so far: so much room is made at once when another large one comes.
    pub(super) largest: usize,
    /// How large the present buffer was made; owned messages have taken their parts of it.
    made: usize,
}

impl ReadBuffer {
    /// An empty buffer, which holds no memory until there has to be room.
    pub(crate) fn new() -> Self {
        Self {
            buf: BytesMut::new(),
            start: 0,
            end: 0,
            growing: false,
            size: FIRST_SIZE as u32,
            gathering: None,
            message: 0..0,
            largest: 0,
            made: 0,
        }
    }

    /// Takes bytes that were read already.
    pub(crate) fn push(&mut self, received: &[u8]) {
        if received.is_empty() {
            return;
        }
        self.reserve(received.len(), received.len(), 0);
        self.buf.truncate(self.end);
        self.buf.extend_from_slice(received);
        self.end = self.buf.len();
    }

    /// Where the transport reads into, when so much is `expected` of the current message; never empty.
    pub(crate) fn room(&mut self, expected: Expected) -> &mut [u8] {
        let room = self.make_room(expected);
        let end = self.end + room;
        if self.buf.len() < end {
            self.buf.resize(end, 0);
        }
        let room = self.buf.get_mut(self.end..end);
        // The buffer was just made long enough.
        debug_assert!(room.is_some());
        room.unwrap_or_default()
    }

    /// [`room`](Self::room) that need not be filled with zeros first.
    #[inline(always)]
    pub(crate) fn room_buf(&mut self, expected: Expected) -> impl BufMut {
        let room = self.make_room(expected);
        self.buf.truncate(self.end);
        (&mut self.buf).limit(room)
    }

    /// See [`Reader::room_ahead`](crate::Reader::room_ahead).
    pub(crate) fn room_ahead(&mut self, size: usize) -> Option<impl BufMut> {
        if size == 0 {
            return None;
        }
        self.close_gap();
        // A buffer may be much larger after a large message.
        let room = size.max(self.size()).saturating_sub(self.end - self.start);
        if room == 0 {
            return None;
        }
        let used = self.end - self.gathered().map_or(self.start, |message| message.start);
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
            // Room for what is to come, but no more than what has come already or ever came.
            remaining => {
                let here = self.gathered().map_or(0, ExactSizeIterator::len);
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

    /// The transport has read `len` bytes into the room. A `len` beyond the room is cut to it.
    pub(crate) fn advance(&mut self, len: usize) {
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
            self.start = self.gathered().map_or(0, |message| message.end);
            self.end = self.start;
        }
    }

    /// [`reserve`](Self::reserve) where there is no buffer yet, or none since [`release`](Self::release).
    #[inline(never)]
    fn begin(&mut self, room: usize) {
        self.buf = buffers::take_receive_buffer(room.max(self.size()));
        self.made = self.buf.capacity();
    }

    /// Makes `room` bytes free: moves what is unread to the start, or into a new buffer. A new buffer has room for at
    /// most `most` bytes more than are in it, unless `room` or the ordinary size asks for more.
    #[inline(never)]
    fn move_or_grow(&mut self, room: usize, most: usize) {
        let first = self.gathered().map_or(self.start, |message| message.start);
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
                let mut larger = buffers::take_receive_buffer(size);
                larger.extend_from_slice(&self.buf);
                self.made = larger.capacity();
                self.buf = larger;
            }
        }
        self.start -= first;
        self.end -= first;
        if self.gathering.is_some() {
            self.message = self.message.start - first..self.message.end - first;
        }
    }

    /// How large a buffer is made where no large message asks for more.
    #[inline]
    fn size(&self) -> usize {
        self.size as usize
    }

    /// Gives the buffer up if nothing is in it. Returns whether there was one.
    #[inline]
    pub(super) fn release(&mut self) -> bool {
        if self.made == 0 || self.start != self.end || self.gathering.is_some() {
            return false;
        }
        self.give_up();
        (self.start, self.end, self.made) = (0, 0, 0);
        // An `advance` after this must not count as having filled a buffer.
        self.growing = false;
        true
    }

    /// Makes an owned payload of `range`, and lets go of what lies before it.
    #[inline(always)]
    pub(super) fn give(&mut self, range: Range<usize>) -> Bytes {
        let mut payload = self.buf.split_to(range.end).freeze();
        payload.advance(range.start);
        self.start -= range.end;
        self.end -= range.end;
        payload
    }

    /// Where the message in progress lies, if there is one.
    #[inline(always)]
    fn gathered(&self) -> Option<&Range<usize>> {
        if self.gathering.is_some() { Some(&self.message) } else { None }
    }

    /// Adds a chunk to the message in progress and returns where that now lies.
    pub(super) fn gather(&mut self, kind: MessageKind, chunk: Range<usize>) -> Range<usize> {
        self.message = match self.gathered() {
            None => chunk,
            Some(message) if message.end == chunk.start => message.start..chunk.end,
            Some(message) => {
                let whole = message.start..message.end + chunk.len();
                let end = message.end;
                self.buf.copy_within(chunk, end);
                whole
            }
        };
        self.gathering = Some(kind);
        self.message.clone()
    }

    fn give_up(&mut self) {
        let mut buf = core::mem::take(&mut self.buf);
        // Whole again, or of no use to anyone.
        buf.clear();
        if buf.try_reclaim(self.made) {
            buffers::return_receive_buffer(buf);
        }
    }

    /// Whether nothing is unread.
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// What lies at `range`, which was found in this buffer since its bytes were last moved.
    #[inline(always)]
    pub(super) fn payload(&self, range: Range<usize>) -> &[u8] {
        let payload = self.buf.get(range);
        debug_assert!(payload.is_some(), "the bytes were moved");
        payload.unwrap_or_default()
    }

    /// What was received and not consumed.
    pub(crate) fn unread(&self) -> &[u8] {
        self.payload(self.start..self.end)
    }

    /// The same, to be changed: payloads are unmasked and folded header lines are rewritten in place.
    #[inline(always)]
    pub(crate) fn unread_mut(&mut self) -> &mut [u8] {
        let unread = self.buf.get_mut(self.start..self.end);
        // `start` never passes `end`, nor `end` the end of the buffer.
        debug_assert!(unread.is_some());
        unread.unwrap_or_default()
    }
}

/// The memory goes where [`release`](ReadBuffer::release) gives it, whatever is in it.
impl Drop for ReadBuffer {
    fn drop(&mut self) {
        if self.made > 0 {
            self.give_up();
        }
    }
}
