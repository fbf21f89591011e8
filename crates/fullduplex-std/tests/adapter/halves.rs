//! A WebSocket in two halves: what one thread receives and another one sends.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use fullduplex_std::fullduplex::{self, Ended, FrameError, SendError, Sender, Timeout};
use fullduplex_std::{
    Chunk, CloseCode, CloseFrame, ConnectOptions, EndpointConfig, Error, IntoHalves, Message,
    MessageKind, Role, WebSocket, WebSocketReceiver, WebSocketSender, accept, connect,
    connect_with,
};
use fullduplex_testkit::{Frame, frames};
use socket2::SockRef;

use crate::raw::{closes_with, our_client, our_server, read_frames, serve};
use crate::support::{bounded, drain, is_over, listener, ms, pair, sockets, takes, timeouts};

const MIB: usize = 1 << 20;

type Halves<S = TcpStream> = (WebSocketSender<S>, WebSocketReceiver<S>);

/// Our halves, and the socket of a peer that the test plays.
fn halves(role: Role, config: EndpointConfig) -> (Halves, TcpStream) {
    let (ours, peer) = open(role, config);
    (ours.into_split().unwrap(), peer)
}

fn open(role: Role, config: EndpointConfig) -> (WebSocket<TcpStream>, TcpStream) {
    if role == Role::Client { our_client(config) } else { our_server(config) }
}

/// As [`halves`], over sockets with small buffers.
fn narrow(role: Role, config: EndpointConfig) -> (Halves, TcpStream) {
    let (ours, peer) = open(role, config);
    SockRef::from(ours.get_ref()).set_send_buffer_size(16 << 10).unwrap();
    SockRef::from(&peer).set_recv_buffer_size(16 << 10).unwrap();
    (ours.into_split().unwrap(), peer)
}

fn encode(role: Role, frame: Frame) -> Vec<u8> {
    if role == Role::Client { frame.encode() } else { frame.masked().encode() }
}

/// Reads until the end, on a thread that returns the error that told the end. Passes on each message at once.
fn receive<S: IntoHalves + Send>(
    mut receiver: WebSocketReceiver<S>,
) -> (JoinHandle<(Error, WebSocketReceiver<S>)>, mpsc::Receiver<Message>) {
    let (news, messages) = mpsc::channel();
    let receiving = thread::spawn(move || {
        loop {
            match receiver.read() {
                // The test may not look at the messages.
                Ok(message) => drop(news.send(message)),
                Err(error) => return (error, receiver),
            }
        }
    });
    (receiving, messages)
}

/// Checks that the receiver stays at its end.
fn is_told<S: IntoHalves>(receiver: &mut WebSocketReceiver<S>) {
    for _ in 0..2 {
        assert!(matches!(receiver.read(), Err(Error::AlreadyClosed)));
        assert!(matches!(receiver.read_chunk(), Err(Error::AlreadyClosed)));
    }
    assert!(!receiver.can_read());
}

/// Checks that nothing can be sent any more, and that a Close does nothing.
fn is_shut<S: IntoHalves>(sender: &mut WebSocketSender<S>) {
    assert!(matches!(sender.send("late".into()), Err(Error::AlreadyClosed)));
    assert!(matches!(sender.flush(), Err(Error::AlreadyClosed)));
    sender.close(None).unwrap();
    assert!(!sender.can_send());
}

fn timed_out(error: &Error, what: Timeout) {
    let Error::Protocol(fullduplex::Error::Timeout(timeout)) = error else {
        panic!("{error:?}, {what:?} expected")
    };
    assert_eq!(*timeout, what);
}

/// Reads from a socket until a frame is complete.
fn next_frame(socket: &mut TcpStream) -> Frame {
    let mut bytes = Vec::new();
    loop {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        bytes.extend(byte);
        // A client's frame has a key behind its length.
        if bytes.len() < 2 {
            continue;
        }
        let masked = if bytes[1] & 0x80 == 0 { 0 } else { 4 };
        let len = usize::from(bytes[1] & 0x7F);
        assert!(len < 126, "too long for this");
        if bytes.len() == 2 + masked + len {
            return frames(&bytes).remove(0);
        }
    }
}

