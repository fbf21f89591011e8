//! Bytes on their way out: a buffer to append frames to, and between its bytes the payloads that stay where
//! the application has them.
//!
//! ```text
//!  bytes:    | taken | header, frame, header |            | frame |
//!  shared:                                   ^ payload    ^ payload
//! ```

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::{Buf, Bytes};

use crate::buffers;

/// A buffer that has grown beyond this is given back when all of it has been written.
const KEEP: usize = 64 << 10;

/// As long as less than this was taken, it is not worth moving what is left.
const COMPACT_FROM: usize = 4 << 10;

/// What waits to be written, in order.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    bytes: Vec<u8>,
    /// How much of `bytes` the transport has taken.
    taken: usize,
    /// Made for the first large payload.
    shared: Option<Box<Payloads>>,
}

/// Payloads that stay where the application has them.
#[derive(Debug, Default)]
struct Payloads {
    queue: VecDeque<Shared>,
    /// How many bytes they have.
    len: usize,
    /// Whether one of the payloads queued since the queue was last empty is also sent by other connections, from the
    /// same memory.
    for_many: bool,
}

/// A payload that belongs between two of the buffer's bytes.
#[derive(Debug)]
struct Shared {
    /// How many bytes of the buffer go before it.
    at: usize,
    payload: Bytes,
}

impl Outgoing {
    /// The buffer, to append to.
    #[inline]
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        if self.bytes.capacity() == 0 {
            self.bytes = buffers::take_output();
        }
        &mut self.bytes
    }

    /// Appends a payload without copying it.
    pub(crate) fn share(&mut self, payload: Bytes) {
        let shared = self.shared.get_or_insert_default();
        shared.len = shared.len.saturating_add(payload.len());
        shared.queue.push_back(Shared { at: self.bytes.len(), payload });
    }

    /// Appends a payload that other connections send as well. From here on, [`copy_shared`](Self::copy_shared) copies
    /// nothing until the queue is empty.
    pub(crate) fn share_with_many(&mut self, payload: Bytes) {
        self.share(payload);
        if let Some(shared) = &mut self.shared {
            shared.for_many = true;
        }
    }

    /// The first payload between those of the buffer.
    #[inline(always)]
    fn first_shared(&self) -> Option<&Shared> {
        self.shared.as_ref()?.queue.front()
    }

    /// Copies the payloads of fewer than `below` bytes into the buffer, at their places; none if other connections send
    /// one of them as well. Each is copied once, however often this is called.
    #[cold]
    pub(crate) fn copy_shared(&mut self, below: usize) {
        let Some(payloads) = &mut self.shared else { return };
        if payloads.for_many {
            return;
        }
        let is_small = |shared: &Shared| shared.payload.len() < below;
        let Some(first) = payloads.queue.iter().position(is_small) else { return };
        let rest = payloads.queue.split_off(first);
        let begin = rest.front().map_or(0, |shared| shared.at);
        let tail = self.bytes.split_off(begin);
        let mut moved = 0;
        for mut shared in rest {
            let end = shared.at - begin;
            self.bytes.extend_from_slice(tail.get(moved..end).unwrap_or_default());
            moved = end;
            if is_small(&shared) {
                payloads.len -= shared.payload.len();
                self.bytes.extend_from_slice(&shared.payload);
            } else {
                shared.at = self.bytes.len();
                payloads.queue.push_back(shared);
            }
        }
        self.bytes.extend_from_slice(tail.get(moved..).unwrap_or_default());
    }

    /// How many bytes wait.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.taken + self.shared.as_ref().map_or(0, |shared| shared.len)
    }

    /// What waits, piece by piece; no piece is empty.
    #[inline]
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let mut shared = self.shared.iter().flat_map(|shared| &shared.queue);
        let mut at = self.taken;
        let mut payload = None;
        core::iter::from_fn(move || {
            if payload.is_some() {
                return payload.take();
            }
            let next = shared.next();
            let end = next.map_or(self.bytes.len(), |next| next.at);
            let bytes = self.bytes.get(at..end).filter(|bytes| !bytes.is_empty());
            at = end;
            payload = next.map(|next| &*next.payload);
            bytes.or_else(|| payload.take())
        })
    }

    /// The first piece of what waits; empty when nothing does.
    #[inline]
    pub(crate) fn first(&self) -> &[u8] {
        match self.first_shared() {
            None => self.bytes.get(self.taken..).unwrap_or_default(),
            Some(_) => self.chunks().next().unwrap_or_default(),
        }
    }

    /// The first `len` bytes were taken; what is beyond the end does not count.
    #[inline]
    pub(crate) fn advance(&mut self, mut len: usize) {
        if self.first_shared().is_some() {
            match self.advance_shared(len) {
                None => return,
                Some(rest) => len = rest,
            }
        }
        self.taken = self.taken.saturating_add(len).min(self.bytes.len());
        if self.taken == self.bytes.len() && self.first_shared().is_none() {
            self.taken = 0;
            self.bytes.clear();
            if self.bytes.capacity() > KEEP {
                self.bytes = Vec::new();
            }
        } else if self.taken >= COMPACT_FROM && self.taken >= self.bytes.len() / 2 {
            self.compact();
        }
    }

    /// Takes `len` bytes up to the last payload between those of the buffer; returns how many of them lie behind
    /// it, or `None` if it ends within a payload.
    #[inline(never)]
    fn advance_shared(&mut self, mut len: usize) -> Option<usize> {
        let payloads = self.shared.as_mut()?;
        while let Some(shared) = payloads.queue.front_mut() {
            let before = shared.at - self.taken;
            if len < before {
                return Some(len);
            }
            self.taken = shared.at;
            len -= before;
            let part = len.min(shared.payload.len());
            payloads.len -= part;
            if part < shared.payload.len() {
                shared.payload.advance(part);
                return None;
            }
            len -= part;
            payloads.queue.pop_front();
        }
        Some(len)
    }

    /// Moves what is left to the start: a queue that never runs empty must not grow for ever. At least as
    /// much was taken as is moved, so each byte is moved once on average.
    #[inline(never)]
    fn compact(&mut self) {
        self.bytes.drain(..self.taken);
        for shared in self.shared.iter_mut().flat_map(|shared| &mut shared.queue) {
            shared.at -= self.taken;
        }
        self.taken = 0;
    }

    /// Gives the memory back if nothing waits.
    pub(crate) fn release(&mut self) {
        if self.len() > 0 {
            return;
        }
        if self.shared.is_some() {
            self.shared = None;
        }
        if self.bytes.capacity() > 0 {
            buffers::give_output(core::mem::take(&mut self.bytes));
        }
    }
}

