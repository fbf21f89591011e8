//! WebSockets over HTTP/2 between our client and our server, over sockets.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use fullduplex_tokio::fullduplex::handshake::ResponseError;
use fullduplex_tokio::http::{Method, Request, Response, StatusCode};
use fullduplex_tokio::hyper_util::rt::{TokioExecutor, TokioIo};
use fullduplex_tokio::{
    CloseCode, CloseFrame, DeflateConfig, Error, Message, OwnedAcceptance, OwnedClientRequest,
    OwnedRejection, UpgradeResponse, WebSocketConfig, client_http2, http2_ready, upgrade,
    upgrade_with,
};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::ext::Protocol;
use hyper::server::conn::http2 as server;
use hyper::service::service_fn;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::support::{echo, header, secs, status};
use crate::upgrade::answer_by_echo;

#[expect(dead_code, reason = "its `main` is for the example")]
#[path = "../../examples/hyper_server.rs"]
mod hyper_server;

/// A hyper server for HTTP/2 only, which answers every request with `handle`.
pub(crate) async fn serve<F, R>(announces: bool, handle: F) -> SocketAddr
where
    F: Fn(Request<Incoming>) -> R + Copy + Send + 'static,
    R: Future<Output = UpgradeResponse> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(move |request| {
                let answer = handle(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            let mut builder = server::Builder::new(TokioExecutor::new());
            if announces {
                builder.enable_connect_protocol();
            }
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

async fn serve_echo(config: WebSocketConfig) -> SocketAddr {
    serve(true, move |request| answer_by_echo(request, config)).await
}

/// A client's HTTP/2 connection, once its server has announced WebSockets.
pub(crate) async fn connect(address: SocketAddr) -> SendRequest<String> {
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (sender, mut connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    http2_ready(&mut connection, secs(5)).await.unwrap();
    tokio::spawn(connection);
    sender
}

#[tokio::test]
async fn the_example_opens_websockets_over_http_2_and_http_1_on_one_port() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(hyper_server::serve(listener));
    let (url, config) = (format!("ws://{address}/echo"), WebSocketConfig::new());
    let mut sender = connect(address).await;
    let (mut over_2, response) = client_http2(&mut sender, url.as_str(), config).await.unwrap();
    assert_eq!(status(&response), 200);
    let (mut over_1, response) = fullduplex_tokio::connect(url.as_str()).await.unwrap();
    assert_eq!(status(&response), 101);
    over_2.send("over HTTP/2".into()).await.unwrap();
    assert_eq!(over_2.recv().await.unwrap().unwrap(), Message::text("over HTTP/2"));
    over_1.send("over HTTP/1.1".into()).await.unwrap();
    assert_eq!(over_1.recv().await.unwrap().unwrap(), Message::text("over HTTP/1.1"));
    let mut page = Request::new(String::new());
    *page.uri_mut() = format!("http://{address}/").parse().unwrap();
    assert_eq!(sender.send_request(page).await.unwrap().status(), StatusCode::OK);
    over_2.close(None).await.unwrap();
    over_1.close(None).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_example_does_not_wait_for_a_request_for_ever() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    tokio::spawn(hyper_server::serve(listener));
    stream.write_all(b"GET /echo HTTP/1.1\r\nHost: a\r\n").await.unwrap();
    let mut response = Vec::new();
    tokio::time::timeout(secs(60), stream.read_to_end(&mut response)).await.unwrap().unwrap();
}

#[tokio::test]
async fn many_websockets_share_a_connection_with_other_requests() {
    let address = serve_echo(WebSocketConfig::new()).await;
    let mut sender = connect(address).await;
    let mut sockets = Vec::new();
    for index in 0..20 {
        let url = format!("ws://{address}/chat?{index}");
        let (socket, response) =
            client_http2(&mut sender, url, WebSocketConfig::new()).await.unwrap();
        assert_eq!(status(&response), 200);
        assert_eq!(header(&response, "sec-websocket-accept"), None);
        sockets.push(socket);
    }
    let mut page = Request::new(String::new());
    *page.uri_mut() = format!("http://{address}/page").parse().unwrap();
    assert_eq!(sender.send_request(page).await.unwrap().status(), StatusCode::OK);
    let mut tasks = Vec::new();
    for (index, mut socket) in sockets.into_iter().enumerate() {
        tasks.push(tokio::spawn(async move {
            for size in [0, 125, 126, 65_536, 300_000] {
                let message = Message::binary(vec![index as u8; size]);
                socket.send(message.clone()).await.unwrap();
                assert_eq!(socket.recv().await.unwrap().unwrap(), message);
            }
            socket.send(Message::Ping("ping".into())).await.unwrap();
            assert_eq!(socket.recv().await.unwrap().unwrap(), Message::Pong("ping".into()));
            socket.close(None).await.unwrap();
            assert!(socket.receiver().is_clean());
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn compression_is_agreed_on_over_http_2() {
    let config = WebSocketConfig::new().deflate(DeflateConfig::new());
    for (client, server, agreed) in [
        (config, config, true),
        (config, WebSocketConfig::new(), false),
        (WebSocketConfig::new(), config, false),
    ] {
        let address = serve_echo(server).await;
        let mut sender = connect(address).await;
        let url = format!("ws://{address}/");
        let (mut socket, response) = client_http2(&mut sender, url, client).await.unwrap();
        assert_eq!(header(&response, "sec-websocket-extensions").is_some(), agreed);
        assert_eq!(socket.deflate().is_some(), agreed);
        let message = Message::text("compressible ".repeat(10_000));
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.recv().await.unwrap().unwrap(), message);
        socket.close(None).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_decides_over_http_2() {
    let address = serve(true, |mut request| async move {
        let config = WebSocketConfig::new();
        let (response, socket) = upgrade_with(&mut request, config, |request| {
            assert_eq!((request.key(), request.success_status()), (None, 200));
            if request.path() == "/closed" {
                let why = "Closed today.\n".repeat(2000);
                return Err(OwnedRejection::new(403).header("X-Why", "day").body(why));
            }
            let chosen = request.choose_subprotocol(&["chat", "other"]).unwrap_or("forced");
            Ok(OwnedAcceptance::new().subprotocol(chosen).header("X-Own", "1"))
        });
        if let Ok(socket) = socket {
            tokio::spawn(async move { echo(socket.await?).await });
        }
        response
    })
    .await;
    let mut sender = connect(address).await;
    let request = |path: &str| OwnedClientRequest::new(format!("ws://{address}{path}")).unwrap();

    let asking = request("/").subprotocol("other").origin("https://a.example");
    let (mut socket, response) =
        client_http2(&mut sender, asking, WebSocketConfig::new()).await.unwrap();
    assert_eq!(response.as_response().subprotocol(), Some("other"));
    assert_eq!(header(&response, "x-own"), Some("1"));
    socket.close(Some(CloseFrame::new(CloseCode::Away))).await.unwrap();
    let close = socket.receiver().peer_close().flatten();
    assert_eq!(close.unwrap().code, CloseCode::Away);

    let error =
        client_http2(&mut sender, request("/closed"), WebSocketConfig::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "the server did not open a WebSocket: 403, \"Closed today.\"");
    let Error::Http(refused) = error else { panic!("{error}") };
    assert_eq!(status(&refused.response), 403);
    assert_eq!(header(&refused.response, "x-why"), Some("day"));
    assert_eq!(refused.body.len(), 16 << 10);
    assert!(refused.body.starts_with(b"Closed today.\nClosed"));

    // An answer that must not be sent is the server's fault.
    let error = client_http2(&mut sender, request("/"), WebSocketConfig::new()).await.unwrap_err();
    let Error::Http(refused) = error else { panic!("{error}") };
    assert_eq!(status(&refused.response), 500);
}

/// A body that begins and never ends.
struct Endless(Option<Bytes>);

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.take().map_or(Poll::Pending, |data| Poll::Ready(Some(Ok(Frame::data(data)))))
    }
}

#[tokio::test]
async fn a_refusal_whose_body_does_not_end_keeps_its_status() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let service = service_fn(|_: Request<Incoming>| {
            let mut response = Response::new(Endless(Some("Who are you?".into())));
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            std::future::ready(Ok::<_, Infallible>(response))
        });
        let stream = TokioIo::new(listener.accept().await.unwrap().0);
        let mut builder = server::Builder::new(TokioExecutor::new());
        builder.enable_connect_protocol().serve_connection(stream, service).await
    });
    let mut sender = connect(address).await;
    for config in [
        WebSocketConfig::new().handshake_timeout(None),
        WebSocketConfig::new().handshake_timeout(Some(secs(5))),
    ] {
        let refused = client_http2(&mut sender, format!("ws://{address}/"), config);
        let error = timeout(secs(10), refused).await.expect("it waits for the body").unwrap_err();
        let Error::Http(refused) = error else { panic!("{error}") };
        assert_eq!((status(&refused.response), &*refused.body), (401, &b"Who are you?"[..]));
    }
}

#[tokio::test]
async fn requests_that_are_none_get_their_status_over_http_2() {
    let address = serve_echo(WebSocketConfig::new()).await;
    let mut sender = connect(address).await;
    let good = || {
        let mut request = Request::new(String::new());
        *request.method_mut() = Method::CONNECT;
        *request.uri_mut() = format!("http://{address}/").parse().unwrap();
        request.extensions_mut().insert(Protocol::from_static("websocket"));
        request.headers_mut().insert("sec-websocket-version", "13".parse().unwrap());
        request
    };
    let mut get = good();
    *get.method_mut() = Method::GET;
    get.extensions_mut().clear();
    let mut udp = good();
    udp.extensions_mut().insert(Protocol::from_static("connect-udp"));
    let mut old = good();
    old.headers_mut().insert("sec-websocket-version", "8".parse().unwrap());
    let mut list = good();
    list.headers_mut().insert("sec-websocket-protocol", "a b".parse().unwrap());
    for (request, status, header) in [
        (get, StatusCode::METHOD_NOT_ALLOWED, Some(("allow", "CONNECT"))),
        (udp, StatusCode::NOT_IMPLEMENTED, None),
        (old, StatusCode::BAD_REQUEST, Some(("sec-websocket-version", "13"))),
        (list, StatusCode::BAD_REQUEST, None),
    ] {
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), status);
        if let Some((name, value)) = header {
            assert_eq!(response.headers()[name], value);
        }
    }
    // The connection goes on.
    let url = format!("ws://{address}/");
    client_http2(&mut sender, url, WebSocketConfig::new())
        .await
        .unwrap()
        .0
        .close(None)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_a_server_must_not_answer_is_an_error() {
    let address = serve(true, |request| async move {
        let mut response = UpgradeResponse::default();
        if request.uri().path() == "/chosen" {
            let chosen = "chat".parse().unwrap();
            response.headers_mut().insert("sec-websocket-protocol", chosen);
        }
        response
    })
    .await;
    let mut sender = connect(address).await;
    let url = format!("ws://{address}/chosen");
    let error = client_http2(&mut sender, url, WebSocketConfig::new()).await.unwrap_err();
    let unasked = ResponseError::Subprotocol.into();
    assert!(matches!(error, Error::Handshake(it) if it == unasked), "{error:?}");
    let asking = OwnedClientRequest::new(format!("ws://{address}/")).unwrap();
    let asking = asking.subprotocol("chat").require_subprotocol();
    let error = client_http2(&mut sender, asking, WebSocketConfig::new()).await.unwrap_err();
    let missing = ResponseError::SubprotocolMissing.into();
    assert!(matches!(error, Error::Handshake(it) if it == missing), "{error:?}");
}

#[tokio::test]
async fn a_server_that_has_not_announced_it_is_not_ready() {
    let address =
        serve(false, |mut request| async move { upgrade(&mut request, WebSocketConfig::new()).0 })
            .await;
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut sender, mut connection) =
        http2::handshake::<_, _, String>(TokioExecutor::new(), stream).await.unwrap();
    let most = std::time::Duration::from_millis(200);
    let error = http2_ready(&mut connection, most).await.unwrap_err();
    assert!(matches!(error, Error::Io(error) if error.kind() == ErrorKind::Unsupported));
    // If the server is asked all the same, it resets the stream.
    tokio::spawn(connection);
    let url = format!("ws://{address}/");
    let error = client_http2(&mut sender, url, WebSocketConfig::new()).await.unwrap_err();
    assert!(matches!(error, Error::Io(_)), "{error}");
}

#[tokio::test]
async fn a_connection_that_ends_is_not_ready() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (_sender, mut connection) =
        http2::handshake::<_, _, String>(TokioExecutor::new(), stream).await.unwrap();
    drop(listener.accept().await.unwrap());
    let error = http2_ready(&mut connection, secs(5)).await.unwrap_err();
    assert!(matches!(error, Error::Io(error) if error.kind() != ErrorKind::Unsupported));
}

#[tokio::test(start_paused = true)]
async fn a_response_over_http_2_is_waited_for_as_long_as_a_handshake() {
    let address = serve(true, |_| std::future::pending()).await;
    let mut sender = connect(address).await;
    let config = WebSocketConfig::new().handshake_timeout(Some(secs(3)));
    let url = format!("ws://{address}/");
    let error = client_http2(&mut sender, url, config).await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
}

/// hyper copies what it is given, and keeps it after the socket was dropped, for as long as the client keeps the connection.
#[tokio::test]
async fn what_a_client_over_http_2_does_not_read_waits_here_and_not_in_hyper() {
    const SIZE: usize = 8 << 20;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = service_fn(|mut request| {
            let (response, socket) = upgrade(&mut request, WebSocketConfig::new());
            let tell = tell.clone();
            tokio::spawn(async move {
                let mut socket = socket.unwrap().await.unwrap();
                socket.feed(Message::binary(vec![1; SIZE])).await.unwrap();
                let flushing = tokio::time::timeout(secs(1), socket.flush()).await;
                tell.send((flushing.is_err(), socket.pending_bytes())).unwrap();
            });
            async move { Ok::<_, Infallible>(response) }
        });
        let mut builder = server::Builder::new(TokioExecutor::new());
        builder.enable_connect_protocol();
        let _ = builder.serve_connection(TokioIo::new(stream), service).await;
    });
    let mut sender = connect(address).await;
    let url = format!("ws://{address}/");
    let (_unread, _) = client_http2(&mut sender, url, WebSocketConfig::new()).await.unwrap();
    let (is_blocked, pending) = told.recv().await.unwrap();
    // The client's window takes 2 MiB, and hyper takes some more.
    assert!(is_blocked && pending > SIZE - (3 << 20), "{is_blocked}, {pending}");
}

