//! Failures: the peer breaks the protocol, the handshake is refused, the application misuses the socket.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::thread;

use fullduplex_std::fullduplex::handshake::ResponseError;
use fullduplex_std::fullduplex::{self, FrameError, MessageError, SendError};
use fullduplex_std::{
    Bytes, CloseCode, CloseFrame, EndpointConfig, Error, HandshakeError, Message, OwnedAcceptance,
    OwnedClientRequest, OwnedRejection, OwnedResponse, Role, WebSocket, accept_with, client,
};
use fullduplex_testkit::Frame;

use crate::raw::{
    self, REQUEST, closes_with, exchange, header, read_frames, read_head, read_to_end,
};
use crate::support::{bounded, drain, is_over, ms, pair, sockets, takes, timeouts};

const MIB: usize = 1 << 20;

/// Our socket in this role, and the peer's socket.
fn open(role: Role, config: EndpointConfig) -> (WebSocket<TcpStream>, TcpStream) {
    match role {
        Role::Client => raw::our_client(config),
        Role::Server => raw::our_server(config),
    }
}

/// The peer's frames on the wire: masked if we are the server.
fn encode(role: Role, frames: &[Frame]) -> Vec<u8> {
    let encode = |frame: &Frame| match role {
        Role::Client => frame.encode(),
        Role::Server => frame.clone().masked().encode(),
    };
    frames.iter().flat_map(encode).collect()
}

/// Has the peer send `wire`. Returns what we read, why we failed, and the frames that the peer received.
fn fails(role: Role, wire: Vec<u8>) -> (Vec<Message>, fullduplex::Error, Vec<Frame>) {
    bounded(move || {
        let mut config = EndpointConfig::new();
        config.connection.limits.max_frame_size = 1000;
        config.connection.limits.max_message_size = 1500;
        let (mut ours, mut peer) = open(role, config);
        let peer = thread::spawn(move || {
            peer.write_all(&wire).unwrap();
            read_frames(&mut peer)
        });
        let (messages, error) = drain(&mut ours);
        let Error::Protocol(error) = error else { panic!("{error:?}") };
        assert_eq!(ours.receiver().failure(), Some(error));
        is_over(&mut ours);
        (messages, error, peer.join().unwrap())
    })
}

#[test]
fn each_fault_of_the_peer_is_reported_and_answered_with_its_close_code() {
    let reserved = Frame { rsv: 4, ..Frame::text("compressed?") };
    let part = || Frame::text(vec![b'a'; 800]).unfinished();
    let faults: [(&[Frame], fullduplex::Error, CloseCode); 6] = [
        (&[Frame::text(b"\xff")], MessageError::InvalidUtf8.into(), CloseCode::Invalid),
        (&[Frame::text(vec![b'a'; 1001])], FrameError::TooLarge.into(), CloseCode::Size),
        (
            &[part(), Frame::continuation(vec![b'a'; 800])],
            MessageError::TooLarge.into(),
            CloseCode::Size,
        ),
        (&[reserved], FrameError::ReservedBits.into(), CloseCode::Protocol),
        (
            &[Frame::continuation("")],
            MessageError::UnexpectedContinuation.into(),
            CloseCode::Protocol,
        ),
        (&[part(), Frame::text("")], MessageError::Interleaved.into(), CloseCode::Protocol),
    ];
    for role in [Role::Client, Role::Server] {
        for (frames, expected, code) in &faults {
            let before = Frame::text("before");
            let wire = encode(role, &[&[before][..], frames].concat());
            let (messages, error, answer) = fails(role, wire);
            assert_eq!(messages, [Message::text("before")], "{expected:?}");
            assert_eq!(error, *expected);
            closes_with(&answer, *code);
            assert_eq!(answer.len(), 1, "one Close: {answer:?}");
        }
    }
}

#[test]
fn frames_masked_the_wrong_way_are_answered_with_1002() {
    for (role, frame) in
        [(Role::Client, Frame::text("a").masked()), (Role::Server, Frame::text("a"))]
    {
        let (messages, _, answer) = fails(role, frame.encode());
        assert_eq!(messages, []);
        closes_with(&answer, CloseCode::Protocol);
    }
}

#[test]
fn the_close_reaches_a_peer_that_is_in_the_middle_of_sending_much() {
    for role in [Role::Client, Role::Server] {
        let flood = vec![Frame::binary(vec![7; 1000]); 8 << 10];
        let wire = encode(role, &[&[Frame::text(b"\xff")], &flood[..]].concat());
        let (messages, error, answer) = fails(role, wire);
        assert_eq!((messages, error), (vec![], MessageError::InvalidUtf8.into()));
        closes_with(&answer, CloseCode::Invalid);
    }
}

