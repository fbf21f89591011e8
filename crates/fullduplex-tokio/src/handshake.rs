//! The opening handshake over a stream: `accept_async`, `client_async` and their relatives.

use std::future::{Future, poll_fn};
use std::pin::Pin;

use fullduplex::handshake::{
    OwnedAnswer, OwnedClientRequest, OwnedRejection, OwnedResponse, PlainRequest, RejectError,
    Request as CoreRequest, RequestParts,
};
use fullduplex::headers::Header;
use fullduplex::{
    Connected, Connecting, Endpoint, HandshakeError, Incoming, IncomingRequest, Progress, Refusal,
};
use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_PROTOCOL, TRANSFER_ENCODING, UPGRADE,
};
use http::{StatusCode, Version};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::clock::Clock;
use crate::config::WebSocketConfig;
use crate::entropy::OsEntropy;
use crate::error::{Error, Result, must_not_be_sent};
use crate::opening::Opening;
use crate::request::{IntoClientRequest, to_core};
use crate::websocket::WebSocketStream;

/// A client's request, as a server's callback sees it.
pub type Request = http::Request<()>;

/// The response that opens the WebSocket, as a server's callback may add to it.
pub type Response = http::Response<()>;

/// The response with which a callback rejects a request: a status from 300 to 599, and a body.
pub type ErrorResponse = http::Response<Option<String>>;

/// The server's response, as a client sees it. One that opens the WebSocket has no body.
pub type ClientResponse = http::Response<Option<Vec<u8>>>;

/// What decides about a request: a function of the request, and of the response as it would be sent.
pub trait Callback: Sized {
    /// The response, with headers added, and with one of the client's subprotocols in
    /// `Sec-WebSocket-Protocol` if there is to be one.
    ///
    /// # Errors
    /// The response to send instead: the request is rejected.
    // tungstenite's signature.
    #[expect(clippy::result_large_err)]
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

// None of these is `async`: the future of an `async fn` keeps room for its arguments as long as the task lives that
// awaits it, and so for the stream.

/// Accepts a WebSocket on a stream that a client has opened (RFC 6455 §4.2), with the default configuration:
/// any valid request, no subprotocol. A request that asks for no WebSocket, such as a health check, is refused with 426;
/// [`accept_or_answer`] lets the application answer it.
///
/// # Errors
/// As [`accept_with`].
pub fn accept_async<S>(stream: S) -> impl Future<Output = Result<WebSocketStream<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    accept_any(stream, WebSocketConfig::new())
}

/// As [`accept_async`], with a configuration.
///
/// # Errors
/// As [`accept_with`].
pub fn accept_async_with_config<S>(
    stream: S,
    config: Option<WebSocketConfig>,
) -> impl Future<Output = Result<WebSocketStream<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    accept_any(stream, config.unwrap_or_default())
}

fn accept_any<S>(
    stream: S,
    config: WebSocketConfig,
) -> Pin<Box<impl Future<Output = Result<WebSocketStream<S>>>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    Box::pin(accept(stream, config, None, |_| Ok(OwnedAnswer::new()), NO_ANSWER))
}

/// As [`accept_async`], with a callback that sees the request, adds headers to the response, or rejects it. It sees
/// only valid requests for a WebSocket; for others, see [`accept_or_answer`].
///
/// # Errors
/// As [`accept_hdr_async_with_config`].
pub fn accept_hdr_async<S, C>(
    stream: S,
    callback: C,
) -> impl Future<Output = Result<WebSocketStream<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
    C: Callback + Unpin,
{
    accept_hdr_async_with_config(stream, callback, None)
}

