//! An application's decision about a request, as types that own their data: a callback can build and return them.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::response::{Acceptance, Rejection};
#[cfg(feature = "deflate")]
use crate::deflate::DeflateChoice;

/// An [`Acceptance`] that owns its text. It is built step by step.
///
/// ```
/// use fullduplex::handshake::OwnedAcceptance;
///
/// let acceptance = OwnedAcceptance::new().subprotocol("chat").header("Server", "example");
/// assert_eq!(acceptance.as_acceptance().subprotocol, Some("chat"));
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OwnedAcceptance {
    subprotocol: Option<String>,
    headers: Vec<(String, String)>,
    #[cfg(feature = "deflate")]
    deflate: DeflateChoice,
}

impl OwnedAcceptance {
    /// A response with only the mandatory headers.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            subprotocol: None,
            headers: Vec::new(),
            #[cfg(feature = "deflate")]
            deflate: DeflateChoice::AsConfigured,
        }
    }

    /// Sets the subprotocol in use, which must be one that the client has offered.
    #[must_use]
    pub fn subprotocol(mut self, subprotocol: impl Into<String>) -> Self {
        self.subprotocol = Some(subprotocol.into());
        self
    }

    /// Adds one more header after the earlier ones.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets whether permessage-deflate is accepted if the client offers it (RFC 7692), and how: `None` declines it for
    /// this client. Without this call, the configuration of the endpoint decides.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, deflate: impl Into<DeflateChoice>) -> Self {
        self.deflate = deflate.into();
        self
    }

    /// A view of this response. It is checked when it is written, see [`Request::accept`](super::Request::accept).
    #[must_use]
    pub fn as_acceptance(&self) -> Acceptance<'_, String> {
        Acceptance {
            subprotocol: self.subprotocol.as_deref(),
            headers: &self.headers,
            #[cfg(feature = "deflate")]
            deflate: self.deflate,
        }
    }
}

/// Prints the same as [`Acceptance`].
impl fmt::Debug for OwnedAcceptance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_acceptance().fmt(f)
    }
}

/// A [`Rejection`] that owns its data. It is built step by step.
///
/// ```
/// use fullduplex::handshake::OwnedRejection;
///
/// let rejection = OwnedRejection::new(401).header("WWW-Authenticate", "Bearer").body("Who are you?\n");
/// assert_eq!(rejection.as_rejection().status, 401);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct OwnedRejection {
    status: u16,
    headers: Vec<(String, String)>,
    body: Cow<'static, [u8]>,
}

impl OwnedRejection {
    /// A rejection without headers and body. Its status code must be 300 to 599; in the response to a
    /// [`PlainRequest`](super::PlainRequest), 200 to 599.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Cow::Borrowed(&[]) }
    }

    /// Adds one more header after the earlier ones.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Cow::Owned(body.into());
        self
    }

    /// The status code.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// A view of this rejection. It is checked when it is written, see [`Rejection::encode`] and
    /// [`PlainRequest::encode_response`](super::PlainRequest::encode_response).
    #[must_use]
    pub fn as_rejection(&self) -> Rejection<'_, String> {
        Rejection { status: self.status, headers: &self.headers, body: &self.body }
    }
}

/// Prints the same as [`Rejection`].
impl fmt::Debug for OwnedRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_rejection().fmt(f)
    }
}