#[test]
fn both_peers_send_more_than_the_sockets_hold_at_the_same_time() {
    bounded(|| {
        let (client, server) = pair(EndpointConfig::new(), EndpointConfig::new());
        let peers = [client, server].map(|socket| {
            SockRef::from(socket.get_ref()).set_send_buffer_size(16 << 10).unwrap();
            let (mut sender, receiver) = socket.into_split().unwrap();
            let (receiving, messages) = receive(receiver);
            let sending = thread::spawn(move || {
                for number in 0..4_u8 {
                    sender.send(vec![number; 4 * MIB].into()).unwrap();
                }
                sender
            });
            (sending, receiving, messages)
        });
        let [(client, receiving, messages), (server, serving, received)] = peers;
        let mut client = client.join().unwrap();
        let server = server.join().unwrap();
        for messages in [&messages, &received] {
            for number in 0..4_u8 {
                assert!(messages.recv().unwrap() == Message::binary(vec![number; 4 * MIB]));
            }
        }
        client.close(None).unwrap();
        for receiving in [receiving, serving] {
            let (error, receiver) = receiving.join().unwrap();
            assert!(matches!(error, Error::ConnectionClosed), "{error:?}");
            assert!(receiver.receiver().is_clean());
        }
        assert!(!client.can_send() && !server.can_send());
    });
}

#[test]
fn pings_are_answered_while_the_sender_does_nothing() {
    bounded(|| {
        for role in [Role::Client, Role::Server] {
            let ((_sender, receiver), mut peer) = halves(role, EndpointConfig::new());
            let (_receiving, _messages) = receive(receiver);
            for payload in ["1", "2", "3"] {
                peer.write_all(&encode(role, Frame::ping(payload))).unwrap();
                let begun = Instant::now();
                let pong = next_frame(&mut peer);
                assert_eq!((pong.opcode, &*pong.payload), (10, payload.as_bytes()));
                assert!(begun.elapsed() < ms(900), "{:?}", begun.elapsed());
            }
        }
    });
}

#[test]
fn of_many_pings_that_come_while_the_sender_is_blocked_the_last_is_answered() {
    bounded(|| {
        for role in [Role::Client, Role::Server] {
            let ((mut sender, receiver), mut peer) = narrow(role, EndpointConfig::new());
            let (receiving, messages) = receive(receiver);
            let sending = thread::spawn(move || {
                sender.send(vec![7; 4 * MIB].into()).unwrap();
                sender
            });
            thread::sleep(ms(300));
            for number in 0..1000 {
                peer.write_all(&encode(role, Frame::ping(number.to_string()))).unwrap();
            }
            // The receiver goes on nevertheless.
            for _ in 0..1000 {
                assert!(messages.recv().unwrap().is_ping());
            }
            let mut writing = peer.try_clone().unwrap();
            let reading = thread::spawn(move || read_frames(&mut peer));
            let mut sender = sending.join().unwrap();
            sender.close(None).unwrap();
            writing.write_all(&encode(role, Frame::close(1000, ""))).unwrap();
            writing.shutdown(Shutdown::Write).unwrap();
            let frames = reading.join().unwrap();
            let pongs: Vec<_> = frames.iter().filter(|frame| frame.opcode == 10).collect();
            assert_eq!(pongs.len(), 1, "{pongs:?}");
            assert_eq!(pongs[0].payload, b"999");
            assert_eq!(frames[0].payload.len(), 4 * MIB);
            assert!(matches!(receiving.join().unwrap().0, Error::ConnectionClosed));
        }
    });
}

