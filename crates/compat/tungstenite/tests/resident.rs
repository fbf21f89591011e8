//! How much resident memory a peer can make a connection hold, over a real socket. It has its own test binary, because the
//! memory of the whole process is measured.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use tungstenite::protocol::Role;
use tungstenite::{Error, WebSocket};

/// Enough for about 50 MB of replies.
const PINGS: usize = 400_000;

fn resident_kib() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn pings_of_a_peer_that_does_not_read_are_not_all_answered_in_memory() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    far.set_nonblocking(true).unwrap();
    let mut server = WebSocket::from_raw_socket(far, Role::Server, None);
    let before = resident_kib();
    let flooding = thread::spawn(move || {
        let ping = [&b"\x89\xfd\0\0\0\0"[..], &[7; 125]].concat();
        let block = ping.repeat(100);
        for _ in 0..PINGS / 100 {
            near.write_all(&block).unwrap();
        }
        near
    });
    let mut received = 0;
    while received < PINGS {
        match server.read() {
            Ok(message) => {
                assert!(message.is_ping());
                received += 1;
            }
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                thread::yield_now();
            }
            Err(error) => panic!("{error}"),
        }
    }
    let grown = resident_kib().saturating_sub(before);
    drop(flooding.join().unwrap());
    assert!(grown < 8 << 10, "{grown} KiB were held for a peer that reads nothing");
}
