use super::*;
use crate::entropy::NoEntropy;
use crate::handshake::DEFAULT_MAX_HEAD_SIZE;
use crate::headers::InvalidHeader;
use crate::output::BufferTooSmall;
use crate::uri::Uri;

// The tests run where there is a heap, whatever the crate is built for.
extern crate std;

const UPGRADE: &str = "Upgrade: websocket\r\n";
const CONNECTION: &str = "Connection: Upgrade\r\n";
const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

struct Text {
    bytes: [u8; 20_000],
    length: usize,
}

impl Text {
    fn of(parts: &[&str]) -> Self {
        let mut text = Self { bytes: [0; 20_000], length: 0 };
        for part in parts {
            text.bytes[text.length..text.length + part.len()].copy_from_slice(part.as_bytes());
            text.length += part.len();
        }
        text
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// A valid response, whose lines `change` may change: status line, upgrade, connection, accept, further lines.
fn with<'t>(change: impl FnOnce(&mut [&'t str; 5])) -> Text {
    let mut lines = ["HTTP/1.1 101 Switching Protocols\r\n", UPGRADE, CONNECTION, ACCEPT, ""];
    change(&mut lines);
    let [status, upgrade, connection, accept, further] = lines;
    Text::of(&[status, upgrade, connection, accept, further, "\r\n"])
}

fn handshake() -> ClientHandshake {
    ClientHandshake::with_fixed_key_for_tests(*b"the sample nonce")
}

fn plain() -> ClientRequest<'static> {
    ClientRequest::new(Uri::parse("ws://server.example.com/chat").unwrap())
}

/// The result for `bytes`. It must be the same for the whole, for every split in two, and byte by byte.
fn poll<'b>(
    bytes: &'b [u8],
    request: &ClientRequest<'_>,
) -> Result<Option<Outcome<'b>>, ResponseError> {
    let whole = handshake().poll(bytes, request);
    let mut one_by_one = handshake();
    let mut verdict = Ok(None);
    for length in 0..=bytes.len() {
        let mut halves = handshake();
        match halves.poll(&bytes[..length], request) {
            Ok(None) => assert_eq!(halves.poll(bytes, request), whole, "cut at {length}"),
            early => assert_eq!(early, whole, "cut at {length}"),
        }
        if verdict == Ok(None) {
            verdict = one_by_one.poll(&bytes[..length], request);
        }
    }
    assert_eq!(verdict, whole);
    whole
}

fn open<'b>(text: &'b Text, request: &ClientRequest<'_>) -> Response<'b> {
    match poll(text.bytes(), request) {
        Ok(Some(Outcome::Open { response, .. })) => response,
        other => panic!("{other:?}"),
    }
}

fn refused<'b>(text: &'b Text, request: &ClientRequest<'_>) -> Response<'b> {
    match poll(text.bytes(), request) {
        Ok(Some(Outcome::Refused(response))) => response,
        other => panic!("{other:?}"),
    }
}

fn error(text: &Text) -> ResponseError {
    poll(text.bytes(), &plain()).expect_err("the response is to be refused")
}

fn encoded<'o>(request: &ClientRequest<'_>, out: &'o mut [u8]) -> &'o str {
    let length = handshake().encode_request(request, out).unwrap();
    core::str::from_utf8(&out[..length]).unwrap()
}

#[test]
fn a_request_is_written_as_the_rfc_has_it() {
    assert_eq!(
        encoded(&plain(), &mut [0; 512]),
        "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\n\r\n"
    );
    let uri = Uri::parse("wss://user:secret@[::1]:8443?room=1").unwrap();
    let request = ClientRequest::new(uri)
        .subprotocols(&["chat", "superchat"])
        .origin("https://a.example")
        .headers(&[("X-A", "1"), ("x-a", "2")]);
    assert_eq!(
        encoded(&request, &mut [0; 512]),
        "GET /?room=1 HTTP/1.1\r\nHost: [::1]:8443\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, superchat\r\n\
         Origin: https://a.example\r\nAuthorization: Basic dXNlcjpzZWNyZXQ=\r\n\
         X-A: 1\r\nx-a: 2\r\n\r\n"
    );
    let request = request.headers(&[("authorization", "Bearer x")]);
    assert!(!encoded(&request, &mut [0; 512]).contains("Basic"));
}

