//! `cargo xtask fuzz`: every fuzz target for a while, some at once: one fuzzes on one thread. It also shows that the targets find
//! faults, what of the core they reach, and keeps what reaches more as seeds.

mod coverage;
mod faults;
mod minimise;
mod workspace;

use std::process::Command;

use clap::Args;

use crate::shell::{Failure, Outcome, fail, run as run_command, written_some_at_once};
use workspace::Workspace;

/// How long, and which.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// How many seconds each target runs
    #[arg(long, default_value_t = 10)]
    pub(crate) seconds: u32,
    /// Instead, puts in the fault of each oracle, and demands that it is found
    #[arg(long, group = "instead")]
    pub(crate) faults: bool,
    /// Instead, says what of the core the seeds and what was found reach
    #[arg(long, group = "instead")]
    pub(crate) coverage: bool,
    /// Instead, puts what was found and reaches more than the seeds to them
    #[arg(long, group = "instead")]
    pub(crate) minimise: bool,
    /// Only these targets
    #[arg(value_name = "TARGET")]
    pub(crate) targets: Vec<String>,
}

/// Does what the options say, to the targets that they name.
pub(crate) fn run(options: &Options) -> Outcome {
    let workspace = Workspace::find()?;
    let all = workspace.targets()?;
    if let Some(unknown) = options.targets.iter().find(|name| !all.contains(name)) {
        return fail(format!("there is no fuzz target `{unknown}`; there are {}", all.join(", ")));
    }
    let chosen = if options.targets.is_empty() { &all } else { &options.targets };
    if options.coverage {
        return coverage::run(&workspace, chosen);
    }
    // All in one go, for each of them is compiled on one thread.
    let one = if let [only] = &chosen[..] { Some(only.as_str()) } else { None };
    workspace.build(one)?;
    if options.faults {
        faults::run(&workspace, chosen)
    } else if options.minimise {
        minimise::run(&workspace, chosen)
    } else {
        fuzz(&workspace, chosen, options.seconds)
    }
}

/// Runs the targets, and begins no other once one has found something.
fn fuzz(workspace: &Workspace, chosen: &[String], seconds: u32) -> Outcome {
    let commands = chosen.iter().map(|target| fuzz_command(workspace, target, seconds));
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
    println!("fuzz: {} targets, {seconds} seconds each, no crash", chosen.len());
    Ok(())
}

/// `cargo fuzz run` for one target, with its seeds and its dictionary where it has them.
fn fuzz_command(workspace: &Workspace, target: &str, seconds: u32) -> Outcome<Command> {
    let mut command = workspace.cargo_fuzz("run")?;
    command.arg(target);
    // The first folder takes what is found, the second is only read.
    command.args([workspace.corpus(target)?, workspace.seeds(target)?]);
    command.args(["--", "-print_final_stats=1", &format!("-max_total_time={seconds}")]);
    let dictionary = workspace.folder.join("dictionaries").join(format!("{target}.dict"));
    if dictionary.is_file() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    Ok(command)
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
