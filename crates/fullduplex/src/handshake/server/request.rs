//! A request for a WebSocket, and its checks (RFC 6455 §4.2.1).

use core::fmt;

use super::error::RequestError;
use crate::handshake::head::{HeadError, RequestHead};
use crate::handshake::key::Key;
use crate::handshake::negotiate::{Field, UpgradeTokens, choose_subprotocol};
use crate::headers::{Extension, Headers, extensions, is_token, list_elements};
use crate::uri::{Origin, is_host, split_absolute_target};

/// A checked request for a WebSocket (RFC 6455 §4.2.1). The application decides on it, and [`accept`](Self::accept)
/// opens the WebSocket.
///
/// It borrows the received bytes, or the [parts](super::RequestParts) that it came in. With `alloc`,
/// [`into_owned`](Self::into_owned) copies them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Request<'b> {
    /// Empty for a request that came in parts.
    pub(super) head: &'b [u8],
    pub(super) target: &'b str,
    /// The target without the authority of an absolute URI.
    pub(super) path_and_query: &'b str,
    pub(super) host: &'b str,
    pub(super) headers: Headers<'b>,
    /// `None` for a request of HTTP/2.
    pub(super) key: Option<Key>,
}

impl<'b> Request<'b> {
    /// The number of bytes of the head. The bytes after it in the buffer are frames for the connection, because a
    /// client may send before it has the response. It is 0 for a request that came in [parts](super::RequestParts).
    #[must_use]
    pub const fn head_len(&self) -> usize {
        self.head.len()
    }

