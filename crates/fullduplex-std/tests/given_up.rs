//! The resident memory of a server, over a real socket, when a message cannot be completed any more.
#![cfg(target_os = "linux")]

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use fullduplex_std::accept;
use fullduplex_testkit::{Frame, resident, returns_freed_memory};

const MIB: usize = 1 << 20;

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// Waits until the resident memory is as wanted.
fn wait_for(what: &str, is_wanted: impl Fn(usize) -> bool) {
    let begin = Instant::now();
    while !is_wanted(resident()) {
        assert!(begin.elapsed() < Duration::from_secs(3), "{what}: {} MiB", resident() / MIB);
        thread::sleep(Duration::from_millis(10));
    }
}

/// The peer keeps the connection open, so the server waits for the close timeout of 5 s.
#[test]
fn a_message_that_cannot_be_completed_is_freed_at_once() {
    if !returns_freed_memory() {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let serving = thread::spawn(move || {
        let mut socket = accept(listener.accept().unwrap().0).unwrap();
        socket.read().unwrap_err()
    });
    let begun = Frame::binary(vec![7; 15 * MIB]).unfinished().masked().encode();
    let more = Frame::continuation(vec![7; 15 * MIB]).unfinished().masked().encode();
    let before = resident();
    peer.write_all(REQUEST).unwrap();
    peer.write_all(&begun).unwrap();
    peer.write_all(&more).unwrap();
    wait_for("held", |now| now > before + 25 * MIB);
    peer.write_all(&Frame { rsv: 2, ..Frame::ping("") }.masked().encode()).unwrap();
    wait_for("freed", |now| now < before + 5 * MIB);
    drop(peer);
    serving.join().unwrap();
}
