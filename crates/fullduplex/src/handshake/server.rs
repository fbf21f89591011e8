//! The server's side of the opening handshake (RFC 6455 §4.2): checks a request, and writes a response that accepts or
//! rejects it. It knows neither transport nor clock. A request comes as bytes, [`ServerHandshake`], or as the parts
//! that an HTTP server has parsed, [`RequestParts`]. Over HTTP/2 there is another kind of request, [`ExtendedConnect`],
//! with checks of its own. A server can also respond to an HTTP request that does not ask for a WebSocket:
//! [`PlainRequest`].
//!
//! The checks have this order, and the first check that fails decides the error:
//! 1. the head is HTTP/1.1 within the limits ([`HeadError`]; other versions 505),
//! 2. the method is `GET` (405),
//! 3. the request target is a path or an absolute `http`, `https`, `ws` or `wss` URI, without a
//!    fragment (400),
//! 4. there is exactly one valid `Host` (400),
//! 5. no body is announced (400),
//! 6. `Upgrade` holds `websocket` and `Connection` holds `Upgrade` (426),
//! 7. `Sec-WebSocket-Version` is 13, once (426),
//! 8. there is exactly one valid `Sec-WebSocket-Key` (400),
//! 9. the lists of subprotocols and extensions are well formed (400).

#[cfg(feature = "alloc")]
mod decision;
mod error;
mod extended_connect;
#[cfg(feature = "alloc")]
mod owned;
mod parts;
mod plain;
mod reply;
mod request;
mod response;
#[cfg(test)]
mod tests;

#[cfg(feature = "alloc")]
pub use decision::{OwnedAcceptance, OwnedRejection};
pub use error::RequestError;
pub use extended_connect::ExtendedConnect;
#[cfg(feature = "alloc")]
pub use owned::OwnedRequest;
pub use parts::RequestParts;
pub use plain::PlainRequest;
pub use request::Request;
pub use response::{AcceptError, Acceptance, RejectError, Rejection};

use core::mem::MaybeUninit;

use super::head::{
    HeadError, HeadKind, HeadLimits, HeadScanner, MAX_HEADERS, parse_request, parse_request_at_once,
};

/// Reads and checks the request of an opening handshake (RFC 6455 §4.2.1).
///
/// ```
/// use fullduplex::handshake::{Acceptance, HeadLimits, ServerHandshake};
///
/// let received = b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
///     Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
///     Sec-WebSocket-Version: 13\r\n\r\n";
/// let mut handshake = ServerHandshake::new(HeadLimits::new());
/// let request = handshake.poll(received)?.expect("the whole head is there");
/// assert_eq!(request.path(), "/chat");
///
/// let mut out = [0; 256];
/// let (length, _negotiated) = request.accept(&Acceptance::new(), &mut out)?;
/// assert!(out[..length].starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
/// let frames = &received[request.head_len()..];
/// assert!(frames.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ServerHandshake {
    scanner: HeadScanner,
    limits: HeadLimits,
    failed: Option<RequestError>,
}

impl ServerHandshake {
    /// Expects a request whose head is within `limits`.
    #[must_use]
    pub const fn new(limits: HeadLimits) -> Self {
        Self { scanner: HeadScanner::new(HeadKind::Request, limits.max_size), limits, failed: None }
    }

    /// Looks for the request in `received`, which must hold all bytes from the client since the connection began. While
    /// this returns `None`, the caller reads more into the same buffer and calls again. Each byte is looked at once,
    /// with any number of calls.
    ///
    /// When the head is complete, it is parsed and checked. The bytes after it in the buffer ([`Request::head_len`])
    /// are frames.
    ///
    /// # Errors
    /// [`RequestError`] when this is not a valid request for a WebSocket; [`RequestError::encode_response`] writes the
    /// response. Later calls return the same error.
    pub fn poll<'b>(&mut self, received: &'b [u8]) -> Result<Option<Request<'b>>, RequestError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.advance(received).inspect_err(|&error| self.failed = Some(error))
    }

    /// Returns the request that [`poll`](Self::poll) has just refused, if it is a valid request of HTTP/1.1 or HTTP/1.0
    /// that does not ask for a WebSocket. Respond to it with [`PlainRequest::encode_response`] instead of
    /// [`RequestError::encode_response`]. `received` must be the bytes that `poll` got.
    ///
    /// ```
    /// use fullduplex::handshake::{HeadLimits, Rejection, ServerHandshake};
    ///
    /// let received = b"GET /healthz HTTP/1.1\r\nHost: server.example.com\r\n\r\n";
    /// let mut handshake = ServerHandshake::new(HeadLimits::new());
    /// let error = handshake.poll(received).expect_err("this asks for no WebSocket");
    ///
    /// let mut out = [0; 256];
    /// let length = match handshake.plain_request(received) {
    ///     Some(request) if request.path() == "/healthz" => {
    ///         request.encode_response(&Rejection::new(200).body(b"ok\n"), &mut out)?
    ///     }
    ///     _ => error.encode_response(&mut out)?, // such as 426
    /// };
    /// assert!(out[..length].starts_with(b"HTTP/1.1 200 OK\r\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn plain_request<'b>(&self, received: &'b [u8]) -> Option<PlainRequest<'b>> {
        self.failed?;
        // The head is parsed again, because `poll` keeps nothing of a request that it refuses.
        let end =
            HeadScanner::new(HeadKind::Request, self.limits.max_size).poll(received).ok()??;
        let mut slots = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let parsed = parse_request(received.get(..end)?, &self.limits, &mut slots).ok()?;
        PlainRequest::of(&parsed)
    }

    /// Tells the handshake that the client will send no more. Call it when the transport ends and [`poll`](Self::poll)
    /// still returns `None`. It returns the error that `poll` returns from then on. There is no client left to respond
    /// to.
    pub fn handle_eof(&mut self) -> RequestError {
        *self.failed.get_or_insert(RequestError::Head(HeadError::UnexpectedEnd))
    }

    fn advance<'b>(&mut self, received: &'b [u8]) -> Result<Option<Request<'b>>, RequestError> {
        let mut slots = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        if self.scanner.is_fresh()
            && let Some(parsed) = parse_request_at_once(received, &self.limits, &mut slots)
        {
            return Request::check(&parsed).map(Some);
        }
        let end = self.scanner.poll(received)?;
        let Some(head) = end.and_then(|end| received.get(..end)) else {
            return Ok(None);
        };
        let parsed = parse_request(head, &self.limits, &mut slots)?;
        Request::check(&parsed).map(Some)
    }
}

impl Default for ServerHandshake {
    fn default() -> Self {
        Self::new(HeadLimits::new())
    }
}
