//! The memory that a connection with compression holds between messages.

use allocation_counter::measure;
use fullduplex::{
    Config, Connection, DeflateConfig, Endpoint, EndpointConfig, Event, InflateError, Input,
    MessageKind, MessageRef, Negotiated, NoEntropy, Role,
};
use fullduplex_testkit::{Frame, ROLES, Seen, Split, StrictInflate, TestEntropy, all_to};

use crate::examples::{HELLO, HELLO_AGAIN};
use crate::support::negotiate;
use crate::{KIB, Zlib, compressed, deflated, noise, prose, receive};

pub(crate) fn without_takeover() -> DeflateConfig {
    DeflateConfig::new().no_context_takeover(true).peer_no_context_takeover(true)
}

/// How many bytes an endpoint holds after a message of 1 KiB in each direction, and how many after `release`.
pub(crate) fn held(role: Role, deflate: Option<DeflateConfig>) -> (i64, i64) {
    let text = prose(KIB, 1);
    let (negotiated, frame) = match deflate {
        None => (Negotiated::without_extensions(), Frame::text(text.as_bytes())),
        Some(config) => (
            negotiate(config, config).by(role),
            compressed(1, Zlib::new(6, config.max_window_bits).message(text.as_bytes())),
        ),
    };
    let wire = all_to(role, &[frame]);
    let mut endpoint = None;
    let before = measure(|| {
        let (config, entropy) = (EndpointConfig::new(), TestEntropy::new(1));
        let opened = Endpoint::open(role, negotiated, &[], &config, entropy);
        let endpoint = endpoint.insert(opened);
        endpoint.reader.room()[..wire.len()].copy_from_slice(&wire);
        endpoint.reader.advance(wire.len());
        assert_eq!(endpoint.reader.poll(), Ok(Some(MessageRef::Text(&text))));
        assert_eq!(endpoint.reader.poll(), Ok(None));
        endpoint.writer.send(MessageRef::Text(&text)).unwrap();
        let written = endpoint.output().unwrap().first().len();
        assert_eq!(written < KIB, deflate.is_some());
        endpoint.writer.advance(written);
    });
    let endpoint = endpoint.as_mut().unwrap();
    let released = measure(|| endpoint.release());
    (before.bytes_current, before.bytes_current + released.bytes_current)
}

#[test]
fn an_endpoint_at_rest_holds_what_its_windows_need_and_without_takeover_nothing() {
    // This allocates what the thread keeps for all its connections.
    for role in ROLES {
        held(role, None);
    }
    for role in ROLES {
        assert_eq!(held(role, None).1, 0);
        for bits in [15, 9] {
            for (takeover, most) in [(true, 400 * KIB), (false, 512)] {
                let config = DeflateConfig::new()
                    .max_window_bits(bits)
                    .max_peer_window_bits(bits)
                    .no_context_takeover(!takeover)
                    .peer_no_context_takeover(!takeover);
                let (used, rest) = held(role, Some(config));
                let context = format!("{role:?}, {bits} bits, takeover {takeover}: {used}, {rest}");
                assert!(used <= 410 * KIB as i64, "{context}");
                if takeover || cfg!(not(feature = "std")) {
                    assert!(rest <= most as i64, "{context}");
                    continue;
                }
                // The thread's pool now has a compressor and a decompressor. The next endpoint uses them, so it holds no
                // more than one without compression, before and after `release`.
                let (used, rest) = held(role, Some(config));
                assert!(rest <= most as i64, "{context}: {used}, {rest}");
                let plain = held(role, None).0;
                assert!(used <= plain + most as i64, "{context}: {used}, {plain}");
            }
        }
    }
}

#[test]
fn a_pooled_decompressor_refers_to_nothing_of_the_connection_before() {
    for role in ROLES {
        let connection = || {
            let negotiated = negotiate(without_takeover(), without_takeover()).by(role);
            Connection::new(role, negotiated, Config::new())
        };
        // Secrets in messages of another connection. One of them is larger than the window.
        let secrets =
            [deflated(&noise(70_000, 1)), deflated(prose(300, 1).as_bytes()), HELLO.into()];
        // A connection that takes a decompressor from the pool which has inflated a secret.
        let after = |secret: &[u8]| {
            let mut first = connection();
            let wire = all_to(role, &[compressed(2, secret)]);
            assert_eq!(receive(&mut first, &wire, Split::Whole, 100_000).error, None);
            connection()
        };
        for secret in &secrets {
            for (literals, distance) in
                [(0, 1), (1, 2), (0, 5), (4, 5), (100, 101), (0, 300), (100, 4096), (1, 32_768)]
            {
                let wire = all_to(role, &[compressed(2, reference(literals, distance))]);
                let outcome = receive(&mut after(secret), &wire, Split::Whole, 1000);
                assert_eq!(outcome.error, Some(InflateError::Invalid.into()), "{distance}");
                // Only what precedes the reference was delivered.
                let seen: Vec<u8> = outcome.seen.iter().flat_map(data).copied().collect();
                assert_eq!(seen, vec![b'a'; literals]);
            }
            let again = all_to(role, &[compressed(1, HELLO_AGAIN)]);
            let outcome = receive(&mut after(secret), &again, Split::Whole, 1000);
            assert_eq!(outcome.error, Some(InflateError::Invalid.into()));
            assert_eq!(outcome.seen, [Seen::Text(b"H".into(), false)]);
        }
    }
}

