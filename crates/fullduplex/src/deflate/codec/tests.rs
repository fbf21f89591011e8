//! Every test runs with each backend. Some compare the backends with each other, or with zlib.

extern crate std;

use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::deflate::backend::{BackendError, Inflated};
use crate::deflate::miniz;
#[cfg(feature = "std")]
use crate::deflate::zlib;

/// One test for each backend: `fn name<D: Deflater, I: Inflater>()`.
macro_rules! each_backend {
    ($($name:ident)*) => {
        mod over_miniz {
            $(#[test] fn $name() { super::$name::<super::miniz::Deflate, super::miniz::Inflate>(); })*
        }
        #[cfg(feature = "std")]
        mod over_zlib {
            $(#[test] fn $name() { super::$name::<super::zlib::Deflate, super::zlib::Inflate>(); })*
        }
    };
}

each_backend! {
    the_rfc_examples_are_read
    the_rfc_examples_are_written
    an_empty_message_is_one_zero_byte
    an_empty_message_in_any_notation_is_read
    a_message_after_a_final_block_is_read
    a_message_may_go_on_after_a_final_block
    nothing_behind_a_final_block_is_referred_to
    a_tail_left_on_the_wire_is_read
    padding_bits_mean_nothing
    a_distance_before_the_start_is_refused
    a_message_cut_short_is_refused
    after_an_error_there_is_nothing_but_the_error
    what_came_before_a_fault_is_handed_out
    a_bomb_stops_where_the_room_ends
    many_empty_blocks_are_read
    a_stored_block_of_the_largest_size_is_read
    without_takeover_nothing_is_referred_to
    with_takeover_the_second_message_is_smaller
    memory_is_given_back_between_messages
    fragments_can_be_flushed
    an_exact_fit_of_the_output_is_whole
    the_tail_is_cut_wherever_the_output_ends
    every_split_of_the_input_and_output_gives_the_same
    many_windows_full_go_through
}

const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
const HELLO_AGAIN: [u8; 5] = [0xf2, 0x00, 0x11, 0x00, 0x00];
const HELLO_FINAL: [u8; 8] = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];

fn compression(window_bits: u8, takeover: bool) -> Compression {
    Compression { level: 6, mem_level: 8, window_bits, takeover }
}

fn compressor<D: Deflater>() -> CompressorOver<D> {
    CompressorOver::new(compression(15, true))
}

fn decompressor<I: Inflater>() -> DecompressorOver<I> {
    DecompressorOver::new(Inflation { window_bits: 15, takeover: true })
}

fn deflate<D: Deflater>(compressor: &mut CompressorOver<D>, message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    compressor.compress(message, true, &mut out).unwrap();
    out
}

/// Decompresses a message in pieces of `step` bytes, into output of `room` bytes at a time.
fn inflate_by<I: Inflater>(
    decompressor: &mut DecompressorOver<I>,
    payload: &[u8],
    step: usize,
    room: usize,
) -> (Vec<u8>, Result<(), InflateError>) {
    let (mut message, mut out) = (Vec::new(), vec![0; room]);
    for mut piece in payload.chunks(step) {
        loop {
            match decompressor.decompress(piece, &mut out) {
                Ok(progress) => {
                    message.extend_from_slice(&out[..progress.produced]);
                    piece = &piece[progress.consumed..];
                    if piece.is_empty() && progress.produced < room {
                        break;
                    }
                }
                Err(error) => return (message, Err(error)),
            }
        }
    }
    loop {
        match decompressor.finish(&mut out) {
            Ok(Finished { produced, done }) => {
                message.extend_from_slice(&out[..produced]);
                if done {
                    return (message, Ok(()));
                }
                assert_eq!(produced, room);
            }
            Err(error) => return (message, Err(error)),
        }
    }
}

fn inflate<I: Inflater>(
    decompressor: &mut DecompressorOver<I>,
    payload: &[u8],
) -> Result<Vec<u8>, InflateError> {
    let (message, result) = inflate_by(decompressor, payload, usize::MAX, 4096);
    result.map(|()| message)
}

/// Text as applications send it: similar everywhere, but never the same twice.
fn json(length: usize) -> Vec<u8> {
    let mut text = Vec::new();
    let mut random = 1_u32;
    while text.len() < length {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (id, price) = (random >> 8, (random >> 4) % 100_000);
        let line =
            std::format!("{{\"id\":{id},\"symbol\":\"ABC\",\"price\":{price},\"ok\":true}},");
        text.extend_from_slice(line.as_bytes());
    }
    text.truncate(length);
    text
}

fn noise(length: usize) -> Vec<u8> {
    let mut random = 7_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

fn the_rfc_examples_are_read<D: Deflater, I: Inflater>() {
    // RFC 7692 §7.2.3.1 to §7.2.3.3, and two blocks in one message (§7.2.3.5).
    let mut one = decompressor::<I>();
    assert_eq!(inflate(&mut one, &HELLO).unwrap(), b"Hello");
    assert_eq!(inflate(&mut one, &HELLO_AGAIN).unwrap(), b"Hello");
    let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
    assert_eq!(inflate(&mut one, &stored).unwrap(), b"Hello");
    let two = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(inflate(&mut one, &two).unwrap(), b"Hello");
}

fn the_rfc_examples_are_written<D: Deflater, I: Inflater>() {
    let mut one = compressor::<D>();
    assert_eq!(deflate(&mut one, b"Hello"), HELLO);
    assert_eq!(deflate(&mut one, b"Hello"), HELLO_AGAIN);
}

fn an_empty_message_is_one_zero_byte<D: Deflater, I: Inflater>() {
    let (mut one, mut other) = (compressor::<D>(), decompressor::<I>());
    for message in [&b""[..], b"", b"Hello", b"", b"", b"Hello"] {
        let payload = deflate(&mut one, message);
        if message.is_empty() {
            assert_eq!(payload, [0x00]);
        }
        assert_eq!(inflate(&mut other, &payload).unwrap(), message);
    }
}

fn an_empty_message_in_any_notation_is_read<D: Deflater, I: Inflater>() {
    let mut one = decompressor::<I>();
    // The last one is of an encoder that had nothing to write, and did not remove the tail.
    for empty in [&[0x00][..], &[0x02, 0x00], &[0x03, 0x00], &[0x03, 0x00, 0x00], &[]] {
        for _ in 0..2 {
            assert_eq!(inflate(&mut one, empty).unwrap(), b"", "{empty:x?}");
        }
    }
    assert_eq!(inflate(&mut one, &HELLO).unwrap(), b"Hello");
}

fn a_message_after_a_final_block_is_read<D: Deflater, I: Inflater>() {
    let mut one = decompressor::<I>();
    assert_eq!(inflate(&mut one, &HELLO_FINAL).unwrap(), b"Hello");
    assert_eq!(inflate(&mut one, &HELLO).unwrap(), b"Hello");
    // The RFC adds a byte after the block. Without it, the message is read as well.
    assert_eq!(inflate(&mut one, &HELLO_FINAL[..7]).unwrap(), b"Hello");
    assert_eq!(inflate(&mut one, &HELLO).unwrap(), b"Hello");
    assert_eq!(inflate(&mut one, &HELLO_AGAIN).unwrap(), b"Hello");
}

fn a_message_may_go_on_after_a_final_block<D: Deflater, I: Inflater>() {
    let several = [&HELLO_FINAL[..7], &HELLO_FINAL[..7], &HELLO[..]].concat();
    for step in 1..=several.len() {
        for room in [1, 2, 4, 5, 6, 100] {
            let mut one = decompressor::<I>();
            let (message, result) = inflate_by(&mut one, &several, step, room);
            assert_eq!((&message[..], result), (&b"HelloHelloHello"[..], Ok(())), "{step} {room}");
        }
    }
}

fn nothing_behind_a_final_block_is_referred_to<D: Deflater, I: Inflater>() {
    let mut one = decompressor::<I>();
    assert_eq!(inflate(&mut one, &HELLO_FINAL).unwrap(), b"Hello");
    assert_eq!(inflate(&mut one, &HELLO_AGAIN), Err(InflateError::Invalid));
}

fn a_tail_left_on_the_wire_is_read<D: Deflater, I: Inflater>() {
    let mut one = decompressor::<I>();
    let payload = [&HELLO[..], &TAIL].concat();
    for _ in 0..2 {
        assert_eq!(inflate(&mut one, &payload).unwrap(), b"Hello");
        assert_eq!(inflate(&mut one, &HELLO_AGAIN).unwrap(), b"Hello");
    }
    // The same bytes inside a stored block are not a tail.
    let cut = [&[0x00, 0x05, 0x00, 0xfa, 0xff][..], &TAIL].concat();
    assert_eq!(inflate(&mut one, &cut), Err(InflateError::Truncated));
}

fn padding_bits_mean_nothing<D: Deflater, I: Inflater>() {
    let mut one = decompressor::<I>();
    // "Any bits of input up to the next byte boundary are ignored" (RFC 1951 §3.2.4).
    assert_eq!(inflate(&mut one, &[0xf8]).unwrap(), b"");
    assert_eq!(inflate(&mut one, &HELLO).unwrap(), b"Hello");
}

fn a_distance_before_the_start_is_refused<D: Deflater, I: Inflater>() {
    for window_bits in 8..=15 {
        let mut one = DecompressorOver::<I>::new(Inflation { window_bits, takeover: true });
        assert_eq!(inflate(&mut one, &HELLO_AGAIN), Err(InflateError::Invalid));
    }
}

fn a_message_cut_short_is_refused<D: Deflater, I: Inflater>() {
    for message in [b"Hello".to_vec(), json(1000), noise(1000), vec![0; 70_000]] {
        let payload = deflate(&mut compressor::<D>(), &message);
        // Stored blocks at the end may be left out.
        let last = if payload[0] == 0 { payload.len() - 2 } else { payload.len() };
        for length in 1 + usize::from(payload[0] == 0)..last {
            let result = inflate(&mut decompressor::<I>(), &payload[..length]);
            assert!(result.is_err(), "{length} of {}", payload.len());
        }
    }
}

fn after_an_error_there_is_nothing_but_the_error<D: Deflater, I: Inflater>() {
    for (payload, error) in [
        (&[0xff; 3][..], InflateError::Invalid),
        (&[0x00, 0x01, 0x00, 0x01, 0x00], InflateError::Invalid),
        (&HELLO[..3], InflateError::Truncated),
    ] {
        let mut one = decompressor::<I>();
        assert_eq!(inflate(&mut one, payload), Err(error));
        assert_eq!(one.decompress(&HELLO, &mut [0; 9]), Err(error));
        assert_eq!(one.finish(&mut [0; 9]), Err(error));
        assert_eq!(one.pending_error(), Err(error));
        one.release();
        assert_eq!(one.decompress(&[], &mut []), Err(error));
    }
}

fn what_came_before_a_fault_is_handed_out<D: Deflater, I: Inflater>() {
    // "Hello" and then a block of the reserved type; a distance that reaches too far.
    let reserved = [&HELLO[..], &TAIL, &[0xff]].concat();
    let too_far = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x87, 0xff, 0xff];
    for bad in [&reserved[..], &too_far] {
        let mut whole = None;
        for step in 1..=bad.len() {
            for room in [1, 5, 100] {
                let result = inflate_by(&mut decompressor::<I>(), bad, step, room);
                assert_eq!(result.1, Err(InflateError::Invalid), "{bad:x?}");
                assert!(result.0.starts_with(b"Hello"));
                assert_eq!(*whole.get_or_insert(result.clone()), result);
            }
        }
    }
    let mut one = decompressor::<I>();
    let mut out = [0; 100];
    assert_eq!(one.decompress(&reserved, &mut out).unwrap().produced, 5);
    assert_eq!(one.pending_error(), Err(InflateError::Invalid));
}

fn a_bomb_stops_where_the_room_ends<D: Deflater, I: Inflater>() {
    let payload = deflate(&mut compressor::<D>(), &vec![0; 1 << 20]);
    assert!(payload.len() < 6000);
    let mut one = decompressor::<I>();
    let mut out = vec![1; 65_536];
    let progress = one.decompress(&payload, &mut out).unwrap();
    assert_eq!(progress.produced, 65_536);
    assert!(progress.consumed < payload.len());
    assert_eq!(
        one.decompress(&payload[progress.consumed..], &mut []).unwrap(),
        Progress::default()
    );
    let next = one.decompress(&payload[progress.consumed..], &mut out[..1]).unwrap();
    assert_eq!(next.produced, 1);
}

fn many_empty_blocks_are_read<D: Deflater, I: Inflater>() {
    let stored = [EMPTY_BLOCK.repeat(10_000), vec![0x00]].concat();
    let finals = [0x03, 0x00].repeat(10_000);
    for payload in [stored, finals] {
        assert_eq!(inflate(&mut decompressor::<I>(), &payload).unwrap(), b"");
        assert_eq!(inflate_by(&mut decompressor::<I>(), &payload, 3, 1), (vec![], Ok(())));
    }
}

fn a_stored_block_of_the_largest_size_is_read<D: Deflater, I: Inflater>() {
    let data = noise(65_535);
    let payload = [&[0x00, 0xff, 0xff, 0x00, 0x00][..], &data, &[0x00]].concat();
    for (step, room) in [(usize::MAX, 65_535), (1000, 333), (65_540, 65_536)] {
        let (message, result) = inflate_by(&mut decompressor::<I>(), &payload, step, room);
        assert!(message == data && result == Ok(()), "{step} {room}");
    }
}

fn without_takeover_nothing_is_referred_to<D: Deflater, I: Inflater>() {
    let mut one = CompressorOver::<D>::new(compression(15, false));
    let mut other = DecompressorOver::<I>::new(Inflation { window_bits: 15, takeover: false });
    let text = json(500);
    let first = deflate(&mut one, &text);
    for _ in 0..3 {
        assert_eq!(deflate(&mut one, b""), [0x00]);
        let payload = deflate(&mut one, &text);
        assert_eq!(payload, first);
        assert_eq!(inflate(&mut other, &payload).unwrap(), text);
        assert_eq!(inflate(&mut decompressor::<I>(), &payload).unwrap(), text);
    }
    // The same if all of a message was flushed before it ended.
    for _ in 0..2 {
        let mut payload = Vec::new();
        one.compress(b"Hello", false, &mut payload).unwrap();
        one.compress(b"", true, &mut payload).unwrap();
        assert_eq!(payload, [&HELLO[..], &TAIL, &[0x00]].concat());
    }
    // The peer may not refer to an earlier message either.
    assert_eq!(inflate(&mut other, &HELLO).unwrap(), b"Hello");
    assert_eq!(inflate(&mut other, &HELLO_AGAIN), Err(InflateError::Invalid));
}

fn with_takeover_the_second_message_is_smaller<D: Deflater, I: Inflater>() {
    let (mut one, mut other) = (compressor::<D>(), decompressor::<I>());
    let text = json(500);
    let (first, second) = (deflate(&mut one, &text), deflate(&mut one, &text));
    assert!(second.len() * 4 < first.len());
    for payload in [first, second] {
        assert_eq!(inflate(&mut other, &payload).unwrap(), text);
        other.release();
    }
}

fn memory_is_given_back_between_messages<D: Deflater, I: Inflater>() {
    for takeover in [false, true] {
        let mut one = CompressorOver::<D>::new(compression(15, takeover));
        let mut other = DecompressorOver::<I>::new(Inflation { window_bits: 15, takeover });
        for _ in 0..3 {
            let mut payload = Vec::new();
            one.compress(b"Hello", true, &mut payload).unwrap();
            let mut out = [0; 9];
            let progress = other.decompress(&payload, &mut out).unwrap();
            other.release();
            assert!(other.inflater.is_some());
            assert!(other.finish(&mut []).unwrap().done);
            assert_eq!(&out[..progress.produced], b"Hello");
            one.release();
            other.release();
            assert_eq!(one.deflater.is_some(), takeover);
            assert_eq!(other.inflater.is_some(), takeover);
        }
    }
}

fn fragments_can_be_flushed<D: Deflater, I: Inflater>() {
    let (mut one, mut other) = (compressor::<D>(), decompressor::<I>());
    for _ in 0..2 {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        one.compress(b"Hello, ", false, &mut first).unwrap();
        one.compress(b"", false, &mut first).unwrap();
        let mut out = [0; 99];
        let progress = other.decompress(&first, &mut out).unwrap();
        assert_eq!(&out[..progress.produced], b"Hello, ");
        one.compress(b"wor", false, &mut second).unwrap();
        one.compress(b"ld", true, &mut second).unwrap();
        assert_eq!(inflate(&mut other, &second).unwrap(), b"world");

        let mut third = Vec::new();
        one.compress(b"!", false, &mut third).unwrap();
        let length = third.len();
        one.compress(b"", true, &mut third).unwrap();
        assert_eq!(third[length..], [0x00]);
        assert_eq!(inflate(&mut other, &third).unwrap(), b"!");
    }
}

fn an_exact_fit_of_the_output_is_whole<D: Deflater, I: Inflater>() {
    let text = json(3000);
    let payload = deflate(&mut compressor::<D>(), &text);
    let mut one = decompressor::<I>();
    let mut out = vec![0; text.len()];
    let mut consumed = 0;
    while consumed < payload.len() {
        let room = if consumed == 0 { &mut out[..] } else { &mut [0; 1][..] };
        let progress = one.decompress(&payload[consumed..], room).unwrap();
        assert_eq!(progress.produced, if consumed == 0 { text.len() } else { 0 });
        consumed += progress.consumed;
    }
    assert_eq!(out, text);
    let finished = one.finish(&mut [0; 1]).unwrap();
    assert_eq!(finished, Finished { produced: 0, done: true });
    // If the output is full, there may be more.
    let mut one = decompressor::<I>();
    let mut out = vec![0; text.len()];
    let progress = one.decompress(&payload, &mut out).unwrap();
    assert_eq!(progress.produced, text.len());
    assert!(!one.finish(&mut []).unwrap().done);
}

fn the_tail_is_cut_wherever_the_output_ends<D: Deflater, I: Inflater>() {
    let mut one = compressor::<D>();
    let mut other = decompressor::<I>();
    let noise = noise(33_000);
    for length in (0..700).chain(32_740..32_780) {
        let (text, mut payload) = (&noise[..length], Vec::new());
        if length % 3 == 0 {
            one.compress(&text[..length / 2], false, &mut payload).unwrap();
            one.compress(&text[length / 2..], true, &mut payload).unwrap();
        } else {
            one.compress(text, true, &mut payload).unwrap();
        }
        assert!(inflate(&mut other, &payload).unwrap() == text, "{length}");
    }
}

fn every_split_of_the_input_and_output_gives_the_same<D: Deflater, I: Inflater>() {
    for window_bits in [8, 9, 15] {
        let mut one = CompressorOver::<D>::new(compression(window_bits, true));
        let mut others: Vec<(usize, usize, DecompressorOver<I>)> = Vec::new();
        for step in [1, 2, 3, 7, 64, 500, usize::MAX] {
            for room in [1, 2, 3, 250, 256, 257, 4096] {
                let settings = Inflation { window_bits, takeover: true };
                others.push((step, room, DecompressorOver::new(settings)));
            }
        }
        for text in [json(700), noise(300), json(2000), vec![b'x'; 1500], json(700)] {
            let payload = deflate(&mut one, &text);
            for (step, room, other) in &mut others {
                let (message, result) = inflate_by(other, &payload, *step, *room);
                assert!(message == text && result == Ok(()), "{window_bits} {step} {room}");
            }
        }
    }
    let (one, two) = (json(900), json(600));
    let payload = deflate(&mut compressor::<D>(), &one);
    for at in 0..=payload.len() {
        let mut other = decompressor::<I>();
        let mut out = vec![0; 1000];
        let first = other.decompress(&payload[..at], &mut out).unwrap();
        assert_eq!(first.consumed, at);
        let second = other.decompress(&payload[at..], &mut out[first.produced..]).unwrap();
        assert_eq!(second.consumed, payload.len() - at);
        assert!(other.finish(&mut []).unwrap().done);
        assert_eq!(out[..first.produced + second.produced], one);
    }
    // Every split of the message, in two pieces.
    let (mut ours, mut other) = (compressor::<D>(), decompressor::<I>());
    for at in 0..=two.len() {
        let mut payload = Vec::new();
        ours.compress(&two[..at], false, &mut payload).unwrap();
        ours.compress(&two[at..], true, &mut payload).unwrap();
        assert_eq!(inflate(&mut other, &payload).unwrap(), two, "{at}");
    }
}

fn many_windows_full_go_through<D: Deflater, I: Inflater>() {
    for (window_bits, level) in [(8, 6), (9, 1), (11, 9), (12, 6), (14, 3), (15, 1), (15, 9)] {
        let settings = Compression { level, ..compression(window_bits, true) };
        let mut one = CompressorOver::<D>::new(settings);
        let mut other = DecompressorOver::<I>::new(Inflation { window_bits, takeover: true });
        for length in [300_000, 5, 70_000, 32_768] {
            let text = json(length);
            let payload = deflate(&mut one, &text);
            assert!(inflate(&mut other, &payload).unwrap() == text, "{window_bits} {level}");
        }
    }
}

/// zlib in C at its strictest: if the output has space for only one byte at a time, zlib checks every distance against
/// the window.
fn inflate_by_c(zlib: &mut flate2::Decompress, payload: &[u8]) -> Vec<u8> {
    let payload = [payload, &TAIL].concat();
    let (mut message, mut rest) = (Vec::new(), &payload[..]);
    loop {
        let (read, mut out) = (zlib.total_in(), [0]);
        let written = zlib.total_out();
        zlib.decompress(rest, &mut out, flate2::FlushDecompress::None).unwrap();
        rest = &rest[usize::try_from(zlib.total_in() - read).unwrap()..];
        if zlib.total_out() == written {
            assert!(rest.is_empty());
            return message;
        }
        message.push(out[0]);
    }
}

fn deflate_by_c(zlib: &mut flate2::Compress, message: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(message.len() * 2 + 100);
    zlib.compress_vec(message, &mut payload, flate2::FlushCompress::Sync).unwrap();
    assert!(payload.ends_with(&TAIL));
    payload.truncate(payload.len() - 4);
    payload
}

/// A message, in pieces.
fn message() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let piece = prop_oneof![
        (0..3000_usize).prop_map(json),
        (0..600_usize, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
        proptest::collection::vec(any::<u8>(), 0..400),
        proptest::collection::vec(0..4_u8, 0..2000),
        Just(Vec::new()),
        Just(json(40_000)),
    ];
    proptest::collection::vec(piece, 1..4)
}

fn round_trip<D: Deflater, I: Inflater>(
    settings: Compression,
    messages: &[Vec<Vec<u8>>],
    (step, room): (usize, usize),
    release: bool,
) {
    let window_bits = settings.window_bits;
    let mut ours = CompressorOver::<D>::new(settings);
    let mut other =
        DecompressorOver::<I>::new(Inflation { window_bits, takeover: settings.takeover });
    // In zlib, a raw stream cannot have a window of eight bits.
    let new_zlib = || flate2::Decompress::new_with_window_bits(false, window_bits.max(9));
    let mut zlib = new_zlib();
    // This decoder has exactly the window that was negotiated.
    let strict = Inflation { window_bits, takeover: settings.takeover };
    let mut strict = DecompressorOver::<miniz::Inflate>::new(strict);
    for pieces in messages {
        let (whole, mut payload) = (pieces.concat(), Vec::new());
        for piece in pieces {
            ours.compress(piece, false, &mut payload).unwrap();
        }
        ours.compress(b"", true, &mut payload).unwrap();
        let (message, result) = inflate_by(&mut other, &payload, step, room);
        assert!(message == whole && result == Ok(()), "{result:?}");
        assert!(inflate(&mut strict, &payload).unwrap() == whole);
        if !settings.takeover {
            zlib = new_zlib();
        }
        assert!(inflate_by_c(&mut zlib, &payload) == whole);
        if release {
            ours.release();
            other.release();
        }
    }
}

fn settings() -> impl Strategy<Value = Compression> {
    (0..=9_u8, 1..=9_u8, 8..=15_u8, any::<bool>()).prop_map(
        |(level, mem_level, window_bits, takeover)| Compression {
            level,
            mem_level,
            window_bits,
            takeover,
        },
    )
}

fn cut() -> impl Strategy<Value = (usize, usize)> {
    (prop_oneof![1..20_usize, Just(usize::MAX)], prop_oneof![1..20_usize, 200..5000_usize])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_backend_reads_what_miniz_writes(
        settings in settings(),
        messages in proptest::collection::vec(message(), 1..5), cut in cut(), release: bool,
    ) {
        round_trip::<miniz::Deflate, miniz::Inflate>(settings, &messages, cut, release);
        #[cfg(feature = "std")]
        round_trip::<miniz::Deflate, zlib::Inflate>(settings, &messages, cut, release);
    }

    #[cfg(feature = "std")]
    #[test]
    fn any_backend_reads_what_zlib_rs_writes(
        settings in settings(),
        messages in proptest::collection::vec(message(), 1..5), cut in cut(), release: bool,
    ) {
        round_trip::<zlib::Deflate, miniz::Inflate>(settings, &messages, cut, release);
        round_trip::<zlib::Deflate, zlib::Inflate>(settings, &messages, cut, release);
    }

    #[test]
    fn any_backend_reads_what_zlib_in_c_writes(
        level in 0..=9_u32, window_bits in 9..=15_u8,
        messages in proptest::collection::vec(message(), 1..5), (step, room) in cut(),
    ) {
        let mut c = flate2::Compress::new_with_window_bits(
            flate2::Compression::new(level), false, window_bits);
        let settings = Inflation { window_bits, takeover: true };
        let mut miniz = DecompressorOver::<miniz::Inflate>::new(settings);
        #[cfg(feature = "std")]
        let mut zlib = DecompressorOver::<zlib::Inflate>::new(settings);
        for pieces in messages {
            let whole = pieces.concat();
            if whole.is_empty() {
                continue;
            }
            let payload = deflate_by_c(&mut c, &whole);
            let expected = (whole, Ok(()));
            prop_assert!(inflate_by(&mut miniz, &payload, step, room) == expected);
            #[cfg(feature = "std")]
            prop_assert!(inflate_by(&mut zlib, &payload, step, room) == expected);
        }
    }

    /// Garbage, and damaged payloads: no split changes the output, and if both backends accept the data, their output
    /// is the same.
    #[test]
    fn splits_do_not_change_the_verdict(
        pieces in message(), garbage in proptest::collection::vec(any::<u8>(), 0..60),
        damage in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
        mix: bool, cut in cut(), window_bits in 8..=15_u8,
    ) {
        let mut payload = garbage;
        if mix {
            let settings = compression(window_bits, true);
            payload = deflate(&mut CompressorOver::<miniz::Deflate>::new(settings), &pieces.concat());
            if let Some((index, byte)) = damage {
                let index = index.index(payload.len());
                payload[index] ^= byte;
            }
        }
        let miniz = verdict::<miniz::Inflate>(&payload, cut, window_bits);
        #[cfg(feature = "std")]
        {
            let zlib = verdict::<zlib::Inflate>(&payload, cut, window_bits);
            if miniz.1.is_ok() && zlib.1.is_ok() {
                prop_assert!(miniz.0 == zlib.0);
            }
        }
        let _ = miniz;
    }
}

fn verdict<I: Inflater>(
    payload: &[u8],
    (step, room): (usize, usize),
    window_bits: u8,
) -> (Vec<u8>, Result<(), InflateError>) {
    let settings = Inflation { window_bits, takeover: true };
    let whole = inflate_by(&mut DecompressorOver::<I>::new(settings), payload, usize::MAX, 4096);
    let split = inflate_by(&mut DecompressorOver::<I>::new(settings), payload, step, room);
    assert!(whole == split, "{:?} {:?} {payload:x?}", whole.1, split.1);
    whole
}

#[test]
fn a_distance_beyond_the_window_is_refused_or_within_what_there_is() {
    let text = json(2000);
    let mut message = noise(600);
    message.extend_from_slice(&text);
    message.extend_from_within(..300);
    let payload = deflate(&mut compressor::<miniz::Deflate>(), &message);
    for window_bits in 8..=15 {
        let settings = Inflation { window_bits, takeover: true };
        let miniz = inflate(&mut DecompressorOver::<miniz::Inflate>::new(settings), &payload);
        let fits = 1 << window_bits >= 2600;
        assert_eq!(miniz.is_ok(), fits);
        #[cfg(feature = "std")]
        {
            let zlib = inflate(&mut DecompressorOver::<zlib::Inflate>::new(settings), &payload);
            assert_eq!(zlib.unwrap(), message);
        }
    }
}

/// The rows of `hostile.json` that need no frames.
#[test]
fn the_hostile_rows_come_out_as_they_should() {
    let table = include_str!("../../../tests/vectors/hostile.json");
    let table: serde_json::Value = serde_json::from_str(table).unwrap();
    let rows = table.as_array().unwrap();
    let mut seen = 0;
    for row in rows.iter().filter(|row| row["group"] == "deflate-data") {
        let id = row["id"].as_str().unwrap();
        // These are about RSV bits or UTF-8, or have no data.
        if ["DD-15", "DD-16", "DD-17", "DD-22", "DD-32"].contains(&id) {
            continue;
        }
        seen += 1;
        hostile_row::<miniz::Inflate>(id, row);
        #[cfg(feature = "std")]
        hostile_row::<zlib::Inflate>(id, row);
    }
    assert_eq!(seen, 13);
}

fn hostile_row<I: Inflater>(id: &str, row: &serde_json::Value) {
    let limit = row["setup"]["max_message"].as_u64().unwrap_or(1 << 20) as usize;
    let window_bits = if row["setup"]["pmd"].as_str().unwrap().contains("bits=9") { 9 } else { 15 };
    let mut one = DecompressorOver::<I>::new(Inflation { window_bits, takeover: true });
    let mut events = Vec::new();
    let mut failure = None;
    let bytes = row_bytes(row);
    let mut rest = &bytes[..];
    let mut message = Vec::new();
    while let Some((frame, compressed, fin, after)) = take_frame(rest) {
        rest = after;
        let mut out = vec![0; limit + 1 - message.len()];
        let result = if compressed {
            one.decompress(frame, &mut out).and_then(|progress| {
                message.extend_from_slice(&out[..progress.produced]);
                one.pending_error()?;
                if fin && message.len() <= limit {
                    assert!(one.finish(&mut [0; 1])?.done);
                }
                Ok(())
            })
        } else {
            message.extend_from_slice(frame);
            Ok(())
        };
        if let Err(error) = result {
            failure = Some(1007);
            assert_eq!(error, InflateError::Invalid);
            break;
        }
        if message.len() > limit {
            failure = Some(1009);
            break;
        }
        if fin {
            events.push(core::mem::take(&mut message));
        }
    }
    let oracle = &row["oracle"];
    if id == "DD-30" {
        // The payload of that row stays within the window after all, and its expected results allow it.
        assert_eq!((failure, events.len()), (None, 1));
    } else if let Some(close) = oracle["close"].as_array() {
        assert!(close.iter().any(|code| code.as_u64() == failure), "{id}: {failure:?}");
    } else {
        assert_eq!(failure, None, "{id}");
        if let Some(lengths) = oracle["event_lens"].as_array() {
            let got: Vec<_> = events.iter().map(|event| event.len() as u64).collect();
            let want: Vec<_> = lengths.iter().map(|length| length.as_u64().unwrap()).collect();
            assert_eq!(got, want, "{id}");
        } else {
            let want = oracle["events"].as_array().unwrap().iter();
            let want: Vec<_> = want.map(|event| event[1].as_str().unwrap().as_bytes()).collect();
            assert_eq!(events, want, "{id}");
        }
    }
}

/// The unmasked bytes of a row.
fn row_bytes(row: &serde_json::Value) -> Vec<u8> {
    if let Some(hex) = row["bytes_hex_client"].as_str() {
        return unhex(hex);
    }
    let runs = row["bytes_rle_client"].as_array().unwrap();
    let run = |run: &serde_json::Value| {
        unhex(run[0].as_str().unwrap()).repeat(run[1].as_u64().unwrap() as usize)
    };
    runs.iter().flat_map(run).collect()
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits.map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

/// The payload of the first frame, whether its message is compressed, whether it is the last frame of its message, and
/// the rest of the bytes.
fn take_frame(bytes: &[u8]) -> Option<(&[u8], bool, bool, &[u8])> {
    let (&[first, second], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = match second {
        126 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        length => (usize::from(length), rest),
    };
    let (payload, rest) = rest.split_at_checked(length)?;
    let compressed = first & 0x40 != 0 || first & 0x0F == 0;
    Some((payload, compressed, first & 0x80 != 0, rest))
}

/// The memory of a codec, as documented at [`DeflateConfig`](crate::DeflateConfig).
#[test]
fn a_codec_holds_no_more_than_is_documented() {
    fn held<T>(work: impl FnOnce() -> T) -> i64 {
        let mut result = None;
        let bytes = allocation_counter::measure(|| result = Some(work())).bytes_current;
        drop(result);
        bytes
    }
    let least = Compression { level: 9, mem_level: 1, ..compression(9, true) };
    let default = Compression { level: 4, mem_level: 5, ..compression(12, true) };
    for settings in [least, default, compression(15, true)] {
        assert!(held(|| miniz::Deflate::new(settings)) <= 319_326);
    }
    assert!(held(|| miniz::Inflate::new(15)) <= 43_272);
    assert!(held(|| miniz::Inflate::new(9)) <= 11_016);
    assert!(size_of::<crate::deflate::Compressing>() + size_of::<Decompressor>() <= 288);
    #[cfg(feature = "std")]
    {
        assert!(held(|| zlib::Deflate::new(least)) <= 137_216);
        assert!(held(|| zlib::Deflate::new(default)) <= 164_992);
        assert!(held(|| zlib::Deflate::new(compression(15, true))) <= 380_032);
        assert!(held(|| zlib::Inflate::new(15)) <= 47_552);
        assert!(held(|| zlib::Inflate::new(9)) <= 47_552);
    }
}

#[test]
fn a_codec_at_rest_holds_nothing_and_is_movable() {
    fn movable<T: Send + Sync + 'static>() {}
    movable::<Compressor>();
    movable::<Decompressor>();
    let info = allocation_counter::measure(|| {
        let one = Compressor::new(compression(15, true));
        let mut other = Decompressor::new(Inflation { window_bits: 15, takeover: true });
        assert!(other.finish(&mut []).unwrap().done);
        drop(one);
    });
    assert_eq!(info.count_total, 0);
}

#[test]
fn a_deflater_that_misbehaves_is_an_error() {
    struct Broken(u8);
    impl Deflater for Broken {
        fn new(settings: Compression) -> Self {
            Self(settings.level)
        }
        fn deflate(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<(), BackendError> {
            if self.0 == 0 { Err(BackendError) } else { Ok(()) }
        }
        fn reset(&mut self) {}
    }
    for level in 0..2 {
        let mut one = CompressorOver::<Broken>::new(Compression { level, ..compression(9, true) });
        for _ in 0..2 {
            let mut out = Vec::new();
            assert_eq!(one.compress(b"x", true, &mut out), Err(CompressError));
        }
    }
}

#[test]
fn an_inflater_that_stands_still_ends_the_call() {
    struct Still;
    impl Inflater for Still {
        fn new(_: u8) -> Self {
            Self
        }
        fn inflate(&mut self, _: &[u8], _: &mut [u8]) -> Inflated {
            Inflated { consumed: 0, produced: 0, next: Next::Continue }
        }
        fn inflate_block_end(&mut self, _: &[u8]) -> Result<(), BackendError> {
            Err(BackendError)
        }
        fn reset(&mut self) {}
    }
    let mut one = decompressor::<Still>();
    assert_eq!(one.decompress(b"x", &mut [0]).unwrap(), Progress::default());
}

#[test]
fn an_inflater_that_claims_more_than_it_was_given_is_an_error() {
    struct Boastful(u8);
    impl Inflater for Boastful {
        fn new(window_bits: u8) -> Self {
            Self(window_bits)
        }
        fn inflate(&mut self, input: &[u8], out: &mut [u8]) -> Inflated {
            let (consumed, produced) =
                if self.0 == 8 { (input.len() + 1, 0) } else { (0, out.len() + 1) };
            Inflated { consumed, produced, next: Next::Continue }
        }
        fn inflate_block_end(&mut self, _: &[u8]) -> Result<(), BackendError> {
            Err(BackendError)
        }
        fn reset(&mut self) {}
    }
    for window_bits in [8, 9] {
        let mut one = DecompressorOver::<Boastful>::new(Inflation { window_bits, takeover: true });
        for _ in 0..2 {
            assert_eq!(one.decompress(b"x", &mut [0]), Err(InflateError::Invalid));
        }
    }
}
