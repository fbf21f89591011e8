//! TLS: which certificates to trust, and our own certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fullduplex_tokio::TlsError;
use fullduplex_tokio::tls::{client_config, default_client_config, server_config};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};

use crate::explain::Failure;

/// How a server is known.
#[derive(Debug, clap::Args)]
pub(crate) struct Trust {
    /// Certificates to trust in place of the system's, as PEM
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    ca: Option<PathBuf>,
    /// Take any certificate: an attacker on the way can then read and change everything
    #[arg(long, short = 'k')]
    insecure: bool,
}

impl Trust {
    /// Whether it is not the system's.
    pub(crate) fn is_own(&self) -> bool {
        self.insecure || self.ca.is_some()
    }

    /// The configuration for a wss:// URL.
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, Failure> {
        if self.insecure {
            let mut config = (*client_config(RootCertStore::empty()).map_err(unusable)?).clone();
            let algorithms = ring::default_provider().signature_verification_algorithms;
            config.dangerous().set_certificate_verifier(Arc::new(Anybody(algorithms)));
            return Ok(Arc::new(config));
        }
        let Some(file) = &self.ca else { return default_client_config().map_err(unusable) };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(file)? {
            roots
                .add(certificate)
                .map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
        }
        client_config(roots).map_err(unusable)
    }
}

fn unusable(error: TlsError) -> Failure {
    Failure::new(match error {
        TlsError::NoRoots => {
            "this system has no root certificates: --ca FILE has those to trust, and --insecure trusts any server".into()
        }
        error => error.to_string(),
    })
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(Failure::new(format!("{}: there is no certificate in it", file.display()))),
        Err(error) => Err(Failure::new(format!("{}: {error}", file.display()))),
    }
}

/// Who a server is.
#[derive(Debug, clap::Args)]
pub(crate) struct Identity {
    /// Serve wss:// with this certificate and those that sign it, as PEM
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The certificate's private key, as PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

impl Identity {
    /// The configuration of TLS; `None` without a certificate.
    pub(crate) fn config(&self) -> Result<Option<Arc<ServerConfig>>, Failure> {
        let (Some(cert), Some(key)) = (&self.cert, &self.key) else { return Ok(None) };
        let private = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| Failure::new(format!("{}: {error}", key.display())))?;
        Ok(Some(server_config(certificates(cert)?, private).map_err(unusable)?))
    }
}

/// Takes any certificate, and still checks that the server has its key.
#[derive(Debug)]
struct Anybody(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
