//! Streams that would block: whenever this happens, nothing is lost.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::mem;
use std::thread;
use std::time::Instant;

use fullduplex_std::fullduplex::{self, MessageError};
use fullduplex_std::{
    Bytes, CloseCode, CloseFrame, Decision, EndpointConfig, Error, HandshakeError, Message,
    MessageKind, MidAccept, MidConnect, OwnedAcceptance, Request, Role, WebSocket, accept_with,
    client_with,
};
use fullduplex_testkit::{Frame, Random, frames};

use crate::raw::{REQUEST, closes_with, our_server, read_head, read_to_end};
use crate::support::{bounded, ms, sockets};
use crate::wire::Wire;

type Decide = fn(&Request<'_>) -> Decision;

/// One side of a conversation over a stream that would block.
enum Side<S> {
    Accepting(MidAccept<S, Decide>),
    Connecting(MidConnect<S>),
    Open(Box<Talk<S>>),
    Over(Vec<Message>),
    /// A placeholder while the state changes.
    Changing,
}

struct Talk<S> {
    socket: WebSocket<S>,
    to_send: VecDeque<Message>,
    received: Vec<Message>,
    /// How many messages this side receives before it closes; `None` if the other side closes.
    closes_after: Option<usize>,
    blocked: usize,
}

impl<S: Read + Write + 'static> Side<S> {
    fn accept(stream: S, config: EndpointConfig) -> Self {
        match accept_with(stream, config, (|_| Ok(OwnedAcceptance::new())) as Decide) {
            Ok(socket) => Self::open(socket),
            Err(HandshakeError::Interrupted(under_way)) => Self::Accepting(under_way),
            Err(HandshakeError::Failure(error)) => panic!("{error:?}"),
        }
    }

    fn connect(stream: S, config: EndpointConfig) -> Self {
        match client_with("ws://localhost/", stream, config) {
            Ok((socket, _)) => Self::open(socket),
            Err(HandshakeError::Interrupted(under_way)) => Self::Connecting(under_way),
            Err(HandshakeError::Failure(error)) => panic!("{error:?}"),
        }
    }

    fn open(socket: WebSocket<S>) -> Self {
        let role = socket.receiver().role();
        Self::Open(Box::new(Talk {
            socket,
            to_send: messages(role).into(),
            received: Vec::new(),
            closes_after: (role == Role::Client).then(|| messages(Role::Server).len()),
            blocked: 0,
        }))
    }

    /// Goes on until it would block.
    fn go_on(self) -> Self {
        match self {
            Self::Accepting(under_way) => match under_way.handshake() {
                Ok(socket) => Self::open(socket),
                Err(HandshakeError::Interrupted(under_way)) => Self::Accepting(under_way),
                Err(HandshakeError::Failure(error)) => panic!("{error:?}"),
            },
            Self::Connecting(under_way) => match under_way.handshake() {
                Ok((socket, _)) => Self::open(socket),
                Err(HandshakeError::Interrupted(under_way)) => Self::Connecting(under_way),
                Err(HandshakeError::Failure(error)) => panic!("{error:?}"),
            },
            Self::Open(talk) => talk.go_on(),
            over => over,
        }
    }
}

impl<S: Read + Write + 'static> Talk<S> {
    fn go_on(mut self: Box<Self>) -> Side<S> {
        while let Some(message) = self.to_send.pop_front() {
            match self.socket.feed(message.clone()) {
                Ok(()) => {}
                Err(Error::WriteBufferFull(back)) => {
                    assert_eq!(*back, message);
                    self.to_send.push_front(*back);
                    self.blocked += 1;
                    break;
                }
                Err(error) => panic!("{error:?}"),
            }
        }
        if self.to_send.is_empty() && self.closes_after == Some(self.received.len()) {
            self.closes_after = None;
            let bye = CloseFrame { code: CloseCode::Private(4000), reason: "bye".into() };
            match self.socket.close(Some(bye)) {
                Err(error) if !error.would_block() => panic!("{error:?}"),
                _ => {}
            }
        }
        loop {
            match self.socket.read() {
                Ok(message) => self.received.push(message),
                Err(Error::ConnectionClosed) => return Side::Over(self.received),
                Err(error) if error.would_block() => return Side::Open(self),
                Err(error) => panic!("{error:?}"),
            }
        }
    }
}