#[test]
fn a_pooled_compressor_writes_what_a_new_one_writes() {
    let config = without_takeover().threshold(0);
    let written = |text: &[u8]| {
        let negotiated = negotiate(config, config).by(Role::Server);
        let mut conn = Connection::new(Role::Server, negotiated, Config::new());
        let mut out = Vec::new();
        conn.append_binary(text, &mut out, NoEntropy).unwrap();
        out
    };
    for nth in 0..20 {
        let text = [noise(300, nth), prose(1000, nth).into_bytes(), noise(300, nth)].concat();
        let here = written(&text);
        // The pool of a new thread is empty.
        let there = std::thread::scope(|scope| scope.spawn(|| written(&text)).join()).unwrap();
        assert!(here == there && here == written(&text), "{nth}");
    }
}

#[test]
fn connections_move_between_threads_in_the_middle_of_their_messages() {
    let config = without_takeover().threshold(0);
    let agreed = negotiate(config, config);
    let open = |role| Connection::new(role, agreed.by(role), Config::new());
    let (mut client, mut server) = (open(Role::Client), open(Role::Server));
    let text = prose(3000, 1);
    let mut received = Vec::new();
    for nth in 0..9 {
        let start = nth % 3 * 1000;
        let (piece, last) = (text.as_bytes()[start..start + 1000].to_vec(), nth % 3 == 2);
        let moved = std::thread::spawn(move || {
            let mut out = Vec::new();
            let (kind, entropy) = (MessageKind::Text, TestEntropy::new(1));
            client.append_fragment(kind, &piece, last, &mut out, entropy).unwrap();
            let mut scratch = [0; 100];
            for mut read in out.chunks_mut(7) {
                loop {
                    let mut input = Input::with_scratch(read, &mut scratch);
                    while let Some(event) = server.poll_event(&mut input).unwrap() {
                        let Event::Text(chunk, _) = event else { panic!("{event:?}") };
                        received.extend_from_slice(chunk);
                    }
                    if !input.needs_scratch() {
                        break;
                    }
                    let consumed = input.consumed();
                    read = &mut read[consumed..];
                }
            }
            (client, server, received)
        });
        (client, server, received) = moved.join().unwrap();
    }
    assert_eq!(received, text.repeat(3).as_bytes());
}

fn data(seen: &Seen) -> &[u8] {
    match seen {
        Seen::Text(data, _) | Seen::Binary(data, _) => data,
        _ => &[],
    }
}

/// A block with fixed codes: `literals` times the letter a, then a reference to three bytes, `distance` bytes back.
fn reference(literals: usize, distance: usize) -> Vec<u8> {
    let mut bits: Vec<bool> = vec![false, true, false];
    // A code is sent with the most significant bit first, everything else with the least significant bit first.
    let code = |bits: &mut Vec<bool>, value: usize, len: usize| {
        bits.extend((0..len).rev().map(|bit| value >> bit & 1 == 1));
    };
    for _ in 0..literals {
        code(&mut bits, 0x30 + usize::from(b'a'), 8);
    }
    // Length 3 is symbol 257.
    code(&mut bits, 1, 7);
    let (symbol, base, extra) = match distance {
        1..=4 => (distance - 1, distance, 0),
        _ => {
            let extra = (distance - 1).ilog2() as usize - 1;
            let half = (distance - 1) >> extra & 1;
            (2 * extra + 2 + half, ((2 + half) << extra) + 1, extra)
        }
    };
    code(&mut bits, symbol, 5);
    bits.extend((0..extra).map(|bit| (distance - base) >> bit & 1 == 1));
    // Symbol 256 ends the block. After it comes an empty stored block, without its tail.
    code(&mut bits, 0, 7);
    bits.extend([false; 3]);
    let byte = |bits: &[bool]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
    bits.chunks(8).map(byte).collect()
}

#[test]
fn a_reference_is_what_it_says() {
    // If `reference` were wrong, the test of the pool would show nothing.
    for distance in [1, 2, 5, 99, 300, 4096, 32_768] {
        let message = reference(distance, distance);
        let text = StrictInflate::new(15).message(&message);
        assert!(text == vec![b'a'; distance + 3], "{distance}");
    }
}
