//! The errors of a WebSocket over tokio.

use std::{fmt, io};

use fullduplex::handshake::{AcceptError, RejectError};
use fullduplex::{Ended, HandshakeError, Message, Refused, SendError, Timeout, UriError};

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation on a WebSocket failed.
///
/// When the peer has exceeded a limit or broken the protocol, the right Close has been sent before the error is returned
/// (RFC 6455 §7.1.7).
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The connection was closed cleanly, and the call that noticed it used it again.
    ConnectionClosed,
    /// The connection has ended earlier, and was used again.
    AlreadyClosed,
    /// The transport failed.
    Io(io::Error),
    /// The connection failed: the peer broke the protocol, exceeded a limit, was silent for too long, or ended the
    /// transport without a Close.
    Protocol(fullduplex::Error),
    /// The message must not be sent.
    Send(SendError),
    /// Too much is waiting to be written. The field is the message that was not sent. Only `start_send` returns it, if
    /// `poll_ready` was not called before, and [`Reply`](crate::Reply).
    WriteBufferFull(Box<Message>),
    /// The opening handshake failed.
    Handshake(HandshakeError),
    /// Client: the server answered with another status than 101, or over HTTP/2 than 200 to 299.
    Http(Box<Refused>),
    /// Server: the response has this status, because the callback rejected the request, or because the request does not
    /// ask for a WebSocket and the application responded to it.
    Rejected(u16),
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
    /// The URL begins with `wss:`, but no feature for TLS is on, or the connector is
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
    /// The platform's TLS refused the configuration, or the handshake failed.
    #[cfg(feature = "native-tls")]
    Native(Box<native_tls::Error>),
}

impl Error {
    /// Whether a timeout has expired.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Protocol(fullduplex::Error::Timeout(_)))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectionClosed => f.write_str("the connection is closed"),
            Self::AlreadyClosed => f.write_str("the connection was closed earlier"),
            Self::Io(error) => write!(f, "the transport failed: {error}"),
            Self::Protocol(error) => error.fmt(f),
            Self::Send(error) => error.fmt(f),
            Self::WriteBufferFull(_) => SendError::WriteBufferFull.fmt(f),
            Self::Handshake(error) => error.fmt(f),
            Self::Http(refused) => {
                let response = refused.response.as_response();
                write!(f, "the server did not open a WebSocket: {}", response.status())?;
                // Over HTTP/2 there is none (RFC 9113 §8.3.2), and over HTTP/1.1 it may be empty.
                match response.reason() {
                    "" => Ok(()),
                    reason => write!(f, " {reason}"),
                }
            }
            Self::Rejected(status) => write!(f, "the request was answered with status {status}"),
            Self::Accept(error) => error.fmt(f),
            Self::Reject(error) => error.fmt(f),
            Self::Url(error) => error.fmt(f),
            Self::Tls(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disabled => {
                "a wss URL needs one of the features `tls-ring`, `tls-aws-lc-rs`, `native-tls` of \
                 fullduplex-tokio"
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

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl std::error::Error for TlsError {}

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
            HandshakeError::Respond(error) => Self::Reject(error),
            HandshakeError::Responded(status) => Self::Rejected(status),
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
