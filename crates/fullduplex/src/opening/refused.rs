//! A response with which a server refused to open a WebSocket, and its text in one line.

use alloc::vec::Vec;
use core::fmt::{self, Write};

use crate::handshake::OwnedResponse;

/// The headers that say what a client may do (RFC 9110 §10.2.2, §10.2.3, §11.6.1, RFC 6455 §4.4).
const TELLING: [&str; 4] = ["Location", "WWW-Authenticate", "Retry-After", "Sec-WebSocket-Version"];

/// How many characters of the reason, of a header or of a body are shown, at most.
const SHOWN: usize = 200;

/// A response with which a server refused to open a WebSocket.
///
/// As text it is the status with its reason, the headers that say what the client may do, and the first line of a body in
/// plain text: `403 Forbidden, "unknown origin"`. All of it is one line, and of bounded length. A `Location` is shown
/// without credentials, query and fragment, because these may be secrets.
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
            write!(f, " {}", Shown(response.reason()))?;
        }
        if let 200..=299 = response.status() {
            f.write_str(", as for an ordinary request: the path may be wrong")?;
        }
        for name in TELLING {
            let value = response.headers().get_str(name);
            let value = if name == "Location" { value.and_then(public_part) } else { value };
            if let Some(value) = value {
                write!(f, ", {name}: {}", Shown(value))?;
            }
        }
        // A page is for browsers.
        let text = self.body.utf8_chunks().next().map(|chunk| chunk.valid());
        let line = text.map(|text| before(text, &['\r', '\n'])).unwrap_or_default();
        if !line.is_empty() && !line.starts_with('<') {
            write!(f, ", \"{}\"", Shown(line))?;
        }
        Ok(())
    }
}

/// The beginning of a text that the server has sent. A character that would begin a line, move a cursor or turn the
/// direction of writing is replaced by `.`.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, char) in self.0.chars().enumerate() {
            if nth == SHOWN {
                return f.write_char('…');
            }
            f.write_char(if is_harmless(char) { char } else { '.' })?;
        }
        Ok(())
    }
}

/// Whether a character is visible and has no other effect: it is none of Unicode's control characters and line
/// separators, it has a width, and it does not turn the direction of writing.
fn is_harmless(char: char) -> bool {
    !matches!(
        char,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// A URL without the parts that may be secrets; `None` if it has credentials.
fn public_part(url: &str) -> Option<&str> {
    let url = before(url, &['?', '#']);
    (!url.contains('@')).then_some(url)
}

fn before<'a>(text: &'a str, ends: &[char]) -> &'a str {
    let end = text.char_indices().find(|(_, char)| ends.contains(char));
    end.and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}
