//! Peers that send or read a little at a time. Within a deadline this works; otherwise the connection ends at the deadline,
//! which counts from the start of the phase and not from the last byte. With TLS and without, in both roles.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::DerefMut;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use fullduplex_std::fullduplex::{self, Timeout};
use fullduplex_std::rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, ServerConfig, ServerConnection, SideData,
    StreamOwned,
};
use fullduplex_std::tls;
use fullduplex_std::{
    EndpointConfig, Error, HandshakeError, MaybeTlsStream, Message, MessageKind, OwnedAcceptance,
    OwnedRejection, Role, WebSocket, accept_tls_with, accept_with, client_with, connect_with,
};
use fullduplex_testkit::Frame;

use crate::raw::{self, REQUEST, read_head};
use crate::support::{bounded, drain, handshake_timeout, is_over, listener, ms, sockets, timeouts};
use crate::tls::{configs, options, our_client, our_server, url};

/// The deadline in each test.
const DEADLINE: Duration = ms(300);

/// The pause between two bytes: many of them fit into the deadline.
const PAUSE: Duration = ms(15);

/// How late an end may be on a busy machine.
const SLACK: Duration = ms(1000);

/// Runs `action`, which must end at [`DEADLINE`].
fn ends_in_time<T>(action: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = action();
    let took = begun.elapsed();
    assert!(took + ms(20) >= DEADLINE && took < DEADLINE + SLACK, "{took:?}, not {DEADLINE:?}");
    result
}

fn timed_out(error: &Error, which: Timeout) {
    assert!(
        matches!(error, Error::Protocol(fullduplex::Error::Timeout(timeout)) if *timeout == which),
        "{error:?}"
    );
}

/// Runs one test for each case, all at once.
fn for_each<T: Send>(cases: impl IntoIterator<Item = T>, test: impl Fn(T) + Sync) {
    let test = &test;
    thread::scope(|scope| {
        for case in cases {
            scope.spawn(move || test(case));
        }
    });
}

/// Writes byte by byte, until all are written or a write fails.
fn drip(mut socket: TcpStream, bytes: impl IntoIterator<Item = u8> + Send + 'static) {
    thread::spawn(move || {
        for byte in bytes {
            if socket.write_all(&[byte]).is_err() {
                return;
            }
            thread::sleep(PAUSE);
        }
        // Sends neither more nor an end, and waits until the other side ends the connection.
        let _ = socket.read_to_end(&mut Vec::new());
    });
}

/// The peer of a connection, which the test plays.
trait Peer: Read + Write + Send + 'static {
    fn socket(&self) -> TcpStream;

    /// These bytes as they are on the wire. With TLS, they are a record of their own.
    fn seal(&mut self, bytes: &[u8]) -> Vec<u8>;

    /// Seals each piece, and drips the result.
    fn drip(&mut self, pieces: impl IntoIterator<Item = Vec<u8>>) {
        let sealed: Vec<u8> = pieces.into_iter().flat_map(|piece| self.seal(&piece)).collect();
        drip(self.socket(), sealed);
    }
}

impl Peer for TcpStream {
    fn socket(&self) -> TcpStream {
        self.try_clone().unwrap()
    }

    fn seal(&mut self, bytes: &[u8]) -> Vec<u8> {
        bytes.to_vec()
    }
}

