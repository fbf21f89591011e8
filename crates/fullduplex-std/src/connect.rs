//! Dialling: a URL to an open WebSocket over TCP, with TLS where the URL says so.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use fullduplex::EndpointConfig;
use fullduplex::handshake::{OwnedClientRequest, OwnedResponse};

use crate::error::{Error, Result};
use crate::handshake::{IntoRequest, client_with};
use crate::websocket::WebSocket;

/// How long dialling may take by default, all addresses of the host together: 10 s.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A TCP stream, with TLS or without.
#[derive(Debug)]
#[non_exhaustive]
pub enum MaybeTlsStream {
    /// Without TLS: `ws`.
    Plain(TcpStream),
    /// With TLS: `wss`.
    #[cfg(feature = "tls")]
    Rustls(Box<crate::tls::ClientTlsStream>),
}

impl MaybeTlsStream {
    /// The socket beneath.
    #[must_use]
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            #[cfg(feature = "tls")]
            Self::Rustls(stream) => &stream.sock,
        }
    }
}

impl Read for MaybeTlsStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buf),
            #[cfg(feature = "tls")]
            Self::Rustls(stream) => stream.read(buf),
        }
    }
}

impl Write for MaybeTlsStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(buf),
            #[cfg(feature = "tls")]
            Self::Rustls(stream) => stream.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            #[cfg(feature = "tls")]
            Self::Rustls(stream) => stream.flush(),
        }
    }
}

/// How to dial.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// The WebSocket: limits, timeouts, and the deadline of the opening handshake, which counts from the
    /// moment at which TCP is connected and includes TLS.
    pub endpoint: EndpointConfig,
    /// How long TCP may take, all addresses of the host together; `None` for ever.
    pub connect_timeout: Option<Duration>,
    /// The TLS configuration for `wss`; `None` for
    /// [`default_client_config`](crate::tls::default_client_config).
    #[cfg(feature = "tls")]
    pub tls: Option<std::sync::Arc<rustls::ClientConfig>>,
}

impl ConnectOptions {
    /// The defaults: [`EndpointConfig::new`], [`DEFAULT_CONNECT_TIMEOUT`].
    #[must_use]
    pub const fn new() -> Self {
        Self {
            endpoint: EndpointConfig::new(),
            connect_timeout: Some(DEFAULT_CONNECT_TIMEOUT),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Opens a WebSocket to a `ws` or `wss` URL: name look-up, TCP, TLS and the opening handshake, each within
/// its default deadline. Returns it with the server's response.
///
/// # Errors
/// As [`connect_with`].
pub fn connect(request: impl IntoRequest) -> Result<(WebSocket<MaybeTlsStream>, OwnedResponse)> {
    connect_with(request, ConnectOptions::new())
}

/// Opens a WebSocket to a `ws` or `wss` URL.
///
/// The host's addresses are tried in turn; `TCP_NODELAY` is set. Redirects are not followed: another
/// status than 101 is [`Error::Http`].
///
/// # Errors
/// [`Error::Url`]; [`Error::Io`] when no address can be reached; [`Error::Tls`] when TLS cannot be set up;
/// else as [`client_with`].
pub fn connect_with(
    request: impl IntoRequest,
    options: ConnectOptions,
) -> Result<(WebSocket<MaybeTlsStream>, OwnedResponse)> {
    let request = request.into_request()?;
    let stream = dial(&request, &options)?;
    Ok(client_with(request, stream, options.endpoint)?)
}

fn dial(request: &OwnedClientRequest, options: &ConnectOptions) -> Result<MaybeTlsStream> {
    let uri = request.as_request().uri;
    #[cfg(feature = "tls")]
    let tls = match (uri.is_secure(), &options.tls) {
        (false, _) => None,
        (true, Some(config)) => Some(std::sync::Arc::clone(config)),
        (true, None) => Some(crate::tls::default_client_config()?),
    };
    #[cfg(not(feature = "tls"))]
    if uri.is_secure() {
        return Err(crate::error::TlsError::Disabled.into());
    }
    let socket = tcp(uri.host(), uri.port(), options.connect_timeout)?;
    socket.set_nodelay(true)?;
    #[cfg(feature = "tls")]
    if let Some(config) = tls {
        let stream = crate::tls::connect(uri.host(), socket, config)?;
        return Ok(MaybeTlsStream::Rustls(Box::new(stream)));
    }
    Ok(MaybeTlsStream::Plain(socket))
}

/// Tries the host's addresses in turn, within one deadline.
fn tcp(host: &str, port: u16, timeout: Option<Duration>) -> Result<TcpStream> {
    let begin = Instant::now();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in (host, port).to_socket_addrs()? {
        let tried = match timeout.map(|timeout| timeout.saturating_sub(begin.elapsed())) {
            None => TcpStream::connect(address),
            Some(Duration::ZERO) => Err(io::ErrorKind::TimedOut.into()),
            Some(left) => TcpStream::connect_timeout(&address, left),
        };
        match tried {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(Error::Io(last))
}
