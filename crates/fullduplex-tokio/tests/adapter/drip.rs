//! Peers that send or read a little at a time. Within a deadline this works; otherwise the connection ends at the deadline,
//! which counts from the start of the phase and not from the last byte. With TLS and without, in both roles, under tokio's
//! paused clock.

use std::io::{self, Write};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use fullduplex_testkit::Frame;
use fullduplex_tokio::fullduplex::Timeout;
use fullduplex_tokio::fullduplex::handshake::Request;
use fullduplex_tokio::rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use fullduplex_tokio::tokio_rustls::{TlsAcceptor, TlsConnector, client, server};
use fullduplex_tokio::{
    Connector, Error, IntoHalves, Message, MessageKind, OwnedAcceptance, OwnedRejection, Role,
    WebSocketConfig, WebSocketStream, accept, accept_tls, accept_tls_with, accept_with, client,
    client_tls_with, client_with,
};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, copy, duplex, sink,
    split,
};
use tokio::task::{consume_budget, yield_now};
use tokio::time::{Duration, advance, sleep, timeout};

use crate::deadlines::{is, takes};
use crate::interop::configs;
use crate::support::{
    any, drain, echo, is_bad_text, ms, our_client, our_server, secs, status, write,
};

/// The deadline in each test.
const DEADLINE: Duration = secs(3);

/// A valid request, without its empty line.
const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n";

/// Writes a byte each second, until all are written or a write fails. Then it sends neither more nor an end.
fn drip(mut wire: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, bytes: Vec<u8>) {
    tokio::spawn(async move {
        for byte in bytes {
            if wire.write_all(&[byte]).await.is_err() || wire.flush().await.is_err() {
                return;
            }
            sleep(secs(1)).await;
        }
        hold(wire).await;
    });
}

/// Waits until the other side ends the connection.
async fn hold(mut wire: impl AsyncRead + Unpin) {
    let _ = copy(&mut wire, &mut sink()).await;
}

/// A stream that a connection can run over.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// The peer of a connection, which the test plays.
trait Peer: Stream {
    /// The wire, and these pieces as they are on it. With TLS, each piece is a record of its own.
    fn seal(self, pieces: Vec<Vec<u8>>) -> (DuplexStream, Vec<u8>);

    fn drip(self, pieces: Vec<Vec<u8>>)
    where
        Self: Sized,
    {
        let (wire, sealed) = self.seal(pieces);
        drip(wire, sealed);
    }
}

impl Peer for DuplexStream {
    fn seal(self, pieces: Vec<Vec<u8>>) -> (DuplexStream, Vec<u8>) {
        (self, pieces.concat())
    }
}

/// The two kinds of TLS session have the same methods, but no trait for them.
macro_rules! session {
    ($stream:ty) => {
        impl Peer for $stream {
            fn seal(self, pieces: Vec<Vec<u8>>) -> (DuplexStream, Vec<u8>) {
                let (wire, mut session) = self.into_inner();
                let mut sealed = Vec::new();
                for piece in pieces {
                    session.writer().write_all(&piece).unwrap();
                    while session.wants_write() {
                        session.write_tls(&mut sealed).unwrap();
                    }
                }
                (wire, sealed)
            }
        }
    };
}

session!(client::TlsStream<DuplexStream>);
session!(server::TlsStream<DuplexStream>);

async fn client_session(
    tls: Arc<ClientConfig>,
    wire: DuplexStream,
) -> client::TlsStream<DuplexStream> {
    let name = "localhost".try_into().unwrap();
    TlsConnector::from(tls).connect(name, wire).await.unwrap()
}

async fn server_session(
    tls: Arc<ServerConfig>,
    wire: DuplexStream,
) -> server::TlsStream<DuplexStream> {
    TlsAcceptor::from(tls).accept(wire).await.unwrap()
}

/// A client's and a server's TLS session, after their handshake.
async fn sessions() -> (client::TlsStream<DuplexStream>, server::TlsStream<DuplexStream>) {
    let (server_tls, client_tls) = configs();
    let (near, far) = duplex(1 << 20);
    tokio::join!(client_session(client_tls, near), server_session(server_tls, far))
}

/// Input that lasts longer than any deadline here.
#[derive(Clone, Copy)]
enum Endless {
    Messages,
    Frame,
    Fragments,
}

