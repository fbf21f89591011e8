//! A server's final response, and the checks of a response that opens a WebSocket (RFC 6455 §4.1).

use super::error::ResponseError;
use super::request::ClientRequest;
#[cfg(feature = "deflate")]
use crate::deflate::{DeflateParams, NegotiationError};
use crate::handshake::head::ResponseHead;
use crate::handshake::key::Key;
use crate::handshake::negotiate::{Field, UpgradeTokens};
use crate::headers::{Headers, list_elements};
use crate::negotiated::Negotiated;

/// The result of a complete handshake: the server's final response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'b> {
    /// A valid response with status 101: the WebSocket is open. The bytes after the heads in the buffer
    /// ([`Response::head_len`]) are frames.
    Open {
        /// The response: its subprotocol and headers.
        response: Response<'b>,
        /// What [`Connection::new`](crate::Connection::new) needs.
        negotiated: Negotiated,
    },
    /// Another final status, such as a redirect, a demand for credentials, or a refusal. The caller decides whether and
    /// how to try again (RFC 6455 §4.1, item 1). The bytes after the heads in the buffer begin the response's body. A
    /// client that follows a redirect to another origin must not send its `Authorization` and `Cookie` headers there.
    Refused(Response<'b>),
}

/// The head of a server's final response (RFC 9112 §4). It borrows the received bytes; with `alloc`,
/// [`into_owned`](Self::into_owned) copies them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'b> {
    pub(super) head_len: usize,
    pub(super) status: u16,
    pub(super) reason: &'b str,
    pub(super) headers: Headers<'b>,
}

impl<'b> Response<'b> {
    pub(super) const fn new(heads: &'b [u8], parsed: &ResponseHead<'_, 'b>) -> Self {
        Self {
            head_len: heads.len(),
            status: parsed.status,
            reason: parsed.reason,
            headers: parsed.headers,
        }
    }

    /// The number of bytes of all heads, including interim responses. The bytes after them in the buffer are frames, or
    /// the body of a response that does not open the WebSocket.
    #[must_use]
    pub const fn head_len(&self) -> usize {
        self.head_len
    }

    /// The status code, 101 or from 200 up.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The reason phrase. It is empty if the server did not send one, or did not send it in ASCII.
    #[must_use]
    pub const fn reason(&self) -> &'b str {
        self.reason
    }

    /// All header lines, in order. With status 426, `list("Sec-WebSocket-Version")` returns the versions that the
    /// server supports (RFC 6455 §4.4).
    #[must_use]
    pub const fn headers(&self) -> Headers<'b> {
        self.headers
    }

    /// The `Sec-WebSocket-Protocol` header. If the WebSocket is open, it is the subprotocol in use.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&'b str> {
        self.headers.get_str("sec-websocket-protocol")
    }

    /// Checks a response with status 101 as RFC 6455 §4.1 demands.
    pub(super) fn check<S: AsRef<str>>(
        &self,
        parsed: &ResponseHead<'_, 'b>,
        key: &Key,
        request: &ClientRequest<'_, S>,
    ) -> Result<Negotiated, ResponseError> {
        let mut tokens = UpgradeTokens::default();
        let mut switches_to_other = false;
        let mut accepts = Field::default();
        let mut subprotocols = Field::default();
        for line in parsed.lines {
            let is = |name: &str| line.name.eq_ignore_ascii_case(name);
            match line.name.len() {
                7 if is("upgrade") => {
                    tokens.add_upgrade(line.value);
                    switches_to_other |= lists_other(line.value);
                }
                10 if is("connection") => tokens.add_connection(line.value),
                20 if is("sec-websocket-accept") => accepts.add(line.value),
                22 if is("sec-websocket-protocol") => subprotocols.add(line.value),
                _ => {}
            }
        }
        // A server of HTTP/1.0 cannot switch protocols: "a server MUST ignore an Upgrade header
        // field that is received in an HTTP/1.0 request".
        if parsed.minor_version != 1 {
            return Err(ResponseError::Version);
        }
        // "If the response lacks an |Upgrade| header field or [it] contains a value that is not an ASCII
        // case-insensitive match for the value "websocket", the client MUST _Fail the WebSocket Connection_", and so with
        // |Connection|, which may list more. "If multiple protocol layers are being switched, the sender MUST list the
        // protocols in layer-ascending order" (RFC 9110 §7.8): what follows would not be WebSocket alone.
        if !tokens.upgrade || switches_to_other {
            return Err(ResponseError::Upgrade);
        }
        if !tokens.connection {
            return Err(ResponseError::Connection);
        }
        // "If the response lacks a |Sec-WebSocket-Accept| header field or [it] contains a value
        // other than the base64-encoded SHA-1 […], ignoring any leading and trailing whitespace".
        if matches!(accepts, Field::Absent) {
            return Err(ResponseError::AcceptMissing);
        }
        if accepts.only() != Some(&key.accept()) {
            return Err(ResponseError::Accept);
        }
        self.check_choices(subprotocols, request)
    }

    /// Checks the extensions and the subprotocol, which HTTP/1.1 and HTTP/2 have in common.
    pub(super) fn check_choices<S: AsRef<str>>(
        &self,
        subprotocols: Field<'_>,
        request: &ClientRequest<'_, S>,
    ) -> Result<Negotiated, ResponseError> {
        let negotiated = negotiated(self.headers, request)?;
        // "The use of a subprotocol that was not present in the client's handshake"; and the header
        // "MUST NOT appear more than once in an HTTP response".
        match subprotocols {
            Field::Absent if request.require_subprotocol => Err(ResponseError::SubprotocolMissing),
            Field::Absent => Ok(negotiated),
            Field::Once(chosen) if request.offers(chosen) => Ok(negotiated),
            _ => Err(ResponseError::Subprotocol),
        }
    }
}

/// The extensions in use: "the use of an extension that was not present in the client's handshake" fails the connection
/// (RFC 6455 §4.1).
#[cfg(feature = "deflate")]
fn negotiated<S: AsRef<str>>(
    headers: Headers<'_>,
    request: &ClientRequest<'_, S>,
) -> Result<Negotiated, ResponseError> {
    let offer = request.deflate_offer();
    match DeflateParams::of_response(offer.as_ref(), headers.extensions()) {
        Ok(agreed) => Ok(Negotiated::with_deflate(agreed)),
        Err(error) if offer.is_some() && error != NegotiationError::NotOffered => {
            Err(ResponseError::Deflate(error))
        }
        Err(_) => Err(ResponseError::Extension),
    }
}

/// Without the feature `deflate`, the client offers no extension, so the server must use none.
#[cfg(not(feature = "deflate"))]
fn negotiated<S: AsRef<str>>(
    headers: Headers<'_>,
    _request: &ClientRequest<'_, S>,
) -> Result<Negotiated, ResponseError> {
    match headers.extensions().next() {
        None => Ok(Negotiated::without_extensions()),
        Some(_) => Err(ResponseError::Extension),
    }
}

/// Whether an `Upgrade` header lists another protocol than WebSocket.
fn lists_other(value: &[u8]) -> bool {
    // Nearly every server sends exactly this.
    value != b"websocket"
        && list_elements(value).any(|element| !element.eq_ignore_ascii_case(b"websocket"))
}
