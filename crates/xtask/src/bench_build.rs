//! `cargo xtask bench-build`: what it costs to build a minimal echo server over fullduplex, compared with others.
//!
//! `benches/build` documents what is measured, and how.

use clap::Args;

use crate::shell::{Outcome, command, executables, root, run as run_command};

/// What to measure; without options, everything.
#[derive(Args)]
pub(crate) struct Options {
    /// Only servers whose name contains this, and the one over plain TCP
    #[arg(long, value_delimiter = ',')]
    contender: Vec<String>,
    /// How many times each server is built for its time
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// Builds and runs the comparison; its results go to `target/bench-build`.
pub(crate) fn run(options: &Options) -> Outcome {
    let [program] = executables("build --package fullduplex-bench-build", ["bench-build"])?;
    let mut command = command(program);
    command.arg("--servers").arg(root().join("benches/build/servers"));
    command.arg("--lock").arg(root().join("Cargo.lock"));
    command.arg("--out").arg(root().join("target/bench-build"));
    command.args(["--rounds", &options.rounds.to_string()]);
    for contender in &options.contender {
        command.args(["--contender", contender]);
    }
    run_command(&mut command)
}
