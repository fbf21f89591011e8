//! The rows without bytes that concern a core without I/O. Each has a test of its own, in the order of the file.

use std::collections::HashSet;
use std::time::Duration;

use fullduplex::handshake::{
    AcceptError, Acceptance, ClientHandshake, ClientRequest, EncodeRequestError, HeadError,
    HeadLimits, Outcome, RejectError, Rejection, RequestError, ResponseError, ServerHandshake,
};
use fullduplex::headers::InvalidHeader;
use fullduplex::{
    CloseCode, Config, Connection, DEFAULT_MAX_FRAGMENTS, Ended, EntropyError, Error, Event, Input,
    MAX_CONTROL_FRAME_LEN, MessageError, MessageKind, Negotiated, NoEntropy, Role, SendError,
    Timeout, Timeouts, Uri,
};
use fullduplex_testkit::{
    BrokenEntropy, Frame, Pair, ROLES, Random, Seen, Split, TestEntropy, drive, frames, to,
};

const MIB: usize = 1 << 20;

fn open(role: Role) -> Connection {
    Connection::new(role, Negotiated::without_extensions(), Config::new())
}

/// After how many bytes, received one by one, a server refuses a request, and why. It looks at nothing that the client
/// sends after that.
fn refused_at(received: &[u8]) -> (usize, RequestError) {
    let mut handshake = ServerHandshake::new(HeadLimits::new());
    let refusal = (1..=received.len())
        .find_map(|read| handshake.poll(&received[..read]).err().map(|error| (read, error)))
        .expect("a refusal");
    assert_eq!(handshake.poll(received), Err(refusal.1));
    let at_once = ServerHandshake::new(HeadLimits::new()).poll(received);
    assert_eq!(at_once, Err(refusal.1), "the same when all of it comes at once");
    refusal
}

#[test]
fn hs_61_an_endless_request_target_is_refused_at_the_limit() {
    let received = [&b"GET /"[..], &vec![b'a'; 16 * MIB]].concat();
    let (read, error) = refused_at(&received);
    assert_eq!(read, HeadLimits::new().max_size);
    assert_eq!(error, RequestError::Head(HeadError::FirstLineTooLong));
    assert_eq!(error.status(), 414);
}

#[test]
fn hs_62_an_endless_header_line_is_refused_at_the_limit() {
    let received = [&b"GET / HTTP/1.1\r\nX: "[..], &vec![b'a'; 16 * MIB]].concat();
    let (read, error) = refused_at(&received);
    assert_eq!(read, HeadLimits::new().max_size);
    assert_eq!(error, RequestError::Head(HeadError::TooLarge));
    assert_eq!(error.status(), 431);
}

fn client_handshake() -> (ClientHandshake, ClientRequest<'static>) {
    let uri = Uri::parse("ws://server.example.com/chat").expect("a URI");
    let handshake = ClientHandshake::with_fixed_key_for_tests(*b"the sample nonce");
    (handshake, ClientRequest::new(uri))
}

/// After how many bytes, received one by one, a client refuses a response, and why.
fn given_up_at(received: &[u8]) -> (usize, ResponseError) {
    let (mut handshake, request) = client_handshake();
    let failure = (1..=received.len())
        .find_map(|read| {
            handshake.poll(&received[..read], &request).err().map(|error| (read, error))
        })
        .expect("a failure");
    let (mut handshake, request) = client_handshake();
    assert_eq!(handshake.poll(received, &request), Err(failure.1));
    failure
}

#[test]
fn hr_37_interim_responses_without_end_are_refused_at_the_limit() {
    let received = b"HTTP/1.1 102 Processing\r\n\r\n".repeat(10_000);
    let (read, error) = given_up_at(&received);
    assert_eq!(read, HeadLimits::new().max_size);
    assert!(matches!(
        error,
        ResponseError::Head(HeadError::TooLarge | HeadError::FirstLineTooLong)
    ));
}

