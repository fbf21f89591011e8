//! The receiving direction with its buffer: the transport reads into the buffer, and whole messages or pieces of messages
//! come out, lent or owned.
//!
//! A message that arrives in several pieces is gathered in the buffer: its first piece stays, and each later piece is moved
//! down over the headers before it. A message in one frame is never moved.

mod chunks;
#[cfg(feature = "deflate")]
mod inflation;
pub(crate) mod room;

#[cfg(feature = "deflate")]
use alloc::boxed::Box;
use core::ops::Range;

use bytes::{BufMut, Bytes};

use crate::connection::close_scan::CloseScan;
use crate::connection::{Expected, Receiver};
use crate::error::Error;
use crate::event::{Event, MessageKind, Part};
use crate::input::Input;
use crate::owned::{Chunk, CloseFrame, Message, MessageRef, Utf8Bytes};
#[cfg(feature = "deflate")]
use crate::reader::inflation::Inflation;
use crate::reader::room::ReadBuffer;
use crate::utf8;

/// The receiving direction of a connection with its receive buffer: reads go in, messages come out.
///
/// The caller reads into the [`room`](Self::room) and calls [`advance`](Self::advance), then [`poll`](Self::poll) or one of
/// its variants until it returns `None`. Time, the transport's end and signals go to the
/// [`receiver`](Self::receiver_mut).
///
/// Memory grows with what has arrived: a new buffer is at most twice as large as what is in the old one, or 64 KiB, or as
/// large as the largest message so far, whatever a header announces. An owned message shares the buffer that it was read into, which for small messages has 4 to 64 KiB. A
/// caller that keeps small messages for long should copy them.
#[derive(Debug)]
pub struct Reader {
    receiver: Receiver,
    buffer: ReadBuffer,
    /// What [`find`](Self::find) has found, for [`message`](Self::message) to lend.
    found: Option<Lendable>,
    /// Whether the peer's Close has taken effect but has not been delivered.
    close_held: bool,
    chunks: Chunks,
    /// `None` until the first compressed message, and again after [`release`](Self::release).
    #[cfg(feature = "deflate")]
    inflated: Option<Box<Inflation>>,
}

/// Whether pieces of the current message have been returned to the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Begun {
    #[default]
    No,
    Yes,
    /// Yes, and the caller does not want the rest.
    GivenUp,
}

/// Whether messages are returned in pieces.
#[derive(Debug, Default)]
struct Chunks {
    /// Whether the last call asked for a piece. Then the buffer need not have room for a whole message.
    asked: bool,
    begun: Begun,
}

/// A piece of a message, a whole message, or a control frame. A payload is named by its place, because a reference would
/// keep the buffers borrowed.
#[derive(Debug)]
enum Found {
    /// A payload in the receive buffer. The receiver has checked text.
    Received(MessageKind, Range<usize>, Part),
    /// A payload that was compressed. It is all that is in the buffer of inflated data.
    #[cfg(feature = "deflate")]
    Inflated(MessageKind, Part),
    Ping,
    Pong,
    Close,
}

/// What [`Reader::message`] lends. A received message lies at [`ReadBuffer::message`]. An inflated one is all that is in the
/// buffer of inflated data.
#[derive(Debug)]
enum Lendable {
    Received(MessageKind),
    #[cfg(feature = "deflate")]
    Inflated(MessageKind),
    Ping,
    Pong,
    Close,
}

impl Reader {
    /// A reader for `receiver`. It allocates no memory until [`room`](Self::room) is called.
    #[must_use]
    pub fn new(receiver: Receiver) -> Self {
        Self::with_buffer(receiver, ReadBuffer::new())
    }

    /// A reader for `receiver`. `buffer` has what was received after the opening handshake.
    pub(crate) fn with_buffer(receiver: Receiver, buffer: ReadBuffer) -> Self {
        Self {
            receiver,
            buffer,
            found: None,
            close_held: false,
            chunks: Chunks::default(),
            #[cfg(feature = "deflate")]
            inflated: None,
        }
    }

    /// The state of the receiving direction: the peer's Close, why the connection failed, whether it is over.
    #[inline]
    #[must_use]
    pub fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// The receiving direction, for [time](Receiver::poll_timeout), [the transport's end](Receiver::handle_eof) and
    /// [signals](Receiver::signals). Input goes in by [`advance`](Self::advance), not by
    /// [`Receiver::poll_event`].
    #[inline]
    pub fn receiver_mut(&mut self) -> &mut Receiver {
        &mut self.receiver
    }

