//! Images for a microcontroller: building them, and reading their files.

mod elf;

use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::{Failure, Outcome, cargo, command, output, root, run as run_command};

pub(crate) use elf::{Frame, Image, Reference, Sizes};

/// A minimal bare-metal target: a Cortex-M3. It has no `std`.
pub(crate) const TARGET: &str = "thumbv7m-none-eabi";

/// The workspace of the images.
pub(crate) fn folder() -> PathBuf {
    root().join("crates/embedded")
}

/// Lets rustup install what the compiler needs for a target.
pub(crate) fn add_target(target: &str) -> Outcome {
    let installed = output(command("rustup").args(["target", "list", "--installed"]))?;
    if installed.lines().any(|line| line.trim() == target) {
        return Ok(());
    }
    run_command(command("rustup").args(["target", "add", target]))
}

/// A program to build.
#[derive(Default)]
pub(crate) struct Build<'a> {
    pub(crate) package: &'a str,
    pub(crate) program: &'a str,
    pub(crate) profile: &'a str,
    /// Separated by commas.
    pub(crate) features: &'a str,
    /// Flags for the compiler.
    pub(crate) flags: &'a str,
}

/// Builds a program, and returns its path.
pub(crate) fn build(what: &Build<'_>) -> Outcome<PathBuf> {
    let Build { package, program, profile, features, flags } = what;
    let target = folder().join("target");
    let line = format!("build --profile {profile} --target {TARGET} -p {package} --bin {program}");
    let mut build = cargo(&line);
    build.arg("--manifest-path").arg(folder().join("Cargo.toml"));
    build.arg("--target-dir").arg(&target);
    // Flags in the caller's environment are meant for this machine, and would override the flags below.
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        build.env_remove(variable);
    }
    if !flags.is_empty() {
        let variable = TARGET.to_uppercase().replace('-', "_");
        build.env(format!("CARGO_TARGET_{variable}_RUSTFLAGS"), flags);
    }
    if !features.is_empty() {
        build.args(["--features", features]);
    }
    run_command(&mut build)?;
    Ok(target.join(TARGET).join(profile).join(program))
}

/// The memory that an image takes on a chip.
pub(crate) fn sizes(path: &Path) -> Outcome<Sizes> {
    parse(path, Sizes::parse)
}

/// Reads an image that was linked with `--emit-relocs`.
pub(crate) fn read_image(path: &Path) -> Outcome<Image> {
    parse(path, Image::parse)
}

fn parse<T>(path: &Path, parse: impl FnOnce(&[u8]) -> Result<T, String>) -> Outcome<T> {
    let complain = |reason: String| Failure::new(format!("{}: {reason}", path.display()));
    let bytes = fs::read(path).map_err(|error| complain(error.to_string()))?;
    parse(&bytes).map_err(complain)
}