#[test]
fn no_answer_is_lost_between_the_halves() {
    bounded(|| {
        let (client, server) = pair(EndpointConfig::new(), EndpointConfig::new());
        let (mut sender, receiver) = server.into_split().unwrap();
        let (_receiving, _messages) = receive(receiver);
        let (stop, stopped) = mpsc::channel::<()>();
        let sending = thread::spawn(move || {
            let mut sent = 0_u32;
            while stopped.try_recv() != Err(mpsc::TryRecvError::Disconnected) {
                // Some calls write, and others only buffer.
                match sent % 3 {
                    0 => sender.send("noise".into()).unwrap(),
                    _ => sender.feed("noise".into()).unwrap(),
                }
                sent += 1;
                if sent.is_multiple_of(64) {
                    thread::yield_now();
                }
            }
        });
        let mut client = client;
        let mut longest = Duration::ZERO;
        for round in 0..1500_u32 {
            let payload = round.to_be_bytes().to_vec();
            client.send(Message::Ping(payload.clone().into())).unwrap();
            let begun = Instant::now();
            loop {
                match client.read().unwrap() {
                    Message::Pong(echo) if echo == payload => break,
                    _ => {}
                }
            }
            longest = longest.max(begun.elapsed());
        }
        assert!(longest < ms(900), "an answer waited for the next one: {longest:?}");
        drop(stop);
        drop(client);
        let _ = sending.join();
    });
}

#[test]
fn what_the_receiver_has_to_say_while_the_sender_is_busy_is_said_by_the_sender() {
    bounded(|| {
        for role in [Role::Client, Role::Server] {
            let ((sender, mut receiver), mut peer) = halves(role, EndpointConfig::new());
            for payload in ["1", "2"] {
                peer.write_all(&encode(role, Frame::ping(payload))).unwrap();
            }
            // The receiver finds the sending side taken, and does not try again.
            sender.with_sender(|_| {
                assert!(receiver.read().unwrap().is_ping());
                assert!(receiver.read().unwrap().is_ping());
            });
            let pong = next_frame(&mut peer);
            assert_eq!((pong.opcode, &*pong.payload), (10, &b"2"[..]));
            peer.write_all(&encode(role, Frame::close(1001, ""))).unwrap();
            sender.with_sender(|_| assert!(receiver.read().unwrap().is_close()));
            closes_with(&[next_frame(&mut peer)], CloseCode::Away);
            peer.shutdown(Shutdown::Write).unwrap();
            assert!(matches!(receiver.read(), Err(Error::ConnectionClosed)));
        }
    });
}

#[test]
fn what_was_fed_is_written_before_the_receiver_waits() {
    bounded(|| {
        let ((mut sender, mut receiver), mut peer) = halves(Role::Server, EndpointConfig::new());
        sender.feed("fed".into()).unwrap();
        sender.feed_fragment(MessageKind::Text, b"in ", false).unwrap();
        sender.feed_fragment(MessageKind::Text, b"two", true).unwrap();
        let receiving = thread::spawn(move || receiver.read().unwrap());
        let payloads = [(); 3].map(|()| next_frame(&mut peer).payload);
        assert_eq!(payloads, [&b"fed"[..], b"in ", b"two"]);
        peer.write_all(&encode(Role::Server, Frame::text("now"))).unwrap();
        assert_eq!(receiving.join().unwrap(), Message::text("now"));
    });
}

#[test]
fn a_close_of_the_sender_is_completed_by_the_receiver() {
    bounded(|| {
        for closer in [Role::Client, Role::Server] {
            let (client, server) = pair(EndpointConfig::new(), EndpointConfig::new());
            let (ours, peer) =
                if closer == Role::Client { (client, server) } else { (server, client) };
            let mut peer = peer;
            let serving = thread::spawn(move || drain(&mut peer));
            let (mut sender, receiver) = ours.into_split().unwrap();
            let (receiving, messages) = receive(receiver);
            let reason = CloseFrame { code: CloseCode::Private(4000), reason: "bye".into() };
            sender.send("last".into()).unwrap();
            sender.close(Some(reason.clone())).unwrap();
            assert_eq!(sender.with_sender(Sender::sent_close), Some(Some(reason.code)));
            let (error, mut receiver) = receiving.join().unwrap();
            assert!(matches!(error, Error::ConnectionClosed), "{error:?}");
            // "the endpoint typically echos the status code it received" (RFC 6455 §5.5.1)
            let echo = Message::Close(Some(CloseFrame::new(reason.code)));
            assert_eq!(messages.iter().collect::<Vec<_>>(), [echo]);
            assert!(receiver.receiver().is_clean());
            is_told(&mut receiver);
            is_shut(&mut sender);
            let (messages, error) = serving.join().unwrap();
            assert_eq!(messages, [Message::text("last"), Message::Close(Some(reason))]);
            assert!(matches!(error, Error::ConnectionClosed), "{error:?}");
        }
    });
}

