//! The opening handshake over a stream: `accept`, `client` and their relatives.

use std::future::{Future, poll_fn};

use fullduplex::handshake::{
    IntoRequest, OwnedAcceptance, OwnedClientRequest, OwnedRejection, OwnedResponse, PlainRequest,
    Request,
};
use fullduplex::{
    Connected, Connecting, Ended, Endpoint, Incoming, IncomingRequest, Progress, Refusal, Role,
    Timeout,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout_at;

use crate::config::WebSocketConfig;
use crate::entropy::OsEntropy;
use crate::error::{Error, Result, is_gone};
use crate::opening::{Before, Opening};
use crate::watch::Watch;
use crate::websocket::WebSocketStream;

/// What a server's callback decides about a request.
pub type Decision = Result<OwnedAcceptance, OwnedRejection>;

// None of these is `async`: the future of an `async fn` has space for its arguments, such as the stream, and a task that
// awaits it has that space as long as the task lives.

/// Accepts a WebSocket on a stream that a client has opened (RFC 6455 §4.2), with the default configuration:
/// any valid request, no subprotocol. A request that asks for no WebSocket, such as a health check, is refused with 426;
/// [`accept_or_respond`] lets the application respond to it.
///
/// # Errors
/// As [`accept_with`].
pub fn accept<S>(stream: S) -> impl Future<Output = Result<WebSocketStream<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    accept_with(stream, WebSocketConfig::new(), |_| Ok(OwnedAcceptance::new()))
}

/// Accepts a WebSocket, and lets `decide` see the request and choose: an acceptance with subprotocol and headers, or
/// a rejection with any status, headers and body. It sees only valid requests for a WebSocket; for others, see
/// [`accept_or_respond`].
///
/// # Errors
/// [`Error::Handshake`] for an invalid request, to which a response with its status was sent; [`Error::Responded`] when
/// `decide` rejected it; [`Error::Accept`] and [`Error::Reject`] when the response of `decide` must not be sent, in which
/// case the client is sent 500; [`Error::Protocol`] when the client was too slow or went away; [`Error::Io`].
/// After a refusal or a rejection, it returns once the client has ended the connection or the close timeout has expired, so
/// that the response is not lost.
pub fn accept_with<S>(
    stream: S,
    config: WebSocketConfig,
    decide: impl FnOnce(&Request<'_>) -> Decision,
) -> impl Future<Output = Result<WebSocketStream<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    Box::pin(accept_since(None, stream, config, decide, NO_RESPONSE))
}

/// As [`accept_with`], with a decision that takes time: it looks up a token in a database, or asks another service.
///
/// The handshake timeout goes on meanwhile. When it expires, the client is sent 503, and `decide` is dropped. It is not
/// noticed if the client leaves meanwhile, so the application should limit its look-ups.
///
/// ```no_run
/// use fullduplex_tokio::{Error, OwnedAcceptance, OwnedRejection, Request, WebSocketConfig, accept_async};
/// use tokio::net::TcpStream;
///
/// # struct Users;
/// # impl Users { async fn of_token(&self, _: &[u8]) -> Option<u64> { None } }
/// # async fn serve(stream: TcpStream, users: Users) -> Result<(), Error> {
/// let mut user = 0;
/// let decide = async |request: &Request<'_>| {
///     let unauthorized = || OwnedRejection::new(401).header("WWW-Authenticate", "Bearer");
///     let token = request.headers().get("authorization").ok_or_else(unauthorized)?;
///     user = users.of_token(token).await.ok_or_else(unauthorized)?;
///     Ok(OwnedAcceptance::new())
/// };
/// let socket = accept_async(stream, WebSocketConfig::new(), decide).await?;
/// # drop((socket, user));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`accept_with`].
pub fn accept_async<S>(
    stream: S,
    config: WebSocketConfig,
    decide: impl AsyncFnOnce(&Request<'_>) -> Decision,
) -> impl Future<Output = Result<WebSocketStream<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    Box::pin(async move {
        let before = Before::server(&config);
        let (mut incoming, mut plain) = (incoming(&config), NO_RESPONSE);
        let mut opening = Opening::new(stream, before, &mut incoming);
        let received = loop {
            match step(incoming, &mut plain) {
                Ok(Progress::Waiting(same)) => incoming = same,
                Ok(Progress::Done(request)) => break Ok(request),
                Err(failed) => break Err(failed),
            }
            opening.read(&mut incoming).await.map_err(|error| opening.watch.failed(error))?;
        };
        let responded = match received {
            Ok(request) => decided(request, &mut opening, decide).await,
            Err(failed) => Err(failed),
        };
        finish(responded, opening, &config).await
    })
}

