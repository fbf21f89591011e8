//! A receive buffer that turns a connection's chunks into whole messages: room to read into, messages
//! lent from where they lie or given away.
//!
//! ```text
//!  0          message      start          end           buf.len()
//!  |  free    |  so far  |  |   unread    |    room      |
//! ```
//!
//! A message that comes in several pieces is gathered where it lies: its first piece stays, the next ones
//! move down over the headers between them, so a message of one frame is never moved at all.

mod chunks;
#[cfg(feature = "deflate")]
mod inflation;

#[cfg(feature = "deflate")]
use alloc::boxed::Box;
use core::ops::Range;
use core::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::buffers::{self, FIRST_SIZE, READ_SIZE};
use crate::connection::{Connection, Expected, Receiving};
use crate::error::Error;
use crate::event::{Event, MessageKind, Part};
use crate::input::Input;
use crate::owned::{CloseFrame, Message, MessageRef, Utf8Bytes};
#[cfg(feature = "deflate")]
use crate::reader::inflation::Inflation;
use crate::utf8;

/// What a read inside a large payload may bring beyond it: the next small messages, not so many that
/// moving them would cost.
const READ_BEYOND: usize = 4 << 10;

/// From this size on, a payload gets room of its own to be read into.
const LARGE_FROM: usize = 16 << 10;

/// A receive buffer of its own, for one [`Connection`].
///
/// Memory grows with what has arrived, never with what was announced: a buffer at most doubles beyond
/// what is in it. An owned message shares the buffer that it was read into, 4 to 64 KiB for small ones: who
/// keeps small messages for long should keep copies.
#[derive(Debug)]
pub struct Reader {
    /// Up to its length initialised, beyond `end` with bytes that mean nothing.
    buf: BytesMut,
    /// Unread input: `start..end`.
    start: usize,
    end: usize,
    /// Whether a read that fills the buffer asks for a larger one.
    growing: bool,
    /// Whether buffers are large where no large message asks for more: a read has filled a small one.
    large: bool,
    /// The message that is being gathered, below `start`.
    gathering: Option<(MessageKind, Range<usize>)>,
    chunks: Chunks,
    /// The largest message so far: so much room is made at once when another large one comes.
    largest: usize,
    /// How large the present buffer was made; owned messages have taken their parts of it.
    made: usize,
    #[cfg(feature = "deflate")]
    /// Made for the first compressed message.
    inflated: Option<Box<Inflation>>,
}

/// Whether a message has been given away in part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Begun {
    #[default]
    No,
    Yes,
    /// Yes, but nobody wants the rest.
    GivenUp,
}

/// How far a message has been given away in pieces.
#[derive(Debug, Default)]
struct Chunks {
    /// Whether pieces were asked for last, so that no room is made for whole messages.
    asked: bool,
    begun: Begun,
    /// A piece as it came, compressed, of which not all is inflated yet.
    #[cfg(feature = "deflate")]
    compressed: Option<Box<Compressed>>,
}

#[cfg(feature = "deflate")]
#[derive(Debug)]
struct Compressed {
    rest: Bytes,
    kind: MessageKind,
    last: bool,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

/// A message that [`Reader::poll_found`] has found: where it lies, to be lent by [`Reader::lend`].
#[derive(Debug)]
pub struct FoundMessage(Found);

/// What was found: where it lies, not what it is, so that the buffer can be borrowed anew.
#[derive(Debug)]
enum Found {
    /// A message; text has been checked.
    Data(MessageKind, Range<usize>),
    /// A message that was compressed: it is the inflated one.
    #[cfg(feature = "deflate")]
    Inflated(MessageKind),
    Ping,
    Pong,
    Close,
}

impl Reader {
    /// An empty reader, which holds no memory until [`room`](Self::room) is called.
    #[must_use]
    pub fn new() -> Self {
        Self {
            buf: BytesMut::new(),
            start: 0,
            end: 0,
            growing: false,
            large: false,
            gathering: None,
            chunks: Chunks::default(),
            largest: 0,
            made: 0,
            #[cfg(feature = "deflate")]
            inflated: None,
        }
    }

