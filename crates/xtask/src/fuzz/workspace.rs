//! The package `fuzz`: its targets, their programs, and the inputs that are kept of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::shell::{Failure, Outcome, cargo, command, fail, output, root, run, succeeds};
use crate::tools::{self, with_path};

/// The version of cargo-fuzz that is installed where there is none.
const CARGO_FUZZ: &str = "cargo-fuzz@0.13.2";

/// The package `fuzz`, which is a workspace of its own, and what builds it.
pub(super) struct Workspace {
    /// Where it is.
    pub(super) folder: PathBuf,
    tools: PathBuf,
    /// What its programs are built for.
    pub(super) host: String,
}

impl Workspace {
    /// Finds it, and installs cargo-fuzz if that is missing.
    pub(super) fn find() -> Outcome<Self> {
        let folder = root().join("fuzz");
        if !folder.join("Cargo.toml").exists() {
            return fail("there is no fuzz/Cargo.toml, and so no fuzz target");
        }
        if !succeeds(&mut cargo("+nightly --version")) {
            return fail(
                "fuzzing needs the nightly compiler: rustup toolchain install nightly --profile minimal",
            );
        }
        let tools = tools::folder("fuzz", CARGO_FUZZ)?;
        let rustc = output(command("rustc").args(["+nightly", "-vV"]))?;
        let host = rustc.lines().find_map(|line| line.strip_prefix("host: "));
        let host = host.ok_or_else(|| Failure::new("rustc does not say its host"))?.to_owned();
        Ok(Self { folder, tools, host })
    }

    /// The names of the targets: the programs of the package.
    pub(super) fn targets(&self) -> Outcome<Vec<String>> {
        let mut metadata = cargo("metadata --no-deps --format-version 1 --manifest-path");
        let metadata = output(metadata.arg(self.folder.join("Cargo.toml")))?;
        let metadata: Value = serde_json::from_str(&metadata)
            .map_err(|error| Failure::new(format!("cargo metadata: {error}")))?;
        let packages = metadata["packages"].as_array().into_iter().flatten();
        let targets =
            packages.flat_map(|package| package["targets"].as_array().into_iter().flatten());
        let programs = targets.filter(|target| target["kind"] == serde_json::json!(["bin"]));
        let names: Vec<String> =
            programs.filter_map(|target| target["name"].as_str()).map(str::to_owned).collect();
        if names.is_empty() { fail("fuzz/Cargo.toml has no fuzz target") } else { Ok(names) }
    }

    /// `cargo fuzz NAME`, without its arguments.
    pub(super) fn cargo_fuzz(&self, name: &str) -> Outcome<Command> {
        with_path(cargo(&format!("+nightly fuzz {name} --fuzz-dir fuzz")), &self.tools)
    }

    /// Builds one target, or all of them.
    pub(super) fn build(&self, target: Option<&str>) -> Outcome {
        run(self.cargo_fuzz("build")?.args(target))
    }

    /// The program of a target that was built into `folder`, which is `fuzz/target` unless another one was asked for.
    pub(super) fn program(&self, folder: &Path, target: &str) -> PathBuf {
        folder.join(&self.host).join("release").join(target)
    }

    /// The folder of what was found, which git does not keep. It is created where it is missing.
    pub(super) fn corpus(&self, target: &str) -> Outcome<PathBuf> {
        created(self.folder.join("corpus").join(target))
    }

    /// The folder of the inputs that are kept.
    pub(super) fn seeds(&self, target: &str) -> Outcome<PathBuf> {
        let seeds = self.folder.join("seeds").join(target);
        if seeds.is_dir() { Ok(seeds) } else { fail(format!("`{target}` has no seeds")) }
    }
}

fn created(folder: PathBuf) -> Outcome<PathBuf> {
    std::fs::create_dir_all(&folder)
        .map_err(|error| Failure::new(format!("cannot create {}: {error}", folder.display())))?;
    Ok(folder)
}
