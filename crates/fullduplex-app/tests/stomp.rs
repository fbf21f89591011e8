//! The STOMP broker of the examples, with other makers' clients, which `cargo xtask peers` installs, and with hostile
//! clients.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fullduplex_app::{Gate, GateLimits, serve};
use fullduplex_tokio::{
    CloseCode, ConnectOptions, Error, MaybeTlsStream, Message, OwnedClientRequest, Role,
    WebSocketConfig, WebSocketStream, connect_with,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

#[expect(dead_code, reason = "its `main` is for the example")]
#[path = "../examples/stomp/main.rs"]
mod stomp;

use stomp::broker::Broker;
use stomp::frame::{MOST_HEADERS, MOST_LINE};
use stomp::session::{SUBSCRIPTIONS, Session};

const BEAT: Duration = Duration::from_secs(1);

const CONNECT: &str = "CONNECT\naccept-version:1.1,1.2\n\n\0";

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn start() -> (Arc<Broker>, SocketAddr) {
    let (broker, gate) = (Broker::new(BEAT), Gate::new(GateLimits::new()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = broker.clone();
    let handle = move |stream, pass| stomp::connection(stream, pass, serving.clone());
    tokio::spawn(serve(listener, gate, handle));
    (broker, address)
}

async fn open(address: SocketAddr, connect: &str) -> Socket {
    let request = OwnedClientRequest::new(format!("ws://{address}/")).unwrap();
    let (mut socket, response) =
        connect_with(request.subprotocol("v12.stomp"), &ConnectOptions::new()).await.unwrap();
    assert_eq!(response.as_response().subprotocol(), Some("v12.stomp"));
    let connected = ask(&mut socket, connect).await;
    assert_eq!(connected, "CONNECTED\nversion:1.2\nheart-beat:1000,1000\n\n\0");
    socket
}

async fn ask(socket: &mut Socket, frame: &str) -> String {
    socket.send(Message::text(frame)).await.unwrap();
    hear(socket).await
}

async fn hear(socket: &mut Socket) -> String {
    let message = timeout(Duration::from_secs(10), socket.recv()).await.expect("an answer");
    message.unwrap().unwrap().to_text().unwrap().to_owned()
}

/// The code and the reason of the Close.
async fn closed(socket: &mut Socket) -> (CloseCode, String) {
    loop {
        let message = timeout(Duration::from_secs(10), socket.recv()).await.expect("a Close");
        if let Message::Close(close) = message.unwrap().unwrap() {
            let close = close.unwrap();
            return (close.code, close.reason.as_str().to_owned());
        }
    }
}

/// Waits until there is no destination.
async fn forgotten(broker: &Broker) {
    let end = Instant::now() + Duration::from_secs(10);
    while broker.destinations() > 0 {
        assert!(Instant::now() < end, "{} destinations", broker.destinations());
        sleep(Duration::from_millis(10)).await;
    }
}

fn installed(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers").join(path)
}

/// Runs another maker's client to its end, and returns the lines that it prints.
async fn peer(program: &Path, script: &str, needed: &str, arguments: &[&str]) -> Vec<String> {
    let needed = installed(needed);
    assert!(
        needed.exists(),
        "this test talks to a peer that is not installed: run `cargo xtask peers` ({} is missing)",
        needed.display()
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(script);
    let mut command = Command::new(program);
    command.arg(script).args(arguments).env("PYTHONDONTWRITEBYTECODE", "1").kill_on_drop(true);
    let output =
        timeout(Duration::from_secs(60), command.output()).await.expect("it ends").unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{wrong}");
    text.lines().map(Into::into).collect()
}

#[tokio::test]
async fn stompjs_talks_to_the_broker() {
    let (broker, address) = start().await;
    let (npm, url) = (installed("npm"), format!("ws://{address}/"));
    let arguments = [npm.to_str().unwrap(), &url];
    let said =
        peer(Path::new("node"), "stomp.mjs", "npm/node_modules/@stomp/stompjs", &arguments).await;
    let expected = [
        "connected 1.2 1000,1000 v12.stomp",
        r#"message {"a-b":"c\nd\r\\","content-length":"7","destination":"/topic/a:b","priority":"9","subscription":"s\\1"} 103,114,195,188,195,159,101"#,
        r#"message {"content-length":"4","content-type":"application/x","destination":"/topic/a:b","subscription":"s\\1"} 0,255,0,10"#,
        "beats true true true",
        "disconnected 1000",
        "error no acknowledgements here: ack must be auto r 1008 no acknowledgements here: ack must be auto",
        "refused 1006",
    ];
    assert_eq!(said, expected);
    forgotten(&broker).await;
}

#[tokio::test]
async fn stomp_py_talks_to_the_broker() {
    let (broker, address) = start().await;
    let (python, port) = (installed("venv/bin/python"), address.port().to_string());
    let said = peer(&python, "stomp_client.py", "venv/bin/stomp", &[&port]).await;
    let expected = [
        "connected 1.2 1000,1000",
        "receipt subscribed",
        r"message ['s:1', '/topic/a:b', '7', 'text/plain', 'c\nd\r\\'] grüße",
        "receipt unsubscribed",
        "receipt sent",
        "beats True True",
        "disconnected",
        "receipt bye",
        "connected 1.2 1000,1000",
        "message ['s', '/topic/b', '9', None, None] in binary",
        "error no transactions here None",
        "disconnected",
    ];
    assert_eq!(said, expected);
    forgotten(&broker).await;
}

#[tokio::test]
async fn messages_carry_the_senders_headers_but_not_those_of_the_broker() {
    let (broker, address) = start().await;
    let mut socket = open(address, CONNECT).await;
    let receipt = ask(&mut socket, "SUBSCRIBE\nid:0\ndestination:/a\nreceipt:s\n\n\0").await;
    assert_eq!(receipt, "RECEIPT\nreceipt-id:s\n\n\0");
    let receipt = ask(
        &mut socket,
        "SEND\ndestination:/a\nmessage-id:x\nsubscription:y\nack:z\nmine:1\nmine:2\nreceipt:r\n\nhi\0",
    )
    .await;
    assert_eq!(receipt, "RECEIPT\nreceipt-id:r\n\n\0");
    let message = hear(&mut socket).await;
    let (front, rest) = message.split_once("message-id:0\n").unwrap();
    assert_eq!(front, "MESSAGE\nsubscription:0\n");
    assert_eq!(rest, "destination:/a\ncontent-length:2\nmine:1\n\nhi\0");
    socket.close(None).await.unwrap();
    forgotten(&broker).await;
}

#[tokio::test]
async fn faults_are_answered_by_error_and_close() {
    let (broker, address) = start().await;
    let long = format!("SEND\n{}:\n\n\0", "n".repeat(MOST_LINE));
    let many = format!("SEND\n{}\n\0", "a:\n".repeat(MOST_HEADERS + 1));
    for (frame, fault) in [
        ("HELLO\n\n\0", "no such command"),
        ("SEND\na\n\n\0", "a header without a colon"),
        ("SEND\n\n\0", "SEND without a destination"),
        ("SEND\ndestination:/a\ntransaction:t\n\n\0", "no transactions here"),
        ("SUBSCRIBE\nid:0\n\n\0", "SUBSCRIBE without a destination"),
        ("SUBSCRIBE\ndestination:/a\n\n\0", "SUBSCRIBE without an id"),
        ("UNSUBSCRIBE\nid:0\n\n\0", "no subscription has this id"),
        ("ACK\nid:0\n\n\0", "no acknowledgements here"),
        (CONNECT, "connected already"),
        (&long, "a line is too long"),
        (&many, "too many headers"),
    ] {
        let mut socket = open(address, CONNECT).await;
        let error = ask(&mut socket, frame).await;
        assert_eq!(error, format!("ERROR\nmessage:{fault}\nversion:1.2\n\n\0"));
        assert_eq!(closed(&mut socket).await, (CloseCode::Policy, fault.into()));
    }
    for (connect, fault) in [
        ("CONNECT\n\n\0", "this is STOMP 1.2"),
        ("STOMP\naccept-version:1.0,1.1\n\n\0", "this is STOMP 1.2"),
        ("SEND\ndestination:/a\n\n\0", "CONNECT comes first"),
        ("CONNECT\naccept-version:1.2\nheart-beat:1\n\n\0", "heart-beat is not two numbers"),
        (
            "CONNECT\naccept-version:1.2\nheart-beat:0,4294967296\n\n\0",
            "heart-beat is not two numbers",
        ),
    ] {
        let (mut socket, _) =
            connect_with(format!("ws://{address}/"), &ConnectOptions::new()).await.unwrap();
        let error = ask(&mut socket, connect).await;
        assert_eq!(error, format!("ERROR\nmessage:{fault}\nversion:1.2\n\n\0"));
    }
    forgotten(&broker).await;
}

#[tokio::test]
async fn other_subprotocols_and_other_sites_are_refused() {
    let (_, address) = start().await;
    let request = || OwnedClientRequest::new(format!("ws://{address}/")).unwrap();
    for (request, status) in [
        (request().subprotocol("v11.stomp").subprotocol("v10.stomp"), 400),
        (request().origin("http://example.org"), 403),
    ] {
        let refused = match connect_with(request, &ConnectOptions::new()).await {
            Err(Error::Http(refused)) => refused,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused.response.as_response().status(), status);
    }
}

#[tokio::test]
async fn a_client_that_does_not_beat_is_left_and_one_that_beats_stays() {
    let (_, address) = start().await;
    let begun = Instant::now();
    let mut silent = open(address, "CONNECT\naccept-version:1.2\nheart-beat:1,1\n\n\0").await;
    let mut alive = open(address, "CONNECT\naccept-version:1.2\nheart-beat:1000,0\n\n\0").await;
    let ended = async {
        // The broker sends heart-beats all the while.
        assert_eq!(hear(&mut silent).await, "\n");
        assert_eq!(closed(&mut silent).await, (CloseCode::Policy, "you are silent".into()));
        assert!(begun.elapsed() >= BEAT * 2, "{:?}", begun.elapsed());
    };
    let living = async {
        for _ in 0..10 {
            sleep(BEAT / 2).await;
            alive.send(Message::text("\n")).await.unwrap();
        }
        let receipt = ask(&mut alive, "SEND\ndestination:/a\nreceipt:r\n\n\0").await;
        assert_eq!(receipt, "RECEIPT\nreceipt-id:r\n\n\0");
    };
    tokio::join!(ended, living);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_connect_is_left() {
    let (near, far) = tokio::io::duplex(1 << 10);
    let config = WebSocketConfig::new();
    let server = WebSocketStream::from_raw_socket(near, Role::Server, config);
    let mut client = WebSocketStream::from_raw_socket(far, Role::Client, config);
    let pass = Gate::new(GateLimits::new()).enter([127, 0, 0, 1].into()).unwrap();
    let begun = Instant::now();
    let running = Session::run(Broker::new(BEAT), server, pass);
    let talking = async {
        // Heart-beats do not replace CONNECT.
        for _ in 0..5 {
            client.send(Message::text("\n")).await.unwrap();
            sleep(Duration::from_secs(1)).await;
        }
        let Some(Ok(Message::Close(Some(close)))) = client.recv().await else { panic!() };
        assert_eq!(close.code, CloseCode::Policy);
        assert_eq!(begun.elapsed().as_secs(), 10);
        assert!(client.recv().await.is_none());
    };
    tokio::join!(running, talking);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_no_receipts_is_left() {
    let (near, far) = tokio::io::duplex(1 << 10);
    let config = WebSocketConfig::new();
    let server =
        WebSocketStream::from_raw_socket(near, Role::Server, config.max_write_buffer_size(1));
    let mut client = WebSocketStream::from_raw_socket(far, Role::Client, config.read_ahead_size(0));
    let pass = Gate::new(GateLimits::new()).enter([127, 0, 0, 1].into()).unwrap();
    let begun = Instant::now();
    let running = Session::run(Broker::new(BEAT), server, pass);
    let talking = async {
        client.send(Message::text(CONNECT)).await.unwrap();
        let asking = Message::text("SEND\ndestination:/a\nreceipt:r\n\n\0");
        for _ in 0..2000 {
            client.send(asking.clone()).await.unwrap();
        }
    };
    tokio::join!(running, talking);
    // The broker waits 10 s until the client takes a frame, and 5 s until its Close is answered.
    assert_eq!(begun.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn beats_that_come_while_the_broker_waits_for_the_client_count() {
    for _ in 0..10 {
        let (near, far) = tokio::io::duplex(1 << 10);
        let config = WebSocketConfig::new();
        let server =
            WebSocketStream::from_raw_socket(near, Role::Server, config.max_write_buffer_size(1));
        let mut client = WebSocketStream::from_raw_socket(far, Role::Client, config);
        let pass = Gate::new(GateLimits::new()).enter([127, 0, 0, 1].into()).unwrap();
        let running = Session::run(Broker::new(BEAT), server, pass);
        let talking = async {
            let body = "b".repeat(1 << 10);
            let sending = format!("SEND\ndestination:/a\n\n{body}\0");
            let connect = "CONNECT\naccept-version:1.2\nheart-beat:1000,0\n\n\0";
            for frame in [connect, "SUBSCRIBE\nid:0\ndestination:/a\n\n\0"] {
                client.send(Message::text(frame)).await.unwrap();
            }
            for _ in 0..10 {
                client.send(Message::text(sending.as_str())).await.unwrap();
            }
            for _ in 0..20 {
                sleep(BEAT / 2).await;
                client.send(Message::text("\n")).await.unwrap();
            }
            let bye = "DISCONNECT\nreceipt:bye\n\n\0";
            client.send(Message::text(bye)).await.unwrap();
            let mut messages = 0;
            let close = loop {
                match client.recv().await.unwrap().unwrap() {
                    Message::Close(close) => break close.unwrap(),
                    message => messages += usize::from(message.to_text().unwrap().len() > 1 << 10),
                }
            };
            assert_eq!((close.code, messages), (CloseCode::Normal, 10), "{close:?}");
        };
        tokio::join!(running, talking);
    }
}

#[tokio::test]
async fn a_client_that_hears_itself_loses_nothing_in_a_burst() {
    const BURST: usize = 2000;
    let (_, address) = start().await;
    let mut socket = open(address, CONNECT).await;
    let mut other = open(address, CONNECT).await;
    for socket in [&mut socket, &mut other] {
        ask(socket, "SUBSCRIBE\nid:0\ndestination:/a\nreceipt:s\n\n\0").await;
    }
    for number in 0..BURST {
        let frame = format!("SEND\ndestination:/a\n\n{number}\0");
        socket.feed(Message::text(frame)).await.unwrap();
    }
    socket.flush().await.unwrap();
    for socket in [&mut socket, &mut other] {
        for number in 0..BURST {
            let message = hear(socket).await;
            assert!(message.ends_with(&format!("\n\n{number}\0")), "{number}: {message}");
        }
    }
}

#[tokio::test]
async fn a_million_destinations_leave_nothing() {
    let (broker, address) = start().await;
    let mut socket = open(address, CONNECT).await;
    for number in 0..1_000_000 {
        let frame = format!("SEND\ndestination:/{number}\n\n\0");
        socket.feed(Message::text(frame)).await.unwrap();
        if number % 1000 == 0 {
            assert_eq!(broker.destinations(), 0);
        }
    }
    for number in 0..10_000 {
        let frame = format!("SUBSCRIBE\nid:0\ndestination:/{number}\n\n\0");
        socket.feed(Message::text(frame)).await.unwrap();
        socket.feed(Message::text("UNSUBSCRIBE\nid:0\n\n\0")).await.unwrap();
    }
    ask(&mut socket, "SEND\ndestination:/a\nreceipt:r\n\n\0").await;
    assert_eq!(broker.destinations(), 0);
}

#[tokio::test]
async fn subscriptions_and_destinations_have_an_end() {
    let (broker, address) = start().await;
    let mut socket = open(address, CONNECT).await;
    for number in 0..SUBSCRIPTIONS {
        let frame = format!("SUBSCRIBE\nid:{number}\ndestination:/{number}\nreceipt:r\n\n\0");
        assert!(ask(&mut socket, &frame).await.starts_with("RECEIPT"));
    }
    assert_eq!(broker.destinations(), SUBSCRIPTIONS);
    let error = ask(&mut socket, "SUBSCRIBE\nid:x\ndestination:/x\nreceipt:r\n\n\0").await;
    assert_eq!(error, "ERROR\nmessage:too many subscriptions\nversion:1.2\nreceipt-id:r\n\n\0");
    closed(&mut socket).await;
    forgotten(&broker).await;

    let mut subscriptions = Vec::new();
    let fault = loop {
        match broker.subscribe(&subscriptions.len().to_string(), "0") {
            Ok(subscription) => subscriptions.push(subscription),
            Err(fault) => break fault,
        }
    };
    assert_eq!((fault, subscriptions.len()), ("too many destinations", 10_000));
    // An existing destination can still be subscribed to, and it exists as long as it has a subscription.
    let last = broker.subscribe("0", "1").unwrap();
    drop(subscriptions);
    assert_eq!(broker.destinations(), 1);
    drop(last);
    assert_eq!(broker.destinations(), 0);
}

#[tokio::test]
async fn a_header_without_an_end_fails_the_connection() {
    let (_, address) = start().await;
    let mut socket = open(address, CONNECT).await;
    let endless = "SEND\n".to_owned() + &"a:b\n".repeat(8 << 10);
    socket.send(Message::text(endless)).await.unwrap();
    assert_eq!(closed(&mut socket).await.0, CloseCode::Size);
}
