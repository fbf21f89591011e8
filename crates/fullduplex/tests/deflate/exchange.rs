//! Compressed messages from one endpoint to another.

use fullduplex::{
    Config, Connection, DeflateConfig, EntropyError, Message, MessageKind, MessageRef, NoEntropy,
    Role, SendError,
};
use fullduplex_testkit::{Frame, Seen, Split, StrictInflate, TestEntropy, frames};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::endpoints::{End, Joined};
use crate::support::negotiate;
use crate::{KIB, MIB, RSV1, noise, prose, receive};

/// A message, and how it is sent.
#[derive(Clone, Debug)]
struct Sent {
    text: bool,
    data: Vec<u8>,
    /// Whether compression is on when it begins.
    compressed: bool,
    /// The number of fragments, with Pings in between; `None` for a whole message.
    fragments: Option<usize>,
}

impl Sent {
    fn kind(&self) -> MessageKind {
        if self.text { MessageKind::Text } else { MessageKind::Binary }
    }

    fn send(&self, end: &mut End) {
        end.endpoint.writer.sender_mut().set_compression(self.compressed);
        let Some(fragments) = self.fragments else {
            let message = match std::str::from_utf8(&self.data) {
                Ok(text) if self.text => MessageRef::Text(text),
                _ => MessageRef::Binary(&self.data),
            };
            end.endpoint.writer.send(message).unwrap();
            return;
        };
        for (nth, piece) in self.pieces(fragments).enumerate() {
            let last = nth + 1 == fragments;
            end.endpoint.writer.send_fragment(self.kind(), piece, last).unwrap();
            // This changes nothing, because the first fragment decides.
            end.endpoint.writer.sender_mut().set_compression(!self.compressed);
            if !last {
                end.endpoint.writer.send(MessageRef::Ping(&[nth as u8])).unwrap();
            }
        }
    }

    /// The data in exactly `count` pieces. Some may be empty.
    fn pieces(&self, count: usize) -> impl Iterator<Item = &[u8]> {
        let len = self.data.len();
        (0..count).map(move |nth| &self.data[len * nth / count..len * (nth + 1) / count])
    }

    /// What the other end sees.
    fn seen(&self) -> Vec<Seen> {
        let pings = (1..self.fragments.unwrap_or(1)).map(|nth| Seen::Ping(vec![nth as u8 - 1]));
        let data = self.data.clone();
        let message = if self.text { Seen::Text(data, true) } else { Seen::Binary(data, true) };
        pings.chain([message]).collect()
    }

    /// Opcode, reserved bits and FIN of each frame.
    fn heads(&self) -> Vec<(u8, u8, bool)> {
        let opcode = if self.text { 1 } else { 2 };
        let rsv = if self.compressed { RSV1 } else { 0 };
        let count = self.fragments.unwrap_or(1);
        let mut heads = Vec::new();
        for nth in 0..count {
            let first = nth == 0;
            heads.push((
                if first { opcode } else { 0 },
                if first { rsv } else { 0 },
                nth + 1 == count,
            ));
            if nth + 1 < count {
                heads.push((9, 0, true));
            }
        }
        heads
    }
}

/// Sends each message, and checks what is on the wire and what arrives. Returns the frames.
#[track_caller]
fn exchange(joined: &mut Joined, from_client: bool, all: &[Sent], context: &str) -> Vec<Frame> {
    let (sender, _) = joined.ends(from_client);
    for sent in all {
        sent.send(sender);
    }
    joined.run();
    let (sender, receiver) = joined.ends(from_client);
    assert_eq!((sender.error, receiver.error), (None, None), "{context}");
    let seen = receiver.take_seen();
    let expected: Vec<Seen> = all.iter().flat_map(Sent::seen).collect();
    assert!(seen == expected, "{context}: {} {}", seen.len(), expected.len());
    let written = sender.frames();
    let heads: Vec<_> = written.iter().map(|f| (f.opcode, f.rsv, f.fin)).collect();
    assert_eq!(heads, all.iter().flat_map(Sent::heads).collect::<Vec<_>>(), "{context}");
    assert!(written.iter().all(|frame| frame.mask.is_some() == from_client), "{context}");
    // The sender has received only the answers to its Pings.
    let pongs = |seen: &Seen| matches!(seen, Seen::Pong(_));
    assert!(sender.take_seen().iter().all(pongs), "{context}");
    assert!(receiver.frames().iter().all(|frame| (frame.opcode, frame.rsv) == (10, 0)));
    written
}

