//! Runs one case for a number of messages, without I/O, so that its instructions can be counted:
//! see `README.md`.
//!
//! The cost of a function depends on what the compiler inlines into its caller, and with a single caller it inlines nearly
//! everything. So each loop exists three times, with different values of `SITE`.

mod handshake;
mod receive;
mod send;

use std::env;
use std::process::ExitCode;

use fullduplex_benches::Content;

/// Calls the copy of `$function` for the site `$site`.
macro_rules! at_site {
    ($site:expr, $function:ident($($argument:expr),*)) => {
        match $site {
            0 => $function::<0>($($argument),*),
            1 => $function::<1>($($argument),*),
            _ => $function::<2>($($argument),*),
        }
    };
}
use at_site;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [case, count] = arguments.as_slice() else { return usage() };
    let Ok(count) = count.parse::<u64>() else { return usage() };
    match run(case, count) {
        Some(digest) => {
            println!("{case} {count} {digest}");
            ExitCode::SUCCESS
        }
        None => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!(
        "usage: count CASE N\n\
         cases, N in messages:  [copy|event|lent|owned|endpoint]-[masked|plain]-[binary|ascii|mixed]-SIZE\n                       \
         [send|feed]-[masked|plain]-[binary|ascii|mixed]-SIZE\n\
         in bytes:              bytes-[masked|plain]-[binary|ascii|mixed]-SIZE, head-bytes-SIZE\n\
         in handshakes:         handshake-server, handshake-client"
    );
    ExitCode::FAILURE
}

/// Runs `case` for `count` messages and returns a digest of what it received or wrote.
fn run(case: &str, count: u64) -> Option<u64> {
    let words: Vec<&str> = case.split('-').collect();
    match words.as_slice() {
        ["handshake", "server"] => Some(handshake::server(count)),
        ["handshake", "client"] => Some(handshake::client(count)),
        ["head", "bytes", len] => Some(handshake::head_each_byte(len.parse().ok()?, count)),
        [way, direction, content, len] => {
            let masked = match *direction {
                "masked" => true,
                "plain" => false,
                _ => return None,
            };
            let content = Content::ALL.into_iter().find(|it| it.name() == *content)?;
            let len = len.parse().ok()?;
            receive::run(way, masked, content, len, count)
                .or_else(|| send::run(way, masked, content, len, count))
        }
        _ => None,
    }
}

/// What every case does with a payload: enough that the compiler cannot remove any of its work.
#[inline(always)]
fn digest(payload: &[u8]) -> u64 {
    payload.len() as u64 + u64::from(payload.last().copied().unwrap_or_default())
}
