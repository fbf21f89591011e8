//! The receive buffer. It grows with what arrives, and is freed when it is empty.
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

/// How many bytes a read inside a large payload may bring beyond it: some small messages that follow, but not so many that
/// it is expensive to move them.
const READ_BEYOND: usize = 4 << 10;

/// From this size on, room is made for the payload itself.
const LARGE_FROM: usize = 16 << 10;

/// Bytes that were received and not consumed, and room to read more into. The head of an opening handshake is read into such
/// a buffer. A [`Reader`](crate::Reader) takes it over with the bytes after the head.
#[derive(Debug)]
pub(crate) struct ReadBuffer {
    /// The bytes beyond `end` have no meaning.
    pub(super) buf: BytesMut,
    /// Unread input: `start..end`.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether the next buffer should be larger if a read fills this one.
    growing: bool,
    /// The size of a new buffer if no large message needs more. It grows once a read has filled a small buffer.
    size: u32,
    /// The kind of the message that is being gathered, if there is one. It lies below `start`.
    pub(super) gathering: Option<MessageKind>,
    /// The place of the message that is being gathered, or that will be lent.
    pub(super) message: Range<usize>,
    /// The size of the largest message so far. When another large one comes, as much room is made at once.
    pub(super) largest: usize,
    /// The size that the present buffer was made with. Owned messages have taken their parts of it.
    made: usize,
}

impl ReadBuffer {
    /// An empty buffer. It allocates no memory until room is asked for.
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

    /// Adds bytes that were read already.
    pub(crate) fn push(&mut self, received: &[u8]) {
        if received.is_empty() {
            return;
        }
        self.reserve(received.len(), received.len(), 0);
        self.buf.truncate(self.end);
        self.buf.extend_from_slice(received);
        self.end = self.buf.len();
    }

