//! The same conversation with three other libraries, in both roles: texts, sizes, fragments, pings, subprotocol, headers,
//! and a Close from either side.
//!
//! A server echoes, but does what a `command:...` says. Each side reports how the connection ended for it.

use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use fullduplex_std::{
    Bytes, CloseCode, CloseFrame, Error, Message, MessageKind, OwnedAcceptance, OwnedClientRequest,
    accept_with, connect,
};
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame as TheirCloseFrame, Frame as TheirFrame};

use crate::peers::{Library, Peer};
use crate::support::{bounded, is_over, listener};

const SIZES: [usize; 6] = [0, 125, 126, 65_535, 65_536, 1 << 20];

/// How a connection ended, as the peers' scripts tell it.
fn report(close: Option<CloseFrame>, clean: bool) -> String {
    let (code, reason) =
        close.map_or((1005, String::new()), |close| (close.code.to_u16(), close.reason.into()));
    format!("closed {code} {reason} {}", if clean { "clean" } else { "unclean" })
}

fn texts() -> [String; 3] {
    ["Hello".to_owned(), String::new(), "κόσμε — 日本語 🦀".repeat(100)]
}

fn data(size: usize) -> Vec<u8> {
    (0..size).map(|index| (index % 251) as u8).collect()
}

/// Our client talks to the server at `port`.
fn our_client_talks_to(port: u16, closer: &str) -> String {
    let request = OwnedClientRequest::new(format!("ws://127.0.0.1:{port}/"))
        .unwrap()
        .subprotocol("chat")
        .subprotocol("unknown")
        .header("X-Question", "who?");
    let (mut socket, response) = connect(request).unwrap();
    assert_eq!(response.as_response().subprotocol(), Some("chat"));
    assert_eq!(response.as_response().headers().get_str("x-answer"), Some("who?"));
    assert_eq!(response.as_response().headers().get("sec-websocket-extensions"), None);
    for text in texts() {
        socket.send(Message::text(&*text)).unwrap();
        assert_eq!(socket.read().unwrap(), Message::text(text));
    }
    for data in SIZES.map(data) {
        socket.send(data.clone().into()).unwrap();
        assert_eq!(socket.read().unwrap(), Message::binary(data));
    }
    // The cut is within a character.
    let (head, tail) = "κόσμε in fragments".as_bytes().split_at(3);
    socket.feed_fragment(MessageKind::Text, head, false).unwrap();
    socket.feed_fragment(MessageKind::Text, b"", false).unwrap();
    socket.feed_fragment(MessageKind::Text, tail, true).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("κόσμε in fragments"));
    socket.feed_fragment(MessageKind::Binary, &[0, 1], false).unwrap();
    socket.feed_fragment(MessageKind::Binary, &[2], true).unwrap();
    assert_eq!(socket.read().unwrap(), Message::binary(vec![0, 1, 2]));
    socket.send("command:fragments".into()).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("κόσμε!"));
    socket.send(Message::Ping(Bytes::from_static(b"are you there?"))).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Pong(Bytes::from_static(b"are you there?")));
    socket.send("command:ping and you?".into()).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Ping(Bytes::from_static(b"and you?")));
    assert_eq!(socket.read().unwrap(), Message::text("pong and you?"));
    if closer == "client" {
        let close = CloseFrame { code: CloseCode::Private(4001), reason: "done here".into() };
        socket.close(Some(close)).unwrap();
    } else {
        socket.send("command:close 4002 enough".into()).unwrap();
    }
    let Message::Close(close) = socket.read().unwrap() else { panic!("no Close") };
    assert!(matches!(socket.read(), Err(Error::ConnectionClosed)));
    is_over(&mut socket);
    report(close, socket.receiver().is_clean())
}

/// Our server serves one client.
fn our_server_serves_one(listener: TcpListener) -> String {
    let mut socket = accept_with(listener.accept().unwrap().0, Default::default(), |request| {
        let subprotocol = request.choose_subprotocol(&["superchat", "chat"]).unwrap();
        let question = request.headers().get_str("x-question").unwrap();
        Ok(OwnedAcceptance::new().subprotocol(subprotocol).header("X-Answer", question))
    })
    .unwrap();
    let mut closed = None;
    loop {
        let message = match socket.read() {
            Ok(message) => message,
            Err(Error::ConnectionClosed) => break,
            Err(error) => panic!("{error:?}"),
        };
        match &message {
            Message::Close(close) => closed = close.clone(),
            Message::Ping(_) => {}
            Message::Pong(payload) => {
                let text = format!("pong {}", str::from_utf8(payload).unwrap());
                socket.feed(text.into()).unwrap();
            }
            Message::Text(text) if *text == "command:fragments" => {
                let (head, tail) = "κόσμε!".as_bytes().split_at(3);
                socket.feed_fragment(MessageKind::Text, head, false).unwrap();
                socket.feed_fragment(MessageKind::Text, tail, true).unwrap();
            }
            Message::Text(text) if text.starts_with("command:ping ") => {
                let payload = Bytes::copy_from_slice(&text.as_bytes()["command:ping ".len()..]);
                socket.feed(Message::Ping(payload)).unwrap();
            }
            Message::Text(text) if *text == "command:close 4002 enough" => {
                let close = CloseFrame { code: CloseCode::Private(4002), reason: "enough".into() };
                socket.close(Some(close)).unwrap();
            }
            _ => socket.feed(message).unwrap(),
        }
    }
    is_over(&mut socket);
    report(closed, socket.receiver().is_clean())
}

