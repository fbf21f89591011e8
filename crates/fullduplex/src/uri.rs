//! WebSocket URIs (RFC 6455 §3), and the comparison of origins (RFC 6454) with hosts.
//!
//! A URL means what it means to a browser, so the URL standard decides (module `whatwg`). Origins and hosts that a peer
//! sends must follow the grammar of RFC 3986, for which we use `iri-string`.

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

/// A checked `ws:` or `wss:` URI (RFC 6455 §3): where to connect, and which resource to request. It borrows its text.
///
/// ```
/// let uri = fullduplex::Uri::parse("wss://[2001:db8::1]:8443/chat?room=1")?;
/// assert!(uri.is_secure());
/// assert_eq!((uri.host(), uri.port()), ("2001:db8::1", 8443));
/// assert_eq!((uri.path(), uri.query()), ("/chat", Some("room=1")));
/// # Ok::<(), fullduplex::UriError>(())
/// ```
///
/// With a heap, use `OwnedUri`: it accepts a URL as people write it, and converts it to the form in which browsers send
/// it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Uri<'a> {
    text: &'a str,
    layout: Layout,
}

impl<'a> Uri<'a> {
    /// Parses `text` as the URL of a WebSocket. The URL must already have the form in which it is sent.
    ///
    /// The [URL standard](https://url.spec.whatwg.org) defines that form. `OwnedUri` converts a URL to it. Without a
    /// heap, the caller must do this:
    ///
    /// * In path and query, percent-encode control characters, spaces, `"`, `<`, `>` and all characters that are not
    ///   ASCII; in a path also `^`, `` ` ``, `{` and `}`, and in a query also `'`. Write `#` as `%23`. Replace each
    ///   backslash in a path by a slash.
    /// * Remove the segments `.` and `..` from the path, encoded (`%2e`) or not.
    /// * Write the host in ASCII and without percent-encoding; an internationalised name must be punycode (`xn--…`).
    ///   Write an IP address in its usual form: `127.0.0.1`, not `127.1` or `0x7f000001`; `[::1]`, not `[0:0::1]`.
    /// * Write two slashes after the scheme's colon, and no tab or line break.
    ///
    /// The case of scheme and host does not matter; `http` means `ws`, and `https` means `wss`. The path may be empty,
    /// and so may the port (`ws://host:/`). Space around the text is ignored. User information
    /// (`ws://user:password@host/`) becomes an `Authorization: Basic` header of the handshake (RFC 7617),
    /// percent-decoded.
    ///
    /// # Errors
    /// [`UriError::NotNormal`] when `text` has another form; otherwise, a [`UriError`] says which part is invalid.
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        let text = whatwg::trimmed(text);
        let layout = whatwg::check(text)
            .and_then(|layout| check_userinfo(layout.userinfo(text)).map(|()| layout));
        match layout {
            Ok(layout) => Ok(Self { text, layout }),
            // The standard removes tabs and line breaks, which we cannot do without a heap.
            Err(_) if text.bytes().any(whatwg::is_removed) => Err(UriError::NotNormal),
            Err(error) => Err(error),
        }
    }

    /// The text, including credentials. It is for a parser, not for a log.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// Whether the scheme is `wss`, which means TLS (RFC 6455 §3).
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.layout.secure
    }

    /// The host to connect to: a name, or an IP address without brackets. A name may have capital letters here; the
    /// `Host` header has it in lower case.
    #[must_use]
    pub fn host(&self) -> &'a str {
        let host = self.bracketed_host();
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// The host as it is in the URI: an IPv6 address has brackets. A `Host` header has it in lower case.
    #[must_use]
    pub fn bracketed_host(&self) -> &'a str {
        self.layout.host(self.text)
    }

    /// The port to connect to. The default is 80 for `ws` and 443 for `wss` (RFC 6455 §3).
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.layout.port
    }

    /// The path for the request line, percent-encoded as in the URI. It is `/` if the URI has none.
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

    /// Whether the URI contains a user name or password, which the handshake sends.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        // By the URL standard, there are no credentials if user name and password are both empty.
        !matches!(self.userinfo(), "" | ":")
    }

    fn userinfo(&self) -> &'a str {
        self.layout.userinfo(self.text)
    }

    /// Writes the resource name (RFC 6455 §3): the path, and the query after a question mark.
    pub(crate) fn put_resource_name(&self, out: &mut Cursor<'_>) {
        out.put(self.path().as_bytes());
        if let Some(query) = self.query() {
            out.put(b"?");
            out.put(query.as_bytes());
        }
    }

    /// Writes the value of the `Host` header, with the port if it is not the scheme's default.
    pub(crate) fn put_host(&self, out: &mut Cursor<'_>) {
        let host = self.bracketed_host().as_bytes();
        if host.iter().any(u8::is_ascii_uppercase) {
            host.iter().for_each(|byte| out.put(&[byte.to_ascii_lowercase()]));
        } else {
            out.put(host);
        }
        if self.layout.port != default_port(self.layout.secure) {
            // Writing to a cursor cannot fail: when its buffer is full, it counts.
            let _ = fmt::Write::write_fmt(out, format_args!(":{}", self.layout.port));
        }
    }

    /// Writes the credentials of RFC 7617 §2: "user-id ":" password", decoded, then in base64.
    pub(crate) fn put_basic_credentials(&self, out: &mut Cursor<'_>) {
        let userinfo = self.userinfo();
        // Without a password, the colon is needed as well.
        let colon: &[u8] = if userinfo.bytes().any(|byte| byte == b':') { b"" } else { b":" };
        // Base64 encodes groups of three bytes. These are the bytes of a group that is not complete.
        let (mut first, mut second) = (None, None);
        for byte in percent_decoded(userinfo).chain(colon.iter().copied()) {
            match (first, second) {
                (None, _) => first = Some(byte),
                (Some(_), None) => second = Some(byte),
                (Some(a), Some(b)) => {
                    put_base64(&[a, b, byte], out);
                    (first, second) = (None, None);
                }
            }
        }
        match (first, second) {
            (None, _) => {}
            (Some(a), None) => put_base64(&[a], out),
            (Some(a), Some(b)) => put_base64(&[a, b], out),
        }
    }
}

