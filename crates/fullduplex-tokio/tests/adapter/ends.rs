//! How connections end: which side ends them, where, and what the other side learns.

use std::io::{self, Cursor, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};

use fullduplex_testkit::{Frame, frames};
use fullduplex_tokio::fullduplex::{self, Ended, FrameError, MessageError};
use fullduplex_tokio::{
    CloseCode, CloseFrame, Error, Message, Role, WebSocketConfig, WebSocketStream,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, duplex, sink};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{drain, our_client, our_server, pair, poll_once, read_to_end, write};

/// A transport whose reads fail, with a text.
struct Unreadable(ErrorKind);

impl AsyncRead for Unreadable {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::Error::new(self.0, "the reason")))
    }
}

/// A client's WebSocket that reads `input` and then fails.
fn cut_client(
    input: Vec<u8>,
    kind: ErrorKind,
) -> WebSocketStream<impl AsyncRead + AsyncWrite + Unpin> {
    let stream = tokio::io::join(Cursor::new(input).chain(Unreadable(kind)), sink());
    WebSocketStream::from_raw_socket(stream, Role::Client, WebSocketConfig::new())
}

#[tokio::test]
async fn every_message_before_the_close_is_delivered() {
    let (mut client, mut server) = pair(1 << 20).await;
    for i in 0..1000 {
        client.feed(Message::text(i.to_string())).await.unwrap();
    }
    let frame = CloseFrame { code: CloseCode::Private(4000), reason: "bye".into() };
    client.feed(Message::Close(Some(frame.clone()))).await.unwrap();
    client.flush().await.unwrap();
    // A write that fails because the peer is gone does not lose what the peer has sent.
    drop(client);
    server.feed(Message::binary(vec![0; 1 << 21])).await.unwrap();
    let (messages, error) = drain(&mut server).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(messages.len(), 1001);
    assert_eq!(messages[1000], Message::Close(Some(frame)));
}

#[tokio::test]
async fn messages_under_way_are_kept_while_close_waits() {
    let (mut client, mut server) = pair(1 << 16).await;
    for i in 0..10 {
        server.send(Message::text(i.to_string())).await.unwrap();
    }
    let (closed, (seen, _)) = tokio::join!(client.close(None), drain(&mut server));
    closed.unwrap();
    assert_eq!(seen.len(), 1);
    let (messages, error) = drain(&mut client).await;
    assert!(error.is_none());
    assert_eq!(messages.len(), 11);
    assert_eq!(messages[9], Message::text("9"));
}

/// The write buffer is full, so the answer to the peer's Close waits behind our message. A peer that has ended its direction
/// may still read both.
#[tokio::test]
async fn close_waits_for_output_behind_which_the_answer_to_a_close_waits() {
    for (read_ahead_size, max_write_buffer_size) in [(0, 0), (0, 1), (1 << 16, 0), (1 << 16, 1)] {
        let config = WebSocketConfig::new().max_write_buffer_size(max_write_buffer_size);
        let config = config.read_ahead_size(read_ahead_size);
        let (near, mut far) = duplex(64);
        let mut server = WebSocketStream::from_raw_socket(near, Role::Server, config);
        server.feed(Message::binary(vec![0; 1000])).await.unwrap();
        write(&mut far, Frame::close(1000, "").masked().encode()).await;
        far.shutdown().await.unwrap();
        assert!(server.recv().await.unwrap().unwrap().is_close());
        let mut closing = Box::pin(server.close(None));
        assert!(poll_once(closing.as_mut()).is_pending());
        let (closed, bytes) = tokio::join!(closing, read_to_end(&mut far));
        closed.unwrap();
        let frames = frames(&bytes);
        assert_eq!(frames.len(), 2, "{frames:?}");
        assert_eq!((frames[0].payload.len(), frames[1].opcode), (1000, 8));
    }
}

#[tokio::test]
async fn a_dropped_connection_says_goodbye() {
    let (mut client, mut server) = pair(1 << 16).await;
    server.feed(Message::text("not flushed")).await.unwrap();
    drop(server);
    let (messages, error) = drain(&mut client).await;
    assert!(error.is_none());
    let away = CloseFrame::new(CloseCode::Away);
    assert_eq!(messages, [Message::text("not flushed"), Message::Close(Some(away))]);
}