    /// The next message or control frame, lent from the buffer; `None` when more input is needed.
    ///
    /// # Errors
    /// As [`Receiver::poll_event`].
    // The path of most messages is inlined into the caller, so that its result stays in registers. The rest is a call.
    #[inline(always)]
    pub fn poll(&mut self) -> Result<Option<MessageRef<'_>>, Error> {
        self.found = None;
        let Some((kind, range, _)) = self.find_whole() else {
            return self.poll_slow();
        };
        let payload = self.buffer.payload(range);
        lend(&mut self.receiver, kind, payload).map(Some)
    }

    /// [`poll`](Self::poll) for everything that is not a small whole message.
    #[inline(never)]
    fn poll_slow(&mut self) -> Result<Option<MessageRef<'_>>, Error> {
        let found = self.find_slow()?;
        self.keep(found);
        self.message()
    }

    /// Finds the next message or control frame, for [`message`](Self::message) to lend. Returns `false` when more input is
    /// needed. Together, the two do what [`poll`](Self::poll) does. They are for a caller that has to do something between
    /// the two steps, such as to pass on signals, or that cannot hold a borrow during the search.
    ///
    /// # Errors
    /// As [`Receiver::poll_event`].
    // As `poll`.
    #[inline(always)]
    pub fn find(&mut self) -> Result<bool, Error> {
        match self.find_whole() {
            Some((kind, range, _)) => {
                self.buffer.message = range;
                self.found = Some(Lendable::Received(kind));
            }
            None => {
                // If the search fails, it has found nothing.
                self.found = None;
                let found = self.find_slow()?;
                self.keep(found);
            }
        }
        Ok(self.found.is_some())
    }

    /// Keeps what was found for [`message`](Self::message).
    fn keep(&mut self, found: Option<Found>) {
        self.found = found.map(|found| match found {
            Found::Received(kind, range, _) => {
                self.buffer.message = range;
                Lendable::Received(kind)
            }
            #[cfg(feature = "deflate")]
            Found::Inflated(kind, _) => Lendable::Inflated(kind),
            Found::Ping => Lendable::Ping,
            Found::Pong => Lendable::Pong,
            Found::Close => Lendable::Close,
        });
    }

    /// Lends what [`find`](Self::find) has found. Returns `None` if it has found nothing, or if another method was called
    /// since.
    ///
    /// # Errors
    /// [`Error::Message`] for a text message that is not UTF-8. Then the connection fails.
    #[inline]
    pub fn message(&mut self) -> Result<Option<MessageRef<'_>>, Error> {
        let Self { receiver, buffer, found, .. } = self;
        let (kind, payload) = match found {
            None => return Ok(None),
            Some(Lendable::Received(kind)) => (*kind, buffer.payload(buffer.message.clone())),
            #[cfg(feature = "deflate")]
            Some(Lendable::Inflated(kind)) => {
                let message = self.inflated.as_deref().map(Inflation::message);
                // It was found there, and `release` also forgets that.
                debug_assert!(message.is_some());
                (*kind, message.unwrap_or_default())
            }
            Some(Lendable::Ping) => return Ok(Some(MessageRef::Ping(receiver.control_payload()))),
            Some(Lendable::Pong) => return Ok(Some(MessageRef::Pong(receiver.control_payload()))),
            Some(Lendable::Close) => {
                return Ok(Some(MessageRef::Close(receiver.peer_close().flatten())));
            }
        };
        lend(receiver, kind, payload).map(Some)
    }

    /// Whether the last [`find`](Self::find) has found a control frame.
    #[inline]
    pub(crate) fn has_found_control(&self) -> bool {
        matches!(self.found, Some(Lendable::Ping | Lendable::Pong | Lendable::Close))
    }

    /// The next message or control frame, owned; `None` when more input is needed.
    ///
    /// # Errors
    /// As [`Receiver::poll_event`].
    // As `poll`.
    #[inline(always)]
    pub fn poll_owned(&mut self) -> Result<Option<Message>, Error> {
        match self.take_whole() {
            Some(message) => message.map(Some),
            None => self.poll_owned_slow(),
        }
    }

    /// [`poll_owned`](Self::poll_owned) for a small message that is whole in the buffer. Returns `None` if there is none.
    #[inline(always)]
    pub(crate) fn take_whole(&mut self) -> Option<Result<Message, Error>> {
        self.found = None;
        let (kind, range, ascii) = self.find_whole()?;
        if kind == MessageKind::Binary {
            return Some(Ok(Message::Binary(self.buffer.take_payload(range))));
        }
        let is_valid = ascii || self.buffer.buf.get(range.clone()).is_some_and(utf8::is_valid);
        Some(
            self.receiver.valid_text(is_valid.then_some(())).map(|()| {
                Message::Text(Utf8Bytes::from_validated(self.buffer.take_payload(range)))
            }),
        )
    }

    /// Finds a small message that is whole in the buffer: its kind, its place, and whether it is known to be ASCII. Other text
    /// has not been checked.
    #[inline(always)]
    fn find_whole(&mut self) -> Option<(MessageKind, Range<usize>, bool)> {
        let mut input = Input::new(self.buffer.unread_mut());
        let whole = self.receiver.whole_message(&mut input)?;
        let (kind, len, ascii) = (whole.kind, whole.payload.len(), whole.ascii);
        self.buffer.start += input.consumed();
        // The payload ends where the consumed bytes end.
        Some((kind, self.buffer.start - len..self.buffer.start, ascii))
    }

    /// Whether the unread input has the peer's whole Close. It is for a caller that waits for the closing handshake, and
    /// polls what precedes the Close later. Use the same `scan` in later calls, so that each byte is scanned once. Begin
    /// with a new one when something has been polled, or after any result but `Ok(false)`.
    ///
    /// If nothing precedes the Close, it takes effect now, and the next poll still delivers it. Any other Close takes effect
    /// when it is polled.
    ///
    /// # Errors
    /// [`Error::Frame`] for a frame that will make the connection fail when it is polled; [`Error::CloseFrame`] for a
    /// Close that has made it fail now.
    pub fn find_close(&mut self, scan: &mut CloseScan) -> Result<bool, Error> {
        let found = self.receiver.find_close(scan, self.buffer.unread_mut())?;
        if found && scan.is_close_next() {
            self.close_held = self.poll_owned()?.is_some_and(|message| message.is_close());
            // Bytes after a Close are ignored.
            self.buffer.consume(usize::MAX);
        }
        Ok(found)
    }

    /// [`poll_owned`](Self::poll_owned) for everything that is not a small whole message. Before every read, there is
    /// nothing to find. So the other work, which needs more registers, is in functions that are not inlined here.
    #[inline(never)]
    pub(crate) fn poll_owned_slow(&mut self) -> Result<Option<Message>, Error> {
        match self.find_unless_idle()? {
            None => Ok(None),
            Some(found) => Ok(Some(self.take_found_message(found))),
        }
    }

    #[inline(never)]
    fn take_found_message(&mut self, found: Found) -> Message {
        match self.take_found(found) {
            Chunk::Text(payload, _) => Message::Text(Utf8Bytes::from_validated(payload)),
            Chunk::Binary(payload, _) => Message::Binary(payload),
            Chunk::Control(message) => message,
        }
    }

    /// Returns what was found, owned.
    // Inlined, so that the caller's `match` on the result becomes a part of this one.
    #[inline(always)]
    fn take_found(&mut self, found: Found) -> Chunk {
        let control = |receiver: &Receiver| Bytes::copy_from_slice(receiver.control_payload());
        match found {
            Found::Received(kind, range, part) => {
                Chunk::new(kind, self.buffer.take_payload(range), part)
            }
            #[cfg(feature = "deflate")]
            Found::Inflated(kind, part) => {
                let payload = self.inflated.as_deref_mut().map(Inflation::take_message);
                // It was just found there.
                debug_assert!(payload.is_some());
                Chunk::new(kind, payload.unwrap_or_default(), part)
            }
            Found::Ping => Chunk::Control(Message::Ping(control(&self.receiver))),
            Found::Pong => Chunk::Control(Message::Pong(control(&self.receiver))),
            Found::Close => {
                let reason = self.receiver.peer_close().flatten();
                Chunk::Control(Message::Close(reason.map(CloseFrame::from)))
            }
        }
    }

    /// [`find`](Self::find) for everything that is not a small whole message, as [`poll_owned_slow`](Self::poll_owned_slow).
    #[inline(never)]
    fn find_slow(&mut self) -> Result<Option<Found>, Error> {
        self.find_unless_idle()
    }

    /// Looks for a message, unless there certainly is none: nothing is unread, and the connection is between messages, without
    /// a failure to report or a Close to deliver. This is so before every read.
    #[inline(always)]
    fn find_unless_idle(&mut self) -> Result<Option<Found>, Error> {
        if self.buffer.is_empty() && self.receiver.is_at_message_boundary() {
            self.rest();
            return Ok(None);
        }
        self.find_message()
    }

    /// Gathers the pieces of a message until the message is complete, or until a control frame is found. Once the connection
    /// is over, what was gathered is given up.
    #[inline(never)]
    fn find_message(&mut self) -> Result<Option<Found>, Error> {
        self.chunks.asked = false;
        self.give_up_message();
        let found = self.gather_message();
        if !self.receiver.may_receive() {
            let _ = self.take_gathered();
            // Bytes behind the Close or the fault are ignored.
            self.buffer.consume(usize::MAX);
        }
        found
    }

    #[inline(always)]
    fn gather_message(&mut self) -> Result<Option<Found>, Error> {
        loop {
            match self.next_piece()? {
                None => {
                    self.rest();
                    return Ok(None);
                }
                Some(Found::Received(kind, range, part)) => {
                    let range = match part {
                        Part::Whole => range,
                        _ => self.buffer.gather(kind, range),
                    };
                    if part.is_last() {
                        self.buffer.gathering = None;
                        self.buffer.largest = self.buffer.largest.max(range.len());
                        return Ok(Some(Found::Received(kind, range, Part::Whole)));
                    }
                }
                #[cfg(feature = "deflate")]
                Some(Found::Inflated(kind, part)) => {
                    if let Some(inflated) = &mut self.inflated {
                        inflated.gather(kind, part);
                    }
                    if part.is_last() {
                        return Ok(Some(Found::Inflated(kind, Part::Whole)));
                    }
                }
                control => return Ok(control),
            }
        }
    }

    /// The next piece of a message as it arrives, or a control frame. Returns `None` when more input is needed. A piece that
    /// was compressed is added to the inflated message, which is empty if none is in progress.
    // Inlined into each of its two callers, which are loops around it.
    #[inline(always)]
    fn next_piece(&mut self) -> Result<Option<Found>, Error> {
        if core::mem::take(&mut self.close_held) {
            return Ok(Some(Found::Close));
        }
        #[cfg(feature = "deflate")]
        let mut space = self.inflate_space();
        loop {
            let ReadBuffer { buf, start, end, .. } = &mut self.buffer;
            let begin = *start;
            let unread = buf.get_mut(begin..*end);
            // As in `unread_mut`.
            debug_assert!(unread.is_some());
            let unread = unread.unwrap_or_default();
            #[cfg(not(feature = "deflate"))]
            let mut input = Input::new(unread);
            #[cfg(feature = "deflate")]
            let mut input = {
                let inflated = self.inflated.as_deref_mut();
                let scratch = inflated.map(|inflated| inflated.scratch(space.clone()));
                // Without scratch, the receiver asks for it when a compressed message comes.
                Input::with_scratch(unread, scratch.unwrap_or_default())
            };
            let event = self.receiver.poll_event_slow(&mut input);
            let (kind, chunk, part) = match event {
                Ok(Some(Event::Text(chunk, part))) => (MessageKind::Text, chunk, part),
                Ok(Some(Event::Binary(chunk, part))) => (MessageKind::Binary, chunk, part),
                other => {
                    *start += input.consumed();
                    return Ok(match other? {
                        Some(Event::Ping) => Some(Found::Ping),
                        Some(Event::Pong) => Some(Found::Pong),
                        Some(Event::Close) => Some(Found::Close),
                        #[cfg(feature = "deflate")]
                        _ if input.needs_scratch() => {
                            let inflated = self.inflated.get_or_insert_default();
                            inflated.make_space(space.start, &self.receiver);
                            // From now on, any space is enough: near the size limit, the message cannot need more.
                            space.start = 1;
                            continue;
                        }
                        _ => None,
                    });
                }
            };
            // From here on, the chunk is named by its place, so that the buffer is no longer borrowed. The address of an
            // empty chunk proves nothing, because the scratch may begin where the receive buffer ends.
            let len = chunk.len();
            let place = if len > 0 { input.range_of(chunk) } else { None };
            *start += input.consumed();
            let empty = *start..*start;
            if self.chunks.begun == Begun::GivenUp {
                if part.is_last() {
                    self.chunks.begun = Begun::No;
                }
                continue;
            }
            #[cfg(feature = "deflate")]
            if let Some(inflated) = self.inflated.as_deref_mut()
                && (inflated.is_gathering() || len > 0 && place.is_none())
            {
                inflated.push(len);
                return Ok(Some(Found::Inflated(kind, part)));
            }
            debug_assert!(
                len == 0 || place.is_some(),
                "a chunk that was not inflated lies in the receive buffer"
            );
            let range = place.map_or(empty, |place| begin + place.start..begin + place.end);
            return Ok(Some(Found::Received(kind, range, part)));
        }
    }

    /// Nothing more can be found before the next read: frees memory that the last inflated message has used.
    #[inline(always)]
    fn rest(&mut self) {
        #[cfg(feature = "deflate")]
        if let Some(inflated) = &mut self.inflated {
            inflated.rest(&self.receiver);
        }
    }
}

