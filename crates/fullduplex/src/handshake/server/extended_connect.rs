//! The server's side of the opening handshake of HTTP/2 and HTTP/3: extended CONNECT (RFC 8441 §4 and §5, RFC 9220
//! §3). A header list comes in; what goes out is a header list as well, [`Request::accept_parts`]. There are no bytes
//! and no key: the stream of the request becomes the WebSocket's transport.
//!
//! The checks come in this order, and the first that fails names the error:
//! 1. the method is `CONNECT` (405) and `:protocol` is `websocket` (501),
//! 2. `:scheme` is `http` or `https`, and `:path` is a path without a fragment (400),
//! 3. names and values of the headers are valid, and none belongs to a connection of HTTP/1.1 (400),
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

/// A request of HTTP/2 or HTTP/3 that may ask for a WebSocket (RFC 8441 §4), as an HTTP library hands it out: nothing
/// of it is taken for granted.
///
/// The server announces `SETTINGS_ENABLE_CONNECT_PROTOCOL` (RFC 8441 §3), which is the library's affair.
///
/// ```
/// use fullduplex::handshake::{Answer, ExtendedConnect};
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
/// let answer = Answer::new().subprotocol(request.choose_subprotocol(&["chat"]));
/// let mut response = vec![(":status".to_owned(), request.success_status().to_string().into_bytes())];
/// let _negotiated = request.accept_parts(&answer, |name, value| {
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
    /// `:protocol`, which makes the CONNECT an extended one: `websocket`.
    pub protocol: Option<&'b str>,
    /// `:scheme`: `https` for a URI of `wss`, `http` for one of `ws`.
    pub scheme: Option<&'b str>,
    /// `:authority`: host, and port unless it is the scheme's own. Where it is missing, `Host` has to be there.
    pub authority: Option<&'b str>,
    /// `:path`: a path with its query.
    pub path: Option<&'b str>,
    /// The header fields behind the pseudo-headers, in order.
    pub headers: &'b [Header<'b>],
}

impl<'b> ExtendedConnect<'b> {
    /// Takes a list of fields apart that begins with the pseudo-headers, as they came (RFC 9113 §8.3). It may be that
    /// of any request; [`check`](Self::check) tells what it asks for.
    ///
    /// # Errors
    /// [`RequestError::PseudoHeaders`] when one is repeated, unknown, not text, or comes behind other fields.
    pub fn from_fields(fields: &'b [Header<'b>]) -> Result<Self, RequestError> {
        let is_pseudo = |field: &Header<'_>| field.name.starts_with(':');
        let count = fields.iter().take_while(|field| is_pseudo(field)).count();
        let (pseudo, headers) = fields.split_at_checked(count).unwrap_or_default();
        // "All pseudo-header fields MUST appear in a field block before all regular field lines."
        if headers.iter().any(is_pseudo) {
            return Err(RequestError::PseudoHeaders);
        }
        let mut method = None;
        let mut connect = Self { headers, ..Self::default() };
        for Header { name, value } in pseudo {
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
        connect.method = method.ok_or(RequestError::PseudoHeaders)?;
        Ok(connect)
    }

    /// Whether it asks for a WebSocket. For a target that serves other requests as well; [`check`](Self::check) says
    /// whether it is one that can be answered.
    #[must_use]
    pub fn asks_for_websocket(&self) -> bool {
        // "Recipients SHOULD use case-insensitive comparison when matching each protocol-name" (RFC 9110 §7.8), of
        // whose registry ":protocol" is.
        self.method == "CONNECT"
            && self.protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"))
    }

    /// Checks that this is a request for a WebSocket, in the order that stands at the head of the module's source.
    ///
    /// # Errors
    /// [`RequestError`] when it is none; [`RequestError::status`] and [`RequestError::response_headers`] are the
    /// response that it calls for.
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
            // "A field name MUST NOT contain characters in the ranges […] 0x41-0x5a": it is in lower case.
            if !is_token(name.as_bytes()) || name.bytes().any(|byte| byte.is_ascii_uppercase()) {
                return Err(HeadError::HeaderName.into());
            }
            if !is_header_value(value) {
                return Err(HeadError::HeaderValue.into());
            }
            // "Any message containing connection-specific header fields MUST be treated as malformed", but for TE,
            // which "MUST NOT contain any value other than "trailers"".
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

/// Prints pseudo-headers and headers; the values of headers with credentials are left out.
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
