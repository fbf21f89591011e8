//! `cargo xtask embedded`: an echo server and a client on a Cortex-M3 in QEMU replay recorded conversations: with all bytes
//! at once, one at a time, and over the traits of `embedded-io` on a serial line. What they send is compared with the
//! recording. Then the chore prints how much memory of the chip a connection takes.

mod emulator;
mod recording;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::firmware::{self, Build};
use crate::shell::{Failure, Outcome, fail, read};
use emulator::{Feed, Run};
use recording::Recording;

/// How long an image may run; it takes a fraction of a second.
const LIMIT: Duration = Duration::from_secs(20);

/// The time limit for an image that waits for ever on purpose.
const SHORT_LIMIT: Duration = Duration::from_secs(1);

/// Runs the images.
pub(crate) fn run() -> Outcome {
    emulator::check()?;
    firmware::add_target(firmware::TARGET)?;
    let [nothing, server, client] =
        ["nothing", "server", "client"].map(|name| build("image-echo", name));
    let (nothing, server, client) = (nothing?, server?, client?);
    let serial = build("image-over-embedded-io", "image-over-embedded-io")?;

    let served = recorded("server")?;
    let connected = recorded("client")?;
    let of_server = both_ways("server", &server, &served)?;
    let of_client = both_ways("client", &client, &connected)?;
    check("server over embedded-io", &serial, &served, Feed::Serial, LIMIT)?;
    can_fail(&server, &serial, &served)?;

    let base = firmware::sizes(&nothing)?;
    for (name, image, stack) in [("server", &server, of_server), ("client", &client, of_client)] {
        let sizes = firmware::sizes(image)?;
        let Numbers { stack, buffers, connection } = stack;
        println!(
            "embedded: {name}: {} bytes of flash, {} without a WebSocket; of RAM {} for variables and {stack} for the \
             stack, of which {buffers} are the buffers and {connection} the connection",
            sizes.flash, base.flash, sizes.ram
        );
    }
    Ok(())
}

fn build(package: &str, program: &str) -> Outcome<PathBuf> {
    firmware::build(&Build { package, program, profile: "small", ..Build::default() })
}

fn recorded(name: &str) -> Outcome<Recording> {
    let path = firmware::folder().join("recordings").join(format!("{name}.txt"));
    Recording::parse(&read(&path)?)
        .map_err(|reason| Failure::new(format!("{}: {reason}", path.display())))
}

/// What an image reports that it took, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Numbers {
    stack: u64,
    buffers: u64,
    connection: u64,
}

impl Numbers {
    fn of(said: &str) -> Option<Self> {
        let number = |name: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line?.trim().parse().ok()
        };
        Some(Self {
            stack: number("stack")?,
            buffers: number("buffers")?,
            connection: number("connection")?,
        })
    }
}

/// Runs an image in both ways, and returns the larger numbers.
fn both_ways(name: &str, image: &Path, recording: &Recording) -> Outcome<Numbers> {
    let whole = check(&format!("{name}, all at once"), image, recording, Feed::Whole, LIMIT)?;
    let bytes = check(&format!("{name}, byte by byte"), image, recording, Feed::Bytes, LIMIT)?;
    let numbers = [whole, bytes].map(|run| Numbers::of(&run.said));
    numbers
        .into_iter()
        .flatten()
        .max_by_key(|numbers| numbers.stack)
        .ok_or_else(|| Failure::new(format!("{name} does not say what it took")))
}

/// Runs an image, and fails unless it sent what was recorded and exited with success.
fn check(name: &str, image: &Path, from: &Recording, feed: Feed, limit: Duration) -> Outcome<Run> {
    let run = emulator::run(image, &from.input, feed, limit)?;
    if let Some(at) = first_difference(&run.output, &from.output) {
        let (sent, expected) = (run.output.len(), from.output.len());
        return fail(format!(
            "{name}: byte {at} is wrong ({sent} bytes were sent, {expected} expected){}",
            if run.in_time { "" } else { "; and it did not end in time" }
        ));
    }
    if !run.in_time {
        return fail(format!("{name}: it did not end within {} s", limit.as_secs()));
    }
    if !run.success {
        return fail(format!("{name}: it failed: {}", run.said.trim()));
    }
    println!("embedded: {name}: {} bytes in, {} out", from.input.len(), from.output.len());
    Ok(run)
}

fn first_difference(sent: &[u8], expected: &[u8]) -> Option<usize> {
    let differs = sent.iter().zip(expected).position(|(sent, expected)| sent != expected);
    differs.or_else(|| (sent.len() != expected.len()).then(|| sent.len().min(expected.len())))
}

/// Shows that this chore can fail: with a wrong byte, with a frame that a client must not send, and with a conversation that
/// never ends.
fn can_fail(server: &Path, serial: &Path, good: &Recording) -> Outcome {
    let payload = b"\x81\x85\x37\xfa\x21\x3d";
    let frame = good.input.windows(payload.len()).position(|bytes| bytes == payload);
    let frame = frame.ok_or_else(|| Failure::new("the recording has no \"Hello\""))?;
    let mut other = good.clone();
    flip(&mut other.input, frame + payload.len())?;
    expect_failure("a wrong byte", check("it", server, &other, Feed::Whole, LIMIT))?;
    let mut invalid = good.clone();
    flip(&mut invalid.input, frame)?;
    expect_failure("an invalid frame", check("it", server, &invalid, Feed::Bytes, LIMIT))?;
    let mut cut = good.clone();
    cut.input.pop();
    expect_failure("no end", check("it", serial, &cut, Feed::Serial, SHORT_LIMIT))
}

fn flip(bytes: &mut [u8], at: usize) -> Outcome {
    let byte = bytes.get_mut(at).ok_or_else(|| Failure::new("the recording is too short"))?;
    *byte ^= 0x40;
    Ok(())
}

fn expect_failure<T>(about: &str, outcome: Outcome<T>) -> Outcome {
    match outcome {
        Ok(_) => fail(format!("{about} was not noticed")),
        Err(failure) => {
            println!("embedded: {about} is noticed: {failure}");
            Ok(())
        }
    }
}
