//! One object that an adapter drives, from the first byte of the handshake to the end of the transport.
//!
//! It owns the buffers and puts the machines in sequence; it holds no rule of the protocol. An adapter
//! adds a transport and a clock and runs this loop, in this order:
//!
//! 1. [`poll_handshake`](Endpoint::poll_handshake) until it is open, then [`poll`](Endpoint::poll) or
//!    [`poll_owned`](Endpoint::poll_owned), until there is nothing more: what arrived is delivered before
//!    anything else happens;
//! 2. [`output`](Endpoint::output): write it, and tell how much went by
//!    [`advance_output`](Endpoint::advance_output): answers leave before the adapter waits;
//! 3. [`shutdown`](Endpoint::shutdown): whether the transport is to be ended now;
//! 4. wait for input until [`poll_timeout`](Endpoint::poll_timeout): read into
//!    [`room`](Endpoint::room), then [`advance`](Endpoint::advance), or
//!    [`handle_end`](Endpoint::handle_end), or [`handle_timeout`](Endpoint::handle_timeout).

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use crate::close_code::CloseCode;
use crate::closing::CloseReason;
use crate::connection::{Config, Connection};
use crate::entropy::Entropy;
use crate::error::{Error, HandshakeError};
use crate::event::MessageKind;
use crate::frame::header::OpCode;
use crate::handshake::{
    AcceptError, Answer, ClientHandshake, EncodeRequestError, HeadLimits, Outcome,
    OwnedClientRequest, OwnedRequest, OwnedResponse, RejectError, Rejection, Request,
    ServerHandshake,
};
use crate::keepalive::{DEFAULT_HANDSHAKE_TIMEOUT, Timeout};
use crate::message::outbound::SendError;
use crate::negotiated::Negotiated;
use crate::owned::{Message, MessageRef};
use crate::reader::Reader;
use crate::role::Role;

/// How much may wait to be written by default: 1 MiB. A single message may be larger when nothing else
/// waits.
pub const DEFAULT_MAX_WRITE_BUFFER: usize = 1 << 20;

/// An output buffer that has grown beyond this is given back when it has been written.
const KEEP_OUTPUT: usize = 64 << 10;

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
    /// How many bytes may wait to be written before sending is refused.
    pub max_write_buffer: usize,
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
        }
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
    /// Client: the server has accepted; the connection is open.
    Open(OwnedResponse),
    /// Client: the server answered with another status than 101. The bytes are what had arrived of the
    /// response's body.
    Refused(OwnedResponse, Vec<u8>),
}

/// What is to be done with the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// Nothing: go on.
    No,
    /// End the sending direction, then read on until the peer has ended its own or the
    /// [deadline](Endpoint::poll_timeout) has come: a transport that is dropped with input unread may
    /// throw away what was sent last.
    Write,
    /// Drop it.
    Both,
}

#[derive(Debug)]
enum Phase {
    ServerHandshake(Box<ServerHandshake>),
    /// A request waits for the application's decision.
    Deciding(Box<OwnedRequest>),
    ClientHandshake(Box<(ClientHandshake, OwnedClientRequest)>),
    Open(Connection),
    /// The handshake failed or was refused.
    Refused,
}

/// A WebSocket endpoint without its transport: handshake, connection and buffers in one.
///
/// See [`Connection`] for a connection without buffers, and the loop that an adapter runs in the
/// documentation of the methods: deliver, write, end or wait.
#[derive(Debug)]
pub struct Endpoint<E> {
    phase: Phase,
    reader: Reader,
    output: Vec<u8>,
    /// How much of `output` the transport has taken.
    taken: usize,
    entropy: E,
    /// When the handshake, or the wait for the peer after it was refused, ends.
    deadline: Option<Duration>,
    /// Nothing more will come from the transport, or is waited for.
    ended: bool,
    config: EndpointConfig,
}

impl<E: Entropy> Endpoint<E> {
    fn new(phase: Phase, config: EndpointConfig, entropy: E, deadline: Option<Duration>) -> Self {
        Self {
            phase,
            reader: Reader::new(),
            output: Vec::new(),
            taken: 0,
            entropy,
            deadline,
            ended: false,
            config,
        }
    }

