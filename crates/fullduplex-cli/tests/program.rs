//! The program as users run it: against itself, and against servers that do not speak WebSocket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use fullduplex_tokio::{
    CloseCode, CloseFrame, DeflateConfig, OwnedAcceptance, WebSocketConfig, WebSocketStream,
    accept_with,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

const PROGRAM: &str = env!("CARGO_BIN_EXE_fullduplex");

/// `fullduplex listen`, which ends when this is dropped.
struct Listening {
    child: Child,
    url: String,
}

impl Listening {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["listen", "127.0.0.1:0"]).args(arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        let (_, url) = line.split_once("listening on ").expect("it says where it listens");
        let url = url.to_owned();
        // The rest of its output must not fill the pipe.
        thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `fullduplex connect` with these lines as its input.
fn connect(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.arg("connect").args(arguments);
    // The machine's own proxies must not affect the test.
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that ends early reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn lines_come_back_as_messages() {
    let server = Listening::start(&["--subprotocol", "echo"]);
    let input = "one\ntwo\nthree, ü".as_bytes();
    let output = connect(&[&server.url, "-n", "3", "-s", "echo", "--timing"], input);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "one\ntwo\nthree, ü\n");
    let said = stderr(&output);
    assert!(said.contains("connected, subprotocol echo, compressed"), "{said}");
    assert!(said.contains("name and TCP") && said.contains(" ms"), "{said}");
    // A pipe gets no colours.
    assert!(!said.contains('\u{1b}'), "{said:?}");
}

#[test]
fn without_a_number_it_ends_with_its_input() {
    let server = Listening::start(&["--no-deflate"]);
    let output = connect(&[&server.url], b"");
    assert!(output.status.success(), "{output:?}");
    assert!(!stderr(&output).contains("compressed"), "{output:?}");
}

#[test]
fn bytes_are_sent_and_printed_as_they_are() {
    let server = Listening::start(&[]);
    let bytes = b"\x1b[31m\x00\xff\n";
    let output = connect(&[&server.url, "--binary", "-n", "1"], bytes);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"\x1b[31m\x00\xff");
    let output = connect(&[&server.url, "-n", "1"], bytes);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--binary"), "{output:?}");
}

#[test]
fn wss_is_trusted_by_its_certificate_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let cert = file("cert.pem", &made.cert.pem());
    let key = file("key.pem", &made.signing_key.serialize_pem());
    let server = Listening::start(&["--cert", &cert, "--key", &key]);
    assert!(server.url.starts_with("wss://"));
    for trust in [&["--ca", &cert][..], &["--insecure"]] {
        let output = connect(&[&[&*server.url, "-n", "1", "--timing"], trust].concat(), b"secret");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "secret\n", "{output:?}");
        assert!(stderr(&output).contains("TLSv1_3"), "{output:?}");
    }
    let output = connect(&[&server.url], b"secret");
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("certificate") && said.contains("--ca FILE"), "{said}");
    // The client uses TLS, and the server does not.
    let plain = Listening::start(&[]);
    let output = connect(&[&plain.url.replace("ws://", "wss://")], b"");
    assert_eq!(output.status.code(), Some(1));
    // The file with the certificate has a key instead.
    assert!(Path::new(&key).exists());
    let output = connect(&[&server.url, "--ca", &key], b"");
    assert!(stderr(&output).contains("key.pem: there is no certificate in it"), "{output:?}");
}

/// A server that reads a request and answers with this.
fn answers(response: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        stream.write_all(response.as_bytes()).unwrap();
    });
    url
}

#[test]
fn what_is_no_websocket_server_is_explained() {
    for (response, expected) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            &["200 OK", "| hello", "is the path right?"][..],
        ),
        (
            "HTTP/1.1 301 Moved\r\nLocation: https://x.example/\r\n\r\n",
            &["301", "location: https://x.example/"],
        ),
        (
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\n",
            &["401", "--auth USER:PASSWORD"],
        ),
        ("HTTP/1.1 403 Forbidden\r\n\r\n", &["403", "--origin"]),
        ("HTTP/1.1 404 Not Found\r\n\r\n", &["404", "no WebSocket at this path"]),
        (
            "HTTP/1.1 503 Busy\r\nRetry-After: 3\r\n\r\n",
            &["503", "retry-after: 3", "try again later"],
        ),
        (
            "HTTP/1.1 404 No\r\nContent-Length: 11\r\n\r\na\x1b]52;c;b\x07c",
            &["| a\\u{1b}]52;c;b\\u{7}c"],
        ),
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", &["error: "]),
    ] {
        let output = connect(&[&answers(response)], b"");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = stderr(&output);
        for expected in expected {
            assert!(said.to_lowercase().contains(&expected.to_lowercase()), "{expected} in {said}");
        }
    }
}

