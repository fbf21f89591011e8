use super::*;
use crate::headers::{Header, InvalidHeader};
use crate::negotiated::Negotiated;
use crate::output::BufferTooSmall;

// The tests run where there is a heap, whatever the crate is built for.
extern crate std;

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";
const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

/// A buffer in which a request is built.
struct Text {
    bytes: [u8; 20_000],
    length: usize,
}

impl Text {
    fn new() -> Self {
        Self { bytes: [0; 20_000], length: 0 }
    }

    fn of(parts: &[&str]) -> Self {
        parts.iter().fold(Self::new(), |text, part| text.add(part.as_bytes()))
    }

    fn add(mut self, part: &[u8]) -> Self {
        self.bytes[self.length..self.length + part.len()].copy_from_slice(part);
        self.length += part.len();
        self
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// A valid request, whose lines `change` may change: request line, host, upgrade, connection, key, version, further lines.
fn with<'t>(change: impl FnOnce(&mut [&'t str; 7])) -> Text {
    let mut lines = [
        "GET /chat HTTP/1.1\r\n",
        "Host: server.example.com\r\n",
        "Upgrade: websocket\r\n",
        "Connection: Upgrade\r\n",
        KEY,
        VERSION,
        "",
    ];
    change(&mut lines);
    Text::of(&lines).add(b"\r\n")
}

/// The result for `bytes`. It must be the same for the whole, for every split in two, and byte by byte.
fn poll(bytes: &[u8]) -> Result<Option<Request<'_>>, RequestError> {
    let whole = ServerHandshake::default().poll(bytes);
    let mut one_by_one = ServerHandshake::default();
    let mut verdict = Ok(None);
    for length in 0..=bytes.len() {
        let mut halves = ServerHandshake::default();
        // The first part alone must not lead to another result.
        match halves.poll(&bytes[..length]) {
            Ok(None) => assert_eq!(halves.poll(bytes), whole, "cut at {length}"),
            early => assert_eq!(early, whole, "cut at {length}"),
        }
        if verdict == Ok(None) {
            verdict = one_by_one.poll(&bytes[..length]);
        }
    }
    assert_eq!(verdict, whole);
    check_parts(bytes, &whole);
    whole
}

/// Checks that the parts of a request lead to the same result as its bytes.
fn check_parts(bytes: &[u8], verdict: &Result<Option<Request<'_>>, RequestError>) {
    let mut slots = [httparse::EMPTY_HEADER; 100];
    let mut parsed = httparse::Request::new(&mut slots);
    if !parsed.parse(bytes).is_ok_and(|status| status.is_complete()) {
        return;
    }
    let mut headers = [Header { name: "", value: b"" }; 100];
    let count = parsed.headers.len();
    for (header, line) in headers.iter_mut().zip(&*parsed.headers) {
        *header = Header { name: line.name, value: line.value };
    }
    let parts = RequestParts {
        method: parsed.method.unwrap(),
        target: parsed.path.unwrap(),
        version: (1, parsed.version.unwrap()),
        headers: &headers[..count],
    };
    match (parts.check(), verdict) {
        (Ok(parts), Ok(Some(whole))) => {
            let seen = |request: &Request<'_>| (request.key(), request.is_same_origin());
            assert_eq!(seen(&parts), seen(whole));
            assert_eq!(parts.head_len(), 0);
            assert_eq!((parts.target(), parts.path()), (whole.target(), whole.path()));
            assert_eq!((parts.query(), parts.host()), (whole.query(), whole.host()));
            assert_eq!(parts.headers(), whole.headers());
            assert!(parts.subprotocols().eq(whole.subprotocols()));
            assert!(parts.extensions().eq(whole.extensions()));
            #[cfg(feature = "alloc")]
            {
                let owned = parts.into_owned();
                assert_eq!(owned.as_request(), parts);
                assert_eq!(owned.as_request().into_owned().as_request(), parts);
            }
        }
        // An HTTP server does not hand out a request whose head is not valid HTTP.
        (_, Err(RequestError::Head(error))) if *error != HeadError::Version => {}
        (Err(error), Err(expected)) => assert_eq!(error, *expected),
        (other, expected) => panic!("{other:?}, where the bytes gave {expected:?}"),
    }
}

/// The error for `bytes`.
fn error(text: &Text) -> RequestError {
    poll(text.bytes()).expect_err("the request is to be refused")
}

fn request(text: &Text) -> Request<'_> {
    poll(text.bytes()).expect("the request is good").expect("the request is whole")
}

fn answer(request: &Request<'_>, answer: &Acceptance<'_>, contains: &[&str]) {
    let mut out = [0; 512];
    let (length, negotiated) = request.accept(answer, &mut out).unwrap();
    let text = core::str::from_utf8(&out[..length]).unwrap();
    // The HTTP server has parsed the same lines from the same bytes.
    let mut rest = text.strip_prefix("HTTP/1.1 101 Switching Protocols\r\n").unwrap();
    let in_parts = request.accept_parts(answer, |name, value| {
        let (line, tail) = rest.split_once("\r\n").unwrap();
        let value = core::str::from_utf8(value).unwrap();
        assert_eq!(line.split_once(": "), Some((name, value)));
        rest = tail;
    });
    assert_eq!((in_parts, rest), (Ok(negotiated), "\r\n"));
    assert!(text.starts_with("HTTP/1.1 101 Switching Protocols\r\n") && text.ends_with("\r\n\r\n"));
    for part in contains {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("Extensions"));
}

