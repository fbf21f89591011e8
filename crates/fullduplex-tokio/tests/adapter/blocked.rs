//! Peers that do not read: what they send meanwhile is received in order and within its bound, and no answer to them is
//! lost.

use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};

use fullduplex_testkit::{Frame, frames};
use fullduplex_tokio::fullduplex::{Error as Failure, Timeout};
use fullduplex_tokio::rustls::pki_types::PrivatePkcs8KeyDer;
use fullduplex_tokio::rustls::{ClientConfig, RootCertStore, ServerConfig};
use fullduplex_tokio::tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use fullduplex_tokio::{
    Error, IntoHalves, Message, MessageRef, Role, WebSocketConfig, WebSocketStream,
};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex, join, split,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, advance, sleep, timeout};

use crate::support::{
    Flag, drain, ms, our_server, pair_with, poll_and_drop, poll_once, secs, write,
};

/// The ways in which a server answers each message with itself.
#[derive(Clone, Copy, Debug)]
enum Loop {
    RecvFeed,
    RecvSend,
    NextFeed,
    NextSend,
    RefFeed,
    Each,
    Halves,
}

const LOOPS: [Loop; 7] = [
    Loop::RecvFeed,
    Loop::RecvSend,
    Loop::NextFeed,
    Loop::NextSend,
    Loop::RefFeed,
    Loop::Each,
    Loop::Halves,
];

fn is_data(message: &Message) -> bool {
    message.is_text() || message.is_binary()
}

/// Runs one of these loops until the connection has ended.
async fn serve<S>(mut socket: WebSocketStream<S>, how: Loop) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + IntoHalves + Unpin,
{
    match how {
        Loop::RecvFeed => {
            while let Some(message) = socket.recv().await.transpose()? {
                if is_data(&message) {
                    socket.feed(message).await?;
                }
            }
        }
        Loop::RecvSend => {
            while let Some(message) = socket.recv().await.transpose()? {
                if is_data(&message) {
                    socket.send(message).await?;
                }
            }
        }
        Loop::NextFeed => {
            while let Some(message) = socket.next().await.transpose()? {
                if is_data(&message) {
                    SinkExt::feed(&mut socket, message).await?;
                }
            }
        }
        Loop::NextSend => {
            while let Some(message) = socket.next().await.transpose()? {
                if is_data(&message) {
                    SinkExt::send(&mut socket, message).await?;
                }
            }
        }
        Loop::RefFeed => {
            while let Some(message) = socket.recv_ref().await {
                let message = message?.to_message();
                if is_data(&message) {
                    socket.feed(message).await?;
                }
            }
        }
        Loop::Each => {
            let echo =
                |message: MessageRef<'_>, reply: &mut fullduplex_tokio::Reply<'_>| match message {
                    MessageRef::Text(_) | MessageRef::Binary(_) => reply.send(message),
                    _ => Ok(()),
                };
            socket.recv_each(echo).await?;
        }
        Loop::Halves => {
            let (mut sender, mut receiver) = socket.into_split();
            while let Some(message) = receiver.recv().await.transpose()? {
                if is_data(&message) {
                    sender.feed(message).await?;
                }
            }
        }
    }
    Ok(())
}

async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dialling = TcpStream::connect(listener.local_addr().unwrap());
    let (near, far) = tokio::join!(listener.accept(), dialling);
    (near.unwrap().0, far.unwrap())
}