/// Prints the URI without its credentials.
impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.layout.before_authority(self.text))?;
        if self.has_credentials() {
            f.write_str("***@")?;
        }
        f.write_str(self.layout.host_and_rest(self.text))
    }
}

/// Prints the URI without its credentials.
impl fmt::Debug for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({self})")
    }
}

/// A `ws:` or `wss:` URI (RFC 6455 §3) that owns its text. It accepts a URL as people write it, and converts it to the
/// form in which browsers send it.
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
    /// Parses `text` as a browser's `WebSocket` does, by the [URL standard](https://url.spec.whatwg.org). `http`
    /// becomes `ws`, and `https` becomes `wss`. Space around the text, tabs and line breaks are removed. Backslashes
    /// become slashes. Path and query are percent-encoded only where they must be. Dot segments are removed, each `..`
    /// together with the segment before it. The host is percent-decoded and converted to lower case, and an IP address
    /// to its usual form.
    ///
    /// With the feature `url`, a host that is not ASCII becomes punycode. Punycode in the text is not checked. User
    /// information is handled as by [`Uri::parse`].
    ///
    /// The standard accepts these, but this function refuses them: port 0, to which no client can connect; credentials
    /// that Basic authentication cannot express (RFC 7617 §2); the characters `"`, `` ` ``, `{` and `}` in a host,
    /// which no `Host` header may contain (RFC 9110 §7.2); more than 65 534 bytes.
    ///
    /// # Errors
    /// [`UriError`] says which part is invalid.
    pub fn parse(text: impl AsRef<str>) -> Result<Self, UriError> {
        let (text, layout) = whatwg::normalise(text.as_ref())?;
        check_userinfo(layout.userinfo(&text))?;
        Ok(Self { text, layout })
    }

    /// A view of this URI. Nothing is parsed again.
    #[must_use]
    pub fn as_uri(&self) -> Uri<'_> {
        Uri { text: &self.text, layout: self.layout }
    }
}

#[cfg(feature = "alloc")]
impl core::str::FromStr for OwnedUri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        Self::parse(text)
    }
}

/// Prints the URI without its credentials.
#[cfg(feature = "alloc")]
impl fmt::Display for OwnedUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_uri().fmt(f)
    }
}

/// Prints the URI without its credentials.
#[cfg(feature = "alloc")]
impl fmt::Debug for OwnedUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_uri(), f)
    }
}

/// A parsed origin (RFC 6454 §5).
#[derive(Clone, Copy)]
pub(crate) struct Origin<'a> {
    scheme: &'a str,
    host: &'a str,
    /// The explicit port, or the scheme's default port if that is known.
    port: Option<u16>,
}

impl<'a> Origin<'a> {
    /// Parses a serialised origin, "scheme "://" host [ ":" port ]" (RFC 6454 §6.2). Returns `None` for `null`, and for
    /// everything else that is not an origin with a host.
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

    /// Whether `host`, the value of a `Host` header, is this origin's host and port. A `Host` without a port means the
    /// default port of this origin's scheme.
    pub(crate) fn matches_host(&self, host: &str) -> bool {
        let default = known_port(self.scheme);
        default.is_some()
            && split_host(host).is_some_and(|(host, port)| {
                self.host.eq_ignore_ascii_case(host) && self.port == port.or(default)
            })
    }
}

/// Splits an absolute `http`, `https`, `ws` or `wss` URI without user information into its authority and the rest after
/// it. Returns `None` for any other text.
pub(crate) fn split_absolute_target(target: &str) -> Option<(&str, &str)> {
    let uri = UriStr::new(target).ok()?;
    known_port(uri.scheme_str())?;
    let authority = uri.authority_str()?;
    let rest = target.get(uri.scheme_str().len() + "://".len() + authority.len()..)?;
    is_host(authority).then_some((authority, rest))
}

/// Whether `text` is a valid value of a `Host` header: "uri-host [ ":" port ]" (RFC 9110 §7.2), with a host that is not
/// empty and a port of at most 65535.
pub(crate) fn is_host(text: &str) -> bool {
    split_host(text).is_some()
}

/// Splits an authority into the host, with its brackets, and the port if there is one. Returns `None` if it is not
/// valid, or has user information.
fn split_host(text: &str) -> Option<(&str, Option<u16>)> {
    // This searches bytes, because in so short a text a search for a character costs more.
    let colon = text.bytes().rposition(|byte| byte == b':');
    let parts = colon.and_then(|colon| Some((text.get(..colon)?, text.get(colon + 1..)?)));
    let (host, port) = match parts {
        // A colon within brackets is part of an IPv6 address.
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, ""),
    };
    iri_string::validate::host::<UriSpec>(host).ok()?;
    let port = match port {
        "" => None,
        // `parse` would accept a plus sign.
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
        _ => return None,
    };
    (!host.is_empty()).then_some((host, port))
}

/// The default port of the schemes of HTTP and WebSocket.
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

/// Writes one to three bytes as four characters.
fn put_base64(group: &[u8], out: &mut Cursor<'_>) {
    let mut text = [0; 4];
    let written = STANDARD.encode_slice(group, &mut text);
    debug_assert_eq!(written.ok(), Some(text.len()));
    out.put(&text);
}