impl Endless {
    /// The frames of this input, from a peer in this role.
    fn from(self, role: Role) -> Vec<Vec<u8>> {
        let encode = |frame: Frame| {
            if role == Role::Client { frame.masked().encode() } else { frame.encode() }
        };
        match self {
            Self::Messages => vec![encode(Frame::text("more")); 100],
            Self::Frame => vec![encode(Frame::binary(vec![0; 8000]))],
            Self::Fragments => {
                let mut fragments = vec![encode(Frame::continuation("b").unfinished()); 100];
                fragments.insert(0, encode(Frame::text("a").unfinished()));
                fragments
            }
        }
    }
}

/// Runs a test in both roles, in memory and over TLS in memory, with the peer's role, our connection, and the peer.
macro_rules! over_each_stream {
    ($config:expr, $test:ident) => {{
        let config = $config;
        let (ours, peer) = our_client(config).await;
        $test(Role::Server, ours, peer).await;
        let (ours, peer) = our_server(config).await;
        $test(Role::Client, ours, peer).await;
        let (near, far) = sessions().await;
        let ours = WebSocketStream::from_raw_socket(near, Role::Client, config);
        $test(Role::Server, ours, far).await;
        let (near, far) = sessions().await;
        let ours = WebSocketStream::from_raw_socket(far, Role::Server, config);
        $test(Role::Client, ours, near).await;
    }};
}

#[tokio::test(start_paused = true)]
async fn the_close_deadline_holds_while_the_peer_drips() {
    async fn of_whole_messages<S: Stream>(from: Role, ours: WebSocketStream<S>, peer: impl Peer) {
        closes(ours, peer, Endless::Messages.from(from)).await;
    }
    async fn of_a_frame<S: Stream>(from: Role, ours: WebSocketStream<S>, peer: impl Peer) {
        closes(ours, peer, Endless::Frame.from(from)).await;
    }
    async fn of_fragments<S: Stream>(from: Role, ours: WebSocketStream<S>, peer: impl Peer) {
        closes(ours, peer, Endless::Fragments.from(from)).await;
    }
    async fn closes<S: Stream>(
        mut ours: WebSocketStream<S>,
        peer: impl Peer,
        pieces: Vec<Vec<u8>>,
    ) {
        peer.drip(pieces);
        let closed = takes(DEADLINE, ours.close(None)).await;
        assert!(is(closed.err(), Timeout::Close));
        let (_, error) = takes(secs(0), drain(&mut ours)).await;
        assert!(is(error, Timeout::Close));
    }
    let config = WebSocketConfig::new().close_timeout(DEADLINE);
    over_each_stream!(config, of_whole_messages);
    over_each_stream!(config, of_a_frame);
    over_each_stream!(config, of_fragments);
}

#[tokio::test(start_paused = true)]
async fn halves_keep_the_close_deadline_while_the_peer_drips() {
    async fn holds<S: Stream + IntoHalves>(from: Role, ours: WebSocketStream<S>, peer: impl Peer) {
        peer.drip(Endless::Fragments.from(from));
        let (mut sender, mut receiver) = ours.into_split();
        sender.send(Message::Close(None)).await.unwrap();
        let received = takes(DEADLINE, receiver.recv()).await;
        assert!(is(received.unwrap().err(), Timeout::Close));
        assert!(receiver.recv().await.is_none());
    }
    over_each_stream!(WebSocketConfig::new().close_timeout(DEADLINE), holds);
}

#[tokio::test(start_paused = true)]
async fn a_failed_connection_ends_in_time_while_the_peer_drips() {
    async fn ends<S: Stream>(from: Role, mut ours: WebSocketStream<S>, mut peer: impl Peer) {
        let wrong = Frame::text(b"\xff");
        let wrong = if from == Role::Client { wrong.masked() } else { wrong };
        peer.write_all(&wrong.encode()).await.unwrap();
        peer.flush().await.unwrap();
        let failed = takes(secs(0), ours.recv()).await.unwrap();
        assert!(is_bad_text(&failed.unwrap_err()));
        peer.drip(Endless::Frame.from(from));
        assert!(takes(DEADLINE, ours.recv()).await.is_none());
    }
    over_each_stream!(WebSocketConfig::new().close_timeout(DEADLINE), ends);
}

