//! The URL standard (<https://url.spec.whatwg.org>, §4.4) for the URLs of WebSockets: this module finds the parts of a
//! text, checks whether it is in the form in which it is sent, and brings it into that form.
//!
//! These URLs are absolute, and their schemes are what the standard calls special. That leaves little of its state
//! machine: the parts are found from left to right, and each is encoded by itself.

#[cfg(feature = "alloc")]
use alloc::{borrow::Cow, string::String, vec::Vec};
#[cfg(feature = "alloc")]
use core::fmt::Write;

use iri_string::percent_encode::decode::{DecodedFragment, decode_whatwg_bytes};

use super::error::UriError;
use super::host::Host;

/// The longest URL: the longest that the `http` crate can hold, so that a URL is valid with and without that crate.
pub(super) const MAX_LEN: usize = u16::MAX as usize - 1;

/// "Remove all ASCII tab or newline from input."
pub(super) const fn is_removed(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r')
}

/// Where the parts lie in the text, so that a URL need not be parsed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) secure: bool,
    pub(super) port: u16,
    /// Where the user information begins, or the host if there is none.
    pub(super) authority: usize,
    pub(super) host: usize,
    pub(super) host_end: usize,
    pub(super) path: usize,
    /// Where the question mark is, or the end if there is no query.
    pub(super) path_end: usize,
}

impl Layout {
    /// User name and password with the colon between them, and without the at sign.
    pub(super) fn userinfo<'t>(&self, text: &'t str) -> &'t str {
        let userinfo = text.get(self.authority..self.host).unwrap_or_default();
        userinfo.strip_suffix('@').unwrap_or(userinfo)
    }

    /// The host as it is written: an IPv6 address has brackets.
    pub(super) fn host<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.host..self.host_end).unwrap_or_default()
    }

    /// The path, which may be empty.
    pub(super) fn path<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.path..self.path_end).unwrap_or_default()
    }

    /// The query without its question mark.
    pub(super) fn query<'t>(&self, text: &'t str) -> Option<&'t str> {
        text.get(self.path_end..).and_then(|query| query.strip_prefix('?'))
    }
}

/// "Remove any leading and trailing C0 control or space from input."
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches(|character| character <= ' ')
}

/// Reads a text that can be sent as it stands, apart from what is corrected while it is written: the case of scheme and
/// host, an empty path, a port with leading zeros, the default port. User information may have any form, because it is
/// decoded before it is sent.
pub(super) fn check(text: &str) -> Result<Layout, UriError> {
    if text.len() > MAX_LEN {
        return Err(UriError::TooLong);
    }
    let layout = split(text)?;
    let before_authority = text.get(..layout.authority).unwrap_or_default();
    let host = layout.host(text);
    if !before_authority.ends_with("://")
        || host.bytes().any(|byte| !byte.is_ascii() || byte == b'%')
    {
        return Err(UriError::NotNormal);
    }
    let (path, query) = (layout.path(text), layout.query(text).unwrap_or_default());
    let is_normal = Host::parse(host)?.is_written_as(host)
        && is_encoded(path, PATH)
        && path.as_bytes().split(|byte| *byte == b'/').all(|segment| dots(segment) == Dots::None)
        && is_encoded(query, QUERY);
    if is_normal { Ok(layout) } else { Err(UriError::NotNormal) }
}

/// Reads any text that is a URL of a WebSocket, and writes it in its normal form.
#[cfg(feature = "alloc")]
pub(super) fn normalise(text: &str) -> Result<(String, Layout), UriError> {
    let text = trimmed(text);
    let text = if text.bytes().any(is_removed) {
        Cow::Owned(text.replace(['\t', '\n', '\r'], ""))
    } else {
        Cow::Borrowed(text)
    };
    let raw = split(&text)?;
    let decoded = ascii_host(raw.host(&text))?;
    let parsed = Host::parse(&decoded)?;

    let mut out = String::with_capacity(text.len() + 1);
    // "If urlRecord's scheme is "http", then set urlRecord's scheme to "ws". Otherwise, if urlRecord's scheme is
    // "https", set urlRecord's scheme to "wss"" (WebSockets standard §3).
    out.push_str(if raw.secure { "wss://" } else { "ws://" });
    let authority = out.len();
    let userinfo = raw.userinfo(&text);
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    encode(user, USERINFO, &mut out);
    if !password.is_empty() {
        out.push(':');
        encode(password, USERINFO, &mut out);
    }
    if out.len() > authority {
        out.push('@');
    }
    let host = out.len();
    parsed.append_to(&mut out);
    let host_end = out.len();
    // "If port is url's scheme's default port, set url's port to null."
    if raw.port != default_port(raw.secure) {
        // Writing to a string cannot fail.
        let _ = write!(out, ":{}", raw.port);
    }
    let path = out.len();
    write_path(raw.path(&text), &mut out);
    let path_end = out.len();
    if let Some(query) = raw.query(&text) {
        out.push('?');
        encode(query, QUERY, &mut out);
    }
    if out.len() > MAX_LEN {
        return Err(UriError::TooLong);
    }
    Ok((out, Layout { authority, host, host_end, path, path_end, ..raw }))
}

