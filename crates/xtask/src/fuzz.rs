//! `cargo xtask fuzz`: every fuzz target for a while, some at once: one fuzzes on one thread.

use std::path::Path;
use std::process::Command;

use clap::Args;
use serde_json::Value;

use crate::shell::{
    Failure, Outcome, cargo, fail, output, root, run as run_command, succeeds, written_some_at_once,
};
use crate::tools::{self, with_path};

/// The version of cargo-fuzz that is installed where there is none.
const CARGO_FUZZ: &str = "cargo-fuzz@0.13.2";

/// How long, and which.
#[derive(Args)]
pub(crate) struct Options {
    /// How many seconds each target runs
    #[arg(long, default_value_t = 10)]
    pub(crate) seconds: u32,
    /// Only these targets
    #[arg(value_name = "TARGET")]
    pub(crate) targets: Vec<String>,
}

/// Runs the targets, and begins no other once one has found something.
pub(crate) fn run(options: &Options) -> Outcome {
    let fuzz = root().join("fuzz");
    let all = targets(&fuzz)?;
    if let Some(unknown) = options.targets.iter().find(|name| !all.contains(name)) {
        return fail(format!("there is no fuzz target `{unknown}`; there are {}", all.join(", ")));
    }
    if !succeeds(&mut cargo("+nightly --version")) {
        return fail(
            "fuzzing needs the nightly compiler: rustup toolchain install nightly --profile minimal",
        );
    }
    let tools = tools::folder("fuzz", CARGO_FUZZ)?;
    let chosen = if options.targets.is_empty() {
        // All in one go, for each of them is compiled on one thread.
        run_command(&mut with_path(cargo("+nightly fuzz build --fuzz-dir fuzz"), &tools)?)?;
        &all
    } else {
        &options.targets
    };
    let commands = chosen.iter().map(|target| fuzz_command(&fuzz, &tools, target, options.seconds));
    let mut commands = commands.collect::<Outcome<Vec<Command>>>()?;
    if let [only] = commands.as_mut_slice() {
        // Somebody watches it.
        run_command(only)?;
    } else {
        let written = written_some_at_once(commands)?;
        println!("{:<20} {:>10} {:>7} {:>7} {:>5}", "target", "runs", "edges", "inputs", "MiB");
        for (target, text) in chosen.iter().zip(&written) {
            let figures = Figures::read(text).ok_or_else(|| {
                Failure::new(format!("fuzz: `{target}` does not say what it has done"))
            })?;
            let Figures { runs, edges, inputs, mebibytes } = figures;
            println!("{target:<20} {runs:>10} {edges:>7} {inputs:>7} {mebibytes:>5}");
        }
    }
    println!("fuzz: {} targets, {} seconds each, no crash", chosen.len(), options.seconds);
    Ok(())
}

/// What libFuzzer says when it is done.
#[derive(Debug, PartialEq, Eq)]
struct Figures {
    runs: u64,
    /// How many edges of the program's control flow were taken, of the libraries in it as well.
    edges: u64,
    /// How many inputs are kept because each reaches something that no other one does.
    inputs: u64,
    /// The most resident memory, the sanitiser's included.
    mebibytes: u64,
}

impl Figures {
    /// Reads them in what it has written: a line for each new input, and statistics at the end.
    fn read(text: &str) -> Option<Self> {
        let progress =
            text.lines().rfind(|line| line.starts_with('#') && line.contains(" cov: "))?;
        let after = |line: &str, name: &str| {
            let (_, rest) = line.split_once(name)?;
            let digits = rest.trim_start().split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse().ok()
        };
        let statistic = |name: &str| text.lines().find_map(|line| after(line, name));
        Some(Self {
            runs: statistic("stat::number_of_executed_units:")?,
            edges: after(progress, " cov: ")?,
            inputs: after(progress, " corp: ")?,
            mebibytes: statistic("stat::peak_rss_mb:")?,
        })
    }
}

/// The names of the targets: the programs of the package `fuzz`.
fn targets(fuzz: &Path) -> Outcome<Vec<String>> {
    let manifest = fuzz.join("Cargo.toml");
    if !manifest.exists() {
        return fail("there is no fuzz/Cargo.toml, and so no fuzz target");
    }
    let mut metadata = cargo("metadata --no-deps --format-version 1 --manifest-path");
    let metadata: Value = serde_json::from_str(&output(metadata.arg(&manifest))?)
        .map_err(|error| Failure::new(format!("cargo metadata: {error}")))?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let targets = packages.flat_map(|package| package["targets"].as_array().into_iter().flatten());
    let programs = targets.filter(|target| target["kind"] == serde_json::json!(["bin"]));
    let names: Vec<String> =
        programs.filter_map(|target| target["name"].as_str()).map(str::to_owned).collect();
    if names.is_empty() { fail("fuzz/Cargo.toml has no fuzz target") } else { Ok(names) }
}

/// `cargo fuzz run` for one target, with its seeds and its dictionary where it has them.
fn fuzz_command(fuzz: &Path, tools: &Path, target: &str, seconds: u32) -> Outcome<Command> {
    let mut command = with_path(cargo("+nightly fuzz run --fuzz-dir fuzz"), tools)?;
    command.arg(target);
    let seeds = fuzz.join("seeds").join(target);
    if seeds.is_dir() {
        // The first folder takes what is found, the second is only read.
        let corpus = fuzz.join("corpus").join(target);
        std::fs::create_dir_all(&corpus).map_err(|error| {
            Failure::new(format!("cannot create {}: {error}", corpus.display()))
        })?;
        command.args([corpus, seeds]);
    }
    command.args(["--", "-print_final_stats=1", &format!("-max_total_time={seconds}")]);
    let dictionary = fuzz.join("dictionaries").join(format!("{target}.dict"));
    if dictionary.is_file() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_of_the_last_line_and_the_statistics() {
        let text = "INFO: seed corpus: files: 6\n\
            #7\tINITED cov: 500 ft: 800 corp: 6/90b exec/s: 0 rss: 40Mb\n\
            #24489\tDONE   cov: 2499 ft: 6449 corp: 492/13759b lim: 38 exec/s: 1166 rss: 415Mb\n\
            stat::number_of_executed_units: 24489\nstat::peak_rss_mb:              416\n";
        let figures = Figures { runs: 24_489, edges: 2_499, inputs: 492, mebibytes: 416 };
        assert_eq!(Figures::read(text), Some(figures));
        assert_eq!(Figures::read("killed"), None);
    }
}
