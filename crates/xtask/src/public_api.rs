//! `cargo xtask public-api`: compares the public interface of the libraries with the one recorded in each `public-api.txt`.
//!
//! rustdoc writes the public items as JSON, which only nightly's can, and the library of cargo-public-api turns each item
//! into a line. (The program would need two hundred crates.) Implementations that every type has, such as
//! `impl<T> Any for T`, are left out; auto traits such as `Send` have a line.
//!
//! The chore shows what has changed, and a reviewer decides whether it may. Once a version is published,
//! `cargo semver-checks` can compare with it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use crate::published::{self, COMPILES_OPENSSL, Package};
use crate::shell::{
    Failure, Outcome, cargo, command, fail, output, read, root, run as run_command, succeeds, write,
};

/// The packages that are primarily libraries. The conformance suite is a program.
const LIBRARIES: [&str; 5] = [
    "fullduplex",
    "fullduplex-app",
    "fullduplex-std",
    "fullduplex-tokio",
    "fullduplex-transport-kit",
];

/// Features that choose what a function calls, but add no items. They add C code, which takes minutes to compile.
const WITHOUT_ITEMS: [&str; 3] = [COMPILES_OPENSSL, "tls-aws-lc-rs", "tls-ring"];

/// Unstable traits: no program outside of the compiler can name them, and they come and go.
const UNSTABLE: [&str; 3] =
    ["core::marker::Freeze", "core::marker::StructuralPartialEq", "core::marker::UnsafeUnpin"];

/// The JSON format that this version of `public-api` reads. It must be changed together with the one in `Cargo.toml`.
const FORMAT: u64 = 57;

/// A separate folder: rustdoc deletes pages that another version of it has written, and `cargo xtask lint` writes some.
const TARGET: &str = "target/public-api";

/// What to do about changes.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Records the interface as it is
    #[arg(long)]
    bless: bool,
}

/// Compares, and fails if the interface is not the recorded one.
pub(crate) fn run(options: &Options) -> Outcome {
    if let Some(reason) = incomparable()? {
        return fail(reason);
    }
    compare(options)
}

/// As [`run`], but if nightly writes another format, it returns this as the reason why nothing was compared.
pub(crate) fn run_where_comparable() -> Outcome<Option<String>> {
    if let Some(reason) = incomparable()? {
        return Ok(Some(reason));
    }
    compare(&Options::default()).map(|()| None)
}

fn compare(options: &Options) -> Outcome {
    let libraries =
        LIBRARIES.iter().map(|name| published::package(name)).collect::<Outcome<Vec<_>>>()?;
    document(&libraries)?;
    let mut changed = Vec::new();
    for Package { name, folder, .. } in &libraries {
        let items = items(&json(name))?;
        let noted = folder.join("public-api.txt");
        if options.bless {
            write(&noted, &items)?;
        }
        let differences = differences(&read(&noted)?, &items);
        println!(
            "public-api: {name}: {} items, {} changed",
            items.lines().count(),
            differences.len()
        );
        if !differences.is_empty() {
            changed.push(name.as_str());
            println!("  {}", differences.join("\n  "));
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    fail(format!(
        "public-api: the interface of {} has changed; if it was meant to, `cargo xtask public-api --bless` notes it",
        changed.join(", ")
    ))
}

/// Why nothing can be compared here, tested with a package that has no dependency.
fn incomparable() -> Outcome<Option<String>> {
    if !succeeds(&mut cargo("+nightly --version")) {
        return fail(
            "public-api needs the nightly compiler: rustup toolchain install nightly --profile minimal",
        );
    }
    let scratch = root().join(TARGET).join("format");
    fs::create_dir_all(&scratch)
        .map_err(|error| Failure::new(format!("cannot create {}: {error}", scratch.display())))?;
    write(&scratch.join("empty.rs"), "")?;
    let mut rustdoc = command("rustdoc");
    rustdoc.arg("+nightly").arg(scratch.join("empty.rs")).arg("-o").arg(&scratch);
    output(rustdoc.args(["-Z", "unstable-options", "--output-format", "json"]))?;
    let format = format_of(&read(&scratch.join("empty.json"))?);
    Ok(match format {
        Some(FORMAT) => None,
        other => Some(format!(
            "public-api: rustdoc of this nightly writes format {}, and `public-api` of Cargo.toml reads format {FORMAT}",
            other.map_or("unknown".to_owned(), |format| format.to_string())
        )),
    })
}

/// Lets rustdoc write the public items of the libraries, with all features that add items. It is one run, because separate
/// runs would compile the core with other features each time.
fn document(libraries: &[Package]) -> Outcome {
    let mut doc = cargo("+nightly doc --no-deps --lib --target-dir");
    doc.arg(TARGET);
    let mut features = BTreeSet::new();
    for package in libraries {
        doc.args(["-p", &package.name]);
        features.extend(package.features.iter().map(String::as_str));
    }
    features.retain(|feature| !WITHOUT_ITEMS.contains(feature));
    doc.arg("--features").arg(Vec::from_iter(features).join(","));
    doc.env("RUSTDOCFLAGS", "-Z unstable-options --output-format json");
    run_command(&mut doc)
}

/// The path that rustdoc writes to.
fn json(package: &str) -> PathBuf {
    root().join(TARGET).join("doc").join(format!("{}.json", package.replace('-', "_")))
}

/// The items, one per line.
fn items(json: &Path) -> Outcome<String> {
    let api = public_api::Builder::from_rustdoc_json(json).omit_blanket_impls(true).build();
    let api = api.map_err(|error| Failure::new(format!("{}: {error}", json.display())))?;
    let items = api.items().map(ToString::to_string).filter(|item| is_stable(item));
    Ok(items.map(|item| item + "\n").collect())
}

/// Whether an item can be used by stable programs.
fn is_stable(item: &str) -> bool {
    !UNSTABLE.iter().any(|name| item.contains(&format!(" {name} for ")))
}

/// The format of a file of rustdoc.
fn format_of(json: &str) -> Option<u64> {
    serde_json::from_str::<Value>(json).ok()?["format_version"].as_u64()
}

/// The lines that were removed, and those that were added.
fn differences(noted: &str, found: &str) -> Vec<String> {
    let [old, new] = [noted, found].map(|text| text.lines().collect::<BTreeSet<&str>>());
    let removed = old.difference(&new).map(|line| format!("- {line}"));
    removed.chain(new.difference(&old).map(|line| format!("+ {line}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_removed_and_what_is_added_is_told() {
        let (old, new) = ("pub fn a()\npub fn b()\n", "pub fn a()\npub fn b(u8)\n");
        assert_eq!(differences(old, new), ["- pub fn b()", "+ pub fn b(u8)"]);
        assert_eq!(differences(old, old), [""; 0]);
    }

    #[test]
    fn what_no_program_can_name_is_no_item() {
        assert!(!is_stable("impl core::marker::Freeze for fullduplex::Chunk"));
        assert!(is_stable("impl core::marker::Send for fullduplex::Chunk"));
    }

    #[test]
    fn the_format_is_read() {
        assert_eq!(format_of("{\"format_version\": 57}"), Some(57));
        assert_eq!(format_of("<html>"), None);
    }

    #[test]
    fn features_without_items_exist() {
        let packages = published::packages().unwrap();
        for feature in WITHOUT_ITEMS {
            assert!(packages.iter().any(|package| package.features.contains(feature)), "{feature}");
        }
    }
}
