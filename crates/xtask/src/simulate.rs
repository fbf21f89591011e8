//! `cargo xtask simulate`: seeded runs over a network that fails, with oracles after every step.

use clap::Args;

use crate::shell::{Outcome, cargo, run as run_command};

/// How long, and from which seed.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// The seed of the first run; the next runs have the next seeds
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Runs for so many seconds, instead of a million steps
    #[arg(long)]
    pub(crate) seconds: Option<u64>,
    /// Simulates only the core, or one of the adapters
    #[arg(long, value_name = "core|tokio|std")]
    pub(crate) world: Option<String>,
}

/// Runs the simulation.
pub(crate) fn run(options: &Options) -> Outcome {
    let mut command = cargo("run --release -q -p fullduplex-simulate --");
    command.arg(format!("--seed={}", options.seed));
    command.args(options.seconds.map(|seconds| format!("--seconds={seconds}")));
    command.args(options.world.as_ref().map(|world| format!("--world={world}")));
    run_command(&mut command)
}