#[test]
fn the_sample_request_of_the_rfc_is_accepted() {
    let text = with(|_| {});
    let request = request(&text);
    assert_eq!(request.head_len(), text.length);
    assert_eq!((request.target(), request.path(), request.query()), ("/chat", "/chat", None));
    assert_eq!(request.host(), "server.example.com");
    assert_eq!(request.headers().iter().count(), 5);
    assert_eq!(request.origin(), None);
    answer(
        &request,
        &Acceptance::new(),
        &["\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", ACCEPT],
    );
}

#[test]
fn names_and_values_are_compared_without_regard_to_case_and_white_space() {
    let text = Text::of(&[
        "\r\nGET /chat?a=b?c HTTP/1.1\r\nhost:\tserver.example.com \r\nUPGRADE:\t WebSocket \t\r\n",
        "connection: keep-alive\r\nConnection: ,\t ,UPGRADE\t,\r\n",
        "sec-websocket-key:   dGhlIHNhbXBsZSBub25jZR==  \r\nSEC-WEBSOCKET-VERSION:13 \r\n\r\n",
    ]);
    let request = request(&text);
    assert_eq!((request.path(), request.query()), ("/chat", Some("a=b?c")));
    answer(&request, &Acceptance::new(), &["Zgw8jYXtqX5qJr7MJ1Q/MqzeSRI="]);
}

#[test]
fn a_list_in_upgrade_is_fine_if_it_holds_websocket() {
    request(&with(|lines| lines[2] = "Upgrade: h2c, websocket/13, WebSocket\r\n"));
    request(&with(|lines| lines[2] = "Upgrade: h2c\r\nUpgrade: websocket\r\n"));
}

#[test]
fn frames_behind_the_request_are_left_in_the_buffer() {
    let frame = b"\x81\x857\xfa!=\x7f\x9fMQX";
    let text = with(|_| {}).add(frame);
    assert_eq!(&text.bytes()[request(&text).head_len()..], frame);
    // Frames that look like the end of a head.
    let text = with(|_| {}).add(b"\x82\x04\r\n\r\n");
    assert_eq!(request(&text).head_len(), text.length - 6);
}

