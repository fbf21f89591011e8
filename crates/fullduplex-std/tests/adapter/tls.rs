//! TLS over TCP, in both roles, and what can go wrong with it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use fullduplex_std::fullduplex::{self, Ended, Timeout};
use fullduplex_std::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use fullduplex_std::rustls::{
    self, ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    StreamOwned,
};
use fullduplex_std::tls::{self, DeadlineStream, ServerTlsStream};
use fullduplex_std::{
    CloseCode, CloseFrame, ConnectOptions, EndpointConfig, Error, HandshakeError, MaybeTlsStream,
    Message, OwnedAcceptance, Role, TlsError, WebSocket, accept_tls, accept_tls_with, accept_with,
    client_with, connect, connect_with,
};
use fullduplex_testkit::Frame;

use crate::raw::{REQUEST, closes_with, read_frames, read_head, serve};
use crate::support::{
    bounded, drain, finish, handshake_timeout, is_over, listener, ms, sockets, takes, timeouts,
};

/// A server's configuration for `localhost`, and a client's configuration that trusts it.
pub(crate) fn configs() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    (tls::server_config(vec![certificate], key).unwrap(), tls::client_config(roots).unwrap())
}

pub(crate) fn options(tls: Arc<ClientConfig>) -> ConnectOptions {
    ConnectOptions::new().tls(tls)
}

fn accept_one(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    config: EndpointConfig,
) -> JoinHandle<Result<WebSocket<ServerTlsStream>, Error>> {
    thread::spawn(move || {
        let socket = listener.accept().unwrap().0;
        Ok(accept_tls_with(socket, tls, config, |_| Ok(OwnedAcceptance::new()))?)
    })
}

/// Our client and our server, connected over TLS.
fn pair(config: EndpointConfig) -> (WebSocket<MaybeTlsStream>, WebSocket<ServerTlsStream>) {
    let (server_tls, client_tls) = configs();
    let (listener, address) = listener();
    let accepting = accept_one(listener, server_tls, config);
    let options = options(client_tls).config(config);
    let (client, _) = connect_with(url(address), &options).unwrap();
    (client, accepting.join().unwrap().unwrap())
}

pub(crate) fn url(address: SocketAddr) -> String {
    format!("wss://localhost:{}/", address.port())
}

#[test]
fn a_websocket_over_tls_that_is_dropped_says_that_it_goes_away() {
    bounded(|| {
        let (client, mut server) = pair(EndpointConfig::new());
        drop(client);
        let away = Message::Close(Some(CloseFrame::new(CloseCode::Away)));
        let (messages, error) = drain(&mut server);
        assert_eq!(messages, std::slice::from_ref(&away));
        assert!(matches!(error, Error::ConnectionClosed), "{error:?}");

        let (mut client, server) = pair(EndpointConfig::new());
        drop(server);
        let (messages, error) = drain(&mut client);
        assert_eq!(messages, [away]);
        assert!(matches!(error, Error::ConnectionClosed), "{error:?}");
    });
}

#[test]
fn a_websocket_over_tls_does_not_come_apart() {
    bounded(|| {
        let (client, mut server) = pair(EndpointConfig::new());
        let error = client.into_split().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
        let (messages, _) = drain(&mut server);
        assert_eq!(messages, [Message::Close(Some(CloseFrame::new(CloseCode::Away)))]);
    });
}

