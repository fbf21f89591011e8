//! Receiving through an [`Endpoint`]: what its [`Reader`](crate::Reader) finds, and the signals that follow from it.

use bytes::BufMut;

use crate::connection::Expected;
use crate::connection::close_scan::CloseScan;
use crate::endpoint::{Endpoint, Phase, Reply};
use crate::entropy::Entropy;
use crate::error::Error;
use crate::message::outbound::SendError;
use crate::owned::{Chunk, Message, MessageRef};
use crate::reader::{FoundMessage, lend_data};

/// Receiving.
impl<E: Entropy> Endpoint<E> {
    /// The next message or control frame, lent from the receive buffer; `None` when more input is needed,
    /// or while the handshake is not over.
    ///
    /// # Errors
    /// [`Error`] when the connection fails, once; what is to be sent then is in the output.
    #[inline]
    pub fn poll(&mut self) -> Result<Option<MessageRef<'_>>, Error> {
        match self.poll_found()? {
            Some(found) => self.lend(found).map(Some),
            None => Ok(None),
        }
    }

    /// The next message or control frame, found and not yet lent: for a caller that cannot keep the borrow of
    /// [`poll`](Self::poll) while it looks for one. [`lend`](Self::lend) it before anything else is done.
    ///
    /// # Errors
    /// As [`poll`](Self::poll).
    #[inline]
    pub fn poll_found(&mut self) -> Result<Option<FoundMessage>, Error> {
        let Phase::Open(conn) = &mut self.phase else { return Ok(None) };
        let found = self.reader.poll_found(conn.receiver());
        let is_data = matches!(&found, Ok(Some(found)) if !found.is_control());
        if !is_data && conn.has_signals() {
            self.answer();
        }
        found
    }

    /// Lends what [`poll_found`](Self::poll_found) has found; an empty message once the connection is not open.
    ///
    /// # Errors
    /// As [`poll`](Self::poll), for text that is not UTF-8.
    #[inline]
    pub fn lend(&mut self, found: FoundMessage) -> Result<MessageRef<'_>, Error> {
        match &mut self.phase {
            Phase::Open(conn) => match self.reader.data(&found) {
                Some((kind, payload)) => {
                    lend_data(kind, payload).ok_or_else(|| conn.fail_whole_text())
                }
                None => Ok(found.lend_control(conn.receiver())),
            },
            _ => Ok(MessageRef::Binary(&[])),
        }
    }

    /// The next message or control frame, owned; else as [`poll`](Self::poll).
    ///
    /// # Errors
    /// As [`poll`](Self::poll).
    // As `Reader::poll_owned`.
    #[inline(always)]
    pub fn poll_owned(&mut self) -> Result<Option<Message>, Error> {
        let Phase::Open(conn) = &mut self.phase else { return Ok(None) };
        match self.reader.take_whole(conn.receiver()) {
            Some(Ok(message)) => Ok(Some(message)),
            Some(Err(error)) => {
                self.answer();
                Err(error)
            }
            None => self.poll_owned_slow(),
        }
    }

    #[inline(never)]
    fn poll_owned_slow(&mut self) -> Result<Option<Message>, Error> {
        let Phase::Open(conn) = &mut self.phase else { return Ok(None) };
        let message = self.reader.poll_any_owned(conn.receiver());
        if conn.has_signals() {
            self.answer();
        }
        message
    }

    /// Lends the next message or control frame to `f`, with a way to answer it while it is lent; returns what `f`
    /// does. `None` as from [`poll`](Self::poll).
    ///
    /// # Errors
    /// As [`poll`](Self::poll).
    #[inline]
    pub fn poll_with<T>(
        &mut self,
        f: impl FnOnce(MessageRef<'_>, Reply<'_, E>) -> T,
    ) -> Result<Option<T>, Error> {
        let Phase::Open(conn) = &mut self.phase else { return Ok(None) };
        let found = match self.reader.poll_found(conn.receiver()) {
            Ok(Some(found)) => found,
            other => {
                if conn.has_signals() {
                    self.answer();
                }
                return other.map(|_| None);
            }
        };
        let (writer, entropy) = (&mut self.writer, &mut self.entropy);
        let control;
        let message = match self.reader.data(&found) {
            Some((kind, payload)) => match lend_data(kind, payload) {
                Some(message) => message,
                None => return Err(conn.fail_whole_text()),
            },
            // Its payload lies in the connection, which is to send.
            None => {
                control = found.lend_control(conn.receiver()).to_message();
                conn.exchange();
                let _ = writer.queue_answers(conn.sender(), entropy);
                // Our answer to a Close was queued, of which the receiver has to hear.
                conn.exchange();
                control.as_message_ref()
            }
        };
        Ok(Some(f(message, Reply { conn, writer, entropy })))
    }

    /// A way to send, as [`poll_with`](Self::poll_with) lends it; `None` while the connection is not open.
    pub fn reply<'a>(&'a mut self) -> Option<Reply<'a, E>> {
        let Phase::Open(conn) = &mut self.phase else { return None };
        Some(Reply { conn, writer: &mut self.writer, entropy: &mut self.entropy })
    }

    /// The next piece of a message as it arrives, or a control frame: see [`Reader::poll_chunk`](crate::Reader::poll_chunk).
    ///
    /// # Errors
    /// As [`poll`](Self::poll).
    pub fn poll_chunk(&mut self) -> Result<Option<Chunk>, Error> {
        let Phase::Open(conn) = &mut self.phase else { return Ok(None) };
        let chunk = self.reader.poll_chunk(conn.receiver());
        if conn.has_signals() {
            self.answer();
        }
        chunk
    }

    /// Whether it is known without looking that no message is to be found: the connection is open and between
    /// messages, nothing is unread, and the peer's Close has not come.
    #[inline]
    #[must_use]
    pub fn is_drained(&self) -> bool {
        match &self.phase {
            Phase::Open(conn) => self.reader.is_drained(conn.receiver_ref()),
            _ => false,
        }
    }

    /// Whether a message has been given away in part, by [`poll_chunk`](Self::poll_chunk).
    #[must_use]
    pub fn is_within_message(&self) -> bool {
        self.reader.is_within_message()
    }

    /// Gives up what is left of such a message: see [`Reader::give_up_message`](crate::Reader::give_up_message).
    pub fn give_up_message(&mut self) {
        self.reader.give_up_message();
    }

    /// What was received is no message: lets the sender hear of it. An answer leaves before what the application makes
    /// of a control frame and of what follows; one that cannot be masked stays queued, and `output` tells.
    #[cold]
    fn answer(&mut self) {
        if let Phase::Open(conn) = &mut self.phase {
            conn.exchange();
        }
        let _ = self.queue_answers();
    }

    /// See [`Writer::queue_answers`].
    #[inline]
    pub(super) fn queue_answers(&mut self) -> Result<(), SendError> {
        match &mut self.phase {
            Phase::Open(conn) if conn.has_transmit() => {
                let queued = self.writer.queue_answers(conn.sender(), &mut self.entropy);
                conn.exchange();
                queued
            }
            _ => Ok(()),
        }
    }

    /// Where the transport reads into; never empty. Follow with [`advance`](Self::advance).
    pub fn room(&mut self) -> &mut [u8] {
        let expected = self.expected();
        self.reader.room_for(expected)
    }

    /// [`room`](Self::room) for a transport that can read into memory that was never written to: it need
    /// not be filled with zeros first. Follow with [`advance`](Self::advance), for as many bytes as were
    /// put in.
    // Only what most reads take.
    #[inline(always)]
    pub fn room_buf(&mut self) -> impl BufMut {
        let expected = self.expected();
        self.reader.room_buf_for(expected)
    }

    /// Room to read into what will be polled later, in a receive buffer of at most `size` bytes: see
    /// [`Reader::room_ahead`](crate::Reader::room_ahead). Follow with [`advance`](Self::advance) and
    /// [`handle_unread_input`](Self::handle_unread_input).
    pub fn room_ahead(&mut self, size: usize) -> Option<impl BufMut> {
        self.reader.room_ahead(size)
    }

    /// What the next read may bring of the current message.
    #[inline]
    fn expected(&mut self) -> Expected {
        if let Phase::Open(conn) = &self.phase {
            return conn.receiver_ref().expected();
        }
        self.expected_unless_open()
    }

    #[cold]
    fn expected_unless_open(&mut self) -> Expected {
        if let Phase::Refused(..) = &self.phase {
            // Nobody will look at it any more.
            self.reader.consume(usize::MAX);
        }
        Expected::default()
    }

    /// The transport has read `len` bytes into the [`room`](Self::room).
    pub fn advance(&mut self, len: usize) {
        self.reader.advance(len);
    }

    /// Returns whether the peer's whole Close lies in what was received and has not been polled. It is for a caller
    /// that waits for the closing handshake and leaves what precedes the Close to be polled later. Use the same `scan`
    /// in later calls, so that each byte is scanned once. Begin with a new one when something has been polled, or after
    /// any result but `Ok(false)`.
    ///
    /// A Close that nothing precedes takes effect now, and the next poll still delivers it. Any other Close takes
    /// effect when it is polled.
    ///
    /// # Errors
    /// [`Error::Frame`] for a frame that will make the connection fail when it is polled; [`Error::CloseFrame`] for a
    /// Close that has made it fail now.
    pub fn find_close(&mut self, scan: &mut CloseScan) -> Result<bool, Error> {
        let Phase::Open(conn) = &mut self.phase else { return Ok(false) };
        let found = conn.receiver().find_close(scan, self.reader.unread_mut())?;
        if found && scan.is_close_next() {
            let close = self.poll_owned()?;
            self.reader.hold_close(close.is_some_and(|message| message.is_close()));
        }
        Ok(found)
    }
}
