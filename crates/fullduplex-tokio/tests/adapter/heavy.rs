//! Large amounts of data, and many connections.

use std::time::Instant;

use fullduplex_tokio::{Message, Role, WebSocketConfig, WebSocketStream, accept, client};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, duplex};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{echo, pair, pair_with};

/// Writes `total` bytes in messages of `size` before it reads anything.
async fn talk_then_listen<S>(mut socket: WebSocketStream<S>, size: usize, total: usize)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let message = Message::binary(vec![9; size]);
    for _ in 0..total / size {
        socket.send(message.clone()).await.unwrap();
    }
    let mut received = 0;
    while received < total {
        received += socket.recv().await.unwrap().unwrap().len();
    }
    // The peer may still have to write.
    let _ = socket.close(None).await;
}

#[tokio::test]
async fn both_peers_write_64_mib_at_once_and_read_only_then() {
    const TOTAL: usize = 64 << 20;
    let config = WebSocketConfig::new().max_frame_size(None).read_ahead_size(TOTAL + (1 << 20));
    let (a, b) = pair_with(64 << 10, config, config).await;
    tokio::join!(talk_then_listen(a, TOTAL, TOTAL), talk_then_listen(b, TOTAL, TOTAL));
    let (a, b) = pair_with(64 << 10, config, config).await;
    tokio::join!(talk_then_listen(a, 1 << 18, TOTAL / 4), talk_then_listen(b, 1 << 18, TOTAL / 4));
}

/// Each half runs in a task of its own, on several threads, through a pipe that is nearly always full.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_wake_up_is_lost_between_two_tasks() {
    const COUNT: usize = 5_000;
    for size in [30, 1000] {
        let (a, b) = pair(size).await;
        let mut tasks = tokio::task::JoinSet::new();
        for socket in [a, b] {
            let (mut sink, mut stream) = socket.split();
            tasks.spawn(async move {
                for i in 0..COUNT {
                    let message = match i % 100 {
                        0 => Message::Ping("ping".into()),
                        _ => Message::binary(vec![i as u8; i % 90]),
                    };
                    if i % 3 == 0 {
                        sink.feed(message).await.unwrap();
                    } else {
                        sink.send(message).await.unwrap();
                    }
                }
                sink.flush().await.unwrap();
            });
            tasks.spawn(async move {
                let mut count = 0;
                while count < COUNT {
                    let message = stream.next().await.unwrap().unwrap();
                    // Pongs are not counted: if many Pings come, only the last one may be answered.
                    count += usize::from(!message.is_pong());
                }
                // What is still pending is written before this wait.
                let _ = tokio::time::timeout(crate::support::ms(100), stream.next()).await;
            });
        }
        let all = async { while tasks.join_next().await.transpose().unwrap().is_some() {} };
        tokio::time::timeout(crate::support::secs(60), all).await.expect("it hangs");
    }
}

#[tokio::test]
async fn the_futures_are_send() {
    fn is_send<T: Send>(future: T) -> T {
        future
    }
    drop(is_send(fullduplex_tokio::connect("ws://localhost/")));
    let (near, far) = duplex(100);
    let accepting = is_send(accept(far));
    let dialling = is_send(client("ws://localhost/", near));
    let (accepted, dialled) = tokio::join!(accepting, dialling);
    let (mut server, (mut client, _)) = (accepted.unwrap(), dialled.unwrap());
    is_send(client.send("hi".into())).await.unwrap();
    assert!(is_send(server.recv_ref()).await.is_some());
    drop(is_send(server.recv()));
    let closing = is_send(client.close(None));
    let (closed, ended) = tokio::join!(closing, server.recv());
    closed.unwrap();
    assert!(ended.is_some());
}

#[tokio::test]
async fn both_peers_write_through_a_pipe_of_one_byte() {
    let config = WebSocketConfig::new().read_ahead_size(210_000);
    let (a, b) = pair_with(1, config, config).await;
    tokio::join!(talk_then_listen(a, 50_000, 200_000), talk_then_listen(b, 50_000, 200_000));
}

/// 64 MiB as above, but byte by byte: this takes half a minute with optimisation.
#[tokio::test]
#[ignore = "takes minutes without optimisation: `cargo xtask test` runs it with --release"]
async fn both_peers_write_64_mib_through_a_pipe_of_one_byte() {
    const TOTAL: usize = 64 << 20;
    let config = WebSocketConfig::new().read_ahead_size(TOTAL + (1 << 20));
    let (a, b) = pair_with(1, config, config).await;
    // They run in tasks, because the runtime asks the system for events at each poll of the test's own future.
    let peers = [a, b].map(|peer| tokio::spawn(talk_then_listen(peer, 1 << 20, TOTAL)));
    for peer in peers {
        peer.await.unwrap();
    }
}

#[tokio::test]
async fn ten_thousand_connections_leave_no_task_and_no_descriptor() {
    let descriptors = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let metrics = tokio::runtime::Handle::current().metrics();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepting = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move { echo(accept(stream).await?).await });
        }
    });
    let round = async |i: usize| {
        let stream = TcpStream::connect(address).await.unwrap();
        // Three in sixteen are dropped: before the handshake, in it, or without a Close.
        match i % 16 {
            0 => return,
            1 => {
                let polls = crate::support::poll_and_drop(client("ws://a/", stream), 1);
                return drop(polls.await);
            }
            _ => {}
        }
        let (mut client, _) = client("ws://a/", stream).await.unwrap();
        client.send("hello".into()).await.unwrap();
        assert!(client.recv().await.unwrap().unwrap().is_text());
        if i % 16 > 2 {
            client.close(None).await.unwrap();
            while client.recv().await.is_some() {}
        }
    };
    for i in 0..50 {
        round(i).await;
    }
    let (before, begun) = (descriptors(), Instant::now());
    for i in 0..10_000 {
        round(i).await;
        assert!(begun.elapsed().as_secs() < 120, "{i} connections in two minutes");
    }
    // The last tasks may still have to notice the end.
    for _ in 0..200 {
        if metrics.num_alive_tasks() <= 1 && descriptors() <= before {
            break;
        }
        tokio::time::sleep(crate::support::ms(10)).await;
    }
    assert_eq!(metrics.num_alive_tasks(), 1, "only who accepts is left");
    // Other tests in this process have descriptors, too.
    assert!(descriptors() < before + 100, "{} descriptors, {before} before", descriptors());
    accepting.abort();
}

/// A message larger than what has been received is read directly into its place, and no more is held than what has come.
#[tokio::test]
async fn what_was_announced_is_not_allocated() {
    let (near, mut far) = duplex(64);
    let config = WebSocketConfig::new().max_frame_size(None).max_message_size(None);
    let mut server = WebSocketStream::from_raw_socket(near, Role::Server, config);
    let header = [0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4];
    crate::support::write(&mut far, header).await;
    let held = allocation_counter::measure(|| {
        let mut receiving = std::pin::pin!(server.recv());
        assert!(crate::support::poll_once(receiving.as_mut()).is_pending());
    });
    assert!(held.bytes_max < 200_000, "{}", held.bytes_max);
}
