//! A WebSocket in two halves: what one task receives and another one sends.

use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use fullduplex_testkit::{Frame, Random, frames};
use fullduplex_tokio::fullduplex::{Ended, Error as Failure};
use fullduplex_tokio::{
    CloseCode, CloseFrame, Error, IntoHalves, Message, MessageKind, MessageRef, PreparedMessage,
    ReuniteError, Role, WebSocketConfig, WebSocketReceiver, WebSocketSender, WebSocketStream,
    accept, client, connect,
};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{
    Flag, is_bad_text, ms, our_client, our_server, pair, pair_with, poll_and_drop, poll_once,
    read_to_end, secs, write,
};

type Halves<S = DuplexStream> = (WebSocketSender<S>, WebSocketReceiver<S>);

/// Echoes lent messages until the end.
async fn lent_echo<S: IntoHalves>((mut sender, mut receiver): Halves<S>) -> Halves<S> {
    while let Some(message) = receiver.recv_ref().await {
        let message = message.unwrap();
        if matches!(message, MessageRef::Text(_) | MessageRef::Binary(_)) {
            sender.feed_ref(message).await.unwrap();
        }
    }
    (sender, receiver)
}

async fn tcp() -> (WebSocketStream<TcpStream>, WebSocketStream<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepting = async { accept(listener.accept().await.unwrap().0).await.unwrap() };
    let dialling = async {
        let stream = TcpStream::connect(address).await.unwrap();
        client("ws://localhost/", stream).await.unwrap().0
    };
    tokio::join!(accepting, dialling)
}

#[tokio::test]
async fn what_is_lent_is_sent_back_with_one_write_for_all_that_one_read_brought() {
    let (server, client) = tcp().await;
    let serving = tokio::spawn(lent_echo(server.into_split()));
    let (mut sender, mut receiver) = client.into_split();
    for round in 0..20_usize {
        for i in 0..16 {
            sender.feed(Message::binary(vec![i; round * 100])).await.unwrap();
        }
        sender.flush().await.unwrap();
        for i in 0..16 {
            let message = receiver.recv().await.unwrap().unwrap();
            assert_eq!(message, Message::binary(vec![i; round * 100]));
        }
    }
    sender.close(None).await.unwrap();
    assert!(receiver.recv().await.unwrap().unwrap().is_close());
    assert!(receiver.recv().await.is_none());
    assert!(receiver.receiver().is_clean());
    assert!(matches!(sender.send("more".into()).await, Err(Error::ConnectionClosed)));
    let (mut sender, receiver) = serving.await.unwrap();
    assert!(receiver.receiver().is_clean());
    assert!(matches!(sender.feed("more".into()).await, Err(Error::ConnectionClosed)));
}

/// Each half runs in its own task, on several threads, through pipes that are nearly always full, and over TCP.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn no_wake_up_is_lost_between_the_halves() {
    async fn run<S>(sockets: [WebSocketStream<S>; 2])
    where
        S: IntoHalves<ReadHalf: Send, WriteHalf: Send> + Send + 'static,
    {
        const COUNT: usize = 10_000;
        let mut tasks = tokio::task::JoinSet::new();
        let all_sent = std::sync::Arc::new(tokio::sync::Barrier::new(2));
        for socket in sockets {
            let (mut sender, mut receiver) = socket.into_split();
            let all_sent = all_sent.clone();
            tasks.spawn(async move {
                for i in 0..COUNT {
                    let message = match i % 50 {
                        0 => Message::Ping(vec![i as u8].into()),
                        _ => Message::binary(vec![i as u8; i % 90]),
                    };
                    match i % 4 {
                        0 => sender.feed(message).await.unwrap(),
                        1 => SinkExt::send(&mut sender, message).await.unwrap(),
                        2 => SinkExt::feed(&mut sender, message).await.unwrap(),
                        _ => sender.send(message).await.unwrap(),
                    }
                }
                sender.flush().await.unwrap();
                all_sent.wait().await;
                sender.close(None).await.unwrap();
                std::future::pending::<()>().await;
            });
            tasks.spawn(async move {
                let mut next = 0_usize;
                loop {
                    match receiver.next().await.expect("an end without a Close").unwrap() {
                        Message::Pong(_) => continue,
                        Message::Close(_) => break,
                        Message::Ping(payload) => assert_eq!(*payload, [next as u8]),
                        message => {
                            assert_eq!(message, Message::binary(vec![next as u8; next % 90]));
                        }
                    }
                    next += 1;
                }
                assert_eq!(next, COUNT);
                assert!(receiver.next().await.is_none());
                assert!(receiver.receiver().is_clean());
            });
        }
        // The senders' tasks never end.
        let received = async {
            for _ in 0..2 {
                tasks.join_next().await.unwrap().unwrap();
            }
        };
        tokio::time::timeout(secs(60), received).await.expect("it hangs");
    }
    for size in [1, 30, 1000, 1 << 16] {
        let (a, b) = pair(size).await;
        run([a, b]).await;
    }
    let (a, b) = tcp().await;
    run([a, b]).await;
}

