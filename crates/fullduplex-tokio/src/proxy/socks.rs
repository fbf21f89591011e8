//! A connection through a SOCKS5 proxy (RFC 1928, RFC 1929), by tokio-socks.

use hyper::body::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_socks::tcp::Socks5Stream;

use super::stream::ProxyStream;
use crate::dial::Target;
use crate::error::ProxyError;
use crate::stream::MaybeTlsStream;

/// Asks a SOCKS5 proxy for a connection (RFC 1928 §4). No more is read than its answer.
pub(super) async fn open<S>(
    stream: MaybeTlsStream<S>,
    target: Target<'_>,
    credentials: Option<(&str, &str)>,
) -> Result<ProxyStream<S>, ProxyError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let to = (target.host, target.port);
    let asked = match credentials {
        None => Socks5Stream::connect_with_socket(stream, to).await,
        Some((user, password)) => {
            Socks5Stream::connect_with_password_and_socket(stream, to, user, password).await
        }
    };
    Ok(ProxyStream::new(asked.map_err(of_socks)?.into_inner(), Bytes::new()))
}

fn of_socks(error: tokio_socks::Error) -> ProxyError {
    use tokio_socks::Error as Socks;
    match error {
        Socks::Io(error) => ProxyError::Io(error),
        Socks::InvalidTargetAddress("overlong domain") => ProxyError::HostTooLong,
        Socks::NoAcceptableAuthMethods
        | Socks::AuthorizationRequired
        | Socks::PasswordAuthFailure(_) => ProxyError::SocksCredentials,
        Socks::GeneralSocksServerFailure => ProxyError::SocksRefused(1),
        Socks::ConnectionNotAllowedByRuleset => ProxyError::SocksRefused(2),
        Socks::NetworkUnreachable => ProxyError::SocksRefused(3),
        Socks::HostUnreachable => ProxyError::SocksRefused(4),
        Socks::ConnectionRefused => ProxyError::SocksRefused(5),
        Socks::TtlExpired => ProxyError::SocksRefused(6),
        Socks::CommandNotSupported => ProxyError::SocksRefused(7),
        Socks::AddressTypeNotSupported => ProxyError::SocksRefused(8),
        error => ProxyError::Protocol(error.to_string().into()),
    }
}
