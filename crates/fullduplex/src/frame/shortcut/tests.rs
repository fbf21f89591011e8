//! The shortcut compared with the decoder. For a frame that the shortcut takes, the decoder must have the same result.
//! A frame that the shortcut does not take must be unchanged.

extern crate std;

use std::vec;
use std::vec::Vec;

use proptest::collection::vec as bytes;
use proptest::prelude::*;

use super::{Shortcut, WholeMessage};
use crate::event::MessageKind;
use crate::frame::decoder::{Decoded, Decoder};
use crate::frame::header::OpCode;
use crate::input::Input;
use crate::role::Role;

/// The decoder's result for one frame: its kind, its payload, and how many bytes it has taken.
fn decoded(role: Role, limit: u64, wire: &[u8]) -> Option<(MessageKind, Vec<u8>, usize)> {
    let mut wire = wire.to_vec();
    let mut decoder = Decoder::new(role, limit, 0);
    let mut input = Input::new(&mut wire);
    let Decoded::Header(header) = decoder.poll(&mut input).ok()? else { return None };
    let kind = match (header.fin, header.opcode) {
        (true, OpCode::Text) => MessageKind::Text,
        (true, OpCode::Binary) => MessageKind::Binary,
        _ => return None,
    };
    let Decoded::Payload(payload) = decoder.poll(&mut input).ok()? else { return None };
    let ends = payload.ends_frame;
    let payload = payload.unmask().to_vec();
    ends.then(|| (kind, payload, input.consumed()))
}

fn check(role: Role, limit: u64, wire: &[u8]) -> Result<bool, TestCaseError> {
    let mut copy = wire.to_vec();
    let mut input = Input::new(&mut copy);
    let mut noted = false;
    let taken = Shortcut::new(role, limit).take(&mut input, || noted = true);
    prop_assert_eq!(taken.is_some(), noted);
    let consumed = input.consumed();
    let is_taken = taken.is_some();
    match taken {
        Some(WholeMessage { kind, payload, ascii }) => {
            prop_assert_eq!(decoded(role, limit, wire), Some((kind, payload.to_vec(), consumed)));
            prop_assert!(!ascii || payload.is_ascii());
        }
        None => {
            prop_assert_eq!(consumed, 0);
            prop_assert_eq!(&copy[..], wire);
        }
    }
    Ok(is_taken)
}

/// A frame with these fields, valid or not.
fn frame(first: u8, masked: bool, long_form: bool, payload: &[u8]) -> Vec<u8> {
    let mask_bit = if masked { 0x80 } else { 0 };
    let mut wire = vec![first];
    match payload.len() {
        len @ 0..=125 if !long_form => wire.push(mask_bit | len as u8),
        len => {
            wire.push(mask_bit | 126);
            wire.extend((len as u16).to_be_bytes());
        }
    }
    if masked {
        wire.extend([1, 2, 3, 4]);
    }
    wire.extend(payload);
    wire
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_frame_is_taken_as_the_decoder_takes_it_or_not_touched(
        first in prop_oneof![4 => Just(0x81), 4 => Just(0x82), 1 => any::<u8>()],
        masked: bool,
        client: bool,
        long_form in prop::bool::weighted(0.1),
        payload in prop_oneof![bytes(any::<u8>(), 0..140), bytes(any::<u8>(), 0..3000)],
        limit in prop_oneof![Just(u64::MAX), 0..200_u64, 0..3000_u64],
        cut in prop_oneof![Just(0), 0..20_usize],
        behind in bytes(any::<u8>(), 0..20),
    ) {
        let role = if client { Role::Client } else { Role::Server };
        let mut wire = frame(first, masked, long_form, &payload);
        wire.extend(&behind);
        wire.truncate(wire.len() - cut.min(wire.len()));
        check(role, limit, &wire)?;
    }

    #[test]
    fn any_bytes_are_taken_as_the_decoder_takes_them_or_not_touched(
        wire in bytes(any::<u8>(), 0..200),
        client: bool,
    ) {
        check(if client { Role::Client } else { Role::Server }, u64::MAX, &wire)?;
    }
}

#[test]
fn every_length_that_fits_is_taken_once_eight_bytes_are_there() {
    let takes = |role, limit, wire: &[u8]| check(role, limit, wire).expect("as the decoder");
    for role in [Role::Client, Role::Server] {
        for len in [0, 1, 5, 6, 125, 126, 127, 1000, 65_535] {
            let mut wire = frame(0x82, role == Role::Server, false, &vec![7; len]);
            wire.extend([0; 8]);
            assert!(takes(role, u64::MAX, &wire), "{role:?}, {len} bytes");
            assert!(takes(role, len as u64, &wire), "{role:?}, {len} bytes at the limit");
            assert!(len == 0 || !takes(role, len as u64 - 1, &wire), "{role:?}, {len}");
        }
    }
}

/// "An unfragmented message consists of a single frame with the FIN bit set and an opcode other than 0" (RFC 6455 §5.4).
#[test]
fn only_a_whole_text_or_binary_message_without_reserved_bits_is_taken() {
    for role in [Role::Client, Role::Server] {
        for first in 0..=u8::MAX {
            for len in [10, 200] {
                let wire = frame(first, role == Role::Server, false, &vec![7; len]);
                let taken = check(role, u64::MAX, &wire).expect("as the decoder");
                assert_eq!(taken, matches!(first, 0x81 | 0x82), "{role:?}, {first:#x}, {len}");
            }
        }
    }
}