    /// The request target as it was sent (RFC 9112 §3.2): `/chat?room=1`, or the absolute form,
    /// `http://example.com/chat?room=1`, which the client of a proxy sends.
    #[must_use]
    pub const fn target(&self) -> &'b str {
        self.target
    }

    /// The path of the target, percent-encoded as it was sent; it begins with `/`.
    #[must_use]
    pub fn path(&self) -> &'b str {
        split_query(self.path_and_query).0
    }

    /// The query of the target, percent-encoded as it was sent and without its question mark.
    #[must_use]
    pub fn query(&self) -> Option<&'b str> {
        split_query(self.path_and_query).1
    }

    /// The host that the client wants to talk to, and the port if it was sent: the authority of an absolute target,
    /// which takes precedence (RFC 9112 §3.2.2), or the `Host` header.
    #[must_use]
    pub const fn host(&self) -> &'b str {
        self.host
    }

    /// The `Origin` header: the site whose script opened the WebSocket (RFC 6455 §10.2). Browsers always send it, with
    /// the value `null` if the page has no origin. Other clients may not send it, or send any value. It is also `None`
    /// when it is not UTF-8; then see [`Headers::get`].
    #[must_use]
    pub fn origin(&self) -> Option<&'b str> {
        self.headers.get_str("origin")
    }

    /// Whether the script that opened the WebSocket came from the same host and port. This is the simplest defence
    /// against scripts of other sites, which would act with a visitor's cookies (RFC 6455 §10.2).
    ///
    /// `Origin` is compared with [`host`](Self::host); the origin's scheme decides the default port. If a proxy
    /// rewrites `Host`, use [`origin_allowed`](Self::origin_allowed) instead. A request without `Origin` does not come
    /// from a browser, so it cannot be such an attack, and this returns true. It returns false for `null`, for a
    /// malformed origin, and for two `Origin` lines.
    #[must_use]
    pub fn is_same_origin(&self) -> bool {
        self.check_origin(|origin| {
            Origin::parse(origin).is_some_and(|origin| origin.matches_host(self.host))
        })
    }

    /// Whether the `Origin` is one of `allowed`. Each is written as browsers send it: `https://a.example`, with a port
    /// if it is not the default, and without a path. Scheme and host are compared without regard to case. `null` is
    /// allowed if the list contains it.
    ///
    /// A request without `Origin` does not come from a browser, and is allowed: a program could send any origin. To
    /// demand an origin, check [`origin`](Self::origin) as well.
    #[must_use]
    pub fn origin_allowed(&self, allowed: &[&str]) -> bool {
        self.check_origin(|origin| {
            let parsed = Origin::parse(origin);
            allowed.iter().any(|&candidate| {
                candidate == origin
                    || parsed.is_some_and(|origin| {
                        Origin::parse(candidate).is_some_and(|candidate| candidate.is_same(&origin))
                    })
            })
        })
    }

    /// The subprotocols that the client offers, in its order of preference, from all `Sec-WebSocket-Protocol` lines
    /// (RFC 6455 §11.3.4). Each of them is a token.
    pub fn subprotocols(&self) -> impl Iterator<Item = &'b str> + Clone + use<'b> {
        self.headers
            .list("sec-websocket-protocol")
            .filter_map(|subprotocol| core::str::from_utf8(subprotocol).ok())
    }

    /// The first of `supported` that the client offers, so the server's order of preference decides. Subprotocols are
    /// compared exactly. `None` means that the server should use none (RFC 6455 §4.2.2, item 5.5).
    #[must_use]
    pub fn choose_subprotocol<'s>(&self, supported: &[&'s str]) -> Option<&'s str> {
        choose_subprotocol(supported, self.subprotocols())
    }

    /// The extensions that the client offers, in its order of preference (RFC 6455 §9.1).
    pub fn extensions(&self) -> impl Iterator<Item = Extension<'b>> + Clone + use<'b> {
        // The check of the request has found every element well formed.
        self.headers.extensions().filter_map(Result::ok)
    }

    /// All header lines, in order.
    #[must_use]
    pub const fn headers(&self) -> Headers<'b> {
        self.headers
    }

    /// The client's `Sec-WebSocket-Key`, or `None` for an [extended CONNECT](super::ExtendedConnect) over HTTP/2, which
    /// has no key (RFC 8441 §5).
    #[must_use]
    pub const fn key(&self) -> Option<Key> {
        self.key
    }

    /// The status of the response that opens the WebSocket: 101, or 200 over HTTP/2 (RFC 8441 §5).
    #[must_use]
    pub const fn success_status(&self) -> u16 {
        if self.key.is_some() { 101 } else { 200 }
    }

    /// Runs `test` on the `Origin`. Returns true if there is none, and false if there are two or if it is not text.
    fn check_origin(&self, test: impl FnOnce(&str) -> bool) -> bool {
        let mut origins = self.headers.get_all("origin");
        match (origins.next(), origins.next()) {
            (None, _) => true,
            (Some(origin), None) => core::str::from_utf8(origin).is_ok_and(test),
            (Some(_), Some(_)) => false,
        }
    }

    /// Checks 2 to 9 of the list in the module `server`, for a head that came as bytes.
    pub(super) fn check(parsed: &RequestHead<'_, 'b>) -> Result<Self, RequestError> {
        // "An HTTP/1.1 or higher GET request": "a server MUST ignore an Upgrade header field that is received in an
        // HTTP/1.0 request" (RFC 9110 §7.8).
        if parsed.minor_version != 1 {
            return Err(HeadError::Version.into());
        }
        let mut fields = Fields::default();
        for line in parsed.lines {
            fields.add(line.name, line.value);
        }
        Self::check_fields(parsed.head, parsed.method, parsed.target, parsed.headers, &fields)
    }

    /// Checks 2 to 9 of the list in the module `server`, for any request of HTTP/1.1. `fields` must be gathered from
    /// `headers`. `head` is empty if the request did not come as bytes.
    #[inline]
    pub(super) fn check_fields(
        head: &'b [u8],
        method: &str,
        target: &'b str,
        headers: Headers<'b>,
        fields: &Fields<'b>,
    ) -> Result<Self, RequestError> {
        // "The method of the request MUST be GET"; methods are case-sensitive.
        if method != "GET" {
            return Err(if method == "HEAD" {
                RequestError::HeadMethod
            } else {
                RequestError::Method
            });
        }
        let (authority, path_and_query) = split_target(target)?;
        // "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request
        // message that lacks a Host header field and to any request message that contains more than
        // one Host header field line or a Host header field with an invalid field value." An empty value is only for
        // target URIs without an authority, and a ws URI always has one (RFC 6455 §3).
        let host = fields.host.only().ok_or(RequestError::Host)?;
        let host = core::str::from_utf8(host).ok().filter(|host| is_host(host));
        // "When an origin server receives a request with an absolute-form of request-target, the
        // origin server MUST ignore the received Host header field."
        let host = authority.or(host).ok_or(RequestError::Host)?;
        // One end could take the bytes of a body for frames, and the other not.
        if fields.announces_body {
            return Err(RequestError::Body);
        }
        if !fields.tokens.upgrade {
            return Err(RequestError::Upgrade);
        }
        if !fields.tokens.connection {
            return Err(RequestError::Connection);
        }
        // "A |Sec-WebSocket-Version| header field, with a value of 13."
        if fields.version.only() != Some(b"13") {
            return Err(RequestError::Version);
        }
        // "A |Sec-WebSocket-Key| header field with a base64-encoded value that, when decoded, is 16
        // bytes in length", and it "MUST NOT appear more than once".
        let key = match fields.key {
            Field::Absent => return Err(RequestError::KeyMissing),
            field => field.only().and_then(Key::parse).ok_or(RequestError::Key)?,
        };
        fields.check_lists()?;
        Ok(Self { head, target, path_and_query, host, headers, key: Some(key) })
    }

    /// Checks 4 to 7 of the list in the module `extended_connect`.
    pub(super) fn check_connect(
        path: &'b str,
        authority: Option<&'b str>,
        headers: Headers<'b>,
        fields: &Fields<'b>,
    ) -> Result<Self, RequestError> {
        // "A server SHOULD treat a request as malformed if it contains a Host header field that identifies an entity
        // that differs from the entity in the ":authority" pseudo-header field" (RFC 9113 §8.3.1).
        let host = match (fields.host, authority) {
            (Field::Absent, Some(authority)) => Some(authority),
            (field, authority) => field
                .only()
                .and_then(|host| core::str::from_utf8(host).ok())
                .filter(|host| authority.is_none_or(|it| it.eq_ignore_ascii_case(host))),
        };
        let host = host.filter(|host| is_host(host)).ok_or(RequestError::Host)?;
        if fields.announces_body {
            return Err(RequestError::Body);
        }
        // "The Origin, Sec-WebSocket-Version, Sec-WebSocket-Protocol, and Sec-WebSocket-Extensions header fields are
        // used in the CONNECT request and response-header fields as defined in [RFC6455]" (RFC 8441 §5).
        if fields.version.only() != Some(b"13") {
            return Err(RequestError::ConnectVersion);
        }
        fields.check_lists()?;
        Ok(Self { head: &[], target: path, path_and_query: path, host, headers, key: None })
    }
}