#[test]
fn what_is_pending_leaves_before_the_close_of_a_failure() {
    bounded(|| {
        let (mut ours, mut peer) = open(Role::Server, EndpointConfig::new());
        let wire =
            encode(Role::Server, &[Frame::ping("1"), Frame::text("a"), Frame::text(b"\xff")]);
        let peer = thread::spawn(move || {
            peer.write_all(&wire).unwrap();
            read_frames(&mut peer)
        });
        assert_eq!(ours.read().unwrap(), Message::Ping(Bytes::from_static(b"1")));
        let text = ours.read().unwrap();
        ours.feed(text).unwrap();
        assert!(matches!(ours.read(), Err(Error::Protocol(_))));
        let answer = peer.join().unwrap();
        assert_eq!(answer[..2], [Frame::pong("1"), Frame::text("a")]);
        closes_with(&answer, CloseCode::Invalid);
    });
}

/// The error of our client if a server answers with `response`, and the server's socket.
fn answered(response: &'static str) -> (Error, TcpStream) {
    bounded(move || {
        let (near, mut far) = sockets();
        far.write_all(response.as_bytes()).unwrap();
        match takes(ms(0), || client("ws://localhost/", near)) {
            Err(HandshakeError::Failure(error)) => (error, far),
            other => panic!("{other:?}"),
        }
    })
}

#[test]
fn another_status_than_101_is_returned_with_headers_and_body() {
    let (error, _) = answered(
        "HTTP/1.1 401 Who are you?\r\nWWW-Authenticate: Bearer realm=\"a\"\r\nContent-Length: 8\r\n\r\nNo entry",
    );
    assert_eq!(
        error.to_string(),
        "the server did not open a WebSocket: 401 Who are you?, WWW-Authenticate: Bearer realm=\"a\", \"No entry\""
    );
    let Error::Http(refused) = error else { panic!("{error:?}") };
    let response = refused.response.as_response();
    assert_eq!((response.status(), response.reason()), (401, "Who are you?"));
    assert_eq!(response.headers().get_str("www-authenticate"), Some("Bearer realm=\"a\""));
    assert_eq!(refused.body, b"No entry");
    let (error, _) = answered("HTTP/1.1 401\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(error.to_string(), "the server did not open a WebSocket: 401");
}

#[test]
fn a_redirect_is_returned_and_not_followed() {
    let (error, _) = answered("HTTP/1.1 302 Found\r\nLocation: ws://elsewhere/\r\n\r\n");
    let Error::Http(refused) = error else { panic!("{error:?}") };
    let location = |response: &OwnedResponse| {
        response.as_response().headers().get_str("location").map(str::to_owned)
    };
    assert_eq!(location(&refused.response).as_deref(), Some("ws://elsewhere/"));
}

#[test]
fn a_response_that_opens_no_websocket_is_refused() {
    for (response, expected) in [
        ("SSH-2.0-OpenSSH_9.9\r\n\r\n", None),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            Some(ResponseError::Accept),
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
            Some(ResponseError::Upgrade),
        ),
    ] {
        let (error, _) = answered(response);
        let Error::Handshake(fullduplex::HandshakeError::Response(error)) = error else {
            panic!("{response}: {error:?}");
        };
        match expected {
            Some(expected) => assert_eq!(error, expected),
            None => assert!(matches!(error, ResponseError::Head(_)), "{error:?}"),
        }
    }
}

#[test]
fn a_request_that_must_not_be_sent_is_refused_before_a_byte_leaves() {
    let (near, mut far) = sockets();
    let request = OwnedClientRequest::new("ws://localhost/").unwrap().header("X-A", "b\r\nX-C: d");
    let error = client(request, near).unwrap_err();
    assert!(
        matches!(
            error,
            HandshakeError::Failure(Error::Handshake(fullduplex::HandshakeError::Encode(_)))
        ),
        "{error:?}"
    );
    assert_eq!(read_to_end(&mut far), b"");
    let (near, _far) = sockets();
    assert!(matches!(
        client("ftp://localhost/", near),
        Err(HandshakeError::Failure(Error::Url(_)))
    ));
}