#[tokio::test(start_paused = true)]
async fn the_close_deadline_holds_while_the_peer_reads_a_little_at_a_time() {
    async fn holds<S: Stream>(_: Role, mut ours: WebSocketStream<S>, peer: impl Peer) {
        let (mut wire, _) = peer.seal(Vec::new());
        tokio::spawn(async move {
            let mut buf = vec![0; 1000];
            while wire.read(&mut buf).await.is_ok_and(|len| len > 0) {
                sleep(ms(100)).await;
            }
        });
        ours.feed(Message::binary(vec![0; 4 << 20])).await.unwrap();
        let closed = takes(DEADLINE, ours.close(None)).await;
        assert!(is(closed.err(), Timeout::Close));
        assert!(is(drain(&mut ours).await.1, Timeout::Close));
    }
    over_each_stream!(WebSocketConfig::new().close_timeout(DEADLINE), holds);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_drips_is_alive() {
    for config in [
        WebSocketConfig::new().idle_timeout(Some(DEADLINE)),
        WebSocketConfig::new().keepalive(ms(700), ms(700)),
    ] {
        let (mut ours, peer) = our_client(config).await;
        peer.drip(vec![Frame::text("slow").encode()]);
        let received = takes(secs(5), ours.recv()).await.unwrap().unwrap();
        assert_eq!(received, Message::text("slow"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_yet_a_record_of_tls_is_no_sign_of_life() {
    let (near, far) = sessions().await;
    let config = WebSocketConfig::new().idle_timeout(Some(DEADLINE));
    let mut ours = WebSocketStream::from_raw_socket(far, Role::Server, config);
    near.drip(Endless::Frame.from(Role::Client));
    let received = takes(DEADLINE, ours.recv()).await.unwrap();
    assert!(is(received.err(), Timeout::Idle));
}

fn config() -> WebSocketConfig {
    WebSocketConfig::new().handshake_timeout(Some(DEADLINE)).close_timeout(DEADLINE)
}

#[tokio::test(start_paused = true)]
async fn a_request_that_drips_is_cut_off_in_time() {
    let request = || REQUEST.as_bytes().to_vec();
    let (near, far) = duplex(1 << 20);
    drip(near, request());
    let accepted = takes(DEADLINE, accept_with(far, config(), any)).await;
    assert!(is(accepted.err(), Timeout::Handshake));

    // The ClientHello of TLS drips.
    let (server_tls, client_tls) = configs();
    let (near, far) = duplex(1 << 20);
    let mut session =
        ClientConnection::new(Arc::clone(&client_tls), "localhost".try_into().unwrap()).unwrap();
    let mut hello = Vec::new();
    session.write_tls(&mut hello).unwrap();
    drip(near, hello);
    let accepting = accept_tls_with(far, Arc::clone(&server_tls), config(), any);
    assert!(is(takes(DEADLINE, accepting).await.err(), Timeout::Handshake));

    // The record with the request is never whole.
    let (near, far) = duplex(1 << 20);
    tokio::spawn(async move { client_session(client_tls, near).await.drip(vec![request()]) });
    let accepting = accept_tls_with(far, server_tls, config(), any);
    assert!(is(takes(DEADLINE, accepting).await.err(), Timeout::Handshake));
}

#[tokio::test(start_paused = true)]
async fn a_response_that_drips_is_cut_off_in_time() {
    let response = || b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n".to_vec();
    let (near, far) = duplex(1 << 20);
    drip(far, response());
    let connecting = client_with("ws://localhost/", near, config());
    assert!(is(takes(DEADLINE, connecting).await.err(), Timeout::Handshake));

    let (server_tls, client_tls) = configs();
    let connect = |near| {
        let tls = Some(Connector::Rustls(Arc::clone(&client_tls)));
        client_tls_with("wss://localhost/", near, config(), tls)
    };
    let (near, mut far) = duplex(1 << 20);
    let mut session = ServerConnection::new(Arc::clone(&server_tls)).unwrap();
    tokio::spawn(async move {
        let (mut hello, mut answer) = (vec![0; 4096], Vec::new());
        let len = far.read(&mut hello).await.unwrap();
        session.read_tls(&mut &hello[..len]).unwrap();
        session.process_new_packets().unwrap();
        while session.wants_write() {
            session.write_tls(&mut answer).unwrap();
        }
        drip(far, answer);
    });
    assert!(is(takes(DEADLINE, connect(near)).await.err(), Timeout::Handshake));

    let (near, far) = duplex(1 << 20);
    tokio::spawn(async move { server_session(server_tls, far).await.drip(vec![response()]) });
    assert!(is(takes(DEADLINE, connect(near)).await.err(), Timeout::Handshake));
}

#[tokio::test(start_paused = true)]
async fn tls_and_the_opening_handshake_share_one_deadline() {
    let (server_tls, client_tls) = configs();
    let (near, far) = duplex(1 << 20);
    let tls = Arc::clone(&client_tls);
    tokio::spawn(async move {
        sleep(secs(2)).await;
        hold(client_session(tls, near).await).await;
    });
    let accepting = accept_tls_with(far, Arc::clone(&server_tls), config(), any);
    assert!(is(takes(DEADLINE, accepting).await.err(), Timeout::Handshake));

    let (near, far) = duplex(1 << 20);
    let tls = Arc::clone(&server_tls);
    tokio::spawn(async move {
        sleep(secs(2)).await;
        hold(server_session(tls, far).await).await;
    });
    let connector = || Some(Connector::Rustls(Arc::clone(&client_tls)));
    let connecting = client_tls_with("wss://localhost/", near, config(), connector());
    assert!(is(takes(DEADLINE, connecting).await.err(), Timeout::Handshake));

    // A handshake that was in time leaves no deadline behind.
    let (near, far) = duplex(1 << 20);
    let accepting = tokio::spawn(async move {
        sleep(secs(1)).await;
        accept_tls_with(far, server_tls, config(), any).await
    });
    let connecting = client_tls_with("wss://localhost/", near, config(), connector());
    let (mut client, _) = connecting.await.unwrap();
    let server = accepting.await.unwrap().unwrap();
    for left in [client.config(), server.config()] {
        assert_eq!(left, config());
    }
    tokio::spawn(echo(server));
    sleep(secs(3600)).await;
    client.send(Message::text("later")).await.unwrap();
    assert_eq!(client.recv().await.unwrap().unwrap(), Message::text("later"));
    takes(secs(0), client.close(None)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_that_drips_on_is_given_up_in_time() {
    let request = format!("{REQUEST}\r\n");
    fn reject(_: &Request<'_>) -> Result<OwnedAcceptance, OwnedRejection> {
        Err(OwnedRejection::new(403))
    }
    let (mut near, far) = duplex(1 << 20);
    write(&mut near, &request).await;
    drip(near, vec![0; 8000]);
    let refused = takes(DEADLINE, accept_with(far, config(), reject)).await;
    assert!(matches!(refused, Err(Error::Responded(403))));

    let (server_tls, client_tls) = configs();
    let (near, far) = duplex(1 << 20);
    tokio::spawn(async move {
        let mut session = client_session(client_tls, near).await;
        session.write_all(request.as_bytes()).await.unwrap();
        session.flush().await.unwrap();
        session.drip(vec![vec![0; 8000]]);
    });
    let refused = takes(DEADLINE, accept_tls_with(far, server_tls, config(), reject)).await;
    assert!(matches!(refused, Err(Error::Responded(403))));
}

#[tokio::test(start_paused = true)]
async fn the_body_of_a_refusal_that_drips_holds_no_client() {
    async fn refuse(mut wire: impl Peer) {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(wire.read_u8().await.unwrap());
        }
        let head = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 8000\r\n\r\n";
        wire.write_all(head).await.unwrap();
        wire.flush().await.unwrap();
        wire.drip(vec![vec![b'x'; 8000]]);
    }
    let refused = |error| matches!(error, Error::Http(refused) if status(&refused.response) == 403);

    let (near, far) = duplex(1 << 20);
    tokio::spawn(refuse(far));
    let connecting = client_with("ws://localhost/", near, config());
    assert!(refused(timeout(DEADLINE + ms(10), connecting).await.unwrap().unwrap_err()));

    let (server_tls, client_tls) = configs();
    let (near, far) = duplex(1 << 20);
    tokio::spawn(async move { refuse(server_session(server_tls, far).await).await });
    let tls = Some(Connector::Rustls(client_tls));
    let connecting = client_tls_with("wss://localhost/", near, config(), tls);
    assert!(refused(timeout(DEADLINE + ms(10), connecting).await.unwrap().unwrap_err()));
}

/// Passes bytes on one by one, both ways, until both have ended.
fn slowly(one: DuplexStream, other: DuplexStream) {
    let ((from_one, to_one), (from_other, to_other)) = (split(one), split(other));
    for (mut from, mut to) in [(from_one, to_other), (from_other, to_one)] {
        tokio::spawn(async move {
            while let Ok(byte) = from.read_u8().await {
                if to.write_u8(byte).await.is_err() {
                    break;
                }
                sleep(ms(1)).await;
            }
            let _ = to.shutdown().await;
        });
    }
}

/// Sends a message in fragments, a Ping and a Close, and checks what comes back.
async fn talk<S: Stream>(mut socket: WebSocketStream<S>) {
    for (piece, last) in [("one, ", false), ("two, ", false), ("three", true)] {
        socket.feed_fragment(MessageKind::Text, piece.as_bytes(), last).await.unwrap();
    }
    socket.send(Message::Ping("alive?".into())).await.unwrap();
    let mut received = Vec::new();
    for _ in 0..2 {
        received.push(socket.recv().await.unwrap().unwrap());
    }
    received.sort_by_key(Message::is_pong);
    assert_eq!(received, [Message::text("one, two, three"), Message::Pong("alive?".into())]);
    socket.close(None).await.unwrap();
    assert!(drain(&mut socket).await.1.is_none());
    assert!(socket.receiver().is_clean());
}

#[tokio::test(start_paused = true)]
async fn what_drips_below_the_deadlines_arrives() {
    let ((near, middle), (proxied, far)) = (duplex(1 << 12), duplex(1 << 12));
    slowly(middle, proxied);
    let serving = tokio::spawn(async move { echo(accept(far).await.unwrap()).await });
    talk(client("ws://localhost/", near).await.unwrap().0).await;
    serving.await.unwrap().unwrap();

    let (server_tls, client_tls) = configs();
    let ((near, middle), (proxied, far)) = (duplex(1 << 12), duplex(1 << 12));
    slowly(middle, proxied);
    let serving =
        tokio::spawn(
            async move { echo(accept_tls(far, server_tls).await.unwrap()).await.map(drop) },
        );
    let tls = Some(Connector::Rustls(client_tls));
    let connecting = client_tls_with("wss://localhost/", near, WebSocketConfig::new(), tls);
    talk(connecting.await.unwrap().0).await;
    serving.await.unwrap().unwrap();
}

/// A stream that always has more to read, but never a byte for its reader: for example TLS records without content.
struct Empty;

impl AsyncRead for Empty {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // It reads until tokio says that it is another task's turn.
        while pin!(consume_budget()).poll(cx).is_ready() {}
        Poll::Pending
    }
}

impl AsyncWrite for Empty {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Runs an action that must end at [`DEADLINE`], and advances the clock, which does not move by itself while a task is busy.
async fn ends_though_busy<T: Send + 'static>(
    action: impl Future<Output = T> + Send + 'static,
) -> T {
    let running = tokio::spawn(action);
    for _ in 0..10 {
        yield_now().await;
    }
    assert!(!running.is_finished());
    advance(DEADLINE).await;
    for _ in 0..10 {
        yield_now().await;
    }
    assert!(running.is_finished(), "the deadline is not noticed");
    running.await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn deadlines_hold_while_the_transport_is_busy_with_nothing() {
    let accepted = ends_though_busy(accept_with(Empty, config(), any)).await;
    assert!(is(accepted.err(), Timeout::Handshake));
    let connecting = client_with("ws://localhost/", Empty, config());
    assert!(is(ends_though_busy(connecting).await.err(), Timeout::Handshake));
    let mut client = WebSocketStream::from_raw_socket(Empty, Role::Client, config());
    let closed = ends_though_busy(async move { client.close(None).await }).await;
    assert!(is(closed.err(), Timeout::Close));
    let idle = config().idle_timeout(Some(DEADLINE));
    let mut client = WebSocketStream::from_raw_socket(Empty, Role::Client, idle);
    let received = ends_though_busy(async move { client.recv().await }).await;
    assert!(is(received.unwrap().err(), Timeout::Idle));
}