#[test]
fn an_echo_over_tls_and_a_clean_close_from_either_side() {
    bounded(|| {
        for closer in [Role::Client, Role::Server] {
            let (mut client, mut server) = pair(EndpointConfig::new());
            let close = CloseFrame { code: CloseCode::Private(4000), reason: "bye".into() };
            let serving = thread::spawn({
                let close = close.clone();
                move || {
                    loop {
                        match server.read() {
                            Ok(Message::Text(text)) if text == "close" => {
                                server.close(Some(close.clone())).unwrap();
                            }
                            Ok(message) if message.is_text() || message.is_binary() => {
                                server.feed(message).unwrap();
                            }
                            Ok(_) => {}
                            Err(error) => {
                                assert!(server.receiver().is_clean());
                                is_over(&mut server);
                                return error;
                            }
                        }
                    }
                }
            });
            let sizes = [0, 1, 125, 126, 16_384, 65_535, 65_536, 1 << 20];
            let messages = sizes.map(|size| Message::binary(vec![size as u8; size]));
            for message in messages.into_iter().chain([Message::text("κόσμε")]) {
                client.send(message.clone()).unwrap();
                assert_eq!(client.read().unwrap(), message);
            }
            client.send(Message::Ping(b"are you there?"[..].to_vec().into())).unwrap();
            assert_eq!(
                client.read().unwrap(),
                Message::Pong(b"are you there?"[..].to_vec().into())
            );
            match closer {
                Role::Client => client.close(Some(close)).unwrap(),
                Role::Server => client.send("close".into()).unwrap(),
            }
            let (messages, error) = drain(&mut client);
            let [Message::Close(Some(frame))] = &messages[..] else { panic!("{messages:?}") };
            assert_eq!(frame.code, CloseCode::Private(4000));
            assert!(matches!(error, Error::ConnectionClosed), "{error:?}");
            assert!(client.receiver().is_clean());
            is_over(&mut client);
            let error = serving.join().unwrap();
            assert!(matches!(error, Error::ConnectionClosed), "{error:?}");
        }
    });
}

#[test]
fn alpn_names_http_1_1() {
    bounded(|| {
        let (client, server) = pair(EndpointConfig::new());
        let MaybeTlsStream::Rustls(stream) = client.get_ref() else { panic!("not TLS") };
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        assert_eq!(server.get_ref().conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    });
}

/// A configuration that an application shares with its client of HTTP.
#[test]
fn h2_is_not_offered_although_the_configuration_has_it() {
    bounded(|| {
        let (mut server_tls, mut client_tls) = configs();
        let alpn = [&b"h2"[..], b"http/1.1"].map(<[u8]>::to_vec);
        // Such a server prefers HTTP/2.
        Arc::make_mut(&mut server_tls).alpn_protocols = alpn.to_vec();
        Arc::make_mut(&mut client_tls).alpn_protocols = alpn.to_vec();
        let (listener, address) = listener();
        let accepting = accept_one(listener, server_tls, EndpointConfig::new());
        let (_client, _) = connect_with(url(address), &options(Arc::clone(&client_tls))).unwrap();
        let server = accepting.join().unwrap().unwrap();
        assert_eq!(server.get_ref().conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        // The caller's configuration is left as it is.
        assert_eq!(client_tls.alpn_protocols, alpn);
    });
}

/// RFC 6455 §4.1: "Clients MUST use the Server Name Indication extension in the TLS handshake".
#[test]
fn a_client_names_the_server_in_the_tls_handshake() {
    bounded(|| {
        let (_client, server) = pair(EndpointConfig::new());
        assert_eq!(server.get_ref().conn.server_name(), Some("localhost"));
    });
}

#[test]
fn a_server_whose_certificate_is_not_trusted_is_an_error_on_both_sides() {
    bounded(|| {
        let (server_tls, _) = configs();
        let (_, other_tls) = configs();
        let (listener, address) = listener();
        let accepting = accept_one(listener, server_tls, EndpointConfig::new());
        let error = takes(ms(0), || connect_with(url(address), &options(other_tls)).unwrap_err());
        let Error::Io(error) = error else { panic!("{error:?}") };
        assert!(error.to_string().contains("certificate"), "{error}");
        let error = accepting.join().unwrap().unwrap_err();
        assert!(matches!(error, Error::Io(_) | Error::Protocol(_)), "{error:?}");
    });
}

#[test]
fn a_certificate_for_another_name_is_an_error() {
    bounded(|| {
        let (server_tls, client_tls) = configs();
        let (listener, address) = listener();
        let accepting = accept_one(listener, server_tls, EndpointConfig::new());
        let url = format!("wss://127.0.0.2:{}/", address.port());
        // 127.0.0.2 is this host only on Linux; elsewhere it cannot be reached.
        let error = connect_with(url, &options(client_tls)).map(drop).unwrap_err();
        assert!(matches!(error, Error::Io(_)), "{error:?}");
        if let Error::Io(error) = &error
            && error.kind() != std::io::ErrorKind::InvalidData
        {
            // This ends the server's `accept`.
            drop(TcpStream::connect(address));
        }
        assert!(accepting.join().unwrap().is_err());
    });
}

#[test]
fn without_roots_that_trust_the_server_wss_is_an_error() {
    bounded(|| {
        let (server_tls, _) = configs();
        let (listener, address) = listener();
        let accepting = accept_one(listener, server_tls, EndpointConfig::new());
        let error = connect(url(address)).unwrap_err();
        // Another package of the same build may have turned a feature with roots on.
        assert!(matches!(error, Error::Tls(TlsError::NoRoots) | Error::Io(_)), "{error:?}");
        drop(TcpStream::connect(address));
        assert!(accepting.join().unwrap().is_err());
    });
}

#[test]
fn garbage_instead_of_tls_is_an_error_on_both_sides() {
    bounded(|| {
        let (server_tls, client_tls) = configs();
        // A request without TLS, and a close_notify where a ClientHello should be.
        for garbage in [REQUEST.as_bytes(), b"\x15\x03\x03\x00\x02\x01\x00"] {
            let (mut near, far) = sockets();
            near.write_all(garbage).unwrap();
            near.shutdown(Shutdown::Write).unwrap();
            let stream = tls::server_stream(far, Arc::clone(&server_tls)).unwrap();
            let error = takes(ms(0), || {
                accept_with(stream, EndpointConfig::new(), |_| Ok(OwnedAcceptance::new()))
                    .unwrap_err()
            });
            assert!(
                matches!(error, HandshakeError::Failure(Error::Io(_) | Error::Protocol(_))),
                "{error:?}"
            );
        }

        let (listener, address) = listener();
        let serving = thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
            finish(&socket);
        });
        let error = takes(ms(0), || connect_with(url(address), &options(client_tls)).unwrap_err());
        assert!(matches!(error, Error::Io(_)), "{error:?}");
        serving.join().unwrap();
    });
}

