//! The opening handshake as an adapter drives it: a request leads to an endpoint or to a refusal.
#![cfg(feature = "alloc")]

use std::io::Read;
use std::time::Duration;

use fullduplex::handshake::{
    AcceptError, Acceptance, OwnedClientRequest, OwnedRejection, PlainRequest, RequestError,
};
use fullduplex::{
    Connected, Connecting, Endpoint, EndpointConfig, Error, HandshakeError, Incoming,
    IncomingRequest, Message, MessageRef, NoEntropy, Progress, Refusal, Refused, Role, Shutdown,
    Timeout,
};
use fullduplex_testkit::{BrokenEntropy, Frame, TestEntropy};

const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn incoming() -> Incoming<NoEntropy> {
    Incoming::new(EndpointConfig::new(), NoEntropy)
}

fn connecting() -> Connecting<TestEntropy> {
    let request = OwnedClientRequest::new("ws://localhost/chat").unwrap();
    Connecting::new(request, EndpointConfig::new(), TestEntropy::new(1)).unwrap()
}

/// Passes `bytes` to the handshake, `most` at a time, until it has a request.
fn receive(
    mut incoming: Incoming<NoEntropy>,
    bytes: &[u8],
    most: usize,
) -> IncomingRequest<NoEntropy> {
    for piece in bytes.chunks(most) {
        incoming.room()[..piece.len()].copy_from_slice(piece);
        incoming.advance(piece.len());
        match incoming.poll().unwrap() {
            Progress::Waiting(same) => incoming = same,
            Progress::Done(request) => return request,
        }
    }
    panic!("{} bytes bring no request", bytes.len())
}

fn requested() -> IncomingRequest<NoEntropy> {
    receive(incoming(), REQUEST, usize::MAX)
}

fn respond(mut connecting: Connecting<TestEntropy>, bytes: &[u8]) -> Connected<TestEntropy> {
    connecting.room()[..bytes.len()].copy_from_slice(bytes);
    connecting.advance(bytes.len());
    match connecting.poll().unwrap() {
        Progress::Done(connected) => connected,
        Progress::Waiting(_) => panic!("{} bytes bring no response", bytes.len()),
    }
}

/// A server's response to the request that `connecting` writes.
fn response_to(connecting: &mut Connecting<TestEntropy>) -> Vec<u8> {
    let request = connecting.output().to_vec();
    connecting.advance_output(request.len());
    let request = receive(incoming(), &request, usize::MAX);
    let (mut endpoint, _) = request.accept(&Acceptance::new()).unwrap();
    endpoint.output().unwrap().first().to_vec()
}

fn written(refusal: &mut Refusal) -> String {
    let response = refusal.output().to_vec();
    refusal.advance_output(response.len());
    assert_eq!(refusal.output(), b"");
    String::from_utf8(response).unwrap()
}

#[test]
fn a_request_becomes_an_endpoint_with_the_frames_that_were_read_behind_it() {
    let mut bytes = REQUEST.to_vec();
    bytes.extend(Frame::text("early").masked().encode());
    for most in [1, 100, usize::MAX] {
        let request = receive(incoming(), &bytes[..REQUEST.len()], most);
        assert_eq!(request.request().path(), "/chat");
        let (mut endpoint, request) = request.accept(&Acceptance::new()).unwrap();
        assert_eq!(request.as_request().path(), "/chat");
        assert_eq!((endpoint.role(), endpoint.shutdown()), (Role::Server, Shutdown::No));
        assert_eq!(endpoint.poll_owned(), Ok(None));
    }
    let (mut endpoint, _) =
        receive(incoming(), &bytes, usize::MAX).accept(&Acceptance::new()).unwrap();
    assert!(
        endpoint.output().unwrap().first().starts_with(b"HTTP/1.1 101 Switching Protocols\r\n")
    );
    assert_eq!(endpoint.poll_owned(), Ok(Some("early".into())));
    // A message is written after the response.
    endpoint.writer.send(MessageRef::Text("hi")).unwrap();
    assert!(endpoint.output().unwrap().first().ends_with(b"\r\n\r\n\x81\x02hi"));
}

