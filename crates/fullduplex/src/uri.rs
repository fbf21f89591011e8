//! WebSocket URIs (RFC 6455 §3), and origins (RFC 6454) compared with hosts.
//!
//! `iri-string` knows the grammar of RFC 3986; this file knows which of its URIs a WebSocket client
//! can connect to.

use core::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use iri_string::percent_encode::decode::{DecodedFragment, decode_whatwg_bytes};
use iri_string::spec::UriSpec;
use iri_string::types::UriStr;

use crate::output::Cursor;

#[cfg(test)]
mod tests;

/// A checked `ws:` or `wss:` URI (RFC 6455 §3): where to connect, and what to ask for there.
///
/// ```
/// let uri = fullduplex::Uri::parse("wss://[2001:db8::1]:8443/chat?room=1")?;
/// assert!(uri.is_secure());
/// assert_eq!((uri.host(), uri.port()), ("2001:db8::1", 8443));
/// assert_eq!((uri.path(), uri.query()), ("/chat", Some("room=1")));
/// # Ok::<(), fullduplex::UriError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Uri<'a> {
    text: &'a str,
    layout: Layout,
}

/// Where the parts lie in the text, so that an owned URI need not be parsed again.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Layout {
    secure: bool,
    port: u16,
    /// Where the user information, or without one the host, begins.
    authority: usize,
    host: usize,
    host_end: usize,
    path: usize,
    path_end: usize,
}

impl<'a> Uri<'a> {
    /// Reads `text` as a WebSocket URI: "ws-URI = "ws:" "//" host [ ":" port ] path [ "?" query ]".
    ///
    /// The scheme is compared without regard to case. Beyond the grammar of RFC 3986, the host must
    /// not be empty or percent-encoded (internationalised names go in as punycode, `xn--…`), and
    /// the port, where there is one, must be 1 to 65535; `ws://host:/` means the default port, as
    /// RFC 3986 §3.2.3 has it. User information (`ws://user:password@host/`) becomes an
    /// `Authorization: Basic` header of the handshake (RFC 7617), percent-decoded.
    ///
    /// # Errors
    /// [`UriError`] says which part is at fault.
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        let uri = UriStr::new(text).map_err(|_| UriError::Syntax)?;
        let scheme = uri.scheme_str();
        let secure = match scheme {
            _ if scheme.eq_ignore_ascii_case("ws") => false,
            _ if scheme.eq_ignore_ascii_case("wss") => true,
            _ => return Err(UriError::Scheme),
        };
        // "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT be
        // used on these URIs."
        if uri.fragment_str().is_some() {
            return Err(UriError::Fragment);
        }
        let parts = uri.authority_components().ok_or(UriError::Host)?;
        // The host must have meaning to a resolver and in a `Host` header alike.
        if parts.host().is_empty() || parts.host().contains('%') {
            return Err(UriError::Host);
        }
        let port = match parts.port() {
            None | Some("") => default_port(secure),
            Some(digits) => digits.parse().ok().filter(|&port| port != 0).ok_or(UriError::Port)?,
        };
        if !parts.userinfo().is_none_or(is_basic_userinfo) {
            return Err(UriError::Userinfo);
        }
        let authority = scheme.len() + "://".len();
        let host = authority + parts.userinfo().map_or(0, |userinfo| userinfo.len() + 1);
        let path = authority + uri.authority_str().map_or(0, str::len);
        let layout = Layout {
            secure,
            port,
            authority,
            host,
            host_end: host + parts.host().len(),
            path,
            path_end: path + uri.path_str().len(),
        };
        Ok(Self { text, layout })
    }

    /// Whether the scheme is `wss`: TLS before the handshake (RFC 6455 §3).
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.layout.secure
    }

    /// The host to dial: a name, or an IP address without brackets.
    #[must_use]
    pub fn host(&self) -> &'a str {
        let host = self.bracketed_host();
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// The host as it stands in the URI and in a `Host` header: an IPv6 address has brackets.
    #[must_use]
    pub fn bracketed_host(&self) -> &'a str {
        self.text.get(self.layout.host..self.layout.host_end).unwrap_or_default()
    }

    /// The port to dial: the URI's own, or 80 for `ws` and 443 for `wss` (RFC 6455 §3).
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.layout.port
    }

    /// The path for the request line, percent-encoded as in the URI; `/` when the URI has none.
    #[must_use]
    pub fn path(&self) -> &'a str {
        match self.text.get(self.layout.path..self.layout.path_end) {
            None | Some("") => "/",
            Some(path) => path,
        }
    }

    /// The query for the request line, percent-encoded as in the URI and without its question mark.
    #[must_use]
    pub fn query(&self) -> Option<&'a str> {
        self.text.get(self.layout.path_end..).and_then(|query| query.strip_prefix('?'))
    }

    /// Whether the URI carries a user name or password, which the handshake will send.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        !self.userinfo().is_empty()
    }

    fn userinfo(&self) -> &'a str {
        let userinfo = self.text.get(self.layout.authority..self.layout.host).unwrap_or_default();
        userinfo.strip_suffix('@').unwrap_or(userinfo)
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
        out.put(self.bracketed_host().as_bytes());
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

