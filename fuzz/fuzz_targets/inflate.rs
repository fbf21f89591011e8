//! Arbitrary bytes as compressed messages: whatever the fragments, reads and rooms, the same comes out, never more
//! than the limit, and what another decoder makes of it.
#![no_main]

use allocation_counter::measure;
use fullduplex::{
    Config, Connection, DeflateConfig, Endpoint, EndpointConfig, Input, MessageRef, Negotiated,
    Role,
};
use fullduplex_fuzz::{in_pieces, negotiate};
use fullduplex_testkit::{Frame, Outcome, Random, Seen, Split, TestEntropy, drive_inflating};
use libfuzzer_sys::fuzz_target;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

/// What may be allocated beyond twice the limit (while a buffer grows, the one before it is there as well):
/// window, state and receive buffer.
const CONSTANT: u64 = 256 << 10;

// Eight bytes choose: what the message is and how it is cut, the limit, the room, the reads, the window.
fuzz_target!(|input: &[u8]| {
    let Some((&[flags, limit_low, limit_high, room, reads, cut, window, shift], payload)) =
        input.split_first_chunk()
    else {
        return;
    };
    let role = if flags & 1 == 0 { Role::Server } else { Role::Client };
    let (text, takeover) = (flags & 2 != 0, flags & 4 != 0);
    let limit = usize::from(u16::from_le_bytes([limit_low, limit_high])) << (shift % 6);
    let negotiated = agreed(role, takeover, window);
    let mut config = Config::new();
    config.limits.max_message_size = limit as u64;

    let messages = messages(payload, cut);
    let wire: Vec<u8> = messages.iter().flat_map(|message| encode(role, text, message)).collect();
    let connection = || Connection::new(role, negotiated, config);

    let whole = receive(connection(), &wire, Split::Whole, limit + 1);
    check(&whole, limit);
    let split = match reads {
        0 => Split::Whole,
        1..=99 => Split::Every(usize::from(reads).max(1 + wire.len() / 2000)),
        seed => Split::Random(u64::from(seed)),
    };
    // A room of one byte for a megabyte would take too long.
    let room = 1 + usize::from(room).max(whole_len(&whole) / 2000);
    let cut = receive(connection(), &wire, split, room);
    assert_eq!(whole, cut);
    let (pieces, error) =
        in_pieces(connection(), &wire, 16 * usize::from(reads).max(1 + wire.len() / 2000));
    assert_eq!((&pieces, error), (&whole.seen, whole.error));
    through_an_endpoint(role, negotiated, config, &wire, &whole);
    as_miniz_has_it(&messages, takeover, &whole);
});

/// What is agreed on for what this role receives.
fn agreed(role: Role, takeover: bool, window: u8) -> Negotiated {
    let sender =
        DeflateConfig::new().max_window_bits(8 + window % 8).no_context_takeover(!takeover);
    let receiver = DeflateConfig::new()
        .max_peer_window_bits(8 + window % 8)
        .peer_no_context_takeover(!takeover);
    match role {
        Role::Server => negotiate(sender, receiver).1,
        Role::Client => negotiate(receiver, sender).0,
    }
}

/// The payload as messages in fragments: one, or as a seed says.
fn messages(payload: &[u8], seed: u8) -> Vec<Vec<Vec<u8>>> {
    if seed == 0 {
        return vec![vec![payload.to_vec()]];
    }
    let mut random = Random::new(u64::from(seed));
    let mut messages = vec![vec![]];
    let mut rest = payload;
    while !rest.is_empty() {
        let (piece, tail) = rest.split_at(1 + random.below(rest.len()));
        rest = tail;
        messages.last_mut().expect("one at least").push(piece.to_vec());
        if !rest.is_empty() && random.below(3) == 0 {
            messages.push(vec![]);
        }
    }
    messages
}

/// The frames of one message, with control frames in between, as `role` receives them.
fn encode(role: Role, text: bool, fragments: &[Vec<u8>]) -> Vec<u8> {
    let count = fragments.len().max(1);
    let mut wire = Vec::new();
    for nth in 0..count {
        let payload = fragments.get(nth).cloned().unwrap_or_default();
        let frame = match (nth, text) {
            (0, true) => Frame { rsv: 4, ..Frame::text(payload) },
            (0, false) => Frame { rsv: 4, ..Frame::binary(payload) },
            _ => Frame::continuation(payload),
        };
        let frame = Frame { fin: nth + 1 == count, ..frame };
        let masked = |frame: Frame| if role == Role::Server { frame.masked() } else { frame };
        wire.extend(masked(frame).encode());
        if nth + 1 < count {
            wire.extend(masked(Frame::ping([nth as u8])).encode());
        }
    }
    wire
}

