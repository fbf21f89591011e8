//! The examples of RFC 6455, byte for byte, in both directions.

use fullduplex::handshake::{
    Acceptance, ClientHandshake, ClientRequest, HeadLimits, Outcome, ServerHandshake,
};
use fullduplex::{
    Config, Connection, Entropy, EntropyError, Event, Input, MessageKind, Negotiated, NoEntropy,
    Part, Role, Uri,
};
use fullduplex_testkit::{Outcome as Driven, Seen, Split, drive};

fn open(role: Role) -> Connection {
    Connection::new(role, Negotiated::without_extensions(), Config::new())
}

/// The masking key of the RFC's examples.
struct ExampleKey;

impl Entropy for ExampleKey {
    fn next_u32(&mut self) -> Result<u32, EntropyError> {
        Ok(u32::from_le_bytes([0x37, 0xfa, 0x21, 0x3d]))
    }
}

fn receive(role: Role, bytes: &[u8]) -> Driven {
    let mut conn = open(role);
    let whole = drive(&mut conn, bytes, Split::Whole);
    assert_eq!(drive(&mut open(role), bytes, Split::Every(1)), whole);
    assert_eq!(whole.error, None);
    whole
}

fn hello() -> Vec<Seen> {
    vec![Seen::Text(b"Hello".into(), true)]
}

/// "A single-frame unmasked text message" (§5.7).
const UNMASKED: &[u8] = &[0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];

/// "A single-frame masked text message" (§5.7).
const MASKED: &[u8] = &[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];

/// "A fragmented unmasked text message" (§5.7).
const FRAGMENTS: [&[u8]; 2] = [&[0x01, 0x03, 0x48, 0x65, 0x6c], &[0x80, 0x02, 0x6c, 0x6f]];

