//! One object that an adapter drives, from the first byte of the handshake to the end of the transport.
//!
//! It owns the buffers and puts the machines in sequence; it holds no rule of the protocol. An adapter
//! adds a transport and a clock and runs this loop, in this order:
//!
//! 1. [`poll_handshake`](Endpoint::poll_handshake) until it is open, then [`poll`](Endpoint::poll) or
//!    [`poll_owned`](Endpoint::poll_owned), until there is nothing more: what arrived is delivered before
//!    anything else happens;
//! 2. [`output`](Endpoint::output), or [`output_chunks`](Endpoint::output_chunks) for a transport that
//!    writes several pieces at once: write it, and tell how much went by
//!    [`advance_output`](Endpoint::advance_output): answers leave before the adapter waits;
//! 3. [`shutdown`](Endpoint::shutdown): whether the transport is to be ended now;
//! 4. wait for input until [`poll_timeout`](Endpoint::poll_timeout): read into
//!    [`room`](Endpoint::room), then [`advance`](Endpoint::advance), or
//!    [`handle_eof`](Endpoint::handle_eof), or [`handle_timeout`](Endpoint::handle_timeout).

mod handshake;
mod sending;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use bytes::BufMut;

use crate::closing::Ended;
use crate::connection::close_scan::CloseScan;
use crate::connection::{Config, Connection, Expected, Shutdown};
#[cfg(feature = "deflate")]
use crate::deflate::DeflateConfig;
use crate::entropy::Entropy;
use crate::error::Error;
use crate::handshake::{
    ClientHandshake, HeadLimits, OwnedClientRequest, OwnedRejection, OwnedRequest, OwnedResponse,
    PlainRequest, ServerHandshake,
};
use crate::keepalive::{DEFAULT_HANDSHAKE_TIMEOUT, Deadline, Timeout};
use crate::message::outbound::SendError;
use crate::negotiated::Negotiated;
use crate::owned::{Chunk, Message, MessageRef};
use crate::reader::{FoundMessage, Reader, lend_data};
use crate::role::Role;
use crate::writer::{DEFAULT_MAX_WRITE_BUFFER, Writer};

/// How an endpoint behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointConfig {
    /// The open connection: limits and timeouts.
    pub connection: Config,
    /// How large the peer's handshake may be.
    pub head_limits: HeadLimits,
    /// How long the opening handshake may take; `None` for ever.
    pub handshake_timeout: Option<Duration>,
    /// How many bytes may wait to be written before sending is refused: a message is taken as long as fewer wait.
    pub max_write_buffer: usize,
    /// permessage-deflate (RFC 7692): a client offers it, a server accepts it where it is offered; `None`,
    /// the default, does neither.
    #[cfg(feature = "deflate")]
    pub deflate: Option<DeflateConfig>,
}

impl EndpointConfig {
    /// The defaults: [`Config::new`], [`HeadLimits::DEFAULT`], [`DEFAULT_HANDSHAKE_TIMEOUT`],
    /// [`DEFAULT_MAX_WRITE_BUFFER`].
    #[must_use]
    pub const fn new() -> Self {
        Self {
            connection: Config::new(),
            head_limits: HeadLimits::DEFAULT,
            handshake_timeout: Some(DEFAULT_HANDSHAKE_TIMEOUT),
            max_write_buffer: DEFAULT_MAX_WRITE_BUFFER,
            #[cfg(feature = "deflate")]
            deflate: None,
        }
    }

    /// Turns permessage-deflate on.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub const fn deflate(mut self, deflate: DeflateConfig) -> Self {
        self.deflate = Some(deflate);
        self
    }
}

impl Default for EndpointConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// What the opening handshake has come to.
#[derive(Clone, Debug)]
pub enum HandshakeEvent {
    /// Server: a valid request has come, see [`Endpoint::request`]. Nothing goes on until
    /// [`accept`](Endpoint::accept) or [`reject`](Endpoint::reject).
    Request,
    /// Server: a request that asks for no WebSocket was answered with this status, see [`Endpoint::poll_handshake_or`].
    /// The caller must end the transport.
    Answered(u16),
    /// Client: the server has accepted; the connection is open.
    Open(OwnedResponse),
    /// Client: the server answered with another status than 101. The bytes are what had arrived of the
    /// response's body.
    Refused(OwnedResponse, Vec<u8>),
}

