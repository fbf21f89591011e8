//! The resident memory of an echo server, over real sockets, when its peers do not read.
#![cfg(target_os = "linux")]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use fullduplex_testkit::{Frame, resident, returns_freed_memory};
use fullduplex_tokio::{WebSocketConfig, accept};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Builder;

const PEERS: usize = 50;

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

async fn serve(listener: TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let mut socket = accept(stream).await?;
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

/// A listener whose connections have small buffers in the kernel, so that bytes wait in this process.
fn listen() -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(16 << 10).unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket.listen(1024).unwrap()
}

/// Writes as much of `bytes` as the server takes, and gives up when it has taken nothing for a while. Returns how much was
/// written.
fn write_most(peer: &mut TcpStream, bytes: &[u8]) -> usize {
    let mut written = 0;
    while written < bytes.len() {
        match peer.write(&bytes[written..]) {
            Ok(len) => written += len,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                break;
            }
        }
    }
    written
}

/// Opens a connection, sends messages until the echo of the server is blocked, and reads none of them.
fn block(address: SocketAddr) -> TcpStream {
    let mut peer = TcpStream::connect(address).unwrap();
    peer.set_nodelay(true).unwrap();
    peer.write_all(REQUEST).unwrap();
    let mut response = Vec::new();
    while !response.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        peer.read_exact(&mut byte).unwrap();
        response.push(byte[0]);
    }
    peer.set_write_timeout(Some(Duration::from_millis(1000))).unwrap();
    let frame = Frame::binary(vec![1; 16 << 10]).masked().encode();
    let mut written = frame.len();
    while written == frame.len() {
        written = write_most(&mut peer, &frame);
    }
    peer
}

/// Sends messages of one byte, each in a segment of its own, for as long as the server takes them.
fn flood(peer: &mut TcpStream) {
    let frame = Frame::binary(vec![1]).masked().encode();
    for _ in 0..200_000 {
        if write_most(peer, &frame) < frame.len() {
            break;
        }
    }
}

/// Waits until `condition` holds, ten seconds at most.
fn wait_until(condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() && begun.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn peers_that_do_not_read_cost_no_more_than_the_documented_buffers_and_nothing_once_they_are_gone()
{
    if !returns_freed_memory() {
        return;
    }
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let listener = runtime.block_on(async { listen() });
    let address = listener.local_addr().unwrap();
    runtime.spawn(serve(listener));
    let config = WebSocketConfig::default();
    let documented = config.max_write_buffer_size + config.read_ahead_size;

    let start = resident();
    let mut peer = block(address);
    flood(&mut peer);
    let one = resident().saturating_sub(start);
    println!("one peer that floods: {one} bytes");
    assert!(one < 20 << 20, "{one}");
    drop(peer);

    let open = |_| {
        std::thread::spawn(move || {
            let mut peer = block(address);
            flood(&mut peer);
            peer
        })
    };
    let round = || {
        let before = resident();
        let opening: Vec<_> = (0..PEERS).map(open).collect();
        let peers: Vec<_> = opening.into_iter().map(|peer| peer.join().unwrap()).collect();
        let each = resident().saturating_sub(before) / PEERS;
        println!(
            "{PEERS} peers that flood: {each} bytes each, of {documented} that are documented"
        );
        assert!((documented / 2..documented + documented / 2).contains(&each), "{each}");
        drop(peers);
        wait_until(|| runtime.metrics().num_alive_tasks() == 1);
        assert_eq!(runtime.metrics().num_alive_tasks(), 1);
    };
    // After the first round, there is what threads and their pools keep.
    round();
    let before = resident();
    round();
    // After fifty peers, not even the buffers of one peer are still held.
    wait_until(|| resident() < before + documented);
    let after = resident();
    println!("{start} bytes at first, {before} before the second time, {after} after it");
    assert!(before < start + (8 << 20), "{before} of {start}");
    assert!(after < before + documented, "{after} of {before}");
}
