//! What an opening handshake settled: the one bridge from handshake to connection.

/// The outcome of an opening handshake, as far as frames are concerned (RFC 6455 §9.1).
///
/// A handshake machine returns it once offer and answer have been checked against each other;
/// [`Connection::new`](crate::Connection::new) takes it. Today no extension is implemented, so it
/// carries nothing; permessage-deflate will live here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    _private: (),
}

impl Negotiated {
    /// A connection without extensions: also what to use when something else did the handshake
    /// (an HTTP server's upgrade, a test) and agreed to no extension.
    #[must_use]
    pub const fn without_extensions() -> Self {
        Self { _private: () }
    }
}
