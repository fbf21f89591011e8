//! The server's side.

use std::fmt;
use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::time::Instant;

use fullduplex::handshake::{OwnedAcceptance, OwnedRejection, Request as CoreRequest};
use fullduplex::{
    Ended, HandshakeError as CoreError, Incoming, IncomingRequest, Progress, Refusal,
};
use fullduplex_std::OsEntropy;
use http::{Method, Version};
use httparse::{EMPTY_HEADER, Status};

use super::client::version_text;
use super::headers::{MAX_HEADERS, to_map};
use super::machine::{HandshakeMachine, TryParse};
use super::{HandshakeError, HandshakeRole, MidHandshake, convert, would_block};
use crate::error::{Error, ProtocolError, Result};
use crate::protocol::{WebSocket, WebSocketConfig, WebSocketContext};

/// A client's request.
pub type Request = http::Request<()>;

/// The response that opens the WebSocket.
pub type Response = http::Response<()>;

/// The response with which a callback rejects a request: a status from 300 to 599, and a body.
pub type ErrorResponse = http::Response<Option<String>>;

/// Decides about a request: a function of the request, and of the response that would be sent.
pub trait Callback: Sized {
    /// Returns the response, with headers added, and with one of the client's subprotocols in `Sec-WebSocket-Protocol` if
    /// one should be used.
    ///
    /// # Errors
    /// The response to send instead, which rejects the request.
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse>;
}

impl<F> Callback for F
where
    F: FnOnce(&Request, Response) -> Result<Response, ErrorResponse>,
{
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        self(request, response)
    }
}

/// Accepts every valid request.
#[derive(Clone, Copy, Debug)]
pub struct NoCallback;

impl Callback for NoCallback {
    fn on_request(self, _request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        Ok(response)
    }
}

/// The server's side of a handshake.
pub struct ServerHandshake<S, C> {
    state: State<C>,
    config: WebSocketConfig,
    began: Instant,
    stream: PhantomData<S>,
}

enum State<C> {
    Reading(Incoming<OsEntropy>, C),
    Responding(Box<WebSocketContext>),
    Refusing(Refusal, Error),
}

impl<S, C> fmt::Debug for ServerHandshake<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandshake").finish_non_exhaustive()
    }
}

impl<S: Read + Write, C: Callback> ServerHandshake<S, C> {
    /// A handshake that waits for a request, about which `callback` decides.
    pub fn start(stream: S, callback: C, config: Option<WebSocketConfig>) -> MidHandshake<Self> {
        let config = config.unwrap_or_default();
        let incoming = Incoming::new(config.to_core_from_handshake(), OsEntropy);
        let state = State::Reading(incoming, callback);
        let role = Self { state, config, began: Instant::now(), stream: PhantomData };
        MidHandshake { role, machine: HandshakeMachine::start_read(stream) }
    }

    /// Reads once, and responds if the request is complete.
    fn read(
        mut incoming: Incoming<OsEntropy>,
        callback: C,
        config: WebSocketConfig,
        began: Instant,
        stream: &mut S,
    ) -> Result<State<C>, (Option<State<C>>, Error)> {
        match read(&mut incoming, began, stream) {
            Err(error) if would_block(&error) => {
                return Err((Some(State::Reading(incoming, callback)), error));
            }
            other => other.map_err(|error| (None, error))?,
        }
        Ok(match incoming.poll() {
            Ok(Progress::Waiting(incoming)) => State::Reading(incoming, callback),
            Ok(Progress::Done(request)) => respond(request, callback, config),
            Err(failed) => State::Refusing(failed.refusal, convert::handshake_error(failed.error)),
        })
    }
}

fn read(incoming: &mut Incoming<OsEntropy>, began: Instant, stream: &mut impl Read) -> Result<()> {
    incoming.handle_timeout(began.elapsed())?;
    match stream.read(incoming.room())? {
        0 => Err(fullduplex::Error::from(Ended::InsideHandshake).into()),
        len => {
            incoming.advance(len);
            Ok(())
        }
    }
}

/// Accepts or rejects a request; `callback` decides.
fn respond<C: Callback>(
    request: IncomingRequest<OsEntropy>,
    callback: C,
    config: WebSocketConfig,
) -> State<C> {
    match decide(&request.request(), callback) {
        Ok(acceptance) => match request.accept(&acceptance.as_acceptance()) {
            Ok((endpoint, _)) => {
                State::Responding(Box::new(WebSocketContext::open(endpoint, config)))
            }
            Err(failed) => State::Refusing(failed.refusal, convert::accept_error(failed.error)),
        },
        Err((error, rejection)) => match request.reject(&rejection.as_rejection()) {
            Ok(refusal) => State::Refusing(refusal, error),
            Err(failed) => {
                let error = convert::handshake_error(CoreError::Reject(failed.error));
                State::Refusing(failed.refusal, error)
            }
        },
    }
}

