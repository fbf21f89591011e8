//! What programs rely on when they use tungstenite, over real sockets and over streams that would
//! block.

#![cfg(feature = "handshake")]

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use tungstenite::error::{CapacityError, ProtocolError, SubProtocolError};
use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::http::StatusCode;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame, FrameHeader, FrameSocket};
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{
    ClientRequestBuilder, Error, HandshakeError, Message, WebSocket, accept, accept_hdr, client,
};

/// A stream that returns at most one byte per read, and whose every other call would block.
#[derive(Debug, Default)]
struct Drip {
    input: VecDeque<u8>,
    output: Vec<u8>,
    calls: usize,
}

impl Drip {
    fn next(&mut self) -> io::Result<()> {
        self.calls += 1;
        if self.calls.is_multiple_of(2) { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }
}

impl Read for Drip {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.next()?;
        let byte = self.input.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        buf[0] = byte;
        Ok(1)
    }
}

impl Write for Drip {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.next()?;
        self.output.extend(buf.first());
        Ok(buf.len().min(1))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.next()
    }
}

/// Calls again until the stream no longer blocks.
fn retry<T>(mut call: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    for _ in 0..10_000 {
        match call() {
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return other,
        }
    }
    panic!("the stream blocks for ever");
}

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (near, listener.accept().unwrap().0)
}

fn sockets(config: WebSocketConfig) -> (WebSocket<TcpStream>, WebSocket<TcpStream>) {
    let (near, far) = pair();
    let client = WebSocket::from_raw_socket(near, Role::Client, Some(config));
    (client, WebSocket::from_raw_socket(far, Role::Server, Some(config)))
}

#[test]
fn a_stream_that_would_block_loses_and_repeats_nothing() {
    let mut socket = WebSocket::from_raw_socket(Drip::default(), Role::Server, None);
    socket.get_mut().input.extend(b"\x81\x82\0\0\0\0hi\x89\x81\0\0\0\0!");
    assert_eq!(retry(|| socket.read()).unwrap(), Message::text("hi"));
    assert!(matches!(socket.send(Message::text("yo")), Err(Error::Io(_))));
    assert_eq!(retry(|| socket.read()).unwrap(), Message::Ping("!".into()));
    retry(|| socket.flush()).unwrap();
    assert_eq!(socket.get_ref().output, b"\x81\x02yo\x8a\x01!");
}

#[test]
fn a_handshake_that_would_block_goes_on_where_it_was() {
    let (near, far) = pair();
    near.set_nonblocking(true).unwrap();
    far.set_nonblocking(true).unwrap();
    let mut server = accept(far).unwrap_err();
    let mut client = client("ws://localhost/chat", near).unwrap_err();
    let mut opened = (None, None);
    while opened.0.is_none() || opened.1.is_none() {
        if let HandshakeError::Interrupted(mid) = server {
            server = match mid.handshake() {
                Ok(socket) => {
                    opened.0 = Some(socket);
                    HandshakeError::Failure(Error::AlreadyClosed)
                }
                Err(error) => error,
            };
        }
        if let HandshakeError::Interrupted(mid) = client {
            client = match mid.handshake() {
                Ok((socket, response)) => {
                    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
                    opened.1 = Some(socket);
                    HandshakeError::Failure(Error::AlreadyClosed)
                }
                Err(error) => error,
            };
        }
        thread::yield_now();
    }
    let (Some(mut server), Some(mut client)) = opened else { unreachable!() };
    client.send(Message::text("hi")).unwrap();
    assert_eq!(retry(|| server.read()).unwrap(), Message::text("hi"));
}

