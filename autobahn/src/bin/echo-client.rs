//! A WebSocket client that sends every message back. It runs all cases of Autobahn's fuzzing server, or reports on one
//! connection.

use std::net::Shutdown;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use clap::Parser;
use fullduplex_autobahn::over_std::echo_by_halves;
use fullduplex_autobahn::over_tokio::{self, Echo};
use fullduplex_autobahn::{Adapter, ConnectionOptions, Report, Result, certificates};
use fullduplex_std::rustls::RootCertStore;
use fullduplex_std::{
    ConnectOptions, Error, MaybeTlsStream, Message, OwnedClientRequest, WebSocket, connect_with,
    tls,
};

/// A WebSocket client that sends every message back: runs all cases of Autobahn's fuzzing server, or with --once reports on
/// one connection
#[derive(Parser)]
struct Options {
    /// The adapter to connect with
    #[arg(long, value_enum, default_value_t = Adapter::Std)]
    adapter: Adapter,
    /// The server; without --once, an Autobahn fuzzing server
    #[arg(long, default_value = "ws://127.0.0.1:9001")]
    url: String,
    /// The name under which Autobahn reports on us; by default the name of the adapter
    #[arg(long)]
    agent: Option<String>,
    /// Connect once, send no message, and print one JSON line when the connection has ended
    #[arg(long)]
    once: bool,
    /// With --once: offer this subprotocol; may be repeated
    #[arg(long, value_name = "NAME", requires = "once")]
    subprotocol: Vec<String>,
    /// With --once: give up after this long
    #[arg(long, value_name = "SECONDS", requires = "once")]
    timeout: Option<u64>,
    /// Trust the certificates in this PEM file
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    #[command(flatten)]
    connection: ConnectionOptions,
}

impl Options {
    fn agent(&self) -> &str {
        let by_default = match self.adapter {
            Adapter::Std => "fullduplex-std",
            Adapter::StdHalves => "fullduplex-std-halves",
            Adapter::Tokio => "fullduplex-tokio",
            Adapter::TokioHalves => "fullduplex-tokio-halves",
        };
        self.agent.as_deref().unwrap_or(by_default)
    }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let mut connect = ConnectOptions::new().config(options.connection.config());
    if let Some(path) = &options.ca {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates(path)?);
        connect.tls = Some(tls::client_config(roots)?);
    }
    let report = match (options.adapter, options.once) {
        (Adapter::Std, false) => return all_cases(options, &connect, echo),
        (Adapter::StdHalves, false) => return all_cases(options, &connect, echo_by_halves),
        // Nothing is sent back, so halves would make no difference.
        (Adapter::Std | Adapter::StdHalves, true) => once(options, connect)?,
        (adapter, once) => {
            let echo = if adapter == Adapter::TokioHalves { Echo::Halves } else { Echo::Whole };
            let client = over_tokio::Client { config: connect.config, tls: connect.tls, echo };
            if !once {
                return client.all_cases(&options.url, options.agent());
            }
            let timeout = options.timeout.map(Duration::from_secs);
            client.once(&options.url, &options.subprotocol, timeout)?
        }
    };
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

/// Runs all cases of the fuzzing server, then tells it to write its report.
fn all_cases(
    options: &Options,
    connect: &ConnectOptions,
    echo: fn(WebSocket<MaybeTlsStream>) -> std::result::Result<(), Error>,
) -> Result<()> {
    let (url, agent) = (options.url.trim_end_matches('/'), options.agent());
    let count: u32 = match open(&format!("{url}/getCaseCount"), connect)?.read()? {
        Message::Text(count) => count.parse()?,
        other => return Err(format!("the fuzzing server's number of cases is {other:?}").into()),
    };
    for case in 1..=count {
        println!("case {case} of {count}");
        let url = format!("{url}/runCase?case={case}&agent={agent}");
        // Many cases are meant to end in a failure. Autobahn judges them.
        if let Err(error) = open(&url, connect).and_then(|socket| Ok(echo(socket)?)) {
            println!("case {case} ended with: {error}");
        }
    }
    Ok(echo(open(&format!("{url}/updateReports?agent={agent}"), connect)?)?)
}

fn open(url: &str, options: &ConnectOptions) -> Result<WebSocket<MaybeTlsStream>> {
    Ok(connect_with(url, options)?.0)
}

fn echo(mut socket: WebSocket<MaybeTlsStream>) -> std::result::Result<(), Error> {
    loop {
        match socket.read() {
            Ok(message) if message.is_text() || message.is_binary() => socket.feed(message)?,
            Ok(_) => {}
            Err(Error::ConnectionClosed) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

fn once(options: &Options, mut connect: ConnectOptions) -> Result<Report> {
    let timeout = options.timeout.map(Duration::from_secs);
    if timeout.is_some() {
        connect.connect_timeout = timeout;
        connect.config.handshake_timeout = timeout;
    }
    let mut request = OwnedClientRequest::new(options.url.as_str())?;
    for name in &options.subprotocol {
        request = request.subprotocol(name);
    }
    let mut socket = match connect_with(request, &connect) {
        Ok((socket, _response)) => socket,
        Err(error) => {
            let status = match &error {
                Error::Http(refused) => Some(refused.response.as_response().status()),
                _ => None,
            };
            return Ok(Report::failed(status, &error));
        }
    };
    let late = watch(&socket, timeout)?;
    let mut report = Report::open();
    loop {
        match socket.read() {
            Ok(message) => report.add(message),
            Err(Error::ConnectionClosed) => break,
            Err(_) if late.load(Ordering::Relaxed) => {
                report.error = Some("the connection had not ended in time".to_owned());
                break;
            }
            Err(error) => {
                report.error = Some(error.to_string());
                break;
            }
        }
    }
    report.end(socket.receiver(), socket.sender());
    Ok(report)
}

/// Ends the connection when its time is over. The returned flag says whether that has happened.
fn watch(socket: &WebSocket<MaybeTlsStream>, timeout: Option<Duration>) -> Result<Arc<AtomicBool>> {
    let late = Arc::new(AtomicBool::new(false));
    if let Some(timeout) = timeout {
        let (tcp, late) = (socket.get_ref().get_ref().try_clone()?, Arc::clone(&late));
        thread::spawn(move || {
            thread::sleep(timeout);
            late.store(true, Ordering::Relaxed);
            // This fails if the connection has ended by itself, which does not matter.
            let _ = tcp.shutdown(Shutdown::Both);
        });
    }
    Ok(late)
}
