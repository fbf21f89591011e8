//! A receive buffer that turns a connection's chunks into whole messages: room to read into, messages
//! lent from where they lie or given away.
//!
//! A message that comes in several pieces is gathered where it lies: its first piece stays, the next ones
//! move down over the headers between them, so a message of one frame is never moved at all.

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
/// [`room`](Self::room) and [`advance`](Self::advance) take what the transport has read; [`poll`](Self::poll) or one of its
/// relatives is called until it returns `None`. Time, the transport's end and signals are the business of the
/// [`receiver`](Self::receiver_mut) in it.
///
/// Memory grows with what has arrived, never with what was announced: a buffer at most doubles beyond
/// what is in it. An owned message shares the buffer that it was read into, 4 to 64 KiB for small ones: who
/// keeps small messages for long should keep copies.
#[derive(Debug)]
pub struct Reader {
    receiver: Receiver,
    buffer: ReadBuffer,
    /// What [`find`](Self::find) has found and [`message`](Self::message) lends.
    found: Option<Lendable>,
    /// Whether the peer's Close has taken effect and is still to be delivered.
    close_held: bool,
    chunks: Chunks,
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
}

/// What was found: a piece of a message, a whole one, or a control frame. It says where that lies, not what it is, so that
/// the buffers can be borrowed anew.
#[derive(Debug)]
enum Found {
    /// Payload in the receive buffer. Text has been checked, unless it is a small whole message.
    Received(MessageKind, Range<usize>, Part),
    /// Payload that was compressed: what has been inflated.
    #[cfg(feature = "deflate")]
    Inflated(MessageKind, Part),
    Ping,
    Pong,
    Close,
}

/// What [`Reader::message`] lends. A message lies in the receive buffer, at [`ReadBuffer::message`], or is what has been
/// inflated.
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
    /// A reader for `receiver`, which holds no memory until [`room`](Self::room) is called.
    #[must_use]
    pub fn new(receiver: Receiver) -> Self {
        Self::with_buffer(receiver, ReadBuffer::new())
    }

    /// A reader for `receiver`, with what was received behind the opening handshake.
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
    // Only what most messages take: what comes of it stays in registers then, wherever it is called.
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

    /// Finds the next message or control frame, which [`message`](Self::message) then lends; `false` when more input is
    /// needed. The two are [`poll`](Self::poll) in two steps, for a caller that has something to do in between, such as
    /// to pass on signals, or that cannot keep a borrow while it looks.
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
                let found = self.find_slow()?;
                self.keep(found);
            }
        }
        Ok(self.found.is_some())
    }

    /// Keeps what was found, to be lent.
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

    /// Lends what [`find`](Self::find) has found; `None` if that found nothing, or something else was asked for since.
    ///
    /// # Errors
    /// [`Error::Message`] when it is text that is not UTF-8: the connection fails then.
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

    /// Whether [`find`](Self::find) has found a control frame last.
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

    /// [`poll_owned`](Self::poll_owned) for a message that lies whole in the buffer; `None` if there is none.
    #[inline(always)]
    pub(crate) fn take_whole(&mut self) -> Option<Result<Message, Error>> {
        self.found = None;
        let (kind, range, ascii) = self.find_whole()?;
        if kind == MessageKind::Binary {
            return Some(Ok(Message::Binary(self.buffer.give(range))));
        }
        let is_valid = ascii || self.buffer.buf.get(range.clone()).is_some_and(utf8::is_valid);
        Some(
            self.receiver
                .valid_text(is_valid.then_some(()))
                .map(|()| Message::Text(Utf8Bytes::from_validated(self.buffer.give(range)))),
        )
    }

    /// A message that lies whole in the buffer; text has not been checked, unless it is said to be ASCII.
    #[inline(always)]
    fn find_whole(&mut self) -> Option<(MessageKind, Range<usize>, bool)> {
        let mut input = Input::new(self.buffer.unread_mut());
        let whole = self.receiver.whole_message(&mut input)?;
        let (kind, len, ascii) = (whole.kind, whole.payload.len(), whole.ascii);
        self.buffer.start += input.consumed();
        // The payload is the end of what was consumed.
        Some((kind, self.buffer.start - len..self.buffer.start, ascii))
    }

    /// Whether the peer's whole Close lies in what was received and has not been polled. It is for a caller that waits
    /// for the closing handshake and leaves what precedes the Close to be polled later. Use the same `scan` in later
    /// calls, so that each byte is scanned once. Begin with a new one when something has been polled, or after any result
    /// but `Ok(false)`.
    ///
    /// A Close that nothing precedes takes effect now, and the next poll still delivers it. Any other Close takes
    /// effect when it is polled.
    ///
    /// # Errors
    /// [`Error::Frame`] for a frame that will make the connection fail when it is polled; [`Error::CloseFrame`] for a
    /// Close that has made it fail now.
    pub fn find_close(&mut self, scan: &mut CloseScan) -> Result<bool, Error> {
        let found = self.receiver.find_close(scan, self.buffer.unread_mut())?;
        if found && scan.is_close_next() {
            self.close_held = self.poll_owned()?.is_some_and(|message| message.is_close());
            // What follows a Close is ignored.
            self.buffer.consume(usize::MAX);
        }
        Ok(found)
    }

    /// [`poll_owned`](Self::poll_owned) for everything that is not a small whole message. Before every read that is
    /// nothing, so the rest, which has more registers to save, is a call of its own.
    #[inline(never)]
    pub(crate) fn poll_owned_slow(&mut self) -> Result<Option<Message>, Error> {
        match self.find_unless_idle()? {
            None => Ok(None),
            Some(found) => Ok(Some(self.give_message(found))),
        }
    }

    #[inline(never)]
    fn give_message(&mut self, found: Found) -> Message {
        match self.give(found) {
            Chunk::Text(payload, _) => Message::Text(Utf8Bytes::from_validated(payload)),
            Chunk::Binary(payload, _) => Message::Binary(payload),
            Chunk::Control(message) => message,
        }
    }

    /// Gives away what was found.
    // So that its caller's `match` becomes part of this one.
    #[inline(always)]
    fn give(&mut self, found: Found) -> Chunk {
        let control = |receiver: &Receiver| Bytes::copy_from_slice(receiver.control_payload());
        match found {
            Found::Received(kind, range, part) => Chunk::new(kind, self.buffer.give(range), part),
            #[cfg(feature = "deflate")]
            Found::Inflated(kind, part) => {
                let payload = self.inflated.as_deref_mut().map(Inflation::give);
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

    /// [`find`](Self::find) for everything that is not a small whole message, see
    /// [`poll_owned_slow`](Self::poll_owned_slow).
    #[inline(never)]
    fn find_slow(&mut self) -> Result<Option<Found>, Error> {
        self.find_unless_idle()
    }

    /// Looks for a message unless it is known that there is none, as before every read: nothing is unread, the connection is
    /// between messages, has no failure to report, and no Close is still to be delivered.
    #[inline(always)]
    fn find_unless_idle(&mut self) -> Result<Option<Found>, Error> {
        if self.buffer.is_empty() && self.receiver.has_nothing() {
            self.rest();
            return Ok(None);
        }
        self.find_message()
    }

    /// Gathers the pieces of a message until it is whole, or a control frame comes.
    #[inline(never)]
    fn find_message(&mut self) -> Result<Option<Found>, Error> {
        self.chunks.asked = false;
        self.give_up_message();
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

    /// The next piece of a message as it comes, or a control frame; `None` when more input is needed. What is inflated is
    /// added to the inflated message, which is empty where none is in progress.
    // Each of its two callers is a loop of its own around it.
    #[inline(always)]
    fn next_piece(&mut self) -> Result<Option<Found>, Error> {
        if core::mem::take(&mut self.close_held) {
            return Ok(Some(Found::Close));
        }
        #[cfg(feature = "deflate")]
        let mut room = self.inflate_room();
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
                let scratch = inflated.map(|inflated| inflated.scratch(room.clone()));
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
                            inflated.make_room(room.start, &self.receiver);
                            // However much that is: near its limit, a message needs no more.
                            room.start = 1;
                            continue;
                        }
                        _ => None,
                    });
                }
            };
            // The chunk's place in the buffer, so that the buffer is free to be used again. The address of an empty chunk
            // says nothing: the scratch may begin where the receive buffer ends.
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
                "what is not inflated lies in the receive buffer"
            );
            let range = place.map_or(empty, |place| begin + place.start..begin + place.end);
            return Ok(Some(Found::Received(kind, range, part)));
        }
    }

    /// Nothing is to be found before the next read: gives up what the last message has left.
    #[inline(always)]
    fn rest(&mut self) {
        #[cfg(feature = "deflate")]
        if let Some(inflated) = &mut self.inflated {
            inflated.rest(&self.receiver);
        }
    }
}