#[tokio::test]
async fn halves_go_over_http_2() {
    let address = serve_echo(WebSocketConfig::new()).await;
    let mut sender = connect(address).await;
    let url = format!("ws://{address}/");
    let (socket, _) = client_http2(&mut sender, url, WebSocketConfig::new()).await.unwrap();
    let (mut sending, mut receiving) = socket.into_split();
    let task = tokio::spawn(async move {
        for index in 0..100 {
            sending.feed(Message::text(format!("{index}"))).await.unwrap();
        }
        sending.close(None).await.unwrap();
        sending
    });
    for index in 0..100 {
        let message = receiving.recv().await.unwrap().unwrap();
        assert_eq!(message, Message::text(format!("{index}")));
    }
    assert!(matches!(receiving.recv().await, Some(Ok(Message::Close(_)))));
    assert!(receiving.recv().await.is_none());
    receiving.reunite(task.await.unwrap()).unwrap();
}

#[tokio::test]
async fn a_handler_of_axum_upgrades_over_http_2() {
    use axum::{Router, routing::any};
    let handler = |mut request: axum::extract::Request| async move {
        let (response, socket) = upgrade(&mut request, WebSocketConfig::new());
        if let Ok(socket) = socket {
            tokio::spawn(async move { echo(socket.await?).await });
        }
        response
    };
    let app: Router = Router::new().route("/chat", any(handler));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut sender = connect(address).await;
    let url = format!("ws://{address}/chat");
    let (mut socket, _) = client_http2(&mut sender, url, WebSocketConfig::new()).await.unwrap();
    socket.send(Message::text("κόσμε")).await.unwrap();
    assert_eq!(socket.recv().await.unwrap().unwrap(), Message::text("κόσμε"));
    socket.close(None).await.unwrap();
}
