//! The output of an endpoint. Its bytes depend neither on whether payloads are copied nor on how much the transport takes
//! at a time. Further tests are about payloads that are not copied, and about messages that are refused.
#![cfg(feature = "alloc")]

use allocation_counter::measure;
use fullduplex::{
    Bytes, CloseCode, CloseFrame, Endpoint, EndpointConfig, InvalidUtf8, Message, MessageKind,
    MessageRef, Negotiated, PreparedMessage, Role, SendError,
};
use fullduplex_testkit::{BrokenEntropy, Frame, ROLES, Random, TestEntropy, frames};

const LARGE: usize = 64 << 10;

fn open(role: Role) -> Endpoint<TestEntropy> {
    let negotiated = Negotiated::without_extensions();
    Endpoint::open(role, negotiated, &[], &EndpointConfig::new(), TestEntropy::new(1))
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|nth| (nth % 251) as u8).collect()
}

/// Takes at most `most` bytes of the output, in pieces as a vectored write would, and returns them.
fn write(endpoint: &mut Endpoint<TestEntropy>, most: usize) -> Vec<u8> {
    let mut taken: Vec<u8> =
        endpoint.output().unwrap().slices().flat_map(|chunk| chunk.iter().copied()).collect();
    assert_eq!(taken.len(), endpoint.writer.pending());
    taken.truncate(most);
    let first = endpoint.output().unwrap().first();
    assert!(first.starts_with(&taken[..first.len().min(taken.len())]));
    endpoint.writer.advance(taken.len());
    taken
}

fn payloads(frames: &[Frame]) -> Vec<&[u8]> {
    frames.iter().map(|frame| &frame.payload[..]).collect()
}

#[test]
fn messages_leave_whole_and_in_order_however_they_are_sent_and_taken() {
    let sizes = [0, 1, 125, 126, 4000, 8191, 8192, 8193, 65_535, 65_536, 200_000];
    let news = PreparedMessage::binary(&bytes(20_000));
    let note = PreparedMessage::text("short");
    for role in ROLES {
        let mut random = Random::new(7);
        for _ in 0..40 {
            let mut endpoint = open(role);
            let (mut sent, mut wire) = (Vec::new(), Vec::new());
            for _ in 0..12 {
                let payload = bytes(sizes[random.below(sizes.len())]);
                match random.below(5) {
                    0 => {
                        endpoint.writer.send_prepared(&news).unwrap();
                        sent.push(news.payload().to_vec());
                    }
                    1 => {
                        endpoint.writer.send_prepared(&note).unwrap();
                        sent.push(note.payload().to_vec());
                    }
                    2 => {
                        endpoint.writer.send(MessageRef::Binary(&payload)).unwrap();
                        sent.push(payload);
                    }
                    3 => {
                        let shared = Bytes::from(payload.clone());
                        endpoint.writer.send_message(&mut Message::Binary(shared.clone())).unwrap();
                        assert_eq!(shared, payload, "what others have a handle to is not masked");
                        sent.push(payload);
                    }
                    _ => {
                        endpoint.writer.send_message(&mut Message::from(payload.clone())).unwrap();
                        sent.push(payload);
                    }
                }
                let most = random.below(100_000);
                wire.extend(write(&mut endpoint, most));
            }
            wire.extend(write(&mut endpoint, usize::MAX));
            assert_eq!(endpoint.writer.pending(), 0);
            let frames = frames(&wire);
            assert!(frames.iter().all(|frame| frame.mask.is_some() == (role == Role::Client)));
            assert_eq!(payloads(&frames), sent);
        }
    }
}

#[test]
fn a_large_payload_is_not_copied() {
    for role in ROLES {
        let mut endpoint = open(role);
        let payload = Bytes::from(bytes(LARGE));
        let place = payload.as_ptr();
        let mut message = Message::Binary(payload);
        let counted = measure(|| {
            endpoint.writer.send_message(&mut message).unwrap();
        });
        assert!(counted.bytes_total < 1024, "{role:?}: {counted:?}");
        let last = endpoint.output().unwrap().slices().last().unwrap();
        assert_eq!((last.as_ptr(), last.len()), (place, LARGE));
    }
}

#[test]
fn a_broadcast_is_encoded_once() {
    let news = PreparedMessage::binary(&bytes(LARGE));
    let mut rooms: Vec<_> = (0..100).map(|_| open(Role::Server)).collect();
    let counted = measure(|| {
        for endpoint in &mut rooms {
            endpoint.writer.send_prepared(&news).unwrap();
        }
    });
    assert!(counted.bytes_total < 100 * 512, "{counted:?}");
    for endpoint in &mut rooms {
        let place = endpoint.output().unwrap().first().as_ptr_range();
        assert!(place.contains(&news.payload().as_ptr()));
    }
}

