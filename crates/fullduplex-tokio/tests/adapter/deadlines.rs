//! Deadlines, under tokio's paused clock.

use std::pin::pin;
use std::time::Duration;

use fullduplex_testkit::{Frame, frames};
use fullduplex_tokio::fullduplex::{self, Timeout};
use fullduplex_tokio::{Error, Message, WebSocketConfig, accept_with, client_with};
use tokio::io::{AsyncReadExt, duplex};
use tokio::time::{Instant, advance, sleep, timeout};

use crate::support::{any, drain, ms, our_client, our_server, poll_once, read_to_end, secs, write};

pub(crate) async fn takes<T>(expected: Duration, action: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let result = action.await;
    let took = begun.elapsed();
    assert!(took >= expected && took < expected + ms(10), "{took:?} instead of {expected:?}");
    result
}

pub(crate) fn is(error: Option<Error>, timeout: Timeout) -> bool {
    matches!(error, Some(Error::Protocol(found)) if found == timeout.into())
}

#[tokio::test(start_paused = true)]
async fn a_slow_handshake_is_cut_off_in_both_roles() {
    let config = WebSocketConfig::new().handshake_timeout(Some(secs(3)));
    let (near, mut far) = duplex(1 << 10);
    let dripping = tokio::spawn(async move {
        // One byte a second: each read brings something, and the request is never whole.
        for byte in b"GET / HTTP/1.1\r\n".chunks(1) {
            if tokio::io::AsyncWriteExt::write_all(&mut far, byte).await.is_err() {
                break;
            }
            sleep(secs(1)).await;
        }
    });
    let accepted = takes(secs(3), accept_with(near, config, any)).await;
    assert!(is(accepted.err(), Timeout::Handshake));
    dripping.await.unwrap();

    let (near, _far) = duplex(1 << 10);
    let connecting = client_with("ws://localhost/", near, config);
    assert!(is(takes(secs(3), connecting).await.err(), Timeout::Handshake));
}

