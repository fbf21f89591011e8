//! Messages that are received in pieces: the joined pieces are what was sent, and the reader never holds a whole message.
#![cfg(feature = "alloc")]

use allocation_counter::measure;
use fullduplex::{
    Chunk, Config, Connection, Error, Limits, Message, MessageError, Negotiated, Part, Reader, Role,
};
use fullduplex_testkit::{Frame, ROLES, Random, to};

fn open(role: Role) -> Reader {
    let mut config = Config::new();
    config.limits = Limits::new();
    config.limits.max_message_size = u64::MAX;
    config.limits.max_frame_size = u64::MAX;
    Reader::new(Connection::new(role, Negotiated::without_extensions(), config).split().0)
}

fn text(payload: &str) -> Message {
    Message::text(payload)
}

/// Frames, and the messages that they make.
fn conversation() -> (Vec<Frame>, Vec<Message>) {
    let large: Vec<u8> = (0..300_000_u32).map(|i| (i % 251) as u8).collect();
    let frames = vec![
        Frame::text("hello"),
        Frame::text(&b"gr\xc3"[..]).unfinished(),
        Frame::ping("between"),
        Frame::continuation(&b"\xbc"[..]).unfinished(),
        Frame::continuation("").unfinished(),
        Frame::continuation("\u{df}e"),
        Frame::binary(""),
        Frame::binary(large.clone()),
        Frame::binary([1; 100]).unfinished(),
        Frame::pong("x"),
        Frame::continuation([2; 70_000]),
        Frame::text("").unfinished(),
        Frame::continuation(""),
        Frame::close(1000, "bye"),
    ];
    let close =
        fullduplex::CloseFrame { code: fullduplex::CloseCode::Normal, reason: "bye".into() };
    let messages = vec![
        text("hello"),
        text("gr\u{fc}\u{df}e"),
        Message::binary(vec![]),
        Message::binary(large),
        Message::binary([[1_u8; 100].as_slice(), &[2; 70_000]].concat()),
        text(""),
        Message::Close(Some(close)),
    ];
    (frames, messages)
}

/// Joins pieces.
#[derive(Default)]
struct Joined {
    messages: Vec<Message>,
    controls: Vec<Message>,
    current: Option<(bool, Vec<u8>)>,
}

impl Joined {
    fn take(&mut self, chunk: Chunk) {
        let (is_text, payload, part) = match chunk {
            Chunk::Text(payload, part) => (true, payload, part),
            Chunk::Binary(payload, part) => (false, payload, part),
            Chunk::Control(close @ Message::Close(_)) => return self.messages.push(close),
            Chunk::Control(control) => return self.controls.push(control),
        };
        assert_eq!(part.is_first(), self.current.is_none());
        let (kind, data) = self.current.get_or_insert((is_text, Vec::new()));
        assert_eq!(*kind, is_text);
        data.extend_from_slice(&payload);
        if part.is_last() {
            let data = self.current.take().map(|(_, data)| data).unwrap_or_default();
            self.messages.push(match is_text {
                true => text(std::str::from_utf8(&data).expect("UTF-8")),
                false => Message::binary(data),
            });
        }
    }
}

fn read(reader: &mut Reader, wire: &mut &[u8], most: usize) {
    let room = reader.room();
    let len = room.len().min(wire.len()).min(most);
    room[..len].copy_from_slice(&wire[..len]);
    reader.advance(len);
    *wire = &wire[len..];
}

#[test]
fn joined_pieces_are_what_was_sent_however_it_is_read() {
    let (frames, messages) = conversation();
    for role in ROLES {
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| to(role, frame)).collect();
        for most in [1, 3, 1000, 5000, usize::MAX] {
            let mut reader = open(role);
            let (mut wire, mut joined) = (&*bytes, Joined::default());
            while !wire.is_empty() {
                read(&mut reader, &mut wire, most);
                while let Some(chunk) = reader.poll_chunk().unwrap() {
                    joined.take(chunk);
                }
            }
            assert_eq!(joined.messages, messages, "reads of {most}");
            assert_eq!(
                joined.controls,
                [Message::Ping("between".into()), Message::Pong("x".into())]
            );
        }
    }
}

