//! The halves under loom, with the engine and a peer in memory: however the threads interleave, everything that was sent is
//! written, and no thread waits for ever. `crates/concurrency` runs this.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use fullduplex::{EndpointConfig, Message, Role};
use fullduplex_concurrency::{CLOSE, PING, Peer, explore, frames};
use loom::sync::Mutex;
use loom::thread;

use super::receiving::MOST_READ;
use super::{WebSocketReceiver, WebSocketSender};
use crate::error::Error;
use crate::socket::into_halves::IntoHalves;
use crate::sync::{Instant, sleep};
use crate::websocket::WebSocket;

/// A handle to the network to a peer.
struct Wire {
    peer: Arc<Mutex<Peer>>,
    /// How long a read and a write may wait.
    timeouts: Arc<Mutex<[Option<Duration>; 2]>>,
}

impl Wire {
    /// Waits until `f` has done something, or the timeout has expired.
    fn wait<T>(
        &self,
        direction: usize,
        mut f: impl FnMut(&mut Peer) -> Option<T>,
    ) -> io::Result<T> {
        loop {
            if let Some(done) = f(&mut self.peer.lock().unwrap()) {
                return Ok(done);
            }
            let timeout = self.timeouts.lock().unwrap()[direction];
            sleep(timeout.unwrap_or_default());
            if timeout.is_some() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.peer.lock().unwrap().gone {
            return Err(io::Error::other("no network"));
        }
        let piece = self.wait(0, Peer::read)?;
        buf[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wait(1, |peer| {
            if peer.ended {
                return Some(Err(io::ErrorKind::BrokenPipe.into()));
            }
            let written = peer.write(bytes);
            if written.is_none() {
                // After this many blocked writes, the peer has read.
                peer.blocks -= 1;
                if peer.blocks == 0 {
                    peer.room = ROOM;
                }
            }
            written.map(Ok)
        })?
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl IntoHalves for Wire {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { peer: Arc::clone(&self.peer), timeouts: Arc::clone(&self.timeouts) })
    }

    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.timeouts.lock().unwrap()[0] = timeout;
        Ok(())
    }

    fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.timeouts.lock().unwrap()[1] = timeout;
        Ok(())
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.peer.lock().unwrap().ended |= how != Shutdown::Read;
        Ok(())
    }
}

type Halves = (WebSocketSender<Wire>, WebSocketReceiver<Wire>, Arc<Mutex<Peer>>);

/// The halves of a server.
fn halves(peer: Peer) -> Halves {
    halves_with(peer, Duration::MAX)
}

/// As [`halves`], with a closing handshake that takes no longer than this.
fn halves_with(peer: Peer, close_timeout: Duration) -> Halves {
    let peer = Arc::new(Mutex::new(peer));
    let stream = Wire { peer: Arc::clone(&peer), timeouts: Arc::default() };
    let mut config = EndpointConfig::new();
    config.connection.timeouts.close_timeout = close_timeout;
    let socket = WebSocket::from_raw_socket(stream, Role::Server, config);
    let (sender, receiver) = socket.into_split().unwrap();
    (sender, receiver, peer)
}

/// Receives until the end, and returns how many messages and control frames came.
fn receive(receiver: &mut WebSocketReceiver<Wire>) -> usize {
    let mut count = 0;
    loop {
        match receiver.read() {
            Ok(_) => count += 1,
            Err(Error::ConnectionClosed) => return count,
            Err(error) => panic!("{error}"),
        }
    }
}

/// The frames that a peer has received, sorted, because their order varies.
fn received(peer: &Mutex<Peer>) -> Vec<(u8, Vec<u8>)> {
    let mut frames = frames(&peer.lock().unwrap().received);
    frames.sort();
    frames
}

fn text(text: &str) -> (u8, Vec<u8>) {
    (0x1, text.into())
}

fn pong() -> (u8, Vec<u8>) {
    (0xA, b"p".to_vec())
}

fn close(code: u16) -> (u8, Vec<u8>) {
    (0x8, code.to_be_bytes().to_vec())
}

