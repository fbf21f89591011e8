//! The output of a connection, parsed by a decoder that shares no code with it: every function that sends, in both roles,
//! at the lengths where the header changes; refusals, which leave nothing behind; and the order of the answers.

use std::time::Duration;

use fullduplex::{
    BufferTooSmall, CloseCode, Config, Connection, Event, Input, MAX_CONTROL_FRAME_LEN,
    MAX_FRAME_HEADER_LEN, MessageKind, Negotiated, Role, SendError, Timeouts,
};
use fullduplex_testkit::{BrokenEntropy, Frame, ROLES, TestEntropy, frames};

/// The lengths at which the form of the length changes, and a large one.
const LENS: [usize; 8] = [0, 1, 125, 126, 127, 65_535, 65_536, 1 << 20];

fn open(role: Role) -> Connection {
    Connection::new(role, Negotiated::without_extensions(), Config::new())
}

fn entropy() -> TestEntropy {
    TestEntropy::new(1)
}

/// Bytes that do not repeat with the period of a masking key or of a vector register.
fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|nth| (nth % 251) as u8).collect()
}

fn ascii(len: usize) -> String {
    (0..len).map(|nth| char::from(b'a' + (nth % 23) as u8)).collect()
}

/// The one frame in `wire`, which must be masked if a client wrote it, and have no reserved bits.
fn one_frame(role: Role, wire: &[u8]) -> Frame {
    let mut frames = frames(wire);
    assert_eq!(frames.len(), 1);
    let frame = frames.remove(0);
    assert_eq!(frame.mask.is_some(), role == Role::Client);
    assert_eq!(frame.rsv, 0);
    frame
}

/// The frame without its masking key, to be compared.
fn unmasked(mut frame: Frame) -> Frame {
    frame.mask = None;
    frame
}

/// How long a frame with this payload is, in the shortest form.
fn frame_len(role: Role, payload: usize) -> usize {
    let frame = Frame::binary(vec![0; payload]);
    if role == Role::Client { frame.masked().encode().len() } else { frame.encode().len() }
}

type Send<'s> =
    &'s dyn Fn(&mut Connection, &mut [u8], &mut TestEntropy) -> Result<usize, SendError>;

/// Sends with output buffers that are too small, which must change nothing, and then with the space that the error asks
/// for. Returns what was written.
fn send(role: Role, conn: &mut Connection, send: Send<'_>) -> Vec<u8> {
    let mut large = vec![0; (1 << 20) + MAX_FRAME_HEADER_LEN];
    let mut asked = entropy();
    let needed = match send(conn, &mut [], &mut asked) {
        Err(SendError::BufferTooSmall(BufferTooSmall { needed })) => needed,
        other => panic!("{other:?}"),
    };
    for too_small in [1, 2, needed / 2, needed - 1].into_iter().filter(|len| *len < needed) {
        let refused = send(conn, &mut large[..too_small], &mut asked);
        assert_eq!(
            refused,
            Err(SendError::BufferTooSmall(BufferTooSmall { needed })),
            "{too_small}"
        );
    }
    let len = send(conn, &mut large[..needed], &mut asked).expect("the room that was asked for");
    assert_eq!(len, needed);
    if role == Role::Client {
        // The space is checked before a key is drawn, so the refused calls have drawn none.
        let key = one_frame(role, &large[..len]).mask.expect("a client masks");
        let mut keys = entropy();
        assert_eq!(u32::from_le_bytes(key), fullduplex::Entropy::next_u32(&mut keys).unwrap());
    }
    large.truncate(len);
    large
}

