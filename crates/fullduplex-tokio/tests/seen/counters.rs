//! What is counted, whichever way the application receives and sends.

use fullduplex_testkit::Frame;
use fullduplex_tokio::{
    Counters, DeflateConfig, Message, MessageKind, MessageRef, PreparedMessage, Role,
    WebSocketConfig, WebSocketStream,
};
use futures_util::{FutureExt, SinkExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use crate::support::{Ear, counted, counters, echo, masked, our_server, pair, secs};

/// Messages, bytes of payload and bytes on the wire, received and sent.
fn flows(counters: &Counters) -> [(u64, u64, u64); 2] {
    let counts = counters.snapshot();
    [counts.received, counts.sent].map(|it| (it.messages, it.payload_bytes, it.wire_bytes))
}

#[tokio::test]
async fn every_way_to_receive_counts_the_same() {
    // A text, a binary in two fragments with a Ping between them, and a Pong.
    let wire = [
        masked(1, b"Hello").encode(),
        masked(2, b"ab").unfinished().encode(),
        masked(9, b"?").encode(),
        masked(0, b"c").encode(),
        masked(10, b"!").encode(),
    ]
    .concat();
    for way in ["recv", "recv_ref", "recv_each", "recv_chunk", "halves", "halves, lent"] {
        let all = counters();
        let (mut server, mut client) = our_server(counted(all));
        client.write_all(&wire).await.unwrap();
        client.shutdown().await.unwrap();
        match way {
            "recv" => while let Some(Ok(_)) = server.recv().await {},
            "recv_ref" => while let Some(Ok(_)) = server.recv_ref().await {},
            "recv_each" => server.recv_each(|_, _| Ok(())).await.unwrap_err().to_string().clear(),
            "recv_chunk" => while let Some(Ok(_)) = server.recv_chunk().await {},
            "halves" => {
                let (_sender, mut receiver) = server.into_split();
                while let Some(Ok(_)) = receiver.recv().await {}
            }
            _ => {
                let (_sender, mut receiver) = server.into_split();
                while let Some(Ok(_)) = receiver.recv_ref().await {}
            }
        }
        let counts = all.snapshot();
        assert_eq!(flows(all)[0], (2, 8, wire.len() as u64), "{way}");
        assert_eq!((counts.pings_received, counts.pongs_received), (1, 1), "{way}");
        // The Pong that answers is no message.
        assert_eq!(flows(all)[1].0, 0, "{way}");
    }
}

#[tokio::test]
async fn every_way_to_send_counts_the_same() {
    let prepared = PreparedMessage::text("prepared");
    let all = counters();
    let (mut server, mut client) = our_server(counted(all));
    server.send(Message::text("one")).await.unwrap();
    server.feed(Message::text("two")).await.unwrap();
    server.feed_prepared(&prepared).await.unwrap();
    server.feed_fragment(MessageKind::Binary, b"fo", false).await.unwrap();
    server.feed_fragment(MessageKind::Binary, b"ur", true).await.unwrap();
    server.feed(Message::Ping("?".into())).await.unwrap();
    // Output that is not written yet does not count as sent.
    assert_eq!(flows(all)[1], (1, 3, 5));
    server.flush().await.unwrap();
    let expected = (4, 3 + 3 + 8 + 4, 5 + 5 + 10 + 4 + 4 + 3);
    assert_eq!((flows(all)[1], all.snapshot().pings_sent), (expected, 1));
    // A message that must not be sent does not count.
    assert!(server.feed_fragment(MessageKind::Text, b"\xff", true).await.is_err());
    server.flush().await.unwrap();
    assert_eq!(flows(all)[1], expected);
    drop(server);
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(flows(all)[1].2, bytes.len() as u64);

    let all = counters();
    let (server, mut client) = our_server(counted(all));
    let (mut sender, receiver) = server.into_split();
    sender.feed(Message::text("one")).await.unwrap();
    sender.feed_ref(MessageRef::Text("two")).await.unwrap();
    sender.feed_prepared(&prepared).await.unwrap();
    sender.feed_fragment(MessageKind::Binary, b"four", true).await.unwrap();
    SinkExt::feed(&mut sender, Message::Ping("?".into())).await.unwrap();
    sender.flush().await.unwrap();
    assert_eq!((flows(all)[1], all.snapshot().pings_sent), ((4, 18, 29), 1));
    drop((sender, receiver));
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(flows(all)[1].2, bytes.len() as u64);
}

#[tokio::test]
async fn answers_count_as_what_is_sent() {
    let all = counters();
    let (mut server, mut client) = our_server(counted(all));
    client.write_all(&masked(1, b"Hello").encode()).await.unwrap();
    client.write_all(&masked(8, b"").encode()).await.unwrap();
    let prepared = PreparedMessage::text("ab");
    server
        .recv_each(|message, reply| match message {
            MessageRef::Text(_) => {
                reply.send(message)?;
                reply.send_prepared(&prepared)?;
                reply.send_message("abc".into())
            }
            _ => Ok(()),
        })
        .await
        .unwrap();
    assert_eq!(flows(all), [(1, 5, 11 + 6), (3, 10, 7 + 4 + 5 + 2)]);
}

#[tokio::test]
async fn payload_is_counted_before_compression_and_the_wire_after_it() {
    let (near, far) = (counters(), counters());
    let deflate = |counters| counted(counters).deflate(DeflateConfig::new());
    let (mut client, server) = pair("ws://localhost/", deflate(near), deflate(far)).await;
    let serving = tokio::spawn(echo(server));
    let text = "the same again and again ".repeat(4000);
    for _ in 0..3 {
        client.send(Message::text(text.clone())).await.unwrap();
        client.recv().await.unwrap().unwrap();
    }
    client.close(None).await.unwrap();
    drop(client);
    serving.await.unwrap().unwrap();
    for counters in [near, far] {
        for (messages, payload, wire) in flows(counters) {
            assert_eq!((messages, payload), (3, 300_000));
            assert!((100..3000).contains(&wire), "{wire}");
        }
    }
    assert_eq!(flows(near)[0], flows(far)[1]);
    assert_eq!(flows(near)[1], flows(far)[0]);
}

#[tokio::test(start_paused = true)]
async fn pings_of_the_keepalive_and_their_pongs_count() {
    let (near, far) = (counters(), counters());
    let config = counted(near).keepalive(secs(20), secs(10));
    let (mut client, mut server) = pair("ws://localhost/", config, counted(far)).await;
    let both = async {
        tokio::join!(async { while client.recv().await.is_some() {} }, async {
            while server.recv().await.is_some() {}
        })
    };
    tokio::time::timeout(secs(70), both).await.unwrap_err();
    let (near, far) = (near.snapshot(), far.snapshot());
    assert_eq!((near.pings_sent, near.pongs_received), (3, 3));
    assert_eq!((far.pings_received, far.pings_sent), (3, 0));
    assert_eq!(near.sent.messages, 0);
}

#[tokio::test]
async fn what_is_received_counts_at_the_latest_when_more_is_waited_for() {
    let all = counters();
    let (mut server, mut client) = our_server(counted(all));
    for round in 1..=3 {
        client.write_all(&masked(2, &[0; 100]).encode()).await.unwrap();
        server.recv().await.unwrap().unwrap();
        // This call waits.
        assert!(futures_util::FutureExt::now_or_never(server.recv()).is_none());
        assert_eq!(flows(all)[0], (round, 100 * round, 106 * round));
    }
}

#[tokio::test]
async fn what_is_given_up_by_a_close_is_on_the_wire_and_no_message() {
    let all = counters();
    let mut config = counted(all);
    config.read_ahead_size = 64;
    let (mut server, mut client) = our_server(config);
    let flood: Vec<u8> = (0..100).flat_map(|_| masked(2, &[0; 100]).encode()).collect();
    client.write_all(&flood).await.unwrap();
    client.write_all(&Frame::close(1000, "").masked().encode()).await.unwrap();
    server.close(None).await.unwrap();
    drop(server);
    assert_eq!(flows(all)[0], (0, 0, 100 * 106 + 8));
    assert_eq!((all.snapshot().closed, all.snapshot().open()), (1, 0));
}

/// A connection decides at its beginning whether it is seen.
#[tokio::test]
async fn a_connection_without_counters_tells_a_subscriber_that_comes_later_nothing() {
    let (mut client, server) =
        pair("ws://localhost/", WebSocketConfig::new(), WebSocketConfig::new()).await;
    let (ear, _guard) = Ear::listen();
    assert_eq!(client.config().counters, None);
    drop(server);
    while client.recv().await.is_some() {}
    drop(client);
    assert!(ear.told().is_empty(), "{:?}", ear.told());
}

#[test]
fn a_configuration_with_counters_is_equal_only_to_one_with_the_same() {
    let (one, other) = (counters(), counters());
    assert_eq!(counted(one), counted(one));
    assert_ne!(counted(one), counted(other));
    assert_ne!(counted(one), WebSocketConfig::new());
}

#[test]
fn many_connections_on_many_threads_add_up() {
    const CONNECTIONS: usize = 64;
    const MESSAGES: u64 = 50;

    let all = counters();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for _ in 0..CONNECTIONS {
            tasks.push(tokio::spawn(async move {
                let (mut client, server) =
                    pair("ws://localhost/", WebSocketConfig::new(), counted(all)).await;
                let (mut sender, mut receiver) = server.into_split();
                let sending = tokio::spawn(async move {
                    for _ in 0..MESSAGES {
                        sender.send(Message::text("Hello")).await.unwrap();
                    }
                    sender
                });
                let receiving = tokio::spawn(async move {
                    while let Some(Ok(_)) = receiver.recv().await {}
                    receiver
                });
                for _ in 0..MESSAGES {
                    client.feed(Message::text("Hi")).await.unwrap();
                    client.recv().await.unwrap().unwrap();
                }
                client.close(None).await.unwrap();
                drop(client);
                drop((sending.await.unwrap(), receiving.await.unwrap()));
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
    let connections = CONNECTIONS as u64;
    let messages = connections * MESSAGES;
    // Each Close has four bytes, and the client's is masked.
    let received = (messages, 2 * messages, (2 + 6) * messages + 8 * connections);
    let sent = (messages, 5 * messages, (5 + 2) * messages + 4 * connections);
    assert_eq!(flows(all), [received, sent]);
    let counts = all.snapshot();
    assert_eq!((counts.opened, counts.open(), counts.closed), (connections, 0, connections));
}

/// With a peer that reads little, messages that are not written whole do not count.
#[tokio::test]
async fn a_message_counts_when_it_is_written_whole() {
    let all = counters();
    let (near, mut far) = duplex(10);
    let mut server = WebSocketStream::from_raw_socket(near, Role::Server, counted(all));
    for _ in 0..2 {
        server.feed(Message::binary([0; 10].to_vec())).await.unwrap();
    }
    server.feed(Message::Ping("?".into())).await.unwrap();
    // The frames have 12, 12 and 3 bytes.
    assert!(server.flush().now_or_never().is_none());
    assert_eq!((flows(all)[1], all.snapshot().pings_sent), ((0, 0, 10), 0));
    // This message waits behind them.
    server.feed(Message::binary([0; 10].to_vec())).await.unwrap();
    let mut bytes = [0; 10];
    for (read, messages, pings) in [(10, 0, 0), (20, 2, 1), (30, 3, 1)] {
        far.read_exact(&mut bytes).await.unwrap();
        let _ = server.flush().now_or_never();
        let written = (read + 10).min(39);
        assert_eq!(flows(all)[1], (messages, 10 * messages, written), "{read}");
        assert_eq!(all.snapshot().pings_sent, pings, "{read}");
    }
}
