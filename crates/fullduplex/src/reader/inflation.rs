//! The buffer of a [`Reader`](crate::Reader) in which compressed messages become what they were.

use bytes::{Bytes, BytesMut};

use crate::buffers::FIRST_SIZE;
use crate::connection::Receiver;
use crate::event::MessageKind;
#[cfg(feature = "std")]
use crate::pool::{self, Pool};

/// The least room to inflate into: enough for a short message, and more than one step in any case.
const LEAST_ROOM: usize = 256;

/// A larger buffer is given up as soon as its message has been read. Smaller ones stay for the next message, of
/// whichever connection on the thread where there is a pool. Messages of 64 KiB grow to this size.
const KEEP: usize = 128 << 10;

#[cfg(feature = "std")]
static POOLED: core::sync::atomic::AtomicUsize = core::sync::atomic::AtomicUsize::new(0);

#[cfg(feature = "std")]
std::thread_local! {
    static BUFFERS: Pool<(), BytesMut> = const { Pool::new(&POOLED) };
}

/// What has come of the compressed message in progress, or of the last one.
#[derive(Debug, Default)]
pub(super) struct Inflation {
    /// All of it initialised, beyond `len` with bytes that mean nothing.
    buf: BytesMut,
    len: usize,
    /// How large the present buffer was made; owned messages have taken their parts of it.
    made: usize,
    /// How large the last message was: so much room is made for the next one.
    last: usize,
    /// Whether more of the message is to come.
    pub(super) open: bool,
    /// What kind of message it is; `None` before the first one.
    kind: Option<MessageKind>,
}

impl Inflation {
    /// What has come of the message.
    pub(super) fn message(&self) -> &[u8] {
        self.buf.get(..self.len).unwrap_or_default()
    }

    /// What kind of message it is.
    pub(super) fn kind(&self) -> MessageKind {
        self.kind.unwrap_or(MessageKind::Binary)
    }

    /// Gives the message away.
    pub(super) fn give(&mut self) -> Bytes {
        self.note();
        let message = self.buf.split_to(self.len.min(self.buf.len()));
        self.len = 0;
        message.freeze()
    }

    /// The room behind what has come of the message; nothing where that is too little, so that more is
    /// [asked for](Self::make_room) when a compressed message comes.
    pub(super) fn scratch(&mut self) -> &mut [u8] {
        if !self.open {
            self.note();
            self.len = 0;
        }
        // What owned messages have left of the buffer may be too little for one more like them.
        let expected = if self.open { 0 } else { self.last };
        match self.buf.get_mut(self.len..) {
            Some(room) if room.len() >= expected + LEAST_ROOM => room,
            _ => &mut [],
        }
    }

    /// Makes room for [`scratch`](Self::scratch).
    pub(super) fn make_room(&mut self, receiver: &Receiver) {
        #[cfg(feature = "std")]
        if self.buf.is_empty() && !receiver.peer_takes_over() {
            self.buf = pool::take(&BUFFERS, &()).unwrap_or_default();
            self.made = self.buf.len();
        }
        if self.scratch().is_empty() {
            self.grow(receiver);
        }
    }

    /// `len` bytes have been inflated to the start of the scratch.
    pub(super) fn push(&mut self, kind: MessageKind, len: usize, last: bool) {
        self.kind = Some(kind);
        self.len += len;
        self.open = !last;
    }

    /// Notes how large the message was.
    fn note(&mut self) {
        if self.len > 0 {
            self.last = self.len;
        }
    }

    /// At least doubles the room, but not beyond what the message may still bring.
    fn grow(&mut self, receiver: &Receiver) {
        if self.len == 0 && self.made >= self.last + LEAST_ROOM {
            // All of it, if the messages that were given away are gone.
            self.buf.clear();
            if self.buf.try_reclaim(self.made) {
                self.buf.resize(self.made, 0);
                return;
            }
        }
        let most = usize::try_from(receiver.expected().message).unwrap_or(usize::MAX);
        let left = most.saturating_add(LEAST_ROOM);
        let like_the_last = (self.last + LEAST_ROOM).saturating_sub(self.len);
        let double = self.len.max(FIRST_SIZE).max(like_the_last);
        // What would be nearly the end is the end, so that a message at the limit is not moved once more.
        let more = if double.saturating_add(LEAST_ROOM) < left { double } else { left };
        self.made = self.len + more;
        let mut larger = BytesMut::zeroed(self.made);
        if let Some(place) = larger.get_mut(..self.len) {
            place.copy_from_slice(self.message());
        }
        self.buf = larger;
    }

    /// All messages have been read, and more input is needed: a large buffer is given up. A small one is lent
    /// to others, but by a connection that takes over context: that holds more than this either way.
    pub(super) fn rest(&mut self, receiver: &Receiver) {
        if self.open || self.made == 0 {
            return;
        }
        self.note();
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
