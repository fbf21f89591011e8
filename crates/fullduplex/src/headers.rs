//! Header fields: a view of header lines that were validated once, list values, and the checks that keep the value of
//! an outgoing header from containing a second header.
//!
//! Nothing here allocates, unless its name says so. All work is linear in the number of bytes.

use core::fmt;

mod extensions;
#[cfg(test)]
mod tests;
mod token;

pub use extensions::{
    Extension, ExtensionList, ExtensionParam, ExtensionParams, MalformedExtension, ParamValue,
    extensions,
};
pub(crate) use token::is_token_byte;

/// One header line: a name and a value with the white space around it removed (RFC 9110 §5).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// The field name as it was sent. Names are compared without regard to case.
    pub name: &'a str,
    /// The field value: any bytes but control characters. It is usually ASCII, but a peer may send other bytes.
    pub value: &'a [u8],
}

impl<'a> Header<'a> {
    /// The value as text, or `None` when it is not UTF-8.
    #[must_use]
    pub fn value_str(&self) -> Option<&'a str> {
        core::str::from_utf8(self.value).ok()
    }
}

/// Prints name and value, but not the value of a header that carries credentials.
impl fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name that another library has read may be no token.
        let name = self.name.as_bytes().escape_ascii();
        if is_sensitive(self.name) {
            return write!(f, "{name}: (not shown)");
        }
        write!(f, "{name}: {}", self.value.escape_ascii())
    }
}

/// The header lines of a request or response, in the order in which they came (RFC 9110 §5).
///
/// This is a view of the received bytes, or of a list that an HTTP server has made of them, so copying it is cheap. All
/// lines were validated before the view was created, so reading them cannot fail.
#[derive(Clone, Copy)]
pub struct Headers<'a> {
    lines: Lines<'a>,
}

#[derive(Clone, Copy)]
enum Lines<'a> {
    /// Whole lines, each ended by CRLF, without the empty line that ends the head.
    Block(&'a [u8]),
    /// Lines that another library has parsed.
    List(&'a [Header<'a>]),
}

impl<'a> Headers<'a> {
    /// Wraps a block whose lines have been checked: `token ":" value CRLF`, no folded lines.
    pub(crate) const fn from_validated(block: &'a [u8]) -> Self {
        Self { lines: Lines::Block(block) }
    }

    /// Wraps a list whose names are tokens, and whose values have passed [`is_header_value`].
    pub(crate) const fn from_validated_list(list: &'a [Header<'a>]) -> Self {
        Self { lines: Lines::List(list) }
    }

    /// The raw lines, each with its CRLF, or `None` if they came as a list.
    #[cfg(feature = "alloc")]
    pub(crate) const fn block(self) -> Option<&'a [u8]> {
        match self.lines {
            Lines::Block(block) => Some(block),
            Lines::List(_) => None,
        }
    }

    /// Copies the lines into a new block.
    #[cfg(feature = "alloc")]
    pub(crate) fn to_block(self) -> alloc::boxed::Box<[u8]> {
        let mut lines = alloc::vec::Vec::new();
        // Names and values were checked: they contain no line end, and names contain no colon.
        for Header { name, value } in self {
            for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                lines.extend_from_slice(part);
            }
        }
        lines.into_boxed_slice()
    }

    /// Every header line, in order.
    #[must_use]
    pub const fn iter(&self) -> HeadersIter<'a> {
        HeadersIter { rest: self.lines }
    }

    /// The value of the first header called `name` (compared without regard to case), or `None`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    }

    /// The value of the first header called `name` as text, or `None` if there is none or if it is not UTF-8.
    #[must_use]
    pub fn get_str(&self, name: &str) -> Option<&'a str> {
        self.get(name).and_then(|value| core::str::from_utf8(value).ok())
    }

    /// The values of all headers called `name` (compared without regard to case), in order.
    pub fn get_all<'n>(
        &self,
        name: &'n str,
    ) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a, 'n> {
        self.iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value)
    }

    /// The elements of a comma-separated list that may be spread over several lines called `name`
    /// (RFC 9110 §5.3 and §5.6.1): trimmed, in order, empty elements left out.
    ///
    /// This is for lists of tokens: it would split a quoted string at a comma.
    pub fn list<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a, 'n> {
        self.get_all(name).flat_map(list_elements)
    }

    /// The elements of all `Sec-WebSocket-Extensions` lines, in order (RFC 6455 §9.1).
    ///
    /// A malformed line yields [`MalformedExtension`] at its first fault, and the iterator goes on with the next line.
    pub fn extensions(
        &self,
    ) -> impl Iterator<Item = Result<Extension<'a>, MalformedExtension>> + Clone + use<'a> {
        self.get_all("sec-websocket-extensions").flat_map(extensions)
    }

    /// Whether there is no header at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        match self.lines {
            Lines::Block(block) => block.is_empty(),
            Lines::List(list) => list.is_empty(),
        }
    }
}

impl Default for Headers<'_> {
    fn default() -> Self {
        Self::from_validated(&[])
    }
}

/// Two views are equal if they have the same lines in the same order.
impl PartialEq for Headers<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers<'_> {}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for Headers<'a> {
    type Item = Header<'a>;
    type IntoIter = HeadersIter<'a>;

    fn into_iter(self) -> HeadersIter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &Headers<'a> {
    type Item = Header<'a>;
    type IntoIter = HeadersIter<'a>;

    fn into_iter(self) -> HeadersIter<'a> {
        self.iter()
    }
}