/// RFC 6455 §4.1: "Once the client's opening handshake has been sent, the client MUST wait for a response from the server
/// before sending any further data." There is no endpoint to send with before that.
#[test]
fn a_client_sends_nothing_but_its_request_before_the_response_has_come() {
    let mut connecting = connecting();
    let request = connecting.output();
    assert!(request.starts_with(b"GET /chat HTTP/1.1\r\n") && request.ends_with(b"\r\n\r\n"));
    let response = response_to(&mut connecting);
    let Connected::Open { mut endpoint, response } = respond(connecting, &response) else {
        panic!("it was accepted")
    };
    assert_eq!((endpoint.role(), response.as_response().status()), (Role::Client, 101));
    assert_eq!(endpoint.output().unwrap().first(), b"");
    endpoint.writer.send(MessageRef::Text("now")).unwrap();
}

#[test]
fn what_is_left_of_a_request_goes_before_the_first_message() {
    let mut connecting = connecting();
    let request = connecting.output().to_vec();
    let response = response_to(&mut self::connecting());
    connecting.advance_output(10);
    // Both clients have the same key, so the response fits.
    let Connected::Open { mut endpoint, .. } = respond(connecting, &response) else {
        panic!("it was accepted")
    };
    assert_eq!(endpoint.output().unwrap().first(), &request[10..]);
}

#[test]
fn frames_behind_the_response_are_received() {
    let mut connecting = connecting();
    let mut bytes = response_to(&mut connecting);
    bytes.extend(Frame::text("welcome").encode());
    let Connected::Open { mut endpoint, .. } = respond(connecting, &bytes) else {
        panic!("it was accepted")
    };
    assert_eq!(endpoint.poll_owned(), Ok(Some("welcome".into())));
}

#[test]
fn another_status_comes_with_what_had_arrived_of_the_body() {
    let bytes = b"HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\nsorry";
    let Connected::Refused(Refused { response, body }) = respond(connecting(), bytes) else {
        panic!("it was refused")
    };
    assert_eq!((response.as_response().status(), &body[..]), (404, &b"sorry"[..]));
}

#[test]
fn a_response_that_is_none_ends_the_handshake() {
    let mut connecting = connecting();
    connecting.room()[..4].copy_from_slice(b"nope");
    connecting.advance(4);
    assert!(matches!(connecting.poll(), Err(HandshakeError::Response(_))));
}

#[test]
fn a_client_without_entropy_sends_no_request() {
    let request = OwnedClientRequest::new("ws://localhost/chat").unwrap();
    let failed = Connecting::new(request, EndpointConfig::new(), BrokenEntropy { draws: 0 });
    assert!(matches!(failed, Err(HandshakeError::Entropy(_))));
}

/// The configuration is for requests and acceptances that make no choice.
#[cfg(feature = "deflate")]
#[test]
fn a_request_and_an_acceptance_may_choose_compression_for_themselves() {
    use fullduplex::DeflateConfig;
    use fullduplex::handshake::OwnedAcceptance;

    let (own, other) = (DeflateConfig::new().no_context_takeover(true), DeflateConfig::new());
    for config in [None, Some(other)] {
        let mut endpoint_config = EndpointConfig::new();
        endpoint_config.deflate = config;
        let request = OwnedClientRequest::new("ws://localhost/chat").unwrap().deflate(own);
        let entropy = TestEntropy::new(1);
        let connecting = Connecting::new(request, endpoint_config, entropy).unwrap();
        let request = connecting.output().to_vec();
        assert!(String::from_utf8_lossy(&request).contains("client_no_context_takeover"));

        let incoming = Incoming::new(endpoint_config, NoEntropy);
        let request = receive(incoming, &request, usize::MAX);
        let (endpoint, _) = request.accept(&Acceptance::new().deflate(own)).unwrap();
        assert!(!endpoint.deflate().unwrap().context_takeover());
    }
    let on = EndpointConfig::new().deflate(other);
    let offer = |choice: Option<Option<DeflateConfig>>| {
        let mut request = OwnedClientRequest::new("ws://localhost/chat").unwrap();
        if let Some(choice) = choice {
            request = request.deflate(choice);
        }
        Connecting::new(request, on, TestEntropy::new(1)).unwrap().output().to_vec()
    };
    let is_offered = |request: &[u8]| String::from_utf8_lossy(request).contains("permessage");
    assert!(is_offered(&offer(None)) && !is_offered(&offer(Some(None))));
    for (acceptance, accepts) in [
        (OwnedAcceptance::new(), true),
        (OwnedAcceptance::new().deflate(None), false),
        (OwnedAcceptance::new().deflate(own), true),
    ] {
        let request = receive(Incoming::new(on, NoEntropy), &offer(None), usize::MAX);
        let (endpoint, _) = request.accept(&acceptance.as_acceptance()).unwrap();
        assert_eq!(endpoint.deflate().is_some(), accepts);
    }
}