#[test]
fn whole_messages_of_every_length_form() {
    for role in ROLES {
        for len in LENS {
            let (text, data) = (ascii(len), bytes(len));
            let mut conn = open(role);
            let wire =
                send(role, &mut conn, &|conn, out, entropy| conn.send_text(&text, out, entropy));
            assert_eq!(wire.len(), frame_len(role, len));
            assert!(unmasked(one_frame(role, &wire)) == Frame::text(text.as_bytes()));
            let wire =
                send(role, &mut conn, &|conn, out, entropy| conn.send_binary(&data, out, entropy));
            assert_eq!(wire.len(), frame_len(role, len));
            assert!(unmasked(one_frame(role, &wire)) == Frame::binary(&data[..]));
        }
    }
}

#[test]
fn a_buffer_with_room_to_spare_keeps_the_rest() {
    for role in ROLES {
        for len in [0, 1, 125, 126, 65_536] {
            let mut out = vec![0xee; len + 100];
            let written = open(role).send_binary(&bytes(len), &mut out, entropy()).unwrap();
            assert!(out[written..].iter().all(|byte| *byte == 0xee));
        }
    }
}

#[test]
fn pings_and_pongs_of_every_length() {
    for role in ROLES {
        for len in 0..=125 {
            let payload = bytes(len);
            let mut conn = open(role);
            let wire =
                send(role, &mut conn, &|conn, out, entropy| conn.send_ping(&payload, out, entropy));
            assert_eq!(unmasked(one_frame(role, &wire)), Frame::ping(&payload[..]));
            let wire =
                send(role, &mut conn, &|conn, out, entropy| conn.send_pong(&payload, out, entropy));
            assert_eq!(unmasked(one_frame(role, &wire)), Frame::pong(&payload[..]));
        }
        let refused = open(role).send_pong(&bytes(126), &mut [0; 256], entropy());
        assert_eq!(refused, Err(SendError::ControlTooLong));
    }
}

#[test]
fn a_close_with_a_reason_of_every_length() {
    for role in ROLES {
        for len in 0..=123 {
            let reason = ascii(len);
            let wire = send(role, &mut open(role), &|conn, out, entropy| {
                conn.close(CloseCode::Away, &reason, out, entropy)
            });
            assert_eq!(unmasked(one_frame(role, &wire)), Frame::close(1001, &reason));
        }
    }
}

#[test]
fn fragments_of_every_length_with_control_frames_in_between() {
    for role in ROLES {
        for kind in [MessageKind::Text, MessageKind::Binary] {
            let mut conn = open(role);
            let opcode = if kind == MessageKind::Text { 1 } else { 2 };
            for (nth, len) in LENS.into_iter().enumerate() {
                let payload = ascii(len);
                let last = nth == LENS.len() - 1;
                let wire = send(role, &mut conn, &|conn, out, entropy| {
                    conn.send_fragment(kind, payload.as_bytes(), last, out, entropy)
                });
                let expected = Frame {
                    fin: last,
                    ..Frame::new(if nth == 0 { opcode } else { 0 }, payload.as_bytes())
                };
                assert!(unmasked(one_frame(role, &wire)) == expected, "{nth}");
                let mut out = [0; 64];
                let len = conn.send_ping(b"between", &mut out, entropy()).unwrap();
                assert_eq!(one_frame(role, &out[..len]).opcode, 9);
            }
            // The message has ended, so a whole one may follow.
            assert!(conn.send_text("next", &mut [0; 64], entropy()).is_ok());
        }
    }
}

#[test]
fn text_may_be_cut_within_a_character() {
    let text = "a€😀ß";
    for role in ROLES {
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let mut conn = open(role);
                let mut wire = Vec::new();
                let pieces = [
                    &text.as_bytes()[..first],
                    &text.as_bytes()[first..second],
                    &text.as_bytes()[second..],
                ];
                for (nth, piece) in pieces.into_iter().enumerate() {
                    let mut out = [0; 64];
                    let len = conn
                        .send_fragment(MessageKind::Text, piece, nth == 2, &mut out, entropy())
                        .unwrap();
                    wire.extend_from_slice(&out[..len]);
                }
                let joined: Vec<u8> = frames(&wire).into_iter().flat_map(|f| f.payload).collect();
                assert_eq!(joined, text.as_bytes());
            }
        }
    }
}

