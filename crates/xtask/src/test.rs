//! `cargo xtask test`: all tests, and the core's for every set of features.

use crate::peers;
use crate::shell::{Outcome, cargo, run as run_command};

/// The commands, in the order in which they run.
const COMMANDS: [&str; 6] = [
    // The benches pull in heavy packages and hold no test.
    "test --workspace --exclude fullduplex-benches --exclude fullduplex-bench-peers \
     --exclude fullduplex-bench-echo",
    // Features of the core are unified within a workspace, so each set is a run of its own.
    "test -p fullduplex --no-default-features",
    "test -p fullduplex --no-default-features --features alloc",
    "test -p fullduplex --no-default-features --features deflate",
    "test -p fullduplex",
    // What takes minutes without optimisation.
    "test --release -p fullduplex-tokio --test adapter -- --ignored",
];

/// Runs all tests.
pub(crate) fn run() -> Outcome {
    // Some tests talk to the endpoints that other people wrote.
    peers::run()?;
    for line in COMMANDS {
        run_command(&mut cargo(line))?;
    }
    Ok(())
}
