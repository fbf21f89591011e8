//! Counts instructions with callgrind, and records what the counts depend on.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{
    Failure, Outcome, WITHOUT_REP_MOVSB, command, fail, output, run as run_command, succeeds,
};

use super::table::Surroundings;

const INSTALL: &str = "apt-get install valgrind";

/// valgrind, and everything that the counts depend on.
pub(crate) struct Callgrind {
    valgrind: PathBuf,
    pub(crate) surroundings: Surroundings,
}

impl Callgrind {
    /// Finds valgrind, or installs it with apt-get if `install` allows it.
    pub(crate) fn find(install: bool) -> Outcome<Self> {
        if on_path("valgrind").is_none() && install {
            install_valgrind()?;
        }
        let Some(valgrind) = on_path("valgrind") else {
            return fail(format!(
                "valgrind is missing, so nothing was counted: {INSTALL}, or run with --install"
            ));
        };
        let surroundings = Surroundings {
            rustc: first_line(command("rustc").arg("--version"))?,
            valgrind: first_line(command(&valgrind).arg("--version"))?,
            // Other C libraries do not have this program. Their name is unknown, and is compared as such.
            libc: first_line(command("getconf").arg("GNU_LIBC_VERSION"))
                .unwrap_or_else(|_| "not glibc".into()),
            machine: machine().into(),
        };
        Ok(Self { valgrind, surroundings })
    }

    /// The instructions for one message of `case`: the difference between runs of 3n and of n messages, so that the start of
    /// the program does not count.
    pub(crate) fn each(&self, program: &Path, case: &str, n: u64) -> Outcome<f64> {
        let (few, many) = (self.count(program, case, n)?, self.count(program, case, 3 * n)?);
        // One decimal is precise enough, and keeps the table readable.
        let each = many.saturating_sub(few) as f64 / (2 * n) as f64;
        Ok((each * 10.0).round() / 10.0)
    }

    /// All instructions of one run.
    fn count(&self, program: &Path, case: &str, n: u64) -> Outcome<u64> {
        let mut run = self.command(program);
        run.args([case, &n.to_string()]);
        let result = run.output().map_err(|error| {
            Failure::new(format!("cannot run {}: {error}", self.valgrind.display()))
        })?;
        let text = String::from_utf8_lossy(&result.stderr);
        let collected = text.lines().find_map(|line| line.split_once("Collected : "));
        match collected.and_then(|(_, count)| count.trim().parse().ok()) {
            Some(count) if result.status.success() => Ok(count),
            _ => fail(format!("`count {case} {n}` under callgrind failed: {}", text.trim())),
        }
    }

    /// The command without the arguments of the program. The environment and the path are on the program's stack, and their
    /// length changes the alignment of the rest of the stack. So both are always the same.
    fn command(&self, program: &Path) -> Command {
        let mut run = Command::new(&self.valgrind);
        run.env_clear().env("GLIBC_TUNABLES", WITHOUT_REP_MOVSB);
        run.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
        if let (Some(folder), Some(name)) = (program.parent(), program.file_name()) {
            run.current_dir(folder).arg(Path::new(".").join(name));
        }
        run
    }

    /// The command as it would be typed.
    pub(crate) fn shown(&self, program: &Path) -> String {
        let folder = program.parent().unwrap_or(program).display();
        format!("cd {folder}; {} CASE N", crate::shell::shown(&self.command(program)))
    }
}

/// The processor that valgrind emulates on this machine. With AVX2 it emulates one fixed processor, even if the real one can
/// do more.
fn machine() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    return if is_x86_feature_detected!("avx2") {
        "x86_64 with AVX2"
    } else {
        "x86_64 without AVX2"
    };
    #[cfg(not(target_arch = "x86_64"))]
    env::consts::ARCH
}

fn install_valgrind() -> Outcome {
    if on_path("apt-get").is_none() {
        return fail("valgrind is missing, and there is no apt-get to install it with");
    }
    let apt = |line: &str| {
        let mut apt = command("apt-get");
        apt.args(line.split_whitespace()).env("DEBIAN_FRONTEND", "noninteractive");
        apt
    };
    let package = "install -y -qq --no-install-recommends valgrind";
    let failed =
        |reason| Failure::new(format!("valgrind is missing and cannot be installed: {reason}"));
    // The package lists may be recent enough, and this is quicker than updating them.
    if succeeds(&mut apt(package)) {
        return Ok(());
    }
    run_command(&mut apt("update -qq")).map_err(failed)?;
    run_command(&mut apt(package)).map_err(failed)
}

fn first_line(command: &mut Command) -> Outcome<String> {
    Ok(output(command)?.lines().next().unwrap_or_default().trim().to_owned())
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file())
}
