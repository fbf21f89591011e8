//! WebSockets over HTTP/2: both ends of an extended CONNECT, over header lists (RFC 8441).
#![cfg(feature = "alloc")]

use std::time::Duration;

use fullduplex::handshake::{
    AcceptError, Acceptance, ClientRequest, ConnectResponse, EncodeRequestError, ExtendedConnect,
    HeadError, Outcome, OwnedRequest, OwnedResponse, Request, RequestError, ResponseError,
};
#[cfg(feature = "deflate")]
use fullduplex::handshake::{ClientHandshake, ServerHandshake};
use fullduplex::headers::{Header, InvalidHeader};
use fullduplex::{Endpoint, EndpointConfig, Message, Negotiated, Role, Shutdown, Uri};
use fullduplex_testkit::{Frame, TestEntropy};

type Field = (String, Vec<u8>);

/// The request of RFC 8441 §5.1, with a query and a cookie.
const EXAMPLE: [(&str, &str); 10] = [
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "https"),
    (":path", "/chat?room=1"),
    (":authority", "server.example.com"),
    ("sec-websocket-protocol", "chat, superchat"),
    ("sec-websocket-extensions", "permessage-deflate"),
    ("sec-websocket-version", "13"),
    ("origin", "http://www.example.com"),
    ("cookie", "a=b"),
];

/// Where the pseudo-headers of [`EXAMPLE`] end.
const REGULAR: usize = 5;

fn headers<'a>(fields: &'a [(&'a str, &'a str)]) -> Vec<Header<'a>> {
    fields.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect()
}

fn check<'b>(fields: &'b [Header<'b>]) -> Result<Request<'b>, RequestError> {
    ExtendedConnect::from_fields(fields)?.check()
}

/// The verdict on the example with this change.
fn verdict<'a>(change: impl FnOnce(&mut Vec<(&'a str, &'a str)>)) -> Result<(), RequestError> {
    let mut fields = EXAMPLE.to_vec();
    change(&mut fields);
    check(&headers(&fields)).map(drop)
}

fn set<'a>(name: &'a str, value: &'a str) -> impl FnOnce(&mut Vec<(&'a str, &'a str)>) {
    move |fields| {
        let place = fields.iter_mut().find(|field| field.0 == name).expect("one of the example's");
        place.1 = value;
    }
}

fn without<'a>(name: &'a str) -> impl FnOnce(&mut Vec<(&'a str, &'a str)>) {
    move |fields| fields.retain(|field| field.0 != name)
}

fn with<'a>(name: &'a str, value: &'a str) -> impl FnOnce(&mut Vec<(&'a str, &'a str)>) {
    move |fields| fields.push((name, value))
}

fn fields_of<S: AsRef<str>>(request: &ClientRequest<'_, S>) -> Vec<Field> {
    let mut fields = Vec::new();
    let put = |name: &str, value: &[u8]| fields.push((name.to_owned(), value.to_owned()));
    request.connect_fields(&mut [0; 4096], put).expect("a good request");
    fields
}

fn as_headers(fields: &[Field]) -> Vec<Header<'_>> {
    fields.iter().map(|(name, value)| Header { name, value }).collect()
}

fn response_to<S: AsRef<str>>(
    request: &Request<'_>,
    acceptance: &Acceptance<'_, S>,
) -> (Negotiated, Vec<Field>) {
    let mut fields = Vec::new();
    let put = |name: &str, value: &[u8]| fields.push((name.to_owned(), value.to_owned()));
    (request.accept_parts(acceptance, put).expect("a good response"), fields)
}

/// What client and server negotiate over HTTP/1.1, with the same request and acceptance.
#[cfg(feature = "deflate")]
fn over_http_1<S: AsRef<str>, T: AsRef<str>>(
    request: &ClientRequest<'_, S>,
    acceptance: &Acceptance<'_, T>,
) -> (Negotiated, Negotiated) {
    let mut client = ClientHandshake::with_fixed_key_for_tests([7; 16]);
    let (mut asked, mut answered) = ([0; 4096], [0; 4096]);
    let len = client.encode_request(request, &mut asked).unwrap();
    let mut server = ServerHandshake::default();
    let received = server.poll(&asked[..len]).unwrap().unwrap();
    let (len, negotiated) = received.accept(acceptance, &mut answered).unwrap();
    match client.poll(&answered[..len], request).unwrap().unwrap() {
        Outcome::Open { negotiated: agreed, .. } => (agreed, negotiated),
        Outcome::Refused(response) => panic!("{response:?}"),
    }
}

