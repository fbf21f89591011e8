//! The kernels beside plain code: masking from any position and at any alignment, and the check of text however it is
//! cut into fragments and reads.
#![no_main]

use arbitrary::Arbitrary;
use fullduplex::{Config, Error, MessageError, Role, apply_mask};
use fullduplex_fuzz::{Cut, connection, scaled};
use fullduplex_testkit::{Frame, Seen, drive};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    key: [u8; 4],
    position: u64,
    /// Where in its buffer the payload begins.
    skip: u8,
    unit: Vec<u8>,
    scale: u8,
    /// Where the text is cut into fragments.
    fragments: Vec<u16>,
    cut: Cut,
}

fuzz_target!(|input: Input| {
    let payload = scaled(&input.unit, input.scale);
    mask(&input, &payload);
    text(&input, &payload);
});

/// RFC 6455 §5.3: "octet i of the transformed data is the XOR of octet i of the original data with octet at index i
/// modulo 4 of the masking key".
fn mask(input: &Input, payload: &[u8]) {
    let skip = usize::from(input.skip);
    let mut buffer = vec![0x5a; skip];
    buffer.extend(payload);
    apply_mask(&mut buffer[skip..], input.key, input.position);
    assert!(buffer[..skip].iter().all(|byte| *byte == 0x5a), "bytes before the payload");
    for (at, (masked, plain)) in buffer[skip..].iter().zip(payload).enumerate() {
        let index = (input.position % 4) as usize + at;
        assert_eq!(*masked, plain ^ input.key[index % 4], "octet {at}");
    }
}

/// Text is taken if the standard library takes it, and not one byte of it is given away that is not UTF-8.
fn text(input: &Input, payload: &[u8]) {
    let mut cuts: Vec<usize> =
        input.fragments.iter().take(20).map(|at| usize::from(*at) % (payload.len() + 1)).collect();
    cuts.sort_unstable();
    let (mut wire, mut from) = (Vec::new(), 0);
    for (number, at) in cuts.into_iter().chain([payload.len()]).enumerate() {
        let frame = Frame::new(u8::from(number == 0), &payload[from..at]);
        let last = at == payload.len();
        wire.extend(if last { frame } else { frame.unfinished() }.encode());
        from = at;
        if last {
            break;
        }
    }
    let mut client = connection(Role::Client, Config::new());
    let outcome = drive(&mut client, &wire, input.cut.split(wire.len()));
    match std::str::from_utf8(payload) {
        Ok(_) => {
            assert_eq!(outcome.error, None);
            assert_eq!(outcome.seen, [Seen::Text(payload.to_vec(), true)]);
        }
        Err(_) => {
            assert_eq!(outcome.error, Some(Error::Message(MessageError::InvalidUtf8)));
            for seen in &outcome.seen {
                let Seen::Text(given, false) = seen else { panic!("{seen:?}") };
                assert!(payload.starts_with(given), "{given:02x?} of {payload:02x?}");
                // It may end within a character, whose rest was still to come.
                let wrong = std::str::from_utf8(given).err().and_then(|error| error.error_len());
                assert_eq!(wrong, None, "{given:02x?}");
            }
        }
    }
}
