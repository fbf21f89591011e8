//! `cargo xtask bench-handshake`: connections accepted, upgraded and closed, fullduplex over tokio compared with others.
//!
//! `benches/echo` documents what is measured, and how.

use crate::bench_echo::{Options, compare};
use crate::shell::Outcome;

/// Builds and runs the comparison; its results go to `target/bench-handshake`.
pub(crate) fn run(options: &Options) -> Outcome {
    compare("handshake", options)
}
