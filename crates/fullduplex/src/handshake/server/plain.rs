//! An HTTP/1 request that does not ask for a WebSocket, such as a load balancer's `GET /healthz`, and the response to
//! it (RFC 9110 §9, RFC 9112 §3). It is for a port that no HTTP server listens on.

use core::fmt;

use super::request::{Fields, split_query, split_target};
use super::response::{RejectError, Rejection};
use crate::handshake::head::RequestHead;
use crate::headers::Headers;

/// A valid HTTP/1.1 or HTTP/1.0 request that does not ask for a WebSocket: see
/// [`ServerHandshake::plain_request`](super::ServerHandshake::plain_request).
///
/// It borrows the received bytes. After any response, the caller must close the connection. A body of the request is
/// not read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PlainRequest<'b> {
    head_len: usize,
    method: &'b str,
    target: &'b str,
    /// The target without the authority of an absolute URI.
    path_and_query: &'b str,
    headers: Headers<'b>,
}

impl<'b> PlainRequest<'b> {
    /// Returns `None` for a request that asks for a WebSocket, and for an invalid one, to which the response is 400.
    pub(super) fn of(parsed: &RequestHead<'_, 'b>) -> Option<Self> {
        let mut fields = Fields::default();
        for line in parsed.lines {
            fields.add(line.name, line.value);
        }
        let is_1_1 = parsed.minor_version == 1;
        // "A server MUST ignore an Upgrade header field that is received in an HTTP/1.0 request" (RFC 9110 §7.8).
        if is_1_1 && fields.tokens.upgrade || !fields.has_sound_host(is_1_1) {
            return None;
        }
        // "The asterisk-form of request-target is only used for a server-wide OPTIONS request."
        let path_and_query = match (parsed.method, parsed.target) {
            ("OPTIONS", "*") => "*",
            (_, target) => split_target(target).ok()?.1,
        };
        Some(Self {
            head_len: parsed.head.len(),
            method: parsed.method,
            target: parsed.target,
            path_and_query,
            headers: parsed.headers,
        })
    }

    /// The number of bytes of the head. The bytes after it in the buffer are the request's body.
    #[must_use]
    pub const fn head_len(&self) -> usize {
        self.head_len
    }

    /// The method, such as `GET` or `HEAD`; methods are case-sensitive.
    #[must_use]
    pub const fn method(&self) -> &'b str {
        self.method
    }

    /// The request target as it was sent (RFC 9112 §3.2).
    #[must_use]
    pub const fn target(&self) -> &'b str {
        self.target
    }

    /// The path of the target, percent-encoded as it was sent; it begins with `/`, or is `*` for a server-wide
    /// `OPTIONS`.
    #[must_use]
    pub fn path(&self) -> &'b str {
        split_query(self.path_and_query).0
    }

    /// The query of the target, percent-encoded as it was sent and without its question mark.
    #[must_use]
    pub fn query(&self) -> Option<&'b str> {
        split_query(self.path_and_query).1
    }

    /// All header lines, in order.
    #[must_use]
    pub const fn headers(&self) -> Headers<'b> {
        self.headers
    }

    /// Writes the complete response into `out`, with `Connection: close`, and returns its length in bytes. Here the
    /// [`Rejection`] may have any final status, 200 to 599. The caller must close the connection after it (RFC 9112
    /// §9.6).
    ///
    /// In reply to `HEAD`, only the head is written, with the length of the body (RFC 9110 §9.3.2). A response with
    /// status 204, 205 or 304 has no body.
    ///
    /// # Errors
    /// [`RejectError`] when the status is not 200 to 599, an extra header must not be sent, or `out` is too small.
    /// The caller must not send what `out` then holds.
    pub fn encode_response<S: AsRef<str>>(
        &self,
        response: &Rejection<'_, S>,
        out: &mut [u8],
    ) -> Result<usize, RejectError> {
        response.encode_for(200..=599, self.method == "HEAD", out)
    }
}

/// Prints method, target and headers, but not the values of headers that carry credentials.
impl fmt::Debug for PlainRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlainRequest")
            .field("method", &self.method)
            .field("target", &self.target)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}
