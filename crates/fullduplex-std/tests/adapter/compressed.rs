//! permessage-deflate with `websockets` and `ws`, in both roles: the heads show what was agreed on, and the bytes on the
//! wire show that it is used and kept to.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use fullduplex_std::{
    DeflateConfig, EndpointConfig, Error, Message, MessageKind, WebSocket, accept_with, client_with,
};
use fullduplex_testkit::{Random, StrictInflate, frames};

use crate::peers::{Library, Peer};
use crate::raw::header;
use crate::support::{bounded, listener};

/// Both ends compress messages of at least this size, which is the threshold of `ws`.
const COMPRESSED_FROM: usize = 1024;

/// A stream that notes what goes through it.
struct Noted {
    stream: TcpStream,
    read: Arc<Mutex<Vec<u8>>>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Noted {
    fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream, read: Arc::default(), written: Arc::default() }
    }
}

impl Read for Noted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.stream.read(buf)?;
        self.read.lock().unwrap().extend(&buf[..len]);
        Ok(len)
    }
}

impl Write for Noted {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let len = self.stream.write(buf)?;
        self.written.lock().unwrap().extend(&buf[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// What is agreed on for one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Terms {
    takeover: bool,
    bits: u8,
}

const fn terms(takeover: bool, bits: u8) -> Terms {
    Terms { takeover, bits }
}

/// The line in which `compressed.py` and `compressed.js` report what they know of the agreement. An end need not announce a
/// limit of its own window, so the line may lack it.
fn agreed((server, client): (Terms, Terms)) -> String {
    let Terms { takeover, bits } = server;
    format!("agreed {takeover} {bits} {} {}", client.takeover, client.bits)
}

/// The head and the messages of one direction.
struct Direction {
    head: String,
    messages: Vec<OnWire>,
}

/// A message as it was on the wire.
struct OnWire {
    compressed: bool,
    fragments: usize,
    /// Bytes of payload.
    len: usize,
    data: Vec<u8>,
}

impl Direction {
    /// Parses the bytes with a decoder that accepts nothing beyond what was agreed on.
    fn parse(bytes: &Mutex<Vec<u8>>, terms: Terms) -> Self {
        let bytes = bytes.lock().unwrap();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut strict = StrictInflate::new(terms.bits);
        let mut messages = Vec::new();
        let mut pending: Option<OnWire> = None;
        for frame in frames(&bytes[end..]) {
            if frame.opcode >= 8 {
                assert_eq!(frame.rsv, 0);
                continue;
            }
            assert_eq!(frame.opcode == 0, pending.is_some());
            let compressed = frame.rsv == 4;
            let message = pending.get_or_insert_with(|| OnWire {
                compressed,
                fragments: 0,
                len: 0,
                data: Vec::new(),
            });
            assert_eq!(frame.rsv, if compressed { 4 } else { 0 });
            assert!(message.fragments == 0 || !compressed, "RSV1 is the first frame's");
            message.fragments += 1;
            message.len += frame.payload.len();
            message.data.extend(&frame.payload);
            if frame.fin
                && let Some(mut message) = pending.take()
            {
                if message.compressed {
                    if !terms.takeover {
                        strict.forget();
                    }
                    message.data = strict.message(&message.data);
                }
                messages.push(message);
            }
        }
        assert!(pending.is_none());
        Self { head, messages }
    }

    fn extensions(&self) -> Option<&str> {
        header(&self.head, "Sec-WebSocket-Extensions")
    }

    /// Checks that every large message was compressed, and became smaller if its data can be.
    fn is_compressed(&self, terms: Terms, except: &[usize]) {
        for (nth, message) in self.messages.iter().enumerate() {
            let context = format!("message {nth} of {} bytes", message.data.len());
            if except.contains(&nth) {
                assert!(!message.compressed, "{context}");
            } else if message.data.len() >= COMPRESSED_FROM {
                assert!(message.compressed, "{context}");
                if message.data.is_ascii() || str::from_utf8(&message.data).is_ok() {
                    assert!(message.len * 2 < message.data.len(), "{context}: {}", message.len);
                }
            }
        }
        let [first, second, ..] = &self.messages[..] else { panic!("no messages") };
        // The second message is the first again.
        assert!(first.data == second.data && first.data.len() >= COMPRESSED_FROM);
        assert!(first.compressed && second.compressed);
        if terms.bits >= 12 {
            assert_eq!(second.len * 4 < first.len, terms.takeover, "{} {}", first.len, second.len);
        }
        assert!(self.messages.iter().any(|message| message.compressed && message.fragments > 2));
    }
}

fn lines(len: usize) -> String {
    let mut text = String::new();
    let mut nth = 0_u64;
    while text.len() < len {
        text += &format!("{{\"id\": {}, \"name\": \"κόσμε {}\"}}\n", nth * nth, nth % 7);
        nth += 1;
    }
    text
}

fn noise(len: usize) -> Vec<u8> {
    let mut random = Random::new(1);
    (0..len).map(|_| random.next_u64() as u8).collect()
}

fn config(deflate: DeflateConfig) -> EndpointConfig {
    EndpointConfig::new().deflate(deflate)
}

/// The conversation of our client with a server that echoes. Message 3 is sent without compression.
fn talk(socket: &mut WebSocket<Noted>) {
    let echoes = |socket: &mut WebSocket<Noted>, messages: &[Message]| {
        for message in messages {
            socket.send(message.clone()).unwrap();
            assert!(socket.read().unwrap() == *message);
        }
    };
    let (small, large) = (lines(2000), lines(1 << 20));
    let first = [Message::text(&*small), Message::text(&*small), Message::text("below")];
    echoes(socket, &first);
    socket.set_compression(false);
    socket.feed(Message::text(&*small)).unwrap();
    socket.set_compression(true);
    assert!(socket.read().unwrap() == Message::text(&*small));
    let rest = [
        Message::binary(small.clone().into_bytes()),
        Message::text(lines(65_536)),
        Message::binary(noise(65_536)),
        Message::text(&*large),
        Message::binary(large.into_bytes()),
        Message::text(""),
        Message::binary(Vec::new()),
        Message::text(&*small),
    ];
    echoes(socket, &rest);
    // The cut is within a character.
    let cut = small.find('κ').unwrap() + 1;
    for (kind, whole) in [
        (MessageKind::Text, Message::text(&*small)),
        (MessageKind::Binary, Message::binary(small.clone().into_bytes())),
    ] {
        let (head, tail) = small.as_bytes().split_at(cut);
        for (piece, last) in [(head, false), (&[][..], false), (tail, true)] {
            socket.feed_fragment(kind, piece, last).unwrap();
        }
        assert!(socket.read().unwrap() == whole);
    }
    socket.send("command:fragments".into()).unwrap();
    assert!(socket.read().unwrap().is_text());
    socket.close(None).unwrap();
    assert!(matches!(socket.read(), Ok(Message::Close(_))));
    assert!(matches!(socket.read(), Err(Error::ConnectionClosed)));
}

/// Our client, with `ours`, and their server, with `parameters`, agree on these terms and keep to them.
fn our_client(
    library: Library,
    ours: DeflateConfig,
    parameters: &'static str,
    server: Terms,
    client: Terms,
) {
    bounded(move || {
        let (mut peer, port) = Peer::compressing_server(library, parameters);
        let stream = Noted::new(TcpStream::connect(("127.0.0.1", port)).unwrap());
        let (read, written) = (Arc::clone(&stream.read), Arc::clone(&stream.written));
        let (mut socket, response) = client_with("ws://localhost/", stream, config(ours)).unwrap();
        talk(&mut socket);
        let params = socket.deflate().unwrap();
        assert_eq!(terms(params.context_takeover(), params.window_bits()), client);
        assert_eq!(terms(params.peer_context_takeover(), params.peer_window_bits()), server);
        // The adapter cannot end a stream of a kind that it does not know, so the stream is dropped.
        drop(socket);

        let (sent, received) =
            (Direction::parse(&written, client), Direction::parse(&read, server));
        assert!(sent.extensions().unwrap().starts_with("permessage-deflate"));
        let answer = response.as_response().headers().get_str("sec-websocket-extensions");
        assert_eq!(answer, received.extensions());
        assert!(answer.unwrap().starts_with("permessage-deflate"));
        assert_eq!(peer.line(), agreed((server, client)));
        assert_eq!(peer.report(), "closed 1000  clean");

        // Number 2 is below our threshold; the peer has its own.
        sent.is_compressed(client, &[2, 3]);
        received.is_compressed(server, &[]);
    });
}

/// Our server echoes to one client, and returns what was on the wire.
fn serve_one(listener: &TcpListener, ours: DeflateConfig, server: Terms, client: Terms) {
    let stream = Noted::new(listener.accept().unwrap().0);
    let (read, written) = (Arc::clone(&stream.read), Arc::clone(&stream.written));
    let mut socket = accept_with(stream, config(ours), |_| Ok(Default::default())).unwrap();
    let params = socket.deflate().unwrap();
    assert_eq!(terms(params.context_takeover(), params.window_bits()), server);
    assert_eq!(terms(params.peer_context_takeover(), params.peer_window_bits()), client);
    let (mut plain, mut first) = (Vec::new(), None);
    for nth in 0.. {
        let message = match socket.read() {
            Ok(Message::Close(_)) => continue,
            Ok(message) => message,
            Err(Error::ConnectionClosed) => break,
            Err(error) => panic!("{error:?}"),
        };
        let first = first.get_or_insert_with(|| message.clone());
        if message == Message::text("command:fragments") {
            let Message::Text(text) = first else { panic!("text first") };
            for last in [false, false, true] {
                socket.feed_fragment(MessageKind::Text, text.as_bytes(), last).unwrap();
            }
            continue;
        }
        // One message in between is not compressed, and neither are messages below the threshold.
        let skip = nth == 4;
        if skip || message.len() < 128 {
            plain.push(nth);
        }
        socket.set_compression(!skip);
        socket.feed(message).unwrap();
        socket.set_compression(true);
    }
    drop(socket);
    let (received, sent) = (Direction::parse(&read, client), Direction::parse(&written, server));
    assert!(received.extensions().unwrap().starts_with("permessage-deflate"));
    assert!(sent.extensions().unwrap().starts_with("permessage-deflate"));
    assert_eq!(plain.len(), 4, "{plain:?}");
    sent.is_compressed(server, &plain);
    received.is_compressed(client, &[]);
}

/// Our server, with `ours`, and their client, with `parameters`, agree on these terms and keep to them.
fn our_server(
    library: Library,
    ours: DeflateConfig,
    parameters: &'static str,
    server: Terms,
    client: Terms,
    told: (Terms, Terms),
) {
    bounded(move || {
        let (listener, address) = listener();
        let serving = thread::spawn(move || serve_one(&listener, ours, server, client));
        let url = format!("ws://{address}/");
        let mut peer = Peer::compressing_client(library, parameters, &url);
        assert_eq!(peer.line(), agreed(told));
        assert_eq!(peer.report(), "closed 1000  clean");
        serving.join().unwrap();
    });
}

fn our_client_by_default(library: Library) {
    our_client(library, DeflateConfig::new(), "", terms(true, 15), terms(true, 12));
}

fn our_client_without_takeover(library: Library) {
    let fresh = DeflateConfig::new().no_context_takeover(true).peer_no_context_takeover(true);
    our_client(library, fresh, "", terms(false, 15), terms(false, 12));
    // The server asks for the same.
    let wish = "server_no_context_takeover client_no_context_takeover";
    our_client(library, DeflateConfig::new(), wish, terms(false, 15), terms(false, 12));
}

fn our_client_with_small_windows(library: Library) {
    let small = DeflateConfig::new().max_window_bits(9).max_peer_window_bits(10);
    our_client(library, small, "", terms(true, 10), terms(true, 9));
    let large = DeflateConfig::new().max_window_bits(15);
    let wish = "server_max_window_bits=10 client_max_window_bits=9";
    our_client(library, large, wish, terms(true, 10), terms(true, 9));
    let eight = DeflateConfig::new().max_window_bits(8);
    our_client(library, eight, "", terms(true, 15), terms(true, 8));
}

fn our_server_by_default(library: Library) {
    let told = (terms(true, 15), terms(true, 15));
    our_server(library, DeflateConfig::new(), "", terms(true, 12), terms(true, 15), told);
}

fn our_server_without_takeover(library: Library) {
    let told = (terms(false, 15), terms(false, 15));
    let fresh = DeflateConfig::new().no_context_takeover(true).peer_no_context_takeover(true);
    our_server(library, fresh, "", terms(false, 12), terms(false, 15), told);
    // The client asks for the same.
    let wish = "server_no_context_takeover client_no_context_takeover";
    our_server(library, DeflateConfig::new(), wish, terms(false, 12), terms(false, 15), told);
}

fn our_server_with_small_windows(library: Library) {
    let nine = (terms(true, 9), terms(true, 10));
    let wish = "server_max_window_bits=9 client_max_window_bits=10";
    our_server(library, DeflateConfig::new(), wish, nine.0, nine.1, nine);
    let small = DeflateConfig::new().max_window_bits(9).max_peer_window_bits(10);
    our_server(library, small, "", nine.0, nine.1, (terms(true, 15), terms(true, 10)));
    let wish = "server_max_window_bits=8";
    let eight = (terms(true, 8), terms(true, 15));
    our_server(library, DeflateConfig::new(), wish, eight.0, eight.1, eight);
}

/// The tests of a library, in both roles.
macro_rules! each_way {
    ($name:ident, $library:expr) => {
        mod $name {
            use crate::peers::Library;

            const LIBRARY: Library = $library;

            #[test]
            fn our_client_compresses_with_its_server() {
                super::our_client_by_default(LIBRARY);
            }

            #[test]
            fn our_client_compresses_with_its_server_without_takeover() {
                super::our_client_without_takeover(LIBRARY);
            }

            #[test]
            fn our_client_compresses_with_its_server_in_small_windows() {
                super::our_client_with_small_windows(LIBRARY);
            }

            #[test]
            fn our_server_compresses_with_its_client() {
                super::our_server_by_default(LIBRARY);
            }

            #[test]
            fn our_server_compresses_with_its_client_without_takeover() {
                super::our_server_without_takeover(LIBRARY);
            }

            #[test]
            fn our_server_compresses_with_its_client_in_small_windows() {
                super::our_server_with_small_windows(LIBRARY);
            }
        }
    };
}

each_way!(websockets, Library::Websockets);
each_way!(ws, Library::Ws);
