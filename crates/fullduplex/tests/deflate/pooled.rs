//! The memory that connections without context takeover share, and the memory that they hold between messages.
#![cfg(feature = "std")]

use allocation_counter::measure;
use fullduplex::{
    Config, Connection, DeflateConfig, Endpoint, EndpointConfig, Event, Input, Message, MessageRef,
    Part, Role,
};
use fullduplex_testkit::{ROLES, TestEntropy, all_to};

use crate::memory::{held, without_takeover};
use crate::support::negotiate;
use crate::{KIB, MIB, Zlib, compressed, prose};

#[test]
fn a_connection_holds_what_is_documented() {
    let without = |config: DeflateConfig| {
        let fresh = config.no_context_takeover(true).peer_no_context_takeover(true);
        // The first call fills the pool, whose memory is not the connection's.
        held(Role::Server, Some(fresh));
        held(Role::Server, Some(fresh)).1
    };
    let default = DeflateConfig::new();
    let largest = default.max_window_bits(15).mem_level(8);
    let least = default.max_window_bits(9).mem_level(1);
    let all = [default, largest, least];
    // Most of these bytes are pointers and lengths.
    let least = if cfg!(target_pointer_width = "32") { 168 } else { 288 };
    assert_eq!(all.map(without), [least; 3]);
    let held = all.map(|config| held(Role::Server, Some(config)).1);
    let documented = [212_832, 427_872, 185_056];
    assert!(held.iter().zip(documented).all(|(held, most)| *held <= most), "{held:?}");
}

/// An open connection, and the message that its peer sends in each exchange.
struct Served {
    conn: Connection,
    wire: Vec<u8>,
}

impl Served {
    fn some(count: usize, role: Role, text: &str) -> Vec<Self> {
        let negotiated = negotiate(without_takeover(), without_takeover()).by(role);
        let wire = all_to(role, &[compressed(1, Zlib::new(6, 15).message(text.as_bytes()))]);
        let conn = || Connection::new(role, negotiated, Config::new());
        (0..count).map(|_| Self { conn: conn(), wire: wire.clone() }).collect()
    }

    /// Sends a message and receives one, with the caller's buffers.
    fn exchange(&mut self, text: &str, (read, out, scratch): (&mut [u8], &mut Vec<u8>, &mut [u8])) {
        out.clear();
        self.conn.append_text(text, out, TestEntropy::new(1)).unwrap();
        assert!(out.len() < text.len() / 2);
        let read = &mut read[..self.wire.len()];
        read.copy_from_slice(&self.wire);
        let mut input = Input::with_scratch(read, scratch);
        let event = self.conn.poll_event(&mut input);
        assert_eq!(event, Ok(Some(Event::Text(text.as_bytes(), Part::Whole))));
    }
}

/// A compressor and a decompressor with the default settings, and more than enough for their places in a pool.
const POOLED: i64 = (164_992 + 47_552 + 4096) as i64;

#[test]
fn a_thousand_connections_without_takeover_hold_one_compressor_together() {
    let text = prose(2 * KIB, 1);
    for role in ROLES {
        // The pool of a new thread is empty.
        let text = &text;
        let exchange_all = move || {
            let mut all = Served::some(1000, role, text);
            let (mut read, mut out, mut scratch) = ([0; 4096], Vec::with_capacity(4096), [0; 4096]);
            let counted = measure(|| {
                for one in &mut all {
                    one.exchange(text, (&mut read, &mut out, &mut scratch));
                }
            });
            assert!(counted.bytes_max <= POOLED as u64, "{role:?}: {counted:?}");
            assert!(counted.bytes_current > 0, "{counted:?}");
            // From here on, no connection allocates anything.
            let counted = measure(|| {
                for one in &mut all {
                    one.exchange(text, (&mut read, &mut out, &mut scratch));
                }
            });
            assert_eq!(counted.count_total, 0, "{role:?}: {counted:?}");
        };
        std::thread::scope(|scope| scope.spawn(exchange_all).join()).unwrap();
    }
}

#[test]
fn an_endpoint_without_takeover_allocates_nothing_for_a_message_once_it_is_warm() {
    for (role, len) in [(Role::Server, KIB), (Role::Client, KIB), (Role::Server, 40 * KIB)] {
        let text = prose(len, 1);
        let agreed = negotiate(without_takeover(), without_takeover());
        let wire = all_to(role, &[compressed(1, Zlib::new(6, 12).message(text.as_bytes()))]);
        let (config, entropy) = (EndpointConfig::new(), TestEntropy::new(1));
        let mut endpoint = Endpoint::open(role, agreed.by(role), &[], &config, entropy);
        let mut exchange = || {
            let mut seen = 0;
            for piece in wire.chunks(1000) {
                endpoint.reader.room()[..piece.len()].copy_from_slice(piece);
                endpoint.reader.advance(piece.len());
                while let Some((message, _)) = endpoint.poll().unwrap() {
                    assert_eq!(message, MessageRef::Text(&text));
                    seen += 1;
                }
            }
            endpoint.writer.send(MessageRef::Text(&text)).unwrap();
            let written = endpoint.output().unwrap().first().len();
            assert!(written < len && seen == 1);
            endpoint.writer.advance(written);
        };
        (0..3).for_each(|_| exchange());
        let counted = measure(|| (0..100).for_each(|_| exchange()));
        assert_eq!(counted.count_total, 0, "{role:?}, {len}: {counted:?}");
    }
}

#[test]
fn a_large_message_is_not_held_beyond_its_reading() {
    let text = prose(MIB, 1);
    for owned in [false, true] {
        let agreed = negotiate(without_takeover(), without_takeover());
        let message = Zlib::new(6, 12).message(text.as_bytes());
        let wire = all_to(Role::Server, &[compressed(1, message)]);
        let (config, entropy) = (EndpointConfig::new(), TestEntropy::new(1));
        let mut endpoint =
            Endpoint::open(Role::Server, agreed.by(Role::Server), &[], &config, entropy);
        let counted = measure(|| {
            for piece in wire.chunks(4096) {
                endpoint.reader.room()[..piece.len()].copy_from_slice(piece);
                endpoint.reader.advance(piece.len());
                if owned {
                    while let Some(message) = endpoint.poll_owned().unwrap() {
                        assert!(message == Message::text(&*text));
                    }
                } else {
                    while let Some((message, _)) = endpoint.poll().unwrap() {
                        assert_eq!(message, MessageRef::Text(&text));
                    }
                }
            }
        });
        assert!(counted.bytes_max > MIB as u64);
        // Only the receive buffer and a decompressor are left.
        assert!(counted.bytes_current < 256 * KIB as i64, "owned {owned}: {counted:?}");
    }
}
