//! What an opening handshake settled: the one bridge from handshake to connection.

#[cfg(feature = "deflate")]
use crate::deflate::DeflateParams;

/// The outcome of an opening handshake, as far as frames are concerned (RFC 6455 §9.1).
///
/// A handshake machine returns it once offer and answer have been checked against each other;
/// [`Connection::new`](crate::Connection::new) takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    #[cfg(feature = "deflate")]
    deflate: Option<DeflateParams>,
    over_stream: bool,
}

impl Negotiated {
    /// A connection without extensions: also what to use when something else did the handshake
    /// (an HTTP server's upgrade, a test) and agreed to no extension.
    #[must_use]
    pub const fn without_extensions() -> Self {
        Self {
            #[cfg(feature = "deflate")]
            deflate: None,
            over_stream: false,
        }
    }

    /// permessage-deflate was agreed on, or not.
    #[cfg(feature = "deflate")]
    pub(crate) const fn with_deflate(deflate: Option<DeflateParams>) -> Self {
        Self { deflate, over_stream: false }
    }

    /// The transport is a stream of HTTP/2.
    pub(crate) const fn with_stream(mut self) -> Self {
        self.over_stream = true;
        self
    }

    /// Whether the transport is a stream of HTTP/2 or HTTP/3 (RFC 8441), of which each end closes its own direction.
    #[must_use]
    pub const fn is_over_stream(&self) -> bool {
        self.over_stream
    }

    /// What was agreed on about permessage-deflate (RFC 7692); `None` when it is not in use.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub const fn deflate(&self) -> Option<DeflateParams> {
        self.deflate
    }
}
