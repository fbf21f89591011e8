//! The decoder, as tables: bytes, and the result for them. Every row is checked with every split of its input.

use super::*;

// The tests run where there is a heap, whatever the crate is built for.
extern crate std;
use std::vec::Vec;

use FrameError::{
    ControlTooLong, FragmentedControl, LengthNotMinimal, LengthOverflow, Masked, ReservedBits,
    ReservedOpCode, TooLarge, Unmasked,
};
use OpCode::{Binary, Close, Continuation, Ping, Pong, Text};
use Role::{Client, Server};

const KEY: [u8; 4] = [1, 2, 3, 4];

/// The limit for the frames of the tables: 70,000 bytes.
const MAX_FRAME_SIZE: u64 = 0x1_1170;

/// What was decoded: the header and payload of each frame, and the error if there was one.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    frames: Vec<(FrameHeader, Vec<u8>)>,
    /// How many pieces have ended a frame.
    ends: usize,
    error: Option<FrameError>,
}

/// Decodes `wire` in pieces that end at `cuts`.
fn decode(mut decoder: Decoder, wire: &[u8], cuts: &[usize]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut start = 0;
    for end in cuts.iter().copied().chain([wire.len()]) {
        let mut read = wire[start..end].to_vec();
        start = end;
        let mut input = Input::new(&mut read);
        loop {
            match decoder.poll(&mut input) {
                Ok(Decoded::NeedMore) => break,
                Ok(Decoded::Header(header)) => outcome.frames.push((header, Vec::new())),
                Ok(Decoded::Payload(payload)) => {
                    outcome.ends += usize::from(payload.ends_frame);
                    let (_, bytes) = outcome.frames.last_mut().expect("a header came first");
                    bytes.extend_from_slice(payload.unmask());
                    assert_eq!(decoder.at_boundary(), outcome.ends == outcome.frames.len());
                }
                Err(error) => {
                    outcome.error = Some(error);
                    return outcome;
                }
            }
        }
        assert!(input.is_empty(), "more is asked for only when all was taken");
    }
    outcome
}

/// The result for `wire`. It must be the same with every split.
fn decode_all_ways(decoder: &Decoder, wire: &[u8]) -> Outcome {
    let whole = decode(decoder.clone(), wire, &[]);
    for cut in 1..wire.len() {
        assert_eq!(decode(decoder.clone(), wire, &[cut]), whole, "{wire:?} cut at {cut}");
    }
    let one_by_one: Vec<usize> = (1..wire.len()).collect();
    assert_eq!(decode(decoder.clone(), wire, &one_by_one), whole, "{wire:?} byte by byte");
    whole
}

const fn fin(opcode: OpCode, payload_len: u64) -> FrameHeader {
    FrameHeader { fin: true, rsv: 0, opcode, mask: None, payload_len }
}

const fn more(opcode: OpCode, payload_len: u64) -> FrameHeader {
    FrameHeader { fin: false, ..fin(opcode, payload_len) }
}

const fn masked(header: FrameHeader) -> FrameHeader {
    FrameHeader { mask: Some(KEY), ..header }
}

const fn compressed(header: FrameHeader) -> FrameHeader {
    FrameHeader { rsv: 0x40, ..header }
}

/// Section of RFC 6455, the receiver's role, the bytes of the header, the result. The result must come with
/// the last byte of the row, and not before.
type Row = (&'static str, Role, &'static [u8], Result<FrameHeader, FrameError>);

fn check(allowed_rsv: u8, rows: &[Row]) {
    for (section, receiver, wire, expected) in rows {
        let decoder = Decoder::new(*receiver, MAX_FRAME_SIZE, allowed_rsv);
        let Outcome { frames, error, .. } = decode_all_ways(&decoder, wire);
        let verdict = frames.first().map(|(header, _)| Ok(*header)).or(error.map(Err));
        assert_eq!(verdict, Some(*expected), "§{section}: {receiver:?} receives {wire:x?}");
        let earlier = decode_all_ways(&decoder, &wire[..wire.len() - 1]);
        assert_eq!(earlier, Outcome::default(), "§{section}: one byte less of {wire:x?}");
    }
}