    /// A server that waits for a request (RFC 6455 §4.2).
    #[must_use]
    pub fn server(config: EndpointConfig, entropy: E, now: Duration) -> Self {
        let handshake = ServerHandshake::new(config.head_limits);
        let deadline = config.handshake_timeout.map(|timeout| now.saturating_add(timeout));
        Self::new(Phase::ServerHandshake(Box::new(handshake)), config, entropy, deadline)
    }

    /// A client whose request is ready to be written (RFC 6455 §4.1).
    ///
    /// # Errors
    /// [`HandshakeError::Encode`] when the request must not be sent, [`HandshakeError::Entropy`].
    pub fn client(
        request: OwnedClientRequest,
        config: EndpointConfig,
        mut entropy: E,
        now: Duration,
    ) -> Result<Self, HandshakeError> {
        let handshake = ClientHandshake::new(&mut entropy)?.with_limits(config.head_limits);
        let output = encode(|out| match handshake.encode_request(&request.as_request(), out) {
            Err(EncodeRequestError::BufferTooSmall(error)) => Err(Ok(error.needed)),
            other => other.map_err(Err),
        })?;
        let deadline = config.handshake_timeout.map(|timeout| now.saturating_add(timeout));
        let phase = Phase::ClientHandshake(Box::new((handshake, request)));
        Ok(Self { output, ..Self::new(phase, config, entropy, deadline) })
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
        let mut endpoint = Self::new(Phase::Open(conn), config, entropy, None);
        endpoint.reader.push(unread);
        endpoint
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &EndpointConfig {
        &self.config
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

/// The opening handshake.
impl<E: Entropy> Endpoint<E> {
    /// What the handshake has come to; `None` while more input is needed, or once it is over.
    ///
    /// # Errors
    /// [`HandshakeError::Request`] and [`HandshakeError::Response`] when the peer's head is not what it
    /// must be. A server's answer is in the [output](Self::output) then.
    pub fn poll_handshake(
        &mut self,
        now: Duration,
    ) -> Result<Option<HandshakeEvent>, HandshakeError> {
        let received = self.reader.unread();
        match &mut self.phase {
            Phase::ServerHandshake(handshake) => match handshake.poll(received) {
                Ok(None) => Ok(None),
                Ok(Some(request)) => {
                    let request = Box::new(request.into_owned());
                    self.reader.consume(request.as_request().head_len());
                    self.phase = Phase::Deciding(request);
                    Ok(Some(HandshakeEvent::Request))
                }
                Err(error) => {
                    self.refuse(now);
                    self.output = encode::<core::convert::Infallible>(|out| {
                        error.encode_response(out).map_err(|error| Ok(error.needed))
                    })
                    .unwrap_or_default();
                    Err(error.into())
                }
            },
            Phase::ClientHandshake(state) => {
                let (handshake, request) = &mut **state;
                match handshake.poll(received, &request.as_request()) {
                    Ok(None) => Ok(None),
                    Ok(Some(Outcome::Open { response, negotiated })) => {
                        let response = response.into_owned();
                        self.reader.consume(response.as_response().head_len());
                        self.opened(Role::Client, negotiated);
                        Ok(Some(HandshakeEvent::Open(response)))
                    }
                    Ok(Some(Outcome::Refused(response))) => {
                        let body = received.get(response.head_len()..).unwrap_or_default().to_vec();
                        let response = response.into_owned();
                        self.refuse(now);
                        Ok(Some(HandshakeEvent::Refused(response, body)))
                    }
                    Err(error) => {
                        self.refuse(now);
                        Err(error.into())
                    }
                }
            }
            Phase::Deciding(_) => Ok(Some(HandshakeEvent::Request)),
            Phase::Open(_) | Phase::Refused => Ok(None),
        }
    }

    /// Whether the handshake is over: the connection is open, or was refused.
    #[must_use]
    pub fn is_handshake_over(&self) -> bool {
        matches!(self.phase, Phase::Open(_) | Phase::Refused)
    }

    /// The request that waits for a decision.
    #[must_use]
    pub fn request(&self) -> Option<Request<'_>> {
        match &self.phase {
            Phase::Deciding(request) => Some(request.as_request()),
            _ => None,
        }
    }

    /// Accepts the [request](Self::request): the answer goes to the output, the connection is open.
    /// Returns the request, or `None` when none was waiting.
    ///
    /// # Errors
    /// [`AcceptError`] when the answer must not be sent; the request goes on waiting.
    pub fn accept<S: AsRef<str>>(
        &mut self,
        answer: &Answer<'_, S>,
    ) -> Result<Option<OwnedRequest>, AcceptError> {
        let Phase::Deciding(request) = &self.phase else { return Ok(None) };
        let mut negotiated = Negotiated::without_extensions();
        self.output = encode(|out| match request.as_request().accept(answer, out) {
            Ok((len, settled)) => {
                negotiated = settled;
                Ok(len)
            }
            Err(AcceptError::BufferTooSmall(error)) => Err(Ok(error.needed)),
            Err(error) => Err(Err(error)),
        })?;
        Ok(match self.opened(Role::Server, negotiated) {
            Phase::Deciding(request) => Some(*request),
            _ => None,
        })
    }

    /// Rejects the [request](Self::request): the answer goes to the output, then the transport is to
    /// be ended. Does nothing when no request waits.
    ///
    /// # Errors
    /// [`RejectError`] when the answer must not be sent; the request goes on waiting.
    pub fn reject<S: AsRef<str>>(
        &mut self,
        rejection: &Rejection<'_, S>,
        now: Duration,
    ) -> Result<(), RejectError> {
        if let Phase::Deciding(_) = &self.phase {
            self.output = encode(|out| match rejection.encode(out) {
                Err(RejectError::BufferTooSmall(error)) => Err(Ok(error.needed)),
                other => other.map_err(Err),
            })?;
            self.refuse(now);
        }
        Ok(())
    }

    fn opened(&mut self, role: Role, negotiated: Negotiated) -> Phase {
        self.deadline = None;
        let conn = Connection::new(role, negotiated, self.config.connection);
        core::mem::replace(&mut self.phase, Phase::Open(conn))
    }

    fn refuse(&mut self, now: Duration) {
        self.phase = Phase::Refused;
        let wait = self.config.connection.timeouts.close_timeout;
        self.deadline = Some(now.saturating_add(wait));
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
    pub fn poll(&mut self, now: Duration) -> Result<Option<MessageRef<'_>>, Error> {
        // Each answer leaves before what the application makes of the next message; one that cannot be
        // masked stays queued, and `output` tells.
        let _ = self.queue_answers();
        match &mut self.phase {
            Phase::Open(conn) => self.reader.poll(conn, now),
            _ => Ok(None),
        }
    }

    /// The next message or control frame, owned; else as [`poll`](Self::poll).
    ///
    /// # Errors
    /// As [`poll`](Self::poll).
    #[inline]
    pub fn poll_owned(&mut self, now: Duration) -> Result<Option<Message>, Error> {
        // Each answer leaves before what the application makes of the next message; one that cannot be
        // masked stays queued, and `output` tells.
        let _ = self.queue_answers();
        match &mut self.phase {
            Phase::Open(conn) => self.reader.poll_owned(conn, now),
            _ => Ok(None),
        }
    }

    /// Where the transport reads into; never empty. Follow with [`advance`](Self::advance).
    pub fn room(&mut self) -> &mut [u8] {
        match &self.phase {
            Phase::Open(conn) => self.reader.room(conn),
            Phase::Refused => {
                // Nobody will look at it any more.
                self.reader.consume(usize::MAX);
                self.reader.room_for(0)
            }
            _ => self.reader.room_for(0),
        }
    }

    /// The transport has read `len` bytes into the [`room`](Self::room).
    pub fn advance(&mut self, len: usize) {
        self.reader.advance(len);
    }

    /// The transport has ended: an end of input, or a reset if `reset`. Call it once everything received
    /// before has been polled.
    ///
    /// # Errors
    /// [`Error::Ended`] when the peer's Close, or the end of the handshake, had not come.
    pub fn handle_end(&mut self, reset: bool) -> Result<(), Error> {
        self.ended = true;
        match &mut self.phase {
            Phase::Open(conn) => conn.handle_end(reset),
            Phase::Refused => Ok(()),
            Phase::ServerHandshake(_) | Phase::Deciding(_) | Phase::ClientHandshake(_) => {
                self.phase = Phase::Refused;
                Err(Error::Ended(match reset {
                    true => crate::closing::Ended::Reset,
                    false => crate::closing::Ended::InsideHandshake,
                }))
            }
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); it changes with every other call.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        match &self.phase {
            _ if self.ended => None,
            Phase::Open(conn) => conn.poll_timeout(),
            _ => self.deadline,
        }
    }

    /// Does what is due at `now`. Early calls do nothing.
    ///
    /// # Errors
    /// [`Error::Timeout`] when a waiting time ran out.
    pub fn handle_timeout(&mut self, now: Duration) -> Result<(), Error> {
        if self.poll_timeout().is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        match &mut self.phase {
            Phase::Open(conn) => {
                let result = conn.handle_timeout(now);
                // Once the connection is over, the one thing still waited for is the transport's end.
                self.ended = conn.is_closed();
                result
            }
            Phase::Refused => {
                self.ended = true;
                Ok(())
            }
            Phase::ServerHandshake(_) | Phase::Deciding(_) | Phase::ClientHandshake(_) => {
                self.ended = true;
                self.phase = Phase::Refused;
                Err(Error::Timeout(Timeout::Handshake))
            }
        }
    }

    /// What is to be done with the transport, now that all [output](Self::output) has been written.
    ///
    /// "the server MUST close the TCP connection immediately" once both Closes are through; the client
    /// waits for it (RFC 6455 §7.1.1).
    #[must_use]
    pub fn shutdown(&self) -> Shutdown {
        match &self.phase {
            _ if self.ended => Shutdown::Both,
            _ if self.pending_output() > 0 => Shutdown::No,
            Phase::Refused => Shutdown::Write,
            Phase::Open(conn) if conn.is_closed() => match (conn.is_clean(), conn.role()) {
                (false, _) => Shutdown::Write,
                (true, Role::Server) => Shutdown::Both,
                (true, Role::Client) => Shutdown::No,
            },
            _ => Shutdown::No,
        }
    }

    /// Gives up what memory the buffers hold beyond what is in them: for a connection that is about to
    /// wait for long.
    pub fn release(&mut self) {
        self.reader.release();
        if self.pending_output() == 0 {
            self.output = Vec::new();
            self.taken = 0;
        }
    }
}

/// Sending: each method appends to the output. Nothing leaves before the adapter writes it.
impl<E: Entropy> Endpoint<E> {
    /// Sends a message or control frame. A Close begins the closing handshake; one without a code
    /// is sent as 1000.
    ///
    /// # Errors
    /// [`SendError`]; nothing of it was sent then.
    pub fn send(&mut self, message: MessageRef<'_>, now: Duration) -> Result<(), SendError> {
        match message {
            MessageRef::Text(text) => self.send_data(MessageKind::Text, text.as_bytes()),
            MessageRef::Binary(data) => self.send_data(MessageKind::Binary, data),
            MessageRef::Ping(data) => self.send_control(OpCode::Ping, data),
            MessageRef::Pong(data) => self.send_control(OpCode::Pong, data),
            MessageRef::Close(reason) => {
                let normal = CloseReason { code: CloseCode::Normal, reason: "" };
                self.close(reason.unwrap_or(normal), now)
            }
        }
    }

    /// Sends an owned message or control frame, see [`send`](Self::send). Text is not checked again.
    ///
    /// # Errors
    /// [`SendError`]; nothing of it was sent then.
    pub fn send_message(&mut self, message: &Message, now: Duration) -> Result<(), SendError> {
        match message {
            Message::Text(text) => self.send_data(MessageKind::Text, text.as_bytes()),
            Message::Binary(data) => self.send_data(MessageKind::Binary, data),
            Message::Ping(data) => self.send(MessageRef::Ping(data), now),
            Message::Pong(data) => self.send(MessageRef::Pong(data), now),
            Message::Close(frame) => {
                self.send(MessageRef::Close(frame.as_ref().map(|frame| frame.as_reason())), now)
            }
        }
    }

    /// Sends the next fragment of a message (RFC 6455 §5.4): the first call begins it, `last` ends it.
    ///
    /// # Errors
    /// As [`Connection::send_fragment`], and [`SendError::WriteBufferFull`].
    pub fn send_fragment(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        last: bool,
    ) -> Result<(), SendError> {
        self.check_room(payload.len())?;
        let Phase::Open(conn) = &mut self.phase else { return Err(SendError::Closed) };
        conn.append_fragment(kind, payload, last, &mut self.output, &mut self.entropy)
    }

    /// Begins the closing handshake (RFC 6455 §7.1.2). Messages that the peer had under way are still
    /// delivered.
    ///
    /// # Errors
    /// As [`Connection::close`].
    pub fn close(&mut self, reason: CloseReason<'_>, now: Duration) -> Result<(), SendError> {
        let Phase::Open(conn) = &mut self.phase else { return Err(SendError::Closed) };
        let CloseReason { code, reason } = reason;
        conn.append_close(code, reason, now, &mut self.output, &mut self.entropy)
    }

    fn send_data(&mut self, kind: MessageKind, payload: &[u8]) -> Result<(), SendError> {
        self.check_room(payload.len())?;
        let Phase::Open(conn) = &mut self.phase else { return Err(SendError::Closed) };
        conn.append_message(kind, payload, &mut self.output, &mut self.entropy)
    }

    fn send_control(&mut self, opcode: OpCode, payload: &[u8]) -> Result<(), SendError> {
        self.check_room(payload.len())?;
        let Phase::Open(conn) = &mut self.phase else { return Err(SendError::Closed) };
        conn.append_control(opcode, payload, &mut self.output, &mut self.entropy)
    }

    fn check_room(&self, len: usize) -> Result<(), SendError> {
        let pending = self.pending_output();
        if pending > 0 && pending.saturating_add(len) > self.config.max_write_buffer {
            return Err(SendError::WriteBufferFull);
        }
        Ok(())
    }

    /// The bytes to be written next, in order; empty when there are none. Follow with
    /// [`advance_output`](Self::advance_output).
    ///
    /// # Errors
    /// [`SendError::Entropy`] when an answer of the connection's own cannot be masked; it stays queued.
    #[inline]
    pub fn output(&mut self) -> Result<&[u8], SendError> {
        self.queue_answers()?;
        Ok(self.output.get(self.taken..).unwrap_or_default())
    }

    /// Moves the connection's own answers to the output, unless the peer does not read: it gets no second
    /// answer then, the latest Pong waits in place of the others.
    #[inline]
    fn queue_answers(&mut self) -> Result<(), SendError> {
        match &mut self.phase {
            Phase::Open(conn)
                if conn.has_transmit()
                    && self.output.len() - self.taken <= self.config.max_write_buffer =>
            {
                conn.append_transmit(&mut self.output, &mut self.entropy)
            }
            _ => Ok(()),
        }
    }

    /// The transport has taken `len` bytes of the [`output`](Self::output). A `len` beyond it is cut.
    pub fn advance_output(&mut self, len: usize) {
        self.taken = self.taken.saturating_add(len);
        if self.taken >= self.output.len() {
            self.taken = 0;
            self.output.clear();
            if self.output.capacity() > KEEP_OUTPUT {
                self.output = Vec::new();
            }
        }
    }

    /// How many bytes wait to be written, answers of the connection's own apart.
    #[must_use]
    pub fn pending_output(&self) -> usize {
        self.output.len() - self.taken
    }
}

/// Runs `write` on a buffer that grows until it is large enough; `Err(Ok(needed))` asks for more.
fn encode<T>(
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Result<usize, T>>,
) -> Result<Vec<u8>, T> {
    let mut out = vec![0; 512];
    loop {
        match write(&mut out) {
            Ok(len) => {
                out.truncate(len);
                return Ok(out);
            }
            Err(Ok(needed)) => out.resize(needed.max(out.len() + 1), 0),
            Err(Err(error)) => return Err(error),
        }
    }
}
