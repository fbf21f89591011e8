//! The bytes that wait to be written: a buffer that frames are appended to, and large payloads that are not copied. Each of
//! these has a place between two bytes of the buffer.
//!
//! ```text
//!  bytes:    | taken | header, frame, header |            | frame | space |
//!  queue:                                    ^ payload    ^ payload
//! ```

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::ops::{Deref, DerefMut};

use bytes::{Buf, Bytes};

use crate::buffers;

/// A larger buffer is freed when all of it has been written.
const KEEP: usize = 64 << 10;

/// If the transport has taken fewer bytes than this, it is not worth the cost to move the rest.
const COMPACT_FROM: usize = 4 << 10;

/// The least space that is made at once: enough for some small frames.
const FIRST_SPACE: usize = 256;

/// The most space that is made at once, unless a frame needs more. Space is filled with zeros, which is in vain if it is cut
/// off before it is used.
const MOST_SPACE: usize = 1 << 10;

/// What waits to be written, in order.
#[derive(Default)]
pub(crate) struct Outgoing {
    /// The bytes that wait, and free space behind them. The space has bytes that this connection has written before, or zeros.
    /// A frame that overwrites them costs less than one that is appended, and they need not be filled with zeros again.
    bytes: Vec<u8>,
    /// The end of the bytes that wait.
    end: usize,
    /// `None` until a payload is shared, or until a write takes only a part.
    pieces: Option<Box<Pieces>>,
}

/// Shows the bytes that wait, and not those that were written before.
impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.slices()).finish()
    }
}

/// The state that is needed when the bytes that wait are not one piece at the start of the buffer.
#[derive(Debug, Default)]
struct Pieces {
    /// How many bytes of the buffer the transport has taken.
    taken: usize,
    /// The payloads that are not copied.
    queue: VecDeque<Shared>,
    /// How many bytes the payloads have together.
    len: usize,
}

/// A payload that belongs between two of the buffer's bytes.
#[derive(Debug)]
struct Shared {
    /// How many bytes of the buffer precede it.
    at: usize,
    payload: Bytes,
    /// Whether other connections send it as well, from the same memory.
    for_many: bool,
}

