//! Faults with compressed messages, of the peer and of the caller.

use fullduplex::{
    Config, Connection, Error, Event, Fault, FrameError, InflateError, Input, MessageError,
    Negotiated, Part,
};
use fullduplex_testkit::{Frame, ROLES, Seen, Split, all_to, drive, frames};

use crate::{RSV1, compressed, deflated, noise, open, prose, receive};

fn close_code(output: &[u8]) -> u16 {
    match &frames(output)[..] {
        [close] if close.opcode == 8 => u16::from_be_bytes([close.payload[0], close.payload[1]]),
        other => panic!("one Close: {other:?}"),
    }
}

#[test]
fn rsv1_is_for_the_first_frame_of_a_message_and_where_it_was_negotiated() {
    let payload = deflated(b"Hello");
    let wrong: [(&str, Vec<Frame>); 6] = [
        (
            "a continuation of a compressed message",
            vec![
                compressed(1, &payload[..3]).unfinished(),
                Frame { rsv: RSV1, ..Frame::continuation(&payload[3..]) },
            ],
        ),
        (
            "a continuation of another",
            vec![Frame::text("Hel").unfinished(), Frame { rsv: RSV1, ..Frame::continuation("lo") }],
        ),
        ("a Ping", vec![Frame { rsv: RSV1, ..Frame::ping("") }]),
        ("a Pong", vec![Frame { rsv: RSV1, ..Frame::pong("") }]),
        ("a Close", vec![Frame { rsv: RSV1, ..Frame::close(1000, "") }]),
        ("another bit as well", vec![Frame { rsv: RSV1 | 1, ..Frame::text(&payload[..]) }]),
    ];
    for role in ROLES {
        for (what, frames) in &wrong {
            for split in [Split::Whole, Split::Every(1)] {
                let outcome =
                    receive(&mut open(role, Config::new()), &all_to(role, frames), split, 64);
                assert_eq!(outcome.error, Some(FrameError::ReservedBits.into()), "{what}");
                assert_eq!(close_code(&outcome.output), 1002, "{what}");
            }
        }
        let wire = all_to(role, &[compressed(1, &payload[..])]);
        let mut plain = Connection::new(role, Negotiated::without_extensions(), Config::new());
        let outcome = drive(&mut plain, &wire, Split::Whole);
        assert_eq!(outcome.error, Some(FrameError::ReservedBits.into()));
        assert_eq!(close_code(&outcome.output), 1002);
    }
}

#[test]
fn a_message_may_begin_with_an_empty_frame_and_be_compressed_all_the_same() {
    let payload = deflated(b"Hello");
    for role in ROLES {
        let frames = [
            compressed(1, []).unfinished(),
            Frame::continuation([]).unfinished(),
            Frame::ping(""),
            Frame::continuation(&payload[..]).unfinished(),
            Frame::continuation([]),
        ];
        for split in [Split::Whole, Split::Every(1)] {
            let outcome =
                receive(&mut open(role, Config::new()), &all_to(role, &frames), split, 64);
            assert_eq!(outcome.error, None);
            assert_eq!(outcome.seen, [Seen::Ping(vec![]), Seen::Text(b"Hello".into(), true)]);
        }
    }
}

#[test]
fn a_message_without_a_byte_is_empty_though_it_is_called_compressed() {
    for role in ROLES {
        let wire = all_to(role, &[compressed(1, []), compressed(2, deflated(b"x"))]);
        let outcome = receive(&mut open(role, Config::new()), &wire, Split::Every(1), 64);
        assert_eq!(outcome.error, None);
        let seen = [Seen::Text(vec![], true), Seen::Binary(b"x".into(), true)];
        assert_eq!(outcome.seen, seen);
    }
}

