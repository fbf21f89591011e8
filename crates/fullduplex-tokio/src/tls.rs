//! TLS: the choice of implementation, configurations, and WebSockets over TLS.

use std::future::Future;

use fullduplex::handshake::{
    IntoRequest, OwnedAcceptance, OwnedClientRequest, OwnedResponse, Request,
};
use fullduplex::{Role, Timeout, Uri};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::clock::Clock;
use crate::config::WebSocketConfig;
use crate::error::{Result, TlsError};
use crate::handshake::{Decision, NO_RESPONSE, accept_since, client_since};
use crate::opening::Before;
use crate::stream::MaybeTlsStream;
use crate::watch::Watch;
use crate::websocket::WebSocketStream;

/// The TLS implementation for `wss` URLs.
#[derive(Clone)]
#[non_exhaustive]
pub enum Connector {
    /// No TLS: a `wss` URL is an error.
    Plain,
    /// The platform's TLS. It must not offer `h2` (`TlsConnectorBuilder::request_alpns`), because a server that chooses
    /// HTTP/2 does not understand the opening handshake.
    #[cfg(feature = "native-tls")]
    NativeTls(native_tls::TlsConnector),
    /// TLS with rustls. If `h2` is among the configuration's `alpn_protocols`, it is not offered.
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
    /// The connector for `uri`: [`Plain`](Self::Plain) if it does not ask for TLS.
    pub(crate) fn of(uri: Uri<'_>, chosen: Option<Self>) -> Result<Self> {
        match (uri.is_secure(), chosen) {
            (false, _) => Ok(Self::Plain),
            (true, Some(Self::Plain)) => Err(TlsError::Disabled.into()),
            #[cfg(any(feature = "tls", feature = "native-tls"))]
            (true, Some(connector)) => Ok(connector),
            (true, None) => Self::by_features(),
        }
    }

    /// The platform's TLS if its feature is on, otherwise rustls.
    #[cfg(feature = "native-tls")]
    fn by_features() -> Result<Self> {
        Ok(Self::NativeTls(native_tls::TlsConnector::new().map_err(TlsError::from)?))
    }

    #[cfg(all(feature = "tls", not(feature = "native-tls")))]
    fn by_features() -> Result<Self> {
        Ok(Self::Rustls(default_client_config()?))
    }

    #[cfg(not(any(feature = "tls", feature = "native-tls")))]
    fn by_features() -> Result<Self> {
        Err(TlsError::Disabled.into())
    }
}

/// A handshake that fails is a failure of the transport, as with rustls: the peer may have ended the stream.
#[cfg(feature = "native-tls")]
fn handshake_failed(error: native_tls::Error) -> crate::error::Error {
    std::io::Error::other(error).into()
}

/// Opens a WebSocket over `stream`, with TLS unless the connector is [`Connector::Plain`]. Both have one deadline.
pub(crate) async fn client_over<S>(
    request: OwnedClientRequest,
    stream: S,
    connector: Connector,
    config: &WebSocketConfig,
    #[cfg_attr(not(any(feature = "tls", feature = "native-tls")), expect(unused_mut))]
    mut watch: Watch,
) -> Result<(WebSocketStream<MaybeTlsStream<S>>, OwnedResponse)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match connector {
        Connector::Plain => {
            let before = Before { began: None, watch };
            client_since(before, request, MaybeTlsStream::Plain(stream), config).await
        }
        #[cfg(any(feature = "tls", feature = "native-tls"))]
        connector => {
            let began = Clock::start();
            let host = request.as_request().uri.host();
            let wrapped = within(began, config, wrap(host, stream, connector)).await;
            let stream = wrapped.map_err(|error| watch.tls_failed(error))?;
            client_since(Before { began: Some(began), watch }, request, stream, config).await
        }
    }
}

#[cfg(any(feature = "tls", feature = "native-tls"))]
async fn wrap<S>(host: &str, stream: S, connector: Connector) -> Result<MaybeTlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match connector {
        Connector::Plain => Ok(MaybeTlsStream::Plain(stream)),
        #[cfg(feature = "native-tls")]
        Connector::NativeTls(connector) => {
            let connector = tokio_native_tls::TlsConnector::from(connector);
            let stream = connector.connect(host, stream).await.map_err(handshake_failed)?;
            Ok(MaybeTlsStream::NativeTls(Box::new(stream)))
        }
        #[cfg(feature = "tls")]
        Connector::Rustls(rustls) => {
            let name = rustls::pki_types::ServerName::try_from(host.to_owned())
                .map_err(|_| TlsError::ServerName)?;
            let connector = tokio_rustls::TlsConnector::from(without_h2(rustls));
            let stream = connector.connect(name, stream).await?;
            Ok(MaybeTlsStream::Rustls(Box::new(stream)))
        }
    }
}