    /// Where the transport reads into, if `expected` is what the current message may still bring. It is never empty.
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
        // After a large message, the buffer may be much larger than `size`.
        let room = size.max(self.size()).saturating_sub(self.end - self.start);
        if room == 0 {
            return None;
        }
        let used = self.end - self.gathered().map_or(self.start, |message| message.start);
        let capacity = self.buf.capacity();
        let target = if used <= capacity / 2 { capacity } else { used.saturating_mul(2).min(size) };
        let target = target.max(self.size());
        // As in `make_room`, a move must make at least as much room as the moved bytes take. If it does not, a buffer that may
        // still grow is replaced by a larger one.
        if self.end == capacity && used > target / 2 && target <= self.made {
            return None;
        }
        if self.made == 0 {
            self.begin(0);
        } else if self.end == capacity {
            self.move_or_grow(target - used, target - used);
        }
        // If a read fills this room, that does not show that the peer's messages need a larger buffer.
        self.growing = false;
        let free = self.buf.capacity() - self.end;
        self.buf.truncate(self.end);
        Some((&mut self.buf).limit(free.min(room)))
    }

    /// Makes room for the next read, and returns how many bytes of it to offer.
    #[inline(always)]
    fn make_room(&mut self, expected: Expected) -> usize {
        let size = |bytes| usize::try_from(bytes).unwrap_or(usize::MAX);
        let wanted = match size(expected.frame) {
            // The rest of a small payload comes together with the messages after it.
            0..LARGE_FROM => None,
            // Room for the rest of the payload, but no more than what has arrived of this message, or of an earlier one, or
            // than one read brings: an announced length alone costs no more memory.
            remaining => {
                let here = self.gathered().map_or(0, ExactSizeIterator::len);
                let trusted = here.max(self.largest.saturating_sub(here)).max(READ_SIZE);
                Some(remaining.min(trusted).saturating_add(READ_BEYOND))
            }
        };
        let (least, room) = match wanted {
            // Growing moves what is here, so it must make room for as much again. Half of that room may be used up before the
            // buffer grows once more.
            Some(wanted) => (wanted / 2, wanted),
            None if self.made < self.size() => (self.size(), self.size()),
            // With less room than an eighth of the buffer, a system call would bring too few bytes.
            None => (self.size() / 8, self.size() / 8),
        };
        self.reserve(least, room, size(expected.message));
        let free = self.buf.capacity() - self.end;
        self.growing = wanted.is_none();
        wanted.map_or(free, |wanted| wanted.min(free))
    }

    /// The transport has read `len` bytes into the room. If `len` is larger than the room, the room is full.
    pub(crate) fn advance(&mut self, len: usize) {
        self.end = self.end.saturating_add(len).min(self.buf.len());
        if self.growing && self.end == self.buf.capacity() {
            self.size = READ_SIZE as u32;
        }
    }

    /// Consumes the first `len` unread bytes, or all if there are fewer. They were no frames.
    pub(crate) fn consume(&mut self, len: usize) {
        self.start = self.start.saturating_add(len).min(self.end);
    }

    /// If fewer than `least` bytes are free after `end`, makes `room` bytes free. `expected` is how many more bytes the
    /// message in progress may have.
    #[inline]
    fn reserve(&mut self, least: usize, room: usize, expected: usize) {
        self.close_gap();
        if self.made == 0 {
            self.begin(room);
        } else if self.buf.capacity() - self.end < least {
            // The new buffer has no more room than the message can need, and one read for the messages after it.
            self.move_or_grow(room, expected.saturating_add(READ_SIZE));
        }
    }

    /// If nothing is unread, the next bytes are read right behind the gathered message, over headers that were consumed.
    #[inline(always)]
    fn close_gap(&mut self) {
        if self.start == self.end {
            self.start = self.gathered().map_or(0, |message| message.end);
            self.end = self.start;
        }
    }

    /// [`reserve`](Self::reserve) if there is no buffer: at the beginning, and after [`release`](Self::release).
    #[inline(never)]
    fn begin(&mut self, room: usize) {
        self.buf = buffers::take_receive_buffer(room.max(self.size()));
        self.made = self.buf.capacity();
    }

    /// Makes `room` bytes free: moves the bytes in use to the start, or to a new buffer. A new buffer has at most `most` bytes
    /// of room, unless `room` or the ordinary size is more.
    #[inline(never)]
    fn move_or_grow(&mut self, room: usize, most: usize) {
        let first = self.gathered().map_or(self.start, |message| message.start);
        let used = first..self.end;
        let used_len = used.len();
        let needed = used_len.saturating_add(room);
        let capacity = self.buf.capacity();
        if needed <= capacity && used_len <= capacity / 2 {
            // The length stays, so that the bytes beyond `end` need not be initialised again.
            move_down(&mut self.buf, used, 0);
        } else {
            self.buf.truncate(self.end);
            self.buf.advance(first);
            // If the owned messages are gone, the whole buffer can be used again.
            let reclaimed =
                needed <= self.made && self.buf.try_reclaim(self.made.saturating_sub(used_len));
            if !reclaimed {
                // The size doubles at least, so that each byte is moved a constant number of times on average. But it does not
                // exceed what can be needed.
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

    /// The size of a new buffer if no large message needs more.
    #[inline]
    fn size(&self) -> usize {
        self.size as usize
    }

    /// Frees the buffer if it is empty. Returns whether it did.
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

    /// Splits the payload at `range` off the buffer, with the bytes before it. The payload shares the memory.
    #[inline(always)]
    pub(super) fn take_payload(&mut self, range: Range<usize>) -> Bytes {
        let mut payload = self.buf.split_to(range.end).freeze();
        payload.advance(range.start);
        self.start -= range.end;
        self.end -= range.end;
        payload
    }

    /// The place of the message that is being gathered, if there is one.
    #[inline(always)]
    fn gathered(&self) -> Option<&Range<usize>> {
        if self.gathering.is_some() { Some(&self.message) } else { None }
    }

    /// Adds a chunk to the message that is being gathered, and returns the place of the message.
    pub(super) fn gather(&mut self, kind: MessageKind, chunk: Range<usize>) -> Range<usize> {
        self.message = match self.gathered() {
            None => chunk,
            Some(message) if message.end == chunk.start => message.start..chunk.end,
            Some(message) => {
                let whole = message.start..message.end + chunk.len();
                let end = message.end;
                move_down(&mut self.buf, chunk, end);
                whole
            }
        };
        self.gathering = Some(kind);
        self.message.clone()
    }

    fn give_up(&mut self) {
        let mut buf = core::mem::take(&mut self.buf);
        // If a message still shares the memory, no other connection can use it.
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

    /// The bytes that were received and not consumed.
    pub(crate) fn unread(&self) -> &[u8] {
        self.payload(self.start..self.end)
    }

    /// The same, mutable: payloads are unmasked in place, and folded header lines are rewritten.
    #[inline(always)]
    pub(crate) fn unread_mut(&mut self) -> &mut [u8] {
        let unread = self.buf.get_mut(self.start..self.end);
        // `start` never passes `end`, nor `end` the end of the buffer.
        debug_assert!(unread.is_some());
        unread.unwrap_or_default()
    }
}

/// Moves what lies at `from` towards the start, to `to`.
#[inline]
fn move_down(bytes: &mut [u8], from: Range<usize>, to: usize) {
    debug_assert!(to <= from.start && from.end <= bytes.len(), "{from:?} to {to}");
    let distance = from.start.saturating_sub(to);
    if let Some(bytes) = bytes.get_mut(to..from.end)
        && distance <= bytes.len()
    {
        bytes.copy_within(distance.., 0);
    }
}

/// Returns the memory to the pool, as [`release`](ReadBuffer::release) does, whatever is in it.
impl Drop for ReadBuffer {
    fn drop(&mut self) {
        if self.made > 0 {
            self.give_up();
        }
    }
}
