//! The opening handshake over a stream: `accept` and `client`, in one go or step by step.

use std::fmt;
use std::io::{self, Read, Write};
use std::time::Duration;

use fullduplex::handshake::{
    IntoRequest, OwnedAcceptance, OwnedRejection, OwnedResponse, PlainRequest, Request,
};
use fullduplex::{
    Connected, Connecting, Ended, Endpoint, EndpointConfig, Incoming, IncomingRequest, Progress,
    Timeout,
};

use crate::entropy::OsEntropy;
use crate::error::{Error, Result};
use crate::transport::{Transport, Waits, is_gone};
use crate::websocket::WebSocket;

/// Why an opening handshake has not completed.
pub enum HandshakeError<M> {
    /// A non-blocking stream would block: call `handshake` on it again when it is ready.
    Interrupted(M),
    /// It failed.
    Failure(Error),
}

impl<M> fmt::Debug for HandshakeError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted(_) => f.write_str("Interrupted"),
            Self::Failure(error) => f.debug_tuple("Failure").field(error).finish(),
        }
    }
}

impl<M> fmt::Display for HandshakeError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted(_) => f.write_str("the opening handshake would block"),
            Self::Failure(error) => error.fmt(f),
        }
    }
}

impl<M> std::error::Error for HandshakeError<M> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Interrupted(_) => None,
            // The text has all of the error itself.
            Self::Failure(error) => error.source(),
        }
    }
}

impl<M> From<Error> for HandshakeError<M> {
    fn from(error: Error) -> Self {
        Self::Failure(error)
    }
}

impl<M> From<HandshakeError<M>> for Error {
    /// An interrupted handshake becomes [`WouldBlock`](std::io::ErrorKind::WouldBlock), and is lost.
    fn from(error: HandshakeError<M>) -> Self {
        match error {
            HandshakeError::Interrupted(_) => Self::Io(std::io::ErrorKind::WouldBlock.into()),
            HandshakeError::Failure(error) => error,
        }
    }
}

/// What a server's callback decides about a request.
pub type Decision = Result<OwnedAcceptance, OwnedRejection>;

/// The callback type in [`MidAccept`] for servers that do not respond to plain HTTP requests: see [`accept_or_respond`].
pub type NoResponse = fn(&PlainRequest<'_>) -> Option<OwnedRejection>;

/// A server's handshake in progress on a non-blocking stream.
#[must_use = "the handshake goes on with a call of `handshake`"]
pub struct MidAccept<S, C, P = NoResponse>(Accepting<S, C, P>);

enum Accepting<S, C, P> {
    /// The request has not arrived yet.
    Reading(Box<Reading<S, C, P>>),
    /// The request was accepted, and the response is being written.
    Responding(Box<Responding<S>>),
}

struct Reading<S, C, P> {
    transport: Transport<S>,
    incoming: Incoming<OsEntropy>,
    config: EndpointConfig,
    decide: C,
    respond: Option<P>,
}

struct Responding<S> {
    transport: Transport<S>,
    /// Its output is the response.
    endpoint: Endpoint<OsEntropy>,
    config: EndpointConfig,
    deadline: HandshakeDeadline,
}

/// When the handshake must be complete, if it has a timeout.
struct HandshakeDeadline(Option<Duration>);

impl Waits for HandshakeDeadline {
    fn poll_timeout(&mut self, _: Duration) -> Option<Duration> {
        self.0
    }

    fn handle_timeout(&mut self, now: Duration) -> Result<(), fullduplex::Error> {
        match self.0 {
            Some(deadline) if deadline <= now => Err(Timeout::Handshake.into()),
            _ => Ok(()),
        }
    }
}

/// The result of a step of a server's handshake.
type Step<S, C, P> = Result<Accepting<S, C, P>, HandshakeError<MidAccept<S, C, P>>>;

impl<S, C, P> fmt::Debug for MidAccept<S, C, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MidAccept").finish_non_exhaustive()
    }
}

