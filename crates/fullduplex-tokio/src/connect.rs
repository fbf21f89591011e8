//! Connects to a URL: opens a WebSocket over the stream that a dial opens, with TLS for `wss`.

use std::time::Duration;

use fullduplex::Role;
use fullduplex::handshake::{IntoRequest, OwnedClientRequest, OwnedResponse};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::config::WebSocketConfig;
use crate::dial::{Dial, Target, TcpDial, until};
use crate::error::{DialError, Error, RedirectError, Redirected, Result, Unreachable};
use crate::stream::MaybeTlsStream;
use crate::tls::{Connector, client_over};
use crate::watch::Watch;
use crate::websocket::WebSocketStream;

mod redirect;

/// The default of [`ConnectOptions::connect_timeout`]: 10 s.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a dial may go on after its deadline before it is given up. A dial that ends by itself knows what it was
/// waiting for, so its own timer has to come first.
const GRACE: Duration = Duration::from_millis(100);

/// How to connect.
///
/// ```no_run
/// use fullduplex_tokio::{ConnectOptions, WebSocketConfig, connect_with};
/// use std::time::Duration;
///
/// # async fn client() -> Result<(), fullduplex_tokio::Error> {
/// let options = ConnectOptions::new()
///     .config(WebSocketConfig::new().max_message_size(Some(1 << 20)))
///     .connect_timeout(Some(Duration::from_secs(3)));
/// let (socket, _response) = connect_with("ws://127.0.0.1:9001/chat", &options).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectOptions<D = TcpDial> {
    /// The configuration of the WebSocket. Its `handshake_timeout` begins when the stream is there, and includes TLS.
    pub config: WebSocketConfig,
    /// How long the dial may take: for [`TcpDial`] the name look-up, and all addresses of the host together. `None`
    /// means no limit. The default is 10 s.
    pub connect_timeout: Option<Duration>,
    /// The TLS for `wss` URLs; `None`, the default, means the TLS of this crate's features.
    pub connector: Option<Connector>,
    /// How many redirects are followed, one after the other. The default is 0: a redirect is [`Error::Http`].
    ///
    /// The statuses 301, 302, 303, 307 and 308 with a `Location` are followed. It may be relative to the URL; `http`
    /// means `ws`, and `https` means `wss`. No redirect is followed from `wss` to `ws`. Another origin, that is another
    /// scheme, host or port, gets neither `Authorization`, `Cookie` and `Proxy-Authorization`, nor the credentials of
    /// the URL, nor the [`sensitive_headers`](Self#structfield.sensitive_headers). Each connection has the timeouts to
    /// itself.
    pub max_redirects: u8,
    /// The names of more headers of the request that a redirect must not carry to another origin. With
    /// `Sec-WebSocket-Protocol` among them, the subprotocols stay behind as well: some servers take a token there.
    pub sensitive_headers: Vec<String>,
    /// What opens the stream.
    pub dial: D,
}

impl ConnectOptions {
    /// The defaults: [`WebSocketConfig::new`], [`DEFAULT_CONNECT_TIMEOUT`], [`TcpDial::new`].
    #[must_use]
    pub const fn new() -> Self {
        Self {
            config: WebSocketConfig::new(),
            connect_timeout: Some(DEFAULT_CONNECT_TIMEOUT),
            connector: None,
            max_redirects: 0,
            sensitive_headers: Vec::new(),
            dial: TcpDial::new(),
        }
    }
}

impl<D> ConnectOptions<D> {
    /// Sets [`config`](Self#structfield.config).
    #[must_use]
    pub fn config(mut self, config: WebSocketConfig) -> Self {
        self.config = config;
        self
    }

