//! Input that is read ahead and polled later: it takes no more memory than was allowed, it is not changed, and a Close in
//! it is found.
#![cfg(feature = "alloc")]

use fullduplex::{
    BufMut, CloseScan, Endpoint, EndpointConfig, Error, Message, Negotiated, Reader, Role,
};
use fullduplex_testkit::{Frame, Random, TestEntropy};

fn server() -> Endpoint<TestEntropy> {
    let negotiated = Negotiated::without_extensions();
    Endpoint::open(Role::Server, negotiated, &[], &EndpointConfig::new(), TestEntropy::new(1))
}

fn receive_ahead(endpoint: &mut Endpoint<TestEntropy>, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let mut room = endpoint.reader.room_ahead(1 << 20).expect("there is room");
        let len = room.remaining_mut().min(bytes.len());
        room.put_slice(&bytes[..len]);
        drop(room);
        endpoint.reader.advance(len);
        bytes = &bytes[len..];
    }
}

fn poll_all(endpoint: &mut Endpoint<TestEntropy>) -> Vec<Message> {
    std::iter::from_fn(|| endpoint.poll_owned().unwrap()).collect()
}

/// Reads ahead until the reader takes no more, in reads of random sizes. Returns how many bytes were read.
fn fill(reader: &mut Reader, size: usize, random: &mut Random) -> usize {
    let mut total = 0;
    loop {
        let Some(mut room) = reader.room_ahead(size) else { break };
        assert!(room.remaining_mut() > 0, "room without any");
        let len = (1 + random.below(3000)).min(room.remaining_mut());
        room.put_bytes(7, len);
        drop(room);
        reader.advance(len);
        total += len;
    }
    total
}

#[test]
fn what_is_read_ahead_fills_a_buffer_of_the_size_that_was_given_and_no_larger_one() {
    const ORDINARY: usize = 4 << 10;
    for size in [1, 100, ORDINARY, 10_000, 64 << 10, 100_000, 1 << 20] {
        for seed in 0..10 {
            let mut reader = server().reader;
            let total = fill(&mut reader, size, &mut Random::new(seed));
            assert_eq!(total, size.max(ORDINARY), "seed {seed}");
            assert_eq!(reader.capacity(), total);
            assert_eq!(reader.unread().len(), total);
            assert!(reader.room_ahead(size).is_none());
        }
    }
    assert!(server().reader.room_ahead(0).is_none());
}

#[test]
fn a_buffer_that_a_large_message_has_left_is_not_filled() {
    let mut endpoint = server();
    let mut bytes = Frame::binary(vec![1; 8 << 20]).masked().encode();
    bytes.extend(Frame::text("small").masked().encode());
    for piece in bytes.chunks(1 << 20) {
        let mut put = 0;
        while put < piece.len() {
            let room = endpoint.reader.room();
            let len = room.len().min(piece.len() - put);
            room[..len].copy_from_slice(&piece[put..put + len]);
            endpoint.reader.advance(len);
            put += len;
        }
        if let Some((message, _)) = endpoint.poll().unwrap() {
            assert_eq!(message.to_message().len(), 8 << 20);
        }
    }
    let mut total = 0;
    loop {
        let Some(mut room) = endpoint.reader.room_ahead(64 << 10) else { break };
        let len = room.remaining_mut();
        room.put_bytes(7, len);
        drop(room);
        endpoint.reader.advance(len);
        total += len;
    }
    assert!(total <= 64 << 10, "{total}");
}

#[test]
fn messages_that_are_taken_make_room_again_without_a_copy_of_the_rest_for_each() {
    const SIZE: usize = 64 << 10;
    let mut endpoint = server();
    let frame = Frame::binary([1]).masked().encode();
    let (mut at, mut received, mut grown) = (0, 0, 0);
    for _ in 0..20_000 {
        loop {
            let Some(mut room) = endpoint.reader.room_ahead(SIZE) else { break };
            let (len, mut put) = (room.remaining_mut(), 0);
            grown += 1;
            while put < len {
                let piece = &frame[at..(at + len - put).min(frame.len())];
                room.put_slice(piece);
                (at, put) = ((at + piece.len()) % frame.len(), put + piece.len());
            }
            drop(room);
            endpoint.reader.advance(len);
        }
        assert_eq!(endpoint.poll_owned(), Ok(Some(Message::binary(vec![1]))));
        received += 1;
    }
    // The buffer is moved or allocated anew only after half of it was polled.
    let halves = received * frame.len() / (SIZE / 2);
    assert!(grown < 12 + 2 * halves, "{grown} times room for {received} messages");
}