impl Outgoing {
    /// The buffer, to append to. Its free space is cut off.
    pub(crate) fn buffer(&mut self) -> Appending<'_> {
        if self.bytes.capacity() == 0 {
            self.bytes = buffers::take_output_buffer();
        }
        self.bytes.truncate(self.end);
        Appending(self)
    }

    /// Whether nothing was ever written to the buffer, or there is none.
    pub(crate) fn is_blank(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Space of at least `len` bytes behind the bytes that wait. Follow with [`fill`](Self::fill).
    pub(crate) fn space(&mut self, len: usize) -> &mut [u8] {
        if self.bytes.len() - self.end < len {
            self.make_space(len);
        }
        let space = self.free_space();
        debug_assert!(space.is_some());
        space.unwrap_or_default()
    }

    /// The space that there is already, however small. It is never `None`, because the buffer does not end before `end`.
    #[inline(always)]
    pub(crate) fn free_space(&mut self) -> Option<&mut [u8]> {
        self.bytes.get_mut(self.end..)
    }

    /// `len` bytes were written to the start of the space, and now wait.
    #[inline(always)]
    pub(crate) fn fill(&mut self, len: usize) {
        self.end += len;
    }

    #[cold]
    fn make_space(&mut self, len: usize) {
        let end = self.end;
        let space = len.max(end.clamp(FIRST_SPACE, MOST_SPACE));
        self.buffer().resize(end + space, 0);
        self.end = end;
    }

    /// Appends a payload without copying it.
    pub(crate) fn share(&mut self, payload: Bytes) {
        self.push(payload, false);
    }

    /// Appends a payload that other connections send as well, from the same memory. [`copy_shared`](Self::copy_shared) does
    /// not copy it.
    pub(crate) fn share_with_many(&mut self, payload: Bytes) {
        self.push(payload, true);
    }

    fn push(&mut self, payload: Bytes, for_many: bool) {
        let at = self.end;
        let pieces = self.pieces.get_or_insert_default();
        pieces.len = pieces.len.saturating_add(payload.len());
        pieces.queue.push_back(Shared { at, payload, for_many });
    }

    /// Whether the bytes that wait are more than one piece, or do not begin where the buffer begins.
    #[inline(always)]
    fn is_in_pieces(&self) -> bool {
        self.pieces.as_ref().is_some_and(|pieces| pieces.taken > 0 || !pieces.queue.is_empty())
    }

    /// Copies the payloads of fewer than `below` bytes to their places in the buffer, except those that other connections send
    /// as well. Each payload is copied once, however often this is called.
    #[cold]
    pub(crate) fn copy_shared(&mut self, below: usize) {
        let Some(pieces) = &mut self.pieces else { return };
        let is_small = |shared: &Shared| !shared.for_many && shared.payload.len() < below;
        let Some(first) = pieces.queue.iter().position(is_small) else { return };
        let rest = pieces.queue.split_off(first.min(pieces.queue.len()));
        let mut at = rest.front().map_or(self.end, |shared| shared.at);
        self.bytes.truncate(self.end);
        let tail = self.bytes.split_off(at.min(self.bytes.len()));
        let mut tail = tail.as_slice();
        for mut shared in rest {
            // Payloads are queued in order, and none of them behind the end of the buffer.
            debug_assert!(shared.at >= at && shared.at - at <= tail.len());
            let (before, after) = tail.split_at((shared.at - at).min(tail.len()));
            self.bytes.extend_from_slice(before);
            (at, tail) = (shared.at, after);
            if is_small(&shared) {
                pieces.len -= shared.payload.len();
                self.bytes.extend_from_slice(&shared.payload);
            } else {
                shared.at = self.bytes.len();
                pieces.queue.push_back(shared);
            }
        }
        self.bytes.extend_from_slice(tail);
        self.end = self.bytes.len();
    }

    /// How many bytes wait.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        match &self.pieces {
            None => self.end,
            Some(pieces) => self.end - pieces.taken + pieces.len,
        }
    }

    /// The bytes that wait, in pieces that are not empty.
    #[inline]
    pub(crate) fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let mut shared = self.pieces.iter().flat_map(|pieces| &pieces.queue);
        let mut at = self.pieces.as_ref().map_or(0, |pieces| pieces.taken);
        let mut payload = None;
        core::iter::from_fn(move || {
            if payload.is_some() {
                return payload.take();
            }
            let next = shared.next();
            let end = next.map_or(self.end, |next| next.at);
            let bytes = self.bytes.get(at..end).filter(|bytes| !bytes.is_empty());
            at = end;
            payload = next.map(|next| &*next.payload);
            bytes.or_else(|| payload.take())
        })
    }

    /// The first piece of the bytes that wait. It is empty if nothing waits.
    #[inline]
    pub(crate) fn first(&self) -> &[u8] {
        if self.is_in_pieces() {
            return self.first_piece();
        }
        match self.bytes.get(..self.end) {
            Some(whole) => whole,
            None => self.first_piece(),
        }
    }

    #[inline(never)]
    fn first_piece(&self) -> &[u8] {
        self.slices().next().unwrap_or_default()
    }

    /// The transport has taken the first `len` bytes, or all if there are fewer.
    #[inline]
    pub(crate) fn advance(&mut self, len: usize) {
        // Most writes take everything.
        if self.is_in_pieces() || len < self.end {
            self.advance_in_pieces(len);
        } else {
            self.clear();
        }
    }

    /// The transport has taken everything.
    #[inline(always)]
    fn clear(&mut self) {
        self.end = 0;
        if self.bytes.capacity() > KEEP {
            self.drop_buffer();
        }
    }

    #[cold]
    fn drop_buffer(&mut self) {
        self.bytes = Vec::new();
    }

    /// [`advance`](Self::advance) if there are several pieces, or if a write takes only a part.
    #[inline(never)]
    fn advance_in_pieces(&mut self, mut len: usize) {
        let end = self.end;
        let pieces = self.pieces.get_or_insert_default();
        while let Some(shared) = pieces.queue.front_mut() {
            let before = shared.at - pieces.taken;
            if len < before {
                break;
            }
            pieces.taken = shared.at;
            len -= before;
            let part = len.min(shared.payload.len());
            pieces.len -= part;
            if part < shared.payload.len() {
                shared.payload.advance(part);
                return;
            }
            len -= part;
            pieces.queue.pop_front();
        }
        pieces.taken = pieces.taken.saturating_add(len).min(end);
        if pieces.taken == end && pieces.queue.is_empty() {
            pieces.taken = 0;
            self.clear();
        } else if pieces.taken >= COMPACT_FROM && pieces.taken >= end / 2 {
            self.compact();
        }
    }

    /// Moves the rest to the start, because a queue that is never empty must not grow for ever. No more bytes are moved than
    /// were taken, so each byte is moved once on average.
    #[inline(never)]
    fn compact(&mut self) {
        let Some(pieces) = &mut self.pieces else { return };
        self.bytes.truncate(self.end);
        self.bytes.drain(..pieces.taken.min(self.bytes.len()));
        self.end = self.bytes.len();
        for shared in &mut pieces.queue {
            shared.at -= pieces.taken;
        }
        pieces.taken = 0;
    }

    /// Frees the memory if nothing waits.
    pub(crate) fn release(&mut self) {
        if self.len() > 0 {
            return;
        }
        if self.pieces.is_some() {
            self.pieces = None;
        }
        if self.bytes.capacity() > 0 {
            self.return_buffer();
        }
    }

    /// Returns the buffer to the pool, without what was in it.
    fn return_buffer(&mut self) {
        let mut bytes = core::mem::take(&mut self.bytes);
        bytes.clear();
        self.end = 0;
        buffers::return_output_buffer(bytes);
    }
}

