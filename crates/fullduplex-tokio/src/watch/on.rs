//! What is seen of one connection, from the beginning of its opening handshake to its end.

use std::io::ErrorKind;
use std::mem::take;

use fullduplex::handshake::{OwnedClientRequest, RequestError};
use fullduplex::{
    Chunk, CloseFrameRef, HandshakeError, Message, MessageRef, Receiver, Role, Timeout,
};

use crate::config::WebSocketConfig;
use crate::counters::{Cause, Counters, Flow};
use crate::error::{Error, is_gone};
#[cfg(feature = "tracing")]
use crate::watch::trace::Trace;
#[cfg(not(feature = "tracing"))]
use crate::watch::untraced::Trace;

/// What a receiver has received and not yet reported to the [`Watch`], because the other half may be using the watch.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    flow: Flow,
    pings: u32,
    pongs: u32,
    /// The Pings of the keepalive.
    pings_sent: u32,
}

/// What counts of a message that is sent. It is noted before, because the payload is gone once the message is sent.
#[derive(Clone, Copy)]
pub(crate) enum Outbound {
    Data(usize),
    Ping,
    Other,
}

impl Outbound {
    #[inline]
    pub(crate) fn of(message: &Message) -> Self {
        match message {
            Message::Text(text) => Self::Data(text.len()),
            Message::Binary(data) => Self::Data(data.len()),
            Message::Ping(_) => Self::Ping,
            Message::Pong(_) | Message::Close(_) => Self::Other,
        }
    }

    #[inline]
    pub(crate) fn lent(message: MessageRef<'_>) -> Self {
        match message {
            MessageRef::Text(text) => Self::Data(text.len()),
            MessageRef::Binary(data) => Self::Data(data.len()),
            MessageRef::Ping(_) => Self::Ping,
            MessageRef::Pong(_) | MessageRef::Close(_) => Self::Other,
        }
    }
}

impl Tally {
    /// So many bytes were read together with the opening handshake.
    pub(crate) fn of(len: usize) -> Self {
        let mut tally = Self::default();
        tally.read(len);
        tally
    }

    /// So many bytes were read.
    #[inline]
    pub(crate) fn read(&mut self, len: usize) {
        self.flow.wire_bytes += len as u64;
    }

    /// The application gets this.
    #[inline]
    pub(crate) fn found(&mut self, found: &impl Found) {
        found.count(self);
    }

    /// Takes over what `other` has.
    pub(crate) fn add(&mut self, other: &mut Self) {
        let other = take(other);
        self.flow.add(&other.flow);
        self.pings += other.pings;
        self.pongs += other.pongs;
        self.pings_sent += other.pings_sent;
    }

    /// The keepalive has sent a Ping.
    pub(crate) fn sent_ping(&mut self) {
        self.pings_sent += 1;
    }

    #[inline]
    fn data(&mut self, len: usize, is_last: bool) {
        self.flow.messages += u64::from(is_last);
        self.flow.payload_bytes += len as u64;
    }
}

/// What an application gets: a message, a piece of one, or the news that there is a message to be lent.
pub(crate) trait Found {
    fn count(&self, tally: &mut Tally);
}

impl Found for Message {
    #[inline]
    fn count(&self, tally: &mut Tally) {
        match self {
            Self::Text(text) => tally.data(text.len(), true),
            Self::Binary(data) => tally.data(data.len(), true),
            Self::Ping(_) => tally.pings += 1,
            Self::Pong(_) => tally.pongs += 1,
            Self::Close(_) => {}
        }
    }
}

impl Found for MessageRef<'_> {
    #[inline]
    fn count(&self, tally: &mut Tally) {
        match self {
            Self::Text(text) => tally.data(text.len(), true),
            Self::Binary(data) => tally.data(data.len(), true),
            Self::Ping(_) => tally.pings += 1,
            Self::Pong(_) => tally.pongs += 1,
            Self::Close(_) => {}
        }
    }
}

