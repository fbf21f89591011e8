//! Runs an image in QEMU, and kills it if it does not exit by itself.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::shell::{Failure, Outcome, command, fail, output};

const PROGRAM: &str = "qemu-system-arm";

/// A Cortex-M3 with 256 KiB of flash and 64 KiB of RAM.
const BOARD: &str = "lm3s6965evb";

/// How the peer's bytes get to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feed {
    /// From a file, as many as there is space for.
    Whole,
    /// From a file, one at a time.
    Bytes,
    /// Over a serial line.
    Serial,
}

/// The result of running an image.
#[derive(Debug)]
pub(super) struct Run {
    /// What it sent.
    pub(super) output: Vec<u8>,
    /// What it reported about itself.
    pub(super) said: String,
    /// Whether it exited with success.
    pub(super) success: bool,
    /// Whether it exited by itself.
    pub(super) in_time: bool,
}

/// Fails if there is no QEMU.
pub(super) fn check() -> Outcome {
    match output(command(PROGRAM).arg("--version")) {
        Ok(version) => {
            println!("embedded: {}", version.lines().next().unwrap_or_default());
            Ok(())
        }
        Err(reason) => fail(format!("{reason}; Debian has it in the package {PROGRAM}")),
    }
}

/// Runs an image with the peer's bytes.
pub(super) fn run(image: &Path, input: &[u8], feed: Feed, limit: Duration) -> Outcome<Run> {
    let complain = |error: std::io::Error| Failure::new(format!("{PROGRAM}: {error}"));
    let recording = image.with_extension("recording");
    fs::write(&recording, input).map_err(complain)?;

    let mut emulator = command(PROGRAM);
    emulator.args(["-M", BOARD, "-display", "none", "-monitor", "none"]);
    emulator.arg("-kernel").arg(image);
    let semihosting = "enable=on,target=native,arg=image";
    if feed == Feed::Serial {
        emulator.args(["-serial", "stdio", "-semihosting-config", semihosting]);
    } else {
        let at_once = if feed == Feed::Bytes { ",arg=1" } else { "" };
        let arguments = format!("{semihosting},arg={}{at_once}", recording.display());
        emulator.args(["-serial", "null", "-semihosting-config", &arguments]);
    }
    run_within(&mut emulator, if feed == Feed::Serial { input } else { &[] }, limit)
        .map_err(complain)
}

fn run_within(emulator: &mut Command, input: &[u8], limit: Duration) -> std::io::Result<Run> {
    let pipes = || (Stdio::piped(), Stdio::piped(), Stdio::piped());
    let (stdin, stdout, stderr) = pipes();
    let mut child = emulator.stdin(stdin).stdout(stdout).stderr(stderr).spawn()?;
    let reader = |pipe: Option<Box<dyn Read + Send>>| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            // If this fails, bytes are missing, and the comparison notices it.
            let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
            bytes
        })
    };
    let sent = reader(child.stdout.take().map(|pipe| Box::new(pipe) as _));
    let said = reader(child.stderr.take().map(|pipe| Box::new(pipe) as _));
    // The pipe stays open, because its end would also end the serial line.
    let mut stdin = child.stdin.take();
    if let Some(stdin) = &mut stdin {
        // An image that ends early does not read everything.
        let _ = stdin.write_all(input);
    }
    let status = wait(&mut child, limit)?;
    drop(stdin);
    let join = |reader: thread::JoinHandle<Vec<u8>>| reader.join().unwrap_or_default();
    Ok(Run {
        output: join(sent),
        said: String::from_utf8_lossy(&join(said)).into_owned(),
        success: status.is_some_and(|status| status.success()),
        in_time: status.is_some(),
    })
}

/// Returns `None` if it had to be killed.
fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(10));
    }
}
