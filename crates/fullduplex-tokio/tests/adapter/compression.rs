//! A server that declines compression for one of its clients.

use fullduplex_tokio::{
    ConnectOptions, Decision, DeflateConfig, Message, OwnedAcceptance, OwnedClientRequest,
    OwnedResponse, Request, WebSocketConfig, WebSocketStream, accept_with, client_http2,
    client_with, connect_with, upgrade_with,
};
use tokio::io::{AsyncRead, AsyncWrite, duplex};

use crate::support::{echo, header};
use crate::{http2, upgrade};

/// Each browser, and whether the server compresses for it.
const BROWSERS: [(&str, bool); 2] = [("Safari/15.1", false), ("Safari/15.4", true)];

/// The configuration of both ends.
fn config() -> WebSocketConfig {
    WebSocketConfig::new().deflate(DeflateConfig::new())
}

fn request(url: &str, browser: &str) -> OwnedClientRequest {
    OwnedClientRequest::new(url).unwrap().header("User-Agent", browser)
}

/// Safari before 15.4 cannot read compressed messages.
fn decide(request: &Request<'_>) -> Decision {
    let acceptance = OwnedAcceptance::new();
    match request.headers().get_str("user-agent") {
        Some("Safari/15.1") => Ok(acceptance.deflate(None)),
        _ => Ok(acceptance),
    }
}

/// Checks what was agreed on, and sends a message each way.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    (mut client, response): (WebSocketStream<S>, OwnedResponse),
    compresses: bool,
) {
    assert_eq!(header(&response, "sec-websocket-extensions").is_some(), compresses);
    assert_eq!(client.deflate().is_some(), compresses);
    let message = Message::text("x".repeat(1 << 10));
    client.send(message.clone()).await.unwrap();
    assert_eq!(client.recv().await.unwrap().unwrap(), message);
    client.close(None).await.unwrap();
}

#[tokio::test]
async fn a_server_declines_compression_for_one_of_two_clients() {
    for (browser, compresses) in BROWSERS {
        let (near, far) = duplex(1 << 12);
        let serving = tokio::spawn(async move {
            let server = accept_with(far, config(), decide).await.unwrap();
            assert_eq!(server.deflate().is_some(), compresses);
            echo(server).await.unwrap();
        });
        let opened = client_with(request("ws://localhost/", browser), near, config()).await;
        converse(opened.unwrap(), compresses).await;
        serving.await.unwrap();
    }
}

#[tokio::test]
async fn an_http_server_declines_compression_for_one_of_two_clients() {
    let serving = |mut request| async move {
        let (response, socket) = upgrade_with(&mut request, config(), decide);
        tokio::spawn(async move { echo(socket?.await?).await });
        response
    };
    let (over_1, over_2) = (upgrade::serve(serving).await, http2::serve(true, serving).await);
    let mut sender = http2::connect(over_2).await;
    for (browser, compresses) in BROWSERS {
        let options = ConnectOptions::new().config(config());
        let opened = connect_with(request(&format!("ws://{over_1}/"), browser), &options).await;
        converse(opened.unwrap(), compresses).await;
        let request = request(&format!("ws://{over_2}/"), browser);
        let opened = client_http2(&mut sender, request, config()).await;
        converse(opened.unwrap(), compresses).await;
    }
}
