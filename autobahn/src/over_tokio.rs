//! The echo endpoints over tokio.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use fullduplex_tokio::rustls::{ClientConfig, ServerConfig};
use fullduplex_tokio::{
    ConnectOptions, Connector, EndpointConfig, Error, IntoHalves, IntoRequest, MaybeTlsStream,
    OwnedAcceptance, OwnedClientRequest, Request, WebSocketConfig, WebSocketStream,
    accept_tls_with, accept_with, connect_with,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::report::{Report, Result};

/// Accepts connections for ever, and sends back what they receive.
///
/// # Errors
/// When the listener fails.
pub fn serve(
    listener: TcpListener,
    config: EndpointConfig,
    tls: Option<Arc<ServerConfig>>,
    echo: Echo,
) -> Result<()> {
    listener.set_nonblocking(true)?;
    Runtime::new()?.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, peer) = listener.accept().await?;
            let tls = tls.clone();
            tokio::spawn(async move {
                if let Err(error) = serve_one(stream, config.into(), tls, echo).await {
                    eprintln!("{peer}: {error}");
                }
            });
        }
    })
}

async fn serve_one(
    stream: TcpStream,
    config: WebSocketConfig,
    tls: Option<Arc<ServerConfig>>,
    echo: Echo,
) -> std::result::Result<(), Error> {
    stream.set_nodelay(true)?;
    let any = |_: &Request<'_>| Ok(OwnedAcceptance::new());
    match tls {
        None => echo.run(accept_with(stream, config, any).await?).await,
        Some(tls) => echo.run(accept_tls_with(stream, tls, config, any).await?).await,
    }
}

/// How messages are sent back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// With the WebSocket that has received them.
    Whole,
    /// With the other half.
    Halves,
}

impl Echo {
    async fn run<S>(self, socket: WebSocketStream<S>) -> std::result::Result<(), Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + IntoHalves,
    {
        match self {
            Self::Whole => echo(socket).await,
            Self::Halves => echo_by_halves(socket).await,
        }
    }
}

/// One task does both in turn, instead of two: the suite expects the echo of what came before a fault, and two tasks might
/// find the fault first and end the connection.
async fn echo_by_halves<S>(socket: WebSocketStream<S>) -> std::result::Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin + IntoHalves,
{
    let (mut sender, mut receiver) = socket.into_split();
    let mut outcome = Ok(());
    while let Some(received) = receiver.recv().await {
        match received {
            Ok(message) if message.is_text() || message.is_binary() => sender.feed(message).await?,
            Ok(_) => {}
            Err(error) => outcome = Err(error),
        }
    }
    outcome
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(
    mut socket: WebSocketStream<S>,
) -> std::result::Result<(), Error> {
    let mut outcome = Ok(());
    while let Some(received) = socket.recv().await {
        match received {
            Ok(message) if message.is_text() || message.is_binary() => socket.feed(message).await?,
            Ok(_) => {}
            // Continue to the end, which gives the peer time to read our Close.
            Err(error) => outcome = Err(error),
        }
    }
    outcome
}

/// How to connect.
pub struct Client {
    /// Limits and extensions.
    pub config: EndpointConfig,
    /// For `wss` URLs; `None` uses the TLS of the features.
    pub tls: Option<Arc<ClientConfig>>,
    /// How messages are sent back.
    pub echo: Echo,
}

impl Client {
    async fn open(
        &self,
        request: impl IntoRequest,
        mut options: ConnectOptions,
    ) -> std::result::Result<WebSocketStream<MaybeTlsStream<TcpStream>>, Error> {
        options.connector = self.tls.clone().map(Connector::Rustls);
        Ok(connect_with(request, &options).await?.0)
    }

    /// Runs all cases of the fuzzing server, then tells it to write its report.
    ///
    /// # Errors
    /// When there is no fuzzing server at this URL.
    pub fn all_cases(&self, url: &str, agent: &str) -> Result<()> {
        let url = url.trim_end_matches('/');
        let options = ConnectOptions::new().config(self.config.into());
        let open = async |url: String| self.open(url, options.clone()).await;
        Runtime::new()?.block_on(async {
            let count = open(format!("{url}/getCaseCount")).await?.recv().await;
            let count: u32 =
                count.ok_or("the fuzzing server sends no number of cases")??.to_text()?.parse()?;
            for case in 1..=count {
                println!("case {case} of {count}");
                let url = format!("{url}/runCase?case={case}&agent={agent}");
                // Many cases are meant to end in a failure. Autobahn judges them.
                let ended = match open(url).await {
                    Ok(socket) => self.echo.run(socket).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = ended {
                    println!("case {case} ended with: {error}");
                }
            }
            Ok(self.echo.run(open(format!("{url}/updateReports?agent={agent}")).await?).await?)
        })
    }

    /// Connects once, and reports what it receives.
    ///
    /// # Errors
    /// When the URL is invalid.
    pub fn once(
        &self,
        url: &str,
        subprotocols: &[String],
        timeout: Option<Duration>,
    ) -> Result<Report> {
        let mut request = OwnedClientRequest::new(url)?;
        for subprotocol in subprotocols {
            request = request.subprotocol(subprotocol).require_subprotocol();
        }
        let mut options = ConnectOptions::new().config(self.config.into());
        if timeout.is_some() {
            options.connect_timeout = timeout;
            options.config.handshake_timeout = timeout;
        }
        Runtime::new()?.block_on(async {
            let mut socket = match self.open(request, options).await {
                Ok(socket) => socket,
                Err(error) => {
                    let status = match &error {
                        Error::Http(refused) => Some(refused.response.as_response().status()),
                        _ => None,
                    };
                    return Ok(Report::failed(status, &error));
                }
            };
            let mut report = Report::open();
            let receiving = async {
                while let Some(received) = socket.recv().await {
                    match received {
                        Ok(message) => report.add(message),
                        Err(error) => report.error = Some(error.to_string()),
                    }
                }
            };
            let late = match timeout {
                None => {
                    receiving.await;
                    false
                }
                Some(timeout) => tokio::time::timeout(timeout, receiving).await.is_err(),
            };
            if late {
                report.error = Some("the connection had not ended in time".to_owned());
            }
            report.end(socket.receiver(), socket.sender());
            Ok(report)
        })
    }
}
