//! Echo endpoints over other WebSocket libraries for Rust, each as in the library's own example: a server, and a client that
//! runs the cases of wstest's fuzzing server, or of the conformance suite, which has the same interface.

mod fastwebsockets;
mod soketto;
mod tokio_tungstenite;
mod tokio_websockets;
mod tungstenite;

use std::error::Error;
use std::net::Ipv4Addr;
use std::thread::{self, JoinHandle};

use clap::{Parser, ValueEnum};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The largest message, and the largest frame if the library has a limit for it.
const LIMIT: usize = 64 << 20;

/// Echoes each message, over a library that is not ours.
#[derive(Parser)]
struct Options {
    /// The library
    #[arg(long, value_enum)]
    library: Library,
    /// Be a server at this port of 127.0.0.1
    #[arg(long, value_name = "PORT", required_unless_present = "client")]
    server: Option<u16>,
    /// Be a client that runs all cases of the fuzzing server at this URL
    #[arg(long, value_name = "URL", conflicts_with = "server")]
    client: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Library {
    Fastwebsockets,
    Soketto,
    TokioTungstenite,
    TokioWebsockets,
    Tungstenite,
}

/// What an endpoint does with a connection.
trait Endpoint {
    /// The name in the report.
    const AGENT: &str;

    /// Accepts a WebSocket connection, and echoes each message until it ends.
    async fn serve(stream: TcpStream) -> Result;

    /// Connects to this URL, and echoes each message until the connection ends.
    async fn echo(url: &str) -> Result;

    /// Connects to this URL, and returns the first message.
    async fn first_message(url: &str) -> Result<String>;
}

#[tokio::main]
async fn main() -> Result {
    let options = Options::parse();
    match options.library {
        Library::Fastwebsockets => run::<fastwebsockets::Peer>(&options).await,
        Library::Soketto => run::<soketto::Peer>(&options).await,
        Library::TokioTungstenite => run::<tokio_tungstenite::Peer>(&options).await,
        Library::TokioWebsockets => run::<tokio_websockets::Peer>(&options).await,
        Library::Tungstenite => run::<tungstenite::Peer>(&options).await,
    }
}

async fn run<E: Endpoint + 'static>(options: &Options) -> Result {
    match (options.server, &options.client) {
        (Some(port), _) => server::<E>(port).await,
        (None, Some(url)) => client::<E>(url.trim_end_matches('/')).await,
        // clap requires one of the two.
        (None, None) => Ok(()),
    }
}

async fn server<E: Endpoint + 'static>(port: u16) -> Result {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    loop {
        let stream = listener.accept().await?.0.into_std()?;
        apart(async move || E::serve(TcpStream::from_std(stream)?).await);
    }
}

async fn client<E: Endpoint + 'static>(url: &str) -> Result {
    let count: usize = E::first_message(&format!("{url}/getCaseCount")).await?.parse()?;
    let agent = E::AGENT;
    let cases = (1..=count).map(|case| format!("{url}/runCase?case={case}&agent={agent}"));
    for url in cases.chain([format!("{url}/updateReports?agent={agent}")]) {
        // Many cases are meant to end in a failure, and some in a panic of the library. The suite judges them.
        let _ = apart(async move || E::echo(&url).await).join();
    }
    Ok(())
}

/// Runs this on its own thread, so that a future may panic, and need not be `Send`.
fn apart<F>(run: F) -> JoinHandle<Result>
where
    F: AsyncFnOnce() -> Result + Send + 'static,
{
    thread::spawn(move || Builder::new_current_thread().enable_all().build()?.block_on(run()))
}

/// The address and the target in the URL.
fn parts(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("ws://").unwrap_or(url);
    rest.find('/').map_or((rest, "/"), |at| rest.split_at(at))
}
