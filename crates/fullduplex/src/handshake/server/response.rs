//! A server's response to a valid request: it accepts the WebSocket (RFC 6455 §4.2.2), or rejects it.

use core::fmt;
use core::ops::RangeInclusive;

use super::reply::{put_content_length, put_status_line};
use super::request::Request;
#[cfg(feature = "deflate")]
use crate::deflate::{DeflateChoice, DeflateResponse};
use crate::handshake::negotiate::{
    LowerCase, Names, check_headers, is_reserved, put_header, put_headers,
};
use crate::headers::InvalidHeader;
use crate::negotiated::Negotiated;
use crate::output::{BufferTooSmall, Cursor};

/// The optional parts of the response that opens a WebSocket (RFC 6455 §4.2.2).
///
/// ```
/// use fullduplex::handshake::Acceptance;
///
/// let acceptance = Acceptance::new().subprotocol("chat").headers(&[("Server", "example")]);
/// assert_eq!(acceptance.subprotocol, Some("chat"));
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Acceptance<'a, S: AsRef<str> = &'a str> {
    /// The subprotocol in use, which must be one that the client has offered, or `None`. See
    /// [`Request::choose_subprotocol`].
    pub subprotocol: Option<&'a str>,
    /// Extra headers, names and values, in order. The headers of the handshake itself (`Upgrade`, `Connection`,
    /// `Sec-WebSocket-*`) and of a body (`Content-Length`, `Transfer-Encoding`) are errors.
    pub headers: &'a [(S, S)],
    /// Whether to accept permessage-deflate if the client offers it (RFC 7692).
    #[cfg(feature = "deflate")]
    pub deflate: DeflateChoice,
}

impl<'a> Acceptance<'a> {
    /// A response with only the mandatory headers.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            subprotocol: None,
            headers: &[],
            #[cfg(feature = "deflate")]
            deflate: DeflateChoice::AsConfigured,
        }
    }
}

impl Request<'_> {
    /// Writes the response that opens the WebSocket, with status 101, into `out` (RFC 6455 §4.2.2). Returns its length
    /// in bytes, and the [`Negotiated`] for [`Connection::new`](crate::Connection::new). Two hundred bytes are enough
    /// for a response without subprotocol, extension and extra headers.
    ///
    /// # Errors
    /// [`AcceptError`] when the client did not offer the subprotocol, an extra header must not be sent, or `out` is too
    /// small; also for a request over HTTP/2, because its HTTP library writes the response. The caller must not send
    /// what `out` then holds.
    pub fn accept<S: AsRef<str>>(
        &self,
        acceptance: &Acceptance<'_, S>,
        out: &mut [u8],
    ) -> Result<(usize, Negotiated), AcceptError> {
        acceptance.encode(self, out)
    }

    /// As [`accept`](Self::accept), but an HTTP server sends the response. Its status is
    /// [`success_status`](Self::success_status). This calls `put` with the name and value of each header line, in
    /// order. Over HTTP/2, the names are in lower case.
    ///
    /// # Errors
    /// [`AcceptError`] when the client did not offer the subprotocol, or when an extra header must not be sent. `put`
    /// was not called then.
    pub fn accept_parts<S: AsRef<str>>(
        &self,
        acceptance: &Acceptance<'_, S>,
        put: impl FnMut(&str, &[u8]),
    ) -> Result<Negotiated, AcceptError> {
        let checked = acceptance.check(self)?;
        acceptance.put_lines(self, &checked, put);
        Ok(checked.negotiated)
    }
}

