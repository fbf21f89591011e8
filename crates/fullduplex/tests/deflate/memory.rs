//! What compression holds while nothing happens.

use allocation_counter::measure;
use fullduplex::{
    Config, Connection, DeflateConfig, Endpoint, EndpointConfig, Event, InflateError, Input,
    Message, MessageKind, MessageRef, Negotiated, NoEntropy, Part, Role,
};
use fullduplex_testkit::{Frame, Seen, Split, StrictInflate, TestEntropy};

use crate::endpoints::NOW;
use crate::support::{inflate_by, negotiate};
use crate::{KIB, MIB, ROLES, Zlib, compressed, deflated, noise, prose, receive, to};

/// How many bytes an endpoint holds after a message of 1 KiB each way, and how many once it has released
/// what it can.
fn held(role: Role, deflate: Option<DeflateConfig>) -> (i64, i64) {
    let text = prose(KIB, 1);
    let (negotiated, frame) = match deflate {
        None => (Negotiated::without_extensions(), Frame::text(text.as_bytes())),
        Some(config) => (
            negotiate(config, config).by(role),
            compressed(1, Zlib::new(6, config.max_window_bits).message(text.as_bytes())),
        ),
    };
    let wire = to(role, &[frame]);
    let mut endpoint = None;
    let before = measure(|| {
        let (config, entropy) = (EndpointConfig::new(), TestEntropy::new(1));
        let opened = Endpoint::open(role, negotiated, &[], config, entropy, NOW);
        let endpoint = endpoint.insert(opened);
        endpoint.room()[..wire.len()].copy_from_slice(&wire);
        endpoint.advance(wire.len());
        assert_eq!(endpoint.poll(NOW), Ok(Some(MessageRef::Text(&text))));
        assert_eq!(endpoint.poll(NOW), Ok(None));
        endpoint.send(MessageRef::Text(&text), NOW).unwrap();
        let written = endpoint.output().unwrap().len();
        assert_eq!(written < KIB, deflate.is_some());
        endpoint.advance_output(written);
    });
    let endpoint = endpoint.as_mut().unwrap();
    let released = measure(|| endpoint.release());
    (before.bytes_current, before.bytes_current + released.bytes_current)
}

#[test]
fn an_endpoint_at_rest_holds_what_its_windows_need_and_without_takeover_nothing() {
    // What the thread keeps for all its connections is there from now on.
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
                // The thread's pool has what the first one needed; the next one holds no more than an
                // endpoint without compression, released or not.
                let (used, rest) = held(role, Some(config));
                assert!(rest <= most as i64, "{context}: {used}, {rest}");
                let plain = held(role, None).0;
                assert!(used <= plain + most as i64, "{context}: {used}, {plain}");
            }
        }
    }
}

/// The figures in the documentation of [`DeflateConfig`], each for a connection that has sent and received.
#[test]
#[cfg(feature = "std")]
fn a_connection_holds_what_is_documented() {
    let without = |config: DeflateConfig| {
        let fresh = config.no_context_takeover(true).peer_no_context_takeover(true);
        // What is pooled is not the connection's.
        held(Role::Server, Some(fresh));
        held(Role::Server, Some(fresh)).1
    };
    let default = DeflateConfig::new();
    let largest = default.max_window_bits(15).mem_level(8);
    let least = default.max_window_bits(9).mem_level(1);
    let all = [default, largest, least];
    assert_eq!(all.map(without), [288; 3]);
    let held = all.map(|config| held(Role::Server, Some(config)).1);
    let documented = [212_832, 427_872, 185_056];
    assert!(held.iter().zip(documented).all(|(held, most)| *held <= most), "{held:?}");
}

/// An open connection, with what a peer of it sends it each time.
struct Served {
    conn: Connection,
    wire: Vec<u8>,
}

impl Served {
    fn some(count: usize, role: Role, text: &str) -> Vec<Self> {
        let negotiated = negotiate(without_takeover(), without_takeover()).by(role);
        let wire = to(role, &[compressed(1, Zlib::new(6, 15).message(text.as_bytes()))]);
        let conn = || Connection::new(role, negotiated, Config::new());
        (0..count).map(|_| Self { conn: conn(), wire: wire.clone() }).collect()
    }