#[test]
fn a_text_that_is_none_is_not_prepared() {
    let refused = PreparedMessage::new(MessageKind::Text, b"\xff").unwrap_err();
    assert_eq!(refused, InvalidUtf8);
    let news = PreparedMessage::text("κόσμε");
    assert_eq!(news.kind(), MessageKind::Text);
    assert_eq!(news.payload(), "κόσμε".as_bytes());
}

#[test]
fn a_message_that_is_refused_comes_back_as_it_was() {
    let text = "x".repeat(LARGE);
    let mut message = Message::text(text.clone());
    let (negotiated, config) = (Negotiated::without_extensions(), EndpointConfig::new());
    let mut endpoint =
        Endpoint::open(Role::Client, negotiated, &[], &config, BrokenEntropy { draws: 0 });
    let refused = endpoint.writer.send_message(&mut message);
    assert!(matches!(refused, Err(SendError::Entropy(_))));
    assert_eq!(message, Message::text(text.clone()));
    assert_eq!(endpoint.writer.pending(), 0);

    let mut config = EndpointConfig::new();
    config.max_write_buffer_size = LARGE;
    for role in ROLES {
        let negotiated = Negotiated::without_extensions();
        let mut endpoint = Endpoint::open(role, negotiated, &[], &config, TestEntropy::new(1));
        endpoint.writer.send_message(&mut Message::text(text.clone())).unwrap();
        let pending = endpoint.writer.pending();
        let refused = endpoint.writer.send_message(&mut message);
        assert_eq!(refused, Err(SendError::WriteBufferFull));
        assert_eq!(message, Message::text(text.clone()));
        assert_eq!(endpoint.writer.pending(), pending);
        assert_eq!(payloads(&frames(&write(&mut endpoint, usize::MAX))), [text.as_bytes()]);
        endpoint.writer.send_message(&mut message.clone()).unwrap();
    }
}

/// The queue is new and has no memory yet, or it has written a message before.
#[test]
fn a_small_message_is_refused_for_the_same_reasons_as_any_other() {
    let mut config = EndpointConfig::new();
    config.max_write_buffer_size = 11;
    let note = MessageRef::Text("note");
    for role in ROLES {
        for (written, owned) in [(false, false), (false, true), (true, false), (true, true)] {
            let open = |draws| {
                let (negotiated, entropy) =
                    (Negotiated::without_extensions(), BrokenEntropy { draws });
                let mut endpoint = Endpoint::open(role, negotiated, &[], &config, entropy);
                if written {
                    endpoint.writer.send(MessageRef::Text("before, and longer")).unwrap();
                    endpoint.writer.advance(endpoint.writer.pending());
                }
                endpoint
            };
            let send = |endpoint: &mut Endpoint<BrokenEntropy>| match owned {
                false => endpoint.writer.send(note),
                true => endpoint.writer.send_message(&mut note.to_message()),
            };

            // Two messages fill the write buffer. After `reserve`, it takes one more.
            let mut endpoint = open(9);
            while endpoint.writer.pending() < 11 {
                send(&mut endpoint).unwrap();
            }
            let pending = endpoint.writer.pending();
            assert_eq!(send(&mut endpoint), Err(SendError::WriteBufferFull));
            assert_eq!(endpoint.writer.pending(), pending);
            endpoint.writer.reserve();
            send(&mut endpoint).unwrap();
            assert_eq!(send(&mut endpoint), Err(SendError::WriteBufferFull));
            // `reserve` is for one message, even if that message would have had space without it.
            endpoint.writer.advance(endpoint.writer.pending());
            endpoint.writer.reserve();
            send(&mut endpoint).unwrap();
            send(&mut endpoint).unwrap();
            assert_eq!(send(&mut endpoint), Err(SendError::WriteBufferFull));

            // "The fragments of one message MUST NOT be interleaved between the fragments of another message" (§5.4).
            let mut endpoint = open(9);
            endpoint.writer.send_fragment(MessageKind::Text, b"a", false).unwrap();
            assert_eq!(send(&mut endpoint), Err(SendError::MessageUnfinished));
            endpoint.writer.send_fragment(MessageKind::Text, b"b", true).unwrap();
            endpoint.writer.advance(endpoint.writer.pending());
            send(&mut endpoint).unwrap();

            // "The application MUST NOT send any more data frames after sending a Close frame" (§5.5.1).
            let mut endpoint = open(9);
            endpoint.writer.send(MessageRef::Close(None)).unwrap();
            assert_eq!(send(&mut endpoint), Err(SendError::Closed));

            // The full queue of a connection that is over may never have space again, so the error is `Closed`.
            let mut endpoint = open(9);
            while endpoint.writer.pending() < 11 {
                send(&mut endpoint).unwrap();
            }
            assert!(endpoint.handle_reset().is_err());
            assert_eq!(send(&mut endpoint), Err(SendError::Closed));

            let mut endpoint = open(usize::from(written));
            match role {
                Role::Server => send(&mut endpoint).unwrap(),
                Role::Client => {
                    assert!(matches!(send(&mut endpoint), Err(SendError::Entropy(_))));
                    assert_eq!(endpoint.writer.pending(), 0);
                }
            }
        }
    }
}

