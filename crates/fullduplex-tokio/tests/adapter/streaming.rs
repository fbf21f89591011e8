//! Messages in pieces: sent by fragments, received as they arrive.

use allocation_counter::measure;
use fullduplex_testkit::Frame;
use fullduplex_tokio::{
    Chunk, Message, MessageKind, Part, Result, Role, WebSocketConfig, WebSocketStream,
};
use tokio::io::{DuplexStream, duplex};

use crate::support::{our_server, pair, pair_with, poll_and_drop, secs, write};

/// The byte at a place of a long message.
fn byte_at(place: usize) -> u8 {
    (place % 251) as u8
}

fn unlimited() -> WebSocketConfig {
    WebSocketConfig::new().max_message_size(None)
}

/// Sends one message of `total` bytes while it receives another one, and holds neither of them whole.
async fn stream_both_ways(socket: WebSocketStream<DuplexStream>, total: usize, at_once: usize) {
    let (mut sender, mut receiver) = socket.into_split();
    let sending = async {
        for begin in (0..total).step_by(at_once) {
            let end = (begin + at_once).min(total);
            let piece: Vec<u8> = (begin..end).map(byte_at).collect();
            sender.feed_fragment(MessageKind::Binary, &piece, end == total).await.unwrap();
        }
        sender.flush().await.unwrap();
    };
    let receiving = async {
        let mut place = 0;
        loop {
            let chunk = receiver.recv_chunk().await.unwrap().unwrap();
            let Chunk::Binary(payload, part) = chunk else { panic!("{chunk:?}") };
            assert_eq!(part.is_first(), place == 0);
            assert!(payload.iter().enumerate().all(|(i, byte)| *byte == byte_at(place + i)));
            place += payload.len();
            if part.is_last() {
                break;
            }
        }
        assert_eq!(place, total);
    };
    tokio::join!(sending, receiving);
}

#[test]
fn sixty_four_mebibytes_both_ways_are_never_held_whole() {
    const TOTAL: usize = 64 << 20;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let held = measure(|| {
        runtime.block_on(async {
            let (a, b) = pair_with(16 << 10, unlimited(), unlimited()).await;
            let both = async {
                tokio::join!(
                    stream_both_ways(a, TOTAL, 100_000),
                    stream_both_ways(b, TOTAL, 33_333)
                )
            };
            tokio::time::timeout(secs(300), both).await.unwrap();
        });
    });
    // Two write buffers have a mebibyte each, and need more while they grow.
    assert!(held.bytes_max < 8 << 20, "{}", held.bytes_max);
}

/// Sends back each piece as it comes.
async fn pass_on(mut socket: WebSocketStream<DuplexStream>) -> Result<()> {
    while let Some(chunk) = socket.recv_chunk().await {
        match chunk? {
            Chunk::Text(payload, part) => {
                socket.feed_fragment(MessageKind::Text, &payload, part.is_last()).await?;
            }
            Chunk::Binary(payload, part) => {
                socket.feed_fragment(MessageKind::Binary, &payload, part.is_last()).await?;
            }
            Chunk::Control(_) => {}
        }
    }
    Ok(())
}

