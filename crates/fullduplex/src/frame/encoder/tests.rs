//! The encoder, as a table: a frame, and its bytes. All functions that write frames must write the same bytes.

use super::*;

// The tests run where there is a heap, whatever the crate is built for.
extern crate std;
use std::vec;
use std::vec::Vec;

use crate::entropy::NoEntropy;
use OpCode::{Binary, Close, Continuation, Ping, Pong, Text};
use Role::{Client, Server};

/// Entropy that always returns the key of the examples (RFC 6455 §5.7), and counts how often it was drawn.
struct KnownKey(usize);

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

impl Entropy for KnownKey {
    fn next_u32(&mut self) -> Result<u32, EntropyError> {
        self.0 += 1;
        Ok(u32::from_le_bytes(KEY))
    }
}

const fn last(opcode: OpCode) -> FrameKind {
    FrameKind::last(opcode)
}

const fn more(opcode: OpCode) -> FrameKind {
    FrameKind { fin: false, ..FrameKind::last(opcode) }
}

const fn compressed(kind: FrameKind) -> FrameKind {
    FrameKind { rsv: 0x40, ..kind }
}

/// Section, the sender's role, the frame, its payload as text and how often that is repeated, the encoded header.
type Row = (&'static str, Role, FrameKind, (&'static str, usize), &'static [u8]);

const ROWS: &[Row] = &[
    // The examples of the RFC.
    ("5.7", Server, last(Text), ("Hello", 1), b"\x81\x05"),
    ("5.7", Client, last(Text), ("Hello", 1), b"\x81\x85\x37\xfa\x21\x3d"),
    ("5.7", Server, more(Text), ("Hel", 1), b"\x01\x03"),
    ("5.7", Server, last(Continuation), ("lo", 1), b"\x80\x02"),
    ("5.7", Server, last(Ping), ("Hello", 1), b"\x89\x05"),
    ("5.7", Client, last(Pong), ("Hello", 1), b"\x8a\x85\x37\xfa\x21\x3d"),
    ("5.7", Server, last(Binary), ("x", 256), b"\x82\x7e\x01\x00"),
    ("5.7", Server, last(Binary), ("x", 0x1_0000), b"\x82\x7f\0\0\0\0\0\x01\0\0"),
    // "the minimal number of bytes MUST be used to encode the length"
    ("5.2", Server, last(Binary), ("x", 0), b"\x82\x00"),
    ("5.2", Server, last(Binary), ("x", 125), b"\x82\x7d"),
    ("5.2", Server, last(Binary), ("x", 126), b"\x82\x7e\x00\x7e"),
    ("5.2", Server, last(Binary), ("x", 0xffff), b"\x82\x7e\xff\xff"),
    ("5.2", Client, last(Binary), ("x", 0), b"\x82\x80\x37\xfa\x21\x3d"),
    ("5.2", Client, last(Binary), ("x", 125), b"\x82\xfd\x37\xfa\x21\x3d"),
    ("5.2", Client, last(Binary), ("x", 126), b"\x82\xfe\x00\x7e\x37\xfa\x21\x3d"),
    ("5.2", Client, last(Binary), ("x", 0xffff), b"\x82\xfe\xff\xff\x37\xfa\x21\x3d"),
    ("5.2", Client, last(Binary), ("x", 0x1_0000), b"\x82\xff\0\0\0\0\0\x01\0\0\x37\xfa\x21\x3d"),
    // "a single frame with the FIN bit clear and an opcode other than 0, followed by zero or more frames with the FIN
    // bit clear and the opcode set to 0"
    ("5.4", Server, more(Binary), ("x", 1), b"\x02\x01"),
    ("5.4", Server, more(Continuation), ("x", 1), b"\x00\x01"),
    // "Close frames sent from client to server must be masked as per Section 5.3."
    ("5.5.1", Client, last(Close), ("ab", 1), b"\x88\x82\x37\xfa\x21\x3d"),
    ("5.5.1", Server, last(Close), ("", 0), b"\x88\x00"),
    // "this bit indicates whether a message is compressed or not"
    ("7692 6", Server, compressed(last(Text)), ("x", 1), b"\xc1\x01"),
    ("7692 6", Client, compressed(more(Binary)), ("x", 1), b"\x42\x81\x37\xfa\x21\x3d"),
];

/// Payload and whole frame of a row.
fn expected(row: &Row) -> (Vec<u8>, Vec<u8>) {
    let (_, role, _, (text, times), header) = row;
    let payload = text.repeat(*times).into_bytes();
    let mut wire = header.to_vec();
    // "transformed-octet-i = original-octet-i XOR masking-key-octet-j" (§5.3)
    wire.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| match role {
        Client => byte ^ key,
        Server => *byte,
    }));
    (payload, wire)
}

#[test]
fn a_frame_is_written_whole_with_one_fresh_key_where_a_client_sends_it() {
    for row in ROWS {
        let (section, role, kind, ..) = *row;
        let (payload, wire) = expected(row);
        let mut entropy = KnownKey(0);
        let mut out = vec![0xaa; wire.len() + 3];
        let Ok(len) = frame(role, kind, &payload, &mut out, &mut entropy) else {
            panic!("§{section}: not written");
        };
        assert_eq!(out[..len], wire, "§{section}");
        assert_eq!(out[len..], [0xaa; 3], "§{section}: what lies behind the frame");
        assert_eq!(entropy.0, usize::from(role == Client), "§{section}: keys drawn");
    }
}

