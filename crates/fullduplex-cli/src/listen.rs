//! `listen`: an echo server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fullduplex_app::{Gate, GateLimits, Pass, asked_to_end, serve};
use fullduplex_tokio::{
    DeflateConfig, Message, OwnedAcceptance, Request, WebSocketConfig, WebSocketStream,
    accept_tls_with, accept_with,
};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use crate::explain::Failure;
use crate::show;
use crate::tls::Identity;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where to listen
    #[arg(default_value = "127.0.0.1:9001")]
    address: SocketAddr,
    /// A subprotocol to accept; may be given more than once, the preferred one first
    #[arg(long, value_name = "NAME")]
    subprotocol: Vec<String>,
    /// Accept no compression
    #[arg(long)]
    no_deflate: bool,
    /// Do not print messages
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    identity: Identity,
}

/// How long connections get to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// What holds for every connection.
struct Server {
    subprotocols: Vec<String>,
    config: WebSocketConfig,
    tls: Option<Arc<ServerConfig>>,
    quiet: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let tls = arguments.identity.config()?;
    let cannot = |error| Failure::new(format!("cannot listen on {}: {error}", arguments.address));
    let listener = TcpListener::bind(arguments.address).await.map_err(cannot)?;
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    show::note(format_args!("listening on {scheme}://{}/", listener.local_addr().map_err(cannot)?));
    let mut config = WebSocketConfig::new();
    if !arguments.no_deflate {
        config = config.deflate(DeflateConfig::new());
    }
    let server = Arc::new(Server {
        subprotocols: arguments.subprotocol,
        config,
        tls,
        quiet: arguments.quiet,
    });
    // All clients of a test come from one address.
    let limits = GateLimits::new();
    let most = limits.connections;
    let gate = Gate::new(limits.per_address(most));
    let serving =
        serve(listener, gate.clone(), move |stream, pass| server.clone().serve(stream, pass));
    tokio::select! {
        () = serving => {}
        asked = asked_to_end() => {
            asked.map_err(|error| Failure::new(format!("no signal can be waited for: {error}")))?;
        }
    }
    let left = gate.close(PATIENCE).await;
    show::note(format_args!("{} connections ended, {} were dropped", left.ended, left.dropped));
    let denied: u64 = gate.denied().by_reason().map(|(_, count)| count).sum();
    if denied > 0 {
        show::note(format_args!("{denied} were denied, because there were {most} already"));
    }
    Ok(())
}

impl Server {
    async fn serve(self: Arc<Self>, stream: TcpStream, pass: Pass) {
        let peer =
            stream.peer_addr().map_or_else(|_| "somebody".to_owned(), |peer| peer.to_string());
        let decide = |request: &Request<'_>| {
            show::note(format_args!("{peer}: GET {}", request.target()));
            let supported: Vec<&str> = self.subprotocols.iter().map(String::as_str).collect();
            Ok(match request.choose_subprotocol(&supported) {
                Some(chosen) => OwnedAcceptance::new().subprotocol(chosen),
                None => OwnedAcceptance::new(),
            })
        };
        let ended = match &self.tls {
            None => match accept_with(stream, self.config, decide).await {
                Ok(socket) => self.echo(socket, pass, &peer).await,
                Err(error) => Err(error.into()),
            },
            Some(tls) => match accept_tls_with(stream, tls.clone(), self.config, decide).await {
                Ok(socket) => self.echo(socket, pass, &peer).await,
                Err(error) => Err(error.into()),
            },
        };
        if let Err(error) = ended {
            show::note(format_args!("{peer}: {error}"));
        }
    }

    async fn echo<S>(
        &self,
        mut socket: WebSocketStream<S>,
        mut pass: Pass,
        peer: &str,
    ) -> Result<(), Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        while let Some(message) = pass.recv(&mut socket).await {
            let message = message?;
            match &message {
                Message::Close(frame) => {
                    show::note(format_args!("{peer}: closed, {}", show::close(frame.as_ref())));
                }
                Message::Text(_) | Message::Binary(_) => {
                    if !self.quiet
                        && let Some(shown) = show::message(&message)
                    {
                        show::write(&shown)?;
                    }
                    socket.feed(message).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}