#[tokio::test]
async fn pings_are_answered_while_the_sender_does_nothing() {
    let (server, mut wire) = our_server(WebSocketConfig::new()).await;
    let (sender, mut receiver) = server.into_split();
    for id in 0..10 {
        write(&mut wire, Frame::ping([id]).masked().encode()).await;
        assert_eq!(receiver.recv().await.unwrap().unwrap(), Message::Ping(vec![id].into()));
        assert!(poll_and_drop(receiver.recv(), 1).await.is_none());
        let mut pong = [0; 3];
        wire.read_exact(&mut pong).await.unwrap();
        assert_eq!(frames(&pong), [Frame::pong([id])]);
    }
    drop(sender);
    write(&mut wire, Frame::ping("still").masked().encode()).await;
    assert!(receiver.recv().await.unwrap().unwrap().is_ping());
    assert!(poll_and_drop(receiver.recv(), 1).await.is_none());
    let mut pong = [0; 7];
    wire.read_exact(&mut pong).await.unwrap();
}

#[tokio::test]
async fn the_peers_close_is_answered_before_it_is_told_and_ends_sending() {
    let (server, mut wire) = our_server(WebSocketConfig::new()).await;
    let (mut sender, mut receiver) = server.into_split();
    sender.feed("fed".into()).await.unwrap();
    write(&mut wire, Frame::close(4000, "bye").masked().encode()).await;
    let close = CloseFrame { code: CloseCode::from_u16(4000), reason: "bye".into() };
    assert_eq!(receiver.recv().await.unwrap().unwrap(), Message::Close(Some(close)));
    assert!(receiver.receiver().is_clean(), "it was answered");
    assert!(!sender.can_send());
    assert!(matches!(sender.send("more".into()).await, Err(Error::ConnectionClosed)));
    sender.close(None).await.unwrap();
    let mut sent = vec![0; 5 + 4];
    wire.read_exact(&mut sent).await.unwrap();
    assert_eq!(frames(&sent), [Frame::text("fed"), Frame::close(4000, "")]);
    assert!(receiver.recv().await.is_none());
    assert_eq!(read_to_end(&mut wire).await, b"", "a server ends the transport");
}