/// Prints target, host and headers, but not the values of headers that carry credentials.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("target", &self.target)
            .field("host", &self.host)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

/// Splits a target into the authority, if the target is absolute, and path and query.
pub(super) fn split_target(target: &str) -> Result<(Option<&str>, &str), RequestError> {
    // "Fragment identifiers MUST NOT be used on these URIs."
    if target.bytes().any(|byte| byte == b'#') {
        return Err(RequestError::Target);
    }
    if target.starts_with('/') {
        return Ok((None, target));
    }
    // "To allow for transition to the absolute-form for all requests, a server MUST accept the
    // absolute-form in requests." The other two forms, `*` and an authority alone, are not for GET.
    let (authority, rest) = split_absolute_target(target).ok_or(RequestError::Target)?;
    Ok((Some(authority), rest))
}

/// Splits path and query: the path, or `/` if it is empty, and the query without its question mark.
pub(super) fn split_query(path_and_query: &str) -> (&str, Option<&str>) {
    let (path, query) = match path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path_and_query, None),
    };
    (if path.is_empty() { "/" } else { path }, query)
}

/// Whether a `Content-Length` announces an empty body.
///
/// "Content-Length = 1*DIGIT", so `00` is valid. For a list "consisting of the same decimal value […] such as
/// "Content-Length: 42, 42"", a recipient may use "that valid value once" (RFC 9110 §8.6). Any other value counts as
/// announcing a body.
fn is_zero_length(value: &[u8]) -> bool {
    let is_zero = |length: &[u8]| !length.is_empty() && length.iter().all(|&byte| byte == b'0');
    value == b"0" || value.split(|&byte| byte == b',').all(|length| is_zero(length.trim_ascii()))
}

/// What the handshake needs of the header lines, gathered in one pass.
#[derive(Default)]
pub(super) struct Fields<'b> {
    host: Field<'b>,
    version: Field<'b>,
    key: Field<'b>,
    pub(super) tokens: UpgradeTokens,
    announces_body: bool,
    has_malformed_subprotocols: bool,
    has_malformed_extensions: bool,
}

impl<'b> Fields<'b> {
    fn check_lists(&self) -> Result<(), RequestError> {
        if self.has_malformed_subprotocols {
            return Err(RequestError::Subprotocols);
        }
        if self.has_malformed_extensions {
            return Err(RequestError::Extensions);
        }
        Ok(())
    }

    /// Whether the `Host` lines are valid for any HTTP/1 request: there is one valid line, or, in HTTP/1.0, none.
    pub(super) fn has_sound_host(&self, is_1_1: bool) -> bool {
        match self.host {
            Field::Absent => !is_1_1,
            // An empty value is for target URIs without an authority.
            Field::Once(host) => host.is_empty() || core::str::from_utf8(host).is_ok_and(is_host),
            Field::Repeated => false,
        }
    }

    /// Adds one header line.
    // Inlined, because it is the body of loops over all lines of a head.
    #[inline(always)]
    pub(super) fn add(&mut self, name: &str, value: &'b [u8]) {
        // Most clients write these names as the RFC does, and an exact comparison is cheaper.
        let is = |known: &str| name == known || name.eq_ignore_ascii_case(known);
        // The length excludes nearly all names before a character is compared.
        match name.len() {
            4 if is("Host") => self.host.add(value),
            7 if is("Upgrade") => self.tokens.add_upgrade(value),
            10 if is("Connection") => self.tokens.add_connection(value),
            14 if is("Content-Length") => self.announces_body |= !is_zero_length(value),
            17 if is("Sec-WebSocket-Key") => self.key.add(value),
            // "If a Transfer-Encoding header field is present in a request and the chunked transfer coding is not the
            // final encoding, the message body length cannot be determined reliably; the server MUST respond with the
            // 400 (Bad Request)". `identity`, by which RFC 2616 meant no coding, is no longer defined.
            17 if is("Transfer-Encoding") => self.announces_body = true,
            21 if is("Sec-WebSocket-Version") => self.version.add(value),
            // "Sec-WebSocket-Protocol-Client = 1#token"
            22 if is("Sec-WebSocket-Protocol") => {
                let mut elements = list_elements(value);
                if elements.clone().next().is_none() || !elements.all(is_token) {
                    self.has_malformed_subprotocols = true;
                }
            }
            24 if is("Sec-WebSocket-Extensions")
                && extensions(value).any(|element| element.is_err()) =>
            {
                self.has_malformed_extensions = true;
            }
            _ => {}
        }
    }
}