/// The reports of the server and of the client if `closer` closes.
fn reports(closer: &str) -> [&'static str; 2] {
    // The answer to a Close has its code, without the reason.
    match closer {
        "client" => ["closed 4001 done here clean", "closed 4001  clean"],
        _ => ["closed 4002  clean", "closed 4002 enough clean"],
    }
}

/// The code, and whether the end was clean. The reason is left out, because some libraries echo it, too.
fn without_reason(report: &str) -> (&str, &str) {
    (&report[..11], report.rsplit(' ').next().unwrap())
}

fn our_client_with(library: Library, closer: &'static str, compression: &'static str) {
    bounded(move || {
        let (peer, port) = Peer::server(library, compression);
        let ours = our_client_talks_to(port, closer);
        let [theirs, expected] = reports(closer);
        match closer {
            "client" => assert_eq!(without_reason(&ours), without_reason(expected)),
            _ => assert_eq!(ours, expected),
        }
        assert_eq!(without_reason(&peer.report()), without_reason(theirs));
    });
}

fn our_server_with(library: Library, closer: &'static str, compression: &'static str) {
    bounded(move || {
        let (listener, address) = listener();
        let serving = thread::spawn(move || our_server_serves_one(listener));
        let peer = Peer::client(library, &format!("ws://{address}/"), closer, compression);
        let theirs = peer.report();
        let [expected, theirs_expected] = reports(closer);
        assert_eq!(theirs, theirs_expected);
        let ours = serving.join().unwrap();
        match closer {
            "client" => assert_eq!(ours, expected),
            _ => assert_eq!(without_reason(&ours), without_reason(expected)),
        }
    });
}

#[test]
fn our_client_talks_to_a_server_by_websockets_and_closes() {
    our_client_with(Library::Websockets, "client", "plain");
}

#[test]
fn our_client_talks_to_a_server_by_websockets_that_closes() {
    our_client_with(Library::Websockets, "server", "plain");
}

#[test]
fn our_client_talks_to_a_server_by_websockets_that_could_compress() {
    our_client_with(Library::Websockets, "client", "deflate");
}

#[test]
fn our_server_talks_to_a_client_by_websockets_that_closes() {
    our_server_with(Library::Websockets, "client", "plain");
}

#[test]
fn our_server_talks_to_a_client_by_websockets_and_closes() {
    our_server_with(Library::Websockets, "server", "plain");
}

#[test]
fn our_server_talks_to_a_client_by_websockets_that_offers_compression() {
    our_server_with(Library::Websockets, "client", "deflate");
}

#[test]
fn our_client_talks_to_a_server_by_ws_and_closes() {
    our_client_with(Library::Ws, "client", "plain");
}

#[test]
fn our_client_talks_to_a_server_by_ws_that_closes() {
    our_client_with(Library::Ws, "server", "plain");
}

#[test]
fn our_client_talks_to_a_server_by_ws_that_could_compress() {
    our_client_with(Library::Ws, "client", "deflate");
}

#[test]
fn our_server_talks_to_a_client_by_ws_that_closes() {
    our_server_with(Library::Ws, "client", "plain");
}

#[test]
fn our_server_talks_to_a_client_by_ws_and_closes() {
    our_server_with(Library::Ws, "server", "plain");
}

#[test]
fn our_server_talks_to_a_client_by_ws_that_offers_compression() {
    our_server_with(Library::Ws, "client", "deflate");
}

type Theirs<S> = tungstenite::WebSocket<S>;

fn their_close(frame: Option<TheirCloseFrame>) -> String {
    let frame = frame.expect("a Close with a code");
    format!("closed {} {} clean", u16::from(frame.code), frame.reason)
}

fn their_fragments<S: std::io::Read + std::io::Write>(socket: &mut Theirs<S>, text: &str) {
    let (head, tail) = text.as_bytes().split_at(3);
    for (part, kind, last) in [(head, Data::Text, false), (tail, Data::Continue, true)] {
        let frame = TheirFrame::message(part.to_vec(), OpCode::Data(kind), last);
        socket.send(tungstenite::Message::Frame(frame)).unwrap();
    }
}

