//! A request that owns its bytes.

use alloc::boxed::Box;
use core::fmt;

use super::request::Request;
use crate::handshake::head::Span;
use crate::handshake::key::Key;
use crate::headers::Headers;

/// A [`Request`] that owns the bytes of its head, to be kept when the receive buffer moves on.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnedRequest {
    head: Box<[u8]>,
    target: Span,
    path_and_query: Span,
    host: Span,
    headers: Span,
    key: Key,
}

impl OwnedRequest {
    /// The view. Nothing is parsed or checked again.
    #[must_use]
    pub fn as_request(&self) -> Request<'_> {
        Request {
            head: &self.head,
            target: self.target.text(&self.head),
            path_and_query: self.path_and_query.text(&self.head),
            host: self.host.text(&self.head),
            headers: Headers::from_validated(self.headers.bytes(&self.head)),
            key: self.key,
        }
    }
}

impl Request<'_> {
    /// Copies the head, so that the request outlives the receive buffer.
    #[must_use]
    pub fn into_owned(self) -> OwnedRequest {
        OwnedRequest {
            head: self.head.into(),
            target: Span::of(self.head, self.target.as_bytes()),
            path_and_query: Span::of(self.head, self.path_and_query.as_bytes()),
            host: Span::of(self.head, self.host.as_bytes()),
            headers: Span::of(self.head, self.headers.block()),
            key: self.key,
        }
    }
}

impl From<Request<'_>> for OwnedRequest {
    fn from(request: Request<'_>) -> Self {
        request.into_owned()
    }
}

/// Prints what [`Request`] prints.
impl fmt::Debug for OwnedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_request(), f)
    }
}
