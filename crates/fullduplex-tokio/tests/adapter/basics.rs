//! Messages there and back, buffering, and the traits.

use std::io::IoSlice;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use fullduplex_testkit::{Frame, frames};
use fullduplex_tokio::{
    Bytes, CloseCode, CloseFrame, Error, Message, MessageRef, PreparedMessage, Role,
    WebSocketConfig, WebSocketStream,
};
use futures_util::stream::FusedStream;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};

use crate::support::{
    Flag, drain, echo, is_bad_text, our_client, our_server, pair, pair_with, poll_once,
    read_to_end, write,
};

/// A stream that counts the writes that reach it, and writes vectored if `vectored` says so.
struct Counted {
    stream: DuplexStream,
    writes: Arc<AtomicUsize>,
    vectored: bool,
}

impl AsyncRead for Counted {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        let all: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).collect();
        Pin::new(&mut self.get_mut().stream).poll_write(cx, &all)
    }

    fn is_write_vectored(&self) -> bool {
        self.vectored
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

async fn counted(vectored: bool) -> (WebSocketStream<Counted>, DuplexStream, Arc<AtomicUsize>) {
    let (near, far) = duplex(1 << 20);
    let writes = Arc::new(AtomicUsize::new(0));
    let stream = Counted { stream: near, writes: Arc::clone(&writes), vectored };
    (WebSocketStream::from_raw_socket(stream, Role::Server, WebSocketConfig::new()), far, writes)
}

fn masked(text: &str) -> Vec<u8> {
    Frame::text(text).masked().encode()
}

#[tokio::test]
async fn messages_of_every_size_come_back_whole() {
    for pipe in [1 << 10, 1 << 20] {
        let (mut client, server) = pair(pipe).await;
        let serving = tokio::spawn(echo(server));
        for size in [0, 1, 125, 126, 4096, 65_535, 65_536, 300_000] {
            let message = Message::binary(vec![size as u8; size]);
            client.send(message.clone()).await.unwrap();
            assert_eq!(client.recv().await.unwrap().unwrap(), message);
        }
        client.send(Message::text("κόσμε")).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), Message::text("κόσμε"));
        client.close(None).await.unwrap();
        assert!(matches!(client.recv().await, Some(Ok(Message::Close(_)))));
        assert!(client.recv().await.is_none());
        assert!(serving.await.unwrap().unwrap().receiver().is_clean());
    }
}

#[tokio::test]
async fn pings_are_yielded_and_answered() {
    let (mut server, mut wire) = our_server(WebSocketConfig::new()).await;
    write(&mut wire, Frame::ping("are you there?").masked().encode()).await;
    assert_eq!(server.recv().await.unwrap().unwrap(), Message::Ping("are you there?".into()));
    // The answer leaves before the next wait.
    assert!(poll_once(pin!(server.recv())).is_pending());
    drop(server);
    let sent = frames(&read_to_end(&mut wire).await);
    assert_eq!(sent[0], Frame::pong("are you there?"));
}

#[tokio::test]
async fn what_one_read_brought_is_answered_with_one_write() {
    let (mut server, mut wire, writes) = counted(false).await;
    let sent: Vec<u8> = (0..100).flat_map(|i| masked(&i.to_string())).collect();
    write(&mut wire, sent).await;
    for _ in 0..100 {
        let message = server.next().await.unwrap().unwrap();
        server.feed(message).await.unwrap();
    }
    assert_eq!(writes.load(Ordering::SeqCst), 0);
    assert_eq!(server.pending_bytes(), frames_len(100));
    assert!(poll_once(pin!(server.next())).is_pending());
    assert_eq!(writes.load(Ordering::SeqCst), 1);
    assert_eq!(server.pending_bytes(), 0);
}

fn frames_len(count: usize) -> usize {
    (0..count).map(|i| 2 + i.to_string().len()).sum()
}