    /// Sends a message and receives one; the buffers are the caller's.
    fn exchange(
        &mut self,
        text: &str,
        (read, out, inflated): (&mut [u8], &mut Vec<u8>, &mut [u8]),
    ) {
        out.clear();
        self.conn.append_text(text, out, TestEntropy::new(1)).unwrap();
        assert!(out.len() < text.len() / 2);
        let read = &mut read[..self.wire.len()];
        read.copy_from_slice(&self.wire);
        let mut input = Input::new(read);
        let Some(Event::Compressed(chunk, MessageKind::Text, Part::Whole)) =
            self.conn.poll_event(&mut input, NOW).unwrap()
        else {
            panic!("a compressed message");
        };
        let step = self.conn.inflate(chunk, inflated, NOW).unwrap();
        assert!(step.done && inflated[..step.produced] == *text.as_bytes());
    }
}

fn without_takeover() -> DeflateConfig {
    DeflateConfig::new().no_context_takeover(true).peer_no_context_takeover(true)
}

/// One compressor and one decompressor of the default settings, and more than their places in a pool.
const POOLED: i64 = (164_992 + 47_552 + 4096) as i64;

#[test]
#[cfg(feature = "std")]
fn a_thousand_connections_without_takeover_hold_one_compressor_together() {
    let text = prose(2 * KIB, 1);
    for role in ROLES {
        // On a thread of its own, whose pool is empty.
        let text = &text;
        let exchange_all = move || {
            let mut all = Served::some(1000, role, text);
            let (mut read, mut out, mut inflated) =
                ([0; 4096], Vec::with_capacity(4096), [0; 4096]);
            let counted = measure(|| {
                for one in &mut all {
                    one.exchange(text, (&mut read, &mut out, &mut inflated));
                }
            });
            assert!(counted.bytes_max <= POOLED as u64, "{role:?}: {counted:?}");
            assert!(counted.bytes_current > 0, "{counted:?}");
            // From here on, nothing is allocated, whatever the connection.
            let counted = measure(|| {
                for one in &mut all {
                    one.exchange(text, (&mut read, &mut out, &mut inflated));
                }
            });
            assert_eq!(counted.count_total, 0, "{role:?}: {counted:?}");
        };
        std::thread::scope(|scope| scope.spawn(exchange_all).join()).unwrap();
    }
}

#[test]
#[cfg(feature = "std")]
fn an_endpoint_without_takeover_allocates_nothing_for_a_message_once_it_is_warm() {
    for (role, len) in [(Role::Server, KIB), (Role::Client, KIB), (Role::Server, 40 * KIB)] {
        let text = prose(len, 1);
        let agreed = negotiate(without_takeover(), without_takeover());
        let wire = to(role, &[compressed(1, Zlib::new(6, 12).message(text.as_bytes()))]);
        let (config, entropy) = (EndpointConfig::new(), TestEntropy::new(1));
        let mut endpoint = Endpoint::open(role, agreed.by(role), &[], config, entropy, NOW);
        let mut exchange = || {
            let mut seen = 0;
            for piece in wire.chunks(1000) {
                endpoint.room()[..piece.len()].copy_from_slice(piece);
                endpoint.advance(piece.len());
                while let Some(message) = endpoint.poll(NOW).unwrap() {
                    assert_eq!(message, MessageRef::Text(&text));
                    seen += 1;
                }
            }
            endpoint.send(MessageRef::Text(&text), NOW).unwrap();
            let written = endpoint.output().unwrap().len();
            assert!(written < len && seen == 1);
            endpoint.advance_output(written);
        };
        (0..3).for_each(|_| exchange());
        let counted = measure(|| (0..100).for_each(|_| exchange()));
        assert_eq!(counted.count_total, 0, "{role:?}, {len}: {counted:?}");
    }
}

