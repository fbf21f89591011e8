//! Promise P3 for the core without a heap: a connection has a fixed size, and never allocates. (What a `Reader` holds is
//! tested in `reader.rs`.)

use std::time::Duration;

use allocation_counter::measure;
use fullduplex::handshake::{
    Acceptance, ClientHandshake, ClientRequest, HeadLimits, Outcome, RequestError, ServerHandshake,
};
use fullduplex::{
    CloseCode, Config, Connection, Error, Event, Input, MAX_CONTROL_FRAME_LEN,
    MAX_FRAME_HEADER_LEN, MessageKind, Negotiated, Part, Role, Uri,
};
use fullduplex_testkit::{Frame, ROLES, TestEntropy, all_to};

fn open(role: Role) -> Connection {
    Connection::new(role, Negotiated::without_extensions(), Config::new())
}

/// How many allocations the payload of the last control frame takes in all. The payload of the Pong takes as many.
const CONTROL_PAYLOAD: u64 = cfg!(feature = "alloc") as u64;

/// Panics if `run` allocates, reallocates or frees.
#[track_caller]
fn without_allocation(run: impl FnOnce()) {
    let counted = measure(run);
    assert_eq!((counted.count_total, counted.count_current), (0, 0), "{counted:?}");
}

#[test]
fn the_counter_counts() {
    assert_eq!(measure(|| drop(std::hint::black_box(vec![0_u8; 100]))).count_total, 1);
}

