//! WebSockets on HTTP servers, over sockets: hyper, and axum above it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use fullduplex_testkit::Frame;
use fullduplex_tokio::fullduplex::handshake::{AcceptError, RejectError, RequestError};
use fullduplex_tokio::http::{Request, Response, StatusCode};
use fullduplex_tokio::hyper::body::Incoming;
use fullduplex_tokio::hyper_util::rt::TokioIo;
use fullduplex_tokio::{
    ConnectOptions, DeflateConfig, Error, Message, OwnedAcceptance, OwnedClientRequest,
    OwnedRejection, Result, UpgradeResponse, Upgrading, WebSocketConfig, connect_with,
    is_upgrade_request, upgrade, upgrade_with,
};
use futures_util::{SinkExt, StreamExt};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message as TheirMessage;

use crate::support::{echo, header, secs, status};

/// A hyper server on a port of its own, which answers every request with `handle`.
pub(crate) async fn serve<F, R>(handle: F) -> SocketAddr
where
    F: Fn(Request<Incoming>) -> R + Send + Sync + 'static,
    R: Future<Output = UpgradeResponse> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let handle = Arc::new(handle);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let handle = Arc::clone(&handle);
            let service = service_fn(move |request| {
                let answer = handle(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection.with_upgrades());
        }
    });
    address
}

/// An echo server, which also has a page at `/page`.
async fn serve_echo(config: WebSocketConfig) -> SocketAddr {
    serve(move |request| answer_by_echo(request, config)).await
}

/// The response. If the request asks for a WebSocket, an echo runs in a task of its own.
pub(crate) async fn answer_by_echo(
    mut request: Request<Incoming>,
    config: WebSocketConfig,
) -> UpgradeResponse {
    if !is_upgrade_request(&request) && request.uri().path() == "/page" {
        return Response::new("a page\n".into());
    }
    let (response, socket) = upgrade(&mut request, config);
    if let Ok(socket) = socket {
        tokio::spawn(async move { echo(socket.await?).await });
    }
    response
}

/// A server, and the outcome of each request to it.
async fn serve_outcomes<D>(decide: D) -> (SocketAddr, mpsc::UnboundedReceiver<Result<Upgrading>>)
where
    D: Fn(
            &fullduplex_tokio::fullduplex::handshake::Request<'_>,
        ) -> Result<OwnedAcceptance, OwnedRejection>
        + Copy
        + Send
        + Sync
        + 'static,
{
    let (outcomes, received) = mpsc::unbounded_channel();
    let address = serve(move |mut request| {
        let outcomes = outcomes.clone();
        async move {
            let (response, outcome) = upgrade_with(&mut request, WebSocketConfig::new(), decide);
            outcomes.send(outcome).unwrap();
            response
        }
    })
    .await;
    (address, received)
}

const GOOD: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

#[tokio::test]
async fn our_client_talks_to_a_hyper_server() {
    let address = serve_echo(WebSocketConfig::new()).await;
    let (mut client, response) =
        fullduplex_tokio::connect(format!("ws://{address}/chat")).await.unwrap();
    assert_eq!(status(&response), 101);
    assert_eq!(header(&response, "sec-websocket-extensions"), None);
    for size in [0, 125, 126, 65_536, 1 << 20] {
        let message = Message::binary(vec![1; size]);
        client.send(message.clone()).await.unwrap();
        assert_eq!(client.recv().await.unwrap().unwrap(), message);
    }
    client.close(None).await.unwrap();
}

#[tokio::test]
async fn compression_is_agreed_on_with_a_hyper_server() {
    let config = WebSocketConfig::new().deflate(DeflateConfig::new());
    for (client, server, agreed) in [
        (config, config, true),
        (config, WebSocketConfig::new(), false),
        (WebSocketConfig::new(), config, false),
    ] {
        let address = serve_echo(server).await;
        let url = format!("ws://{address}/");
        let (mut client, response) =
            connect_with(url, &ConnectOptions::new().config(client)).await.unwrap();
        assert_eq!(header(&response, "sec-websocket-extensions").is_some(), agreed);
        assert_eq!(client.deflate().is_some(), agreed);
        for _ in 0..3 {
            let message = Message::text("compressible ".repeat(10_000));
            client.send(message.clone()).await.unwrap();
            assert_eq!(client.recv().await.unwrap().unwrap(), message);
        }
        client.close(None).await.unwrap();
    }
}

