//! WebSockets on a hyper server, over HTTP/1.1 and HTTP/2.

use std::convert::Infallible;

use fullduplex_tokio::http::Request;
use fullduplex_tokio::hyper_util::rt::{TokioExecutor, TokioIo};
use fullduplex_tokio::{
    Cause, Message, OwnedAcceptance, OwnedClientRequest, OwnedRejection, WebSocketConfig,
    client_http2, client_with, http2_ready, upgrade_with,
};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper::server::conn;
use hyper::service::service_fn;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use crate::support::{Ear, counted, counters, echo, failures, secs};

/// Serves HTTP/1.1 or HTTP/2 on the stream, with an echo for every WebSocket that is not for `/forbidden`.
fn serve(stream: DuplexStream, over_http2: bool, config: WebSocketConfig) {
    let service = service_fn(move |mut request: Request<Incoming>| async move {
        let (response, socket) = upgrade_with(&mut request, config, |request| {
            if request.path() == "/forbidden" {
                return Err(OwnedRejection::new(403));
            }
            Ok(OwnedAcceptance::new().subprotocol("chat"))
        });
        if let Ok(socket) = socket {
            tokio::spawn(async move { echo(socket.await?).await });
        }
        Ok::<_, Infallible>(response)
    });
    let stream = TokioIo::new(stream);
    if over_http2 {
        let mut builder = conn::http2::Builder::new(TokioExecutor::new());
        tokio::spawn(builder.enable_connect_protocol().serve_connection(stream, service));
    } else {
        let connection = conn::http1::Builder::new().serve_connection(stream, service);
        tokio::spawn(connection.with_upgrades());
    }
}

fn request(path: &str) -> OwnedClientRequest {
    let url = format!("ws://localhost/{path}?token=secret");
    OwnedClientRequest::new(url).unwrap().subprotocol("chat")
}

#[tokio::test]
async fn a_websocket_over_either_version_of_http_is_seen_like_any_other() {
    for over_http2 in [false, true] {
        let (ear, _guard) = Ear::listen();
        let (client_side, server_side) = (counters(), counters());
        let (near, far) = duplex(1 << 16);
        serve(far, over_http2, counted(server_side));
        let config = counted(client_side);
        if over_http2 {
            let (mut sender, mut connection) =
                http2::handshake::<_, _, String>(TokioExecutor::new(), TokioIo::new(near))
                    .await
                    .unwrap();
            http2_ready(&mut connection, secs(5)).await.unwrap();
            tokio::spawn(connection);
            client_http2(&mut sender, request("forbidden"), config).await.unwrap_err();
            let (socket, _) = client_http2(&mut sender, request("chat"), config).await.unwrap();
            talk(socket).await;
        } else {
            let (socket, _) = client_with(request("chat"), near, config).await.unwrap();
            talk(socket).await;
        }
        // The server's task may notice the end later.
        while server_side.snapshot().open() > 0 {
            tokio::task::yield_now().await;
        }
        for (role, counters, begun_by) in
            [("client", client_side, "us"), ("server", server_side, "peer")]
        {
            let closed = ear.one(role, "closed");
            let fields = ["path", "subprotocol", "code", "begun_by", "received_messages"];
            assert_eq!(closed.all(fields), ["/chat", "chat", "1000", begun_by, "1"]);
            let counts = counters.snapshot();
            assert_eq!((counts.opened, counts.open(), counts.closed), (1, 0, 1));
            let refused = if role == "client" { Cause::Refused } else { Cause::Rejected };
            let expected = if over_http2 { vec![(refused, 1)] } else { vec![] };
            assert_eq!(failures(&counts), expected);
            assert!(closed.values().all(|value| !value.contains("secret")));
        }
        // The response of the opening handshake is hyper's, and so not among the bytes.
        let (sent, received) = (server_side.snapshot().sent, client_side.snapshot().received);
        assert_eq!((sent.wire_bytes, received.wire_bytes), (7 + 4, 7 + 4));
    }
}

async fn talk<S>(mut socket: fullduplex_tokio::WebSocketStream<S>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    socket.send(Message::text("Hello")).await.unwrap();
    socket.recv().await.unwrap().unwrap();
    socket.close(None).await.unwrap();
    while socket.recv().await.is_some() {}
}

#[tokio::test]
async fn a_request_that_is_refused_and_one_without_a_connection_have_their_causes() {
    let (ear, _guard) = Ear::listen();
    let all = counters();
    let (mut near, far) = duplex(1 << 16);
    serve(far, false, counted(all));
    near.write_all(b"GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    near.read_to_end(&mut Vec::new()).await.unwrap();
    let told = ear.one("server", "not opened");
    assert_eq!(told.all(["cause", "status", "path"]), ["not_websocket", "426", "/page"]);

    // A request that no server has read has no connection to take over.
    let mut request = Request::builder()
        .uri("/chat")
        .header("Host", "a")
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("Sec-WebSocket-Version", "13")
        .body(())
        .unwrap();
    let accept = |_: &fullduplex_tokio::Request<'_>| Ok(OwnedAcceptance::new());
    let (_, socket) = upgrade_with(&mut request, counted(all), accept);
    socket.unwrap_err();
    let expected = [(Cause::NotWebSocket, 1), (Cause::HandshakeLocal, 1)];
    assert_eq!(failures(&all.snapshot()), expected);
}