impl Found for Chunk {
    fn count(&self, tally: &mut Tally) {
        match self {
            Self::Text(data, part) | Self::Binary(data, part) => {
                tally.data(data.len(), part.is_last());
            }
            Self::Control(message) => message.count(tally),
        }
    }
}

/// It counts when it is lent.
impl Found for () {
    fn count(&self, _: &mut Tally) {}
}

/// It was counted when it was lent.
impl Found for bool {
    fn count(&self, _: &mut Tally) {}
}

/// What is seen of one connection. It is empty if there are no counters, and no subscriber of `tracing` is interested.
#[derive(Debug, Default)]
pub(crate) struct Watch(Option<Box<Seen>>);

#[derive(Debug)]
struct Seen {
    counters: Option<&'static Counters>,
    trace: Trace,
    stage: Stage,
    /// The messages that are being written. `left` is how many bytes are left of them and of what precedes them.
    writing: Outgoing,
    left: usize,
    /// The messages that were queued since then.
    queued: Outgoing,
    /// How many bytes of the response to the opening handshake have not been written. They precede the frames.
    response: usize,
    /// Whether our Close began the closing handshake.
    we_close: bool,
    /// Whether the peer's Close has come.
    peer_closed: bool,
    /// Why the connection failed.
    failure: Option<Cause>,
    /// The cause of an error that a call has returned although the connection had not failed yet.
    noted: Option<Cause>,
}

/// Messages and Pings on their way to the transport.
#[derive(Debug, Default)]
struct Outgoing {
    payload_bytes: u64,
    messages: u32,
    pings: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Opening,
    Open,
    Over,
}

/// The opening handshake.
impl Watch {
    /// Whether anything is seen.
    pub(crate) const ON: bool = true;

    /// Whether this connection is seen.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// An opening handshake begins.
    pub(crate) fn begin(role: Role, config: &WebSocketConfig) -> Self {
        let (counters, trace) = (config.counters, Trace::begin(role));
        if counters.is_none() && !trace.is_on() {
            return Self(None);
        }
        Self(Some(Box::new(Seen {
            counters,
            trace,
            stage: Stage::Opening,
            writing: Outgoing::default(),
            left: 0,
            queued: Outgoing::default(),
            response: 0,
            we_close: false,
            peer_closed: false,
            failure: None,
            noted: None,
        })))
    }

    /// The opening handshake is a client's, with this request.
    pub(crate) fn calls(mut self, request: &OwnedClientRequest) -> Self {
        if let Some(seen) = &mut self.0 {
            let uri = request.as_request().uri;
            seen.trace.peer(uri.bracketed_host(), uri.port());
            seen.trace.requested(uri.path());
        }
        self
    }

    /// The opening handshake is a server's, and the request has this path.
    pub(crate) fn requested<'p>(&mut self, path: impl FnOnce() -> &'p str) {
        if let Some(seen) = &mut self.0 {
            seen.trace.requested(path());
        }
    }

    /// The server has accepted the request, with this subprotocol.
    pub(crate) fn accepted(&mut self, subprotocol: Option<&str>) {
        if let (Some(seen), Some(subprotocol)) = (&mut self.0, subprotocol) {
            seen.trace.accepted(subprotocol);
        }
    }

    /// The opening handshake has failed. Returns the error, for the caller returns it.
    pub(crate) fn failed(&mut self, error: Error) -> Error {
        match error {
            Error::Responded(status) if status < 400 => self.responded(status),
            _ => self.fail_opening(handshake_cause(&error), &error),
        }
        error
    }

    /// The request asked for something else than a WebSocket, such as a health check, and the application has responded
    /// to it. That is no failure.
    fn responded(&mut self, status: u16) {
        if let Some(seen) = &mut self.0
            && seen.stage == Stage::Opening
        {
            seen.stage = Stage::Over;
            seen.trace.responded(status);
        }
    }

    /// As [`failed`](Self::failed), before the WebSocket's own handshake began.
    pub(crate) fn tls_failed(&mut self, error: Error) -> Error {
        let cause = match error {
            Error::Protocol(fullduplex::Error::Timeout(_)) => Cause::HandshakeTimeout,
            _ => Cause::Tls,
        };
        self.fail_opening(cause, &error);
        error
    }

    fn fail_opening(&mut self, cause: Cause, error: &Error) {
        if let Some(seen) = &mut self.0
            && seen.stage == Stage::Opening
        {
            seen.stage = Stage::Over;
            seen.fail(cause);
            seen.trace.not_opened(cause, Some(error));
        }
    }

    /// Both ends have agreed. The server writes its response, of `response` bytes, before the first frame.
    pub(crate) fn negotiated(&mut self, is_compressed: bool, response: usize) {
        if let Some(seen) = &mut self.0 {
            seen.response = response;
            seen.trace.negotiated(is_compressed);
        }
    }

    /// The opening handshake is complete.
    pub(crate) fn opened(&mut self) {
        if let Some(seen) = &mut self.0
            && seen.stage == Stage::Opening
        {
            seen.stage = Stage::Open;
            if let Some(counters) = seen.counters {
                counters.add_opened();
            }
            seen.trace.opened();
        }
    }
}