/// Messages are polled whole or in pieces, at random. A caller that has begun a message in pieces and then polls for a
/// whole one gives up the rest of it.
#[test]
fn what_was_begun_in_pieces_is_not_told_as_a_whole() {
    let (frames, messages) = conversation();
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let role = ROLES[random.below(2)];
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| to(role, frame)).collect();
        let mut reader = open(role);
        let mut wire = &*bytes;
        // A whole message, or the pieces of one, and whether its end was received.
        let mut got: Vec<(Option<Message>, Vec<u8>, bool)> = Vec::new();
        let mut chunked = random.below(2) == 0;
        while !wire.is_empty() {
            let most = 1 + random.below(20_000);
            read(&mut reader, &mut wire, most);
            loop {
                if random.below(4) == 0 {
                    chunked = !chunked;
                }
                if chunked {
                    let Some(chunk) = reader.poll_chunk().unwrap() else { break };
                    let (payload, part) = match chunk {
                        Chunk::Text(payload, part) | Chunk::Binary(payload, part) => {
                            (payload, part)
                        }
                        Chunk::Control(close @ Message::Close(_)) => {
                            got.push((Some(close), vec![], true));
                            continue;
                        }
                        Chunk::Control(_) => continue,
                    };
                    if part.is_first() {
                        got.push((None, vec![], false));
                    }
                    let (whole, data, done) = got.last_mut().unwrap();
                    assert!(whole.is_none() && !*done, "seed {seed}");
                    data.extend_from_slice(&payload);
                    *done = part.is_last();
                } else {
                    match reader.poll_owned().unwrap() {
                        None => break,
                        Some(Message::Ping(_) | Message::Pong(_)) => {}
                        Some(message) => got.push((Some(message), vec![], true)),
                    }
                }
            }
        }
        assert_eq!(got.len(), messages.len(), "seed {seed}");
        for ((whole, data, done), message) in got.into_iter().zip(&messages) {
            match whole {
                Some(whole) => assert_eq!(whole, *message, "seed {seed}"),
                None => {
                    let sent = message.clone().into_data();
                    assert!(sent.starts_with(&data) && (!done || data == sent), "seed {seed}");
                }
            }
        }
    }
}

#[test]
fn valid_text_comes_before_the_failure() {
    for role in ROLES {
        let mut reader = open(role);
        let bytes = to(role, Frame::text(*b"good\xffbad"));
        read(&mut reader, &mut &*bytes, usize::MAX);
        let chunk = reader.poll_chunk().unwrap();
        assert_eq!(chunk, Some(Chunk::Text("good".into(), Part::First)));
        let failed = reader.poll_chunk();
        assert_eq!(failed, Err(Error::Message(MessageError::InvalidUtf8)));
        assert_eq!(reader.poll_chunk(), Ok(None));
    }
}

#[test]
fn nothing_more_of_a_message_is_to_come_after_the_end() {
    for role in ROLES {
        for end in [Frame::close(1000, ""), Frame { rsv: 2, ..Frame::ping("") }] {
            let mut reader = open(role);
            read(&mut reader, &mut &*to(role, Frame::text("begun").unfinished()), usize::MAX);
            reader.poll_chunk().unwrap();
            assert!(reader.is_within_message());
            read(&mut reader, &mut &*to(role, &end), usize::MAX);
            let _ = reader.poll_chunk();
            assert!(!reader.is_within_message(), "{end:?}");
        }
    }
}

/// The gathered part of an unfinished message is not delivered after a Close or a failure.
#[test]
fn nothing_of_an_unfinished_message_is_given_after_the_end() {
    let begun = Frame::text("begun").unfinished();
    let ends = [Some(Frame::close(1000, "")), Some(Frame { rsv: 2, ..Frame::ping("") }), None];
    for role in ROLES {
        for end in &ends {
            let mut reader = open(role);
            let frames = [Some(&begun), end.as_ref()];
            let bytes: Vec<u8> =
                frames.into_iter().flatten().flat_map(|frame| to(role, frame)).collect();
            read(&mut reader, &mut &*bytes, usize::MAX);
            match (reader.poll_owned(), end) {
                (Ok(Some(Message::Close(_))) | Err(Error::Frame(_)), Some(_)) => {}
                (Ok(None), None) => assert!(reader.receiver_mut().handle_eof().is_err()),
                (polled, _) => panic!("{polled:?}"),
            }
            for _ in 0..2 {
                assert_eq!(reader.poll_chunk(), Ok(None), "{role:?}, {end:?}");
            }
        }
    }
}

#[test]
fn a_message_of_any_size_takes_no_more_than_a_read_brings() {
    const SIZE: usize = 32 << 20;
    for role in ROLES {
        let bytes = to(role, Frame::binary(vec![7; SIZE]));
        let mut reader = open(role);
        let (mut wire, mut received) = (&*bytes, 0);
        let counted = measure(|| {
            while !wire.is_empty() {
                read(&mut reader, &mut wire, usize::MAX);
                while let Some(chunk) = reader.poll_chunk().unwrap() {
                    let Chunk::Binary(payload, _) = chunk else { panic!("{chunk:?}") };
                    received += payload.len();
                }
            }
        });
        assert_eq!(received, SIZE);
        assert!(counted.bytes_max < 256 << 10, "{}", counted.bytes_max);
    }
}

#[cfg(feature = "deflate")]
mod deflate {
    use fullduplex::{CloseScan, DeflateConfig, Endpoint, MessageRef, NoEntropy, Writer};
    use fullduplex_testkit::TestEntropy;

