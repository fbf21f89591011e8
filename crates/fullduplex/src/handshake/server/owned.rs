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
    /// The head; of a request that came in parts, only its header lines.
    bytes: Box<[u8]>,
    head_len: usize,
    headers: Span,
    /// The target, and behind it the host. They are copied because they were found to be text: among the bytes of
    /// the head they would have to be checked again for each view.
    text: Box<str>,
    target_len: usize,
    path_and_query: Span,
    key: Option<Key>,
}

impl OwnedRequest {
    /// The view. Nothing is parsed or checked again.
    #[must_use]
    pub fn as_request(&self) -> Request<'_> {
        let (target, host) = self.text.split_at_checked(self.target_len).unwrap_or_default();
        Request {
            head: self.bytes.get(..self.head_len).unwrap_or_default(),
            target,
            path_and_query: self.path_and_query.text(target),
            host,
            headers: Headers::from_validated(self.headers.bytes(&self.bytes)),
            key: self.key,
        }
    }
}

impl Request<'_> {
    /// Copies the head, so that the request outlives the receive buffer.
    #[must_use]
    pub fn into_owned(self) -> OwnedRequest {
        let (bytes, headers) = match self.headers.block().filter(|_| !self.head.is_empty()) {
            Some(block) => (self.head.into(), Span::of(self.head, block)),
            None => {
                let lines = self.headers.to_block();
                let all = Span { start: 0, end: lines.len() };
                (lines, all)
            }
        };
        OwnedRequest {
            bytes,
            head_len: self.head.len(),
            headers,
            text: [self.target, self.host].concat().into_boxed_str(),
            target_len: self.target.len(),
            path_and_query: Span::of(self.target.as_bytes(), self.path_and_query.as_bytes()),
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