impl<C, S> Peer for StreamOwned<C, TcpStream>
where
    C: DerefMut<Target = ConnectionCommon<S>> + Send + 'static,
    S: SideData,
{
    fn socket(&self) -> TcpStream {
        self.sock.try_clone().unwrap()
    }

    fn seal(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.conn.writer().write_all(bytes).unwrap();
        let mut sealed = Vec::new();
        while self.conn.wants_write() {
            self.conn.write_tls(&mut sealed).unwrap();
        }
        sealed
    }
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

/// Runs a test in both roles, over TCP and over TLS, with our open connection and its peer.
macro_rules! over_each_stream {
    ($config:expr, |$role:ident, $ours:ident, $peer:ident| $test:expr) => {{
        let config = $config;
        for_each(0..4, |case| match case {
            0 => {
                let ($role, ($ours, $peer)) = (Role::Client, raw::our_client(config));
                $test
            }
            1 => {
                let ($role, ($ours, $peer)) = (Role::Server, raw::our_server(config));
                $test
            }
            2 => {
                let ($role, ($ours, $peer)) = (Role::Client, our_client(config));
                $test
            }
            _ => {
                let ($role, ($ours, $peer)) = (Role::Server, our_server(config));
                $test
            }
        });
    }};
}

fn other(role: Role) -> Role {
    if role == Role::Client { Role::Server } else { Role::Client }
}

fn close_timeout() -> EndpointConfig {
    timeouts(|timeouts| timeouts.close_timeout = DEADLINE)
}

#[test]
fn the_close_deadline_holds_while_the_peer_drips() {
    bounded(|| {
        for what in [Endless::Messages, Endless::Frame, Endless::Fragments] {
            over_each_stream!(close_timeout(), |role, ours, peer| {
                let (mut ours, mut peer) = (ours, peer);
                peer.drip(what.from(other(role)));
                let error = ends_in_time(|| {
                    ours.close(None).unwrap();
                    drain(&mut ours).1
                });
                timed_out(&error, Timeout::Close);
                is_over(&mut ours);
            });
        }
    });
}

#[test]
fn a_failed_connection_ends_in_time_while_the_peer_drips() {
    bounded(|| {
        over_each_stream!(close_timeout(), |role, ours, peer| {
            let (mut ours, mut peer) = (ours, peer);
            let wrong = Frame::text(b"\xff");
            let wrong = if role == Role::Server { wrong.masked() } else { wrong };
            peer.write_all(&wrong.encode()).unwrap();
            peer.drip(Endless::Frame.from(other(role)));
            let error = ends_in_time(|| ours.read().unwrap_err());
            assert!(matches!(error, Error::Protocol(fullduplex::Error::Message(_))), "{error:?}");
            is_over(&mut ours);
        });
    });
}

/// Reads all the time, but so slowly that it takes longer than the deadline.
fn read_steadily(peer: &mut impl Read) {
    let mut buf = vec![0; 64 << 10];
    while peer.read(&mut buf).is_ok_and(|len| len > 0) {
        thread::sleep(ms(1));
    }
}

#[test]
fn a_rejection_that_is_read_a_little_at_a_time_ends_in_time() {
    bounded(|| {
        let (mut near, far) = sockets();
        near.write_all(format!("{REQUEST}\r\n").as_bytes()).unwrap();
        let reading = thread::spawn(move || read_steadily(&mut near));
        let body = vec![b'x'; 32 << 20];
        let error = ends_in_time(|| {
            accept_with(far, handshake_timeout(DEADLINE), |_| {
                Err(OwnedRejection::new(403).body(body))
            })
            .unwrap_err()
        });
        assert!(matches!(error, HandshakeError::Failure(Error::Responded(403))), "{error:?}");
        reading.join().unwrap();
    });
}

#[test]
fn the_close_deadline_holds_while_the_peer_reads_a_little_at_a_time() {
    bounded(|| {
        over_each_stream!(close_timeout(), |_role, ours, peer| {
            let (mut ours, mut peer) = (ours, peer);
            let reading = thread::spawn(move || read_steadily(&mut peer));
            ours.feed(vec![0; 32 << 20].into()).unwrap();
            let error = ends_in_time(|| ours.close(None).unwrap_err());
            timed_out(&error, Timeout::Close);
            is_over(&mut ours);
            drop(ours);
            reading.join().unwrap();
        });
    });
}

#[test]
fn a_peer_that_drips_is_alive() {
    bounded(|| {
        let silence = [
            timeouts(|timeouts| timeouts.idle_timeout = Some(DEADLINE)),
            timeouts(|timeouts| *timeouts = timeouts.keepalive(DEADLINE / 3, DEADLINE / 3)),
        ];
        for_each(silence, |config| {
            let (mut ours, mut peer) = raw::our_client(config);
            let text = "x".repeat(60);
            peer.drip([Frame::text(text.clone()).encode()]);
            assert_eq!(ours.read().unwrap(), Message::text(text));
        });
    });
}

#[test]
fn what_is_not_yet_a_record_of_tls_is_no_sign_of_life() {
    bounded(|| {
        let (mut ours, mut peer) = our_server(timeouts(|timeouts| {
            timeouts.idle_timeout = Some(DEADLINE);
            timeouts.close_timeout = ms(1);
        }));
        peer.drip(Endless::Frame.from(Role::Client));
        timed_out(&ends_in_time(|| ours.read().unwrap_err()), Timeout::Idle);
        is_over(&mut ours);
    });
}

/// A TLS session after its handshake with ours.
fn shaken<C, S>(mut stream: StreamOwned<C, TcpStream>) -> StreamOwned<C, TcpStream>
where
    C: DerefMut<Target = ConnectionCommon<S>>,
    S: SideData,
{
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).unwrap();
    }
    stream
}

fn client_session(
    tls: Arc<ClientConfig>,
    socket: TcpStream,
) -> StreamOwned<ClientConnection, TcpStream> {
    StreamOwned::new(ClientConnection::new(tls, "localhost".try_into().unwrap()).unwrap(), socket)
}

fn server_session(
    tls: Arc<ServerConfig>,
    socket: TcpStream,
) -> StreamOwned<ServerConnection, TcpStream> {
    StreamOwned::new(ServerConnection::new(tls).unwrap(), socket)
}

