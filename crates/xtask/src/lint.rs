//! `cargo xtask lint`: formatting, lints, documentation, layers.

use crate::layers;
use crate::shell::{Outcome, cargo, run as run_command};

/// Checks the source without running it.
pub(crate) fn run() -> Outcome {
    run_command(&mut cargo("fmt --all --check"))?;
    run_command(&mut cargo("clippy --workspace --all-targets -- -D warnings"))?;
    run_command(&mut cargo("clippy -p fullduplex --no-default-features -- -D warnings"))?;
    run_command(&mut cargo(
        "clippy -p fullduplex --no-default-features --features alloc -- -D warnings",
    ))?;
    run_command(cargo("doc --workspace --no-deps").env("RUSTDOCFLAGS", "-D warnings"))?;
    layers::run()
}
