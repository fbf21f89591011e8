//! Why a proxy did not connect us.

use std::{fmt, io};

use super::plain::Plain;
use super::tls::TlsError;

/// Why a proxy did not connect us to the server.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProxyError {
    /// TLS to an `https` proxy could not be set up.
    Tls(TlsError),
    /// The connection to the proxy failed, or the proxy closed it.
    Io(io::Error),
    /// The proxy had not answered at the deadline.
    TimedOut,
    /// An HTTP proxy answered `CONNECT` with another status than 200 to 299 (RFC 9110 §9.3.6). 407 asks for credentials,
    /// or refuses the credentials of the proxy's URL.
    Refused {
        /// The status.
        status: u16,
        /// The reason phrase.
        reason: Box<str>,
    },
    /// A SOCKS5 proxy answered with this reply code (RFC 1928 §6).
    SocksRefused(u8),
    /// A SOCKS5 proxy asks for a user name and password, or refuses the ones in its URL (RFC 1929).
    SocksCredentials,
    /// The host's name is longer than 255 bytes, which SOCKS5 cannot ask for.
    HostTooLong,
    /// The proxy's answer is not what its protocol allows, or is larger than 16 KiB.
    Protocol(Box<str>),
}

/// The URL of a proxy that cannot be used. It is not repeated here, because it may have a password in it.
#[derive(Debug)]
#[non_exhaustive]
pub struct ProxyUrlError {
    /// The environment variable that has the URL, if one has.
    pub variable: Option<&'static str>,
}

impl ProxyError {
    pub(super) fn is_timeout(&self) -> bool {
        matches!(self, Self::TimedOut)
    }

    pub(super) fn is_permanent(&self) -> bool {
        match self {
            Self::Tls(_) | Self::SocksCredentials | Self::HostTooLong => true,
            // tinyproxy answers a wrong password with 401.
            Self::Refused { status, .. } => matches!(status, 401 | 407),
            Self::Io(_) | Self::TimedOut | Self::SocksRefused(_) | Self::Protocol(_) => false,
        }
    }

    pub(super) fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Io(error) => error.kind(),
            Self::TimedOut => io::ErrorKind::TimedOut,
            Self::Refused { .. } | Self::SocksRefused(_) => io::ErrorKind::ConnectionRefused,
            Self::SocksCredentials => io::ErrorKind::PermissionDenied,
            Self::HostTooLong => io::ErrorKind::InvalidInput,
            Self::Tls(_) | Self::Protocol(_) => io::ErrorKind::InvalidData,
        }
    }
}

/// RFC 1928 §6, the values of the field REP.
const fn socks_reply(code: u8) -> &'static str {
    match code {
        1 => "general SOCKS server failure",
        2 => "connection not allowed by ruleset",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "TTL expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => "unassigned",
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls(error) => error.fmt(f),
            Self::Io(error) => write!(f, "the connection to it failed: {}", Plain(error)),
            Self::TimedOut => f.write_str("it has not answered in time"),
            Self::Refused { status, reason } => {
                // What the proxy says goes into logs.
                write!(f, "it refused with status {status} {}", reason.escape_debug())?;
                if *status == 407 {
                    f.write_str(", which asks for another user name and password")?;
                }
                Ok(())
            }
            Self::SocksRefused(code) => {
                write!(f, "it refused with code {code}, {}", socks_reply(*code))
            }
            Self::SocksCredentials => f.write_str("it asks for another user name and password"),
            Self::HostTooLong => f.write_str("the host's name is too long for SOCKS5"),
            Self::Protocol(what) => write!(f, "it broke its protocol: {}", what.escape_debug()),
        }
    }
}

impl std::error::Error for ProxyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Tls(error) => error.source(),
            Self::Io(error) => error.source(),
            _ => None,
        }
    }
}

impl fmt::Display for ProxyUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the proxy's URL")?;
        if let Some(variable) = self.variable {
            write!(f, " in {variable}")?;
        }
        f.write_str(
            " is none of http://, https:// and socks5://, each with [user:password@]host[:port]",
        )
    }
}

impl std::error::Error for ProxyUrlError {}
