//! The URL standard (<https://url.spec.whatwg.org>, §4.4) for the URLs of WebSockets. This module finds the parts of a
//! URL, checks whether it has the form in which it is sent (its normal form), and converts it to that form.
//!
//! These URLs are absolute, and their schemes are what the standard calls special. So most of the standard's state
//! machine is not needed: the parts are found from left to right, and each part is encoded by itself.

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

/// Where the parts of a URL lie in its text, so that it need not be parsed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) secure: bool,
    pub(super) port: u16,
    /// Where the user information begins, or the host if there is no user information.
    pub(super) authority: usize,
    pub(super) host: usize,
    pub(super) host_end: usize,
    pub(super) path: usize,
    /// Where the question mark of the query is, or the end of the text.
    pub(super) path_end: usize,
}

impl Layout {
    /// The scheme, and what follows it before the user information or the host.
    pub(super) fn before_authority<'t>(&self, text: &'t str) -> &'t str {
        part(text, 0, self.authority)
    }

    /// User name and password with the colon between them, without the `@`.
    pub(super) fn userinfo<'t>(&self, text: &'t str) -> &'t str {
        let userinfo = part(text, self.authority, self.host);
        userinfo.strip_suffix('@').unwrap_or(userinfo)
    }

    /// The host as it is written: an IPv6 address has brackets.
    pub(super) fn host<'t>(&self, text: &'t str) -> &'t str {
        part(text, self.host, self.host_end)
    }

    /// The host and everything after it.
    pub(super) fn host_and_rest<'t>(&self, text: &'t str) -> &'t str {
        part(text, self.host, text.len())
    }

    /// The path, which may be empty.
    pub(super) fn path<'t>(&self, text: &'t str) -> &'t str {
        part(text, self.path, self.path_end)
    }

    /// The query without its question mark.
    pub(super) fn query<'t>(&self, text: &'t str) -> Option<&'t str> {
        text.get(self.path_end..).and_then(|query| query.strip_prefix('?'))
    }
}

/// The part of a URL from `start` to `end`, which must come from the layout of the same URL.
fn part(url: &str, start: usize, end: usize) -> &str {
    let part = url.get(start..end);
    debug_assert!(part.is_some(), "{start}..{end} of {url}");
    // Only with the layout of another URL there is no such part.
    part.unwrap_or_default()
}

/// "Remove any leading and trailing C0 control or space from input."
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches(|character| character <= ' ')
}

/// Parses a text that must have its normal form, except for what is corrected when it is sent: the case of scheme and
/// host, an empty path, a port with leading zeros, the default port. User information may have any form, because it is
/// decoded before it is sent.
pub(super) fn check(text: &str) -> Result<Layout, UriError> {
    if text.len() > MAX_LEN {
        return Err(UriError::TooLong);
    }
    let layout = split(text)?;
    let host = layout.host(text);
    if !layout.before_authority(text).ends_with("://")
        || host.bytes().any(|byte| !byte.is_ascii() || byte == b'%')
    {
        return Err(UriError::NotNormal);
    }
    let path = layout.path(text);
    let is_normal = Host::parse(host)?.is_written_as(host)
        && is_encoded(path, PATH)
        && path.as_bytes().split(|byte| *byte == b'/').all(|segment| dots(segment) == Dots::None)
        && layout.query(text).is_none_or(|query| is_encoded(query, QUERY));
    if is_normal { Ok(layout) } else { Err(UriError::NotNormal) }
}

/// Parses any URL of a WebSocket, and converts it to its normal form.
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

/// Finds the parts of a URL. Only scheme and port are checked here.
fn split(text: &str) -> Result<Layout, UriError> {
    let (scheme, rest) = split_before(text, |byte| !is_in_scheme(byte));
    let rest = rest.strip_prefix(':').ok_or(UriError::MissingScheme)?;
    let secure = match scheme {
        _ if is_any_of(scheme, ["ws", "http"]) => false,
        _ if is_any_of(scheme, ["wss", "https"]) => true,
        // By the standard, `localhost:9001` has the scheme `localhost`. But most likely its author has forgotten the
        // scheme.
        _ if rest.starts_with("//")
            && scheme.starts_with(|first: char| first.is_ascii_alphabetic()) =>
        {
            return Err(UriError::Scheme);
        }
        _ => return Err(UriError::MissingScheme),
    };
    // "If c is neither U+002F (/) nor U+005C (\), then set state to authority state": any number of them is skipped.
    let (_, rest) = split_before(rest, |byte| !matches!(byte, b'/' | b'\\'));
    let authority_start = text.len() - rest.len();
    let (authority, rest) = split_before(rest, |byte| matches!(byte, b'/' | b'\\' | b'?' | b'#'));
    let path_start = text.len() - rest.len();
    let (path, query) = split_before(rest, |byte| matches!(byte, b'?' | b'#'));
    // "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT be used on these URIs" (RFC
    // 6455 §3); "If urlRecord's fragment is non-null, then throw" (WebSockets standard §3).
    if query.bytes().any(|byte| byte == b'#') {
        return Err(UriError::Fragment);
    }

    // "If c is U+0040 (@)": the last one ends the user information.
    let host_and_port = match authority.bytes().rposition(|byte| byte == b'@') {
        Some(at) => authority.get(at + 1..).unwrap_or_default(),
        None => authority,
    };
    let host_start = path_start - host_and_port.len();
    let mut in_brackets = false;
    let (host, after_host) = split_before(host_and_port, |byte| {
        match byte {
            b'[' => in_brackets = true,
            b']' => in_brackets = false,
            _ => {}
        }
        byte == b':' && !in_brackets
    });
    if host.is_empty() {
        return Err(UriError::MissingHost);
    }
    let port = match after_host.strip_prefix(':') {
        None | Some("") => default_port(secure),
        Some(digits) => port(digits).ok_or(UriError::Port)?,
    };
    Ok(Layout {
        secure,
        port,
        authority: authority_start,
        host: host_start,
        host_end: host_start + host.len(),
        path: path_start,
        path_end: path_start + path.len(),
    })
}

