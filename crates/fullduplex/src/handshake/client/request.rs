//! A client's request, and how it is written (RFC 6455 §4.1).

use core::fmt;

use super::error::EncodeRequestError;
#[cfg(feature = "deflate")]
use crate::deflate::{DeflateChoice, DeflateConfig};
use crate::handshake::key::Key;
use crate::handshake::negotiate::{
    Names, check_headers, check_subprotocols, is_reserved, put_header, put_headers,
};
use crate::headers::{InvalidHeader, is_header_value};
use crate::output::Cursor;
use crate::uri::Uri;

/// A client's request: a URI, subprotocols, and extra headers (RFC 6455 §4.1).
///
/// `S` is the type of the texts in the lists: `&str` or `String`.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct ClientRequest<'a, S: AsRef<str> = &'a str> {
    /// The URI. Its user information is sent as `Authorization: Basic`, over `ws` in clear text, unless `headers`
    /// contains an `Authorization`.
    pub uri: Uri<'a>,
    /// The subprotocols that are offered, the preferred one first. Each must be a token, and none may be repeated.
    pub subprotocols: &'a [S],
    /// Extra headers, names and values, in order. These are errors: `Host`, which comes from the URI; `Origin`, which
    /// has a field here; the headers of the handshake itself (`Upgrade`, `Connection`, `Sec-WebSocket-*`) and of a body
    /// (`Content-Length`, `Transfer-Encoding`).
    pub headers: &'a [(S, S)],
    /// The `Origin` header. Only browsers must send it (RFC 6455 §4.1, item 8).
    pub origin: Option<&'a str>,
    /// Whether the handshake fails if the server chooses none of the subprotocols. The RFC allows that choice, and so
    /// does the default.
    pub require_subprotocol: bool,
    /// Whether to offer permessage-deflate (RFC 7692).
    #[cfg(feature = "deflate")]
    pub deflate: DeflateChoice,
}

impl<'a> ClientRequest<'a> {
    /// A request for `uri`, without subprotocols and extra headers.
    #[must_use]
    pub const fn new(uri: Uri<'a>) -> Self {
        Self::with_lists(uri, &[], &[])
    }
}

impl<'a, S: AsRef<str>> ClientRequest<'a, S> {
    /// A request for `uri` with subprotocols and extra headers, whose texts may be `String`s.
    #[must_use]
    pub const fn with_lists(uri: Uri<'a>, subprotocols: &'a [S], headers: &'a [(S, S)]) -> Self {
        Self {
            uri,
            subprotocols,
            headers,
            origin: None,
            require_subprotocol: false,
            #[cfg(feature = "deflate")]
            deflate: DeflateChoice::AsConfigured,
        }
    }

    /// Sets the subprotocols that are offered.
    #[must_use]
    pub fn subprotocols(mut self, subprotocols: &'a [S]) -> Self {
        self.subprotocols = subprotocols;
        self
    }

    /// Sets the extra headers.
    #[must_use]
    pub fn headers(mut self, headers: &'a [(S, S)]) -> Self {
        self.headers = headers;
        self
    }

    /// Sets the `Origin` header.
    #[must_use]
    pub fn origin(mut self, origin: &'a str) -> Self {
        self.origin = Some(origin);
        self
    }

    /// Fails the handshake if the server chooses none of the subprotocols.
    #[must_use]
    pub fn require_subprotocol(mut self) -> Self {
        self.require_subprotocol = true;
        self
    }