#[test]
fn the_example_of_the_rfc_is_a_request() {
    let fields = headers(&EXAMPLE);
    let connect = ExtendedConnect::from_fields(&fields).unwrap();
    assert!(connect.asks_for_websocket());
    let request = connect.check().unwrap();
    assert_eq!((request.path(), request.query()), ("/chat", Some("room=1")));
    assert_eq!((request.target(), request.host()), ("/chat?room=1", "server.example.com"));
    assert_eq!((request.key(), request.head_len()), (None, 0));
    assert_eq!(request.success_status(), 200);
    assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["chat", "superchat"]);
    assert_eq!(request.origin(), Some("http://www.example.com"));
    assert_eq!(request.headers().get_str("cookie"), Some("a=b"));
    let owned: OwnedRequest = request.into_owned();
    assert_eq!(owned.as_request(), request);
    assert_eq!(owned.as_request().success_status(), 200);
}

#[test]
fn a_header_name_of_a_response_has_at_most_128_bytes() {
    let fields = headers(&EXAMPLE);
    let request = ExtendedConnect::from_fields(&fields).unwrap().check().unwrap();
    for (len, may_be_sent) in [(128, true), (129, false)] {
        let name = "x".repeat(len);
        let headers = [(name.as_str(), "y")];
        let acceptance = Acceptance::new().headers(&headers);
        let mut put = Vec::new();
        let accepted = request.accept_parts(&acceptance, |name, _| put.push(name.to_owned()));
        assert_eq!(accepted.is_ok(), may_be_sent, "{len}");
        assert_eq!(put.contains(&name), may_be_sent, "{len}");
    }
}