#[tokio::test]
async fn start_send_buffers_and_send_flushes() {
    let (mut server, _wire, writes) = counted(false).await;
    SinkExt::feed(&mut server, Message::text("a")).await.unwrap();
    assert_eq!(writes.load(Ordering::SeqCst), 0);
    SinkExt::send(&mut server, Message::text("b")).await.unwrap();
    assert_eq!(writes.load(Ordering::SeqCst), 1);
    server.send("c".into()).await.unwrap();
    assert_eq!(writes.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_large_payload_is_written_together_with_its_header_and_not_copied() {
    let (mut server, mut wire, writes) = counted(true).await;
    let payload = Bytes::from(vec![7; 100_000]);
    server.feed(Message::Binary(payload.clone())).await.unwrap();
    assert!(!payload.is_unique(), "it was copied");
    server.flush().await.unwrap();
    assert_eq!(writes.load(Ordering::SeqCst), 1);
    assert!(payload.is_unique());
    drop(server);
    assert_eq!(frames(&read_to_end(&mut wire).await)[0], Frame::binary(payload));
}

#[tokio::test]
async fn a_prepared_message_goes_out_as_it_is() {
    let news = PreparedMessage::text("news");
    let (mut server, mut wire) = our_server(WebSocketConfig::new()).await;
    let (mut client, mut server_wire) = our_client(WebSocketConfig::new()).await;
    server.feed_prepared(&news).await.unwrap();
    client.feed_prepared(&news).await.unwrap();
    drop((server, client));
    assert_eq!(frames(&read_to_end(&mut wire).await)[0], Frame::text("news"));
    assert_eq!(frames(&read_to_end(&mut server_wire).await)[0].payload, b"news");
}

#[tokio::test]
async fn fragments_make_one_message() {
    let (mut client, mut server) = pair(1 << 16).await;
    let kind = fullduplex_tokio::MessageKind::Text;
    for (part, last) in [("κό".as_bytes(), false), (&"σμε".as_bytes()[..1], false)] {
        client.feed_fragment(kind, part, last).await.unwrap();
    }
    let refused = client.feed(Message::text("inside")).await.unwrap_err();
    assert!(matches!(refused, Error::Send(_)), "{refused:?}");
    client.feed_fragment(kind, &"σμε".as_bytes()[1..], true).await.unwrap();
    client.flush().await.unwrap();
    assert_eq!(server.recv().await.unwrap().unwrap(), Message::text("κόσμε"));
}

#[tokio::test]
async fn a_payload_is_split_off_the_read_buffer() {
    let (mut server, mut wire) = our_server(WebSocketConfig::new()).await;
    write(&mut wire, [masked("one"), masked("two")].concat()).await;
    let one = server.recv().await.unwrap().unwrap().into_data();
    let two = server.recv().await.unwrap().unwrap().into_data();
    // They lie in the same buffer, with a header of 6 bytes between them.
    assert_eq!(two.as_ptr() as usize - one.as_ptr() as usize, 3 + 6);
}

#[tokio::test]
async fn messages_can_be_lent() {
    let (mut server, mut wire) = our_server(WebSocketConfig::new()).await;
    let bytes = [
        masked("one"),
        Frame::binary(vec![2; 70_000]).masked().encode(),
        Frame::ping("three").masked().encode(),
        Frame::text("fo").unfinished().masked().encode(),
        Frame::continuation("ur").masked().encode(),
        Frame::close(4000, "bye").masked().encode(),
    ];
    write(&mut wire, bytes.concat()).await;
    let mut seen = Vec::new();
    while let Some(message) = server.recv_ref().await {
        let message = message.unwrap();
        if seen.len() == 2 {
            assert!(matches!(message, MessageRef::Ping(b"three")));
        }
        seen.push(message.to_message());
        if seen.len() == 5 {
            assert_eq!(frames(&read_available(&mut wire).await).pop().unwrap().opcode, 8);
        }
    }
    assert_eq!(seen[0], Message::text("one"));
    assert_eq!(seen[3], Message::text("four"));
    let bye = CloseFrame { code: CloseCode::Private(4000), reason: "bye".into() };
    assert_eq!(seen[4..], [Message::Close(Some(bye))]);
}

/// Reads what can be read at once.
async fn read_available(wire: &mut DuplexStream) -> Vec<u8> {
    let mut bytes = vec![0; 1 << 16];
    let len = wire.read(&mut bytes).await.unwrap();
    bytes.truncate(len);
    bytes
}

#[tokio::test]
async fn what_was_kept_can_be_lent_and_bad_text_is_told() {
    let (near, mut far) = duplex(100);
    let mut server = WebSocketStream::from_raw_socket(near, Role::Server, WebSocketConfig::new());
    {
        let mut sending = Box::pin(server.send(Message::binary(vec![0; 150])));
        assert!(poll_once(sending.as_mut()).is_pending());
        write(&mut far, masked("kept")).await;
        assert!(poll_once(sending.as_mut()).is_pending());
    }
    assert!(matches!(server.recv_ref().await, Some(Ok(MessageRef::Text("kept")))));
    write(&mut far, Frame::text(b"\xff".as_slice()).masked().encode()).await;
    assert!(is_bad_text(&server.recv_ref().await.unwrap().unwrap_err()));
    let closing = tokio::spawn(async move {
        far.shutdown().await.unwrap();
        frames(&read_to_end(&mut far).await).pop().unwrap()
    });
    assert!(server.recv_ref().await.is_none());
    assert_eq!(closing.await.unwrap(), Frame::close(1007, ""));
}

#[tokio::test]
async fn after_bad_text_that_was_lent_nothing_is_sent_but_its_close() {
    let nexts = ["drop", "feed", "close", "begin_close", "poll_close"];
    // A frame of less than eight bytes is checked before it is lent.
    for (next, text) in nexts.iter().flat_map(|next| [(*next, &b"\xff"[..]), (next, b"bad\xff")]) {
        let (near, mut far) = duplex(1000);
        let mut server =
            WebSocketStream::from_raw_socket(near, Role::Server, WebSocketConfig::new());
        write(&mut far, Frame::text(text).masked().encode()).await;
        assert!(is_bad_text(&server.recv_ref().await.unwrap().unwrap_err()));
        assert!(!server.can_send());
        match next {
            "feed" => assert!(server.feed("too late".into()).await.is_err()),
            "close" => assert!(is_bad_text(&server.close(None).await.unwrap_err())),
            "begin_close" => server.begin_close(None).unwrap(),
            "poll_close" => SinkExt::close(&mut server).await.unwrap(),
            _ => {}
        }
        drop(server);
        assert_eq!(frames(&read_to_end(&mut far).await), [Frame::close(1007, "")], "{next}");
    }
}

#[tokio::test]
async fn the_write_buffer_is_finite_and_sending_waits() {
    let config = WebSocketConfig::new().max_write_buffer_size(1000).write_buffer_size(500);
    let (near, mut far) = duplex(10);
    let mut server = WebSocketStream::from_raw_socket(near, Role::Server, config);
    let message = || Message::binary(vec![1; 98]);
    let mut fed = 0;
    while let Poll::Ready(taken) = poll_once(pin!(server.feed(message()))) {
        taken.unwrap();
        fed += 1;
    }
    // Ten messages fill the buffer. The pipe has taken ten bytes, so an eleventh message is taken as well, and the next one
    // is not.
    assert_eq!(fed, 11);
    assert!(server.pending_bytes() <= 1000 + 98, "{}", server.pending_bytes());
    // Without `poll_ready`, the message comes back.
    let refused = Pin::new(&mut server).start_send_unpin(message()).unwrap_err();
    assert!(matches!(refused, Error::WriteBufferFull(back) if *back == message()));
    // A message that is larger than the buffer waits for its turn and goes out.
    let sending = tokio::spawn(async move {
        server.send(Message::binary(vec![2; 5000])).await.unwrap();
    });
    let sent = frames(&read_to_end(&mut far).await);
    sending.await.unwrap();
    let lens: Vec<usize> = sent.iter().map(|frame| frame.payload.len()).collect();
    assert_eq!(lens, [&[98; 11][..], &[5000, 2]].concat());
}

/// Sends many messages before it reads any.
async fn talk_then_listen(
    mut socket: WebSocketStream<DuplexStream>,
    message: Message,
    count: usize,
) {
    for _ in 0..count {
        socket.send(message.clone()).await.unwrap();
    }
    for _ in 0..count {
        assert_eq!(socket.recv().await.unwrap().unwrap(), message);
    }
    // The peer may still have to write.
    let _ = socket.close(None).await;
}

#[tokio::test]
async fn two_peers_that_both_write_come_to_an_end() {
    for (pipe, size, count) in [(1000, 1 << 16, 32), (1, 1000, 20), (10, 30_000, 1)] {
        let config = WebSocketConfig::new().read_ahead_size((size + 14) * count);
        let (a, b) = pair_with(pipe, config, config).await;
        let message = Message::binary(vec![9; size]);
        tokio::join!(
            talk_then_listen(a, message.clone(), count),
            talk_then_listen(b, message.clone(), count)
        );
    }
}

#[tokio::test]
async fn what_is_read_while_a_write_is_blocked_is_bounded() {
    let config = WebSocketConfig::new().read_ahead_size(10_000);
    let (near, mut far) = duplex(100);
    let mut server = WebSocketStream::from_raw_socket(near, Role::Server, config);
    let mut sending = Box::pin(server.send(Message::binary(vec![0; 100_000])));
    let frame = Frame::binary(vec![1; 944]).masked().encode();
    let (mut written, mut idle) = (0, 0);
    while idle < 10 {
        assert!(poll_once(sending.as_mut()).is_pending());
        let rest = &frame[written % frame.len()..];
        match poll_once(pin!(far.write(rest))) {
            Poll::Ready(len) => (written, idle) = (written + len.unwrap(), 0),
            // tokio may not let this task do more for now.
            Poll::Pending => idle += 1,
        }
        tokio::task::yield_now().await;
    }
    // What is in the pipe is not held by the server.
    assert!((9_000..=10_100).contains(&written), "{written}");
    // What was read ahead is received after the write.
    drop(sending);
    for _ in 0..9 {
        assert_eq!(server.recv().await.unwrap().unwrap().len(), 944);
    }
}

#[tokio::test]
async fn a_split_socket_reads_and_writes_in_two_tasks() {
    let (client, server) = pair(100).await;
    let serving = tokio::spawn(echo(server));
    let (mut sink, mut stream) = client.split();
    let sending = tokio::spawn(async move {
        for i in 0..500 {
            sink.send(Message::text(format!("{i:0>50}"))).await.unwrap();
        }
        sink.close().await.unwrap();
    });
    for i in 0..500 {
        assert_eq!(stream.next().await.unwrap().unwrap(), Message::text(format!("{i:0>50}")));
    }
    assert!(matches!(stream.next().await, Some(Ok(Message::Close(_)))));
    assert!(stream.next().await.is_none());
    sending.await.unwrap();
    serving.await.unwrap().unwrap();
}

/// The reader's poll writes as well. A writer that waits for such a write must be woken by it, and a reader that polls the
/// stream must not take the writer's place in it.
#[tokio::test]
async fn a_writer_is_woken_by_what_the_reader_does_and_the_other_way_round() {
    let (near, mut far) = duplex(100);
    let mut server = WebSocketStream::from_raw_socket(near, Role::Server, WebSocketConfig::new());
    let (writer, writer_waker) = Flag::new();
    let (reader, reader_waker) = Flag::new();
    let mut writer_cx = Context::from_waker(&writer_waker);
    let mut reader_cx = Context::from_waker(&reader_waker);

    server.start_send_unpin(Message::binary(vec![0; 150])).unwrap();
    assert!(server.poll_flush_unpin(&mut writer_cx).is_pending());
    // The reader tries to write as well, and its waker is the last that the stream has seen.
    assert!(server.poll_next_unpin(&mut reader_cx).is_pending());
    assert!(!writer.take());
    let mut buf = vec![0; 100];
    far.read_exact(&mut buf).await.unwrap();
    assert!(writer.take() && reader.take(), "there is room, and the writer does not know");
    // Now the reader writes what is left: the writer has nothing to wait for any more.
    assert!(server.poll_next_unpin(&mut reader_cx).is_pending());
    assert!(writer.take(), "all is written, and the writer does not know");
    assert!(server.poll_flush_unpin(&mut writer_cx).is_ready());

    // A blocked writer reads, and then there is something for the reader.
    reader.take();
    server.start_send_unpin(Message::binary(vec![0; 500])).unwrap();
    assert!(server.poll_next_unpin(&mut reader_cx).is_pending());
    assert!(server.poll_flush_unpin(&mut writer_cx).is_pending());
    write(&mut far, masked("hello")).await;
    assert!(reader.take() && writer.take());
    assert!(server.poll_flush_unpin(&mut writer_cx).is_pending());
    assert!(reader.take(), "the writer has read a message, and the reader does not know");
    assert!(matches!(
        server.poll_next_unpin(&mut reader_cx),
        Poll::Ready(Some(Ok(Message::Text(_))))
    ));
}

#[tokio::test]
async fn the_stream_is_fused_and_the_sink_says_that_it_is_over() {
    let (mut client, mut server) = pair(1 << 10).await;
    let (closed, (messages, error)) = tokio::join!(client.close(None), drain(&mut server));
    closed.unwrap();
    assert!(error.is_none() && messages.len() == 1);
    assert!(server.is_terminated());
    assert!(server.next().await.is_none());
    assert!(matches!(server.send("late".into()).await, Err(Error::ConnectionClosed)));
    let (messages, error) = drain(&mut client).await;
    assert!(error.is_none());
    let normal = CloseFrame::new(CloseCode::Normal);
    assert_eq!(messages, [Message::Close(Some(normal))]);
    assert!(client.is_terminated());
    server.close(None).await.unwrap();
    client.close(None).await.unwrap();
}

#[tokio::test]
async fn a_partially_read_stream_begins_with_what_was_read() {
    let (near, mut far) = duplex(1 << 10);
    let bytes = [masked("first"), masked("second")].concat();
    let (part, rest) = bytes.split_at(15);
    write(&mut far, rest).await;
    let mut server = WebSocketStream::from_partially_read(
        near,
        part.to_vec(),
        Role::Server,
        WebSocketConfig::new(),
    );
    assert_eq!(server.recv().await.unwrap().unwrap(), Message::text("first"));
    assert_eq!(server.recv().await.unwrap().unwrap(), Message::text("second"));
    assert_eq!(server.config(), WebSocketConfig::default());
    let _: &DuplexStream = server.get_ref();
    let _: &mut DuplexStream = server.get_mut();
    let _: DuplexStream = server.into_inner();
    // A caller that takes the stream back closes the connection itself.
    assert_eq!(read_to_end(&mut far).await, b"");
}

#[tokio::test]
async fn settings_come_back_as_they_were_given() {
    let config = WebSocketConfig::new()
        .max_message_size(None)
        .max_frame_size(Some(1000))
        .write_buffer_size(1)
        .read_ahead_size(2);
    let (client, _) = pair_with(10, config, config).await;
    assert_eq!(client.config(), config);
    fn is_right<T: Unpin + Send + Sync + std::fmt::Debug>(_: &T) {}
    is_right(&client);
}

/// If another task receives, answers may come between the two calls of a sink.
#[tokio::test]
async fn a_sink_that_was_ready_takes_a_message_whatever_was_answered_meanwhile() {
    let config = WebSocketConfig::new().max_write_buffer_size(1);
    let (near, mut far) = duplex(5);
    let mut server = WebSocketStream::from_raw_socket(near, Role::Server, config);
    std::future::poll_fn(|cx| server.poll_ready_unpin(cx)).await.unwrap();
    let pinging = tokio::spawn(async move {
        write(&mut far, Frame::ping("ping").masked().encode()).await;
        far
    });
    assert!(server.recv().await.unwrap().unwrap().is_ping());
    assert!(poll_once(pin!(server.recv())).is_pending());
    assert!(server.pending_bytes() > 0);
    server.start_send_unpin("taken".into()).unwrap();
    let unready = server.start_send_unpin("one more".into());
    assert!(matches!(unready, Err(Error::WriteBufferFull(_))));
    drop(pinging.await.unwrap());
}
