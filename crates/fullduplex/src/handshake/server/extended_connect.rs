//! The server's side of the opening handshake over HTTP/2 and HTTP/3: extended CONNECT (RFC 8441 §4 and §5, RFC 9220
//! §3). Request and response are header lists; [`Request::accept_parts`] creates the response. There is no key, and the
//! stream of the request becomes the WebSocket's transport.
//!
//! The checks have this order, and the first check that fails decides the error:
//! 1. the method is `CONNECT` (405) and `:protocol` is `websocket` (501),
//! 2. `:scheme` is `http` or `https`, and `:path` is a path without a fragment (400),
//! 3. names and values of the headers are valid, and none is about an HTTP/1.1 connection (400),
//! 4. there is one valid `:authority`, which `Host` does not contradict (400),
//! 5. no body is announced (400),
//! 6. `Sec-WebSocket-Version` is 13, once (400),
//! 7. the lists of subprotocols and extensions are well formed (400).

use core::fmt;

use super::error::RequestError;
use super::request::{Fields, Request};
use crate::handshake::head::HeadError;
use crate::handshake::negotiate::is_connection_specific;
use crate::headers::{Header, Headers, is_header_value, is_token};

/// A request over HTTP/2 or HTTP/3 that may ask for a WebSocket (RFC 8441 §4), as an HTTP library hands it out. All of
/// it is checked.
///
/// The HTTP library must announce `SETTINGS_ENABLE_CONNECT_PROTOCOL` to the client (RFC 8441 §3).
///
/// ```
/// use fullduplex::handshake::{Acceptance, ExtendedConnect};
/// use fullduplex::headers::Header;
///
/// let fields = [
///     Header { name: ":method", value: b"CONNECT" },
///     Header { name: ":protocol", value: b"websocket" },
///     Header { name: ":scheme", value: b"https" },
///     Header { name: ":path", value: b"/chat" },
///     Header { name: ":authority", value: b"server.example.com" },
///     Header { name: "sec-websocket-protocol", value: b"chat, superchat" },
///     Header { name: "sec-websocket-version", value: b"13" },
///     Header { name: "origin", value: b"http://www.example.com" },
/// ];
/// let request = ExtendedConnect::from_fields(&fields)?.check()?;
/// assert_eq!(request.path(), "/chat");
///
/// let acceptance = Acceptance::new().subprotocol(request.choose_subprotocol(&["chat"]));
/// let mut response = vec![(":status".to_owned(), request.success_status().to_string().into_bytes())];
/// let _negotiated = request.accept_parts(&acceptance, |name, value| {
///     response.push((name.to_owned(), value.to_owned()));
/// })?;
/// assert_eq!(response[0].1, b"200");
/// assert_eq!(response[1], ("sec-websocket-protocol".to_owned(), b"chat".to_vec()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct ExtendedConnect<'b> {
    /// `:method`: `CONNECT`.
    pub method: &'b str,
    /// `:protocol`: `websocket`. This field makes the request an extended CONNECT.
    pub protocol: Option<&'b str>,
    /// `:scheme`: `https` for a `wss` URI, `http` for a `ws` URI.
    pub scheme: Option<&'b str>,
    /// `:authority`: the host, and the port unless it is the scheme's default. Without it, there must be a `Host`
    /// header.
    pub authority: Option<&'b str>,
    /// `:path`: a path with its query.
    pub path: Option<&'b str>,
    /// The header fields after the pseudo-headers, in order.
    pub headers: &'b [Header<'b>],
}

