//! The folder where packages are tried: it has a package for each crate and side, and one folder for what cargo builds.
//!
//! Each package is its own workspace, with its own lock file. In one workspace the crates would have to agree on versions,
//! which they need not in an application, and one that cannot be resolved would make all of them fail.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::patch::Patch;
use super::says::{self, Node};
use crate::shell::{Failure, Outcome, cargo, empty_folder, fail, output, read, shown, write};

/// The packages that something is built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The packages of the registry.
    Real,
    /// Our packages in their place.
    Ours,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Real => "real",
            Self::Ours => "ours",
        })
    }
}

/// The folder.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// `folder`, created if it is missing. What an earlier run has left there is used again.
    pub(super) fn in_folder(folder: &Path) -> Outcome<Self> {
        make(folder)?;
        // Commands run in subfolders, so the path must be absolute.
        let folder = fs::canonicalize(folder)
            .map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
        Ok(Self(folder))
    }

    /// A package with this name on this side, with only its manifest and an empty library. The lock file of an earlier run
    /// stays, so that a second run builds the same.
    pub(super) fn package(&self, name: &str, side: Side, manifest: &str) -> Outcome<Package<'_>> {
        let package = Package { scratch: self, folder: self.folder(name, side), side };
        make(&package.folder.join("src"))?;
        write(&package.folder.join("src/lib.rs"), "")?;
        write(&package.folder.join("Cargo.toml"), manifest)?;
        Ok(package)
    }

    /// A package with this name on this side: a copy of the sources in `original` with `addition` at the end of its
    /// manifest. Its lock file is not copied, because an application has another one.
    pub(super) fn copy(
        &self,
        name: &str,
        side: Side,
        original: &Path,
        addition: &str,
    ) -> Outcome<Package<'_>> {
        let folder = self.folder(name, side);
        let lock = fs::read(folder.join("Cargo.lock")).ok();
        replace(&folder, original)?;
        let manifest = folder.join("Cargo.toml");
        write(&manifest, &format!("{}\n{addition}", read(&manifest)?))?;
        let kept = folder.join("Cargo.lock");
        match lock {
            Some(lock) => fs::write(&kept, lock),
            None if kept.exists() => fs::remove_file(&kept),
            None => Ok(()),
        }
        .map_err(|error| Failure::new(format!("{}: {error}", kept.display())))?;
        Ok(Package { scratch: self, folder, side })
    }

    fn folder(&self, name: &str, side: Side) -> PathBuf {
        self.0.join(side.to_string()).join(name)
    }
}

/// A package in the folder.
pub(super) struct Package<'s> {
    scratch: &'s Scratch,
    pub(super) folder: PathBuf,
    side: Side,
}

/// The result of a cargo command.
pub(super) struct Ran {
    pub(super) succeeded: bool,
    pub(super) stdout: String,
    /// Its standard error.
    pub(super) stderr: String,
}

impl Package<'_> {
    /// `cargo` in the package's folder, with the arguments in `line`.
    pub(super) fn cargo(&self, line: &str) -> Command {
        let mut cargo = cargo(line);
        cargo.current_dir(&self.folder);
        cargo.env("CARGO_TARGET_DIR", self.scratch.0.join("target"));
        // Each package is built once, so data for incremental builds would only take space.
        cargo.env("CARGO_INCREMENTAL", "0");
        cargo.env("CARGO_TERM_COLOR", "never");
        cargo
    }

    /// Runs the command, and keeps its output in `NAME.SIDE.log` beside the folders of the sides. Fails only if the command
    /// cannot be run at all.
    pub(super) fn run(&self, mut command: Command) -> Outcome<Ran> {
        let Output { status, stdout, stderr } = command
            .stdin(Stdio::null())
            .output()
            .map_err(|error| Failure::new(format!("cannot run `{}`: {error}", shown(&command))))?;
        let [stdout, stderr] =
            [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        let log = format!("$ {}\n{stderr}\n", shown(&command));
        write(&self.log(), &log)?;
        Ok(Ran { succeeded: status.success(), stdout, stderr })
    }

    /// The path of the program with this name once it is built with optimisation. All packages share its folder.
    pub(super) fn built(&self, name: &str) -> PathBuf {
        self.scratch.0.join("target/release").join(name)
    }

    /// The file that keeps the output of the last command.
    pub(super) fn log(&self) -> PathBuf {
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy();
        self.scratch.0.join(format!("{name}.{}.log", self.side))
    }

    /// The packages that it is built from, each once; `edges` are the kinds of dependencies to include.
    pub(super) fn tree(&self, edges: &str) -> Outcome<Vec<Node>> {
        let mut tree = self.cargo("tree --prefix none --format {p} --edges");
        output(tree.arg(edges)).map(|text| says::tree(&text))
    }

    /// Copies the lock file of `real`, and lets cargo update the packages that `patch` replaces. Otherwise cargo would keep
    /// the locked versions, and not use the patch.
    pub(super) fn lock_like(
        &self,
        real: &Package<'_>,
        tree: &[Node],
        patch: &Patch,
    ) -> Outcome<Ran> {
        let [from, to] = [real, self].map(|package| package.folder.join("Cargo.lock"));
        fs::copy(&from, to)
            .map_err(|error| Failure::new(format!("cannot copy {}: {error}", from.display())))?;
        let mut update = self.cargo("update");
        let replaced = tree.iter().filter(|node| patch.offers(&node.name, &node.version));
        let replaced: Vec<String> =
            replaced.map(|Node { name, version, .. }| format!("{name}@{version}")).collect();
        if replaced.is_empty() {
            return Ok(Ran { succeeded: true, stdout: String::new(), stderr: String::new() });
        }
        update.args(replaced);
        self.run(update)
    }
}

/// Files and folders of sources that are not copied.
const PERSONAL: [&str; 3] = ["rust-toolchain.toml", "rust-toolchain", ".cargo"];

/// Creates the folder and its parents.
fn make(folder: &Path) -> Outcome {
    fs::create_dir_all(folder)
        .map_err(|error| Failure::new(format!("cannot create {}: {error}", folder.display())))
}

/// Replaces `folder` with a copy of `original`.
pub(super) fn replace(folder: &Path, original: &Path) -> Outcome {
    empty_folder(folder)?;
    copy(original, folder)
}

/// Copies a folder with its content, except for [`PERSONAL`].
fn copy(from: &Path, to: &Path) -> Outcome {
    make(to)?;
    let cannot_read =
        |error| Failure::new(format!("cannot read the folder {}: {error}", from.display()));
    for entry in fs::read_dir(from).map_err(cannot_read)? {
        let entry = entry.map_err(cannot_read)?;
        // The compiler and the settings of the authors do not matter here.
        if PERSONAL.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to)?;
        } else if let Err(error) = fs::copy(&path, to) {
            return fail(format!("cannot copy {}: {error}", path.display()));
        }
    }
    Ok(())
}
