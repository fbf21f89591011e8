//! `connect`: from a URL to an open WebSocket. (A connect timeout that expires in TCP needs an address that
//! answers nothing at all, which loopback does not have.)

use std::io::{self, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use fullduplex_std::fullduplex::UriError;
use fullduplex_std::{
    ConnectOptions, Error, Message, OwnedClientRequest, accept, accept_with, connect, connect_with,
};

use crate::raw::{header, serve};
use crate::support::{bounded, drain, finish, listener};

/// Accepts one client by hand, and returns the request that it has sent.
fn request_of(listener: TcpListener) -> JoinHandle<String> {
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let request = serve(&mut socket, b"");
        finish(&socket);
        request
    })
}

/// Accepts one client and echoes one message.
fn echo(listener: TcpListener) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut socket = accept(listener.accept().unwrap().0).unwrap();
        let message = socket.read().unwrap();
        socket.send(message).unwrap();
        drain(&mut socket);
    })
}

fn says_hello(url: &str) {
    let (mut socket, response) = connect(url).unwrap();
    assert_eq!(response.as_response().status(), 101);
    socket.send("hello".into()).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("hello"));
    socket.close(None).unwrap();
    assert!(matches!(drain(&mut socket).1, Error::ConnectionClosed));
}

#[test]
fn a_name_is_looked_up() {
    bounded(|| {
        let (listener, address) = listener();
        let echo = echo(listener);
        says_hello(&format!("ws://localhost:{}", address.port()));
        echo.join().unwrap();
    });
}

#[test]
fn an_ipv4_address_is_dialled() {
    bounded(|| {
        let (listener, address) = listener();
        let echo = echo(listener);
        says_hello(&format!("ws://{address}/"));
        echo.join().unwrap();
    });
}

#[test]
fn an_ipv6_address_is_dialled_where_there_is_one() {
    bounded(|| {
        let any = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
        // A host without IPv6 has no such address.
        let Ok(listener) = TcpListener::bind(any) else { return };
        let address = listener.local_addr().unwrap();
        let echo = echo(listener);
        says_hello(&format!("ws://[::1]:{}/", address.port()));
        echo.join().unwrap();

        let listener = TcpListener::bind(any).unwrap();
        let port = listener.local_addr().unwrap().port();
        let request = request_of(listener);
        drop(connect(format!("ws://[::1]:{port}/")).unwrap());
        assert_eq!(header(&request.join().unwrap(), "host"), Some(&*format!("[::1]:{port}")));
    });
}

#[test]
fn a_port_that_nobody_listens_on_is_an_error() {
    bounded(|| {
        let (listener, address) = listener();
        drop(listener);
        let error = connect(format!("ws://{address}/")).unwrap_err();
        let Error::Io(error) = error else { panic!("{error:?}") };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_connect_timeout_that_has_expired_is_a_timeout() {
    bounded(|| {
        let (_listener, address) = listener();
        let options = ConnectOptions::new().connect_timeout(Some(Duration::ZERO));
        let error = connect_with(format!("ws://{address}/"), &options).unwrap_err();
        assert!(error.is_timeout() && !error.would_block(), "{error:?}");
    });
}

#[test]
fn what_is_no_websocket_url_is_an_error() {
    for (url, expected) in [
        ("ftp://localhost/", UriError::Scheme),
        ("ws://localhost/#fragment", UriError::Fragment),
        ("ws://", UriError::MissingHost),
        ("", UriError::MissingScheme),
        ("localhost:80", UriError::MissingScheme),
        ("ws://localhost:0/", UriError::Port),
    ] {
        match connect(url) {
            Err(Error::Url(error)) => assert_eq!(error, expected, "{url}"),
            other => panic!("{url}: {other:?}"),
        }
    }
}

#[test]
fn url_and_request_arrive_at_the_server() {
    bounded(|| {
        let (listener, address) = listener();
        let request = request_of(listener);
        let wanted = OwnedClientRequest::new(format!("ws://user:pass@{address}/a/b?c=d&e=%20"))
            .unwrap()
            .header("X-One", "1")
            .header("X-Two", "two words")
            .origin("https://example.com")
            .subprotocol("chat")
            .subprotocol("superchat");
        let (socket, _) = connect(wanted).unwrap();
        drop(socket);
        let head = request.join().unwrap();
        assert!(head.starts_with("GET /a/b?c=d&e=%20 HTTP/1.1\r\n"), "{head}");
        let address = address.to_string();
        for (name, value) in [
            ("Host", &*address),
            ("Authorization", "Basic dXNlcjpwYXNz"),
            ("X-One", "1"),
            ("X-Two", "two words"),
            ("Origin", "https://example.com"),
            ("Sec-WebSocket-Protocol", "chat, superchat"),
            ("Sec-WebSocket-Version", "13"),
        ] {
            assert_eq!(header(&head, name), Some(value), "{head}");
        }
        assert_eq!(header(&head, "Sec-WebSocket-Extensions"), None);
    });
}

#[test]
fn a_server_sees_the_same_request() {
    bounded(|| {
        let (listener, address) = listener();
        let serving = thread::spawn(move || {
            let mut seen = None;
            accept_with(listener.accept().unwrap().0, Default::default(), |request| {
                seen = Some((
                    request.path().to_owned(),
                    request.query().map(str::to_owned),
                    request.origin().map(str::to_owned),
                    request.headers().get_str("authorization").map(str::to_owned),
                ));
                Ok(Default::default())
            })
            .map(drop)
            .map_err(Error::from)
            .unwrap();
            seen
        });
        let url = format!("ws://user@{address}/path?query");
        let request = OwnedClientRequest::new(url).unwrap().origin("http://a.example");
        drop(connect(request).unwrap());
        let (path, query, origin, authorization) = serving.join().unwrap().unwrap();
        assert_eq!((&*path, query.as_deref()), ("/path", Some("query")));
        assert_eq!(origin.as_deref(), Some("http://a.example"));
        assert_eq!(authorization.as_deref(), Some("Basic dXNlcjo="));
    });
}

#[test]
fn dialling_sets_nodelay() {
    bounded(|| {
        let (listener, address) = listener();
        let request = request_of(listener);
        let options = ConnectOptions::new().connect_timeout(None);
        let (socket, _) = connect_with(format!("ws://{address}"), &options).unwrap();
        assert!(socket.get_ref().get_ref().nodelay().unwrap());
        drop(socket);
        assert!(request.join().unwrap().starts_with("GET / HTTP/1.1\r\n"));
    });
}

#[test]
fn a_server_that_hangs_up_is_an_error() {
    bounded(|| {
        let (listener, address) = listener();
        let serving = thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            socket.write_all(b"HTTP/1.1 ").unwrap();
            finish(&socket);
        });
        let error = connect(format!("ws://{address}/")).unwrap_err();
        assert!(matches!(error, Error::Protocol(_)), "{error:?}");
        serving.join().unwrap();
    });
}
