//! A request that another library has parsed, such as an HTTP server (RFC 6455 §4.2.1). The checks are the same as for
//! a request that comes as bytes.

use core::fmt;

use super::error::RequestError;
use super::request::{Fields, Request};
use crate::handshake::head::HeadError;
use crate::headers::{Header, Headers, is_header_value, is_token};

/// A request as an HTTP server hands it out. All of it is checked.
///
/// ```
/// use fullduplex::handshake::{Acceptance, RequestParts};
/// use fullduplex::headers::Header;
///
/// let headers = [
///     Header { name: "host", value: b"server.example.com" },
///     Header { name: "upgrade", value: b"websocket" },
///     Header { name: "connection", value: b"Upgrade" },
///     Header { name: "sec-websocket-key", value: b"dGhlIHNhbXBsZSBub25jZQ==" },
///     Header { name: "sec-websocket-version", value: b"13" },
/// ];
/// let parts = RequestParts { method: "GET", target: "/chat", version: (1, 1), headers: &headers };
/// let request = parts.check()?;
/// assert_eq!(request.path(), "/chat");
///
/// let mut response = Vec::new(); // with status 101
/// let _negotiated = request.accept_parts(&Acceptance::new(), |name, value| {
///     response.push((name.to_owned(), value.to_owned()));
/// })?;
/// assert_eq!(response[2].1, b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestParts<'b> {
    /// The method, such as `GET`.
    pub method: &'b str,
    /// The request target as it was sent (RFC 9112 §3.2): a path with its query, or an absolute URI.
    pub target: &'b str,
    /// The version of HTTP, major and minor: `(1, 1)`.
    pub version: (u8, u8),
    /// The header lines, in order. A header that was sent in several lines has several elements here.
    pub headers: &'b [Header<'b>],
}

impl<'b> RequestParts<'b> {
    /// Checks that this is a valid request for a WebSocket, as [`ServerHandshake`](super::ServerHandshake) does and in
    /// the same order. The HTTP server must limit the size of the head.
    ///
    /// # Errors
    /// [`RequestError`] when it is not; [`RequestError::status`] and [`RequestError::response_headers`] are the
    /// response to send.
    pub fn check(&self) -> Result<Request<'b>, RequestError> {
        // "An HTTP/1.1 or higher GET request": HTTP/2 has another handshake (RFC 8441).
        if self.version != (1, 1) {
            return Err(HeadError::Version.into());
        }
        if !self.headers.iter().all(|header| is_token(header.name.as_bytes())) {
            return Err(HeadError::HeaderName.into());
        }
        if !self.headers.iter().all(|header| is_header_value(header.value)) {
            return Err(HeadError::HeaderValue.into());
        }
        // "No whitespace is allowed in the request-target."
        if !self.target.bytes().all(|byte| byte > b' ' && !byte.is_ascii_control()) {
            return Err(HeadError::FirstLine.into());
        }
        let headers = Headers::from_validated_list(self.headers);
        Request::check_fields(&[], self.method, self.target, headers, &self.fields())
    }

    /// Whether the headers ask for a WebSocket, for a target that serves other requests as well: `Upgrade` lists
    /// `websocket`, and `Connection` lists `Upgrade`. [`check`](Self::check) says whether the request is valid.
    #[must_use]
    pub fn asks_for_websocket(&self) -> bool {
        let tokens = self.fields().tokens;
        tokens.upgrade && tokens.connection
    }

    fn fields(&self) -> Fields<'b> {
        let mut fields = Fields::default();
        for Header { name, value } in self.headers {
            fields.add(name, value.trim_ascii());
        }
        fields
    }
}

/// Prints method, target and headers, but not the values of headers that carry credentials.
impl fmt::Debug for RequestParts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestParts")
            .field("method", &self.method)
            .field("target", &self.target)
            .field("version", &self.version)
            .field("headers", &self.headers)
            .finish()
    }
}