#[test]
fn the_peers_close_is_answered_before_it_is_told_and_ends_sending() {
    bounded(|| {
        for role in [Role::Client, Role::Server] {
            let ((mut sender, mut receiver), mut peer) = halves(role, EndpointConfig::new());
            sender.feed("before".into()).unwrap();
            peer.write_all(&encode(role, Frame::close(1001, ""))).unwrap();
            assert!(receiver.read().unwrap().is_close());
            assert_eq!(next_frame(&mut peer).payload, b"before");
            closes_with(&[next_frame(&mut peer)], CloseCode::Away);
            assert!(matches!(sender.send("late".into()), Err(Error::Send(SendError::Closed))));
            assert!(!sender.can_send() && !receiver.can_read());
            sender.close(None).unwrap();
            drop(peer);
            assert!(matches!(receiver.read(), Err(Error::ConnectionClosed)));
            is_told(&mut receiver);
            is_shut(&mut sender);
        }
    });
}

#[test]
fn the_peers_close_is_answered_behind_what_a_blocked_sender_still_writes() {
    bounded(|| {
        for role in [Role::Client, Role::Server] {
            let ((mut sender, receiver), mut peer) = narrow(role, EndpointConfig::new());
            let (receiving, messages) = receive(receiver);
            let sending = thread::spawn(move || {
                sender.send(vec![7; 4 * MIB].into()).unwrap();
                sender
            });
            thread::sleep(ms(200));
            peer.write_all(&encode(role, Frame::close(1001, ""))).unwrap();
            assert!(messages.recv().unwrap().is_close());
            peer.shutdown(Shutdown::Write).unwrap();
            let frames = read_frames(&mut peer);
            assert_eq!(frames[0].payload.len(), 4 * MIB);
            closes_with(&frames, CloseCode::Away);
            assert!(matches!(receiving.join().unwrap().0, Error::ConnectionClosed));
            is_shut(&mut sending.join().unwrap());
        }
    });
}

#[test]
fn the_close_timeout_runs_out_though_the_receiver_was_blocked_in_a_read() {
    bounded(|| {
        for timeout in [ms(1500), ms(100)] {
            let config = timeouts(|timeouts| timeouts.close_timeout = timeout);
            let ((mut sender, receiver), peer) = halves(Role::Server, config);
            let (receiving, _messages) = receive(receiver);
            thread::sleep(ms(300));
            let (error, mut receiver) = takes(timeout, || {
                sender.close(None).unwrap();
                receiving.join().unwrap()
            });
            timed_out(&error, Timeout::Close);
            is_told(&mut receiver);
            is_shut(&mut sender);
            drop(peer);
        }
    });
}

#[test]
fn a_close_that_cannot_be_written_starts_the_close_timeout_too() {
    bounded(|| {
        for role in [Role::Client, Role::Server] {
            let config = timeouts(|timeouts| timeouts.close_timeout = ms(1500));
            let ((mut sender, receiver), peer) = narrow(role, config);
            let (receiving, _messages) = receive(receiver);
            sender.feed(vec![7; MIB].into()).unwrap();
            let (error, mut receiver) = takes(ms(1500), || {
                sender.close(None).unwrap();
                receiving.join().unwrap()
            });
            timed_out(&error, Timeout::Close);
            is_told(&mut receiver);
            is_shut(&mut sender);
            drop(peer);
        }
    });
}

