//! WebSockets on a server that speaks HTTP by hyper: `upgrade` and its relatives.

pub(crate) mod http_types;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

#[cfg(feature = "http2")]
use fullduplex::handshake::ExtendedConnect;
use fullduplex::handshake::{OwnedAcceptance, OwnedRejection, Request, RequestError};
use fullduplex::{Bytes, HandshakeError, Negotiated, Role, Timeout};
use http::StatusCode;
#[cfg(feature = "http2")]
use http::Version;
#[cfg(feature = "http2")]
use http::uri::{Authority, PathAndQuery};
use http_body_util::Full;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::config::WebSocketConfig;
use crate::error::{Error, Result};
use crate::handshake::Decision;
use crate::stream::UpgradedStream;
#[cfg(feature = "http2")]
use crate::upgrade::http_types::header_list;
use crate::upgrade::http_types::{append, unfit, with_parts};
use crate::watch::Watch;
use crate::websocket::WebSocketStream;

/// The response to a request for a WebSocket: 101, or 200 over HTTP/2, and no body; or a refusal.
pub type UpgradeResponse = http::Response<Full<Bytes>>;

/// Whether a request asks for a WebSocket: `Upgrade` holds `websocket`, and `Connection` holds `Upgrade`; over HTTP/2 it
/// is a CONNECT whose `:protocol` is `websocket`. It is for a target that serves other requests as well. [`upgrade`]
/// checks whether the request is valid.
#[must_use]
pub fn is_upgrade_request<B>(request: &http::Request<B>) -> bool {
    #[cfg(feature = "http2")]
    if request.version() == Version::HTTP_2 {
        return with_connect(request, |connect| connect.asks_for_websocket());
    }
    with_parts(request, |parts| parts.asks_for_websocket())
}

/// Accepts a WebSocket that a client asks an HTTP server for (RFC 6455 §4.2, RFC 8441): any valid request, no
/// subprotocol. Returns the response to send, which may be a refusal, and the future that becomes the WebSocket once the
/// response was sent.
///
/// The server must be hyper, or a server that is built on hyper, such as axum. Over HTTP/1.1, hyper must serve the
/// connection `with_upgrades`. What the client has sent behind its request is not lost. All settings of `config` apply
/// except [`head_limits`](WebSocketConfig#structfield.head_limits), because the server has already read the head.
///
/// A connection that has not asked yet is the server's as well. hyper waits for a request for ever unless it has a timer
/// (`http1().timer(..)`, as in the example), and `axum::serve` sets none.
///
/// HTTP/2 has another opening handshake (RFC 8441), which needs the feature `http2`, and a server that announces it:
/// `enable_connect_protocol` of hyper's builder, which axum calls. Such a WebSocket is a stream beside others of the
/// same connection. Without the feature the response is 505.
///
/// A handler of axum; a service of hyper differs by its `Request` alone, see the example `hyper_server`:
///
/// ```
/// use axum::extract::Request;
/// use axum::{Router, routing::any};
/// use fullduplex_tokio::{Error, UpgradeResponse, Upgrading, WebSocketConfig, upgrade};
///
/// async fn chat(mut request: Request) -> UpgradeResponse {
///     let (response, socket) = upgrade(&mut request, WebSocketConfig::new());
///     if let Ok(socket) = socket {
///         tokio::spawn(echo(socket));
///     }
///     response
/// }
///
/// async fn echo(socket: Upgrading) -> Result<(), Error> {
///     let mut socket = socket.await?; // once the response has been sent
///     while let Some(message) = socket.recv().await {
///         let message = message?;
///         if message.is_text() || message.is_binary() {
///             socket.feed(message).await?;
///         }
///     }
///     Ok(())
/// }
///
/// let app: Router = Router::new().route("/chat", any(chat));
/// ```
///
/// # Errors
/// As [`upgrade_with`].
pub fn upgrade<B>(
    request: &mut http::Request<B>,
    config: WebSocketConfig,
) -> (UpgradeResponse, Result<Upgrading>) {
    upgrade_with(request, config, |_| Ok(OwnedAcceptance::new()))
}

