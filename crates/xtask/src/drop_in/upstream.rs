//! Runs the tests of other projects with the real packages and with ours: the tests of tungstenite and tokio-tungstenite
//! themselves, and those of crates that use them. Their sources are copied from the registry to scratch, and not kept.

mod suites;
mod units;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::patch::Patch;
use super::says::{self, Node, Program, Verdict};
use super::scratch::{Package, Scratch, Side};
use crate::shell::{Failure, Outcome, empty_folder, fail, output, read, write};
use suites::{Kind, Suite};

/// The time limit of one test program. It takes seconds, unless a test waits for something that
/// never comes.
const TIME_LIMIT: Duration = Duration::from_secs(180);

/// The dependencies of a tree that are compiled, including those of its tests.
const EDGES: &str = "normal,build,dev";

/// The results of the tests of one suite on one side.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// The verdict on each test, by `TARGET::NAME`.
    verdicts: BTreeMap<String, Verdict>,
    /// Why some tests could not be run, by their targets or by what prevented it.
    errors: BTreeMap<String, String>,
}

/// The results of a suite on both sides.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) name: String,
    pub(super) real: Run,
    pub(super) ours: Run,
    /// How many tests cannot be run from outside their package.
    pub(super) left_out: usize,
    /// Tests that are allowed to fail with ours, by the ends of their names, each with the reason.
    expected: &'static [(&'static str, &'static str)],
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |wanted| self.verdicts.values().filter(|&&verdict| verdict == wanted).count();
        write!(f, "{} passed, {} failed", count(Verdict::Passed), count(Verdict::Failed))?;
        match count(Verdict::Ignored) {
            0 => Ok(()),
            ignored => write!(f, ", {ignored} ignored"),
        }
    }
}

impl Comparison {
    /// What passes with the real packages but not with ours, and why something could not be run.
    pub(super) fn differences(&self) -> Vec<String> {
        let mut differences = self.failures();
        let errors = self.real.errors.iter();
        differences
            .extend(errors.map(|(target, error)| format!("{target}, over the real: {error}")));
        for (test, verdict) in &self.ours.verdicts {
            if let (Verdict::Failed, Some(reason)) = (verdict, self.reason(test)) {
                differences.push(format!("{test} fails as expected: {reason}"));
            }
        }
        for (test, verdict) in &self.real.verdicts {
            if (*verdict, self.ours.verdicts.get(test)) == (Verdict::Failed, Some(&Verdict::Passed))
            {
                differences.push(format!("{test} passes over ours alone"));
            }
        }
        differences
    }

    /// Why the test need not pass with ours.
    fn reason(&self, test: &str) -> Option<&'static str> {
        let found = self.expected.iter().find(|(end, _)| test.ends_with(end));
        found.map(|(_, reason)| *reason)
    }

    /// What is worse with ours.
    pub(super) fn failures(&self) -> Vec<String> {
        // If a target cannot be run with the real packages either, that says nothing about ours.
        let errors = self.ours.errors.iter();
        let errors = errors.filter(|(target, _)| !self.real.errors.contains_key(*target));
        let mut failures: Vec<String> =
            errors.map(|(target, error)| format!("{target}, over ours: {error}")).collect();
        let passing = self.real.verdicts.iter().filter(|(_, verdict)| **verdict == Verdict::Passed);
        for (test, _) in passing {
            let verdict = self.ours.verdicts.get(test);
            if self.reason(test).is_some() {
                // An outdated reason would hide later failures.
                if verdict == Some(&Verdict::Passed) {
                    failures.push(format!("{test} passes over ours: it needs no reason any more"));
                }
                continue;
            }
            match verdict {
                Some(Verdict::Passed) => {}
                Some(Verdict::Failed) => failures.push(format!("{test} FAILS over ours")),
                Some(Verdict::Ignored) | None => {
                    failures.push(format!("{test} has no verdict over ours"));
                }
            }
        }
        failures
    }
}

/// The names of all suites.
pub(super) fn names() -> Vec<&'static str> {
    suites::ALL.iter().map(|suite| suite.name).collect()
}

/// Runs the suites that `chosen` selects by name; otherwise the small ones, or all of them.
pub(super) fn run(
    chosen: &[String],
    all: bool,
    scratch: &Scratch,
    patch: &Patch,
) -> Outcome<Vec<Comparison>> {
    if let Some(unknown) = chosen.iter().find(|name| !names().contains(&name.as_str())) {
        return fail(format!(
            "there are no tests of `{unknown}`; there are {}",
            names().join(", ")
        ));
    }
    let is_chosen = |suite: &&Suite| match chosen {
        [] => all || suite.small,
        chosen => chosen.iter().any(|name| name == suite.name),
    };
    let suites = suites::ALL.iter().filter(is_chosen);
    suites.map(|suite| compare(suite, scratch, patch)).collect()
}