impl<'b> ExtendedConnect<'b> {
    /// Reads a list of fields as it was received, pseudo-headers first (RFC 9113 §8.3). It may be the list of any
    /// request; [`check`](Self::check) checks that it asks for a WebSocket.
    ///
    /// # Errors
    /// [`RequestError::PseudoHeaders`] when a pseudo-header is repeated, unknown or not text, or comes after other
    /// fields, and when there is no `:method`.
    pub fn from_fields(fields: &'b [Header<'b>]) -> Result<Self, RequestError> {
        let mut method = None;
        let mut connect = Self { headers: fields, ..Self::default() };
        while let [Header { name, value }, headers @ ..] = connect.headers
            && name.starts_with(':')
        {
            connect.headers = headers;
            let place = match *name {
                ":method" => &mut method,
                ":protocol" => &mut connect.protocol,
                ":scheme" => &mut connect.scheme,
                ":authority" => &mut connect.authority,
                ":path" => &mut connect.path,
                // "Endpoints MUST treat a request or response that contains undefined or invalid pseudo-header
                // fields as malformed."
                _ => return Err(RequestError::PseudoHeaders),
            };
            let value = core::str::from_utf8(value).map_err(|_| RequestError::PseudoHeaders)?;
            // "The same pseudo-header field name MUST NOT appear more than once in a field block."
            if place.replace(value).is_some() {
                return Err(RequestError::PseudoHeaders);
            }
        }
        // "All pseudo-header fields MUST appear in a field block before all regular field lines."
        if connect.headers.iter().any(|field| field.name.starts_with(':')) {
            return Err(RequestError::PseudoHeaders);
        }
        connect.method = method.ok_or(RequestError::PseudoHeaders)?;
        Ok(connect)
    }

    /// Whether the request asks for a WebSocket, for a target that serves other requests as well.
    /// [`check`](Self::check) says whether it is valid.
    #[must_use]
    pub fn asks_for_websocket(&self) -> bool {
        // "Recipients SHOULD use case-insensitive comparison when matching each protocol-name" (RFC 9110 §7.8).
        // `:protocol` is a name from the same registry (RFC 8441 §4).
        self.method == "CONNECT"
            && self.protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"))
    }

    /// Checks that this is a valid request for a WebSocket, in the order at the head of the module's source.
    ///
    /// # Errors
    /// [`RequestError`] when it is not; [`RequestError::status`] and [`RequestError::response_headers`] are the
    /// response to send.
    pub fn check(&self) -> Result<Request<'b>, RequestError> {
        if self.method != "CONNECT" {
            return Err(RequestError::NotConnect);
        }
        if !self.asks_for_websocket() {
            return Err(RequestError::Protocol);
        }
        // "On requests that contain the :protocol pseudo-header field, the :scheme and :path pseudo-header fields of
        // the target URI MUST also be included."
        let is_http =
            |scheme: &str| ["https", "http"].iter().any(|it| scheme.eq_ignore_ascii_case(it));
        if !self.scheme.is_some_and(is_http) {
            return Err(RequestError::Target);
        }
        let is_path = |path: &&str| {
            path.starts_with('/')
                && path.bytes().all(|byte| byte > b' ' && byte != b'#' && !byte.is_ascii_control())
        };
        let path = self.path.filter(is_path).ok_or(RequestError::Target)?;
        let mut fields = Fields::default();
        for Header { name, value } in self.headers {
            // "A field name MUST NOT contain characters in the ranges […] 0x41-0x5a", which are capital letters.
            if !is_token(name.as_bytes()) || name.bytes().any(|byte| byte.is_ascii_uppercase()) {
                return Err(HeadError::HeaderName.into());
            }
            if !is_header_value(value) {
                return Err(HeadError::HeaderValue.into());
            }
            // "Any message containing connection-specific header fields MUST be treated as malformed", except TE, which
            // "MUST NOT contain any value other than "trailers"".
            let is_te = *name == "te" && value.trim_ascii().eq_ignore_ascii_case(b"trailers");
            if is_connection_specific(name) && !is_te {
                return Err(RequestError::ConnectionSpecific);
            }
            fields.add(name, value.trim_ascii());
        }
        let headers = Headers::from_validated_list(self.headers);
        Request::check_connect(path, self.authority, headers, &fields)
    }
}

/// Prints pseudo-headers and headers, but not the values of headers that carry credentials.
impl fmt::Debug for ExtendedConnect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExtendedConnect")
            .field("method", &self.method)
            .field("protocol", &self.protocol)
            .field("scheme", &self.scheme)
            .field("authority", &self.authority)
            .field("path", &self.path)
            .field("headers", &self.headers)
            .finish()
    }
}
