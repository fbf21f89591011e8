//! Runs cargo.

use std::collections::HashSet;
use std::error::Error;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;

/// The servers' workspace, and its build folder.
#[derive(Debug)]
pub(crate) struct Cargo {
    pub(crate) manifest: PathBuf,
    /// Emptied before each build.
    pub(crate) target: PathBuf,
}

/// A server that was built.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) elapsed: Duration,
    /// Processor time of all the compilers, user and system, on Linux.
    pub(crate) processor: Option<Duration>,
    /// How many packages were compiled, including the server's own.
    pub(crate) crates: usize,
    pub(crate) program: PathBuf,
}

/// A line of cargo's output with `--message-format=json`.
#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    package_id: String,
    executable: Option<PathBuf>,
    reason: String,
}

impl Cargo {
    /// Fetches the servers' dependencies, for this machine.
    pub(crate) fn fetch(&self) -> Result<(), Box<dyn Error>> {
        let rustc = Command::new("rustc").arg("-vV").output()?;
        let rustc = String::from_utf8(rustc.stdout)?;
        let host = rustc.lines().find_map(|line| line.strip_prefix("host: "));
        let status = self
            .command("fetch")
            .args(["--target", host.ok_or("`rustc -vV` names no host")?])
            .status()?;
        if status.success() { Ok(()) } else { Err("`cargo fetch` failed".into()) }
    }

    /// Builds a package from scratch.
    pub(crate) fn build(&self, package: &str, profile: &str) -> Result<Built, Box<dyn Error>> {
        match fs::remove_dir_all(&self.target) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let mut command = self.command("build");
        command.args(["--offline", "--quiet", "--message-format=json-render-diagnostics"]);
        command.args(["--package", package, "--profile", profile]);
        command.arg("--target-dir").arg(&self.target);
        // A compilation cache or the user's own flags would distort the times.
        command.env("RUSTC_WRAPPER", "").env_remove("RUSTFLAGS").env_remove("CARGO_BUILD_JOBS");
        let before = processor_time();
        let begun = Instant::now();
        let output = command.stderr(Stdio::inherit()).output()?;
        let elapsed = begun.elapsed();
        if !output.status.success() {
            return Err(format!("{package} cannot be built").into());
        }
        let processor = before.zip(processor_time()).map(|(before, after)| after - before);
        let messages = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let messages: Vec<Message> =
            messages.map(serde_json::from_slice).collect::<Result<_, _>>()?;
        let compiled = messages.iter().filter(|message| message.reason == "compiler-artifact");
        let crates: HashSet<&str> = compiled.map(|message| message.package_id.as_str()).collect();
        let program = messages.iter().find_map(|message| message.executable.clone());
        let program = program.ok_or_else(|| format!("{package} has no program"))?;
        Ok(Built { elapsed, processor, crates: crates.len(), program })
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new("cargo");
        command.arg(name).arg("--manifest-path").arg(&self.manifest);
        command
    }
}

/// The processor time of this process's children that it has waited for, and of their children: fields 16 and 17 of
/// `/proc/self/stat`, in hundredths of a second on Linux.
fn processor_time() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is a name in parentheses, which may contain anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(13);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (next()? + next()?)))
}