/// Accepts this client with our server over TLS.
fn accept_by_tls(
    config: EndpointConfig,
    client: impl FnOnce(TcpStream, Arc<ClientConfig>) + Send + 'static,
) -> Result<WebSocket<tls::ServerTlsStream>, Error> {
    let (server_tls, client_tls) = configs();
    let (near, far) = sockets();
    thread::spawn(move || client(near, client_tls));
    accept_tls_with(far, server_tls, config, |_| Ok(OwnedAcceptance::new())).map_err(Error::from)
}

/// Connects our client to this server over TLS.
fn connect_by_tls(
    config: EndpointConfig,
    server: impl FnOnce(TcpStream, Arc<ServerConfig>) + Send + 'static,
) -> Result<WebSocket<MaybeTlsStream>, Error> {
    let (server_tls, client_tls) = configs();
    let (listener, address) = listener();
    thread::spawn(move || server(listener.accept().unwrap().0, server_tls));
    let options = options(client_tls).config(config);
    Ok(connect_with(url(address), &options)?.0)
}

fn handshake_times_out<S>(action: impl FnOnce() -> Result<S, Error>) {
    match ends_in_time(action) {
        Ok(_) => panic!("it has opened"),
        Err(error) => timed_out(&error, Timeout::Handshake),
    }
}

/// Waits until the other side ends the connection.
fn hold(mut socket: impl Read) {
    let _ = socket.read_to_end(&mut Vec::new());
}

#[test]
fn a_request_that_drips_is_cut_off_in_time() {
    bounded(|| {
        let config = handshake_timeout(DEADLINE);
        let request = || REQUEST.as_bytes().repeat(10);
        for_each(0..3, |case| {
            handshake_times_out(|| match case {
                0 => {
                    let (near, far) = sockets();
                    drip(near, request());
                    accept_with(far, config, |_| Ok(OwnedAcceptance::new()))
                        .map(drop)
                        .map_err(Error::from)
                }
                // The ClientHello of TLS drips.
                1 => accept_by_tls(config, |socket, tls| {
                    let mut hello = Vec::new();
                    let mut session = client_session(tls, socket);
                    session.conn.write_tls(&mut hello).unwrap();
                    drip(session.sock, hello);
                })
                .map(drop),
                // The record with the request is never whole.
                _ => accept_by_tls(config, move |socket, tls| {
                    let mut session = shaken(client_session(tls, socket));
                    session.drip([request()]);
                    hold(session);
                })
                .map(drop),
            });
        });
    });
}

#[test]
fn a_response_that_drips_is_cut_off_in_time() {
    bounded(|| {
        let config = handshake_timeout(DEADLINE);
        let response = || b"HTTP/1.1 101 Switching Protocols\r\n".repeat(10);
        for_each(0..3, |case| {
            handshake_times_out(|| match case {
                0 => {
                    let (near, far) = sockets();
                    drip(far, response());
                    client_with("ws://localhost/", near, config).map(drop).map_err(Error::from)
                }
                1 => connect_by_tls(config, |socket, tls| {
                    let mut session = server_session(tls, socket);
                    while !session.conn.wants_write() {
                        session.conn.read_tls(&mut session.sock).unwrap();
                        session.conn.process_new_packets().unwrap();
                    }
                    let mut hello = Vec::new();
                    while session.conn.wants_write() {
                        session.conn.write_tls(&mut hello).unwrap();
                    }
                    drip(session.sock, hello);
                })
                .map(drop),
                _ => connect_by_tls(config, move |socket, tls| {
                    let mut session = shaken(server_session(tls, socket));
                    session.drip([response()]);
                    hold(session);
                })
                .map(drop),
            });
        });
    });
}

#[test]
fn tls_and_the_opening_handshake_share_one_deadline() {
    bounded(|| {
        let config = handshake_timeout(DEADLINE);
        for_each([Role::Client, Role::Server], |role| {
            handshake_times_out(|| match role {
                Role::Server => accept_by_tls(config, |socket, tls| {
                    thread::sleep(DEADLINE / 3 * 2);
                    hold(shaken(client_session(tls, socket)));
                })
                .map(drop),
                Role::Client => connect_by_tls(config, |socket, tls| {
                    thread::sleep(DEADLINE / 3 * 2);
                    hold(shaken(server_session(tls, socket)));
                })
                .map(drop),
            });
        });
    });
}