#[test]
#[cfg(feature = "std")]
fn a_large_message_is_not_held_beyond_its_reading() {
    let text = prose(MIB, 1);
    for owned in [false, true] {
        let agreed = negotiate(without_takeover(), without_takeover());
        let message = Zlib::new(6, 12).message(text.as_bytes());
        let wire = to(Role::Server, &[compressed(1, message)]);
        let (config, entropy) = (EndpointConfig::new(), TestEntropy::new(1));
        let mut endpoint =
            Endpoint::open(Role::Server, agreed.by(Role::Server), &[], config, entropy, NOW);
        let counted = measure(|| {
            for piece in wire.chunks(4096) {
                endpoint.room()[..piece.len()].copy_from_slice(piece);
                endpoint.advance(piece.len());
                if owned {
                    while let Some(message) = endpoint.poll_owned(NOW).unwrap() {
                        assert!(message == Message::text(&*text));
                    }
                } else {
                    while let Some(message) = endpoint.poll(NOW).unwrap() {
                        assert_eq!(message, MessageRef::Text(&text));
                    }
                }
            }
        });
        assert!(counted.bytes_max > MIB as u64);
        // The receive buffer and a decompressor.
        assert!(counted.bytes_current < 256 * KIB as i64, "owned {owned}: {counted:?}");
    }
}

/// "Hello", and the same again as a reference to it (RFC 7692 §7.2.3.2).
const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
const HELLO_AGAIN: [u8; 5] = [0xf2, 0x00, 0x11, 0x00, 0x00];

#[test]
fn a_pooled_decompressor_refers_to_nothing_of_the_connection_before() {
    for role in ROLES {
        let connection = || {
            let negotiated = negotiate(without_takeover(), without_takeover()).by(role);
            Connection::new(role, negotiated, Config::new())
        };
        // Secrets, a window full of them and more, in messages of another connection.
        let secrets =
            [deflated(&noise(70_000, 1)), deflated(prose(300, 1).as_bytes()), HELLO.into()];
        // A connection that finds a decompressor which holds a secret.
        let after = |secret: &[u8]| {
            let mut first = connection();
            let wire = to(role, &[compressed(2, secret)]);
            assert_eq!(receive(&mut first, &wire, Split::Whole, 100_000).error, None);
            connection()
        };
        for secret in &secrets {
            for (literals, distance) in
                [(0, 1), (1, 2), (0, 5), (4, 5), (100, 101), (0, 300), (100, 4096), (1, 32_768)]
            {
                let wire = to(role, &[compressed(2, reference(literals, distance))]);
                let outcome = receive(&mut after(secret), &wire, Split::Whole, 1000);
                assert_eq!(outcome.error, Some(InflateError::Invalid.into()), "{distance}");
                // What came before the reference, and nothing else.
                let seen: Vec<u8> = outcome.seen.iter().flat_map(data).copied().collect();
                assert_eq!(seen, vec![b'a'; literals]);
            }
            let again = to(role, &[compressed(1, HELLO_AGAIN)]);
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
        // On a thread of its own there is nothing in the pool.
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
            for read in out.chunks_mut(7) {
                let mut input = Input::new(read);
                while let Some(event) = server.poll_event(&mut input, NOW).unwrap() {
                    let Event::Compressed(chunk, ..) = event else { panic!("{event:?}") };
                    inflate_by(100)(&mut server, chunk, &mut received).unwrap();
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

/// A block with fixed codes: the letter a so often, then three bytes from this far back.
fn reference(literals: usize, distance: usize) -> Vec<u8> {
    let mut bits: Vec<bool> = vec![false, true, false];
    // Codes come with the most significant bit first, everything else with the least.
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
    // The end of the block is 256; then an empty stored block, without its tail.
    code(&mut bits, 0, 7);
    bits.extend([false; 3]);
    let byte = |bits: &[bool]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
    bits.chunks(8).map(byte).collect()
}

#[test]
fn a_reference_is_what_it_says() {
    // Otherwise nothing was tried.
    for distance in [1, 2, 5, 99, 300, 4096, 32_768] {
        let message = reference(distance, distance);
        let text = StrictInflate::new(15).message(&message);
        assert!(text == vec![b'a'; distance + 3], "{distance}");
    }
}