/// A server that was offered `h2` may choose it. Then it would not understand the opening handshake, which is HTTP/1.1.
#[cfg(feature = "tls")]
fn without_h2(
    mut config: std::sync::Arc<rustls::ClientConfig>,
) -> std::sync::Arc<rustls::ClientConfig> {
    if config.alpn_protocols.iter().any(|protocol| protocol == b"h2") {
        std::sync::Arc::make_mut(&mut config).alpn_protocols.retain(|protocol| protocol != b"h2");
    }
    config
}

/// A stream with TLS by the connector, or by this crate's features.
#[cfg(feature = "proxy")]
#[cfg_attr(not(any(feature = "tls", feature = "native-tls")), expect(unused_variables))]
pub(crate) async fn over_tls<S>(
    host: &str,
    stream: S,
    connector: Option<Connector>,
) -> Result<MaybeTlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match connector.map_or_else(Connector::by_features, Ok)? {
        Connector::Plain => Err(TlsError::Disabled.into()),
        #[cfg(any(feature = "tls", feature = "native-tls"))]
        connector => wrap(host, stream, connector).await,
    }
}

/// Runs a TLS handshake, within the timeout of the opening handshake that follows it.
async fn within<T>(
    began: Clock,
    config: &WebSocketConfig,
    action: impl Future<Output = Result<T>>,
) -> Result<T> {
    match config.handshake_timeout.and_then(|timeout| began.instant(timeout)) {
        None => action.await,
        Some(deadline) => match tokio::time::timeout_at(deadline, action).await {
            Ok(result) => result,
            Err(_) => Err(Timeout::Handshake.into()),
        },
    }
}

/// Opens a WebSocket over a stream that is connected to the server, with TLS for `wss`, and with the default
/// configuration.
///
/// # Errors
/// As [`client_tls_with`].
///
/// # Panics
/// As [`client_tls_with`].
pub fn client_tls<S>(
    request: impl IntoRequest,
    stream: S,
) -> impl Future<Output = Result<(WebSocketStream<MaybeTlsStream<S>>, OwnedResponse)>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    client_tls_with(request, stream, WebSocketConfig::new(), None)
}

/// As [`client_tls`], but with a configuration and a connector; `None` means the TLS of this crate's features.
/// TLS and the opening handshake share one timeout, the `handshake_timeout`.
///
/// # Errors
/// [`Error::Tls`](crate::Error::Tls) when TLS cannot be set up; [`Error::Io`](crate::Error::Io) when the TLS handshake
/// fails, [`Error::Protocol`](crate::Error::Protocol) when it takes too long; otherwise as
/// [`client_with`](crate::client_with).
///
/// # Panics
/// With TLS and a handshake timeout, outside of a tokio runtime with its time driver.
pub fn client_tls_with<S>(
    request: impl IntoRequest,
    stream: S,
    config: WebSocketConfig,
    connector: Option<Connector>,
) -> impl Future<Output = Result<(WebSocketStream<MaybeTlsStream<S>>, OwnedResponse)>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // This future is large. In a box of its own, its memory is freed before the connection is used.
    Box::pin(async move {
        let request = request.into_request()?;
        let mut watch = Watch::begin(Role::Client, &config).calls(&request);
        let connector = Connector::of(request.as_request().uri, connector)
            .map_err(|error| watch.tls_failed(error))?;
        client_over(request, stream, connector, &config, watch).await
    })
}

/// A type that accepts TLS on a stream that a client has opened: an `Arc<ServerConfig>` of rustls, or a `TlsAcceptor`
/// of tokio-rustls, native-tls or tokio-native-tls.
///
/// ```
/// use fullduplex_tokio::{AcceptTls, Result};
/// use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
///
/// /// For a server behind a proxy that does TLS itself, and sends a line of its own before the client's bytes.
/// struct BehindProxy;
///
/// impl<S: AsyncRead + AsyncWrite + Unpin + Send> AcceptTls<S> for BehindProxy {
///     type Stream = S;
///
///     async fn accept_tls(self, mut stream: S) -> Result<S> {
///         while stream.read_u8().await? != b'\n' {}
///         Ok(stream)
///     }
/// }
/// ```
pub trait AcceptTls<S> {
    /// The TLS stream, over which the WebSocket is accepted.
    type Stream: AsyncRead + AsyncWrite + Unpin;

    /// Does the TLS handshake. When the timeout expires, this future is dropped, and the stream with it.
    ///
    /// # Errors
    /// When the handshake fails.
    fn accept_tls(self, stream: S) -> impl Future<Output = Result<Self::Stream>> + Send;
}

#[cfg(feature = "tls")]
impl<S: AsyncRead + AsyncWrite + Unpin + Send> AcceptTls<S> for tokio_rustls::TlsAcceptor {
    type Stream = tokio_rustls::server::TlsStream<S>;

    async fn accept_tls(self, stream: S) -> Result<Self::Stream> {
        Ok(self.accept(stream).await?)
    }
}

