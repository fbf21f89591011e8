//! `cargo xtask test`: all tests, and the core's for every set of features.

use std::thread;

use crate::peers;
use crate::shell::{Failure, Outcome, cargo, run as run_command, run_some_at_once};

/// All but the benches and the endpoints over other libraries, which pull in heavy packages and hold no test, and the models,
/// which are a chore of their own. Some of these tests wait for real deadlines, so nothing runs beside them.
const WORKSPACE: &str = "test --workspace --exclude fullduplex-benches --exclude fullduplex-bench-peers \
                         --exclude fullduplex-bench-echo --exclude fullduplex-conformance-peers \
                         --exclude fullduplex-concurrency";

/// What runs side by side after that, one of them compiled while another runs: no clock matters there.
const REST: [&str; 7] = [
    // What takes minutes without optimisation; on one thread, so it begins first.
    "test --release -p fullduplex-tokio --test adapter -- --ignored",
    // What these features see, and what they cost. Nothing above is compiled with them.
    "test -p fullduplex-tokio --features tracing --lib --test seen --test memory",
    "test -p fullduplex-app --features tracing --test metrics",
    // Features of the core are unified within a workspace, so each set is a run of its own.
    "test -p fullduplex --no-default-features --features deflate",
    "test -p fullduplex --no-default-features --features alloc",
    "test -p fullduplex",
    "test -p fullduplex --no-default-features",
];

/// Runs all tests.
pub(crate) fn run() -> Outcome {
    // Some tests talk to the endpoints that other people wrote: they are fetched while ours are compiled.
    thread::scope(|scope| {
        let peers = scope.spawn(peers::run);
        let compiled = run_command(cargo(WORKSPACE).arg("--no-run"));
        let fetched = peers.join().unwrap_or_else(|_| Err(Failure::new("it panicked")));
        compiled.and(fetched)
    })?;
    run_command(&mut cargo(WORKSPACE))?;
    run_some_at_once(REST.map(cargo).into())
}
