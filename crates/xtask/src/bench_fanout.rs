//! `cargo xtask bench-fanout`: one message to many connections, fullduplex compared with others.
//!
//! `benches/echo` documents what is measured, and how.

use clap::Args;

use crate::bench_echo::BUILD;
use crate::peers;
use crate::shell::{Outcome, command, executables, root, run as run_command};

/// What to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// How many connections receive each message, one number for each table
    #[arg(long, value_delimiter = ',', default_value = "1000,10000")]
    subscribers: Vec<usize>,
    /// Only contenders whose name contains this, and plain TCP
    #[arg(long, value_delimiter = ',')]
    contender: Vec<String>,
}

/// Builds and runs the comparison; its results go to `target/bench-fanout`.
pub(crate) fn run(options: &Options) -> Outcome {
    // One of the servers uses npm's `ws`.
    peers::run()?;
    let [program] = executables(BUILD, ["bench-echo"])?;
    let mut command = command(program);
    command.arg("fanout").arg("--out").arg(root().join("target/bench-fanout"));
    let subscribers: Vec<String> = options.subscribers.iter().map(usize::to_string).collect();
    command.args(["--subscribers", &subscribers.join(",")]);
    for contender in &options.contender {
        command.args(["--contender", contender]);
    }
    let script = root().join("benches/echo/src/fanout/ws.js");
    if options.contender.is_empty() || options.contender.iter().any(|name| "ws".contains(name)) {
        command.arg(format!("--program=ws of npm={}", script.display()));
    }
    command.env("NODE_PATH", root().join("target/peers/npm/node_modules"));
    run_command(&mut command)
}