#[tokio::test]
async fn a_failure_is_told_by_the_receiver_and_known_to_the_sender() {
    let (server, mut wire) = our_server(WebSocketConfig::new()).await;
    let (mut sender, mut receiver) = server.into_split();
    write(&mut wire, Frame::text("good").masked().encode()).await;
    write(&mut wire, Frame::new(3, "bad").masked().encode()).await;
    assert_eq!(receiver.recv().await.unwrap().unwrap(), "good".into());
    assert!(matches!(receiver.recv().await, Some(Err(Error::Protocol(_)))));
    assert!(matches!(sender.send("more".into()).await, Err(Error::AlreadyClosed)));
    let mut close = [0; 4];
    wire.read_exact(&mut close).await.unwrap();
    assert_eq!(frames(&close), [Frame::close(1002, "")]);
    drop(wire);
    assert!(receiver.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn deadlines_are_kept_by_the_receiver() {
    // Our Close is not answered.
    let (client, _wire) = our_client(WebSocketConfig::new().close_timeout(secs(3))).await;
    let (mut sender, mut receiver) = client.into_split();
    let begun = tokio::time::Instant::now();
    let closing = tokio::spawn(async move {
        tokio::time::sleep(secs(1)).await;
        sender.close(None).await.unwrap();
        sender
    });
    assert!(matches!(receiver.recv().await, Some(Err(Error::Protocol(Failure::Timeout(_))))));
    assert!((secs(4)..secs(5)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert!(receiver.recv().await.is_none());
    let mut sender = closing.await.unwrap();
    assert!(matches!(sender.send("more".into()).await, Err(Error::AlreadyClosed)));

    // The peer is gone without a Close.
    let config = WebSocketConfig::new().keepalive(secs(20), secs(10));
    let (server, mut wire) = our_server(config).await;
    let (mut sender, mut receiver) = server.into_split();
    let begun = tokio::time::Instant::now();
    assert!(matches!(receiver.recv().await, Some(Err(Error::Protocol(Failure::Timeout(_))))));
    assert!((secs(30)..secs(31)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert!(matches!(sender.send("more".into()).await, Err(Error::AlreadyClosed)));
    drop((sender, receiver));
    let sent = frames(&read_to_end(&mut wire).await);
    assert_eq!(sent, [Frame::ping(""), Frame::close(1011, "")]);
}

#[tokio::test]
async fn what_was_fed_is_written_before_the_receiver_waits() {
    let (server, mut wire) = our_server(WebSocketConfig::new()).await;
    let (mut sender, mut receiver) = server.into_split();
    let news = PreparedMessage::text("news");
    sender.feed_prepared(&news).await.unwrap();
    sender.feed_fragment(MessageKind::Binary, &[1], false).await.unwrap();
    sender.feed_fragment(MessageKind::Binary, &[2], true).await.unwrap();
    assert_eq!(sender.pending_bytes(), 6 + 3 + 3);
    assert!(poll_and_drop(receiver.recv(), 1).await.is_none());
    assert_eq!(sender.pending_bytes(), 0);
    let mut sent = vec![0; 12];
    wire.read_exact(&mut sent).await.unwrap();
    let fragment = Frame::binary([1]).unfinished();
    assert_eq!(frames(&sent), [Frame::text("news"), fragment, Frame::continuation([2])]);
}

#[tokio::test]
async fn a_blocked_sender_is_woken_by_room_and_by_failure() {
    let config = WebSocketConfig::new().max_write_buffer_size(1000);
    let (near, mut far) = duplex(100);
    let server = WebSocketStream::from_raw_socket(near, Role::Server, config);
    let (mut sender, mut receiver) = server.into_split();
    sender.feed(Message::binary(vec![0; 3000])).await.unwrap();
    let (flag, waker) = Flag::new();
    let mut cx = Context::from_waker(&waker);
    {
        let mut feeding = pin!(sender.feed(Message::binary(vec![0; 3000])));
        assert!(feeding.as_mut().poll(&mut cx).is_pending());
        let mut wire = vec![0; 2500];
        let reading = tokio::spawn(async move {
            far.read_exact(&mut wire).await.unwrap();
            far
        });
        let mut fed = false;
        while !reading.is_finished() {
            // The receiver may be the half that writes.
            assert!(poll_once(pin!(receiver.recv())).is_pending());
            tokio::task::yield_now().await;
            fed = fed || (flag.take() && feeding.as_mut().poll(&mut cx).is_ready());
        }
        assert!(fed);
        far = reading.await.unwrap();
    }
    let mut flushing = pin!(sender.flush());
    assert!(flushing.as_mut().poll(&mut cx).is_pending());
    flag.take();
    drop(far);
    assert!(matches!(receiver.recv().await, Some(Err(_))));
    assert!(flag.take(), "the sender is told");
    match flushing.as_mut().poll(&mut cx) {
        Poll::Ready(Err(Error::AlreadyClosed | Error::Io(_))) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn only_when_both_are_dropped_the_peer_is_told() {
    for sender_first in [true, false] {
        let (server, mut wire) = our_server(WebSocketConfig::new()).await;
        let (mut sender, receiver) = server.into_split();
        sender.feed("fed".into()).await.unwrap();
        let mut fed = vec![0; if sender_first { 0 } else { 5 }];
        if sender_first {
            drop(sender);
            assert!(poll_and_drop(wire.read_u8(), 3).await.is_none());
            drop(receiver);
        } else {
            drop(receiver);
            // The receiver writes what was fed, as it does before each wait.
            wire.read_exact(&mut fed).await.unwrap();
            assert!(poll_and_drop(wire.read_u8(), 3).await.is_none());
            sender.send("sent".into()).await.unwrap();
            drop(sender);
        }
        let sent = frames(&[&fed[..], &read_to_end(&mut wire).await].concat());
        assert_eq!(sent.first(), Some(&Frame::text("fed")));
        assert_eq!(sent.last(), Some(&Frame::close(1001, "")));
    }
}

#[tokio::test]
async fn reunited_halves_go_on_where_they_were() {
    let (server, mut wire) = our_server(WebSocketConfig::new().write_buffer_size(77)).await;
    let (mut sender, mut receiver) = server.into_split();
    write(&mut wire, Frame::text("whole").masked().encode()).await;
    write(&mut wire, Frame::text("be").unfinished().masked().encode()).await;
    assert_eq!(receiver.recv().await.unwrap().unwrap(), "whole".into());
    assert!(poll_and_drop(receiver.recv(), 1).await.is_none());
    sender.feed("fed".into()).await.unwrap();
    sender.feed_fragment(MessageKind::Text, b"in ", false).await.unwrap();

    let (other, _wire) = our_server(WebSocketConfig::new()).await;
    let (other_sender, other_receiver) = other.into_split();
    let error = receiver.reunite(other_sender).unwrap_err();
    assert!(error.to_string().contains("not of one"));
    let ReuniteError { sender: other_sender, receiver } = error;
    drop(other_receiver.reunite(other_sender).unwrap());

    let mut server = receiver.reunite(sender).unwrap();
    assert_eq!(server.config().write_buffer_size, 77);
    assert_eq!(server.pending_bytes(), 5 + 5);
    server.feed_fragment(MessageKind::Text, b"two", true).await.unwrap();
    write(&mut wire, Frame::continuation("gun").masked().encode()).await;
    assert_eq!(server.recv().await.unwrap().unwrap(), "begun".into());
    server.flush().await.unwrap();
    drop(server.into_inner());
    let sent = frames(&read_to_end(&mut wire).await);
    let begun = Frame::text("in ").unfinished();
    assert_eq!(sent, [Frame::text("fed"), begun, Frame::continuation("two")]);
}

#[tokio::test]
async fn what_was_kept_before_the_split_is_received_after_it() {
    let (mut client, mut server) = pair(64).await;
    // The server's write is blocked, so it reads ahead.
    let sending = tokio::spawn(async move {
        for i in 0..5 {
            client.send(Message::binary(vec![i; 200])).await.unwrap();
        }
        client.flush().await.unwrap();
        client
    });
    for _ in 0..50 {
        let large = server.send(Message::binary(vec![9; 100_000]));
        let _ = poll_and_drop(large, 1).await;
    }
    let (sender, mut receiver) = server.into_split();
    for i in 0..5 {
        assert_eq!(receiver.recv().await.unwrap().unwrap(), Message::binary(vec![i; 200]));
    }
    drop((sender, sending.await.unwrap()));
}

#[tokio::test]
async fn a_client_that_dialled_can_be_split() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let server = accept(listener.accept().await.unwrap().0).await.unwrap();
        lent_echo(server.into_split()).await
    });
    let (client, _) = connect(format!("ws://{address}/")).await.unwrap();
    let (mut sender, mut receiver) = client.into_split();
    sender.send("hello".into()).await.unwrap();
    assert_eq!(receiver.recv().await.unwrap().unwrap(), "hello".into());
    let mut client = receiver.reunite(sender).unwrap();
    client.close(None).await.unwrap();
    serving.await.unwrap();
}

/// Futures of both halves of both peers, dropped at random.
#[tokio::test]
async fn whatever_is_dropped_whenever_all_that_was_taken_arrives_once_and_in_order() {
    fn take(received: &mut Vec<u32>, message: Option<Message>) {
        if let Some(Message::Binary(data)) = message {
            received.push(u32::from_be_bytes(data[..4].try_into().unwrap()));
        }
    }
    for seed in 0..100 {
        let mut random = Random::new(seed);
        let config = WebSocketConfig::new()
            .write_buffer_size(random.below(200))
            .max_write_buffer_size(1 + random.below(600));
        let (a, b) = pair_with(1 + random.below(200), config, config).await;
        let mut halves = [a.into_split(), b.into_split()];
        let (mut taken, mut maybe) = ([vec![], vec![]], [vec![], vec![]]);
        let mut received = [vec![], vec![]];
        for number in 0..300_u32 {
            let who = random.below(2);
            let (sender, receiver) = &mut halves[who];
            let polls = 1 + random.below(4);
            let mut payload = number.to_be_bytes().to_vec();
            payload.resize(4 + random.below(300), number as u8);
            match random.below(6) {
                0 => {
                    if poll_and_drop(sender.feed(payload.into()), polls).await.is_some() {
                        taken[who].push(number);
                    }
                }
                1 => match poll_and_drop(sender.send(payload.into()), polls).await {
                    Some(sent) => taken[who].push({
                        sent.unwrap();
                        number
                    }),
                    None => maybe[who].push(number),
                },
                2 => {
                    let lent = poll_and_drop(receiver.recv_ref(), polls).await;
                    let message = lent.map(|item| item.unwrap().unwrap().to_message());
                    take(&mut received[who], message);
                }
                3 => {
                    let _ = poll_and_drop(sender.send(Message::Ping("ping".into())), polls).await;
                }
                _ => {
                    let message = poll_and_drop(receiver.recv(), polls).await;
                    take(&mut received[who], message.map(|item| item.unwrap().unwrap()));
                }
            }
        }
        let [a, b] = halves;
        let finish = async |(mut sender, mut receiver): Halves, received: &mut Vec<u32>| {
            let receiving = async {
                while let Some(message) = receiver.recv().await {
                    take(received, Some(message.unwrap()));
                }
            };
            let (closed, ()) = tokio::join!(sender.close(None), receiving);
            closed.unwrap();
        };
        let [by_a, by_b] = &mut received;
        let all = async { tokio::join!(finish(a, by_a), finish(b, by_b)) };
        tokio::time::timeout(secs(20), all).await.unwrap_or_else(|_| panic!("seed {seed} hangs"));
        for (from, to) in [(0, 1), (1, 0)] {
            let received = &received[to];
            assert!(received.is_sorted_by(|one, two| one < two), "seed {seed}: {received:?}");
            for number in received {
                let known = taken[from].contains(number) || maybe[from].contains(number);
                assert!(known, "seed {seed}: {number} was never taken");
            }
            for number in &taken[from] {
                assert!(received.contains(number), "seed {seed}: {number} was lost");
            }
        }
    }
}

#[tokio::test]
async fn halves_are_send() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let (client, server) = pair(100).await;
    let (mut sender, mut receiver) = is_send(client.into_split());
    is_send(sender.send("hi".into())).await.unwrap();
    drop(is_send(receiver.recv()));
    let _ = poll_and_drop(is_send(receiver.recv_ref()), 1).await;
    drop(is_send(sender.close(None)));
    let _ = tokio::time::timeout(ms(1), is_send(sender.flush())).await;
    drop(server);
}

#[tokio::test]
async fn each_of_several_pings_that_come_at_once_is_answered() {
    for lent in [false, true] {
        let (server, mut wire) = our_server(WebSocketConfig::new()).await;
        let (sender, mut receiver) = server.into_split();
        let pings: Vec<u8> = (0..10).flat_map(|id| Frame::ping([id]).masked().encode()).collect();
        write(&mut wire, pings).await;
        for id in 0..10 {
            let ping = if lent {
                receiver.recv_ref().await.unwrap().unwrap().to_message()
            } else {
                receiver.recv().await.unwrap().unwrap()
            };
            assert_eq!(ping, Message::Ping(vec![id].into()));
        }
        drop((sender, receiver));
        let mut sent = frames(&read_to_end(&mut wire).await);
        assert_eq!(sent.pop(), Some(Frame::close(1001, "")));
        let pongs: Vec<_> = (0..10).map(|id| Frame::pong([id])).collect();
        assert_eq!(sent, pongs, "lent: {lent}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_blocked_sender_does_not_outlast_the_connection() {
    let config = WebSocketConfig::new().max_write_buffer_size(1000);
    // The peer closes, and may end its direction after that, but does not read.
    for ended in [false, true] {
        let (near, mut far) = duplex(100);
        let server = WebSocketStream::from_raw_socket(near, Role::Server, config);
        let (mut sender, mut receiver) = server.into_split();
        sender.feed(Message::binary(vec![0; 900])).await.unwrap();
        let flushing = tokio::spawn(async move { sender.flush().await });
        tokio::task::yield_now().await;
        write(&mut far, Frame::close(1000, "").masked().encode()).await;
        if ended {
            far.shutdown().await.unwrap();
        }
        assert!(receiver.recv().await.unwrap().unwrap().is_close());
        assert!(tokio::time::timeout(secs(60), receiver.recv()).await.unwrap().is_none());
        let flushed = tokio::time::timeout(secs(60), flushing).await.expect("it hangs").unwrap();
        assert!(
            matches!(flushed, Err(Error::ConnectionClosed | Error::AlreadyClosed)),
            "{flushed:?}"
        );
        drop(far);
    }
}

#[tokio::test]
async fn a_sender_fails_with_the_connection_even_if_the_peer_cannot_be_told() {
    let config = WebSocketConfig::new().max_write_buffer_size(1000);
    let (near, mut far) = duplex(100);
    let server = WebSocketStream::from_raw_socket(near, Role::Server, config);
    let (mut sender, mut receiver) = server.into_split();
    sender.feed(Message::binary(vec![0; 3000])).await.unwrap();
    let flushing = tokio::spawn(async move { (sender.flush().await, sender) });
    tokio::task::yield_now().await;
    write(&mut far, Frame::new(3, "bad").masked().encode()).await;
    assert!(matches!(receiver.recv().await, Some(Err(Error::Protocol(_)))));
    // An application that stops at the first error drops the receiver.
    drop(receiver);
    let (flushed, mut sender) =
        tokio::time::timeout(secs(10), flushing).await.expect("it hangs").unwrap();
    assert!(matches!(flushed, Err(Error::AlreadyClosed)), "{flushed:?}");
    assert!(!sender.can_send());
    let fed = sender.feed("more".into()).await;
    assert!(matches!(fed, Err(Error::AlreadyClosed)), "{fed:?}");
}

#[tokio::test(start_paused = true)]
async fn what_has_run_out_is_not_waited_for_again_after_a_split_or_a_reunion() {
    let config = WebSocketConfig::new().close_timeout(secs(3));
    let (mut client, _wire) = our_client(config).await;
    assert!(matches!(client.close(None).await, Err(Error::Protocol(Failure::Timeout(_)))));
    assert!(matches!(client.recv().await, Some(Err(Error::Protocol(Failure::Timeout(_))))));
    let (_sender, mut receiver) = client.into_split();
    let end = tokio::time::timeout(secs(60), receiver.recv()).await.expect("it hangs");
    assert!(end.is_none());

    let (client, _wire) = our_client(config).await;
    let (mut sender, mut receiver) = client.into_split();
    sender.close(None).await.unwrap();
    assert!(matches!(receiver.recv().await, Some(Err(Error::Protocol(Failure::Timeout(_))))));
    let mut client = receiver.reunite(sender).unwrap();
    let end = tokio::time::timeout(secs(60), client.recv()).await.expect("it hangs");
    assert!(end.is_none());
}

#[tokio::test]
async fn what_a_dropped_receiver_knew_is_not_lost() {
    let (server, mut wire) = our_server(WebSocketConfig::new()).await;
    let (mut sender, mut receiver) = server.into_split();
    write(&mut wire, Frame::text(b"\xff\xff".as_slice()).masked().encode()).await;
    assert!(is_bad_text(&receiver.recv_ref().await.unwrap().unwrap_err()));
    drop(receiver);
    let sent = sender.send("more".into()).await;
    assert!(matches!(sent, Err(Error::AlreadyClosed)), "{sent:?}");
    drop(sender);
    assert_eq!(frames(&read_to_end(&mut wire).await), [Frame::close(1007, "")]);
}

#[tokio::test]
async fn the_last_answer_of_a_dropped_receiver_is_written() {
    let (server, mut wire) = our_server(WebSocketConfig::new()).await;
    let (_sender, mut receiver) = server.into_split();
    write(&mut wire, Frame::ping("ping").masked().encode()).await;
    assert!(receiver.recv().await.unwrap().unwrap().is_ping());
    drop(receiver);
    let mut pong = [0; 6];
    wire.read_exact(&mut pong).await.unwrap();
    assert_eq!(frames(&pong), [Frame::pong("ping")]);
}

/// A transport that wakes no task: each call finds out by itself what has changed.
#[derive(Clone, Default)]
struct Quiet {
    room: std::sync::Arc<std::sync::atomic::AtomicUsize>,
    shut: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl AsyncWrite for Quiet {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let len = buf.len().min(self.room.load(Ordering::SeqCst));
        self.room.fetch_sub(len, Ordering::SeqCst);
        if len == 0 { Poll::Pending } else { Poll::Ready(Ok(len)) }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.shut.store(true, Ordering::SeqCst);
        Poll::Ready(Ok(()))
    }
}

/// The receiver waits until its answer to the Close is written, and the sender writes it.
#[tokio::test]
async fn the_receiver_hears_that_the_sender_has_written_the_last_bytes() {
    let (near, mut far) = duplex(100);
    let wire = Quiet::default();
    let stream = tokio::io::join(near, wire.clone());
    let server = WebSocketStream::from_raw_socket(stream, Role::Server, WebSocketConfig::new());
    let (mut sender, mut receiver) = server.into_split();
    write(&mut far, Frame::close(1000, "").masked().encode()).await;
    assert!(receiver.recv().await.unwrap().unwrap().is_close());
    let (flag, waker) = Flag::new();
    let mut cx = Context::from_waker(&waker);
    assert!(pin!(receiver.recv()).poll(&mut cx).is_pending());
    wire.room.store(100, Ordering::SeqCst);
    assert!(matches!(poll_once(pin!(sender.flush())), Poll::Ready(Ok(()))));
    assert!(flag.take(), "the receiver has the stream to end");
    assert!(matches!(pin!(receiver.recv()).poll(&mut cx), Poll::Ready(None)));
    assert!(wire.shut.load(Ordering::SeqCst));
}

/// Answers may come between the two calls of a sink.
#[tokio::test]
async fn a_sink_that_was_ready_takes_a_message_whatever_was_answered_meanwhile() {
    let config = WebSocketConfig::new().max_write_buffer_size(1);
    let (near, mut far) = duplex(5);
    let server = WebSocketStream::from_raw_socket(near, Role::Server, config);
    let (mut sender, mut receiver) = server.into_split();
    std::future::poll_fn(|cx| sender.poll_ready_unpin(cx)).await.unwrap();
    let pinging = tokio::spawn(async move {
        write(&mut far, Frame::ping("ping").masked().encode()).await;
        far
    });
    assert!(receiver.recv().await.unwrap().unwrap().is_ping());
    assert!(poll_and_drop(receiver.recv(), 2).await.is_none());
    assert!(sender.pending_bytes() > 0);
    sender.start_send_unpin("taken".into()).unwrap();
    drop(pinging.await.unwrap());
}

/// A slow transport: each write blocks its thread until the test sets the outcome.
struct Slow {
    entered: std::sync::mpsc::Sender<()>,
    outcome: std::sync::mpsc::Receiver<std::io::Result<()>>,
    shut: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl AsyncWrite for Slow {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let _ = self.entered.send(());
        Poll::Ready(self.outcome.recv().unwrap_or(Ok(())).map(|()| buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.shut.store(true, Ordering::SeqCst);
        Poll::Ready(Ok(()))
    }
}

/// Has the sender write, on a thread of its own, while the receiver gets `input` and then its end. Returns what is received,
/// the receiver's failure, and whether the transport was ended.
async fn received_beside_a_write(
    input: &[u8],
    outcome: std::io::Result<()>,
) -> (Vec<Result<Message, Error>>, Option<fullduplex_tokio::fullduplex::Error>, bool) {
    let (entered, has_entered) = std::sync::mpsc::channel();
    let (set, get) = std::sync::mpsc::channel();
    let shut = std::sync::Arc::default();
    let writing = Slow { entered, outcome: get, shut: std::sync::Arc::clone(&shut) };
    let stream = tokio::io::join(std::io::Cursor::new(input.to_vec()), writing);
    let server = WebSocketStream::from_raw_socket(stream, Role::Server, WebSocketConfig::new());
    let (mut sender, mut receiver) = server.into_split();
    let sender = &mut sender;
    std::thread::scope(|scope| {
        let writing = scope.spawn(move || drop(poll_once(pin!(sender.send("slow".into())))));
        has_entered.recv().unwrap();
        scope.spawn(move || {
            std::thread::sleep(ms(50));
            // Later writes succeed at once.
            set.send(outcome).unwrap();
        });
        let (flag, waker) = Flag::new();
        let mut cx = Context::from_waker(&waker);
        let mut received = Vec::new();
        loop {
            match pin!(receiver.recv()).poll(&mut cx) {
                Poll::Ready(Some(item)) => received.push(item),
                Poll::Ready(None) => break,
                Poll::Pending => {
                    for _ in 0..200 {
                        if writing.is_finished() {
                            break;
                        }
                        std::thread::sleep(ms(10));
                    }
                    assert!(flag.take(), "whoever found it taken is woken");
                }
            }
        }
        (received, receiver.receiver().failure(), shut.load(Ordering::SeqCst))
    })
}

#[tokio::test]
async fn what_comes_while_the_sender_writes_is_told_when_it_can_be_answered() {
    let mut input = Frame::text("hi").masked().encode();
    input.extend(Frame::ping("ping").masked().encode());
    input.extend(Frame::close(1000, "").masked().encode());
    let (received, failure, shut) = received_beside_a_write(&input, Ok(())).await;
    let received: Vec<_> = received.into_iter().map(Result::unwrap).collect();
    let close = Message::Close(Some(CloseFrame::new(CloseCode::Normal)));
    assert_eq!(received, ["hi".into(), Message::Ping("ping".into()), close]);
    assert!(failure.is_none());
    assert!(shut, "a server ends the transport");
}

#[tokio::test]
async fn a_reset_that_the_sender_is_told_of_is_no_end_of_input() {
    let reset = Err(std::io::ErrorKind::ConnectionReset.into());
    for (outcome, expected) in [(Ok(()), Ended::WithoutClose), (reset, Ended::Reset)] {
        let (received, failure, _) = received_beside_a_write(&[], outcome).await;
        assert!(matches!(received[..], [Err(Error::Protocol(_))]), "{received:?}");
        assert_eq!(failure, Some(expected.into()));
    }
}

/// A stream that must stay on its thread.
#[derive(Debug)]
struct Local(DuplexStream, std::marker::PhantomData<std::rc::Rc<()>>);

impl AsyncRead for Local {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Local {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// This works for another crate's stream as well, for which `IntoHalves` cannot be implemented.
#[tokio::test]
async fn a_stream_of_any_kind_can_be_split_first_and_joined() {
    let (near, far) = duplex(50);
    let [near, far] = [near, far].map(|stream| {
        let (reading, writing) = tokio::io::split(Local(stream, std::marker::PhantomData));
        tokio::io::join(reading, writing)
    });
    let server = WebSocketStream::from_raw_socket(near, Role::Server, WebSocketConfig::new());
    let client = WebSocketStream::from_raw_socket(far, Role::Client, WebSocketConfig::new());
    let local = tokio::task::LocalSet::new();
    let serving = local.spawn_local(lent_echo(server.into_split()));
    let (mut sender, mut receiver) = client.into_split();
    let talking = async {
        let message = Message::binary(vec![7; 1000]);
        let sending = local.spawn_local({
            let message = message.clone();
            async move {
                for _ in 0..100 {
                    sender.send(message.clone()).await.unwrap();
                }
                sender
            }
        });
        for _ in 0..100 {
            assert_eq!(receiver.recv().await.unwrap().unwrap(), message);
        }
        let mut client = receiver.reunite(sending.await.unwrap()).unwrap();
        client.close(None).await.unwrap();
        let (_, receiver) = serving.await.unwrap();
        assert!(receiver.receiver().is_clean());
    };
    let talking = local.run_until(talking);
    tokio::time::timeout(secs(20), talking).await.expect("it hangs");
}

#[tokio::test]
async fn a_blocked_sender_is_woken_when_nobody_receives() {
    let (near, mut far) = duplex(100);
    let server = WebSocketStream::from_raw_socket(near, Role::Server, WebSocketConfig::new());
    let (mut sender, receiver) = server.into_split();
    drop(receiver);
    let sending = tokio::spawn(async move { sender.send(Message::binary(vec![0; 3000])).await });
    far.read_exact(&mut [0; 3004]).await.unwrap();
    sending.await.unwrap().unwrap();
}

/// This includes a Close that was fed and not flushed.
#[tokio::test(start_paused = true)]
async fn a_receiver_that_waits_hears_of_every_close() {
    for by_sink in [false, true] {
        let (client, mut wire) = our_client(WebSocketConfig::new().close_timeout(secs(3))).await;
        let (mut sender, mut receiver) = client.into_split();
        let receiving = tokio::spawn(async move { receiver.recv().await });
        tokio::task::yield_now().await;
        if by_sink {
            sender.start_send_unpin(Message::Close(None)).unwrap();
        } else {
            sender.feed(Message::Close(None)).await.unwrap();
        }
        let told = tokio::time::timeout(secs(10), receiving).await.expect("it hangs").unwrap();
        assert!(matches!(told, Some(Err(Error::Protocol(Failure::Timeout(_))))), "{told:?}");
        drop(sender);
        let sent = frames(&read_to_end(&mut wire).await);
        assert_eq!(sent.iter().filter(|frame| frame.opcode == 8).count(), 1);
    }
}

/// A transport that takes one byte, and notes whether something is written after its end.
#[derive(Clone, Default)]
struct Tight {
    is_full: bool,
    shut: std::sync::Arc<std::sync::atomic::AtomicBool>,
    written_late: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl AsyncWrite for Tight {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        if self.shut.load(Ordering::SeqCst) {
            self.written_late.store(true, Ordering::SeqCst);
        }
        if std::mem::replace(&mut self.is_full, true) { Poll::Pending } else { Poll::Ready(Ok(1)) }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.shut.store(true, Ordering::SeqCst);
        Poll::Ready(Ok(()))
    }
}

/// This includes the rest of a frame that the peer was too slow for.
#[tokio::test(start_paused = true)]
async fn nothing_is_written_once_the_transport_was_ended() {
    for halves in [false, true] {
        let (near, _far) = duplex(10);
        let wire = Tight::default();
        let stream = tokio::io::join(near, wire.clone());
        let config = WebSocketConfig::new().keepalive(ms(50), ms(40)).close_timeout(secs(1));
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, config);
        if halves {
            let (sender, mut receiver) = socket.into_split();
            assert!(receiver.recv().await.unwrap().unwrap_err().is_timeout());
            assert!(receiver.recv().await.is_none());
            drop((sender, receiver));
        } else {
            assert!(socket.recv().await.unwrap().unwrap_err().is_timeout());
            assert!(socket.recv().await.is_none());
            drop(socket);
        }
        assert!(wire.shut.load(Ordering::SeqCst));
        assert!(!wire.written_late.load(Ordering::SeqCst), "in halves: {halves}");
    }
}
