//! The program: its options, its subcommands, its exit codes.

mod child;
mod client;
mod compare;
mod end;
mod list;
mod options;
mod program;
mod progress;
mod replay;
mod server;

pub(crate) use program::run;