impl Default for Acceptance<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a, S: AsRef<str>> Acceptance<'a, S> {
    /// Sets the subprotocol in use.
    #[must_use]
    pub fn subprotocol(mut self, subprotocol: impl Into<Option<&'a str>>) -> Self {
        self.subprotocol = subprotocol.into();
        self
    }

    /// Sets the extra headers.
    #[must_use]
    pub fn headers<T: AsRef<str>>(self, headers: &'a [(T, T)]) -> Acceptance<'a, T> {
        Acceptance {
            subprotocol: self.subprotocol,
            headers,
            #[cfg(feature = "deflate")]
            deflate: self.deflate,
        }
    }

    /// Sets whether permessage-deflate is accepted if the client offers it (RFC 7692), and how.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, deflate: impl Into<DeflateChoice>) -> Self {
        self.deflate = deflate.into();
        self
    }

    /// Writes the response to `request`.
    fn encode(
        &self,
        request: &Request<'_>,
        out: &mut [u8],
    ) -> Result<(usize, Negotiated), AcceptError> {
        if request.key().is_none() {
            return Err(AcceptError::ExtendedConnect);
        }
        let checked = self.check(request)?;
        let mut out = Cursor::new(out);
        out.put(b"HTTP/1.1 101 Switching Protocols\r\n");
        self.put_lines(request, &checked, |name, value| put_header(&mut out, name, value));
        out.put(b"\r\n");
        let length = out.finish().map_err(AcceptError::BufferTooSmall)?;
        Ok((length, checked.negotiated))
    }

    /// Checks the response, and chooses which of the client's extensions are in use.
    fn check(&self, request: &Request<'_>) -> Result<Checked, AcceptError> {
        let is_over_stream = request.key().is_none();
        // "The value chosen MUST be derived from the client's handshake, specifically by selecting one of the values
        // from the |Sec-WebSocket-Protocol| field." The check of the request has found these to be tokens.
        if let Some(chosen) = self.subprotocol
            && !request.subprotocols().any(|offered| offered == chosen)
        {
            return Err(AcceptError::SubprotocolNotOffered);
        }
        check_headers(self.headers, is_reserved).map_err(AcceptError::InvalidHeader)?;
        if is_over_stream {
            LowerCase::check(self.headers).map_err(AcceptError::InvalidHeader)?;
        }
        #[cfg(feature = "deflate")]
        let (params, deflate) = self
            .deflate
            .for_endpoint(None)
            .and_then(|deflate| deflate.choose(request.extensions()))
            .unzip();
        #[cfg(feature = "deflate")]
        let negotiated = Negotiated::with_deflate(params);
        #[cfg(not(feature = "deflate"))]
        let negotiated = Negotiated::without_extensions();
        Ok(Checked {
            negotiated: if is_over_stream { negotiated.with_stream() } else { negotiated },
            #[cfg(feature = "deflate")]
            deflate,
        })
    }

    /// Calls `put` for each header line of the response, in order.
    fn put_lines(
        &self,
        request: &Request<'_>,
        checked: &Checked,
        mut put: impl FnMut(&str, &[u8]),
    ) {
        let Some(key) = request.key() else {
            let mut lower = LowerCase::new();
            return self.put_choices(checked, |name, value| put(lower.of(name), value));
        };
        put("Upgrade", b"websocket");
        put("Connection", b"Upgrade");
        put("Sec-WebSocket-Accept", &key.accept());
        self.put_choices(checked, put);
    }

    /// The header lines that HTTP/1.1 and HTTP/2 have in common: subprotocol, extensions and extra headers.
    fn put_choices(&self, checked: &Checked, mut put: impl FnMut(&str, &[u8])) {
        if let Some(subprotocol) = self.subprotocol {
            put("Sec-WebSocket-Protocol", subprotocol.as_bytes());
        }
        checked.put_extensions(&mut put);
        for (name, value) in self.headers {
            put(name.as_ref(), value.as_ref().as_bytes());
        }
    }
}

/// Prints the names of the headers. Their values may be secret.
impl<S: AsRef<str>> fmt::Debug for Acceptance<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = f.debug_struct("Acceptance");
        all.field("subprotocol", &self.subprotocol).field("headers", &Names(self.headers));
        #[cfg(feature = "deflate")]
        all.field("deflate", &self.deflate);
        all.finish()
    }
}

/// What the check of a response returns: what was negotiated, and the extension to write.
struct Checked {
    negotiated: Negotiated,
    #[cfg(feature = "deflate")]
    deflate: Option<DeflateResponse>,
}

impl Checked {
    /// Calls `put` with the extensions in use, if there are any.
    #[cfg(feature = "deflate")]
    fn put_extensions(&self, put: &mut impl FnMut(&str, &[u8])) {
        if let Some(response) = &self.deflate {
            let mut value = [0; DeflateResponse::MAX_LENGTH];
            let mut out = Cursor::new(&mut value);
            response.write(&mut out);
            let value = out.into_bytes();
            debug_assert!(value.is_ok(), "a response is longer than MAX_LENGTH");
            if let Ok(value) = value {
                put("Sec-WebSocket-Extensions", value);
            }
        }
    }

    /// Without the feature `deflate`, no extension is in use.
    #[cfg(not(feature = "deflate"))]
    fn put_extensions(&self, _put: &mut impl FnMut(&str, &[u8])) {}
}

/// Why a response was not written. It is the server's own fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AcceptError {
    /// The client did not offer the chosen subprotocol.
    SubprotocolNotOffered,
    /// The request is an [extended CONNECT](super::ExtendedConnect). Use [`Request::accept_parts`] for it.
    ExtendedConnect,
    /// An extra header must not be sent.
    InvalidHeader(InvalidHeader),
    /// The output buffer is too small.
    BufferTooSmall(BufferTooSmall),
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SubprotocolNotOffered => {
                f.write_str("the client did not offer the chosen subprotocol")
            }
            Self::ExtendedConnect => {
                f.write_str("the HTTP library must write the response to a request over HTTP/2")
            }
            Self::InvalidHeader(error) => fmt::Display::fmt(error, f),
            Self::BufferTooSmall(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl core::error::Error for AcceptError {}

/// A response that rejects a valid request: a status code, headers and a body.
///
/// For an invalid request, see [`RequestError`](super::RequestError). A `Rejection` is also the response to a request
/// that does not ask for a WebSocket: [`PlainRequest::encode_response`](super::PlainRequest::encode_response).
///
/// ```
/// use fullduplex::handshake::Rejection;
///
/// let mut out = [0; 256];
/// let length = Rejection::new(403).body(b"Not from this origin.\n").encode(&mut out)?;
/// assert!(out[..length].starts_with(b"HTTP/1.1 403 Forbidden\r\n"));
/// # Ok::<(), fullduplex::handshake::RejectError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Rejection<'a, S: AsRef<str> = &'a str> {
    /// The status code, 300 to 599, so that no client takes the rejection for success. In the response to a
    /// [`PlainRequest`](super::PlainRequest), 200 to 299 are allowed as well.
    pub status: u16,
    /// Extra headers, such as `Location`, `WWW-Authenticate` or `Content-Type`, in order. `Connection`,
    /// `Content-Length`, `Transfer-Encoding`, `Upgrade` and `Sec-WebSocket-*` are errors.
    pub headers: &'a [(S, S)],
    /// The body, which may be empty.
    pub body: &'a [u8],
}