#[test]
fn text_that_is_not_utf8_is_refused_and_the_right_text_still_goes() {
    for role in ROLES {
        let mut conn = open(role);
        let mut out = [0xee; 64];
        let (kind, euro) = (MessageKind::Text, "€".as_bytes());
        let refused = conn.send_fragment(kind, b"\xff", true, &mut out, entropy());
        assert_eq!(refused, Err(SendError::InvalidUtf8));
        let refused = conn.send_fragment(kind, &euro[..2], true, &mut out, entropy());
        assert_eq!(refused, Err(SendError::InvalidUtf8), "it must not end within a character");
        assert!(conn.mask_text(&mut b"\xff".to_owned(), entropy()).is_err());
        assert_eq!(out, [0xee; 64]);

        assert!(conn.send_fragment(kind, &euro[..2], false, &mut out, entropy()).is_ok());
        let refused = conn.send_fragment(kind, b"x", false, &mut out, entropy());
        assert_eq!(refused, Err(SendError::InvalidUtf8));
        let refused = conn.send_fragment(kind, b"", true, &mut out, entropy());
        assert_eq!(refused, Err(SendError::InvalidUtf8), "it must not end within a character");
        let len = conn.send_fragment(kind, &euro[2..], true, &mut out, entropy()).unwrap();
        let frame = one_frame(role, &out[..len]);
        assert_eq!((frame.opcode, frame.fin, &frame.payload[..]), (0, true, &euro[2..]));
    }
}

#[test]
fn what_may_not_stand_inside_an_unfinished_message_is_refused() {
    for role in ROLES {
        for (kind, other) in
            [(MessageKind::Text, MessageKind::Binary), (MessageKind::Binary, MessageKind::Text)]
        {
            let mut conn = open(role);
            let mut out = [0; 64];
            assert!(conn.send_fragment(kind, b"a", false, &mut out, entropy()).is_ok());
            out.fill(0xee);
            let mut payload = *b"b";
            let unfinished = Some(SendError::MessageUnfinished);
            assert_eq!(conn.send_text("b", &mut out, entropy()).err(), unfinished);
            assert_eq!(conn.send_binary(b"b", &mut out, entropy()).err(), unfinished);
            assert_eq!(conn.mask_text(&mut payload, entropy()).err(), unfinished);
            assert_eq!(conn.mask_binary(&mut payload, entropy()).err(), unfinished);
            assert_eq!(conn.text_header("b").err(), unfinished);
            assert_eq!(conn.binary_header(1).err(), unfinished);
            let changed = conn.send_fragment(other, b"b", false, &mut out, entropy());
            assert_eq!(changed, Err(SendError::KindChanged));
            assert_eq!((out, payload), ([0xee; 64], *b"b"));

            let len = conn.send_fragment(kind, b"c", true, &mut out, entropy()).unwrap();
            assert_eq!(unmasked(one_frame(role, &out[..len])), Frame::continuation("c"));
            assert!(conn.send_fragment(other, b"d", true, &mut out, entropy()).is_ok());
        }
    }
}

#[test]
fn a_fragment_without_room_or_entropy_does_not_count() {
    let mut conn = open(Role::Client);
    let mut out = [0; 64];
    let (kind, euro) = (MessageKind::Text, "€".as_bytes());
    for _ in 0..3 {
        let refused = conn.send_fragment(kind, &euro[..1], false, &mut out[..3], entropy());
        assert_eq!(refused, Err(SendError::BufferTooSmall(BufferTooSmall { needed: 7 })));
        let broken = BrokenEntropy { draws: 0 };
        assert!(conn.send_fragment(kind, &euro[..1], false, &mut out, broken).is_err());
    }
    let first = conn.send_fragment(kind, &euro[..1], false, &mut out, entropy()).unwrap();
    assert_eq!(one_frame(Role::Client, &out[..first]).opcode, 1);
    let last = conn.send_fragment(kind, &euro[1..], true, &mut out, entropy()).unwrap();
    assert_eq!(one_frame(Role::Client, &out[..last]).opcode, 0);
}