#[test]
fn a_failure_is_answered_although_the_sender_does_nothing() {
    bounded(|| {
        let ((mut sender, receiver), mut peer) = halves(Role::Server, EndpointConfig::new());
        let (receiving, _messages) = receive(receiver);
        thread::sleep(ms(100));
        peer.write_all(&Frame::text("without a mask").encode()).unwrap();
        let begun = Instant::now();
        let close = next_frame(&mut peer);
        assert!(begun.elapsed() < ms(900), "{:?}", begun.elapsed());
        closes_with(&[close], CloseCode::Protocol);
        peer.shutdown(Shutdown::Write).unwrap();
        let (error, mut receiver) = receiving.join().unwrap();
        let unmasked = fullduplex::Error::Frame(FrameError::Unmasked);
        assert!(matches!(error, Error::Protocol(error) if error == unmasked), "{error:?}");
        is_told(&mut receiver);
        is_shut(&mut sender);
    });
}

#[test]
fn a_failure_releases_a_blocked_sender() {
    bounded(|| {
        // The peer does not read, so it can only be cut off.
        let config = timeouts(|timeouts| timeouts.close_timeout = ms(500));
        let ((mut sender, receiver), mut peer) = narrow(Role::Server, config);
        let (receiving, _messages) = receive(receiver);
        let sending = thread::spawn(move || (sender.send(vec![7; 16 * MIB].into()), sender));
        thread::sleep(ms(200));
        peer.write_all(&Frame::text("without a mask").encode()).unwrap();
        let (result, mut sender) = sending.join().unwrap();
        assert!(matches!(result, Err(Error::AlreadyClosed)), "{result:?}");
        let (error, mut receiver) = receiving.join().unwrap();
        assert!(matches!(error, Error::Protocol(fullduplex::Error::Frame(_))), "{error:?}");
        is_told(&mut receiver);
        is_shut(&mut sender);
        drop(peer);
    });
}

#[test]
fn an_end_of_input_is_told() {
    bounded(|| {
        let ((mut sender, mut receiver), peer) = halves(Role::Client, EndpointConfig::new());
        drop(peer);
        let error = receiver.read().unwrap_err();
        let ended = fullduplex::Error::Ended(Ended::WithoutClose);
        assert!(matches!(error, Error::Protocol(error) if error == ended), "{error:?}");
        is_told(&mut receiver);
        is_shut(&mut sender);
    });
}

#[test]
fn the_receiver_keeps_the_peer_alive_and_finds_one_that_is_not() {
    bounded(|| {
        let config = timeouts(|timeouts| *timeouts = timeouts.keepalive(ms(200), ms(400)));
        let ((mut sender, receiver), mut peer) = halves(Role::Server, config);
        let (receiving, _messages) = receive(receiver);
        for _ in 0..3 {
            assert_eq!(next_frame(&mut peer).opcode, 9);
            peer.write_all(&encode(Role::Server, Frame::pong(""))).unwrap();
        }
        let reading = thread::spawn(move || read_frames(&mut peer));
        let (error, mut receiver) = receiving.join().unwrap();
        timed_out(&error, Timeout::Pong);
        is_told(&mut receiver);
        is_shut(&mut sender);
        closes_with(&reading.join().unwrap(), CloseCode::Error);
    });
}

/// The stream of `connect` may be TLS, which takes the pieces of a message one by one. None of these writes is blocked.
#[test]
fn large_messages_to_a_dead_peer_do_not_put_off_the_end() {
    bounded(|| {
        let (listener, address) = listener();
        let serving = thread::spawn(move || {
            let mut peer = listener.accept().unwrap().0;
            serve(&mut peer, b"");
            peer
        });
        let config = timeouts(|timeouts| {
            *timeouts = timeouts.keepalive(ms(100), ms(200));
            timeouts.close_timeout = ms(100);
        });
        let options = ConnectOptions::new().config(config);
        let (ours, _) = connect_with(format!("ws://{address}/").as_str(), &options).unwrap();
        let _peer = serving.join().unwrap();
        let (mut sender, receiver) = ours.into_split().unwrap();
        let (receiving, _messages) = receive(receiver);
        let error = takes(ms(400), || {
            while !receiving.is_finished() {
                // This fails once the receiver has failed.
                let _ = sender.send(vec![0; 10_000].into());
                thread::sleep(ms(20));
            }
            receiving.join().unwrap().0
        });
        timed_out(&error, Timeout::Pong);
    });
}