#[test]
fn a_request_that_would_smuggle_or_break_the_protocol_is_not_written() {
    let mut out = [0; 512];
    let mut check = |request: ClientRequest<'_>, error: InvalidHeader| {
        let verdict = handshake().encode_request(&request, &mut out);
        assert_eq!(verdict, Err(EncodeRequestError::InvalidHeader(error)));
        assert_eq!(out, [0; 512]);
    };
    check(plain().subprotocols(&["a", "b c"]), InvalidHeader::Subprotocol { index: 1 });
    check(plain().subprotocols(&["a", ""]), InvalidHeader::Subprotocol { index: 1 });
    check(plain().subprotocols(&["a", "b", "a"]), InvalidHeader::DuplicateSubprotocol { index: 2 });
    check(plain().headers(&[("X:", "")]), InvalidHeader::Name { index: 0 });
    check(plain().headers(&[("X", "a\r\nHost: b")]), InvalidHeader::Value { index: 0 });
    check(plain().headers(&[("X", "a\0")]), InvalidHeader::Value { index: 0 });
    check(plain().origin("http://a\nX: y"), InvalidHeader::Origin);
    check(plain().origin(""), InvalidHeader::Origin);
    for name in [
        "host",
        "Origin",
        "UPGRADE",
        "Connection",
        "Content-Length",
        "Transfer-Encoding",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Protocol",
        "sec-websocket-extensions",
    ] {
        check(plain().headers(&[(name, "x")]), InvalidHeader::Reserved { index: 0 });
    }
}

#[test]
fn a_small_buffer_is_told_the_size_that_is_needed() {
    let Err(EncodeRequestError::BufferTooSmall(BufferTooSmall { needed })) =
        handshake().encode_request(&plain(), &mut [])
    else {
        panic!("nothing fits into no buffer");
    };
    let mut out = [0; 512];
    assert!(handshake().encode_request(&plain(), &mut out[..needed - 1]).is_err());
    assert_eq!(handshake().encode_request(&plain(), &mut out[..needed]), Ok(needed));
}

#[test]
fn without_entropy_there_is_no_handshake() {
    assert_eq!(ClientHandshake::new(&mut NoEntropy).err(), Some(EntropyError));
}

#[test]
fn the_sample_response_of_the_rfc_opens_the_websocket() {
    let text = with(|_| {});
    let response = open(&text, &plain());
    assert_eq!((response.status(), response.reason()), (101, "Switching Protocols"));
    assert_eq!((response.head_len(), response.subprotocol()), (text.length, None));
    open(&with(|lines| lines[0] = "HTTP/1.1 101\r\n"), &plain());
    let text = with(|lines| {
        lines[1] = "UPGRADE: , WebSocket\r\n";
        lines[2] = "connection: keep-alive, upgrade\r\n";
        lines[3] = "sec-websocket-accept:  s3pPLMBiTxaQ9kYGzzhZRbK+xOo= \r\n";
        lines[4] = "Sec-WebSocket-Extensions:\r\n";
    });
    open(&text, &plain());
}

#[test]
fn frames_behind_the_response_are_left_in_the_buffer() {
    let text = Text::of(&[core::str::from_utf8(with(|_| {}).bytes()).unwrap(), "\u{1}\u{1}x"]);
    let response = open(&text, &plain());
    assert_eq!(&text.bytes()[response.head_len()..], b"\x01\x01x");
}

#[test]
fn a_response_that_does_not_switch_protocols_fails() {
    for (line, change, expected) in [
        (0, "HTTP/1.0 101 Switching Protocols\r\n", ResponseError::Version),
        (0, "HTTP/2 101\r\n", ResponseError::Head(HeadError::Version)),
        (1, "", ResponseError::Upgrade),
        (1, "Upgrade: websockets\r\n", ResponseError::Upgrade),
        (1, "Upgrade: ,\r\n", ResponseError::Upgrade),
        // The server would have switched to another protocol, and speak WebSocket above it.
        (1, "Upgrade: example/1, websocket\r\n", ResponseError::Upgrade),
        (1, "Upgrade: websocket, h2c\r\n", ResponseError::Upgrade),
        (1, "Upgrade: websocket\r\nUpgrade: h2c\r\n", ResponseError::Upgrade),
        (1, "Upgrade: h2c\r\nUpgrade: websocket\r\n", ResponseError::Upgrade),
        (2, "", ResponseError::Connection),
        (2, "Connection: Upgraded\r\n", ResponseError::Connection),
        (3, "", ResponseError::AcceptMissing),
        (3, "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", ResponseError::Accept),
        (3, "Sec-WebSocket-Accept:\r\n", ResponseError::Accept),
        (4, ACCEPT, ResponseError::Accept),
        (4, "Sec-WebSocket-Protocol: chat\r\n", ResponseError::Subprotocol),
        (4, "Sec-WebSocket-Protocol:\r\n", ResponseError::Subprotocol),
        (4, "Sec-WebSocket-Extensions: permessage-deflate\r\n", ResponseError::Extension),
        (4, "Sec-WebSocket-Extensions: \"\r\n", ResponseError::Extension),
        (4, "X Y: z\r\n", ResponseError::Head(HeadError::HeaderName)),
    ] {
        assert_eq!(error(&with(|lines| lines[line] = change)), expected, "{change}");
    }
    assert_eq!(error(&Text::of(&["\x15\x03\x01"])), HeadError::NotHttp { byte: 0x15 }.into());
}

