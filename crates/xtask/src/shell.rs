//! What the chores share: where the repository is, and how a command is run.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde_json::Value;

/// `GLIBC_TUNABLES` that keep the C library from copying with `rep movsb`. valgrind counts each byte of it, and
/// processors of AMD take ten times as long for it when source and target lie unluckily to each other.
pub(crate) const WITHOUT_REP_MOVSB: &str = "glibc.cpu.hwcaps=-ERMS";

/// Why a chore failed: a sentence for the person who ran it.
#[derive(Debug)]
pub(crate) struct Failure(String);

/// What a chore, or a step of it, comes to.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// A failure that reads `sentence`.
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Fails with `sentence`.
pub(crate) fn fail<T>(sentence: impl Into<String>) -> Outcome<T> {
    Err(Failure::new(sentence))
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    // Cargo sets the variable when it runs us; who runs the program by hand gets the place it was built in.
    let package =
        env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let package = PathBuf::from(package);
    package.ancestors().nth(2).map_or_else(|| package.clone(), Path::to_path_buf)
}

/// A command that runs in the repository's root.
///
/// `cargo run` tells its program which package it belongs to. A cargo below us must not see that:
/// build scripts that watch those variables would run again at every change between a chore and a
/// plain `cargo build`.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// `cargo` with the arguments in `line`, separated by spaces.
pub(crate) fn cargo(line: &str) -> Command {
    let mut command = command("cargo");
    command.args(line.split_whitespace());
    command
}

/// Prints the command, runs it, and fails unless it succeeds.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let line = shown(command);
    println!("$ {line}");
    let status = command.status().map_err(|error| cannot_run(command, &error))?;
    if status.success() { Ok(()) } else { fail(format!("`{line}` failed ({status})")) }
}

/// Runs the commands, as many at once as the machine has cores. What one of them writes is printed when it has ended,
/// in one piece; that of a single command as it comes. Once one has failed, no other is begun.
pub(crate) fn run_some_at_once(mut commands: Vec<Command>) -> Outcome {
    if let [only] = commands.as_mut_slice() {
        return run(only);
    }
    written_some_at_once(commands).map(drop)
}

/// The same; returns what each of them has written, in the order of the commands.
pub(crate) fn written_some_at_once(commands: Vec<Command>) -> Outcome<Vec<String>> {
    some_at_once(commands, |mut command| run_and_print(&mut command))
}

/// Does each job, as many at once as the machine has cores, and returns what they come to in the order of the jobs. Once one
/// has failed, no other is begun.
pub(crate) fn some_at_once<J: Send, T: Send>(
    jobs: Vec<J>,
    work: impl Fn(J) -> Outcome<T> + Sync,
) -> Outcome<Vec<T>> {
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let done = jobs.iter().map(|_| None).collect::<Vec<Option<T>>>();
    let waiting = Mutex::new((jobs.into_iter().enumerate(), Ok(done)));
    let lock = || waiting.lock().unwrap_or_else(PoisonError::into_inner);
    let next = || {
        let mut waiting = lock();
        if waiting.1.is_ok() { waiting.0.next() } else { None }
    };
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((at, job)) = next() {
                    let outcome = work(job);
                    let mut waiting = lock();
                    match (&mut waiting.1, outcome) {
                        (Ok(done), Ok(result)) => done[at] = Some(result),
                        (all @ Ok(_), Err(failure)) => *all = Err(failure),
                        (Err(_), _) => {}
                    }
                }
            });
        }
    });
    let (_, done) = waiting.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.map(|done| done.into_iter().flatten().collect())
}