/// Finds the parts. Only scheme and port are checked here.
fn split(text: &str) -> Result<Layout, UriError> {
    let scheme_len = text.bytes().position(|byte| !is_in_scheme(byte)).unwrap_or(text.len());
    let (scheme, rest) = text.split_at_checked(scheme_len).unwrap_or((text, ""));
    let rest = rest.strip_prefix(':').ok_or(UriError::MissingScheme)?;
    let secure = match scheme {
        _ if is_any_of(scheme, ["ws", "http"]) => false,
        _ if is_any_of(scheme, ["wss", "https"]) => true,
        // To the standard `localhost:9001` has the scheme `localhost`; the author has most likely forgotten the scheme.
        _ if rest.starts_with("//")
            && scheme.starts_with(|first: char| first.is_ascii_alphabetic()) =>
        {
            return Err(UriError::Scheme);
        }
        _ => return Err(UriError::MissingScheme),
    };
    // "If c is neither U+002F (/) nor U+005C (\), then set state to authority state": any number of them is skipped.
    let slashes = rest.bytes().take_while(|byte| matches!(byte, b'/' | b'\\')).count();
    let authority = scheme.len() + 1 + slashes;
    let behind = text.get(authority..).unwrap_or_default().as_bytes();
    let authority_len = behind.iter().position(|byte| matches!(byte, b'/' | b'\\' | b'?' | b'#'));
    let authority_len = authority_len.unwrap_or(behind.len());
    let rest = behind.get(authority_len..).unwrap_or_default();
    let path_len = rest.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(rest.len());
    // "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT be used on these URIs" (RFC
    // 6455 §3); "If urlRecord's fragment is non-null, then throw" (WebSockets standard §3).
    if rest.get(path_len..).unwrap_or_default().contains(&b'#') {
        return Err(UriError::Fragment);
    }
    let path = authority + authority_len;
    let path_end = path + path_len;

    // "If c is U+0040 (@)": it is the last one that ends the user information.
    let within = behind.get(..authority_len).unwrap_or_default();
    let at = within.iter().rposition(|&byte| byte == b'@').map_or(0, |at| at + 1);
    let host_and_port = within.get(at..).unwrap_or_default();
    let mut in_brackets = false;
    let host_len = host_and_port.iter().position(|byte| {
        match byte {
            b'[' => in_brackets = true,
            b']' => in_brackets = false,
            _ => {}
        }
        *byte == b':' && !in_brackets
    });
    let host_len = host_len.unwrap_or(host_and_port.len());
    if host_len == 0 {
        return Err(UriError::MissingHost);
    }
    let port = port(host_and_port.get(host_len + 1..).unwrap_or_default())?;
    let host = authority + at;
    Ok(Layout {
        secure,
        port: port.unwrap_or(default_port(secure)),
        authority,
        host,
        host_end: host + host_len,
        path,
        path_end,
    })
}

/// "If c is an ASCII alphanumeric, U+002B (+), U+002D (-), or U+002E (.)".
const fn is_in_scheme(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

fn is_any_of(scheme: &str, names: [&str; 2]) -> bool {
    names.iter().any(|name| scheme.eq_ignore_ascii_case(name))
}

/// The port of digits, if there are any. "If port is greater than 2^16 − 1, return failure." Port 0 is reserved (RFC
/// 6335 §6): the standard reads it, and no client can connect to it.
fn port(digits: &[u8]) -> Result<Option<u16>, UriError> {
    if digits.is_empty() {
        return Ok(None);
    }
    let number = digits.iter().try_fold(0_u16, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(digit as u16)
    });
    number.filter(|&port| port != 0).map(Some).ok_or(UriError::Port)
}

pub(super) const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// "Let domain be the result of running UTF-8 decode without BOM on the percent-decoding of input. Let asciiDomain be
/// the result of running domain parser with domain."
#[cfg(feature = "alloc")]
fn ascii_host(host: &str) -> Result<Cow<'_, str>, UriError> {
    // An address in brackets is not decoded; a character outside of ASCII makes it invalid.
    if host.starts_with('[') {
        return Ok(Cow::Borrowed(host));
    }
    let domain = if host.contains('%') {
        let bytes: Vec<u8> = percent_decoded(host).collect();
        Cow::Owned(String::from_utf8(bytes).map_err(|_| UriError::Host)?)
    } else {
        Cow::Borrowed(host)
    };
    // "If domain is an ASCII string, then set result to domain, lowercased": punycode in it is the caller's business.
    if domain.is_ascii() { Ok(domain) } else { to_ascii(&domain).map(Cow::Owned) }
}

#[cfg(all(feature = "alloc", feature = "url"))]
fn to_ascii(domain: &str) -> Result<String, UriError> {
    let ascii = idna::domain_to_ascii_cow(domain.as_bytes(), idna::AsciiDenyList::URL);
    ascii.map(Cow::into_owned).map_err(|_| UriError::Host)
}

