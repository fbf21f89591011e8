//! `cargo xtask minimal-versions`: whether the published packages compile with the oldest versions that their manifests
//! allow, on the oldest compiler that they name.
//!
//! An application's lock file may contain any of these versions. Only the direct dependencies are that old: indirect ones
//! are their own responsibility, and many claim too much. Tests are left out, because their dependencies would raise the
//! versions.
//!
//! Everything happens in a copy of the manifests in `target`, with its own lock file.

use std::path::{Path, PathBuf};

use crate::published::{self, COMPILES_OPENSSL, Package};
use crate::shell::{
    Failure, Outcome, cargo, command, empty_folder, fail, read, root, run as run_command, succeeds,
    write,
};

/// Compiles the packages.
pub(crate) fn run() -> Outcome {
    if !succeeds(&mut cargo("+nightly --version")) {
        return fail(
            "minimal-versions needs the nightly compiler: rustup toolchain install nightly --profile minimal",
        );
    }
    let packages = published::packages()?;
    let folder = copy(&packages)?;
    let in_copy = |line: &str| {
        let mut cargo = cargo(line);
        cargo.current_dir(&folder);
        cargo
    };
    run_command(&mut in_copy("+nightly generate-lockfile -Z direct-minimal-versions"))?;
    let toolchain = toolchain(&packages)?;
    for Package { name, features, .. } in &packages {
        let check = format!("{toolchain} check --locked -p {name}");
        run_command(&mut in_copy(&check))?;
        // More features add more dependencies, which enable features in the others.
        let mut all = features.clone();
        all.remove(COMPILES_OPENSSL);
        if !all.is_empty() {
            run_command(in_copy(&check).arg("--features").arg(Vec::from_iter(all).join(",")))?;
        }
    }
    println!("minimal-versions: {} packages compile by `cargo {toolchain}`", packages.len());
    Ok(())
}

/// `+1.2.0` for the oldest compiler that is named, or an empty string if it cannot be installed.
fn toolchain(packages: &[Package]) -> Outcome<String> {
    // As numbers: in the order of text, 1.100 would come before 1.85.
    let numbers = |version: &&str| -> Vec<u32> {
        version.split('.').map(|number| number.parse().unwrap_or(u32::MAX)).collect()
    };
    let oldest = packages.iter().map(|package| package.rust_version.as_str()).min_by_key(numbers);
    let oldest = oldest.ok_or_else(|| Failure::new("no package is published"))?;
    // `1.2` would mean the newest 1.2.x.
    let version = match oldest.split('.').count() {
        2 => format!("{oldest}.0"),
        _ => oldest.to_owned(),
    };
    let install = ["toolchain", "install", "--profile", "minimal", "--no-self-update", &version];
    if !succeeds(cargo(&format!("+{version} --version")).env_remove("RUSTUP_TOOLCHAIN"))
        && let Err(reason) = run_command(command("rustup").args(install))
    {
        println!("minimal-versions: {reason}");
        println!(
            "minimal-versions: NOTHING IS COMPILED BY RUST {version}, because it cannot be installed"
        );
        return Ok(String::new());
    }
    Ok(format!("+{version}"))
}

/// A workspace with only the published packages, without their tests. Their sources are links to
/// ours.
fn copy(packages: &[Package]) -> Outcome<PathBuf> {
    let folder = root().join("target/minimal-versions");
    // The target folder stays, so that nothing is compiled twice.
    let sources = folder.join("crates");
    empty_folder(&sources)?;
    let mut members = Vec::new();
    for Package { folder: original, .. } in packages {
        let name = original.file_name().unwrap_or_default();
        let package = sources.join(name);
        empty_folder(&package)?;
        let manifest = read(&original.join("Cargo.toml"))?;
        write(
            &package.join("Cargo.toml"),
            &without(&manifest, &["dev-dependencies", "[example]", "[test]"]),
        )?;
        link(&original.join("src"), &package.join("src"))?;
        members.push(format!("\"crates/{}\"", name.to_string_lossy()));
    }
    // Profiles may name packages that are not in this workspace.
    let manifest = without(&read(&root().join("Cargo.toml"))?, &["workspace", "profile"]);
    let members = members.join(", ");
    let workspace = format!("[workspace]\nresolver = \"3\"\nmembers = [{members}]\n\n");
    write(&folder.join("Cargo.toml"), &(workspace + &manifest))?;
    Ok(folder)
}

/// A manifest without the tables with these names. For `profile` its subtables are removed as well, for `workspace` not.
fn without(manifest: &str, tables: &[&str]) -> String {
    let mut kept = true;
    let mut text = String::new();
    for line in manifest.lines() {
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            let first = header.split('.').next().unwrap_or(header);
            kept = !tables.contains(&if first == "workspace" { header } else { first });
        }
        if kept {
            text += line;
            text.push('\n');
        }
    }
    text
}

#[cfg(unix)]
fn link(original: &Path, link: &Path) -> Outcome {
    std::os::unix::fs::symlink(original, link)
        .map_err(|error| Failure::new(format!("cannot link {}: {error}", link.display())))
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> Outcome {
    fail("minimal-versions needs symbolic links to folders, as on Unix")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_left_out_by_their_names() {
        let manifest = "[workspace]\nmembers = [\n    \"a\",\n]\n[workspace.package]\nedition = \"2024\"\n\
            [profile.dev.package.a]\nopt-level = 2\n[target.'cfg(unix)'.dependencies]\nb = \"1\"\n";
        let kept = "[workspace.package]\nedition = \"2024\"\n[target.'cfg(unix)'.dependencies]\nb = \"1\"\n";
        assert_eq!(without(manifest, &["workspace", "profile"]), kept);
    }
}