#[test]
fn headers_are_decoded_or_refused_at_the_byte_that_settles_it() {
    check(
        0,
        &[
            // FIN and opcode.
            ("5.2", Client, &[0x81, 0], Ok(fin(Text, 0))),
            ("5.2", Client, &[0x82, 1], Ok(fin(Binary, 1))),
            ("5.2", Client, &[0x01, 1], Ok(more(Text, 1))),
            ("5.2", Client, &[0x02, 1], Ok(more(Binary, 1))),
            ("5.2", Client, &[0x00, 1], Ok(more(Continuation, 1))),
            ("5.2", Client, &[0x80, 1], Ok(fin(Continuation, 1))),
            ("5.2", Client, &[0x88, 0], Ok(fin(Close, 0))),
            ("5.2", Client, &[0x89, 0], Ok(fin(Ping, 0))),
            ("5.2", Client, &[0x8a, 0], Ok(fin(Pong, 0))),
            // "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket Connection_."
            ("5.2", Client, &[0x83], Err(ReservedOpCode(3))),
            ("5.2", Server, &[0x84], Err(ReservedOpCode(4))),
            ("5.2", Client, &[0x85], Err(ReservedOpCode(5))),
            ("5.2", Server, &[0x06], Err(ReservedOpCode(6))),
            ("5.2", Client, &[0x07], Err(ReservedOpCode(7))),
            ("5.2", Server, &[0x8b], Err(ReservedOpCode(11))),
            ("5.2", Client, &[0x8c], Err(ReservedOpCode(12))),
            ("5.2", Server, &[0x8d], Err(ReservedOpCode(13))),
            ("5.2", Client, &[0x8e], Err(ReservedOpCode(14))),
            ("5.2", Server, &[0x0f], Err(ReservedOpCode(15))),
            // RSV "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values."
            ("5.2", Client, &[0xc1], Err(ReservedBits)),
            ("5.2", Server, &[0xa1], Err(ReservedBits)),
            ("5.2", Client, &[0x91], Err(ReservedBits)),
            ("5.2", Server, &[0xf1], Err(ReservedBits)),
            ("5.2", Client, &[0x40], Err(ReservedBits)),
            ("5.2", Server, &[0x99], Err(ReservedBits)),
            // The length: "if 0-125, that is the payload length. If 126, the following 2 bytes ... If 127, the
            // following 8 bytes".
            ("5.2", Client, &[0x82, 125], Ok(fin(Binary, 125))),
            ("5.2", Client, &[0x82, 126, 0, 126], Ok(fin(Binary, 126))),
            ("5.2", Client, &[0x82, 126, 0xff, 0xff], Ok(fin(Binary, 0xffff))),
            ("5.2", Client, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0], Ok(fin(Binary, 0x1_0000))),
            // "the minimal number of bytes MUST be used to encode the length"
            ("5.2", Client, &[0x82, 126, 0, 0], Err(LengthNotMinimal)),
            ("5.2", Client, &[0x82, 126, 0, 125], Err(LengthNotMinimal)),
            ("5.2", Server, &[0x82, 0xfe, 0, 125], Err(LengthNotMinimal)),
            ("5.2", Client, &[0x82, 127, 0, 0, 0, 0, 0, 0, 0, 0], Err(LengthNotMinimal)),
            ("5.2", Client, &[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff], Err(LengthNotMinimal)),
            // "(the most significant bit MUST be 0)"
            ("5.2", Client, &[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], Err(LengthOverflow)),
            ("5.2", Server, &[0x82, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0], Err(LengthOverflow)),
            // "a client MUST mask all frames ... A server MUST NOT mask any frames"
            ("5.1", Server, &[0x81, 0x80, 1, 2, 3, 4], Ok(masked(fin(Text, 0)))),
            ("5.1", Server, &[0x82, 0xfe, 0, 126, 1, 2, 3, 4], Ok(masked(fin(Binary, 126)))),
            (
                "5.1",
                Server,
                &[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4],
                Ok(masked(fin(Binary, 0x1_0000))),
            ),
            ("5.1", Server, &[0x89, 0x85, 1, 2, 3, 4], Ok(masked(fin(Ping, 5)))),
            // "The server MUST close the connection upon receiving a frame that is not masked. ... A client MUST close
            // a connection if it detects a masked frame."
            ("5.1", Server, &[0x81, 0x00], Err(Unmasked)),
            ("5.1", Server, &[0x88, 0x02], Err(Unmasked)),
            ("5.1", Client, &[0x81, 0x80], Err(Masked)),
            ("5.1", Client, &[0x8a, 0x80], Err(Masked)),
            // "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be fragmented."
            ("5.5", Client, &[0x89, 125], Ok(fin(Ping, 125))),
            ("5.5", Client, &[0x88, 126], Err(ControlTooLong)),
            ("5.5", Server, &[0x89, 0xfe], Err(ControlTooLong)),
            ("5.5", Client, &[0x8a, 127], Err(ControlTooLong)),
            ("5.5", Client, &[0x08], Err(FragmentedControl)),
            ("5.5", Server, &[0x09], Err(FragmentedControl)),
            ("5.5", Client, &[0x0a], Err(FragmentedControl)),
            // "Such an implementation SHOULD impose a limit on frame sizes". The limit itself is not over the limit.
            ("10.4", Client, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70], Ok(fin(Binary, 70_000))),
            ("10.4", Client, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x71], Err(TooLarge)),
            ("10.4", Client, &[0x01, 127, 0x7f, 0, 0, 0, 0, 0, 0, 0], Err(TooLarge)),
            (
                "10.4",
                Server,
                &[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0x11, 0x71, 1, 2, 3, 4],
                Err(TooLarge),
            ),
            // If one byte has several faults, the fault in the higher bits is reported. If several bytes have faults, the
            // first fault is reported.
            ("5.2", Client, &[0xf3], Err(ReservedBits)),
            ("5.2", Client, &[0x0b], Err(ReservedOpCode(11))),
            ("5.1", Client, &[0x89, 0xfe], Err(Masked)),
            ("5.1", Server, &[0x82, 126], Err(Unmasked)),
        ],
    );
}

