//! `cargo xtask ci`: everything that must hold before a change is merged.

use std::time::{Duration, Instant};

use crate::shell::{Failure, Outcome, command, run as run_command};
use crate::{bench_instructions, fuzz, lint, no_std, readme};

/// How long each fuzz target runs: long enough to see that it still builds and passes its seeds.
const FUZZ_SECONDS: u32 = 5;

/// What is run of Autobahn: all of it once, and over the second adapter all but the compression, of which two cases
/// show that it is there: the rest takes minutes and is the core's. In halves, and over TLS, what takes seconds is
/// run: their own are who writes what, or the handshake, the end, and how bytes are cut, for messages of up to 16 MiB.
const AUTOBAHN: [&str; 4] = [
    "--adapter std",
    "--adapter tokio --cases 1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.*,10.*,12.1.1,13.3.1",
    "--adapter tokio-halves --cases 1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.*,10.*,12.1.1",
    "--tls --cases 1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.2.*,10.*,12.1.1",
];

/// Runs the steps in order, and stops at the first that fails.
pub(crate) fn run() -> Outcome {
    // What the README tells people to type is what runs here, so that it cannot rot.
    let commands = readme::commands()?;
    let chosen =
        |start: &'static str| commands.iter().filter(move |command| command.starts_with(start));

    let mut steps = Steps(Vec::new());
    steps.step("lint", lint::run)?;
    steps.step("no-std", no_std::run)?;
    for line in chosen("cargo xtask test") {
        steps.step(line, || typed(line))?;
    }
    steps.step("fuzz", || {
        fuzz::run(&fuzz::Options { seconds: FUZZ_SECONDS, targets: Vec::new() })
    })?;
    // Counts depend on the compiler: elsewhere they would say nothing, and so nothing is claimed there.
    steps.step_or_skip("bench-instructions", bench_instructions::run_where_comparable)?;
    for line in chosen("cargo xtask autobahn") {
        for part in AUTOBAHN {
            let line = format!("{line} {part}");
            steps.step(&line, || typed(&line))?;
        }
    }
    steps.summary("passed");
    Ok(())
}

/// Runs a line of the README as it stands there.
fn typed(line: &str) -> Outcome {
    let mut words = line.split_whitespace();
    let program = words.next().ok_or_else(|| Failure::new("README.md has an empty command"))?;
    run_command(command(program).args(words))
}

/// The steps that were taken.
struct Steps(Vec<Step>);

struct Step {
    name: String,
    duration: Duration,
    /// Why it was not taken.
    skipped: Option<String>,
}

impl Steps {
    fn step(&mut self, name: &str, chore: impl FnOnce() -> Outcome) -> Outcome {
        self.step_or_skip(name, || chore().map(|()| None))
    }

    /// A step that may return a reason why it was not taken.
    fn step_or_skip(
        &mut self,
        name: &str,
        chore: impl FnOnce() -> Outcome<Option<String>>,
    ) -> Outcome {
        println!("\n=== {name}");
        let begun = Instant::now();
        let outcome = chore();
        let skipped = outcome.as_ref().ok().cloned().flatten();
        if let Some(reason) = &skipped {
            println!("SKIPPED: {reason}");
        }
        self.0.push(Step { name: name.to_owned(), duration: begun.elapsed(), skipped });
        outcome.map(drop).map_err(|reason| {
            self.summary("FAILED");
            Failure::new(format!("ci stopped at `{name}`: {reason}"))
        })
    }

    /// Prints the steps; all but the last one have passed, or were skipped.
    fn summary(&self, last: &str) {
        println!("\n=== summary");
        for (at, Step { name, duration, skipped }) in self.0.iter().enumerate() {
            let seconds = duration.as_secs_f64();
            match skipped {
                Some(reason) => println!("SKIPPED {seconds:>7.1} s  {name}: {reason}"),
                None => {
                    let verdict = if at + 1 == self.0.len() { last } else { "passed" };
                    println!("{verdict:<7} {seconds:>7.1} s  {name}");
                }
            }
        }
    }
}
