//! The opening handshake over a stream: `accept` and `client`, in one go or step by step.

use std::fmt;
use std::io::{Read, Write};

use fullduplex::handshake::{
    OwnedAnswer, OwnedClientRequest, OwnedRejection, OwnedResponse, PlainRequest, Request,
};
use fullduplex::{AnswerPlain, Endpoint, EndpointConfig, HandshakeEvent, UriError};

use crate::entropy::OsEntropy;
use crate::error::{Error, Refused, Result};
use crate::websocket::WebSocket;

/// An opening handshake that did not come to its end.
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

impl<M> std::error::Error for HandshakeError<M> {}

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
pub type Decision = Result<OwnedAnswer, OwnedRejection>;

/// The callback type in [`MidAccept`] for servers that answer no plain HTTP requests: see [`accept_or_answer`].
pub type NoAnswer = fn(&PlainRequest<'_>) -> Option<OwnedRejection>;

/// A server's handshake under way on a non-blocking stream.
#[derive(Debug)]
pub struct MidAccept<S, C, P = NoAnswer> {
    socket: Box<WebSocket<S>>,
    decide: Option<C>,
    answer: Option<P>,
}

impl<S, C, P> MidAccept<S, C, P>
where
    S: Read + Write + 'static,
    C: FnOnce(&Request<'_>) -> Decision,
    P: FnOnce(&PlainRequest<'_>) -> Option<OwnedRejection>,
{
    /// Goes on with the handshake.
    ///
    /// # Errors
    /// As [`accept_with`] and [`accept_or_answer`].
    pub fn handshake(mut self) -> Result<WebSocket<S>, HandshakeError<Self>> {
        match self.drive() {
            Ok(()) => Ok(*self.socket),
            Err(error) if error.would_block() => Err(HandshakeError::Interrupted(self)),
            Err(error) => Err(HandshakeError::Failure(error)),
        }
    }

    fn drive(&mut self) -> Result<()> {
        while let Some(decide) = self.decide.take() {
            let answers = self.answer.is_some();
            let mut answer =
                |request: &PlainRequest<'_>| self.answer.take().and_then(|answer| answer(request));
            match step(&mut self.socket, if answers { Some(&mut answer) } else { None }) {
                Ok(Some(HandshakeEvent::Request)) => self.decide(decide)?,
                Ok(Some(HandshakeEvent::Answered(status))) => {
                    self.socket.finish_failed();
                    return Err(Error::Rejected(status));
                }
                Ok(_) => self.decide = Some(decide),
                Err(error) => {
                    self.decide = Some(decide);
                    return Err(error);
                }
            }
        }
        self.socket.flush()
    }

    fn decide(&mut self, decide: C) -> Result<()> {
        let endpoint = self.socket.endpoint();
        let Some(request) = endpoint.request() else { return Ok(()) };
        match decide(&request) {
            Ok(answer) => {
                endpoint.accept(&answer.as_answer())?;
                Ok(())
            }
            Err(rejection) => {
                endpoint.reject(&rejection.as_rejection())?;
                self.socket.finish_failed();
                Err(Error::Rejected(rejection.status()))
            }
        }
    }
}

/// A client's handshake under way on a non-blocking stream.
#[derive(Debug)]
pub struct MidConnect<S> {
    socket: Box<WebSocket<S>>,
}

impl<S: Read + Write + 'static> MidConnect<S> {
    /// Goes on with the handshake.
    ///
    /// # Errors
    /// As [`client`].
    pub fn handshake(mut self) -> Result<(WebSocket<S>, OwnedResponse), HandshakeError<Self>> {
        loop {
            match step(&mut self.socket, None) {
                Ok(Some(HandshakeEvent::Open(response))) => return Ok((*self.socket, response)),
                Ok(Some(HandshakeEvent::Refused(response, body))) => {
                    return Err(Error::Http(Box::new(Refused { response, body })).into());
                }
                Ok(_) => {}
                Err(error) if error.would_block() => return Err(HandshakeError::Interrupted(self)),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// One round: what the handshake has come to, or more input for it.
fn step<S: Read + Write + 'static>(
    socket: &mut WebSocket<S>,
    answer: Option<AnswerPlain<'_>>,
) -> Result<Option<HandshakeEvent>> {
    let polled = match answer {
        Some(answer) => socket.endpoint().poll_handshake_or(answer),
        None => socket.endpoint().poll_handshake(),
    };
    match polled {
        Ok(None) => {
            socket.wait()?;
            Ok(None)
        }
        Ok(event) => Ok(event),
        Err(error) => {
            // A client has nothing to say to a server that it does not understand, so nothing to wait for.
            if socket.endpoint().pending_output() > 0 {
                socket.finish_failed();
            }
            Err(error.into())
        }
    }
}

/// Accepts a WebSocket on a stream that a client has opened (RFC 6455 §4.2), with the default
/// configuration: any valid request, no subprotocol. A request that asks for no WebSocket, such as a health check, is
/// refused with 426; [`accept_or_answer`] lets the application answer it.
///
/// # Errors
/// As [`accept_with`].
#[allow(clippy::type_complexity)]
pub fn accept<S: Read + Write + 'static>(
    stream: S,
) -> Result<WebSocket<S>, HandshakeError<MidAccept<S, fn(&Request<'_>) -> Decision>>> {
    accept_with(stream, EndpointConfig::new(), |_| Ok(OwnedAnswer::new()))
}

/// Accepts a WebSocket, and lets `decide` see the request and choose: an answer with subprotocol and headers, or a
/// rejection with any status, headers and body. It sees only valid requests for a WebSocket; for others, see
/// [`accept_or_answer`].
///
/// # Errors
/// [`HandshakeError::Failure`] with [`Error::Handshake`] for an invalid request, which has been answered
/// with its status; [`Error::Rejected`] when `decide` rejected it; [`Error::Protocol`] when the client was
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
    MidAccept { socket: server(stream, config), decide: Some(decide), answer: None }.handshake()
}

/// As [`accept_with`], and lets `answer` answer a request of HTTP/1.1 or HTTP/1.0 that asks for no WebSocket: a load
/// balancer's health check, or a browser that was given the wrong URL. The answer may have any status from 200 to 599;
/// in reply to `HEAD`, only the head is sent. If `answer` returns `None`, the request is refused as usual: with 426, or
/// with 405 if its method is not `GET`. The connection is closed after the answer, and a body of the request is not
/// read.
///
/// ```
/// use std::net::TcpListener;
///
/// use fullduplex_std::{EndpointConfig, Error, HandshakeError, OwnedAnswer, OwnedRejection, PlainRequest};
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
/// #     use std::io::{Read, Write};
/// #     let mut stream = std::net::TcpStream::connect(address)?;
/// #     stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
/// #     let mut answer = String::new();
/// #     stream.read_to_string(&mut answer)?;
/// #     Ok(answer)
/// # });
/// let (stream, _) = listener.accept()?;
/// let accept = |_: &fullduplex_std::Request<'_>| Ok(OwnedAnswer::new());
/// match fullduplex_std::accept_or_answer(stream, EndpointConfig::new(), accept, health) {
///     Ok(mut socket) => socket.send("Hello").unwrap(),
///     Err(HandshakeError::Failure(Error::Rejected(200))) => {} // the health check
///     Err(error) => eprintln!("{error}"),
/// }
/// # assert!(probe.join().unwrap()?.ends_with("\r\n\r\nok\n"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`accept_with`]. Also [`Error::Rejected`], with the status of the answer, when `answer` has answered the request;
/// [`Error::Reject`] when its answer must not be sent, in which case the client is sent 500.
pub fn accept_or_answer<S, C, P>(
    stream: S,
    config: EndpointConfig,
    decide: C,
    answer: P,
) -> Result<WebSocket<S>, HandshakeError<MidAccept<S, C, P>>>
where
    S: Read + Write + 'static,
    C: FnOnce(&Request<'_>) -> Decision,
    P: FnOnce(&PlainRequest<'_>) -> Option<OwnedRejection>,
{
    MidAccept { socket: server(stream, config), decide: Some(decide), answer: Some(answer) }
        .handshake()
}

fn server<S: Read + Write + 'static>(stream: S, config: EndpointConfig) -> Box<WebSocket<S>> {
    Box::new(WebSocket::new(stream, Endpoint::server(config, OsEntropy)))
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
    let socket =
        WebSocket::new(stream, Endpoint::client(request, config, OsEntropy).map_err(Error::from)?);
    MidConnect { socket: Box::new(socket) }.handshake()
}

/// What a client can be opened with: a URL, or a request that was put together.
///
/// A URL means what it means to a browser: [`OwnedUri::parse`](fullduplex::OwnedUri::parse) says what is encoded, and
/// what is refused.
pub trait IntoRequest {
    /// The request.
    ///
    /// # Errors
    /// [`UriError`] when it is not the URL of a WebSocket.
    fn into_request(self) -> Result<OwnedClientRequest, UriError>;
}

impl IntoRequest for OwnedClientRequest {
    fn into_request(self) -> Result<OwnedClientRequest, UriError> {
        Ok(self)
    }
}

impl IntoRequest for &str {
    fn into_request(self) -> Result<OwnedClientRequest, UriError> {
        OwnedClientRequest::new(self)
    }
}

impl IntoRequest for String {
    fn into_request(self) -> Result<OwnedClientRequest, UriError> {
        OwnedClientRequest::new(self)
    }
}

impl IntoRequest for &String {
    fn into_request(self) -> Result<OwnedClientRequest, UriError> {
        OwnedClientRequest::new(self.as_str())
    }
}