/// Answers a request that asks for no WebSocket, with any status from 200 to 599. If it returns `None`, the request is
/// refused.
pub type AnswerPlain<'a> = &'a mut dyn FnMut(&PlainRequest<'_>) -> Option<OwnedRejection>;

/// How far it is. What comes before and after the connection has its deadline with it.
#[derive(Debug)]
enum Phase {
    ServerHandshake(Box<ServerHandshake>, Deadline),
    /// A request waits for the application's decision.
    Deciding(Box<OwnedRequest>, Deadline),
    ClientHandshake(Box<(ClientHandshake, OwnedClientRequest)>, Deadline),
    Open(Connection),
    /// The handshake failed or was refused; the peer is waited for.
    Refused(Role, Deadline),
}

impl Phase {
    /// The deadline of what comes before and after the connection.
    #[cold]
    fn deadline(&mut self) -> Option<&mut Deadline> {
        match self {
            Self::ServerHandshake(_, deadline)
            | Self::Deciding(_, deadline)
            | Self::ClientHandshake(_, deadline)
            | Self::Refused(_, deadline) => Some(deadline),
            Self::Open(_) => None,
        }
    }
}

/// Most connections have it, and need not keep it.
static DEFAULT_CONFIG: EndpointConfig = EndpointConfig::new();

/// Sends through an [`Endpoint`] while it lends a message: see [`Endpoint::poll_with`].
pub struct Reply<'a, E> {
    conn: &'a mut Connection,
    writer: &'a mut Writer,
    entropy: &'a mut E,
}

impl<E> fmt::Debug for Reply<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").finish_non_exhaustive()
    }
}

/// A WebSocket endpoint without its transport: handshake, connection and buffers in one.
///
/// See [`Connection`] for a connection without buffers, and the loop that an adapter runs in the
/// documentation of the methods: deliver, write, end or wait.
#[derive(Debug)]
pub struct Endpoint<E> {
    phase: Phase,
    reader: Reader,
    writer: Writer,
    entropy: E,
    /// Nothing more will come from the transport, or is waited for.
    ended: bool,
    /// `None` for the defaults.
    config: Option<Box<EndpointConfig>>,
}

impl<E: Entropy> Endpoint<E> {
    fn new(phase: Phase, config: EndpointConfig, entropy: E) -> Self {
        Self {
            phase,
            reader: Reader::new(),
            writer: Writer::new(config.max_write_buffer),
            entropy,
            ended: false,
            config: (config != DEFAULT_CONFIG).then(|| Box::new(config)),
        }
    }

    /// A connection whose handshake something else has done; `unread` is what has been read of its
    /// frames already.
    #[must_use]
    pub fn open(
        role: Role,
        negotiated: Negotiated,
        unread: &[u8],
        config: EndpointConfig,
        entropy: E,
    ) -> Self {
        let conn = Connection::new(role, negotiated, config.connection);
        let mut endpoint = Self::new(Phase::Open(conn), config, entropy);
        endpoint.reader.push(unread);
        endpoint
    }

    /// Takes an endpoint whose connection is open apart: the connection, which can be
    /// [split](Connection::split), its two buffers and the entropy. `None` before it is open, or if it was refused.
    #[must_use]
    pub fn into_parts(self) -> Option<(Connection, Reader, Writer, E)> {
        match self.phase {
            Phase::Open(conn) => Some((conn, self.reader, self.writer, self.entropy)),
            _ => None,
        }
    }

    /// Makes an endpoint of what [`into_parts`](Self::into_parts) returned. The limits of connection and
    /// writer stay as they are; a transport that had ended has to tell so once more.
    #[must_use]
    pub fn from_parts(
        connection: Connection,
        reader: Reader,
        writer: Writer,
        entropy: E,
        config: EndpointConfig,
    ) -> Self {
        let endpoint = Self::new(Phase::Open(connection), config, entropy);
        Self { reader, writer, ..endpoint }
    }

    /// Which end of the connection this is.
    #[must_use]
    pub fn role(&self) -> Role {
        match &self.phase {
            Phase::ServerHandshake(..) | Phase::Deciding(..) => Role::Server,
            Phase::ClientHandshake(..) => Role::Client,
            Phase::Open(conn) => conn.role(),
            Phase::Refused(role, _) => *role,
        }
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &EndpointConfig {
        self.config.as_deref().unwrap_or(&DEFAULT_CONFIG)
    }

    /// The connection, once it is open.
    #[must_use]
    pub fn connection(&self) -> Option<&Connection> {
        match &self.phase {
            Phase::Open(conn) => Some(conn),
            _ => None,
        }
    }
}

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

    /// The next piece of a message as it arrives, or a control frame: see [`Reader::poll_chunk`].
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