#[tokio::test]
async fn a_protocol_error_is_told_once_and_to_the_peer() {
    let cases: [(Vec<u8>, u16, fullduplex::Error); 5] = [
        (Frame::text("unmasked").encode(), 1002, FrameError::Unmasked.into()),
        (Frame::text(b"\xff".as_slice()).masked().encode(), 1007, MessageError::InvalidUtf8.into()),
        (Frame::binary(vec![0; 1001]).masked().encode(), 1009, MessageError::TooLarge.into()),
        (
            Frame::continuation("x").masked().encode(),
            1002,
            MessageError::UnexpectedContinuation.into(),
        ),
        (Frame::new(3, "x").masked().encode(), 1002, FrameError::ReservedOpCode(3).into()),
    ];
    for (bytes, code, expected) in cases {
        let (mut server, mut wire) =
            our_server(WebSocketConfig::new().max_message_size(Some(1000))).await;
        write(&mut wire, Frame::text("fine").masked().encode()).await;
        write(&mut wire, bytes).await;
        assert_eq!(server.recv().await.unwrap().unwrap(), Message::text("fine"));
        let error = server.recv().await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Protocol(found) if found == expected), "{error:?}");
        assert!(server.send("late".into()).await.is_err());
        // The Close was written before the error was returned.
        wire.shutdown().await.unwrap();
        assert_eq!(frames(&read_to_end(&mut wire).await), [Frame::close(code, "")]);
        assert!(server.recv().await.is_none());
    }
}

#[tokio::test]
async fn a_frame_over_its_limit_is_told_from_a_message_over_its_limit() {
    let config = WebSocketConfig::new().max_frame_size(Some(5)).max_message_size(Some(8));
    for (sent, expected) in [
        (Frame::binary([7; 7]).masked().encode(), FrameError::TooLarge.into()),
        // This is more than either limit, but the frame's header is seen first.
        (Frame::binary([7; 9]).masked().encode(), FrameError::TooLarge.into()),
        (
            [
                Frame::binary([7; 5]).unfinished().masked().encode(),
                Frame::continuation([7; 5]).masked().encode(),
            ]
            .concat(),
            fullduplex::Error::from(MessageError::TooLarge),
        ),
    ] {
        let (mut server, mut wire) = our_server(config).await;
        write(&mut wire, sent).await;
        let error = server.recv().await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Protocol(found) if found == expected), "{error:?}");
        wire.shutdown().await.unwrap();
        assert_eq!(frames(&read_to_end(&mut wire).await), [Frame::close(1009, "")]);
    }
}

#[tokio::test]
async fn ends_without_a_close_are_told_apart() {
    let cases = [(Vec::new(), Ended::WithoutClose), (vec![0x81, 0x05, b'H'], Ended::InsideMessage)];
    for (bytes, cause) in cases {
        let (mut client, mut wire) = our_client(WebSocketConfig::new()).await;
        write(&mut wire, bytes).await;
        drop(wire);
        let (messages, error) = drain(&mut client).await;
        assert!(messages.is_empty());
        assert!(matches!(error, Some(Error::Protocol(found)) if found == cause.into()));
        assert_eq!(client.receiver().failure(), Some(cause.into()));
    }
}

/// OpenSSL says `Other` for an end without close_notify.
#[tokio::test]
async fn an_end_after_both_closes_is_clean_however_it_comes() {
    use ErrorKind::{HostUnreachable, InvalidData, Other, TimedOut, UnexpectedEof};
    for kind in [Other, InvalidData, TimedOut, HostUnreachable, UnexpectedEof] {
        for closes in [false, true] {
            let mut client = cut_client(Frame::close(1000, "").encode(), kind);
            if closes {
                client.close(None).await.unwrap();
            }
            let (messages, error) = drain(&mut client).await;
            assert!(error.is_none(), "{error:?}");
            assert_eq!(messages, [Message::Close(Some(CloseFrame::new(CloseCode::Normal)))]);
            assert!(client.receiver().is_clean());
        }
    }
}

#[tokio::test]
async fn close_names_the_same_end_as_recv() {
    let fragment = Frame::binary([1; 9]).unfinished().encode();
    let ping_between = [fragment.clone(), Frame::ping("?").encode()].concat();
    let whole = [ping_between.clone(), Frame::continuation([2]).encode()].concat();
    for (input, expected) in [
        (vec![], Ended::WithoutClose),
        (fragment[..1].to_vec(), Ended::InsideMessage),
        (fragment[..5].to_vec(), Ended::InsideMessage),
        (fragment, Ended::InsideMessage),
        (ping_between, Ended::InsideMessage),
        (whole, Ended::WithoutClose),
    ] {
        for begun in [false, true] {
            let stream = tokio::io::join(Cursor::new(input.clone()), sink());
            let mut client =
                WebSocketStream::from_raw_socket(stream, Role::Client, WebSocketConfig::new());
            if begun {
                // This takes what precedes a Ping out of the receive buffer, or reports the end.
                let _ = client.recv().await;
            }
            let closed = client.close(None).await;
            let expected: fullduplex::Error = expected.into();
            assert!(
                matches!(closed, Err(Error::Protocol(found)) if found == expected),
                "{input:?}: {closed:?}"
            );
            drain(&mut client).await;
            assert_eq!(client.receiver().failure(), Some(expected));
        }
    }
}

