//! A dashboard of prices: `cargo run -p fullduplex-app --example dashboard [ADDRESS]`, then open the address that it prints.
//!
//! Ten times a second, all prices go to all pages: one message, encoded once. A page that reads too slowly misses updates
//! and gets the newest one. So little waits for it: one message in the room, and what the buffers below hold.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fullduplex_app::{Gate, GateLimits, Pass, Room, Slow, asked_to_end, serve};
use fullduplex_tokio::{
    Error, Message, OwnedAcceptance, OwnedRejection, PlainRequest, PreparedMessage, Request,
    WebSocketConfig, accept_or_respond,
};
use serde_json::json;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// The page, which is compiled into the program.
const PAGE: &str = include_str!("page.html");

const SYMBOLS: usize = 50;

/// How often prices are sent.
const EVERY: Duration = Duration::from_millis(100);

/// How many bytes may wait in the program for a connection, and about as many in the kernel, which would otherwise keep some
/// megabytes. Bytes that wait there are sent, however old they have become.
pub(crate) const BUFFER: usize = 16 << 10;

/// How long a page may read nothing before its connection is dropped.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Dashboard {
    room: Room,
    symbols: Vec<String>,
    /// The first update that a new page receives.
    newest: Mutex<PreparedMessage>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let listener = listen(address.as_deref().unwrap_or("127.0.0.1:9003").parse()?)?;
    println!("open http://{}/", listener.local_addr()?);
    let dashboard = Arc::new(Dashboard::new(SYMBOLS)?);
    let gate = Gate::new(GateLimits::new());
    let serving = dashboard.clone();
    let handle = move |stream, pass| connection(stream, pass, serving.clone());
    tokio::spawn(serve(listener, gate.clone(), handle));
    tokio::select! {
        ended = dashboard.run() => ended?,
        asked = asked_to_end() => asked?,
    }
    gate.close(Duration::from_secs(5)).await;
    Ok(())
}

/// A listener whose connections have a small buffer in the kernel.
pub(crate) fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(BUFFER as u32)?;
    socket.bind(address)?;
    socket.listen(1024)
}

impl Dashboard {
    pub(crate) fn new(symbols: usize) -> Result<Self, Error> {
        let symbols = (0..symbols).map(|number| format!("SYM{number}")).collect();
        let newest = Mutex::new(PreparedMessage::text("[]"));
        Ok(Self { room: Room::new(), symbols, newest })
    }

    /// Makes up prices, and sends them.
    async fn run(&self) -> Result<(), Error> {
        let mut prices: Vec<i64> =
            self.symbols.iter().map(|_| fastrand::i64(1000..20_000)).collect();
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            for price in &mut prices {
                *price = (*price + fastrand::i64(-20..=20)).max(1);
            }
            self.publish(&prices).await?;
        }
    }

    /// Sends the prices, in cents, in the order of the symbols.
    pub(crate) async fn publish(&self, prices: &[i64]) -> Result<(), Error> {
        let message = PreparedMessage::text(&json!(prices).to_string());
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = message.clone();
        self.room.send(&message).await;
        Ok(())
    }
}

pub(crate) async fn connection(
    stream: TcpStream,
    mut pass: Pass,
    dashboard: Arc<Dashboard>,
) -> Result<(), Error> {
    let config = WebSocketConfig::new()
        .max_message_size(Some(0)) // pages send nothing
        .max_write_buffer_size(BUFFER)
        .keepalive(Duration::from_secs(40), Duration::from_secs(20));
    let mut socket = match accept_or_respond(stream, config, admit, page).await {
        Err(Error::Responded(_)) => return Ok(()),
        accepted => accepted?,
    };
    let symbols = json!({ "symbols": dashboard.symbols }).to_string();
    socket.feed(Message::text(symbols)).await?;
    // One message waits at most: the next one replaces it.
    let mut member = dashboard.room.join(1, Slow::DropOldest);
    let newest = dashboard.newest.lock().unwrap_or_else(PoisonError::into_inner).clone();
    socket.feed_prepared(&newest).await?;
    loop {
        tokio::select! {
            message = pass.recv(&mut socket) => match message {
                Some(message) => drop(message?),
                None => return Ok(()),
            },
            message = member.next() => {
                let Some(message) = message else { return Ok(()) };
                match timeout(PATIENCE, member.feed(&mut socket, &message)).await {
                    Ok(fed) => drop(fed?),
                    Err(_) => return Ok(()),
                }
            }
        }
    }
}

fn admit(request: &Request<'_>) -> Result<OwnedAcceptance, OwnedRejection> {
    match request.path() {
        "/prices" if request.is_same_origin() => Ok(OwnedAcceptance::new()),
        "/prices" => Err(OwnedRejection::new(403)),
        _ => Err(OwnedRejection::new(404)),
    }
}

/// The page, for a browser that asks for it.
fn page(request: &PlainRequest<'_>) -> Option<OwnedRejection> {
    (request.path() == "/").then(|| {
        OwnedRejection::new(200)
            .header("Content-Type", "text/html; charset=utf-8")
            .header("Content-Security-Policy", "default-src 'self' 'unsafe-inline'")
            .body(PAGE)
    })
}
