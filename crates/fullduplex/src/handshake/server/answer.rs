//! What a server says to a request that it could accept: yes (RFC 6455 §4.2.2), or no.

use core::fmt;
use core::ops::RangeInclusive;

use super::reply::{put_content_length, put_status_line};
use super::request::Request;
#[cfg(feature = "deflate")]
use crate::deflate::{DeflateAnswer, DeflateConfig};
use crate::handshake::negotiate::{LowerCase, check_headers, is_reserved, put_header, put_headers};
use crate::headers::InvalidHeader;
use crate::negotiated::Negotiated;
use crate::output::{BufferTooSmall, Cursor};

/// What the answer that opens a WebSocket says beyond the mandatory (RFC 6455 §4.2.2).
///
/// ```
/// use fullduplex::handshake::Answer;
///
/// let answer = Answer::new().subprotocol("chat").headers(&[("Server", "example")]);
/// assert_eq!(answer.subprotocol, Some("chat"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a, S: AsRef<str> = &'a str> {
    /// The subprotocol in use, one of those that the client offered; `None` for none. See
    /// [`Request::choose_subprotocol`].
    pub subprotocol: Option<&'a str>,
    /// Headers to add, names and values, in order. The handshake's own (`Upgrade`, `Connection`,
    /// `Sec-WebSocket-*`) and those of a body (`Content-Length`, `Transfer-Encoding`) are refused.
    pub headers: &'a [(S, S)],
    /// permessage-deflate, if it is to be accepted where the client offers it (RFC 7692).
    #[cfg(feature = "deflate")]
    pub deflate: Option<DeflateConfig>,
}

impl<'a> Answer<'a> {
    /// An answer with nothing but the mandatory.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            subprotocol: None,
            headers: &[],
            #[cfg(feature = "deflate")]
            deflate: None,
        }
    }
}

impl Request<'_> {
    /// Writes the answer that opens the WebSocket, status 101, into `out` (RFC 6455 §4.2.2).
    /// Returns its length in bytes and what [`Connection::new`](crate::Connection::new) needs. Two
    /// hundred bytes are enough for an answer without extra headers.
    ///
    /// # Errors
    /// [`AcceptError`] when the subprotocol was not offered, an extra header must not be sent, or
    /// `out` is too small; when the request is one of HTTP/2, whose answer is no bytes of ours. What `out` then
    /// holds must not be sent.
    pub fn accept<S: AsRef<str>>(
        &self,
        answer: &Answer<'_, S>,
        out: &mut [u8],
    ) -> Result<(usize, Negotiated), AcceptError> {
        answer.encode(self, out)
    }

    /// As [`accept`](Self::accept), for an HTTP server to send: gives the header lines of the response, whose
    /// status is [`success_status`](Self::success_status), to `put`, names and values in order, and each as a line of
    /// its own. Over HTTP/2 the names are in lower case.
    ///
    /// # Errors
    /// [`AcceptError`] when the subprotocol was not offered or an extra header must not be sent;
    /// nothing was `put` then.
    pub fn accept_parts<S: AsRef<str>>(
        &self,
        answer: &Answer<'_, S>,
        put: impl FnMut(&str, &[u8]),
    ) -> Result<Negotiated, AcceptError> {
        let settled = answer.settle(self)?;
        answer.put_lines(self, &settled, put);
        Ok(settled.negotiated)
    }
}

