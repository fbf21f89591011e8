//! Both directions of an open connection with their buffers, as one object that an adapter drives.
//!
//! It lets the two directions hear of each other and holds no rule of the protocol. An adapter adds a transport and a
//! clock, and runs this loop, in this order:
//!
//! 1. [`poll`](Endpoint::poll) or [`poll_owned`](Endpoint::poll_owned), until there is nothing more: what arrived is
//!    delivered before anything else happens;
//! 2. [`output`](Endpoint::output): write what it holds, and report how much was written by [`Writer::advance`], so that
//!    answers are written before the adapter waits;
//! 3. [`shutdown`](Endpoint::shutdown): how far to end the transport now;
//! 4. wait for input until [`poll_timeout`](Endpoint::poll_timeout): read into [`Reader::room`], then
//!    [`Reader::advance`], or [`handle_eof`](Endpoint::handle_eof), or [`handle_timeout`](Endpoint::handle_timeout).

mod config;

use alloc::vec::Vec;
use core::time::Duration;

use crate::connection::{Connection, Shutdown, Signals, exchange_all};
#[cfg(feature = "deflate")]
use crate::deflate::DeflateParams;
use crate::entropy::Entropy;
use crate::error::Error;
use crate::keepalive::Timeout;
use crate::message::outbound::SendError;
use crate::negotiated::Negotiated;
use crate::owned::{Chunk, Message, MessageRef};
use crate::reader::Reader;
use crate::reader::room::ReadBuffer;
use crate::role::Role;
use crate::writer::Writer;

pub use config::EndpointConfig;

/// An open WebSocket connection without its transport: a [`Reader`] and a [`Writer`], which exchange their signals.
///
/// The opening handshake comes before it, as [`Incoming`](crate::Incoming) of a server and
/// [`Connecting`](crate::Connecting) of a client, or something else
/// has done it ([`open`](Self::open)). See [`Connection`] for a connection without buffers.
///
/// Either direction can be used by itself: `endpoint.writer.send(..)`, `endpoint.reader.room()`. If one of them does
/// something that the other one must know, such as to send a Close, this takes effect there with the next call of a
/// method of the endpoint.
#[derive(Debug)]
pub struct Endpoint<E> {
    /// The receiving direction.
    pub reader: Reader,
    /// The sending direction.
    pub writer: Writer<E>,
}

impl<E: Entropy> Endpoint<E> {
    /// A connection whose opening handshake is complete; `unread` is what has been read of the peer's frames already.
    #[must_use]
    pub fn open(
        role: Role,
        negotiated: Negotiated,
        unread: &[u8],
        config: &EndpointConfig,
        entropy: E,
    ) -> Self {
        let mut buffer = ReadBuffer::new();
        buffer.push(unread);
        Self::opened(role, negotiated, buffer, Vec::new(), config, entropy)
    }

    /// A connection with what was received behind the opening handshake and what is still to be written of it.
    pub(crate) fn opened(
        role: Role,
        negotiated: Negotiated,
        buffer: ReadBuffer,
        output: Vec<u8>,
        config: &EndpointConfig,
        entropy: E,
    ) -> Self {
        let (receiver, sender) = Connection::new(role, negotiated, config.connection).split();
        Self {
            reader: Reader::with_buffer(receiver, buffer),
            writer: Writer::with_output(sender, output, config.max_write_buffer_size, entropy),
        }
    }

    /// Takes the two directions apart, so that one task can receive while another one sends. The caller gives what
    /// [`Receiver::signals`](crate::Receiver::signals) returns to the sender, and the sender's to the receiver.
    #[must_use]
    pub fn split(self) -> (Reader, Writer<E>) {
        (self.reader, self.writer)
    }

    /// Puts the two directions of one connection together again.
    ///
    /// Both must come from the same connection. This is not checked; otherwise, both peers will see protocol errors.
    #[must_use]
    pub fn join(reader: Reader, writer: Writer<E>) -> Self {
        let mut joined = Self { reader, writer };
        // Signals that were taken may never have arrived, so each direction reports all that it knows.
        exchange_all(joined.reader.receiver_mut(), joined.writer.sender_mut());
        joined
    }

