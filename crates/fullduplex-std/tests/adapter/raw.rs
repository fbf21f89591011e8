//! The other end of a connection, which the test plays: HTTP as text, frames as bytes.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use fullduplex_std::{CloseCode, EndpointConfig, WebSocket, accept_with, client_with};
use fullduplex_testkit::{Frame, frames};
use tungstenite::handshake::derive_accept_key;

use crate::support::sockets;

/// A valid request, without its empty line.
pub(crate) const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n";

/// Reads a head, up to its empty line and not a byte more.
pub(crate) fn read_head(socket: &mut impl Read) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        assert_eq!(socket.read(&mut byte).unwrap(), 1, "no head: {}", head.escape_ascii());
        head.extend(byte);
    }
    String::from_utf8(head).unwrap()
}

/// The value of a header, if it is there.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The response that opens the WebSocket which `request` asks for.
pub(crate) fn response_to(request: &str) -> String {
    let accept = derive_accept_key(header(request, "Sec-WebSocket-Key").unwrap().as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

/// Plays the server in an opening handshake; `more` goes out in the same write as the response.
pub(crate) fn serve(socket: &mut (impl Read + Write), more: &[u8]) -> String {
    let request = read_head(socket);
    let answer = [response_to(&request).as_bytes(), more].concat();
    socket.write_all(&answer).unwrap();
    request
}

/// Our client, and the socket of the server, which the test plays.
pub(crate) fn our_client(config: EndpointConfig) -> (WebSocket<TcpStream>, TcpStream) {
    let (near, mut far) = sockets();
    let serving = std::thread::spawn(move || {
        serve(&mut far, b"");
        far
    });
    let (client, _) = client_with("ws://localhost/", near, config).unwrap();
    (client, serving.join().unwrap())
}

/// Our server, and the socket of the client, which the test plays.
pub(crate) fn our_server(config: EndpointConfig) -> (WebSocket<TcpStream>, TcpStream) {
    let (mut near, far) = sockets();
    near.write_all(format!("{REQUEST}\r\n").as_bytes()).unwrap();
    let server = accept_with(far, config, |_| Ok(Default::default())).unwrap();
    assert!(read_head(&mut near).starts_with("HTTP/1.1 101 "));
    (server, near)
}

/// Everything that comes until the end of input.
pub(crate) fn read_to_end(socket: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).unwrap();
    bytes
}

/// The frames that come until the end of input.
pub(crate) fn read_frames(socket: &mut impl Read) -> Vec<Frame> {
    frames(&read_to_end(socket))
}

/// Checks that the last frame is a Close with this code.
pub(crate) fn closes_with(frames: &[Frame], code: CloseCode) {
    let last = frames.last().expect("a Close");
    assert_eq!(last.opcode, 8, "{last:?}");
    assert_eq!(last.payload.get(..2), Some(&code.to_u16().to_be_bytes()[..]), "{last:?}");
}

/// Writes, ends the sending direction, and returns what comes until the end of input.
pub(crate) fn exchange(mut socket: TcpStream, bytes: &[u8]) -> Vec<u8> {
    socket.write_all(bytes).unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    read_to_end(&mut socket)
}
