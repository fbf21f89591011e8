//! Helpers for the tests, fuzz targets and benches of fullduplex: frame builders, entropy from a seed, a driver that
//! feeds a connection with input split anywhere, and two peers in memory with a virtual clock.
//!
//! It uses the core without the feature `alloc`, so that the core can also be tested without it.

#[cfg(feature = "browser")]
pub mod browser;
mod drive;
mod entropy;
mod frames;
mod inflate;
mod pair;
mod random;
mod resident;

pub use drive::{Outcome, Seen, Split, drive, drive_inflating, record_chunk, record_control};
pub use entropy::{BrokenEntropy, TestEntropy};
pub use frames::{Frame, LengthForm, ROLES, all_to, frames, to};
pub use inflate::StrictInflate;
pub use pair::{Pair, Side};
pub use random::Random;
pub use resident::{resident, returns_freed_memory};
