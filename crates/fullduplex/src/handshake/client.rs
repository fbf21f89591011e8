//! The client's side of the opening handshake (RFC 6455 §4.1): writes the request, and checks the response to it. It
//! knows neither transport nor clock. Over HTTP/2, request and response are header lists:
//! [`ClientRequest::connect_fields`] and [`ConnectResponse`].
//!
//! A response with status 101 is checked in this order, and the first check that fails decides the error: HTTP/1.1,
//! `Upgrade`, `Connection`, `Sec-WebSocket-Accept`, extensions, subprotocol. Interim responses (other 1xx) are skipped.
//! The caller gets a response with any other status.

mod error;
mod extended_connect;
#[cfg(feature = "alloc")]
mod into_request;
#[cfg(feature = "alloc")]
mod owned;
mod request;
mod response;
#[cfg(test)]
mod tests;

pub use error::{EncodeRequestError, ResponseError};
pub use extended_connect::ConnectResponse;
#[cfg(feature = "alloc")]
pub use into_request::IntoRequest;
#[cfg(feature = "alloc")]
pub use owned::{OwnedClientRequest, OwnedResponse};
pub use request::ClientRequest;
pub use response::{Outcome, Response};

use core::mem::MaybeUninit;

use super::head::{
    HeadError, HeadKind, HeadLimits, HeadScanner, MAX_HEADERS, is_interim, parse_response,
};
use super::key::Key;
use crate::entropy::{Entropy, EntropyError};

/// Writes the request of an opening handshake and checks the response (RFC 6455 §4.1).
///
/// ```
/// use fullduplex::Uri;
/// use fullduplex::handshake::{ClientHandshake, ClientRequest, Outcome};
///
/// let uri = Uri::parse("ws://server.example.com/chat")?;
/// let request = ClientRequest::new(uri).subprotocols(&["chat"]);
/// # let mut handshake = ClientHandshake::with_fixed_key_for_tests(*b"the sample nonce");
/// # let _ = |mut entropy: fullduplex::NoEntropy| {
/// let mut handshake = ClientHandshake::new(&mut entropy)?;
/// # Ok::<_, fullduplex::EntropyError>(handshake) };
/// let mut out = [0; 512];
/// let length = handshake.encode_request(&request, &mut out)?;
/// assert!(out[..length].starts_with(b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\n"));
///
/// let received = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
///     Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n";
/// match handshake.poll(received, &request)? {
///     None => { /* read more into the same buffer and poll again */ }
///     Some(Outcome::Refused(response)) => panic!("status {}", response.status()),
///     Some(Outcome::Open { response, negotiated: _ }) => {
///         assert_eq!(response.subprotocol(), Some("chat"));
///         assert!(received[response.head_len()..].is_empty());
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientHandshake {
    key: Key,
    scanner: HeadScanner,
    limits: HeadLimits,
    /// Where the head that is being received begins: after the interim responses.
    head_start: usize,
    failed: Option<ResponseError>,
}

impl ClientHandshake {
    /// Begins a handshake with a fresh nonce of 16 bytes from `entropy`: "the nonce MUST be
    /// selected randomly for each connection" (RFC 6455 §4.1, item 7).
    ///
    /// # Errors
    /// [`EntropyError`] when `entropy` has no bits to give.
    pub fn new<E: Entropy + ?Sized>(entropy: &mut E) -> Result<Self, EntropyError> {
        Ok(Self::with_key(Key::random(entropy)?))
    }

    /// Begins a handshake with a nonce that is **not random**, so that tests can compare bytes. Never use it on a
    /// network: a server or proxy that knows the nonce can prepare its response.
    #[must_use]
    pub fn with_fixed_key_for_tests(nonce: [u8; 16]) -> Self {
        Self::with_key(Key::from_nonce(nonce))
    }

    /// Sets the limits for the response; the default is [`HeadLimits::new()`]. Call it before the first
    /// [`poll`](Self::poll).
    #[must_use]
    pub fn with_limits(mut self, limits: HeadLimits) -> Self {
        self.scanner = HeadScanner::new(HeadKind::Response, limits.max_size);
        self.limits = limits;
        self
    }

    /// The `Sec-WebSocket-Key` of this handshake.
    #[must_use]
    pub const fn key(&self) -> Key {
        self.key
    }

    /// Writes the whole request into `out`, and returns its length in bytes. A second call writes the same request.
    ///
    /// # Errors
    /// [`EncodeRequestError`] when a subprotocol or header must not be sent, or when `out` is too small; the error says
    /// how much is needed. The caller must not send what `out` then holds.
    pub fn encode_request<S: AsRef<str>>(
        &self,
        request: &ClientRequest<'_, S>,
        out: &mut [u8],
    ) -> Result<usize, EncodeRequestError> {
        request.encode(&self.key, out)
    }

