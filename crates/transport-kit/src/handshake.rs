//! The peer's half of the opening handshake (RFC 6455 §4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1_smol::Sha1;

/// The request of RFC 6455 §1.2, without its optional headers.
pub(crate) const REQUEST: &str = "GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// The length of a head, if it is complete.
pub(crate) fn head_len(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// The response to a client's request, once the request is complete.
pub(crate) fn response_to(request: &[u8]) -> Option<Vec<u8>> {
    let head = &request[..head_len(request)?];
    let accept = accept(&value(head, "sec-websocket-key").unwrap_or_default());
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    Some(response.into_bytes())
}

/// Checks the server's response to [`REQUEST`].
pub(crate) fn check_response(head: &[u8]) -> Result<(), String> {
    let shown = || String::from_utf8_lossy(head).into_owned();
    if !head.starts_with(b"HTTP/1.1 101 ") {
        return Err(format!("the response opens no WebSocket: {}", shown()));
    }
    for (name, expected) in [("upgrade", "websocket"), ("connection", "upgrade")] {
        let value = value(head, name).unwrap_or_default();
        if !value.split(',').any(|token| token.trim().eq_ignore_ascii_case(expected)) {
            return Err(format!("the header `{name}` has no `{expected}`: {}", shown()));
        }
    }
    let expected = accept("dGhlIHNhbXBsZSBub25jZQ==");
    match value(head, "sec-websocket-accept") {
        Some(accept) if accept == expected => Ok(()),
        _ => Err(format!("Sec-WebSocket-Accept is not {expected}: {}", shown())),
    }
}

/// RFC 6455 §4.2.2: the key, concatenated with a fixed string, hashed, in base64.
fn accept(key: &str) -> String {
    let mut hash = Sha1::from(key);
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(hash.digest().bytes())
}

/// The value of a header, whose name is given in lower case.
fn value(head: &[u8], name: &str) -> Option<String> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
    Some(value.trim().to_owned())
}