impl From<Vec<u8>> for Outgoing {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, taken: 0, shared: None }
    }
}

/// The buffer goes where [`release`](Outgoing::release) gives it, whatever is in it.
impl Drop for Outgoing {
    fn drop(&mut self) {
        if self.bytes.capacity() > 0 {
            let mut bytes = core::mem::take(&mut self.bytes);
            bytes.clear();
            buffers::give_output(bytes);
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
                let waiting: Vec<u8> = out.chunks().flatten().copied().collect();
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
                    let waiting: Vec<u8> = out.chunks().flatten().copied().collect();
                    assert_eq!(waiting, expected[taken..], "below {below}, {taken} taken");
                    assert_eq!(out.len(), waiting.len());
                }
                assert!(below < 100 || out.chunks().count() <= 1);
                // It goes on as before.
                out.share(Bytes::from_static(b"more "));
                out.buffer().extend(b"and more");
                out.copy_shared(below);
                let waiting: Vec<u8> = out.chunks().flatten().copied().collect();
                assert_eq!(waiting, [&expected[taken..], b"more and more"].concat());
            }
        }
    }

    #[test]
    fn a_payload_that_others_send_as_well_is_never_copied() {
        let (mut out, expected) = sample();
        out.share_with_many(Bytes::from_static(b"news"));
        out.copy_shared(100);
        assert!(out.chunks().any(|chunk| chunk == b"news"));
        assert_eq!(out.chunks().flatten().count(), expected.len() + 4);
        // Once the queue is empty, that is forgotten.
        out.advance(100);
        out.release();
        out.share(Bytes::from_static(b"own"));
        out.buffer().extend(b"!");
        out.copy_shared(100);
        assert_eq!(out.chunks().collect::<Vec<_>>(), [b"own!"]);
    }

    #[test]
    fn the_first_piece_is_that_of_the_pieces() {
        let (mut out, expected) = sample();
        for taken in 0..expected.len() {
            assert_eq!(Some(out.first()), out.chunks().next(), "after {taken}");
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
}