#[test]
fn keepalive_leaves_a_peer_alone_that_reads_slowly() {
    bounded(|| {
        let config = timeouts(|timeouts| *timeouts = timeouts.keepalive(ms(100), ms(500)));
        let ((mut sender, receiver), mut peer) = narrow(Role::Server, config);
        let (_receiving, _messages) = receive(receiver);
        let reading = thread::spawn(move || {
            let (mut piece, mut total) = ([0; 32 << 10], 0);
            while total < MIB {
                total += peer.read(&mut piece).unwrap();
                thread::sleep(ms(50));
            }
            peer
        });
        let begun = Instant::now();
        sender.send(vec![0; MIB].into()).unwrap();
        assert!(begun.elapsed() > ms(700), "it was not slow: {:?}", begun.elapsed());
        drop(reading.join().unwrap());
    });
}

#[test]
fn a_dropped_half_leaves_the_other_one_alone_and_the_second_drop_tells_the_peer() {
    bounded(|| {
        let ((mut sender, receiver), mut peer) = halves(Role::Server, EndpointConfig::new());
        drop(receiver);
        sender.send("alone".into()).unwrap();
        assert_eq!(sender.pending_bytes(), 0);
        assert_eq!(next_frame(&mut peer).payload, b"alone");
        sender.feed("pending".into()).unwrap();
        drop(sender);
        let frames = read_frames(&mut peer);
        assert_eq!(frames[0].payload, b"pending");
        closes_with(&frames, CloseCode::Away);

        let ((mut sender, mut receiver), mut peer) = halves(Role::Server, EndpointConfig::new());
        sender.feed("pending".into()).unwrap();
        drop(sender);
        peer.write_all(&encode(Role::Server, Frame::ping("?"))).unwrap();
        peer.write_all(&encode(Role::Server, Frame::text("alone"))).unwrap();
        assert!(receiver.read().unwrap().is_ping());
        assert_eq!(receiver.read().unwrap(), Message::text("alone"));
        drop(receiver);
        let frames = read_frames(&mut peer);
        assert_eq!(frames[0].payload, b"pending");
        assert_eq!((frames[1].opcode, &*frames[1].payload), (10, &b"?"[..]));
        closes_with(&frames, CloseCode::Away);
    });
}

#[test]
fn what_a_sender_left_when_it_was_dropped_is_written_by_the_receiver() {
    bounded(|| {
        let ((mut sender, receiver), mut peer) = narrow(Role::Server, EndpointConfig::new());
        sender.feed(vec![7; MIB].into()).unwrap();
        assert_eq!(sender.pending_bytes(), 10 + MIB);
        drop(sender);
        let (_receiving, _messages) = receive(receiver);
        let mut message = vec![0; 10 + MIB];
        peer.read_exact(&mut message).unwrap();
        assert_eq!(frames(&message)[0].payload.len(), MIB);
    });
}

#[test]
fn a_receiver_that_is_dropped_after_the_peers_close_leaves_the_answer_to_the_sender() {
    bounded(|| {
        let ((mut sender, mut receiver), mut peer) = narrow(Role::Server, EndpointConfig::new());
        let sending = thread::spawn(move || {
            sender.send(vec![7; 4 * MIB].into()).unwrap();
            sender
        });
        thread::sleep(ms(200));
        peer.write_all(&encode(Role::Server, Frame::close(1001, ""))).unwrap();
        assert!(receiver.read().unwrap().is_close());
        drop(receiver);
        let reading = thread::spawn(move || read_frames(&mut peer));
        drop(sending.join().unwrap());
        closes_with(&reading.join().unwrap(), CloseCode::Away);
    });
}