    /// Sets whether permessage-deflate is offered (RFC 7692), and how.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, deflate: impl Into<DeflateChoice>) -> Self {
        self.deflate = deflate.into();
        self
    }

    /// Checks the subprotocols, the headers and the origin, as
    /// [`ClientHandshake::encode_request`](super::ClientHandshake::encode_request) does before it writes.
    ///
    /// # Errors
    /// [`InvalidHeader`] says which of them is invalid.
    pub fn validate(&self) -> Result<(), InvalidHeader> {
        check_subprotocols(self.subprotocols)?;
        check_headers(self.headers, |name| {
            is_reserved(name)
                || name.eq_ignore_ascii_case("host")
                || name.eq_ignore_ascii_case("origin")
        })?;
        match self.origin {
            Some(origin) if origin.is_empty() || !is_header_value(origin.as_bytes()) => {
                Err(InvalidHeader::Origin)
            }
            _ => Ok(()),
        }
    }

    /// How the client offers permessage-deflate, if it does.
    #[cfg(feature = "deflate")]
    pub(super) fn deflate_offer(&self) -> Option<DeflateConfig> {
        self.deflate.for_endpoint(None)
    }

    /// Whether the client offers `subprotocol`.
    pub(super) fn offers(&self, subprotocol: &[u8]) -> bool {
        self.subprotocols.iter().any(|offered| offered.as_ref().as_bytes() == subprotocol)
    }

    /// Writes the request with `key`.
    pub(super) fn encode(&self, key: &Key, out: &mut [u8]) -> Result<usize, EncodeRequestError> {
        self.validate().map_err(EncodeRequestError::InvalidHeader)?;
        let mut out = Cursor::new(out);
        out.put(b"GET ");
        self.uri.put_resource_name(&mut out);
        // "A user agent that sends Host SHOULD send it as the first field in the header section."
        out.put(b" HTTP/1.1\r\nHost: ");
        self.uri.put_host(&mut out);
        out.put(b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ");
        out.put(key.as_bytes());
        out.put(b"\r\nSec-WebSocket-Version: 13\r\n");
        if !self.subprotocols.is_empty() {
            out.put(b"Sec-WebSocket-Protocol: ");
            self.put_subprotocols(&mut out);
            out.put(b"\r\n");
        }
        #[cfg(feature = "deflate")]
        if let Some(deflate) = self.deflate_offer() {
            out.put(b"Sec-WebSocket-Extensions: ");
            deflate.write_offer(&mut out);
            out.put(b"\r\n");
        }
        if let Some(origin) = self.origin {
            put_header(&mut out, "Origin", origin.as_bytes());
        }
        if self.sends_credentials() {
            out.put(b"Authorization: Basic ");
            self.uri.put_basic_credentials(&mut out);
            out.put(b"\r\n");
        }
        put_headers(&mut out, self.headers);
        out.put(b"\r\n");
        out.finish().map_err(EncodeRequestError::BufferTooSmall)
    }

    /// Writes the list of subprotocols that are offered.
    pub(super) fn put_subprotocols(&self, out: &mut Cursor<'_>) {
        for (index, subprotocol) in self.subprotocols.iter().enumerate() {
            if index > 0 {
                out.put(b", ");
            }
            out.put(subprotocol.as_ref().as_bytes());
        }
    }

    /// Whether the credentials of the URI are sent.
    pub(super) fn sends_credentials(&self) -> bool {
        let mut names = self.headers.iter().map(|(name, _)| name.as_ref());
        self.uri.has_credentials() && !names.any(|name| name.eq_ignore_ascii_case("authorization"))
    }
}

/// Prints the URI without its credentials, the subprotocols, and the names of the headers. The values of headers may be
/// secret.
impl<S: AsRef<str>> fmt::Debug for ClientRequest<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Subprotocols<'t, S>(&'t [S]);
        impl<S: AsRef<str>> fmt::Debug for Subprotocols<'_, S> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list().entries(self.0.iter().map(AsRef::as_ref)).finish()
            }
        }
        f.debug_struct("ClientRequest")
            .field("uri", &self.uri)
            .field("subprotocols", &Subprotocols(self.subprotocols))
            .field("headers", &Names(self.headers))
            .field("origin", &self.origin)
            .field("require_subprotocol", &self.require_subprotocol)
            .finish()
    }
}
