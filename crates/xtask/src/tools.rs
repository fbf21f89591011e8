//! Subcommands of cargo that are installed into `target/tools` if they are missing.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{Failure, Outcome, cargo, root, run, succeeds};

/// The folder in which to look for `cargo NAME` before the usual places. If it is missing everywhere, `package`, a name with
/// a version, is installed there.
pub(crate) fn folder(name: &str, package: &str) -> Outcome<PathBuf> {
    let tools = root().join("target/tools");
    let programs = tools.join("bin");
    let mut version = cargo(name);
    version.arg("--version");
    if !succeeds(with_path(version, &programs)?.env_remove("CARGO")) {
        println!("cargo-{name} is missing, and is installed into {}", tools.display());
        // A debug build is ready sooner, and optimisation would not pay.
        run(cargo("install --locked --debug").arg(package).arg("--root").arg(&tools)).map_err(
            |reason| Failure::new(format!("cargo-{name} cannot be installed: {reason}")),
        )?;
    }
    Ok(programs)
}

/// The command, with a folder put first on its path, where cargo finds its subcommands.
pub(crate) fn with_path(mut command: Command, folder: &Path) -> Outcome<Command> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = [folder.to_path_buf()].into_iter().chain(env::split_paths(&path));
    let path = env::join_paths(folders).map_err(|error| Failure::new(format!("PATH: {error}")))?;
    command.env("PATH", path);
    Ok(command)
}
