//! `cargo xtask mutants`: changes the core in one place at a time, and checks that a test notices.
//!
//! cargo-mutants makes the changes, and compiles and tests each of them: first with the unit tests, then the missed ones
//! with all tests of the crate. A change that no test notices must be in the list of accepted ones, with a reason why it
//! makes no visible difference, such as a shortcut that is not taken. The chore fails on any other missed change, and on an
//! entry of the list that is no longer needed.

mod accepted;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::shell::{Failure, Outcome, cargo, empty_folder, fail, read, root, shown, write};
use crate::tools::{self, with_path};
use accepted::{Accepted, Change};

/// The version of cargo-mutants to install if it is missing.
const CARGO_MUTANTS: &str = "cargo-mutants@27.1.0";

/// The changes that may be missed.
const ACCEPTED: &str = "crates/fullduplex/tests/mutants.json";

/// The machines of the protocol. The layers above only pass data on, and are also tested in other crates.
const FILES: [&str; 8] = [
    "crates/fullduplex/src/closing.rs",
    "crates/fullduplex/src/closing/*.rs",
    "crates/fullduplex/src/deflate/params.rs",
    "crates/fullduplex/src/frame/*.rs",
    "crates/fullduplex/src/handshake/*.rs",
    "crates/fullduplex/src/handshake/**/*.rs",
    "crates/fullduplex/src/keepalive.rs",
    "crates/fullduplex/src/message/*.rs",
];

/// Unit tests that are slow and concern other files: they are left out of the first round.
const SLOW: [&str; 4] = ["deflate::codec::", "mask::", "outgoing::", "utf8::"];

/// Debug output is not behaviour.
const NOT_CHANGED: &str = "impl (fmt::)?Debug for";

/// What to change.
#[derive(Args)]
pub(crate) struct Options {
    /// Only files like these, instead of all machines of the protocol
    #[arg(long, value_name = "GLOB")]
    file: Vec<String>,
}

/// Makes the changes, and fails if one is missed that is not accepted.
pub(crate) fn run(options: &Options) -> Outcome {
    let mut accepted = Accepted::parse(&read(&root().join(ACCEPTED))?)?;
    let tools = tools::folder("mutants", CARGO_MUTANTS)?;
    let results = root().join("target/mutants");
    empty_folder(&results)?;
    let files: Vec<&str> = if options.file.is_empty() {
        FILES.into()
    } else {
        options.file.iter().map(String::as_str).collect()
    };
    let phase = |tests: &str, more: &[&str]| {
        let mut command = with_path(cargo("mutants --package fullduplex --all-features"), &tools)?;
        command.args(files.iter().flat_map(|glob| ["--file", glob]));
        command.args(["--exclude-re", NOT_CHANGED, "--cap-lints", "true", "--no-shuffle"]);
        // Compile as fast as possible, and only the tests that are run.
        command.args(["--cargo-arg", tests]);
        command.arg("--output").arg(&results);
        command.envs([("CARGO_INCREMENTAL", "1"), ("CARGO_PROFILE_DEV_DEBUG", "0")]);
        // Each job has a copy of the sources, in which it compiles.
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        command.args(["--jobs", &processors.to_string()]).args(more);
        // The inputs are always the same, so that a change is noticed either always or never.
        command.env("PROPTEST_RNG_SEED", "1");
        mutants(&mut command)?;
        Found::read(&results.join("mutants.out"))
    };
    let skipped = SLOW.iter().flat_map(|tests| ["--skip", tests]);
    let unit = phase("--lib", &Vec::from_iter(["--", "--"].into_iter().chain(skipped)))?;
    let all = if unit.missed.is_empty() {
        Found::default()
    } else {
        skip_timeouts(&results.join("mutants.out"))?;
        // `--iterate` skips the changes that were noticed.
        phase("--tests", &["--iterate"])?
    };
    println!("\n{}", table(&unit, &all));
    verdict(&mut accepted, &unit, &all)
}

/// Has `--iterate` skip the changes for which a test did not end, too: they would take minutes each, for the same result.
fn skip_timeouts(folder: &Path) -> Outcome {
    let [noticed, timeouts] = ["caught.txt", "timeout.txt"].map(|name| folder.join(name));
    let all = read(&noticed)? + &read(&timeouts)?;
    write(&noticed, &all)
}

/// Runs cargo-mutants, whose exit code also reports missed changes.
fn mutants(command: &mut Command) -> Outcome {
    let line = shown(command);
    println!("$ {line}");
    let status =
        command.status().map_err(|error| Failure::new(format!("cannot run `{line}`: {error}")))?;
    match status.code() {
        // Nothing was missed; something was missed; a test did not end.
        Some(0 | 2 | 3) => Ok(()),
        _ => fail(format!("`{line}` failed ({status})")),
    }
}

/// The results for the changes of one run.
#[derive(Default)]
struct Found {
    caught: Vec<Change>,
    missed: Vec<Change>,
    timeouts: Vec<Change>,
    unviable: Vec<Change>,
}

impl Found {
    fn read(folder: &Path) -> Outcome<Self> {
        let mut sources = BTreeMap::new();
        let mut list = |name: &str| {
            let text = read(&folder.join(name))?;
            text.lines().map(|line| change(line, &mut sources)).collect::<Outcome<Vec<Change>>>()
        };
        Ok(Self {
            caught: list("caught.txt")?,
            missed: list("missed.txt")?,
            timeouts: list("timeout.txt")?,
            unviable: list("unviable.txt")?,
        })
    }

    fn all(&self) -> impl Iterator<Item = &Change> {
        [&self.caught, &self.missed, &self.timeouts, &self.unviable].into_iter().flatten()
    }
}

