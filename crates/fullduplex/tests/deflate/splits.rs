//! Promise P1 with compressed messages: neither the split of the input nor the size of the scratch changes the events (with
//! chunks joined), the output or the error.

use fullduplex::{
    CloseCode, Config, Connection, DeflateConfig, Error, InflateError, MessageError, Role,
};
use fullduplex_testkit::{Frame, Outcome, ROLES, Seen, Split, all_to, frames};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::support::negotiate;
use crate::{RSV1, Zlib, compressed, deflated, limited, noise, open, receive};

/// Receives `frames` with many splits and sizes of scratch. Returns the result, which must always be the same.
#[track_caller]
fn same_for_every_split(role: Role, config: Config, frames: &[Frame]) -> Outcome {
    let wire = all_to(role, frames);
    let run = |split, room| receive(&mut open(role, config), &wire, split, room);
    let whole = run(Split::Whole, 4096);
    let cuts = if wire.len() <= 300 { wire.len() } else { 0 };
    let some = [Split::Every(1), Split::Every(2), Split::Every(13), Split::Random(1)];
    for split in some.into_iter().chain((1..cuts).map(Split::At)) {
        let outcome = run(split, 4096);
        assert!(outcome == whole, "{split:?} of {wire:02x?}\n{outcome:?}\n{whole:?}");
    }
    for room in [1, 2, 7, 64] {
        for split in [Split::Whole, Split::Every(1)] {
            let outcome = run(split, room);
            assert!(outcome == whole, "{split:?} by {room}, {wire:02x?}\n{outcome:?}\n{whole:?}");
        }
    }
    whole
}

/// Checks the result for a message that fails after `text`.
#[track_caller]
fn fails_after(outcome: &Outcome, text: &str, error: impl Into<Error>) {
    let error = error.into();
    assert_eq!(outcome.error, Some(error), "{outcome:?}");
    let before = Seen::Text(text.into(), false);
    let before = if text.is_empty() { &[][..] } else { std::slice::from_ref(&before) };
    assert_eq!(outcome.seen, before);
    let close = frames(&outcome.output);
    assert_eq!(close.len(), 1, "{outcome:?}");
    let code = error.close_code().map(CloseCode::to_u16).expect("a code");
    assert_eq!((close[0].opcode, &close[0].payload[..]), (8, &code.to_be_bytes()[..]));
}

/// "Hello" in a block with fixed codes, and these bits after it.
fn hello_and(bits: &[u8]) -> Vec<u8> {
    let mut payload = vec![0xf2, 0x48, 0xcd, 0xc9, 0xc9];
    // The rest of the "o", and the end of the block.
    let mut all = vec![1, 1, 1, 0, 0, 0, 0, 0, 0, 0];
    all.extend(bits);
    for byte in all.chunks(8) {
        payload.push(byte.iter().rev().fold(0, |byte, bit| byte << 1 | bit));
    }
    payload
}

#[test]
fn what_comes_before_a_block_of_the_reserved_type_is_delivered() {
    // BFINAL, then the type, the lower bit first.
    let bad = hello_and(&[0, 1, 1]);
    for more in [&[][..], &[0], &[0; 40]] {
        let payload = [&bad[..], more].concat();
        for role in ROLES {
            let outcome =
                same_for_every_split(role, Config::new(), &[compressed(1, payload.clone())]);
            fails_after(&outcome, "Hello", InflateError::Invalid);
        }
    }
}

#[test]
fn a_fault_at_the_end_of_a_fragment_is_told_before_the_next_frame() {
    for role in ROLES {
        let first = compressed(1, hello_and(&[0, 1, 1])).unfinished();
        let wire = [first, Frame::ping("?"), Frame::continuation([0])];
        let outcome = same_for_every_split(role, Config::new(), &wire);
        fails_after(&outcome, "Hello", InflateError::Invalid);
    }
}

#[test]
fn what_comes_before_the_end_of_a_message_cut_short_is_delivered() {
    let payload = deflated(b"Hello, hello, hello, hello!");
    for role in ROLES {
        for len in 1..payload.len() {
            let frame = compressed(1, &payload[..len]);
            let outcome = same_for_every_split(role, Config::new(), &[frame]);
            assert_eq!(outcome.error, Some(InflateError::Truncated.into()), "{len}: {outcome:?}");
        }
    }
}

#[test]
fn what_comes_before_a_distance_that_reaches_too_far_is_delivered() {
    let first = deflated(b"Hello");
    // It refers to "Hello" in an earlier message. In the first case, there is none.
    let refers = [0xf2, 0x00, 0x11, 0x00, 0x00];
    for role in ROLES {
        let wire = [compressed(1, refers)];
        let outcome = same_for_every_split(role, Config::new(), &wire);
        assert_eq!(outcome.error, Some(InflateError::Invalid.into()), "{outcome:?}");
        let wire = [compressed(1, first.clone()), compressed(1, refers)];
        let outcome = same_for_every_split(role, Config::new(), &wire);
        assert_eq!(outcome.error, None);
    }
}