/// As [`upgrade`], and lets `decide` see the request and choose: an acceptance with subprotocol and headers, or
/// a rejection, as [`accept_with`](crate::accept_with) does.
///
/// # Errors
/// [`Error::Handshake`] for an invalid request: the response has the status that it calls for, such as 426 with
/// `Sec-WebSocket-Version`. [`Error::Responded`] when `decide` rejected it. [`Error::Accept`] and [`Error::Reject`] when
/// the response of `decide` must not be sent, and [`Error::Io`] when the server cannot hand over the connection: the
/// response is 500 then.
pub fn upgrade_with<B>(
    request: &mut http::Request<B>,
    config: WebSocketConfig,
    decide: impl FnOnce(&Request<'_>) -> Decision,
) -> (UpgradeResponse, Result<Upgrading>) {
    let mut watch = Watch::begin(Role::Server, &config);
    watch.requested(|| request.uri().path());
    let can_upgrade = request.extensions().get::<OnUpgrade>().is_some();
    let said = with_checked(request, |checked| match checked {
        Ok(_) if !can_upgrade => Err(cannot_upgrade()),
        Ok(request) => decide_on(&request, &config, &mut watch, decide),
        Err(error) => Ok((refuse(&error)?, Err(HandshakeError::from(error).into()))),
    });
    // If the fault is ours, the client must not wait for a response in vain.
    let (response, negotiated) = said.unwrap_or_else(|error| (server_error(), Err(error)));
    match negotiated {
        Ok(negotiated) => (response, Ok(Upgrading::new(request, negotiated, config, watch))),
        Err(error) => (response, Err(watch.failed(error))),
    }
}

/// Becomes the WebSocket once the server has sent the response that [`upgrade`] made.
///
/// Because it waits for that, await it in another task, or after the response was returned.
///
/// # Errors
/// [`Error::Protocol`] when that takes longer than the
/// [handshake timeout](WebSocketConfig#structfield.handshake_timeout), counted from the call of [`upgrade`];
/// [`Error::Io`] when the connection ended before, or another response was sent.
///
/// For the tokio runtime that the timeout needs, see [`WebSocketStream`] under "Deadlines".
#[derive(Debug)]
#[must_use = "the WebSocket is what this future becomes"]
// Boxed, to keep the future of the task small.
pub struct Upgrading(Box<State>);

#[derive(Debug)]
struct State {
    on_upgrade: OnUpgrade,
    negotiated: Negotiated,
    config: WebSocketConfig,
    watch: Watch,
    deadline: Option<Instant>,
    /// It is made when the future is first polled.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Upgrading {
    fn new<B>(
        request: &mut http::Request<B>,
        negotiated: Negotiated,
        config: WebSocketConfig,
        watch: Watch,
    ) -> Self {
        let deadline =
            config.handshake_timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let on_upgrade = hyper::upgrade::on(request);
        Self(Box::new(State { on_upgrade, negotiated, config, watch, deadline, sleep: None }))
    }
}

impl Future for Upgrading {
    type Output = Result<WebSocketStream<UpgradedStream>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let state = &mut *self.0;
        if let Poll::Ready(upgraded) = Pin::new(&mut state.on_upgrade).poll(cx) {
            // What hyper has read behind the request comes out of the stream first.
            let upgraded =
                upgraded.map_err(|error| state.watch.failed(io::Error::other(error).into()))?;
            let (stream, role) = (TokioIo::new(upgraded), Role::Server);
            let (negotiated, config) = (state.negotiated, state.config);
            let watch = std::mem::take(&mut state.watch);
            let socket =
                WebSocketStream::from_handshake(stream, &[], role, negotiated, config, watch);
            return Poll::Ready(Ok(socket));
        }
        let Some(deadline) = state.deadline else { return Poll::Pending };
        let sleep = match &mut state.sleep {
            Some(sleep) => sleep,
            // Outside of a tokio runtime there is no timer.
            None if Handle::try_current().is_err() => return Poll::Pending,
            None => state.sleep.insert(Box::pin(sleep_until(deadline))),
        };
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Err(state.watch.failed(Timeout::Handshake.into())))
    }
}