/// The buffer while something is appended to it. When this is dropped, the appended bytes wait to be written.
pub(crate) struct Appending<'o>(&'o mut Outgoing);

impl Deref for Appending<'_> {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0.bytes
    }
}

impl DerefMut for Appending<'_> {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0.bytes
    }
}

impl Drop for Appending<'_> {
    fn drop(&mut self) {
        self.0.end = self.0.bytes.len();
    }
}

impl From<Vec<u8>> for Outgoing {
    fn from(bytes: Vec<u8>) -> Self {
        Self { end: bytes.len(), bytes, pieces: None }
    }
}

/// Returns the buffer to the pool, whatever is in it.
impl Drop for Outgoing {
    fn drop(&mut self) {
        if self.bytes.capacity() > 0 {
            self.return_buffer();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Outgoing, Vec<u8>) {
        let mut out = Outgoing::default();
        out.share(Bytes::from_static(b"first "));
        out.buffer().extend(b"second ");
        out.share(Bytes::from_static(b"third "));
        out.share(Bytes::from_static(b"fourth "));
        out.buffer().extend(b"last");
        (out, b"first second third fourth last".to_vec())
    }

    #[test]
    fn whatever_is_taken_at_a_time_all_leaves_in_order() {
        for step in 1..40 {
            let (mut out, expected) = sample();
            let mut written = Vec::<u8>::new();
            while out.len() > 0 {
                let waiting: Vec<u8> = out.slices().flatten().copied().collect();
                assert_eq!(waiting, expected[written.len()..]);
                assert_eq!(waiting.len(), out.len());
                let len = step.min(waiting.len());
                written.extend(&waiting[..len]);
                out.advance(len);
            }
            assert_eq!(written, expected, "step {step}");
        }
    }

    #[test]
    fn payloads_that_are_copied_leave_where_they_belong() {
        for below in [0, 1, 6, 7, 8, 100] {
            for taken in 0..29 {
                let (mut out, expected) = sample();
                out.advance(taken);
                for _ in 0..2 {
                    out.copy_shared(below);
                    let waiting: Vec<u8> = out.slices().flatten().copied().collect();
                    assert_eq!(waiting, expected[taken..], "below {below}, {taken} taken");
                    assert_eq!(out.len(), waiting.len());
                }
                assert!(below < 100 || out.slices().count() <= 1);
                // The queue still takes more.
                out.share(Bytes::from_static(b"more "));
                out.buffer().extend(b"and more");
                out.copy_shared(below);
                let waiting: Vec<u8> = out.slices().flatten().copied().collect();
                assert_eq!(waiting, [&expected[taken..], b"more and more"].concat());
            }
        }
    }

    #[test]
    fn a_payload_that_others_send_as_well_is_never_copied() {
        let (mut out, expected) = sample();
        out.share_with_many(Bytes::from_static(b"news"));
        out.copy_shared(100);
        assert!(out.slices().any(|chunk| chunk == b"news"));
        assert_eq!(out.slices().flatten().count(), expected.len() + 4);
        // The payloads of this connection alone are copied all the same.
        out.share(Bytes::from_static(b"own"));
        out.buffer().extend(b"!");
        out.copy_shared(100);
        assert_eq!(out.slices().last().unwrap(), b"own!");
        assert_eq!(out.slices().filter(|chunk| *chunk == b"news").count(), 1);
    }

    #[test]
    fn the_first_piece_is_that_of_the_pieces() {
        let (mut out, expected) = sample();
        for taken in 0..expected.len() {
            assert_eq!(Some(out.first()), out.slices().next(), "after {taken}");
            out.advance(1);
        }
        assert_eq!(out.first(), b"");
        out.advance(1000);
        assert_eq!(out.len(), 0);
    }

    #[test]
    fn a_queue_that_never_runs_empty_stays_small() {
        let mut out = Outgoing::default();
        out.buffer().extend([0; 1000]);
        let payload = Bytes::from_static(b"x");
        for _ in 0..10_000 {
            out.buffer().extend([1; 100]);
            out.share(payload.clone());
            out.advance(101);
        }
        assert_eq!(out.len(), 1000);
        assert!(out.buffer().capacity() < 32 << 10, "{}", out.buffer().capacity());
    }
    #[test]
    fn space_is_what_was_taken_and_only_what_was_filled_is_written() {
        let mut out = Outgoing::default();
        out.space(5)[..5].copy_from_slice(b"first");
        out.fill(5);
        assert_eq!((out.first(), out.len()), (&b"first"[..], 5));
        let space = out.free_space().unwrap().len();
        out.advance(5);
        assert_eq!(out.len(), 0);
        assert_eq!(out.first(), b"");
        assert_eq!(out.free_space().unwrap().len(), space + 5, "all of it is free again");
        assert!(out.space(3).starts_with(b"first"));
        out.space(3)[..3].copy_from_slice(b"two");
        out.fill(3);
        out.buffer().extend(b" more");
        assert_eq!(out.slices().collect::<Vec<_>>(), [b"two more"]);
    }

    #[test]
    fn space_is_made_as_large_as_it_is_needed() {
        let mut out = Outgoing::default();
        for len in [1, 18, 131, 1000, 8206, 1] {
            assert!(out.space(len).len() >= len);
            out.fill(len);
        }
        assert_eq!(out.len(), 1 + 18 + 131 + 1000 + 8206 + 1);
        assert!(out.free_space().unwrap().len() <= MOST_SPACE);
    }

    #[test]
    fn the_next_connection_finds_nothing_of_what_was_in_a_buffer() {
        let mut out = Outgoing::default();
        out.space(6)[..6].copy_from_slice(b"secret");
        out.fill(6);
        out.advance(6);
        out.release();
        let mut next = Outgoing::default();
        assert!(next.space(6).iter().all(|byte| *byte == 0));
    }

    /// Calls all methods in an order that depends on a seed, and compares the bytes that wait with those that should.
    #[test]
    fn whatever_is_done_in_which_order_what_waits_is_what_was_put_in() {
        for seed in 1..200_u64 {
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut below = |limit: u64| {
                state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                ((state >> 33) % limit) as usize
            };
            let (mut out, mut expected) = (Outgoing::default(), Vec::<u8>::new());
            for step in 0..300 {
                let piece = [step as u8; 700];
                let piece = &piece[..1 + below(700)];
                match below(8) {
                    0 => out.buffer().extend(piece),
                    1 => out.share(Bytes::copy_from_slice(piece)),
                    2 => out.copy_shared(below(700)),
                    3 | 4 => {
                        out.space(piece.len())[..piece.len()].copy_from_slice(piece);
                        out.fill(piece.len());
                    }
                    5 => {
                        let len = below(1000).min(expected.len());
                        out.advance(len);
                        expected.drain(..len);
                        continue;
                    }
                    6 => {
                        out.advance(out.len());
                        expected.clear();
                        continue;
                    }
                    _ => {
                        out.release();
                        continue;
                    }
                }
                if out.len() > expected.len() {
                    expected.extend(piece);
                }
                let waiting: Vec<u8> = out.slices().flatten().copied().collect();
                assert_eq!(waiting, expected, "seed {seed}, step {step}");
                assert_eq!(out.len(), expected.len(), "seed {seed}, step {step}");
                assert_eq!(out.slices().next().unwrap_or_default(), out.first());
            }
        }
    }
}