#[test]
fn a_connection_has_one_small_size() {
    let most = match (cfg!(feature = "alloc"), cfg!(feature = "deflate")) {
        (false, _) => 400,
        // The payloads of control frames are on the heap.
        (true, false) => 200,
        // Each direction also has a pointer to its compressor or decompressor.
        (true, true) => 216,
    };
    assert!(size_of::<Connection>() <= most, "{}", size_of::<Connection>());
    // A slice, and which event it is.
    let event = 3 * size_of::<usize>();
    assert_eq!(size_of::<Event<'_>>(), event);
    assert_eq!(size_of::<Result<Option<Event<'_>>, Error>>(), event);
}

/// Receives all bytes. Returns the number of bytes in messages, and the number of messages and control frames.
fn receive(role: Role, received: &mut [u8], read_size: usize) -> (usize, usize) {
    let mut conn = open(role);
    let mut entropy = TestEntropy::new(1);
    let (mut bytes, mut events) = (0, 0);
    for read in received.chunks_mut(read_size) {
        let mut input = Input::new(read);
        while let Some(event) = conn.poll_event(&mut input).unwrap() {
            match event {
                Event::Text(chunk, part) | Event::Binary(chunk, part) => {
                    bytes += chunk.len();
                    events += usize::from(part.is_last());
                }
                _ => events += 1,
            }
            let mut out = [0; MAX_CONTROL_FRAME_LEN];
            while conn.poll_transmit(&mut out, &mut entropy).unwrap().is_some() {}
        }
    }
    (bytes, events)
}

#[test]
fn receiving_allocates_nothing() {
    let text = "grüße €😀 ".repeat(3000);
    let fragments: Vec<Frame> = (0..50)
        .flat_map(|nth| {
            [Frame::new(u8::from(nth == 0), text.as_bytes()).unfinished(), Frame::ping("?")]
        })
        .chain([Frame::continuation("")])
        .collect();
    let cases: [(&str, Vec<Frame>, usize); 7] = [
        ("small", vec![Frame::binary([7; 20]); 100], 100),
        ("small text", vec![Frame::text("hello"); 100], 100),
        ("1 KiB", vec![Frame::binary([7; 1024]); 10], 10),
        ("64 KiB", vec![Frame::binary(vec![7; 65_536]); 2], 2),
        ("text", vec![Frame::text(text.as_bytes())], 1),
        ("fragments", fragments, 51),
        ("control", vec![Frame::ping([1; 125]), Frame::pong("p"), Frame::close(1000, "bye")], 3),
    ];
    for role in ROLES {
        for (what, frames, expected) in &cases {
            let wire = all_to(role, frames);
            for read_size in [1, 7, 4096, wire.len()] {
                let mut received = wire.clone();
                let mut got = (0, 0);
                let counted = measure(|| got = receive(role, &mut received, read_size));
                let control = frames.iter().any(|frame| frame.opcode >= 8);
                let most = if control { 2 * CONTROL_PAYLOAD } else { 0 };
                let counted = counted.count_total;
                assert!(counted <= most, "{what} as {role:?}, {read_size} at once: {counted}");
                assert_eq!(got.1, *expected, "{what}");
                let sent = frames.iter().filter(|frame| frame.opcode < 8);
                assert_eq!(got.0, sent.map(|frame| frame.payload.len()).sum::<usize>(), "{what}");
            }
        }
    }
}

#[test]
fn a_whole_message_is_lent_from_the_callers_buffer() {
    for role in ROLES {
        for len in [0, 20, 125, 1024, 65_536] {
            let mut buffer = all_to(role, &[Frame::binary(vec![7; len])]);
            let payload_at = buffer.len() - len;
            let address = buffer.as_ptr() as usize;
            let mut conn = open(role);
            let mut input = Input::new(&mut buffer);
            match conn.poll_event(&mut input) {
                Ok(Some(Event::Binary(payload, Part::Whole))) => {
                    assert_eq!(payload.len(), len);
                    assert_eq!(payload.as_ptr() as usize, address + payload_at);
                    assert!(payload.iter().all(|byte| *byte == 7));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn failing_allocates_nothing() {
    let wrong = [
        Frame { rsv: 1, ..Frame::text("x") },
        Frame::new(3, "x"),
        Frame::ping([0; 126]),
        Frame::continuation("x"),
        Frame::text(*b"ok\xff"),
        Frame::text(vec![0xe2; 10_000]),
        Frame::close(1005, ""),
        Frame::binary(vec![0; (16 << 20) + 1]),
    ];
    for role in ROLES {
        for frame in &wrong {
            let mut received = all_to(role, std::slice::from_ref(frame));
            let counted = measure(|| {
                let mut conn = open(role);
                let mut input = Input::new(&mut received);
                while let Ok(Some(_)) = conn.poll_event(&mut input) {}
                assert!(conn.failure().is_some());
                let mut out = [0; MAX_CONTROL_FRAME_LEN];
                let close = conn.poll_transmit(&mut out, TestEntropy::new(1));
                assert!(close.unwrap().is_some() && conn.is_closed());
            });
            let most = if frame.opcode >= 8 { CONTROL_PAYLOAD } else { 0 };
            assert!(counted.count_total <= most && counted.count_current == 0, "{counted:?}");
        }
    }
}

#[test]
fn sending_allocates_nothing() {
    for role in ROLES {
        for len in [0, 20, 125, 126, 1024, 65_536, 1 << 20] {
            let text = "a".repeat(len);
            let mut payload = vec![7; len];
            let mut out = vec![0; len + MAX_FRAME_HEADER_LEN];
            let mut control = [0; MAX_CONTROL_FRAME_LEN];
            without_allocation(|| {
                let mut conn = open(role);
                let mut entropy = TestEntropy::new(1);
                conn.send_text(&text, &mut out, &mut entropy).unwrap();
                conn.send_binary(text.as_bytes(), &mut out, &mut entropy).unwrap();
                for last in [false, false, true] {
                    let (kind, piece) = (MessageKind::Text, text.as_bytes());
                    conn.send_fragment(kind, piece, last, &mut out, &mut entropy).unwrap();
                }
                let _ = conn.mask_binary(&mut payload, &mut entropy).unwrap();
                assert_eq!(conn.binary_header(len).is_ok(), role == Role::Server);
                assert!(conn.send_text("no room", &mut [], &mut entropy).is_err());
                conn.send_ping(&[1; 125], &mut control, &mut entropy).unwrap();
                conn.send_pong(b"", &mut control, &mut entropy).unwrap();
                conn.close(CloseCode::Normal, "bye", &mut control, &mut entropy).unwrap();
            });
        }
    }
}

#[test]
fn deadlines_allocate_nothing() {
    without_allocation(|| {
        let mut config = Config::new();
        let second = Duration::from_secs(1);
        config.timeouts = config.timeouts.keepalive(second, second);
        let mut conn = Connection::new(Role::Server, Negotiated::without_extensions(), config);
        conn.handle_timeout(Duration::ZERO).unwrap();
        conn.handle_timeout(second).unwrap();
        assert!(conn.has_transmit());
        assert!(conn.handle_timeout(2 * second).is_err());
    });
}

#[test]
fn an_opening_handshake_allocates_nothing_on_either_side() {
    let uri = Uri::parse("ws://server.example.com/chat").unwrap();
    let request = ClientRequest::new(uri).subprotocols(&["chat"]).origin("http://example.com");
    without_allocation(|| {
        let (mut wire, mut answer) = ([0; 1024], [0; 1024]);
        let mut client = ClientHandshake::new(&mut TestEntropy::new(1)).unwrap();
        let len = client.encode_request(&request, &mut wire).unwrap();
        let mut server = ServerHandshake::new(HeadLimits::new());
        assert!(server.poll(&wire[..len - 1]).unwrap().is_none());
        let asked = server.poll(&wire[..len]).unwrap().unwrap();
        let chosen = Acceptance::new().subprotocol(asked.choose_subprotocol(&["chat"]));
        let (len, _) = asked.accept(&chosen, &mut answer).unwrap();
        assert!(client.poll(&answer[..len - 1], &request).unwrap().is_none());
        let opened = client.poll(&answer[..len], &request).unwrap();
        assert!(matches!(opened, Some(Outcome::Open { .. })));

        let mut server = ServerHandshake::new(HeadLimits::new());
        let refused = server.poll(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap_err();
        assert_eq!(refused, RequestError::Method);
        assert!(refused.encode_response(&mut answer).is_ok());
    });
}
