//! Clients over TLS.

use std::io::{Read, Write};

use crate::client::{IntoClientRequest, client_with_config, uri_mode};
use crate::error::{Result, TlsError, UrlError};
use crate::handshake::HandshakeError;
use crate::handshake::client::{ClientHandshake, Response};
use crate::handshake::convert;
use crate::protocol::{WebSocket, WebSocketConfig};
use crate::stream::{MaybeTlsStream, Mode};

/// The TLS implementation for `wss` URLs.
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

type ClientError<S> = HandshakeError<ClientHandshake<MaybeTlsStream<S>>>;

/// Opens a WebSocket over a stream that is connected to the server, with TLS for `wss`, and with the default
/// configuration.
///
/// # Errors
/// As [`client_tls_with_config`].
pub fn client_tls<R, S>(
    request: R,
    stream: S,
) -> Result<(WebSocket<MaybeTlsStream<S>>, Response), ClientError<S>>
where
    R: IntoClientRequest,
    S: Read + Write,
{
    client_tls_with_config(request, stream, None, None)
}

/// As [`client_tls`], with a configuration and a connector. `None` means the platform's TLS if its feature is on, otherwise
/// rustls with the roots of this crate's features and with the process's cryptography provider.
///
/// # Errors
/// [`HandshakeError::Failure`] with [`Error::Tls`](crate::Error::Tls) when TLS cannot be set up; otherwise as
/// [`client_with_config`].
pub fn client_tls_with_config<R, S>(
    request: R,
    stream: S,
    config: Option<WebSocketConfig>,
    connector: Option<Connector>,
) -> Result<(WebSocket<MaybeTlsStream<S>>, Response), ClientError<S>>
where
    R: IntoClientRequest,
    S: Read + Write,
{
    let request = request.into_client_request()?;
    let stream = match uri_mode(request.uri())? {
        Mode::Plain => MaybeTlsStream::Plain(stream),
        Mode::Tls => {
            let (uri, _) = convert::to_core(&request)?;
            wrap(stream, uri.as_uri().host(), connector)?
        }
    };
    client_with_config(request, stream, config)
}

fn wrap<S: Read + Write>(
    stream: S,
    host: &str,
    connector: Option<Connector>,
) -> Result<MaybeTlsStream<S>> {
    match connector {
        Some(Connector::Plain) => Err(UrlError::TlsFeatureNotEnabled.into()),
        #[cfg(feature = "native-tls")]
        Some(Connector::NativeTls(connector)) => native(stream, host, &connector),
        #[cfg(feature = "__rustls-tls")]
        Some(Connector::Rustls(config)) => rustls(stream, host, config),
        #[cfg(feature = "native-tls")]
        None => {
            let connector = native_tls::TlsConnector::new().map_err(TlsError::from)?;
            native(stream, host, &connector)
        }
        #[cfg(not(feature = "native-tls"))]
        None => rustls(stream, host, default_client_config()?),
    }
}

#[cfg(feature = "native-tls")]
fn native<S: Read + Write>(
    stream: S,
    host: &str,
    connector: &native_tls::TlsConnector,
) -> Result<MaybeTlsStream<S>> {
    match connector.connect(host, stream) {
        Ok(stream) => Ok(MaybeTlsStream::NativeTls(stream)),
        Err(native_tls::HandshakeError::Failure(error)) => Err(TlsError::from(error).into()),
        // The TLS handshake needs a blocking stream.
        Err(native_tls::HandshakeError::WouldBlock(_)) => {
            Err(std::io::Error::from(std::io::ErrorKind::WouldBlock).into())
        }
    }
}

#[cfg(feature = "__rustls-tls")]
fn rustls<S: Read + Write>(
    stream: S,
    host: &str,
    config: std::sync::Arc<rustls::ClientConfig>,
) -> Result<MaybeTlsStream<S>> {
    let name = rustls::pki_types::ServerName::try_from(host.to_owned())
        .map_err(|_| TlsError::InvalidDnsName)?;
    let client = rustls::ClientConnection::new(without_h2(config), name);
    let client = client.map_err(TlsError::from)?;
    Ok(MaybeTlsStream::Rustls(rustls::StreamOwned::new(client, stream)))
}

/// The configuration without `h2` in its ALPN names. A server that chose it would expect HTTP/2, and the opening handshake
/// is of HTTP/1.1.
#[cfg(feature = "__rustls-tls")]
#[must_use]
pub fn without_h2(
    config: std::sync::Arc<rustls::ClientConfig>,
) -> std::sync::Arc<rustls::ClientConfig> {
    if !config.alpn_protocols.iter().any(|name| name == b"h2") {
        return config;
    }
    let mut config = std::sync::Arc::unwrap_or_clone(config);
    config.alpn_protocols.retain(|name| name != b"h2");
    config.into()
}

/// The configuration for `wss` URLs if the caller passes none.
///
/// # Errors
/// When there is no cryptography provider, or no root certificate.
#[cfg(feature = "__rustls-tls")]
pub fn default_client_config() -> Result<std::sync::Arc<rustls::ClientConfig>, TlsError> {
    fullduplex_std::tls::default_client_config().map_err(|error| match error {
        fullduplex_std::TlsError::Rustls(error) => (*error).into(),
        error => rustls::Error::General(error.to_string()).into(),
    })
}
