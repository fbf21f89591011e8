//! A proxy that the test plays, over a pipe.

use std::future::Future;
use std::time::Duration;

use fullduplex_tokio::{Dial, DialError, Proxy, ProxyDial, ProxyStream, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// How long a dial may take here.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);

/// A dialler to the proxy that the function plays.
struct Played<F>(F);

impl<F, P> Dial for Played<F>
where
    F: Fn(DuplexStream) -> P + Sync,
    P: Future<Output = ()> + Send + 'static,
{
    type Stream = DuplexStream;

    async fn dial(&self, target: Target<'_>) -> Result<DuplexStream, DialError> {
        assert_eq!(target.host, "proxy");
        let (near, far) = duplex(64 << 10);
        tokio::spawn(self.0(far));
        Ok(near)
    }
}

/// Connects to a host through a proxy that `play` plays.
pub(crate) async fn by<F, P>(
    proxy: &str,
    host: &str,
    play: F,
) -> Result<ProxyStream<DuplexStream>, DialError>
where
    F: Fn(DuplexStream) -> P + Sync,
    P: Future<Output = ()> + Send + 'static,
{
    let dial = ProxyDial::new(Proxy::parse(proxy).unwrap()).over(Played(play));
    let mut target = Target::new(host, 443);
    target.deadline = Some(Instant::now() + LIMIT);
    dial.dial(target).await
}

/// Reads a request of HTTP up to its empty line.
pub(crate) async fn read_head(stream: &mut DuplexStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// Reads bytes that must be `expected`.
pub(crate) async fn expect(stream: &mut DuplexStream, expected: &[u8]) {
    let mut read = vec![0; expected.len()];
    stream.read_exact(&mut read).await.unwrap();
    assert_eq!(read, expected);
}

/// Writes, waits until the peer is gone, and returns the bytes that it sent.
pub(crate) async fn write_and_stay(mut stream: DuplexStream, bytes: &[u8]) -> Vec<u8> {
    let _ = stream.write_all(bytes).await;
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    rest
}

/// Writes a byte each `pause` for as long as the peer takes them, and then stays connected.
pub(crate) async fn drip(
    mut stream: DuplexStream,
    bytes: impl IntoIterator<Item = u8>,
    pause: Duration,
) {
    for byte in bytes {
        if stream.write_all(&[byte]).await.is_err() {
            return;
        }
        tokio::time::sleep(pause).await;
    }
    write_and_stay(stream, b"").await;
}
