//! Finds or installs `wstest`. It needs Python 2.7, which few machines still have.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use super::running::Running;
use crate::shell::{
    Failure, Installation, Outcome, command, fail, output, read, root, run, succeeds, write,
};

/// The container, for machines without Python 2.7.
const IMAGE: &str = "crossbario/autobahn-testsuite:0.8.2";

/// The releases that `expected.json` is about. The second one is the first one with new packaging.
const RELEASES: [&str; 2] = ["0.8.2", "25.10.1"];

/// Starts our own installation of `wstest` instead of its script.
const LAUNCHER: &str = "autobahn/config/wstest.py";

/// A way to run `wstest`.
pub(crate) enum Wstest {
    /// The command in the variable `WSTEST`.
    Given(Vec<String>),
    /// Our own installation, and the Python that it was made with.
    Installed { python: PathBuf, folder: PathBuf },
    /// The container.
    Docker,
}

impl Wstest {
    /// Finds `wstest`, or installs it below `target`.
    pub(crate) fn find() -> Outcome<Self> {
        let found = if let Ok(words) = env::var("WSTEST") {
            Self::Given(words.split_whitespace().map(str::to_owned).collect())
        } else if let Some(installed) = installed()? {
            installed
        } else if let Some(python) = python_27()? {
            install(&python)?
        } else if succeeds(command("docker").arg("info")) {
            println!("no Python 2.7 found: wstest runs in the container {IMAGE}");
            run(command("docker").args(["pull", "--quiet", IMAGE]))?;
            Self::Docker
        } else {
            return fail(
                "wstest needs Python 2.7, and there is none; any of these helps:\n  \
                 - pyenv install 2.7.18\n  \
                 - PY27=/path/to/python2.7 cargo xtask autobahn\n  \
                 - Docker, to run it in a container\n  \
                 - WSTEST='command' cargo xtask autobahn, where it is installed already",
            );
        };
        println!("wstest {}, by {}", found.release()?, found.origin());
        Ok(found)
    }

    /// Starts `wstest` in one of its modes.
    pub(crate) fn start(&self, mode: &str, spec: &Path, folder: &Path) -> Outcome<Running> {
        let container = match self {
            Self::Docker => Some(format!("fullduplex-{mode}-{}", process::id())),
            Self::Given(_) | Self::Installed { .. } => None,
        };
        let mut command = self.command(container.as_deref())?;
        // By default, the fuzzing server would serve web pages on port 8080.
        command.args(["--webport", "0", "--mode", mode, "--spec"]).arg(spec);
        Ok(Running::start("wstest", &mut command, folder)?.in_container(container))
    }

    /// The command that runs `wstest`, still without its arguments.
    fn command(&self, container: Option<&str>) -> Outcome<Command> {
        let mut wstest = match self {
            Self::Given(words) => {
                let Some((program, arguments)) = words.split_first() else {
                    return fail("the variable WSTEST is empty");
                };
                let mut wstest = command(program);
                wstest.args(arguments);
                wstest
            }
            Self::Installed { python, folder } => {
                let mut wstest = python_command(python, folder);
                wstest.args(["-W", "ignore"]).arg(root().join(LAUNCHER));
                wstest
            }
            Self::Docker => docker_run(container),
        };
        // The progress is read from its output, which must therefore come line by line.
        wstest.env("PYTHONUNBUFFERED", "1");
        Ok(wstest)
    }

    /// The release; fails unless its verdicts are known.
    fn release(&self) -> Outcome<String> {
        let mut command = self.command(None)?;
        let says = output(command.arg("--autobahnversion"))
            .map_err(|reason| Failure::new(format!("wstest does not run: {reason}")))?;
        let release =
            says.lines().find_map(|line| line.strip_prefix("AutobahnTestSuite ")).map(str::trim);
        match release {
            Some(release) if RELEASES.contains(&release) => Ok(release.to_owned()),
            _ => {
                fail(format!("wstest is not of release {}, it says: {says}", RELEASES.join(" or ")))
            }
        }
    }

    fn origin(&self) -> String {
        match self {
            Self::Given(words) => words.join(" "),
            Self::Installed { python, .. } => python.display().to_string(),
            Self::Docker => IMAGE.to_owned(),
        }
    }
}