/// Sends 200 messages of 64 KiB and a Close, begins to read when the transport is full, and checks what comes back. With
/// `ends`, it ends its sending direction after the Close.
async fn late_reader<S: AsyncRead + AsyncWrite>(stream: S, ends: bool) {
    const COUNT: usize = 200;
    let payload = |nth: usize| vec![nth as u8; 64 << 10];
    let (mut reading, mut writing) = split(stream);
    let talking = async {
        for nth in 0..COUNT {
            writing.write_all(&Frame::binary(payload(nth)).masked().encode()).await.unwrap();
        }
        writing.write_all(&Frame::close(1000, "").masked().encode()).await.unwrap();
        writing.flush().await.unwrap();
        if ends {
            writing.shutdown().await.unwrap();
        }
    };
    let listening = async {
        sleep(ms(300)).await;
        let mut bytes = Vec::new();
        reading.read_to_end(&mut bytes).await.unwrap();
        bytes
    };
    let ((), bytes) = tokio::join!(talking, listening);
    let received = frames(&bytes);
    assert_eq!(received.len(), COUNT + 1);
    for (nth, frame) in received[..COUNT].iter().enumerate() {
        assert!(*frame == Frame::binary(payload(nth)), "{nth}");
    }
    assert_eq!(received[COUNT], Frame::close(1000, ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_reader_that_has_sent_its_close_gets_every_answer() {
    for (nth, how) in LOOPS.into_iter().enumerate() {
        let (near, far) = tcp().await;
        let server = WebSocketStream::from_raw_socket(near, Role::Server, WebSocketConfig::new());
        let serving = tokio::spawn(serve(server, how));
        timeout(secs(60), late_reader(far, nth % 2 == 0)).await.expect("it hangs");
        serving.await.unwrap().unwrap_or_else(|error| panic!("{how:?}: {error}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_reader_that_has_sent_its_close_gets_every_answer_over_tls() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(fullduplex_tokio::rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let (acceptor, connector) =
        (TlsAcceptor::from(Arc::new(server)), TlsConnector::from(Arc::new(client)));
    for how in LOOPS {
        let (near, far) = tcp().await;
        let name = "localhost".try_into().unwrap();
        let (near, far) = tokio::join!(acceptor.accept(near), connector.connect(name, far));
        let near = TlsStream::Server(near.unwrap());
        let server = WebSocketStream::from_raw_socket(near, Role::Server, WebSocketConfig::new());
        let serving = tokio::spawn(serve(server, how));
        timeout(secs(60), late_reader(far.unwrap(), false)).await.expect("it hangs");
        serving.await.unwrap().unwrap_or_else(|error| panic!("{how:?}: {error}"));
    }
}

/// A server that is blocked in writing to a peer that reads nothing.
async fn blocked(config: WebSocketConfig) -> (WebSocketStream<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(100);
    let mut server = WebSocketStream::from_raw_socket(near, Role::Server, config);
    assert!(poll_and_drop(server.send(Message::binary(vec![0; 5000])), 1).await.is_none());
    (server, far)
}

#[tokio::test]
async fn a_close_that_comes_while_a_write_is_blocked_takes_effect_behind_what_came_before_it() {
    let (mut server, mut far) = blocked(WebSocketConfig::new()).await;
    for bytes in
        [Frame::text("one").masked(), Frame::ping("?").masked(), Frame::close(1000, "").masked()]
    {
        write(&mut far, bytes.encode()).await;
        assert!(poll_and_drop(server.flush(), 1).await.is_none());
    }
    assert!(server.can_send(), "the application has not received the Close");
    assert_eq!(server.recv().await.unwrap().unwrap(), Message::text("one"));
    server.feed("answer".into()).await.unwrap();
    assert!(server.recv().await.unwrap().unwrap().is_ping());
    assert!(server.can_send());
    assert!(server.recv().await.unwrap().unwrap().is_close());
    assert!(!server.can_send());
    let reading = tokio::spawn(async move { crate::support::read_to_end(&mut far).await });
    assert!(server.recv().await.is_none());
    drop(server);
    let sent = frames(&reading.await.unwrap());
    let expected = [Frame::text("answer"), Frame::pong("?"), Frame::close(1000, "")];
    assert_eq!(sent[1..], expected);
}

#[tokio::test]
async fn a_fault_or_an_end_that_comes_while_a_write_is_blocked_is_told_behind_what_came_before_it()
{
    for ends in [false, true] {
        let (mut server, mut far) = blocked(WebSocketConfig::new()).await;
        write(&mut far, Frame::text("one").masked().encode()).await;
        if ends {
            far.shutdown().await.unwrap();
        } else {
            write(&mut far, Frame::text(b"\xff".as_slice()).masked().encode()).await;
        }
        assert!(poll_and_drop(server.flush(), 3).await.is_none());
        let reading = tokio::spawn(async move { crate::support::read_to_end(&mut far).await });
        server.flush().await.unwrap();
        assert_eq!(server.recv().await.unwrap().unwrap(), Message::text("one"));
        server.send("answer".into()).await.unwrap();
        let (messages, error) = drain(&mut server).await;
        assert_eq!(messages, []);
        assert!(matches!(error, Some(Error::Protocol(_))), "{error:?}");
        drop(server);
        assert_eq!(frames(&reading.await.unwrap())[1], Frame::text("answer"));
    }
}

#[tokio::test]
async fn what_is_read_ahead_goes_with_a_socket_that_is_split_and_put_together() {
    let (mut server, mut far) = blocked(WebSocketConfig::new()).await;
    write(&mut far, Frame::text("one").masked().encode()).await;
    write(&mut far, Frame::text("two").masked().encode()).await;
    far.shutdown().await.unwrap();
    assert!(poll_and_drop(server.flush(), 3).await.is_none());
    let (sender, mut receiver) = server.into_split();
    assert_eq!(receiver.recv().await.unwrap().unwrap(), Message::text("one"));
    let mut server = receiver.reunite(sender).unwrap();
    assert_eq!(server.recv().await.unwrap().unwrap(), Message::text("two"));
    let (_sender, mut receiver) = server.into_split();
    assert!(matches!(receiver.recv().await, Some(Err(Error::Protocol(_)))));
    assert!(receiver.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn two_peers_that_both_write_more_than_is_read_ahead_wait_for_each_other_unless_they_also_receive()
 {
    let message = || Message::binary(vec![1; 1 << 20]);
    let config = WebSocketConfig::new();
    let (mut a, mut b) = pair_with(1000, config, config).await;
    let both = async { tokio::join!(a.send(message()), b.send(message())) };
    assert!(timeout(secs(3600), both).await.is_err(), "more was held than the bound");
    // What they have sent is not lost, and arrives when one of them receives.
    let both = async { tokio::join!(a.flush(), b.recv()) };
    let (flushed, received) = timeout(secs(3600), both).await.expect("it hangs");
    flushed.unwrap();
    assert_eq!(received.unwrap().unwrap(), message());

    let (a, b) = pair_with(1000, config, config).await;
    let ((mut a, mut from_a), (mut b, mut from_b)) = (a.into_split(), b.into_split());
    let both =
        async { tokio::join!(a.send(message()), b.send(message()), from_a.recv(), from_b.recv()) };
    let (one, two, three, four) = timeout(secs(3600), both).await.expect("it hangs");
    one.and(two).unwrap();
    assert_eq!(three.unwrap().unwrap(), four.unwrap().unwrap());
}

#[tokio::test]
async fn nothing_is_read_ahead_if_nothing_may_be() {
    let (mut server, mut far) = blocked(WebSocketConfig::new().read_ahead_size(0)).await;
    let frame = Frame::binary(vec![1; 60]).masked().encode();
    write(&mut far, &frame).await;
    assert!(poll_and_drop(server.flush(), 3).await.is_none());
    assert!(poll_once(pin!(far.write_all(&frame))).is_pending(), "the pipe was emptied");
}

/// Reads from a pipe a piece at a time, with pauses.
async fn read_slowly(mut far: DuplexStream, pause: std::time::Duration) {
    let mut piece = [0; 100];
    while far.read(&mut piece).await.is_ok_and(|len| len > 0) {
        sleep(pause).await;
    }
}

#[tokio::test(start_paused = true)]
async fn keepalive_leaves_a_peer_alone_that_reads_slowly() {
    for in_halves in [false, true] {
        let config = WebSocketConfig::new().keepalive(secs(20), secs(10));
        let (near, far) = duplex(100);
        let server = WebSocketStream::from_raw_socket(near, Role::Server, config);
        // The peer sends nothing, and reads 100 bytes every nine seconds.
        let reading = tokio::spawn(read_slowly(far, secs(9)));
        let message = Message::binary(vec![0; 5000]);
        let begun = Instant::now();
        if in_halves {
            let (mut sender, mut receiver) = server.into_split();
            let (sent, received) =
                tokio::join!(sender.send(message), timeout(secs(500), receiver.recv()));
            sent.unwrap();
            assert!(
                matches!(received, Ok(Some(Err(Error::Protocol(Failure::Timeout(Timeout::Pong)))))),
                "{received:?}"
            );
        } else {
            let mut server = server;
            server.send(message).await.unwrap();
            let error = server.recv().await.unwrap().unwrap_err();
            assert!(matches!(error, Error::Protocol(Failure::Timeout(Timeout::Pong))), "{error:?}");
        }
        // The peer was not given up before everything was written, and had the whole timeout to answer after that.
        assert!(begun.elapsed() >= secs(49 * 9 + 10), "{:?}", begun.elapsed());
        reading.abort();
    }
}

/// A full transport. If `lasts` is set, the next write blocks its thread until it is told whether there is room for a byte.
struct Full {
    lasts: Arc<AtomicBool>,
    begun: mpsc::Sender<()>,
    has_room: mpsc::Receiver<bool>,
}

impl AsyncWrite for Full {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        if !self.lasts.swap(false, Ordering::SeqCst) {
            return Poll::Pending;
        }
        self.begun.send(()).unwrap();
        if self.has_room.recv() == Ok(true) { Poll::Ready(Ok(1)) } else { Poll::Pending }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_runs_out_during_a_write_waits_for_what_comes_of_the_write() {
    for reads in [true, false] {
        let ((begun, has_begun), (room, has_room)) = (mpsc::channel(), mpsc::channel());
        let lasts = Arc::<AtomicBool>::default();
        let full = Full { lasts: Arc::clone(&lasts), begun, has_room };
        let (silence, _peer) = duplex(1);
        let config = WebSocketConfig::new().keepalive(secs(20), secs(10));
        let stream = join(silence, full);
        let server = WebSocketStream::from_raw_socket(stream, Role::Server, config);
        let (mut sender, mut receiver) = server.into_split();
        let (flag, waker) = Flag::new();
        let mut receive = || pin!(receiver.recv()).poll(&mut Context::from_waker(&waker));

        // A Ping waits to be written, and its Pong is due.
        assert!(poll_once(pin!(sender.send("blocked".into()))).is_pending());
        assert!(receive().is_pending());
        advance(secs(20)).await;
        assert!(receive().is_pending());
        advance(secs(10)).await;
        flag.take();
        lasts.store(true, Ordering::SeqCst);
        let meanwhile = std::thread::scope(|scope| {
            let writing = scope.spawn(|| poll_once(pin!(sender.flush())).is_pending());
            has_begun.recv_timeout(secs(60)).unwrap();
            let meanwhile = receive();
            room.send(reads).unwrap();
            assert!(writing.join().unwrap(), "there is room for more than a byte");
            meanwhile
        });
        assert!(meanwhile.is_pending(), "{meanwhile:?}");
        assert!(flag.take(), "the receiver is not woken when the write has ended");
        if reads {
            // The peer has the whole timeout to answer.
            let received = receive();
            assert!(received.is_pending(), "{received:?}");
            advance(ms(9_999)).await;
            assert!(receive().is_pending());
            advance(ms(1)).await;
        }
        let received = receive();
        assert!(
            matches!(
                received,
                Poll::Ready(Some(Err(Error::Protocol(Failure::Timeout(Timeout::Pong)))))
            ),
            "{received:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn keepalive_leaves_a_peer_alone_that_sends_and_does_not_read() {
    for flood in [false, true] {
        let config =
            WebSocketConfig::new().keepalive(secs(20), secs(10)).idle_timeout(Some(secs(60)));
        let (mut server, mut far) = blocked(config).await;
        let sending = tokio::spawn(async move {
            for _ in 0..60 {
                let payload = vec![b'x'; if flood { 10_000 } else { 1 }];
                let frame = Frame::binary(payload).masked().encode();
                // A flood fills what may be read ahead, and then the server does not read any more.
                if timeout(secs(9), far.write_all(&frame)).await.is_ok() {
                    sleep(secs(9)).await;
                }
            }
            far
        });
        assert!(timeout(secs(500), server.flush()).await.is_err());
        let reading = tokio::spawn(read_slowly(sending.await.unwrap(), ms(0)));
        server.flush().await.unwrap();
        assert_eq!(server.recv().await.unwrap().unwrap().len(), if flood { 10_000 } else { 1 });
        reading.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_uses_up_its_turn_does_not_keep_a_dead_peer_alive_in_halves() {
    let config = WebSocketConfig::new().keepalive(secs(20), secs(10));
    let (server, _far) = our_server(config).await;
    let (mut sender, mut receiver) = server.into_split();
    let sending = tokio::spawn(async move {
        loop {
            for _ in 0..200 {
                if sender.send(Message::binary(vec![0; 1])).await.is_err() {
                    return;
                }
            }
            sleep(secs(5)).await;
        }
    });
    let begun = Instant::now();
    let got = timeout(secs(300), receiver.recv()).await;
    sending.abort();
    assert!(
        matches!(got, Ok(Some(Err(Error::Protocol(Failure::Timeout(Timeout::Pong)))))),
        "{got:?}"
    );
    assert!(begun.elapsed() <= secs(31), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_uses_up_its_turn_does_not_keep_a_dead_peer_alive_in_one() {
    let config = WebSocketConfig::new().keepalive(secs(20), secs(10));
    let (mut server, _far) = our_server(config).await;
    let begun = Instant::now();
    let got = loop {
        if begun.elapsed() > secs(300) {
            break None;
        }
        let mut failed = None;
        for _ in 0..200 {
            if let Err(error) = server.send(Message::binary(vec![0; 1])).await {
                failed = Some(error);
                break;
            }
        }
        if failed.is_some() {
            break failed;
        }
        if let Ok(Some(Err(error))) = timeout(secs(5), server.recv()).await {
            break Some(error);
        }
    };
    assert!(matches!(got, Some(Error::Protocol(Failure::Timeout(Timeout::Pong)))), "{got:?}");
    assert!(begun.elapsed() <= secs(31), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_waiting_time_that_runs_out_while_a_write_is_blocked_loses_nothing_that_was_received() {
    let config = WebSocketConfig::new().keepalive(secs(20), secs(10));
    let (mut server, mut far) = blocked(config).await;
    write(&mut far, Frame::text("one").masked().encode()).await;
    let begun = Instant::now();
    let error = server.flush().await.unwrap_err();
    assert!(matches!(error, Error::Protocol(Failure::Timeout(Timeout::Pong))), "{error:?}");
    assert_eq!(begun.elapsed().as_secs(), 30);
    assert_eq!(server.recv().await.unwrap().unwrap(), Message::text("one"));
    let error = server.recv().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Protocol(Failure::Timeout(Timeout::Pong))), "{error:?}");
    assert!(server.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_more_before_its_close_than_is_held_is_closed_all_the_same() {
    for (payload, kept) in [(1000, true), (20_000, false)] {
        let (mut server, mut far) = our_server(WebSocketConfig::new()).await;
        for _ in 0..40 {
            write(&mut far, Frame::binary(vec![1; payload]).masked().encode()).await;
        }
        let answering = tokio::spawn(async move {
            let mut close = [0; 4];
            far.read_exact(&mut close).await.unwrap();
            write(&mut far, Frame::close(1000, "").masked().encode()).await;
            far
        });
        let begun = Instant::now();
        server.close(None).await.unwrap();
        assert!(begun.elapsed() < secs(1));
        let (messages, error) = drain(&mut server).await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!(messages.len(), if kept { 41 } else { 0 });
        assert!(server.receiver().is_clean());
        answering.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn close_gives_up_a_message_of_any_size_that_is_under_way() {
    let large = vec![1; 1 << 20];
    let whole = Frame::binary(large.clone()).masked().encode();
    let fragments = [
        Frame::text("begun").unfinished().masked().encode(),
        Frame::continuation(large).masked().encode(),
    ];
    let cases = [
        (whole, WebSocketConfig::new()),
        (fragments.concat(), WebSocketConfig::new()),
        (Frame::text("small").masked().encode(), WebSocketConfig::new().read_ahead_size(0)),
        (Vec::new(), WebSocketConfig::new().read_ahead_size(0)),
    ];
    for (nth, (bytes, config)) in cases.into_iter().enumerate() {
        for polled in [false, true] {
            let (near, mut far) = duplex(1000);
            let mut server = WebSocketStream::from_raw_socket(near, Role::Server, config);
            let bytes = bytes.clone();
            let sending = tokio::spawn(async move {
                write(&mut far, &bytes).await;
                sleep(ms(500)).await;
                write(&mut far, Frame::close(1000, "").masked().encode()).await;
                crate::support::read_to_end(&mut far).await
            });
            if polled && nth < 2 {
                assert!(poll_and_drop(server.recv(), 5).await.is_none());
            }
            let begun = Instant::now();
            server.close(None).await.unwrap();
            assert!(begun.elapsed() < secs(1), "{nth}: {:?}", begun.elapsed());
            let (messages, error) = drain(&mut server).await;
            assert!(messages.is_empty() && error.is_none(), "{nth}: {error:?}");
            assert!(server.receiver().is_clean());
            drop(server);
            assert_eq!(frames(&sending.await.unwrap()), [Frame::close(1000, "")]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn close_gives_up_a_peer_that_sends_without_end() {
    for config in [WebSocketConfig::new(), WebSocketConfig::new().read_ahead_size(0)] {
        let (near, mut far) = duplex(1 << 16);
        let config = config.close_timeout(secs(2));
        let mut server = WebSocketStream::from_raw_socket(near, Role::Server, config);
        let sending = tokio::spawn(async move {
            let frame = Frame::binary(vec![1; 10_000]).unfinished().masked().encode();
            let more = Frame::continuation(vec![1; 10_000]).unfinished().masked().encode();
            let mut sent = far.write_all(&frame).await;
            while sent.is_ok() {
                sleep(ms(1)).await;
                sent = far.write_all(&more).await;
            }
        });
        let begun = Instant::now();
        let error = server.close(None).await.unwrap_err();
        assert!(matches!(error, Error::Protocol(Failure::Timeout(Timeout::Close))), "{error:?}");
        assert!(begun.elapsed() >= secs(2) && begun.elapsed() < secs(3), "{:?}", begun.elapsed());
        drop(server);
        sending.await.unwrap();
    }
}

/// A peer that writes a lot, then reads, and answers the Close.
#[tokio::test(start_paused = true)]
async fn close_does_not_wait_in_vain_for_a_peer_that_reads_only_after_it_has_written() {
    for (pending, pieces, size) in
        [(5000, 10, 1000), (5000, 60, 20_000), (0, 60, 20_000), (5000, 1, 1 << 20)]
    {
        let (near, mut far) = duplex(100);
        let mut server =
            WebSocketStream::from_raw_socket(near, Role::Server, WebSocketConfig::new());
        if pending > 0 {
            assert!(
                poll_and_drop(server.send(Message::binary(vec![0; pending])), 1).await.is_none()
            );
        }
        let peer = tokio::spawn(async move {
            for _ in 0..pieces {
                far.write_all(&Frame::binary(vec![1; size]).masked().encode()).await?;
            }
            // Now it reads until the Close has come.
            let mut got = Vec::new();
            let mut piece = [0; 4096];
            loop {
                let n = far.read(&mut piece).await?;
                if n == 0 {
                    break;
                }
                got.extend_from_slice(&piece[..n]);
                if got.ends_with(&[0x88, 2, 3, 232]) {
                    break;
                }
            }
            far.write_all(&Frame::close(1000, "").masked().encode()).await?;
            let _ = far.read(&mut piece).await;
            Ok::<_, std::io::Error>(got.len())
        });
        let begun = Instant::now();
        let closed = timeout(secs(30), server.close(None)).await;
        let took = begun.elapsed();
        assert!(
            matches!(closed, Ok(Ok(()))),
            "{pending} {pieces}x{size}: {closed:?} after {took:?}"
        );
        drop(server);
        peer.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_the_101_is_given_up() {
    let (near, mut far) = duplex(64);
    let feeding = tokio::spawn(async move {
        far.write_all(b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n").await.unwrap();
        sleep(secs(100_000)).await;
    });
    let begun = Instant::now();
    let done = timeout(secs(1000), fullduplex_tokio::accept(near)).await;
    assert!(
        matches!(done, Ok(Err(Error::Protocol(Failure::Timeout(_))))),
        "{:?} {:?}",
        done.map(|r| r.map(drop)),
        begun.elapsed()
    );
    feeding.abort();
}

#[tokio::test]
async fn close_knows_how_it_ended_where_nothing_came_before_the_close() {
    let (mut server, mut far) = our_server(WebSocketConfig::new()).await;
    write(&mut far, Frame::close(4000, "bye").masked().encode()).await;
    server.close(None).await.unwrap();
    assert!(server.receiver().is_clean());
    let (messages, error) = drain(&mut server).await;
    assert!(error.is_none() && messages.len() == 1 && messages[0].is_close());

    for wrong in [Frame::close(1005, "").masked(), Frame::new(3, *b"reserved").masked()] {
        let (mut server, mut far) = our_server(WebSocketConfig::new()).await;
        write(&mut far, wrong.encode()).await;
        let error = server.close(None).await.unwrap_err();
        assert!(matches!(error, Error::Protocol(_)), "{error:?}");
    }
    let (mut server, mut far) = our_server(WebSocketConfig::new()).await;
    write(&mut far, Frame::text("one").masked().encode()).await;
    far.shutdown().await.unwrap();
    let error = server.close(None).await.unwrap_err();
    assert!(matches!(error, Error::Protocol(_)), "{error:?}");
    assert_eq!(server.recv().await.unwrap().unwrap(), Message::text("one"));
    assert!(matches!(server.recv().await, Some(Err(Error::Protocol(_)))));
    assert!(server.recv().await.is_none());
}

/// A stream that reports its end of input once. Later reads are pending for ever.
struct EndsOnce(DuplexStream, bool);

impl AsyncRead for EndsOnce {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.1 {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.0).poll_read(cx, buf);
        self.1 = read.is_ready() && buf.filled().len() == before;
        read
    }
}

impl AsyncWrite for EndsOnce {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn an_end_of_input_that_was_read_during_a_write_is_not_asked_for_again() {
    let config = WebSocketConfig::new().close_timeout(secs(3600));
    let (near, mut far) = duplex(100);
    let stream = EndsOnce(near, false);
    let mut client = WebSocketStream::from_raw_socket(stream, Role::Client, config);
    {
        let mut sending = Box::pin(client.send(Message::binary(vec![0; 1000])));
        assert!(poll_once(sending.as_mut()).is_pending());
        write(&mut far, Frame::close(1000, "").encode()).await;
        far.shutdown().await.unwrap();
        assert!(poll_once(sending.as_mut()).is_pending());
    }
    assert!(client.recv().await.unwrap().unwrap().is_close());
    // The client waits for its write first.
    assert!(poll_once(pin!(client.recv())).is_pending());
    let reading = tokio::spawn(async move {
        let mut bytes = Vec::new();
        far.read_to_end(&mut bytes).await.unwrap();
        frames(&bytes).len()
    });
    assert!(timeout(secs(10), client.recv()).await.expect("the end was read before").is_none());
    drop(client);
    assert_eq!(reading.await.unwrap(), 2);
}

/// A transport that takes every write at once, and flushes by the second poll. It forgets its waker then, as it may.
#[derive(Default)]
struct FlushesLater(bool);

impl AsyncRead for FlushesLater {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for FlushesLater {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_sender_that_waits_for_a_flush_is_woken_when_the_receiver_completes_it() {
    let stream = FlushesLater::default();
    let mut server = WebSocketStream::from_raw_socket(stream, Role::Server, WebSocketConfig::new());
    server.feed("hi".into()).await.unwrap();
    let (flag, waker) = Flag::new();
    assert!(pin!(server.flush()).poll(&mut Context::from_waker(&waker)).is_pending());
    assert!(!flag.take());
    assert!(poll_once(pin!(server.recv())).is_pending());
    assert!(flag.take());
}