#[tokio::test]
async fn their_client_talks_to_a_hyper_server() {
    let address = serve_echo(WebSocketConfig::new()).await;
    let (mut client, _) =
        tokio_tungstenite::client_async(format!("ws://{address}/"), connect(address).await)
            .await
            .unwrap();
    client.send(TheirMessage::text("κόσμε")).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), TheirMessage::text("κόσμε"));
    client.close(None).await.unwrap();
    assert!(matches!(client.next().await, Some(Ok(TheirMessage::Close(_)))));
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// The responses to `request` and to a request for the page behind it, after which the server closes.
async fn answers(address: SocketAddr, request: &str) -> String {
    let mut wire = connect(address).await;
    wire.write_all(request.as_bytes()).await.unwrap();
    wire.write_all(b"GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    wire.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn an_invalid_request_gets_its_status_and_the_connection_goes_on() {
    let address = serve_echo(WebSocketConfig::new()).await;
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let upgrade = "upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n";
    for (from, to, status, contains) in [
        ("GET", "POST", "405 Method Not Allowed", "allow: GET\r\n"),
        ("/chat", "*", "400 Bad Request", "the request target is neither"),
        ("Host: a\r\n", "", "400 Bad Request", "Host"),
        ("Host: a\r\n", "Host: a\r\nHost: a\r\n", "400 Bad Request", "Host"),
        ("Host: a\r\n", "Host: a b\r\n", "400 Bad Request", "Host"),
        ("Host: a\r\n", "Host: a\r\nContent-Length: 0\r\n", "101 Switching", ""),
        ("Upgrade: websocket\r\n", "", "426 Upgrade Required", upgrade),
        ("websocket\r\n", "h2c\r\n", "426 Upgrade Required", upgrade),
        ("Connection: Upgrade\r\n", "", "426 Upgrade Required", upgrade),
        ("Version: 13", "Version: 8", "426 Upgrade Required", upgrade),
        ("Sec-WebSocket-Version: 13\r\n", "", "426 Upgrade Required", upgrade),
        (key, "", "400 Bad Request", "Sec-WebSocket-Key header is missing"),
        ("dGhl", "dGh", "400 Bad Request", "16 bytes in base64"),
        ("Host: a", "Sec-WebSocket-Key: x\r\nHost: a", "400 Bad Request", "16 bytes in base64"),
        ("Host: a", "Host: a\r\nSec-WebSocket-Protocol: a b", "400 Bad", "token"),
        ("Host: a", "Host: a\r\nSec-WebSocket-Extensions: a;;", "400 Bad", "Extensions"),
    ] {
        let request = GOOD.replacen(from, to, 1);
        assert_ne!(request, GOOD);
        if status.starts_with("101") {
            let mut wire = connect(address).await;
            wire.write_all(request.as_bytes()).await.unwrap();
            let mut head = [0; 20];
            wire.read_exact(&mut head).await.unwrap();
            assert!(head.starts_with(b"HTTP/1.1 101"));
            continue;
        }
        let text = answers(address, &request).await;
        assert!(text.starts_with(&format!("HTTP/1.1 {status}")), "{request}{text}");
        assert!(text.contains(contains), "{request}{text}");
        assert!(text.contains("content-type: text/plain; charset=utf-8\r\n"), "{request}{text}");
        assert!(text.ends_with("\r\n\r\na page\n"), "{request}{text}");
    }
    let request = GOOD.replacen("HTTP/1.1", "HTTP/1.0", 1);
    let text = answers(address, &request).await;
    assert!(text.starts_with("HTTP/1.0 505 HTTP Version Not Supported\r\n"), "{text}");
    let body = GOOD.replacen("Host: a", "Host: a\r\nContent-Length: 4", 1) + "body";
    let text = answers(address, &body).await;
    assert!(text.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_the_client_sends_right_behind_its_request_is_not_lost() {
    let address = serve_echo(WebSocketConfig::new()).await;
    let early = [Frame::text("early").masked().encode(), Frame::text("bird").masked().encode()];
    let early = early.concat();
    // The frames come with the request, are cut, come after the request, or the request itself is cut.
    for cut in [GOOD.len() + early.len(), GOOD.len() + 3, GOOD.len(), GOOD.len() - 1] {
        let mut wire = connect(address).await;
        wire.set_nodelay(true).unwrap();
        let sent = [GOOD.as_bytes(), &early].concat();
        wire.write_all(&sent[..cut]).await.unwrap();
        // The clock goes on when no task has anything to do.
        tokio::time::sleep(secs(1)).await;
        wire.write_all(&sent[cut..]).await.unwrap();
        let expected = [&b"\r\n\r\n"[..], b"\x81\x05early", b"\x81\x04bird"].concat();
        let mut answer = Vec::new();
        while !answer.ends_with(&expected) {
            assert_ne!(wire.read_buf(&mut answer).await.unwrap(), 0, "{}", answer.escape_ascii());
        }
        assert!(answer.starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
    }
}

#[tokio::test]
async fn a_decision_chooses_subprotocol_and_headers() {
    let (address, mut outcomes) = serve_outcomes(|request| {
        assert_eq!((request.path(), request.query()), ("/chat", Some("room=1")));
        assert!(request.is_same_origin());
        assert_eq!(request.choose_subprotocol(&["second", "first"]), Some("second"));
        Ok(OwnedAcceptance::new()
            .subprotocol("second")
            .header("Set-Cookie", "a")
            .header("Set-Cookie", "b"))
    })
    .await;
    let request = OwnedClientRequest::new(format!("ws://{address}/chat?room=1"))
        .unwrap()
        .origin(format!("http://{address}"))
        .subprotocol("first")
        .subprotocol("second");
    let (mut client, response) = fullduplex_tokio::connect(request).await.unwrap();
    let response = response.as_response();
    assert_eq!(response.subprotocol(), Some("second"));
    assert!(response.headers().get_all("set-cookie").eq([b"a", b"b"]));
    let server = tokio::spawn(echo(outcomes.recv().await.unwrap().unwrap().await.unwrap()));
    client.close(None).await.unwrap();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_decision_rejects() {
    let (address, mut outcomes) = serve_outcomes(|_| {
        Err(OwnedRejection::new(401).header("WWW-Authenticate", "Bearer").body("Who are you?\n"))
    })
    .await;
    let refused = fullduplex_tokio::connect(format!("ws://{address}/")).await.unwrap_err();
    let Error::Http(refused) = refused else { panic!("{refused:?}") };
    assert_eq!(status(&refused.response), 401);
    assert_eq!(header(&refused.response, "www-authenticate"), Some("Bearer"));
    let outcome = outcomes.recv().await.unwrap().unwrap_err();
    assert!(matches!(outcome, Error::Responded(401)), "{outcome:?}");
    let text = answers(address, GOOD).await;
    assert!(text.contains("\r\n\r\nWho are you?\n"), "{text}");
}

#[tokio::test]
async fn a_rejection_that_asks_for_an_upgrade_says_which() {
    let (address, _outcomes) = serve_outcomes(|_| Err(OwnedRejection::new(426))).await;
    let text = answers(address, GOOD).await.to_ascii_lowercase();
    assert!(text.starts_with("http/1.1 426 "), "{text}");
    assert!(text.contains("\r\nupgrade: websocket\r\n"), "{text}");
    assert!(text.contains("\r\nconnection: upgrade\r\n"), "{text}");
}

#[tokio::test]
async fn a_decision_that_must_not_be_sent_is_our_fault() {
    type Decide = fn() -> Result<OwnedAcceptance, OwnedRejection>;
    type Expected = fn(&Error) -> bool;
    let decisions: [(Decide, Expected); 5] = [
        (
            || Ok(OwnedAcceptance::new().subprotocol("never-offered")),
            |error| matches!(error, Error::Accept(AcceptError::SubprotocolNotOffered)),
        ),
        (
            || Ok(OwnedAcceptance::new().header("Upgrade", "h2c")),
            |error| matches!(error, Error::Accept(AcceptError::InvalidHeader(_))),
        ),
        (
            || Ok(OwnedAcceptance::new().header("X", "a\r\nb: c")),
            |error| matches!(error, Error::Accept(AcceptError::InvalidHeader(_))),
        ),
        (
            || Err(OwnedRejection::new(200)),
            |error| matches!(error, Error::Reject(RejectError::Status(200))),
        ),
        (
            || Err(OwnedRejection::new(403).header("Content-Length", "7")),
            |error| matches!(error, Error::Reject(RejectError::InvalidHeader(_))),
        ),
    ];
    for (decide, expected) in decisions {
        let (address, mut outcomes) = serve_outcomes(move |_| decide()).await;
        let refused = fullduplex_tokio::connect(format!("ws://{address}/")).await.unwrap_err();
        assert!(matches!(refused, Error::Http(refused) if status(&refused.response) == 500));
        let error = outcomes.recv().await.unwrap().unwrap_err();
        assert!(expected(&error), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_held_back_is_not_waited_for_longer_than_a_handshake() {
    let (sender, mut received) = mpsc::unbounded_channel();
    let address = serve(move |mut request| {
        sender.send(upgrade(&mut request, WebSocketConfig::new()).1.unwrap()).unwrap();
        std::future::pending()
    })
    .await;
    let mut wire = connect(address).await;
    wire.write_all(GOOD.as_bytes()).await.unwrap();
    let upgrading = received.recv().await.unwrap();
    let begun = tokio::time::Instant::now();
    let error = upgrading.await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert!((secs(10)..secs(11)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn another_response_than_was_made_is_an_error() {
    let (sender, mut received) = mpsc::unbounded_channel();
    let address = serve(move |mut request| {
        sender.send(upgrade(&mut request, WebSocketConfig::new()).1.unwrap()).unwrap();
        std::future::ready(Response::new("no\n".into()))
    })
    .await;
    let text = answers(address, GOOD).await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    let error = received.recv().await.unwrap().await.unwrap_err();
    assert!(matches!(error, Error::Io(_)), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_cannot_be_handed_over_is_our_fault() {
    let good = || {
        let builder = Request::get("/").header("Host", "a").header("Upgrade", "websocket");
        let builder = builder.header("Connection", "Upgrade").header("Sec-WebSocket-Version", "13");
        builder.header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==").body(()).unwrap()
    };
    let (response, outcome) = upgrade(&mut good(), WebSocketConfig::new());
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(
        matches!(outcome, Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::Unsupported)
    );

    // A fault of the request is reported first.
    let mut request = good();
    request.headers_mut().remove("Sec-WebSocket-Key");
    let (response, outcome) = upgrade(&mut request, WebSocketConfig::new());
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let expected = RequestError::KeyMissing.into();
    assert!(matches!(outcome, Err(Error::Handshake(error)) if error == expected));

    // A request can be upgraded only once.
    let address = serve(|mut request| async move {
        let (response, first) = upgrade(&mut request, WebSocketConfig::new());
        assert!(first.is_ok() && response.status() == 101);
        let (response, second) = upgrade(&mut request, WebSocketConfig::new());
        assert!(second.is_err());
        response
    })
    .await;
    let text = answers(address, GOOD).await;
    assert!(text.starts_with("HTTP/1.1 500 "), "{text}");
}

#[tokio::test]
async fn a_handler_of_axum_upgrades() {
    use axum::Router;
    use axum::extract::Request;
    use axum::routing::{any, get};

    async fn chat(mut request: Request) -> UpgradeResponse {
        let (response, socket) = upgrade(&mut request, WebSocketConfig::new());
        if let Ok(socket) = socket {
            tokio::spawn(async move { echo(socket.await?).await });
        }
        response
    }

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let inner = Router::new().route("/chat", any(chat));
    let app = Router::new().nest("/api", inner).route("/page", get(|| async { "a page\n" }));
    tokio::spawn(async move { axum::serve(listener, app).await });

    let (mut client, _) =
        fullduplex_tokio::connect(format!("ws://{address}/api/chat?a=b")).await.unwrap();
    client.send(Message::text("hi")).await.unwrap();
    assert_eq!(client.recv().await.unwrap().unwrap(), Message::text("hi"));
    client.close(None).await.unwrap();

    let text = answers(address, "GET /api/chat HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(text.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\na page\n"), "{text}");
}
