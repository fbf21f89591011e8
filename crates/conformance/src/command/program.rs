//! The subcommands of the program, and its exit codes.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::end::{End, Failure};
use super::{client, compare, list, replay, server};

/// Tests WebSocket endpoints of any make against RFC 6455 and RFC 7692.
///
/// Exit codes: 0 when every verdict is as expected, 1 when one is not, 2 when the test could not be completed.
#[derive(Parser)]
#[command(name = "fullduplex-conformance", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Tests a server, which echoes each message: `server ws://127.0.0.1:9001`, or `server -- ./my-server {port}`
    Server(server::Arguments),
    /// Tests a client, which connects as it would to wstest: `client`, or `client -- ./my-client {url}`
    Client(client::Arguments),
    /// Lists cases: `list`, `list 6.4`
    List(list::Arguments),
    /// Prints what a case sends, what it expects, and the rule that it tests: `explain 6.4.1`
    Explain(list::Arguments),
    /// Runs one case of a report once more, and prints every byte: `replay conformance-report 6.4.1 ws://127.0.0.1:9001`
    Replay(replay::Arguments),
    /// Prints what has changed between two reports, wstest's or ours
    Compare(compare::Arguments),
}

/// Parses the arguments of the process, and runs the subcommand.
pub(crate) fn run() -> ExitCode {
    let ended = match Arguments::parse().command {
        Command::Server(arguments) => server::run(arguments),
        Command::Client(arguments) => client::run(arguments),
        Command::List(arguments) => list::list(&arguments),
        Command::Explain(arguments) => list::explain(&arguments),
        Command::Replay(arguments) => replay::run(arguments),
        Command::Compare(arguments) => compare::run(&arguments),
    };
    match ended {
        Ok(End::AsExpected) => ExitCode::SUCCESS,
        Ok(End::Different) => ExitCode::from(1),
        Err(Failure(text)) => {
            eprintln!("error: {text}");
            ExitCode::from(2)
        }
    }
}
