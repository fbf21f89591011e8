//! WebSocket URIs (RFC 6455 §3), and origins (RFC 6454) compared with hosts.
//!
//! The URL standard (`whatwg`) says what a text means, as in browsers; this file takes from it what a WebSocket client
//! needs. Origins and hosts that a peer sends must follow RFC 3986, whose grammar `iri-string` knows.

use core::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use iri_string::spec::UriSpec;
use iri_string::types::UriStr;

use crate::output::Cursor;
use whatwg::{Layout, default_port, percent_decoded};

mod error;
mod host;
mod whatwg;

#[cfg(test)]
mod tests;

pub use error::UriError;

/// A checked `ws:` or `wss:` URI (RFC 6455 §3): where to connect, and what to ask for there. It borrows its text.
///
/// ```
/// let uri = fullduplex::Uri::parse("wss://[2001:db8::1]:8443/chat?room=1")?;
/// assert!(uri.is_secure());
/// assert_eq!((uri.host(), uri.port()), ("2001:db8::1", 8443));
/// assert_eq!((uri.path(), uri.query()), ("/chat", Some("room=1")));
/// # Ok::<(), fullduplex::UriError>(())
/// ```
///
/// With a heap, `OwnedUri` takes a URL as people have it, and brings it into the form in which browsers send it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Uri<'a> {
    text: &'a str,
    layout: Layout,
}

impl<'a> Uri<'a> {
    /// Reads `text` as the URL of a WebSocket, if it can be sent as it stands: what this takes goes out as `OwnedUri`
    /// sends it.
    ///
    /// `OwnedUri` brings a URL into the form which the [URL standard](https://url.spec.whatwg.org) gives it. Without
    /// a heap, that is up to the caller:
    ///
    /// * Control characters, spaces, `"`, `<`, `>` and whatever is outside of ASCII are percent-encoded in path and
    ///   query; in a path `^`, `` ` ``, `{` and `}` are encoded too, and in a query `'`. `#` is written `%23`. A
    ///   backslash in a path is a slash.
    /// * A path has no segment that is `.` or `..`, encoded (`%2e`) or not.
    /// * The host is ASCII and not percent-encoded; an internationalised name is punycode (`xn--…`). An IP address
    ///   has its usual form: `127.0.0.1`, not `127.1` or `0x7f000001`; `[::1]`, not `[0:0::1]`.
    /// * Two slashes follow the scheme's colon, and there is no tab or line break.
    ///
    /// The case of scheme and host does not matter; `http` means `ws`, and `https` means `wss`. The path may be empty,
    /// and so may the port (`ws://host:/`). Space around the text is cut off. User information
    /// (`ws://user:password@host/`) becomes an `Authorization: Basic` header of the handshake (RFC 7617),
    /// percent-decoded.
    ///
    /// # Errors
    /// [`UriError::NotNormal`] when `text` would have to be rewritten; another [`UriError`] says which part is at fault.
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        let text = whatwg::trimmed(text);
        let layout = whatwg::check(text)
            .and_then(|layout| check_userinfo(layout.userinfo(text)).map(|()| layout));
        match layout {
            Ok(layout) => Ok(Self { text, layout }),
            // The standard removes tabs and line breaks; here no part may contain them.
            Err(_) if text.bytes().any(whatwg::is_removed) => Err(UriError::NotNormal),
            Err(error) => Err(error),
        }
    }

    /// The text, credentials and all: for a parser, not for a log.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// Whether the scheme is `wss`: TLS before the handshake (RFC 6455 §3).
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.layout.secure
    }

    /// The host to dial: a name, or an IP address without brackets. A name may have capital letters here, which are
    /// sent as small ones.
    #[must_use]
    pub fn host(&self) -> &'a str {
        let host = self.bracketed_host();
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// The host as it stands in the URI and, in lower case, in a `Host` header: an IPv6 address has brackets.
    #[must_use]
    pub fn bracketed_host(&self) -> &'a str {
        self.layout.host(self.text)
    }

    /// The port to dial: the URI's own, or 80 for `ws` and 443 for `wss` (RFC 6455 §3).
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.layout.port
    }

    /// The path for the request line, percent-encoded as in the URI; `/` when the URI has none.
    #[must_use]
    pub fn path(&self) -> &'a str {
        match self.layout.path(self.text) {
            "" => "/",
            path => path,
        }
    }

    /// The query for the request line, percent-encoded as in the URI and without its question mark.
    #[must_use]
    pub fn query(&self) -> Option<&'a str> {
        self.layout.query(self.text)
    }

    /// Whether the URI carries a user name or password, which the handshake will send.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        // If user name and password are both empty, the URL standard says that there are no credentials.
        !matches!(self.userinfo(), "" | ":")
    }

    fn userinfo(&self) -> &'a str {
        self.layout.userinfo(self.text)
    }

    /// Writes the resource name of RFC 6455 §3: path, and the query after a question mark.
    pub(crate) fn put_resource_name(&self, out: &mut Cursor<'_>) {
        out.put(self.path().as_bytes());
        if let Some(query) = self.query() {
            out.put(b"?");
            out.put(query.as_bytes());
        }
    }

    /// Writes the value of the `Host` header: the port only where it is not the scheme's own.
    pub(crate) fn put_host(&self, out: &mut Cursor<'_>) {
        let host = self.bracketed_host().as_bytes();
        if host.iter().any(u8::is_ascii_uppercase) {
            host.iter().for_each(|byte| out.put(&[byte.to_ascii_lowercase()]));
        } else {
            out.put(host);
        }
        if self.layout.port != default_port(self.layout.secure) {
            // Writing to a cursor cannot fail: it counts on past its end.
            let _ = fmt::Write::write_fmt(out, format_args!(":{}", self.layout.port));
        }
    }

    /// Writes the credentials of RFC 7617 §2: "user-id ":" password", decoded, then in base64.
    pub(crate) fn put_basic_credentials(&self, out: &mut Cursor<'_>) {
        let userinfo = self.userinfo();
        // A user without a password has an empty one; the colon is needed all the same.
        let colon: &[u8] = if userinfo.contains(':') { b"" } else { b":" };
        let mut group = [0; 3];
        let mut filled = 0;
        for byte in percent_decoded(userinfo).chain(colon.iter().copied()) {
            if let Some(place) = group.get_mut(filled) {
                *place = byte;
            }
            filled += 1;
            if filled == group.len() {
                put_base64(&group, out);
                filled = 0;
            }
        }
        put_base64(group.get(..filled).unwrap_or_default(), out);
    }
}

