//! `cargo xtask ci`: everything that must hold before a change is merged.

use std::fs;
use std::time::{Duration, Instant};

use crate::shell::{Failure, Outcome, command, run as run_command};
use crate::{
    bench_instructions, concurrency, drop_in, embedded, fuzz, lint, no_panic, no_std, public_api,
    readme, simulate,
};

/// How long each fuzz target runs: enough to show that it builds and passes its seeds.
const FUZZ_SECONDS: u32 = 5;

/// The runs of Autobahn's own suite. The conformance step already runs all of its cases with our judge over every adapter.
/// Here the original judges the protocol, and one series with compression for each kind of payload; the other eight series
/// take eight minutes. Over the second adapter, two cases show that compression works. Halves and TLS only need the cases
/// for what differs: which half writes, the handshake, the end, and how bytes are split, for messages of up to 16 MiB.
const AUTOBAHN: [&str; 4] = [
    "--adapter std --cases 1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.*,10.*,12.1.*,12.5.*,13.3.*,13.6.*",
    "--adapter tokio --cases 1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.*,10.*,12.1.1,13.3.1",
    "--adapter tokio-halves,std-halves --cases 1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.*,10.*,12.1.1",
    "--tls --cases 1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.2.*,10.*,12.1.1",
];

/// Runs the steps in order, and stops at the first that fails.
pub(crate) fn run() -> Outcome {
    // The commands in the README run here, so that they stay correct.
    let commands = readme::commands()?;
    let chosen =
        |start: &'static str| commands.iter().filter(move |command| command.starts_with(start));

    let mut steps = Steps(Vec::new());
    steps.step("lint", lint::run)?;
    // Another nightly may write a format that this chore cannot read.
    steps.step_or_skip("public-api", public_api::run_where_comparable)?;
    steps.step("no-std", no_std::run)?;
    steps.step("no-panic", no_panic::run)?;
    steps.step("embedded", embedded::run)?;
    for line in chosen("cargo xtask test") {
        steps.step(line, || typed(line))?;
    }
    steps.step("concurrency", || concurrency::run(&concurrency::Options::default()))?;
    steps.step("fuzz", || {
        fuzz::run(&fuzz::Options { seconds: FUZZ_SECONDS, ..Default::default() })?;
        fuzz::run(&fuzz::Options { faults: true, ..Default::default() })
    })?;
    // A million steps, from the default seed.
    steps
        .step("simulate", || simulate::run(&simulate::Options { seed: 1, ..Default::default() }))?;
    steps.step("drop-in", drop_in::run_default)?;
    // Counts depend on the compiler. With another one they cannot be compared, so the step is skipped.
    steps.step_or_skip("bench-instructions", bench_instructions::run_where_comparable)?;
    for line in chosen("cargo xtask conformance") {
        steps.step(line, || typed(line))?;
    }
    for line in chosen("cargo xtask autobahn") {
        for part in AUTOBAHN {
            let line = format!("{line} {part}");
            steps.step(&line, || typed(&line))?;
        }
    }
    steps.summary("passed");
    Ok(())
}

/// Runs a line of the README unchanged.
fn typed(line: &str) -> Outcome {
    let mut words = line.split_whitespace();
    let program = words.next().ok_or_else(|| Failure::new("README.md has an empty command"))?;
    run_command(command(program).args(words))
}

/// The steps so far.
struct Steps(Vec<Step>);

struct Step {
    name: String,
    duration: Duration,
    /// The processor time that it took on all processors, where it is known. On a busy machine, this shows better than the
    /// duration which chore is expensive.
    processors: Option<Duration>,
    /// Why it was skipped.
    skipped: Option<String>,
}

impl Steps {
    fn step(&mut self, name: &str, chore: impl FnOnce() -> Outcome) -> Outcome {
        self.step_or_skip(name, || chore().map(|()| None))
    }

    /// A step that may return a reason why it was skipped.
    fn step_or_skip(
        &mut self,
        name: &str,
        chore: impl FnOnce() -> Outcome<Option<String>>,
    ) -> Outcome {
        println!("\n=== {name}");
        let (begun, used) = (Instant::now(), processor_time());
        let outcome = chore();
        let processors = processor_time().zip(used).map(|(now, then)| now.saturating_sub(then));
        let skipped = outcome.as_ref().ok().cloned().flatten();
        if let Some(reason) = &skipped {
            println!("SKIPPED: {reason}");
        }
        let duration = begun.elapsed();
        self.0.push(Step { name: name.to_owned(), duration, processors, skipped });
        outcome.map(drop).map_err(|reason| {
            self.summary("FAILED");
            Failure::new(format!("ci stopped at `{name}`: {reason}"))
        })
    }

    /// Prints the steps with their times. All but the last one have passed or were skipped.
    fn summary(&self, last: &str) {
        println!("\n=== summary");
        println!("{:<7} {:>9} {:>12}", "", "seconds", "processors'");
        for (at, Step { name, duration, processors, skipped }) in self.0.iter().enumerate() {
            let (verdict, reason) = match skipped {
                Some(reason) => ("SKIPPED", format!(": {reason}")),
                None => (if at + 1 == self.0.len() { last } else { "passed" }, String::new()),
            };
            println!("{verdict:<7} {}  {name}{reason}", seconds(*duration, *processors));
        }
        let duration = self.0.iter().map(|step| step.duration).sum();
        let processors = self.0.iter().map(|step| step.processors).sum();
        println!("{:<7} {}", "total", seconds(duration, processors));
    }
}

/// Two columns of the summary.
fn seconds(duration: Duration, processors: Option<Duration>) -> String {
    let processors = processors.map_or("-".to_owned(), |time| format!("{:.1}", time.as_secs_f64()));
    format!("{:>9.1} {processors:>12}", duration.as_secs_f64())
}

/// The processor time of this process and of its children that have exited, on Linux.
fn processor_time() -> Option<Duration> {
    processor_time_in(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// The same from the content of `/proc/PID/stat`: fields 14 to 17, in hundredths of a second.
fn processor_time_in(stat: &str) -> Option<Duration> {
    // The second field is a name in parentheses, which may contain anything.
    let (_, from_the_third) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = from_the_third.split_whitespace().collect();
    let ticks = fields.get(14 - 3..=17 - 3)?.iter().map(|field| field.parse::<u64>());
    Some(Duration::from_millis(ticks.sum::<Result<u64, _>>().ok()? * 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_that_of_the_process_and_of_those_below_it() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 130 2000 0 0 100 20 3000 400 20 0 1 0 99 4096 1";
        assert_eq!(processor_time_in(stat), Some(Duration::from_millis(35_200)));
        assert_eq!(processor_time_in("7 (a) S 1 7"), None);
        assert_eq!(processor_time_in("7"), None);
    }
}
