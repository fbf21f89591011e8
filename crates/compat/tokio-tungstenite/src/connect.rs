//! Connects to a URL: opens a WebSocket over TCP, with TLS for `wss`.

use std::io;

use fullduplex_tokio::{AttemptError, DEFAULT_CONNECT_TIMEOUT, Dial, DialError, Target, TcpDial};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tungstenite::client::IntoClientRequest;
use tungstenite::error::Error;
use tungstenite::handshake::client::Response;
use tungstenite::internals::to_core;
use tungstenite::protocol::WebSocketConfig;

use crate::stream::MaybeTlsStream;
use crate::tls::{Connector, client_async_tls_with_config};
use crate::websocket::WebSocketStream;

/// Opens a WebSocket to a URL, over TCP with `TCP_NODELAY` and, for `wss`, TLS, with the default configuration.
///
/// # Errors
/// [`Error::Url`]; [`Error::Io`] when the server cannot be reached within 10 s; [`Error::Tls`] when TLS cannot be set up;
/// [`Error::Http`] for a status other than 101; [`Error::Protocol`] for an invalid response.
pub async fn connect_async<R>(
    request: R,
) -> Result<(WebSocketStream<MaybeTlsStream<TcpStream>>, Response), Error>
where
    R: IntoClientRequest + Unpin,
{
    connect_async_with_config(request, None, true).await
}

/// As [`connect_async`], with a configuration, and with `TCP_NODELAY` only if `disable_nagle` is true.
///
/// # Errors
/// As [`connect_async`].
pub async fn connect_async_with_config<R>(
    request: R,
    config: Option<WebSocketConfig>,
    disable_nagle: bool,
) -> Result<(WebSocketStream<MaybeTlsStream<TcpStream>>, Response), Error>
where
    R: IntoClientRequest + Unpin,
{
    connect(request, config, disable_nagle, None).await
}

/// As [`connect_async_with_config`], with a TLS connector; `None` means the TLS of this crate's features.
///
/// # Errors
/// As [`connect_async`].
#[cfg(any(feature = "native-tls", feature = "__rustls-tls"))]
pub async fn connect_async_tls_with_config<R>(
    request: R,
    config: Option<WebSocketConfig>,
    disable_nagle: bool,
    connector: Option<Connector>,
) -> Result<(WebSocketStream<MaybeTlsStream<TcpStream>>, Response), Error>
where
    R: IntoClientRequest + Unpin,
{
    connect(request, config, disable_nagle, connector).await
}

async fn connect<R>(
    request: R,
    config: Option<WebSocketConfig>,
    disable_nagle: bool,
    connector: Option<Connector>,
) -> Result<(WebSocketStream<MaybeTlsStream<TcpStream>>, Response), Error>
where
    R: IntoClientRequest + Unpin,
{
    let request = request.into_client_request()?;
    let (uri, _) = to_core(&request)?;
    let uri = uri.as_uri();
    let mut dial = TcpDial::new();
    dial.nodelay = disable_nagle;
    let mut target = Target::new(uri.host(), uri.port());
    target.deadline = Instant::now().checked_add(DEFAULT_CONNECT_TIMEOUT);
    let stream = dial.dial(target).await.map_err(to_io)?;
    client_async_tls_with_config(request, stream, config, connector).await
}

/// The error as tokio-tungstenite returns it: the error of the look-up, or of the last address that was tried.
fn to_io(error: DialError) -> io::Error {
    match error {
        DialError::Lookup(error) => error,
        DialError::Addresses(mut attempts) => match attempts.pop().map(|attempt| attempt.error) {
            Some(AttemptError::Failed(error)) => error,
            _ => io::ErrorKind::TimedOut.into(),
        },
        error => error.into(),
    }
}