#[test]
fn each_fault_of_a_request_has_its_name_and_status() {
    use RequestError::*;
    let long = "/".repeat(5000);
    let verdicts = [
        (verdict(set(":method", "GET")), Err(NotConnect)),
        (verdict(set(":method", "connect")), Err(NotConnect)),
        (verdict(without(":method")), Err(PseudoHeaders)),
        (verdict(without(":protocol")), Err(Protocol)),
        (verdict(set(":protocol", "connect-udp")), Err(Protocol)),
        (verdict(set(":protocol", "WebSocket")), Ok(())),
        (verdict(without(":scheme")), Err(Target)),
        (verdict(set(":scheme", "wss")), Err(Target)),
        (verdict(set(":scheme", "http")), Ok(())),
        (verdict(without(":path")), Err(Target)),
        (verdict(set(":path", "")), Err(Target)),
        (verdict(set(":path", "*")), Err(Target)),
        (verdict(set(":path", "chat")), Err(Target)),
        (verdict(set(":path", "/a b")), Err(Target)),
        (verdict(set(":path", "/a#b")), Err(Target)),
        (verdict(set(":path", "/a\r\nb")), Err(Target)),
        (verdict(set(":path", &long)), Ok(())),
        (verdict(without(":authority")), Err(Host)),
        (verdict(set(":authority", "")), Err(Host)),
        (verdict(set(":authority", "user@server.example.com")), Err(Host)),
        (verdict(set(":authority", "server.example.com:66000")), Err(Host)),
        (verdict(set(":authority", "[::1]:8443")), Ok(())),
        (verdict(with("host", "SERVER.example.com")), Ok(())),
        (verdict(with("host", "other.example.com")), Err(Host)),
        (
            verdict(|fields| {
                without(":authority")(fields);
                with("host", "server.example.com")(fields);
            }),
            Ok(()),
        ),
        (verdict(with(":path", "/chat")), Err(PseudoHeaders)),
        (verdict(|fields| fields.insert(0, (":path", "/chat"))), Err(PseudoHeaders)),
        (verdict(|fields| fields.insert(0, (":status", "200"))), Err(PseudoHeaders)),
        (verdict(|fields| fields.swap(0, REGULAR)), Err(PseudoHeaders)),
        (verdict(with("Origin", "https://a.example")), Err(Head(HeadError::HeaderName))),
        (verdict(with("a b", "")), Err(Head(HeadError::HeaderName))),
        (verdict(with("a", "b\r\nc: d")), Err(Head(HeadError::HeaderValue))),
        (verdict(with("connection", "Upgrade")), Err(ConnectionSpecific)),
        (verdict(with("upgrade", "websocket")), Err(ConnectionSpecific)),
        (verdict(with("keep-alive", "timeout=5")), Err(ConnectionSpecific)),
        (verdict(with("proxy-connection", "close")), Err(ConnectionSpecific)),
        (verdict(with("transfer-encoding", "chunked")), Err(ConnectionSpecific)),
        (verdict(with("te", "gzip")), Err(ConnectionSpecific)),
        (verdict(with("te", "trailers")), Ok(())),
        (verdict(with("content-length", "5")), Err(Body)),
        (verdict(without("sec-websocket-version")), Err(ConnectVersion)),
        (verdict(set("sec-websocket-version", "8")), Err(ConnectVersion)),
        (verdict(with("sec-websocket-version", "13")), Err(ConnectVersion)),
        (verdict(set("sec-websocket-protocol", "a b")), Err(Subprotocols)),
        (verdict(set("sec-websocket-extensions", "=")), Err(Extensions)),
        // "Implementations […] do not do the processing of the Sec-WebSocket-Key" (§5).
        (verdict(with("sec-websocket-key", "no key")), Ok(())),
    ];
    for (index, (verdict, expected)) in verdicts.into_iter().enumerate() {
        assert_eq!(verdict, expected, "row {index}");
        let Err(error) = verdict else { continue };
        let status = match error {
            NotConnect => 405,
            Protocol => 501,
            _ => 400,
        };
        assert_eq!(error.status(), status, "{error}");
        let lines = error.response_headers();
        assert!(lines.iter().all(|(name, _)| !name.eq_ignore_ascii_case("upgrade")), "{error}");
        let says = |header| lines.contains(&header);
        assert_eq!(says(("Allow", "CONNECT")), error == NotConnect);
        assert_eq!(says(("Sec-WebSocket-Version", "13")), error == ConnectVersion);
    }
    let latin = [Header { name: ":method", value: b"CONN\xc9CT" }];
    assert_eq!(check(&latin).map(drop), Err(PseudoHeaders));
}

#[test]
fn other_requests_are_told_apart() {
    let asks = |fields: &[(&str, &str)]| {
        ExtendedConnect::from_fields(&headers(fields)).unwrap().asks_for_websocket()
    };
    assert!(asks(&EXAMPLE[..2]));
    assert!(!asks(&[(":method", "CONNECT"), (":authority", "server.example.com:443")]));
    assert!(!asks(&[(":method", "GET"), (":scheme", "https"), (":path", "/")]));
    assert!(!asks(&[(":method", "GET"), (":protocol", "websocket")]));
}