#[test]
fn what_does_not_fit_the_write_buffer_comes_back_and_can_be_written_later() {
    let config = WebSocketConfig::default().write_buffer_size(10).max_write_buffer_size(20);
    let mut context = WebSocketContext::new(Role::Server, Some(config));
    let mut stream = Drip::default();
    context.write(&mut stream, Message::text("12345678")).unwrap();
    let Err(Error::WriteBufferFull(full)) =
        context.write(&mut stream, Message::binary(b"123456789".to_vec()))
    else {
        panic!("the buffer took 10 and 11 bytes of 20");
    };
    assert!(matches!(&*full, Message::Frame(frame) if frame.payload() == b"123456789"));
    retry(|| context.flush(&mut stream)).unwrap();
    context
        .write(&mut stream, *full)
        .unwrap_or_else(|error| assert!(matches!(error, Error::Io(_))));
    retry(|| context.flush(&mut stream)).unwrap();
    assert_eq!(stream.output, b"\x81\x0812345678\x82\x09123456789");
}

#[test]
fn frames_are_fragments_of_one_message_or_refused() {
    let (mut client, mut server) = sockets(WebSocketConfig::default());
    let frame = |data, text: &'static str, last| {
        Message::Frame(Frame::message(text, OpCode::Data(data), last))
    };
    assert!(matches!(
        client.write(frame(Data::Continue, "?", true)),
        Err(Error::Protocol(ProtocolError::UnexpectedContinueFrame))
    ));
    client.write(frame(Data::Text, "caf\u{e9} ", false)).unwrap();
    assert!(matches!(
        client.write(frame(Data::Text, "?", true)),
        Err(Error::Protocol(ProtocolError::ExpectedFragment(Data::Text)))
    ));
    client.write(Message::Frame(Frame::ping("between"))).unwrap();
    client.write(frame(Data::Continue, "cr\u{e8}me", true)).unwrap();
    let mut reserved = Frame::message("?", OpCode::Data(Data::Text), true);
    reserved.header_mut().rsv2 = true;
    assert!(matches!(
        client.write(Message::Frame(reserved)),
        Err(Error::Protocol(ProtocolError::NonZeroReservedBits))
    ));
    client.flush().unwrap();
    assert_eq!(server.read().unwrap(), Message::Ping("between".into()));
    assert_eq!(server.read().unwrap(), Message::text("caf\u{e9} cr\u{e8}me"));
}

#[test]
fn a_peer_that_breaks_the_protocol_is_told_before_the_error_is_returned() {
    let config = WebSocketConfig::default().max_message_size(Some(5)).max_frame_size(Some(9));
    let too_long = |size, max_size| Error::from(CapacityError::MessageTooLong { size, max_size });
    for (sent, code, expected) in [
        (&b"\x83\x80\0\0\0\0"[..], 1002, ProtocolError::InvalidOpcode(3).into()),
        (b"\x81\0", 1002, ProtocolError::UnmaskedFrameFromClient.into()),
        (b"\x81\x86\0\0\0\0", 1009, too_long(6, 5)),
        (b"\x01\x84\0\0\0\x001234\x80\x83\0\0\0\0", 1009, too_long(7, 5)),
        (b"\x81\x8a\0\0\0\0", 1009, too_long(10, 9)),
    ] {
        let (mut near, far) = pair();
        let mut server = WebSocket::from_raw_socket(far, Role::Server, Some(config));
        near.write_all(sent).unwrap();
        assert_eq!(server.read().unwrap_err().to_string(), expected.to_string());
        let mut close = [0; 4];
        near.read_exact(&mut close).unwrap();
        assert_eq!((close[0], u16::from_be_bytes([close[2], close[3]])), (0x88, code));
        assert!(matches!(server.read(), Err(Error::AlreadyClosed)));
    }
}

#[test]
fn a_close_is_answered_at_once_and_ends_with_connection_closed() {
    let (mut client, mut server) = sockets(WebSocketConfig::default());
    let frame = CloseFrame { code: CloseCode::Library(4004), reason: "no room".into() };
    client.close(Some(frame.clone())).unwrap();
    assert!(!client.can_write() && client.can_read());
    assert_eq!(server.read().unwrap(), Message::Close(Some(frame)));
    // The server is not called again, and yet the client receives the reply.
    assert!(client.read().unwrap().is_close());
    assert!(matches!(server.read(), Err(Error::ConnectionClosed)));
    assert!(matches!(server.read(), Err(Error::AlreadyClosed)));
    drop(server);
    assert!(matches!(client.read(), Err(Error::ConnectionClosed)));
    assert!(matches!(client.send(Message::text("?")), Err(Error::AlreadyClosed)));
}

