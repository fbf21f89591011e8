//! `fullduplex-conformance`: tests WebSocket endpoints of any make.

mod command;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::run()
}