/// Messages of these sizes: text that compresses well and noise, whole and in fragments, compressed and not.
fn messages(sizes: &[usize]) -> Vec<Sent> {
    let mut all = Vec::new();
    for (nth, len) in sizes.iter().copied().enumerate() {
        let text = prose(len, nth as u64).into_bytes();
        let data = noise(len, nth as u64);
        all.push(Sent { text: true, data: text.clone(), compressed: true, fragments: None });
        all.push(Sent { text: false, data: data.clone(), compressed: true, fragments: None });
        all.push(Sent { text: true, data: text.clone(), compressed: false, fragments: None });
        all.push(Sent { text: true, data: text, compressed: true, fragments: Some(3) });
        all.push(Sent { text: false, data: data.clone(), compressed: false, fragments: Some(2) });
        all.push(Sent { text: false, data, compressed: true, fragments: Some(4) });
    }
    all
}

/// A configuration for each end. The window is 2^`bits` bytes for the client's messages, and 2^(23 - `bits`) for the
/// server's.
fn configs(
    bits: u8,
    level: u8,
    client_takeover: bool,
    server_takeover: bool,
) -> (DeflateConfig, DeflateConfig) {
    let config = DeflateConfig::new().level(level).threshold(0);
    let client = config
        .max_window_bits(bits)
        .max_peer_window_bits(23 - bits)
        .no_context_takeover(!client_takeover);
    let server = config.max_window_bits(23 - bits).no_context_takeover(!server_takeover);
    (client, server)
}

#[test]
fn messages_of_every_kind_arrive_under_every_agreement() {
    let all = messages(&[0, 1, 100, KIB]);
    for bits in 8..=15 {
        for level in [0, 1, 6, 9] {
            for takeovers in [(true, true), (true, false), (false, true), (false, false)] {
                let (client, server) = configs(bits, level, takeovers.0, takeovers.1);
                let context = format!("{bits} bits, level {level}, takeovers {takeovers:?}");
                let agreed = negotiate(client, server);
                assert!(agreed.answer.is_some(), "{context}");
                let mut joined = Joined::new(client, server);
                for from_client in [true, false] {
                    let (from, to) = if from_client {
                        (Role::Client, Role::Server)
                    } else {
                        (Role::Server, Role::Client)
                    };
                    let ours = agreed.by(from).deflate().unwrap();
                    let theirs = agreed.by(to).deflate().unwrap();
                    let takeover = if from_client { takeovers.0 } else { takeovers.1 };
                    let window = if from_client { bits } else { 23 - bits };
                    assert_eq!(ours.context_takeover(), takeover, "{context}");
                    assert_eq!(theirs.peer_context_takeover(), takeover, "{context}");
                    assert_eq!(ours.window_bits(), window, "{context}");
                    assert!(theirs.peer_window_bits() >= window, "{context}");

                    let written = exchange(&mut joined, from_client, &all, &context);
                    let mut strict = StrictInflate::new(window);
                    keeps_to_the_window(&mut strict, takeover, &written, &all);
                }
            }
        }
    }
}

