//! A request that owns its bytes.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::request::Request;
use crate::handshake::head::Span;
use crate::handshake::key::Key;
use crate::headers::{Header, Headers};

/// A [`Request`] that owns the bytes of its head, to be kept when the receive buffer moves on.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnedRequest {
    /// The head; of a request that came in parts, what the other fields point to.
    text: Box<[u8]>,
    head_len: usize,
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
            head: self.text.get(..self.head_len).unwrap_or_default(),
            target: self.target.text(&self.text),
            path_and_query: self.path_and_query.text(&self.text),
            host: self.host.text(&self.text),
            headers: Headers::from_validated(self.headers.bytes(&self.text)),
            key: self.key,
        }
    }
}

impl Request<'_> {
    /// Copies the head, so that the request outlives the receive buffer.
    #[must_use]
    pub fn into_owned(self) -> OwnedRequest {
        let Some(block) = self.headers.block().filter(|_| !self.head.is_empty()) else {
            return self.copy_parts();
        };
        OwnedRequest {
            text: self.head.into(),
            head_len: self.head.len(),
            target: Span::of(self.head, self.target.as_bytes()),
            path_and_query: Span::of(self.head, self.path_and_query.as_bytes()),
            host: Span::of(self.head, self.host.as_bytes()),
            headers: Span::of(self.head, block),
            key: self.key,
        }
    }

    /// Copies what lies in different places into one.
    fn copy_parts(&self) -> OwnedRequest {
        let mut text = Vec::new();
        let mut put = |parts: &[&[u8]]| {
            let start = text.len();
            parts.iter().for_each(|part| text.extend_from_slice(part));
            Span { start, end: text.len() }
        };
        let target = put(&[self.target.as_bytes()]);
        let path_and_query = put(&[self.path_and_query.as_bytes()]);
        let host = put(&[self.host.as_bytes()]);
        // Names and values were checked: they hold no line end, and names no colon.
        let mut headers = put(&[]);
        for Header { name, value } in self.headers {
            headers.end = put(&[name.as_bytes(), b": ", value, b"\r\n"]).end;
        }
        let text = text.into_boxed_slice();
        OwnedRequest { text, head_len: 0, target, path_and_query, host, headers, key: self.key }
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