#[test]
fn a_connection_that_is_cut_is_no_clean_end() {
    let (mut client, server) = sockets(WebSocketConfig::default());
    drop(server);
    assert!(matches!(
        client.read(),
        Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))
    ));
}

#[test]
fn a_callback_sees_the_request_and_rejects_it() {
    let (near, far) = pair();
    let serving = thread::spawn(move || {
        accept_hdr(far, |request: &Request, _: Response| -> Result<_, ErrorResponse> {
            assert_eq!(request.uri().path(), "/chat");
            assert_eq!(request.headers()["authorization"], "Bearer 0123");
            let mut refused = ErrorResponse::new(Some("no such room".into()));
            *refused.status_mut() = StatusCode::NOT_FOUND;
            refused.headers_mut().insert("x-room", "17".parse().unwrap());
            Err(refused)
        })
        .map(drop)
        .unwrap_err()
    });
    let request = ClientRequestBuilder::new("ws://localhost/chat".parse().unwrap())
        .with_header("Authorization", "Bearer 0123");
    let Err(HandshakeError::Failure(Error::Http(response))) = client(request, near) else {
        panic!("the server has rejected it");
    };
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(response.headers()["x-room"], "17");
    assert_eq!(response.body().as_deref(), Some(&b"no such room"[..]));
    let HandshakeError::Failure(Error::Http(own)) = serving.join().unwrap() else {
        panic!("the callback's response is the error");
    };
    assert_eq!(own.body().as_deref(), Some(&b"no such room"[..]));
}

#[test]
fn a_choice_that_was_not_offered_is_stopped_at_the_server() {
    let (near, far) = pair();
    let serving = thread::spawn(move || {
        accept_hdr(far, |_: &Request, mut response: Response| -> Result<_, ErrorResponse> {
            response.headers_mut().insert("Sec-WebSocket-Protocol", "chat".parse().unwrap());
            Ok(response)
        })
        .map(drop)
        .unwrap_err()
    });
    let refused = client("ws://localhost/", near).unwrap_err();
    assert!(
        matches!(refused, HandshakeError::Failure(Error::Http(response)) if response.status() == 500)
    );
    assert!(matches!(
        serving.join().unwrap(),
        HandshakeError::Failure(Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(
            SubProtocolError::InvalidSubProtocol
        )))
    ));
}

#[test]
fn a_request_for_no_websocket_is_answered() {
    let (mut near, far) = pair();
    let serving = thread::spawn(move || accept(far).map(drop).unwrap_err());
    near.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut response = String::new();
    let error = serving.join().unwrap();
    near.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 426 "), "{response}");
    assert!(matches!(error, HandshakeError::Failure(Error::Protocol(_))), "{error:?}");
}

#[test]
fn compression_is_used_when_both_ends_have_it() {
    let deflate =
        WebSocketConfig::default().deflate(Some(tungstenite::fullduplex::DeflateConfig::new()));
    let (near, far) = pair();
    let copy = near.try_clone().unwrap();
    let serving = thread::spawn(move || {
        let mut server = tungstenite::accept_with_config(far, Some(deflate)).unwrap();
        server.read().unwrap()
    });
    let (mut client, response) =
        tungstenite::client::client_with_config("ws://localhost/", near, Some(deflate)).unwrap();
    let agreed = response.headers()["sec-websocket-extensions"].to_str().unwrap();
    assert!(agreed.starts_with("permessage-deflate"), "{agreed}");
    let text = "the same again ".repeat(1000);
    client.send(Message::text(text.clone())).unwrap();
    assert_eq!(serving.join().unwrap(), Message::text(text));
    drop(copy);
}

