//! `cargo xtask bench-idle`: memory of waiting connections, fullduplex over tokio compared with others.
//!
//! `benches/echo` documents what is measured, and how.

use clap::Args;

use crate::bench_echo::BUILD;
use crate::shell::{Outcome, command, executables, root, run as run_command};

/// What to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// The number of waiting connections; fewer if fewer files may be open
    #[arg(long, default_value_t = 5000)]
    connections: usize,
    /// Only contenders whose name contains this, and plain TCP
    #[arg(long, value_delimiter = ',')]
    contender: Vec<String>,
}

/// Builds and runs the comparison; its results go to `target/bench-idle`.
pub(crate) fn run(options: &Options) -> Outcome {
    let [program] = executables(BUILD, ["bench-echo"])?;
    let mut command = command(program);
    command.arg("idle").arg("--out").arg(root().join("target/bench-idle"));
    command.args(["--connections", &options.connections.to_string()]);
    for contender in &options.contender {
        command.args(["--contender", contender]);
    }
    run_command(&mut command)
}
