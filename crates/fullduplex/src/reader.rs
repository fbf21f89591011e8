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
mod room;

#[cfg(feature = "deflate")]
use alloc::boxed::Box;
use core::ops::Range;

use bytes::{Buf, Bytes, BytesMut};

use crate::buffers::FIRST_SIZE;
use crate::connection::Receiver;
use crate::error::Error;
use crate::event::{Event, MessageKind, Part};
use crate::input::Input;
use crate::owned::{CloseFrame, Message, MessageRef, Utf8Bytes};
#[cfg(feature = "deflate")]
use crate::reader::inflation::Inflation;
use crate::utf8;

/// A receive buffer of its own, for one [`Receiver`].
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
    /// Whether the peer's Close has taken effect and is still to be delivered.
    close_held: bool,
    /// How large a buffer is made where no large message asks for more: grows once a read has filled a small one.
    size: u32,
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

impl FoundMessage {
    /// Whether it is a control frame.
    #[inline]
    #[must_use]
    pub fn is_control(&self) -> bool {
        matches!(self.0, Found::Ping | Found::Pong | Found::Close)
    }

    /// Lends a control frame, whose payload lies in the receiver.
    pub(crate) fn lend_control(self, receiver: &Receiver) -> MessageRef<'_> {
        match self.0 {
            Found::Ping => MessageRef::Ping(receiver.control_payload()),
            Found::Pong => MessageRef::Pong(receiver.control_payload()),
            _ => MessageRef::Close(receiver.peer_close().flatten()),
        }
    }
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
            close_held: false,
            size: FIRST_SIZE as u32,
            gathering: None,
            chunks: Chunks::default(),
            largest: 0,
            made: 0,
            #[cfg(feature = "deflate")]
            inflated: None,
        }
    }

    /// The next message or control frame, lent from the buffer; `None` when more input is needed.
    ///
    /// # Errors
    /// As [`Receiver::poll_event`].
    // Only what most messages take: what comes of it stays in registers then, wherever it is called.
    #[inline(always)]
    pub fn poll<'a>(
        &'a mut self,
        receiver: &'a mut Receiver,
    ) -> Result<Option<MessageRef<'a>>, Error> {
        let Some((kind, range, _)) = self.find_whole(receiver) else {
            return self.poll_any(receiver);
        };
        let payload = self.buf.get(range).unwrap_or_default();
        match kind {
            MessageKind::Binary => Ok(Some(MessageRef::Binary(payload))),
            MessageKind::Text => match utf8::as_str(payload) {
                Some(text) => Ok(Some(MessageRef::Text(text))),
                None => Err(receiver.fail_whole_text()),
            },
        }
    }

    /// The next message or control frame, owned; `None` when more input is needed.
    ///
    /// # Errors
    /// As [`Receiver::poll_event`].
    // As `poll`.
    #[inline(always)]
    pub fn poll_owned(&mut self, receiver: &mut Receiver) -> Result<Option<Message>, Error> {
        match self.take_whole(receiver) {
            Some(message) => message.map(Some),
            None => self.poll_any_owned(receiver),
        }
    }

    /// [`poll_owned`](Self::poll_owned) for a message that lies whole in the buffer; `None` if there is none.
    #[inline(always)]
    pub(crate) fn take_whole(&mut self, receiver: &mut Receiver) -> Option<Result<Message, Error>> {
        let (kind, range, ascii) = self.find_whole(receiver)?;
        if kind == MessageKind::Binary {
            return Some(Ok(Message::Binary(self.give(range))));
        }
        if ascii || self.buf.get(range.clone()).is_some_and(utf8::is_valid) {
            return Some(Ok(Message::Text(Utf8Bytes::from_validated(self.give(range)))));
        }
        Some(Err(receiver.fail_whole_text()))
    }

    /// A message that lies whole in the buffer; text has not been checked, unless it is said to be ASCII.
    #[inline(always)]
    fn find_whole(&mut self, receiver: &mut Receiver) -> Option<(MessageKind, Range<usize>, bool)> {
        let unread = self.buf.get_mut(self.start..self.end).unwrap_or_default();
        let mut input = Input::new(unread);
        let whole = receiver.whole_message(&mut input)?;
        let (kind, len, ascii) = (whole.kind, whole.payload.len(), whole.ascii);
        self.start += input.consumed();
        // The payload is the end of what was consumed.
        Some((kind, self.start - len..self.start, ascii))
    }

    /// The next message or control frame, found and not yet lent: for a caller that cannot keep the borrow of
    /// [`poll`](Self::poll) while it looks for one. [`lend`](Self::lend) it before anything else is done.
    ///
    /// # Errors
    /// As [`Receiver::poll_event`].
    // As `poll`.
    #[inline(always)]
    pub fn poll_found(&mut self, receiver: &mut Receiver) -> Result<Option<FoundMessage>, Error> {
        let found = match self.find_whole(receiver) {
            Some((kind, range, _)) => Some(Found::Data(kind, range)),
            None => self.find_unless_empty(receiver)?,
        };
        Ok(found.map(FoundMessage))
    }

    /// Lends what [`poll_found`](Self::poll_found) has found.
    ///
    /// # Errors
    /// [`Error::Message`] when it is text that is not UTF-8: the connection fails then.
    #[inline]
    pub fn lend<'a>(
        &'a mut self,
        found: FoundMessage,
        receiver: &'a mut Receiver,
    ) -> Result<MessageRef<'a>, Error> {
        match self.data(&found) {
            Some((kind, payload)) => {
                lend_data(kind, payload).ok_or_else(|| receiver.fail_whole_text())
            }
            None => Ok(found.lend_control(receiver)),
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

    /// Notes whether the peer's Close was polled early: if so, the next poll delivers it, and what follows it is
    /// ignored.
    pub(crate) fn hold_close(&mut self, is_polled: bool) {
        self.close_held = is_polled;
        if is_polled {
            self.consume(usize::MAX);
        }
    }

    /// [`poll`](Self::poll) when nothing is unread, as before every read: no input brings no message, but the
    /// connection may have a failure to report, and what is left of the last message is given up. Returns whether a
    /// Close is still to be delivered.
    #[inline(always)]
    fn poll_empty(&mut self, receiver: &mut Receiver) -> Result<bool, Error> {
        if !receiver.has_nothing() {
            if core::mem::take(&mut self.close_held) {
                return Ok(true);
            }
            self.give_up_message();
            #[cfg(feature = "deflate")]
            self.skip_compressed(receiver)?;
            receiver.poll_any(&mut Input::new(&mut []))?;
        }
        #[cfg(feature = "deflate")]
        if let Some(inflated) = &mut self.inflated {
            inflated.rest(receiver);
        }
        Ok(false)
    }

    /// [`poll`](Self::poll) for everything else.
    #[inline(never)]
    fn poll_any<'a>(
        &'a mut self,
        receiver: &'a mut Receiver,
    ) -> Result<Option<MessageRef<'a>>, Error> {
        if self.start == self.end {
            if !self.poll_empty(receiver)? {
                return Ok(None);
            }
            return self.lend(FoundMessage(Found::Close), receiver).map(Some);
        }
        match self.find_any(receiver)? {
            None => Ok(None),
            Some(found) => self.lend(FoundMessage(found), receiver).map(Some),
        }
    }

    /// [`poll_owned`](Self::poll_owned) for everything else: before every read that is nothing, so what there is to
    /// save for more is saved elsewhere.
    #[inline(never)]
    pub(crate) fn poll_any_owned(
        &mut self,
        receiver: &mut Receiver,
    ) -> Result<Option<Message>, Error> {
        if self.start == self.end {
            return Ok(self.poll_empty(receiver)?.then(|| close(receiver)));
        }
        self.find_owned(receiver)
    }

    #[inline(never)]
    fn find_owned(&mut self, receiver: &mut Receiver) -> Result<Option<Message>, Error> {
        let control = |receiver: &Receiver| Bytes::copy_from_slice(receiver.control_payload());
        let (kind, payload) = match self.find_any(receiver)? {
            None => return Ok(None),
            Some(Found::Ping) => return Ok(Some(Message::Ping(control(receiver)))),
            Some(Found::Pong) => return Ok(Some(Message::Pong(control(receiver)))),
            Some(Found::Close) => return Ok(Some(close(receiver))),
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
    fn find_unless_empty(&mut self, receiver: &mut Receiver) -> Result<Option<Found>, Error> {
        if self.start == self.end {
            return Ok(self.poll_empty(receiver)?.then_some(Found::Close));
        }
        self.find_any(receiver)
    }

    #[inline(never)]
    fn find_any(&mut self, receiver: &mut Receiver) -> Result<Option<Found>, Error> {
        self.chunks.asked = false;
        self.give_up_message();
        #[cfg(feature = "deflate")]
        self.skip_compressed(receiver)?;
        loop {
            let unread = self.buf.get_mut(self.start..self.end).unwrap_or_default();
            let mut input = Input::new(unread);
            let event = receiver.poll_any(&mut input);
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
                        self.skip_chunk(chunk, kind, part.is_last(), receiver)?;
                        continue;
                    }
                    let chunk = self.buf.get(chunk).unwrap_or_default();
                    let inflated = self.inflated.get_or_insert_default();
                    // Not where its first frame begins: that may have been asked for in pieces, of which none came.
                    let first = !inflated.open;
                    inflated.inflate(chunk, kind, first, receiver)?;
                    // Otherwise the text was found not to be any, which the next poll tells.
                    inflated.open = !receiver.is_between_messages();
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
                                inflated.rest(receiver);
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
}

/// A data message; `None` for text that is not UTF-8.
#[inline]
pub(crate) fn lend_data(kind: MessageKind, payload: &[u8]) -> Option<MessageRef<'_>> {
    match kind {
        MessageKind::Binary => Some(MessageRef::Binary(payload)),
        // Where it was found valid piece by piece, only the whole can become a `&str` without unsafe code.
        MessageKind::Text => utf8::as_str(payload).map(MessageRef::Text),
    }
}

/// The peer's Close, which has come.
fn close(receiver: &Receiver) -> Message {
    Message::Close(receiver.peer_close().flatten().map(CloseFrame::from))
}
