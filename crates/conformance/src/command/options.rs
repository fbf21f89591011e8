//! Options that several commands share.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use fullduplex_conformance::report::{self, FailOn, Measure, Policy, Report};
use fullduplex_conformance::{Case, Options, Pattern, RepeatedKey, Scale, Side, cases};

use super::end::{End, Failure};
use super::list;

/// How long a run waits.
#[derive(Args)]
pub(super) struct Patience {
    /// How long to wait for an endpoint that does nothing
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..))]
    patience: u64,
}

impl Patience {
    /// The options for a case, with room in its limit for several waits.
    pub(super) fn options(&self) -> Options {
        let (patience, defaults) = (Duration::from_millis(self.patience), Options::default());
        Options { patience, limit: defaults.limit.max(patience.saturating_mul(4)), ..defaults }
    }
}

/// Which cases are run, and how.
#[derive(Args)]
pub(super) struct RunOptions {
    /// Only these cases, such as 1.*,6.4,H or 6.4.1
    #[arg(long, value_delimiter = ',', value_name = "CASES")]
    cases: Vec<Pattern>,
    /// Not these cases
    #[arg(long, value_delimiter = ',', value_name = "CASES")]
    exclude: Vec<Pattern>,
    /// Send in sections 9, 12 and 13 as much as wstest, instead of a part of it
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    patience: Patience,
    /// The seed of keys and masks: the same number makes the same bytes
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// Where the report is written
    #[arg(long, value_name = "FOLDER", default_value = "conformance-report")]
    report: PathBuf,
    /// A file that the verdicts are also written to, as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Which verdicts make the exit code 1: failed, non-strict or unclean; each includes the ones
    /// before it
    #[arg(long, value_name = "VERDICT", default_value_t = FailOn::Failed)]
    fail_on: FailOn,
    /// The verdicts that are expected to differ from OK, each with its reason; any other difference makes the exit code 1
    #[arg(long, value_name = "FILE", conflicts_with = "fail_on")]
    expected: Option<PathBuf>,
}

impl RunOptions {
    /// The selected cases for this side.
    pub(super) fn selected(&self, side: Side) -> Result<Vec<Arc<Case>>, Failure> {
        let all: Vec<Case> = cases::all().into_iter().filter(|case| case.is_for(side)).collect();
        for pattern in self.cases.iter().chain(&self.exclude) {
            // A mistyped pattern must not pass for a run without findings.
            if !all.iter().any(|case| pattern.matches(&case.id)) {
                return Err(Failure::new(format!("there is no case `{pattern}` for a {side}")));
            }
        }
        let asked = |case: &Case| {
            (self.cases.is_empty() || self.cases.iter().any(|pattern| pattern.matches(&case.id)))
                && !self.exclude.iter().any(|pattern| pattern.matches(&case.id))
        };
        Ok(all.into_iter().filter(asked).map(Arc::new).collect())
    }

    /// The options for every case.
    pub(super) fn options(&self) -> Options {
        Options {
            scale: if self.full { Scale::Full } else { Scale::Quick },
            seed: self.seed,
            ..self.patience.options()
        }
    }

    /// The rule by which the run passes. It is read before the run, so that a slip in its file does not cost a run.
    pub(super) fn measure(&self) -> Result<Measure, Failure> {
        Ok(match &self.expected {
            Some(file) => Measure::Policy(Policy::read(file)?),
            None => Measure::FailOn(self.fail_on),
        })
    }

    /// Writes and prints the report of a test of this number of cases. `ended` says whether the test was completed.
    pub(super) fn finish(
        &self,
        mut report: Report,
        measure: &Measure,
        cases: usize,
        ended: Result<(), Failure>,
    ) -> Result<End, Failure> {
        let excluded = self.exclude.iter().map(|pattern| format!("not {pattern}"));
        report.selection = self.cases.iter().map(Pattern::to_string).chain(excluded).collect();
        let reports = [report];
        // Neither an error of the files nor one of the standard output loses what the other one has.
        let written = self.write(&reports, measure);
        match report::print_summary(&reports) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(error.into()),
            _ => written?,
        }
        list::print(&format!("report: {}\n", self.report.join("index.html").display()))?;
        let [report] = reports;
        let done = report.results().len();
        if let Err(Failure(why)) = ended {
            return Err(Failure::new(format!("{why}, after {done} of {cases} cases")));
        }
        // For example, a client exited with success in the middle. Nothing is known about the other cases.
        if done < cases {
            return Err(Failure::new(format!("only {done} of {cases} cases were run")));
        }
        let is_different = match measure {
            Measure::Policy(policy) => {
                let differences = policy.compare(&report);
                let lines: String = differences.iter().map(|line| format!("{line}\n")).collect();
                list::print(&lines)?;
                !differences.is_empty()
            }
            Measure::FailOn(fail_on) => {
                report.results().any(|tested| fail_on.fails(&tested.outcome))
                    || report.repeated_keys().iter().any(RepeatedKey::is_fault)
            }
        };
        Ok(if is_different { End::Different } else { End::AsExpected })
    }

    fn write(&self, reports: &[Report], measure: &Measure) -> Result<(), Failure> {
        report::write(&self.report, reports, measure)?;
        if let Some(file) = &self.junit {
            std::fs::write(file, report::junit(reports, measure))
                .map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        patience: Patience,
    }

    #[test]
    fn a_case_has_time_for_several_waits_of_any_patience() {
        let options = |line: &[&str]| Line::parse_from(line).patience.options();
        assert_eq!(options(&["test"]).limit, Options::default().limit);
        let patient = options(&["test", "--patience", "200000"]);
        assert_eq!(patient.patience, Duration::from_secs(200));
        assert!(patient.limit >= 3 * patient.patience);
    }
}
