//! How many bytes an idle connection holds, counted by an allocator.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use fullduplex_tokio::{Result, WebSocketStream, accept};
use tokio::net::{TcpListener, TcpStream as Stream};
use tokio::runtime::Builder;
use tokio::task::yield_now;

type Socket = WebSocketStream<Stream>;

const CONNECTIONS: usize = 200;

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// A masked "Hello" (RFC 6455 §5.7).
const HELLO: &[u8] = &[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];

/// `open` takes no space in the task that calls it.
async fn serve<F>(listener: TcpListener, open: impl Fn(Stream) -> F + Copy + Send + 'static)
where
    F: Future<Output = Result<Socket>> + Send + 'static,
{
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let mut socket = open(stream).await?;
            while let Some(message) = socket.recv().await {
                socket.feed(message?).await?;
            }
            Ok::<_, fullduplex_tokio::Error>(())
        });
    }
}

/// Opens a connection, has a message echoed, and leaves it idle.
async fn connect(address: SocketAddr) -> TcpStream {
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(REQUEST).unwrap();
    client.write_all(HELLO).unwrap();
    client.set_nonblocking(true).unwrap();
    let (mut answer, mut len) = ([0; 4096], 0);
    while !answer[..len].ends_with(b"\x81\x05Hello") {
        yield_now().await;
        match client.read(&mut answer[len..]) {
            Ok(more) => len += more,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    client
}

/// The bytes that task, stream and WebSocket hold together, once the connection has talked and waits.
fn idle_connection<F>(open: impl Fn(Stream) -> F + Copy + Send + 'static) -> usize
where
    F: Future<Output = Result<Socket>> + Send + 'static,
{
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let mut clients = Vec::with_capacity(2 * CONNECTIONS);
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(serve(listener, open));
    // The first connections make the thread and the runtime allocate what all connections share.
    for _ in 0..CONNECTIONS {
        clients.push(runtime.block_on(connect(address)));
    }
    let held = allocation_counter::measure(|| {
        for _ in 0..CONNECTIONS {
            clients.push(runtime.block_on(connect(address)));
        }
    });
    let each = held.bytes_current as usize / CONNECTIONS;
    println!("{each} bytes for each idle connection");
    each
}

#[cfg(not(feature = "counters"))]
#[test]
fn an_idle_connection_holds_at_most_1216_bytes() {
    let each = idle_connection(accept);
    // With eight bytes more, the largest part would need another size class of glibc, and a connection 160 bytes more.
    assert!(each <= 1216, "{each} bytes");
}

/// With the feature: first connections that are not counted, then connections that are.
#[cfg(feature = "counters")]
#[test]
fn an_idle_connection_that_is_counted_holds_at_most_248_bytes_more() {
    use fullduplex_tokio::{Counters, OwnedAcceptance, WebSocketConfig, accept_with};

    static COUNTERS: Counters = Counters::new();

    let each = idle_connection(accept);
    assert!(each <= 1264, "{each} bytes");
    let counted = idle_connection(|stream| {
        let config = WebSocketConfig::new().counters(&COUNTERS);
        accept_with(stream, config, |_| Ok(OwnedAcceptance::new()))
    });
    // The connections were dropped with their runtime.
    assert_eq!(COUNTERS.snapshot().dropped, 2 * CONNECTIONS as u64);
    assert!(counted - each <= 248, "{counted} bytes");
}