#[tokio::test]
async fn pieces_that_come_while_a_write_is_blocked_are_kept_in_order() {
    const TOTAL: usize = 3 << 20;
    let config = unlimited().max_write_buffer_size(10_000).write_buffer_size(5_000);
    let patient = unlimited().read_ahead_size(2 * TOTAL);
    let (mut client, server) = pair_with(1000, patient, config).await;
    let serving = tokio::spawn(pass_on(server));
    let message: Vec<u8> = (0..TOTAL).map(byte_at).collect();
    // The client reads nothing before it has written everything.
    for (i, piece) in message.chunks(70_001).enumerate() {
        if i % 5 == 0 {
            client.send(Message::Ping(vec![i as u8].into())).await.unwrap();
        }
        let last = (i + 1) * 70_001 >= TOTAL;
        client.feed_fragment(MessageKind::Binary, piece, last).await.unwrap();
    }
    client.send("and a small one".into()).await.unwrap();
    let mut received = Vec::new();
    while received.len() < 2 {
        let message = client.recv().await.unwrap().unwrap();
        if !message.is_pong() {
            received.push(message);
        }
    }
    assert!(received[0] == Message::binary(message), "the pieces are not those that were sent");
    assert_eq!(received[1], "and a small one".into());
    client.close(None).await.unwrap();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn no_piece_is_lost_however_often_the_future_is_dropped() {
    for (pipe, polls) in [(1, 1), (7, 2), (100, 1), (5000, 3)] {
        let (mut client, mut server) = pair(pipe).await;
        let sending = tokio::spawn(async move {
            let piece = |i: usize| vec![i as u8; 100 * i];
            for i in 0..10 {
                client.feed_fragment(MessageKind::Binary, &piece(i), i == 9).await.unwrap();
                client.send(Message::Ping("?".into())).await.unwrap();
            }
            client.send("whole".into()).await.unwrap();
            client.close(None).await.unwrap();
        });
        let (mut received, mut pings, mut ended) = (Vec::new(), 0, 0);
        loop {
            let Some(chunk) = poll_and_drop(server.recv_chunk(), polls).await else { continue };
            match chunk.transpose().unwrap() {
                Some(Chunk::Binary(payload, part)) => {
                    received.extend_from_slice(&payload);
                    ended += usize::from(part.is_last());
                }
                Some(Chunk::Control(Message::Ping(_))) => pings += 1,
                Some(Chunk::Text(payload, _)) => received.extend_from_slice(&payload),
                Some(Chunk::Control(_)) => {}
                None => break,
            }
        }
        let mut expected: Vec<u8> = (0..10).flat_map(|i| vec![i as u8; 100 * i]).collect();
        expected.extend_from_slice(b"whole");
        assert!(received == expected, "pipe {pipe}, {polls} polls");
        assert_eq!((pings, ended), (10, 1));
        sending.await.unwrap();
    }
}

#[tokio::test]
async fn who_asks_for_a_message_gives_up_the_rest_of_one_in_pieces() {
    let (mut server, mut wire) = our_server(WebSocketConfig::new()).await;
    write(&mut wire, Frame::text("one").unfinished().masked().encode()).await;
    let first = server.recv_chunk().await.unwrap().unwrap();
    assert_eq!(first, Chunk::Text("one".into(), Part::First));
    write(&mut wire, Frame::continuation("two").unfinished().masked().encode()).await;
    write(&mut wire, Frame::ping("?").masked().encode()).await;
    write(&mut wire, Frame::continuation("three").masked().encode()).await;
    write(&mut wire, Frame::text("next").masked().encode()).await;
    assert_eq!(server.recv().await.unwrap().unwrap(), Message::Ping("?".into()));
    assert_eq!(server.recv().await.unwrap().unwrap(), "next".into());

    let (mut sender, mut receiver) = server.into_split();
    sender.feed_fragment(MessageKind::Text, b"half", false).await.unwrap();
    write(&mut wire, Frame::binary([1]).unfinished().masked().encode()).await;
    let first = receiver.recv_chunk().await.unwrap().unwrap();
    assert_eq!(first, Chunk::Binary(vec![1].into(), Part::First));
    let mut server = receiver.reunite(sender).unwrap();
    write(&mut wire, Frame::continuation([2]).masked().encode()).await;
    let last = server.recv_chunk().await.unwrap().unwrap();
    assert_eq!(last, Chunk::Binary(vec![2].into(), Part::Last));
}

/// While a write is blocked, pieces are kept. A caller that then asks for a message gives up these pieces as well, and the
/// pieces after them: no piece comes if an earlier one is missing.
#[tokio::test]
async fn no_piece_follows_those_that_were_given_up_while_they_were_kept() {
    for case in 0..8 {
        let [ends_first, asks_again, in_halves] = [1, 2, 4].map(|bit| case & bit != 0);
        let (near, mut wire) = duplex(100);
        let mut server =
            WebSocketStream::from_raw_socket(near, Role::Server, WebSocketConfig::new());
        write(&mut wire, Frame::text("one").unfinished().masked().encode()).await;
        let first = server.recv_chunk().await.unwrap().unwrap();
        assert_eq!(first, Chunk::Text("one".into(), Part::First));

        write(&mut wire, Frame::continuation("two").unfinished().masked().encode()).await;
        write(&mut wire, Frame::ping("?").masked().encode()).await;
        write(&mut wire, Frame::continuation("three").unfinished().masked().encode()).await;
        let end = Frame::continuation("four").masked().encode();
        if ends_first {
            write(&mut wire, &end).await;
        }
        assert!(poll_and_drop(server.send(Message::binary(vec![0; 1000])), 1).await.is_none());
        let ping = if in_halves {
            let (sender, mut receiver) = server.into_split();
            let ping = receiver.recv().await;
            server = receiver.reunite(sender).unwrap();
            ping
        } else {
            server.recv().await
        };
        assert_eq!(ping.unwrap().unwrap(), Message::Ping("?".into()));
        if asks_again {
            assert!(poll_and_drop(server.recv(), 1).await.is_none());
        }
        if !ends_first {
            write(&mut wire, &end).await;
        }
        write(&mut wire, Frame::text("next").masked().encode()).await;
        let next = server.recv_chunk().await.unwrap().unwrap();
        assert_eq!(next, Chunk::Text("next".into(), Part::Whole), "case {case}");
    }
}