/// Decodes what was written. The decoder panics if the sender has used more than was negotiated.
fn keeps_to_the_window(
    strict: &mut StrictInflate,
    takeover: bool,
    written: &[Frame],
    all: &[Sent],
) {
    let mut frames = written.iter().filter(|frame| frame.opcode < 8);
    for sent in all {
        let count = sent.fragments.unwrap_or(1);
        let payload: Vec<u8> =
            frames.by_ref().take(count).flat_map(|frame| frame.payload.clone()).collect();
        if sent.compressed {
            if !takeover {
                strict.forget();
            }
            assert!(strict.message(&payload) == sent.data);
        } else {
            assert!(payload == sent.data);
        }
    }
}

#[test]
fn large_messages_arrive_whatever_the_reads() {
    let all = messages(&[64 * KIB, MIB]);
    for (bits, level, read_size) in [(15, 6, usize::MAX), (8, 1, 1000), (9, 0, 70_000), (12, 9, 7)]
    {
        let (client, server) = configs(bits, level, true, false);
        let all = if read_size < 1000 { &all[..6] } else { &all[..] };
        let mut joined = Joined::new(client, server);
        joined.read_size = read_size;
        for from_client in [true, false] {
            let context = format!("{bits} bits, level {level}, reads of {read_size}");
            let written = exchange(&mut joined, from_client, all, &context);
            if level > 0 {
                assert!(written[0].payload.len() < 32 * KIB, "prose is compressed: {context}");
            }
            let noise = &written[1].payload;
            assert!(noise.len() <= 68 * KIB, "noise hardly grows: {}", noise.len());
        }
    }
}

#[test]
fn without_an_offer_or_an_answer_nothing_is_compressed() {
    let config = DeflateConfig::new().threshold(0);
    let mut plain = messages(&[0, 1, 100]);
    plain.iter_mut().for_each(|sent| sent.compressed = false);
    let cases = [(None, None), (Some(config), None), (None, Some(config))];
    for (client, server) in cases {
        let mut joined = Joined::new(client, server);
        for from_client in [true, false] {
            // Turning compression on has no effect.
            let (sender, _) = joined.ends(from_client);
            sender.endpoint.writer.sender_mut().set_compression(true);
            sender.endpoint.writer.send(MessageRef::Text("plain")).unwrap();
            joined.run();
            let (sender, receiver) = joined.ends(from_client);
            assert_eq!(receiver.take_seen(), [Seen::Text(b"plain".into(), true)]);
            assert_eq!(sender.frames()[0].rsv, 0);
            exchange(&mut joined, from_client, &plain, "plain");
        }
    }
}

#[test]
fn messages_below_the_threshold_are_not_compressed() {
    for threshold in [None, Some(0), Some(1), Some(1000), Some(usize::MAX)] {
        let mut config = DeflateConfig::new();
        if let Some(bytes) = threshold {
            config = config.threshold(bytes);
        }
        let threshold = config.threshold;
        let mut joined = Joined::new(config, config);
        for from_client in [true, false] {
            let (sender, _) = joined.ends(from_client);
            let lens = [0, 1, 2, 127, 128, 129, 999, 1000, 1001, 5000];
            for len in lens {
                sender.endpoint.writer.send(MessageRef::Text(&"x".repeat(len))).unwrap();
            }
            joined.run();
            let (sender, receiver) = joined.ends(from_client);
            assert_eq!(receiver.take_seen().len(), lens.len());
            for (len, frame) in lens.into_iter().zip(sender.frames()) {
                assert_eq!(frame.rsv == RSV1, len >= threshold, "{len}, threshold {threshold}");
            }
        }
    }
    assert_eq!(DeflateConfig::new().threshold, 128);
}

