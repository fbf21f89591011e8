//! The program as users run it: against itself, and against servers that do not speak WebSocket.

mod ends;
mod support;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;
use std::time::Duration;

use fullduplex_tokio::{CloseCode, CloseFrame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use support::{Listening, answers, connect, connecting, output, serves, stderr};

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
    let said = stderr(&output);
    assert!(said.contains("may speak no TLS") && !said.contains("--ca"), "{said}");
    // The server uses TLS, and the client does not.
    let output = connect(&[&server.url.replace("wss://", "ws://")], b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("begins with wss://"), "{output:?}");
    // The file with the certificate has a key instead.
    assert!(Path::new(&key).exists());
    let output = connect(&[&server.url, "--ca", &key], b"");
    assert!(stderr(&output).contains("key.pem: there is no certificate in it"), "{output:?}");
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
        ("", &["ended the connection", "the other one of ws:// and wss://"]),
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
    let mut server = Listening::start(&[]);
    let address = server.address().parse().unwrap();
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
    server.child.kill().unwrap();
    let said = server.said();
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
        ("ws://[::1]:1/", "no connection to [::1]:1: "),
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
    assert_eq!(stderr(&output).matches("the proxy's URL").count(), 1, "{output:?}");
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

/// In many containers there are none.
#[test]
fn without_root_certificates_only_wss_fails() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let run = |url: &str| {
        let mut command = connecting(&[url, "-n", "1"]);
        command.env("SSL_CERT_FILE", &empty).env_remove("SSL_CERT_DIR");
        output(command, b"plain")
    };
    let server = Listening::start(&[]);
    let plain = run(&server.url);
    assert!(plain.status.success(), "{plain:?}");
    assert_eq!(plain.stdout, b"plain\n");
    let secure = run(&server.url.replace("ws://", "wss://"));
    assert_eq!(secure.status.code(), Some(1), "{secure:?}");
    assert!(stderr(&secure).contains("no root certificates: --ca FILE"), "{secure:?}");
}

#[cfg(unix)]
#[test]
fn an_input_that_cannot_be_read_is_a_failure() {
    let server = Listening::start(&[]);
    let mut command = connecting(&[&server.url]);
    // A folder can be opened, and not be read.
    command.stdin(std::fs::File::open(env!("CARGO_MANIFEST_DIR")).unwrap());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stderr(&output).contains("cannot read the standard input"), "{output:?}");
}

/// A load generator runs on one machine.
#[test]
fn a_server_takes_more_than_a_hundred_clients_of_one_address() {
    let mut server = Listening::start(&[]);
    let address = server.address();
    let mut clients: Vec<_> =
        (0..=100).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    let last = clients.last_mut().unwrap();
    last.write_all(request.as_bytes()).unwrap();
    let mut status = [0; 12];
    last.read_exact(&mut status).expect("it is not denied");
    assert_eq!(&status, b"HTTP/1.1 101");
    server.child.kill().unwrap();
    assert!(!server.said().contains("denied"));
}
