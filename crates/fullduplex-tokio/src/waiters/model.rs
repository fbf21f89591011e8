//! A whole WebSocket under loom, which two tasks use in turn, as if `futures` had split it: however they interleave,
//! everything that was sent is written, and no task waits for ever. `crates/concurrency` runs this.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use fullduplex::{Message, Role};
use fullduplex_concurrency::{CLOSE, PING, Peer, explore};
use futures_core::Stream;
use futures_sink::Sink;
use loom::future::block_on;
use loom::sync::Mutex;
use loom::thread::{self, JoinHandle};

use crate::config::WebSocketConfig;
use crate::error::Result;
use crate::halves::model::{Wire, close, pong, reads, received, text};
use crate::websocket::WebSocketStream;

/// A server that two tasks share.
#[derive(Clone)]
struct Both(Arc<Mutex<WebSocketStream<Wire>>>);

fn both(peer: Peer) -> (Both, Arc<Mutex<Peer>>) {
    let peer = Arc::new(Mutex::new(peer));
    let stream = Wire(Arc::clone(&peer));
    let socket = WebSocketStream::from_raw_socket(stream, Role::Server, WebSocketConfig::new());
    (Both(Arc::new(Mutex::new(socket))), peer)
}

impl Both {
    fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        f: impl FnOnce(Pin<&mut WebSocketStream<Wire>>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        f(Pin::new(&mut *self.0.lock().unwrap()), cx)
    }

    /// Receives the next message.
    fn receive(&self) -> Option<Message> {
        block_on(poll_fn(|cx| self.poll(cx, Stream::poll_next))).transpose().unwrap()
    }

    /// A thread that sends a message.
    fn sends(&self, text: &'static str) -> JoinHandle<Result<()>> {
        let this = self.clone();
        thread::spawn(move || {
            block_on(poll_fn(|cx| {
                this.poll(cx, |mut socket, cx| {
                    ready!(socket.as_mut().poll_ready(cx))?;
                    Poll::Ready(socket.start_send(Message::text(text)))
                })
            }))?;
            block_on(poll_fn(|cx| this.poll(cx, Sink::poll_flush)))
        })
    }
}

#[test]
fn a_pong_is_written_while_the_sender_is_blocked() {
    explore(|| {
        let (socket, peer) = both(Peer::new(1, &[(0, PING), (7, CLOSE)]));
        let sending = socket.sends("hi");
        let reading = reads(&peer);
        assert!(socket.receive().unwrap().is_ping());
        assert!(socket.receive().unwrap().is_close());
        assert_eq!(socket.receive(), None);
        sending.join().unwrap().unwrap();
        reading.join().unwrap();
        assert_eq!(received(&peer), [text("hi"), close(1000), pong()]);
    });
}

/// The receiving task writes what it can, but the sending task has to be woken when there is room.
#[test]
fn a_sender_goes_on_although_nothing_more_is_received() {
    explore(|| {
        let (socket, peer) = both(Peer::new(1, &[(0, CLOSE)]));
        let sending = socket.sends("hi");
        let reading = reads(&peer);
        assert!(socket.receive().unwrap().is_close());
        // It is too late for a message once the Close has come.
        let sent = sending.join().unwrap().is_ok();
        reading.join().unwrap();
        drop(socket);
        let mut expected = vec![close(1000)];
        if sent {
            expected.insert(0, text("hi"));
        }
        assert_eq!(received(&peer), expected);
    });
}

/// The peer reads on by itself, and the transport wakes no task for room that the flushing task has found by itself.
#[test]
fn the_end_comes_when_the_sender_has_written_the_last_bytes() {
    explore(|| {
        let (socket, peer) = both(Peer::new(1, &[(0, CLOSE)]));
        let flushing = {
            let (socket, peer) = (socket.clone(), Arc::clone(&peer));
            thread::spawn(move || {
                peer.lock().unwrap().room = 100;
                let _ = block_on(poll_fn(|cx| socket.poll(cx, Sink::poll_flush)));
                peer.lock().unwrap().wake_writer();
            })
        };
        assert!(socket.receive().unwrap().is_close());
        assert_eq!(socket.receive(), None);
        flushing.join().unwrap();
        assert!(peer.lock().unwrap().ended);
    });
}

/// The closing task waits for the end, which the receiving task finds.
#[test]
fn the_one_that_closes_hears_of_the_end() {
    for after in [0, 4] {
        explore(move || {
            let (socket, peer) = both(Peer::new(100, &[(after, CLOSE)]));
            let closing = {
                let socket = socket.clone();
                thread::spawn(move || block_on(poll_fn(|cx| socket.poll(cx, Sink::poll_close))))
            };
            while socket.receive().is_some() {}
            closing.join().unwrap().unwrap();
            assert_eq!(received(&peer), [close(1000)]);
        });
    }
}