#[test]
fn a_header_alone_is_the_one_of_the_whole_frame() {
    for row in ROWS {
        let (section, role, kind, _, expected_header) = *row;
        let (payload, _) = expected(row);
        let (bytes, len, key) = header(role, kind, payload.len(), &mut KnownKey(0)).unwrap();
        assert_eq!(&bytes[..len], expected_header, "§{section}");
        assert_eq!(key, if role == Client { u32::from_le_bytes(KEY) } else { 0 }, "§{section}");
    }
}

#[cfg(feature = "alloc")]
#[test]
fn a_frame_that_is_appended_is_the_same_behind_what_was_there() {
    for row in ROWS {
        let (section, role, kind, ..) = *row;
        let (payload, wire) = expected(row);
        let mut out = b"before".to_vec();
        append(role, kind, &payload, &mut out, &mut KnownKey(0)).unwrap();
        append_slow(role, kind, &payload, &mut out, &mut KnownKey(0)).unwrap();
        assert_eq!(out, [&b"before"[..], &wire, &wire].concat(), "§{section}");
    }
}

#[cfg(feature = "alloc")]
#[test]
fn a_frame_that_is_appended_takes_no_more_memory_than_it_needs() {
    for row in ROWS {
        let (section, role, kind, ..) = *row;
        let (payload, wire) = expected(row);
        let (mut out, mut slow) = (Vec::new(), Vec::new());
        append(role, kind, &payload, &mut out, &mut KnownKey(0)).unwrap();
        append_slow(role, kind, &payload, &mut slow, &mut KnownKey(0)).unwrap();
        // The smallest vector of bytes has eight.
        let most = wire.len().max(8);
        assert!(out.capacity() <= most, "§{section}: {} for {most}", out.capacity());
        assert!(slow.capacity() <= most, "§{section}: {} for {most}", slow.capacity());
    }
}

#[cfg(feature = "alloc")]
#[test]
fn a_small_frame_is_the_same_and_is_written_only_where_it_has_room() {
    fn small(
        role: Role,
        kind: FrameKind,
        payload: &[u8],
        out: &mut [u8],
        entropy: &mut impl Entropy,
    ) -> Option<Result<usize, EntropyError>> {
        match role {
            Server => small_frame(kind, payload, out).map(Ok),
            Client => small_masked_frame(kind, payload, out, entropy),
        }
    }
    let payload: Vec<u8> = (0..=SMALL as u8).map(|i| i.wrapping_mul(7)).collect();
    for role in [Server, Client] {
        for len in 0..=SMALL {
            let (kind, payload, mut entropy) = (last(Binary), &payload[..len], KnownKey(0));
            let mut expected = vec![0xaa; len + 14];
            let Ok(frame_len) = frame(role, kind, payload, &mut expected, &mut entropy) else {
                panic!("{role:?}, {len}: not written");
            };
            let mut out = vec![0xaa; len + 14];
            let written = small(role, kind, payload, &mut out, &mut entropy);
            assert_eq!(written, Some(Ok(frame_len)), "{role:?}, {len}");
            assert_eq!(out, expected, "{role:?}, {len}");
            // Without space, and without a key.
            let (mut out, mut entropy) = (vec![0xaa; frame_len], KnownKey(0));
            let short = &mut out[..frame_len - 1];
            assert_eq!(small(role, kind, payload, short, &mut entropy), None, "{role:?}, {len}");
            assert_eq!(entropy.0, 0, "{role:?}, {len}: keys drawn");
            if role == Client {
                let refused = small(role, kind, payload, &mut out, &mut NoEntropy);
                assert_eq!(refused, Some(Err(EntropyError)), "{len}");
            }
            assert!(role == Server || out.iter().all(|byte| *byte == 0xaa), "{len}");
        }
        let mut out = vec![0; 200];
        assert_eq!(small(role, last(Binary), &payload, &mut out, &mut KnownKey(0)), None);
    }
}

#[test]
fn without_room_no_key_is_drawn_and_without_a_key_nothing_is_written() {
    for row in ROWS {
        let (section, role, kind, ..) = *row;
        let (payload, wire) = expected(row);
        let mut out = vec![0xaa; wire.len()];
        let mut entropy = KnownKey(0);
        let short = wire.len() - 1;
        match frame(role, kind, &payload, &mut out[..short], &mut entropy) {
            Err(EncodeError::BufferTooSmall(error)) => {
                assert_eq!(error.needed, wire.len(), "§{section}");
            }
            _ => panic!("§{section}: there is no room"),
        }
        assert_eq!(entropy.0, 0, "§{section}");
        let outcome = frame(role, kind, &payload, &mut out, &mut NoEntropy);
        match role {
            Server => assert!(outcome.is_ok(), "§{section}: a server needs no key"),
            // "the masking key MUST be derived from a strong source of entropy" (§5.3)
            Client => {
                assert!(matches!(outcome, Err(EncodeError::Entropy(EntropyError))), "§{section}");
                assert!(out.iter().all(|byte| *byte == 0xaa), "§{section}");
            }
        }
    }
}
