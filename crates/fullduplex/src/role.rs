//! Which end of the connection this is.

/// The end of the connection that a machine plays (RFC 6455 §5.1).
///
/// The role settles who masks: a client masks every frame it sends and refuses masked frames, a
/// server the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The end that accepted the opening handshake.
    Server,
    /// The end that sent the opening handshake.
    Client,
}

impl Role {
    /// The role at the other end of the wire.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Server => Self::Client,
            Self::Client => Self::Server,
        }
    }
}