#[test]
fn a_connection_alone_compresses_what_is_appended_to_a_buffer() {
    let config = DeflateConfig::new();
    for role in [Role::Client, Role::Server] {
        let agreed = negotiate(config, config);
        let mut conn = Connection::new(role, agreed.by(role), Config::new());
        let (mut keys, mut out) = (TestEntropy::new(1), b"before".to_vec());
        let (long, short) = (prose(5000, 1), "short");
        conn.append_text(&long, &mut out, &mut keys).unwrap();
        conn.append_text(short, &mut out, &mut keys).unwrap();
        conn.append_binary(long.as_bytes(), &mut out, &mut keys).unwrap();
        conn.set_compression(false);
        conn.append_text(&long, &mut out, &mut keys).unwrap();
        conn.set_compression(true);
        let (head, tail) = long.as_bytes().split_at(1001);
        conn.append_fragment(MessageKind::Text, head, false, &mut out, &mut keys).unwrap();
        // A message that began compressed cannot continue uncompressed, and an attempt to do so leaves nothing behind.
        let plain = conn.send_fragment(MessageKind::Text, b"x", true, &mut [0; 100], &mut keys);
        assert_eq!(plain, Err(SendError::BegunCompressed));
        let before = out.clone();
        let wrong = conn.append_fragment(MessageKind::Binary, tail, true, &mut out, &mut keys);
        assert_eq!(wrong, Err(SendError::KindChanged));
        let broken = conn.append_fragment(MessageKind::Text, tail, true, &mut out, NoEntropy);
        if role == Role::Client {
            assert_eq!(broken, Err(SendError::Entropy(EntropyError)));
            assert_eq!(out, before);
            conn.append_fragment(MessageKind::Text, tail, true, &mut out, &mut keys).unwrap();
        }
        // A message that began uncompressed stays so.
        let mut plain = [0; 100];
        let len = conn.send_fragment(MessageKind::Text, b"un", false, &mut plain, &mut keys);
        out.extend(&plain[..len.unwrap()]);
        conn.append_fragment(MessageKind::Text, b"compressed", true, &mut out, &mut keys).unwrap();

        assert!(out.starts_with(b"before"));
        let written = frames(&out[6..]);
        let rsv: Vec<_> = written.iter().map(|frame| frame.rsv).collect();
        assert_eq!(rsv, [RSV1, 0, RSV1, 0, RSV1, 0, 0, 0]);
        assert!(written.iter().all(|frame| frame.mask.is_some() == (role == Role::Client)));

        let peer = if role == Role::Client { Role::Server } else { Role::Client };
        let mut peer = Connection::new(peer, agreed.by(peer), Config::new());
        let outcome = receive(&mut peer, &out[6..], Split::Every(100), 300);
        assert_eq!(outcome.error, None);
        let text = |text: &str| Seen::Text(text.into(), true);
        let binary = Seen::Binary(long.clone().into(), true);
        let expected =
            [text(&long), text(short), binary, text(&long), text(&long), text("uncompressed")];
        assert!(outcome.seen == expected, "{}", outcome.seen.len());
    }
}

/// [`DeflateConfig::threshold`]: "`usize::MAX` for never".
#[test]
fn fragments_are_not_compressed_either_where_the_threshold_is_never_reached() {
    let config = DeflateConfig::new().threshold(usize::MAX);
    let mut joined = Joined::new(config, config);
    let (sender, _) = joined.ends(true);
    sender.endpoint.writer.send_fragment(MessageKind::Text, b"never ", false).unwrap();
    sender.endpoint.writer.send_fragment(MessageKind::Text, b"mind", true).unwrap();
    joined.run();
    assert_eq!(joined.server.take_seen(), [Seen::Text(b"never mind".into(), true)]);
    assert!(joined.client.frames().iter().all(|frame| frame.rsv == 0));
}