#[test]
fn a_request_for_no_websocket_is_refused_or_answered() {
    let plain = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let poll = |response: Option<Option<OwnedRejection>>| {
        let mut incoming = incoming();
        incoming.room()[..plain.len()].copy_from_slice(plain);
        incoming.advance(plain.len());
        let polled = match response {
            None => incoming.poll(),
            Some(response) => incoming.poll_or(&mut |request: &PlainRequest<'_>| {
                assert_eq!(request.path(), "/healthz");
                response.clone()
            }),
        };
        let Err(failed) = polled else { panic!("it is no request for a WebSocket") };
        let mut refusal = failed.refusal;
        (failed.error, written(&mut refusal))
    };
    for answer in [None, Some(None)] {
        let (error, response) = poll(answer);
        assert!(
            matches!(error, HandshakeError::Request(error) if error.status() == 426),
            "{error}"
        );
        assert!(response.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{response}");
    }
    let (error, response) = poll(Some(Some(OwnedRejection::new(200).body("ok\n"))));
    assert_eq!(error, HandshakeError::Responded(200));
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n") && response.ends_with("\r\n\r\nok\n"));
    // The fault is the application's, and the client still gets a response.
    let (error, response) = poll(Some(Some(OwnedRejection::new(200).header("a\n", "b"))));
    assert!(matches!(error, HandshakeError::Reject(_)), "{error}");
    assert!(response.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{response}");
}

#[test]
fn what_is_no_request_is_refused_with_its_status() {
    let mut incoming = incoming();
    let bytes = b"\x16\x03\x01 this is TLS";
    incoming.room()[..bytes.len()].copy_from_slice(bytes);
    incoming.advance(bytes.len());
    let Err(mut failed) = incoming.poll() else { panic!("it is no request") };
    assert!(matches!(failed.error, HandshakeError::Request(RequestError::Head(_))));
    assert!(written(&mut failed.refusal).starts_with("HTTP/1.1 400 Bad Request\r\n"));
}

#[test]
fn a_rejection_is_written_or_replaced_by_a_server_error() {
    let mut refusal = requested().reject(&OwnedRejection::new(403).as_rejection()).unwrap();
    assert!(written(&mut refusal).starts_with("HTTP/1.1 403 Forbidden\r\n"));
    let Err(mut failed) = requested().reject(&OwnedRejection::new(101).as_rejection()) else {
        panic!("101 rejects nothing")
    };
    assert!(written(&mut failed.refusal).starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
}

#[test]
fn an_answer_that_must_not_be_sent_is_a_server_error() {
    let Err(mut failed) = requested().accept(&Acceptance::new().subprotocol("unasked")) else {
        panic!("the client has not asked for it")
    };
    assert_ne!(failed.error.to_string(), "");
    assert!(!matches!(failed.error, AcceptError::BufferTooSmall(_)));
    let response = written(&mut failed.refusal);
    assert!(response.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{response}");
    assert!(response.ends_with("\r\n\r\n"), "{response}");
}

#[test]
fn the_opening_handshake_has_its_time_from_the_first_wait_on() {
    let mut config = EndpointConfig::new();
    config.handshake_timeout = Some(s(10));
    let mut incoming = Incoming::new(config, NoEntropy);
    assert_eq!(incoming.poll_timeout(s(2)), Some(s(12)));
    incoming.room()[..16].copy_from_slice(&REQUEST[..16]);
    incoming.advance(16);
    let Ok(Progress::Waiting(mut incoming)) = incoming.poll() else { panic!("more is to come") };
    assert_eq!(incoming.poll_timeout(s(11)), Some(s(12)), "no byte puts it off");
    assert_eq!(incoming.handle_timeout(s(11)), Ok(()));
    assert_eq!(incoming.handle_timeout(s(12)), Err(Error::Timeout(Timeout::Handshake)));

    // The time of the application's decision counts as well.
    let mut request = receive(incoming, REQUEST.get(16..).unwrap(), usize::MAX);
    assert_eq!(request.poll_timeout(s(12)), Some(s(12)));
    assert_eq!(request.handle_timeout(s(12)), Err(Error::Timeout(Timeout::Handshake)));

    let request = OwnedClientRequest::new("ws://localhost/chat").unwrap();
    let mut connecting = Connecting::new(request, config, TestEntropy::new(1)).unwrap();
    assert_eq!(connecting.poll_timeout(s(2)), Some(s(12)));
    assert_eq!(connecting.handle_timeout(s(12)), Err(Error::Timeout(Timeout::Handshake)));

    config.handshake_timeout = None;
    assert_eq!(Incoming::new(config, NoEntropy).poll_timeout(s(1)), None);
}

#[test]
fn a_client_that_was_refused_is_waited_for_as_long_as_one_that_closes() {
    let mut refusal = requested().reject(&OwnedRejection::new(404).as_rejection()).unwrap();
    let wait = EndpointConfig::new().connection.timeouts.close_timeout;
    assert_eq!(refusal.poll_timeout(s(1)), Some(s(1) + wait));
    assert_eq!(refusal.handle_timeout(s(1)), Ok(()));
    assert_eq!(refusal.handle_timeout(s(1) + wait), Err(Error::Timeout(Timeout::Close)));
}

#[test]
fn an_endpoint_comes_apart_and_together_with_all_that_it_holds() {
    let (endpoint, _) = requested().accept(&Acceptance::new()).unwrap();
    let (mut reader, mut writer) = endpoint.split();
    writer.send(MessageRef::Text("hi")).unwrap();
    let ping = Frame::ping("?").masked().encode();
    reader.push(&ping);
    assert_eq!(reader.poll_owned(), Ok(Some(Message::Ping("?".into()))));
    let mut endpoint = Endpoint::join(reader, writer);
    let output = endpoint.output().unwrap().first();
    assert!(output.ends_with(b"\x81\x02hi\x8a\x01?"), "the Ping is answered");
}

/// A client's description of a response whose status is not 101.
fn said_of(response: &str) -> String {
    let mut connecting = connecting();
    let mut rest = response.as_bytes();
    while !rest.is_empty() {
        let len = rest.read(connecting.room()).unwrap();
        connecting.advance(len);
        connecting = match connecting.poll() {
            Ok(Progress::Waiting(connecting)) => connecting,
            Ok(Progress::Done(Connected::Refused(refused))) => return refused.to_string(),
            other => panic!("{other:?}"),
        };
    }
    panic!("{response} has no end")
}

#[test]
fn a_refusal_says_in_one_line_what_a_client_can_do() {
    let with = |status: &str, headers: &str, body: &str| {
        let len = body.len();
        said_of(&format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {len}\r\n\r\n{body}"))
    };
    assert_eq!(with("404 Not Found", "", ""), "404 Not Found");
    assert_eq!(with("403", "", "no\r\nentry"), "403, \"no\"");
    assert_eq!(
        with("200 OK", "", "<html>"),
        "200 OK, as for an ordinary request: the path may be wrong"
    );
    let location = "Location: /login?token=secret\r\n";
    assert_eq!(with("302 Found", location, ""), "302 Found, Location: /login");
    let headers = "Retry-After: 30\r\nWWW-Authenticate: Basic realm=\"κ\"\r\n";
    assert_eq!(
        with("401 Who?", headers, ""),
        "401 Who?, WWW-Authenticate: Basic realm=\"κ\", Retry-After: 30"
    );
    let location = "Location: https://user:secret@b.example/\r\n";
    assert_eq!(with("302 Found", location, ""), "302 Found");
    assert_eq!(with("302 Found", "Location: /a#token\r\n", ""), "302 Found, Location: /a");
    // No text of a peer clears the screen, begins a line, changes the writing direction, or fills a log.
    for hostile in ["\x1b", "\u{9b}", "\0", "\x7f", "\u{2028}", "\u{202e}", "\u{2066}", "\u{feff}"]
    {
        assert_eq!(with("403 No", "", &format!("a{hostile}b")), "403 No, \"a.b\"", "{hostile:?}");
    }
    let header = "WWW-Authenticate: \u{9b}2J\u{202e}\r\n";
    assert_eq!(with("403 No", header, ""), "403 No, WWW-Authenticate: .2J.");
    let long = "κ".repeat(5000);
    let shown = format!("{}…", "κ".repeat(200));
    assert_eq!(with("403 No", "", &long), format!("403 No, \"{shown}\""));
    let reason = "x".repeat(5000);
    assert_eq!(with(&format!("403 {reason}"), "", ""), format!("403 {}…", "x".repeat(200)));
}
