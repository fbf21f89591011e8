//! The errors of a WebSocket over tokio.

use std::{fmt, io};

use fullduplex::handshake::{AcceptError, RejectError};
use fullduplex::{Ended, HandshakeError, Message, Refused, SendError, Timeout, UriError};

#[cfg(feature = "connect")]
mod dial;
#[cfg(feature = "connect")]
mod plain;
#[cfg(feature = "proxy")]
mod proxy;
#[cfg(feature = "connect")]
mod redirect;
mod tls;

#[cfg(feature = "connect")]
pub use dial::{Attempt, AttemptError, DialError, Unreachable};
#[cfg(feature = "proxy")]
pub use proxy::{ProxyError, ProxyUrlError};
#[cfg(feature = "connect")]
pub use redirect::{RedirectError, Redirected};
pub use tls::TlsError;
use tls::Transport;

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
    /// Client: the server could not be reached.
    #[cfg(feature = "connect")]
    Dial(Box<Unreachable>),
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
    /// Client: the server responded with another status than 101, or over HTTP/2 than 200 to 299.
    Http(Box<Refused>),
    /// Client: a redirect was not followed although [`ConnectOptions`](crate::ConnectOptions) allow redirects.
    #[cfg(feature = "connect")]
    Redirect(Box<Redirected>),
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

impl Error {
    /// Whether a timeout has expired.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::Protocol(error) => matches!(error, fullduplex::Error::Timeout(_)),
            // A connection that the system gives up.
            Self::Io(error) => error.kind() == io::ErrorKind::TimedOut,
            #[cfg(feature = "connect")]
            Self::Dial(unreachable) => unreachable.error.is_timeout(),
            _ => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectionClosed => f.write_str("the connection is closed"),
            Self::AlreadyClosed => f.write_str("the connection was closed earlier"),
            Self::Io(error) => Transport(error).fmt(f),
            #[cfg(feature = "connect")]
            Self::Dial(unreachable) => unreachable.fmt(f),
            Self::Protocol(error) => error.fmt(f),
            Self::Send(error) => error.fmt(f),
            Self::WriteBufferFull(_) => SendError::WriteBufferFull.fmt(f),
            Self::Handshake(error) => error.fmt(f),
            Self::Http(refused) => {
                write!(f, "the server did not open a WebSocket: {refused}")?;
                match refused.response.as_response().status() {
                    301..=303 | 307 | 308 => {
                        f.write_str("; `ConnectOptions::max_redirects` says whether to follow")
                    }
                    _ => Ok(()),
                }
            }
            #[cfg(feature = "connect")]
            Self::Redirect(redirected) => redirected.fmt(f),
            Self::Responded(status) => write!(f, "the request was answered with status {status}"),
            Self::Accept(error) => error.fmt(f),
            Self::Reject(error) => error.fmt(f),
            Self::Url(error) => error.fmt(f),
            Self::Tls(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    // The text has the text of the error in it, so that error is not a source. Its own source is.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            #[cfg(feature = "connect")]
            Self::Dial(unreachable) => unreachable.source(),
            Self::Tls(error) => error.source(),
            _ => None,
        }
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

/// Whether a read that has brought nothing tells of a reset. A reset that a write was told of comes as an end of input.
pub(crate) fn is_reset<T>(read: &io::Result<T>, unwritable: bool) -> bool {
    match read {
        Ok(_) => unwritable,
        Err(error) => is_gone(error.kind()),
    }
}

/// Whether an error says that the peer is gone.
pub(crate) fn is_gone(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            // TLS: the transport ended without close_notify, which may be an attacker's cut.
            | io::ErrorKind::UnexpectedEof
    )
}