/// Runs the command, prints it and what it wrote in one piece, and fails unless it succeeds. Returns what it wrote.
fn run_and_print(command: &mut Command) -> Outcome<String> {
    let line = shown(command);
    let output =
        command.stdin(Stdio::null()).output().map_err(|error| cannot_run(command, &error))?;
    let [stdout, stderr] =
        [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    let written = format!("{stdout}{stderr}");
    println!("$ {line}\n{written}");
    if output.status.success() {
        Ok(written)
    } else {
        fail(format!("`{line}` failed ({})", output.status))
    }
}

/// Runs the command without showing it, and returns what it wrote to standard output.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    let output =
        command.stdin(Stdio::null()).output().map_err(|error| cannot_run(command, &error))?;
    if !output.status.success() {
        let line = shown(command);
        let complaint = String::from_utf8_lossy(&output.stderr);
        return fail(format!("`{line}` failed ({}): {}", output.status, complaint.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Builds with `cargo`, whose arguments are in `line`, and asks it where it put the programs `names`.
pub(crate) fn executables<const N: usize>(line: &str, names: [&str; N]) -> Outcome<[PathBuf; N]> {
    let mut build = cargo(line);
    println!("$ {}", shown(&build));
    let output = build
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| cannot_run(&build, &error))?;
    if !output.status.success() {
        return fail(format!("`cargo {line}` failed ({})", output.status));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let messages: Vec<Value> =
        messages.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let mut programs = std::array::from_fn(|_| PathBuf::new());
    for (program, name) in programs.iter_mut().zip(names) {
        let artifact = messages.iter().find(|message| message["target"]["name"] == name);
        let executable = artifact.and_then(|message| message["executable"].as_str());
        *program = executable
            .map(PathBuf::from)
            .ok_or_else(|| Failure::new(format!("`cargo {line}` makes no program `{name}`")))?;
    }
    Ok(programs)
}

/// Whether the command can be run and succeeds.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    output(command).is_ok()
}

/// The command as one would type it, with the variables that were set for it. The path is left out:
/// it is long, and where programs come from is said elsewhere.
pub(crate) fn shown(command: &Command) -> String {
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value.filter(|_| name != "PATH") {
            words.push(format!("{}={}", name.to_string_lossy(), quoted(value)));
        }
    }
    words.push(quoted(command.get_program()));
    words.extend(command.get_args().map(quoted));
    words.join(" ")
}

/// The word as a shell would have to be given it; paths below the root are shortened.
fn quoted(word: &OsStr) -> String {
    let root = format!("{}/", root().display());
    let word = word.to_string_lossy().replace(&root, "");
    if word.is_empty() || word.contains([' ', '*', '"', '$']) { format!("'{word}'") } else { word }
}

fn cannot_run(command: &Command, error: &io::Error) -> Failure {
    Failure::new(format!("cannot run `{}`: {error}", command.get_program().to_string_lossy()))
}

/// Reads a text file.
pub(crate) fn read(path: &Path) -> Outcome<String> {
    fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))
}

/// Writes a text file.
pub(crate) fn write(path: &Path, text: &str) -> Outcome {
    fs::write(path, text)
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))
}

/// Makes `path` a folder with nothing in it.
pub(crate) fn empty_folder(path: &Path) -> Outcome {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return fail(format!("cannot clear {}: {error}", path.display()));
        }
        _ => {}
    }
    fs::create_dir_all(path)
        .map_err(|error| Failure::new(format!("cannot create {}: {error}", path.display())))
}

/// An installation in a folder of its own, known to be whole by a marker that is written last.
///
/// The marker holds what was asked for, so that a new pin replaces an old installation, and one
/// that was cut short is begun again from nothing.
pub(crate) struct Installation {
    /// Where it lives; nothing else may live there.
    pub(crate) folder: PathBuf,
    /// What is to be found there: pins, versions.
    pub(crate) wanted: String,
}

impl Installation {
    const MARKER: &str = "installed";

    /// Whether what is wanted is there already.
    pub(crate) fn is_there(&self) -> bool {
        fs::read_to_string(self.folder.join(Self::MARKER)).is_ok_and(|found| found == self.wanted)
    }

    /// Lets `install` fill the emptied folder, unless what is wanted is there already.
    pub(crate) fn ensure(&self, install: impl FnOnce(&Path) -> Outcome) -> Outcome {
        if self.is_there() {
            return Ok(());
        }
        empty_folder(&self.folder)?;
        install(&self.folder)?;
        write(&self.folder.join(Self::MARKER), &self.wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_an_installation_is_begun_again() {
        let folder = env::temp_dir().join(format!("xtask-installation-{}", std::process::id()));
        let installation = Installation { folder: folder.clone(), wanted: "x 1".into() };

        let cut_short = installation.ensure(|folder| {
            write(&folder.join("half"), "")?;
            fail("the wire was cut")
        });
        assert!(cut_short.is_err());
        assert!(!installation.is_there());

        installation.ensure(|folder| write(&folder.join("whole"), "")).unwrap();
        assert!(installation.is_there());
        assert!(!folder.join("half").exists());
        installation.ensure(|_| fail("installed twice")).unwrap();

        let newer = Installation { folder: folder.clone(), wanted: "x 2".into() };
        assert!(!newer.is_there());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn no_command_is_begun_once_one_has_failed() {
        let folder = env::temp_dir().join(format!("xtask-at-once-{}", std::process::id()));
        empty_folder(&folder).unwrap();
        let touch = |name: usize| {
            let mut touch = command("touch");
            touch.arg(folder.join(name.to_string()));
            touch
        };

        run_some_at_once((0..20).map(touch).collect()).unwrap();
        assert_eq!(folder.read_dir().unwrap().count(), 20);

        let failing = (0..1000).map(|_| command("false"));
        let failure = run_some_at_once(failing.chain([touch(20)]).collect()).unwrap_err();
        assert!(failure.to_string().starts_with("`false` failed"), "{failure}");
        assert!(!folder.join("20").exists());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = command("wstest");
        command.args(["--cases", "1.*"]).env("ANSWER", "42");
        assert_eq!(shown(&command), "ANSWER=42 wstest --cases '1.*'");
    }
}
