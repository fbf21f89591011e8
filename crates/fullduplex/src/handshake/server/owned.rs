//! A server's request that owns its bytes.

use alloc::boxed::Box;
use core::fmt;

use super::request::Request;
use crate::handshake::head::Span;
use crate::handshake::key::Key;
use crate::headers::Headers;

/// A [`Request`] that owns the bytes of its head, so that it outlives the receive buffer.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnedRequest {
    bytes: Bytes,
    // Target and host lie in the head as well, but there each view would have to check again that they are UTF-8.
    target: Box<str>,
    path_and_query: Span,
    host: Box<str>,
    key: Option<Key>,
}

/// What a request was copied from.
#[derive(Clone, PartialEq, Eq)]
enum Bytes {
    /// From a head, in which the header lines lie here.
    Head(Box<[u8]>, Span),
    /// From the parts that an HTTP server has parsed: these are the header lines.
    Lines(Box<[u8]>),
}

impl OwnedRequest {
    /// A view of this request. Nothing is parsed or checked again.
    #[must_use]
    pub fn as_request(&self) -> Request<'_> {
        let (head, headers) = match &self.bytes {
            Bytes::Head(head, headers) => (&**head, headers.bytes(head)),
            Bytes::Lines(lines) => (&[][..], &**lines),
        };
        Request {
            head,
            target: &self.target,
            path_and_query: self.path_and_query.text(&self.target),
            host: &self.host,
            headers: Headers::from_validated(headers),
            key: self.key,
        }
    }
}

impl Request<'_> {
    /// Copies the head, so that the request outlives the receive buffer.
    #[must_use]
    pub fn into_owned(self) -> OwnedRequest {
        let bytes = match self.headers.block().filter(|_| !self.head.is_empty()) {
            Some(block) => Bytes::Head(self.head.into(), Span::of(self.head, block)),
            None => Bytes::Lines(self.headers.to_block()),
        };
        OwnedRequest {
            bytes,
            target: self.target.into(),
            path_and_query: Span::of(self.target.as_bytes(), self.path_and_query.as_bytes()),
            host: self.host.into(),
            key: self.key,
        }
    }
}

impl From<Request<'_>> for OwnedRequest {
    fn from(request: Request<'_>) -> Self {
        request.into_owned()
    }
}

/// Prints the same as [`Request`].
impl fmt::Debug for OwnedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_request(), f)
    }
}