#[tokio::test(start_paused = true)]
async fn close_gives_up_on_a_peer_that_does_not_answer() {
    for in_both in [false, true] {
        let (mut client, mut wire) =
            our_client(WebSocketConfig::new().close_timeout(secs(2))).await;
        if in_both {
            // A peer that goes on sending is given up as well.
            tokio::spawn(async move {
                loop {
                    let frame = Frame::text("still here").encode();
                    if tokio::io::AsyncWriteExt::write_all(&mut wire, &frame).await.is_err() {
                        break;
                    }
                    sleep(ms(500)).await;
                }
            });
            let closed = takes(secs(2), client.close(None)).await;
            assert!(is(closed.err(), Timeout::Close));
        } else {
            let closed = takes(secs(2), client.close(None)).await;
            assert!(is(closed.err(), Timeout::Close));
        }
        let (messages, error) = drain(&mut client).await;
        assert!(is(error, Timeout::Close));
        assert_eq!(!messages.is_empty(), in_both);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_server_does_not_end_the_transport_ends_it() {
    let (mut client, mut wire) = our_client(WebSocketConfig::new().close_timeout(secs(2))).await;
    write(&mut wire, Frame::close(1000, "").encode()).await;
    let (messages, error) = takes(secs(2), drain(&mut client)).await;
    assert!(error.is_none() && messages.len() == 1);
}

#[tokio::test(start_paused = true)]
async fn a_half_open_peer_is_found_by_keepalive() {
    let config = WebSocketConfig::new().keepalive(secs(20), secs(10)).close_timeout(ms(1));
    let (mut server, mut wire) = our_server(config).await;
    // A message in between puts the Ping off.
    sleep(secs(5)).await;
    write(&mut wire, Frame::text("hello").masked().encode()).await;
    assert!(server.recv().await.unwrap().unwrap().is_text());
    let item = takes(secs(30), server.recv()).await.unwrap();
    assert!(is(item.err(), Timeout::Pong));
    assert!(server.recv().await.is_none());
    drop(server);
    let sent = frames(&read_to_end(&mut wire).await);
    assert_eq!(sent, [Frame::ping(""), Frame::close(1011, "")]);
}

#[tokio::test(start_paused = true)]
async fn any_byte_answers_a_ping() {
    let config = WebSocketConfig::new().keepalive(secs(20), secs(10));
    let (mut server, mut wire) = our_server(config).await;
    let sending = tokio::spawn(async move {
        // A message that comes byte by byte, one byte every 25 seconds.
        for byte in Frame::text("slow").masked().encode() {
            sleep(secs(25)).await;
            write(&mut wire, [byte]).await;
        }
        wire
    });
    assert_eq!(server.recv().await.unwrap().unwrap(), Message::text("slow"));
    sending.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_is_blocked_keeps_the_deadlines_too() {
    let config = WebSocketConfig::new().keepalive(secs(20), secs(10));
    let (near, _far) = duplex(10);
    let role = fullduplex_tokio::Role::Server;
    let mut server = fullduplex_tokio::WebSocketStream::from_raw_socket(near, role, config);
    let sent = takes(secs(30), server.send(Message::binary(vec![0; 1000]))).await;
    assert!(is(sent.err(), Timeout::Pong));
    // The reader learns of the timeout, too.
    assert!(is(server.recv().await.unwrap().err(), Timeout::Pong));
}

#[tokio::test(start_paused = true)]
async fn however_long_nothing_came_the_wait_for_a_close_begins_with_the_close() {
    let config = WebSocketConfig::new().close_timeout(secs(2));
    // A client that has answered waits for the server to end the transport, and so does a client that has failed.
    for last in [Frame::close(1000, ""), Frame::new(3, *b"reserved")] {
        for halves in [false, true] {
            let (mut client, mut wire) = our_client(config).await;
            write(&mut wire, Frame::text("first").encode()).await;
            assert_eq!(client.recv().await.unwrap().unwrap(), Message::text("first"));
            assert!(pin!(timeout(secs(3600), client.recv())).await.is_err());
            write(&mut wire, last.encode()).await;
            if halves {
                let (_sender, mut receiver) = client.into_split();
                takes(secs(2), async move { while receiver.recv().await.is_some() {} }).await;
            } else {
                takes(secs(2), async move { while client.recv().await.is_some() {} }).await;
            }
            let sent = read_to_end(&mut wire).await;
            assert_eq!(frames(&sent).last().map(|frame| frame.opcode), Some(8));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_peer_is_told_and_left() {
    let config = WebSocketConfig::new().idle_timeout(Some(secs(60))).close_timeout(secs(1));
    let (mut server, mut wire) = our_server(config).await;
    let (messages, error) = takes(secs(61), drain(&mut server)).await;
    assert!(messages.is_empty() && is(error, Timeout::Idle));
    drop(server);
    assert_eq!(frames(&read_to_end(&mut wire).await), [Frame::close(1001, "")]);
}

#[tokio::test(start_paused = true)]
async fn a_close_that_is_only_sent_has_its_deadline_too() {
    let (mut client, _wire) = our_client(WebSocketConfig::new().close_timeout(secs(2))).await;
    client.send(Message::Close(None)).await.unwrap();
    let (messages, error) = takes(secs(2), drain(&mut client)).await;
    assert!(messages.is_empty() && is(error, Timeout::Close));
}

/// The application does something else after it has begun to close.
#[tokio::test(start_paused = true)]
async fn the_wait_for_a_close_begins_when_ours_is_queued() {
    for begins in [false, true] {
        let (mut client, _wire) = our_client(WebSocketConfig::new().close_timeout(secs(5))).await;
        let whole = takes(secs(5), async {
            if begins {
                client.begin_close(None).unwrap();
            } else {
                client.feed(Message::Close(None)).await.unwrap();
            }
            sleep(secs(4)).await;
            drain(&mut client).await
        });
        assert!(is(whole.await.1, Timeout::Close));
    }
}

/// Input that comes late because the application did not read is not a silence of the peer.
#[tokio::test(start_paused = true)]
async fn an_application_that_is_slow_itself_does_not_blame_the_peer() {
    let config = WebSocketConfig::new().keepalive(secs(20), secs(10)).idle_timeout(Some(secs(60)));
    let (mut server, mut wire) = our_server(config).await;
    write(&mut wire, Frame::text("early").masked().encode()).await;
    advance(secs(300)).await;
    assert_eq!(server.recv().await.unwrap().unwrap(), Message::text("early"));
    assert!(poll_once(pin!(server.recv())).is_pending());
    let mut buf = [0; 10];
    assert!(timeout(secs(19), wire.read(&mut buf)).await.is_err());
}

/// Closes a socket whose peer sends nothing, and returns the error.
async fn close_unanswered() -> Option<Error> {
    let config = WebSocketConfig::new().close_timeout(Duration::ZERO);
    let (mut server, _far) = our_server(config).await;
    server.close(None).await.err()
}

#[test]
#[should_panic(expected = "timers are disabled")]
fn in_a_runtime_without_a_time_driver_tokio_panics() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(close_unanswered());
}

#[test]
fn outside_of_a_runtime_a_deadline_is_looked_at_by_each_poll() {
    let mut closing = pin!(close_unanswered());
    let closed = std::iter::repeat_with(|| poll_once(closing.as_mut())).take(1000);
    let mut ready = closed.skip_while(std::task::Poll::is_pending);
    assert!(matches!(
        ready.next(),
        Some(std::task::Poll::Ready(Some(Error::Protocol(fullduplex::Error::Timeout(_)))))
    ));
}