#[test]
fn a_window_that_was_not_written_is_forgotten() {
    for takeover in [true, false] {
        let config = DeflateConfig::new().threshold(0).no_context_takeover(!takeover);
        let mut joined = Joined::new(config, config);
        let texts = [prose(300, 1), prose(300, 2), prose(300, 3)];
        let send = |end: &mut End, text: &str| end.endpoint.writer.send(MessageRef::Text(text));
        let client = &mut joined.client;
        send(client, &texts[0]).unwrap();
        client.broken.set(true);
        for text in &texts {
            assert_eq!(send(client, text), Err(SendError::Entropy(EntropyError)));
        }
        client.broken.set(false);
        // If the compressor had kept its window, this message would refer to data that the peer never received.
        send(client, &texts[1]).unwrap();
        send(client, &texts[2]).unwrap();
        joined.run();
        assert_eq!(joined.server.error, None);
        let expected = texts.map(|text| Seen::Text(text.into_bytes(), true));
        assert_eq!(joined.server.take_seen(), expected);
    }
}

#[test]
fn an_owned_message_that_cannot_be_masked_stays_as_it_was_and_can_be_sent_again() {
    let config = DeflateConfig::new();
    let mut joined = Joined::new(config, config);
    let mut expected = Vec::new();
    for len in [10, 300, 70_000] {
        for (on, is_shared) in [(true, true), (true, false), (false, true), (false, false)] {
            for message in [Message::text(prose(len, 1)), Message::binary(noise(len, 1))] {
                // The message has its own buffer, which is shared below if `is_shared`.
                let mut sent = match &message {
                    Message::Text(text) => Message::text(text.as_str().to_owned()),
                    other => Message::binary(other.clone().into_data().to_vec()),
                };
                let other = is_shared.then(|| sent.clone());
                let client = &mut joined.client;
                client.endpoint.writer.sender_mut().set_compression(on);
                client.broken.set(true);
                let refused = client.endpoint.writer.send_message(&mut sent);
                assert_eq!(refused, Err(SendError::Entropy(EntropyError)));
                assert!(sent == message, "{len}, {on}, {is_shared}");
                assert_eq!(client.endpoint.writer.pending(), 0);
                client.broken.set(false);
                client.endpoint.writer.send_message(&mut sent).unwrap();
                assert!(other.is_none_or(|other| other == message));
                joined.run();
                expected.push(match message {
                    Message::Text(text) => Seen::Text(text.as_bytes().into(), true),
                    other => Seen::Binary(other.into_data().into(), true),
                });
            }
        }
    }
    assert_eq!(joined.server.error, None);
    assert!(joined.server.take_seen() == expected);
}

#[test]
fn a_fragment_that_was_not_written_is_forgotten_and_can_be_sent_again() {
    for takeover in [true, false] {
        for fails in 0..3 {
            let config = DeflateConfig::new().threshold(0).no_context_takeover(!takeover);
            let mut joined = Joined::new(config, config);
            let texts = [prose(300, 1), prose(300, 2)];
            for text in &texts {
                let pieces = [&text[..100], &text[100..200], &text[200..]];
                for (nth, piece) in pieces.into_iter().enumerate() {
                    let client = &mut joined.client;
                    let mut send = || {
                        let (kind, last) = (MessageKind::Text, nth == 2);
                        client.endpoint.writer.send_fragment(kind, piece.as_bytes(), last)
                    };
                    if nth == fails {
                        client.broken.set(true);
                        assert_eq!(send(), Err(SendError::Entropy(EntropyError)));
                        client.broken.set(false);
                    }
                    send().unwrap();
                }
            }
            joined.run();
            assert_eq!(joined.server.error, None);
            let expected = texts.map(|text| Seen::Text(text.into_bytes(), true));
            assert_eq!(joined.server.take_seen(), expected);
        }
    }
}

