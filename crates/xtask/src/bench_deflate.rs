//! `cargo xtask bench-deflate`: permessage-deflate, compared with zlib-rs alone.
//!
//! `benches/deflate` documents what is measured, and how.

use clap::Args;

use crate::shell::{Outcome, WITHOUT_REP_MOVSB, command, executables, root, run as run_command};

/// What to measure; without options, everything.
#[derive(Args)]
pub(crate) struct Options {
    /// Fewer and shorter rounds
    #[arg(long)]
    quick: bool,
    /// Only cases with this in their names, such as decompress, level-6 or 65536
    #[arg(long, value_delimiter = ',')]
    case: Vec<String>,
}

/// Builds and runs the comparison; its results go to `target/bench-deflate`.
pub(crate) fn run(options: &Options) -> Outcome {
    let build =
        "build --profile bench --package fullduplex-benches --features deflate --bin bench-deflate";
    let [program] = executables(build, ["bench-deflate"])?;
    let mut command = command(program);
    command.env("GLIBC_TUNABLES", WITHOUT_REP_MOVSB);
    command.arg("--out").arg(root().join("target/bench-deflate"));
    if options.quick {
        command.arg("--quick");
    }
    for case in &options.case {
        command.args(["--case", case]);
    }
    run_command(&mut command)
}