#[test]
fn the_subprotocol_must_be_one_that_was_offered() {
    let chat = with(|lines| lines[4] = "Sec-WebSocket-Protocol: chat\r\n");
    let request = plain().subprotocols(&["superchat", "chat"]);
    assert_eq!(open(&chat, &request).subprotocol(), Some("chat"));
    open(&chat, &request.require_subprotocol());
    open(&with(|_| {}), &request);
    let verdict = poll(chat.bytes(), &plain().subprotocols(&["Chat"]));
    assert_eq!(verdict, Err(ResponseError::Subprotocol));
    for lines_of_two in [
        "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\n",
        "Sec-WebSocket-Protocol: chat, superchat\r\n",
    ] {
        let text = with(|lines| lines[4] = lines_of_two);
        assert_eq!(poll(text.bytes(), &request), Err(ResponseError::Subprotocol));
    }
    let none = with(|_| {});
    let verdict = poll(none.bytes(), &request.require_subprotocol());
    assert_eq!(verdict, Err(ResponseError::SubprotocolMissing));
}

#[test]
fn another_final_status_is_handed_over_whole() {
    let text = with(|lines| {
        lines[0] = "HTTP/1.1 302 Found\r\n";
        lines[4] = "Location: ws://evil.example/\r\n";
    });
    let response = refused(&text, &plain());
    assert_eq!((response.status(), response.reason()), (302, "Found"));
    assert_eq!(response.headers().get("location"), Some(b"ws://evil.example/".as_slice()));

    let text = Text::of(&["HTTP/1.1 426 \r\nSec-WebSocket-Version: 13, 8\r\n\r\nbody"]);
    let response = refused(&text, &plain());
    assert!(response.headers().list("Sec-WebSocket-Version").eq([b"13".as_slice(), b"8"]));
    assert_eq!(&text.bytes()[response.head_len()..], b"body");

    let text = Text::of(&["HTTP/1.0 400 Bad Request\r\n\r\n"]);
    assert_eq!(refused(&text, &plain()).status(), 400);
}

/// "Other recipients SHOULD ignore unrecognized header and trailer fields" (RFC 9110 §5.1).
#[test]
fn a_header_of_another_name_is_ignored_whatever_its_length() {
    for length in 1..=30 {
        let line = std::format!("{}: ?\r\n", "x".repeat(length));
        open(&with(|lines| lines[4] = &line), &plain());
    }
    let upgrade = with(|lines| lines[1] = "Xpgrade: websocket\r\n");
    assert_eq!(error(&upgrade), ResponseError::Upgrade);
    let connection = with(|lines| lines[2] = "Xonnection: Upgrade\r\n");
    assert_eq!(error(&connection), ResponseError::Connection);
}

#[test]
fn interim_responses_are_skipped() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
    let last = with(|_| {});
    let text = Text::of(&[interim, core::str::from_utf8(last.bytes()).unwrap(), "\u{1}"]);
    assert_eq!(open(&text, &plain()).head_len(), text.length - 1);
    let text = Text::of(&[interim, "HTTP/1.1 403 Forbidden\r\n\r\n"]);
    let response = refused(&text, &plain());
    assert_eq!((response.status(), response.head_len()), (403, text.length));
    assert!(response.headers().is_empty());
    assert_eq!(poll(interim.as_bytes(), &plain()), Ok(None));
}

/// "A client MUST be able to parse one or more 1xx responses received prior to a final response" (RFC 9110 §15.2): it
/// parses each, so a malformed one is no response.
#[test]
fn an_interim_response_that_is_malformed_is_refused() {
    let last = with(|_| {});
    let last = core::str::from_utf8(last.bytes()).unwrap();
    let text = Text::of(&["HTTP/1.1 103 Early Hints\r\nLink\r\n\r\n", last]);
    assert_eq!(error(&text), HeadError::HeaderName.into());
}