#[cfg(all(feature = "alloc", not(feature = "url")))]
const fn to_ascii(_: &str) -> Result<String, UriError> {
    Err(UriError::NonAsciiHost)
}

/// Writes a path that begins with a slash. Encodes its segments, and applies dot segments to the segments before them.
#[cfg(feature = "alloc")]
fn write_path(path: &str, out: &mut String) {
    let begin = out.len();
    let mut segments = path.strip_prefix(['/', '\\']).unwrap_or(path).split(['/', '\\']).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match dots(segment.as_bytes()) {
            Dots::None => {
                out.push('/');
                encode(segment, PATH, out);
            }
            // "If buffer is a double-dot URL path segment, then shorten url's path. If neither c is U+002F (/) nor
            // c is U+005C (\), append the empty string to url's path."
            double_or_single => {
                if double_or_single == Dots::Double {
                    let shorter = out.get(begin..).and_then(|path| path.rfind('/'));
                    out.truncate(begin + shorter.unwrap_or_default());
                }
                if is_last {
                    out.push('/');
                }
            }
        }
    }
}

#[derive(PartialEq)]
enum Dots {
    None,
    Single,
    Double,
}

/// "A single-dot URL path segment is a URL path segment that is "." or an ASCII case-insensitive match for "%2e"", and
/// a double-dot one is two of these.
fn dots(segment: &[u8]) -> Dots {
    let without_dot = |text: &[u8]| match text {
        [b'.', ..] => Some(1),
        [b'%', b'2', b'e' | b'E', ..] => Some(3),
        _ => None,
    };
    let Some(first) = without_dot(segment) else { return Dots::None };
    let rest = segment.get(first..).unwrap_or_default();
    match without_dot(rest) {
        None if rest.is_empty() => Dots::Single,
        Some(second) if rest.len() == second => Dots::Double,
        _ => Dots::None,
    }
}

/// The sets of characters that are percent-encoded, one for each part of a URL: bits in [`SETS`].
const QUERY: u8 = 1;
const PATH: u8 = 2;
#[cfg(feature = "alloc")]
const USERINFO: u8 = 4;
#[cfg(not(feature = "alloc"))]
const USERINFO: u8 = 0;

/// Says in which sets each ASCII character is; all other characters are in all sets (URL standard §1.3).
const SETS: [u8; 128] = {
    let mut sets = [0; 128];
    let mut byte = 0;
    while byte < 128 {
        sets[byte as usize] = match byte {
            // "The C0 control percent-encode set": C0 controls, and all code points greater than U+007E (~). "The
            // query percent-encode set": and space, ", #, <, and >. What is in it is in the other two as well.
            0..=b' ' | b'"' | b'#' | b'<' | b'>' | 0x7f => QUERY | PATH | USERINFO,
            // "The special-query percent-encode set is the query percent-encode set and U+0027 (')."
            b'\'' => QUERY,
            // "The path percent-encode set is the query percent-encode set and ?, ^, `, {, and }."
            b'?' | b'^' | b'`' | b'{' | b'}' => PATH | USERINFO,
            // A backslash never gets into a path: it is a slash.
            b'\\' => PATH | USERINFO,
            // "The userinfo percent-encode set is the path percent-encode set and /, :, ;, =, @, [ to ], and |."
            b'/' | b':' | b';' | b'=' | b'@' | b'[' | b']' | b'|' => USERINFO,
            _ => 0,
        };
        byte += 1;
    }
    sets
};

fn must_be_encoded(byte: u8, set: u8) -> bool {
    SETS.get(usize::from(byte)).is_none_or(|sets| sets & set != 0)
}

fn is_encoded(text: &str, set: u8) -> bool {
    !text.bytes().any(|byte| must_be_encoded(byte, set))
}

/// "UTF-8 percent-encode": what is encoded already stays as it is, and so does a `%` that encodes nothing.
#[cfg(feature = "alloc")]
fn encode(text: &str, set: u8, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| must_be_encoded(byte, set)) {
        out.push_str(rest.get(..at).unwrap_or_default());
        // All bytes of a character outside of ASCII are encoded, so the next character begins right behind them.
        let mut behind = rest.get(at..).unwrap_or_default().chars();
        let mut utf8 = [0; 4];
        for byte in behind.next().unwrap_or_default().encode_utf8(&mut utf8).bytes() {
            let _ = write!(out, "%{byte:02X}");
        }
        rest = behind.as_str();
    }
    out.push_str(rest);
}

/// "Percent-decode": a `%` without two hexadecimal digits behind it stays as it is.
pub(super) fn percent_decoded(text: &str) -> impl Iterator<Item = u8> {
    decode_whatwg_bytes(text.as_bytes()).bytes_fragments().flat_map(|fragment| {
        let (direct, decoded): (&[u8], _) = match fragment {
            DecodedFragment::Direct(bytes) => (bytes, None),
            DecodedFragment::DecodedByte(byte) => (&[], Some(byte)),
            DecodedFragment::StrayPercent => (b"%", None),
        };
        direct.iter().copied().chain(decoded)
    })
}
