//! Connects through a proxy, or without one where the environment says so.

use std::io;
use std::sync::Arc;

use super::environment::Environment;
use super::stream::ProxyStream;
use super::url::{Kind, Proxy};
use super::{socks, tunnel};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::dial::{Dial, Target, TcpDial, until};
use crate::error::{DialError, Error, ProxyError, ProxyUrlError};
use crate::stream::MaybeTlsStream;
use crate::tls::{Connector, over_tls};

/// Connects through a proxy.
///
/// RFC 6455 §4.1: "the client SHOULD connect to that proxy and ask it to open a TCP connection".
///
/// ```no_run
/// use fullduplex_tokio::{ConnectOptions, Proxy, ProxyDial, connect_with};
///
/// # async fn client() -> Result<(), Box<dyn std::error::Error>> {
/// let proxy = Proxy::parse("socks5://user:password@proxy.example:1080")?;
/// let options = ConnectOptions::new().dial(ProxyDial::new(proxy));
/// let (socket, _response) = connect_with("wss://example.com/chat", &options).await?;
///
/// // As HTTPS_PROXY and its relatives say.
/// let options = ConnectOptions::new().dial(ProxyDial::from_env()?);
/// let (socket, _response) = connect_with("wss://example.com/chat", &options).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ProxyDial<D = TcpDial> {
    choice: Choice,
    connector: Option<Connector>,
    dial: D,
}

#[derive(Clone, Debug)]
enum Choice {
    Always(Proxy),
    Environment(Arc<Environment>),
}

impl ProxyDial {
    /// Connects to every server through `proxy`.
    #[must_use]
    pub const fn new(proxy: Proxy) -> Self {
        Self { choice: Choice::Always(proxy), connector: None, dial: TcpDial::new() }
    }

    /// Connects as the environment says at this moment: through a proxy, or without one.
    ///
    /// * `HTTP_PROXY` has the proxy for `ws` URLs and `HTTPS_PROXY` the proxy for `wss` URLs. `ALL_PROXY` has the proxy
    ///   for each of the two that has none of its own. The value is a URL as for [`Proxy::parse`].
    /// * `NO_PROXY` lists the hosts to connect to without a proxy, with commas between them: a domain, which includes
    ///   its subdomains, an IP address, a network such as `10.0.0.0/8`, or `*` for all hosts.
    /// * Each of them may be in small letters, which count before capitals, as with curl and Python. An empty variable
    ///   counts as none.
    /// * If `REQUEST_METHOD` is set, the process is a CGI script, and `HTTP_PROXY` is ignored: a client can set it, by a
    ///   header `Proxy`.
    ///
    /// # Errors
    /// [`ProxyUrlError`] when one of the variables has no URL of a proxy. To connect without the proxy could tell the
    /// network what the proxy is there to hide.
    pub fn from_env() -> Result<Self, ProxyUrlError> {
        let environment = Environment::read(std::env::var_os)?;
        let choice = Choice::Environment(environment.into());
        Ok(Self { choice, connector: None, dial: TcpDial::new() })
    }
}

impl<D> ProxyDial<D> {
    /// Sets the TLS for `https` proxies. Without it, the TLS of this crate's features is used.
    #[must_use]
    pub fn connector(mut self, connector: Connector) -> Self {
        self.connector = Some(connector);
        self
    }

    /// Connects over `dial` to the proxy, and to hosts without a proxy, in the place of [`TcpDial`]. It may be another
    /// `ProxyDial`.
    #[must_use]
    pub fn over<E: Dial>(self, dial: E) -> ProxyDial<E> {
        let Self { choice, connector, dial: _ } = self;
        ProxyDial { choice, connector, dial }
    }
}

impl<D> Dial for ProxyDial<D>
where
    D: Dial + Sync,
    D::Stream: Send,
{
    type Stream = ProxyStream<D::Stream>;

    async fn dial(&self, target: Target<'_>) -> Result<Self::Stream, DialError> {
        let proxy = match &self.choice {
            Choice::Always(proxy) => Some(proxy),
            Choice::Environment(environment) => environment.proxy_for(target),
        };
        let Some(proxy) = proxy else {
            return Ok(ProxyStream::direct(self.dial.dial(target).await?));
        };
        let name = || proxy.to_string().into();
        let secure = proxy.kind == Kind::Https;
        let at_proxy = Target { host: &proxy.host, port: proxy.port, secure, ..target };
        let stream = match self.dial.dial(at_proxy).await {
            Ok(stream) => stream,
            Err(error) => {
                return Err(DialError::ProxyUnreachable { proxy: name(), error: error.into() });
            }
        };
        let asking = ask(proxy, stream, self.connector.clone(), target);
        let asked = until(target.deadline, asking).await.unwrap_or(Err(ProxyError::TimedOut));
        asked.map_err(|error| DialError::Proxy { proxy: name(), error })
    }
}

/// Asks the proxy, to which `stream` leads, for a connection to `target`.
async fn ask<S>(
    proxy: &Proxy,
    stream: S,
    connector: Option<Connector>,
    target: Target<'_>,
) -> Result<ProxyStream<S>, ProxyError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let stream = match proxy.kind {
        Kind::Http | Kind::Socks5 => MaybeTlsStream::Plain(stream),
        Kind::Https => over_tls(&proxy.host, stream, connector).await.map_err(of_tls)?,
    };
    match proxy.kind {
        Kind::Http | Kind::Https => {
            tunnel::open(stream, target, proxy.intercept.basic_auth()).await
        }
        Kind::Socks5 => socks::open(stream, target, proxy.intercept.raw_auth()).await,
    }
}

fn of_tls(error: Error) -> ProxyError {
    match error {
        Error::Tls(error) => ProxyError::Tls(error),
        Error::Io(error) => ProxyError::Io(error),
        error => ProxyError::Io(io::Error::other(error)),
    }
}