#[test]
fn a_server_can_have_the_header_alone_and_a_client_cannot() {
    for len in LENS {
        let (text, data) = (ascii(len), bytes(len));
        let mut conn = open(Role::Server);
        let wire = [&conn.text_header(&text).unwrap()[..], text.as_bytes()].concat();
        assert!(one_frame(Role::Server, &wire) == Frame::text(text.as_bytes()));
        let wire = [&conn.binary_header(len).unwrap()[..], &data].concat();
        assert!(one_frame(Role::Server, &wire) == Frame::binary(data));
        let mut conn = open(Role::Client);
        assert_eq!(conn.text_header(&text), Err(SendError::MustMask));
        assert_eq!(conn.binary_header(len), Err(SendError::MustMask));
    }
}

#[test]
fn a_payload_can_be_masked_where_it_lies() {
    for role in ROLES {
        for len in LENS {
            let (text, data) = (ascii(len), bytes(len));
            let mut conn = open(role);
            let mut payload = text.clone().into_bytes();
            let header = conn.mask_text(&mut payload, entropy()).unwrap();
            let wire = [&header[..], &payload].concat();
            assert!(unmasked(one_frame(role, &wire)) == Frame::text(text.as_bytes()));
            let mut payload = data.clone();
            let header = conn.mask_binary(&mut payload, entropy()).unwrap();
            assert_eq!(payload == data, role == Role::Server || len == 0);
            let wire = [&header[..], &payload].concat();
            assert!(unmasked(one_frame(role, &wire)) == Frame::binary(data));
        }
    }
}

/// Receives these frames in one read.
fn receive(role: Role, conn: &mut Connection, received: &[Frame]) {
    let encode = |frame: &Frame| {
        if role == Role::Server { frame.clone().masked().encode() } else { frame.encode() }
    };
    let mut buffer: Vec<u8> = received.iter().flat_map(encode).collect();
    let mut input = Input::new(&mut buffer);
    while conn.poll_event(&mut input).is_ok_and(|event| event.is_some()) {}
}

/// Writes everything that is queued. Each frame is first refused by a buffer that is one byte too small.
fn drain(conn: &mut Connection) -> Vec<Frame> {
    let mut drained = Vec::new();
    let mut keys = entropy();
    while conn.has_transmit() {
        let mut out = [0; MAX_CONTROL_FRAME_LEN];
        let needed = match conn.poll_transmit(&mut [], &mut keys) {
            Err(SendError::BufferTooSmall(BufferTooSmall { needed })) => needed,
            other => panic!("{other:?}"),
        };
        let short = conn.poll_transmit(&mut out[..needed - 1], &mut keys);
        assert_eq!(short, Err(SendError::BufferTooSmall(BufferTooSmall { needed })));
        let written = conn.poll_transmit(&mut out[..needed], &mut keys).unwrap().expect("a frame");
        assert_eq!(written.len(), needed);
        drained.extend(frames(written).into_iter().map(unmasked));
    }
    assert_eq!(conn.poll_transmit(&mut [], &mut keys), Ok(None));
    drained
}

#[test]
fn answers_come_as_pong_then_ping_then_close() {
    for role in ROLES {
        let second = Duration::from_secs(1);
        let mut config = Config::new();
        config.timeouts = Timeouts::new().keepalive(second, second);
        let mut conn = Connection::new(role, Negotiated::without_extensions(), config);
        receive(role, &mut conn, &[Frame::ping("first"), Frame::ping("second")]);
        conn.poll_timeout(Duration::ZERO);
        conn.handle_timeout(second).unwrap();
        receive(role, &mut conn, &[Frame::close(1000, "bye"), Frame::ping("late")]);
        assert_eq!(
            drain(&mut conn),
            [Frame::pong("second"), Frame::ping(""), Frame::close(1000, "")]
        );
        assert!(conn.is_clean());
    }
}

