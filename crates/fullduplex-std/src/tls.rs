//! TLS with rustls: configurations with a choice of roots and cryptography provider, and WebSockets accepted over TLS.

use std::net::TcpStream;
use std::sync::Arc;

use fullduplex::EndpointConfig;
use fullduplex::handshake::{OwnedAcceptance, Request};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};

use crate::error::{Error, Result, TlsError};
use crate::handshake::{Decision, HandshakeError, MidAccept, accept_with};
pub use crate::socket::deadline_stream::DeadlineStream;
pub use crate::socket::stream::{ClientTlsStream, ServerTlsStream};
use crate::websocket::WebSocket;

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

/// The root certificates of this crate's features.
fn roots() -> Result<RootCertStore, TlsError> {
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
    if roots.is_empty() { Err(TlsError::NoRoots) } else { Ok(roots) }
}

/// The configuration for `wss` URLs, unless the caller passes one: the provider and roots of this crate's features, TLS
/// 1.2 and 1.3, ALPN `http/1.1`.
///
/// # Errors
/// [`TlsError::NoProvider`] and [`TlsError::NoRoots`] when features are missing.
pub fn default_client_config() -> Result<Arc<ClientConfig>, TlsError> {
    client_config(roots()?)
}

/// As [`default_client_config`], but trusts `roots`, for servers that have your own certificates.
///
/// # Errors
/// [`TlsError::NoProvider`] when there is no provider.
pub fn client_config(roots: RootCertStore) -> Result<Arc<ClientConfig>, TlsError> {
    let mut config = ClientConfig::builder_with_provider(provider()?)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A server's configuration for one certificate chain and its private key.
///
/// # Errors
/// [`TlsError::NoProvider`] when there is no provider, [`TlsError::Rustls`] when key and certificate do not fit.
pub fn server_config(
    certificates: Vec<rustls::pki_types::CertificateDer<'static>>,
    key: rustls::pki_types::PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider()?)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Creates a client's TLS stream to `host` over `socket`. The first write begins the TLS handshake.
pub(crate) fn connect(
    host: &str,
    socket: TcpStream,
    config: Arc<ClientConfig>,
) -> Result<ClientTlsStream, TlsError> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsError::ServerName)?;
    let session = ClientConnection::new(without_h2(config), name)?;
    Ok(StreamOwned::new(session, socket.into()))
}

/// The configuration without `h2`: a server that chooses HTTP/2 does not understand an opening handshake of HTTP/1.1.
fn without_h2(mut config: Arc<ClientConfig>) -> Arc<ClientConfig> {
    if config.alpn_protocols.iter().any(|name| name == b"h2") {
        Arc::make_mut(&mut config).alpn_protocols.retain(|name| name != b"h2");
    }
    config
}

/// Creates a server's TLS stream over `socket`. The first read begins the TLS handshake, so a WebSocket that is
/// accepted over this stream has one deadline for both handshakes, as with [`accept_tls_with`].
///
/// # Errors
/// [`TlsError::Rustls`] when rustls refuses the configuration.
pub fn server_stream(
    socket: TcpStream,
    config: Arc<ServerConfig>,
) -> Result<ServerTlsStream, TlsError> {
    let session = ServerConnection::new(config)?;
    Ok(StreamOwned::new(session, socket.into()))
}

/// Accepts a WebSocket over TLS (RFC 6455 §4.2, §10.6) on a socket that a client has opened, with the default
/// configuration: any valid request, no subprotocol. Without TLS, use [`accept`](crate::accept).
///
/// # Errors
/// As [`accept_tls_with`].
#[allow(clippy::type_complexity)]
pub fn accept_tls(
    socket: TcpStream,
    tls: Arc<ServerConfig>,
) -> Result<
    WebSocket<ServerTlsStream>,
    HandshakeError<MidAccept<ServerTlsStream, fn(&Request<'_>) -> Decision>>,
> {
    accept_tls_with(socket, tls, EndpointConfig::new(), |_| Ok(OwnedAcceptance::new()))
}

/// Accepts a WebSocket over TLS. `decide` gets the request and decides on it, as for [`accept_with`] without TLS.
///
/// TLS and the opening handshake share one timeout, [`EndpointConfig::handshake_timeout`], which begins with this call.
///
/// # Errors
/// [`Error::Tls`] when rustls refuses its configuration, [`Error::Io`] when the TLS handshake fails; otherwise as
/// [`accept_with`].
pub fn accept_tls_with<C>(
    socket: TcpStream,
    tls: Arc<ServerConfig>,
    config: EndpointConfig,
    decide: C,
) -> Result<WebSocket<ServerTlsStream>, HandshakeError<MidAccept<ServerTlsStream, C>>>
where
    C: FnOnce(&Request<'_>) -> Decision,
{
    let stream = server_stream(socket, tls).map_err(Error::from)?;
    accept_with(stream, config, decide)
}