#[test]
fn an_end_inside_the_tls_handshake_is_an_error_on_both_sides() {
    bounded(|| {
        let (server_tls, client_tls) = configs();
        let (near, far) = sockets();
        drop(near);
        let stream = tls::server_stream(far, server_tls).unwrap();
        let error = takes(ms(0), || {
            accept_with(stream, EndpointConfig::new(), |_| Ok(OwnedAcceptance::new())).unwrap_err()
        });
        assert!(
            matches!(error, HandshakeError::Failure(Error::Io(_) | Error::Protocol(_))),
            "{error:?}"
        );

        let (listener, address) = listener();
        let serving = thread::spawn(move || finish(&listener.accept().unwrap().0));
        let error = takes(ms(0), || connect_with(url(address), &options(client_tls)).unwrap_err());
        assert!(matches!(error, Error::Io(_) | Error::Protocol(_)), "{error:?}");
        serving.join().unwrap();
    });
}

#[test]
fn a_peer_that_is_silent_in_the_tls_handshake_is_cut_off() {
    bounded(|| {
        let (server_tls, client_tls) = configs();
        let config = handshake_timeout(ms(200));
        for hello in [&b""[..], b"\x16\x03\x01\x02\x00"] {
            let (mut near, far) = sockets();
            near.write_all(hello).unwrap();
            let stream = tls::server_stream(far, Arc::clone(&server_tls)).unwrap();
            let result =
                takes(ms(200), || accept_with(stream, config, |_| Ok(OwnedAcceptance::new())));
            let Err(HandshakeError::Failure(error)) = result else { panic!("{result:?}") };
            assert!(error.is_timeout(), "{error:?}");
        }

        let (listener, address) = listener();
        let options = options(client_tls).config(config);
        let error = takes(ms(200), || connect_with(url(address), &options).unwrap_err());
        assert!(error.is_timeout(), "{error:?}");
        drop(listener);
    });
}