#[test]
fn garbage_is_answered_with_1007() {
    for role in ROLES {
        for seed in 0..100 {
            // The first byte begins a block of the reserved type. The bytes after it make no difference.
            let mut garbage = noise(200, seed);
            garbage[0] |= 0b110;
            let wire = all_to(role, &[compressed(2, garbage)]);
            let outcome = receive(&mut open(role, Config::new()), &wire, Split::Whole, 64);
            assert_eq!(outcome.error, Some(InflateError::Invalid.into()));
            assert_eq!((outcome.seen, close_code(&outcome.output)), (vec![], 1007));
        }
    }
    let error = Error::from(InflateError::Truncated);
    assert_eq!((error.fault(), error.close_code().unwrap().to_u16()), (Fault::Peer, 1007));
}

#[test]
fn random_bytes_never_panic_and_fail_with_1007_if_at_all() {
    for role in ROLES {
        for seed in 0..300 {
            let frames = [compressed(2, noise(1 + seed as usize, seed)), Frame::ping("")];
            let outcome =
                receive(&mut open(role, Config::new()), &all_to(role, &frames), Split::Whole, 333);
            if outcome.error.is_some() {
                assert!(matches!(outcome.error, Some(Error::Inflate(_))));
                assert_eq!(close_code(&outcome.output), 1007);
            }
        }
    }
}

#[test]
fn a_compressed_message_in_an_input_without_scratch_is_our_own_fault() {
    let payload = deflated(prose(500, 1).as_bytes());
    let pieces = |at: usize| {
        [compressed(1, &payload[..at]).unfinished(), Frame::continuation(&payload[at..])]
    };
    for role in ROLES {
        // A whole message, and one in two frames. If `begun`, its first part was received with scratch. If `rest`, there is
        // input after the first frame.
        for frames in
            [&[compressed(1, &payload[..]), Frame::ping("")][..], &pieces(payload.len() - 10)]
        {
            for begun in [false, true] {
                for rest in [false, true] {
                    let mut wire = all_to(role, frames);
                    let first = all_to(role, &frames[..1]).len();
                    wire.truncate(if rest { wire.len() } else { first });
                    let mut conn = open(role, Config::new());
                    let mut start = 0;
                    if begun {
                        let mut scratch = [0];
                        let mut input = Input::with_scratch(&mut wire, &mut scratch);
                        let event = conn.poll_event(&mut input);
                        assert!(matches!(event, Ok(Some(Event::Text([_], Part::First)))));
                        start = input.consumed();
                    }
                    let mut input = Input::new(&mut wire[start..]);
                    let error = MessageError::NoScratch.into();
                    assert_eq!(conn.poll_event(&mut input), Err(error), "{begun} {rest}");
                    assert_eq!(conn.failure(), Some(error));
                    assert_eq!(error.fault(), Fault::Local);
                    assert_eq!(conn.poll_event(&mut input), Ok(None));
                    assert!(input.is_empty());
                    let mut out = [0; 200];
                    let entropy = fullduplex_testkit::TestEntropy::new(1);
                    let close = conn.poll_transmit(&mut out, entropy).unwrap().expect("a Close");
                    assert_eq!(close_code(close), 1011);
                }
            }
        }
    }
}