/// What a side sends.
fn messages(role: Role) -> Vec<Message> {
    let mut random = Random::new(1 + role as u64);
    let mut messages = vec![Message::text(""), Message::Pong(Bytes::from_static(b"unasked"))];
    for size in [1, 125, 126, 3000, 70_000] {
        messages
            .push(Message::binary((0..size).map(|_| random.next_u64() as u8).collect::<Vec<_>>()));
        messages.push(Message::text("κόσμε ".repeat(1 + random.below(50))));
    }
    messages
}

/// Lets both sides talk until both are over; returns what each received.
fn converse<S: Read + Write + 'static>(
    mut sides: [Side<S>; 2],
    mut pause: impl FnMut(),
) -> [Vec<Message>; 2] {
    loop {
        if let [Side::Over(_), Side::Over(_)] = sides {
            return sides.map(|side| match side {
                Side::Over(received) => received,
                _ => Vec::new(),
            });
        }
        for side in &mut sides {
            *side = mem::replace(side, Side::Changing).go_on();
        }
        pause();
    }
}

/// Checks that each side has received what the other one sent, and its Close.
fn nothing_is_lost(received: &[Vec<Message>; 2]) {
    let close = CloseFrame { code: CloseCode::Private(4000), reason: "bye".into() };
    let echo = CloseFrame::new(CloseCode::Private(4000));
    for (received, from, close) in
        [(&received[0], Role::Server, echo), (&received[1], Role::Client, close)]
    {
        let mut expected = messages(from);
        expected.push(Message::Close(Some(close)));
        assert!(*received == expected, "{from:?}");
    }
}

/// Reads up to the end of input.
fn read_all(mut wire: Wire) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Err(error) = wire.read_to_end(&mut bytes) {
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
    bytes
}