/// What becomes of `wire`, inflated into scratch of `room` bytes at a time.
fn receive(mut conn: Connection, wire: &[u8], split: Split, room: usize) -> Outcome {
    drive_inflating(&mut conn, wire, split, room, |received, scratch| {
        Input::with_scratch(received, scratch)
    })
}

fn data(seen: &Seen) -> Option<&[u8]> {
    match seen {
        Seen::Text(data, _) | Seen::Binary(data, _) => Some(data),
        _ => None,
    }
}

fn whole_len(outcome: &Outcome) -> usize {
    outcome.seen.iter().filter_map(data).map(<[u8]>::len).sum()
}

fn check(outcome: &Outcome, limit: usize) {
    for data in outcome.seen.iter().filter_map(data) {
        assert!(data.len() <= limit, "{} of {limit}", data.len());
    }
    if let Some(error) = outcome.error {
        let code = error.close_code().expect("the peer's fault has a code").to_u16();
        // Not DEFLATE or not text; too large; too many fragments.
        assert!(matches!(code, 1007..=1009), "{error:?}");
    }
}

/// The same with buffers that an endpoint owns: what they may hold is bounded as well.
fn through_an_endpoint(
    role: Role,
    negotiated: Negotiated,
    config: Config,
    wire: &[u8],
    expected: &Outcome,
) {
    let mut endpoint_config = EndpointConfig::new();
    endpoint_config.connection = config;
    let mut seen = Vec::new();
    let mut error = None;
    let mut endpoint = Endpoint::open(role, negotiated, &[], &endpoint_config, TestEntropy::new(1));
    let mut most = 0;
    let mut rest = wire;
    while !rest.is_empty() {
        let counted = measure(|| {
            let room = endpoint.reader.room();
            let len = room.len().min(rest.len());
            room[..len].copy_from_slice(&rest[..len]);
            rest = &rest[len..];
            endpoint.reader.advance(len);
        });
        most = most.max(counted.bytes_max);
        loop {
            let mut polled = None;
            // What is copied for the comparison does not count.
            let counted = measure(|| match endpoint.poll() {
                Ok(Some((message, _))) => polled = Some(Ok(lent(message))),
                Ok(None) => {}
                Err(failed) => polled = Some(Err(failed)),
            });
            let copied = match &polled {
                Some(Ok(seen)) => data(seen).map_or(8, <[u8]>::len) as u64,
                _ => 0,
            };
            most = most.max(counted.bytes_max.saturating_sub(copied));
            match polled {
                Some(Ok(message)) => seen.push(message),
                Some(Err(failed)) => error = Some(failed),
                None => break,
            }
        }
    }
    let limit = config.limits.max_message_size;
    let received = wire.len() as u64;
    assert!(most <= 2 * limit + 2 * received + CONSTANT, "{most} for {limit} and {received}");
    let whole = expected.seen.iter().filter(|seen| seen.is_whole());
    assert!(whole.eq(&seen));
    assert_eq!(error, expected.error);
}

fn lent(message: MessageRef<'_>) -> Seen {
    match message {
        MessageRef::Text(text) => Seen::Text(text.into(), true),
        MessageRef::Binary(data) => Seen::Binary(data.into(), true),
        MessageRef::Ping(data) => Seen::Ping(data.into()),
        MessageRef::Pong(data) => Seen::Pong(data.into()),
        MessageRef::Close(_) => Seen::Close(None),
    }
}

/// A message that refers to none before it is what a decoder of another make says.
fn as_miniz_has_it(messages: &[Vec<Vec<u8>>], takeover: bool, outcome: &Outcome) {
    let whole = outcome.seen.iter().filter(|seen| seen.is_whole()).filter_map(data);
    for (nth, (fragments, data)) in messages.iter().zip(whole).enumerate() {
        if nth > 0 && takeover {
            return;
        }
        let payload = [&fragments.concat()[..], &[0, 0, 0xff, 0xff]].concat();
        let mut out = vec![0; data.len() + 1];
        let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF
            | inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
        let mut miniz = DecompressorOxide::new();
        let (status, _, produced) = decompress(&mut miniz, &payload, &mut out, 0, flags);
        match status {
            TINFLStatus::NeedsMoreInput => assert_eq!(out[..produced], *data),
            // What follows a block with BFINAL it does not read.
            TINFLStatus::Done => assert!(data.starts_with(&out[..produced])),
            // A tail that was left on the wire is read as the stored block that it begins.
            _ => {}
        }
    }
}