/// The buffer.
impl Reader {
    /// Takes bytes that were read already: what followed the handshake in the same read.
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

    /// [`room`](Self::room) for a transport that can read into memory that was never written to: it need
    /// not be filled with zeros first. Follow with [`advance`](Self::advance), for as many bytes as were
    /// put in.
    // Only what most reads take.
    #[inline(always)]
    pub fn room_buf(&mut self) -> impl BufMut {
        self.found = None;
        let expected = self.expected();
        self.buffer.room_buf(expected)
    }

    /// Room to read into what will be polled later, for a caller that cannot deliver now; `None` when there is none.
    /// Follow with [`advance`](Self::advance) and [`Receiver::handle_unread_input`].
    ///
    /// At most `size` bytes are unread then, or as many as an ordinary buffer has if that is more, and the buffer grows no
    /// larger for it. With a `size` of 0 there is no room. What counts is the memory, however small the messages are.
    pub fn room_ahead(&mut self, size: usize) -> Option<impl BufMut> {
        self.found = None;
        self.buffer.room_ahead(size)
    }

    /// How much the next read may bring of the current message, so that a large one is read into place.
    #[inline(always)]
    fn expected(&self) -> Expected {
        let expected = self.receiver.expected();
        // A message that is taken in pieces needs no room for all of it.
        if self.chunks.asked { Expected { frame: 0, ..expected } } else { expected }
    }

    /// The transport has read `len` bytes into the [`room`](Self::room). A `len` beyond the room is cut to it.
    #[inline]
    pub fn advance(&mut self, len: usize) {
        self.buffer.advance(len);
    }

    /// Gives the buffer up if nothing is in it, and what memory the receiver can spare: for a connection that is about to
    /// wait for long.
    ///
    /// With `std` the buffer goes to a pool of the thread's, for the next connection that reads.
    #[inline]
    pub fn release(&mut self) {
        self.found = None;
        self.receiver.release();
        #[cfg(feature = "deflate")]
        if self.inflated.as_ref().is_some_and(|inflated| inflated.is_gathering()) {
            return;
        }
        let _released = self.buffer.release();
        #[cfg(feature = "deflate")]
        if _released {
            self.inflated = None;
        }
    }

    /// The size of the buffer, in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buffer.buf.capacity()
    }

    /// Bytes received that no message has been made of yet.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        self.buffer.unread()
    }

    /// Whether it is known without looking that no message is to be found: nothing is unread, the connection is between
    /// messages, and the peer's Close has not come.
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
// Where text was found valid piece by piece, only the whole can become a `&str` without unsafe code.
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
