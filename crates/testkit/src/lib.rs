//! What the tests, fuzz targets and benches of fullduplex share: frame builders, entropy with a seed, a
//! connection driven by any split of its input, and two peers in memory under a virtual clock.
//!
//! It uses the core without its `alloc` feature, so that the core can be tested without it too.

mod drive;
mod entropy;
mod frames;
mod inflate;
mod pair;
mod random;

pub use drive::{Outcome, Seen, Split, drive, drive_inflating, record_chunk, record_control};
pub use entropy::{BrokenEntropy, TestEntropy};
pub use frames::{Frame, LengthForm, frames};
pub use inflate::StrictInflate;
pub use pair::{Pair, Side};
pub use random::Random;
