//! Clients over TLS.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tungstenite::client::{IntoClientRequest, uri_mode};
use tungstenite::error::{Error, UrlError};
use tungstenite::handshake::client::Response;
use tungstenite::internals::to_core;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::stream::Mode;

use crate::handshake::client_async_with_config;
use crate::stream::MaybeTlsStream;
use crate::websocket::WebSocketStream;

/// The TLS implementation for `wss` URLs.
#[derive(Clone)]
#[non_exhaustive]
pub enum Connector {
    /// No TLS: a `wss` URL is an error.
    Plain,
    /// The platform's TLS. It must not offer `h2` by ALPN: the opening handshake is of HTTP/1.1.
    #[cfg(feature = "native-tls")]
    NativeTls(native_tls::TlsConnector),
    /// rustls. The ALPN name `h2` of the configuration is not offered.
    #[cfg(feature = "__rustls-tls")]
    Rustls(std::sync::Arc<rustls::ClientConfig>),
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain => "Plain",
            #[cfg(feature = "native-tls")]
            Self::NativeTls(_) => "NativeTls",
            #[cfg(feature = "__rustls-tls")]
            Self::Rustls(_) => "Rustls",
        })
    }
}

/// Opens a WebSocket over a stream that is connected to the server, with TLS for `wss`, and with the default
/// configuration.
///
/// # Errors
/// As [`client_async_tls_with_config`].
#[cfg(any(feature = "native-tls", feature = "__rustls-tls"))]
pub async fn client_async_tls<R, S>(
    request: R,
    stream: S,
) -> Result<(WebSocketStream<MaybeTlsStream<S>>, Response), Error>
where
    R: IntoClientRequest + Unpin,
    S: 'static + AsyncRead + AsyncWrite + Send + Unpin,
    MaybeTlsStream<S>: Unpin,
{
    client_async_tls_with_config(request, stream, None, None).await
}

/// As [`client_async_tls`], with a configuration and a connector. `None` means the platform's TLS if its feature is on,
/// otherwise rustls with the roots of this crate's features and with the process's cryptography provider. The TLS handshake
/// has its own timeout, as long as the one of the opening handshake.
///
/// # Errors
/// [`Error::Url`]; [`Error::Tls`] and [`Error::Io`] when TLS cannot be set up; otherwise as [`client_async_with_config`].
#[cfg_attr(not(any(feature = "native-tls", feature = "__rustls-tls")), expect(unreachable_pub))]
pub async fn client_async_tls_with_config<R, S>(
    request: R,
    stream: S,
    config: Option<WebSocketConfig>,
    connector: Option<Connector>,
) -> Result<(WebSocketStream<MaybeTlsStream<S>>, Response), Error>
where
    R: IntoClientRequest + Unpin,
    S: 'static + AsyncRead + AsyncWrite + Send + Unpin,
    MaybeTlsStream<S>: Unpin,
{
    // This future is large. Because it is boxed, its memory is freed before the connection is used.
    let opening = async move {
        let request = request.into_client_request()?;
        let stream = match uri_mode(request.uri())? {
            Mode::Plain => MaybeTlsStream::Plain(stream),
            Mode::Tls => {
                let (uri, _) = to_core(&request)?;
                let timeout = config.unwrap_or_default().handshake_timeout;
                within(timeout, wrap(stream, uri.as_uri().host(), connector)).await?
            }
        };
        client_async_with_config(request, stream, config).await
    };
    Box::pin(opening).await
}

pub(crate) async fn within<T>(
    timeout: Option<Duration>,
    action: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    // Outside of a tokio runtime there is no clock for a timeout.
    match timeout.filter(|_| tokio::runtime::Handle::try_current().is_ok()) {
        None => action.await,
        Some(timeout) => match tokio::time::timeout(timeout, action).await {
            Ok(result) => result,
            Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        },
    }
}

#[cfg_attr(not(any(feature = "native-tls", feature = "__rustls-tls")), expect(unused_variables))]
async fn wrap<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    host: &str,
    connector: Option<Connector>,
) -> Result<MaybeTlsStream<S>, Error> {
    match connector {
        Some(Connector::Plain) => Err(UrlError::TlsFeatureNotEnabled.into()),
        #[cfg(feature = "native-tls")]
        Some(Connector::NativeTls(connector)) => native(stream, host, connector).await,
        #[cfg(feature = "__rustls-tls")]
        Some(Connector::Rustls(config)) => rustls(stream, host, config).await,
        #[cfg(feature = "native-tls")]
        None => {
            let connector = native_tls::TlsConnector::new();
            native(stream, host, connector.map_err(tungstenite::error::TlsError::from)?).await
        }
        #[cfg(all(feature = "__rustls-tls", not(feature = "native-tls")))]
        None => rustls(stream, host, tungstenite::internals::default_client_config()?).await,
        #[cfg(not(any(feature = "native-tls", feature = "__rustls-tls")))]
        None => Err(UrlError::TlsFeatureNotEnabled.into()),
    }
}

#[cfg(feature = "native-tls")]
async fn native<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    host: &str,
    connector: native_tls::TlsConnector,
) -> Result<MaybeTlsStream<S>, Error> {
    let connector = tokio_native_tls::TlsConnector::from(connector);
    let stream = connector.connect(host, stream).await;
    Ok(MaybeTlsStream::NativeTls(stream.map_err(tungstenite::error::TlsError::from)?))
}

#[cfg(feature = "__rustls-tls")]
async fn rustls<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    host: &str,
    config: std::sync::Arc<rustls::ClientConfig>,
) -> Result<MaybeTlsStream<S>, Error> {
    let name = rustls::pki_types::ServerName::try_from(host.to_owned())
        .map_err(|_| tungstenite::error::TlsError::InvalidDnsName)?;
    let connector = tokio_rustls::TlsConnector::from(tungstenite::internals::without_h2(config));
    Ok(MaybeTlsStream::Rustls(connector.connect(name, stream).await?))
}