/// The receive buffer.
impl Reader {
    /// Adds bytes that were read already: those that came after the handshake in the same read.
    pub fn push(&mut self, received: &[u8]) {
        self.found = None;
        self.buffer.push(received);
    }

    /// Where the transport reads into; never empty. Follow with [`advance`](Self::advance).
    pub fn room(&mut self) -> &mut [u8] {
        self.found = None;
        let expected = self.expected();
        self.buffer.room(expected)
    }

    /// [`room`](Self::room) for a transport that can read into uninitialised memory, which need not be filled with zeros
    /// first. Follow with [`advance`](Self::advance) for as many bytes as were put in.
    // The path of most reads is inlined into the caller.
    #[inline(always)]
    pub fn room_buf(&mut self) -> impl BufMut {
        self.found = None;
        let expected = self.expected();
        self.buffer.room_buf(expected)
    }

    /// Room for input that will be polled later, for a caller that cannot deliver messages now. Returns `None` when there is
    /// none. Follow with [`advance`](Self::advance) and [`Receiver::handle_unread_input`].
    ///
    /// The unread input then has at most `size` bytes, or the size of an ordinary buffer if that is more, and the buffer grows
    /// no larger for it. If `size` is 0, there is no room. The limit is for memory, however small the messages are.
    pub fn room_ahead(&mut self, size: usize) -> Option<impl BufMut> {
        self.found = None;
        self.buffer.room_ahead(size)
    }