    /// Gives up what is left of such a message: see [`Reader::give_up_message`].
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
    fn queue_answers(&mut self) -> Result<(), SendError> {
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
    /// [`Reader::room_ahead`]. Follow with [`advance`](Self::advance) and
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

    /// The transport has come to its end of input. Call it once everything received before has been polled.
    ///
    /// # Errors
    /// [`Error::Ended`] when the peer's Close, or the end of the handshake, had not come.
    pub fn handle_eof(&mut self) -> Result<(), Error> {
        self.end(Connection::handle_eof, Ended::InsideHandshake)
    }

    /// The transport was reset, or cut in another way than by an end of input.
    ///
    /// # Errors
    /// [`Error::Ended`] when the peer's Close, or the end of the handshake, had not come.
    pub fn handle_reset(&mut self) -> Result<(), Error> {
        self.end(Connection::handle_reset, Ended::Reset)
    }

    fn end(
        &mut self,
        open: impl FnOnce(&mut Connection) -> Result<(), Error>,
        in_handshake: Ended,
    ) -> Result<(), Error> {
        self.ended = true;
        match &mut self.phase {
            Phase::Open(conn) => open(conn),
            Phase::Refused(..) => Ok(()),
            Phase::ServerHandshake(..) | Phase::Deciding(..) | Phase::ClientHandshake(..) => {
                self.phase = Phase::Refused(self.role(), Deadline::Never);
                Err(in_handshake.into())
            }
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); it changes with every other call.
    #[inline]
    pub fn poll_timeout(&mut self, now: Duration) -> Option<Duration> {
        match &mut self.phase {
            _ if self.ended => None,
            Phase::Open(conn) => conn.poll_timeout(now),
            other => other.deadline()?.from(now),
        }
    }

    /// Whether a waiting time runs. If not, [`poll_timeout`](Self::poll_timeout) returns `None` whatever the time is,
    /// and a caller need not ask its clock.
    #[inline]
    #[must_use]
    pub fn has_timeout(&self) -> bool {
        match &self.phase {
            _ if self.ended => false,
            Phase::Open(conn) => conn.has_timeout(),
            _ => true,
        }
    }

    /// Does what is due at `now`. Early calls do nothing.
    ///
    /// # Errors
    /// [`Error::Timeout`] when a waiting time ran out.
    #[inline]
    pub fn handle_timeout(&mut self, now: Duration) -> Result<(), Error> {
        let Some(deadline) = self.poll_timeout(now) else { return Ok(()) };
        if now < deadline { Ok(()) } else { self.expire(now) }
    }

    #[cold]
    fn expire(&mut self, now: Duration) -> Result<(), Error> {
        match &mut self.phase {
            Phase::Open(conn) => {
                let result = conn.handle_timeout(now);
                // Once the connection is over, the one thing still waited for is the transport's end.
                self.ended = conn.is_closed();
                result
            }
            Phase::Refused(..) => {
                self.ended = true;
                Ok(())
            }
            Phase::ServerHandshake(..) | Phase::Deciding(..) | Phase::ClientHandshake(..) => {
                self.ended = true;
                self.phase = Phase::Refused(self.role(), Deadline::Never);
                Err(Error::Timeout(Timeout::Handshake))
            }
        }
    }

    /// Returns the waiting time of the open connection that has run out at `now`, if one has: see
    /// [`Connection::expired`].
    #[must_use]
    pub fn expired(&mut self, now: Duration) -> Option<Timeout> {
        match &mut self.phase {
            Phase::Open(conn) if !self.ended => conn.expired(now),
            _ => None,
        }
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

    /// Input has come that will be polled later, or nobody has listened: see [`Connection::handle_unread_input`].
    pub fn handle_unread_input(&mut self) {
        if let Phase::Open(conn) = &mut self.phase {
            conn.handle_unread_input();
        }
    }

    /// A write that was blocked has gone on: see [`Connection::handle_write_progress`].
    #[inline]
    pub fn handle_write_progress(&mut self) {
        if let Phase::Open(conn) = &mut self.phase {
            conn.handle_write_progress();
        }
    }

    /// What is to be done with the transport, now that all [output](Self::output) has been written: see
    /// [`Connection::shutdown`].
    #[must_use]
    pub fn shutdown(&self) -> Shutdown {
        match &self.phase {
            _ if self.ended => Shutdown::Both,
            Phase::Open(conn) if conn.may_send() => Shutdown::No,
            _ if self.pending_output() > 0 => Shutdown::No,
            // The request is all that a client has to say.
            Phase::Refused(Role::Client, _) => Shutdown::Both,
            Phase::Refused(Role::Server, _) => Shutdown::Write,
            Phase::Open(conn) => conn.shutdown(),
            _ => Shutdown::No,
        }
    }

    /// Whether there is nothing to do but to wait for input or a deadline: the connection is open, nothing is to be
    /// written, no answer is queued, and no closing handshake is under way. Then [`output`](Self::output) is empty
    /// and [`shutdown`](Self::shutdown) says no.
    #[inline]
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        match &self.phase {
            Phase::Open(conn) => {
                self.pending_output() == 0 && !self.ended && conn.may_send() && !conn.has_transmit()
            }
            _ => false,
        }
    }

    /// Gives up what memory the buffers hold beyond what is in them: for a connection that is about to
    /// wait for long.
    pub fn release(&mut self) {
        self.reader.release();
        if let Phase::Open(conn) = &mut self.phase {
            conn.release();
        }
        self.writer.release();
    }
}
