//! The rules that both ends of the opening handshake share (RFC 6455 §4): which header lines ask for the upgrade, which
//! subprotocol is chosen, and which headers the caller may add.

use core::fmt;

use crate::headers::{InvalidHeader, is_header_value, is_token, list_contains};
use crate::output::Cursor;

/// Whether a list of `Upgrade` and `Connection` lines asks for the WebSocket protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct UpgradeTokens {
    /// An `Upgrade` line lists `websocket`.
    pub(crate) upgrade: bool,
    /// A `Connection` line lists `Upgrade`.
    pub(crate) connection: bool,
}

impl UpgradeTokens {
    /// "An |Upgrade| header field containing the value "websocket", treated as an ASCII
    /// case-insensitive value."
    pub(crate) fn add_upgrade(&mut self, value: &[u8]) {
        // Nearly every client sends exactly this.
        self.upgrade |= value == b"websocket" || list_contains(value, "websocket");
    }

    /// "A |Connection| header field that includes the token "Upgrade", treated as an ASCII
    /// case-insensitive value."
    pub(crate) fn add_connection(&mut self, value: &[u8]) {
        self.connection |= value == b"Upgrade" || list_contains(value, "upgrade");
    }
}

/// The first of `supported` that is among `offered`. The order of `offered` does not matter.
pub(crate) fn choose_subprotocol<'s, 'o>(
    supported: &[&'s str],
    offered: impl Iterator<Item = &'o str> + Clone,
) -> Option<&'s str> {
    supported.iter().copied().find(|&candidate| offered.clone().any(|offer| offer == candidate))
}

/// "The elements that comprise this value MUST be non-empty strings with characters […] as defined
/// in [RFC2616] and MUST all be unique strings" (RFC 6455 §4.1, item 10).
pub(crate) fn check_subprotocols<S: AsRef<str>>(subprotocols: &[S]) -> Result<(), InvalidHeader> {
    for (index, subprotocol) in subprotocols.iter().enumerate() {
        let subprotocol = subprotocol.as_ref();
        if !is_token(subprotocol.as_bytes()) {
            return Err(InvalidHeader::Subprotocol { index });
        }
        if subprotocols.iter().take(index).any(|earlier| earlier.as_ref() == subprotocol) {
            return Err(InvalidHeader::DuplicateSubprotocol { index });
        }
    }
    Ok(())
}

/// Checks the headers that the caller adds: they must be well formed, and none may be `reserved`.
pub(crate) fn check_headers<S: AsRef<str>>(
    headers: &[(S, S)],
    reserved: impl Fn(&str) -> bool,
) -> Result<(), InvalidHeader> {
    for (index, (name, value)) in headers.iter().enumerate() {
        if !is_token(name.as_ref().as_bytes()) {
            return Err(InvalidHeader::Name { index });
        }
        if reserved(name.as_ref()) {
            return Err(InvalidHeader::Reserved { index });
        }
        if !is_header_value(value.as_ref().as_bytes()) {
            return Err(InvalidHeader::Value { index });
        }
    }
    Ok(())
}

/// Whether the caller must not add a header called `name`: one that belongs to the handshake itself, or one that
/// announces a body, because frames follow the head.
pub(crate) fn is_reserved(name: &str) -> bool {
    const PREFIX: &str = "sec-websocket-";
    ["upgrade", "connection", "content-length", "transfer-encoding"]
        .iter()
        .any(|reserved| name.eq_ignore_ascii_case(reserved))
        || name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// Whether the header called `name` is about an HTTP/1.1 connection. Such a header is forbidden in an HTTP/2 message
/// (RFC 9113 §8.2.2).
pub(crate) fn is_connection_specific(name: &str) -> bool {
    ["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade", "te"]
        .iter()
        .any(|specific| name.eq_ignore_ascii_case(specific))
}

/// The names of headers, to print without their values, which may be secret.
pub(crate) struct Names<'a, S>(pub(crate) &'a [(S, S)]);

impl<S: AsRef<str>> fmt::Debug for Names<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name.as_ref())).finish()
    }
}

/// The lines of a header that must not be repeated.
#[derive(Clone, Copy, Default)]
pub(crate) enum Field<'b> {
    #[default]
    Absent,
    Once(&'b [u8]),
    Repeated,
}

impl<'b> Field<'b> {
    pub(crate) fn add(&mut self, value: &'b [u8]) {
        *self = match self {
            Self::Absent => Self::Once(value),
            Self::Once(_) | Self::Repeated => Self::Repeated,
        };
    }

    pub(crate) fn only(self) -> Option<&'b [u8]> {
        match self {
            Self::Once(value) => Some(value),
            Self::Absent | Self::Repeated => None,
        }
    }
}

/// A name in lower case: "Field names MUST be converted to lowercase when constructing an HTTP/2 message" (RFC 9113
/// §8.2.1).
pub(crate) struct LowerCase([u8; Self::MAX]);

impl LowerCase {
    /// The longest name. No name in use is as long.
    const MAX: usize = 128;

    pub(crate) const fn new() -> Self {
        Self([0; Self::MAX])
    }

    /// Checks, in addition to [`check_headers`], that no name is too long, and that no header is about an HTTP/1.1
    /// connection.
    pub(crate) fn check<S: AsRef<str>>(headers: &[(S, S)]) -> Result<(), InvalidHeader> {
        for (index, (name, _)) in headers.iter().enumerate() {
            if name.as_ref().len() > Self::MAX {
                return Err(InvalidHeader::Name { index });
            }
            if is_connection_specific(name.as_ref()) {
                return Err(InvalidHeader::Reserved { index });
            }
        }
        Ok(())
    }

    /// Returns `name` in lower case. [`check`](Self::check) must have accepted it.
    pub(crate) fn of(&mut self, name: &str) -> &str {
        let copy = self.0.get_mut(..name.len()).and_then(|place| {
            place.copy_from_slice(name.as_bytes());
            core::str::from_utf8_mut(place).ok()
        });
        debug_assert!(copy.is_some(), "{name} was not checked");
        // Only a name that was not checked has no copy.
        let copy = copy.unwrap_or_default();
        copy.make_ascii_lowercase();
        copy
    }
}

/// Writes one header line.
#[inline]
pub(crate) fn put_header(out: &mut Cursor<'_>, name: &str, value: &[u8]) {
    out.put(name.as_bytes());
    out.put(b": ");
    out.put(value);
    out.put(b"\r\n");
}

/// Writes checked headers in order.
pub(crate) fn put_headers<S: AsRef<str>>(out: &mut Cursor<'_>, headers: &[(S, S)]) {
    for (name, value) in headers {
        put_header(out, name.as_ref(), value.as_ref().as_bytes());
    }
}
