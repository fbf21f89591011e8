//! A broker of STOMP 1.2 over WebSockets: `cargo run -p fullduplex-app --example stomp [ADDRESS]`, then
//! `new StompJs.Client({ brokerURL: "ws://127.0.0.1:9002/" })` in a page of the same host, or
//! `stomp.WSStompConnection([("127.0.0.1", 9002)])` in Python.
//!
//! What is sent to a destination reaches its subscribers, and is not kept. The broker has receipts and heart-beats, but no
//! acknowledgements and no transactions.
//!
//! A connection can make the broker hold [`SUBSCRIPTIONS`](session::SUBSCRIPTIONS) times [`WAITING`](broker::WAITING)
//! messages of [`MOST`] bytes while it does not read, for 10 seconds. The subscribers of a destination share one copy of a
//! message.

pub(crate) mod broker;
pub(crate) mod frame;
pub(crate) mod session;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fullduplex_app::{Gate, GateLimits, Pass, asked_to_end, serve};
use fullduplex_tokio::{
    Error, OwnedAcceptance, OwnedRejection, Request, WebSocketConfig, accept_with,
};
use tokio::net::{TcpListener, TcpStream};

use broker::Broker;
use session::Session;

/// The largest frame, in bytes ("Size Limits"). A larger one fails the connection with 1009 before it is in memory.
pub(crate) const MOST: usize = 16 << 10;

/// STOMP 1.2 as a subprotocol: the name is registered with IANA.
const SUBPROTOCOL: &str = "v12.stomp";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let address: SocketAddr = address.as_deref().unwrap_or("127.0.0.1:9002").parse()?;
    let listener = TcpListener::bind(address).await?;
    println!("listening on ws://{}/", listener.local_addr()?);
    let gate = Gate::new(GateLimits::new());
    let broker = Broker::new(Duration::from_secs(10));
    let serving = broker.clone();
    let handle = move |stream, pass| connection(stream, pass, serving.clone());
    tokio::spawn(serve(listener, gate.clone(), handle));
    asked_to_end().await?;
    println!("{} destinations have subscribers", broker.destinations());
    gate.close(Duration::from_secs(5)).await;
    Ok(())
}

pub(crate) async fn connection(
    stream: TcpStream,
    pass: Pass,
    broker: Arc<Broker>,
) -> Result<(), Error> {
    let config = WebSocketConfig::new()
        .max_message_size(Some(MOST))
        .max_write_buffer_size(4 * MOST)
        // The keepalive is for clients that send no heart-beats.
        .keepalive(Duration::from_secs(40), Duration::from_secs(20));
    let socket = accept_with(stream, config, admit).await?;
    Session::run(broker, socket, pass).await;
    Ok(())
}

/// Some clients offer no subprotocol, and are accepted. If a browser offers only others, it would fail on a response without
/// a subprotocol, so the request is rejected, and the response says what is spoken here.
fn admit(request: &Request<'_>) -> Result<OwnedAcceptance, OwnedRejection> {
    if !request.is_same_origin() {
        return Err(OwnedRejection::new(403));
    }
    match request.choose_subprotocol(&[SUBPROTOCOL]) {
        Some(chosen) => Ok(OwnedAcceptance::new().subprotocol(chosen)),
        None if request.subprotocols().next().is_none() => Ok(OwnedAcceptance::new()),
        None => Err(OwnedRejection::new(400).body("the subprotocol here is v12.stomp\n")),
    }
}
