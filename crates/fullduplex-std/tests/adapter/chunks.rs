//! Messages that are received in pieces.

use std::io::Write;
use std::thread;

use fullduplex_std::{Chunk, EndpointConfig, Message, MessageKind, Part, accept, client};
use fullduplex_testkit::Frame;

use crate::raw::our_client;
use crate::support::{bounded, sockets};

#[test]
fn a_message_larger_than_anyone_wants_to_hold_is_passed_on_in_pieces() {
    const PIECES: u32 = 500;
    bounded(|| {
        let (near, far) = sockets();
        let serving = thread::spawn(move || {
            let mut server = accept(far).unwrap();
            loop {
                match server.read_chunk().unwrap() {
                    Chunk::Text(..) => panic!("nobody sent text"),
                    Chunk::Binary(payload, part) => {
                        let kind = MessageKind::Binary;
                        server.feed_fragment(kind, &payload, part.is_last()).unwrap();
                    }
                    Chunk::Control(message) if message.is_close() => break,
                    Chunk::Control(_) => {}
                }
            }
        });
        let (mut socket, _) = client("ws://localhost/", near).unwrap();
        let mut received = Vec::new();
        for i in 0..PIECES {
            let piece = vec![i as u8; 5000];
            socket.feed_fragment(MessageKind::Binary, &piece, i == PIECES - 1).unwrap();
            socket.flush().unwrap();
            // Everything that was sent has to come back before more is sent.
            while received.len() < 5000 * (i as usize + 1) {
                let Chunk::Binary(payload, part) = socket.read_chunk().unwrap() else { panic!() };
                assert_eq!(part.is_first(), received.is_empty());
                received.extend_from_slice(&payload);
                assert_eq!(part.is_last(), received.len() == 5000 * PIECES as usize);
            }
        }
        assert!(received.iter().enumerate().all(|(at, byte)| *byte == (at / 5000) as u8));
        socket.close(None).unwrap();
        assert!(matches!(socket.read_chunk().unwrap(), Chunk::Control(Message::Close(_))));
        serving.join().unwrap();
    });
}

#[test]
fn who_reads_a_message_gives_up_the_rest_of_one_in_pieces() {
    bounded(|| {
        let (mut socket, mut far) = our_client(EndpointConfig::new());
        far.write_all(&Frame::text("one").unfinished().encode()).unwrap();
        assert_eq!(socket.read_chunk().unwrap(), Chunk::Text("one".into(), Part::First));
        let rest = [Frame::continuation("two"), Frame::text("next")].map(|frame| frame.encode());
        far.write_all(&rest.concat()).unwrap();
        assert_eq!(socket.read().unwrap(), Message::text("next"));
    });
}