/// As [`accept_hdr_async`], with a configuration.
///
/// # Errors
/// [`Error::Rejected`] when the callback rejects the request; [`Error::Accept`], [`Error::Reject`] and [`Error::Io`] when
/// its response must not be sent: the client is told 500 then. Else as [`accept_with`].
pub fn accept_hdr_async_with_config<S, C>(
    stream: S,
    callback: C,
    config: Option<WebSocketConfig>,
) -> impl Future<Output = Result<WebSocketStream<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
    C: Callback + Unpin,
{
    Box::pin(accept_hdr(stream, config.unwrap_or_default(), None, callback))
}

/// As [`accept`], with a callback in the types of the `http` crate.
pub(crate) async fn accept_hdr<S>(
    stream: S,
    config: WebSocketConfig,
    began: Option<Clock>,
    callback: impl Callback,
) -> Result<WebSocketStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut outcome = Ok(());
    let decide = |request: &CoreRequest<'_>| {
        decide(request, callback).map_err(|(error, rejection)| {
            outcome = Err(error);
            rejection
        })
    };
    let accepted = accept(stream, config, began, decide, NO_ANSWER).await;
    // The callback's own error says more than that the request was rejected.
    outcome.and(accepted)
}

/// Accepts a WebSocket, and lets `decide` see the core's request and choose: an answer with subprotocol and
/// headers, or a rejection. It makes no request of the `http` crate, and so costs less than
/// [`accept_hdr_async`].
///
/// `decide` sees only valid requests for a WebSocket; for others, see [`accept_or_answer`].
///
/// # Errors
/// [`Error::Handshake`] for an invalid request, which has been answered with its status; [`Error::Rejected`] when `decide`
/// rejected it; [`Error::Accept`] and [`Error::Reject`] when the response of `decide` must not be sent, in which case the
/// client is sent 500; [`Error::Protocol`] when the client was too slow or went away; [`Error::Io`].
/// Before it returns, the response has arrived or the close timeout is over.
pub fn accept_with<S>(
    stream: S,
    config: WebSocketConfig,
    decide: impl FnOnce(&CoreRequest<'_>) -> Result<OwnedAnswer, OwnedRejection>,
) -> impl Future<Output = Result<WebSocketStream<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    Box::pin(accept(stream, config, None, decide, NO_ANSWER))
}

