//! The halves under loom, with the engine and a peer in memory: however the threads interleave, everything that was sent is
//! written, and no thread waits for ever. `crates/concurrency` runs this.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use fullduplex::{Message, Role};
use fullduplex_concurrency::{CLOSE, PING, Peer, explore, frames};
use futures_core::Stream;
use futures_sink::Sink;
use loom::future::block_on;
use loom::sync::Mutex;
use loom::thread;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{WebSocketReceiver, WebSocketSender};
use crate::config::WebSocketConfig;
use crate::into_halves::IntoHalves;
use crate::websocket::WebSocketStream;

/// The network to a peer: one direction of it, or both.
#[derive(Clone)]
pub(crate) struct Wire(pub(crate) Arc<Mutex<Peer>>);

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut peer = self.0.lock().unwrap();
        match peer.read() {
            Some(piece) => buf.put_slice(&piece),
            None => {
                peer.reader = Some(cx.waker().clone());
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut peer = self.0.lock().unwrap();
        if peer.gone {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let written = peer.write(bytes);
        if written.is_none() {
            peer.writer = Some(cx.waker().clone());
        }
        written.map_or(Poll::Pending, |len| Poll::Ready(Ok(len)))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.lock().unwrap().ended = true;
        Poll::Ready(Ok(()))
    }
}

impl IntoHalves for Wire {
    type ReadHalf = Self;
    type WriteHalf = Self;

    fn into_halves(self) -> (Self, Self) {
        (self.clone(), self)
    }

    fn from_halves(read: Self, _: Self) -> Option<Self> {
        Some(read)
    }
}

type Halves = (WebSocketSender<Wire>, WebSocketReceiver<Wire>, Arc<Mutex<Peer>>);

/// The halves of a server.
fn halves(peer: Peer) -> Halves {
    halves_with(peer, WebSocketConfig::new())
}

fn halves_with(peer: Peer, config: WebSocketConfig) -> Halves {
    let peer = Arc::new(Mutex::new(peer));
    let stream = Wire(Arc::clone(&peer));
    let socket = WebSocketStream::from_raw_socket(stream, Role::Server, config);
    let (sender, receiver) = socket.into_split();
    (sender, receiver, peer)
}

/// Receives until the end, each time in another task, and returns how many messages and control frames came.
fn receive(receiver: &mut WebSocketReceiver<Wire>) -> usize {
    let mut count = 0;
    while let Some(received) = block_on(receiver.recv()) {
        received.unwrap();
        count += 1;
    }
    count
}

/// The frames that a peer has received, sorted, because their order varies.
pub(crate) fn received(peer: &Mutex<Peer>) -> Vec<(u8, Vec<u8>)> {
    let mut frames = frames(&peer.lock().unwrap().received);
    frames.sort();
    frames
}

pub(crate) fn text(text: &str) -> (u8, Vec<u8>) {
    (0x1, text.into())
}

pub(crate) fn pong() -> (u8, Vec<u8>) {
    (0xA, b"p".to_vec())
}

pub(crate) fn close(code: u16) -> (u8, Vec<u8>) {
    (0x8, code.to_be_bytes().to_vec())
}

/// Has the peer read on at some time, and the transport wake the writer after that, on a thread.
pub(crate) fn reads(peer: &Arc<Mutex<Peer>>) -> thread::JoinHandle<()> {
    let peer = Arc::clone(peer);
    thread::spawn(move || {
        peer.lock().unwrap().room = ROOM;
        peer.lock().unwrap().wake_writer();
    })
}

/// Enough room for everything that is sent.
const ROOM: usize = 100;

#[test]
fn a_pong_is_written_while_the_sender_is_blocked() {
    explore(|| {
        let (mut sender, mut receiver, peer) = halves(Peer::new(1, &[(0, PING), (7, CLOSE)]));
        let sending = thread::spawn(move || block_on(sender.send(Message::text("hi"))).unwrap());
        let reading = reads(&peer);
        assert_eq!(receive(&mut receiver), 2);
        sending.join().unwrap();
        reading.join().unwrap();
        assert_eq!(received(&peer), [text("hi"), close(1000), pong()]);
    });
}

#[test]
fn each_of_two_pings_has_its_pong_while_a_message_is_sent() {
    explore(|| {
        let sends = [(0, &[PING, PING].concat()[..]), (10, CLOSE)];
        let (mut sender, mut receiver, peer) = halves(Peer::new(ROOM, &sends));
        let sending = thread::spawn(move || block_on(sender.send(Message::text("hi"))).unwrap());
        assert_eq!(receive(&mut receiver), 3);
        sending.join().unwrap();
        assert_eq!(received(&peer), [text("hi"), close(1000), pong(), pong()]);
    });
}

#[test]
fn an_answer_waits_for_room_by_itself() {
    explore(|| {
        let (_sender, mut receiver, peer) = halves(Peer::new(0, &[(0, PING), (3, CLOSE)]));
        let reading = reads(&peer);
        assert_eq!(receive(&mut receiver), 2);
        reading.join().unwrap();
        assert_eq!(received(&peer), [close(1000), pong()]);
    });
}

#[test]
fn a_close_is_answered_although_nothing_is_received_after_it() {
    explore(|| {
        let (mut sender, mut receiver, peer) = halves(Peer::new(ROOM, &[(0, CLOSE)]));
        let sending = thread::spawn(move || {
            // It is too late for a message once the Close has come.
            let sent = block_on(sender.send(Message::text("hi"))).is_ok();
            (sender, sent)
        });
        assert!(block_on(receiver.recv()).unwrap().unwrap().is_close());
        let (_sender, sent) = sending.join().unwrap();
        let mut expected = vec![close(1000)];
        if sent {
            expected.insert(0, text("hi"));
        }
        assert_eq!(received(&peer), expected);
    });
}

/// `start_send` waits for the lock, which nothing else does in an open connection.
#[test]
fn a_sink_and_the_receiver_both_write() {
    explore(|| {
        let (mut sender, mut receiver, peer) = halves(Peer::new(ROOM, &[(0, PING), (7, CLOSE)]));
        let sending = thread::spawn(move || {
            block_on(async {
                poll_fn(|cx| Pin::new(&mut sender).poll_ready(cx)).await?;
                Pin::new(&mut sender).start_send(Message::text("hi"))?;
                poll_fn(|cx| Pin::new(&mut sender).poll_flush(cx)).await
            })
            .unwrap();
        });
        assert_eq!(receive(&mut receiver), 2);
        sending.join().unwrap();
        assert_eq!(received(&peer), [text("hi"), close(1000), pong()]);
    });
}

#[test]
fn the_receiver_is_dropped_while_the_sender_is_blocked() {
    explore(|| {
        let (mut sender, mut receiver, peer) = halves(Peer::new(1, &[(0, PING)]));
        let sending = thread::spawn(move || block_on(sender.send(Message::text("hi"))).unwrap());
        let reading = reads(&peer);
        assert!(block_on(receiver.recv()).unwrap().unwrap().is_ping());
        drop(receiver);
        sending.join().unwrap();
        reading.join().unwrap();
        assert_eq!(received(&peer), [text("hi"), close(1001), pong()]);
    });
}

#[test]
fn both_are_dropped_with_something_to_write() {
    explore(|| {
        let (mut sender, mut receiver, peer) = halves(Peer::new(ROOM, &[(0, PING)]));
        let sending = thread::spawn(move || block_on(sender.feed(Message::text("hi"))).unwrap());
        assert!(block_on(receiver.recv()).unwrap().unwrap().is_ping());
        drop(receiver);
        sending.join().unwrap();
        assert_eq!(received(&peer), [text("hi"), close(1001), pong()]);
        assert!(peer.lock().unwrap().ended);
    });
}

#[test]
fn both_ends_close() {
    // The peer's Close comes at any time, or in answer to ours.
    for after in [0, 4] {
        explore(move || {
            let (mut sender, mut receiver, peer) = halves(Peer::new(ROOM, &[(after, CLOSE)]));
            let sending = thread::spawn(move || block_on(sender.close(None)).unwrap());
            assert_eq!(receive(&mut receiver), 1);
            assert!(receiver.receiver().is_clean());
            sending.join().unwrap();
            assert_eq!(received(&peer), [close(1000)]);
            assert!(peer.lock().unwrap().ended);
        });
    }
}

/// The peer reads on by itself, and the transport wakes neither half for room that the sender has found by itself.
#[test]
fn the_end_comes_when_the_sender_has_written_the_last_bytes() {
    explore(|| {
        let (mut sender, mut receiver, peer) = halves(Peer::new(1, &[(0, CLOSE)]));
        let flushing = {
            let peer = Arc::clone(&peer);
            thread::spawn(move || {
                peer.lock().unwrap().room = ROOM;
                let _ = block_on(sender.flush());
                peer.lock().unwrap().wake_writer();
                sender
            })
        };
        assert_eq!(receive(&mut receiver), 1);
        let _sender = flushing.join().unwrap();
        assert_eq!(received(&peer), [close(1000)]);
        assert!(peer.lock().unwrap().ended);
    });
}

/// The receiver has written the last bytes, or has found out that the peer is gone.
#[test]
fn a_blocked_sender_hears_what_has_come_of_a_write_of_the_receiver() {
    for gone in [false, true] {
        explore(move || {
            let (mut sender, mut receiver, peer) = halves(Peer::new(1, &[]));
            let sending = thread::spawn(move || block_on(sender.send(Message::text("hi"))));
            {
                let mut peer = peer.lock().unwrap();
                (peer.room, peer.gone) = (ROOM, gone);
            }
            // The receiver waits, but only for input.
            block_on(poll_fn(|cx| Poll::Ready(Pin::new(&mut receiver).poll_next(cx).is_pending())));
            peer.lock().unwrap().wake_writer();
            assert!(sending.join().unwrap().is_ok() || gone);
        });
    }
}

/// Each way to begin a closing handshake, with a peer that does not answer. The receiver has a deadline then.
#[test]
fn the_receiver_hears_of_a_close_of_the_sender() {
    type Begin = fn(&mut WebSocketSender<Wire>);
    let ways: [Begin; 4] = [
        |sender| block_on(sender.feed(Message::Close(None))).unwrap(),
        |sender| Pin::new(sender).start_send(Message::Close(None)).unwrap(),
        |sender| block_on(sender.close(None)).unwrap(),
        |sender| {
            while sender.can_send() {
                // The call is given up at its first wait.
                let mut closing = pin!(sender.close(None));
                let _ = block_on(poll_fn(|cx| Poll::Ready(closing.as_mut().poll(cx))));
            }
        },
    ];
    for begin in ways {
        explore(move || {
            let config = WebSocketConfig::new().close_timeout(Duration::ZERO);
            let (mut sender, mut receiver, _) = halves_with(Peer::new(ROOM, &[]), config);
            let sending = thread::spawn(move || {
                begin(&mut sender);
                sender
            });
            assert!(block_on(receiver.recv()).unwrap().is_err());
            let _sender = sending.join().unwrap();
        });
    }
}

#[test]
fn an_answer_is_not_put_off_by_a_look_at_the_sender() {
    explore(|| {
        let (sender, mut receiver, peer) = halves(Peer::new(ROOM, &[(0, PING), (3, CLOSE)]));
        let looking = thread::spawn(move || {
            let _ = sender.can_send();
            sender
        });
        assert_eq!(receive(&mut receiver), 2);
        let _sender = looking.join().unwrap();
        assert_eq!(received(&peer), [close(1000), pong()]);
    });
}

/// Lent text may turn out to be invalid, and the sender hears of this only when the receiver is dropped.
#[test]
fn a_dropped_receiver_tells_the_sender_and_the_peer_why() {
    const NO_TEXT: &[u8] = &[0x81, 0x81, 0, 0, 0, 0, 0xFF];
    for room in [0, ROOM] {
        explore(move || {
            let (mut sender, mut receiver, peer) = halves(Peer::new(room, &[(0, NO_TEXT)]));
            let sending = thread::spawn(move || {
                let sent = block_on(sender.send(Message::text("hi")));
                (sender, sent)
            });
            assert!(block_on(receiver.recv_ref()).unwrap().is_err());
            drop(receiver);
            let (_sender, sent) = sending.join().unwrap();
            assert!(room > 0 || sent.is_err());
            let received = received(&peer);
            assert_eq!(received.contains(&close(1007)), room > 0);
            // A message that was taken may be written although the sender hears of the end.
            assert!(sent.is_err() || received.contains(&text("hi")));
        });
    }
}

#[test]
fn a_dropped_receiver_leaves_no_answer_behind() {
    explore(|| {
        let (mut sender, mut receiver, peer) = halves(Peer::new(ROOM, &[(0, PING)]));
        let sending = thread::spawn(move || {
            block_on(sender.send(Message::text("hi"))).unwrap();
            sender
        });
        assert!(block_on(receiver.recv()).unwrap().unwrap().is_ping());
        drop(receiver);
        let _sender = sending.join().unwrap();
        assert_eq!(received(&peer), [text("hi"), pong()]);
    });
}

/// A write has failed before the input ends, so the end of input counts as a reset.
#[test]
fn a_reset_that_the_sender_has_seen_is_a_reset() {
    explore(|| {
        let (mut sender, mut receiver, peer) = halves(Peer::new(ROOM, &[]));
        peer.lock().unwrap().gone = true;
        let sending = thread::spawn(move || {
            assert!(block_on(sender.send(Message::text("hi"))).is_err());
            peer.lock().unwrap().end_input();
            let _ = sender.can_send();
        });
        let failed = block_on(receiver.recv()).unwrap().unwrap_err();
        assert!(failed.to_string().contains("reset"), "{failed}");
        sending.join().unwrap();
    });
}

/// Otherwise the sender would wait for a peer that never reads.
#[test]
fn a_blocked_sender_hears_that_the_connection_is_over() {
    // A frame without a mask, and an end of input.
    for fault in [&[0x81, 0][..], &[]] {
        explore(move || {
            let (mut sender, mut receiver, peer) = halves(Peer::new(1, &[(0, fault)]));
            let sending = thread::spawn(move || block_on(sender.send(Message::text("hi"))));
            assert!(block_on(receiver.recv()).unwrap().is_err());
            assert!(sending.join().unwrap().is_err());
            assert!(peer.lock().unwrap().received.len() <= 1);
        });
    }
}