#[test]
fn an_empty_line_before_the_status_line_is_skipped() {
    let last = with(|_| {});
    let last = core::str::from_utf8(last.bytes()).unwrap();
    let text = Text::of(&["\r\n", last, "\u{1}"]);
    assert_eq!(open(&text, &plain()).head_len(), text.length - 1);
    let text = Text::of(&["HTTP/1.1 100 Continue\r\n\r\n\r\n", last]);
    assert_eq!(open(&text, &plain()).head_len(), text.length);
    let text = Text::of(&["\r\n\r\n", last]);
    assert_eq!(error(&text), HeadError::NotHttp { byte: b'\r' }.into());
}

/// The result of `poll_unfolding`, and `received` after it. The result must be the same for the whole, for every split
/// in two, and byte by byte.
fn poll_unfolding<'b>(
    received: &'b mut Text,
    request: &ClientRequest<'_>,
) -> Result<Option<Outcome<'b>>, ResponseError> {
    let length = received.length;
    let mut whole = Text::of(&[]);
    whole.bytes = received.bytes;
    let verdict = handshake().poll_unfolding(&mut whole.bytes[..length], request);
    for cut in 0..length {
        let mut halves = handshake();
        let mut again = received.bytes;
        let early = halves.poll_unfolding(&mut again[..cut], request).err();
        if early.is_none() && halves.poll_unfolding(&mut again[..cut], request) == Ok(None) {
            assert_eq!(
                halves.poll_unfolding(&mut again[..length], request),
                verdict,
                "cut at {cut}"
            );
        }
    }
    let mut one_by_one = handshake();
    for length in 0..length {
        if one_by_one.poll_unfolding(&mut received.bytes[..length], request) != Ok(None) {
            break;
        }
    }
    let last = one_by_one.poll_unfolding(&mut received.bytes[..length], request);
    assert_eq!(last, verdict);
    last
}

#[test]
fn folded_lines_of_a_response_are_unfolded_where_it_may_be_rewritten() {
    let folded = |interim: &str| {
        Text::of(&[
            interim,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade:\r\n websocket\r\nConnection: keep-alive,\r\n\tUpgrade\r\n",
            "Sec-WebSocket-Accept:\r\n \r\n s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n \r\n",
            "Sec-WebSocket-Protocol:\r\n\t chat\r\nX: a\r\n b\r\n\tc\r\n\r\n",
            "\r\n frames\r\n\t",
        ])
    };
    let request = plain().subprotocols(&["chat"]);
    for interim in ["", "\r\n", "HTTP/1.1 103 Early Hints\r\nLink: a,\r\n b\r\n\r\n"] {
        let mut text = folded(interim);
        let length = text.length;
        match poll_unfolding(&mut text, &request) {
            Ok(Some(Outcome::Open { response, .. })) => {
                assert_eq!(response.subprotocol(), Some("chat"));
                assert_eq!(response.headers().get_str("x"), Some("a   b  \tc"));
                assert_eq!(
                    response.headers().get_str("connection"),
                    Some("keep-alive,  \tUpgrade")
                );
                for header in response.headers() {
                    assert!(crate::headers::is_header_value(header.value), "{header:?}");
                }
                assert_eq!(response.head_len(), length - 12);
                #[cfg(feature = "alloc")]
                assert_eq!(response.into_owned().as_response(), response);
            }
            other => panic!("{other:?}"),
        }
        // The bytes after the head must not be changed.
        assert!(text.bytes().ends_with(b"\r\n\r\n\r\n frames\r\n\t"));
        // `poll` cannot rewrite it, so it is an error, with every split.
        assert_eq!(error(&folded(interim)), HeadError::FoldedLine.into());
    }
}

