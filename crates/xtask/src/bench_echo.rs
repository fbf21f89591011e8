//! `cargo xtask bench-echo`: echo over loopback, fullduplex over tokio compared with others.
//!
//! `benches/echo` documents what is measured, and how.

use clap::Args;

use crate::shell::{Outcome, command, executables, root, run as run_command};

/// Builds the program, which also measures handshakes and idle connections.
pub(crate) const BUILD: &str = "build --profile bench --package fullduplex-bench-echo";

/// What to measure; without options, everything.
#[derive(Args)]
pub(crate) struct Options {
    /// Fewer and shorter rounds
    #[arg(long)]
    quick: bool,
    /// Only cases with this in their names: bytes-connectionsxdepth for an echo, such as 125- or 50x16, and
    /// request-connections for handshakes, such as chromium or -16
    #[arg(long, value_delimiter = ',')]
    case: Vec<String>,
    /// Only contenders whose name contains this, and plain TCP
    #[arg(long, value_delimiter = ',')]
    contender: Vec<String>,
    /// The number of rounds: use more if other programs disturb
    #[arg(long)]
    rounds: Option<usize>,
    /// The load polls for input instead of sleeping, so that no server has to wake it
    #[arg(long)]
    spin: bool,
    /// Also our echo with counters, and with a subscriber of `tracing`; all of our servers are then compiled with these
    /// features
    #[arg(long)]
    seen: bool,
}

/// Builds and runs the comparison; its results go to `target/bench-echo`.
pub(crate) fn run(options: &Options) -> Outcome {
    compare("echo", options)
}

/// Builds the program, and runs one of its comparisons.
pub(crate) fn compare(discipline: &str, options: &Options) -> Outcome {
    let features = if options.seen { " --features seen" } else { "" };
    let [program] = executables(&format!("{BUILD}{features}"), ["bench-echo"])?;
    let mut command = command(program);
    command.arg(discipline).arg("--out").arg(root().join(format!("target/bench-{discipline}")));
    if options.quick {
        command.arg("--quick");
    }
    if let Some(rounds) = options.rounds {
        command.args(["--rounds", &rounds.to_string()]);
    }
    if options.spin {
        command.arg("--spin");
    }
    for case in &options.case {
        command.args(["--case", case]);
    }
    for contender in &options.contender {
        command.args(["--contender", contender]);
    }
    run_command(&mut command)
}