    /// Which end of the connection this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.reader.receiver().role()
    }

    /// What was agreed on about permessage-deflate; `None` where it is not in use.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(&self) -> Option<DeflateParams> {
        self.reader.receiver().deflate_with(self.writer.sender())
    }

    /// Passes the signals of each direction to the other.
    #[inline]
    fn exchange(&mut self) {
        Signals::exchange(self.reader.receiver_mut(), self.writer.sender_mut());
    }
}

/// Receiving.
impl<E: Entropy> Endpoint<E> {
    /// The next message or control frame, lent from the receive buffer, and the writer to answer it with while it is lent;
    /// `None` when more input is needed. Pings and the peer's Close have been answered already.
    ///
    /// ```
    /// use fullduplex::{Endpoint, EndpointConfig, MessageRef, Negotiated, NoEntropy, Role};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let hello = b"\x81\x85\0\0\0\0Hello";
    /// let negotiated = Negotiated::without_extensions();
    /// let mut endpoint =
    ///     Endpoint::open(Role::Server, negotiated, hello, &EndpointConfig::new(), NoEntropy);
    /// while let Some((message, writer)) = endpoint.poll()? {
    ///     if let MessageRef::Text(_) | MessageRef::Binary(_) = message {
    ///         writer.send(message)?;
    ///     }
    /// }
    /// assert_eq!(endpoint.output()?.first(), b"\x81\x05Hello");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error`] when the connection fails, once. What must be sent then is in the [output](Self::output).
    #[inline]
    pub fn poll(&mut self) -> Result<Option<(MessageRef<'_>, &mut Writer<E>)>, Error> {
        if !self.find()? {
            return Ok(None);
        }
        let Self { reader, writer, .. } = self;
        Ok(reader.message()?.map(|message| (message, writer)))
    }

    /// Finds the next message or control frame, which [`Reader::message`] then lends; `false` when more input is needed:
    /// [`poll`](Self::poll) in two steps, for a caller that cannot keep a borrow while it looks.
    ///
    /// # Errors
    /// As [`poll`](Self::poll).
    #[inline]
    pub fn find(&mut self) -> Result<bool, Error> {
        let found = self.reader.find();
        let is_data = found == Ok(true) && !self.reader.has_found_control();
        if !is_data && self.reader.receiver().has_signals() {
            self.answer();
        }
        found
    }

    /// The next message or control frame, owned; else as [`poll`](Self::poll).
    ///
    /// # Errors
    /// As [`poll`](Self::poll).
    // As `Reader::poll_owned`.
    #[inline(always)]
    pub fn poll_owned(&mut self) -> Result<Option<Message>, Error> {
        match self.reader.take_whole() {
            Some(message) => message.map(Some),
            None => self.poll_owned_slow(),
        }
    }

    #[inline(never)]
    fn poll_owned_slow(&mut self) -> Result<Option<Message>, Error> {
        let message = self.reader.poll_owned_slow();
        if self.reader.receiver().has_signals() {
            self.answer();
        }
        message
    }

    /// The next piece of a message as it arrives, or a control frame: see [`Reader::poll_chunk`].
    ///
    /// # Errors
    /// As [`poll`](Self::poll).
    pub fn poll_chunk(&mut self) -> Result<Option<Chunk>, Error> {
        let chunk = self.reader.poll_chunk();
        if self.reader.receiver().has_signals() {
            self.answer();
        }
        chunk
    }

    /// Passes signals to the sender and queues its answers, after something other than a data message was received. So an
    /// answer is written before what the application sends in reply to a control frame, or to what follows it. If the
    /// answer cannot be masked, it stays queued, and [`output`](Self::output) returns the error.
    #[cold]
    fn answer(&mut self) {
        let _ = self.queue_answers();
    }
}

