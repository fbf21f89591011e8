//! The errors of a blocking WebSocket.

use std::{fmt, io};

use fullduplex::handshake::{AcceptError, RejectError};
use fullduplex::{Ended, HandshakeError, Message, Refused, SendError, Timeout, UriError};

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation on a WebSocket failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The connection was closed cleanly. This is no fault: there is nothing more to read.
    ConnectionClosed,
    /// The connection has ended earlier, and was used again.
    AlreadyClosed,
    /// The transport failed. [`WouldBlock`](io::ErrorKind::WouldBlock) means that the caller should try again later.
    Io(io::Error),
    /// The connection failed: the peer broke the protocol, exceeded a limit, was silent for too long, or ended the
    /// transport without a Close.
    Protocol(fullduplex::Error),
    /// The message must not be sent.
    Send(SendError),
    /// Too much is waiting to be written to a stream that would block. The field is the message that was not sent.
    WriteBufferFull(Box<Message>),
    /// The opening handshake failed.
    Handshake(HandshakeError),
    /// Client: the server responded with another status than 101.
    Http(Box<Refused>),
    /// Server: the response has this status, because the callback rejected the request, or because the request does not
    /// ask for a WebSocket and the application responded to it.
    Responded(u16),
    /// Server: the callback's response must not be sent.
    Accept(AcceptError),
    /// Server: the callback's rejection must not be sent.
    Reject(RejectError),
    /// The URL is not the URL of a WebSocket.
    Url(UriError),
    /// TLS could not be set up.
    Tls(TlsError),
}

/// Why TLS could not be set up.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// The URL begins with `wss:`, but this crate was built without its feature `tls`.
    Disabled,
    /// rustls has no cryptography provider. Enable `tls-ring` or `tls-aws-lc-rs`, install a provider as the process's
    /// default, or pass a configuration.
    NoProvider,
    /// There are no root certificates to trust. Enable `webpki-roots` or `native-roots`, or pass a configuration.
    NoRoots,
    /// No certificate can be for this host name.
    ServerName,
    /// rustls refused the configuration.
    #[cfg(feature = "tls")]
    Rustls(Box<rustls::Error>),
}

impl Error {
    /// Whether the operation would have blocked. Nothing is lost, and the caller can try again later.
    #[must_use]
    pub fn would_block(&self) -> bool {
        match self {
            Self::Io(error) => error.kind() == io::ErrorKind::WouldBlock,
            Self::WriteBufferFull(_) | Self::Send(SendError::WriteBufferFull) => true,
            _ => false,
        }
    }

    /// Whether a timeout has expired: one of the connection, the connect timeout, or one of the system.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::Protocol(error) => matches!(error, fullduplex::Error::Timeout(_)),
            Self::Io(error) => error.kind() == io::ErrorKind::TimedOut,
            _ => false,
        }
    }

    /// Whether the stream cannot be used any more after this error.
    pub(crate) fn is_fatal(&self) -> bool {
        matches!(self, Self::Io(_)) && !self.would_block()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectionClosed => f.write_str("the connection is closed"),
            Self::AlreadyClosed => f.write_str("the connection was closed earlier"),
            Self::Io(error) => Transport(error).fmt(f),
            Self::Protocol(error) => error.fmt(f),
            Self::Send(error) => error.fmt(f),
            Self::WriteBufferFull(_) => SendError::WriteBufferFull.fmt(f),
            Self::Handshake(error) => error.fmt(f),
            Self::Http(refused) => write!(f, "the server did not open a WebSocket: {refused}"),
            Self::Responded(status) => write!(f, "the request was answered with status {status}"),
            Self::Accept(error) => error.fmt(f),
            Self::Reject(error) => error.fmt(f),
            Self::Url(error) => error.fmt(f),
            Self::Tls(error) => error.fmt(f),
        }
    }
}

/// A failure of the transport, with what to do about one of TLS.
struct Transport<'a>(&'a io::Error);

impl fmt::Display for Transport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[cfg(feature = "tls")]
        if let Some(error) = self.0.get_ref().and_then(|inner| inner.downcast_ref()) {
            return write!(f, "TLS failed: {error}{}", advice(error));
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

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disabled => "a wss URL needs the feature `tls` of fullduplex-std",
            Self::NoProvider => {
                "rustls has no cryptography provider: enable the feature `tls-ring` or `tls-aws-lc-rs` \
                 of fullduplex-std, or install one as the process's default"
            }
            Self::NoRoots => {
                "there are no root certificates to trust: enable the feature `webpki-roots` or \
                 `native-roots` of fullduplex-std, or pass a rustls configuration"
            }
            Self::ServerName => "no certificate can be for the URL's host",
            #[cfg(feature = "tls")]
            Self::Rustls(error) => return error.fmt(f),
        })
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // The text has all of the error itself.
            Self::Io(error) => error.source(),
            _ => None,
        }
    }
}

impl std::error::Error for TlsError {}

#[cfg(feature = "tls")]
impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        Self::Rustls(Box::new(error))
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<fullduplex::Error> for Error {
    fn from(error: fullduplex::Error) -> Self {
        Self::Protocol(error)
    }
}

impl From<Timeout> for Error {
    fn from(error: Timeout) -> Self {
        Self::Protocol(error.into())
    }
}

impl From<Ended> for Error {
    fn from(error: Ended) -> Self {
        Self::Protocol(error.into())
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

impl From<HandshakeError> for Error {
    fn from(error: HandshakeError) -> Self {
        match error {
            HandshakeError::Reject(error) => Self::Reject(error),
            HandshakeError::Responded(status) => Self::Responded(status),
            error => Self::Handshake(error),
        }
    }
}

impl From<UriError> for Error {
    fn from(error: UriError) -> Self {
        Self::Url(error)
    }
}

impl From<AcceptError> for Error {
    fn from(error: AcceptError) -> Self {
        Self::Accept(error)
    }
}

impl From<RejectError> for Error {
    fn from(error: RejectError) -> Self {
        Self::Reject(error)
    }
}

impl From<TlsError> for Error {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}
