//! Connects to a URL: opens a WebSocket over TCP, with TLS for `wss`.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use fullduplex::EndpointConfig;
use fullduplex::handshake::{IntoRequest, OwnedClientRequest, OwnedResponse};

use crate::error::{Error, Result};
use crate::handshake::client_with;
use crate::socket::stream::MaybeTlsStream;
use crate::websocket::WebSocket;

/// The default of [`ConnectOptions::connect_timeout`]: 10 s.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How to connect.
///
/// ```no_run
/// use fullduplex_std::{ConnectOptions, EndpointConfig, Limits, connect_with};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), fullduplex_std::Error> {
/// let config = EndpointConfig::new().limits(Limits::new().max_message_size(1 << 20));
/// let options = ConnectOptions::new().config(config).connect_timeout(Some(Duration::from_secs(3)));
/// let (socket, _response) = connect_with("ws://127.0.0.1:9001/chat", &options)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// The configuration of the WebSocket: limits, timeouts, and the timeout of the opening handshake. That timeout
    /// begins when TCP is connected, and includes TLS.
    pub config: EndpointConfig,
    /// How long the name look-up and TCP may take, for all addresses of the host together. `None` means no limit. The
    /// default is 10 s.
    pub connect_timeout: Option<Duration>,
    /// The TLS configuration for `wss` URLs; `None`, the default, means
    /// [`default_client_config`](crate::tls::default_client_config). Of its ALPN protocols, `h2` is not offered, because
    /// the opening handshake is HTTP/1.1.
    #[cfg(feature = "tls")]
    pub tls: Option<std::sync::Arc<rustls::ClientConfig>>,
}

impl ConnectOptions {
    /// The defaults: [`EndpointConfig::new`], [`DEFAULT_CONNECT_TIMEOUT`].
    #[must_use]
    pub const fn new() -> Self {
        Self {
            config: EndpointConfig::new(),
            connect_timeout: Some(DEFAULT_CONNECT_TIMEOUT),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Sets [`config`](Self#structfield.config).
    #[must_use]
    pub fn config(mut self, config: EndpointConfig) -> Self {
        self.config = config;
        self
    }

    /// Sets [`connect_timeout`](Self#structfield.connect_timeout).
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets [`tls`](Self#structfield.tls).
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: std::sync::Arc<rustls::ClientConfig>) -> Self {
        self.tls = Some(tls);
        self
    }
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Opens a WebSocket to a `ws` or `wss` URL. Name look-up and TCP share one default timeout, and TLS and the opening
/// handshake share another. Returns the WebSocket with the server's response.
///
/// # Errors
/// As [`connect_with`].
pub fn connect(request: impl IntoRequest) -> Result<(WebSocket<MaybeTlsStream>, OwnedResponse)> {
    connect_with(request, &ConnectOptions::new())
}

/// Opens a WebSocket to a `ws` or `wss` URL.
///
/// The host's addresses are tried in turn, each with its share of the time that is left. `TCP_NODELAY` is set. The
/// system's name look-up cannot be interrupted: if it takes too long, it goes on in a thread of its own, and its result
/// is dropped. Redirects are not followed: another status than 101 is [`Error::Http`].
///
/// # Errors
/// [`Error::Url`]; [`Error::Io`] when no address can be reached; [`Error::Tls`] when TLS cannot be set up;
/// else as [`client_with`].
pub fn connect_with(
    request: impl IntoRequest,
    options: &ConnectOptions,
) -> Result<(WebSocket<MaybeTlsStream>, OwnedResponse)> {
    let request = request.into_request()?;
    let stream = dial(&request, options)?;
    Ok(client_with(request, stream, options.config)?)
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
    let socket = tcp(uri.host(), uri.port(), options.connect_timeout).map_err(Error::Io)?;
    socket.set_nodelay(true)?;
    #[cfg(feature = "tls")]
    if let Some(config) = tls {
        let stream = crate::tls::connect(uri.host(), socket, config)?;
        return Ok(MaybeTlsStream::Rustls(Box::new(stream)));
    }
    Ok(MaybeTlsStream::Plain(socket))
}

/// Looks up the host, and tries its addresses in turn, within one deadline.
fn tcp(host: &str, port: u16, timeout: Option<Duration>) -> io::Result<TcpStream> {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let addresses = look_up(host, port, deadline)?;
    try_in_turn(&addresses, deadline, |address, left| match left {
        None => TcpStream::connect(address),
        Some(left) => TcpStream::connect_timeout(address, left),
    })
}

fn look_up(host: &str, port: u16, deadline: Option<Instant>) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let host = host.to_owned();
    let look_up = move || Ok((host.as_str(), port).to_socket_addrs()?.collect());
    match deadline {
        None => look_up(),
        Some(deadline) => within(deadline, look_up),
    }
}

/// Runs an action that cannot be interrupted (the system's name look-up) in a thread of its own. If it takes too long,
/// the thread goes on, and its result is dropped.
fn within<T: Send + 'static>(
    deadline: Instant,
    action: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = mpsc::channel();
    // After the deadline, the receiver is gone and the result is not needed.
    thread::Builder::new().spawn(move || drop(sender.send(action())))?;
    match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(result) => result,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

fn try_in_turn<T>(
    addresses: &[SocketAddr],
    deadline: Option<Instant>,
    mut connect: impl FnMut(&SocketAddr, Option<Duration>) -> io::Result<T>,
) -> io::Result<T> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for (address, waiting) in addresses.iter().zip((1..=addresses.len() as u32).rev()) {
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        // An address that does not respond must not use up the time of the addresses after it.
        let share = left.map(|left| left / waiting);
        let tried = match share {
            Some(Duration::ZERO) => Err(io::ErrorKind::TimedOut.into()),
            share => connect(address, share),
        };
        match tried {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_look_up_that_takes_too_long_is_given_up() {
        let begun = Instant::now();
        let found = within(begun + ms(50), || {
            thread::sleep(ms(5000));
            Ok(())
        });
        assert_eq!(found.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() < ms(2000));
        assert_eq!(within(Instant::now() + ms(5000), || Ok(1)).unwrap(), 1);
    }

    #[test]
    fn an_address_that_does_not_answer_leaves_time_for_the_others() {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let addresses = [address(1), address(2), address(3)];
        let begun = Instant::now();
        let mut tried = Vec::new();
        let connected = try_in_turn(&addresses, Some(begun + ms(300)), |address, left| {
            tried.push(address.port());
            if address.port() == 3 {
                return Ok(left.unwrap());
            }
            thread::sleep(left.unwrap());
            Err(io::ErrorKind::TimedOut.into())
        });
        assert!(connected.is_ok_and(|left| left > ms(0) && left < ms(300)));
        assert_eq!(tried, [1, 2, 3]);
    }

    #[test]
    fn no_address_is_tried_once_the_time_is_over() {
        let addresses = [SocketAddr::from(([127, 0, 0, 1], 1))];
        let tried = try_in_turn(&addresses, Some(Instant::now()), |_, _| -> io::Result<()> {
            panic!("it is tried");
        });
        assert_eq!(tried.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
