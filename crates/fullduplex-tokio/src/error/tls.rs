//! Why TLS could not be set up, or has failed.

use std::{fmt, io};

/// Why TLS could not be set up.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// The URL begins with `wss:`, or a proxy's with `https:`, but no feature for TLS is on, or the connector is
    /// [`Connector::Plain`](crate::Connector::Plain).
    Disabled,
    /// rustls has no cryptography provider. Enable `tls-ring` or `tls-aws-lc-rs`, install a provider as the process's
    /// default, or pass a configuration.
    NoProvider,
    /// There are no root certificates to trust. Enable `webpki-roots`, `native-roots` or `platform-verifier`, or pass a
    /// configuration.
    NoRoots,
    /// No certificate can be for this host name.
    ServerName,
    /// rustls refused the configuration.
    #[cfg(feature = "tls")]
    Rustls(Box<rustls::Error>),
    /// The platform's TLS could not be set up.
    #[cfg(feature = "native-tls")]
    Native(Box<native_tls::Error>),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disabled => {
                "a wss URL, or an https proxy, needs one of the features `tls-ring`, `tls-aws-lc-rs`, `native-tls` of \
                 fullduplex-tokio, and another connector than `Connector::Plain`"
            }
            Self::NoProvider => {
                "rustls has no cryptography provider: enable the feature `tls-ring` or `tls-aws-lc-rs` \
                 of fullduplex-tokio, or install one as the process's default"
            }
            Self::NoRoots => {
                "there are no root certificates to trust: enable the feature `webpki-roots`, \
                 `native-roots` or `platform-verifier` of fullduplex-tokio, or pass a configuration"
            }
            Self::ServerName => "no certificate can be for the URL's host",
            #[cfg(feature = "tls")]
            Self::Rustls(error) => return error.fmt(f),
            #[cfg(feature = "native-tls")]
            Self::Native(error) => return error.fmt(f),
        })
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            #[cfg(feature = "tls")]
            Self::Rustls(error) => error.source(),
            #[cfg(feature = "native-tls")]
            Self::Native(error) => error.source(),
            _ => None,
        }
    }
}

#[cfg(feature = "tls")]
impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        Self::Rustls(Box::new(error))
    }
}

#[cfg(feature = "native-tls")]
impl From<native_tls::Error> for TlsError {
    fn from(error: native_tls::Error) -> Self {
        Self::Native(Box::new(error))
    }
}

/// A failure of the transport, with what to do about one of TLS.
pub(super) struct Transport<'a>(pub(super) &'a io::Error);

impl fmt::Display for Transport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[cfg(feature = "tls")]
        if let Some(error) = self.0.get_ref().and_then(|inner| inner.downcast_ref()) {
            return write!(f, "TLS failed: {error}{}", advice(error));
        }
        #[cfg(feature = "native-tls")]
        if let Some(error) = self.0.get_ref().and_then(|inner| inner.downcast_ref()) {
            let error: &native_tls::Error = error;
            return write!(f, "TLS failed: {error}");
        }
        write!(f, "the transport failed: {}", self.0)
    }
}

#[cfg(feature = "tls")]
fn advice(error: &rustls::Error) -> &'static str {
    use rustls::CertificateError::{BadSignature, UnknownIssuer};
    match error {
        rustls::Error::InvalidMessage(_) => {
            "; the peer may speak no TLS: wss:// is for servers with TLS, and ws:// for others"
        }
        rustls::Error::InvalidCertificate(UnknownIssuer | BadSignature) => {
            "; no root certificate that is trusted has issued it"
        }
        _ => "",
    }
}