#[test]
fn hr_37_headers_without_end_are_refused_at_the_limit() {
    let received =
        [&b"HTTP/1.1 101 Switching Protocols\r\n"[..], &b"X: y\r\n".repeat(100_000)].concat();
    assert_eq!(
        given_up_at(&received),
        (HeadLimits::new().max_size, ResponseError::Head(HeadError::TooLarge))
    );
}

#[test]
fn hr_37_more_header_lines_than_the_limit_are_refused() {
    let head =
        |count| [&b"HTTP/1.1 404 Not Found\r\n"[..], &b"X: y\r\n".repeat(count), b"\r\n"].concat();
    let most = HeadLimits::new().max_headers;
    let (mut handshake, request) = client_handshake();
    assert!(matches!(handshake.poll(&head(most), &request), Ok(Some(Outcome::Refused(_)))));
    let (_, error) = given_up_at(&head(most + 1));
    assert_eq!(error, ResponseError::Head(HeadError::TooManyHeaders));
}

#[test]
fn hr_37_the_body_of_a_refusal_is_left_to_the_caller() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n";
    let received = [&head[..], &[b'x'; 100]].concat();
    let (mut handshake, request) = client_handshake();
    match handshake.poll(&received, &request) {
        Ok(Some(Outcome::Refused(response))) => {
            assert_eq!((response.status(), response.head_len()), (200, head.len()));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn fr_24_many_small_frames_are_the_same_in_one_buffer_and_byte_by_byte() {
    const COUNT: usize = 100_000;
    for role in ROLES {
        let bytes: Vec<u8> =
            (0..COUNT).flat_map(|nth| to(role, Frame::binary([nth as u8]))).collect();
        let whole = drive(&mut open(role), &bytes, Split::Whole);
        assert!(whole.seen.len() == COUNT && whole.output.is_empty() && whole.error.is_none());
        for (nth, seen) in whole.seen.iter().enumerate() {
            assert_eq!(*seen, Seen::Binary(vec![nth as u8], true));
        }
        assert!(drive(&mut open(role), &bytes, Split::Every(1)) == whole);
    }
}

#[test]
fn fr_25_an_end_of_input_is_told_apart_at_every_byte_of_every_length_form() {
    for role in ROLES {
        for len in [0, 5, 125, 126, 300, 65_535, 65_536] {
            let bytes = to(role, Frame::binary(vec![1; len]));
            let places = (0..=20).chain(len - len.min(2)..=bytes.len());
            for place in places.filter(|place| *place <= bytes.len()) {
                let mut conn = open(role);
                let outcome = drive(&mut conn, &bytes[..place], Split::Every(1));
                assert_eq!(outcome.error, None);
                let whole = place == bytes.len();
                assert_eq!(outcome.seen.iter().any(Seen::is_whole), whole);
                let how = match place {
                    0 => Ended::WithoutClose,
                    _ if whole => Ended::WithoutClose,
                    _ => Ended::InsideMessage,
                };
                assert_eq!(conn.handle_eof(), Err(Error::Ended(how)), "{len} at {place}");
                assert_eq!(conn.failure(), Some(Error::Ended(how)));
                assert!(conn.is_closed() && !conn.is_clean() && !conn.has_transmit());
            }
        }
        // Between two fragments, the frame is complete, but the message is not.
        let mut conn = open(role);
        drive(&mut conn, &to(role, Frame::text("Hel").unfinished()), Split::Whole);
        assert_eq!(conn.handle_eof(), Err(Error::Ended(Ended::InsideMessage)));
    }
}

#[test]
fn fg_15_a_message_of_endless_fragments_ends_at_the_limit() {
    for role in ROLES {
        for payload in [&b""[..], b"x"] {
            let mut bytes = to(role, Frame::text(payload).unfinished());
            bytes.extend(to(role, Frame::continuation(payload).unfinished()).repeat(1_000_000));
            let mut conn = open(role);
            let outcome = drive(&mut conn, &bytes, Split::Whole);
            assert_eq!(outcome.error, Some(Error::Message(MessageError::TooManyFragments)));
            let text = payload.repeat(DEFAULT_MAX_FRAGMENTS as usize);
            match &outcome.seen[..] {
                [] => assert!(text.is_empty()),
                [Seen::Text(seen, false)] => assert!(*seen == text),
                other => panic!("{} events", other.len()),
            }
            let close = frames(&outcome.output);
            assert_eq!(close.len(), 1);
            assert_eq!((close[0].opcode, &close[0].payload[..]), (8, &1008_u16.to_be_bytes()[..]));
        }
    }
}

/// Receives a million Pings without draining an answer. Then only the last Ping is answered.
fn flood_of_pings(role: Role) {
    let burst = to(role, Frame::ping([0x70; 125])).repeat(1000);
    let mut conn = open(role);
    for nth in 0..1000 {
        let mut buffer = burst.clone();
        if nth == 999 {
            buffer.extend(to(role, Frame::ping("the last")));
        }
        let mut input = Input::new(&mut buffer);
        let mut pings = 0;
        while let Some(event) = conn.poll_event(&mut input).unwrap() {
            assert_eq!(event, Event::Ping);
            pings += 1;
        }
        assert_eq!(pings, if nth == 999 { 1001 } else { 1000 });
    }
    let mut out = [0; MAX_CONTROL_FRAME_LEN];
    let mut entropy = TestEntropy::new(1);
    let pong = conn.poll_transmit(&mut out, &mut entropy).unwrap().expect("a Pong");
    let pong = frames(pong);
    assert_eq!((pong[0].opcode, &pong[0].payload[..]), (10, &b"the last"[..]));
    assert_eq!(conn.poll_transmit(&mut out, &mut entropy), Ok(None));
}

#[test]
fn ct_09_of_a_million_pings_that_a_server_never_drains_one_pong_is_pending() {
    flood_of_pings(Role::Server);
}

#[test]
fn ct_09_of_a_million_pings_that_a_client_never_drains_one_pong_is_pending() {
    flood_of_pings(Role::Client);
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn with_timeouts(role: Role, timeouts: Timeouts) -> Connection {
    let mut config = Config::new();
    config.timeouts = timeouts;
    Connection::new(role, Negotiated::without_extensions(), config)
}

/// Lets time pass without input, until the connection has no deadline. Returns its deadlines, and what it has written.
fn silence(conn: &mut Connection) -> (Vec<Duration>, Vec<Frame>) {
    let (mut woken, mut written) = (Vec::new(), Vec::new());
    let mut entropy = TestEntropy::new(1);
    let mut out = [0; MAX_CONTROL_FRAME_LEN];
    let mut now = s(100);
    while let Some(at) = conn.poll_timeout(now) {
        now = at;
        assert!(woken.last().is_none_or(|last| *last < at), "no busy loop: {woken:?}, {at:?}");
        woken.push(at);
        let _ = conn.handle_timeout(at);
        while let Some(frame) = conn.poll_transmit(&mut out, &mut entropy).unwrap() {
            written.extend(frames(frame));
        }
    }
    (woken, written)
}

#[test]
fn tm_02_half_a_header_and_then_silence_is_ended_by_the_keepalive_timer() {
    for role in ROLES {
        let mut conn = with_timeouts(role, Timeouts::new().keepalive(s(20), s(10)));
        let mut half = [to(role, Frame::binary([0; 300]))[0]];
        assert_eq!(conn.poll_event(&mut Input::new(&mut half)), Ok(None));
        let (woken, written) = silence(&mut conn);
        // The last deadline ends the wait for the end of the transport.
        assert_eq!(woken, [s(120), s(130), s(135)]);
        let opcodes: Vec<u8> = written.iter().map(|frame| frame.opcode).collect();
        assert_eq!(opcodes, [9, 8]);
        assert_eq!(written[1].payload, 1011_u16.to_be_bytes());
        assert_eq!(conn.failure(), Some(Error::Timeout(Timeout::Pong)));
        assert!(conn.is_closed());
    }
}

#[test]
fn tm_02_half_a_header_and_then_silence_is_ended_by_the_idle_timer() {
    for role in ROLES {
        let mut timeouts = Timeouts::new();
        timeouts.idle_timeout = Some(s(60));
        let mut conn = with_timeouts(role, timeouts);
        let mut half = [to(role, Frame::binary([0; 300]))[0]];
        assert_eq!(conn.poll_event(&mut Input::new(&mut half)), Ok(None));
        let (woken, written) = silence(&mut conn);
        assert_eq!(woken, [s(160), s(165)]);
        assert_eq!(written[0].payload, 1001_u16.to_be_bytes());
        assert_eq!(conn.failure(), Some(Error::Timeout(Timeout::Idle)));
    }
}

#[test]
fn tm_05_a_peer_that_sends_for_ever_after_our_close_is_ended_by_the_close_timer() {
    for role in ROLES {
        let mut conn = open(role);
        let mut out = [0; 64];
        let mut entropy = TestEntropy::new(1);
        conn.close(CloseCode::Normal, "", &mut out, &mut entropy).unwrap();
        let data = to(role, Frame::binary([7; 100]));
        let mut delivered = 0;
        let mut now = s(1);
        while !conn.is_closed() {
            assert_eq!(conn.poll_timeout(now), Some(s(6)), "data does not put it off");
            now += Duration::from_millis(100);
            let mut buffer = data.clone();
            let mut input = Input::new(&mut buffer);
            while conn.poll_event(&mut input).unwrap().is_some() {
                delivered += 1;
            }
            match conn.handle_timeout(now) {
                Ok(()) => assert!(now < s(6)),
                Err(error) => assert_eq!((error, now), (Error::Timeout(Timeout::Close), s(6))),
            }
        }
        assert_eq!(delivered, 50, "until then it is delivered: it may have been under way");
        assert!(!conn.is_clean() && !conn.has_transmit());
        assert_eq!(conn.poll_event(&mut Input::new(&mut data.clone())), Ok(None));
        assert_eq!(conn.poll_timeout(now), None);
    }
}

/// The row says that such a Pong does not count. With us, any byte answers the Ping, because it shows that the peer is
/// alive: the Pings are a "keepalive" (RFC 6455 §5.5.2).
#[test]
fn tm_07_any_byte_answers_a_ping_also_a_pong_with_another_payload() {
    for role in ROLES {
        for answer in [Frame::pong("of other payload"), Frame::binary("data")] {
            let mut conn = with_timeouts(role, Timeouts::new().keepalive(s(20), s(10)));
            assert_eq!(conn.poll_timeout(s(0)), Some(s(20)));
            assert_eq!(conn.handle_timeout(s(20)), Ok(()));
            assert!(conn.has_transmit());
            assert_eq!(conn.poll_timeout(s(20)), Some(s(30)));
            let mut buffer = to(role, answer);
            assert!(conn.poll_event(&mut Input::new(&mut buffer)).unwrap().is_some());
            assert_eq!(conn.poll_timeout(s(25)), Some(s(45)));
        }
    }
}

#[test]
fn tm_08_when_both_sides_close_at_once_each_sends_exactly_one_close() {
    let mut pair = Pair::new(Config::new());
    pair.client_sends(|conn, out, entropy| {
        conn.close(CloseCode::Normal, "client", out, entropy).unwrap()
    });
    pair.server_sends(|conn, out, entropy| {
        conn.close(CloseCode::Away, "server", out, entropy).unwrap()
    });
    pair.run();
    assert_eq!(pair.client.seen, [Seen::Close(Some((1001, "server".into())))]);
    assert_eq!(pair.server.seen, [Seen::Close(Some((1000, "client".into())))]);
    for side in [&pair.client, &pair.server] {
        assert_eq!(frames(&side.written).len(), 1);
        assert!(side.conn.is_clean() && side.conn.is_closed() && side.errors.is_empty());
        assert_eq!(side.conn.failure(), None);
    }
}

/// With output buffers of any size, a connection writes the same bytes as with large ones.
#[test]
fn tr_01_output_buffers_of_any_size_give_the_same_bytes() {
    for role in ROLES {
        let input = [
            to(role, Frame::ping("first")),
            to(role, Frame::ping([0x70; 125])),
            to(role, Frame::close(1000, "bye")),
        ];
        let session = |buffer_size: &mut dyn FnMut() -> usize| {
            let mut conn = open(role);
            // The space is checked before a key is drawn, so the keys are the same as well.
            let mut entropy = TestEntropy::new(1);
            let mut written = Vec::new();
            let payload = vec![9; 300];
            let mut out = vec![0; buffer_size()];
            loop {
                match conn.send_binary(&payload, &mut out, &mut entropy) {
                    Ok(len) => break written.extend_from_slice(&out[..len]),
                    Err(SendError::BufferTooSmall(short)) => {
                        out = vec![0; buffer_size().max(short.needed)];
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            for bytes in &input {
                let mut buffer = bytes.clone();
                let mut received = Input::new(&mut buffer);
                while conn.poll_event(&mut received).unwrap().is_some() {}
                let mut out = vec![0; buffer_size()];
                while conn.has_transmit() {
                    match conn.poll_transmit(&mut out, &mut entropy) {
                        Ok(frame) => written.extend_from_slice(frame.expect("a frame")),
                        Err(SendError::BufferTooSmall(short)) => {
                            assert!(short.needed > out.len());
                            out = vec![0; short.needed];
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            assert!(conn.is_clean());
            written
        };
        let unbounded = session(&mut || 4096);
        assert_eq!(frames(&unbounded).len(), 4);
        for size in 0..400 {
            assert_eq!(session(&mut || size), unbounded);
        }
        let mut random = Random::new(1);
        assert_eq!(session(&mut || random.below(400)), unbounded);
    }
}

#[test]
fn tr_01_a_wire_that_takes_one_byte_at_a_time_carries_the_same_session() {
    let session = |read_size| {
        let mut pair = Pair::new(Config::new());
        pair.read_size = read_size;
        pair.client_sends(|conn, out, entropy| conn.send_text("grüße", out, entropy).unwrap());
        pair.client_sends(|conn, out, entropy| conn.send_ping(b"?", out, entropy).unwrap());
        pair.run();
        pair.server_sends(|conn, out, entropy| {
            conn.send_binary(&[3; 70_000], out, entropy).unwrap()
        });
        pair.server_sends(|conn, out, entropy| {
            conn.close(CloseCode::Normal, "", out, entropy).unwrap()
        });
        pair.run();
        assert!(pair.client.conn.is_clean() && pair.server.conn.is_clean());
        (pair.client.written, pair.server.written, pair.client.seen, pair.server.seen)
    };
    let unbounded = session(usize::MAX);
    for read_size in [1, 2, 3, 7, 1000] {
        assert!(session(read_size) == unbounded, "{read_size}");
    }
}

/// The content of an output buffer to which nothing was written.
const UNTOUCHED: u8 = 0xee;

#[test]
fn tr_14_headers_with_line_breaks_are_refused_at_the_call() {
    let mut out = [UNTOUCHED; 1024];
    let (handshake, request) = client_handshake();
    let head = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Protocol: chat\r\n\r\n";
    let mut server = ServerHandshake::new(HeadLimits::new());
    let received = server.poll(head).unwrap().expect("a request");
    for (headers, error) in [
        ([("X", "a\r\nInjected: b")], InvalidHeader::Value { index: 0 }),
        ([("X", "a\nb")], InvalidHeader::Value { index: 0 }),
        ([("X", "a\rb")], InvalidHeader::Value { index: 0 }),
        ([("X", "a\0b")], InvalidHeader::Value { index: 0 }),
        ([("X\r\nInjected", "a")], InvalidHeader::Name { index: 0 }),
        ([("X\0", "a")], InvalidHeader::Name { index: 0 }),
        ([("X ", "a")], InvalidHeader::Name { index: 0 }),
        ([("", "a")], InvalidHeader::Name { index: 0 }),
        ([("Sec-WebSocket-Accept", "a")], InvalidHeader::Reserved { index: 0 }),
        ([("content-length", "1")], InvalidHeader::Reserved { index: 0 }),
    ] {
        let refused = handshake.encode_request(&request.headers(&headers), &mut out);
        assert_eq!(refused, Err(EncodeRequestError::InvalidHeader(error)), "{headers:?}");
        let refused = received.accept(&Acceptance::new().headers(&headers), &mut out);
        assert_eq!(refused, Err(AcceptError::InvalidHeader(error)), "{headers:?}");
        let refused = Rejection::new(403).headers(&headers).encode(&mut out);
        assert_eq!(refused, Err(RejectError::InvalidHeader(error)), "{headers:?}");
    }
    assert!(out.iter().all(|byte| *byte == UNTOUCHED));
    assert!(handshake.encode_request(&request.headers(&[("X", "a")]), &mut out).is_ok());
}

#[test]
fn tr_14_subprotocols_that_are_no_tokens_are_refused_at_the_call() {
    let mut out = [UNTOUCHED; 1024];
    let (handshake, request) = client_handshake();
    for (subprotocols, error) in [
        (vec!["chat", "super chat"], InvalidHeader::Subprotocol { index: 1 }),
        (vec!["a\r\nb"], InvalidHeader::Subprotocol { index: 0 }),
        (vec!["a,b"], InvalidHeader::Subprotocol { index: 0 }),
        (vec![""], InvalidHeader::Subprotocol { index: 0 }),
        (vec!["a", "a"], InvalidHeader::DuplicateSubprotocol { index: 1 }),
    ] {
        let refused = handshake.encode_request(&request.subprotocols(&subprotocols), &mut out);
        assert_eq!(refused, Err(EncodeRequestError::InvalidHeader(error)), "{subprotocols:?}");
    }
    assert_eq!(
        handshake.encode_request(&request.origin("http://a\r\nX: b"), &mut out),
        Err(EncodeRequestError::InvalidHeader(InvalidHeader::Origin))
    );
    assert!(out.iter().all(|byte| *byte == UNTOUCHED));
}

#[test]
fn tr_14_close_codes_and_reasons_that_must_not_be_sent_are_refused_at_the_call() {
    for role in ROLES {
        let mut out = [UNTOUCHED; 256];
        let mut conn = open(role);
        let mut entropy = TestEntropy::new(1);
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
            let refused = conn.close(CloseCode::from(code), "", &mut out, &mut entropy);
            assert_eq!(refused, Err(SendError::CloseCode(code)));
        }
        let refused = conn.close(CloseCode::Normal, &"r".repeat(124), &mut out, &mut entropy);
        assert_eq!(refused, Err(SendError::ReasonTooLong));
        let refused = conn.send_ping(&[0; 126], &mut out, &mut entropy);
        assert_eq!(refused, Err(SendError::ControlTooLong));
        assert!(out.iter().all(|byte| *byte == UNTOUCHED));
        assert!(conn.may_send() && !conn.has_timeout());
        let reason = "r".repeat(123);
        let len = conn.close(CloseCode::Normal, &reason, &mut out, &mut entropy).unwrap();
        assert_eq!(frames(&out[..len])[0].payload, Frame::close(1000, &reason).payload);
    }
}

#[test]
fn tr_15_every_frame_of_a_client_has_a_fresh_key() {
    let mut conn = open(Role::Client);
    let mut entropy = TestEntropy::new(1);
    let mut out = [0; 256];
    let mut written = Vec::new();
    for nth in 0..500 {
        let len = match nth % 5 {
            0 => conn.send_text("same", &mut out, &mut entropy).unwrap(),
            1 => conn.send_binary(b"same", &mut out, &mut entropy).unwrap(),
            2 => conn.send_ping(b"same", &mut out, &mut entropy).unwrap(),
            3 => {
                let kind = MessageKind::Binary;
                conn.send_fragment(kind, b"same", true, &mut out, &mut entropy).unwrap()
            }
            _ => {
                let mut ping = Frame::ping("same").encode();
                let mut input = Input::new(&mut ping);
                assert_eq!(conn.poll_event(&mut input), Ok(Some(Event::Ping)));
                conn.poll_transmit(&mut out, &mut entropy).unwrap().expect("a Pong").len()
            }
        };
        written.extend_from_slice(&out[..len]);
    }
    let keys: HashSet<[u8; 4]> =
        frames(&written).iter().map(|frame| frame.mask.expect("a client masks")).collect();
    assert_eq!(keys.len(), 500);
}

#[test]
fn tr_15_without_entropy_nothing_is_written_and_the_connection_goes_on() {
    type Send = fn(&mut Connection, &mut [u8], &mut BrokenEntropy) -> Result<usize, SendError>;
    let sends: [(u8, Send); 6] = [
        (1, |conn, out, entropy| conn.send_text("same", out, entropy)),
        (2, |conn, out, entropy| conn.send_binary(&[7; 70_000], out, entropy)),
        (9, |conn, out, entropy| conn.send_ping(b"same", out, entropy)),
        (10, |conn, out, entropy| conn.send_pong(b"same", out, entropy)),
        (2, |conn, out, entropy| {
            conn.send_fragment(MessageKind::Binary, b"same", false, out, entropy)
        }),
        (8, |conn, out, entropy| conn.close(CloseCode::Normal, "", out, entropy)),
    ];
    for (opcode, send) in sends {
        let mut conn = open(Role::Client);
        let mut out = vec![UNTOUCHED; 80_000];
        let refused = send(&mut conn, &mut out, &mut BrokenEntropy { draws: 0 });
        assert_eq!(refused, Err(SendError::Entropy(EntropyError)));
        assert!(out.iter().all(|byte| *byte == UNTOUCHED));
        assert!(conn.may_send());
        let len = send(&mut conn, &mut out, &mut BrokenEntropy { draws: 1 }).unwrap();
        assert_eq!(frames(&out[..len])[0].opcode, opcode);
    }

    let mut conn = open(Role::Client);
    let mut payload = *b"same";
    let refused = conn.mask_binary(&mut payload, NoEntropy);
    assert_eq!((refused, payload), (Err(SendError::Entropy(EntropyError)), *b"same"));
    assert!(conn.mask_text(&mut payload, TestEntropy::new(1)).is_ok());
}

#[test]
fn tr_15_without_entropy_an_answer_stays_queued() {
    let mut conn = open(Role::Client);
    let mut buffer = [Frame::ping("p").encode(), Frame::close(1000, "").encode()].concat();
    let mut input = Input::new(&mut buffer);
    while conn.poll_event(&mut input).unwrap().is_some() {}
    let mut out = [UNTOUCHED; MAX_CONTROL_FRAME_LEN];
    let mut entropy = TestEntropy::new(1);
    for opcode in [10, 8] {
        let refused = conn.poll_transmit(&mut out, NoEntropy);
        assert_eq!(refused, Err(SendError::Entropy(EntropyError)));
        let frame = conn.poll_transmit(&mut out, &mut entropy).unwrap().expect("still queued");
        assert_eq!(frames(frame)[0].opcode, opcode);
    }
    assert!(conn.is_clean());
}

#[test]
fn tr_15_a_nonce_is_drawn_for_each_handshake_and_never_made_up() {
    let mut entropy = TestEntropy::new(1);
    let keys: HashSet<[u8; 24]> = (0..100)
        .map(|_| *ClientHandshake::new(&mut entropy).expect("entropy").key().as_bytes())
        .collect();
    assert_eq!(keys.len(), 100);
    for draws in 0..4 {
        assert!(ClientHandshake::new(&mut BrokenEntropy { draws }).is_err());
    }
}
