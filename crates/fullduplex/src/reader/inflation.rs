//! The buffer that a [`Reader`](crate::Reader) inflates compressed messages into.

use core::ops::Range;

use bytes::{Bytes, BytesMut};

use crate::buffers::FIRST_SIZE;
use crate::connection::Receiver;
use crate::event::{MessageKind, Part};
#[cfg(feature = "std")]
use crate::pool::{self, Pool};

/// The least space to inflate into: enough for a short message.
pub(super) const LEAST_SPACE: usize = 256;

/// A larger buffer is freed as soon as its message has been read. A smaller one is kept for the next message: of any
/// connection of the thread if there is a pool. For a message of 64 KiB, the buffer grows to this size.
const KEEP: usize = 128 << 10;

#[cfg(feature = "std")]
static POOLED: core::sync::atomic::AtomicUsize = core::sync::atomic::AtomicUsize::new(0);

#[cfg(feature = "std")]
std::thread_local! {
    static BUFFERS: Pool<(), BytesMut> = const { Pool::new(|| &POOLED) };
}

/// Inflated data: of the compressed message in progress, of the last one, or of a piece of one.
#[derive(Debug, Default)]
pub(super) struct Inflation {
    /// All of it is initialised. The bytes beyond `len` have no meaning.
    buf: BytesMut,
    len: usize,
    /// The size that the present buffer was made with. Owned messages have taken their parts of it.
    made: usize,
    /// The size of the last message. As much space is made for the next one.
    last: usize,
    /// The kind of the message that is being gathered, if there is one.
    gathering: Option<MessageKind>,
}

impl Inflation {
    /// The inflated data.
    pub(super) fn message(&self) -> &[u8] {
        let message = self.buf.get(..self.len);
        // `push` counts only bytes that lie in the scratch, which is a part of the buffer.
        debug_assert!(message.is_some());
        message.unwrap_or_default()
    }

    /// Takes the inflated data out of the buffer.
    pub(super) fn take_message(&mut self) -> Bytes {
        debug_assert!(self.len <= self.buf.len());
        let message = self.buf.split_to(self.len.min(self.buf.len()));
        self.len = 0;
        message.freeze()
    }

    /// Whether a message is being gathered.
    pub(super) fn is_gathering(&self) -> bool {
        self.gathering.is_some()
    }

    /// Notes that the inflated data is `part` of a message. Unless it is the last part, later data is added to it.
    pub(super) fn gather(&mut self, kind: MessageKind, part: Part) {
        self.gathering = if part.is_last() { None } else { Some(kind) };
        if part.is_last() && self.len > 0 {
            self.last = self.len;
        }
    }

    /// Ends the gathering, because the inflated part of the message will be returned as a piece. Returns its kind, if a
    /// message is being gathered.
    pub(super) fn take_gathered(&mut self) -> Option<MessageKind> {
        self.gathering.take()
    }

    /// How much space there should be for more of the message, or for a new one.
    pub(super) fn least_space(&self) -> usize {
        // Owned messages take parts of the buffer, so what is left may be too small for one more like them.
        LEAST_SPACE + if self.is_gathering() { 0 } else { self.last }
    }

    /// The space behind the data that is being gathered, of at least `space.start` and at most `space.end` bytes. If there is
    /// less, it is empty, so that the receiver asks for scratch when a compressed message comes.
    #[inline]
    pub(super) fn scratch(&mut self, space: Range<usize>) -> &mut [u8] {
        if !self.is_gathering() {
            self.len = 0;
        }
        match self.buf.get_mut(self.len..) {
            Some(free) if free.len() >= space.start => {
                let most = free.len().min(space.end);
                free.split_at_mut(most).0
            }
            _ => &mut [],
        }
    }

    /// `len` bytes have been inflated to the start of the scratch.
    #[inline]
    pub(super) fn push(&mut self, len: usize) {
        self.len += len;
    }

    /// Makes `least` bytes of space, or as many as the message can need. There is always some.
    #[inline(never)]
    pub(super) fn make_space(&mut self, least: usize, receiver: &Receiver) {
        #[cfg(feature = "std")]
        if self.buf.is_empty() && !receiver.peer_takes_over() {
            self.buf = pool::take(&BUFFERS, &()).unwrap_or_default();
            self.made = self.buf.len();
        }
        if self.buf.len() - self.len >= least {
            return;
        }
        if self.len == 0 && self.made >= least {
            // If the owned messages are gone, the whole buffer can be used again.
            self.buf.clear();
            if self.buf.try_reclaim(self.made) {
                self.buf.resize(self.made, 0);
                return;
            }
        }
        let most = usize::try_from(receiver.expected().message).unwrap_or(usize::MAX);
        let left = most.saturating_add(LEAST_SPACE);
        let double = self.len.max(FIRST_SIZE).max(least);
        // If nearly all that the message can need would fit, make space for all of it. A message at the limit is then not
        // moved once more.
        let more = if double.saturating_add(LEAST_SPACE) < left { double } else { left };
        self.made = self.len + more;
        let mut larger = BytesMut::zeroed(self.made);
        let message = self.message();
        if let Some(place) = larger.get_mut(..message.len()) {
            place.copy_from_slice(message);
        }
        self.buf = larger;
    }

    /// Frees a large buffer when everything has been read. A small one goes to the pool, unless the peer's compressor keeps
    /// its context: then the decompressor of this connection holds more memory than this buffer anyway.
    pub(super) fn rest(&mut self, receiver: &Receiver) {
        if self.is_gathering() || self.made == 0 {
            return;
        }
        if self.made > KEEP {
            self.buf = BytesMut::new();
            self.made = 0;
            self.len = 0;
        }
        #[cfg(feature = "std")]
        if !receiver.peer_takes_over() {
            let buf = core::mem::take(&mut self.buf);
            if buf.len() >= LEAST_SPACE {
                pool::put(&BUFFERS, (), buf);
            }
            self.made = 0;
            self.len = 0;
        }
        #[cfg(not(feature = "std"))]
        let _ = receiver;
    }
}