/// The flush learns of the reset, so nothing is pending, and the read brings an end of input.
#[tokio::test]
async fn close_names_a_reset_that_a_write_was_told_of() {
    let writing = Unwritable { kind: ErrorKind::ConnectionReset, at_flush: true };
    let stream = tokio::io::join(Cursor::new(Vec::new()), writing);
    let mut client = WebSocketStream::from_raw_socket(stream, Role::Client, WebSocketConfig::new());
    assert!(matches!(client.send("lost".into()).await, Err(Error::Io(_))));
    let reset = fullduplex::Error::from(Ended::Reset);
    let closed = client.close(None).await;
    assert!(matches!(closed, Err(Error::Protocol(found)) if found == reset), "{closed:?}");
    let (_, error) = drain(&mut client).await;
    assert!(matches!(error, Some(Error::Protocol(found)) if found == reset), "{error:?}");
}

#[tokio::test]
async fn close_returns_the_whole_text_of_a_transport_s_failure_and_so_does_recv() {
    let mut client = cut_client(Frame::text("first").encode(), ErrorKind::InvalidData);
    let closed = client.close(None).await.unwrap_err();
    assert_eq!(closed.to_string(), "the transport failed: the reason");
    assert!(matches!(closed, Error::Io(error) if error.kind() == ErrorKind::InvalidData));
    let (messages, error) = drain(&mut client).await;
    assert_eq!(messages, ["first".into()]);
    assert_eq!(error.unwrap().to_string(), "the transport failed: the reason");
}

async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dialled = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (dialled, listener.accept().await.unwrap().0)
}

#[tokio::test]
async fn a_reset_in_the_middle_of_a_frame_is_told() {
    let (near, mut far) = tcp().await;
    let role = fullduplex_tokio::Role::Client;
    let mut client =
        fullduplex_tokio::WebSocketStream::from_raw_socket(near, role, WebSocketConfig::new());
    far.write_all(&[0x81, 0x05, b'H']).await.unwrap();
    client.send(Message::text("unread")).await.unwrap();
    // A socket that is dropped with unread input resets the connection.
    far.readable().await.unwrap();
    drop(far);
    let (messages, error) = drain(&mut client).await;
    assert!(messages.is_empty());
    let expected = Ended::Reset.into();
    assert!(matches!(&error, Some(Error::Protocol(found)) if *found == expected), "{error:?}");
    assert_eq!(client.receiver().failure(), Some(Ended::Reset.into()));
}

#[tokio::test]
async fn a_server_ends_the_transport_first() {
    let (near, mut far) = tcp().await;
    let role = fullduplex_tokio::Role::Server;
    let mut server =
        fullduplex_tokio::WebSocketStream::from_raw_socket(near, role, WebSocketConfig::new());
    far.write_all(&Frame::close(1000, "").masked().encode()).await.unwrap();
    let (messages, error) = drain(&mut server).await;
    assert!(messages.len() == 1 && error.is_none());
    // The server still exists, but its transport has ended.
    let mut rest = Vec::new();
    far.read_to_end(&mut rest).await.unwrap();
    assert_eq!(frames(&rest), [Frame::close(1000, "")]);
    drop(server);
}

#[tokio::test]
async fn both_may_close_at_once() {
    let (mut client, mut server) = pair(1 << 10).await;
    let (one, two) = tokio::join!(client.close(None), server.close(None));
    one.unwrap();
    two.unwrap();
    let ((_, one), (_, two)) = tokio::join!(drain(&mut client), drain(&mut server));
    assert!(one.is_none() && two.is_none());
    assert!(client.receiver().is_clean() && server.receiver().is_clean());
}

/// A transport whose writes fail, or whose flushes do.
struct Unwritable {
    kind: ErrorKind,
    at_flush: bool,
}

impl AsyncWrite for Unwritable {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(if self.at_flush { Ok(bytes.len()) } else { Err(self.kind.into()) })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(if self.at_flush { Err(self.kind.into()) } else { Ok(()) })
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// If the peer is gone, this is told when there is nothing more to read; any other failure ends the connection.
#[tokio::test]
async fn a_write_that_fails_is_told_once_after_what_has_come() {
    let mut input = Frame::text("hi").masked().encode();
    input.extend(Frame::ping("?").masked().encode());
    for kind in [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset, ErrorKind::Other] {
        for sends in [false, true] {
            let stream =
                tokio::io::join(Cursor::new(input.clone()), Unwritable { kind, at_flush: false });
            let mut server =
                WebSocketStream::from_raw_socket(stream, Role::Server, WebSocketConfig::new());
            if sends {
                let sent = server.send("never".into()).await;
                assert!(matches!(sent, Err(Error::Io(error)) if error.kind() == kind));
                assert!(!server.can_send());
            }
            let (messages, error) = drain(&mut server).await;
            assert_eq!(messages, ["hi".into(), Message::Ping("?".into())]);
            if kind == ErrorKind::Other && !sends {
                assert!(matches!(error, Some(Error::Io(error)) if error.kind() == kind));
            } else {
                let reset = Ended::Reset.into();
                assert!(matches!(error, Some(Error::Protocol(found)) if found == reset));
                assert_eq!(server.receiver().failure(), Some(Ended::Reset.into()));
            }
        }
    }
}
