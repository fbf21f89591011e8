//! `cargo xtask lint`: formatting, lints, documentation, layers.

use crate::layers;
use crate::shell::{Outcome, cargo, run as run_command};

/// Checks the source without running it.
pub(crate) fn run() -> Outcome {
    run_command(&mut cargo("fmt --all --check"))?;
    // The libraries that we are compared with would take longer than all the rest: `benches/peers` and
    // `benches/echo` are formatted with the others, and linted by hand.
    let rest = "--workspace --exclude fullduplex-bench-peers --exclude fullduplex-bench-echo";
    run_command(&mut cargo(&format!("clippy {rest} --all-targets -- -D warnings")))?;
    run_command(&mut cargo(
        "clippy -p fullduplex-benches --features deflate --all-targets -- -D warnings",
    ))?;
    run_command(&mut cargo("clippy -p fullduplex --no-default-features -- -D warnings"))?;
    for features in ["alloc", "deflate"] {
        let clippy = format!("clippy -p fullduplex --no-default-features --features {features}");
        run_command(&mut cargo(&format!("{clippy} -- -D warnings")))?;
    }
    let doc = format!("doc {rest} --no-deps");
    run_command(cargo(&doc).env("RUSTDOCFLAGS", "-D warnings"))?;
    layers::run()
}
