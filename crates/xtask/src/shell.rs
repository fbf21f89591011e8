//! What the chores share: the repository's root, and running commands.

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

/// A value of `GLIBC_TUNABLES` that keeps the C library from copying with `rep movsb`. valgrind counts each byte of it, and
/// AMD's processors are ten times slower with it when source and target are badly aligned to each other.
pub(crate) const WITHOUT_REP_MOVSB: &str = "glibc.cpu.hwcaps=-ERMS";

/// Why a chore failed: a sentence for its user.
#[derive(Debug)]
pub(crate) struct Failure(String);

/// The result of a chore, or of a step of it.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// A failure with this sentence.
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
    // Cargo sets the variable. Without cargo, this is the folder that the program was built in.
    let package =
        env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let package = PathBuf::from(package);
    package.ancestors().nth(2).map_or_else(|| package.clone(), Path::to_path_buf)
}

/// A command that runs in the repository's root.
///
/// `cargo run` sets variables for its program that name the package. A cargo that we start must not
/// see them: build scripts that watch these variables would run again each time a
/// plain `cargo build` follows a chore.
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

/// Runs the commands, as many at once as the machine has cores. The output of each is printed in one piece when it has
/// ended; that of a single command is printed as it comes. After a failure, no other command is started.
pub(crate) fn run_some_at_once(mut commands: Vec<Command>) -> Outcome {
    if let [only] = commands.as_mut_slice() {
        return run(only);
    }
    written_some_at_once(commands).map(drop)
}

/// The same, but returns the output of each, in the order of the commands.
pub(crate) fn written_some_at_once(commands: Vec<Command>) -> Outcome<Vec<String>> {
    some_at_once(commands, |mut command| run_and_print(&mut command))
}

/// Does each job, as many at once as the machine has cores, and returns the results in the order of the jobs. After a
/// failure, no other job is started.
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

/// Runs the command, prints it and its output in one piece, and fails unless it succeeds. Returns the output.
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

/// Runs the command without showing it, and returns its standard output.
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

/// Builds with `cargo`, whose arguments are in `line`, and returns the paths of the programs `names`.
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

/// The command as it would be typed, with the variables that were set for it. The variable `PATH`
/// is left out, because it is long, and the origin of programs is printed elsewhere.
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

/// The word, quoted for a shell if necessary. Paths below the root are shortened.
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

/// Makes `path` an empty folder.
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

/// An installation in its own folder. It is complete if it has a marker, which is written last.
///
/// The marker contains what was installed, so that a new pin replaces an old installation, and one
/// that was interrupted is started again from scratch.
pub(crate) struct Installation {
    /// The folder, which must not contain anything else.
    pub(crate) folder: PathBuf,
    /// What must be installed: pins, versions.
    pub(crate) wanted: String,
}

impl Installation {
    const MARKER: &str = "installed";

    /// Whether this is installed already.
    pub(crate) fn is_there(&self) -> bool {
        fs::read_to_string(self.folder.join(Self::MARKER)).is_ok_and(|found| found == self.wanted)
    }

    /// Lets `install` fill the emptied folder, unless this is installed already.
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