    /// Looks for the final response in `received`, which must hold all bytes from the server since the connection
    /// began. While this returns `None`, the caller reads more into the same buffer and calls again. Each byte is
    /// looked at once, with any number of calls. `request` must be the request that was sent.
    ///
    /// Interim responses are skipped, and so is one empty line before each head. Together with the final head, they
    /// must not exceed [`HeadLimits::max_size`].
    ///
    /// A folded header line is an error here, because it must be rewritten. [`poll_unfolding`](Self::poll_unfolding)
    /// rewrites it in `received`.
    ///
    /// # Errors
    /// [`ResponseError`] when the response does not open the WebSocket although its status says so, or when it is not
    /// HTTP; [`HeadError::FoldedLine`] when a header line is folded. The caller must close the connection. Later calls
    /// return the same error.
    pub fn poll<'b, S: AsRef<str>>(
        &mut self,
        received: &'b [u8],
        request: &ClientRequest<'_, S>,
    ) -> Result<Option<Outcome<'b>>, ResponseError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.advance(received, request).inspect_err(|&error| self.failed = Some(error))
    }

    /// As [`poll`](Self::poll), but accepts folded header lines (obs-fold, RFC 9112 §5.2). If a line continues in the
    /// next one, it replaces the CR and LF between them by two spaces, in `received`. It changes and moves nothing
    /// else. Each call must get the same buffer, with nothing changed but new bytes at its end.
    ///
    /// ```
    /// use fullduplex::Uri;
    /// use fullduplex::handshake::{ClientHandshake, ClientRequest, Outcome};
    ///
    /// let request = ClientRequest::new(Uri::parse("ws://server.example.com/chat")?);
    /// let mut handshake = ClientHandshake::with_fixed_key_for_tests(*b"the sample nonce");
    /// let mut received = *b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\trealm=\"chat\"\r\n\r\n";
    /// match handshake.poll_unfolding(&mut received, &request)? {
    ///     Some(Outcome::Refused(response)) => {
    ///         let shown = response.headers().get_str("WWW-Authenticate");
    ///         assert_eq!(shown, Some("Basic  \trealm=\"chat\""));
    ///     }
    ///     other => panic!("{other:?}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`poll`](Self::poll), except [`HeadError::FoldedLine`].
    pub fn poll_unfolding<'b, S: AsRef<str>>(
        &mut self,
        received: &'b mut [u8],
        request: &ClientRequest<'_, S>,
    ) -> Result<Option<Outcome<'b>>, ResponseError> {
        if self.failed.is_none() {
            // `poll` below returns any other result of `find` again. The scanner scans no byte twice.
            while let Err(HeadError::FoldedLine) = self.find(received) {
                self.scanner.unfold(received);
            }
        }
        self.poll(received, request)
    }

    /// Tells the handshake that the server will send no more. Call it when the transport ends and [`poll`](Self::poll)
    /// still returns `None`. It returns the error that `poll` returns from then on.
    pub fn handle_eof(&mut self) -> ResponseError {
        *self.failed.get_or_insert(ResponseError::Head(HeadError::UnexpectedEnd))
    }

    const fn with_key(key: Key) -> Self {
        let limits = HeadLimits::new();
        Self {
            key,
            scanner: HeadScanner::new(HeadKind::Response, limits.max_size),
            limits,
            head_start: 0,
            failed: None,
        }
    }

    fn advance<'b, S: AsRef<str>>(
        &mut self,
        received: &'b [u8],
        request: &ClientRequest<'_, S>,
    ) -> Result<Option<Outcome<'b>>, ResponseError> {
        let Some(Heads { all, last }) = self.find(received)? else { return Ok(None) };
        let mut slots = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let parsed = parse_response(last, &self.limits, &mut slots)?;
        let response = Response::new(all, &parsed);
        if parsed.status == 101 {
            let negotiated = response.check(&parsed, &self.key, request)?;
            return Ok(Some(Outcome::Open { response, negotiated }));
        }
        Ok(Some(Outcome::Refused(response)))
    }

    /// Finds the heads of the response, or returns `None` if the final one is not complete.
    fn find<'b>(&mut self, received: &'b [u8]) -> Result<Option<Heads<'b>>, HeadError> {
        loop {
            let Some(end) = self.scanner.poll(received)? else { return Ok(None) };
            // The scanner has found the end in `received`, after the interim responses.
            let (Some(all), Some(last)) = (received.get(..end), received.get(self.head_start..end))
            else {
                return Ok(None);
            };
            if !is_interim(last) {
                return Ok(Some(Heads { all, last }));
            }
            // "A client MUST be able to parse one or more 1xx responses received prior to a
            // final response, even if the client does not expect one."
            check_interim(last, &self.limits)?;
            self.head_start = end;
            self.scanner.restart();
        }
    }
}

/// The heads of a response.
struct Heads<'b> {
    /// Interim responses, and then the final one.
    all: &'b [u8],
    /// The final one.
    last: &'b [u8],
}

/// An interim response must be well formed. Nothing else of it is checked.
#[cold]
fn check_interim(head: &[u8], limits: &HeadLimits) -> Result<(), HeadError> {
    let mut slots = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    parse_response(head, limits, &mut slots).map(drop)
}