/// RFC 7692 §6.1: "An endpoint MUST NOT set the "Per-Message Compressed" bit of control frames and non-first fragments
/// of a data message. An endpoint receiving such a frame MUST _Fail the WebSocket Connection_."
#[test]
fn where_rsv1_was_negotiated_the_first_frame_of_a_message_may_have_it() {
    check(
        0x40,
        &[
            ("7692 6.1", Client, &[0xc1, 1], Ok(compressed(fin(Text, 1)))),
            ("7692 6.1", Client, &[0x42, 1], Ok(compressed(more(Binary, 1)))),
            ("7692 6.1", Server, &[0xc1, 0x81, 1, 2, 3, 4], Ok(masked(compressed(fin(Text, 1))))),
            ("7692 6.1", Client, &[0x81, 1], Ok(fin(Text, 1))),
            ("7692 6.1", Client, &[0xc0], Err(ReservedBits)),
            ("7692 6.1", Client, &[0x40], Err(ReservedBits)),
            ("7692 6.1", Client, &[0xc8], Err(ReservedBits)),
            ("7692 6.1", Server, &[0xc9], Err(ReservedBits)),
            ("7692 6.1", Client, &[0xca], Err(ReservedBits)),
            ("5.2", Client, &[0xa1], Err(ReservedBits)),
            ("5.2", Client, &[0xe1], Err(ReservedBits)),
            ("5.2", Client, &[0x91], Err(ReservedBits)),
        ],
    );
}

/// Section, the receiver's role, the bytes, and the frames in them.
type Frames = (&'static str, Role, &'static [u8], &'static [(FrameHeader, &'static [u8])]);

#[test]
fn payloads_are_unmasked_and_frames_end_where_their_length_says() {
    const HELLO_KEY: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);
    const ROWS: &[Frames] = &[
        // The examples of the RFC.
        ("5.7", Client, b"\x81\x05Hello", &[(fin(Text, 5), b"Hello")]),
        (
            "5.7",
            Server,
            b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
            &[(FrameHeader { mask: HELLO_KEY, ..fin(Text, 5) }, b"Hello")],
        ),
        (
            "5.7",
            Client,
            b"\x01\x03Hel\x80\x02lo",
            &[(more(Text, 3), b"Hel"), (fin(Continuation, 2), b"lo")],
        ),
        ("5.7", Client, b"\x89\x05Hello", &[(fin(Ping, 5), b"Hello")]),
        // "transformed-octet-i = original-octet-i XOR masking-key-octet-j", and each frame has a key of its own.
        (
            "5.3",
            Server,
            b"\x82\x86\x01\x02\x03\x04\0\0\0\0\0\0\x82\x82\0\0\0\0ab",
            &[
                (masked(fin(Binary, 6)), b"\x01\x02\x03\x04\x01\x02"),
                (FrameHeader { mask: Some([0; 4]), ..fin(Binary, 2) }, b"ab"),
            ],
        ),
        // The decoder also reports the payload of an empty frame.
        (
            "5.2",
            Client,
            b"\x8a\x00\x82\x00\x82\x01x",
            &[(fin(Pong, 0), b""), (fin(Binary, 0), b""), (fin(Binary, 1), b"x")],
        ),
        // "Control frames ... MAY be injected in the middle of a fragmented message."
        (
            "5.4",
            Client,
            b"\x02\x01a\x89\x01?\x80\x01b",
            &[(more(Binary, 1), b"a"), (fin(Ping, 1), b"?"), (fin(Continuation, 1), b"b")],
        ),
    ];
    for (section, receiver, wire, expected) in ROWS {
        let outcome = decode_all_ways(&Decoder::new(*receiver, MAX_FRAME_SIZE, 0), wire);
        let frames: Vec<(FrameHeader, &[u8])> =
            outcome.frames.iter().map(|(header, payload)| (*header, &payload[..])).collect();
        assert_eq!(frames, *expected, "§{section}: {wire:x?}");
        assert_eq!((outcome.ends, outcome.error), (expected.len(), None), "§{section}: {wire:x?}");
    }
}