    use super::*;

    /// A client's reader and a server's connection, with compression.
    fn pair() -> (Reader, Connection) {
        let (client, server) = connections();
        (Reader::new(client.split().0), server)
    }

    fn connections() -> (Connection, Connection) {
        use fullduplex::handshake::{
            Acceptance, ClientHandshake, ClientRequest, HeadLimits, Outcome,
        };
        let uri = fullduplex::Uri::parse("ws://example.com/").unwrap();
        let request = ClientRequest::new(uri).deflate(DeflateConfig::new());
        let mut handshake = ClientHandshake::with_fixed_key_for_tests(*b"the sample nonce");
        let (mut asked, mut answered) = ([0; 1024], [0; 1024]);
        let len = handshake.encode_request(&request, &mut asked).unwrap();
        let mut serving = fullduplex::handshake::ServerHandshake::new(HeadLimits::new());
        let received = serving.poll(&asked[..len]).unwrap().unwrap();
        let acceptance = Acceptance::new().deflate(DeflateConfig::new());
        let (len, by_server) = received.accept(&acceptance, &mut answered).unwrap();
        let opened = handshake.poll(&answered[..len], &request).unwrap();
        let Some(Outcome::Open { negotiated, .. }) = opened else { panic!("{opened:?}") };
        let mut config = Config::new();
        config.limits.max_message_size = u64::MAX;
        let client = Connection::new(Role::Client, negotiated, config);
        (client, Connection::new(Role::Server, by_server, config))
    }

    /// Lets the server send each message, compressed and in two fragments, and a short text after it. Returns the bytes.
    fn compressed(server: &mut Connection, messages: &[Vec<u8>]) -> Vec<u8> {
        let mut wire = Vec::new();
        for message in messages {
            let (first, second) = message.split_at(message.len() / 3);
            let kind = fullduplex::MessageKind::Binary;
            server.append_fragment(kind, first, false, &mut wire, NoEntropy).unwrap();
            server.append_fragment(kind, second, true, &mut wire, NoEntropy).unwrap();
            server.append_text("short", &mut wire, NoEntropy).unwrap();
        }
        wire
    }

    fn messages() -> Vec<Vec<u8>> {
        let words = "many words, and more of the same ".repeat(20_000).into_bytes();
        vec![words, vec![0; 3_000_000], b"tiny".to_vec(), vec![], vec![1; 100_000]]
    }

    #[test]
    fn inflated_pieces_are_what_was_sent_and_a_bomb_waits_for_its_reader() {
        let (mut reader, mut server) = pair();
        let bytes = compressed(&mut server, &messages());
        for most in [1, 100, usize::MAX] {
            let mut wire = &*bytes;
            let mut joined = Joined::default();
            let mut largest = 0;
            while !wire.is_empty() {
                read(&mut reader, &mut wire, most);
                while let Some(chunk) = reader.poll_chunk().unwrap() {
                    if let Chunk::Binary(payload, _) = &chunk {
                        largest = largest.max(payload.len());
                    }
                    joined.take(chunk);
                }
            }
            let short = || text("short");
            let expected = messages().into_iter().flat_map(|data| [Message::binary(data), short()]);
            assert_eq!(joined.messages, expected.collect::<Vec<_>>(), "reads of {most}");
            assert!(largest <= 32 << 10);
            (reader, server) = pair();
            assert_eq!(compressed(&mut server, &messages()), bytes);
        }
    }

    #[test]
    fn the_rest_is_skipped_and_the_window_stays_in_step() {
        for seed in 0..60 {
            let mut random = Random::new(seed);
            let (mut reader, mut server) = pair();
            let bytes = compressed(&mut server, &messages());
            let mut wire = &*bytes;
            let (mut shorts, mut chunked) = (0, false);
            while !wire.is_empty() {
                let most = 1 + random.below(3000);
                read(&mut reader, &mut wire, most);
                loop {
                    if random.below(5) == 0 {
                        chunked = !chunked;
                    }
                    let chunk = if chunked {
                        reader.poll_chunk().unwrap()
                    } else {
                        reader.poll_owned().unwrap().map(Chunk::from)
                    };
                    match chunk {
                        None => break,
                        // A short text that was begun in pieces may have been skipped.
                        Some(Chunk::Text(payload, Part::Whole)) => {
                            assert_eq!(payload, "short");
                            shorts += 1;
                        }
                        Some(Chunk::Binary(payload, Part::Whole)) => {
                            assert!(messages().iter().any(|sent| *sent == payload), "seed {seed}");
                        }
                        Some(_) => {}
                    }
                }
            }
            assert!(shorts > 0, "seed {seed}");
            assert_eq!(reader.receiver().failure(), None);
        }
    }

