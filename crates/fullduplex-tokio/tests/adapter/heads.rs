//! Heads as real peers send them: other protocols, empty lines, folded lines, requests of plain HTTP.

use std::time::Duration;

use fullduplex_tokio::fullduplex::HandshakeError;
use fullduplex_tokio::fullduplex::handshake::{
    HeadError, RejectError, RequestError, ResponseError,
};
use fullduplex_tokio::{
    Error, OwnedAcceptance, OwnedRejection, OwnedResponse, PlainRequest, WebSocketConfig, accept,
    accept_or_respond, client,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::support::{accept_key, header, read_to_end, write};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// A time that is shorter than every deadline of a handshake.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Two ends of a TCP connection.
async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (near, listener.accept().await.unwrap().0)
}

#[tokio::test]
async fn a_peer_that_speaks_something_else_is_answered_at_once() {
    for (sent, status, expected) in [
        (&b"GET /\r\n"[..], 400, HeadError::FirstLine),
        (b"\r\nGET /\r\n", 400, HeadError::FirstLine),
        (b"SSH-2.0-OpenSSH_9.2\r\n", 400, HeadError::FirstLine),
        (b"EHLO mail.example.com\r\n", 400, HeadError::FirstLine),
        (b"*1\r\n$4\r\nPING\r\n", 400, HeadError::FirstLine),
        (b"\x05\x01\x00", 400, HeadError::NotHttp { byte: 5 }),
        (b"\x16\x03\x01\x02\x00", 400, HeadError::NotHttp { byte: 0x16 }),
        (b"\r\n\x16\x03\x01\x02\x00", 400, HeadError::NotHttp { byte: 0x16 }),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, HeadError::Version),
        (b"GET / HTTP/1.0\r\n\r\n", 505, HeadError::Version),
        (&[b'A'; 40], 501, HeadError::MethodTooLong),
    ] {
        let (mut near, far) = sockets().await;
        let serving = tokio::spawn(accept(far));
        near.write_all(sent).await.unwrap();
        let mut answer = String::new();
        timeout(AT_ONCE, near.read_to_string(&mut answer)).await.unwrap().unwrap();
        drop(near);
        let error = timeout(AT_ONCE, serving).await.unwrap().unwrap().unwrap_err();
        let sent = sent.escape_ascii();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{sent}: {answer}");
        let expected = HandshakeError::Request(RequestError::Head(expected));
        assert!(
            matches!(&error, Error::Handshake(found) if *found == expected),
            "{sent}: {error:?}"
        );
    }
}

#[tokio::test]
async fn an_empty_line_before_the_request_is_skipped_at_every_split() {
    let sent = format!("\r\n{REQUEST}");
    for split in 1..sent.len() {
        let (near, mut far) = duplex(1 << 12);
        let serving = tokio::spawn(accept(near));
        write(&mut far, &sent[..split]).await;
        // The server reads the first part before the rest comes.
        tokio::task::yield_now().await;
        write(&mut far, &sent[split..]).await;
        assert!(serving.await.unwrap().is_ok(), "split at {split}");
    }
}

/// The result of our client for this answer to its request.
async fn answered(answer: impl FnOnce(&str) -> String) -> Result<OwnedResponse, Error> {
    let (near, mut far) = duplex(1 << 12);
    let client = tokio::spawn(client("ws://localhost/", near));
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        request.push(char::from(far.read_u8().await.unwrap()));
    }
    write(&mut far, answer(&request)).await;
    timeout(AT_ONCE, client).await.unwrap().unwrap().map(|(_, response)| response)
}

#[tokio::test]
async fn empty_and_folded_lines_of_a_response_are_no_fault() {
    let response = answered(|request| {
        let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let accept = accept_key(key.unwrap());
        format!(
            "\r\nHTTP/1.1 103 Early Hints\r\nLink: a,\r\n b\r\n\r\n\r\nHTTP/1.1 101\r\nUpgrade:\r\n websocket\r\n\
             Connection: keep-alive,\r\n\tUpgrade\r\nX: a\r\n b\r\nSec-WebSocket-Accept:\r\n {accept}\r\n\r\n"
        )
    })
    .await
    .unwrap();
    assert_eq!(header(&response, "upgrade"), Some("websocket"));
    assert_eq!(header(&response, "x"), Some("a   b"));
    let refused = answered(|_| "HTTP/1.1 401 No\r\nX: a\r\n b\r\n\r\n\r\n c".to_owned()).await;
    let Err(Error::Http(refused)) = refused else { panic!("{refused:?}") };
    assert_eq!(header(&refused.response, "x"), Some("a   b"));
    assert_eq!(refused.body, b"\r\n c", "the body is as it came");
}

#[tokio::test]
async fn a_server_that_speaks_something_else_is_left_at_once() {
    for (answer, expected) in [
        ("SSH-2.0-OpenSSH_9.2\r\n", HeadError::NotHttp { byte: b'S' }),
        ("HELLO\r\n", HeadError::FirstLine),
    ] {
        let error = answered(|_| answer.to_owned()).await.unwrap_err();
        let expected = HandshakeError::Response(ResponseError::Head(expected));
        assert!(matches!(&error, Error::Handshake(found) if *found == expected), "{error:?}");
    }
}

/// The response to a client that sends this to a server with a health check, and the server's result.
async fn probe(sent: &str) -> (String, Result<(), Error>) {
    let (mut near, far) = duplex(1 << 12);
    let serving = tokio::spawn(async move {
        let answer = |request: &PlainRequest<'_>| match request.path() {
            "/healthz" => Some(OwnedRejection::new(200).header("X-Up", "1").body("ok\n")),
            "/broken" => Some(OwnedRejection::new(101)),
            _ => None,
        };
        let config = WebSocketConfig::new();
        accept_or_respond(far, config, |_| Ok(OwnedAcceptance::new()), answer).await.map(drop)
    });
    write(&mut near, sent).await;
    let answer = timeout(AT_ONCE, read_to_end(&mut near)).await.unwrap();
    drop(near);
    (String::from_utf8_lossy(&answer).into_owned(), serving.await.unwrap())
}

#[tokio::test]
async fn a_plain_request_is_answered_by_the_application() {
    for request in [
        "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nGET /healthz HTTP/1.0\r\n\r\n",
        "POST /healthz?a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    ] {
        let (answer, ended) = probe(request).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("\r\nConnection: close\r\nX-Up: 1\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
        assert!(matches!(&ended, Err(Error::Responded(200))), "{ended:?}");
    }
    let (answer, _) = probe("HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.ends_with("Content-Length: 3\r\n\r\n"), "{answer}");
    let (answer, ended) = probe("GET /broken HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(matches!(&ended, Err(Error::Reject(RejectError::Status(101)))), "{ended:?}");
}

#[tokio::test]
async fn what_the_application_does_not_answer_is_refused_or_opened_as_ever() {
    for (request, status) in [
        ("GET /other HTTP/1.1\r\nHost: a\r\n\r\n", 426),
        ("POST /other HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("GET /other HTTP/1.0\r\n\r\n", 505),
        ("GET /healthz HTTP/1.1\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", 426),
    ] {
        let (answer, ended) = probe(request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        assert!(matches!(ended, Err(Error::Handshake(_))), "{ended:?}");
    }
    let (answer, ended) = probe(REQUEST).await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(ended.is_ok(), "{ended:?}");
}