fn write_all(wire: &mut Wire, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match wire.write(bytes) {
            Ok(len) => bytes = &bytes[len..],
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
}

#[test]
fn a_whole_conversation_loses_nothing_wherever_the_stream_blocks() {
    bounded(|| {
        for seed in 0..48 {
            let mut config = EndpointConfig::new();
            config.max_write_buffer_size = 4000;
            let (near, far) = Wire::pair(seed, 3000);
            let sides = [Side::connect(near, config), Side::accept(far, config)];
            nothing_is_lost(&converse(sides, || {}));
        }
    });
}

#[test]
fn a_whole_conversation_over_nonblocking_tcp_loses_nothing() {
    bounded(|| {
        let (near, far) = sockets();
        for socket in [&near, &far] {
            socket.set_nonblocking(true).unwrap();
        }
        let mut config = EndpointConfig::new();
        config.max_write_buffer_size = 4000;
        // The client connects late, because sockets that are ready when they are not needed hide mistakes.
        let accepting = Side::accept(far, config);
        assert!(matches!(accepting, Side::Accepting(_)));
        let sides = [Side::connect(near, config), accepting];
        nothing_is_lost(&converse(sides, || thread::sleep(ms(1))));
    });
}

#[test]
fn nonblocking_tcp_would_block_at_once_whatever_deadlines_there_are() {
    bounded(|| {
        let (near, far) = sockets();
        far.set_nonblocking(true).unwrap();
        let begin = Instant::now();
        let result = accept_with(far, EndpointConfig::new(), |_| Ok(OwnedAcceptance::new()));
        assert!(begin.elapsed() < ms(1000), "{:?}", begin.elapsed());
        let Err(HandshakeError::Interrupted(under_way)) = result else { panic!("{result:?}") };

        let mut near = near;
        near.write_all(format!("{REQUEST}\r\n").as_bytes()).unwrap();
        thread::sleep(ms(50));
        let Ok(mut socket) = under_way.handshake() else { panic!("the request is there") };
        assert!(read_head(&mut near).starts_with("HTTP/1.1 101 "));
        let begin = Instant::now();
        assert!(socket.read().is_err_and(|error| error.would_block()));
        socket.close(None).unwrap();
        assert!(socket.read().is_err_and(|error| error.would_block()));
        assert!(begin.elapsed() < ms(1000), "{:?}", begin.elapsed());
    });
}

#[test]
fn a_message_for_which_there_is_no_room_comes_back() {
    let mut config = EndpointConfig::new();
    config.max_write_buffer_size = 80;
    let (near, far) = Wire::pair(7, 0);
    let mut socket = WebSocket::from_raw_socket(near, Role::Server, config);
    let texts: Vec<String> = (0..5).map(|number| format!("{number}").repeat(40)).collect();
    socket.feed(Message::text(&*texts[0])).unwrap();
    socket.feed(Message::text(&*texts[1])).unwrap();
    for _ in 0..3 {
        let error = socket.feed(Message::text(&*texts[2])).unwrap_err();
        assert!(error.would_block());
        let Error::WriteBufferFull(back) = error else { panic!("{error:?}") };
        assert_eq!(*back, Message::text(&*texts[2]));
        let error = socket.feed_fragment(MessageKind::Text, &[b'a'; 80], true).unwrap_err();
        assert!(error.would_block(), "{error:?}");
    }
    socket.get_mut().set_capacity(1 << 20);
    for text in &texts[2..] {
        while let Err(error) = socket.feed(Message::text(&**text)) {
            assert!(error.would_block(), "{error:?}");
        }
    }
    while let Err(error) = socket.flush() {
        assert!(error.would_block(), "{error:?}");
    }
    drop(socket);
    let expected: Vec<Frame> = texts.iter().map(|text| Frame::text(&**text)).collect();
    assert_eq!(frames(&read_all(far)), expected);
}

#[test]
fn the_last_words_of_a_failed_connection_leave_when_the_stream_is_ready() {
    bounded(|| {
        for seed in 0..32 {
            let (near, mut far) = Wire::pair(seed, 1 << 20);
            let mut socket = WebSocket::from_raw_socket(near, Role::Client, EndpointConfig::new());
            write_all(&mut far, &Frame::text(b"\xff").encode());
            let error = loop {
                match socket.read() {
                    Err(error) if error.would_block() => {}
                    Err(error) => break error,
                    Ok(message) => panic!("{message:?}"),
                }
            };
            let expected = fullduplex::Error::from(MessageError::InvalidUtf8);
            assert!(matches!(error, Error::Protocol(error) if error == expected), "{error:?}");
            let error = loop {
                match socket.read() {
                    Err(error) if error.would_block() => {}
                    other => break other.unwrap_err(),
                }
            };
            assert!(matches!(error, Error::AlreadyClosed), "{error:?}");
            drop(socket);
            closes_with(&frames(&read_all(far)), CloseCode::Invalid);
        }
    });
}

#[test]
fn a_failure_over_nonblocking_tcp_neither_waits_nor_loses_the_close() {
    bounded(|| {
        let (mut ours, mut peer) = our_server(EndpointConfig::new());
        ours.get_ref().set_nonblocking(true).unwrap();
        peer.write_all(&Frame::text(b"\xff").masked().encode()).unwrap();
        thread::sleep(ms(50));
        let begin = Instant::now();
        assert!(matches!(ours.read(), Err(Error::Protocol(_))));
        assert!(ours.read().is_err_and(|error| error.would_block()));
        assert!(begin.elapsed() < ms(1000), "{:?}", begin.elapsed());
        closes_with(&frames(&read_to_end(&mut peer)), CloseCode::Invalid);
        drop(peer);
        thread::sleep(ms(50));
        assert!(matches!(ours.read(), Err(Error::AlreadyClosed)));
    });
}

#[test]
fn a_peer_that_has_ended_its_direction_gets_what_is_pending() {
    bounded(|| {
        let (mut ours, mut peer) = our_server(EndpointConfig::new());
        ours.get_ref().set_nonblocking(true).unwrap();
        ours.feed(vec![7; 16 << 20].into()).unwrap();
        peer.write_all(&Frame::close(1000, "").masked().encode()).unwrap();
        peer.shutdown(std::net::Shutdown::Write).unwrap();
        loop {
            match ours.read() {
                Ok(message) => break assert!(message.is_close()),
                Err(error) => assert!(error.would_block(), "{error:?}"),
            }
        }
        // Writing is blocked, and the end of input can already be read.
        for _ in 0..10 {
            assert!(ours.read().unwrap_err().would_block());
        }
        let reading = thread::spawn(move || frames(&read_to_end(&mut peer)));
        let error = loop {
            match ours.read() {
                Err(error) if error.would_block() => thread::sleep(ms(1)),
                other => break other.unwrap_err(),
            }
        };
        assert!(matches!(error, Error::ConnectionClosed), "{error:?}");
        drop(ours);
        let received = reading.join().unwrap();
        assert_eq!(received.len(), 2);
        assert_eq!(received[0].payload.len(), 16 << 20);
        assert_eq!(received[1], Frame::close(1000, ""));
    });
}
