//! A report as a value, and the counts of its outcomes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use crate::case::{Case, Level, Scale};
use crate::id::CaseId;
use crate::keys::{RepeatedKey, repeated_keys};
use crate::run::Options;
use crate::side::Side;
use crate::verdict::{Behavior, BehaviorClose, Outcome};

/// The outcomes of one run against one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The subject's name in reports.
    pub agent: String,
    /// The side that the subject was on.
    pub side: Side,
    /// When the run began, to the millisecond.
    pub started: SystemTime,
    /// How long it took in total.
    pub duration: Duration,
    /// The seed of its keys: the same seed gives the same bytes.
    pub seed: u64,
    /// How much data the cases of sections 9, 12 and 13 sent.
    pub scale: Scale,
    /// The patterns that selected the cases, and with `not` those that excluded some; empty for all cases.
    pub selection: Vec<String>,
    pub(super) results: BTreeMap<CaseId, Tested>,
}

/// A case that was run, in words, and its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// What it is about, in a few words.
    pub title: String,
    /// What the runner sent.
    pub sends: String,
    /// What the subject had to do.
    pub expects: String,
    /// The section with the rule, such as `RFC 6455 §5.5`.
    pub section: String,
    /// The rule.
    pub sentence: String,
    /// How strongly it demands that.
    pub level: Level,
    /// How Autobahn's case with the same number differs, if it does.
    pub differs: Option<String>,
    /// When the case began, to the millisecond.
    pub started: SystemTime,
    /// Its outcome.
    pub outcome: Outcome,
}

impl Report {
    /// A report without outcomes, on a run that begins now.
    #[must_use]
    pub fn new(agent: impl Into<String>, side: Side, options: &Options) -> Self {
        Self {
            agent: agent.into(),
            side,
            started: to_millis(SystemTime::now()),
            duration: Duration::ZERO,
            seed: options.seed,
            scale: options.scale,
            selection: Vec::new(),
            results: BTreeMap::new(),
        }
    }

    /// Adds the outcome of a case that has just ended, or replaces an earlier outcome of that case.
    pub fn add(&mut self, case: &Case, outcome: Outcome) {
        let now = SystemTime::now();
        let started = to_millis(now.checked_sub(outcome.duration).unwrap_or(now));
        self.insert(Tested {
            title: case.title.to_string(),
            sends: case.sends.to_string(),
            expects: case.expects.to_string(),
            section: case.rule.section.into(),
            sentence: case.rule.sentence.into(),
            level: case.rule.level,
            differs: case.differs.map(Into::into),
            started,
            outcome,
        });
    }

    pub(super) fn insert(&mut self, tested: Tested) {
        self.results.insert(tested.outcome.id.clone(), tested);
    }

    /// The cases and their outcomes, in the order of their numbers.
    pub fn results(&self) -> impl ExactSizeIterator<Item = &Tested> + DoubleEndedIterator {
        self.results.values()
    }

    /// The case with this number and its outcome, if it was run.
    #[must_use]
    pub fn get(&self, id: &CaseId) -> Option<&Tested> {
        self.results.get(id)
    }

    /// The keys that a client used at the beginning of more than one connection.
    #[must_use]
    pub fn repeated_keys(&self) -> Vec<RepeatedKey> {
        repeated_keys(self.results().map(|tested| &tested.outcome))
    }

    /// The counts of the outcomes.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.results().map(|tested| &tested.outcome).collect()
    }
}

/// Counts of outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub all: usize,
    /// Outcomes whose two verdicts are both as good as they can be for the case
    /// ([`Outcome::is_ok`]).
    pub good: usize,
    /// [`Behavior::Ok`].
    pub ok: usize,
    /// [`Behavior::NonStrict`].
    pub non_strict: usize,
    /// [`Behavior::Informational`].
    pub informational: usize,
    /// [`Behavior::Unimplemented`].
    pub unimplemented: usize,
    /// [`Behavior::Failed`].
    pub failed: usize,
    /// Connections that did not end as they should, whatever the behaviour before that.
    pub close: usize,
}

impl<'o> FromIterator<&'o Outcome> for Counts {
    fn from_iter<I: IntoIterator<Item = &'o Outcome>>(outcomes: I) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes {
            counts.all += 1;
            counts.good += usize::from(outcome.is_ok());
            counts.close += usize::from(!ended_well(outcome.behavior_close));
            *match outcome.behavior {
                Behavior::Ok => &mut counts.ok,
                Behavior::NonStrict => &mut counts.non_strict,
                Behavior::Informational => &mut counts.informational,
                Behavior::Unimplemented => &mut counts.unimplemented,
                Behavior::Failed => &mut counts.failed,
            } += 1;
        }
        counts
    }
}

/// Whether a connection ended as it should. If there was no connection, its end is not wrong.
pub(super) const fn ended_well(close: BehaviorClose) -> bool {
    matches!(close, BehaviorClose::Ok | BehaviorClose::Informational | BehaviorClose::Unimplemented)
}

/// Whether a case has its wire log in separate files. A case that was not tried has no log to look at.
pub(super) fn has_wire_files(outcome: &Outcome) -> bool {
    !outcome.is_ok() && outcome.behavior != Behavior::Unimplemented
}

/// Both verdicts in a few words. The second one is left out if it adds nothing.
pub(super) fn verdicts(outcome: &Outcome) -> String {
    let (behavior, close) = (outcome.behavior, outcome.behavior_close);
    if close.word() == behavior.word() {
        return behavior.to_string();
    }
    format!("{behavior} / {close}")
}

/// The sections of these reports, in order, each with all its cases in any of them.
pub(super) fn sections(reports: &[Report]) -> Vec<(String, Vec<&CaseId>)> {
    let ids: BTreeSet<&CaseId> = reports.iter().flat_map(|report| report.results.keys()).collect();
    let mut sections: Vec<(String, Vec<&CaseId>)> = Vec::new();
    for id in ids {
        let section = id.section();
        match sections.last_mut() {
            Some((last, ids)) if *last == section => ids.push(id),
            _ => sections.push((section, vec![id])),
        }
    }
    sections
}

/// The time, rounded down to the precision of a report.
fn to_millis(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_millis(since.as_millis() as u64)
}

/// A time in the format of RFC 3339, in UTC, to the millisecond.
pub(super) fn rfc3339(time: SystemTime) -> String {
    chrono::DateTime::<chrono::Utc>::from(time).to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