/// As [`accept_with`], and lets `answer` answer a request of HTTP/1.1 or HTTP/1.0 that asks for no WebSocket: a load
/// balancer's health check, or a browser that was given the wrong URL. The answer may have any status from 200 to 599;
/// in reply to `HEAD`, only the head is sent. If `answer` returns `None`, the request is refused as usual: with 426, or
/// with 405 if its method is not `GET`. The connection is closed after the answer, and a body of the request is not
/// read: for more than a few such requests, put `upgrade` (feature `hyper`) beside the other routes of an HTTP server.
///
/// ```
/// use fullduplex_tokio::{Error, OwnedAnswer, OwnedRejection, PlainRequest, WebSocketConfig, accept_or_answer};
/// use tokio::net::TcpListener;
///
/// fn health(request: &PlainRequest<'_>) -> Option<OwnedRejection> {
///     (request.path() == "/healthz")
///         .then(|| OwnedRejection::new(200).header("Content-Type", "text/plain").body("ok\n"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// # let address = listener.local_addr()?;
/// # let probe = tokio::spawn(async move {
/// #     use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// #     let mut stream = tokio::net::TcpStream::connect(address).await?;
/// #     stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
/// #     let mut answer = String::new();
/// #     stream.read_to_string(&mut answer).await?;
/// #     Ok::<_, std::io::Error>(answer)
/// # });
/// let (stream, _) = listener.accept().await?;
/// let config = WebSocketConfig::new();
/// match accept_or_answer(stream, config, |_| Ok(OwnedAnswer::new()), health).await {
///     Ok(mut socket) => socket.send("Hello".into()).await.unwrap(),
///     Err(Error::Rejected(200)) => {} // the health check
///     Err(error) => eprintln!("{error}"),
/// }
/// # assert!(probe.await.unwrap()?.ends_with("\r\n\r\nok\n"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`accept_with`]. Also [`Error::Rejected`], with the status of the answer, when `answer` has answered the request;
/// [`Error::Reject`] when its answer must not be sent, in which case the client is sent 500.
pub fn accept_or_answer<S>(
    stream: S,
    config: WebSocketConfig,
    decide: impl FnOnce(&CoreRequest<'_>) -> Result<OwnedAnswer, OwnedRejection>,
    answer: impl FnOnce(&PlainRequest<'_>) -> Option<OwnedRejection>,
) -> impl Future<Output = Result<WebSocketStream<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    Box::pin(accept(stream, config, None, decide, Some(answer)))
}

/// For servers that do not answer plain requests, so that these are refused.
pub(crate) const NO_ANSWER: Option<fn(&PlainRequest<'_>) -> Option<OwnedRejection>> = None;

/// The handshake's own state. Whoever awaits it keeps it in a box of its own, so that the task which goes on with
/// the connection does not have room for it as long as it lives. `began` is when the TLS handshake began, if there was
/// one.
pub(crate) async fn accept<S>(
    stream: S,
    config: WebSocketConfig,
    began: Option<Clock>,
    decide: impl FnOnce(&CoreRequest<'_>) -> Result<OwnedAnswer, OwnedRejection>,
    mut plain: Option<impl FnOnce(&PlainRequest<'_>) -> Option<OwnedRejection>>,
) -> Result<WebSocketStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut incoming = incoming(&config);
    let mut opening = Opening::new(stream, began, &mut incoming);
    let responded = loop {
        match step(incoming, &mut plain) {
            Ok(Progress::Waiting(same)) => incoming = same,
            Ok(Progress::Done(request)) => break respond(request, decide),
            Err(refused) => break Err(refused),
        }
        opening.read(&mut incoming).await?;
    };
    match responded {
        Ok(endpoint) => {
            let mut socket = WebSocketStream::new(opening.open(endpoint, &config));
            // A client that does not take the response is in the handshake still.
            let deadline = config.handshake_timeout;
            poll_fn(|cx| socket.engine().poll_flush_until(deadline, cx)).await?;
            Ok(socket)
        }
        Err((error, refusal)) => {
            opening.refuse(refusal).await;
            Err(error)
        }
    }
}

/// Compiled here, once, for it does not depend on the stream.
#[inline(never)]
fn incoming(config: &WebSocketConfig) -> Incoming<OsEntropy> {
    Incoming::new(config.endpoint(), OsEntropy)
}

/// Looks for the request in what was received.
fn step(
    incoming: Incoming<OsEntropy>,
    plain: &mut Option<impl FnOnce(&PlainRequest<'_>) -> Option<OwnedRejection>>,
) -> Result<Progress<Incoming<OsEntropy>, IncomingRequest<OsEntropy>>, (Error, Refusal)> {
    let polled = if plain.is_some() {
        incoming.poll_or(&mut |request| plain.take().and_then(|plain| plain(request)))
    } else {
        incoming.poll()
    };
    polled.map_err(|refused| (refused.error.into(), refused.refusal))
}

/// Accepts or rejects the request, as `decide` says.
fn respond(
    request: IncomingRequest<OsEntropy>,
    decide: impl FnOnce(&CoreRequest<'_>) -> Result<OwnedAnswer, OwnedRejection>,
) -> Result<Endpoint<OsEntropy>, (Error, Refusal)> {
    match decide(&request.request()) {
        Ok(answer) => match request.accept(&answer.as_answer()) {
            Ok((endpoint, _)) => Ok(endpoint),
            Err(refused) => Err((refused.error.into(), refused.refusal)),
        },
        Err(rejection) => match request.reject(&rejection.as_rejection()) {
            Ok(refusal) => Err((Error::Rejected(rejection.status()), refusal)),
            Err(refused) => Err((refused.error.into(), refused.refusal)),
        },
    }
}

/// Asks the callback in the types of the `http` crate.
fn decide(
    request: &CoreRequest<'_>,
    callback: impl Callback,
) -> Result<OwnedAnswer, (Error, OwnedRejection)> {
    let failed = |error| (error, OwnedRejection::new(500));
    let (http_request, response) = to_http(request).map_err(failed)?;
    match callback.on_request(&http_request, response) {
        Ok(response) => to_answer(&response).map_err(failed),
        Err(response) => {
            let rejection = to_rejection(&response).map_err(failed)?;
            Err((Error::Rejected(rejection.status()), rejection))
        }
    }
}

/// The response that opens the WebSocket which a request asks for, where something else has read the one and writes
/// the other; [`WebSocketStream::from_raw_socket`] goes on from there. On a server of hyper's the feature `hyper` does
/// all of it, by `upgrade`.
///
/// # Errors
/// [`Error::Handshake`] when the request is none for a WebSocket (RFC 6455 §4.2.1).
pub fn create_response(request: &Request) -> Result<Response> {
    create_response_with_body(request, || ())
}

/// As [`create_response`], with the body that the server's responses have; it is to be empty.
///
/// # Errors
/// As [`create_response`].
pub fn create_response_with_body<B, T>(
    request: &http::Request<B>,
    body: impl FnOnce() -> T,
) -> Result<http::Response<T>> {
    let response = with_parts(request, |parts| match parts.check() {
        Ok(request) => opening(&request),
        Err(error) => Err(HandshakeError::from(error).into()),
    })?;
    Ok(response.map(|()| body()))
}

/// Hands the request over as the core wants it.
pub(crate) fn with_parts<B, T>(
    request: &http::Request<B>,
    then: impl FnOnce(RequestParts<'_>) -> T,
) -> T {
    let headers = header_list(request.headers());
    then(RequestParts {
        method: request.method().as_str(),
        target: &request.uri().to_string(),
        version: match request.version() {
            Version::HTTP_09 => (0, 9),
            Version::HTTP_10 => (1, 0),
            Version::HTTP_11 => (1, 1),
            Version::HTTP_2 => (2, 0),
            // There is no later one.
            _ => (3, 0),
        },
        headers: &headers,
    })
}

/// The headers as the core wants them.
pub(crate) fn header_list(headers: &HeaderMap) -> Vec<Header<'_>> {
    headers
        .iter()
        .map(|(name, value)| Header { name: name.as_str(), value: value.as_bytes() })
        .collect()
}

/// The request, and the response that would be sent.
fn to_http(request: &CoreRequest<'_>) -> Result<(Request, Response)> {
    let mut http_request = Request::new(());
    *http_request.uri_mut() = request.target().parse()?;
    *http_request.headers_mut() = header_map(request.headers())?;
    Ok((http_request, opening(request)?))
}

/// The response that opens the WebSocket, without subprotocol or extension.
fn opening(request: &CoreRequest<'_>) -> Result<Response> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.version_mut() = Version::HTTP_11;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Some(key) = request.key() {
        headers.insert(SEC_WEBSOCKET_ACCEPT, HeaderValue::from_bytes(&key.accept())?);
    }
    Ok(response)
}

fn header_map(headers: fullduplex::headers::Headers<'_>) -> Result<HeaderMap> {
    let mut map = HeaderMap::new();
    for header in headers {
        let name = HeaderName::from_bytes(header.name.as_bytes())?;
        map.append(name, HeaderValue::from_bytes(header.value)?);
    }
    Ok(map)
}

/// What the callback has made of the response. The handshake's own headers are the core's.
fn to_answer(response: &Response) -> Result<OwnedAnswer> {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(RejectError::Status(response.status().as_u16()).into());
    }
    let mut answer = OwnedAnswer::new();
    for (name, value) in response.headers() {
        match name {
            &CONNECTION | &UPGRADE | &SEC_WEBSOCKET_ACCEPT => {}
            &SEC_WEBSOCKET_PROTOCOL => answer = answer.subprotocol(text(name, value)?),
            name => answer = answer.header(name.as_str(), text(name, value)?),
        }
    }
    Ok(answer)
}

fn to_rejection(response: &ErrorResponse) -> Result<OwnedRejection> {
    let status = response.status().as_u16();
    if !(300..=599).contains(&status) {
        return Err(RejectError::Status(status).into());
    }
    let mut rejection = OwnedRejection::new(status);
    for (name, value) in response.headers() {
        // The core says how long the body is, and that the connection ends.
        if ![CONNECTION, UPGRADE, CONTENT_LENGTH, TRANSFER_ENCODING].contains(name) {
            rejection = rejection.header(name.as_str(), text(name, value)?);
        }
    }
    Ok(match response.body() {
        Some(body) => rejection.body(body.as_bytes()),
        None => rejection,
    })
}

fn text<'a>(name: &HeaderName, value: &'a HeaderValue) -> Result<&'a str> {
    let invalid = |_| must_not_be_sent(format!("the value of the header {name} is not UTF-8"));
    std::str::from_utf8(value.as_bytes()).map_err(invalid)
}

/// Opens a WebSocket over a stream that leads to the server (RFC 6455 §4.1), with the default configuration.
/// Returns it with the server's response.
///
/// # Errors
/// As [`client_async_with_config`].
pub fn client_async<R, S>(
    request: R,
    stream: S,
) -> impl Future<Output = Result<(WebSocketStream<S>, ClientResponse)>>
where
    R: IntoClientRequest + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    Box::pin(client_by(request, stream, WebSocketConfig::new()))
}

