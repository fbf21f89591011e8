//! What a client asks for, and the bytes that ask for it (RFC 6455 §4.1).

use core::fmt;

use super::error::EncodeRequestError;
#[cfg(feature = "deflate")]
use crate::deflate::DeflateConfig;
use crate::handshake::key::Key;
use crate::handshake::negotiate::{
    check_headers, check_subprotocols, is_reserved, put_header, put_headers,
};
use crate::headers::{InvalidHeader, is_header_value};
use crate::output::Cursor;
use crate::uri::Uri;

/// What a client asks for: a URI, subprotocols, headers of its own (RFC 6455 §4.1).
///
/// `S` is whatever holds text: `&str`, or `String` in lists that are kept.
#[derive(Clone, Copy)]
pub struct ClientRequest<'a, S: AsRef<str> = &'a str> {
    /// The URI. User information in it is sent as `Authorization: Basic`, in clear text over `ws`,
    /// unless `headers` has an `Authorization` of its own.
    pub uri: Uri<'a>,
    /// The subprotocols that are offered, the preferred one first: tokens, each once.
    pub subprotocols: &'a [S],
    /// Headers to add, names and values, in order. `Host` (the URI has it), `Origin` (there is a
    /// field for it), the handshake's own (`Upgrade`, `Connection`, `Sec-WebSocket-*`) and those of
    /// a body (`Content-Length`, `Transfer-Encoding`) are refused.
    pub headers: &'a [(S, S)],
    /// The `Origin` header, which programs other than browsers may leave out (RFC 6455 §4.1, item
    /// 8).
    pub origin: Option<&'a str>,
    /// Whether a server that chooses none of the subprotocols is refused. The RFC lets it do so,
    /// and so does the default.
    pub require_subprotocol: bool,
    /// permessage-deflate, if it is to be offered (RFC 7692).
    #[cfg(feature = "deflate")]
    pub deflate: Option<DeflateConfig>,
}

impl<'a> ClientRequest<'a> {
    /// Asks for `uri` and nothing else.
    #[must_use]
    pub const fn new(uri: Uri<'a>) -> Self {
        Self {
            uri,
            subprotocols: &[],
            headers: &[],
            origin: None,
            require_subprotocol: false,
            #[cfg(feature = "deflate")]
            deflate: None,
        }
    }
}

impl<'a, S: AsRef<str>> ClientRequest<'a, S> {
    /// Sets the subprotocols that are offered.
    #[must_use]
    pub fn subprotocols(mut self, subprotocols: &'a [S]) -> Self {
        self.subprotocols = subprotocols;
        self
    }

    /// Sets the headers to add.
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

    /// Refuses a server that chooses none of the subprotocols.
    #[must_use]
    pub fn require_subprotocol(mut self) -> Self {
        self.require_subprotocol = true;
        self
    }

    /// Offers permessage-deflate (RFC 7692).
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, deflate: impl Into<Option<DeflateConfig>>) -> Self {
        self.deflate = deflate.into();
        self
    }

    /// Checks what [`ClientHandshake::encode_request`](super::ClientHandshake::encode_request)
    /// checks before it writes: the subprotocols, the headers and the origin.
    ///
    /// # Errors
    /// [`InvalidHeader`] says which is at fault.
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

    /// Whether `subprotocol` is among those that are offered.
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
        if let Some(deflate) = &self.deflate {
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

/// Prints URI (without credentials), subprotocols and the names of the headers, whose values may be
/// secret.
impl<S: AsRef<str>> fmt::Debug for ClientRequest<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct List<I>(I);
        impl<'t, I: Iterator<Item = &'t str> + Clone> fmt::Debug for List<I> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list().entries(self.0.clone()).finish()
            }
        }
        f.debug_struct("ClientRequest")
            .field("uri", &self.uri)
            .field("subprotocols", &List(self.subprotocols.iter().map(AsRef::as_ref)))
            .field("headers", &List(self.headers.iter().map(|(name, _)| name.as_ref())))
            .field("origin", &self.origin)
            .field("require_subprotocol", &self.require_subprotocol)
            .finish()
    }
}