/// Enough room for everything that is sent.
const ROOM: usize = 100;

/// A Ping without a payload.
const EARLIER_PING: &[u8] = &[0x89, 0x80, 0, 0, 0, 0];

/// Sends a message. The receiver may write it, and see the end, before the sender has flushed it.
fn send(sender: &mut WebSocketSender<Wire>) {
    let sent = sender.send("hi".into());
    assert!(matches!(sent, Ok(()) | Err(Error::AlreadyClosed)), "{sent:?}");
}

#[test]
fn a_pong_is_written_while_a_message_is_sent() {
    explore(|| {
        let (mut sender, mut receiver, peer) = halves(Peer::new(ROOM, &[(0, PING), (7, CLOSE)]));
        let sending = thread::spawn(move || send(&mut sender));
        assert_eq!(receive(&mut receiver), 2);
        sending.join().unwrap();
        assert_eq!(received(&peer), [text("hi"), close(1000), pong()]);
    });
}

#[test]
fn a_pong_is_written_while_the_sender_is_blocked() {
    explore(|| {
        let peer = Peer { blocks: 2, ..Peer::new(1, &[(0, PING), (7, CLOSE)]) };
        let (mut sender, mut receiver, peer) = halves(peer);
        let sending = thread::spawn(move || send(&mut sender));
        assert_eq!(receive(&mut receiver), 2);
        sending.join().unwrap();
        assert_eq!(received(&peer), [text("hi"), close(1000), pong()]);
    });
}

/// "an endpoint MAY elect to send a Pong frame for only the most recently processed Ping frame" (RFC 6455 §5.5.3).
#[test]
fn the_later_of_two_pings_is_answered_while_the_sender_is_blocked() {
    explore(|| {
        let sends = [(0, &[EARLIER_PING, PING].concat()[..]), (7, CLOSE)];
        let peer = Peer { blocks: 2, ..Peer::new(1, &sends) };
        let (mut sender, mut receiver, peer) = halves(peer);
        let sending = thread::spawn(move || send(&mut sender));
        assert_eq!(receive(&mut receiver), 3);
        sending.join().unwrap();
        let mut received = received(&peer);
        received.retain(|frame| *frame != (0xA, Vec::new()));
        assert_eq!(received, [text("hi"), close(1000), pong()]);
    });
}

/// No call follows, so the thread that has the sending side writes the Pong.
#[test]
fn the_last_answer_of_a_dropped_receiver_is_written() {
    explore(|| {
        let (mut sender, mut receiver, peer) = halves(Peer::new(ROOM, &[(0, PING)]));
        let sending = thread::spawn(move || {
            sender.send("hi".into()).unwrap();
            sender
        });
        assert!(matches!(receiver.read().unwrap(), Message::Ping(_)));
        drop(receiver);
        let _sender = sending.join().unwrap();
        assert_eq!(received(&peer), [text("hi"), pong()]);
    });
}

/// The second Ping comes after the message was written. The sender may be writing the first Pong then.
#[test]
fn an_answer_that_comes_while_another_one_is_written_is_written() {
    explore(|| {
        let sends = [(0, EARLIER_PING), (4, PING)];
        let (mut sender, mut receiver, peer) = halves(Peer::new(ROOM, &sends));
        let sending = thread::spawn(move || {
            sender.send("hi".into()).unwrap();
            sender
        });
        for _ in 0..2 {
            assert!(matches!(receiver.read().unwrap(), Message::Ping(_)));
        }
        drop(receiver);
        let _sender = sending.join().unwrap();
        assert!(received(&peer).contains(&pong()));
    });
}

#[test]
fn a_close_is_answered_although_nothing_is_received_after_it() {
    explore(|| {
        let (mut sender, mut receiver, peer) = halves(Peer::new(ROOM, &[(0, CLOSE)]));
        let sending = thread::spawn(move || {
            // It is too late for a message once the Close has come.
            let fed = sender.feed("hi".into()).is_ok();
            let _ = sender.flush();
            (sender, fed)
        });
        assert!(receiver.read().unwrap().is_close());
        let (_sender, fed) = sending.join().unwrap();
        let mut expected = vec![close(1000)];
        if fed {
            expected.insert(0, text("hi"));
        }
        assert_eq!(received(&peer), expected);
    });
}