#[test]
fn text_is_shown_in_blocks_and_cut_where_the_check_fails() {
    for (len, bad, seen) in [
        (10, None, 10),
        (10, Some(0), 0),
        (10, Some(9), 9),
        (CHECK_BLOCK + 5, Some(CHECK_BLOCK + 2), CHECK_BLOCK + 2),
        (3 * CHECK_BLOCK + 1, None, 3 * CHECK_BLOCK + 1),
        (3 * CHECK_BLOCK, Some(CHECK_BLOCK), CHECK_BLOCK),
    ] {
        let plain: Vec<u8> =
            (0..len).map(|i| if bad == Some(i) { 0xff } else { b'a' + (i % 23) as u8 }).collect();
        let key = u32::from_le_bytes(KEY);
        let mut wire = plain.clone();
        mask::apply(&mut wire, key);
        let payload = Payload { bytes: &mut wire, key, ends_frame: true };
        let (good, verdict) = payload.unmask_checked(|block| {
            assert!(block.len() <= CHECK_BLOCK);
            block.iter().position(|byte| *byte == 0xff).map_or(Ok(()), Err)
        });
        assert_eq!(good, &plain[..seen], "{len} bytes, bad: {bad:?}");
        assert_eq!(verdict.is_ok(), bad.is_none(), "{len} bytes, bad: {bad:?}");
    }
}

/// The decompressor takes as much of a compressed payload as it has space for.
#[cfg(feature = "deflate")]
#[test]
fn payload_is_read_as_far_as_one_likes_and_the_rest_stays_as_it_came() {
    let payload: Vec<u8> = (0..40).collect();
    for (role, mask) in [(Server, Some(KEY)), (Client, None)] {
        let header = FrameHeader { fin: true, rsv: 0x40, opcode: Binary, mask, payload_len: 40 };
        for (cut, most, done) in (0..=40)
            .flat_map(|cut| [1, 2, 3, 7, 100].map(|most| (cut, most)))
            .flat_map(|(cut, most)| [0, 1, 2, 5, 100].map(|done| (cut, most, done)))
        {
            let mut wire = payload.clone();
            crate::mask::apply_mask(&mut wire, mask.unwrap_or_default(), 0);
            let mut decoder = Decoder::new(role, 100, 0x40);
            decoder.begin(&header);
            let (mut read, mut at) = (Vec::new(), 0);
            for end in [cut, 40] {
                let mut buffer = wire[at..end].to_vec();
                let mut input = Input::new(&mut buffer);
                // If `done` is 0, nothing is taken in every second turn.
                let mut turns = 0;
                while let Some(len) = decoder.piece_len(&input) {
                    assert_eq!(len, input.len());
                    decoder.read_payload(&mut input, most, |piece| {
                        assert_eq!(piece, &payload[read.len()..][..len.min(most)]);
                        let done = if turns % 2 == 0 { done } else { 1 }.min(piece.len());
                        read.extend_from_slice(&piece[..done]);
                        (done, ())
                    });
                    turns += 1;
                    at = read.len();
                    assert_eq!(input.remaining(), &wire[at..end]);
                    assert_eq!(decoder.is_in_payload(), at < 40);
                }
                assert!(input.is_empty());
            }
            assert_eq!(read, payload);
            assert!(decoder.at_boundary());
        }
    }
}