#[cfg(feature = "tls")]
impl<S: AsyncRead + AsyncWrite + Unpin + Send> AcceptTls<S>
    for std::sync::Arc<rustls::ServerConfig>
{
    type Stream = tokio_rustls::server::TlsStream<S>;

    async fn accept_tls(self, stream: S) -> Result<Self::Stream> {
        Ok(tokio_rustls::TlsAcceptor::from(self).accept(stream).await?)
    }
}

#[cfg(feature = "native-tls")]
impl<S: AsyncRead + AsyncWrite + Unpin + Send> AcceptTls<S> for tokio_native_tls::TlsAcceptor {
    type Stream = tokio_native_tls::TlsStream<S>;

    async fn accept_tls(self, stream: S) -> Result<Self::Stream> {
        self.accept(stream).await.map_err(handshake_failed)
    }
}

#[cfg(feature = "native-tls")]
impl<S: AsyncRead + AsyncWrite + Unpin + Send> AcceptTls<S> for native_tls::TlsAcceptor {
    type Stream = tokio_native_tls::TlsStream<S>;

    async fn accept_tls(self, stream: S) -> Result<Self::Stream> {
        tokio_native_tls::TlsAcceptor::from(self).accept(stream).await.map_err(handshake_failed)
    }
}

// None of these functions is `async`, for the reason that the module `handshake` gives.

/// Accepts a WebSocket over TLS on a stream that a client has opened (RFC 6455 §4.2, §10.6), with the default
/// configuration: any valid request, no subprotocol. Without TLS, use [`accept`](crate::accept).
///
/// # Errors
/// As [`accept_tls_with`].
///
/// # Panics
/// As [`accept_tls_with`].
pub fn accept_tls<S, T>(
    stream: S,
    tls: T,
) -> impl Future<Output = Result<WebSocketStream<T::Stream>>>
where
    T: AcceptTls<S>,
{
    accept_tls_with(stream, tls, WebSocketConfig::new(), |_| Ok(OwnedAcceptance::new()))
}

/// Accepts a WebSocket over TLS. `decide` gets the request and decides on it, as for
/// [`accept_with`](crate::accept_with) without TLS.
///
/// TLS and the opening handshake share one timeout, the `handshake_timeout`, so a client that never completes TLS keeps
/// the server waiting no longer than a client that never completes its request.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) when the TLS handshake fails; otherwise as [`accept_with`](crate::accept_with).
///
/// # Panics
/// With a handshake timeout, outside of a tokio runtime with its time driver.
pub fn accept_tls_with<S, T>(
    stream: S,
    tls: T,
    config: WebSocketConfig,
    decide: impl FnOnce(&Request<'_>) -> Decision,
) -> impl Future<Output = Result<WebSocketStream<T::Stream>>>
where
    T: AcceptTls<S>,
{
    Box::pin(async move {
        let began = Clock::start();
        let mut watch = Watch::begin(Role::Server, &config);
        let accepted = within(began, &config, tls.accept_tls(stream)).await;
        let stream = accepted.map_err(|error| watch.tls_failed(error))?;
        accept_since(
            Some(Before { began: Some(began), watch }),
            stream,
            config,
            decide,
            NO_RESPONSE,
        )
        .await
    })
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

    /// The cryptography provider: the process's default if one was installed, otherwise the provider of this crate's
    /// features.
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

    /// The configuration for `wss` URLs, unless the caller passes one: the provider and roots of this crate's features,
    /// TLS 1.2 and 1.3, ALPN `http/1.1`. With the feature `platform-verifier`, the operating system verifies
    /// certificates, and the features for roots have no effect.
    ///
    /// # Errors
    /// [`TlsError::NoProvider`] and [`TlsError::NoRoots`] when features are missing.
    #[cfg(feature = "platform-verifier")]
    pub fn default_client_config() -> Result<Arc<ClientConfig>, TlsError> {
        use rustls_platform_verifier::BuilderVerifierExt;
        let config = builder()?.with_platform_verifier()?;
        Ok(finish(config.with_no_client_auth()))
    }

    /// The configuration for `wss` URLs, unless the caller passes one: the provider and roots of this crate's features,
    /// TLS 1.2 and 1.3, ALPN `http/1.1`.
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
            // Certificates that cannot be read are left out, as in every other TLS client.
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
        if roots.is_empty() { Err(TlsError::NoRoots) } else { client_config(roots) }
    }

    /// As [`default_client_config`], but trusts `roots`, for servers that have your own certificates.
    ///
    /// # Errors
    /// [`TlsError::NoProvider`] when there is no provider.
    pub fn client_config(roots: RootCertStore) -> Result<Arc<ClientConfig>, TlsError> {
        Ok(finish(builder()?.with_root_certificates(roots).with_no_client_auth()))
    }

    /// A server's configuration for one certificate chain and its private key: for
    /// [`accept_tls`](crate::accept_tls).
    ///
    /// # Errors
    /// [`TlsError::NoProvider`] when there is no provider, [`TlsError::Rustls`] when key and certificate do not fit.
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