    /// Sets [`connect_timeout`](Self#structfield.connect_timeout).
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets [`connector`](Self#structfield.connector).
    #[must_use]
    pub fn connector(mut self, connector: Connector) -> Self {
        self.connector = Some(connector);
        self
    }

    /// Sets [`max_redirects`](Self#structfield.max_redirects).
    #[must_use]
    pub fn max_redirects(mut self, max: u8) -> Self {
        self.max_redirects = max;
        self
    }

    /// Adds one more name to [`sensitive_headers`](Self#structfield.sensitive_headers).
    #[must_use]
    pub fn sensitive_header(mut self, name: impl Into<String>) -> Self {
        self.sensitive_headers.push(name.into());
        self
    }

    /// Connects by `dial` in the place of [`TcpDial`].
    #[must_use]
    pub fn dial<E: Dial>(self, dial: E) -> ConnectOptions<E> {
        ConnectOptions {
            config: self.config,
            connect_timeout: self.connect_timeout,
            connector: self.connector,
            max_redirects: self.max_redirects,
            sensitive_headers: self.sensitive_headers,
            dial,
        }
    }
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self::new()
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
    connect_with(request, &ConnectOptions::new()).await
}

/// Opens a WebSocket to a `ws` or `wss` URL as `options` say. Returns the WebSocket with the server's response.
///
/// # Errors
/// [`Error::Dial`] when the server cannot be reached; [`Error::Http`] for another status than 101, a redirect included;
/// [`Error::Redirect`] when redirects are followed, and one of them cannot be; else as
/// [`client_tls_with`](crate::client_tls_with).
pub async fn connect_with<D: Dial>(
    request: impl IntoRequest,
    options: &ConnectOptions<D>,
) -> Result<(WebSocketStream<MaybeTlsStream<D::Stream>>, OwnedResponse)> {
    // This future is large. In a box of its own, its memory is freed before the connection is used.
    let connecting = async move {
        let request = request.into_request()?;
        match options.max_redirects {
            0 => open(request, options).await,
            max => follow(request, options, max).await,
        }
    };
    Box::pin(connecting).await
}

/// Opens a WebSocket where the request leads, behind `max` redirects at most.
async fn follow<D: Dial>(
    mut request: OwnedClientRequest,
    options: &ConnectOptions<D>,
    max: u8,
) -> Result<(WebSocketStream<MaybeTlsStream<D::Stream>>, OwnedResponse)> {
    let mut chain = Vec::new();
    loop {
        let refused = match open(request.clone(), options).await {
            Err(Error::Http(refused)) => refused,
            result => return result,
        };
        let Some(location) = redirect::location(&refused) else {
            return Err(Error::Http(refused));
        };
        let uri = request.as_request().uri;
        chain.push(uri.to_string());
        let error = match redirect::resolve(uri, location) {
            Err(error) => RedirectError::Url(error),
            Ok(next) => {
                let is_allowed = redirect::check(uri, next.as_uri());
                chain.push(next.as_uri().to_string());
                match is_allowed {
                    Err(error) => error,
                    Ok(()) if chain.len() > usize::from(max) + 1 => RedirectError::TooMany,
                    Ok(()) => {
                        chain.pop();
                        request = redirect::redirected(&request, next, &options.sensitive_headers);
                        continue;
                    }
                }
            }
        };
        return Err(Error::Redirect(Box::new(Redirected { chain, error, refused: *refused })));
    }
}

async fn open<D: Dial>(
    request: OwnedClientRequest,
    options: &ConnectOptions<D>,
) -> Result<(WebSocketStream<MaybeTlsStream<D::Stream>>, OwnedResponse)> {
    let mut watch = Watch::begin(Role::Client, &options.config).calls(&request);
    let uri = request.as_request().uri;
    let connector =
        Connector::of(uri, options.connector.clone()).map_err(|error| watch.tls_failed(error))?;
    let after = |timeout| Instant::now().checked_add(timeout);
    let target = Target::of(uri, options.connect_timeout.and_then(after));
    let stream = match dial(&options.dial, target).await {
        Ok(stream) => stream,
        Err(error) => {
            let unreachable = Unreachable::new(target.host, target.port, error);
            return Err(watch.failed(Error::Dial(Box::new(unreachable))));
        }
    };
    client_over(request, stream, connector, &options.config, watch).await
}

async fn dial<D: Dial>(dial: &D, target: Target<'_>) -> Result<D::Stream, DialError> {
    let given_up = target.deadline.and_then(|deadline| deadline.checked_add(GRACE));
    until(given_up, dial.dial(target)).await.unwrap_or(Err(DialError::TimedOut))
}
