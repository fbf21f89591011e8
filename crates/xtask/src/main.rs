//! The project's chores: `cargo xtask NAME`. CI runs the same commands as a developer.

mod agree;
mod autobahn;
mod bench_build;
mod bench_deflate;
mod bench_echo;
mod bench_fanout;
mod bench_handshake;
mod bench_idle;
mod bench_instructions;
mod bench_peers;
mod browser;
mod ci;
mod compat_versions;
mod concurrency;
mod conformance;
mod drop_in;
mod embedded;
mod features;
mod firmware;
mod fuzz;
mod layers;
mod lint;
mod minimal_versions;
mod miri;
mod mutants;
mod no_panic;
mod no_std;
mod peers;
mod public_api;
mod published;
mod readme;
mod rules;
mod shell;
mod simulate;
mod supply;
mod targets;
mod test;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's chores, one command each.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Runs all tests, those of the core for every set of features
    Test,
    /// Checks that the modules of each crate import only from lower layers
    Layers,
    /// Checks that each rule of the RFCs has its place in the code and its test; writes them as a page
    Rules(rules::Options),
    /// Runs our own conformance suite against our echo endpoints
    Conformance(conformance::Options),
    /// Runs our conformance suite and Autobahn's against the same endpoints, and compares their verdicts
    Agree(agree::Options),
    /// Runs the Autobahn test suite and compares its verdicts with the expected ones
    Autobahn(autobahn::Runs),
    /// Measures what it costs to build a minimal echo server
    BenchBuild(bench_build::Options),
    /// Measures permessage-deflate, compared with zlib-rs alone
    BenchDeflate(bench_deflate::Options),
    /// Measures echo over loopback, compared with other libraries over tokio
    BenchEcho(bench_echo::Options),
    /// Measures handshakes over loopback, compared with other libraries over tokio
    BenchHandshake(bench_echo::Options),
    /// Measures one message to many connections: processor time, arrival and memory, compared with
    /// other libraries
    BenchFanout(bench_fanout::Options),
    /// Measures the memory of waiting connections
    BenchIdle(bench_idle::Options),
    /// Counts the instructions that each message costs, and compares them with the recorded ones
    BenchInstructions(bench_instructions::Options),
    /// Measures fullduplex, compared with other WebSocket libraries
    BenchPeers(bench_peers::Options),
    /// Runs the tests in a real browser
    Browser,
    /// Writes the manifests of the compatibility packages for older versions
    CompatVersions,
    /// Runs every interleaving of the threads of the models
    Concurrency(concurrency::Options),
    /// Compiles crates that use tungstenite with our packages in its place
    DropIn(drop_in::Options),
    /// Runs an echo server and a client on an emulated microcontroller
    Embedded,
    /// Compiles the libraries with each feature, and with pairs of them
    Features,
    /// Compiles what is published with the oldest dependencies that its manifests allow
    MinimalVersions,
    /// Checks the licences, the sources and the duplicates of what we depend on
    Supply(supply::Options),
    /// Simulates connections over a network that fails, from a seed
    Simulate(simulate::Options),
    /// Runs every fuzz target for a while
    Fuzz(fuzz::Options),
    /// Runs tests of the core and of the halves under Miri
    Miri,
    /// Changes the core in one place at a time, and checks that a test notices
    Mutants(mutants::Options),
    /// Looks for panics in an image that calls every public operation of the core
    NoPanic,
    /// Builds the core for a machine without an operating system
    NoStd,
    /// Checks formatting, lints, documentation, layers and rules
    Lint,
    /// Installs the WebSocket libraries that the tests talk to
    Peers,
    /// Compares the public interface of the libraries with the recorded one
    PublicApi(public_api::Options),
    /// Runs the core's tests on emulated machines of other kinds
    Targets(targets::Options),
    /// Runs everything that must hold before a change is merged
    Ci,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Chore::Test => test::run(),
        Chore::Layers => layers::run(),
        Chore::Rules(options) => rules::run(&options),
        Chore::Conformance(options) => conformance::run(&options),
        Chore::Agree(options) => agree::run(&options),
        Chore::Autobahn(options) => autobahn::run(&options),
        Chore::BenchBuild(options) => bench_build::run(&options),
        Chore::BenchDeflate(options) => bench_deflate::run(&options),
        Chore::BenchEcho(options) => bench_echo::run(&options),
        Chore::BenchHandshake(options) => bench_handshake::run(&options),
        Chore::BenchFanout(options) => bench_fanout::run(&options),
        Chore::BenchIdle(options) => bench_idle::run(&options),
        Chore::BenchInstructions(options) => bench_instructions::run(&options),
        Chore::BenchPeers(options) => bench_peers::run(&options),
        Chore::Browser => browser::run(),
        Chore::CompatVersions => compat_versions::run(),
        Chore::Concurrency(options) => concurrency::run(&options),
        Chore::DropIn(options) => drop_in::run(&options),
        Chore::Embedded => embedded::run(),
        Chore::Fuzz(options) => fuzz::run(&options),
        Chore::Miri => miri::run(),
        Chore::Mutants(options) => mutants::run(&options),
        Chore::NoPanic => no_panic::run(),
        Chore::Simulate(options) => simulate::run(&options),
        Chore::NoStd => no_std::run(),
        Chore::Lint => lint::run(),
        Chore::Peers => peers::run(),
        Chore::PublicApi(options) => public_api::run(&options),
        Chore::Features => features::run(),
        Chore::MinimalVersions => minimal_versions::run(),
        Chore::Supply(options) => supply::run(&options),
        Chore::Targets(options) => targets::run(&options),
        Chore::Ci => ci::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_of_each_chore_can_be_told_apart() {
        Arguments::command().debug_assert();
    }
}