/// The open connection.
impl Watch {
    /// This was taken to be sent.
    #[inline]
    pub(crate) fn sent(&mut self, outbound: Outbound) {
        let Some(seen) = &mut self.0 else { return };
        match outbound {
            Outbound::Data(len) => {
                seen.queued.messages += 1;
                seen.queued.payload_bytes += len as u64;
            }
            Outbound::Ping => seen.queued.pings += 1,
            Outbound::Other => {}
        }
    }

    /// A fragment, or a whole message if it is the first and the last, was taken to be sent.
    pub(crate) fn sent_fragment(&mut self, len: usize, is_last: bool) {
        if let Some(seen) = &mut self.0 {
            seen.queued.messages += u32::from(is_last);
            seen.queued.payload_bytes += len as u64;
        }
    }

    /// So many bytes were written, and so many are pending.
    #[inline]
    pub(crate) fn wrote(&mut self, len: usize, pending: usize) {
        if let Some(seen) = &mut self.0
            && len > 0
        {
            seen.wrote(len, pending);
        }
    }

    /// The receiver is about to wait, and has received this.
    #[inline]
    pub(crate) fn heard(&mut self, tally: &mut Tally) {
        let tally = take(tally);
        if let Some(seen) = &mut self.0 {
            seen.heard(&tally);
        }
    }

    /// We close, with this code and reason.
    pub(crate) fn closes(&mut self, close: Option<CloseFrameRef<'_>>) {
        if let Some(seen) = &mut self.0
            && !seen.we_close
        {
            seen.we_close = true;
            seen.trace.closes("us", close);
        }
    }

    /// The peer's Close is in the receive buffer and has not been delivered.
    pub(crate) fn found_close(&mut self) {
        if let Some(seen) = &mut self.0 {
            seen.peer_closed = true;
        }
    }

    /// A call returns an error. If the application then ends the connection, this error is the cause.
    #[cold]
    pub(crate) fn note(&mut self, error: &Error) {
        let Some(seen) = &mut self.0 else { return };
        let cause = match error {
            Error::Protocol(error) => Cause::of(error),
            Error::Io(error) if is_gone(error.kind()) => Cause::Reset,
            Error::Io(_) => Cause::Io,
            Error::Send(_) => Cause::Local,
            _ => return,
        };
        if seen.noted.is_none() {
            seen.noted = Some(cause);
            seen.trace.fails(error, None);
        }
    }

    /// Takes over what the receiver knows of the end.
    pub(crate) fn see(&mut self, receiver: &Receiver) {
        let Some(seen) = &mut self.0 else { return };
        if let Some(close) = receiver.peer_close() {
            if !seen.we_close {
                seen.trace.closes("peer", close);
            }
            seen.peer_closed = true;
        }
        if let Some(error) = receiver.failure() {
            let cause = Cause::of(&error);
            // A transport that has failed looks to the core as if it was reset.
            let is_known = cause == Cause::Reset && seen.noted.is_some();
            seen.failure = if is_known { seen.noted } else { Some(cause) };
            if !is_known {
                seen.trace.fails(&error, error.close_code());
            }
        }
    }