/// The iterator that [`Headers::iter`] returns.
#[derive(Clone)]
pub struct HeadersIter<'a> {
    rest: Lines<'a>,
}

impl<'a> Iterator for HeadersIter<'a> {
    type Item = Header<'a>;

    #[inline]
    fn next(&mut self) -> Option<Header<'a>> {
        match &mut self.rest {
            Lines::Block(block) => take_line(block),
            Lines::List(list) => {
                let (&Header { name, value }, tail) = list.split_first()?;
                *list = tail;
                Some(Header { name, value: value.trim_ascii() })
            }
        }
    }
}

/// Takes the first line from a block.
#[inline]
fn take_line<'a>(block: &mut &'a [u8]) -> Option<Header<'a>> {
    // A checked line contains no CR but the one that ends it.
    let length = block.iter().position(|&byte| byte == b'\r')?;
    let (line, rest) = block.split_at_checked(length)?;
    *block = rest.strip_prefix(b"\r\n")?;
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    let name = core::str::from_utf8(name).ok()?;
    Some(Header { name, value: value.get(1..)?.trim_ascii() })
}

impl core::iter::FusedIterator for HeadersIter<'_> {}

/// Prints the remaining lines.
impl fmt::Debug for HeadersIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// The elements of one comma-separated header value: trimmed, empty ones left out (RFC 9110
/// §5.6.1.2: "a recipient MUST parse and ignore a reasonable number of empty list elements").
pub fn list_elements(value: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// Whether the comma-separated `value` has `token` among its elements, compared without regard to
/// case.
// The handshake compares with the usual value first, so it rarely comes here.
#[inline(never)]
#[must_use]
pub fn list_contains(value: &[u8], token: &str) -> bool {
    list_elements(value).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
}

/// Whether `text` is a token (RFC 9110 §5.6.2): at least one character, and only letters, digits
/// and ``! # $ % & ' * + - . ^ _ ` | ~``. Header names, subprotocols and extension names are
/// tokens.
#[must_use]
pub const fn is_token(text: &[u8]) -> bool {
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        if !is_token_byte(*first) {
            return false;
        }
        rest = tail;
    }
    !text.is_empty()
}

/// Whether `value` may be sent as a header value. It must contain no control character but tabs (RFC 9110 §5.5),
/// because CR, LF or NUL could begin a second header.
#[must_use]
pub fn is_header_value(value: &[u8]) -> bool {
    value.iter().all(|&byte| byte == b'\t' || !byte.is_ascii_control())
}

/// Skips the bytes before the first control character (below 0x20, or DEL).
///
/// It works on eight bytes at a time, because nearly all bytes of a head are plain.
#[inline]
pub(crate) fn skip_plain(bytes: &[u8]) -> &[u8] {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES * 0x80;
    let mut rest = bytes;
    while let Some((word, tail)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        // Without its top bit, no byte can carry into the next one. Adding 1 sets the top bit only for 0x7F, and adding
        // 0x60 sets it from 0x20 on.
        let low = word & !HIGH;
        let control = ((low + ONES) | !(low + ONES * 0x60)) & !word & HIGH;
        if control != 0 {
            // This is below 8, and `rest` has at least 8 bytes.
            return rest.split_at((control.trailing_zeros() / 8) as usize).1;
        }
        rest = tail;
    }
    while let [byte, tail @ ..] = rest
        && !byte.is_ascii_control()
    {
        rest = tail;
    }
    rest
}

/// A header that must not be sent. An `index` counts from 0, in the order in which the caller has given the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidHeader {
    /// The name of the header at `index` is not a token (RFC 9110 §5.1).
    Name {
        /// Its place among the extra headers.
        index: usize,
    },
    /// The value of the header at `index` has a control character. CR, LF or NUL could begin another header (RFC 9110
    /// §5.5).
    Value {
        /// Its place among the extra headers.
        index: usize,
    },
    /// The handshake itself writes the header at `index`.
    Reserved {
        /// Its place among the extra headers.
        index: usize,
    },
    /// The subprotocol at `index` is not a token (RFC 6455 §4.1, item 10).
    Subprotocol {
        /// Its place among the subprotocols.
        index: usize,
    },
    /// The subprotocol at `index` is offered a second time (RFC 6455 §4.1, item 10).
    DuplicateSubprotocol {
        /// Its place among the subprotocols.
        index: usize,
    },
    /// The value given for `Origin` has a control character or is empty.
    Origin,
}

impl fmt::Display for InvalidHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { index } => {
                write!(f, "the name of extra header {index} (counted from 0) is not a token")
            }
            Self::Value { index } => {
                write!(
                    f,
                    "the value of extra header {index} (counted from 0) has a control character"
                )
            }
            Self::Reserved { index } => {
                write!(
                    f,
                    "extra header {index} (counted from 0) is written by the handshake itself"
                )
            }
            Self::Subprotocol { index } => {
                write!(f, "subprotocol {index} (counted from 0) is not a token")
            }
            Self::DuplicateSubprotocol { index } => {
                write!(f, "subprotocol {index} (counted from 0) is offered a second time")
            }
            Self::Origin => f.write_str("the origin is empty or has a control character"),
        }
    }
}

impl core::error::Error for InvalidHeader {}

/// Whether the header carries credentials, which must not appear in a log.
fn is_sensitive(name: &str) -> bool {
    ["authorization", "proxy-authorization", "cookie", "set-cookie"]
        .iter()
        .any(|sensitive| name.eq_ignore_ascii_case(sensitive))
}