/// Parses a change in the format of cargo-mutants. `sources` caches the files.
fn change(name: &str, sources: &mut BTreeMap<PathBuf, String>) -> Outcome<Change> {
    let mut parts = name.splitn(4, ':');
    let (file, number, change) = (|| {
        let (file, number, _column) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
        Some((file, number, parts.next()?.trim()))
    })()
    .ok_or_else(|| Failure::new(format!("cargo-mutants names a change `{name}`")))?;
    let path = root().join(file);
    if !sources.contains_key(&path) {
        sources.insert(path.clone(), read(&path)?);
    }
    let line = sources.get(&path).and_then(|text| text.lines().nth(usize::checked_sub(number, 1)?));
    Ok(Change {
        file: file.to_owned(),
        number,
        line: line.unwrap_or_default().trim().to_owned(),
        change: change.to_owned(),
    })
}

/// The name of the last row. It sorts after the file names.
const SUM: &str = "in all";

/// How many changes each file had, and their results.
fn table(unit: &Found, all: &Found) -> String {
    let mut rows: BTreeMap<&str, [usize; 5]> = BTreeMap::new();
    let columns: [&[&Vec<Change>]; 5] = [
        &[&unit.caught, &unit.missed, &unit.timeouts, &unit.unviable],
        &[&unit.caught, &all.caught],
        &[&all.missed],
        &[&unit.timeouts, &all.timeouts],
        &[&unit.unviable],
    ];
    for (column, lists) in columns.into_iter().enumerate() {
        for change in lists.iter().copied().flatten() {
            for name in [change.file.as_str(), SUM] {
                rows.entry(name).or_default()[column] += 1;
            }
        }
    }
    let mut text = format!(
        "{:<60} {:>7} {:>7} {:>7} {:>9} {:>9}\n",
        "file", "changes", "killed", "missed", "timeouts", "unviable"
    );
    for (name, [changes, killed, missed, timeouts, unviable]) in rows {
        text += &format!(
            "{name:<60} {changes:>7} {killed:>7} {missed:>7} {timeouts:>9} {unviable:>9}\n"
        );
    }
    text
}

/// Fails with the changes that were missed but not accepted, and with those that were accepted but
/// not missed.
fn verdict(accepted: &mut Accepted, unit: &Found, all: &Found) -> Outcome {
    let mut complaints: Vec<String> = all
        .missed
        .iter()
        .filter(|change| !accepted.take(change))
        .map(|change| format!("no test notices {change}"))
        .collect();
    // Nothing is known about files that were left out. A file that no longer exists has no changes.
    let known =
        |file: &str| unit.all().any(|change| change.file == file) || !root().join(file).is_file();
    let stale = accepted.left().filter(|change| known(&change.file));
    complaints.extend(stale.map(|change| format!("{ACCEPTED} accepts in vain {change}")));
    if !complaints.is_empty() {
        return fail(format!("mutants:\n  {}", complaints.join("\n  ")));
    }
    println!("mutants: {} missed, all of them accepted", all.missed.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"[{
        "file": "Cargo.toml",
        "line": "[workspace]",
        "changes": ["replace + with -", "replace + with -", "replace + with *"],
        "reason": "A hint."
    }]"#;

    fn missed(names: &[&str]) -> Found {
        let mut sources = BTreeMap::new();
        let missed = names.iter().map(|name| change(name, &mut sources).unwrap()).collect();
        Found { missed, ..Found::default() }
    }

    fn complaint(names: &[&str]) -> Option<String> {
        let found = missed(names);
        let mut accepted = Accepted::parse(LIST).unwrap();
        verdict(&mut accepted, &found, &found).err().map(|failure| failure.to_string())
    }

    const ALL: [&str; 3] = [
        "Cargo.toml:1:5: replace + with -",
        "Cargo.toml:1:9: replace + with -",
        "Cargo.toml:1:9: replace + with *",
    ];

    #[test]
    fn a_missed_change_is_accepted_once_for_each_entry_of_the_list() {
        assert_eq!(complaint(&ALL), None);
        let once_more = [ALL[0], ALL[1], ALL[2], "Cargo.toml:1:12: replace + with -"];
        assert_eq!(
            complaint(&once_more).unwrap(),
            "mutants:\n  no test notices Cargo.toml:1: replace + with -: [workspace]"
        );
    }

    #[test]
    fn a_change_in_another_line_or_of_another_kind_is_not_accepted() {
        for other in ["Cargo.toml:2:5: replace + with -", "Cargo.toml:1:5: replace + with /"] {
            let found = complaint(&[ALL[0], ALL[1], ALL[2], other]).unwrap();
            assert!(found.contains("no test notices Cargo.toml"), "{found}");
        }
    }

    #[test]
    fn an_entry_that_nothing_needs_is_refused_unless_its_file_was_left_out() {
        let found = complaint(&ALL[..2]).unwrap();
        assert!(found.contains("accepts in vain Cargo.toml: replace + with *"), "{found}");
        assert_eq!(complaint(&[]), None);
    }

    #[test]
    fn every_change_that_is_accepted_has_its_line() {
        let accepted = Accepted::parse(&read(&root().join(ACCEPTED)).unwrap()).unwrap();
        for change in accepted.left() {
            let source = read(&root().join(&change.file)).unwrap();
            assert!(source.lines().any(|line| line.trim() == change.line), "{change}");
        }
    }

    #[test]
    fn a_change_without_a_reason_is_not_accepted() {
        assert!(Accepted::parse(&LIST.replace("A hint.", " ")).is_err());
    }
}