/// Prints the URI with its credentials left out.
impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.layout.authority;
        f.write_str(self.text.get(..authority).unwrap_or_default())?;
        if self.has_credentials() {
            f.write_str("***@")?;
        }
        f.write_str(self.text.get(self.layout.host..).unwrap_or_default())
    }
}

/// Prints the URI with its credentials left out.
impl fmt::Debug for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({self})")
    }
}

/// A `ws:` or `wss:` URI (RFC 6455 §3) that owns its text: a URL as people have it, brought into the form in which
/// browsers send it.
///
/// ```
/// use fullduplex::{OwnedUri, UriError};
///
/// let uri = OwnedUri::parse("HTTPS://Example.com:443/caf\u{e9} bar/../menu?ids[]=1&q={\"a\":1}")?;
/// assert_eq!(uri.as_uri().as_str(), "wss://example.com/menu?ids[]=1&q={%22a%22:1}");
/// assert_eq!(OwnedUri::parse("localhost:9001").unwrap_err(), UriError::MissingScheme);
/// # Ok::<(), UriError>(())
/// ```
#[cfg(feature = "alloc")]
#[derive(Clone, PartialEq, Eq)]
pub struct OwnedUri {
    text: alloc::string::String,
    layout: Layout,
}

#[cfg(feature = "alloc")]
impl OwnedUri {
    /// Reads `text` as the constructor of a browser's `WebSocket` does, by the
    /// [URL standard](https://url.spec.whatwg.org): `http` becomes `ws` and `https` becomes `wss`; space around the text,
    /// tabs and line breaks are removed; backslashes are slashes; path and query are percent-encoded only where they
    /// must be; dot segments are applied to the segments before them; the host is percent-decoded and in lower case, an
    /// IP address in its usual form.
    ///
    /// A host outside of ASCII becomes punycode with the feature `url`. Punycode is not checked. User information is
    /// handled as by [`Uri::parse`].
    ///
    /// The standard accepts these, and this function refuses them: port 0, to which no client can connect; credentials
    /// that Basic authentication has no form for (RFC 7617 §2); the characters `"`, `` ` ``, `{` and `}` in a host,
    /// which no `Host` header may hold (RFC 9110 §7.2); more than 65 534 bytes.
    ///
    /// # Errors
    /// [`UriError`] says which part is at fault.
    pub fn parse(text: impl AsRef<str>) -> Result<Self, UriError> {
        let (text, layout) = whatwg::normalise(text.as_ref())?;
        check_userinfo(layout.userinfo(&text))?;
        Ok(Self { text, layout })
    }

    /// The view; nothing is parsed again.
    #[must_use]
    pub fn as_uri(&self) -> Uri<'_> {
        Uri { text: &self.text, layout: self.layout }
    }
}

