//! Deadlines over sockets: none of them may pass unnoticed, whatever the peer does or does not do.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Instant;

use fullduplex_std::fullduplex::{self, Timeout};
use fullduplex_std::{
    Bytes, CloseCode, EndpointConfig, Error, HandshakeError, Message, OwnedAcceptance,
    OwnedRejection, Role, WebSocket, accept_with, client_with,
};
use fullduplex_testkit::Frame;
use socket2::SockRef;

use crate::raw::{REQUEST, closes_with, our_client, our_server, read_frames};
use crate::support::{bounded, drain, handshake_timeout, is_over, ms, sockets, takes, timeouts};
use crate::wire::SlowReader;

const MIB: usize = 1 << 20;

fn timed_out(error: &Error, which: Timeout) {
    assert!(error.is_timeout(), "{error:?}");
    assert!(
        matches!(error, Error::Protocol(fullduplex::Error::Timeout(timeout)) if *timeout == which),
        "{error:?}"
    );
}

/// Writes `bytes` one by one with pauses, until a write fails.
fn trickle(mut socket: TcpStream, bytes: Vec<u8>, pause: u64) -> thread::JoinHandle<TcpStream> {
    thread::spawn(move || {
        for byte in bytes {
            if socket.write_all(&[byte]).is_err() {
                break;
            }
            thread::sleep(ms(pause));
        }
        socket
    })
}

/// A socket whose timeouts the adapter cannot set.
struct Unknown(TcpStream);