fn compare(suite: &Suite, scratch: &Scratch, patch: &Patch) -> Outcome<Comparison> {
    let sources = sources(suite, scratch)?;
    let mut comparison = Comparison {
        name: format!("{} {}", suite.name, suite.version),
        real: Run::default(),
        ours: Run::default(),
        left_out: 0,
        expected: suite.differences,
    };
    let real = lay_out(suite, &sources, scratch, Side::Real, "[workspace]\n")?;
    comparison.left_out = real.left_out;
    comparison.real = run_tests(suite, &real.package)?;

    let tree = real.package.tree(EDGES)?;
    let addition = format!("[workspace]\n\n{}", patch.table());
    let ours = lay_out(suite, &sources, scratch, Side::Ours, &addition)?;
    let locked = ours.package.lock_like(&real.package, &tree, patch)?;
    comparison.ours = if locked.succeeded {
        let mut run = run_tests(suite, &ours.package)?;
        let tree = ours.package.tree(EDGES)?;
        let left = tree.iter().filter(|node| patch.should_replace(node));
        run.errors.extend(left.map(|Node { name, version, .. }| {
            (name.clone(), format!("{version} of the registry is used in place of ours"))
        }));
        run
    } else {
        let error = says::first_error(&locked.stderr).unwrap_or(locked.stderr);
        Run { verdicts: BTreeMap::new(), errors: BTreeMap::from([("cargo".to_owned(), error)]) }
    };
    let (real, ours) = (&comparison.real, &comparison.ours);
    println!("drop-in: tests of {}: real {real}; ours {ours}", comparison.name);
    Ok(comparison)
}

/// The folder of the suite's package in the registry's sources. Cargo downloads it.
fn sources(suite: &Suite, scratch: &Scratch) -> Outcome<PathBuf> {
    let Suite { name, version, .. } = suite;
    let manifest = format!(
        "[package]\nname = \"sources\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\n{name} = \"={version}\"\n"
    );
    let package = scratch.package(&format!("sources-of-{name}"), Side::Real, &manifest)?;
    let metadata = output(&mut package.cargo("metadata --format-version 1"))?;
    let metadata: Value = serde_json::from_str(&metadata)
        .map_err(|error| Failure::new(format!("cargo metadata: {error}")))?;
    let mut packages = metadata["packages"].as_array().into_iter().flatten();
    let found = packages.find(|package| package["name"] == *name && package["version"] == *version);
    let found_at = found.and_then(|package| package["manifest_path"].as_str());
    found_at
        .and_then(|manifest| Path::new(manifest).parent())
        .map(Path::to_path_buf)
        .ok_or_else(|| Failure::new(format!("cargo does not say where {name} {version} lies")))
}

/// A suite as a package in scratch.
struct LaidOut<'s> {
    package: Package<'s>,
    left_out: usize,
}

fn lay_out<'s>(
    suite: &Suite,
    sources: &Path,
    scratch: &'s Scratch,
    side: Side,
    addition: &str,
) -> Outcome<LaidOut<'s>> {
    let name = format!("tests-of-{}", suite.name);
    match &suite.kind {
        Kind::Users(users) => {
            let addition = format!("{}\n{addition}", users.addition);
            let package = scratch.copy(&name, side, sources, &addition)?;
            Ok(LaidOut { package, left_out: 0 })
        }
        Kind::Own { dependencies, units, left_out } => {
            // With our packages, a newer version replaces it.
            let version = match side {
                Side::Real => format!("={}", suite.version),
                Side::Ours => suite.version.to_owned(),
            };
            let manifest = format!(
                "[package]\nname = \"tests\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n\
                 [dependencies]\n{} = \"{version}\"\n{dependencies}\n{addition}",
                suite.name
            );
            let package = scratch.package(&name, side, &manifest)?;
            super::scratch::replace(&package.folder.join("examples"), &sources.join("examples"))?;
            let tests = package.folder.join("tests");
            empty_folder(&tests)?;
            for unit in *units {
                let test = unit.as_integration_test(&read(&sources.join("src").join(unit.file))?);
                write(&tests.join(format!("{}.rs", unit.target())), &test.map_err(Failure::new)?)?;
            }
            let files = left_out.iter().map(|(_, tests)| tests).sum::<usize>();
            let left_out = files + units.iter().map(|unit| unit.without.len()).sum::<usize>();
            Ok(LaidOut { package, left_out })
        }
    }
}