    /// How much the next read may bring of the current message. A large message is then read to its final place.
    #[inline(always)]
    fn expected(&self) -> Expected {
        let expected = self.receiver.expected();
        // A message that is returned in pieces needs no room for all of it.
        if self.chunks.asked { Expected { frame: 0, ..expected } } else { expected }
    }

    /// The transport has read `len` bytes into the [`room`](Self::room). A `len` beyond the room is cut to it.
    #[inline]
    pub fn advance(&mut self, len: usize) {
        self.buffer.advance(len);
    }

    /// Frees the buffer if it is empty, and memory that the receiver does not need now. Call it before the connection waits
    /// for long.
    ///
    /// With `std`, the buffer goes to a pool of this thread, for the next connection that reads.
    #[inline]
    pub fn release(&mut self) {
        self.found = None;
        self.receiver.release();
        #[cfg(feature = "deflate")]
        if self.buffer.release() {
            self.inflated.take_if(|inflated| !inflated.is_gathering());
        }
        #[cfg(not(feature = "deflate"))]
        self.buffer.release();
    }

    /// The size of the buffer, in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buffer.buf.capacity()
    }

    /// The received bytes that have not been polled.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        self.buffer.unread()
    }

    /// Whether a poll certainly finds nothing: nothing is unread, the connection is between messages, and the peer's Close has
    /// not come.
    #[inline]
    #[must_use]
    pub fn is_drained(&self) -> bool {
        #[cfg(feature = "deflate")]
        if self.inflated.is_some() {
            return false;
        }
        self.buffer.is_empty() && self.receiver.is_at_message_boundary()
    }
}

/// Lends a whole data message.
// Text is checked here even if its pieces were checked before: without unsafe code, only a check makes a `&str`.
#[inline(always)]
fn lend<'a>(
    receiver: &mut Receiver,
    kind: MessageKind,
    payload: &'a [u8],
) -> Result<MessageRef<'a>, Error> {
    match kind {
        MessageKind::Binary => Ok(MessageRef::Binary(payload)),
        MessageKind::Text => receiver.valid_text(utf8::as_str(payload)).map(MessageRef::Text),
    }
}