impl Default for Answer<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a, S: AsRef<str>> Answer<'a, S> {
    /// Sets the subprotocol in use.
    #[must_use]
    pub fn subprotocol(mut self, subprotocol: impl Into<Option<&'a str>>) -> Self {
        self.subprotocol = subprotocol.into();
        self
    }

    /// Sets the headers to add.
    #[must_use]
    pub fn headers<T: AsRef<str>>(self, headers: &'a [(T, T)]) -> Answer<'a, T> {
        Answer {
            subprotocol: self.subprotocol,
            headers,
            #[cfg(feature = "deflate")]
            deflate: self.deflate,
        }
    }

    /// Accepts permessage-deflate where the client offers it (RFC 7692).
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, deflate: impl Into<Option<DeflateConfig>>) -> Self {
        self.deflate = deflate.into();
        self
    }

    /// Writes the answer to `request`.
    fn encode(
        &self,
        request: &Request<'_>,
        out: &mut [u8],
    ) -> Result<(usize, Negotiated), AcceptError> {
        if request.key().is_none() {
            return Err(AcceptError::ExtendedConnect);
        }
        let settled = self.settle(request)?;
        let mut out = Cursor::new(out);
        out.put(b"HTTP/1.1 101 Switching Protocols\r\n");
        self.put_lines(request, &settled, |name, value| put_header(&mut out, name, value));
        out.put(b"\r\n");
        let length = out.finish().map_err(AcceptError::BufferTooSmall)?;
        Ok((length, settled.negotiated))
    }

    /// Checks the answer, and settles which of the extensions that the client offers are in use.
    fn settle(&self, request: &Request<'_>) -> Result<Settled, AcceptError> {
        let mut settled = self.choose(request)?;
        if request.key().is_none() {
            settled.negotiated = settled.negotiated.with_stream();
        }
        Ok(settled)
    }

    fn choose(&self, request: &Request<'_>) -> Result<Settled, AcceptError> {
        // "The value chosen MUST be derived from the client's handshake, specifically by selecting
        // one of the values from the |Sec-WebSocket-Protocol| field." Those were found to be
        // tokens.
        if let Some(chosen) = self.subprotocol
            && !request.subprotocols().any(|offered| offered == chosen)
        {
            return Err(AcceptError::SubprotocolNotOffered);
        }
        check_headers(self.headers, is_reserved).map_err(AcceptError::InvalidHeader)?;
        if request.key().is_none() {
            LowerCase::check(self.headers).map_err(AcceptError::InvalidHeader)?;
        }
        #[cfg(feature = "deflate")]
        {
            let chosen = self.deflate.and_then(|deflate| deflate.choose(request.extensions()));
            let (params, answer) = chosen.unzip();
            Ok(Settled { negotiated: Negotiated::with_deflate(params), deflate: answer })
        }
        #[cfg(not(feature = "deflate"))]
        Ok(Settled { negotiated: Negotiated::without_extensions() })
    }

    /// The header lines of the answer, in order.
    fn put_lines(
        &self,
        request: &Request<'_>,
        settled: &Settled,
        mut put: impl FnMut(&str, &[u8]),
    ) {
        let Some(key) = request.key() else {
            let mut lower = LowerCase::new();
            return self.put_choices(settled, |name, value| put(lower.of(name), value));
        };
        put("Upgrade", b"websocket");
        put("Connection", b"Upgrade");
        put("Sec-WebSocket-Accept", &key.accept());
        self.put_choices(settled, put);
    }

    /// What HTTP/1.1 and HTTP/2 have in common: subprotocol, extensions, and headers that were added.
    fn put_choices(&self, settled: &Settled, mut put: impl FnMut(&str, &[u8])) {
        if let Some(subprotocol) = self.subprotocol {
            put("Sec-WebSocket-Protocol", subprotocol.as_bytes());
        }
        settled.put_extensions(&mut put);
        for (name, value) in self.headers {
            put(name.as_ref(), value.as_ref().as_bytes());
        }
    }
}

/// What a checked answer comes to.
struct Settled {
    negotiated: Negotiated,
    #[cfg(feature = "deflate")]
    deflate: Option<DeflateAnswer>,
}

impl Settled {
    /// Says which extensions are in use; no line when there is none.
    #[cfg(feature = "deflate")]
    fn put_extensions(&self, put: &mut impl FnMut(&str, &[u8])) {
        if let Some(answer) = &self.deflate {
            let mut value = [0; DeflateAnswer::MAX_LENGTH];
            let mut out = Cursor::new(&mut value);
            answer.write(&mut out);
            let length = out.finish().unwrap_or_default();
            put("Sec-WebSocket-Extensions", value.get(..length).unwrap_or_default());
        }
    }