    /// Takes bytes that were read already: what followed the handshake in the same read.
    pub fn push(&mut self, received: &[u8]) {
        self.reserve(received.len(), 0);
        self.buf.truncate(self.end);
        self.buf.extend_from_slice(received);
        self.end = self.buf.len();
    }

    /// Where the transport reads into; never empty. Follow with [`advance`](Self::advance).
    ///
    /// `conn` tells how much of a payload is still to come, so that a large one is read into place.
    pub fn room<S>(&mut self, conn: &Connection<Receiving, S>) -> &mut [u8] {
        self.room_for(conn.expected())
    }

    /// [`room`](Self::room) for a transport that can read into memory that was never written to: it need
    /// not be filled with zeros first. Follow with [`advance`](Self::advance), for as many bytes as were
    /// put in.
    pub fn room_buf<'a, S>(
        &'a mut self,
        conn: &Connection<Receiving, S>,
    ) -> impl BufMut + use<'a, S> {
        self.room_buf_for(conn.expected())
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
    pub(crate) fn room_buf_for(&mut self, expected: Expected) -> impl BufMut {
        let room = self.make_room(expected);
        self.buf.truncate(self.end);
        (&mut self.buf).limit(room)
    }

    /// Makes room for the next read and returns how much of it there is to offer.
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
        // Less room than an eighth would cost a system call for too few bytes.
        let least = if self.made < self.size() { self.size() } else { self.size() / 8 };
        self.reserve(wanted.unwrap_or(least), size(expected.message));
        let free = self.buf.capacity() - self.end;
        self.growing = wanted.is_none();
        wanted.map_or(free, |wanted| wanted.min(free))
    }

    /// The transport has read `len` bytes into the [`room`](Self::room).
    ///
    /// A `len` beyond the room is cut to it.
    pub fn advance(&mut self, len: usize) {
        self.end = self.end.saturating_add(len).min(self.buf.len());
        self.large |= self.growing && self.end == self.buf.capacity();
    }

    /// Drops the first `len` unread bytes, or all if there are fewer: they were no frames.
    pub(crate) fn consume(&mut self, len: usize) {
        self.start = self.start.saturating_add(len).min(self.end);
    }

    /// The next message or control frame, lent from the buffer; `None` when more input is needed.
    ///
    /// # Errors
    /// As [`Connection::poll_event`].
    // Only what most messages take: what comes of it stays in registers then, wherever it is called.
    #[inline(always)]
    pub fn poll<'a, S>(
        &'a mut self,
        conn: &'a mut Connection<Receiving, S>,
        now: Duration,
    ) -> Result<Option<MessageRef<'a>>, Error> {
        let Some((kind, range, _)) = self.find_whole(conn, now) else {
            return self.poll_any(conn, now);
        };
        let payload = self.buf.get(range).unwrap_or_default();
        match kind {
            MessageKind::Binary => Ok(Some(MessageRef::Binary(payload))),
            MessageKind::Text => match utf8::as_str(payload) {
                Some(text) => Ok(Some(MessageRef::Text(text))),
                None => Err(conn.fail_whole_text(now)),
            },
        }
    }

    /// The next message or control frame, owned; `None` when more input is needed.
    ///
    /// # Errors
    /// As [`Connection::poll_event`].
    // As `poll`.
    #[inline(always)]
    pub fn poll_owned<S>(
        &mut self,
        conn: &mut Connection<Receiving, S>,
        now: Duration,
    ) -> Result<Option<Message>, Error> {
        let Some((kind, range, ascii)) = self.find_whole(conn, now) else {
            return self.poll_any_owned(conn, now);
        };
        if kind == MessageKind::Binary {
            return Ok(Some(Message::Binary(self.give(range))));
        }
        if ascii || self.buf.get(range.clone()).is_some_and(utf8::is_valid) {
            return Ok(Some(Message::Text(Utf8Bytes::from_validated(self.give(range)))));
        }
        Err(conn.fail_whole_text(now))
    }

    /// A message that lies whole in the buffer; text has not been checked, unless it is said to be ASCII.
    #[inline(always)]
    fn find_whole<S>(
        &mut self,
        conn: &mut Connection<Receiving, S>,
        now: Duration,
    ) -> Option<(MessageKind, Range<usize>, bool)> {
        let unread = self.buf.get_mut(self.start..self.end).unwrap_or_default();
        let mut input = Input::new(unread);
        let whole = conn.whole_message(&mut input, now)?;
        let (kind, len, ascii) = (whole.kind, whole.payload.len(), whole.ascii);
        self.start += input.consumed();
        // The payload is the end of what was consumed.
        Some((kind, self.start - len..self.start, ascii))
    }

    /// The next message or control frame, found and not yet lent: for a caller that cannot keep the borrow of
    /// [`poll`](Self::poll) while it looks for one. [`lend`](Self::lend) it before anything else is done.
    ///
    /// # Errors
    /// As [`Connection::poll_event`].
    #[inline]
    pub fn poll_found<S>(
        &mut self,
        conn: &mut Connection<Receiving, S>,
        now: Duration,
    ) -> Result<Option<FoundMessage>, Error> {
        let found = match self.find_whole(conn, now) {
            Some((kind, range, _)) => Some(Found::Data(kind, range)),
            None => self.find_unless_empty(conn, now)?,
        };
        Ok(found.map(FoundMessage))
    }

    /// Lends what [`poll_found`](Self::poll_found) has found.
    ///
    /// # Errors
    /// [`Error::Message`] when it is text that is not UTF-8: the connection fails then.
    #[inline]
    pub fn lend<'a, S>(
        &'a mut self,
        found: FoundMessage,
        conn: &'a mut Connection<Receiving, S>,
        now: Duration,
    ) -> Result<MessageRef<'a>, Error> {
        let Some((kind, payload)) = self.data(&found) else {
            return Ok(match found.0 {
                Found::Ping => MessageRef::Ping(conn.control_payload()),
                Found::Pong => MessageRef::Pong(conn.control_payload()),
                _ => MessageRef::Close(conn.peer_close().flatten()),
            });
        };
        match kind {
            MessageKind::Binary => Ok(MessageRef::Binary(payload)),
            // Where it was found valid piece by piece, only the whole can become a `&str` without unsafe code.
            MessageKind::Text => match utf8::as_str(payload) {
                Some(text) => Ok(MessageRef::Text(text)),
                None => Err(conn.fail_whole_text(now)),
            },
        }
    }

    /// Where the data lies that were found, text not checked; `None` for a control frame.
    #[inline]
    pub(crate) fn data(&self, found: &FoundMessage) -> Option<(MessageKind, &[u8])> {
        match &found.0 {
            Found::Data(kind, range) => Some((*kind, self.buf.get(range.clone())?)),
            #[cfg(feature = "deflate")]
            Found::Inflated(kind) => Some((*kind, self.inflated.as_deref()?.message())),
            Found::Ping | Found::Pong | Found::Close => None,
        }
    }

    /// [`poll`](Self::poll) when nothing is unread, as before every read: nothing comes of no input, but the
    /// connection may have a failure to tell, and what the last message has left is given up.
    #[inline(always)]
    fn poll_empty<S>(
        &mut self,
        conn: &mut Connection<Receiving, S>,
        now: Duration,
    ) -> Result<(), Error> {
        if !conn.has_nothing(now) {
            #[cfg(feature = "deflate")]
            self.skip_compressed(conn, now)?;
            conn.poll_event(&mut Input::new(&mut []), now)?;
        }
        #[cfg(feature = "deflate")]
        if let Some(inflated) = &mut self.inflated {
            inflated.rest(conn);
        }
        Ok(())
    }

    /// [`poll`](Self::poll) for everything else.
    #[inline(never)]
    fn poll_any<'a, S>(
        &'a mut self,
        conn: &'a mut Connection<Receiving, S>,
        now: Duration,
    ) -> Result<Option<MessageRef<'a>>, Error> {
        if self.start == self.end {
            return self.poll_empty(conn, now).map(|()| None);
        }
        match self.find_any(conn, now)? {
            None => Ok(None),
            Some(found) => self.lend(FoundMessage(found), conn, now).map(Some),
        }
    }

    /// [`poll_owned`](Self::poll_owned) for everything else: before every read that is nothing, so what there is to
    /// save for more is saved elsewhere.
    #[inline(never)]
    fn poll_any_owned<S>(
        &mut self,
        conn: &mut Connection<Receiving, S>,
        now: Duration,
    ) -> Result<Option<Message>, Error> {
        if self.start == self.end {
            return self.poll_empty(conn, now).map(|()| None);
        }
        self.find_owned(conn, now)
    }

    #[inline(never)]
    fn find_owned<S>(
        &mut self,
        conn: &mut Connection<Receiving, S>,
        now: Duration,
    ) -> Result<Option<Message>, Error> {
        let control =
            |conn: &Connection<Receiving, S>| Bytes::copy_from_slice(conn.control_payload());
        let (kind, payload) = match self.find_any(conn, now)? {
            None => return Ok(None),
            Some(Found::Ping) => return Ok(Some(Message::Ping(control(conn)))),
            Some(Found::Pong) => return Ok(Some(Message::Pong(control(conn)))),
            Some(Found::Close) => {
                let reason = conn.peer_close().flatten();
                return Ok(Some(Message::Close(reason.map(CloseFrame::from))));
            }
            Some(Found::Data(kind, range)) => (kind, self.give(range)),
            #[cfg(feature = "deflate")]
            Some(Found::Inflated(kind)) => {
                let inflated = self.inflated.as_deref_mut();
                (kind, inflated.map(Inflation::give).unwrap_or_default())
            }
        };
        Ok(Some(match kind {
            MessageKind::Binary => Message::Binary(payload),
            MessageKind::Text => Message::Text(Utf8Bytes::from_validated(payload)),
        }))
    }

    /// [`find_any`](Self::find_any), see [`poll_any_owned`](Self::poll_any_owned).
    #[inline(never)]
    fn find_unless_empty<S>(
        &mut self,
        conn: &mut Connection<Receiving, S>,
        now: Duration,
    ) -> Result<Option<Found>, Error> {
        if self.start == self.end {
            return self.poll_empty(conn, now).map(|()| None);
        }
        self.find_any(conn, now)
    }

    #[inline(never)]
    fn find_any<S>(
        &mut self,
        conn: &mut Connection<Receiving, S>,
        now: Duration,
    ) -> Result<Option<Found>, Error> {
        self.chunks.asked = false;
        if self.chunks.begun == Begun::Yes {
            self.chunks.begun = Begun::GivenUp;
        }
        #[cfg(feature = "deflate")]
        self.skip_compressed(conn, now)?;
        loop {
            let unread = self.buf.get_mut(self.start..self.end).unwrap_or_default();
            let mut input = Input::new(unread);
            let event = conn.poll_event(&mut input, now);
            // The chunk's place in the buffer, so that the buffer is free to be used again.
            let place = |chunk: &[u8]| {
                let range = input.range_of(chunk).unwrap_or_default();
                self.start + range.start..self.start + range.end
            };
            let (kind, range, part) = match event {
                Ok(Some(Event::Text(chunk, part))) => (MessageKind::Text, place(chunk), part),
                Ok(Some(Event::Binary(chunk, part))) => (MessageKind::Binary, place(chunk), part),
                #[cfg(feature = "deflate")]
                Ok(Some(Event::Compressed(chunk, kind, part))) => {
                    let chunk = place(chunk);
                    self.start += input.consumed();
                    if self.chunks.begun == Begun::GivenUp {
                        self.skip_chunk(chunk, kind, part.is_last(), conn, now)?;
                        continue;
                    }
                    let chunk = self.buf.get(chunk).unwrap_or_default();
                    let inflated = self.inflated.get_or_insert_default();
                    inflated.inflate(chunk, kind, part.is_first(), conn, now)?;
                    // Otherwise the text was found not to be any, which the next poll tells.
                    inflated.open = !conn.is_between_messages();
                    if part.is_last() && !inflated.open {
                        return Ok(Some(Found::Inflated(kind)));
                    }
                    continue;
                }
                other => {
                    self.start += input.consumed();
                    return Ok(match other? {
                        Some(Event::Ping) => Some(Found::Ping),
                        Some(Event::Pong) => Some(Found::Pong),
                        Some(Event::Close) => Some(Found::Close),
                        _ => {
                            #[cfg(feature = "deflate")]
                            if let Some(inflated) = &mut self.inflated {
                                inflated.rest(conn);
                            }
                            None
                        }
                    });
                }
            };
            self.start += input.consumed();
            if self.chunks.begun == Begun::GivenUp {
                if part.is_last() {
                    self.chunks.begun = Begun::No;
                }
                continue;
            }
            let range = if part == Part::Whole { range } else { self.gather(kind, range) };
            if part.is_last() {
                self.gathering = None;
                self.largest = self.largest.max(range.len());
                return Ok(Some(Found::Data(kind, range)));
            }
        }
    }

    /// Adds a chunk to the message in progress and returns where that now lies.
    fn gather(&mut self, kind: MessageKind, chunk: Range<usize>) -> Range<usize> {
        let message = match self.gathering.take() {
            None => chunk,
            Some((_, message)) if message.end == chunk.start => message.start..chunk.end,
            Some((_, message)) => {
                let end = message.end + chunk.len();
                self.buf.copy_within(chunk, message.end);
                message.start..end
            }
        };
        self.gathering = Some((kind, message.clone()));
        message
    }

    /// Makes an owned payload of `range`, and lets go of what lies before it.
    #[inline(always)]
    fn give(&mut self, range: Range<usize>) -> Bytes {
        let mut payload = self.buf.split_to(range.end).freeze();
        payload.advance(range.start);
        self.start -= range.end;
        self.end -= range.end;
        payload
    }

    /// Makes sure that `room` bytes are free after `end`, when the message in progress may bring
    /// `expected` more.
    #[inline]
    fn reserve(&mut self, room: usize, expected: usize) {
        if self.start == self.end {
            // Nothing is unread, so the gap that headers left below it can go.
            self.start = self.gathering.as_ref().map_or(0, |(_, message)| message.end);
            self.end = self.start;
        }
        if self.buf.capacity() - self.end < room {
            self.move_or_grow(room, expected);
        }
    }

    /// [`reserve`](Self::reserve) where the room is not there: what is unread moves to the start, or into
    /// another buffer.
    #[inline(never)]
    fn move_or_grow(&mut self, room: usize, expected: usize) {
        if self.made == 0 {
            // There is no buffer yet, or none since `release`.
            self.buf = buffers::take(room.max(self.size()));
            self.made = self.buf.capacity();
            return;
        }
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
                // more than the message can need.
                let double = used_len.saturating_mul(2);
                let most = used_len.saturating_add(expected).saturating_add(READ_SIZE);
                let size = needed.max(double.min(most)).max(self.size());
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
    fn size(&self) -> usize {
        if self.large { READ_SIZE } else { FIRST_SIZE }
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
        let mut buf = core::mem::take(&mut self.buf);
        // Whole again, or of no use to anyone.
        buf.clear();
        if buf.try_reclaim(self.made) {
            buffers::give(buf);
        }
        (self.start, self.end, self.made) = (0, 0, 0);
        // What is said to have been read now filled nothing.
        self.growing = false;
        #[cfg(feature = "deflate")]
        {
            self.inflated = None;
        }
    }

    /// The size of the buffer, in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buf.capacity()
    }

    /// Bytes received that no message has been made of yet.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        self.buf.get(self.start..self.end).unwrap_or_default()
    }
}