/// Advice for a client that cannot connect does not help a server whose clients disconnect.
#[test]
fn a_server_whose_clients_are_gone_is_not_told_to_try_another_url() {
    let mut command = Command::new(PROGRAM);
    command.args(["listen", "127.0.0.1:0"]).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    let address = line.split_once("ws://").unwrap().1.trim_end_matches('/').parse().unwrap();
    let said = thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        for _ in 0..50 {
            let socket = TcpSocket::new_v4().unwrap();
            // It is reset when it is dropped, most often before the response is written.
            socket.set_zero_linger().unwrap();
            let mut stream = socket.connect(address).await.unwrap().into_std().unwrap();
            stream.set_nonblocking(false).unwrap();
            let request = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
            stream.write_all(request.as_bytes()).unwrap();
        }
    });
    thread::sleep(Duration::from_millis(500));
    child.kill().unwrap();
    child.wait().unwrap();
    let said = said.join().unwrap().join("\n");
    assert!(said.contains("reset"), "{said}");
    assert!(!said.contains("wss://"), "{said}");
}

#[test]
fn what_cannot_be_reached_is_explained() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("ws://{closed}/");
    for (url, expected) in [
        (&*url, "Nothing listens there"),
        ("ws://no-such-name.invalid/", "Is the name right"),
        ("http//example.com", "http//example.com: "),
        ("ftp://example.com/", "error: "),
    ] {
        let output = connect(&[url], b"");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(stderr(&output).contains(expected), "{output:?}");
    }
}

#[test]
fn a_proxy_that_lets_nobody_through_is_named() {
    let server = Listening::start(&[]);
    let proxy = answers("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    let proxy = proxy.replace("ws://", "http://");
    let output = connect(&[&server.url, "--proxy", &proxy], b"");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = stderr(&output);
    assert!(said.contains("407") && said.contains("proxy"), "{said}");
    let output = connect(&[&server.url, "--proxy", "gopher://x/"], b"");
    assert!(stderr(&output).contains("the proxy's URL"), "{output:?}");
}

/// A WebSocket server that does this with its first connection.
fn serves<F>(action: impl FnOnce(WebSocketStream<TcpStream>) -> F + Send + 'static) -> String
where
    F: Future<Output = ()>,
{
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let (stream, _) = listener.accept().unwrap();
            stream.set_nonblocking(true).unwrap();
            let stream = TcpStream::from_std(stream).unwrap();
            let config = WebSocketConfig::new().deflate(DeflateConfig::new());
            action(accept_with(stream, config, |_| Ok(OwnedAcceptance::new())).await.unwrap())
                .await;
        });
    });
    url
}

/// A WebSocket server that closes its first connection with this code and reason.
fn closes(code: CloseCode, reason: &'static str) -> String {
    serves(async move |mut socket| {
        socket.close(Some(CloseFrame { code, reason: reason.into() })).await.unwrap();
    })
}

#[test]
fn a_close_for_a_reason_is_a_failure_and_says_it() {
    let output = connect(&[&closes(CloseCode::Policy, "the room is shut"), "-n", "1"], b"");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let expected = "error: the server has closed the connection: 1008, \"the room is shut\"";
    assert!(stderr(&output).contains(expected), "{output:?}");
    // A server that is done, or that goes away, is no failure.
    for (code, number) in [(CloseCode::Normal, "1000"), (CloseCode::Away, "1001")] {
        let output = connect(&[&closes(code, "bye"), "-n", "1"], b"");
        assert!(output.status.success(), "{output:?}");
        let expected = format!("closed by the server: {number}, \"bye\"");
        assert!(stderr(&output).contains(&expected), "{output:?}");
    }
}

#[test]
fn a_message_over_the_limit_is_a_failure() {
    let server = Listening::start(&[]);
    for arguments in [&[][..], &["--no-deflate"]] {
        let limited = [&[&*server.url, "--max-size", "10", "-n", "1"], arguments].concat();
        let output = connect(&limited, b"ten bytes.");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "ten bytes.\n", "{output:?}");
        let output = connect(&limited, b"eleven byte");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        let expected = "error: a message is larger than the limit";
        assert!(stderr(&output).contains(expected), "{output:?}");
    }
}

/// What does not compress takes more bytes on the wire than the message has.
#[test]
fn the_limit_is_for_messages_and_not_for_what_they_are_compressed_to() {
    let url = serves(async |socket| {
        assert!(socket.deflate().is_some());
        let mut stream = socket.into_inner();
        // RFC 7692 §7.2.3.3: a block without compression, and then the Close.
        let message = b"\xc1\x10\x00\x0a\x00\xf5\xfften bytes.\x00";
        stream.write_all(&[&message[..], b"\x88\x02\x03\xe8"].concat()).await.unwrap();
        // The client's Close.
        stream.read_exact(&mut [0; 8]).await.unwrap();
    });
    let output = connect(&[&url, "--max-size", "10", "-n", "1"], b"");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "ten bytes.\n", "{output:?}");
}
