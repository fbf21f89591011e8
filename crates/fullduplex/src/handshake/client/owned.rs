//! A client's request that owns its text, and a response that owns its bytes.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::request::ClientRequest;
use super::response::Response;
#[cfg(feature = "deflate")]
use crate::deflate::DeflateChoice;
use crate::headers::Headers;
use crate::uri::{OwnedUri, UriError};

/// A [`ClientRequest`] that owns its text. It is built step by step.
///
/// ```
/// use fullduplex::handshake::OwnedClientRequest;
///
/// let request = OwnedClientRequest::new("wss://example.com/chat")?
///     .subprotocol("chat")
///     .header("Authorization", "Bearer 0123");
/// assert_eq!(request.as_request().uri.host(), "example.com");
/// # Ok::<(), fullduplex::UriError>(())
/// ```
#[derive(Clone)]
pub struct OwnedClientRequest {
    uri: OwnedUri,
    subprotocols: Vec<String>,
    headers: Vec<(String, String)>,
    origin: Option<String>,
    require_subprotocol: bool,
    #[cfg(feature = "deflate")]
    deflate: DeflateChoice,
}

impl OwnedClientRequest {
    /// A request for `uri`, without subprotocols and extra headers.
    ///
    /// # Errors
    /// [`UriError`] when `uri` is not the URL of a WebSocket, see [`OwnedUri::parse`].
    pub fn new(uri: impl AsRef<str>) -> Result<Self, UriError> {
        Ok(Self::from_uri(OwnedUri::parse(uri)?))
    }

    /// A request for `uri`, without subprotocols and extra headers.
    #[must_use]
    pub const fn from_uri(uri: OwnedUri) -> Self {
        Self {
            uri,
            subprotocols: Vec::new(),
            headers: Vec::new(),
            origin: None,
            require_subprotocol: false,
            #[cfg(feature = "deflate")]
            deflate: DeflateChoice::AsConfigured,
        }
    }

    /// Offers one more subprotocol. The client prefers the earlier ones. It is checked when the request is written, see
    /// [`ClientRequest::validate`].
    #[must_use]
    pub fn subprotocol(mut self, subprotocol: impl Into<String>) -> Self {
        self.subprotocols.push(subprotocol.into());
        self
    }

    /// Adds one more header after the earlier ones. It is checked when the request is written, see
    /// [`ClientRequest::validate`].
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the `Origin` header.
    #[must_use]
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// Fails the handshake if the server chooses none of the subprotocols.
    #[must_use]
    pub const fn require_subprotocol(mut self) -> Self {
        self.require_subprotocol = true;
        self
    }

    /// Sets whether permessage-deflate is offered (RFC 7692), and how: `None` does not offer it. Without this call, the
    /// configuration of the connection decides.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, deflate: impl Into<DeflateChoice>) -> Self {
        self.deflate = deflate.into();
        self
    }

    /// A view of this request.
    #[must_use]
    pub fn as_request(&self) -> ClientRequest<'_, String> {
        ClientRequest {
            uri: self.uri.as_uri(),
            subprotocols: &self.subprotocols,
            headers: &self.headers,
            origin: self.origin.as_deref(),
            require_subprotocol: self.require_subprotocol,
            #[cfg(feature = "deflate")]
            deflate: self.deflate,
        }
    }
}

/// Prints the same as [`ClientRequest`].
impl fmt::Debug for OwnedClientRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_request(), f)
    }
}

/// A [`Response`] that owns its headers, so that it outlives the receive buffer.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnedResponse {
    head_len: usize,
    status: u16,
    reason: Box<str>,
    headers: Box<[u8]>,
}

impl OwnedResponse {
    /// A view of this response. Nothing is parsed or checked again.
    #[must_use]
    pub fn as_response(&self) -> Response<'_> {
        Response {
            head_len: self.head_len,
            status: self.status,
            reason: &self.reason,
            headers: Headers::from_validated(&self.headers),
        }
    }
}

impl Response<'_> {
    /// Copies reason and headers, so that the response outlives the receive buffer.
    #[must_use]
    pub fn into_owned(self) -> OwnedResponse {
        OwnedResponse {
            head_len: self.head_len,
            status: self.status,
            reason: self.reason.into(),
            headers: match self.headers.block() {
                Some(block) => block.into(),
                None => self.headers.to_block(),
            },
        }
    }
}

impl From<Response<'_>> for OwnedResponse {
    fn from(response: Response<'_>) -> Self {
        response.into_owned()
    }
}

/// Prints the same as [`Response`].
impl fmt::Debug for OwnedResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_response(), f)
    }
}
