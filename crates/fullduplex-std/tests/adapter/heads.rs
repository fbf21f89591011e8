//! Heads as real peers send them: other protocols, empty lines, folded lines, requests of plain HTTP.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::thread;

use fullduplex_std::fullduplex::HandshakeError as CoreError;
use fullduplex_std::fullduplex::handshake::{HeadError, RejectError, RequestError};
use fullduplex_std::{
    EndpointConfig, Error, HandshakeError, OwnedRejection, PlainRequest, accept, accept_or_respond,
    client,
};

use crate::raw::{REQUEST, header, read_head, read_to_end, response_to};
use crate::support::{bounded, ms, sockets, takes};

fn failure<M>(error: HandshakeError<M>) -> Error {
    match error {
        HandshakeError::Failure(error) => error,
        HandshakeError::Interrupted(_) => panic!("it would block"),
    }
}

/// Our server's response to a client that sends this and waits, and the server's error.
fn said_to(sent: &[u8]) -> (String, Error) {
    let sent = sent.to_vec();
    bounded(move || {
        takes(ms(0), || {
            let (mut near, far) = sockets();
            let serving = thread::spawn(move || failure(accept(far).unwrap_err()));
            near.write_all(&sent).unwrap();
            let answer = String::from_utf8(read_to_end(&mut near)).unwrap();
            drop(near);
            (answer, serving.join().unwrap())
        })
    })
}

#[test]
fn a_peer_that_speaks_something_else_is_answered_at_once() {
    let not_http = |byte| HeadError::NotHttp { byte };
    for (sent, status, expected) in [
        (&b"GET /\r\n"[..], 400, HeadError::FirstLine),
        (b"\r\nGET /\r\n", 400, HeadError::FirstLine),
        (b"SSH-2.0-OpenSSH_9.2\r\n", 400, HeadError::FirstLine),
        (b"EHLO mail.example.com\r\n", 400, HeadError::FirstLine),
        (b"NICK guest\r\n", 400, HeadError::FirstLine),
        (b"*1\r\n$4\r\nPING\r\n", 400, HeadError::FirstLine),
        (b"OPTIONS rtsp://a.example/b RTSP/1.0\r\n", 400, HeadError::FirstLine),
        (b"\x05\x01\x00", 400, not_http(5)),
        (b"\x16\x03\x01\x02\x00", 400, not_http(0x16)),
        (b"\r\n\x16\x03\x01\x02\x00", 400, not_http(0x16)),
        (b"\r\n\r\n", 400, not_http(b'\r')),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, HeadError::Version),
        (b"GET / HTTP/1.0\r\n\r\n", 505, HeadError::Version),
        (&[b'A'; 40], 501, HeadError::MethodTooLong),
        (b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n", 400, HeadError::FoldedLine),
    ] {
        let (answer, error) = said_to(sent);
        let sent = sent.escape_ascii();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{sent}: {answer}");
        let Error::Handshake(CoreError::Request(RequestError::Head(found))) = error else {
            panic!("{sent}: {error:?}");
        };
        assert_eq!(found, expected, "{sent}");
    }
}

/// A stream that returns these reads in turn. An empty read would block.
#[derive(Debug)]
struct Reads(VecDeque<Vec<u8>>);

impl Read for Reads {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Some(read) = self.0.pop_front() else { return Ok(0) };
        if read.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        buf[..read.len()].copy_from_slice(&read);
        Ok(read.len())
    }
}