/// Builds the tests, and runs each program that was built.
fn run_tests(suite: &Suite, package: &Package<'_>) -> Outcome<Run> {
    let (build, filter) = match &suite.kind {
        Kind::Users(users) => (users.build, users.filter),
        // If one target cannot be compiled, the others are still built.
        Kind::Own { .. } => ("build --keep-going --tests --examples", ""),
    };
    let mut cargo = package.cargo(build);
    cargo.args(["--quiet", "--message-format=json"]);
    // No debugger is used, and debug information is most of a program's size.
    cargo.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_PROFILE_TEST_DEBUG", "0");
    let ran = package.run(cargo)?;
    let mut run = Run::default();
    if !ran.succeeded {
        run.errors = says::failed_targets(&ran.stdout);
        if run.errors.is_empty() {
            let error = says::first_error(&ran.stderr).unwrap_or(ran.stderr);
            run.errors.insert("cargo".to_owned(), error);
        }
    }
    for Program { target, path, is_example } in says::test_programs(&ran.stdout) {
        if is_example {
            // An example waits for a peer or for input, so it only has to compile.
            run.verdicts.insert(format!("examples::{target}"), Verdict::Passed);
            continue;
        }
        let log = package.folder.join(format!("{target}.test.log"));
        let mut command = Command::new(path);
        command.current_dir(&package.folder).arg("--test-threads=4");
        if !filter.is_empty() {
            command.arg(filter);
        }
        if !ends_in_time(&mut command, &log)? {
            let seconds = TIME_LIMIT.as_secs();
            run.errors.insert(target.clone(), format!("it did not end within {seconds} s"));
        }
        let verdicts = says::verdicts(&read(&log)?);
        run.verdicts.extend(
            verdicts.into_iter().map(|(test, verdict)| (format!("{target}::{test}"), verdict)),
        );
    }
    Ok(run)
}

/// Runs the program, with its output in `log`. Returns whether it has ended before the limit; otherwise it is killed.
fn ends_in_time(command: &mut Command, log: &Path) -> Outcome<bool> {
    let cannot = |error| Failure::new(format!("cannot run the tests: {error}"));
    let file = File::create(log).map_err(cannot)?;
    // Standard error is discarded, so that it does not mix with the verdicts.
    let mut child =
        command.stdin(Stdio::null()).stdout(file).stderr(Stdio::null()).spawn().map_err(cannot)?;
    let deadline = Instant::now() + TIME_LIMIT;
    while Instant::now() < deadline {
        if child.try_wait().map_err(cannot)?.is_some() {
            return Ok(true);
        }
        thread::sleep(Duration::from_millis(20));
    }
    child.kill().and_then(|()| child.wait()).map_err(cannot)?;
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    use Verdict::{Failed, Ignored, Passed};

    fn run(verdicts: &[(&str, Verdict)]) -> Run {
        let verdicts = verdicts.iter().map(|&(test, verdict)| (test.to_owned(), verdict)).collect();
        Run { verdicts, errors: BTreeMap::new() }
    }

    fn comparison(real: Run, ours: Run) -> Comparison {
        let expected = &[("::dropped", "a drop writes")];
        Comparison { name: "x 1.0.0".into(), real, ours, left_out: 0, expected }
    }

    #[test]
    fn what_passes_over_the_real_ones_must_pass_over_ours() {
        let real = [("a::ok", Passed), ("a::bad", Passed), ("a::gone", Passed), ("a::no", Failed)];
        let ours = [("a::ok", Passed), ("a::bad", Failed), ("a::no", Failed)];
        let found = comparison(run(&real), run(&ours));
        let failures = ["a::bad FAILS over ours", "a::gone has no verdict over ours"];
        assert_eq!(found.failures(), failures);
        assert_eq!(found.differences(), failures);
        assert_eq!(found.ours.to_string(), "1 passed, 2 failed");
        assert_eq!(run(&[("a", Ignored)]).to_string(), "0 passed, 0 failed, 1 ignored");
    }

    #[test]
    fn a_test_with_a_reason_fails_until_the_reason_is_gone() {
        let real = || run(&[("ws::dropped", Passed)]);
        let found = comparison(real(), run(&[("ws::dropped", Failed)]));
        assert!(found.failures().is_empty());
        assert_eq!(found.differences(), ["ws::dropped fails as expected: a drop writes"]);
        assert_eq!(comparison(real(), run(&[("ws::dropped", Passed)])).failures().len(), 1);
    }

    #[test]
    fn what_does_not_compile_over_the_real_ones_says_nothing_about_ours() {
        let errors = |target: &str| BTreeMap::from([(target.to_owned(), "no".to_owned())]);
        let failing = |target| Run { verdicts: BTreeMap::new(), errors: errors(target) };
        assert!(comparison(failing("a"), failing("a")).failures().is_empty());
        assert_eq!(comparison(failing("a"), failing("b")).failures(), ["b, over ours: no"]);
    }
}
