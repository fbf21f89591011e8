//! `cargo xtask lint`: formatting, lints, documentation, layers.

use crate::layers;
use crate::shell::{Outcome, cargo, run as run_command};

/// Checks the source without running it.
pub(crate) fn run() -> Outcome {
    run_command(&mut cargo("fmt --all --check"))?;
    // The libraries that we are compared with would take longer than all the rest: `benches/peers` is
    // formatted with the others, and linted by hand.
    run_command(&mut cargo(
        "clippy --workspace --exclude fullduplex-bench-peers --all-targets -- -D warnings",
    ))?;
    run_command(&mut cargo(
        "clippy -p fullduplex-benches --features deflate --all-targets -- -D warnings",
    ))?;
    run_command(&mut cargo("clippy -p fullduplex --no-default-features -- -D warnings"))?;
    for features in ["alloc", "deflate"] {
        let clippy = format!("clippy -p fullduplex --no-default-features --features {features}");
        run_command(&mut cargo(&format!("{clippy} -- -D warnings")))?;
    }
    let doc = "doc --workspace --exclude fullduplex-bench-peers --no-deps";
    run_command(cargo(doc).env("RUSTDOCFLAGS", "-D warnings"))?;
    layers::run()
}
