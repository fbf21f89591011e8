//! `cargo xtask test`: all tests, those of the core for every set of features.

use std::thread;

use crate::peers;
use crate::shell::{Failure, Outcome, cargo, run as run_command, run_some_at_once};

/// All packages except for the benches and the endpoints over other libraries, which have heavy dependencies and no tests,
/// and the models, which have their own chore. Some tests wait for real deadlines, so nothing else runs at the same time.
const WORKSPACE: &str = "test --workspace --exclude fullduplex-benches --exclude fullduplex-bench-peers \
                         --exclude fullduplex-bench-echo --exclude fullduplex-conformance-peers \
                         --exclude fullduplex-concurrency";

/// What runs side by side after that, some compiling while others run: no clock matters there.
const REST: [&str; 7] = [
    // These tests take minutes without optimisation, on one thread, so they start first.
    "test --release -p fullduplex-tokio --test adapter -- --ignored",
    // What is observed with these features, and what it costs. Nothing above is compiled with them.
    "test -p fullduplex-tokio --features tracing --lib --test seen --test memory",
    "test -p fullduplex-app --features tracing --test metrics",
    // Features of the core are unified within a workspace, so each set needs its own run.
    "test -p fullduplex --no-default-features --features deflate",
    "test -p fullduplex --no-default-features --features alloc",
    "test -p fullduplex",
    "test -p fullduplex --no-default-features",
];

/// Runs all tests.
pub(crate) fn run() -> Outcome {
    // Some tests talk to endpoints of other projects, which are fetched while ours are compiled.
    thread::scope(|scope| {
        let peers = scope.spawn(peers::run);
        let compiled = run_command(cargo(WORKSPACE).arg("--no-run"));
        let fetched = peers.join().unwrap_or_else(|_| Err(Failure::new("it panicked")));
        compiled.and(fetched)
    })?;
    run_command(&mut cargo(WORKSPACE))?;
    run_some_at_once(REST.map(cargo).into())
}
