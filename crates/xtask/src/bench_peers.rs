//! `cargo xtask bench-peers`: fullduplex, compared with other WebSocket libraries.
//!
//! `benches/peers` documents what is measured, and how. The program is built like a bench: for the default processor, as one
//! codegen unit, with link-time optimisation.

use clap::Args;

use crate::shell::{Outcome, WITHOUT_REP_MOVSB, command, executables, root, run as run_command};

/// What to measure; without options, everything.
#[derive(Args)]
pub(crate) struct Options {
    /// Fewer and shorter rounds
    #[arg(long)]
    quick: bool,
    /// Only cases with this in their names, such as receive-masked, plain-binary-125 or 16384
    #[arg(long, value_delimiter = ',')]
    case: Vec<String>,
    /// Only contenders whose name contains this, and the limits
    #[arg(long, value_delimiter = ',')]
    contender: Vec<String>,
}

/// Builds and runs the comparison; its results go to `target/bench-peers`.
pub(crate) fn run(options: &Options) -> Outcome {
    let [program] =
        executables("build --profile bench --package fullduplex-bench-peers", ["bench-peers"])?;
    let mut command = command(program);
    command.env("GLIBC_TUNABLES", WITHOUT_REP_MOVSB);
    command.arg("--out").arg(root().join("target/bench-peers"));
    if options.quick {
        command.arg("--quick");
    }
    for case in &options.case {
        command.args(["--case", case]);
    }
    for contender in &options.contender {
        command.args(["--contender", contender]);
    }
    run_command(&mut command)
}
