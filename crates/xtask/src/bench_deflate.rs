//! `cargo xtask bench-deflate`: permessage-deflate side by side with zlib-rs alone.
//!
//! What is measured, and how, is in `benches/deflate`.

use clap::Args;

use crate::shell::{Outcome, cargo, root, run as run_command};

/// How long to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// Fewer and shorter rounds
    #[arg(long)]
    quick: bool,
}

/// Builds and runs the comparison; its results go to `target/bench-deflate`.
pub(crate) fn run(options: &Options) -> Outcome {
    let mut command = cargo("run --profile bench --package fullduplex-benches");
    command.args(["--features", "deflate", "--bin", "bench-deflate", "--"]);
    command.arg("--out").arg(root().join("target/bench-deflate"));
    if options.quick {
        command.arg("--quick");
    }
    run_command(&mut command)
}