/// As [`client_async`], with a configuration.
///
/// # Errors
/// [`Error::Url`]; [`Error::Http`] for another status than 101, with what had arrived of the body;
/// [`Error::Handshake`] for a response that is not in order, or a request that must not be sent; [`Error::Protocol`] when
/// the server was too slow or went away; [`Error::Io`].
pub fn client_async_with_config<R, S>(
    request: R,
    stream: S,
    config: Option<WebSocketConfig>,
) -> impl Future<Output = Result<(WebSocketStream<S>, ClientResponse)>>
where
    R: IntoClientRequest + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    Box::pin(client_by(request, stream, config.unwrap_or_default()))
}

async fn client_by<R, S>(
    request: R,
    stream: S,
    config: WebSocketConfig,
) -> Result<(WebSocketStream<S>, ClientResponse)>
where
    R: IntoClientRequest,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (_, request) = to_core(&request.into_client_request()?)?;
    client(request, stream, &config, None).await
}

/// `began` is when the TLS handshake began, if there was one.
pub(crate) async fn client<S>(
    request: OwnedClientRequest,
    stream: S,
    config: &WebSocketConfig,
    began: Option<Clock>,
) -> Result<(WebSocketStream<S>, ClientResponse)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connecting = Connecting::new(request, config.endpoint(), OsEntropy)?;
    let mut opening = Opening::new(stream, began, &mut connecting);
    loop {
        opening.write_and_read(&mut connecting).await?;
        match connecting.poll()? {
            Progress::Waiting(same) => connecting = same,
            Progress::Done(Connected::Open { endpoint, response }) => {
                let socket = WebSocketStream::new(opening.open(endpoint, config));
                return Ok((socket, to_response(&response, None)?));
            }
            Progress::Done(Connected::Refused { response, body }) => {
                return Err(Error::Http(Box::new(to_response(&response, Some(body))?)));
            }
        }
    }
}

fn to_response(response: &OwnedResponse, body: Option<Vec<u8>>) -> Result<ClientResponse> {
    let response = response.as_response();
    let mut http_response = ClientResponse::new(body);
    *http_response.status_mut() = StatusCode::from_u16(response.status())?;
    *http_response.headers_mut() = header_map(response.headers())?;
    Ok(http_response)
}