    /// Without any that could be offered, none is in use.
    #[cfg(not(feature = "deflate"))]
    fn put_extensions(&self, _put: &mut impl FnMut(&str, &[u8])) {}
}

/// Why an answer was not written: the server's own fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AcceptError {
    /// The client did not offer the chosen subprotocol.
    SubprotocolNotOffered,
    /// The request is an [extended CONNECT](super::ExtendedConnect): [`Request::accept_parts`] answers it.
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
                f.write_str("a request of HTTP/2 is answered by its HTTP server, not in bytes")
            }
            Self::InvalidHeader(error) => fmt::Display::fmt(error, f),
            Self::BufferTooSmall(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl core::error::Error for AcceptError {}

/// A refusal of a request that would have been in order: a status code, headers and a body.
///
/// For a request that is not in order, see [`RequestError`](super::RequestError). It is also the answer to a request
/// that asks for no WebSocket: [`PlainRequest::encode_response`](super::PlainRequest::encode_response).
///
/// ```
/// use fullduplex::handshake::Rejection;
///
/// let mut out = [0; 256];
/// let length = Rejection::new(403).body(b"Not from this origin.\n").encode(&mut out)?;
/// assert!(out[..length].starts_with(b"HTTP/1.1 403 Forbidden\r\n"));
/// # Ok::<(), fullduplex::handshake::RejectError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Rejection<'a, S: AsRef<str> = &'a str> {
    /// The status code, 300 to 599: a client must not take the refusal for success. In the answer to a
    /// [`PlainRequest`](super::PlainRequest), 200 to 299 are allowed as well.
    pub status: u16,
    /// Headers to add, such as `Location`, `WWW-Authenticate` or `Content-Type`, in order.
    /// `Connection`, `Content-Length`, `Transfer-Encoding`, `Upgrade` and `Sec-WebSocket-*` are
    /// refused.
    pub headers: &'a [(S, S)],
    /// The body, which may be empty.
    pub body: &'a [u8],
}

impl Rejection<'_> {
    /// A refusal with `status`, without extra headers and body.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        Self { status, headers: &[], body: &[] }
    }
}

impl<'a, S: AsRef<str>> Rejection<'a, S> {
    /// Sets the headers to add.
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

    /// Checks that it may be sent, for an HTTP server to do so; [`encode`](Self::encode) does as well.
    ///
    /// # Errors
    /// [`RejectError`] when the status is not 300 to 599 or an extra header must not be sent.
    pub fn check(&self) -> Result<(), RejectError> {
        self.check_for(300..=599)
    }

    /// Checks that the rejection may be sent, given the status codes that are `allowed`.
    pub(super) fn check_for(&self, allowed: RangeInclusive<u16>) -> Result<(), RejectError> {
        if !allowed.contains(&self.status) {
            return Err(RejectError::Status(self.status));
        }
        check_headers(self.headers, is_reserved).map_err(RejectError::InvalidHeader)
    }

    /// Writes the complete response into `out`, with `Content-Length` and `Connection: close`.
    /// Returns its length in bytes. The connection is to be closed after it (RFC 9112 §9.6).
    ///
    /// # Errors
    /// [`RejectError`] when the status is not 300 to 599, an extra header must not be sent, or
    /// `out` is too small. What `out` then holds must not be sent.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, RejectError> {
        self.check()?;
        let mut out = Cursor::new(out);
        put_status_line(&mut out, self.status);
        out.put(b"Connection: close\r\n");
        put_headers(&mut out, self.headers);
        put_content_length(&mut out, self.body.len());
        out.put(self.body);
        out.finish().map_err(RejectError::BufferTooSmall)
    }
}

/// Why a refusal was not written: the server's own fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RejectError {
    /// The status code is not 300 to 599; in the answer to a [`PlainRequest`](super::PlainRequest), not 200 to 599.
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
                    "status {status} is none for a rejection (300 to 599) or a plain answer (200 to 599)"
                )
            }
            Self::InvalidHeader(error) => fmt::Display::fmt(error, f),
            Self::BufferTooSmall(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl core::error::Error for RejectError {}