/// Prints the URI with its credentials left out.
#[cfg(feature = "alloc")]
impl fmt::Debug for OwnedUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_uri(), f)
    }
}

/// An origin or authority taken apart: what two of them are compared by (RFC 6454 §5).
#[derive(Clone, Copy)]
pub(crate) struct Origin<'a> {
    scheme: &'a str,
    host: &'a str,
    /// Explicit, or the scheme's own where that is known.
    port: Option<u16>,
}

impl<'a> Origin<'a> {
    /// Reads a serialised origin, "scheme "://" host [ ":" port ]" (RFC 6454 §6.2). `None` for
    /// `null` and whatever else names no host.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let uri = UriStr::new(text).ok()?;
        let authority = uri.authority_components()?;
        let bare = authority.userinfo().is_none()
            && uri.path_str().is_empty()
            && uri.query_str().is_none()
            && uri.fragment_str().is_none();
        if !bare || authority.host().is_empty() {
            return None;
        }
        let scheme = uri.scheme_str();
        let port = match authority.port() {
            None | Some("") => known_port(scheme),
            Some(digits) => Some(digits.parse().ok()?),
        };
        Some(Self { scheme, host: authority.host(), port })
    }

    /// Whether scheme, host and port are the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.scheme.eq_ignore_ascii_case(other.scheme)
            && self.host.eq_ignore_ascii_case(other.host)
            && self.port == other.port
    }

    /// Whether `host` (the value of a `Host` header) names this origin's host and port. A `Host`
    /// without a port means the default port of this origin's scheme.
    pub(crate) fn matches_host(&self, host: &str) -> bool {
        let default = known_port(self.scheme);
        default.is_some()
            && split_host(host).is_some_and(|(host, port)| {
                self.host.eq_ignore_ascii_case(host) && self.port == port.or(default)
            })
    }
}

/// The authority of an absolute `http`, `https`, `ws` or `wss` URI without user information, and
/// what follows it; `None` for anything else.
pub(crate) fn split_absolute_target(target: &str) -> Option<(&str, &str)> {
    let uri = UriStr::new(target).ok()?;
    known_port(uri.scheme_str())?;
    let authority = uri.authority_str()?;
    let rest = target.get(uri.scheme_str().len() + "://".len() + authority.len()..)?;
    is_host(authority).then_some((authority, rest))
}

/// Whether `text` is the value of a `Host` header: "uri-host [ ":" port ]" (RFC 9110 §7.2), the
/// host not empty and the port at most 65535.
pub(crate) fn is_host(text: &str) -> bool {
    split_host(text).is_some()
}

/// The host, brackets and all, and the port where there is one; `None` when it is no authority or
/// has user information.
fn split_host(text: &str) -> Option<(&str, Option<u16>)> {
    // Bytes, because a search for a character costs more than so short a text.
    let colon = text.bytes().rposition(|byte| byte == b':').unwrap_or(text.len());
    let (host, port) = match (text.get(..colon), text.get(colon + 1..)) {
        // A colon within the brackets belongs to the address.
        (Some(host), Some(port)) if !port.ends_with(']') => (host, port),
        _ => (text, ""),
    };
    iri_string::validate::host::<UriSpec>(host).ok()?;
    let port = match port {
        "" => None,
        // `parse` would take a plus sign.
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
        _ => return None,
    };
    (!host.is_empty()).then_some((host, port))
}

/// The default port of the schemes that a WebSocket can have to do with.
fn known_port(scheme: &str) -> Option<u16> {
    match scheme {
        _ if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("ws") => Some(80),
        _ if scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("wss") => {
            Some(443)
        }
        _ => None,
    }
}

/// "The user-id and password MUST NOT contain any control characters", and "a user-id containing a
/// colon character is invalid" (RFC 7617 §2).
fn check_userinfo(userinfo: &str) -> Result<(), UriError> {
    if userinfo.is_empty() {
        return Ok(());
    }
    let user = userinfo.split_once(':').map_or(userinfo, |(user, _)| user);
    let is_valid = percent_decoded(userinfo).all(|byte| !byte.is_ascii_control())
        && percent_decoded(user).all(|byte| byte != b':');
    if is_valid { Ok(()) } else { Err(UriError::Userinfo) }
}

/// Writes at most three bytes as four characters.
fn put_base64(group: &[u8], out: &mut Cursor<'_>) {
    let mut text = [0; 4];
    let length = STANDARD.encode_slice(group, &mut text).unwrap_or_default();
    out.put(text.get(..length).unwrap_or_default());
}