/// As [`accept_with`], and lets `respond` respond to a request of HTTP/1.1 or HTTP/1.0 that asks for no WebSocket: a load
/// balancer's health check, or a browser that was given the wrong URL. The response may have any status from 200 to 599;
/// in reply to `HEAD`, only its head is sent. If `respond` returns `None`, the request is refused as usual: with 426, or
/// with 405 if its method is not `GET`. The connection is closed after the response, and a body of the request is not
/// read: for more than a few such requests, put `upgrade` (feature `hyper`) beside the other routes of an HTTP server.
///
/// ```
/// use fullduplex_tokio::{Error, OwnedAcceptance, OwnedRejection, PlainRequest, WebSocketConfig, accept_or_respond};
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
/// #     let mut response = String::new();
/// #     stream.read_to_string(&mut response).await?;
/// #     Ok::<_, std::io::Error>(response)
/// # });
/// let (stream, _) = listener.accept().await?;
/// let config = WebSocketConfig::new();
/// match accept_or_respond(stream, config, |_| Ok(OwnedAcceptance::new()), health).await {
///     Ok(mut socket) => socket.send("Hello".into()).await.unwrap(),
///     Err(Error::Responded(200)) => {} // the health check
///     Err(error) => eprintln!("{error}"),
/// }
/// # assert!(probe.await.unwrap()?.ends_with("\r\n\r\nok\n"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`accept_with`]. Also [`Error::Responded`], with the status of the response, when `respond` has responded to the
/// request; [`Error::Reject`] when its response must not be sent, in which case the client is sent 500.
pub fn accept_or_respond<S>(
    stream: S,
    config: WebSocketConfig,
    decide: impl FnOnce(&Request<'_>) -> Decision,
    respond: impl FnOnce(&PlainRequest<'_>) -> Option<OwnedRejection>,
) -> impl Future<Output = Result<WebSocketStream<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    Box::pin(accept_since(None, stream, config, decide, Some(respond)))
}

/// For servers that do not respond to plain requests, so that these are refused.
pub(crate) const NO_RESPONSE: Option<fn(&PlainRequest<'_>) -> Option<OwnedRejection>> = None;

/// The opening handshake of a server. The caller boxes this future, so that its memory is freed once the connection is open.
/// `before` is set if a TLS handshake came first.
pub(crate) async fn accept_since<S>(
    before: Option<Before>,
    stream: S,
    config: WebSocketConfig,
    decide: impl FnOnce(&Request<'_>) -> Decision,
    mut plain: Option<impl FnOnce(&PlainRequest<'_>) -> Option<OwnedRejection>>,
) -> Result<WebSocketStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // The watch begins here, because the caller may put this future into a span.
    let before = before.unwrap_or_else(|| Before::server(&config));
    let mut incoming = incoming(&config);
    let mut opening = Opening::new(stream, before, &mut incoming);
    let responded = loop {
        match step(incoming, &mut plain) {
            Ok(Progress::Waiting(same)) => incoming = same,
            Ok(Progress::Done(request)) => break respond(request, &mut opening.watch, decide),
            Err(failed) => break Err(failed),
        }
        opening.read(&mut incoming).await.map_err(|error| opening.watch.failed(error))?;
    };
    finish(responded, opening, &config).await
}

/// Writes the response.
async fn finish<S>(
    responded: Result<Endpoint<OsEntropy>, (Error, Refusal)>,
    opening: Opening<S>,
    config: &WebSocketConfig,
) -> Result<WebSocketStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match settle(responded, opening, config) {
        Ok(mut socket) => {
            // The handshake timeout also limits the time in which the client takes the response.
            let deadline = config.handshake_timeout;
            let flushed = poll_fn(|cx| socket.engine().poll_flush_until(deadline, cx)).await;
            let watch = socket.engine().watch();
            flushed.map_err(|error| watch.failed(unless_gone(error)))?;
            watch.opened();
            Ok(socket)
        }
        Err((error, refusal, opening)) => {
            opening.refuse(refusal).await;
            Err(error)
        }
    }
}

/// The error for a response that could not be written: a client that is gone has ended the opening handshake.
fn unless_gone(error: Error) -> Error {
    match error {
        Error::Io(error) if is_gone(error.kind()) => Ended::Reset.into(),
        error => error,
    }
}

/// Opens the WebSocket of an accepted request. It is a separate function, so that the future of the handshake has no
/// space for an endpoint: when the box of that future is freed, the next connection should fit into its place.
// The result is used once, and at once.
#[expect(clippy::result_large_err)]
fn settle<S>(
    responded: Result<Endpoint<OsEntropy>, (Error, Refusal)>,
    mut opening: Opening<S>,
    config: &WebSocketConfig,
) -> Result<WebSocketStream<S>, (Error, Refusal, Opening<S>)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match responded {
        Ok(endpoint) => Ok(WebSocketStream::new(opening.open(endpoint, config))),
        Err((error, refusal)) => Err((opening.watch.failed(error), refusal, opening)),
    }
}

/// A separate function, so that it is compiled once: it does not depend on the type of the stream.
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
    polled.map_err(|failed| (failed.error.into(), failed.refusal))
}

