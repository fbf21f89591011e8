//! `cargo xtask drop-in`: whether our packages can replace `tungstenite` and `tokio-tungstenite` in applications that do not
//! know us.
//!
//! An application puts our packages into its `[patch.crates-io]` table, and then every crate that it depends on uses them.
//! So crates that many applications use are compiled twice, with the real packages and with ours: what compiles with the
//! first must compile with the second. `--tests` runs the tests of other projects in the same way, and `--bench` measures
//! one program with both.

mod bench;
mod catalog;
mod patch;
mod report;
mod says;
mod scratch;
mod trial;
mod upstream;
mod version;

use std::path::PathBuf;

use clap::Args;

use crate::shell::{Outcome, fail, root};
use catalog::Entry;
use patch::Patch;
use scratch::Scratch;

/// What to try; without options, a few small crates.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Only these crates: names, or name@1.2 for another version
    #[arg(long, value_delimiter = ',', value_name = "CRATE")]
    crates: Vec<String>,
    /// All crates of the table, or with --tests all tests; this takes long
    #[arg(long, conflicts_with = "crates")]
    all: bool,
    /// Runs the tests of tungstenite, tokio-tungstenite and crates that use them
    #[arg(long)]
    tests: bool,
    /// Measures an axum program unchanged and patched; this takes minutes
    #[arg(long, conflicts_with_all = ["crates", "all", "tests"])]
    bench: bool,
    /// Works in this folder instead of target/drop-in
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// The folder with our packages, instead of crates/compat
    #[arg(long, value_name = "DIR")]
    packages: Option<PathBuf>,
}

/// Tries a few small crates.
pub(crate) fn run_default() -> Outcome {
    run(&Options::default())
}

/// Tries what was selected, and fails if something works with the real packages but not with ours.
pub(crate) fn run(options: &Options) -> Outcome {
    let folder = options.keep.clone().unwrap_or_else(|| root().join("target/drop-in"));
    let scratch = Scratch::in_folder(&folder)?;
    let ours = options.packages.clone().unwrap_or_else(|| root().join("crates/compat"));
    let patch = Patch::find(&ours)?;
    for patch::Package { name, version, path } in patch.packages() {
        println!("drop-in: {name} {version} is {}", path.display());
    }
    if options.bench {
        bench::run(&scratch, &patch)
    } else if options.tests {
        run_tests(options, &scratch, &patch)
    } else {
        check(options, &scratch, &patch)
    }
}

/// Compiles the crates.
fn check(options: &Options, scratch: &Scratch, patch: &Patch) -> Outcome {
    let entries: Vec<Entry> = match options.crates.as_slice() {
        [] if options.all => catalog::all(),
        [] => catalog::default(),
        names => names.iter().map(|name| catalog::named(name)).collect::<Outcome<_>>()?,
    };
    let mut trials = Vec::new();
    for entry in &entries {
        let trial = trial::run(entry, scratch, patch)?;
        println!("drop-in: {}: {:?}", trial.name, trial.verdict);
        trials.push(trial);
    }
    println!("\n{}", report::trials(&trials));
    let failed = trials.iter().filter(|trial| trial.verdict.is_failure());
    let failed: Vec<&str> = failed.map(|trial| trial.name.as_str()).collect();
    if !failed.is_empty() {
        return fail(format!(
            "drop-in: ours cannot replace the real ones in {}",
            failed.join(", ")
        ));
    }
    let same = trials.iter().filter(|trial| trial.verdict == trial::Verdict::Same).count();
    if same == 0 {
        return fail("drop-in: not one crate could be tried, so this says nothing");
    }
    println!(
        "drop-in: ours replace the real ones in {same} of {} crates, and fail in none",
        trials.len()
    );
    Ok(())
}

/// Runs the tests of other projects.
fn run_tests(options: &Options, scratch: &Scratch, patch: &Patch) -> Outcome {
    let comparisons = upstream::run(&options.crates, options.all, scratch, patch)?;
    println!("\n{}", report::comparisons(&comparisons));
    let failed = comparisons.iter().filter(|comparison| !comparison.failures().is_empty());
    let failed: Vec<&str> = failed.map(|comparison| comparison.name.as_str()).collect();
    if failed.is_empty() {
        Ok(())
    } else {
        fail(format!(
            "drop-in: not all that passes over the real ones passes over ours: {}",
            failed.join(", ")
        ))
    }
}
