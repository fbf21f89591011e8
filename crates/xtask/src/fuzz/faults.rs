//! `cargo xtask fuzz --faults`: each oracle of each target is shown able to fail.
//!
//! The targets have a fault for each of their oracles, put in between the code under test and the oracle when the environment
//! asks for it. Each of them must be found from the seeds alone, within seconds, and by its oracle rather than by another one.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::workspace::Workspace;
use crate::shell::{Failure, Outcome, empty_folder, fail, root, some_at_once};

#[path = "../../../../fuzz/src/oracles.rs"]
#[expect(unreachable_pub, reason = "the fuzz targets share this file")]
mod oracles;

use oracles::Oracle;

/// A fault must be found within this time, in seconds.
const MOST_SECONDS: u32 = 20;

/// Puts in each fault of the targets, and prints how long each of them took to be found.
pub(super) fn run(workspace: &Workspace, targets: &[String]) -> Outcome {
    let scratch = root().join("target/fuzz-faults");
    empty_folder(&scratch)?;
    let pairs: Vec<(&str, Oracle)> = targets
        .iter()
        .flat_map(|target| Oracle::ALL.iter().map(move |oracle| (target.as_str(), *oracle)))
        .filter(|(target, oracle)| oracle.targets().contains(target))
        .collect();
    let found = some_at_once(pairs.clone(), |(target, oracle)| {
        Ok(find(workspace, &scratch, target, oracle))
    })?;
    println!("{:<20} {:<26} {:>7} {:>7}  fault", "target", "oracle", "seconds", "runs");
    let (mut slowest, mut missed) = (Duration::ZERO, Vec::new());
    for ((target, oracle), found) in pairs.iter().zip(found) {
        let (name, fault) = (oracle.name(), oracle.fault());
        match found {
            Ok(Found { time, runs }) => {
                let seconds = time.as_secs_f64();
                println!("{target:<20} {name:<26} {seconds:>7.1} {runs:>7}  {fault}");
                slowest = slowest.max(time);
            }
            Err(reason) => {
                println!("{target:<20} {name:<26} {:>7} {:>7}  {fault}", "-", "-");
                missed.push(format!("{target}, {name}: {reason}"));
            }
        }
    }
    if !missed.is_empty() {
        return fail(format!("faults that their oracles do not find:\n{}", missed.join("\n")));
    }
    let (count, seconds) = (pairs.len(), slowest.as_secs_f64());
    println!("fuzz: {count} faults, each found by its oracle, within {seconds:.1} seconds");
    Ok(())
}

/// A fault that was found.
struct Found {
    time: Duration,
    /// How many inputs it took.
    runs: u64,
}

/// Runs a target with the fault of one of its oracles.
fn find(workspace: &Workspace, scratch: &Path, target: &str, oracle: Oracle) -> Outcome<Found> {
    // What is found goes into the first folder; the seeds are only read.
    let folder = scratch.join(format!("{target}-{}", oracle.name()));
    empty_folder(&folder)?;
    let program = workspace.program(&workspace.folder.join("target"), target);
    let mut command = Command::new(&program);
    command.args([&folder, &workspace.seeds(target)?]);
    command.args(["-seed=1", "-print_final_stats=1", &format!("-max_total_time={MOST_SECONDS}")]);
    command.arg(format!("-artifact_prefix={}/", folder.display()));
    command.env("FULLDUPLEX_FUZZ_FAULT", oracle.name());
    // Nobody reads the addresses in the crash.
    command.env("ASAN_OPTIONS", "symbolize=0").env("RUST_BACKTRACE", "0");
    let begun = Instant::now();
    let written = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::new(format!("cannot run {}: {error}", program.display())))?;
    let time = begun.elapsed();
    let text = String::from_utf8_lossy(&written.stderr);
    Ok(Found { time, runs: judge(&text, oracle).map_err(Failure::new)? })
}

/// How many inputs it took until the oracle failed, by what the target has written.
fn judge(text: &str, oracle: Oracle) -> Result<u64, String> {
    let failed = text.find("the oracle ").and_then(|at| text.get(at..)).unwrap_or("");
    if !failed.starts_with(&oracle.verdict()) {
        let other = failed.lines().next().unwrap_or("");
        return Err(match (text.contains("ERROR: "), other) {
            (false, _) => format!("it is not found within {MOST_SECONDS} seconds"),
            (true, "") => "it crashes, but not by an oracle".to_owned(),
            (true, other) => format!("another one finds it: {other}"),
        });
    }
    let runs = text.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    runs.and_then(|runs| runs.trim().parse().ok()).ok_or_else(|| "how many runs?".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::shell::read;

    /// The sources of the targets and of what they share, except for the oracles' own, without any white space.
    fn sources() -> String {
        let fuzz = root().join("fuzz");
        let mut folders = vec![fuzz.join("src"), fuzz.join("fuzz_targets")];
        let mut sources = String::new();
        while let Some(folder) = folders.pop() {
            for entry in folder.read_dir().unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("src/oracle.rs") {
                    sources.push_str(&read(&path).unwrap());
                }
            }
        }
        sources.retain(|c| !c.is_whitespace());
        sources
    }

    #[test]
    fn an_oracle_that_checks_in_two_places_is_two_oracles() {
        let sources = sources();
        let mut places = BTreeMap::<&str, usize>::new();
        for part in sources.split("Oracle::").skip(1) {
            let (name, rest) = part.split_once('.').unwrap_or((part, ""));
            let checks = ["holds(", "same(", "ok(", "some(", "judges("];
            if checks.iter().any(|check| rest.starts_with(check)) {
                *places.entry(name).or_default() += 1;
            }
        }
        // What watches over memory is called by its variable.
        let watches = ["Memory", "InflateEndpointMemory"];
        for oracle in Oracle::ALL.iter().filter(|oracle| !watches.contains(&oracle.name())) {
            assert_eq!(places.get(oracle.name()), Some(&1), "{}", oracle.name());
        }
    }

    #[test]
    fn a_target_checks_by_its_oracles_alone() {
        let sources = sources();
        for other in ["assert!(", "assert_eq!(", "assert_ne!(", "panic!("] {
            assert!(!sources.contains(other), "{other} has no oracle and no fault");
        }
    }

    #[test]
    fn a_fault_is_found_by_its_oracle_alone() {
        let oracle = Oracle::UrlsPath;
        let crash = |message: &str| {
            format!(
                "panicked at x:\n{message}: a\n==1== ERROR: libFuzzer: deadly signal\nstat::number_of_executed_units: 7\n"
            )
        };
        assert_eq!(judge(&crash(&oracle.verdict()), oracle), Ok(7));
        let other = judge(&crash(&Oracle::UrlsQuery.verdict()), oracle).unwrap_err();
        assert!(other.starts_with("another one finds it: the oracle UrlsQuery"), "{other}");
        assert!(judge(&crash("overflow"), oracle).unwrap_err().starts_with("it crashes"));
        assert!(judge("Done 100 runs", oracle).unwrap_err().starts_with("it is not found"));
    }
}