/// "Unmasked Ping request and masked Ping response" (§5.7).
const PING: &[u8] = &[0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
const PONG: &[u8] = &[0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];

/// "256 bytes binary message in a single unmasked frame" (§5.7).
const HEADER_OF_256: &[u8] = &[0x82, 0x7e, 0x01, 0x00];

/// "64KiB binary message in a single unmasked frame" (§5.7).
const HEADER_OF_64_KIB: &[u8] = &[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0];

#[test]
fn a_client_receives_the_unmasked_text() {
    assert_eq!(receive(Role::Client, UNMASKED).seen, hello());
}

#[test]
fn a_server_sends_the_unmasked_text() {
    let mut out = [0; 16];
    let len = open(Role::Server).send_text("Hello", &mut out, NoEntropy).unwrap();
    assert_eq!(&out[..len], UNMASKED);
}

#[test]
fn a_server_receives_the_masked_text_and_it_is_whole() {
    assert_eq!(receive(Role::Server, MASKED).seen, hello());
    let mut buffer = MASKED.to_vec();
    let event = open(Role::Server).poll_event(&mut Input::new(&mut buffer));
    assert_eq!(event, Ok(Some(Event::Text(b"Hello", Part::Whole))));
}

#[test]
fn a_client_sends_the_masked_text() {
    let mut out = [0; 16];
    let len = open(Role::Client).send_text("Hello", &mut out, ExampleKey).unwrap();
    assert_eq!(&out[..len], MASKED);
    let mut text = *b"Hello";
    let header = open(Role::Client).mask_text(&mut text, ExampleKey).unwrap();
    assert_eq!([&header[..], &text].concat(), MASKED);
}

#[test]
fn a_client_receives_the_fragmented_text() {
    assert_eq!(receive(Role::Client, &FRAGMENTS.concat()).seen, hello());
}

#[test]
fn a_server_sends_the_fragmented_text() {
    let mut conn = open(Role::Server);
    let mut out = [0; 16];
    for (nth, text) in ["Hel", "lo"].into_iter().enumerate() {
        let last = nth == 1;
        let len = conn
            .send_fragment(MessageKind::Text, text.as_bytes(), last, &mut out, NoEntropy)
            .unwrap();
        assert_eq!(&out[..len], FRAGMENTS[nth]);
    }
}

#[test]
fn a_client_answers_the_unmasked_ping_with_the_masked_pong() {
    let mut conn = open(Role::Client);
    let mut buffer = PING.to_vec();
    let event = conn.poll_event(&mut Input::new(&mut buffer));
    assert_eq!(event, Ok(Some(Event::Ping)));
    assert_eq!(conn.control_payload(), b"Hello");
    let mut out = [0; 16];
    assert_eq!(conn.poll_transmit(&mut out, ExampleKey), Ok(Some(PONG)));
    assert_eq!(conn.poll_transmit(&mut out, ExampleKey), Ok(None));
}

#[test]
fn a_server_sends_the_ping_and_receives_the_pong() {
    let mut conn = open(Role::Server);
    let mut out = [0; 16];
    let len = conn.send_ping(b"Hello", &mut out, NoEntropy).unwrap();
    assert_eq!(&out[..len], PING);
    assert_eq!(receive(Role::Server, PONG).seen, [Seen::Pong(b"Hello".into())]);
}

#[test]
fn binary_messages_of_256_bytes_and_of_64_kib_have_the_longer_length_forms() {
    for (header, len) in [(HEADER_OF_256, 256), (HEADER_OF_64_KIB, 65_536)] {
        let payload: Vec<u8> = (0..len).map(|nth| nth as u8).collect();
        let wire = [header, &payload].concat();
        assert_eq!(receive(Role::Client, &wire).seen, [Seen::Binary(payload.clone(), true)]);
        let mut out = vec![0; wire.len()];
        let sent = open(Role::Server).send_binary(&payload, &mut out, NoEntropy).unwrap();
        assert_eq!(out[..sent], wire);
        assert_eq!(open(Role::Server).binary_header(len).unwrap().as_ref(), header);
    }
}

/// The client's request of §1.2, whose key §1.3 explains.
const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Origin: http://example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// The server's response of §1.2.
const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Sec-WebSocket-Protocol: chat\r\n\r\n";

#[test]
fn a_server_writes_the_example_response_to_the_example_request() {
    let mut handshake = ServerHandshake::new(HeadLimits::new());
    let request = handshake.poll(REQUEST.as_bytes()).unwrap().expect("the whole head");
    assert_eq!(request.path(), "/chat");
    assert_eq!(request.host(), "server.example.com");
    assert_eq!(request.origin(), Some("http://example.com"));
    assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["chat", "superchat"]);
    assert_eq!(request.head_len(), REQUEST.len());
    let mut out = [0; 256];
    let acceptance = Acceptance::new().subprotocol(request.choose_subprotocol(&["chat"]));
    let (len, _) = request.accept(&acceptance, &mut out).unwrap();
    assert_eq!(std::str::from_utf8(&out[..len]), Ok(RESPONSE));
}

/// The lines of a head. The header lines are sorted, because their order is free.
fn lines(head: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = head.lines().collect();
    lines[1..].sort_unstable();
    lines
}

#[test]
fn a_client_writes_the_example_request_and_takes_the_example_response() {
    let uri = Uri::parse("ws://server.example.com/chat").unwrap();
    let request =
        ClientRequest::new(uri).subprotocols(&["chat", "superchat"]).origin("http://example.com");
    let mut handshake = ClientHandshake::with_fixed_key_for_tests(*b"the sample nonce");
    let mut out = [0; 512];
    let len = handshake.encode_request(&request, &mut out).unwrap();
    let written = std::str::from_utf8(&out[..len]).unwrap();
    assert_eq!(lines(written), lines(REQUEST));
    match handshake.poll(RESPONSE.as_bytes(), &request) {
        Ok(Some(Outcome::Open { response, .. })) => {
            assert_eq!(response.subprotocol(), Some("chat"));
            assert_eq!(response.head_len(), RESPONSE.len());
        }
        other => panic!("{other:?}"),
    }
}