/// A TCP proxy that passes what `far` sends at once, and what `near` sends byte by byte.
fn byte_by_byte(near: TcpStream, far: TcpStream) {
    let (mut from, mut to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
    thread::spawn(move || {
        let mut byte = [0];
        while from.read(&mut byte).is_ok_and(|len| len == 1) && to.write_all(&byte).is_ok() {}
        let _ = to.shutdown(Shutdown::Write);
    });
    thread::spawn(move || {
        let (mut from, mut to) = (far, near);
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}

#[test]
fn tls_in_segments_of_one_byte_works() {
    bounded(|| {
        let (server_tls, client_tls) = configs();
        let ((near, middle), (proxied, far)) = (sockets(), sockets());
        byte_by_byte(middle, proxied);
        let serving = thread::spawn(move || {
            let stream = tls::server_stream(far, server_tls).unwrap();
            let mut socket =
                accept_with(stream, EndpointConfig::new(), |_| Ok(OwnedAcceptance::new())).unwrap();
            let message = socket.read().unwrap();
            socket.feed(message).unwrap();
            drain(&mut socket).1
        });
        let session = ClientConnection::new(client_tls, "localhost".try_into().unwrap()).unwrap();
        let stream = StreamOwned::new(session, near);
        let (mut client, _) =
            client_with("wss://localhost/", stream, EndpointConfig::new()).unwrap();
        client.send("κόσμε".into()).unwrap();
        assert_eq!(client.read().unwrap(), Message::text("κόσμε"));
        client.close(None).unwrap();
        assert!(matches!(drain(&mut client).1, Error::ConnectionClosed));
        assert!(matches!(serving.join().unwrap(), Error::ConnectionClosed));
    });
}

/// Our server, and its client over TLS, which the test plays.
pub(crate) fn our_server(
    config: EndpointConfig,
) -> (WebSocket<ServerTlsStream>, StreamOwned<ClientConnection, TcpStream>) {
    let (server_tls, client_tls) = configs();
    let (near, far) = sockets();
    let accepting = thread::spawn(move || {
        let stream = tls::server_stream(far, server_tls).unwrap();
        accept_with(stream, config, |_| Ok(OwnedAcceptance::new())).unwrap()
    });
    let session = ClientConnection::new(client_tls, "localhost".try_into().unwrap()).unwrap();
    let mut peer = StreamOwned::new(session, near);
    peer.write_all(format!("{REQUEST}\r\n").as_bytes()).unwrap();
    assert!(read_head(&mut peer).starts_with("HTTP/1.1 101 "));
    (accepting.join().unwrap(), peer)
}

/// Our client, and its server over TLS, which the test plays.
pub(crate) fn our_client(
    config: EndpointConfig,
) -> (WebSocket<MaybeTlsStream>, StreamOwned<ServerConnection, TcpStream>) {
    let (server_tls, client_tls) = configs();
    let (listener, address) = listener();
    let serving = thread::spawn(move || {
        let session = ServerConnection::new(server_tls).unwrap();
        let mut peer = StreamOwned::new(session, listener.accept().unwrap().0);
        serve(&mut peer, b"");
        peer
    });
    let options = options(client_tls).config(config);
    let (client, _) = connect_with(url(address), &options).unwrap();
    (client, serving.join().unwrap())
}

#[test]
fn tcp_that_ends_without_close_notify_before_our_close_is_a_cut() {
    bounded(|| {
        let config = timeouts(|timeouts| timeouts.close_timeout = ms(500));
        let (mut server, mut peer) = our_server(config);
        peer.write_all(&Frame::text("before").masked().encode()).unwrap();
        peer.sock.shutdown(Shutdown::Write).unwrap();
        let (messages, error) = drain(&mut server);
        assert_eq!(messages, [Message::text("before")]);
        let reset =
            |error| matches!(error, Error::Protocol(fullduplex::Error::Ended(Ended::Reset)));
        assert!(reset(error));
        is_over(&mut server);

        let (mut client, mut peer) = our_client(config);
        peer.write_all(&Frame::text("before").encode()).unwrap();
        peer.sock.shutdown(Shutdown::Write).unwrap();
        let (messages, error) = drain(&mut client);
        assert_eq!(messages, [Message::text("before")]);
        assert!(reset(error));
        is_over(&mut client);
    });
}

#[test]
fn tcp_that_ends_without_close_notify_after_both_closes_is_clean() {
    bounded(|| {
        let (mut client, mut peer) = our_client(EndpointConfig::new());
        peer.write_all(&Frame::close(1000, "").encode()).unwrap();
        assert!(client.read().unwrap().is_close());
        peer.sock.shutdown(Shutdown::Write).unwrap();
        assert!(matches!(takes(ms(0), || drain(&mut client)).1, Error::ConnectionClosed));
        is_over(&mut client);

        let (mut server, mut peer) = our_server(EndpointConfig::new());
        server.close(None).unwrap();
        peer.write_all(&Frame::close(1000, "").masked().encode()).unwrap();
        peer.sock.shutdown(Shutdown::Write).unwrap();
        assert!(matches!(takes(ms(0), || drain(&mut server)).1, Error::ConnectionClosed));
        is_over(&mut server);
    });
}

#[test]
fn close_notify_without_a_close_is_an_end_without_close() {
    bounded(|| {
        let (mut client, mut peer) = our_client(EndpointConfig::new());
        peer.conn.send_close_notify();
        peer.flush().unwrap();
        let error = drain(&mut client).1;
        assert!(
            matches!(error, Error::Protocol(fullduplex::Error::Ended(Ended::WithoutClose))),
            "{error:?}"
        );
    });
}

#[test]
fn our_ends_come_with_close_notify() {
    bounded(|| {
        // `read_to_end` fails at an end of TCP without close_notify.
        let (mut server, mut peer) = our_server(EndpointConfig::new());
        let serving = thread::spawn(move || drain(&mut server).1);
        peer.write_all(&Frame::close(1000, "").masked().encode()).unwrap();
        closes_with(&read_frames(&mut peer), CloseCode::Normal);
        assert!(matches!(serving.join().unwrap(), Error::ConnectionClosed));

        let (mut server, mut peer) = our_server(EndpointConfig::new());
        let serving = thread::spawn(move || drain(&mut server).1);
        peer.write_all(&Frame::text(b"\xff").masked().encode()).unwrap();
        closes_with(&read_frames(&mut peer), CloseCode::Invalid);
        drop(peer);
        assert!(matches!(serving.join().unwrap(), Error::Protocol(_)));
    });
}

#[test]
fn deadlines_hold_over_tls_when_the_peer_does_not_read() {
    bounded(|| {
        let config = timeouts(|timeouts| {
            *timeouts = timeouts.keepalive(ms(100), ms(100));
            timeouts.close_timeout = ms(100);
        });
        let too_late = |error: Error| {
            assert!(
                matches!(error, Error::Protocol(fullduplex::Error::Timeout(Timeout::Pong))),
                "{error:?}"
            );
        };
        let (mut server, mut peer) = our_server(config);
        peer.write_all(&Frame::pong("").masked().encode()).unwrap();
        assert!(server.read().unwrap().is_pong());
        too_late(takes(ms(300), || server.send(vec![0; 32 << 20].into()).unwrap_err()));
        is_over(&mut server);
        let (mut client, mut peer) = our_client(config);
        peer.write_all(&Frame::pong("").encode()).unwrap();
        assert!(client.read().unwrap().is_pong());
        too_late(takes(ms(300), || client.send(vec![0; 32 << 20].into()).unwrap_err()));
        is_over(&mut client);
        let (mut client, _peer) = our_client(config);
        too_late(takes(ms(300), || client.read().unwrap_err()));
        is_over(&mut client);
    });
}

#[test]
fn what_came_over_tls_while_the_application_was_busy_counts_as_a_sign_of_life() {
    bounded(|| {
        let config = timeouts(|timeouts| timeouts.idle_timeout = Some(ms(100)));
        let (mut server, mut peer) = our_server(config);
        for message in ["1", "2", &"3".repeat(60_000)] {
            peer.write_all(&Frame::text(message).masked().encode()).unwrap();
            std::thread::sleep(ms(200));
            assert_eq!(server.read().unwrap(), Message::text(message));
        }
    });
}

#[test]
fn tls_over_nonblocking_tcp_would_block() {
    bounded(|| {
        let (server_tls, _) = configs();
        let (_near, far) = sockets();
        far.set_nonblocking(true).unwrap();
        let stream = tls::server_stream(far, server_tls).unwrap();
        let result = accept_with(stream, EndpointConfig::new(), |_| Ok(OwnedAcceptance::new()));
        assert!(matches!(result, Err(HandshakeError::Interrupted(_))), "{result:?}");
    });
}

#[test]
fn a_key_that_does_not_fit_the_certificate_is_an_error() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::KeyPair::generate().unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(other.serialize_der()));
    let error = tls::server_config(vec![made.cert.der().clone()], key).unwrap_err();
    let TlsError::Rustls(error) = error else { panic!("{error:?}") };
    assert!(matches!(*error, rustls::Error::InconsistentKeys(_)), "{error:?}");
}

#[test]
fn a_server_over_tls_with_the_defaults_is_one_call() {
    bounded(|| {
        let (server_tls, client_tls) = configs();
        let (listener, address) = listener();
        let accepting =
            thread::spawn(move || accept_tls(listener.accept().unwrap().0, server_tls).unwrap());
        let (client, _) = connect_with(url(address), &options(client_tls)).unwrap();
        let server = accepting.join().unwrap();
        let beneath = server.get_ref().sock.get_ref();
        assert_eq!(client.get_ref().get_ref().local_addr().unwrap(), beneath.peer_addr().unwrap());
    });
}

#[test]
fn a_stream_with_a_deadline_ends_there_and_is_as_its_socket_without() {
    bounded(|| {
        let (mut near, far) = sockets();
        let mut stream = DeadlineStream::new(far);
        // The socket's own timeouts are left alone.
        stream.get_ref().set_read_timeout(Some(ms(100))).unwrap();
        let mut buf = [0; 10];
        let error = takes(ms(100), || stream.read(&mut buf).unwrap_err());
        assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error:?}");
        stream.get_ref().set_read_timeout(None).unwrap();

        near.write_all(b"ab").unwrap();
        stream.set_deadline(Some(Instant::now() + ms(100)));
        assert_eq!(stream.read(&mut buf[..1]).unwrap(), 1);
        stream.read_exact(&mut buf[..1]).unwrap();
        let error = takes(ms(100), || stream.read(&mut buf).unwrap_err());
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        // After the deadline, not even bytes that have come are read.
        near.write_all(b"c").unwrap();
        for _ in 0..2 {
            let error = takes(ms(0), || stream.read(&mut buf).unwrap_err());
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert_eq!(stream.write(b"d").unwrap_err().kind(), ErrorKind::TimedOut);
        }
        stream.set_deadline(Some(Instant::now() + ms(200)));
        let error = takes(ms(200), || {
            let block = vec![0; 1 << 20];
            loop {
                if let Err(error) = stream.write(&block) {
                    return error;
                }
            }
        });
        assert_eq!(error.kind(), ErrorKind::TimedOut);

        stream.set_deadline(None);
        assert_eq!(stream.read(&mut buf).unwrap(), 1);
        let socket = stream.into_inner();
        assert_eq!(socket.read_timeout().unwrap(), None);
        assert_eq!(socket.write_timeout().unwrap(), None);
    });
}

#[test]
fn a_stream_that_is_given_back_has_no_deadline() {
    bounded(|| {
        let config = timeouts(|timeouts| timeouts.idle_timeout = Some(ms(100)));
        let (mut server, mut peer) = our_server(config);
        peer.write_all(&Frame::text("before").masked().encode()).unwrap();
        assert_eq!(server.read().unwrap(), Message::text("before"));
        let mut stream = server.into_inner();
        assert_eq!(stream.sock.deadline(), None);
        let writing = thread::spawn(move || {
            thread::sleep(ms(200));
            peer.write_all(b"after").unwrap();
            peer
        });
        let mut after = [0; 5];
        stream.read_exact(&mut after).unwrap();
        assert_eq!(&after, b"after");
        writing.join().unwrap();

        let (mut server, mut peer) = crate::raw::our_server(config);
        peer.write_all(&Frame::text("before").masked().encode()).unwrap();
        assert_eq!(server.read().unwrap(), Message::text("before"));
        assert_eq!(server.into_inner().read_timeout().unwrap(), None);
    });
}
