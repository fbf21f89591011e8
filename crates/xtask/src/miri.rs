//! `cargo xtask miri`: tests under Miri, which interprets them and detects undefined behaviour.
//!
//! Our own code has no unsafe block, so Miri checks the code of dependencies as we use it: bytes, whose buffers are split
//! and joined, simdutf8, zlib-rs, atomic-waker. Miri also has weak memory orderings, so the halves of both adapters run on
//! threads, with a different interleaving for each seed.
//!
//! The interpreter is several hundred times slower, so few tests are run. Left out are:
//!
//! * tests of many or large inputs, and with them the pools and the AVX2 kernels of masking: they did not end within a
//!   minute.
//! * the adapters over sockets: Miri has no TCP and no timeouts of sockets. The halves run over pipes in memory.
//! * TLS: ring is assembly and C.

use crate::shell::{Outcome, cargo, command, fail, run as run_command, succeeds};

/// The tests that are run: a target, and the names of its tests. They cover payloads that are shared and split off, frames
/// in and out, and a compressed message that is inflated in pieces.
const RUNS: [(&str, &str); 3] = [
    ("--lib", "outgoing::tests::a_payload_that_others_send_as_well_is_never_copied"),
    (
        "--test output",
        "a_broadcast_is_encoded_once a_close_leaves_with_a_code_or_without_as_it_was_given",
    ),
    ("--test chunks", "deflate::an_endpoint_gives_pieces_too"),
];

/// The interleavings of the halves: about two seconds for each.
const SEEDS: &str = "0..16";

/// Runs the tests, and installs Miri first if it is missing.
pub(crate) fn run() -> Outcome {
    if !succeeds(&mut cargo("+nightly --version")) {
        return fail(
            "miri needs the nightly compiler: rustup toolchain install nightly --profile minimal",
        );
    }
    if !succeeds(&mut cargo("+nightly miri --version")) {
        let install = ["component", "add", "miri", "rust-src", "--toolchain", "nightly"];
        run_command(command("rustup").args(install))?;
    }
    for (target, tests) in RUNS {
        let line = format!(
            "+nightly miri test -p fullduplex --features deflate {target} -- --exact {tests}"
        );
        // The tests may look at the clock, and read vectors from files.
        run_command(cargo(&line).env("MIRIFLAGS", "-Zmiri-disable-isolation"))?;
    }
    let mut halves = cargo("+nightly miri test -p fullduplex-concurrency --test halves");
    run_command(halves.env("MIRIFLAGS", format!("-Zmiri-many-seeds={SEEDS}")))
}