/// A peer exceeds the window that was negotiated. If the data are still there, the reference is followed; otherwise it is
/// refused. It never yields other bytes.
#[test]
fn a_distance_beyond_the_window_that_was_agreed_on_brings_the_right_bytes_or_none() {
    let config = DeflateConfig::new().max_window_bits(9).max_peer_window_bits(9);
    let mut data = noise(1200, 1);
    data.extend_from_within(..100);
    let mut zlib = Zlib::new(9, 15);
    let (first, second) = (zlib.piece(&data[..1200]), zlib.message(&data[1200..]));
    assert!(second.len() < 20, "it refers back");
    let payload = [first, second].concat();
    for role in ROLES {
        let wire = all_to(role, &[compressed(2, &payload[..])]);
        for split in [Split::Whole, Split::Every(1), Split::Every(600)] {
            for room in [1, 300, 4096] {
                let negotiated = negotiate(config, config).by(role);
                let mut conn = Connection::new(role, negotiated, Config::new());
                let outcome = receive(&mut conn, &wire, split, room);
                match outcome.error {
                    None => assert!(outcome.seen == [Seen::Binary(data.clone(), true)], "{role:?}"),
                    Some(error) => {
                        assert_eq!(error, InflateError::Invalid.into());
                        let [Seen::Binary(seen, false)] = &outcome.seen[..] else { panic!() };
                        assert!(data.starts_with(seen), "{role:?}, {split:?} by {room}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_bad_byte_is_told_as_soon_as_it_is_there_and_what_comes_before_it_is_delivered() {
    for role in ROLES {
        for (data, good) in [
            (&b"grand\xff and more"[..], "grand"),
            (b"\xff", ""),
            ("gr\u{fc}n\u{20ac}".as_bytes(), "grün€"),
            (b"gr\xc3", "gr"),
            (b"\xe2\x28", ""),
        ] {
            // The valid beginning of a broken character may be delivered as well, so the result may be longer than `good`.
            let broken = std::str::from_utf8(data).is_err();
            let wire = [compressed(1, deflated(data)), Frame::text("behind it")];
            let outcome = same_for_every_split(role, Config::new(), &wire);
            if !broken {
                assert_eq!(outcome.error, None);
                assert_eq!(outcome.seen[0], Seen::Text(good.into(), true));
                continue;
            }
            assert_eq!(outcome.error, Some(MessageError::InvalidUtf8.into()), "{outcome:?}");
            assert!(outcome.seen.iter().all(|seen| !seen.is_whole()), "{outcome:?}");
            if let Some(Seen::Text(seen, _)) = outcome.seen.first() {
                assert!(seen.starts_with(good.as_bytes()), "{outcome:?}");
            }

            // An unfinished message fails as well, unless more bytes could complete the character.
            let first = compressed(1, Zlib::new(6, 15).piece(data)).unfinished();
            let wire = [first, Frame::ping("?")];
            let outcome = same_for_every_split(role, Config::new(), &wire);
            let mendable = data.ends_with(b"\xc3");
            let expected = (!mendable).then_some(MessageError::InvalidUtf8.into());
            assert_eq!(outcome.error, expected, "{data:02x?}: {outcome:?}");
            assert_eq!(outcome.seen.contains(&Seen::Ping(b"?".into())), mendable);
        }
    }
}

#[test]
fn the_limit_counts_what_is_inflated_to_the_byte() {
    for role in ROLES {
        for limit in [0, 1, 2, 99, 100, 101, 5000] {
            for len in [0, 1, 2, 98, 99, 100, 101, 102, 4999, 5000, 5001, 70_000] {
                let data = vec![b'x'; len];
                let mut zlib = Zlib::new(6, 15);
                let (first, second) = data.split_at(len / 3);
                let pieces = [zlib.piece(first), zlib.message(second)];
                for wire in [
                    vec![compressed(1, deflated(&data))],
                    vec![
                        compressed(1, &pieces[0][..]).unfinished(),
                        Frame::pong(""),
                        Frame::continuation(&pieces[1][..]),
                    ],
                ] {
                    if len > 10_000 && limit > 100 {
                        continue;
                    }
                    let outcome = same_for_every_split(role, limited(limit), &wire);
                    let fits = len <= limit;
                    let expected = (!fits).then_some(MessageError::TooLarge.into());
                    assert_eq!(outcome.error, expected, "{len} of {limit}");
                    let seen = Seen::Text(data[..len.min(limit)].into(), fits);
                    if fits || limit > 0 {
                        assert_eq!(outcome.seen.last(), Some(&seen), "{len} of {limit}");
                    }
                }
            }
        }
    }
}

/// What a peer might send: messages, compressed and not, with few faults.
#[derive(Clone, Debug)]
struct Traffic {
    role: Role,
    limit: usize,
    messages: Vec<Message>,
    /// A byte of a payload that is replaced: its frame, its place in the payload, and its new value.
    mutation: Option<(Index, Index, u8)>,
    /// The input ends here.
    cut: Option<Index>,
}

#[derive(Clone, Debug)]
struct Message {
    text: bool,
    compressed: bool,
    data: Vec<u8>,
    /// Where the compressor flushes.
    flush: Option<Index>,
    /// Where frames end, and whether a Ping follows.
    cuts: Vec<(Index, bool)>,
}

impl Traffic {
    fn wire(&self) -> Vec<u8> {
        // A peer refers no further back than the window that `open` negotiates.
        let mut zlib = Zlib::new(6, DeflateConfig::new().max_window_bits);
        let mut all: Vec<Frame> =
            self.messages.iter().flat_map(|message| message.frames(&mut zlib)).collect();
        if let Some((frame, at, byte)) = &self.mutation {
            let frame = frame.index(all.len());
            let payload = &mut all[frame].payload;
            if !payload.is_empty() {
                let at = at.index(payload.len());
                payload[at] = *byte;
            }
        }
        let mut wire = all_to(self.role, &all);
        if let Some(cut) = &self.cut {
            wire.truncate(cut.index(wire.len()));
        }
        wire
    }
}

impl Message {
    fn frames(&self, zlib: &mut Zlib) -> Vec<Frame> {
        let payload = match (self.compressed, &self.flush) {
            (false, _) => self.data.clone(),
            (true, None) => zlib.message(&self.data),
            (true, Some(at)) => {
                let (first, second) = self.data.split_at(at.index(self.data.len() + 1));
                [zlib.piece(first), zlib.message(second)].concat()
            }
        };
        let mut ends: Vec<(usize, bool)> =
            self.cuts.iter().map(|(at, ping)| (at.index(payload.len() + 1), *ping)).collect();
        ends.sort_unstable();
        let mut frames = Vec::new();
        let mut start = 0;
        let mut opcode = if self.text { 1 } else { 2 };
        let mut rsv = if self.compressed { RSV1 } else { 0 };
        for (end, ping) in ends {
            let frame = Frame::new(opcode, &payload[start..end]).unfinished();
            frames.push(Frame { rsv, ..frame });
            frames.extend(ping.then(|| Frame::ping("between")));
            (start, opcode, rsv) = (end, 0, 0);
        }
        frames.push(Frame { rsv, ..Frame::new(opcode, &payload[start..]) });
        frames
    }
}

fn message() -> impl Strategy<Value = Message> {
    let words = select(vec!["a", "ß", "€", "😀", "hello ", "frame ", "\0"]);
    let text = vec(words, 0..60).prop_map(|words| words.concat().into_bytes());
    let data = prop_oneof![
        6 => text,
        2 => vec(any::<u8>(), 0..60),
        1 => (0..3000_usize).prop_map(|len| vec![b'z'; len]),
    ];
    let cuts = vec((any::<Index>(), any::<bool>()), 0..4);
    (any::<bool>(), prop::bool::weighted(0.8), data, any::<Option<Index>>(), cuts).prop_map(
        |(text, compressed, data, flush, cuts)| Message { text, compressed, data, flush, cuts },
    )
}

fn traffic() -> impl Strategy<Value = Traffic> {
    (
        select(ROLES.to_vec()),
        prop_oneof![3 => Just(1 << 20), 1 => 0..400_usize],
        vec(message(), 1..5),
        prop::option::weighted(0.5, (any::<Index>(), any::<Index>(), any::<u8>())),
        prop::option::weighted(0.2, any::<Index>()),
    )
        .prop_map(|(role, limit, messages, mutation, cut)| Traffic {
            role,
            limit,
            messages,
            mutation,
            cut,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn compressed_traffic_comes_out_the_same_however_it_is_split(
        traffic in traffic(), seed in any::<u64>(), room in 1..200_usize,
    ) {
        let wire = traffic.wire();
        let run = |split, room| {
            receive(&mut open(traffic.role, limited(traffic.limit)), &wire, split, room)
        };
        let whole = run(Split::Whole, 4096);
        if traffic.mutation.is_none() && traffic.cut.is_none() && traffic.limit == 1 << 20 {
            let wrong = |message: &Message| message.text && std::str::from_utf8(&message.data).is_err();
            prop_assert_eq!(whole.error.is_some(), traffic.messages.iter().any(wrong));
        }
        let cuts = if wire.len() <= 200 { wire.len() } else { 0 };
        let some = [Split::Every(1), Split::Every(2), Split::Every(13), Split::Random(seed)];
        for split in some.into_iter().chain((1..cuts).map(Split::At)) {
            let outcome = run(split, 4096);
            prop_assert!(outcome == whole, "{split:?}\n{outcome:?}\n{whole:?}");
        }
        for split in [Split::Whole, Split::Every(1), Split::Random(seed)] {
            let outcome = run(split, room);
            prop_assert!(outcome == whole, "{split:?} by {room}\n{outcome:?}\n{whole:?}");
        }
    }
}