#[test]
fn a_refused_client_that_drips_on_is_given_up_in_time() {
    bounded(|| {
        let config = handshake_timeout(DEADLINE);
        for_each([false, true], |by_tls| {
            let (server_tls, client_tls) = configs();
            let (near, far) = sockets();
            thread::spawn(move || {
                let request = format!("{REQUEST}\r\n");
                if by_tls {
                    let mut session = shaken(client_session(client_tls, near));
                    session.write_all(request.as_bytes()).unwrap();
                    session.drip([vec![0; 8000]]);
                    hold(session);
                } else {
                    (&near).write_all(request.as_bytes()).unwrap();
                    drip(near, vec![0; 8000]);
                }
            });
            let reject = |_: &fullduplex_std::Request<'_>| Err(OwnedRejection::new(403));
            let error: Error = ends_in_time(|| {
                if by_tls {
                    accept_tls_with(far, server_tls, config, reject).unwrap_err().into()
                } else {
                    accept_with(far, config, reject).unwrap_err().into()
                }
            });
            assert!(matches!(error, Error::Responded(403)), "{error:?}");
        });
    });
}

#[test]
fn the_body_of_a_refusal_that_drips_holds_no_client() {
    bounded(|| {
        let refuse = |socket: &mut dyn Write| {
            let head = "HTTP/1.1 403 Forbidden\r\nContent-Length: 8000\r\n\r\n";
            socket.write_all(head.as_bytes()).unwrap();
        };
        for_each([false, true], |by_tls| {
            let begun = Instant::now();
            let config = handshake_timeout(DEADLINE);
            let refused = if by_tls {
                connect_by_tls(config, move |socket, tls| {
                    let mut session = shaken(server_session(tls, socket));
                    read_head(&mut session);
                    refuse(&mut session);
                    session.drip([vec![b'x'; 8000]]);
                    hold(session);
                })
                .map(drop)
            } else {
                let (near, mut far) = sockets();
                refuse(&mut far);
                drip(far, vec![b'x'; 8000]);
                client_with("ws://localhost/", near, config).map(drop).map_err(Error::from)
            };
            assert!(begun.elapsed() < DEADLINE + SLACK);
            let Err(Error::Http(refused)) = refused else { panic!("{refused:?}") };
            assert_eq!(refused.response.as_response().status(), 403);
            assert!(refused.body.len() < 8000);
        });
    });
}

/// Passes bytes on one by one, both ways, until both have ended.
fn slowly(one: TcpStream, other: TcpStream) {
    for (mut from, mut to) in [(one.try_clone().unwrap(), other.try_clone().unwrap()), (other, one)]
    {
        thread::spawn(move || {
            let mut byte = [0];
            while from.read(&mut byte).is_ok_and(|len| len == 1) && to.write_all(&byte).is_ok() {
                thread::sleep(Duration::from_micros(100));
            }
            let _ = to.shutdown(Shutdown::Write);
        });
    }
}

#[test]
fn what_drips_below_the_deadlines_arrives() {
    bounded(|| {
        let config = timeouts(|timeouts| timeouts.close_timeout = ms(5000));
        for_each([false, true], |by_tls| {
            let (server_tls, client_tls) = configs();
            let ((near, middle), (proxied, far)) = (sockets(), sockets());
            slowly(middle, proxied);
            let serving = thread::spawn(move || {
                if by_tls {
                    let accept = |_: &fullduplex_std::Request<'_>| Ok(OwnedAcceptance::new());
                    echo(accept_tls_with(far, server_tls, config, accept).unwrap())
                } else {
                    echo(accept_with(far, config, |_| Ok(OwnedAcceptance::new())).unwrap())
                }
            });
            if by_tls {
                let session = ClientConnection::new(client_tls, "localhost".try_into().unwrap());
                let stream = tls::ClientTlsStream::new(session.unwrap(), near.into());
                talk(client_with("wss://localhost/", stream, config).unwrap().0);
            } else {
                talk(client_with("ws://localhost/", near, config).unwrap().0);
            }
            assert!(matches!(serving.join().unwrap(), Error::ConnectionClosed));
        });
    });
}

fn echo<S: Read + Write + 'static>(mut socket: WebSocket<S>) -> Error {
    loop {
        match socket.read() {
            Ok(message) if message.is_text() => socket.feed(message).unwrap(),
            Ok(_) => {}
            Err(error) => return error,
        }
    }
}

/// Sends a message in fragments, a Ping and a Close, and checks what comes back.
fn talk<S: Read + Write + 'static>(mut socket: WebSocket<S>) {
    for (piece, last) in [("one, ", false), ("two, ", false), ("three", true)] {
        socket.feed_fragment(MessageKind::Text, piece.as_bytes(), last).unwrap();
    }
    socket.send(Message::Ping("alive?".into())).unwrap();
    let mut received = vec![socket.read().unwrap(), socket.read().unwrap()];
    received.sort_by_key(Message::is_pong);
    assert_eq!(received, [Message::text("one, two, three"), Message::Pong("alive?".into())]);
    socket.close(None).unwrap();
    let (messages, error) = drain(&mut socket);
    assert!(matches!(error, Error::ConnectionClosed), "{error:?}");
    assert!(messages.len() == 1 && socket.receiver().is_clean());
}
