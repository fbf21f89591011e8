//! The side of the connection that the subject is on.

use std::fmt;

/// The subject's side of the connection. The runner is the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The subject is a server: the runner connects to it.
    Server,
    /// The subject is a client: it connects to the runner.
    Client,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "server",
            Self::Client => "client",
        })
    }
}

/// Text that is neither `server` nor `client`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidSide;

impl fmt::Display for InvalidSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a side is `server` or `client`")
    }
}

impl std::error::Error for InvalidSide {}

impl std::str::FromStr for Side {
    type Err = InvalidSide;

    fn from_str(text: &str) -> Result<Self, InvalidSide> {
        match text {
            "server" => Ok(Self::Server),
            "client" => Ok(Self::Client),
            _ => Err(InvalidSide),
        }
    }
}