/// Calls the callback with the types of the `http` crate.
pub fn decide(
    request: &CoreRequest<'_>,
    callback: impl Callback,
) -> Result<OwnedAcceptance, (Error, OwnedRejection)> {
    let failed = |error| (error, OwnedRejection::new(500));
    let (http_request, response) = convert::to_http(request).map_err(failed)?;
    match callback.on_request(&http_request, response) {
        Ok(response) => convert::to_acceptance(&response).map_err(failed),
        Err(response) => {
            let rejection = convert::to_rejection(&response).map_err(failed)?;
            let response = response.map(|body| body.map(String::into_bytes));
            Err((Error::Http(response.into()), rejection))
        }
    }
}

impl<S: Read + Write, C: Callback> HandshakeRole for ServerHandshake<S, C> {
    type InternalStream = S;
    type FinalResult = WebSocket<S>;

    fn handshake(
        self,
        mut machine: HandshakeMachine<S>,
    ) -> Result<WebSocket<S>, HandshakeError<Self>> {
        let Self { mut state, config, began, .. } = self;
        loop {
            let stream = machine.get_mut();
            let (same, error) = match state {
                State::Reading(incoming, callback) => {
                    match Self::read(incoming, callback, config, began, stream) {
                        Ok(next) => {
                            state = next;
                            continue;
                        }
                        Err((same, error)) => (same, error),
                    }
                }
                State::Responding(mut context) => match context.write_and_flush(stream) {
                    Ok(()) => return Ok(WebSocket::from_context(machine.into_stream(), *context)),
                    Err(error) => (Some(State::Responding(context)), error),
                },
                State::Refusing(mut refusal, reason) => match write(&mut refusal, stream) {
                    Err(error) if would_block(&error) => {
                        (Some(State::Refusing(refusal, reason)), error)
                    }
                    // The fault in the request says more than an error of sending our response.
                    _ => return Err(reason.into()),
                },
            };
            return Err(match same {
                Some(state) if would_block(&error) => {
                    let role = Self { state, config, began, stream: PhantomData };
                    HandshakeError::Interrupted(MidHandshake { role, machine })
                }
                _ => error.into(),
            });
        }
    }
}

fn write(refusal: &mut Refusal, stream: &mut impl Write) -> Result<()> {
    while !refusal.output().is_empty() {
        match stream.write(refusal.output())? {
            0 => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
            len => refusal.advance_output(len),
        }
    }
    Ok(stream.flush()?)
}

/// The response that opens the WebSocket that a request asks for, for a server that does the handshake itself.
///
/// # Errors
/// [`Error::Protocol`] when the request is not a valid request for a WebSocket (RFC 6455 §4.2.1).
pub fn create_response(request: &Request) -> Result<Response> {
    create_response_with_body(request, || ())
}

/// As [`create_response`], with a body, which should be empty.
///
/// # Errors
/// As [`create_response`].
pub fn create_response_with_body<T1, T2>(
    request: &http::Request<T1>,
    generate_body: impl FnOnce() -> T2,
) -> Result<http::Response<T2>> {
    let response = convert::with_parts(request, |parts| match parts.check() {
        Ok(request) => convert::opening(&request),
        Err(error) => Err(convert::handshake_error(error.into())),
    })?;
    Ok(response.map(|()| generate_body()))
}

/// Writes the head of a response, for a server that does the handshake itself.
///
/// # Errors
/// [`Error::Io`]; [`ProtocolError::WrongHttpVersion`]; [`Error::Utf8`] for a header that is not text.
pub fn write_response<T>(mut w: impl io::Write, response: &http::Response<T>) -> Result<()> {
    write!(w, "{} {}\r\n", version_text(response.version())?, response.status())?;
    for (name, value) in response.headers() {
        write!(w, "{name}: {}\r\n", value.to_str()?)?;
    }
    write!(w, "\r\n")?;
    Ok(())
}

impl TryParse for Request {
    fn try_parse(data: &[u8]) -> Result<Option<(usize, Self)>> {
        let mut fields = [EMPTY_HEADER; MAX_HEADERS];
        let mut head = httparse::Request::new(&mut fields);
        let Status::Complete(len) = head.parse(data)? else { return Ok(None) };
        Ok(Some((len, from_httparse(&head)?)))
    }
}

/// # Errors
/// When the request is not a GET of HTTP/1.1, or its target or a header is invalid.
pub(crate) fn from_httparse(head: &httparse::Request<'_, '_>) -> Result<Request> {
    if head.method != Some("GET") {
        return Err(ProtocolError::WrongHttpMethod.into());
    }
    if head.version != Some(1) {
        return Err(ProtocolError::WrongHttpVersion.into());
    }
    let mut request = Request::new(());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = head.path.unwrap_or_default().parse()?;
    *request.headers_mut() = to_map(head.headers)?;
    *request.version_mut() = Version::HTTP_11;
    Ok(request)
}