#[test]
fn other_methods_and_versions_are_refused() {
    assert_eq!(error(&with(|lines| lines[0] = "POST / HTTP/1.1\r\n")), RequestError::Method);
    assert_eq!(error(&with(|lines| lines[0] = "get / HTTP/1.1\r\n")), RequestError::Method);
    let version = RequestError::Head(HeadError::Version);
    assert_eq!(error(&with(|lines| lines[0] = "GET / HTTP/1.0\r\n")), version);
    assert_eq!(error(&with(|lines| lines[0] = "GET / HTTP/2.0\r\n")), version);
    assert_eq!(error(&Text::of(&["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])), version);
    let long = "AN-ENDLESS-METHOD-LIKE-THIS-ONE__";
    assert_eq!(long.len(), crate::handshake::MAX_METHOD_LEN + 1);
    let text = Text::of(&[long, " / HTTP/1.1\r\nHost: a\r\n\r\n"]);
    assert_eq!(error(&text), HeadError::MethodTooLong.into());
    let text = Text::of(&[&long[1..], " / HTTP/1.1\r\nHost: a\r\n\r\n"]);
    assert_eq!(error(&text), RequestError::Method);
}

#[test]
fn an_empty_line_before_the_request_is_skipped_whatever_follows() {
    let text = Text::of(&["\r\n"]).add(with(|_| {}).bytes());
    assert_eq!(request(&text).head_len(), text.length);
    let refused = |bytes: &[u8]| poll(Text::of(&["\r\n"]).add(bytes).bytes()).err();
    assert_eq!(refused(b"\x16\x03\x01"), Some(HeadError::NotHttp { byte: 0x16 }.into()));
    assert_eq!(refused(b"\r\n"), Some(HeadError::NotHttp { byte: b'\r' }.into()));
    assert_eq!(refused(b"GET /\r\n"), Some(HeadError::FirstLine.into()));
    assert_eq!(refused(b"GET / HTTP/1.0\r\n\r\n"), Some(HeadError::Version.into()));
    assert_eq!(refused(b""), None);
}

#[test]
fn a_folded_line_of_a_request_is_refused() {
    let folded = HeadError::FoldedLine.into();
    assert_eq!(error(&with(|lines| lines[3] = "Connection:\r\n Upgrade\r\n")), folded);
    assert_eq!(error(&with(|lines| lines[6] = "X: a\r\n\tb\r\n")), folded);
    let error = error(&with(|lines| lines[1] = " Host: server.example.com\r\n"));
    assert_eq!(error, HeadError::HeaderName.into());
}

#[test]
fn a_target_is_a_path_or_an_absolute_uri_without_a_fragment() {
    for target in
        ["/chat#x", "*", "server.example.com:80", "chat", "ftp://h/", "http://u@h/", "http:///x"]
    {
        let text = Text::of(&["GET ", target, " HTTP/1.1\r\nHost: h\r\n\r\n"]);
        assert_eq!(error(&text), RequestError::Target, "{target}");
    }
    let text = with(|lines| lines[0] = "GET http://other.example:81?q HTTP/1.1\r\n");
    let request = request(&text);
    assert_eq!(request.host(), "other.example:81");
    assert_eq!((request.path(), request.query()), ("/", Some("q")));
    assert_eq!(request.target(), "http://other.example:81?q");
}

#[test]
fn exactly_one_valid_host_is_needed() {
    for host in [
        "",
        "Host: a\r\nHost: a\r\n",
        "Host:\r\n",
        "Host: a, b\r\n",
        "Host: u@a\r\n",
        "Host: a:x\r\n",
    ] {
        assert_eq!(error(&with(|lines| lines[1] = host)), RequestError::Host, "{host}");
    }
    // With an absolute target, the header is ignored, but it must be there exactly once.
    let absolute = |host| {
        with(|lines| {
            lines[0] = "GET http://server.example.com/chat HTTP/1.1\r\n";
            lines[1] = host;
        })
    };
    assert_eq!(request(&absolute("Host:\r\n")).host(), "server.example.com");
    assert_eq!(error(&absolute("")), RequestError::Host);
    assert_eq!(error(&absolute("Host:\r\nHost:\r\n")), RequestError::Host);
}

#[test]
fn a_body_is_refused_for_it_would_be_read_as_frames() {
    for body in [
        "Content-Length: 3\r\n",
        "Content-Length: 0, 1\r\n",
        "Content-Length: 1, 1\r\n",
        "content-length: 0\r\nContent-Length: 1\r\n",
        "Content-Length:\r\n",
        "Content-Length: 0,\r\n",
        "Content-Length: ,\r\n",
        "Content-Length: +0\r\n",
        "Content-Length: -0\r\n",
        "Content-Length: 0x0\r\n",
        "Content-Length: 0 0\r\n",
        "Content-Length: 0.0\r\n",
        "Content-Length: \"0\"\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length: 340282366920938463463374607431768211456\r\n",
        "Content-Length: 00000000000000000000000000000000000000001\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Content-Length: 0\r\ntransfer-encoding:\r\n",
    ] {
        assert_eq!(error(&with(|lines| lines[6] = body)), RequestError::Body, "{body}");
    }
    for none in [
        "Content-Length: 0\r\n",
        "Content-Length: 00\r\n",
        "Content-Length: 0, 0\r\n",
        "Content-Length: 0,\t00\r\n",
        "Content-Length: 0\r\ncontent-length: 0\r\n",
        "Content-Length: 0000000000000000000000000000000000000000\r\n",
    ] {
        request(&with(|lines| lines[6] = none));
    }
}

#[test]
fn the_upgrade_must_be_asked_for_in_full() {
    for upgrade in ["", "Upgrade: websockets\r\n", "Upgrade: web socket\r\n", "Upgrade:\r\n"] {
        assert_eq!(error(&with(|lines| lines[2] = upgrade)), RequestError::Upgrade, "{upgrade}");
    }
    for connection in ["", "Connection: keep-alive\r\n", "Connection: Upgraded\r\n"] {
        let text = with(|lines| lines[3] = connection);
        assert_eq!(error(&text), RequestError::Connection, "{connection}");
    }
}

#[test]
fn the_key_must_be_sixteen_bytes_and_come_once() {
    assert_eq!(error(&with(|lines| lines[4] = "")), RequestError::KeyMissing);
    assert_eq!(error(&with(|lines| lines[6] = KEY)), RequestError::Key);
    for key in ["", "eHh4eHh4eHh4eHh4eHh4", "eHh4eHh4eHh4eHh4eHh4eHg=", "dGhlIHNhbXBsZSBub25j!Q=="]
    {
        let line = Text::of(&["Sec-WebSocket-Key: ", key, "\r\n"]);
        let line = core::str::from_utf8(line.bytes()).unwrap();
        assert_eq!(error(&with(|lines| lines[4] = line)), RequestError::Key, "{key}");
    }
}

/// "Unknown header fields are ignored" (RFC 6455 §4.2.1, item 10).
#[test]
fn a_header_of_another_name_is_ignored_whatever_its_length() {
    for length in 1..=30 {
        let line = std::format!("{}: ?\r\n", "x".repeat(length));
        request(&with(|lines| lines[6] = &line));
    }
    let upgrade = with(|lines| lines[2] = "Xpgrade: websocket\r\n");
    assert_eq!(error(&upgrade), RequestError::Upgrade);
    let connection = with(|lines| lines[3] = "Xonnection: Upgrade\r\n");
    assert_eq!(error(&connection), RequestError::Connection);
}

#[test]
fn the_version_must_be_thirteen_and_come_once() {
    for version in ["", "8", "013", "13, 8", "13.0", "+13"] {
        let line = Text::of(&["Sec-WebSocket-Version: ", version, "\r\n"]);
        let line = core::str::from_utf8(line.bytes()).unwrap();
        assert_eq!(error(&with(|lines| lines[5] = line)), RequestError::Version, "{version}");
    }
    assert_eq!(error(&with(|lines| lines[5] = "")), RequestError::Version);
    assert_eq!(error(&with(|lines| lines[6] = VERSION)), RequestError::Version);
}

#[test]
fn the_server_chooses_among_the_subprotocols_of_all_lines() {
    let text = with(|lines| {
        lines[6] =
            "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Protocol:  chat ,\tsuperchat \r\n";
    });
    let request = request(&text);
    assert!(request.subprotocols().eq(["mqtt", "chat", "superchat"]));
    assert_eq!(request.choose_subprotocol(&["superchat", "chat"]), Some("superchat"));
    assert_eq!(request.choose_subprotocol(&["Chat", "soap"]), None);
    assert_eq!(request.choose_subprotocol(&[]), None);
    let chosen = request.choose_subprotocol(&["superchat"]);
    answer(
        &request,
        &Acceptance::new().subprotocol(chosen),
        &["Sec-WebSocket-Protocol: superchat\r\n"],
    );
}

/// RFC 6455 §4.2.2: "if the server does not wish to agree to one of the suggested subprotocols, it MUST NOT send back a
/// |Sec-WebSocket-Protocol| header field in its response".
#[test]
fn an_answer_names_no_subprotocol_if_none_was_agreed_on() {
    for offered in ["", "Sec-WebSocket-Protocol: chat, superchat\r\n"] {
        let text = with(|lines| lines[6] = offered);
        let request = request(&text);
        let chosen = request.choose_subprotocol(&["soap"]);
        let mut out = [0; 256];
        let (length, negotiated) =
            request.accept(&Acceptance::new().subprotocol(chosen), &mut out).unwrap();
        let response = core::str::from_utf8(&out[..length]).unwrap();
        assert!(!response.contains("Sec-WebSocket-Protocol"), "{offered:?}: {response}");
        assert_eq!(negotiated, Negotiated::without_extensions(), "{offered:?}");
    }
}

#[test]
fn malformed_lists_are_refused() {
    for value in ["", " ,", "a b", "chat, a/b", "chat, \"x\""] {
        let line = Text::of(&["Sec-WebSocket-Protocol: ", value, "\r\n"]);
        let line = core::str::from_utf8(line.bytes()).unwrap();
        assert_eq!(error(&with(|lines| lines[6] = line)), RequestError::Subprotocols, "{value}");
    }
    let text = with(|lines| lines[6] = "Sec-WebSocket-Extensions: a; b=\"\\c\\c\\c\r\n");
    assert_eq!(error(&text), RequestError::Extensions);
    request(&with(|lines| lines[6] = "Sec-WebSocket-Protocol: chat, chat\r\n"));
}

#[test]
fn extensions_are_shown_and_none_is_accepted() {
    let text = with(|lines| {
        lines[6] =
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, constructor\r\n";
    });
    let request = request(&text);
    let names = request.extensions().map(|extension| extension.name());
    assert!(names.eq(["permessage-deflate", "constructor"]));
    answer(&request, &Acceptance::new(), &[ACCEPT]);
}

#[test]
fn origins_are_compared_with_the_host_or_a_list() {
    let check = |origin: &str, same: bool, listed: bool| {
        let text = Text::of(&["GET / HTTP/1.1\r\nHost: a.example:8080\r\nUpgrade: websocket\r\n"])
            .add(b"Connection: Upgrade\r\n")
            .add(KEY.as_bytes())
            .add(VERSION.as_bytes())
            .add(origin.as_bytes())
            .add(b"\r\n");
        let request = request(&text);
        assert_eq!(request.is_same_origin(), same, "{origin}");
        let list = ["https://b.example", "null", "http://c.example:80"];
        assert_eq!(request.origin_allowed(&list), listed, "{origin}");
    };
    let of_page = with(|lines| lines[6] = "Origin: https://b.example\r\n");
    assert_eq!(request(&of_page).origin(), Some("https://b.example"));
    check("", true, true);
    check("Origin: http://a.example:8080\r\n", true, false);
    check("Origin: http://a.example\r\n", false, false);
    check("Origin: https://B.example:443\r\n", false, true);
    check("Origin: https://b.example.evil\r\n", false, false);
    check("Origin: http://b.example\r\n", false, false);
    check("Origin: http://c.example\r\n", false, true);
    check("Origin: null\r\n", false, true);
    check("Origin: http://a.example:8080\r\nOrigin: https://b.example\r\n", false, false);
}

#[test]
fn an_answer_that_would_break_the_protocol_is_not_written() {
    let text = with(|lines| lines[6] = "Sec-WebSocket-Protocol: chat\r\n");
    let request = request(&text);
    let mut out = [0; 256];
    let chosen = Acceptance::new().subprotocol("soap");
    assert_eq!(request.accept(&chosen, &mut out), Err(AcceptError::SubprotocolNotOffered));
    for (name, value, error) in [
        ("X Y", "", InvalidHeader::Name { index: 1 }),
        ("", "", InvalidHeader::Name { index: 1 }),
        ("X\r\nY", "", InvalidHeader::Name { index: 1 }),
        ("X", "a\r\nY: b", InvalidHeader::Value { index: 1 }),
        ("X", "a\0", InvalidHeader::Value { index: 1 }),
        ("upgrade", "h2c", InvalidHeader::Reserved { index: 1 }),
        ("Connection", "close", InvalidHeader::Reserved { index: 1 }),
        ("Content-Length", "0", InvalidHeader::Reserved { index: 1 }),
        ("Transfer-Encoding", "chunked", InvalidHeader::Reserved { index: 1 }),
        ("SEC-websocket-Extensions", "x", InvalidHeader::Reserved { index: 1 }),
        ("Sec-WebSocket-Accept", "x", InvalidHeader::Reserved { index: 1 }),
        ("Sec-WebSocket-Protocol", "chat", InvalidHeader::Reserved { index: 1 }),
    ] {
        let headers = [("Server", "x"), (name, value)];
        let verdict = request.accept(&Acceptance::new().headers(&headers), &mut out);
        assert_eq!(verdict, Err(AcceptError::InvalidHeader(error)), "{name:?}");
        let never = |name: &str, _: &[u8]| panic!("{name} was put");
        let in_parts = request.accept_parts(&Acceptance::new().headers(&headers), never);
        assert_eq!(in_parts, Err(AcceptError::InvalidHeader(error)), "{name:?}");
        let rejection = Rejection::new(403).headers(&headers).encode(&mut out);
        assert_eq!(rejection, Err(RejectError::InvalidHeader(error)), "{name:?}");
    }
    assert_eq!(out, [0; 256]);
    answer(
        &request,
        &Acceptance::new().headers(&[("Set-Cookie", "a=b"), ("set-cookie", "c")]),
        &["\r\nSet-Cookie: a=b\r\nset-cookie: c\r\n\r\n"],
    );
}

#[test]
fn a_small_buffer_is_told_the_size_that_is_needed() {
    let text = with(|_| {});
    let request = request(&text);
    let Err(AcceptError::BufferTooSmall(BufferTooSmall { needed })) =
        request.accept(&Acceptance::new(), &mut [])
    else {
        panic!("nothing fits into no buffer");
    };
    let mut out = [0; 256];
    assert!(request.accept(&Acceptance::new(), &mut out[..needed - 1]).is_err());
    assert_eq!(request.accept(&Acceptance::new(), &mut out[..needed]).unwrap().0, needed);
    assert_eq!(
        Rejection::new(404).encode(&mut []),
        Err(RejectError::BufferTooSmall(BufferTooSmall { needed: 64 }))
    );
    let needed = RequestError::Method.encode_response(&mut []).unwrap_err().needed;
    assert_eq!(RequestError::Method.encode_response(&mut out), Ok(needed));
}

#[test]
fn a_rejection_is_a_whole_response() {
    let mut out = [0; 256];
    let rejection =
        Rejection::new(401).headers(&[("WWW-Authenticate", "Basic")]).body(b"who are you?");
    let length = rejection.encode(&mut out).unwrap();
    assert_eq!(
        core::str::from_utf8(&out[..length]).unwrap(),
        "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nWWW-Authenticate: Basic\r\n\
         Content-Length: 12\r\n\r\nwho are you?"
    );
    for status in [0, 101, 200, 299, 600, 1000] {
        assert_eq!(Rejection::new(status).encode(&mut out), Err(RejectError::Status(status)));
    }
}

#[test]
fn a_rejection_whose_status_allows_no_body_has_none() {
    let mut out = [0; 256];
    let length = Rejection::new(304).body(b"as it was").encode(&mut out).unwrap();
    assert_eq!(&out[..length], b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n");
}

#[cfg(feature = "alloc")]
#[test]
fn an_owned_decision_has_what_it_was_built_of() {
    let headers =
        |headers: &[(std::string::String, std::string::String)]| std::format!("{headers:?}");
    let owned = OwnedAcceptance::new().subprotocol("chat").header("Server", "a").header("X", "b");
    let acceptance = owned.as_acceptance();
    assert_eq!(acceptance.subprotocol, Some("chat"));
    assert_eq!(headers(acceptance.headers), r#"[("Server", "a"), ("X", "b")]"#);
    let owned = OwnedRejection::new(403).header("Server", "a").header("X", "b").body("no");
    let rejection = owned.as_rejection();
    assert_eq!((owned.status(), rejection.status, rejection.body), (403, 403, &b"no"[..]));
    assert_eq!(headers(rejection.headers), r#"[("Server", "a"), ("X", "b")]"#);
}

#[test]
fn every_error_has_the_response_that_it_calls_for() {
    let check = |error: RequestError, start: &str, contains: &[&str]| {
        let mut out = [0; 400];
        let length = error.encode_response(&mut out).unwrap();
        let text = core::str::from_utf8(&out[..length]).unwrap();
        assert!(text.starts_with(start), "{text}");
        for part in contains {
            assert!(text.contains(part), "{text}");
        }
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let announced = head.split_once("Content-Length: ").unwrap().1;
        assert_eq!(announced.parse(), Ok(body.len()));
        assert!(body.ends_with('\n') && head.contains("close"));
        assert!(text.starts_with("HTTP/1.1 "));
        assert_eq!(text[9..12].parse(), Ok(error.status()));
        for (name, value) in error.response_headers() {
            let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            assert!(line.unwrap().starts_with(value), "{name} in {text}");
        }
    };
    let upgrade = [
        "\r\nUpgrade: websocket\r\n",
        "\r\nConnection: Upgrade, close\r\n",
        "\r\nSec-WebSocket-Version: 13\r\n",
    ];
    check(RequestError::Version, "HTTP/1.1 426 Upgrade Required\r\n", &upgrade);
    check(RequestError::Upgrade, "HTTP/1.1 426 ", &upgrade);
    check(RequestError::Connection, "HTTP/1.1 426 ", &upgrade);
    check(RequestError::Method, "HTTP/1.1 405 Method Not Allowed\r\n", &["\r\nAllow: GET\r\n"]);
    let mut out = [0; 400];
    let len = RequestError::HeadMethod.encode_response(&mut out).unwrap();
    assert!(out[..len].ends_with(b"\r\nContent-Length: 28\r\n\r\n"), "{}", out.escape_ascii());
    check(HeadError::Version.into(), "HTTP/1.1 505 HTTP Version Not Supported\r\n", &[]);
    check(HeadError::MethodTooLong.into(), "HTTP/1.1 501 Not Implemented\r\n", &[]);
    check(HeadError::FirstLineTooLong.into(), "HTTP/1.1 414 URI Too Long\r\n", &[]);
    check(HeadError::TooLarge.into(), "HTTP/1.1 431 Request Header Fields Too Large\r\n", &[]);
    check(HeadError::TooManyHeaders.into(), "HTTP/1.1 431 ", &[]);
    check(HeadError::NotHttp { byte: 0x16 }.into(), "HTTP/1.1 400 Bad Request\r\n", &["TLS"]);
    for error in [
        HeadError::NotHttp { byte: 0 }.into(),
        HeadError::ControlCharacter { byte: 1 }.into(),
        HeadError::BareLineFeed.into(),
        HeadError::BareCarriageReturn.into(),
        HeadError::FirstLine.into(),
        HeadError::HeaderName.into(),
        HeadError::FoldedLine.into(),
        HeadError::HeaderValue.into(),
        HeadError::UnexpectedEnd.into(),
        RequestError::Target,
        RequestError::Host,
        RequestError::Body,
        RequestError::KeyMissing,
        RequestError::Key,
        RequestError::Subprotocols,
        RequestError::Extensions,
    ] {
        check(error, "HTTP/1.1 400 ", &[]);
    }
}

#[test]
fn endless_heads_are_refused_at_the_limit() {
    let text = Text::of(&["GET /"]).add(&[b'a'; 19_000]);
    assert_eq!(
        ServerHandshake::default().poll(text.bytes()),
        Err(HeadError::FirstLineTooLong.into())
    );
    let text = Text::of(&["GET / HTTP/1.1\r\nX: "]).add(&[b'a'; 19_000]);
    assert_eq!(ServerHandshake::default().poll(text.bytes()), Err(HeadError::TooLarge.into()));
    let text =
        Text::of(&["GET / HTTP/1.1\r\n"]).add([*b"a: b\r\n"; 101].as_flattened()).add(b"\r\n");
    assert_eq!(
        ServerHandshake::default().poll(text.bytes()),
        Err(HeadError::TooManyHeaders.into())
    );
}

/// "431 Request Header Fields Too Large": "the total size of the request header fields is too large" (RFC 6585 §5).
#[test]
fn a_request_over_the_limit_is_refused_although_it_came_in_one_read() {
    let text = with(|_| {});
    let poll = |max_size| {
        let limits = HeadLimits { max_size, ..HeadLimits::new() };
        ServerHandshake::new(limits).poll(text.bytes()).map(|request| request.is_some())
    };
    assert_eq!(poll(text.length), Ok(true));
    assert_eq!(poll(text.length - 1), Err(HeadError::TooLarge.into()));
    // By default, cookies of 16 000 bytes are no fault.
    let text = Text::of(&["GET / HTTP/1.1\r\nCookie: "]).add(&[b'a'; 16_000]).add(b"\r\n\r\n");
    assert_eq!(ServerHandshake::default().poll(text.bytes()), Err(RequestError::Host));
}

#[test]
fn an_error_and_the_end_of_input_stay() {
    let mut handshake = ServerHandshake::default();
    assert_eq!(handshake.poll(b"GET /chat HT"), Ok(None));
    let end = RequestError::Head(HeadError::UnexpectedEnd);
    assert_eq!(handshake.handle_eof(), end);
    assert_eq!(handshake.poll(with(|_| {}).bytes()), Err(end));

    let mut handshake = ServerHandshake::default();
    let text = with(|lines| lines[4] = "");
    assert_eq!(handshake.poll(text.bytes()), Err(RequestError::KeyMissing));
    assert_eq!(handshake.poll(with(|_| {}).bytes()), Err(RequestError::KeyMissing));
    assert_eq!(handshake.handle_eof(), RequestError::KeyMissing);
}

#[test]
fn a_request_in_one_read_gets_the_verdict_of_one_in_many() {
    // Change each byte of a valid request to each kind of byte. The path without the scanner must lead to the same
    // result as the scanner.
    let text = with(|lines| lines[6] = "Sec-WebSocket-Extensions: a; b\r\nX:\r\n");
    for position in 0..text.length {
        for byte in [0, b'\t', b'\n', b'\r', b' ', b'"', b',', b':', b';', b'A', 0x7f, 0x80, 0xff] {
            let mut changed = text.bytes;
            changed[position] = byte;
            let changed = &changed[..text.length];
            let whole = ServerHandshake::default().poll(changed);
            let mut split = ServerHandshake::default();
            let verdict = match split.poll(&changed[..changed.len() / 2]) {
                Ok(None) => split.poll(changed),
                early => early,
            };
            assert_eq!(verdict, whole, "{byte:#x} at {position}");
        }
    }
    for text in ["\n", "\r\n\r\n", "\r\n\n", "\n\r\n"] {
        let text = Text::of(&[text]).add(with(|_| {}).bytes());
        assert!(poll(text.bytes()).is_err());
    }
    for line in 0..6 {
        let mut lines = [""; 7];
        with(|good| lines = *good);
        let ended_by_lf = Text::of(&[lines[line].strip_suffix("\r\n").unwrap(), "\n"]);
        lines[line] = core::str::from_utf8(ended_by_lf.bytes()).unwrap();
        assert_eq!(error(&with(|good| *good = lines)), HeadError::BareLineFeed.into());
    }
}

#[cfg(feature = "alloc")]
#[test]
fn an_owned_request_gives_the_same_view_back() {
    for line in ["GET /chat?x HTTP/1.1\r\n", "\r\nGET http://other.example/a HTTP/1.1\r\n"] {
        let text = with(|lines| lines[0] = line).add(b"\x81");
        let request = request(&text);
        let owned = request.into_owned();
        assert_eq!(owned.as_request(), request);
        assert_eq!(owned.as_request().headers().get("upgrade"), Some(b"websocket".as_slice()));
        answer(&owned.as_request(), &Acceptance::new(), &[ACCEPT]);
        assert_eq!(owned.clone(), OwnedRequest::from(request));
    }
}

#[test]
fn errors_are_small() {
    assert!(size_of::<RequestError>() <= 16 && size_of::<AcceptError>() <= 16);
    assert!(size_of::<RejectError>() <= 16 && size_of::<HeadError>() <= 16);
}

#[test]
fn parts_that_no_head_could_have_brought_are_refused() {
    let good = [
        Header { name: "host", value: b"server.example.com" },
        Header { name: "upgrade", value: b"websocket" },
        Header { name: "connection", value: b"Upgrade" },
        Header { name: "sec-websocket-key", value: b" dGhlIHNhbXBsZSBub25jZQ==\t" },
        Header { name: "sec-websocket-version", value: b"13" },
    ];
    let parts = RequestParts { method: "GET", target: "/chat", version: (1, 1), headers: &good };
    let request = parts.check().unwrap();
    assert_eq!(request.key().unwrap().as_bytes(), b"dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(request.headers().get("Sec-WebSocket-Key"), Some(&b"dGhlIHNhbXBsZSBub25jZQ=="[..]));
    assert!(parts.asks_for_websocket());
    assert!(!RequestParts { headers: &good[..2], ..parts }.asks_for_websocket());

    for version in [(0, 9), (1, 0), (1, 2), (2, 0), (3, 0)] {
        let refused = RequestParts { version, ..parts }.check();
        assert_eq!(refused, Err(HeadError::Version.into()), "{version:?}");
    }
    for target in ["/a b", "/a\r\nHost: b", "/\0", "/\x7f", " /"] {
        let refused = RequestParts { target, ..parts }.check();
        assert_eq!(refused, Err(HeadError::FirstLine.into()), "{target:?}");
    }
    for target in ["", "*", "chat", "server.example.com:80", "ftp://a/", "/a#b"] {
        let refused = RequestParts { target, ..parts }.check();
        assert_eq!(refused, Err(RequestError::Target), "{target:?}");
    }
    for (name, value, error) in [
        ("", &b"x"[..], HeadError::HeaderName),
        ("x y", b"x", HeadError::HeaderName),
        ("x:", b"x", HeadError::HeaderName),
        ("x", b"a\r\nb: c", HeadError::HeaderValue),
        ("x", b"\0", HeadError::HeaderValue),
    ] {
        let mut headers = [Header { name, value }; 6];
        headers[..5].copy_from_slice(&good);
        let refused = RequestParts { headers: &headers, ..parts }.check();
        assert_eq!(refused, Err(error.into()), "{name:?}");
    }
}

/// The plain request in `bytes`, and the error that comes with it. Both must be the same for every split.
fn plain(bytes: &[u8]) -> Option<(PlainRequest<'_>, RequestError)> {
    let mut whole = ServerHandshake::default();
    assert_eq!(whole.plain_request(bytes), None, "nothing was refused yet");
    let error = whole.poll(bytes).err();
    let found = whole.plain_request(bytes);
    for cut in 0..bytes.len() {
        let mut halves = ServerHandshake::default();
        if halves.poll(&bytes[..cut]) == Ok(None) {
            assert_eq!(halves.plain_request(&bytes[..cut]), None, "cut at {cut}");
            assert_eq!(halves.poll(bytes).err(), error, "cut at {cut}");
            assert_eq!(halves.plain_request(bytes), found, "cut at {cut}");
        }
    }
    found.zip(error)
}

#[test]
fn a_plain_request_is_shown_once_it_was_refused() {
    let probe = b"GET /healthz?full HTTP/1.1\r\nHost: a\r\nUser-Agent: probe\r\n\r\nbody";
    let (request, error) = plain(probe).unwrap();
    assert_eq!(error, RequestError::Upgrade);
    assert_eq!((request.method(), request.target()), ("GET", "/healthz?full"));
    assert_eq!((request.path(), request.query()), ("/healthz", Some("full")));
    assert_eq!(request.headers().get_str("user-agent"), Some("probe"));
    assert_eq!(request.head_len(), probe.len() - 4);
    for (head, path, expected) in [
        ("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "/", RequestError::HeadMethod),
        ("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "/a", RequestError::Method),
        ("GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "/a", RequestError::Body),
        ("GET http://a?b HTTP/1.1\r\nHost:\r\n\r\n", "/", RequestError::Upgrade),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
            "/",
            RequestError::Upgrade,
        ),
        // The request of HAProxy, and one with an upgrade, which an HTTP/1.0 request cannot ask for.
        ("OPTIONS / HTTP/1.0\r\n\r\n", "/", HeadError::Version.into()),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "*", RequestError::Method),
        (
            "GET /a HTTP/1.0\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
            "/a",
            HeadError::Version.into(),
        ),
        ("\r\nGET /a HTTP/1.0\r\n\r\n", "/a", HeadError::Version.into()),
    ] {
        let (request, error) = plain(head.as_bytes()).expect(head);
        assert_eq!((request.path(), error), (path, expected), "{head}");
    }
}

#[test]
fn what_asks_for_a_websocket_or_is_no_request_in_order_is_no_plain_request() {
    assert_eq!(plain(with(|_| {}).bytes()), None);
    for change in [
        |lines: &mut [&str; 7]| lines[3] = "",
        |lines: &mut [&str; 7]| lines[4] = "",
        |lines: &mut [&str; 7]| lines[5] = "Sec-WebSocket-Version: 8\r\n",
    ] {
        let text = with(change);
        assert!(poll(text.bytes()).is_err());
        assert_eq!(plain(text.bytes()), None);
    }
    for head in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET /\r\n",
        "\x16\x03\x01",
    ] {
        assert_eq!(plain(head.as_bytes()), None, "{head}");
    }
    let mut ended = ServerHandshake::default();
    assert_eq!(ended.poll(b"GET / HTTP/1.1\r\n"), Ok(None));
    let _ = ended.handle_eof();
    assert_eq!(ended.plain_request(b"GET / HTTP/1.1\r\n"), None);
}

#[test]
fn a_plain_request_is_answered_with_any_final_status() {
    let get = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let head = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
    let answer = |request: &[u8], status: u16, expected: &str| {
        let (request, _) = plain(request).unwrap();
        let response = Rejection::new(status).headers(&[("X", "y")]).body(b"ok\n");
        let mut out = [0; 256];
        let length = request.encode_response(&response, &mut out).unwrap();
        assert_eq!(core::str::from_utf8(&out[..length]), Ok(expected));
        let short = request.encode_response(&response, &mut out[..length - 1]);
        assert!(matches!(short, Err(RejectError::BufferTooSmall(error)) if error.needed == length));
    };
    let closing = "Connection: close\r\nX: y\r\n";
    let text = |line: &str, rest: &str| std::format!("HTTP/1.1 {line}\r\n{closing}{rest}");
    answer(get, 200, &text("200 OK", "Content-Length: 3\r\n\r\nok\n"));
    answer(head, 200, &text("200 OK", "Content-Length: 3\r\n\r\n"));
    answer(get, 503, &text("503 Service Unavailable", "Content-Length: 3\r\n\r\nok\n"));
    answer(get, 204, &text("204 No Content", "\r\n"));
    answer(get, 205, &text("205 ", "Content-Length: 0\r\n\r\n"));
    answer(get, 304, &text("304 Not Modified", "\r\n"));
    // "A server that sends a 426 response MUST send an Upgrade header field."
    let mut out = [0; 256];
    let len = plain(get).unwrap().0.encode_response(&Rejection::new(426), &mut out).unwrap();
    assert_eq!(
        core::str::from_utf8(&out[..len]).unwrap(),
        "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\
         Content-Length: 0\r\n\r\n"
    );
    let (request, _) = plain(get).unwrap();
    for status in [0, 100, 101, 199, 600] {
        let verdict = request.encode_response(&Rejection::new(status), &mut [0; 256]);
        assert_eq!(verdict, Err(RejectError::Status(status)));
    }
    // A caller whose HTTP server sends the response checks it first.
    assert_eq!(Rejection::new(200).validate(), Err(RejectError::Status(200)));
    assert_eq!(Rejection::new(403).validate(), Ok(()));
    let smuggled = Rejection::new(200).headers(&[("Content-Length", "0")]);
    let verdict = request.encode_response(&smuggled, &mut [0; 256]);
    assert_eq!(verdict, Err(RejectError::InvalidHeader(InvalidHeader::Reserved { index: 0 })));
}
