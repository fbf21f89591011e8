//! TLS with rustls.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

/// What a server's certificate is checked against.
#[derive(Clone, Debug)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Trusts these certificates, and those that they have signed.
    ///
    /// # Errors
    /// When one of them is not a valid certificate.
    pub fn roots(roots: impl IntoIterator<Item = CertificateDer<'static>>) -> io::Result<Self> {
        let mut store = RootCertStore::empty();
        for root in roots {
            store.add(root).map_err(io::Error::other)?;
        }
        let config = Self::builder()?.with_root_certificates(store).with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    /// Trusts every certificate: the suite tests the protocol over TLS, and sends no secrets.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn everything() -> io::Result<Self> {
        let verifier = Arc::new(Everything(Arc::new(ring::default_provider())));
        let config = Self::builder()?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    fn builder() -> io::Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>> {
        let provider = Arc::new(ring::default_provider());
        ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)
    }

    pub(super) async fn connect(
        &self,
        host: &str,
        stream: TcpStream,
        patience: Duration,
    ) -> io::Result<client::TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let connect = TlsConnector::from(self.0.clone()).connect(name, stream);
        timeout(patience, connect).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }
}

/// The runner's certificate, for clients.
#[derive(Clone)]
pub struct Identity(TlsAcceptor);

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Identity").finish_non_exhaustive()
    }
}

impl Identity {
    /// A chain of certificates, starting with the runner's, and the key of the first one.
    ///
    /// # Errors
    /// When they do not match.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> io::Result<Self> {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(io::Error::other)?;
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    pub(super) async fn accept(
        &self,
        stream: TcpStream,
        patience: Duration,
    ) -> io::Result<server::TlsStream<TcpStream>> {
        let accept = self.0.accept(stream);
        timeout(patience, accept).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }
}

/// Accepts every certificate, but still checks that the server has its key.
#[derive(Debug)]
struct Everything(Arc<CryptoProvider>);

impl ServerCertVerifier for Everything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
