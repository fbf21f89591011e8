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
mod receiving;
mod sending;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::closing::Ended;
use crate::connection::{Config, Connection, Shutdown};
#[cfg(feature = "deflate")]
use crate::deflate::DeflateConfig;
use crate::entropy::Entropy;
use crate::error::Error;
use crate::handshake::{
    ClientHandshake, HeadLimits, OwnedClientRequest, OwnedRejection, OwnedRequest, OwnedResponse,
    PlainRequest, ServerHandshake,
};
use crate::keepalive::{DEFAULT_HANDSHAKE_TIMEOUT, Deadline, Timeout};
use crate::negotiated::Negotiated;
use crate::reader::Reader;
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

/// The transport's end, and time.
impl<E: Entropy> Endpoint<E> {
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