#[test]
fn a_frame_socket_takes_memory_for_what_has_come_and_not_for_what_is_announced() {
    let input = b"\x82\x7f\0\0\0\0\x40\0\0\0only this".to_vec();
    let mut socket = FrameSocket::from_partially_read(io::empty(), input);
    assert!(socket.read(None).unwrap().is_none());
    let (_, unread) = socket.into_inner();
    assert!(unread.capacity() < 64 << 10, "{}", unread.capacity());
}

#[test]
fn a_frame_socket_reads_what_it_has_written() {
    let mut written = FrameSocket::new(Vec::new());
    let mut masked = Frame::message("hi", OpCode::Data(Data::Text), true);
    masked.header_mut().mask = Some([1, 2, 3, 4]);
    written.send(masked).unwrap();
    written.send(Frame::close(None)).unwrap();
    let mut read = FrameSocket::new(io::Cursor::new(written.into_inner().0));
    let first = read.read(Some(2)).unwrap().unwrap();
    assert_eq!(
        (first.payload(), first.header().mask),
        (&[b'h' ^ 1, b'i' ^ 2][..], Some([1, 2, 3, 4]))
    );
    let second = read.read(Some(2)).unwrap().unwrap();
    assert_eq!(second.header(), &FrameHeader::default());
    assert_eq!(second.header().opcode, OpCode::Control(Control::Close));
    assert!(read.read(Some(2)).unwrap().is_none());
}

/// A peer that sends Pings without end, and does not read until the test lets it.
#[derive(Debug)]
struct Flood {
    reads: bool,
    taken: usize,
}

impl Read for Flood {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let ping = [&b"\x89\xfd\0\0\0\0"[..], &[7; 125]].concat();
        let len = ping.len().min(buf.len()) / ping.len() * ping.len();
        buf[..len].copy_from_slice(&ping[..len]);
        Ok(len)
    }
}

