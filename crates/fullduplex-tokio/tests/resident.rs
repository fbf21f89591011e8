//! What peers that do not read make an echo server hold, in resident memory, over real sockets.
#![cfg(target_os = "linux")]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use fullduplex_testkit::Frame;
use fullduplex_tokio::{DEFAULT_READ_AHEAD_SIZE, WebSocketConfig, accept_async};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// How much of this process is in memory, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

async fn serve(listener: TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let mut socket = accept_async(stream).await?;
            while let Some(message) = socket.recv().await {
                let message = message?;
                if message.is_binary() {
                    socket.feed(message).await?;
                }
            }
            Ok::<_, fullduplex_tokio::Error>(())
        });
    }
}

/// Opens a connection and has messages echoed, which it does not read, until the server is blocked.
fn block(address: SocketAddr) -> TcpStream {
    let mut peer = TcpStream::connect(address).unwrap();
    peer.set_nodelay(true).unwrap();
    peer.write_all(REQUEST).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        peer.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    let frame = Frame::binary(vec![1; 64 << 10]).masked().encode();
    peer.set_nonblocking(true).unwrap();
    let mut at = 0;
    let mut idle = Instant::now();
    while idle.elapsed() < Duration::from_millis(20) {
        match peer.write(&frame[at..]) {
            Ok(len) => (at, idle) = ((at + len) % frame.len(), Instant::now()),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    // Ends within a message, which the flood ends.
    let rest = if at == 0 { &[] } else { &frame[at..] };
    peer.set_nonblocking(false).unwrap();
    peer.set_write_timeout(Some(Duration::from_millis(20))).unwrap();
    let _ = peer.write_all(rest);
    peer
}

/// Sends messages of one byte, each in a segment of its own, for as long as the server takes them; how many.
fn flood(peer: &mut TcpStream, most: usize) -> usize {
    let frame = Frame::binary(vec![1]).masked().encode();
    (0..most).take_while(|_| peer.write_all(&frame).is_ok()).count()
}
