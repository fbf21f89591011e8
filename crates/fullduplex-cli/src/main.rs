//! `fullduplex`: WebSockets on the command line.

mod connect;
mod explain;
mod input;
mod listen;
mod show;
mod tls;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// WebSockets on the command line.
#[derive(Parser)]
#[command(name = "fullduplex", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Connects to a server: each line that you type is a message, and each message that comes is printed
    Connect(connect::Arguments),
    /// Listens as an echo server, and prints what happens
    Listen(listen::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let ended = match Arguments::parse().command {
        Command::Connect(arguments) => connect::run(arguments).await,
        Command::Listen(arguments) => listen::run(arguments).await,
    };
    input::restore_terminal();
    // The thread that reads the terminal may wait for a line for ever.
    std::process::exit(match ended {
        Ok(()) => 0,
        Err(failure) => {
            show::error(&failure);
            1
        }
    })
}