#[test]
fn what_a_client_asks_for_is_what_a_server_accepts() {
    let own = [("X-Own".to_owned(), "1".to_owned())];
    let subprotocols = ["superchat".to_owned(), "chat".to_owned()];
    for (uri, scheme, authority, path) in [
        ("ws://example.com", "http", "example.com", "/"),
        ("wss://example.com:443/a?b", "https", "example.com", "/a?b"),
        ("wss://user:pass@[::1]:9000?q", "https", "[::1]:9000", "/?q"),
    ] {
        let parsed = Uri::parse(uri).unwrap();
        let request = ClientRequest::with_lists(parsed, &subprotocols, &own)
            .origin("https://example.com")
            .require_subprotocol();
        #[cfg(feature = "deflate")]
        let request = request.deflate(fullduplex::DeflateConfig::default());
        let fields = fields_of(&request);
        let text = |name: &str| {
            let found = fields.iter().find(|field| field.0 == name);
            found.map(|field| str::from_utf8(&field.1).unwrap())
        };
        assert_eq!((text(":method"), text(":protocol")), (Some("CONNECT"), Some("websocket")));
        assert_eq!(text(":scheme"), Some(scheme));
        assert_eq!((text(":authority"), text(":path")), (Some(authority), Some(path)));
        assert_eq!(text("x-own"), Some("1"));
        for of_http_1 in ["connection", "upgrade", "host", "sec-websocket-key"] {
            assert_eq!(text(of_http_1), None, "{of_http_1}");
        }
        let credentials = uri.contains('@').then_some("Basic dXNlcjpwYXNz");
        assert_eq!(text("authorization"), credentials);
        assert!(fields.iter().all(|(name, _)| !name.contains(char::is_uppercase)));

        let fields = as_headers(&fields);
        let received = check(&fields).unwrap();
        assert_eq!(received.host(), authority);
        assert!(received.subprotocols().eq(["superchat", "chat"]));
        let extra = [("Server", "example")];
        let acceptance = Acceptance::new().subprotocol("chat").headers(&extra);
        #[cfg(feature = "deflate")]
        let acceptance = acceptance.deflate(fullduplex::DeflateConfig::default());
        let (negotiated, response) = response_to(&received, &acceptance);
        assert!(response.contains(&("server".to_owned(), b"example".to_vec())));
        assert!(response.iter().all(|(name, _)| !name.contains(char::is_uppercase)));

        let headers = as_headers(&response);
        let response = ConnectResponse { status: received.success_status(), headers: &headers };
        let Outcome::Open { response, negotiated: agreed } = response.check(&request).unwrap()
        else {
            panic!("refused");
        };
        assert!(agreed.is_over_stream() && negotiated.is_over_stream());
        #[cfg(feature = "deflate")]
        {
            let (client, server) = over_http_1(&request, &acceptance);
            assert_eq!(agreed.deflate(), client.deflate());
            assert_eq!(negotiated.deflate(), server.deflate());
        }
        assert_eq!(response.subprotocol(), Some("chat"));
        assert_eq!(response.status(), 200);
        let owned: OwnedResponse = response.into_owned();
        assert_eq!(owned.as_response(), response);
    }
}

#[test]
fn a_response_is_checked_for_what_was_offered() {
    let request = ClientRequest::new(Uri::parse("wss://example.com/").unwrap());
    let outcome = |status, fields: &[(&str, &str)], request: &ClientRequest<'_>| {
        let headers = headers(fields);
        ConnectResponse { status, headers: &headers }.check(request).map(|outcome| match outcome {
            Outcome::Open { .. } => true,
            Outcome::Refused(response) => {
                assert_eq!(response.status(), status);
                false
            }
        })
    };
    assert_eq!(outcome(200, &[], &request), Ok(true));
    assert_eq!(outcome(204, &[], &request), Ok(true));
    for status in [300, 403, 501] {
        assert_eq!(outcome(status, &[("sec-websocket-protocol", "chat")], &request), Ok(false));
    }
    for status in [0, 100, 101, 199, 600] {
        assert_eq!(outcome(status, &[], &request), Err(ResponseError::Connect));
    }
    let chat = ("sec-websocket-protocol", "chat");
    assert_eq!(outcome(200, &[chat], &request), Err(ResponseError::Subprotocol));
    let deflate = ("sec-websocket-extensions", "permessage-deflate");
    assert_eq!(outcome(200, &[deflate], &request), Err(ResponseError::Extension));
    assert_eq!(outcome(200, &[("a", "\n")], &request), Err(ResponseError::Connect));

    let offering = request.subprotocols(&["chat"]);
    assert_eq!(outcome(200, &[], &offering), Ok(true));
    assert_eq!(outcome(200, &[chat], &offering), Ok(true));
    assert_eq!(outcome(200, &[chat, chat], &offering), Err(ResponseError::Subprotocol));
    let required = offering.require_subprotocol();
    assert_eq!(outcome(200, &[], &required), Err(ResponseError::SubprotocolMissing));
}

