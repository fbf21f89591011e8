//! The buffer of a [`Reader`](crate::Reader) in which compressed messages become what they were.

use core::ops::Range;

use bytes::{Bytes, BytesMut};

use crate::buffers::FIRST_SIZE;
use crate::connection::Receiver;
use crate::event::{MessageKind, Part};
#[cfg(feature = "std")]
use crate::pool::{self, Pool};

/// The least room to inflate into: enough for a short message, and more than one step in any case.
pub(super) const LEAST_ROOM: usize = 256;

/// A larger buffer is given up as soon as its message has been read. Smaller ones stay for the next message, of
/// whichever connection on the thread where there is a pool. Messages of 64 KiB grow to this size.
const KEEP: usize = 128 << 10;

#[cfg(feature = "std")]
static POOLED: core::sync::atomic::AtomicUsize = core::sync::atomic::AtomicUsize::new(0);

#[cfg(feature = "std")]
std::thread_local! {
    static BUFFERS: Pool<(), BytesMut> = const { Pool::new(&POOLED) };
}

/// What has been inflated: of the compressed message in progress, or the last one, or a piece of one.
#[derive(Debug, Default)]
pub(super) struct Inflation {
    /// All of it initialised, beyond `len` with bytes that mean nothing.
    buf: BytesMut,
    len: usize,
    /// How large the present buffer was made; what was given away has taken its part of it.
    made: usize,
    /// How large the last message was: so much room is made for the next one.
    last: usize,
    /// What kind of message is being gathered, if one is.
    gathering: Option<MessageKind>,
}

impl Inflation {
    /// What has been inflated.
    pub(super) fn message(&self) -> &[u8] {
        let message = self.buf.get(..self.len);
        // `push` counts only bytes that lie in the scratch, which is a part of the buffer.
        debug_assert!(message.is_some());
        message.unwrap_or_default()
    }

    /// Gives it away.
    pub(super) fn give(&mut self) -> Bytes {
        debug_assert!(self.len <= self.buf.len());
        let message = self.buf.split_to(self.len.min(self.buf.len()));
        self.len = 0;
        message.freeze()
    }

    /// Whether a message is being gathered.
    pub(super) fn is_gathering(&self) -> bool {
        self.gathering.is_some()
    }

    /// What has been inflated is `part` of a message, and belongs to what comes next.
    pub(super) fn gather(&mut self, kind: MessageKind, part: Part) {
        self.gathering = if part.is_last() { None } else { Some(kind) };
        if part.is_last() && self.len > 0 {
            self.last = self.len;
        }
    }

    /// Ends the gathering: what there is of the message will be given away. Returns its kind, if one is being gathered.
    pub(super) fn take_gathered(&mut self) -> Option<MessageKind> {
        self.gathering.take()
    }

    /// How much room there should be for more of the message, or for a new one.
    pub(super) fn least_room(&self) -> usize {
        // What owned messages have left of the buffer may be too little for one more like them.
        LEAST_ROOM + if self.is_gathering() { 0 } else { self.last }
    }

    /// The room behind what is being gathered, of at least `room.start` bytes and at most `room.end`. Nothing where there is
    /// less, so that the receiver asks for it when a compressed message comes.
    #[inline]
    pub(super) fn scratch(&mut self, room: Range<usize>) -> &mut [u8] {
        if !self.is_gathering() {
            self.len = 0;
        }
        match self.buf.get_mut(self.len..) {
            Some(free) if free.len() >= room.start => {
                let most = free.len().min(room.end);
                free.split_at_mut(most).0
            }
            _ => &mut [],
        }
    }

    /// So much has been inflated to the start of the scratch.
    #[inline]
    pub(super) fn push(&mut self, len: usize) {
        self.len += len;
    }

    /// Makes `least` bytes of room, or as many as the message can need, of which there are some in any case.
    #[inline(never)]
    pub(super) fn make_room(&mut self, least: usize, receiver: &Receiver) {
        #[cfg(feature = "std")]
        if self.buf.is_empty() && !receiver.peer_takes_over() {
            self.buf = pool::take(&BUFFERS, &()).unwrap_or_default();
            self.made = self.buf.len();
        }
        if self.buf.len() - self.len >= least {
            return;
        }
        if self.len == 0 && self.made >= least {
            // All of it, if what was given away is gone.
            self.buf.clear();
            if self.buf.try_reclaim(self.made) {
                self.buf.resize(self.made, 0);
                return;
            }
        }
        let most = usize::try_from(receiver.expected().message).unwrap_or(usize::MAX);
        let left = most.saturating_add(LEAST_ROOM);
        let double = self.len.max(FIRST_SIZE).max(least);
        // What would be nearly the end is the end, so that a message at the limit is not moved once more.
        let more = if double.saturating_add(LEAST_ROOM) < left { double } else { left };
        self.made = self.len + more;
        let mut larger = BytesMut::zeroed(self.made);
        if let Some(place) = larger.get_mut(..self.len) {
            place.copy_from_slice(self.message());
        }
        self.buf = larger;
    }

    /// Everything has been read, and more input is needed: a large buffer is given up. A small one is lent
    /// to others, but by a connection that takes over context: that holds more than this either way.
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
            if buf.len() >= LEAST_ROOM {
                pool::put(&BUFFERS, (), buf);
            }
            self.made = 0;
            self.len = 0;
        }
        #[cfg(not(feature = "std"))]
        let _ = receiver;
    }
}