#[test]
fn releasing_memory_in_the_middle_of_a_message_loses_nothing() {
    for takeover in [true, false] {
        let config =
            DeflateConfig::new().no_context_takeover(!takeover).peer_no_context_takeover(!takeover);
        for from_client in [true, false] {
            let mut joined = Joined::new(config, config);
            for nth in 0..3 {
                let text = prose(3000, nth);
                for (piece, last) in [(&text[..1000], false), (&text[1000..], true)] {
                    let (sender, _) = joined.ends(from_client);
                    let piece = piece.as_bytes();
                    sender.endpoint.writer.send_fragment(MessageKind::Text, piece, last).unwrap();
                    sender.endpoint.release();
                    joined.run();
                    joined.client.endpoint.release();
                    joined.server.endpoint.release();
                }
                let (_, receiver) = joined.ends(from_client);
                assert_eq!(receiver.error, None, "takeover {takeover}");
                assert_eq!(receiver.take_seen(), [Seen::Text(text.into_bytes(), true)]);
            }
        }
    }
}

/// What an application does.
#[derive(Clone, Debug)]
enum Operation {
    Send {
        from_client: bool,
        sent: Sent,
    },
    /// A message that cannot be written.
    Fail {
        data: Vec<u8>,
    },
    Ping {
        from_client: bool,
    },
    Release {
        from_client: bool,
    },
    Carry,
}

fn operation() -> impl Strategy<Value = Operation> {
    let words = select(vec!["a", "ß", "€", "😀", "hello ", "frame ", "\0"]);
    let text = vec(words, 0..200).prop_map(|words| (true, words.concat().into_bytes()));
    let data = vec(any::<u8>(), 0..500).prop_map(|data| (false, data));
    let sent = (prop_oneof![text, data], any::<bool>(), prop::option::of(1..5_usize)).prop_map(
        |((text, data), compressed, fragments)| Sent { text, data, compressed, fragments },
    );
    prop_oneof![
        6 => (any::<bool>(), sent).prop_map(|(from_client, sent)| Operation::Send { from_client, sent }),
        1 => vec(any::<u8>(), 0..300).prop_map(|data| Operation::Fail { data }),
        1 => any::<bool>().prop_map(|from_client| Operation::Ping { from_client }),
        1 => any::<bool>().prop_map(|from_client| Operation::Release { from_client }),
        2 => Just(Operation::Carry),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_both_ends_send_arrives_in_order(
        operations in vec(operation(), 1..40),
        bits in 8..=15_u8, level in 0..=9_u8, mem_level in 1..=9_u8, takeovers in any::<[bool; 2]>(),
        read_size in prop_oneof![Just(usize::MAX), 1..100_usize],
    ) {
        let (client, server) = configs(bits, level, takeovers[0], takeovers[1]);
        let mut joined = Joined::new(client.mem_level(mem_level), server.mem_level(mem_level));
        joined.read_size = read_size;
        let mut expected = [Vec::new(), Vec::new()];
        for operation in &operations {
            match operation {
                Operation::Send { from_client, sent } => {
                    sent.send(joined.ends(*from_client).0);
                    expected[usize::from(*from_client)].extend(sent.seen());
                }
                Operation::Fail { data } => {
                    joined.client.endpoint.writer.sender_mut().set_compression(true);
                    joined.client.broken.set(true);
                    let sent = joined.client.endpoint.writer.send(MessageRef::Binary(data));
                    prop_assert_eq!(sent, Err(SendError::Entropy(EntropyError)));
                    joined.client.broken.set(false);
                }
                Operation::Ping { from_client } => {
                    joined.ends(*from_client).0.endpoint.writer.send(MessageRef::Ping(b"?")).unwrap();
                    expected[usize::from(*from_client)].push(Seen::Ping(b"?".into()));
                }
                Operation::Release { from_client } => {
                    joined.ends(*from_client).0.endpoint.release();
                }
                Operation::Carry => joined.run(),
            }
        }
        joined.run();
        for from_client in [true, false] {
            let receiver = joined.ends(from_client).1;
            prop_assert_eq!(receiver.error, None);
            let mut seen = receiver.take_seen();
            seen.retain(|seen| !matches!(seen, Seen::Pong(_)));
            prop_assert_eq!(&seen, &expected[usize::from(from_client)]);
        }
    }
}