/// Sends this request to our server. Returns the response, and the server's error.
fn asked(
    request: &str,
    decide: impl Fn() -> fullduplex_std::Decision + Send + 'static,
) -> (String, Error) {
    let request = request.to_owned();
    bounded(move || {
        let (near, far) = sockets();
        let accepting = thread::spawn(move || {
            let mut config = EndpointConfig::new();
            config.head_limits.max_size = 4096;
            match accept_with(far, config, |_| decide()) {
                Err(HandshakeError::Failure(error)) => error,
                other => panic!("{other:?}"),
            }
        });
        let answer = String::from_utf8(exchange(near, request.as_bytes())).unwrap();
        (answer, accepting.join().unwrap())
    })
}

#[test]
fn an_invalid_request_gets_the_status_that_it_calls_for() {
    let valid = format!("{REQUEST}\r\n");
    for (request, status) in [
        (valid.replace("GET", "POST"), 405),
        (valid.replace("HTTP/1.1", "HTTP/1.0"), 505),
        (valid.replace("Host: localhost\r\n", ""), 400),
        (valid.replace("Upgrade: websocket\r\n", ""), 426),
        (valid.replace("Connection: Upgrade\r\n", ""), 426),
        (valid.replace("Version: 13", "Version: 8"), 426),
        (valid.replace("dGhlIHNhbXBsZSBub25jZQ==", "short"), 400),
        (valid.replace("Host", "X-Long: {}\r\nHost").replace("{}", &"a".repeat(5000)), 431),
        ("\u{16}\u{3}\u{1} this is TLS\r\n\r\n".to_owned(), 400),
    ] {
        let (answer, error) = asked(&request, || Ok(OwnedAcceptance::new()));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        assert!(
            matches!(error, Error::Handshake(fullduplex::HandshakeError::Request(_))),
            "{error:?}"
        );
        if request.contains("Version: 8") {
            assert_eq!(header(&answer, "sec-websocket-version"), Some("13"));
        }
        if status == 426 {
            assert_eq!(header(&answer, "upgrade").map(str::to_lowercase), Some("websocket".into()));
        }
    }
}

#[test]
fn the_answer_to_an_invalid_request_reaches_a_client_that_sends_on() {
    bounded(|| {
        let (mut near, far) = sockets();
        let accepting = thread::spawn(move || {
            accept_with(far, EndpointConfig::new(), |_| Ok(OwnedAcceptance::new()))
        });
        near.write_all(REQUEST.replace("GET", "PUT").as_bytes()).unwrap();
        near.write_all(&[b"\r\n", &vec![0; 4 * MIB][..]].concat()).unwrap();
        near.shutdown(Shutdown::Write).unwrap();
        assert!(read_head(&mut near).starts_with("HTTP/1.1 405 "));
        assert!(accepting.join().unwrap().is_err());
    });
}

#[test]
fn a_rejection_reaches_the_client_with_headers_and_body() {
    let (answer, error) = asked(&format!("{REQUEST}\r\n"), || {
        Err(OwnedRejection::new(403).header("X-Why", "no badge").body("Go away\n"))
    });
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert_eq!(header(&answer, "x-why"), Some("no badge"));
    assert_eq!(header(&answer, "content-length"), Some("8"));
    assert!(answer.ends_with("\r\n\r\nGo away\n"), "{answer}");
    assert!(matches!(error, Error::Responded(403)), "{error:?}");
}

#[test]
fn our_client_sees_the_whole_rejection_of_our_server() {
    bounded(|| {
        let (near, far) = sockets();
        let accepting = thread::spawn(move || {
            accept_with(far, EndpointConfig::new(), |request| {
                assert_eq!(request.path(), "/private");
                Err(OwnedRejection::new(403).header("X-Why", "no badge").body("Go away\n"))
            })
            .map(drop)
            .map_err(Error::from)
        });
        let Err(HandshakeError::Failure(Error::Http(refused))) =
            client("ws://localhost/private", near)
        else {
            panic!("not refused");
        };
        assert_eq!(refused.response.as_response().status(), 403);
        assert_eq!(refused.response.as_response().headers().get_str("x-why"), Some("no badge"));
        assert_eq!(refused.body, b"Go away\n");
        assert!(matches!(accepting.join().unwrap(), Err(Error::Responded(403))));
    });
}