#[test]
fn reunited_halves_go_on_where_they_were() {
    bounded(|| {
        let ((mut sender, mut receiver), mut peer) = halves(Role::Server, EndpointConfig::new());
        let ((other, stranger), _peer) = halves(Role::Server, EndpointConfig::new());
        peer.write_all(
            &[Frame::text("1"), Frame::ping("p"), Frame::text("2")]
                .map(|frame| encode(Role::Server, frame))
                .concat(),
        )
        .unwrap();
        assert_eq!(receiver.read().unwrap(), Message::text("1"));
        assert!(receiver.read().unwrap().is_ping());
        sender.feed("fed".into()).unwrap();
        assert!(!receiver.is_pair_of(&other) && receiver.is_pair_of(&sender));
        let error = receiver.reunite(other).unwrap_err();
        let mut ours = error.receiver.reunite(sender).unwrap();
        drop((stranger, error.sender));
        assert_eq!(ours.read().unwrap(), Message::text("2"));
        ours.send("sent".into()).unwrap();
        let opcodes = [(); 3].map(|()| next_frame(&mut peer).opcode);
        assert_eq!(opcodes, [10, 1, 1]);
        // The timeouts of the halves are gone.
        assert_eq!(ours.get_ref().read_timeout().unwrap(), None);
        assert_eq!(ours.get_ref().write_timeout().unwrap(), None);
        // The halves can be split and reunited again.
        let (sender, receiver) = ours.into_split().unwrap();
        let mut ours = receiver.reunite(sender).unwrap();
        ours.close(None).unwrap();
        closes_with(&[next_frame(&mut peer)], CloseCode::Normal);
        peer.write_all(&encode(Role::Server, Frame::close(1000, ""))).unwrap();
        let (_, error) = drain(&mut ours);
        assert!(matches!(error, Error::ConnectionClosed), "{error:?}");
        is_over(&mut ours);
    });
}

#[test]
fn a_close_of_the_sender_is_known_when_the_halves_are_reunited() {
    bounded(|| {
        let config = timeouts(|timeouts| timeouts.close_timeout = ms(300));
        let ((mut sender, receiver), peer) = halves(Role::Server, config);
        sender.close(None).unwrap();
        let mut ours = receiver.reunite(sender).unwrap();
        assert!(matches!(ours.send("late".into()), Err(Error::Send(SendError::Closed))));
        let (_, error) = takes(ms(300), || drain(&mut ours));
        timed_out(&error, Timeout::Close);
        drop(peer);
    });
}

#[test]
fn a_message_in_pieces_is_received_by_the_half_too() {
    bounded(|| {
        let ((_sender, mut receiver), mut peer) = halves(Role::Server, EndpointConfig::new());
        let part = encode(Role::Server, Frame::text("in ").unfinished());
        let rest = encode(Role::Server, Frame::continuation("two"));
        peer.write_all(&[part, rest].concat()).unwrap();
        let mut text = Vec::new();
        loop {
            let Chunk::Text(chunk, part) = receiver.read_chunk().unwrap() else {
                panic!("no text")
            };
            text.extend_from_slice(&chunk);
            if part.is_last() {
                break;
            }
        }
        assert_eq!(text, b"in two");
    });
}

#[test]
fn over_a_nonblocking_stream_each_half_returns_where_it_would_block() {
    bounded(|| {
        let ((mut sender, mut receiver), mut peer) = narrow(Role::Server, EndpointConfig::new());
        receiver.get_ref().set_nonblocking(true).unwrap();
        let would_block = |error: Error| assert!(error.would_block(), "{error:?}");
        would_block(receiver.read().unwrap_err());
        // This fills the sockets and the write buffer.
        let error = loop {
            if let Err(error) = sender.feed(vec![7; 64 << 10].into()) {
                break error;
            }
        };
        assert!(matches!(error, Error::WriteBufferFull(_)), "{error:?}");
        would_block(sender.flush().unwrap_err());
        for number in 0..100 {
            peer.write_all(&encode(Role::Server, Frame::ping(number.to_string()))).unwrap();
        }
        let mut pings = 0;
        while pings < 100 {
            match receiver.read() {
                Ok(message) => pings += usize::from(message.is_ping()),
                Err(error) => {
                    would_block(error);
                    thread::sleep(ms(1));
                }
            }
        }
        // The peer reads, and closes.
        let reading = thread::spawn({
            let mut peer = peer.try_clone().unwrap();
            move || read_frames(&mut peer)
        });
        while let Err(error) = sender.flush() {
            would_block(error);
            thread::sleep(ms(1));
        }
        peer.write_all(&encode(Role::Server, Frame::close(1000, ""))).unwrap();
        let error = loop {
            match receiver.read() {
                Err(error) if error.would_block() => thread::sleep(ms(1)),
                Err(error) => break error,
                Ok(message) => assert!(message.is_close()),
            }
        };
        assert!(matches!(error, Error::ConnectionClosed), "{error:?}");
        drop((sender, receiver));
        let frames = reading.join().unwrap();
        assert_eq!(frames.iter().filter(|frame| frame.opcode == 10).count(), 1);
        closes_with(&frames, CloseCode::Normal);
    });
}