/// What the core says of the request.
fn with_checked<B, T>(
    request: &http::Request<B>,
    then: impl FnOnce(Result<Request<'_>, RequestError>) -> T,
) -> T {
    #[cfg(feature = "http2")]
    if request.version() == Version::HTTP_2 {
        return with_connect(request, |connect| then(connect.check()));
    }
    with_parts(request, |parts| then(parts.check()))
}

/// Hands a request of HTTP/2 over as the core wants it.
#[cfg(feature = "http2")]
fn with_connect<B, T>(
    request: &http::Request<B>,
    then: impl FnOnce(ExtendedConnect<'_>) -> T,
) -> T {
    let uri = request.uri();
    then(ExtendedConnect {
        method: request.method().as_str(),
        protocol: request.extensions().get().map(hyper::ext::Protocol::as_str),
        scheme: uri.scheme_str(),
        authority: uri.authority().map(Authority::as_str),
        path: uri.path_and_query().map(PathAndQuery::as_str),
        headers: &header_list(request.headers()),
    })
}

/// The decision about a valid request, and the response for it.
fn decide_on(
    request: &Request<'_>,
    config: &WebSocketConfig,
    watch: &mut Watch,
    decide: impl FnOnce(&Request<'_>) -> Decision,
) -> Result<(UpgradeResponse, Result<Negotiated>)> {
    match decide(request) {
        Ok(acceptance) => {
            let (response, negotiated) = accept(request, &acceptance, config)?;
            watch.accepted(acceptance.as_acceptance().subprotocol);
            Ok((response, Ok(negotiated)))
        }
        Err(rejection) => {
            Ok((reject(request, &rejection)?, Err(Error::Responded(rejection.status()))))
        }
    }
}

fn accept(
    request: &Request<'_>,
    acceptance: &OwnedAcceptance,
    config: &WebSocketConfig,
) -> Result<(UpgradeResponse, Negotiated)> {
    let acceptance = acceptance.as_acceptance();
    #[cfg(feature = "deflate")]
    let acceptance = {
        let deflate = acceptance.deflate.for_endpoint(config.deflate);
        acceptance.deflate(deflate)
    };
    #[cfg(not(feature = "deflate"))]
    let _ = config;
    let mut response = UpgradeResponse::default();
    *response.status_mut() = StatusCode::from_u16(request.success_status()).map_err(unfit)?;
    let mut appended = Ok(());
    let negotiated = request.accept_parts(&acceptance, |name, value| {
        if appended.is_ok() {
            appended = append(response.headers_mut(), name, value);
        }
    })?;
    appended?;
    Ok((response, negotiated))
}

/// The response that rejects a valid request.
fn reject(request: &Request<'_>, rejection: &OwnedRejection) -> Result<UpgradeResponse> {
    let rejection = rejection.as_rejection();
    rejection.validate()?;
    let mut response = UpgradeResponse::new(rejection.body.to_vec().into());
    *response.status_mut() = StatusCode::from_u16(rejection.status).map_err(unfit)?;
    // "A server that sends a 426 response MUST send an Upgrade header field" (RFC 9110 §15.5.22). HTTP/2 has none.
    if rejection.status == 426 && request.key().is_some() {
        append(response.headers_mut(), "Upgrade", b"websocket")?;
        append(response.headers_mut(), "Connection", b"Upgrade")?;
    }
    for (name, value) in rejection.headers {
        append(response.headers_mut(), name, value.as_bytes())?;
    }
    Ok(response)
}

/// The response that an invalid request calls for.
fn refuse(error: &RequestError) -> Result<UpgradeResponse> {
    let mut response = UpgradeResponse::new(format!("{error}\n").into());
    *response.status_mut() = StatusCode::from_u16(error.status()).map_err(unfit)?;
    for (name, value) in error.response_headers() {
        append(response.headers_mut(), name, value.as_bytes())?;
    }
    Ok(response)
}

fn server_error() -> UpgradeResponse {
    let mut response = UpgradeResponse::default();
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

fn cannot_upgrade() -> Error {
    let why = "the HTTP server cannot hand over the connection of this request, or has done so";
    io::Error::new(io::ErrorKind::Unsupported, why).into()
}