fn tungstenite_serves_one(listener: TcpListener) -> String {
    use tungstenite::Message as Theirs;
    use tungstenite::handshake::server::{Request, Response};
    // The error type is tungstenite's.
    #[allow(clippy::result_large_err)]
    let answer = |request: &Request, mut response: Response| {
        let headers = response.headers_mut();
        headers.insert("X-Answer", request.headers()["X-Question"].clone());
        headers.insert("Sec-WebSocket-Protocol", "chat".parse().unwrap());
        Ok(response)
    };
    let mut socket = tungstenite::accept_hdr(listener.accept().unwrap().0, answer).unwrap();
    let mut closed = None;
    loop {
        match socket.read() {
            Ok(Theirs::Close(frame)) => closed = frame,
            Ok(Theirs::Ping(_)) => {}
            Ok(Theirs::Pong(payload)) => {
                let text = format!("pong {}", str::from_utf8(&payload).unwrap());
                socket.send(text.into()).unwrap();
            }
            Ok(Theirs::Text(text)) if text.as_str() == "command:fragments" => {
                their_fragments(&mut socket, "κόσμε!");
            }
            Ok(Theirs::Text(text)) if text.starts_with("command:ping ") => {
                let payload = text.as_bytes()["command:ping ".len()..].to_vec();
                socket.send(Theirs::Ping(payload.into())).unwrap();
            }
            Ok(Theirs::Text(text)) if text.as_str() == "command:close 4002 enough" => {
                let frame = TheirCloseFrame { code: 4002.into(), reason: "enough".into() };
                socket.close(Some(frame)).unwrap();
            }
            Ok(message) => socket.send(message).unwrap(),
            Err(tungstenite::Error::ConnectionClosed) => return their_close(closed),
            Err(error) => panic!("{error:?}"),
        }
    }
}

fn tungstenite_talks_to(address: std::net::SocketAddr, closer: &str) -> String {
    use tungstenite::Message as Theirs;
    let request =
        tungstenite::ClientRequestBuilder::new(format!("ws://{address}/").parse().unwrap())
            .with_header("X-Question", "who?")
            .with_sub_protocol("chat");
    let (mut socket, response) = tungstenite::connect(request).unwrap();
    assert_eq!(response.headers()["X-Answer"], "who?");
    assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "chat");
    for text in texts() {
        socket.send(text.as_str().into()).unwrap();
        assert_eq!(socket.read().unwrap(), Theirs::text(text));
    }
    for data in SIZES.map(data) {
        socket.send(data.clone().into()).unwrap();
        assert_eq!(socket.read().unwrap(), Theirs::binary(data));
    }
    their_fragments(&mut socket, "κόσμε in fragments");
    assert_eq!(socket.read().unwrap(), Theirs::text("κόσμε in fragments"));
    socket.send("command:fragments".into()).unwrap();
    assert_eq!(socket.read().unwrap(), Theirs::text("κόσμε!"));
    socket.send(Theirs::Ping("are you there?".into())).unwrap();
    assert_eq!(socket.read().unwrap(), Theirs::Pong("are you there?".into()));
    socket.send("command:ping and you?".into()).unwrap();
    assert_eq!(socket.read().unwrap(), Theirs::Ping("and you?".into()));
    assert_eq!(socket.read().unwrap(), Theirs::text("pong and you?"));
    if closer == "client" {
        let frame = TheirCloseFrame { code: 4001.into(), reason: "done here".into() };
        socket.close(Some(frame)).unwrap();
    } else {
        socket.send("command:close 4002 enough".into()).unwrap();
    }
    let Theirs::Close(frame) = socket.read().unwrap() else { panic!("no Close") };
    let closed = socket.read();
    assert!(matches!(closed, Err(tungstenite::Error::ConnectionClosed)), "{closed:?}");
    their_close(frame)
}

#[test]
fn our_client_talks_to_a_server_by_tungstenite() {
    for closer in ["client", "server"] {
        bounded(move || {
            let (listener, address) = listener();
            let serving: JoinHandle<String> = thread::spawn(|| tungstenite_serves_one(listener));
            let ours = our_client_talks_to(address.port(), closer);
            let [theirs, expected] = reports(closer);
            assert_eq!(without_reason(&ours), without_reason(expected));
            assert_eq!(without_reason(&serving.join().unwrap()), without_reason(theirs));
        });
    }
}

#[test]
fn our_server_talks_to_a_client_by_tungstenite() {
    for closer in ["client", "server"] {
        bounded(move || {
            let (listener, address) = listener();
            let serving = thread::spawn(move || our_server_serves_one(listener));
            let theirs = tungstenite_talks_to(address, closer);
            let [expected, theirs_expected] = reports(closer);
            assert_eq!(theirs, theirs_expected);
            assert_eq!(without_reason(&serving.join().unwrap()), without_reason(expected));
        });
    }
}
