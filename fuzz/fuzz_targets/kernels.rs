//! The kernels compared with plain code: masking from any position and at any alignment, and the check of text with any
//! fragments and reads. And owned text and messages compared with the standard library.
#![no_main]

#[path = "kernels/owned.rs"]
mod owned;

use arbitrary::Arbitrary;
use fullduplex::{Config, Error, MessageError, Role, apply_mask};
use fullduplex_fuzz::{Bound, Cut, Measured, Oracle, connection, scaled};
use fullduplex_testkit::{Frame, Outcome, Seen, drive};
use libfuzzer_sys::fuzz_target;

/// The payload, its frames, their reads and what is seen of them.
const MEMORY: Bound = Bound { constant: 16 << 10, factor: 12 };

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

fuzz_target!(|input: Measured<Input>| input.run(MEMORY, |input| {
    let payload = scaled(&input.unit, input.scale);
    mask(input, &payload);
    text(input, &payload);
    // A few hundred bytes are enough, and they are printed quickly.
    owned::check(&input.unit[..input.unit.len().min(500)], usize::from(input.skip));
    payload.len()
}));

/// RFC 6455 §5.3: "octet i of the transformed data is the XOR of octet i of the original data with octet at index i
/// modulo 4 of the masking key".
fn mask(input: &Input, payload: &[u8]) {
    let skip = usize::from(input.skip);
    let mut buffer = vec![0x5a; skip];
    buffer.extend(payload);
    apply_mask(&mut buffer[skip..], input.key, input.position);
    if let Some(before) = buffer[..skip].last_mut() {
        *before ^= u8::from(Oracle::KernelsBefore.faulty());
    }
    // As if the last step of a wide kernel had masked one octet too few.
    if payload.len() % 4 == 3 && Oracle::KernelsMask.faulty() {
        buffer[skip + payload.len() - 1] ^= 1;
    }
    let before = &buffer[..skip];
    Oracle::KernelsBefore
        .holds(before.iter().all(|byte| *byte == 0x5a), format_args!("{before:02x?}"));
    for (at, (masked, plain)) in buffer[skip..].iter().zip(payload).enumerate() {
        let index = (input.position % 4) as usize + at;
        let expected = plain ^ input.key[index % 4];
        Oracle::KernelsMask.holds(*masked == expected, format_args!("octet {at}: {masked:02x}"));
    }
}

/// Checks that text is accepted if the standard library accepts it, and that no byte is delivered that is not UTF-8.
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
    let mut outcome = drive(&mut client, &wire, input.cut.split(wire.len()));
    match std::str::from_utf8(payload) {
        Ok(_) => {
            if Oracle::KernelsTextTaken.faulty() && payload.len() > 16 {
                outcome.error = Some(Error::Message(MessageError::InvalidUtf8));
            }
            if Oracle::KernelsText.faulty() {
                outcome.seen.pop();
            }
            Oracle::KernelsTextTaken.same(outcome.error, None);
            Oracle::KernelsText.same(outcome.seen, [Seen::Text(payload.to_vec(), true)]);
        }
        Err(_) => refused_text(payload, outcome),
    }
}

fn refused_text(payload: &[u8], mut outcome: Outcome) {
    if Oracle::KernelsTextRefused.faulty() {
        outcome.error = None;
    }
    Oracle::KernelsTextRefused.same(outcome.error, Some(Error::Message(MessageError::InvalidUtf8)));
    for seen in &mut outcome.seen {
        if Oracle::KernelsUnfinished.faulty()
            && let Seen::Text(_, whole) = seen
        {
            *whole = true;
        }
        Oracle::KernelsUnfinished
            .holds(matches!(seen, Seen::Text(_, false)), format_args!("{seen:?}"));
        let Seen::Text(given, _) = seen else { continue };
        if Oracle::KernelsValidPart.faulty() {
            given.clear();
            given.extend(payload);
        }
        if Oracle::KernelsPart.faulty() {
            given.push(b'x');
        }
        Oracle::KernelsPart.holds(payload.starts_with(given), format_args!("{given:02x?}"));
        // It may end inside a character, whose rest had not arrived.
        let wrong = std::str::from_utf8(given).err().and_then(|error| error.error_len());
        Oracle::KernelsValidPart.same(wrong, None);
    }
}
