//! The result of an opening handshake, which connects the handshake with the connection.

#[cfg(feature = "deflate")]
use crate::deflate::DeflateParams;

/// What an opening handshake has negotiated about frames (RFC 6455 §9.1).
///
/// A handshake returns it once it has checked the server's response against the client's offer. It is an argument of
/// [`Connection::new`](crate::Connection::new).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    #[cfg(feature = "deflate")]
    deflate: Option<DeflateParams>,
    over_stream: bool,
}

impl Negotiated {
    /// No extensions. Use it also if another library has done the handshake, such as an HTTP server, and has agreed on
    /// no extension.
    #[must_use]
    pub const fn without_extensions() -> Self {
        Self {
            #[cfg(feature = "deflate")]
            deflate: None,
            over_stream: false,
        }
    }

    /// With permessage-deflate, unless `deflate` is `None`.
    #[cfg(feature = "deflate")]
    pub(crate) const fn with_deflate(deflate: Option<DeflateParams>) -> Self {
        Self { deflate, over_stream: false }
    }

    /// The same, but the transport is a stream of HTTP/2.
    pub(crate) const fn with_stream(mut self) -> Self {
        self.over_stream = true;
        self
    }

    /// Whether the transport is a stream of HTTP/2 or HTTP/3 (RFC 8441). Each end of such a stream closes its own
    /// direction.
    #[must_use]
    pub const fn is_over_stream(&self) -> bool {
        self.over_stream
    }

    /// The parameters of permessage-deflate (RFC 7692), or `None` if it is not in use.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub const fn deflate(&self) -> Option<DeflateParams> {
        self.deflate
    }
}