#[test]
fn where_the_scratch_is_full_it_is_asked_for_and_nothing_is_lost() {
    let text = prose(100, 1);
    for role in ROLES {
        for room in [0, 1, 50, 99, 100, 101] {
            let frames = [compressed(1, deflated(text.as_bytes())), Frame::ping("behind it")];
            let mut wire = all_to(role, &frames);
            let mut conn = open(role, Config::new());
            let mut scratch = vec![0; room];
            let mut input = Input::with_scratch(&mut wire, &mut scratch);
            let mut received = Vec::new();
            while let Some(event) = conn.poll_event(&mut input).unwrap() {
                let Event::Text(chunk, part) = event else {
                    // There was space left, so the message has ended.
                    assert!(room > 100 && event == Event::Ping);
                    continue;
                };
                assert_eq!(
                    input.scratch_range_of(chunk),
                    Some(received.len()..received.len() + chunk.len())
                );
                received.extend_from_slice(chunk);
                assert_eq!((part.is_first(), part.is_last()), (true, room > 100));
            }
            assert_eq!(input.needs_scratch(), room <= 100);
            assert_eq!(received.len(), room.min(100));
            assert_eq!(conn.poll_event(&mut input), Ok(None), "asked again with nothing new");
            let consumed = input.consumed();
            // A call with an empty scratch changes nothing, whether input is left or not.
            let mut input = Input::with_scratch(&mut wire[consumed..], &mut []);
            assert_eq!(conn.poll_event(&mut input), Ok(None));
            assert_eq!(input.needs_scratch(), room <= 100);
            assert_eq!(input.consumed(), 0);

            let mut scratch = [0; 200];
            let mut input = Input::with_scratch(&mut wire[consumed..], &mut scratch);
            if room <= 100 {
                let part = if room == 0 { Part::Whole } else { Part::Last };
                let rest = &text.as_bytes()[room..];
                assert_eq!(
                    conn.poll_event(&mut input),
                    Ok(Some(Event::Text(rest, part))),
                    "{room}"
                );
                assert_eq!(conn.poll_event(&mut input), Ok(Some(Event::Ping)));
            }
            assert_eq!(conn.poll_event(&mut input), Ok(None));
            assert!(input.is_empty() && !input.needs_scratch());
        }
    }
}

#[test]
fn scratch_where_there_is_nothing_to_inflate_is_left_alone() {
    for role in ROLES {
        let mut scratch = [7; 100];
        let mut plain = Connection::new(role, Negotiated::without_extensions(), Config::new());
        let mut idle = open(role, Config::new());
        let mut failed = open(role, Config::new());
        drive(&mut failed, &[0xff], Split::Whole);
        for conn in [&mut plain, &mut idle, &mut failed] {
            for frames in [&[][..], &[Frame::text("plain")], &[Frame::ping("")]] {
                let mut wire = all_to(role, frames);
                let mut input = Input::with_scratch(&mut wire, &mut scratch);
                let failure = conn.failure();
                while let Some(event) = conn.poll_event(&mut input).unwrap() {
                    assert_eq!(event == Event::Ping, frames[0].opcode == 9);
                    if let Event::Text(chunk, _) = event {
                        assert!(input.range_of(chunk).is_some());
                        assert_eq!(input.scratch_range_of(chunk), None);
                    }
                }
                assert!(input.is_empty() && !input.needs_scratch());
                assert_eq!((conn.failure(), scratch), (failure, [7; 100]));
            }
        }
        // A compressed message is still received after that.
        let wire = all_to(role, &[compressed(1, deflated(b"Hello"))]);
        assert!(idle.may_send());
        let outcome = receive(&mut idle, &wire, Split::Every(1), 64);
        assert_eq!(outcome.seen, [Seen::Text(b"Hello".into(), true)]);
    }
}

/// A caller that receives the last chunk takes the message for complete.
#[test]
fn text_that_is_not_utf8_is_never_told_to_be_done() {
    for data in [&b"a\xff"[..], b"abc\xe2\x82", b"\xf0\x9f\x98"] {
        for room in [1, 2, 100] {
            for role in ROLES {
                let mut wire = all_to(role, &[compressed(1, deflated(data))]);
                let mut conn = open(role, Config::new());
                let mut scratch = vec![0; room];
                let mut rest = &mut wire[..];
                let error = loop {
                    let mut input = Input::with_scratch(rest, &mut scratch);
                    match conn.poll_event(&mut input) {
                        Ok(Some(Event::Text(_, part))) => {
                            assert!(!part.is_last(), "{data:02x?} by {room}: a whole message");
                        }
                        Err(error) => break error,
                        other => panic!("{other:?}"),
                    }
                    let consumed = input.consumed();
                    rest = &mut rest[consumed..];
                };
                assert_eq!(error, MessageError::InvalidUtf8.into());
                assert_eq!(conn.failure(), Some(error));
            }
        }
    }
}
