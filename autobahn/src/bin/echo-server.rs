//! A WebSocket server that sends every message back.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use clap::Parser;
use fullduplex_autobahn::over_std::echo_by_halves;
use fullduplex_autobahn::over_tokio::{self, Echo};
use fullduplex_autobahn::{Adapter, ConnectionOptions, Result, certificates};
use fullduplex_std::rustls::ServerConfig;
use fullduplex_std::rustls::pki_types::PrivateKeyDer;
use fullduplex_std::rustls::pki_types::pem::PemObject;
use fullduplex_std::{
    EndpointConfig, Error, OwnedAcceptance, Request, WebSocket, accept_tls_with, accept_with, tls,
};

/// A WebSocket server that sends every message back
#[derive(Parser)]
struct Options {
    /// The adapter to serve with
    #[arg(long, value_enum, default_value_t = Adapter::Std)]
    adapter: Adapter,
    /// Where to listen; port 0 chooses a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9001")]
    listen: SocketAddr,
    /// Serve with TLS: a certificate chain and its private key, PEM files
    #[arg(long, num_args = 2, value_names = ["CERT", "KEY"])]
    tls: Option<Vec<PathBuf>>,
    #[command(flatten)]
    connection: ConnectionOptions,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let config = options.connection.config();
    let tls = match options.tls.as_deref() {
        Some([certificate, key]) => {
            let key = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| format!("{}: {error}", key.display()))?;
            Some(tls::server_config(certificates(certificate)?, key)?)
        }
        _ => None,
    };
    let listener = TcpListener::bind(options.listen)
        .map_err(|error| format!("cannot listen on {}: {error}", options.listen))?;
    println!("listening on {}", listener.local_addr()?);
    match options.adapter {
        Adapter::Std => serve_std(&listener, config, tls.as_ref(), echo),
        Adapter::StdHalves if tls.is_some() => {
            Err("a TLS stream cannot be split into halves over std".into())
        }
        Adapter::StdHalves => serve_std(&listener, config, None, echo_by_halves),
        Adapter::Tokio => over_tokio::serve(listener, config, tls, Echo::Whole),
        Adapter::TokioHalves => over_tokio::serve(listener, config, tls, Echo::Halves),
    }
}

fn serve_std(
    listener: &TcpListener,
    config: EndpointConfig,
    tls: Option<&Arc<ServerConfig>>,
    plain: fn(WebSocket<TcpStream>) -> std::result::Result<(), Error>,
) -> Result<()> {
    loop {
        let (stream, peer) = listener.accept()?;
        let tls = tls.cloned();
        thread::spawn(move || {
            if let Err(error) = serve_one(stream, config, tls, plain) {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

fn serve_one(
    stream: TcpStream,
    config: EndpointConfig,
    tls: Option<Arc<ServerConfig>>,
    plain: fn(WebSocket<TcpStream>) -> std::result::Result<(), Error>,
) -> std::result::Result<(), Error> {
    stream.set_nodelay(true)?;
    let decide = |_: &Request<'_>| Ok(OwnedAcceptance::new());
    match tls {
        None => plain(accept_with(stream, config, decide)?),
        Some(tls) => echo(accept_tls_with(stream, tls, config, decide)?),
    }
}

fn echo<S: Read + Write + 'static>(mut socket: WebSocket<S>) -> std::result::Result<(), Error> {
    loop {
        match socket.read() {
            Ok(message) if message.is_text() || message.is_binary() => socket.feed(message)?,
            Ok(_) => {}
            Err(Error::ConnectionClosed) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}
