//! What a peer can put into a log.

use std::io;
use std::sync::{Arc, Mutex};

use fullduplex_tokio::{OwnedAcceptance, WebSocketConfig, accept_with, client_with};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tracing::subscriber::set_default;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Ear, masked, our_server};

/// A log as programs write it.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_reason_can_neither_begin_a_line_nor_pass_for_a_field() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    let guard = set_default(subscriber);
    let (mut server, mut wire) = our_server(WebSocketConfig::new());
    let reason = "bye\n2026 WARN \u{1b}[2J\u{7}\u{85}\u{202e}\" cause=local \\";
    let payload = [&[3, 0xe8], reason.as_bytes()].concat();
    wire.write_all(&masked(8, &payload).encode()).await.unwrap();
    while server.recv().await.is_some() {}
    drop((server, guard));
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 2, "{log}");
    assert!(lines[1].contains("closed"), "{log}");
    assert!(!log.replace('\n', "").contains(char::is_control), "{log:?}");
    assert!(!log.contains('\u{202e}'), "{log:?}");
    // The quotation mark in the reason does not end the field.
    assert!(lines[1].contains(r#"\" cause=local"#), "{log}");
}

#[tokio::test]
async fn a_path_is_shown_without_its_query_and_only_its_beginning() {
    let (ear, _guard) = Ear::listen();
    let (mut near, far) = duplex(1 << 16);
    let long = "a".repeat(5000);
    let request = format!(
        "GET /{long}?token=secret HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    near.write_all(request.as_bytes()).await.unwrap();
    let server =
        accept_with(far, WebSocketConfig::new(), |_| Ok(OwnedAcceptance::new())).await.unwrap();
    drop(server);
    let told = ear.of("server");
    assert_eq!(told.len(), 2, "{told:?}");
    for told in told {
        assert_eq!(told.get("path").chars().count(), 161);
        assert!(told.get("path").ends_with("aaa…"));
        assert!(told.values().all(|value| !value.contains("secret")));
    }
}

#[tokio::test]
async fn what_a_server_says_of_its_refusal_is_bounded_and_escaped() {
    let (ear, _guard) = Ear::listen();
    let (near, mut far) = duplex(1 << 16);
    let reason = "no \u{e9}\t".repeat(1000);
    far.write_all(format!("HTTP/1.1 403 {reason}\r\n\r\n").as_bytes()).await.unwrap();
    far.shutdown().await.unwrap();
    client_with("ws://localhost/", near, WebSocketConfig::new()).await.unwrap_err();
    let told = ear.one("client", "not opened");
    for value in told.values() {
        assert!(value.len() <= 1600 && !value.contains(char::is_control), "{value:?}");
    }
}

#[tokio::test]
async fn a_connection_says_no_more_the_longer_it_lasts() {
    let (ear, _guard) = Ear::listen();
    let (mut server, mut wire) = our_server(WebSocketConfig::new());
    for _ in 0..1000 {
        wire.write_all(&masked(9, b"?").encode()).await.unwrap();
        wire.write_all(&masked(1, b"Hello").encode()).await.unwrap();
        server.recv().await.unwrap().unwrap();
        server.recv().await.unwrap().unwrap();
        let mut pong = [0; 3];
        server.flush().await.unwrap();
        wire.read_exact(&mut pong).await.unwrap();
    }
    wire.write_all(&masked(8, b"").encode()).await.unwrap();
    while server.recv().await.is_some() {}
    drop(server);
    let what: Vec<String> = ear.told().into_iter().map(|told| told.what).collect();
    assert_eq!(what, ["opened", "closed"]);
}
