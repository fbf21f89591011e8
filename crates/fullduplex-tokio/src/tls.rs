//! TLS: which kind, with which configuration.

use std::time::Duration;

use fullduplex::{Timeout, Uri};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::config::WebSocketConfig;
use crate::error::{Error, Result, UrlError};
use crate::handshake::{ClientResponse, client};
use crate::request::{IntoClientRequest, to_core};
use crate::stream::MaybeTlsStream;
use crate::websocket::WebSocketStream;

/// The TLS with which a `wss` URL is dialled.
#[derive(Clone)]
#[non_exhaustive]
pub enum Connector {
    /// None: a `wss` URL is an error.
    Plain,
    /// The platform's.
    #[cfg(feature = "native-tls")]
    NativeTls(native_tls::TlsConnector),
    /// rustls.
    #[cfg(feature = "tls")]
    Rustls(std::sync::Arc<rustls::ClientConfig>),
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain => "Plain",
            #[cfg(feature = "native-tls")]
            Self::NativeTls(_) => "NativeTls",
            #[cfg(feature = "tls")]
            Self::Rustls(_) => "Rustls",
        })
    }
}

impl Connector {
    /// What to dial `uri` with: [`Plain`](Self::Plain) without TLS.
    pub(crate) fn of(uri: Uri<'_>, chosen: Option<Self>) -> Result<Self> {
        match (uri.is_secure(), chosen) {
            (false, _) => Ok(Self::Plain),
            (true, Some(Self::Plain)) => Err(UrlError::TlsFeatureNotEnabled.into()),
            #[cfg(any(feature = "tls", feature = "native-tls"))]
            (true, Some(connector)) => Ok(connector),
            (true, None) => Self::by_features(),
        }
    }

    /// The platform's TLS if its feature is on, as tokio-tungstenite has it; else rustls.
    #[cfg(feature = "native-tls")]
    fn by_features() -> Result<Self> {
        Ok(Self::NativeTls(native_tls::TlsConnector::new().map_err(native_error)?))
    }

    #[cfg(all(feature = "tls", not(feature = "native-tls")))]
    fn by_features() -> Result<Self> {
        Ok(Self::Rustls(default_client_config()?))
    }

    #[cfg(not(any(feature = "tls", feature = "native-tls")))]
    fn by_features() -> Result<Self> {
        Err(UrlError::TlsFeatureNotEnabled.into())
    }
}

#[cfg(feature = "native-tls")]
fn native_error(error: native_tls::Error) -> Error {
    crate::error::TlsError::from(error).into()
}

/// Puts TLS over `stream`, within the time that a handshake may take.
pub(crate) async fn wrap<S>(
    host: &str,
    stream: S,
    connector: Connector,
    config: &WebSocketConfig,
) -> Result<MaybeTlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match connector {
        Connector::Plain => {
            let _ = (host, config);
            Ok(MaybeTlsStream::Plain(stream))
        }
        #[cfg(feature = "native-tls")]
        Connector::NativeTls(connector) => {
            let connector = tokio_native_tls::TlsConnector::from(connector);
            let connecting = connector.connect(host, stream);
            let stream =
                within(config.handshake_timeout, connecting).await?.map_err(native_error)?;
            Ok(MaybeTlsStream::NativeTls(Box::new(stream)))
        }
        #[cfg(feature = "tls")]
        Connector::Rustls(rustls) => {
            let name = rustls::pki_types::ServerName::try_from(host.to_owned())
                .map_err(|_| crate::error::TlsError::InvalidDnsName)?;
            let connecting = tokio_rustls::TlsConnector::from(rustls).connect(name, stream);
            let stream = within(config.handshake_timeout, connecting).await??;
            Ok(MaybeTlsStream::Rustls(Box::new(stream)))
        }
    }
}

/// Bounds a TLS handshake.
#[allow(dead_code)]
async fn within<F: Future>(limit: Option<Duration>, action: F) -> Result<F::Output> {
    match limit {
        None => Ok(action.await),
        Some(limit) => tokio::time::timeout(limit, action)
            .await
            .map_err(|_| Error::Timeout(Timeout::Handshake)),
    }
}

/// Opens a WebSocket over a stream that leads to the server, with TLS where the URL says so, and with the default
/// configuration.
///
/// # Errors
/// As [`client_async_tls_with_config`].
pub async fn client_async_tls<R, S>(
    request: R,
    stream: S,
) -> Result<(WebSocketStream<MaybeTlsStream<S>>, ClientResponse)>
where
    R: IntoClientRequest + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    client_async_tls_with_config(request, stream, None, None).await
}

