//! Everything that the simulation can do is done, and every kind of end is reached.

use fullduplex_simulate::{Coverage, World, generate, run};

/// What both worlds do.
const BOTH: [&str; 44] = [
    "close",
    "close without a code",
    "compression on or off",
    "drop",
    "end: clean",
    "end: dropped",
    "end: not clean",
    "failure: ended inside a message",
    "failure: ended without a Close",
    "failure: close timeout",
    "failure: frame",
    "failure: idle timeout",
    "failure: message",
    "failure: pong timeout",
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
    "pause",
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
    "send lent",
    "send owned",
    "send ping",
    "send pong",
    "send prepared",
    "send shared",
    "settle",
    "split",
];

/// What is done in the core's world alone.
const CORE: [&str; 17] = [
    "all memory is freed",
    "early",
    "end is given up",
    "failure: close frame",
    "failure: inflate",
    "find close",
    "keepalive ping",
    "read ahead",
    "refused: full",
    "release",
    "send last fragment",
    "shutdown: both",
    "shutdown: write",
    "signals carried",
    "write blocked",
    "write fails",
    "write goes on",
];

/// What is done over tokio alone.
const TOKIO: [&str; 7] = [
    "close and wait",
    "feed",
    "flush",
    "future dropped",
    "refused: transport",
    "send dropped",
    "write blocked",
];

fn covers(world: World, runs: u64, alone: &[&str]) {
    let mut coverage = Coverage::default();
    for seed in 0..runs {
        let covered = run(&generate::plan(world, seed));
        coverage.add(&covered.unwrap_or_else(|broken| panic!("seed {seed}: {broken}")));
    }
    let missing: Vec<_> =
        BOTH.iter().chain(alone).filter(|what| coverage.count(what) == 0).collect();
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
