//! What an operator sees: the page of the example `metrics`, and the spans and events of `serve`, `Gate` and `Stay`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fullduplex_app::{Backoff, Event, Gate, GateLimits, Pass, Stay, serve};
use fullduplex_tokio::{CloseCode, CloseFrame, Error, Message, WebSocketStream, accept, connect};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::subscriber::{DefaultGuard, set_default};
use tracing::{Subscriber, debug};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

#[path = "../examples/metrics.rs"]
#[expect(dead_code)]
mod example;

/// Requests the page over the network.
async fn page(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

#[tokio::test]
async fn the_page_has_what_was_counted_in_the_format_of_prometheus() {
    let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let metrics = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (echo_at, metrics_at) = (echo.local_addr().unwrap(), metrics.local_addr().unwrap());
    tokio::spawn(example::run(echo, metrics));

    let (mut first, _) = connect(format!("ws://{echo_at}/")).await.unwrap();
    let (mut second, _) = connect(format!("ws://{echo_at}/")).await.unwrap();
    for socket in [&mut first, &mut second] {
        socket.send(Message::text("Hello")).await.unwrap();
        socket.recv().await.unwrap().unwrap();
    }
    first.close(None).await.unwrap();
    while first.recv().await.is_some() {}
    page(echo_at, "/").await;

    // The task of the first connection ends a moment later.
    let mut response = page(metrics_at, "/metrics").await;
    for _ in 0..100 {
        if response.contains("\nwebsocket_open 1\n") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        response = page(metrics_at, "/metrics").await;
    }
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    for line in [
        "# TYPE websocket_open gauge",
        "websocket_open 1",
        "websocket_opened_total 2",
        "websocket_closed_total 1",
        "websocket_received_messages_total 2",
        "websocket_received_payload_bytes_total 10",
        // Two texts of five bytes, each with a header and a masking key, and a Close.
        "websocket_received_wire_bytes_total 30",
        "websocket_sent_wire_bytes_total 18",
        "# TYPE websocket_failures_total counter",
        "websocket_failures_total{cause=\"not_websocket\"} 1",
        "websocket_failures_total{cause=\"protocol\"} 0",
        "websocket_denied_total{reason=\"rate\"} 0",
    ] {
        assert!(body.lines().any(|found| found == line), "{line} is not in\n{body}");
    }
    for line in body.lines().filter(|line| !line.starts_with("# TYPE ")) {
        let (name, value) = line.split_once(' ').unwrap();
        assert!(name.starts_with("websocket_") && value.parse::<u64>().is_ok(), "{line}");
    }
    // A request for the page is no failure, and other paths do not exist.
    assert!(page(metrics_at, "/").await.starts_with("HTTP/1.1 426 "));
}

/// Records the events of this thread, with the spans around them.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<Vec<String>>>);

impl Ear {
    fn listen() -> (Self, DefaultGuard) {
        let ear = Self::default();
        let guard = set_default(Registry::default().with(ear.clone()));
        (ear, guard)
    }

    fn told(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.0.insert_str(0, &format!("{value:?} ")),
            name => self.0 += &format!("{name}={value:?} "),
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Ear {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut line = Line::default();
        attributes.record(&mut line);
        context.span(id).unwrap().extensions_mut().insert(line);
    }

    fn on_event(&self, event: &tracing::Event<'_>, context: Context<'_, S>) {
        if !event.metadata().target().starts_with("fullduplex_app")
            && !event.metadata().target().starts_with("metrics")
        {
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        for span in context.event_scope(event).into_iter().flatten() {
            line.0 += &format!("in {} ", span.name());
            line.0 += &span.extensions().get::<Line>().unwrap().0;
        }
        self.0.lock().unwrap().push(line.0.trim().to_owned());
    }
}

#[tokio::test]
async fn a_handler_runs_in_a_span_with_the_address_and_what_is_denied_is_told() {
    async fn handle(stream: TcpStream, _pass: Pass) -> Result<(), Error> {
        debug!("handled");
        accept(stream).await.map(drop)
    }

    let (ear, _guard) = Ear::listen();
    let gate = Gate::new(GateLimits::new().per_address(1));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, gate.clone(), handle));
    let first = TcpStream::connect(address).await.unwrap();
    let peer = first.local_addr().unwrap();
    while ear.told().is_empty() {
        tokio::task::yield_now().await;
    }
    let mut second = TcpStream::connect(address).await.unwrap();
    assert_eq!(second.read(&mut [0]).await.unwrap(), 0);
    let handled = format!("handled in connection peer={peer}");
    assert_eq!(ear.told(), [&*handled, "denied peer=127.0.0.1 reason=\"address\""]);
    assert_eq!(gate.denied().by_reason().map(|(_, count)| count).sum::<u64>(), 1);
}

#[tokio::test(start_paused = true)]
async fn each_change_of_a_client_that_stays_connected_is_told_and_no_message() {
    type Socket = WebSocketStream<DuplexStream>;

    let (ear, _guard) = Ear::listen();
    let mut tries = 0;
    let connect = move || {
        tries += 1;
        async move {
            if tries > 1 {
                return Err(io::Error::from(io::ErrorKind::ConnectionRefused).into());
            }
            let (near, far) = tokio::io::duplex(4096);
            tokio::spawn(async move {
                let mut server = accept(far).await?;
                server.send(Message::text("Hello")).await?;
                server.close(Some(CloseFrame { code: CloseCode::Restart, reason: "".into() })).await
            });
            let (socket, _) = fullduplex_tokio::client("ws://localhost/", near).await?;
            Ok::<Socket, Error>(socket)
        }
    };
    let mut client = Stay::new(connect, Backoff::new().max_failures(2));
    while let Some(event) = client.next().await {
        if let Event::GaveUp { .. } = event {
            break;
        }
    }
    let told = ear.told();
    assert!(told[2].starts_with("lost is_clean=true retry_in_ms="), "{told:?}");
    let told: Vec<&str> = told.iter().map(|line| line.split(" retry").next().unwrap()).collect();
    let expected = [
        "connecting failures=0",
        "open",
        "lost is_clean=true",
        "connecting failures=1",
        "gave up is_clean=false",
    ];
    assert_eq!(told, expected);
}
