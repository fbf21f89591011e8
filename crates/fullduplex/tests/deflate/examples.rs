//! The examples of RFC 7692 §7.2.3, byte for byte.

use fullduplex::{Config, DeflateConfig, Endpoint, EndpointConfig, MessageKind, MessageRef, Role};
use fullduplex_testkit::{Frame, ROLES, Seen, Split, StrictInflate, TestEntropy, all_to, frames};

use crate::support::negotiate;
use crate::{RSV1, compressed, open, receive};

/// §7.2.3.1, "A Message Compressed Using One Compressed DEFLATE Block".
pub(crate) const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
/// §7.2.3.2, "Sharing LZ77 Sliding Window".
pub(crate) const HELLO_AGAIN: [u8; 5] = [0xf2, 0x00, 0x11, 0x00, 0x00];
/// §7.2.3.3, "Using a DEFLATE Block with No Compression".
const STORED: [u8; 11] = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
/// §7.2.3.4, "Using a DEFLATE Block with "BFINAL" Set to 1".
const FINAL: [u8; 8] = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
/// §7.2.3.5, "Two DEFLATE Blocks in One Message".
const TWO_BLOCKS: [u8; 13] =
    [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
/// §7.2.3.6, "Generating an Empty Fragment".
const EMPTY: [u8; 1] = [0x00];

#[test]
fn the_wire_of_the_examples_is_what_the_rfc_prints() {
    let wire = |frames: &[Frame]| all_to(Role::Client, frames);
    assert_eq!(wire(&[compressed(1, HELLO)]), b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00");
    let [first, second] =
        [compressed(1, &HELLO[..3]).unfinished(), Frame::continuation(&HELLO[3..])];
    assert_eq!(wire(&[first]), b"\x41\x03\xf2\x48\xcd");
    assert_eq!(wire(&[second]), b"\x80\x04\xc9\xc9\x07\x00");
}

#[test]
fn the_examples_are_received_by_both_roles_however_they_are_split() {
    let whole = |payload: &[u8]| vec![compressed(1, payload)];
    let fragments = |pieces: &[&[u8]]| -> Vec<Frame> {
        let count = pieces.len();
        let frame = |(nth, piece): (usize, &&[u8])| {
            let frame = if nth == 0 { compressed(1, *piece) } else { Frame::continuation(*piece) };
            if nth + 1 == count { frame } else { frame.unfinished() }
        };
        pieces.iter().enumerate().map(frame).collect()
    };
    let flushed = [&HELLO[..], &[0x00, 0x00, 0xff, 0xff]].concat();
    let cases: [(&str, Vec<Frame>, &[&str]); 10] = [
        ("7.2.3.1", whole(&HELLO), &["Hello"]),
        ("7.2.3.1, two fragments", fragments(&[&HELLO[..3], &HELLO[3..]]), &["Hello"]),
        ("7.2.3.2", [whole(&HELLO), whole(&HELLO_AGAIN)].concat(), &["Hello", "Hello"]),
        ("7.2.3.2, without", [whole(&HELLO), whole(&HELLO)].concat(), &["Hello", "Hello"]),
        ("7.2.3.3", whole(&STORED), &["Hello"]),
        ("7.2.3.4", whole(&FINAL), &["Hello"]),
        ("7.2.3.4 and another", [whole(&FINAL), whole(&HELLO)].concat(), &["Hello", "Hello"]),
        ("7.2.3.5", whole(&TWO_BLOCKS), &["Hello"]),
        ("7.2.3.6", whole(&EMPTY), &[""]),
        ("7.2.3.6, as a last fragment", fragments(&[&flushed, &[], &EMPTY]), &["Hello"]),
    ];
    for role in ROLES {
        for (name, frames, messages) in &cases {
            let wire = all_to(role, frames);
            let splits = (1..wire.len()).map(Split::At);
            for split in splits.chain([Split::Whole, Split::Every(1)]) {
                for room in [1, 2, 5, 100] {
                    let mut conn = open(role, Config::new());
                    let outcome = receive(&mut conn, &wire, split, room);
                    let seen: Vec<Seen> =
                        messages.iter().map(|text| Seen::Text((*text).into(), true)).collect();
                    let context = format!("{name} as {role:?}, {split:?} by {room}");
                    assert_eq!(outcome.error, None, "{context}");
                    assert_eq!(outcome.seen, seen, "{context}");
                    assert!(outcome.output.is_empty(), "{context}");
                }
            }
        }
    }
}

/// What an endpoint writes for what `send` sends: the reserved bits, opcode, FIN and payload of each frame.
fn written(
    role: Role,
    level: u8,
    send: impl FnOnce(&mut Endpoint<TestEntropy>),
) -> Vec<(u8, u8, bool, Vec<u8>)> {
    let deflate = DeflateConfig::new().level(level).threshold(0);
    let negotiated = negotiate(deflate, deflate).by(role);
    let (config, entropy) = (EndpointConfig::new(), TestEntropy::new(1));
    let mut endpoint = Endpoint::open(role, negotiated, &[], &config, entropy);
    send(&mut endpoint);
    let written = frames(endpoint.output().unwrap().first());
    assert!(written.iter().all(|frame| frame.mask.is_some() == (role == Role::Client)));
    written.into_iter().map(|frame| (frame.rsv, frame.opcode, frame.fin, frame.payload)).collect()
}

#[test]
fn the_examples_that_are_ours_are_sent_as_the_rfc_has_them() {
    for role in ROLES {
        let sent = written(role, 6, |endpoint| {
            for text in ["Hello", "Hello", ""] {
                endpoint.writer.send(MessageRef::Text(text)).unwrap();
            }
        });
        let whole = |payload: &[u8]| (RSV1, 1, true, payload.to_vec());
        assert_eq!(sent, [whole(&HELLO), whole(&HELLO_AGAIN), whole(&EMPTY)], "{role:?}");

        let sent = written(role, 0, |endpoint| {
            endpoint.writer.send(MessageRef::Text("Hello")).unwrap();
        });
        assert_eq!(sent, [whole(&STORED)], "{role:?}");

        // "Hel" and "lo" are each flushed, so no data are left for the last fragment (§7.2.3.6).
        let sent = written(role, 6, |endpoint| {
            for (piece, last) in [("Hel", false), ("lo", false), ("", true)] {
                endpoint.writer.send_fragment(MessageKind::Text, piece.as_bytes(), last).unwrap();
            }
        });
        let heads: Vec<_> =
            sent.iter().map(|(rsv, opcode, fin, _)| (*rsv, *opcode, *fin)).collect();
        assert_eq!(heads, [(RSV1, 1, false), (0, 0, false), (0, 0, true)], "{role:?}");
        assert!(sent[..2].iter().all(|(.., payload)| payload.ends_with(&[0, 0, 0xff, 0xff])));
        assert_eq!(sent[2].3, EMPTY);
        let payload: Vec<u8> = sent.iter().flat_map(|(.., payload)| payload).copied().collect();
        assert_eq!(StrictInflate::new(15).message(&payload), b"Hello");
    }
}
