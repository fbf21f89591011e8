//! Arbitrary bytes as compressed messages: with any fragments, reads and scratch, the output is the same, never exceeds the
//! limit, and agrees with another decoder.
#![no_main]

use fullduplex::{
    Config, Connection, DeflateConfig, Endpoint, EndpointConfig, Error, Input, MessageRef,
    Negotiated, Role,
};
use fullduplex_fuzz::{Bound, Measured, Oracle, in_pieces, negotiate};
use fullduplex_testkit::{Frame, Outcome, Random, Seen, Split, TestEntropy, drive_inflating};
use libfuzzer_sys::fuzz_target;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

/// What is seen of the messages, three times, and one decompressor at a time, ours or the other library's.
const MEMORY: Bound = Bound { constant: 512 << 10, factor: 6 };

/// What an endpoint itself may hold. While a buffer grows, the smaller one is held as well. The constant is for the window,
/// the state and the receive buffer.
const ENDPOINT: Bound = Bound { constant: 256 << 10, factor: 2 };

fuzz_target!(|input: Measured<&[u8]>| {
    input.run(MEMORY, |input| Case::new(input).map_or(0, |case| case.run()));
    // Nothing is copied here, so only the endpoint allocates.
    let Some(case) = input.with(|input| Case::new(input)) else { return };
    input.run_watched(Oracle::InflateEndpointMemory, ENDPOINT, |_| {
        case.through_an_endpoint(|_| {});
        case.limit + case.wire.len()
    });
});

/// The case that an input describes. Eight bytes choose: what the messages are and how they are cut, the limit, the
/// scratch, the reads, and the window.
struct Case {
    role: Role,
    takeover: bool,
    negotiated: Negotiated,
    limit: usize,
    room: u8,
    reads: u8,
    messages: Vec<Vec<Vec<u8>>>,
    wire: Vec<u8>,
}

impl Case {
    fn new(input: &[u8]) -> Option<Self> {
        let (&[flags, limit_low, limit_high, room, reads, cut, window, shift], payload) =
            input.split_first_chunk()?;
        let role = if flags & 1 == 0 { Role::Server } else { Role::Client };
        let (text, takeover) = (flags & 2 != 0, flags & 4 != 0);
        let limit = usize::from(u16::from_le_bytes([limit_low, limit_high])) << (shift % 6);
        let negotiated = agreed(role, takeover, window);
        let messages = messages(payload, cut);
        let wire = messages.iter().flat_map(|message| encode(role, text, message)).collect();
        Some(Self { role, takeover, negotiated, limit, room, reads, messages, wire })
    }

    fn config(&self) -> Config {
        let mut config = Config::new();
        config.limits.max_message_size = self.limit as u64;
        if Oracle::InflateLimit.faulty() {
            config.limits.max_message_size = u64::MAX;
        }
        config
    }

    fn connection(&self) -> Connection {
        Connection::new(self.role, self.negotiated, self.config())
    }

    /// Receives the wire, with a scratch of `room` bytes. Returns the result.
    fn receive(&self, split: Split, room: usize) -> Outcome {
        drive_inflating(&mut self.connection(), &self.wire, split, room, |received, scratch| {
            Input::with_scratch(received, scratch)
        })
    }

    /// Returns the number of bytes on the wire and in the messages, plus the limit.
    fn run(&self) -> usize {
        let wire = &self.wire[..];
        let whole = self.receive(Split::Whole, self.limit + 1);
        check(&whole, self.limit);
        let split = match self.reads {
            0 => Split::Whole,
            1..=99 => Split::Every(usize::from(self.reads).max(1 + wire.len() / 2000)),
            seed => Split::Random(u64::from(seed)),
        };
        // With a scratch of one byte, a megabyte would take too long.
        let room = 1 + usize::from(self.room).max(whole_len(&whole) / 2000);
        let mut cut = self.receive(split, room);
        if Oracle::InflateReads.faulty() {
            cut.output.pop();
        }
        Oracle::InflateReads.same(&whole, &cut);

        let most = 16 * usize::from(self.reads).max(1 + wire.len() / 2000);
        let (mut pieces, mut error) = in_pieces(self.connection(), wire, most);
        if Oracle::InflatePieces.faulty() {
            pieces.pop();
        }
        error = error.filter(|_| !Oracle::InflatePiecesError.faulty());
        Oracle::InflatePieces.same(&pieces, &whole.seen);
        Oracle::InflatePiecesError.same(error, whole.error);

        let mut seen = Vec::new();
        let error = self.through_an_endpoint(|message| seen.push(lent(message)));
        if Oracle::InflateEndpoint.faulty() {
            seen.pop();
        }
        let expected: Vec<&Seen> = whole.seen.iter().filter(|seen| seen.is_whole()).collect();
        Oracle::InflateEndpoint.same(expected, Vec::from_iter(&seen));
        let error = error.filter(|_| !Oracle::InflateEndpointError.faulty());
        Oracle::InflateEndpointError.same(error, whole.error);
        as_miniz_has_it(&self.messages, self.takeover, &whole);
        wire.len() + whole_len(&whole) + self.limit
    }

    /// Receives the wire with an endpoint, which has its own buffers. Returns its error.
    fn through_an_endpoint(&self, mut take: impl FnMut(MessageRef<'_>)) -> Option<Error> {
        let mut config = EndpointConfig::new();
        config.connection = self.config();
        let entropy = TestEntropy::new(1);
        let mut endpoint = Endpoint::open(self.role, self.negotiated, &[], &config, entropy);
        let mut error = None;
        let mut rest = &self.wire[..];
        while !rest.is_empty() {
            let room = endpoint.reader.room();
            let len = room.len().min(rest.len());
            room[..len].copy_from_slice(&rest[..len]);
            rest = &rest[len..];
            endpoint.reader.advance(len);
            loop {
                match endpoint.poll() {
                    Ok(Some((message, _))) => take(message),
                    Ok(None) => break,
                    Err(failed) => error = Some(failed),
                }
            }
        }
        error
    }
}

/// What is negotiated for the messages that this role receives.
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

/// The payload as messages in fragments: one message in one fragment, or as a seed says.
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
        Oracle::InflateLimit.holds(data.len() <= limit, format_args!("{} of {limit}", data.len()));
    }
    if let Some(error) = outcome.error {
        let code = error.close_code().filter(|_| !Oracle::InflateCode.faulty());
        // 1007: not DEFLATE or not text. 1008: too many fragments. 1009: too large.
        let fits = code.is_some_and(|code| matches!(code.to_u16(), 1007..=1009));
        Oracle::InflateCode.holds(fits, format_args!("{error:?} has {code:?}"));
    }
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

/// Checks each message that refers to no earlier one against the decoder of another library.
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
        let mut theirs = &out[..produced];
        match status {
            TINFLStatus::NeedsMoreInput => {
                if Oracle::InflateMiniz.faulty() {
                    theirs = b"something else";
                }
                Oracle::InflateMiniz.same(theirs, data);
            }
            // It does not read what follows a block with BFINAL.
            TINFLStatus::Done => {
                if Oracle::InflateMinizDone.faulty() {
                    theirs = b"something else";
                }
                Oracle::InflateMinizDone
                    .holds(data.starts_with(theirs), format_args!("{theirs:02x?}"));
            }
            // It reads a tail that was left on the wire as the beginning of a stored block.
            _ => {}
        }
    }
}