/// A [`Uri`] that owns its text.
#[cfg(feature = "alloc")]
#[derive(Clone, PartialEq, Eq)]
pub struct OwnedUri {
    text: alloc::string::String,
    layout: Layout,
}

#[cfg(feature = "alloc")]
impl OwnedUri {
    /// Reads `text` as a WebSocket URI, see [`Uri::parse`].
    ///
    /// # Errors
    /// [`UriError`] says which part is at fault.
    pub fn parse(text: impl Into<alloc::string::String>) -> Result<Self, UriError> {
        let text = text.into();
        let layout = Uri::parse(&text)?.layout;
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

/// Why a text is not a URI that a WebSocket client can connect to (RFC 6455 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UriError {
    /// It is not a URI at all (RFC 3986): a space, an umlaut or a lone `%`, say, or no scheme.
    Syntax,
    /// The scheme is neither `ws` nor `wss`.
    Scheme,
    /// There is no host, or it is percent-encoded.
    Host,
    /// The port is not a number from 1 to 65535.
    Port,
    /// There is a fragment (`#…`), which a WebSocket URI must not have.
    Fragment,
    /// The user information cannot be sent as Basic credentials: it decodes to a control character,
    /// or the user name to one with a colon (RFC 7617 §2).
    Userinfo,
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "the text is not a URI; other characters must be percent-encoded",
            Self::Scheme => "the URI's scheme is neither ws nor wss",
            Self::Host => "the URI has no host, or one that is percent-encoded",
            Self::Port => "the URI's port is not a number from 1 to 65535",
            Self::Fragment => "a WebSocket URI must not have a fragment ('#')",
            Self::Userinfo => "the URI's user name or password cannot be sent as Basic credentials",
        })
    }
}

impl core::error::Error for UriError {}

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
    let (host, port) = match text.rsplit_once(':') {
        // A colon within the brackets belongs to the address.
        Some((host, port)) if !port.ends_with(']') => (host, port),
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

const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
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
fn is_basic_userinfo(userinfo: &str) -> bool {
    let user = userinfo.split_once(':').map_or(userinfo, |(user, _)| user);
    percent_decoded(userinfo).all(|byte| !byte.is_ascii_control())
        && percent_decoded(user).all(|byte| byte != b':')
}

fn percent_decoded(text: &str) -> impl Iterator<Item = u8> {
    decode_whatwg_bytes(text.as_bytes()).bytes_fragments().flat_map(|fragment| {
        let (direct, decoded): (&[u8], _) = match fragment {
            DecodedFragment::Direct(bytes) => (bytes, None),
            DecodedFragment::DecodedByte(byte) => (&[], Some(byte)),
            DecodedFragment::StrayPercent => (b"%", None),
        };
        direct.iter().copied().chain(decoded)
    })
}

/// Writes at most three bytes as four characters.
fn put_base64(group: &[u8], out: &mut Cursor<'_>) {
    let mut text = [0; 4];
    let length = STANDARD.encode_slice(group, &mut text).unwrap_or_default();
    out.put(text.get(..length).unwrap_or_default());
}
