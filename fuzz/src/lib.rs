//! What the fuzz targets share: traffic from arbitrary values, with what a receiver must see in it; the promises that every
//! connection keeps; and the list of all oracles.

mod answer;
mod deflate;
mod frames;
mod heads;
mod memory;
mod oracle;
mod oracles;
mod pieces;
mod shown;
mod traffic;

pub use answer::{Answer, ReadResponse};
pub use deflate::{Terms, negotiate, read_strictly};
pub use frames::frames;
pub use heads::{Mutations, growing};
pub use memory::{Bound, Measured};
pub use oracles::Oracle;
pub use pieces::{in_pieces, join_piece, lent};
pub use shown::{in_debug, in_words};
pub use traffic::{Control, Data, Step, Traffic, close_code, scaled};

use arbitrary::Arbitrary;
use fullduplex::{Config, Connection, Negotiated, Role};
use fullduplex_testkit::Split;

/// Which end of the connection.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum End {
    /// The server, which receives masked frames.
    Server,
    /// The client, which sends masked frames.
    Client,
}

impl End {
    /// The core's name for it.
    #[must_use]
    pub fn role(self) -> Role {
        match self {
            Self::Server => Role::Server,
            Self::Client => Role::Client,
        }
    }
}

/// How the input is cut into reads.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Cut {
    /// Byte by byte.
    Bytes,
    /// In reads of this size.
    Every(u8),
    /// In two reads.
    At(u16),
    /// In reads of random sizes.
    Random(u16),
}

impl Cut {
    /// The split of `len` bytes: into a few thousand reads at most, so that a run stays short.
    #[must_use]
    pub fn split(self, len: usize) -> Split {
        let least = 1 + len / 4096;
        match self {
            Self::Bytes => Split::Every(least),
            Self::Every(size) => Split::Every(usize::from(size).max(least)),
            Self::At(at) => Split::At(usize::from(at)),
            Self::Random(_) if least > 1 => Split::Every(20 * least),
            Self::Random(seed) => Split::Random(u64::from(seed)),
        }
    }
}

/// Limits that are small enough for a fuzzer to reach.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct SmallLimits {
    /// Largest frame.
    pub frame: u16,
    /// Largest message.
    pub message: u16,
    /// Most fragments.
    pub fragments: u8,
}

impl SmallLimits {
    /// A configuration with these limits.
    #[must_use]
    pub fn config(self) -> Config {
        let mut config = Config::new();
        config.limits.max_frame_size = u64::from(self.frame);
        config.limits.max_message_size = u64::from(self.message);
        config.limits.max_fragments = u32::from(self.fragments);
        config
    }
}

/// An open connection.
#[must_use]
pub fn connection(role: Role, config: Config) -> Connection {
    Connection::new(role, Negotiated::without_extensions(), config)
}