#[test]
fn what_must_not_be_sent_is_refused_before_a_field_is_put() {
    let never = |name: &str, _: &[u8]| panic!("{name} was put");
    let long = "a".repeat(129);
    for (name, refused) in [
        ("Connection", InvalidHeader::Reserved { index: 0 }),
        ("TE", InvalidHeader::Reserved { index: 0 }),
        ("Keep-Alive", InvalidHeader::Reserved { index: 0 }),
        ("Sec-WebSocket-Key", InvalidHeader::Reserved { index: 0 }),
        (":path", InvalidHeader::Name { index: 0 }),
        (&long, InvalidHeader::Name { index: 0 }),
    ] {
        let extra = [(name, "x")];
        let request = ClientRequest::new(Uri::parse("wss://example.com/").unwrap()).headers(&extra);
        let error = request.connect_fields(&mut [0; 4096], never);
        assert_eq!(error, Err(EncodeRequestError::InvalidHeader(refused)), "{name}");
        let fields = headers(&EXAMPLE);
        let acceptance = Acceptance::new().headers(&extra);
        let error = check(&fields).unwrap().accept_parts(&acceptance, never);
        assert_eq!(error.map(drop), Err(AcceptError::InvalidHeader(refused)), "{name}");
    }
    let request = ClientRequest::new(Uri::parse("wss://example.com/a/long/path").unwrap());
    let error = request.connect_fields(&mut [0; 4], never).unwrap_err();
    let EncodeRequestError::BufferTooSmall(short) = error else { panic!("{error}") };
    assert_eq!(short.needed, "/a/long/path".len());
    request.connect_fields(&mut vec![0; short.needed], |_, _| {}).unwrap();

    let fields = headers(&EXAMPLE);
    let request = check(&fields).unwrap();
    let not_offered = request.accept_parts(&Acceptance::new().subprotocol("other"), never);
    assert_eq!(not_offered.map(drop), Err(AcceptError::SubprotocolNotOffered));
    // A request over HTTP/2 has no response in bytes of HTTP/1.1.
    let bytes = request.accept(&Acceptance::new(), &mut [0; 4096]);
    assert_eq!(bytes.map(drop), Err(AcceptError::ExtendedConnect));
}

#[test]
fn each_end_of_a_stream_closes_its_own_direction() {
    let fields = headers(&EXAMPLE);
    let (negotiated, _) = response_to(&check(&fields).unwrap(), &Acceptance::new());
    let closed = |role, frame: Frame| {
        let config = EndpointConfig::new();
        let mut endpoint = Endpoint::open(role, negotiated, &[], &config, TestEntropy::new(1));
        let wire = frame.encode();
        endpoint.reader.room()[..wire.len()].copy_from_slice(&wire);
        endpoint.reader.advance(wire.len());
        assert!(matches!(endpoint.poll_owned(), Ok(Some(Message::Close(_)))));
        let written = endpoint.output().unwrap().first().len();
        endpoint.writer.advance(written);
        assert!(endpoint.reader.receiver().is_clean());
        endpoint
    };
    // "The server MUST close […] immediately": it ends its own direction, and still waits some time for the client to end
    // the other.
    let mut server = closed(Role::Server, Frame::close(1000, "").masked());
    assert_eq!(server.shutdown(), Shutdown::Write);
    assert_eq!(server.handle_eof(), Ok(()));
    assert_eq!(server.shutdown(), Shutdown::Both);

    let mut server = closed(Role::Server, Frame::close(1000, "").masked());
    let deadline = server.poll_timeout(Duration::ZERO).unwrap();
    assert_eq!(server.handle_timeout(deadline), Ok(()));
    assert_eq!(server.shutdown(), Shutdown::Both);

    let mut client = closed(Role::Client, Frame::close(1000, ""));
    assert_eq!(client.shutdown(), Shutdown::No);
    assert_eq!(client.handle_eof(), Ok(()));
    assert_eq!(client.shutdown(), Shutdown::Both);
}