#[test]
fn an_answer_that_must_not_be_sent_is_a_server_error() {
    let request = format!("{REQUEST}\r\n");
    let (answer, error) =
        asked(&request, || Ok(OwnedAcceptance::new().header("X-A", "b\r\nX-C: d")));
    assert!(answer.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{answer}");
    assert!(matches!(error, Error::Accept(_)), "{error:?}");
    let (answer, error) = asked(&request, || Ok(OwnedAcceptance::new().subprotocol("not offered")));
    assert!(answer.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{answer}");
    assert!(matches!(error, Error::Accept(_)), "{error:?}");
    let (answer, error) = asked(&request, || Err(OwnedRejection::new(200)));
    assert!(answer.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{answer}");
    assert!(matches!(error, Error::Reject(_)), "{error:?}");
}

#[test]
fn closing_twice_is_harmless_and_sending_after_it_is_refused() {
    bounded(|| {
        let (mut client, mut server) = pair(EndpointConfig::new(), EndpointConfig::new());
        client.send("first".into()).unwrap();
        client.close(Some(CloseFrame { code: CloseCode::Away, reason: "bye".into() })).unwrap();
        client.close(None).unwrap();
        for refused in [Message::text("late"), Message::Ping(Bytes::new())] {
            assert!(matches!(client.send(refused), Err(Error::Send(SendError::Closed))));
        }
        assert!(client.can_read() && !client.can_send());
        let serving = thread::spawn(move || {
            let seen = drain(&mut server);
            is_over(&mut server);
            seen
        });
        let (messages, error) = drain(&mut client);
        assert!(
            matches!(messages[..], [Message::Close(Some(ref frame))] if frame.code == CloseCode::Away)
        );
        assert!(matches!(error, Error::ConnectionClosed), "{error:?}");
        assert!(client.receiver().is_clean());
        is_over(&mut client);
        let (messages, error) = serving.join().unwrap();
        let close = CloseFrame { code: CloseCode::Away, reason: "bye".into() };
        assert_eq!(messages, [Message::text("first"), Message::Close(Some(close))]);
        assert!(matches!(error, Error::ConnectionClosed), "{error:?}");
    });
}

#[test]
fn what_must_not_be_sent_is_refused_and_the_connection_goes_on() {
    bounded(|| {
        let (mut client, mut server) = pair(EndpointConfig::new(), EndpointConfig::new());
        let too_long = Message::Ping(Bytes::from(vec![0; 126]));
        assert!(matches!(client.send(too_long), Err(Error::Send(SendError::ControlTooLong))));
        let status = CloseFrame::new(CloseCode::Status);
        assert!(matches!(client.close(Some(status)), Err(Error::Send(SendError::CloseCode(1005)))));
        let long = CloseFrame { code: CloseCode::Normal, reason: "r".repeat(124).into() };
        assert!(matches!(client.close(Some(long)), Err(Error::Send(SendError::ReasonTooLong))));
        client.send("still here".into()).unwrap();
        assert_eq!(server.read().unwrap(), Message::text("still here"));
    });
}

#[test]
fn both_sides_may_close_at_once() {
    bounded(|| {
        let config = timeouts(|timeouts| timeouts.close_timeout = ms(2000));
        let (mut client, mut server) = pair(config, config);
        client.close(Some(CloseFrame::new(CloseCode::Private(4000)))).unwrap();
        server.close(Some(CloseFrame::new(CloseCode::Private(4001)))).unwrap();
        let serving = thread::spawn(move || drain(&mut server));
        for ((messages, error), code) in
            [(drain(&mut client), 4001), (serving.join().unwrap(), 4000)]
        {
            let close = CloseFrame::new(CloseCode::Private(code));
            assert_eq!(messages, [Message::Close(Some(close))]);
            assert!(matches!(error, Error::ConnectionClosed), "{error:?}");
        }
    });
}

/// A report walks the chain of the sources and prints each of them.
#[test]
fn a_report_has_each_text_once() {
    let innermost = Nested(None);
    let failed = std::io::Error::other(Nested(Some(Box::new(innermost))));
    let failed = HandshakeError::<()>::Failure(failed.into());
    let chain = std::iter::successors(Some(&failed as &dyn std::error::Error), |it| it.source());
    let texts: Vec<_> = chain.map(ToString::to_string).collect();
    assert_eq!(texts, ["the transport failed: outer", "inner"]);
}

/// An error that has a source, or is one.
#[derive(Debug)]
struct Nested(Option<Box<Nested>>);

impl std::fmt::Display for Nested {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "outer" } else { "inner" })
    }
}

impl std::error::Error for Nested {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.as_deref().map(|inner| inner as _)
    }
}