#[test]
fn both_are_dropped_with_something_to_write() {
    explore(|| {
        let (mut sender, mut receiver, peer) = halves(Peer::new(ROOM, &[(0, PING)]));
        let sending = thread::spawn(move || sender.feed("hi".into()).unwrap());
        assert!(matches!(receiver.read().unwrap(), Message::Ping(_)));
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
            let sending = thread::spawn(move || sender.close(None).unwrap());
            assert_eq!(receive(&mut receiver), 1);
            assert!(receiver.receiver().is_clean());
            sending.join().unwrap();
            assert_eq!(received(&peer), [close(1000)]);
            assert!(peer.lock().unwrap().ended);
        });
    }
}

/// Otherwise the sender would wait for a peer that never reads.
#[test]
fn a_blocked_sender_hears_that_the_connection_is_over() {
    // An end of input, a Close whose answer is not read, and a read that fails, after which nothing ends the write.
    for (last, gone) in [(&[][..], false), (CLOSE, false), (&[], true)] {
        explore(move || {
            let peer = Peer { blocks: usize::MAX, gone, ..Peer::new(1, &[(0, last)]) };
            let (mut sender, mut receiver, peer) = halves_with(peer, Duration::from_millis(30));
            let sending = thread::spawn(move || sender.send("hi".into()));
            while receiver.read().is_ok() {}
            drop(receiver);
            let sent = sending.join().unwrap().unwrap_err();
            assert!(matches!(sent, Error::AlreadyClosed | Error::Send(_)), "{sent}");
            assert!(peer.lock().unwrap().received.len() <= 1);
        });
    }
}

#[test]
fn nothing_is_said_once_the_stream_is_of_no_use() {
    for is_used_again in [false, true] {
        explore(move || {
            let peer = Peer { gone: true, ..Peer::new(ROOM, &[]) };
            let (mut sender, mut receiver, peer) = halves(peer);
            let sending = thread::spawn(move || {
                send(&mut sender);
                sender
            });
            assert!(receiver.read().is_err());
            drop(receiver);
            let mut sender = sending.join().unwrap();
            if is_used_again {
                assert!(matches!(sender.feed("late".into()), Err(Error::AlreadyClosed)));
            }
            drop(sender);
            let received = received(&peer);
            assert!(received.is_empty() || received == [text("hi")], "{received:?}");
        });
    }
}

/// The peer neither reads nor answers.
#[test]
fn the_receiver_hears_of_a_close_that_is_blocked() {
    explore(|| {
        let peer = Peer { blocks: usize::MAX, ..Peer::new(1, &[]) };
        let (mut sender, mut receiver, _) = halves_with(peer, Duration::from_millis(500));
        let sending = thread::spawn(move || sender.close(None));
        assert!(receiver.read().is_err());
        sending.join().unwrap().unwrap();
    });
}

/// The receiver may wait a second before it notices the Close.
#[test]
fn the_close_timeout_begins_with_the_close() {
    const CLOSE_TIMEOUT: Duration = Duration::from_millis(600);
    explore(|| {
        let (mut sender, mut receiver, _) = halves_with(Peer::new(ROOM, &[]), CLOSE_TIMEOUT);
        let sending = thread::spawn(move || {
            sleep(Duration::from_millis(1500));
            let before = Instant::now();
            sender.feed(Message::Close(None)).unwrap();
            (sender, [before, Instant::now()])
        });
        assert!(receiver.read().is_err());
        let (_sender, begun) = sending.join().unwrap();
        let [most, least] = begun.map(Instant::elapsed);
        assert!(most >= CLOSE_TIMEOUT && least <= MOST_READ, "{most:?}, {least:?}");
    });
}