impl Write for Flood {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if !self.reads {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.taken += buf.len();
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn pings_of_a_peer_that_does_not_read_take_no_memory_without_end() {
    let flood = Flood { reads: false, taken: 0 };
    let mut server = WebSocket::from_raw_socket(flood, Role::Server, None);
    for _ in 0..100_000 {
        assert!(server.read().unwrap().is_ping());
    }
    // The program's own messages are still taken, because it has set no limit.
    for _ in 0..40 {
        let sent = server.write(Message::binary(vec![0; 100_000]));
        assert!(matches!(sent, Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock));
    }
    server.get_mut().reads = true;
    server.flush().unwrap();
    let answers = server.get_ref().taken - 40 * 100_010;
    assert!(answers < 2 << 20, "{answers} bytes of answers were held");
}

#[test]
fn a_client_that_sends_its_request_byte_by_byte_has_no_more_time_than_another() {
    let (mut near, far) = pair();
    let dripping = thread::spawn(move || {
        for byte in b"GET / HTTP/1.1\r\nHost: localhost\r\n".iter().cycle() {
            if near.write_all(&[*byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    });
    let config = WebSocketConfig::default().handshake_timeout(Some(Duration::from_millis(100)));
    let refused = tungstenite::accept_with_config(far, Some(config)).map(drop).unwrap_err();
    let HandshakeError::Failure(Error::Io(error)) = refused else { panic!("{refused:?}") };
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    dripping.join().unwrap();
}

/// A stream that takes no output until the test lets it, and whose input does not block for long.
#[derive(Debug, Default)]
struct Gate {
    input: VecDeque<u8>,
    /// The input after `input`, without end.
    flood: &'static [u8],
    is_open: bool,
    output: Vec<u8>,
}

impl Read for Gate {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            self.input.extend(self.flood);
        }
        if self.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.input.read(buf)
    }
}

impl Write for Gate {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if !self.is_open {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.output.extend(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_answer_to_a_close_is_written_behind_whatever_waits() {
    let mut server = WebSocket::from_raw_socket(Gate::default(), Role::Server, None);
    let sent = server.send(Message::binary(vec![7; 2 << 20]));
    assert!(matches!(sent, Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock));
    server.get_mut().input.extend(b"\x88\x82\0\0\0\0\x03\xe8");
    assert!(server.read().unwrap().is_close());
    server.get_mut().is_open = true;
    assert!(matches!(server.flush(), Err(Error::ConnectionClosed)));
    let output = &server.get_ref().output;
    assert_eq!(output.len(), (2 << 20) + 10 + 4);
    assert!(output.ends_with(b"\x88\x02\x03\xe8"));
}

#[test]
fn a_server_that_sends_on_after_its_close_is_not_waited_for_without_end() {
    let mut config = WebSocketConfig::default();
    config.timeouts.close_timeout = Duration::from_millis(100);
    let stream = Gate { flood: b"\x82\x04more", is_open: true, ..Gate::default() };
    let mut client = WebSocket::from_raw_socket(stream, Role::Client, Some(config));
    client.get_mut().input.extend(b"\x88\x02\x03\xe8");
    assert!(client.read().unwrap().is_close());
    let began = std::time::Instant::now();
    assert!(matches!(client.read(), Err(Error::ConnectionClosed)));
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_peer_is_silent_only_if_nothing_has_come_from_it() {
    let (interval, wait) = (Duration::from_millis(40), Duration::from_millis(40));
    let config = WebSocketConfig::default().keepalive(interval, wait);
    let stream = Gate { is_open: true, ..Gate::default() };
    let mut client = WebSocket::from_raw_socket(stream, Role::Client, Some(config));
    for _ in 0..2 {
        let read = client.read();
        assert!(matches!(read, Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock));
        thread::sleep(interval + wait / 2);
    }
    // The second call has sent a Ping, and the peer answers before the program, which is late,
    // calls again.
    assert_eq!(client.get_ref().output.first(), Some(&0x89));
    client.get_mut().output.clear();
    client.get_mut().input.extend(b"\x81\x02hi");
    assert_eq!(client.read().unwrap(), Message::text("hi"));
    // Then the peer is silent. It gets a Ping, and the connection fails.
    let mut reads = 0;
    let error = loop {
        reads += 1;
        assert!(reads < 1000, "a silent peer is waited for without end");
        match client.read() {
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(5));
            }
            other => break other.unwrap_err(),
        }
    };
    assert!(matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::TimedOut));
    assert_eq!(client.get_ref().output.first(), Some(&0x89));
}

#[test]
fn a_key_of_any_form_has_its_accept_value() {
    use tungstenite::handshake::derive_accept_key;
    assert_eq!(derive_accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    // The expected value was computed with Python's hashlib and base64.
    assert_eq!(derive_accept_key(b"no key"), "waEirm6/6rf6BM4ZeO7vMzn1KoU=");
}

/// A stream that returns one Ping, takes every write, and whose flush would block twice.
#[derive(Debug, Default)]
struct SlowFlush {
    reads: usize,
    writes: usize,
    flushes: usize,
}

impl Read for SlowFlush {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        if self.reads > 1 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        buf[..2].copy_from_slice(b"\x89\0");
        Ok(2)
    }
}

impl Write for SlowFlush {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.writes += 1;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flushes += 1;
        if self.flushes < 3 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
    }
}

#[test]
fn an_answer_is_written_once_and_flushed_once_for_each_read_until_it_is_through() {
    let mut client = WebSocket::from_raw_socket(SlowFlush::default(), Role::Client, None);
    assert!(client.read().unwrap().is_ping());
    for flushes in [1, 2, 3, 3] {
        assert!(matches!(client.read(), Err(Error::Io(_))));
        assert_eq!((client.get_ref().writes, client.get_ref().flushes), (1, flushes));
    }
}