impl Rejection<'_> {
    /// A rejection with `status`, without extra headers and body.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        Self { status, headers: &[], body: &[] }
    }
}

impl<'a, S: AsRef<str>> Rejection<'a, S> {
    /// Sets the extra headers.
    #[must_use]
    pub fn headers<T: AsRef<str>>(self, headers: &'a [(T, T)]) -> Rejection<'a, T> {
        Rejection { status: self.status, headers, body: self.body }
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: &'a [u8]) -> Self {
        self.body = body;
        self
    }

    /// Checks that the rejection may be sent, for a caller whose HTTP server sends it. [`encode`](Self::encode) checks
    /// it itself.
    ///
    /// # Errors
    /// [`RejectError`] when the status is not 300 to 599 or an extra header must not be sent.
    pub fn validate(&self) -> Result<(), RejectError> {
        self.check_for(300..=599)
    }

    /// Checks that the rejection may be sent. Its status code must be `allowed`.
    fn check_for(&self, allowed: RangeInclusive<u16>) -> Result<(), RejectError> {
        if !allowed.contains(&self.status) {
            return Err(RejectError::Status(self.status));
        }
        check_headers(self.headers, is_reserved).map_err(RejectError::InvalidHeader)
    }

    /// Writes the complete response into `out`, with `Content-Length` and `Connection: close`, and returns its length
    /// in bytes. The caller must close the connection after it (RFC 9112 §9.6). With status 304, neither the body nor its
    /// length is written (RFC 9110 §15.4.5).
    ///
    /// # Errors
    /// [`RejectError`] when the status is not 300 to 599, an extra header must not be sent, or `out` is too small. The
    /// caller must not send what `out` then holds.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, RejectError> {
        self.encode_for(300..=599, false, out)
    }

    /// Writes the complete response, whose status code must be `allowed`. In reply to `HEAD`, the body is left out.
    pub(super) fn encode_for(
        &self,
        allowed: RangeInclusive<u16>,
        to_head: bool,
        out: &mut [u8],
    ) -> Result<usize, RejectError> {
        self.check_for(allowed)?;
        let mut out = Cursor::new(out);
        put_status_line(&mut out, self.status);
        if self.status == 426 {
            // "A server that sends a 426 response MUST send an Upgrade header field" (RFC 9110 §15.5.22).
            out.put(b"Upgrade: websocket\r\nConnection: Upgrade, close\r\n");
        } else {
            out.put(b"Connection: close\r\n");
        }
        put_headers(&mut out, self.headers);
        // "A server MUST NOT send a Content-Length header field in any response with a status code of […] 204 (No
        // Content)". With 304, the length would be the length of the representation, not of this response.
        if matches!(self.status, 204 | 304) {
            out.put(b"\r\n");
        } else if self.status == 205 {
            // "a server MUST NOT generate content in a 205 response" (RFC 9110 §15.3.6)
            put_content_length(&mut out, 0);
        } else {
            put_content_length(&mut out, self.body.len());
            // "The server MUST NOT send content in the response." (RFC 9110 §9.3.2)
            if !to_head {
                out.put(self.body);
            }
        }
        out.finish().map_err(RejectError::BufferTooSmall)
    }
}

/// Prints the names of the headers, and the length of the body. The rest may be secret.
impl<S: AsRef<str>> fmt::Debug for Rejection<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejection")
            .field("status", &self.status)
            .field("headers", &Names(self.headers))
            .field("body_len", &self.body.len())
            .finish()
    }
}

/// Why a rejection was not written. It is the server's own fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectError {
    /// The status code is not 300 to 599; in the response to a [`PlainRequest`](super::PlainRequest), not 200 to 599.
    Status(u16),
    /// An extra header must not be sent.
    InvalidHeader(InvalidHeader),
    /// The output buffer is too small.
    BufferTooSmall(BufferTooSmall),
}

impl fmt::Display for RejectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => {
                write!(
                    f,
                    "status {status} is not allowed: a rejection has 300 to 599, the response to a plain request \
                     200 to 599"
                )
            }
            Self::InvalidHeader(error) => fmt::Display::fmt(error, f),
            Self::BufferTooSmall(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl core::error::Error for RejectError {}
