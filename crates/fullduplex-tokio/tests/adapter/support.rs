//! Pairs of connected WebSockets, peers that the test plays, and futures that it polls.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use fullduplex_tokio::fullduplex::handshake::Key;
use fullduplex_tokio::fullduplex::{Error, MessageError};
use fullduplex_tokio::{
    Decision, Message, OwnedAcceptance, OwnedResponse, Request, Result, Role, WebSocketConfig,
    WebSocketStream,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Our client and our server over a pipe that holds `size` bytes in each direction.
pub(crate) async fn pair_with(
    size: usize,
    client: WebSocketConfig,
    server: WebSocketConfig,
) -> (WebSocketStream<DuplexStream>, WebSocketStream<DuplexStream>) {
    let (near, far) = duplex(size);
    (
        WebSocketStream::from_raw_socket(near, Role::Client, client),
        WebSocketStream::from_raw_socket(far, Role::Server, server),
    )
}

pub(crate) async fn pair(
    size: usize,
) -> (WebSocketStream<DuplexStream>, WebSocketStream<DuplexStream>) {
    pair_with(size, WebSocketConfig::new(), WebSocketConfig::new()).await
}

/// Our server, and the client's end of its pipe, which the test plays.
pub(crate) async fn our_server(
    config: WebSocketConfig,
) -> (WebSocketStream<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(1 << 20);
    (WebSocketStream::from_raw_socket(near, Role::Server, config), far)
}

/// Our client, and the server's end of its pipe, which the test plays.
pub(crate) async fn our_client(
    config: WebSocketConfig,
) -> (WebSocketStream<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(1 << 20);
    (WebSocketStream::from_raw_socket(near, Role::Client, config), far)
}

/// Receives until the end: the messages, and the error if there was one.
pub(crate) async fn drain<S>(
    socket: &mut WebSocketStream<S>,
) -> (Vec<Message>, Option<fullduplex_tokio::Error>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let (mut messages, mut failure) = (Vec::new(), None);
    while let Some(item) = socket.recv().await {
        match item {
            Ok(message) => messages.push(message),
            Err(error) => {
                assert!(failure.is_none(), "a second error: {error:?}");
                failure = Some(error);
            }
        }
    }
    (messages, failure)
}

/// Echoes messages until the end.
pub(crate) async fn echo<S>(mut socket: WebSocketStream<S>) -> Result<WebSocketStream<S>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while let Some(message) = socket.recv().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            socket.feed(message).await?;
        }
    }
    Ok(socket)
}

/// Reads everything until the end of input, or what has come when it is reset.
pub(crate) async fn read_to_end(wire: &mut DuplexStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = wire.read_to_end(&mut bytes).await;
    bytes
}

pub(crate) async fn write(wire: &mut DuplexStream, bytes: impl AsRef<[u8]>) {
    wire.write_all(bytes.as_ref()).await.unwrap();
}

/// Accepts every valid request.
pub(crate) fn any(_: &Request<'_>) -> Decision {
    Ok(OwnedAcceptance::new())
}

pub(crate) fn status(response: &OwnedResponse) -> u16 {
    response.as_response().status()
}

/// The value of a response's header.
pub(crate) fn header<'a>(response: &'a OwnedResponse, name: &str) -> Option<&'a str> {
    response.as_response().headers().get_str(name)
}

/// The `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`.
pub(crate) fn accept_key(key: &str) -> String {
    String::from_iter(Key::parse(key.as_bytes()).unwrap().accept().map(char::from))
}

/// Whether the connection failed because of text that is not UTF-8.
pub(crate) fn is_bad_text(error: &fullduplex_tokio::Error) -> bool {
    matches!(error, fullduplex_tokio::Error::Protocol(Error::Message(MessageError::InvalidUtf8)))
}

/// A waker that remembers whether it was called.
#[derive(Default)]
pub(crate) struct Flag(AtomicBool);

impl Flag {
    pub(crate) fn new() -> (Arc<Self>, Waker) {
        let flag = Arc::new(Self::default());
        (Arc::clone(&flag), Waker::from(flag))
    }

    /// Whether it was called since the last time.
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::SeqCst)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls a future `times` times, lets other tasks run between the polls, and then drops it. `None` if it was dropped before
/// it was ready.
pub(crate) async fn poll_and_drop<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..times {
        if let Poll::Ready(output) = poll_once(future.as_mut()) {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}