/// Splits `text` before the first byte that `is_end` accepts, or at its end. The bytes before it must be ASCII, or
/// `is_end` must accept only ASCII. This searches bytes, because in so short a text a search for characters costs more.
fn split_before(text: &str, is_end: impl FnMut(u8) -> bool) -> (&str, &str) {
    match text.bytes().position(is_end) {
        Some(at) => text.split_at_checked(at).unwrap_or((text, "")),
        None => (text, ""),
    }
}

/// "If c is an ASCII alphanumeric, U+002B (+), U+002D (-), or U+002E (.)".
const fn is_in_scheme(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

fn is_any_of(scheme: &str, names: [&str; 2]) -> bool {
    names.iter().any(|name| scheme.eq_ignore_ascii_case(name))
}

/// Parses a port. "If port is greater than 2^16 − 1, return failure." The standard accepts port 0, but it is reserved
/// (RFC 6335 §6), and no client can connect to it.
fn port(digits: &str) -> Option<u16> {
    let number = digits.chars().try_fold(0_u16, |number, digit| {
        number.checked_mul(10)?.checked_add(digit.to_digit(10)? as u16)
    });
    number.filter(|&port| port != 0)
}

pub(super) const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// "Let domain be the result of running UTF-8 decode without BOM on the percent-decoding of input. Let asciiDomain be
/// the result of running domain parser with domain."
#[cfg(feature = "alloc")]
fn ascii_host(host: &str) -> Result<Cow<'_, str>, UriError> {
    // An address in brackets is not decoded. It is invalid if it is not ASCII.
    if host.starts_with('[') {
        return Ok(Cow::Borrowed(host));
    }
    let domain = if host.contains('%') {
        let bytes: Vec<u8> = percent_decoded(host).collect();
        Cow::Owned(String::from_utf8(bytes).map_err(|_| UriError::Host)?)
    } else {
        Cow::Borrowed(host)
    };
    // "If domain is an ASCII string, then set result to domain, lowercased". So punycode in it is not checked.
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

/// Appends `path`, which may be empty, with a slash at its beginning. Encodes its segments, and removes dot segments,
/// each double-dot segment together with the segment before it.
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
                    // The path is empty or begins with a slash.
                    while out.len() > begin && out.pop() != Some('/') {}
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
    match after_dot(segment) {
        Some([]) => Dots::Single,
        Some(rest) if after_dot(rest) == Some(&[]) => Dots::Double,
        _ => Dots::None,
    }
}

/// What follows a dot at the beginning of `text`, if there is one.
fn after_dot(text: &[u8]) -> Option<&[u8]> {
    match text {
        [b'.', rest @ ..] | [b'%', b'2', b'e' | b'E', rest @ ..] => Some(rest),
        _ => None,
    }
}

/// The sets of characters that are percent-encoded, one for each part of a URL. Each set is a bit in [`SETS`].
const QUERY: u8 = 1;
const PATH: u8 = 2;
#[cfg(feature = "alloc")]
const USERINFO: u8 = 4;
#[cfg(not(feature = "alloc"))]
const USERINFO: u8 = 0;

/// The sets of each ASCII character. All other characters are in all sets (URL standard §1.3).
const SETS: [u8; 128] = {
    let mut sets = [0; 128];
    let mut byte = 0;
    while byte < 128 {
        sets[byte as usize] = match byte {
            // "The C0 control percent-encode set": C0 controls, and all code points greater than U+007E (~). "The
            // query percent-encode set": and space, ", #, <, and >. The other two sets contain all of these.
            0..=b' ' | b'"' | b'#' | b'<' | b'>' | 0x7f => QUERY | PATH | USERINFO,
            // "The special-query percent-encode set is the query percent-encode set and U+0027 (')."
            b'\'' => QUERY,
            // "The path percent-encode set is the query percent-encode set and ?, ^, `, {, and }."
            b'?' | b'^' | b'`' | b'{' | b'}' => PATH | USERINFO,
            // A backslash in a path never comes here, because it means a slash.
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

/// "UTF-8 percent-encode". What is already encoded stays as it is, and so does a `%` without two hexadecimal digits.
#[cfg(feature = "alloc")]
fn encode(text: &str, set: u8, out: &mut String) {
    for character in text.chars() {
        // All bytes of a character that is not ASCII are encoded.
        if character.is_ascii() && !must_be_encoded(character as u8, set) {
            out.push(character);
            continue;
        }
        for byte in character.encode_utf8(&mut [0; 4]).bytes() {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// "Percent-decode": a `%` without two hexadecimal digits after it stays as it is.
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
