//! Connects to a URL: opens a WebSocket over TCP, with TLS for `wss`.

use std::future::Future;
use std::io;
use std::time::Duration;

use fullduplex::handshake::{IntoRequest, OwnedResponse};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};

use crate::config::WebSocketConfig;
use crate::error::Result;
use crate::stream::MaybeTlsStream;
use crate::tls::{Connector, client_over};
use crate::websocket::WebSocketStream;

/// The default of [`TcpDial::timeout`]: 10 s.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens a stream to a server. The default is TCP, [`TcpDial`]. Implement it to use [`connect_with`] over a proxy or a
/// pool.
///
/// ```
/// use fullduplex_tokio::Dial;
/// use tokio::io::DuplexStream;
///
/// /// Connects to a server in this process, whatever the host.
/// struct InProcess(tokio::sync::mpsc::Sender<DuplexStream>);
///
/// impl Dial for InProcess {
///     type Stream = DuplexStream;
///
///     async fn dial(&self, _host: &str, _port: u16) -> std::io::Result<DuplexStream> {
///         let (near, far) = tokio::io::duplex(64 << 10);
///         self.0.send(far).await.map_err(std::io::Error::other)?;
///         Ok(near)
///     }
/// }
/// ```
pub trait Dial {
    /// The stream. For `wss`, TLS is added over it.
    type Stream: AsyncRead + AsyncWrite + Unpin;

    /// Opens a stream to `port` of `host`, which is a name, or an IP address without brackets.
    ///
    /// # Errors
    /// When the server cannot be reached in time.
    fn dial(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// Connects by TCP: tries the host's addresses in turn, each with its share of the time that is left.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TcpDial {
    /// How long the name look-up and all addresses together may take; `None` means no limit.
    pub timeout: Option<Duration>,
    /// Whether to set `TCP_NODELAY`. It should be set: messages are written whole, so Nagle's algorithm has nothing to
    /// combine and only delays them.
    pub nodelay: bool,
}

impl TcpDial {
    /// The defaults: [`DEFAULT_CONNECT_TIMEOUT`], and `TCP_NODELAY`.
    #[must_use]
    pub const fn new() -> Self {
        Self { timeout: Some(DEFAULT_CONNECT_TIMEOUT), nodelay: true }
    }
}

impl Default for TcpDial {
    fn default() -> Self {
        Self::new()
    }
}

impl Dial for TcpDial {
    type Stream = TcpStream;

    async fn dial(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let deadline = self.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let addresses: Vec<_> = within(deadline, lookup_host((host, port))).await?.collect();
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        let count = addresses.len() as u32;
        for (address, left) in addresses.into_iter().zip((1..=count).rev()) {
            // An address that does not respond must not use up the time of the addresses after it.
            let share = deadline.map(|deadline| {
                let now = Instant::now();
                now + deadline.saturating_duration_since(now) / left
            });
            match within(share, TcpStream::connect(address)).await {
                Ok(socket) => {
                    socket.set_nodelay(self.nodelay)?;
                    return Ok(socket);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

async fn within<T>(
    deadline: Option<Instant>,
    action: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    match deadline {
        None => action.await,
        Some(deadline) => match timeout_at(deadline, action).await {
            Ok(result) => result,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        },
    }
}

/// Opens a WebSocket to a `ws` or `wss` URL: name look-up and TCP, with `TCP_NODELAY`, then TLS and the opening
/// handshake, within the default timeouts. Returns the WebSocket with the server's response.
///
/// # Errors
/// As [`connect_with`].
///
/// # Panics
/// Outside of a tokio runtime with its I/O and time drivers (`enable_all`), as with every connection that tokio opens.
pub async fn connect(
    request: impl IntoRequest,
) -> Result<(WebSocketStream<MaybeTlsStream<TcpStream>>, OwnedResponse)> {
    connect_with(request, &TcpDial::new(), WebSocketConfig::new(), None).await
}

/// Opens a WebSocket to a `ws` or `wss` URL over the stream that `dial` opens, with a configuration and a TLS connector.
/// `None` means the TLS of this crate's features.
///
/// Redirects are not followed: another status than 101 is [`Error::Http`](crate::Error::Http).
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) when the server cannot be reached; else as
/// [`client_tls_with`](crate::client_tls_with).
pub async fn connect_with<D>(
    request: impl IntoRequest,
    dial: &D,
    config: WebSocketConfig,
    connector: Option<Connector>,
) -> Result<(WebSocketStream<MaybeTlsStream<D::Stream>>, OwnedResponse)>
where
    D: Dial,
{
    // This future is large. In a box of its own, its memory is freed before the connection is used.
    let connecting = async move {
        let request = request.into_request()?;
        let uri = request.as_request().uri;
        let connector = Connector::of(uri, connector)?;
        let stream = dial.dial(uri.host(), uri.port()).await?;
        client_over(request, stream, connector, &config).await
    };
    Box::pin(connecting).await
}