#[test]
fn a_failure_lets_the_pong_go_first() {
    for role in ROLES {
        let mut conn = open(role);
        receive(role, &mut conn, &[Frame::ping("p"), Frame::continuation("x")]);
        assert_eq!(drain(&mut conn), [Frame::pong("p"), Frame::close(1002, "")]);
        assert!(conn.is_closed());
    }
}

#[test]
fn an_answer_and_a_message_do_not_disturb_each_other() {
    for role in ROLES {
        let mut conn = open(role);
        receive(role, &mut conn, &[Frame::ping("p")]);
        let mut out = [0; 64];
        let len = conn.send_text("message", &mut out, entropy()).unwrap();
        assert_eq!(unmasked(one_frame(role, &out[..len])), Frame::text("message"));
        assert_eq!(drain(&mut conn), [Frame::pong("p")]);
    }
}

#[test]
fn our_close_takes_a_queued_pong_along() {
    for role in ROLES {
        let mut conn = open(role);
        receive(role, &mut conn, &[Frame::ping("p")]);
        let mut out = [0; 2 * MAX_CONTROL_FRAME_LEN];
        let len = conn.close(CloseCode::Normal, "bye", &mut out, entropy()).unwrap();
        let written: Vec<Frame> = frames(&out[..len]).into_iter().map(unmasked).collect();
        assert_eq!(written, [Frame::pong("p"), Frame::close(1000, "bye")]);
        assert!(!conn.has_transmit() && !conn.may_send());
    }
}

#[test]
fn our_close_with_a_queued_pong_says_how_much_room_both_need() {
    for role in ROLES {
        let mut conn = open(role);
        receive(role, &mut conn, &[Frame::ping("0123456789")]);
        let close = |conn: &mut Connection, out: &mut [u8]| {
            conn.close(CloseCode::Normal, "", out, entropy())
        };
        let needed = frame_len(role, 10) + frame_len(role, 2);
        for room in 0..needed {
            let refused = close(&mut conn, &mut vec![0; room]);
            assert_eq!(
                refused,
                Err(SendError::BufferTooSmall(BufferTooSmall { needed })),
                "{role:?} {room}"
            );
            assert!(conn.has_transmit() && conn.may_send(), "{role:?} {room}");
        }
        assert_eq!(close(&mut conn, &mut vec![0; needed]), Ok(needed));
    }
}

#[test]
fn our_close_with_entropy_for_the_pong_alone_leaves_both() {
    let mut conn = open(Role::Client);
    receive(Role::Client, &mut conn, &[Frame::ping("p")]);
    let mut out = [0; 2 * MAX_CONTROL_FRAME_LEN];
    let one_draw = BrokenEntropy { draws: 1 };
    let refused = conn.close(CloseCode::Normal, "", &mut out, one_draw);
    assert!(matches!(refused, Err(SendError::Entropy(_))));
    assert!(conn.may_send());
    assert_eq!(drain(&mut conn), [Frame::pong("p")]);
    let len = conn.close(CloseCode::Normal, "", &mut out, entropy()).unwrap();
    assert_eq!(one_frame(Role::Client, &out[..len]).opcode, 8);
}

#[test]
fn only_the_latest_of_several_pings_is_answered_if_none_was_drained_in_between() {
    for role in ROLES {
        let mut conn = open(role);
        let pings: Vec<Frame> = (0..10).map(|nth| Frame::ping(vec![nth; nth.into()])).collect();
        receive(role, &mut conn, &pings);
        assert_eq!(drain(&mut conn), [Frame::pong([9; 9])]);
        let mut buffer = Vec::new();
        assert_eq!(conn.poll_event(&mut Input::new(&mut buffer)), Ok(None::<Event<'_>>));
        assert_eq!(drain(&mut conn), []);
    }
}
