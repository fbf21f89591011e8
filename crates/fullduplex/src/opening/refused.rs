//! A response with which a server refused to open a WebSocket, and what it says in one line.

use alloc::vec::Vec;
use core::fmt;

use crate::handshake::OwnedResponse;

/// The headers that tell a client what it may do (RFC 9110 §10.2.2, §10.2.3, §11.6.1, RFC 6455 §4.4).
const TELLING: [&str; 4] = ["Location", "WWW-Authenticate", "Retry-After", "Sec-WebSocket-Version"];

/// How many characters of a header or of a body are shown, at most.
const SHOWN: usize = 200;

/// A response with which a server refused to open a WebSocket.
///
/// As text it is the status with its reason, the headers that tell the client what it may do, and the first line of a body in
/// plain text: `403 Forbidden, "unknown origin"`. Of a `Location`, the query is left out, for it may be a secret.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Status, reason and headers.
    pub response: OwnedResponse,
    /// The part of the body that had arrived.
    pub body: Vec<u8>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let response = self.response.as_response();
        write!(f, "{}", response.status())?;
        // Over HTTP/2 there is none (RFC 9113 §8.3.2), and over HTTP/1.1 it may be empty.
        if !response.reason().is_empty() {
            write!(f, " {}", response.reason())?;
        }
        if let 200..=299 = response.status() {
            f.write_str(", as for an ordinary request: the path may be wrong")?;
        }
        for name in TELLING {
            if let Some(value) = response.headers().get_str(name).and_then(shown) {
                let value = if name == "Location" { before(value, &['?']) } else { value };
                write!(f, ", {name}: {value}")?;
            }
        }
        // A page is for browsers.
        let text = self.body.utf8_chunks().next().map(|chunk| chunk.valid());
        let text = text.filter(|text| !text.starts_with('<'));
        if let Some(line) = text.and_then(|text| shown(before(text, &['\r', '\n']))) {
            write!(f, ", \"{line}\"")?;
        }
        Ok(())
    }
}

/// The beginning of a line, unless it has control characters or is empty.
fn shown(line: &str) -> Option<&str> {
    let line = match line.char_indices().nth(SHOWN) {
        Some((end, _)) => line.get(..end)?,
        None => line,
    };
    (!line.is_empty() && !line.contains(char::is_control)).then_some(line)
}

fn before<'a>(text: &'a str, ends: &[char]) -> &'a str {
    let end = text.char_indices().find(|(_, char)| ends.contains(char));
    end.and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}