/// As [`client_async_tls`], with a configuration, and with TLS of one's own; `None` for what the features of this
/// crate name.
///
/// # Errors
/// [`Error::Tls`] when TLS cannot be set up, [`Error::Url`] when no feature for it is on; [`Error::Io`] when the TLS
/// handshake fails, [`Error::Timeout`] when it takes too long. Else as
/// [`client_async_with_config`](crate::client_async_with_config).
///
/// # Panics
/// With TLS and a handshake timeout, outside of a tokio runtime with its time driver.
pub async fn client_async_tls_with_config<R, S>(
    request: R,
    stream: S,
    config: Option<WebSocketConfig>,
    connector: Option<Connector>,
) -> Result<(WebSocketStream<MaybeTlsStream<S>>, ClientResponse)>
where
    R: IntoClientRequest + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    // In a box of its own, which is given back before the connection is used.
    let connecting = async move {
        let config = config.unwrap_or_default();
        let (uri, request) = to_core(&request.into_client_request()?)?;
        let uri = uri.as_uri();
        let connector = Connector::of(uri, connector)?;
        let stream = wrap(uri.host(), stream, connector, &config).await?;
        client(request, stream, &config).await
    };
    Box::pin(connecting).await
}

#[cfg(feature = "tls")]
pub use with_rustls::{client_config, default_client_config, server_config};

#[cfg(feature = "tls")]
mod with_rustls {
    use std::sync::Arc;

    use rustls::crypto::CryptoProvider;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ClientConfig, ConfigBuilder, RootCertStore, ServerConfig, WantsVerifier};

    use crate::error::{Result, TlsError};

    /// The provider to use: the process's default if one was installed, else the one that a feature of this
    /// crate brings.
    fn provider() -> Result<Arc<CryptoProvider>, TlsError> {
        if let Some(provider) = CryptoProvider::get_default() {
            return Ok(Arc::clone(provider));
        }
        #[cfg(feature = "tls-aws-lc-rs")]
        return Ok(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
        #[cfg(all(feature = "tls-ring", not(feature = "tls-aws-lc-rs")))]
        return Ok(Arc::new(rustls::crypto::ring::default_provider()));
        #[cfg(not(any(feature = "tls-ring", feature = "tls-aws-lc-rs")))]
        Err(TlsError::NoProvider)
    }

    fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, TlsError> {
        let builder = ClientConfig::builder_with_provider(provider()?);
        Ok(builder.with_safe_default_protocol_versions()?)
    }

    fn finish(mut config: ClientConfig) -> Arc<ClientConfig> {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }

    /// The configuration with which `wss` URLs are dialled unless the caller brings one: the provider and roots
    /// that the features of this crate name, TLS 1.2 and 1.3, ALPN `http/1.1`. With the feature
    /// `platform-verifier` the operating system verifies, whatever roots other features name.
    ///
    /// # Errors
    /// [`TlsError::NoProvider`] and [`TlsError::NoRoots`] when features are missing.
    #[cfg(feature = "platform-verifier")]
    pub fn default_client_config() -> Result<Arc<ClientConfig>, TlsError> {
        use rustls_platform_verifier::BuilderVerifierExt;
        let config = builder()?.with_platform_verifier()?;
        Ok(finish(config.with_no_client_auth()))
    }

    /// The configuration with which `wss` URLs are dialled unless the caller brings one: the provider and roots
    /// that the features of this crate name, TLS 1.2 and 1.3, ALPN `http/1.1`.
    ///
    /// # Errors
    /// [`TlsError::NoProvider`] and [`TlsError::NoRoots`] when features are missing.
    #[cfg(not(feature = "platform-verifier"))]
    pub fn default_client_config() -> Result<Arc<ClientConfig>, TlsError> {
        #[allow(unused_mut)]
        let mut roots = RootCertStore::empty();
        #[cfg(feature = "webpki-roots")]
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        #[cfg(feature = "native-roots")]
        {
            // A certificate that cannot be read is one root less, as every other TLS client has it.
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
        if roots.is_empty() { Err(TlsError::NoRoots) } else { client_config(roots) }
    }

    /// As [`default_client_config`], but trusting `roots`: for servers with certificates of one's own.
    ///
    /// # Errors
    /// [`TlsError::NoProvider`] when no provider is there.
    pub fn client_config(roots: RootCertStore) -> Result<Arc<ClientConfig>, TlsError> {
        Ok(finish(builder()?.with_root_certificates(roots).with_no_client_auth()))
    }

    /// A server's configuration for one certificate chain and its private key: for `tokio_rustls::TlsAcceptor`.
    ///
    /// # Errors
    /// [`TlsError::NoProvider`] when no provider is there, [`TlsError::Rustls`] when key and certificate do not
    /// fit.
    pub fn server_config(
        certificates: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Arc<ServerConfig>, TlsError> {
        let mut config = ServerConfig::builder_with_provider(provider()?)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(certificates, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}