/// The container sees the report folders under the same paths as this machine, and the loopback
/// interface of this machine.
fn docker_run(container: Option<&str>) -> Command {
    let reports = root().join("target/autobahn");
    let mut docker = command("docker");
    docker.args([
        "run",
        "--rm",
        "--init",
        "--network",
        "host",
        "--env",
        "PYTHONUNBUFFERED=1",
        "--env",
        "HOME=/tmp",
    ]);
    docker.arg("--volume").arg(format!("{0}:{0}", reports.display()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        // The reports belong to the owner of the repository, so that the owner can delete them.
        if let Ok(owner) = root().metadata() {
            docker.arg("--user").arg(format!("{}:{}", owner.uid(), owner.gid()));
        }
    }
    if let Some(container) = container {
        docker.args(["--name", container]);
    }
    docker.args([IMAGE, "wstest"]);
    docker
}

fn installation() -> Outcome<Installation> {
    let wanted = read(&requirements())?;
    Ok(Installation { folder: root().join("target/autobahn/py27"), wanted })
}

fn requirements() -> PathBuf {
    root().join("autobahn/config/requirements-py27.txt")
}

/// Our installation, if it is complete and its Python still exists.
fn installed() -> Outcome<Option<Wstest>> {
    let installation = installation()?;
    if !installation.is_there() {
        return Ok(None);
    }
    let python = PathBuf::from(read(&installation.folder.join("python"))?);
    Ok(is_python_27(&python).then_some(Wstest::Installed { python, folder: installation.folder }))
}

/// Installs `wstest` with this Python. `pip --target` does not work, because the namespace packages
/// of Twisted need the user site.
fn install(python: &Path) -> Outcome<Wstest> {
    let installation = installation()?;
    if !succeeds(command(python).args(["-m", "pip", "--version"])) {
        return fail(format!("{} has no pip to install wstest with", python.display()));
    }
    println!("installing wstest into {}; it takes about 20 seconds", installation.folder.display());
    // The old installation may be complete, but made with a Python that no longer exists.
    crate::shell::empty_folder(&installation.folder)?;
    installation.ensure(|folder| {
        let mut pip = python_command(python, folder);
        // These are variables, because an older pip refuses options that it does not know.
        pip.env("PIP_NO_PYTHON_VERSION_WARNING", "1").env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--user",
            "--no-warn-script-location",
            "--requirement",
        ]);
        run(pip.arg(requirements())).map_err(|reason| {
            Failure::new(format!("{reason}; one of the packages needs a C compiler"))
        })?;
        let installed = Wstest::Installed { python: python.into(), folder: folder.into() };
        installed.release()?;
        write(&folder.join("python"), &python.to_string_lossy())
    })?;
    Ok(Wstest::Installed { python: python.into(), folder: installation.folder })
}

/// Python with our folder as its user site, isolated from the rest of the environment.
fn python_command(python: &Path, folder: &Path) -> Command {
    let mut command = command(python);
    command.env("PYTHONUSERBASE", folder);
    for name in ["PYTHONPATH", "PYTHONHOME", "PYTHONNOUSERSITE"] {
        command.env_remove(name);
    }
    command
}

/// A Python 2.7: the one in `PY27`, otherwise the newest one of pyenv, otherwise the one on the
/// path.
fn python_27() -> Outcome<Option<PathBuf>> {
    if let Some(given) = env::var_os("PY27").map(PathBuf::from) {
        return if is_python_27(&given) {
            Ok(Some(given))
        } else {
            fail(format!("the variable PY27 names {}, which is not a Python 2.7", given.display()))
        };
    }
    let mut candidates = pyenv_pythons();
    candidates.push("python2.7".into());
    Ok(candidates.into_iter().find(|candidate| is_python_27(candidate)))
}

fn is_python_27(python: &Path) -> bool {
    succeeds(command(python).args(["-c", "import sys; sys.exit(sys.version_info[:2] != (2, 7))"]))
}

/// The Pythons 2.7 of pyenv, the newest first.
fn pyenv_pythons() -> Vec<PathBuf> {
    let home = env::var_os("HOME").map(|home| PathBuf::from(home).join(".pyenv"));
    let Some(pyenv) = env::var_os("PYENV_ROOT").map(PathBuf::from).or(home) else {
        return Vec::new();
    };
    let folders = pyenv.join("versions").read_dir().into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = folders
        .filter_map(|folder| {
            let patch = folder.file_name().to_str()?.strip_prefix("2.7.")?.parse().ok()?;
            Some((patch, folder.path().join("bin/python2.7")))
        })
        .collect();
    versions.sort_by(|one, other| other.cmp(one));
    versions.into_iter().map(|(_, python)| python).collect()
}
