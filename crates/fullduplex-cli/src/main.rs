//! `fullduplex`: WebSockets on the command line.

mod connect;
mod end;
mod explain;
mod input;
mod listen;
mod show;
mod tls;

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
async fn main() {
    let ended = match Arguments::parse().command {
        Command::Connect(arguments) => connect::run(arguments).await,
        Command::Listen(arguments) => listen::run(arguments).await,
    };
    // What is printed now must not be in the line that was being typed.
    end::restore();
    end::exit(match ended {
        Ok(()) => 0,
        Err(failure) => {
            show::error(&failure);
            1
        }
    })
}
