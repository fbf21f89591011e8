//! Options that several commands have.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use fullduplex_conformance::{Case, Options, Outcome, Pattern, Scale, Side, cases};

use super::{End, Failure};

/// Which cases are run, and how.
#[derive(Args)]
pub(super) struct RunOptions {
    /// Only these cases, such as 1.*,6.4,H or 6.4.1
    #[arg(long, value_delimiter = ',', value_name = "CASES")]
    cases: Vec<Pattern>,
    /// Not these cases
    #[arg(long, value_delimiter = ',', value_name = "CASES")]
    exclude: Vec<Pattern>,
    /// How much sections 9, 12 and 13 send: all that wstest sends, and not a part of it
    #[arg(long)]
    full: bool,
    /// How long to wait for an endpoint that does nothing
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..))]
    patience: u64,
    /// What keys and masks are made from: the same number makes the same bytes
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(super) seed: u64,
    /// Where the report is written
    #[arg(long, value_name = "FOLDER", default_value = "conformance-report")]
    pub(super) report: PathBuf,
}

impl RunOptions {
    /// The cases for this side that were asked for.
    pub(super) fn selected(&self, side: Side) -> Result<Vec<Arc<Case>>, Failure> {
        let all: Vec<Case> = cases::all().into_iter().filter(|case| case.is_for(side)).collect();
        for pattern in self.cases.iter().chain(&self.exclude) {
            // A slip of the hand must not pass for a run without findings.
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

    /// What holds for every case.
    pub(super) fn options(&self) -> Options {
        Options {
            patience: Duration::from_millis(self.patience),
            scale: if self.full { Scale::Full } else { Scale::Quick },
            seed: self.seed,
            ..Options::default()
        }
    }

    /// Reports what was found. `ended` says whether the test was run to its end.
    pub(super) fn finish(
        &self,
        side: Side,
        agent: &str,
        cases: &[Arc<Case>],
        mut outcomes: Vec<Outcome>,
        ended: Result<(), Failure>,
    ) -> Result<End, Failure> {
        outcomes.sort_by(|one, other| one.id.cmp(&other.id));
        for outcome in outcomes.iter().filter(|outcome| !outcome.is_ok()) {
            println!(
                "{} {} / {}\n  {}\n  {}",
                outcome.id,
                outcome.behavior,
                outcome.behavior_close,
                outcome.observed,
                outcome.observed_close
            );
        }
        println!("{agent} ({side}): {} of {} cases", outcomes.len(), cases.len());
        ended?;
        Ok(if outcomes.iter().all(Outcome::is_ok) { End::AsExpected } else { End::Different })
    }
}