#[test]
fn a_lone_message_takes_little_more_memory_than_its_frame() {
    for role in ROLES {
        let mut endpoint = open(role);
        let counted = measure(|| endpoint.writer.send(MessageRef::Text("lone")).unwrap());
        assert!(counted.bytes_max <= 16, "{counted:?}");
    }
}

#[test]
fn endpoints_at_rest_share_what_they_read_into_and_write_from() {
    let frame = Frame::binary(bytes(1000));
    let wires = [frame.clone().masked().encode(), frame.encode()];
    let mut rest: Vec<_> = ROLES.into_iter().cycle().take(1000).map(open).collect();
    let counted = measure(|| {
        for endpoint in &mut rest {
            let wire = &wires[usize::from(endpoint.role() == Role::Client)];
            endpoint.reader.room()[..wire.len()].copy_from_slice(wire);
            endpoint.reader.advance(wire.len());
            let mut message = endpoint.poll_owned().unwrap().unwrap();
            endpoint.writer.send_message(&mut message).unwrap();
            write(endpoint, usize::MAX);
            assert_eq!(endpoint.poll_owned(), Ok(None));
            endpoint.release();
        }
    });
    assert!(counted.bytes_current < 16 << 10, "{counted:?}");
}

#[test]
fn a_close_leaves_with_a_code_or_without_as_it_was_given() {
    for role in ROLES {
        let given = [
            (Message::Close(None), vec![], None),
            (
                Message::Close(Some(CloseFrame::new(CloseCode::Away))),
                vec![3, 233],
                Some(CloseCode::Away),
            ),
        ];
        for (close, payload, code) in given {
            for owned in [false, true] {
                let mut endpoint = open(role);
                let sent = if owned {
                    endpoint.writer.send_message(&mut close.clone())
                } else {
                    endpoint.writer.send(close.as_message_ref())
                };
                assert_eq!(sent, Ok(()));
                assert_eq!(payloads(&frames(&write(&mut endpoint, usize::MAX))), [&payload[..]]);
                assert_eq!(endpoint.writer.sender().sent_close(), Some(code));
                let again = endpoint.writer.send(close.as_message_ref());
                assert_eq!(again, Err(SendError::Closed));

                let answer = Frame::new(8, payload.clone());
                let answer = if role == Role::Server { answer.masked() } else { answer };
                let wire = answer.encode();
                endpoint.reader.room()[..wire.len()].copy_from_slice(&wire);
                endpoint.reader.advance(wire.len());
                assert_eq!(endpoint.poll_owned().unwrap().as_ref(), Some(&close));
                assert!(endpoint.reader.receiver().is_clean());
            }
        }
    }
}

#[cfg(feature = "std")]
#[test]
fn the_buffers_of_an_endpoint_that_ends_serve_the_next() {
    let wire = Frame::binary(bytes(1000)).masked().encode();
    let life = || {
        let mut endpoint = open(Role::Server);
        endpoint.reader.room()[..wire.len()].copy_from_slice(&wire);
        endpoint.reader.advance(wire.len());
        // A part of the next frame stays unread, and a message unwritten.
        endpoint.reader.room()[..10].copy_from_slice(&wire[..10]);
        endpoint.reader.advance(10);
        let message = endpoint.poll_owned().unwrap().unwrap();
        endpoint.writer.send(message.as_message_ref()).unwrap();
    };
    // The first endpoint fills the thread's pool. A buffer in the pool keeps the reference count that its messages have
    // shared.
    life();
    let counted = measure(life);
    assert!(counted.bytes_total < 512, "{counted:?}");
}