/// Sending, the transport's end, and time.
impl<E: Entropy> Endpoint<E> {
    /// The writer, with everything that must be written before the caller waits, answers included.
    ///
    /// # Errors
    /// [`SendError::Entropy`] when an answer cannot be masked; it stays queued.
    #[inline]
    pub fn output(&mut self) -> Result<&mut Writer<E>, SendError> {
        let (receiver, sender) = (self.reader.receiver(), self.writer.sender());
        if receiver.has_signals() || sender.has_signals() || sender.has_transmit() {
            self.queue_answers()?;
        }
        Ok(&mut self.writer)
    }

    #[cold]
    fn queue_answers(&mut self) -> Result<(), SendError> {
        self.exchange();
        let queued = self.writer.queue_answers();
        // Our answer to a Close may have been queued. The receiver must know of it.
        self.exchange();
        queued
    }

    /// The transport has come to its end of input. Call it once everything received before has been polled.
    ///
    /// # Errors
    /// [`Error::Ended`] when the peer's Close had not come.
    pub fn handle_eof(&mut self) -> Result<(), Error> {
        let result = self.reader.receiver_mut().handle_eof();
        self.exchange();
        result
    }

    /// The transport was reset, or cut in another way than by an end of input.
    ///
    /// # Errors
    /// [`Error::Ended`] when the peer's Close had not come.
    pub fn handle_reset(&mut self) -> Result<(), Error> {
        let result = self.reader.receiver_mut().handle_reset();
        self.exchange();
        result
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); it changes with every other call. `now` is the time since
    /// any origin that does not change: see [`Receiver::poll_timeout`](crate::Receiver::poll_timeout).
    #[inline]
    pub fn poll_timeout(&mut self, now: Duration) -> Option<Duration> {
        if self.has_timeout() { self.reader.receiver_mut().poll_timeout(now) } else { None }
    }

    /// Whether a timeout is running. If not, [`poll_timeout`](Self::poll_timeout) returns `None` whatever the time is,
    /// and a caller need not ask its clock.
    #[inline]
    #[must_use]
    pub fn has_timeout(&mut self) -> bool {
        self.exchange();
        self.reader.receiver().has_timeout()
    }

    /// Does what is due at `now`. Early calls do nothing.
    ///
    /// # Errors
    /// [`Error::Timeout`] when a timeout has expired.
    #[inline]
    pub fn handle_timeout(&mut self, now: Duration) -> Result<(), Error> {
        let Some(deadline) = self.poll_timeout(now) else { return Ok(()) };
        if now < deadline { Ok(()) } else { self.expire(now) }
    }

    #[cold]
    fn expire(&mut self, now: Duration) -> Result<(), Error> {
        let result = self.reader.receiver_mut().handle_timeout(now);
        self.exchange();
        result
    }

    /// The timeout that has expired at `now`, if any: see [`Receiver::expired`](crate::Receiver::expired).
    #[must_use]
    pub fn expired(&mut self, now: Duration) -> Option<Timeout> {
        if self.has_timeout() { self.reader.receiver_mut().expired(now) } else { None }
    }

    /// How far to end the transport: see [`Writer::shutdown`].
    #[must_use]
    pub fn shutdown(&mut self) -> Shutdown {
        self.exchange();
        self.writer.shutdown(self.reader.receiver())
    }

    /// Whether there is nothing to do but to wait for input or a deadline: nothing waits to be written, no answer is queued,
    /// and no closing handshake is in progress. Then [`output`](Self::output) is empty and [`shutdown`](Self::shutdown)
    /// returns [`Shutdown::No`].
    #[inline]
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        let (receiver, sender) = (self.reader.receiver(), self.writer.sender());
        self.writer.pending() == 0
            && !receiver.has_ended()
            && sender.may_send()
            && !sender.has_transmit()
            && !receiver.has_signals()
    }

    /// Frees memory that the buffers do not need for what they hold: for a connection that is about to wait for long.
    pub fn release(&mut self) {
        self.reader.release();
        self.writer.release();
    }
}
