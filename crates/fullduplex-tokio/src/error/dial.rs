//! Why a server could not be reached.

use std::net::SocketAddr;
use std::{fmt, io};

use super::plain::Plain;
#[cfg(feature = "proxy")]
use super::proxy::ProxyError;

/// A server that could not be reached, and why: `no connection to example.org:443: 93.184.216.34:443: connection
/// refused; [2606:2800:21f:cb07::1]:443: timed out`.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unreachable {
    /// The host: a name, or an IP address without brackets.
    pub host: Box<str>,
    /// The port.
    pub port: u16,
    /// Why it was not reached.
    pub error: DialError,
}

impl Unreachable {
    pub(crate) fn new(host: &str, port: u16, error: DialError) -> Self {
        Self { host: host.into(), port, error }
    }
}

/// Why a dial failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum DialError {
    /// The name look-up failed.
    Lookup(io::Error),
    /// The name look-up was not over at the deadline.
    LookupTimedOut,
    /// The name look-up returned no address.
    NoAddress,
    /// No address answered. These are all that were found, up to 16.
    Addresses(Vec<Attempt>),
    /// The dial did not end by itself, and was given up after its deadline.
    TimedOut,
    /// The proxy could not be reached.
    #[cfg(feature = "proxy")]
    ProxyUnreachable {
        /// The proxy's URL, without credentials.
        proxy: Box<str>,
        /// Why it was not reached.
        error: Box<Self>,
    },
    /// The proxy did not connect us to the server.
    #[cfg(feature = "proxy")]
    Proxy {
        /// The proxy's URL, without credentials.
        proxy: Box<str>,
        /// Why it did not.
        error: ProxyError,
    },
    /// A Unix socket could not be connected to.
    #[cfg(unix)]
    Path {
        /// The socket's path.
        path: std::path::PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// Another failure: of the socket, or of the application's [`Dial`](crate::Dial).
    Io(io::Error),
}

/// An address that did not answer.
#[derive(Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// The address.
    pub address: SocketAddr,
    /// Why it did not.
    pub error: AttemptError,
}

/// Why an address did not answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum AttemptError {
    /// Connecting failed.
    Failed(io::Error),
    /// It had neither answered nor failed at the deadline.
    TimedOut,
    /// The deadline came before it was tried.
    NotTried,
}

impl DialError {
    /// Whether the deadline ended the dial.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::LookupTimedOut | Self::TimedOut => true,
            Self::Addresses(attempts) => attempts.iter().any(Attempt::is_timeout),
            #[cfg(feature = "proxy")]
            Self::ProxyUnreachable { error, .. } => error.is_timeout(),
            #[cfg(feature = "proxy")]
            Self::Proxy { error, .. } => error.is_timeout(),
            #[cfg(unix)]
            Self::Path { .. } => false,
            Self::Lookup(_) | Self::NoAddress | Self::Io(_) => false,
        }
    }

    /// Whether the same dial would fail again: a proxy refuses the credentials or asks for some, cannot be asked for the host's
    /// name, or TLS to it is not set up. Another try with a wrong password may lock an account.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            #[cfg(feature = "proxy")]
            Self::Proxy { error, .. } => error.is_permanent(),
            _ => false,
        }
    }

    /// The kind of the [`io::Error`] for this error: with several addresses, the kind for the last one.
    pub(super) fn kind(&self) -> io::ErrorKind {
        match self {
            _ if self.is_timeout() => io::ErrorKind::TimedOut,
            #[cfg(unix)]
            Self::Path { error, .. } => error.kind(),
            Self::Lookup(error) | Self::Io(error) => error.kind(),
            Self::Addresses(attempts) => match attempts.last().map(|attempt| &attempt.error) {
                Some(AttemptError::Failed(error)) => error.kind(),
                _ => io::ErrorKind::NotFound,
            },
            #[cfg(feature = "proxy")]
            Self::ProxyUnreachable { error, .. } => error.kind(),
            #[cfg(feature = "proxy")]
            Self::Proxy { error, .. } => error.kind(),
            _ => io::ErrorKind::NotFound,
        }
    }
}

impl Attempt {
    fn is_timeout(&self) -> bool {
        !matches!(self.error, AttemptError::Failed(_))
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, error } = self;
        // An IPv6 address has brackets before a port.
        let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "no connection to {open}{host}{close}:{port}: {error}")
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lookup(error) => write!(f, "the name look-up failed: {error}"),
            Self::LookupTimedOut => f.write_str("the name look-up timed out"),
            Self::NoAddress => f.write_str("the host has no address"),
            Self::Addresses(attempts) => {
                for (nth, attempt) in attempts.iter().enumerate() {
                    let separator = if nth == 0 { "" } else { "; " };
                    write!(f, "{separator}{attempt}")?;
                }
                Ok(())
            }
            Self::TimedOut => f.write_str("timed out"),
            #[cfg(feature = "proxy")]
            Self::ProxyUnreachable { proxy, error } => {
                write!(f, "the proxy {proxy} cannot be reached: {error}")
            }
            #[cfg(feature = "proxy")]
            Self::Proxy { proxy, error } => write!(f, "by the proxy {proxy}: {error}"),
            #[cfg(unix)]
            Self::Path { path, error } => write!(f, "{}: {}", path.display(), Plain(error)),
            Self::Io(error) => Plain(error).fmt(f),
        }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.error)
    }
}

impl fmt::Display for AttemptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => Plain(error).fmt(f),
            Self::TimedOut => f.write_str("timed out"),
            Self::NotTried => f.write_str("not tried in time"),
        }
    }
}

impl std::error::Error for Unreachable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

impl std::error::Error for DialError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Lookup(error) | Self::Io(error) => error.source(),
            #[cfg(unix)]
            Self::Path { error, .. } => error.source(),
            #[cfg(feature = "proxy")]
            Self::ProxyUnreachable { error, .. } => error.source(),
            #[cfg(feature = "proxy")]
            Self::Proxy { error, .. } => error.source(),
            _ => None,
        }
    }
}

impl std::error::Error for AttemptError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed(error) => error.source(),
            _ => None,
        }
    }
}

impl From<io::Error> for DialError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<DialError> for io::Error {
    /// An error of the same kind with this one in it; an error that came from the operating system as it was.
    fn from(error: DialError) -> Self {
        match error {
            DialError::Io(error) => error,
            error => Self::new(error.kind(), error),
        }
    }
}
