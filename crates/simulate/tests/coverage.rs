//! The simulation exercises everything that it can do, and reaches every kind of end.

use fullduplex_simulate::{Coverage, World, generate, run};

/// What all worlds do.
const ALL: [&str; 38] = [
    "close",
    "close without a code",
    "compression on or off",
    "drop",
    "end: clean",
    "end: dropped",
    "end: not clean",
    "failure: ended inside a message",
    "failure: ended without a Close",
    "failure: frame",
    "failure: message",
    "failure: reset",
    "join",
    "net: capacity",
    "net: corrupt",
    "net: delay",
    "net: go",
    "net: half-close",
    "net: reset",
    "net: split",
    "net: stall",
    "pass",
    "read",
    "receive binary",
    "receive close",
    "receive piece",
    "receive ping",
    "receive pong",
    "receive text",
    "refused: closed",
    "refused: unfinished",
    "send fragment",
    "send owned",
    "send ping",
    "send pong",
    "send shared",
    "settle",
    "split",
];

/// What the core's world does besides [`ALL`].
const CORE: [&str; 23] = [
    "all memory is freed",
    "early",
    "end is given up",
    "failure: close frame",
    "failure: close timeout",
    "failure: idle timeout",
    "failure: inflate",
    "failure: pong timeout",
    "find close",
    "keepalive ping",
    "pause",
    "read ahead",
    "refused: full",
    "release",
    "send last fragment",
    "send lent",
    "send prepared",
    "shutdown: both",
    "shutdown: write",
    "signals carried",
    "write blocked",
    "write fails",
    "write goes on",
];

/// What tokio's world does besides [`ALL`].
const TOKIO: [&str; 13] = [
    "close and wait",
    "failure: close timeout",
    "failure: idle timeout",
    "failure: pong timeout",
    "feed",
    "flush",
    "future dropped",
    "pause",
    "refused: transport",
    "send dropped",
    "send lent",
    "send prepared",
    "write blocked",
];

/// What the blocking adapter's world does besides [`ALL`].
const STD: [&str; 9] = [
    "failure: close frame",
    "failure: inflate",
    "feed",
    "flush",
    "refused: transport",
    "release",
    "send prepared",
    "would block",
    "write blocked",
];

fn covers(world: World, runs: u64, alone: &[&str]) {
    let mut coverage = Coverage::default();
    for seed in 0..runs {
        let covered = run(&generate::plan(world, seed));
        coverage.add(&covered.unwrap_or_else(|broken| panic!("seed {seed}: {broken}")));
    }
    let missing: Vec<_> =
        ALL.iter().chain(alone).filter(|what| coverage.count(what) == 0).collect();
    assert!(missing.is_empty(), "{missing:?} never happened:\n{coverage}");
}

#[test]
fn everything_happens_to_the_core() {
    covers(World::Core, 3000, &CORE);
}

#[test]
fn everything_happens_over_tokio() {
    covers(World::Tokio, 1500, &TOKIO);
}

#[test]
fn everything_happens_over_blocking_streams() {
    covers(World::Std, 1500, &STD);
}
