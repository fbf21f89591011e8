//! An echo server with metrics and logs: `cargo run -p fullduplex-app --example metrics --features tracing`. It serves the
//! text that Prometheus reads on a second port, and prints how each connection opens and ends.

use std::fmt::Write;
use std::time::Duration;

use fullduplex_app::{Gate, GateLimits, Pass, serve};
use fullduplex_tokio::{
    Counters, Error, OwnedAcceptance, OwnedRejection, PlainRequest, Request, WebSocketConfig,
    accept_or_respond, accept_with,
};
use tokio::net::{TcpListener, TcpStream};

/// The counters of all connections.
static COUNTERS: Counters = Counters::new();

#[tokio::main]
async fn main() -> std::io::Result<()> {
    tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).init();
    let echo_port = TcpListener::bind("127.0.0.1:9001").await?;
    // The page is for the operator, so clients must not reach this port.
    let metrics_port = TcpListener::bind("127.0.0.1:9002").await?;
    println!("ws://127.0.0.1:9001/ and http://127.0.0.1:9002/metrics");
    run(echo_port, metrics_port).await;
    Ok(())
}

/// Serves both ports for ever.
pub(crate) async fn run(echo_port: TcpListener, metrics_port: TcpListener) {
    let gate = Gate::new(GateLimits::new());
    let (metrics_gate, shown) = (Gate::new(GateLimits::new()), gate.clone());
    let metrics =
        serve(metrics_port, metrics_gate, move |stream, _pass| respond(stream, shown.clone()));
    tokio::join!(serve(echo_port, gate, echo), metrics);
}

async fn echo(stream: TcpStream, mut pass: Pass) -> Result<(), Error> {
    let config = WebSocketConfig::new()
        .counters(&COUNTERS)
        .keepalive(Duration::from_secs(40), Duration::from_secs(20));
    let mut socket = accept_with(stream, config, |_| Ok(OwnedAcceptance::new())).await?;
    while let Some(message) = pass.recv(&mut socket).await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            socket.feed(message).await?;
        }
    }
    Ok(())
}

/// Responds to a request for the page, and opens no WebSocket.
async fn respond(stream: TcpStream, gate: Gate) -> Result<(), Error> {
    let refuse = |_: &Request<'_>| Err(OwnedRejection::new(404));
    let page = |request: &PlainRequest<'_>| {
        let page = OwnedRejection::new(200).header("Content-Type", "text/plain; version=0.0.4");
        (request.path() == "/metrics").then(|| page.body(text(&gate)))
    };
    accept_or_respond(stream, WebSocketConfig::new(), refuse, page).await.map(drop)
}

/// What was counted, in the text format of Prometheus.
fn text(gate: &Gate) -> String {
    let counts = COUNTERS.snapshot();
    let mut text = format!("# TYPE websocket_open gauge\nwebsocket_open {}\n", counts.open());
    let mut counter = |name: &str, values: &[(String, u64)]| {
        let _ = writeln!(text, "# TYPE websocket_{name}_total counter");
        for (label, value) in values {
            let _ = writeln!(text, "websocket_{name}_total{label} {value}");
        }
    };
    for (name, value) in [
        ("opened", counts.opened),
        ("closed", counts.closed),
        ("dropped", counts.dropped),
        ("received_messages", counts.received.messages),
        ("received_payload_bytes", counts.received.payload_bytes),
        ("received_wire_bytes", counts.received.wire_bytes),
        ("sent_messages", counts.sent.messages),
        ("sent_payload_bytes", counts.sent.payload_bytes),
        ("sent_wire_bytes", counts.sent.wire_bytes),
        ("received_pings", counts.pings_received),
        ("received_pongs", counts.pongs_received),
        ("sent_pings", counts.pings_sent),
    ] {
        counter(name, &[(String::new(), value)]);
    }
    let failures = counts.failures().map(|(it, count)| (format!("{{cause=\"{it}\"}}"), count));
    counter("failures", &Vec::from_iter(failures));
    let denied = gate.denied();
    let denied =
        denied.by_reason().map(|(it, count)| (format!("{{reason=\"{}\"}}", it.name()), count));
    counter("denied", &Vec::from_iter(denied));
    text
}
