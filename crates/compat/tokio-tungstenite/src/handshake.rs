//! The opening handshake over a stream.

use std::pin::Pin;

use fullduplex_tokio as native;
use tokio::io::{AsyncRead, AsyncWrite};
use tungstenite::client::IntoClientRequest;
use tungstenite::error::Error;
use tungstenite::handshake::client::Response;
use tungstenite::handshake::server::{Callback, NoCallback};
use tungstenite::internals::{HEAD_LIMITS, decide, to_core, to_response, unasked};
use tungstenite::protocol::WebSocketConfig;

use crate::error::to_tungstenite;
use crate::websocket::{WebSocketStream, to_native};

/// Opens a WebSocket over a stream that is connected to the server, with the default configuration.
///
/// # Errors
/// As [`client_async_with_config`].
pub async fn client_async<R, S>(
    request: R,
    stream: S,
) -> Result<(WebSocketStream<S>, Response), Error>
where
    R: IntoClientRequest + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    client_async_with_config(request, stream, None).await
}

/// As [`client_async`], with a configuration.
///
/// # Errors
/// [`Error::Url`] and [`Error::HttpFormat`]; [`Error::Http`] for a status other than 101; [`Error::Protocol`] for an invalid
/// request or response; [`Error::Io`].
pub async fn client_async_with_config<R, S>(
    request: R,
    stream: S,
    config: Option<WebSocketConfig>,
) -> Result<(WebSocketStream<S>, Response), Error>
where
    R: IntoClientRequest + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let settings = config.unwrap_or_default();
    let (_, request) = to_core(&request.into_client_request()?)?;
    let offers_subprotocols = !request.as_request().subprotocols.is_empty();
    match native::client_with(request, stream, from_handshake(&settings)).await {
        Ok((socket, response)) => {
            Ok((WebSocketStream::new(socket, config), to_response(&response, None)?))
        }
        Err(error) => {
            let error = to_tungstenite(error, None, &settings);
            Err(if offers_subprotocols { error } else { unasked(error) })
        }
    }
}

/// Accepts a WebSocket on a stream that a client has opened, with the default configuration: any valid request, no
/// subprotocol. A request that does not ask for a WebSocket is answered with an error status.
///
/// # Errors
/// As [`accept_hdr_async_with_config`].
pub async fn accept_async<S>(stream: S) -> Result<WebSocketStream<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    accept_hdr(stream, NoCallback, None).await
}

/// As [`accept_async`], with a configuration.
///
/// # Errors
/// As [`accept_hdr_async_with_config`].
pub async fn accept_async_with_config<S>(
    stream: S,
    config: Option<WebSocketConfig>,
) -> Result<WebSocketStream<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    accept_hdr(stream, NoCallback, config).await
}

/// As [`accept_async`], with a callback that sees the request, adds headers to the response, or rejects it.
///
/// # Errors
/// As [`accept_hdr_async_with_config`].
pub async fn accept_hdr_async<S, C>(stream: S, callback: C) -> Result<WebSocketStream<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    C: Callback + Unpin,
{
    accept_hdr(stream, callback, None).await
}

/// As [`accept_hdr_async`], with a configuration.
///
/// # Errors
/// [`Error::Protocol`] for an invalid request, which has been answered with an error status; [`Error::Http`] when the
/// callback rejects it; [`Error::Protocol`] when the callback's response must not be sent, in which case the client gets a
/// 500; [`Error::Io`], of the kind `TimedOut` when the client was too slow.
pub async fn accept_hdr_async_with_config<S, C>(
    stream: S,
    callback: C,
    config: Option<WebSocketConfig>,
) -> Result<WebSocketStream<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    C: Callback + Unpin,
{
    accept_hdr(stream, callback, config).await
}

/// The configuration for fullduplex, for a connection that begins with its opening handshake.
fn from_handshake(config: &WebSocketConfig) -> native::WebSocketConfig {
    let mut config = to_native(config);
    config.head_limits = HEAD_LIMITS;
    config
}

/// Its future is boxed, because a task keeps space for its largest future as long as it lives.
fn accept_hdr<S, C>(
    stream: S,
    callback: C,
    config: Option<WebSocketConfig>,
) -> Pin<Box<impl Future<Output = Result<WebSocketStream<S>, Error>>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
    C: Callback,
{
    Box::pin(async move {
        let settings = config.unwrap_or_default();
        let mut outcome = Ok(());
        let accepted = native::accept_with(stream, from_handshake(&settings), |request| {
            decide(request, callback).map_err(|(error, rejection)| {
                outcome = Err(error);
                rejection
            })
        });
        let accepted = accepted.await;
        // The callback's own error says more than the error for a rejected request.
        outcome?;
        match accepted {
            Ok(socket) => Ok(WebSocketStream::new(socket, config)),
            Err(error) => Err(to_tungstenite(error, None, &settings)),
        }
    })
}
