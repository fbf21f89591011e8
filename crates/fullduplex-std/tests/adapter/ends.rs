//! How the transport ends: each kind of end is told apart, and what came before it is delivered first.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

use fullduplex_std::fullduplex::{self, Ended};
use fullduplex_std::{CloseCode, CloseFrame, EndpointConfig, Error, Message, Role, WebSocket};
use fullduplex_testkit::Frame;
use socket2::SockRef;

use crate::raw::{our_client, our_server};
use crate::support::{bounded, drain, is_over, ms, timeouts};

fn open(role: Role) -> (WebSocket<TcpStream>, TcpStream) {
    let config = timeouts(|timeouts| timeouts.close_timeout = ms(2000));
    if role == Role::Client { our_client(config) } else { our_server(config) }
}

fn encode(role: Role, frame: Frame) -> Vec<u8> {
    if role == Role::Client { frame.encode() } else { frame.masked().encode() }
}

/// Ends the connection with an RST.
fn reset(socket: TcpStream) {
    SockRef::from(&socket).set_linger(Some(ms(0))).unwrap();
    drop(socket);
}

fn ended(error: &Error, how: Ended) {
    assert!(
        matches!(error, Error::Protocol(fullduplex::Error::Ended(ended)) if *ended == how),
        "{error:?}, {how:?} expected"
    );
}

#[test]
fn an_end_of_input_without_a_close_is_told() {
    bounded(|| {
        for role in [Role::Client, Role::Server] {
            let (mut ours, mut peer) = open(role);
            for text in ["a", "b"] {
                peer.write_all(&encode(role, Frame::text(text))).unwrap();
            }
            peer.shutdown(Shutdown::Write).unwrap();
            let (messages, error) = drain(&mut ours);
            assert_eq!(messages, [Message::text("a"), Message::text("b")]);
            ended(&error, Ended::WithoutClose);
            is_over(&mut ours);
        }
    });
}

#[test]
fn an_end_of_input_inside_a_frame_or_a_message_is_told() {
    bounded(|| {
        for role in [Role::Client, Role::Server] {
            let frame = encode(role, Frame::binary(vec![1; 1000]));
            let part = encode(role, Frame::text("half").unfinished());
            for cut in [&frame[..1], &frame[..4], &frame[..500], &part[..]] {
                let (mut ours, mut peer) = open(role);
                peer.write_all(&encode(role, Frame::text("a"))).unwrap();
                peer.write_all(cut).unwrap();
                drop(peer);
                let (messages, error) = drain(&mut ours);
                assert_eq!(messages, [Message::text("a")]);
                ended(&error, Ended::InsideMessage);
                is_over(&mut ours);
            }
        }
    });
}

#[test]
fn a_reset_is_told() {
    bounded(|| {
        for role in [Role::Client, Role::Server] {
            let (mut ours, mut peer) = open(role);
            peer.write_all(&encode(role, Frame::text("a"))).unwrap();
            assert_eq!(ours.read().unwrap(), Message::text("a"));
            reset(peer);
            let (messages, error) = drain(&mut ours);
            assert_eq!(messages, []);
            ended(&error, Ended::Reset);
            is_over(&mut ours);
        }
    });
}

#[test]
fn a_reset_after_our_close_is_told() {
    bounded(|| {
        let (mut ours, peer) = open(Role::Client);
        ours.close(None).unwrap();
        reset(peer);
        ended(&drain(&mut ours).1, Ended::Reset);
    });
}

#[test]
fn an_end_after_both_closes_is_clean_however_it_comes() {
    bounded(|| {
        for role in [Role::Client, Role::Server] {
            for end in [drop as fn(TcpStream), reset] {
                let (mut ours, mut peer) = open(role);
                peer.write_all(&encode(role, Frame::close(4000, "enough"))).unwrap();
                let reason = CloseFrame { code: CloseCode::Private(4000), reason: "enough".into() };
                assert_eq!(ours.read().unwrap(), Message::Close(Some(reason)));
                let answer = &mut [0; 4];
                peer.read_exact(answer).unwrap();
                end(peer);
                let (messages, error) = drain(&mut ours);
                assert_eq!(messages, []);
                assert!(matches!(error, Error::ConnectionClosed), "{error:?}");
                is_over(&mut ours);
            }
        }
    });
}