impl Write for Reads {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_empty_line_before_the_request_is_skipped_at_every_split() {
    let sent = format!("\r\n{REQUEST}\r\n").into_bytes();
    for split in 1..sent.len() {
        let (first, second) = sent.split_at(split);
        let stream = Reads([first.to_vec(), second.to_vec()].into());
        assert!(accept(stream).is_ok(), "split at {split}");
    }
    let stream = Reads(sent.iter().map(|&byte| vec![byte]).collect());
    assert!(accept(stream).is_ok(), "byte by byte");
}

/// The result of our client for this answer to its request.
fn answered(
    answer: impl FnOnce(&str) -> String + Send + 'static,
) -> Result<fullduplex_std::OwnedResponse, Error> {
    bounded(move || {
        let (near, mut far) = sockets();
        let serving = thread::spawn(move || {
            let request = read_head(&mut far);
            far.write_all(answer(&request).as_bytes()).unwrap();
            far
        });
        let opened = client("ws://localhost/", near);
        serving.join().unwrap();
        opened.map(|(_, response)| response).map_err(failure)
    })
}

#[test]
fn empty_and_folded_lines_of_a_response_are_no_fault() {
    let response = answered(|request| {
        let response = response_to(request)
            .replace("Upgrade: websocket", "Upgrade:\r\n websocket\r\nX: a\r\n\tb")
            .replace("Accept: ", "Accept:\r\n ");
        format!("\r\nHTTP/1.1 103 Early Hints\r\nLink: a,\r\n b\r\n\r\n\r\n{response}")
    })
    .unwrap();
    let response = response.as_response();
    assert_eq!(response.headers().get_str("Upgrade"), Some("websocket"));
    assert_eq!(response.headers().get_str("X"), Some("a  \tb"));
    let refused =
        answered(|_| "HTTP/1.1 401 No\r\nX: a\r\n b\r\n\r\n\r\n c".to_owned()).unwrap_err();
    let Error::Http(refused) = refused else { panic!("{refused:?}") };
    assert_eq!(refused.response.as_response().headers().get_str("X"), Some("a   b"));
    assert!(b"\r\n c".starts_with(&refused.body), "the body is as it came");
}

#[test]
fn a_server_that_speaks_something_else_is_left_at_once() {
    for (answer, expected) in [
        ("SSH-2.0-OpenSSH_9.2\r\n", HeadError::NotHttp { byte: b'S' }),
        ("HELLO\r\n", HeadError::FirstLine),
        ("HTTP/2 200\r\n", HeadError::Version),
    ] {
        let error = takes(ms(0), || answered(|_| answer.to_owned()).unwrap_err());
        let Error::Handshake(CoreError::Response(error)) = error else { panic!("{error:?}") };
        assert_eq!(error, expected.into(), "{answer}");
    }
}

/// The response to a client that sends this to a server with a health check, and the server's result.
fn probe(sent: &str) -> (String, Result<(), Error>) {
    let sent = sent.to_owned();
    bounded(move || {
        let (mut near, far) = sockets();
        let serving = thread::spawn(move || {
            let answer = |request: &PlainRequest<'_>| match request.path() {
                "/healthz" => Some(OwnedRejection::new(200).header("X-Up", "1").body("ok\n")),
                "/empty" => Some(OwnedRejection::new(204)),
                "/broken" => Some(OwnedRejection::new(200).header("Content-Length", "1")),
                _ => None,
            };
            let decide = |_: &fullduplex_std::Request<'_>| Ok(Default::default());
            accept_or_respond(far, EndpointConfig::new(), decide, answer).map(drop).map_err(failure)
        });
        near.write_all(sent.as_bytes()).unwrap();
        let answer = String::from_utf8_lossy(&read_to_end(&mut near)).into_owned();
        drop(near);
        (answer, serving.join().unwrap())
    })
}

#[test]
fn a_plain_request_is_answered_by_the_application() {
    for request in [
        "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nGET /healthz HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
        "GET /healthz HTTP/1.0\r\n\r\n",
        "POST /healthz?a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    ] {
        let (answer, ended) = probe(request);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
        assert_eq!(header(&answer, "X-Up"), Some("1"));
        assert_eq!(header(&answer, "Connection"), Some("close"));
        assert!(matches!(ended, Err(Error::Responded(200))), "{ended:?}");
    }
    let (answer, _) = probe("HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.ends_with("Content-Length: 3\r\n\r\n"), "{answer}");
    let (answer, ended) = probe("GET /empty HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 204 No Content\r\n"), "{answer}");
    assert!(matches!(ended, Err(Error::Responded(204))), "{ended:?}");
    let (answer, ended) = probe("GET /broken HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(matches!(ended, Err(Error::Reject(RejectError::InvalidHeader(_)))), "{ended:?}");
}

#[test]
fn an_answer_to_a_plain_request_survives_interruptions() {
    let reads = ["", "GET /heal", "", "thz HTTP/1.1\r\nHost: a\r\n\r\n"];
    let stream = Reads(reads.map(|read| read.as_bytes().to_vec()).into());
    let answer = |_: &PlainRequest<'_>| Some(OwnedRejection::new(200));
    let decide = |_: &fullduplex_std::Request<'_>| Ok(Default::default());
    let mut accepting = accept_or_respond(stream, EndpointConfig::new(), decide, answer);
    let mut interruptions = 0;
    let error = loop {
        match accepting {
            Ok(_) => panic!("it is no WebSocket"),
            Err(HandshakeError::Interrupted(mid)) => accepting = mid.handshake(),
            Err(HandshakeError::Failure(error)) => break error,
        }
        interruptions += 1;
    };
    assert!(matches!(error, Error::Responded(200)), "{error:?}");
    assert_eq!(interruptions, 2);
}

#[test]
fn what_the_application_does_not_answer_is_refused_or_opened_as_ever() {
    for (request, status) in [
        ("GET /other HTTP/1.1\r\nHost: a\r\n\r\n", 426),
        ("POST /other HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("GET /other HTTP/1.0\r\n\r\n", 505),
        // These requests are invalid, whatever they ask for.
        ("GET /healthz HTTP/1.1\r\n\r\n", 400),
        ("GET /healthz\r\n", 400),
        // This request asks for a WebSocket, but lacks the rest.
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", 426),
    ] {
        let (answer, ended) = probe(request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        assert!(matches!(ended, Err(Error::Handshake(_))), "{ended:?}");
    }
    let (answer, ended) = probe(&format!("{REQUEST}\r\n"));
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(ended.is_ok(), "{ended:?}");
}