    #[test]
    fn what_was_read_and_not_inflated_is_given_up_with_all_that_follows() {
        let (mut reader, mut server) = pair();
        let kind = fullduplex::MessageKind::Binary;
        let mut wire = Vec::new();
        server.append_fragment(kind, &[7; 100_000], false, &mut wire, NoEntropy).unwrap();
        read(&mut reader, &mut &*wire, usize::MAX);
        let first = reader.poll_chunk().unwrap();
        assert!(matches!(first, Some(Chunk::Binary(_, Part::First))), "{first:?}");
        assert!(!reader.unread().is_empty(), "a piece is inflated as far as it was asked for");
        assert_eq!(reader.poll_owned(), Ok(None));
        assert!(reader.unread().is_empty());

        wire.clear();
        server.append_fragment(kind, &[8; 100], true, &mut wire, NoEntropy).unwrap();
        server.append_text("short", &mut wire, NoEntropy).unwrap();
        read(&mut reader, &mut &*wire, usize::MAX);
        let next = reader.poll_chunk().unwrap();
        assert_eq!(next, Some(Chunk::Text("short".into(), Part::Whole)));
    }

    #[test]
    fn a_close_behind_a_piece_that_is_not_all_inflated_is_found_and_comes_last() {
        for seed in 0..20 {
            let (mut client, server) = connections();
            let mut random = Random::new(seed);
            let mut wire = Vec::new();
            let entropy = TestEntropy::new(seed);
            client.append_binary(&[7; 300_000], &mut wire, entropy).unwrap();
            wire.extend(Frame::close(1000, "").masked().encode());
            let mut reader = Reader::new(server.split().0);
            let mut rest = &*wire;
            while !rest.is_empty() {
                read(&mut reader, &mut rest, usize::MAX);
            }
            let (mut len, mut looked) = (0, 0);
            loop {
                // If the scratch was full, the rest of the payload was masked again.
                if random.below(2) == 0 && len < 300_000 {
                    assert_eq!(reader.find_close(&mut CloseScan::new()), Ok(true));
                    looked += 1;
                }
                match reader.poll_chunk().unwrap().expect("a Close is there") {
                    Chunk::Binary(payload, _) => len += payload.len(),
                    Chunk::Control(Message::Close(_)) => break,
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(len, 300_000);
            assert!(looked > 0, "seed {seed}");
        }
    }

    #[test]
    fn of_a_message_that_was_begun_in_pieces_and_gave_none_all_is_received_whole() {
        let mut received = 0;
        for most in 1..20 {
            let (mut reader, mut server) = pair();
            let mut bytes = Vec::new();
            for words in ["some words ", "other words "] {
                server.append_text(&words.repeat(100), &mut bytes, NoEntropy).unwrap();
            }
            let mut wire = &*bytes;
            // The first message is lent, so it keeps its place in the buffer.
            loop {
                read(&mut reader, &mut wire, 1);
                if let Some(message) = reader.poll().unwrap() {
                    assert_eq!(message, MessageRef::Text(&"some words ".repeat(100)));
                    break;
                }
            }
            let (mut left, mut given) = (most, None);
            while left > 0 && given.is_none() && !wire.is_empty() {
                read(&mut reader, &mut wire, 1);
                given = reader.poll_chunk().unwrap();
                left -= 1;
            }
            let mut whole = None;
            while !wire.is_empty() {
                read(&mut reader, &mut wire, 7);
                whole = reader.poll_owned().unwrap();
            }
            if let Some(chunk) = given {
                assert!(matches!(chunk, Chunk::Text(_, Part::First)), "{chunk:?}");
                assert_eq!(whole, None, "after {most} bytes");
            } else {
                assert_eq!(whole, Some(text(&"other words ".repeat(100))), "after {most} bytes");
                received += 1;
            }
        }
        assert!(received >= 3, "no byte of the payload brings nothing");
    }

    #[test]
    fn an_endpoint_gives_pieces_too() {
        let (client, mut server) = connections();
        let mut wire = Vec::new();
        server.append_text(&"words ".repeat(1000), &mut wire, NoEntropy).unwrap();
        let (receiver, sender) = client.split();
        let writer = Writer::new(sender, 1000, NoEntropy);
        let mut endpoint = Endpoint::join(Reader::new(receiver), writer);
        let room = endpoint.reader.room();
        room[..wire.len()].copy_from_slice(&wire);
        endpoint.reader.advance(wire.len());
        let mut joined = Joined::default();
        while let Some(chunk) = endpoint.poll_chunk().unwrap() {
            joined.take(chunk);
            assert_eq!(endpoint.reader.is_within_message(), joined.current.is_some());
        }
        assert_eq!(joined.messages, [text(&"words ".repeat(1000))]);
        assert!(endpoint.writer.send(MessageRef::Text("x")).is_err(), "no key can be drawn");
    }
}
