//! WebSockets over HTTP/2 with other implementations: Node.js with `ws`, and Hypercorn. `cargo xtask peers` installs them.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use fullduplex_tokio::hyper_util::rt::{TokioExecutor, TokioIo};
use fullduplex_tokio::{
    DeflateConfig, Message, OwnedAcceptance, OwnedClientRequest, Result, UpgradedStream,
    WebSocketConfig, WebSocketStream, client_http2, upgrade_with,
};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdout, Command};

use crate::http2::connect;
use crate::support::echo;

/// A peer's process, which ends when this is dropped.
struct Peer {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    fn node(role: &str, url: &str) -> Self {
        let mut command = Command::new("node");
        command.arg(script("http2.js")).arg(installed("npm")).args([role, url]);
        Self::start(command, &installed("npm/node_modules/ws"))
    }

    fn hypercorn() -> Self {
        let python = installed("venv/bin/python");
        let mut command = Command::new(&python);
        command.arg("-B").arg(script("hypercorn_server.py"));
        Self::start(command, &installed("venv/bin/hypercorn"))
    }

    fn start(mut command: Command, needed: &Path) -> Self {
        assert!(
            needed.exists(),
            "this test talks to a peer that is not installed: run `cargo xtask peers` ({} is missing)",
            needed.display()
        );
        let mut process =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    async fn line(&mut self) -> String {
        match self.lines.next_line().await.unwrap() {
            Some(line) => line,
            None => panic!("the peer ended: {:?}", self.process.wait().await),
        }
    }

    async fn port(&mut self) -> u16 {
        let line = self.line().await;
        let port = line.strip_prefix("port ").and_then(|port| port.parse().ok());
        port.unwrap_or_else(|| panic!("no port: {line}"))
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(name)
}

fn installed(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers").join(path)
}

/// An echo that does not wait for the end of the connection. Its Close has to arrive all the same.
async fn echo_until_close(mut socket: WebSocketStream<UpgradedStream>) -> Result<()> {
    while let Some(message) = socket.recv().await {
        match message? {
            Message::Close(_) => break,
            message if message.is_text() || message.is_binary() => socket.feed(message).await?,
            _ => {}
        }
    }
    Ok(())
}

/// A conversation of our client with an echo server.
async fn converse(port: u16, config: WebSocketConfig, compressed: bool) {
    let mut sender = connect(([127, 0, 0, 1], port).into()).await;
    let url = format!("ws://127.0.0.1:{port}/chat?a=b");
    // This happens twice, because the first WebSocket must leave the connection in order.
    for _ in 0..2 {
        let request = OwnedClientRequest::new(&url).unwrap().subprotocol("chat");
        let (mut socket, response) = client_http2(&mut sender, request, config).await.unwrap();
        assert_eq!(response.as_response().subprotocol(), Some("chat"));
        assert_eq!(socket.deflate().is_some(), compressed);
        for size in [0, 1, 125, 126, 65_535, 65_536, 300_000] {
            let message = Message::binary(vec![size as u8; size]);
            socket.send(message.clone()).await.unwrap();
            assert_eq!(socket.recv().await.unwrap().unwrap(), message);
        }
        let text = Message::text("κόσμε ".repeat(1000));
        socket.send(text.clone()).await.unwrap();
        assert_eq!(socket.recv().await.unwrap().unwrap(), text);
        socket.send(Message::Ping("ping".into())).await.unwrap();
        assert_eq!(socket.recv().await.unwrap().unwrap(), Message::Pong("ping".into()));
        socket.close(None).await.unwrap();
        assert!(socket.receiver().is_clean());
    }
}

#[tokio::test]
async fn our_client_talks_to_a_server_of_node() {
    let mut peer = Peer::node("server", "");
    let port = peer.port().await;
    converse(port, WebSocketConfig::new(), false).await;
    converse(port, WebSocketConfig::new().deflate(DeflateConfig::new()), true).await;
}

#[tokio::test]
async fn our_client_talks_to_hypercorn() {
    let mut peer = Peer::hypercorn();
    let port = peer.port().await;
    converse(port, WebSocketConfig::new(), false).await;
    converse(port, WebSocketConfig::new().deflate(DeflateConfig::new()), true).await;
}

#[tokio::test]
async fn a_client_of_node_talks_to_our_server() {
    let plain = WebSocketConfig::new();
    let compressing = plain.deflate(DeflateConfig::new());
    for (config, leaves) in [(plain, false), (compressing, false), (plain, true)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut peer = Peer::node("client", &format!("http://127.0.0.1:{port}/chat?a=b"));
        let (stream, _) = listener.accept().await.unwrap();
        let service = service_fn(move |mut request| async move {
            let (response, socket) = upgrade_with(&mut request, config, |request| {
                assert_eq!((request.path(), request.query()), ("/chat", Some("a=b")));
                assert_eq!(request.origin(), Some("https://a.example"));
                Ok(OwnedAcceptance::new().subprotocol("chat"))
            });
            tokio::spawn(async move {
                let socket = socket?.await?;
                if leaves { echo_until_close(socket).await } else { echo(socket).await.map(drop) }
            });
            Ok::<_, std::convert::Infallible>(response)
        });
        let mut server = http2::Builder::new(TokioExecutor::new());
        server.enable_connect_protocol();
        tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
        assert_eq!(peer.line().await, "closed 1000 clean");
        assert!(peer.process.wait().await.unwrap().success());
    }
}