#[test]
fn a_websocket_that_connect_has_opened_without_tls_can_be_split() {
    bounded(|| {
        let (listener, address) = listener();
        let serving = thread::spawn(move || {
            let mut server = accept(listener.accept().unwrap().0).unwrap();
            let message = server.read().unwrap();
            server.send(message).unwrap();
            drain(&mut server).1
        });
        let (socket, _) = connect(format!("ws://{address}/").as_str()).unwrap();
        let (mut sender, mut receiver) = socket.into_split().unwrap();
        sender.send("there and back".into()).unwrap();
        assert_eq!(receiver.read().unwrap(), Message::text("there and back"));
        sender.close(None).unwrap();
        assert!(receiver.read().unwrap().is_close());
        assert!(matches!(receiver.read(), Err(Error::ConnectionClosed)));
        assert!(matches!(serving.join().unwrap(), Error::ConnectionClosed));
    });
}

#[cfg(unix)]
#[test]
fn halves_over_unix_sockets_do_the_same() {
    use std::os::unix::net::UnixStream;

    bounded(|| {
        let (near, far) = UnixStream::pair().unwrap();
        let client = WebSocket::from_raw_socket(near, Role::Client, EndpointConfig::new());
        let server = WebSocket::from_raw_socket(far, Role::Server, EndpointConfig::new());
        let (mut sender, receiver) = client.into_split().unwrap();
        let (mut serving, server) = server.into_split().unwrap();
        let (receiving, messages) = receive(receiver);
        let (server, received) = receive(server);
        let sending = thread::spawn(move || {
            serving.send(vec![1; 4 * MIB].into()).unwrap();
            serving
        });
        sender.send(vec![2; 4 * MIB].into()).unwrap();
        assert!(messages.recv().unwrap() == Message::binary(vec![1; 4 * MIB]));
        assert!(received.recv().unwrap() == Message::binary(vec![2; 4 * MIB]));
        sender.close(None).unwrap();
        for receiving in [receiving, server] {
            assert!(matches!(receiving.join().unwrap().0, Error::ConnectionClosed));
        }
        drop(sending.join().unwrap());
    });
}

#[test]
fn halves_are_send() {
    fn is_send<T: Send>() {}
    is_send::<Halves>();
}

/// A stream type that the adapter does not know.
struct Mine(TcpStream);

impl Read for Mine {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Mine {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl IntoHalves for Mine {
    fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.set_read_timeout(timeout)
    }

    fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.set_write_timeout(timeout)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }
}

#[test]
fn halves_of_a_stream_that_only_the_caller_knows_keep_their_deadlines() {
    bounded(|| {
        let (near, mut far) = sockets();
        let config = timeouts(|timeouts| timeouts.close_timeout = ms(300));
        let ours = WebSocket::from_raw_socket(Mine(near), Role::Server, config);
        let (mut sender, receiver) = ours.into_split().unwrap();
        let (receiving, _messages) = receive(receiver);
        far.write_all(&encode(Role::Server, Frame::ping("?"))).unwrap();
        assert_eq!(next_frame(&mut far).opcode, 10);
        let (error, _) = takes(ms(300), || {
            sender.close(None).unwrap();
            receiving.join().unwrap()
        });
        timed_out(&error, Timeout::Close);
    });
}