/// A stream that takes everything, and whose reads fail after the peer's Close.
struct FailsAfterClose {
    close: io::Cursor<Vec<u8>>,
    kind: io::ErrorKind,
}

impl Read for FailsAfterClose {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.close.read(buf)? {
            0 => Err(self.kind.into()),
            len => Ok(len),
        }
    }
}

impl Write for FailsAfterClose {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A TLS library may report an end without close_notify as an error of any kind.
#[test]
fn a_read_that_fails_after_both_closes_is_a_clean_end_whatever_the_error_is() {
    use io::ErrorKind::{HostUnreachable, InvalidData, NotConnected, Other, UnexpectedEof};
    for kind in [HostUnreachable, InvalidData, NotConnected, Other, UnexpectedEof] {
        for closes_first in [false, true] {
            let close = io::Cursor::new(encode(Role::Client, Frame::close(1000, "")));
            let stream = FailsAfterClose { close, kind };
            let mut ours = WebSocket::from_raw_socket(stream, Role::Client, EndpointConfig::new());
            if closes_first {
                ours.close(None).unwrap();
            }
            assert!(ours.read().unwrap().is_close());
            let error = ours.read().unwrap_err();
            assert!(matches!(error, Error::ConnectionClosed), "{kind:?}: {error:?}");
            assert!(ours.receiver().is_clean());
            is_over(&mut ours);
        }
    }
}

#[test]
fn a_peer_that_goes_away_right_after_its_close_is_a_clean_end() {
    bounded(|| {
        for role in [Role::Client, Role::Server] {
            let (mut ours, mut peer) = open(role);
            peer.write_all(&encode(role, Frame::close(1001, ""))).unwrap();
            drop(peer);
            let (messages, error) = drain(&mut ours);
            assert_eq!(messages, [Message::Close(Some(CloseFrame::new(CloseCode::Away)))]);
            assert!(matches!(error, Error::ConnectionClosed), "{error:?}");
        }
    });
}

#[test]
fn what_the_peer_sent_is_delivered_although_it_is_gone_when_we_answer() {
    bounded(|| {
        for role in [Role::Client, Role::Server] {
            let (mut ours, mut peer) = open(role);
            // These are more than one read returns, and we answer each of them, so writing fails long before the last one.
            for number in 0..20_u8 {
                peer.write_all(&encode(role, Frame::binary(vec![number; 4000]))).unwrap();
            }
            peer.write_all(&encode(role, Frame::close(1000, ""))).unwrap();
            drop(peer);
            let mut failed = false;
            for number in 0..20 {
                let message = ours.read().unwrap();
                assert_eq!(message, Message::binary(vec![number; 4000]));
                failed |= ours.send(message).is_err();
            }
            assert!(failed);
            assert!(ours.read().unwrap().is_close());
            let error = ours.read().unwrap_err();
            assert!(matches!(error, Error::ConnectionClosed), "{error:?}");
            is_over(&mut ours);
        }
    });
}

#[test]
fn a_connection_reset_while_we_write_ends_with_that() {
    bounded(|| {
        let (mut ours, peer) = our_client(EndpointConfig::new());
        reset(peer);
        let error = loop {
            if let Err(error) = ours.send("anybody?".into()) {
                break error;
            }
        };
        assert!(matches!(error, Error::Io(_)), "{error:?}");
        assert!(matches!(ours.send("anybody?".into()), Err(Error::Io(_))));
        assert!(!ours.can_send() && ours.can_read());
        ended(&ours.read().unwrap_err(), Ended::Reset);
        is_over(&mut ours);
    });
}

#[test]
fn an_end_inside_the_handshake_is_told() {
    bounded(|| {
        let (near, mut far) = crate::support::sockets();
        far.write_all(b"HTTP/1.1 101 Swit").unwrap();
        drop(far);
        let error = Error::from(fullduplex_std::client("ws://localhost/", near).unwrap_err());
        // With our request unread, an end of input arrives as a reset.
        assert!(
            matches!(
                error,
                Error::Protocol(fullduplex::Error::Ended(Ended::InsideHandshake | Ended::Reset))
            ),
            "{error:?}"
        );
        let (mut near, far) = crate::support::sockets();
        near.write_all(b"GET / HT").unwrap();
        drop(near);
        let error = Error::from(fullduplex_std::accept(far).unwrap_err());
        ended(&error, Ended::InsideHandshake);
    });
}