    pub(crate) fn counters(&self) -> Option<&'static Counters> {
        self.0.as_ref()?.counters
    }

    /// The connection is over, or is dropped. Only the first call counts.
    pub(crate) fn end(&mut self) {
        if let Some(seen) = &mut self.0 {
            seen.end();
        }
    }
}

impl Seen {
    /// Bytes count at once. A message counts when everything that was queued with it has been written, because the place
    /// of its bytes is not known.
    fn wrote(&mut self, len: usize, pending: usize) {
        let response = len.min(self.response);
        self.response -= response;
        let mut sent = Flow { wire_bytes: (len - response) as u64, ..Flow::default() };
        if self.left == 0 {
            (self.writing, self.left) = (take(&mut self.queued), len + pending);
        }
        self.left = self.left.saturating_sub(len);
        if self.left == 0 {
            let Outgoing { payload_bytes, messages, pings } = take(&mut self.writing);
            (sent.payload_bytes, sent.messages) = (payload_bytes, messages.into());
            if let Some(counters) = self.counters {
                counters.add_pings_sent(pings.into());
            }
            (self.writing, self.left) = (take(&mut self.queued), pending);
        }
        if let Some(counters) = self.counters {
            counters.add_sent(&sent);
        }
        self.trace.add_sent(&sent);
    }

    fn heard(&mut self, tally: &Tally) {
        if let Some(counters) = self.counters {
            counters.add_received(&tally.flow, tally.pings.into(), tally.pongs.into());
            counters.add_pings_sent(tally.pings_sent.into());
        }
        self.trace.add_received(&tally.flow);
    }

    fn fail(&self, cause: Cause) {
        if let Some(counters) = self.counters {
            counters.add_failure(cause);
        }
    }

    fn end(&mut self) {
        match self.stage {
            Stage::Over => return,
            Stage::Opening => {
                self.fail(Cause::HandshakeDropped);
                self.trace.not_opened(Cause::HandshakeDropped, None);
            }
            Stage::Open => self.end_open(),
        }
        self.stage = Stage::Over;
    }

    fn end_open(&mut self) {
        let noted = if self.peer_closed { None } else { self.noted };
        if let Some(cause) = self.failure.or(noted) {
            self.fail(cause);
            self.trace.failed(cause);
        } else if self.peer_closed {
            if let Some(counters) = self.counters {
                counters.add_closed();
            }
            self.trace.closed();
        } else {
            if let Some(counters) = self.counters {
                counters.add_dropped();
            }
            self.trace.dropped();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end();
    }
}

/// Why an opening handshake failed.
fn handshake_cause(error: &Error) -> Cause {
    match error {
        Error::Handshake(HandshakeError::Request(error)) => match error {
            RequestError::Version | RequestError::ConnectVersion => Cause::BadRequest,
            error if matches!(error.status(), 405 | 426 | 501) => Cause::NotWebSocket,
            _ => Cause::BadRequest,
        },
        Error::Handshake(HandshakeError::Response(_)) => Cause::BadResponse,
        Error::Responded(_) => Cause::Rejected,
        Error::Http(_) => Cause::Refused,
        #[cfg(feature = "connect")]
        Error::Dial(_) => Cause::Unreachable,
        Error::Tls(_) => Cause::Tls,
        Error::Protocol(fullduplex::Error::Timeout(Timeout::Handshake)) => Cause::HandshakeTimeout,
        Error::Protocol(_) => Cause::HandshakeEnded,
        // The HTTP server does not hand over its connection.
        Error::Io(error) if error.kind() == ErrorKind::Unsupported => Cause::HandshakeLocal,
        Error::Io(_) => Cause::HandshakeIo,
        _ => Cause::HandshakeLocal,
    }
}