#[test]
fn a_close_is_found_at_any_cut_and_what_precedes_it_stays_as_it_came() {
    let bytes: Vec<u8> = [
        Frame::text("one").masked(),
        Frame::binary([2; 300]).unfinished().masked(),
        Frame::ping("\u{88}\u{80}").masked(),
        // A payload that looks like a Close.
        Frame::continuation(Frame::close(1000, "").encode()).masked(),
        Frame::close(4000, "bye").masked(),
    ]
    .iter()
    .flat_map(Frame::encode)
    .collect();
    // In the middle of the payload of a message that is one frame, of one that is two, and between frames.
    for polled in [0, 7, 9, 10, 335] {
        for cut in polled..bytes.len() {
            let mut endpoint = server();
            receive_ahead(&mut endpoint, &bytes[..polled]);
            let mut messages = poll_all(&mut endpoint);
            let mut scan = CloseScan::new();
            receive_ahead(&mut endpoint, &bytes[polled..cut]);
            assert_eq!(endpoint.reader.find_close(&mut scan), Ok(false), "{polled} to {cut}");
            let mut ended = server();
            receive_ahead(&mut ended, &bytes[..cut]);
            poll_all(&mut ended);
            assert_eq!(ended.handle_eof(), Err(scan.ended().into()), "{polled} to {cut}");
            receive_ahead(&mut endpoint, &bytes[cut..]);
            assert_eq!(endpoint.reader.find_close(&mut scan), Ok(true), "{polled} to {cut}");
            assert!(endpoint.writer.sender().may_send(), "it takes effect in its order");
            messages.extend(poll_all(&mut endpoint));
            assert_eq!(messages.len(), 4);
            assert_eq!(messages[2].len(), 304);
            assert!(messages[3].is_close());
            assert!(!endpoint.writer.sender().may_send());
        }
    }
}

#[test]
fn a_close_that_nothing_precedes_takes_effect_when_it_is_found_and_is_delivered_once() {
    let close = Frame::close(4000, "bye").masked().encode();
    for (cut, polled) in (0..close.len()).flat_map(|cut| [(cut, false), (cut, true)]) {
        let mut endpoint = server();
        let mut scan = CloseScan::new();
        receive_ahead(&mut endpoint, &close[..cut]);
        if polled {
            assert_eq!(endpoint.poll_owned(), Ok(None));
        }
        assert_eq!(endpoint.reader.find_close(&mut scan), Ok(false));
        receive_ahead(&mut endpoint, &close[cut..]);
        assert_eq!(endpoint.reader.find_close(&mut scan), Ok(true));
        let reason = endpoint.reader.receiver().peer_close().flatten();
        assert_eq!(reason.map(|reason| reason.reason.to_owned()), Some("bye".to_owned()));
        match cut % 3 {
            0 => assert!(endpoint.poll_owned().unwrap().unwrap().is_close()),
            1 => assert!(endpoint.poll().unwrap().is_some()),
            _ => assert!(endpoint.poll_chunk().unwrap().is_some()),
        }
        assert_eq!(endpoint.poll_owned(), Ok(None));
        assert_eq!(endpoint.poll_chunk(), Ok(None));
        assert!(!endpoint.output().unwrap().first().is_empty(), "it is answered");
    }
}

/// "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response, unless it already received a Close
/// frame" (RFC 6455 §5.5.2).
#[test]
fn a_ping_that_is_partly_polled_precedes_the_close() {
    let ping = Frame::ping("ping").masked().encode();
    let close = Frame::close(4000, "bye").masked().encode();
    for cut in 1..ping.len() {
        let mut endpoint = server();
        receive_ahead(&mut endpoint, &ping[..cut]);
        assert_eq!(endpoint.poll_owned(), Ok(None));
        receive_ahead(&mut endpoint, &ping[cut..]);
        receive_ahead(&mut endpoint, &close);
        assert_eq!(endpoint.reader.find_close(&mut CloseScan::new()), Ok(true), "{cut}");
        assert!(endpoint.writer.sender().may_send(), "it takes effect in its order");
        let messages = poll_all(&mut endpoint);
        assert_eq!(messages.len(), 2, "{cut}: {messages:?}");
        assert!(messages[0].is_ping() && messages[1].is_close(), "{cut}: {messages:?}");
    }
}

#[test]
fn a_fault_is_told_when_it_is_found_and_once_more_where_it_stands() {
    let mut endpoint = server();
    receive_ahead(&mut endpoint, &Frame::text("one").masked().encode());
    receive_ahead(&mut endpoint, &Frame::new(3, *b"reserved").masked().encode());
    let found = endpoint.reader.find_close(&mut CloseScan::new());
    assert!(matches!(found, Err(Error::Frame(_))), "{found:?}");
    assert_eq!(endpoint.poll_owned(), Ok(Some("one".into())));
    assert_eq!(endpoint.poll_owned().map(|_| ()), found.map(|_| ()));

    let mut endpoint = server();
    receive_ahead(&mut endpoint, &Frame::close(1005, "").masked().encode());
    let found = endpoint.reader.find_close(&mut CloseScan::new());
    assert!(matches!(found, Err(Error::CloseFrame(_))), "{found:?}");
    assert!(endpoint.reader.receiver().failure().is_some());
    assert_eq!(endpoint.poll_owned(), Ok(None));
}