impl<S, C, P> MidAccept<S, C, P>
where
    S: Read + Write + 'static,
    C: FnOnce(&Request<'_>) -> Decision,
    P: FnOnce(&PlainRequest<'_>) -> Option<OwnedRejection>,
{
    fn new(stream: S, config: EndpointConfig, decide: C, respond: Option<P>) -> Self {
        let (transport, incoming) = (Transport::new(stream), Incoming::new(config, OsEntropy));
        Self(Accepting::Reading(Box::new(Reading { transport, incoming, config, decide, respond })))
    }

    /// Goes on with the handshake.
    ///
    /// # Errors
    /// As [`accept_with`] and [`accept_or_respond`].
    pub fn handshake(self) -> Result<WebSocket<S>, HandshakeError<Self>> {
        let mut accepting = self.0;
        loop {
            accepting = match accepting {
                Accepting::Reading(reading) => (*reading).step()?,
                Accepting::Responding(mut responding) => match responding.write() {
                    Ok(()) => {
                        let Responding { transport, endpoint, config, .. } = *responding;
                        return Ok(WebSocket::new(transport, endpoint, config));
                    }
                    Err(error) if error.would_block() => {
                        let same = Self(Accepting::Responding(responding));
                        return Err(HandshakeError::Interrupted(same));
                    }
                    Err(error) => return Err(HandshakeError::Failure(error)),
                },
            }
        }
    }
}

impl<S, C, P> Reading<S, C, P>
where
    S: Read + Write + 'static,
    C: FnOnce(&Request<'_>) -> Decision,
    P: FnOnce(&PlainRequest<'_>) -> Option<OwnedRejection>,
{
    /// Responds to the request if it has come, else reads once.
    fn step(self) -> Step<S, C, P> {
        let Self { mut transport, mut incoming, config, decide, mut respond } = self;
        let deadline = HandshakeDeadline(incoming.poll_timeout(transport.elapsed()));
        let polled = if respond.is_some() {
            incoming.poll_or(&mut |request| respond.take().and_then(|respond| respond(request)))
        } else {
            incoming.poll()
        };
        match polled {
            Ok(Progress::Waiting(mut incoming)) => {
                let read = read(&mut transport, &mut incoming);
                let same = Box::new(Self { transport, incoming, config, decide, respond });
                match read {
                    Ok(()) => Ok(Accepting::Reading(same)),
                    Err(error) if error.would_block() => {
                        Err(HandshakeError::Interrupted(MidAccept(Accepting::Reading(same))))
                    }
                    Err(error) => Err(error.into()),
                }
            }
            Ok(Progress::Done(request)) => {
                let endpoint = decide_on(request, decide, &mut transport)?;
                let responding = Responding { transport, endpoint, config, deadline };
                Ok(Accepting::Responding(Box::new(responding)))
            }
            Err(mut failed) => {
                transport.refuse(&mut failed.refusal);
                Err(Error::from(failed.error).into())
            }
        }
    }
}

impl<S: Read + Write + 'static> Responding<S> {
    /// Writes the response within the handshake timeout: a client that does not take it is in the handshake still.
    fn write(&mut self) -> Result<()> {
        let Self { transport, endpoint, deadline, .. } = self;
        loop {
            transport.limit_wait(deadline, None)?;
            let response = endpoint.output()?.first();
            let done = response.is_empty();
            let written = if done {
                transport.stream.flush().map(|()| 0)
            } else {
                transport.stream.write(response)
            };
            match written {
                Ok(_) if done => return Ok(()),
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Ok(len) => {
                    let response = endpoint.output()?;
                    response.advance(len);
                    // A client that takes a little at a time must not put off the deadline.
                    if response.pending() > 0 {
                        deadline.handle_timeout(transport.elapsed())?;
                    }
                }
                Err(error) if is_gone(error.kind()) => return Err(Ended::Reset.into()),
                Err(error) => transport.interrupted(error, deadline)?,
            }
        }
    }
}

/// Accepts or rejects the request, as `decide` says.
fn decide_on<S: Read + Write + 'static>(
    request: IncomingRequest<OsEntropy>,
    decide: impl FnOnce(&Request<'_>) -> Decision,
    transport: &mut Transport<S>,
) -> Result<Endpoint<OsEntropy>> {
    let (mut refusal, error) = match decide(&request.request()) {
        Ok(acceptance) => match request.accept(&acceptance.as_acceptance()) {
            Ok((endpoint, _)) => return Ok(endpoint),
            Err(failed) => (failed.refusal, failed.error.into()),
        },
        Err(rejection) => match request.reject(&rejection.as_rejection()) {
            Ok(refusal) => (refusal, Error::Responded(rejection.status())),
            Err(failed) => (failed.refusal, failed.error.into()),
        },
    };
    transport.refuse(&mut refusal);
    Err(error)
}

/// A client's handshake in progress on a non-blocking stream.
#[must_use = "the handshake goes on with a call of `handshake`"]
pub struct MidConnect<S>(Box<ConnectingOver<S>>);

struct ConnectingOver<S> {
    transport: Transport<S>,
    connecting: Connecting<OsEntropy>,
    config: EndpointConfig,
}

impl<S> fmt::Debug for MidConnect<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MidConnect").finish_non_exhaustive()
    }
}

impl<S: Read + Write + 'static> MidConnect<S> {
    /// Goes on with the handshake.
    ///
    /// # Errors
    /// As [`client`].
    pub fn handshake(self) -> Result<(WebSocket<S>, OwnedResponse), HandshakeError<Self>> {
        let ConnectingOver { mut transport, mut connecting, config } = *self.0;
        loop {
            connecting = match connecting.poll().map_err(Error::from)? {
                Progress::Waiting(connecting) => connecting,
                Progress::Done(Connected::Open { endpoint, response }) => {
                    return Ok((WebSocket::new(transport, endpoint, config), response));
                }
                Progress::Done(Connected::Refused(refused)) => {
                    return Err(Error::Http(Box::new(refused)).into());
                }
            };
            let round = write_request(&mut transport, &mut connecting)
                .and_then(|()| read(&mut transport, &mut connecting));
            match round {
                Ok(()) => {}
                Err(error) if error.would_block() => {
                    let same = ConnectingOver { transport, connecting, config };
                    return Err(HandshakeError::Interrupted(Self(Box::new(same))));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// An opening handshake that reads the peer's head.
trait Reads: Waits {
    fn room(&mut self) -> &mut [u8];
    fn advance(&mut self, len: usize);
}

impl Reads for Incoming<OsEntropy> {
    fn room(&mut self) -> &mut [u8] {
        self.room()
    }

    fn advance(&mut self, len: usize) {
        self.advance(len);
    }
}

impl Reads for Connecting<OsEntropy> {
    fn room(&mut self) -> &mut [u8] {
        self.room()
    }

    fn advance(&mut self, len: usize) {
        self.advance(len);
    }
}

/// One read from the stream.
fn read<S: Read + Write + 'static>(
    transport: &mut Transport<S>,
    handshake: &mut impl Reads,
) -> Result<()> {
    // A peer that sends a little at a time must not put off the deadline. What it sent in time has been decoded by now.
    if let Some(read_at) = transport.unchecked.take() {
        handshake.handle_timeout(read_at)?;
    }
    transport.limit_wait(handshake, None)?;
    match transport.stream.read(handshake.room()) {
        // A reset that a write was told of comes as an end of input here.
        Ok(0) if transport.unwritable => Err(Ended::Reset.into()),
        Ok(0) => Err(Ended::InsideHandshake.into()),
        Ok(len) => {
            handshake.advance(len);
            transport.unchecked = Some(transport.elapsed());
            Ok(())
        }
        Err(error) if is_gone(error.kind()) => Err(Ended::Reset.into()),
        Err(error) => transport.interrupted(error, handshake),
    }
}

/// Writes what is left of the request, as far as the stream takes it.
fn write_request<S: Read + Write + 'static>(
    transport: &mut Transport<S>,
    connecting: &mut Connecting<OsEntropy>,
) -> Result<()> {
    while !transport.unwritable {
        transport.limit_wait(connecting, None)?;
        let done = connecting.output().is_empty();
        let written = if done {
            transport.stream.flush().map(|()| 0)
        } else {
            transport.stream.write(connecting.output())
        };
        match written {
            Ok(_) if done => break,
            Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
            Ok(len) => {
                connecting.advance_output(len);
                connecting.handle_timeout(transport.elapsed())?;
            }
            // The server no longer reads, but it may have responded before.
            Err(error) if is_gone(error.kind()) => transport.unwritable = true,
            Err(error) => match transport.interrupted(error, connecting) {
                // The server may respond before it has read all of the request.
                Err(error) if error.would_block() => break,
                other => other?,
            },
        }
    }
    Ok(())
}

/// Accepts a WebSocket on a stream that a client has opened (RFC 6455 §4.2), with the default
/// configuration: any valid request, no subprotocol. A request that asks for no WebSocket, such as a health check, is
/// refused with 426; [`accept_or_respond`] lets the application respond to it.
///
/// # Errors
/// As [`accept_with`].
#[allow(clippy::type_complexity)]
pub fn accept<S: Read + Write + 'static>(
    stream: S,
) -> Result<WebSocket<S>, HandshakeError<MidAccept<S, fn(&Request<'_>) -> Decision>>> {
    accept_with(stream, EndpointConfig::new(), |_| Ok(OwnedAcceptance::new()))
}

/// Accepts a WebSocket, and lets `decide` see the request and choose: an acceptance with subprotocol and headers, or
/// a rejection with any status, headers and body. It sees only valid requests for a WebSocket; for others, see
/// [`accept_or_respond`].
///
/// # Errors
/// [`HandshakeError::Failure`] with [`Error::Handshake`] for an invalid request, which was sent a
/// response with its status; [`Error::Responded`] when `decide` rejected it; [`Error::Accept`] and [`Error::Reject`] when the
/// response of `decide` must not be sent, in which case the client is sent 500; [`Error::Protocol`] when the client was
/// too slow or went away; [`Error::Io`]. [`HandshakeError::Interrupted`] on a stream that would block.
pub fn accept_with<S, C>(
    stream: S,
    config: EndpointConfig,
    decide: C,
) -> Result<WebSocket<S>, HandshakeError<MidAccept<S, C>>>
where
    S: Read + Write + 'static,
    C: FnOnce(&Request<'_>) -> Decision,
{
    MidAccept::new(stream, config, decide, None).handshake()
}

/// As [`accept_with`], and lets `respond` respond to a request of HTTP/1.1 or HTTP/1.0 that asks for no WebSocket: a load
/// balancer's health check, or a browser that was given the wrong URL. The response may have any status from 200 to 599;
/// in reply to `HEAD`, only its head is sent. If `respond` returns `None`, the request is refused as usual: with 426, or
/// with 405 if its method is not `GET`. The connection is closed after the response, and a body of the request is not
/// read.
///
/// ```
/// use std::net::TcpListener;
///
/// use fullduplex_std::{EndpointConfig, Error, HandshakeError, OwnedAcceptance, OwnedRejection, PlainRequest};
///
/// fn health(request: &PlainRequest<'_>) -> Option<OwnedRejection> {
///     (request.path() == "/healthz")
///         .then(|| OwnedRejection::new(200).header("Content-Type", "text/plain").body("ok\n"))
/// }
///
/// # fn main() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// # let address = listener.local_addr()?;
/// # let probe = std::thread::spawn(move || -> std::io::Result<String> {
/// #     use std::io::{self, Read, Write};
/// #     let mut stream = std::net::TcpStream::connect(address)?;
/// #     stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
/// #     let mut response = String::new();
/// #     stream.read_to_string(&mut response)?;
/// #     Ok(response)
/// # });
/// let (stream, _) = listener.accept()?;
/// let accept = |_: &fullduplex_std::Request<'_>| Ok(OwnedAcceptance::new());
/// match fullduplex_std::accept_or_respond(stream, EndpointConfig::new(), accept, health) {
///     Ok(mut socket) => socket.send("Hello".into()).unwrap(),
///     Err(HandshakeError::Failure(Error::Responded(200))) => {} // the health check
///     Err(error) => eprintln!("{error}"),
/// }
/// # assert!(probe.join().unwrap()?.ends_with("\r\n\r\nok\n"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`accept_with`]. Also [`Error::Responded`], with the status of the response, when `respond` has responded to the
/// request; [`Error::Reject`] when its response must not be sent, in which case the client is sent 500.
pub fn accept_or_respond<S, C, P>(
    stream: S,
    config: EndpointConfig,
    decide: C,
    respond: P,
) -> Result<WebSocket<S>, HandshakeError<MidAccept<S, C, P>>>
where
    S: Read + Write + 'static,
    C: FnOnce(&Request<'_>) -> Decision,
    P: FnOnce(&PlainRequest<'_>) -> Option<OwnedRejection>,
{
    MidAccept::new(stream, config, decide, Some(respond)).handshake()
}

/// Opens a WebSocket over a stream that leads to the server (RFC 6455 §4.1), with the default
/// configuration.
///
/// # Errors
/// As [`client_with`].
pub fn client<S: Read + Write + 'static>(
    request: impl IntoRequest,
    stream: S,
) -> Result<(WebSocket<S>, OwnedResponse), HandshakeError<MidConnect<S>>> {
    client_with(request, stream, EndpointConfig::new())
}

/// Opens a WebSocket over a stream that leads to the server. Returns it with the server's response.
///
/// # Errors
/// [`HandshakeError::Failure`] with [`Error::Url`], [`Error::Http`] for another status than 101,
/// [`Error::Handshake`] for a response or a request that is not in order, [`Error::Protocol`] when the
/// server was too slow or went away, [`Error::Io`]. [`HandshakeError::Interrupted`] on a stream that would
/// block.
pub fn client_with<S: Read + Write + 'static>(
    request: impl IntoRequest,
    stream: S,
    config: EndpointConfig,
) -> Result<(WebSocket<S>, OwnedResponse), HandshakeError<MidConnect<S>>> {
    let request = request.into_request().map_err(Error::Url)?;
    let connecting = Connecting::new(request, config, OsEntropy).map_err(Error::from)?;
    let transport = Transport::new(stream);
    MidConnect(Box::new(ConnectingOver { transport, connecting, config })).handshake()
}