#[test]
fn folds_in_extensions_and_refusals_are_unfolded_and_stray_line_ends_stay_refused() {
    let mut text = Text::of(&["HTTP/1.1 302 Found\r\nLocation: ws://a.example/\r\n \r\n\r\nbody"]);
    match poll_unfolding(&mut text, &plain()) {
        Ok(Some(Outcome::Refused(response))) => {
            assert_eq!(response.headers().get("location"), Some(b"ws://a.example/".as_slice()));
        }
        other => panic!("{other:?}"),
    }
    for (lines, expected) in [
        ("Sec-WebSocket-Extensions:\r\n x\r\n", ResponseError::Extension),
        ("Sec-WebSocket-Protocol: a\r\n b\r\n", ResponseError::Subprotocol),
        ("X: a\r b\r\n", HeadError::BareCarriageReturn.into()),
        ("X: a\n b\r\n", HeadError::BareLineFeed.into()),
        ("X: a\r\n b\0\r\n", HeadError::ControlCharacter { byte: 0 }.into()),
        ("X\r\n : a\r\n", HeadError::HeaderName.into()),
    ] {
        let mut text = with(|response| response[4] = lines);
        assert_eq!(poll_unfolding(&mut text, &plain()), Err(expected), "{lines:?}");
    }
    let mut text = with(|lines| lines[0] = "HTTP/1.1 101\r\n X: a\r\n");
    assert_eq!(poll_unfolding(&mut text, &plain()), Err(HeadError::HeaderName.into()));
}

#[test]
fn folds_without_end_are_unfolded_in_linear_time_and_refused_at_the_limit() {
    let mut text = Text::of(&["HTTP/1.1 101\r\nX: a"]);
    while text.length + 3 <= text.bytes.len() {
        text.bytes[text.length..text.length + 3].copy_from_slice(b"\r\n ");
        text.length += 3;
    }
    let length = text.length;
    let refused = handshake().poll_unfolding(&mut text.bytes[..length], &plain());
    assert_eq!(refused, Err(HeadError::TooLarge.into()));
    // The bytes beyond the limit were not scanned.
    assert_eq!(&text.bytes[DEFAULT_MAX_HEAD_SIZE + 2..][..6], &text.bytes[length - 6..][..6]);
}

#[test]
fn endless_interim_responses_and_heads_are_refused_at_the_limit() {
    let text = Text::of(&["HTTP/1.1 100 Continue\r\n\r\n"; 750]);
    for step in [1, 7, text.length] {
        let mut handshake = handshake();
        let verdict = (0..=text.length)
            .step_by(step)
            .find_map(|length| handshake.poll(&text.bytes()[..length], &plain()).err());
        assert_eq!(verdict, Some(HeadError::FirstLineTooLong.into()));
    }
    let text = Text::of(&["HTTP/1.1 200 OK\r\nX: ", "a", "\r\n\r\n"]);
    let limits = HeadLimits { max_size: 20, ..HeadLimits::new() };
    let verdict = handshake().with_limits(limits).poll(text.bytes(), &plain());
    assert_eq!(verdict, Err(HeadError::TooLarge.into()));
}

#[test]
fn an_error_and_the_end_of_input_stay() {
    let mut handshake = handshake();
    assert_eq!(handshake.poll(b"HTTP/1.1 1", &plain()), Ok(None));
    let end = ResponseError::Head(HeadError::UnexpectedEnd);
    assert_eq!(handshake.handle_eof(), end);
    assert_eq!(handshake.poll(with(|_| {}).bytes(), &plain()), Err(end));
}

#[cfg(feature = "alloc")]
#[test]
fn owned_twins_give_the_same_views_back() {
    let owned = OwnedClientRequest::new("ws://u:secret@server.example.com/chat")
        .unwrap()
        .subprotocol("chat")
        .header("X-A", "secret")
        .origin("http://a.example")
        .require_subprotocol();
    let uri = Uri::parse("ws://u:secret@server.example.com/chat").unwrap();
    let borrowed = ClientRequest::new(uri)
        .subprotocols(&["chat"])
        .headers(&[("X-A", "secret")])
        .origin("http://a.example")
        .require_subprotocol();
    let mut out = [0; 512];
    let length = handshake().encode_request(&owned.as_request(), &mut out).unwrap();
    assert_eq!(&out[..length], encoded(&borrowed, &mut [0; 512]).as_bytes());
    let printed = alloc::format!("{owned:?}");
    assert_eq!(printed, alloc::format!("{borrowed:?}"));
    assert!(!printed.contains("secret"), "{printed}");

    let text = with(|lines| lines[4] = "Sec-WebSocket-Protocol: chat\r\n");
    match handshake().poll(text.bytes(), &owned.as_request()) {
        Ok(Some(Outcome::Open { response, .. })) => {
            assert_eq!(response.into_owned().as_response(), response);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn errors_are_small() {
    assert!(size_of::<ResponseError>() <= 16 && size_of::<EncodeRequestError>() <= 16);
}