/// Accepts or rejects the request, as `decide` says.
fn respond(
    request: IncomingRequest<OsEntropy>,
    watch: &mut Watch,
    decide: impl FnOnce(&Request<'_>) -> Decision,
) -> Result<Endpoint<OsEntropy>, (Error, Refusal)> {
    watch.requested(|| request.request().path());
    match decide(&request.request()) {
        Ok(acceptance) => match request.accept(&acceptance.as_acceptance()) {
            Ok((endpoint, _)) => {
                watch.accepted(acceptance.as_acceptance().subprotocol);
                Ok(endpoint)
            }
            Err(failed) => Err((failed.error.into(), failed.refusal)),
        },
        Err(rejection) => match request.reject(&rejection.as_rejection()) {
            Ok(refusal) => Err((Error::Responded(rejection.status()), refusal)),
            Err(failed) => Err((failed.error.into(), failed.refusal)),
        },
    }
}

/// Accepts or rejects the request, as `decide` says within the handshake timeout.
async fn decided<S>(
    mut request: IncomingRequest<OsEntropy>,
    opening: &mut Opening<S>,
    decide: impl AsyncFnOnce(&Request<'_>) -> Decision,
) -> Result<Endpoint<OsEntropy>, (Error, Refusal)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let deadline = opening.deadline(&mut request);
    let decision = {
        let asked = request.request();
        let deciding = decide(&asked);
        match deadline {
            None => Some(deciding.await),
            Some(deadline) => timeout_at(deadline, deciding).await.ok(),
        }
    };
    if let Some(decision) = decision {
        return respond(request, &mut opening.watch, |_| decision);
    }
    // The client has sent its request in time, so the status says that the fault is ours.
    let too_late = fullduplex::Error::Timeout(Timeout::Handshake);
    respond(request, &mut opening.watch, |_| Err(OwnedRejection::new(503)))
        .map_err(|(_, refusal)| (too_late.into(), refusal))
}

/// Opens a WebSocket over a stream that leads to the server (RFC 6455 §4.1), with the default configuration.
/// Returns it with the server's response.
///
/// # Errors
/// As [`client_with`].
pub fn client<S>(
    request: impl IntoRequest,
    stream: S,
) -> impl Future<Output = Result<(WebSocketStream<S>, OwnedResponse)>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    client_with(request, stream, WebSocketConfig::new())
}

/// As [`client`], with a configuration.
///
/// # Errors
/// [`Error::Url`]; [`Error::Http`] for another status than 101, with what had arrived of the body;
/// [`Error::Handshake`] for a response that is not in order, or a request that must not be sent; [`Error::Protocol`] when
/// the server was too slow or went away; [`Error::Io`].
pub fn client_with<S>(
    request: impl IntoRequest,
    stream: S,
    config: WebSocketConfig,
) -> impl Future<Output = Result<(WebSocketStream<S>, OwnedResponse)>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    Box::pin(async move {
        let request = request.into_request()?;
        let watch = Watch::begin(Role::Client, &config).calls(&request);
        client_since(Before { began: None, watch }, request, stream, &config).await
    })
}

pub(crate) async fn client_since<S>(
    before: Before,
    request: OwnedClientRequest,
    stream: S,
    config: &WebSocketConfig,
) -> Result<(WebSocketStream<S>, OwnedResponse)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connecting = match Connecting::new(request, config.endpoint(), OsEntropy) {
        Ok(connecting) => connecting,
        Err(error) => return Err(before.failed(error.into())),
    };
    let mut opening = Opening::new(stream, before, &mut connecting);
    loop {
        let read = opening.write_and_read(&mut connecting).await;
        read.map_err(|error| opening.watch.failed(error))?;
        match connecting.poll().map_err(|error| opening.watch.failed(error.into()))? {
            Progress::Waiting(same) => connecting = same,
            Progress::Done(Connected::Open { endpoint, response }) => {
                opening.watch.accepted(response.as_response().subprotocol());
                let mut engine = opening.open(endpoint, config);
                engine.watch().opened();
                return Ok((WebSocketStream::new(engine), response));
            }
            Progress::Done(Connected::Refused(refused)) => {
                return Err(opening.watch.failed(Error::Http(Box::new(refused))));
            }
        }
    }
}
