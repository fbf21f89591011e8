//! Messages that are lent to a closure, which can answer them.

use fullduplex_testkit::{Frame, frames};
use fullduplex_tokio::{
    Error, Message, MessageRef, PreparedMessage, Reply, Result, WebSocketConfig,
};

use crate::support::{is_bad_text, our_server, pair_with, poll_and_drop, read_to_end, write};

fn echo(message: MessageRef<'_>, reply: &mut Reply<'_>) -> Result<()> {
    match message {
        MessageRef::Text(_) | MessageRef::Binary(_) => reply.send(message),
        _ => Ok(()),
    }
}

#[tokio::test]
async fn an_echo_comes_to_its_end_with_a_peer_that_writes_all_before_it_reads() {
    for (pipe, limit, polls) in [(1 << 16, 1 << 20, 1000), (100, 1000, 3), (1, 1, 1)] {
        let config =
            WebSocketConfig::new().max_write_buffer_size(limit).write_buffer_size(limit / 2);
        let (mut client, mut server) = pair_with(pipe, WebSocketConfig::new(), config).await;
        let serving = tokio::spawn(async move {
            // The future is dropped again and again, and the next one goes on where it was.
            loop {
                if let Some(ended) = poll_and_drop(server.recv_each(echo), polls).await {
                    ended.unwrap();
                    return server;
                }
            }
        });
        let message = |i: usize| match i % 3 {
            0 => Message::text("\u{3ba}".repeat(i * 10)),
            _ => Message::binary(vec![i as u8; i * i]),
        };
        for i in 0..40 {
            client.feed(message(i)).await.unwrap();
            client.feed(Message::Ping("?".into())).await.unwrap();
        }
        client.flush().await.unwrap();
        let mut next = 0;
        while next < 40 {
            let received = client.recv().await.unwrap().unwrap();
            if !received.is_pong() {
                assert_eq!(received, message(next), "pipe {pipe}");
                next += 1;
            }
        }
        client.close(None).await.unwrap();
        assert!(serving.await.unwrap().receiver().is_clean());
    }
}

#[tokio::test]
async fn answers_of_every_kind_leave_in_order_and_an_error_is_handed_on() {
    let (mut server, mut wire) = our_server(WebSocketConfig::new()).await;
    for text in ["one", "two", "stop", "three"] {
        write(&mut wire, Frame::text(text).masked().encode()).await;
    }
    write(&mut wire, Frame::close(1000, "").masked().encode()).await;
    let news = PreparedMessage::text("news");
    let mut seen = Vec::new();
    let mut answer = |message: MessageRef<'_>, reply: &mut Reply<'_>| {
        seen.push(message.to_message());
        match message {
            MessageRef::Text("one") => {
                reply.send_prepared(&news)?;
                reply.send_message(Message::binary(vec![1; 20_000]))?;
                reply.send(MessageRef::Ping(b"?"))
            }
            MessageRef::Text("stop") => Err(Error::AlreadyClosed),
            MessageRef::Close(_) => Ok(()),
            other => reply.send(other),
        }
    };
    assert!(matches!(server.recv_each(&mut answer).await, Err(Error::AlreadyClosed)));
    server.recv_each(&mut answer).await.unwrap();
    assert!(seen.last().unwrap().is_close());
    assert_eq!(seen.len(), 5);
    drop(server);
    let sent = frames(&read_to_end(&mut wire).await);
    let large = Frame::binary(vec![1; 20_000]);
    let (news, ping) = (Frame::text("news"), Frame::ping("?"));
    let (two, three) = (Frame::text("two"), Frame::text("three"));
    assert_eq!(sent, [news, large, ping, two, three, Frame::close(1000, "")]);
}

#[tokio::test]
async fn more_answers_than_there_is_room_for_are_refused_and_text_that_is_none_fails() {
    let (mut server, mut wire) =
        our_server(WebSocketConfig::new().max_write_buffer_size(100)).await;
    write(&mut wire, Frame::binary([7; 60]).masked().encode()).await;
    let twice = |message: MessageRef<'_>, reply: &mut Reply<'_>| {
        reply.send(message)?;
        reply.send(message)?;
        match reply.send(message) {
            Err(Error::WriteBufferFull(back)) if *back == message.to_message() => Ok(()),
            other => panic!("{other:?}"),
        }
    };
    assert!(poll_and_drop(server.recv_each(twice), 2).await.is_none());
    write(&mut wire, Frame::text(*b"\xff").masked().encode()).await;
    assert!(is_bad_text(&server.recv_each(twice).await.unwrap_err()));
    drop(wire);
    server.recv_each(twice).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn close_is_done_at_once_behind_a_loop_that_ended_at_the_peers_close() {
    let (mut server, mut wire) = our_server(WebSocketConfig::new()).await;
    write(&mut wire, Frame::close(1000, "").masked().encode()).await;
    let ended = server
        .recv_each(|message, _| match message {
            MessageRef::Close(_) => Err(Error::AlreadyClosed),
            _ => Ok(()),
        })
        .await;
    assert!(matches!(ended, Err(Error::AlreadyClosed)));
    let begun = tokio::time::Instant::now();
    server.close(None).await.unwrap();
    assert!(begun.elapsed().is_zero());
}