impl Read for Unknown {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Unknown {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn a_client_that_trickles_its_request_is_cut_off() {
    bounded(|| {
        for pause in [1, 20, 100] {
            let (near, far) = sockets();
            let trickling = trickle(near, REQUEST.as_bytes().repeat(20), pause);
            let result = takes(ms(300), || {
                accept_with(far, handshake_timeout(ms(300)), |_| Ok(OwnedAcceptance::new()))
            });
            let Err(HandshakeError::Failure(error)) = result else { panic!("{result:?}") };
            timed_out(&error, Timeout::Handshake);
            trickling.join().unwrap();
        }
    });
}

#[test]
fn a_client_that_trickles_is_cut_off_over_a_stream_without_timeouts() {
    bounded(|| {
        let (near, far) = sockets();
        let trickling = trickle(near, REQUEST.as_bytes().repeat(20), 5);
        let result = takes(ms(200), || {
            accept_with(Unknown(far), handshake_timeout(ms(200)), |_| Ok(OwnedAcceptance::new()))
        });
        let Err(HandshakeError::Failure(error)) = result else { panic!("{result:?}") };
        timed_out(&error, Timeout::Handshake);
        trickling.join().unwrap();
    });
}

#[test]
fn a_silent_client_and_a_silent_server_are_cut_off() {
    bounded(|| {
        let (near, far) = sockets();
        let config = handshake_timeout(ms(200));
        let result = takes(ms(200), || accept_with(far, config, |_| Ok(OwnedAcceptance::new())));
        let Err(HandshakeError::Failure(error)) = result else { panic!("{result:?}") };
        timed_out(&error, Timeout::Handshake);
        drop(near);

        let (near, _far) = sockets();
        let result = takes(ms(200), || client_with("ws://localhost/", near, config));
        let Err(HandshakeError::Failure(error)) = result else { panic!("{result:?}") };
        timed_out(&error, Timeout::Handshake);
    });
}

#[test]
fn a_rejection_that_the_client_does_not_read_is_given_up() {
    bounded(|| {
        let (mut near, far) = sockets();
        near.write_all(format!("{REQUEST}\r\n").as_bytes()).unwrap();
        let result = takes(ms(200), || {
            accept_with(far, handshake_timeout(ms(200)), |_| {
                Err(OwnedRejection::new(403).body(vec![b'a'; 32 * MIB]))
            })
        });
        assert!(matches!(result, Err(HandshakeError::Failure(Error::Responded(403)))));
    });
}

#[test]
fn a_response_that_the_client_does_not_read_is_given_up() {
    bounded(|| {
        let (mut near, far) = sockets();
        near.write_all(format!("{REQUEST}\r\n").as_bytes()).unwrap();
        SockRef::from(&far).set_send_buffer_size(16 << 10).unwrap();
        SockRef::from(&near).set_recv_buffer_size(16 << 10).unwrap();
        let result = takes(ms(200), || {
            accept_with(far, handshake_timeout(ms(200)), |_| {
                Ok(OwnedAcceptance::new().header("X-Large", "a".repeat(MIB)))
            })
        });
        let Err(HandshakeError::Failure(error)) = result else { panic!("{result:?}") };
        timed_out(&error, Timeout::Handshake);
    });
}

#[test]
fn a_response_that_is_written_in_one_piece_opens_the_websocket_however_long_the_decision_took() {
    bounded(|| {
        let (mut near, far) = sockets();
        near.write_all(format!("{REQUEST}\r\n").as_bytes()).unwrap();
        let mut server = accept_with(far, handshake_timeout(ms(100)), |_| {
            thread::sleep(ms(200));
            Ok(OwnedAcceptance::new())
        })
        .unwrap();
        near.write_all(&Frame::text("open").masked().encode()).unwrap();
        assert_eq!(server.read().unwrap(), Message::text("open"));
    });
}

#[test]
fn a_refused_client_that_never_ends_the_connection_is_given_up() {
    bounded(|| {
        let (mut near, far) = sockets();
        near.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let config = handshake_timeout(ms(200));
        let result = takes(ms(200), || accept_with(far, config, |_| Ok(OwnedAcceptance::new())));
        assert!(matches!(result, Err(HandshakeError::Failure(Error::Handshake(_)))));
    });
}

/// Our socket with a close timeout of 200 ms, and its peer.
fn closing(role: Role) -> (WebSocket<TcpStream>, TcpStream) {
    let config = timeouts(|timeouts| timeouts.close_timeout = ms(200));
    if role == Role::Client { our_client(config) } else { our_server(config) }
}

#[test]
fn a_peer_that_never_answers_our_close_is_given_up() {
    bounded(|| {
        for role in [Role::Client, Role::Server] {
            let (mut ours, _peer) = closing(role);
            ours.close(None).unwrap();
            let (messages, error) = takes(ms(200), || drain(&mut ours));
            assert_eq!(messages, []);
            timed_out(&error, Timeout::Close);
            is_over(&mut ours);
        }
    });
}

#[test]
fn a_peer_that_sends_on_and_on_after_our_close_is_given_up() {
    bounded(|| {
        let (mut ours, mut peer) = closing(Role::Client);
        ours.close(None).unwrap();
        let flooding = thread::spawn(move || {
            let flood = Frame::text("more").encode().repeat(1000);
            while peer.write_all(&flood).is_ok() {}
        });
        let error = takes(ms(200), || {
            loop {
                match ours.read() {
                    Ok(message) => assert_eq!(message, Message::text("more")),
                    Err(error) => return error,
                }
            }
        });
        timed_out(&error, Timeout::Close);
        drop(ours);
        flooding.join().unwrap();
    });
}

#[test]
fn a_failed_connection_is_not_kept_open_by_a_peer_that_sends_on() {
    bounded(|| {
        let (mut ours, mut peer) = closing(Role::Client);
        let flooding = thread::spawn(move || {
            let flood = Frame::text(b"\xff").encode().repeat(1000);
            while peer.write_all(&flood).is_ok() {}
        });
        let error = takes(ms(200), || ours.read().unwrap_err());
        assert!(matches!(error, Error::Protocol(fullduplex::Error::Message(_))), "{error:?}");
        drop(ours);
        flooding.join().unwrap();
    });
}

#[test]
fn a_client_waits_for_the_server_to_end_the_transport_but_not_for_ever() {
    bounded(|| {
        let (mut ours, mut peer) = closing(Role::Client);
        ours.close(None).unwrap();
        peer.write_all(&Frame::close(1000, "").encode()).unwrap();
        let (messages, error) = takes(ms(200), || drain(&mut ours));
        assert_eq!(messages.len(), 1);
        assert!(matches!(error, Error::ConnectionClosed), "{error:?}");
        is_over(&mut ours);
    });
}

#[test]
fn a_server_ends_the_transport_at_once() {
    bounded(|| {
        let (mut ours, mut peer) = our_server(EndpointConfig::new());
        peer.write_all(&Frame::close(1000, "").masked().encode()).unwrap();
        let (messages, error) = takes(ms(0), || drain(&mut ours));
        assert_eq!(messages.len(), 1);
        assert!(matches!(error, Error::ConnectionClosed), "{error:?}");
        closes_with(&read_frames(&mut peer), CloseCode::Normal);
    });
}

#[test]
fn our_close_is_given_up_when_the_peer_does_not_read() {
    bounded(|| {
        for role in [Role::Client, Role::Server] {
            let (mut ours, _peer) = closing(role);
            ours.feed(vec![0; 32 * MIB].into()).unwrap();
            let error = takes(ms(200), || ours.close(None).unwrap_err());
            timed_out(&error, Timeout::Close);
            is_over(&mut ours);
        }
    });
}

#[test]
fn the_answer_to_a_close_is_given_up_when_the_peer_does_not_read() {
    bounded(|| {
        // In the second case, the answer has to wait behind more than the write buffer holds, so it is not even queued.
        for (size, is_queued) in [(MIB / 2, true), (32 * MIB, false)] {
            let (mut ours, mut peer) = closing(Role::Server);
            peer.write_all(&Frame::text("a").masked().encode()).unwrap();
            peer.write_all(&Frame::close(1000, "").masked().encode()).unwrap();
            thread::sleep(ms(50));
            assert_eq!(ours.read().unwrap(), Message::text("a"));
            // This fills the transport.
            ours.get_ref().set_nonblocking(true).unwrap();
            while ours.get_mut().write(&[0; 4096]).is_ok() {}
            ours.get_ref().set_nonblocking(false).unwrap();
            ours.feed(vec![0; size].into()).unwrap();
            assert!(takes(ms(200), || ours.read().unwrap()).is_close());
            // A failure that is still to be returned is not lost with the WebSocket's parts.
            let (sender, receiver) = ours.into_split().unwrap();
            let mut ours = receiver.reunite(sender).unwrap();
            let error = takes(ms(0), || ours.read().unwrap_err());
            if is_queued {
                assert!(matches!(error, Error::ConnectionClosed), "{error:?}");
            } else {
                timed_out(&error, Timeout::Close);
            }
            is_over(&mut ours);
        }
    });
}

#[test]
fn keepalive_finds_a_peer_that_has_gone_silent() {
    bounded(|| {
        let config = timeouts(|timeouts| {
            *timeouts = timeouts.keepalive(ms(100), ms(100));
            timeouts.close_timeout = ms(100);
        });
        for role in [Role::Client, Role::Server] {
            let (mut ours, mut peer) =
                if role == Role::Client { our_client(config) } else { our_server(config) };
            let error = takes(ms(300), || ours.read().unwrap_err());
            timed_out(&error, Timeout::Pong);
            is_over(&mut ours);
            drop(ours);
            let frames = read_frames(&mut peer);
            assert_eq!((frames.len(), frames[0].opcode), (2, 9), "{frames:?}");
            closes_with(&frames, CloseCode::Error);
        }
    });
}

#[test]
fn keepalive_finds_a_peer_that_does_not_read_what_we_buffered() {
    bounded(|| {
        let config = timeouts(|timeouts| {
            *timeouts = timeouts.keepalive(ms(100), ms(100));
            timeouts.close_timeout = ms(100);
        });
        let (mut ours, _peer) = our_server(config);
        ours.feed(vec![0; 32 * MIB].into()).unwrap();
        let error = takes(ms(300), || ours.read().unwrap_err());
        timed_out(&error, Timeout::Pong);
        is_over(&mut ours);
    });
}

#[test]
fn keepalive_finds_a_peer_that_does_not_read_while_we_send() {
    bounded(|| {
        let config = timeouts(|timeouts| {
            *timeouts = timeouts.keepalive(ms(100), ms(100));
            timeouts.close_timeout = ms(100);
        });
        for role in [Role::Client, Role::Server] {
            let (mut ours, mut peer) =
                if role == Role::Client { our_client(config) } else { our_server(config) };
            let pong = Frame::pong("");
            let pong = if role == Role::Client { pong } else { pong.masked() };
            peer.write_all(&pong.encode()).unwrap();
            assert!(ours.read().unwrap().is_pong());
            let error = takes(ms(300), || ours.send(vec![0; 32 * MIB].into()).unwrap_err());
            timed_out(&error, Timeout::Pong);
            is_over(&mut ours);
        }
    });
}

/// `ETIMEDOUT`: here the peer's window stays closed for too long.
#[cfg(target_os = "linux")]
#[test]
fn a_connection_that_the_system_gives_up_has_failed() {
    bounded(|| {
        for role in [Role::Client, Role::Server] {
            let (mut ours, _peer) = match role {
                Role::Client => our_client(EndpointConfig::new()),
                Role::Server => our_server(EndpointConfig::new()),
            };
            SockRef::from(ours.get_ref()).set_tcp_user_timeout(Some(ms(300))).unwrap();
            let error = ours.send(vec![0; 32 * MIB].into()).unwrap_err();
            assert!(
                matches!(&error, Error::Io(io) if io.kind() == io::ErrorKind::TimedOut),
                "{error:?}"
            );
            assert!(!error.would_block());
            let error = ours.read().unwrap_err();
            assert!(matches!(error, Error::Protocol(fullduplex::Error::Ended(_))), "{error:?}");
        }
    });
}

#[test]
fn neither_keepalive_nor_an_idle_timeout_ends_a_peer_that_reads_slowly() {
    bounded(|| {
        let config = timeouts(|timeouts| {
            *timeouts = timeouts.keepalive(ms(100), ms(300));
            timeouts.idle_timeout = Some(ms(500));
        });
        let (mut ours, mut peer) = our_server(config);
        socket2::SockRef::from(ours.get_ref()).set_send_buffer_size(16 << 10).unwrap();
        socket2::SockRef::from(&peer).set_recv_buffer_size(16 << 10).unwrap();
        let reading = thread::spawn(move || {
            let (mut piece, mut total) = ([0; 64 << 10], 0);
            while total < MIB {
                total += peer.read(&mut piece).unwrap();
                thread::sleep(ms(50));
            }
            peer
        });
        let begun = Instant::now();
        ours.send(vec![0; MIB].into()).unwrap();
        assert!(begun.elapsed() > ms(500), "it was not slow: {:?}", begun.elapsed());
        drop(reading.join().unwrap());
    });
}

/// Our server after it has received a Pong. It has 80 messages of 128 KiB to write, in vectored writes of at most 8, and
/// they take a [`SlowReader`] at least 600 ms.
fn writes_many(
    mut config: EndpointConfig,
    most: usize,
    waits: bool,
) -> (WebSocket<SlowReader>, usize) {
    config.max_write_buffer_size = 16 * MIB;
    let stream = SlowReader::new(Frame::pong("").masked().encode(), most, waits);
    let mut ours = WebSocket::from_raw_socket(stream, Role::Server, config);
    assert!(ours.read().unwrap().is_pong());
    let payload = Bytes::from(vec![0; MIB / 8]);
    for _ in 0..80 {
        ours.feed(Message::binary(payload.clone())).unwrap();
    }
    (ours, 80 * payload.len())
}

#[test]
fn a_peer_that_takes_vectored_writes_in_part_is_not_idle() {
    bounded(|| {
        let config = timeouts(|timeouts| timeouts.idle_timeout = Some(ms(400)));
        // Each write is taken in part: more than its first piece, and less than all.
        let (mut ours, _) = writes_many(config, MIB - 1, true);
        let begun = Instant::now();
        ours.flush().unwrap();
        assert!(begun.elapsed() > ms(400), "it was not slow: {:?}", begun.elapsed());
        let error = ours.read().unwrap_err();
        assert!(error.would_block(), "{error:?}");
        // The peer has still sent nothing.
        thread::sleep(ms(400));
        timed_out(&ours.read().unwrap_err(), Timeout::Idle);
    });
}

#[test]
fn keepalive_leaves_a_peer_alone_that_reads_slowly_over_a_nonblocking_stream() {
    bounded(|| {
        let config = timeouts(|timeouts| *timeouts = timeouts.keepalive(ms(50), ms(300)));
        // The peer takes each write in part, or takes it whole and blocks the next one.
        for most in [MIB - 1, usize::MAX] {
            let (mut ours, len) = writes_many(config, most, false);
            let begun = Instant::now();
            let error = loop {
                match ours.read() {
                    Err(error) if error.would_block() => thread::sleep(ms(5)),
                    other => break other.unwrap_err(),
                }
            };
            timed_out(&error, Timeout::Pong);
            // The peer was not given up before everything was written, and had the whole timeout to answer after that.
            assert!(ours.get_ref().taken > len, "{} of {len}", ours.get_ref().taken);
            assert!(begun.elapsed() > ms(9 * 60 + 300), "{:?}", begun.elapsed());
        }
    });
}

#[test]
fn keepalive_leaves_a_living_peer_alone() {
    bounded(|| {
        let keepalive = timeouts(|timeouts| *timeouts = timeouts.keepalive(ms(50), ms(200)));
        let (mut ours, peer) = our_server(keepalive);
        let mut peer = WebSocket::from_raw_socket(peer, Role::Client, EndpointConfig::new());
        let peer = thread::spawn(move || {
            let pings = (0..5).filter(|_| peer.read().unwrap().is_ping()).count();
            peer.send("alive".into()).unwrap();
            pings
        });
        loop {
            match ours.read().unwrap() {
                Message::Pong(_) => {}
                message => break assert_eq!(message, Message::text("alive")),
            }
        }
        assert_eq!(peer.join().unwrap(), 5);
    });
}

#[test]
fn an_idle_connection_is_ended() {
    bounded(|| {
        let config = timeouts(|timeouts| {
            timeouts.idle_timeout = Some(ms(200));
            timeouts.close_timeout = ms(100);
        });
        let (mut ours, mut peer) = our_client(config);
        peer.write_all(&Frame::text("busy").encode()).unwrap();
        assert_eq!(ours.read().unwrap(), Message::text("busy"));
        let error = takes(ms(300), || ours.read().unwrap_err());
        timed_out(&error, Timeout::Idle);
        is_over(&mut ours);
        drop(ours);
        closes_with(&read_frames(&mut peer), CloseCode::Away);
    });
}

#[test]
fn what_came_while_the_application_was_busy_counts_as_a_sign_of_life() {
    bounded(|| {
        let config = timeouts(|timeouts| timeouts.idle_timeout = Some(ms(100)));
        let (mut ours, mut peer) = our_client(config);
        peer.write_all(&Frame::text("1").encode()).unwrap();
        assert_eq!(ours.read().unwrap(), Message::text("1"));
        peer.write_all(&Frame::text("2").encode()).unwrap();
        thread::sleep(ms(200));
        assert_eq!(ours.read().unwrap(), Message::text("2"));
    });
}

/// A stream of a kind that the adapter does not know. Its peer sends a byte of a message from time to time.
struct Drip(usize);

impl Read for Drip {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        thread::sleep(ms(150));
        self.0 += 1;
        buf[0] = if self.0 == 1 { 0x82 } else { 0x80 };
        Ok(1)
    }
}

impl Write for Drip {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn over_an_unknown_stream_too_the_wait_for_a_close_begins_with_our_close() {
    bounded(|| {
        let config = timeouts(|timeouts| timeouts.close_timeout = ms(200));
        let mut ours = WebSocket::from_raw_socket(Drip(0), Role::Server, config);
        ours.close(None).unwrap();
        timed_out(&ours.read().unwrap_err(), Timeout::Close);
        let reads = ours.get_ref().0;
        assert!(reads <= 2, "the second comes after 300 ms: {reads}");
    });
}
