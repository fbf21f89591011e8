//! What is expected of a subject: which verdicts may differ from OK, and which of them fail a run.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;

use super::error::{Error, ErrorKind};
use super::index::Verdict;
use super::plain::plain;
use super::value::{Report, ended_well};
use super::words;
use crate::id::CaseId;
use crate::keys::RepeatedKey;
use crate::side::Side;
use crate::verdict::{Behavior, BehaviorClose, Outcome};

/// Which outcomes fail a run that has no [`Policy`]. Each variant includes the ones before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailOn {
    /// A case has failed, in its behaviour or in how its connection ended.
    #[default]
    Failed,
    /// Or a case is NON-STRICT.
    NonStrict,
    /// Or a connection did not end as it should: UNCLEAN, WRONG CODE or FAILED BY CLIENT.
    Unclean,
}

impl FailOn {
    /// Whether this outcome fails the run.
    #[must_use]
    pub fn fails(self, outcome: &Outcome) -> bool {
        let failed =
            outcome.behavior == Behavior::Failed || outcome.behavior_close == BehaviorClose::Failed;
        failed
            || (self >= Self::NonStrict && outcome.behavior == Behavior::NonStrict)
            || (self >= Self::Unclean && !ended_well(outcome.behavior_close))
    }
}

impl fmt::Display for FailOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failed => "failed",
            Self::NonStrict => "non-strict",
            Self::Unclean => "unclean",
        })
    }
}

/// A word that is not one of [`FailOn`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidFailOn(String);

impl fmt::Display for InvalidFailOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is none of failed, non-strict and unclean", self.0)
    }
}

impl std::error::Error for InvalidFailOn {}

impl FromStr for FailOn {
    type Err = InvalidFailOn;

    fn from_str(word: &str) -> Result<Self, InvalidFailOn> {
        [Self::Failed, Self::NonStrict, Self::Unclean]
            .into_iter()
            .find(|one| one.to_string() == word)
            .ok_or_else(|| InvalidFailOn(word.into()))
    }
}

/// The rule by which an outcome fails a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measure {
    /// How bad it is.
    FailOn(FailOn),
    /// Whether it is as expected.
    Policy(Policy),
}

impl Default for Measure {
    fn default() -> Self {
        Self::FailOn(FailOn::default())
    }
}

impl Measure {
    /// Whether this outcome fails the run.
    #[must_use]
    pub fn fails(&self, outcome: &Outcome) -> bool {
        match self {
            Self::FailOn(fail_on) => fail_on.fails(outcome),
            Self::Policy(policy) => policy.difference(outcome).is_some(),
        }
    }
}

/// What is expected of a subject: every case is OK, except for those that are listed with a reason.
///
/// As a file it is JSON of the form
/// ```json
/// {
///   "cases": 517,
///   "server": {
///     "7.13.1": { "behavior": "INFORMATIONAL", "behaviorClose": "INFORMATIONAL", "reason": "why" }
///   },
///   "client": {},
///   "repeatedKeys": "why a client uses a key again"
/// }
/// ```
/// Each of the four fields may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// How many cases a full run has, so that no case can disappear unnoticed.
    pub cases: Option<usize>,
    server: BTreeMap<CaseId, Exception>,
    client: BTreeMap<CaseId, Exception>,
    /// Why keys of a client repeat.
    repeated_keys: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Exception {
    behavior: Behavior,
    behavior_close: BehaviorClose,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    cases: Option<usize>,
    #[serde(default)]
    server: BTreeMap<String, ExceptionFile>,
    #[serde(default)]
    client: BTreeMap<String, ExceptionFile>,
    #[serde(rename = "repeatedKeys")]
    repeated_keys: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExceptionFile {
    behavior: String,
    #[serde(rename = "behaviorClose")]
    behavior_close: String,
    reason: String,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// The file, and what is wrong with it: it cannot be read, has another form or a word that is no verdict, or lists a
    /// case without a reason, or a case as OK.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read(path).map_err(|error| Error::new(path, error))?;
        let file: PolicyFile =
            serde_json::from_slice(&text).map_err(|error| Error::new(path, error))?;
        let side = |exceptions: BTreeMap<String, ExceptionFile>| {
            exceptions
                .into_iter()
                .map(|(id, exception)| exception.read(&id))
                .collect::<Result<BTreeMap<_, _>, _>>()
                .map_err(|kind| Error::new(path, kind))
        };
        let repeated_keys = file.repeated_keys;
        if repeated_keys.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
            return Err(Error::new(path, ErrorKind::NoReason("repeatedKeys".into())));
        }
        let (server, client) = (side(file.server)?, side(file.client)?);
        Ok(Self { cases: file.cases, server, client, repeated_keys })
    }

    /// The differences between a report and what is expected, in the order of the cases. The last one is about the keys that
    /// a client used again ([`RepeatedKey::is_fault`]).
    ///
    /// If only some cases were run, the others are not expected.
    #[must_use]
    pub fn compare(&self, report: &Report) -> Vec<Difference> {
        let mut differences: Vec<Difference> =
            report.results().filter_map(|tested| self.difference(&tested.outcome)).collect();
        if report.selection.is_empty() {
            let missing = self.listed(report.side).keys().filter(|id| report.get(id).is_none());
            differences.extend(missing.map(|id| Difference::NotRun { case: id.clone() }));
            let found = report.results().len();
            if let Some(expected) = self.cases.filter(|expected| *expected != found) {
                differences.push(Difference::Count { expected, found });
            }
        }
        differences.extend(self.compare_keys(report));
        differences
    }

    fn compare_keys(&self, report: &Report) -> Option<Difference> {
        let keys: Vec<_> =
            report.repeated_keys().into_iter().filter(RepeatedKey::is_fault).collect();
        match &self.repeated_keys {
            None => (!keys.is_empty()).then_some(Difference::RepeatedKeys { keys }),
            Some(reason) => {
                let is_full = report.side == Side::Client && report.selection.is_empty();
                (is_full && keys.is_empty())
                    .then(|| Difference::NoRepeatedKeys { reason: reason.clone() })
            }
        }
    }

    const fn listed(&self, side: Side) -> &BTreeMap<CaseId, Exception> {
        match side {
            Side::Server => &self.server,
            Side::Client => &self.client,
        }
    }

    /// The difference between an outcome and what is expected.
    fn difference(&self, outcome: &Outcome) -> Option<Difference> {
        let (case, found) = (outcome.id.clone(), Verdict::of(outcome));
        let Some(expected) = self.listed(outcome.side).get(&outcome.id) else {
            return (!outcome.is_ok()).then_some(Difference::Unexpected { case, found });
        };
        let Exception { behavior, behavior_close, reason } = expected.clone();
        let as_expected = (behavior, behavior_close) == (found.behavior, found.behavior_close);
        (!as_expected).then_some(Difference::Other {
            case,
            behavior,
            behavior_close,
            reason,
            found,
        })
    }
}

impl ExceptionFile {
    fn read(self, id: &str) -> Result<(CaseId, Exception), ErrorKind> {
        let exception = Exception {
            behavior: words::behavior(&self.behavior)?,
            behavior_close: words::behavior_close(&self.behavior_close)?,
            reason: self.reason,
        };
        if exception.reason.trim().is_empty() {
            return Err(ErrorKind::NoReason(id.into()));
        }
        if (exception.behavior, exception.behavior_close) == (Behavior::Ok, BehaviorClose::Ok) {
            return Err(ErrorKind::Needless(id.into()));
        }
        Ok((words::case_id(id)?, exception))
    }
}

/// A difference between a report and a [`Policy`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// A case is not OK, and is not listed.
    Unexpected {
        /// The case.
        case: CaseId,
        /// Its verdict.
        found: Verdict,
    },
    /// A case is listed with other verdicts, better or worse.
    Other {
        /// The case.
        case: CaseId,
        /// The verdict that is listed.
        behavior: Behavior,
        /// The verdict on the end of the connection that is listed.
        behavior_close: BehaviorClose,
        /// The reason that is listed.
        reason: String,
        /// Its verdict.
        found: Verdict,
    },
    /// A case is listed, but a full run did not have it.
    NotRun {
        /// The case.
        case: CaseId,
    },
    /// A full run had another number of cases.
    Count {
        /// How many are expected.
        expected: usize,
        /// How many there were.
        found: usize,
    },
    /// A client used keys again, and no reason is listed.
    RepeatedKeys {
        /// The keys, at least one.
        keys: Vec<RepeatedKey>,
    },
    /// There is a reason for repeated keys, but in a full run of a client no key repeated.
    NoRepeatedKeys {
        /// The reason that is listed.
        reason: String,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unexpected { case, found } => {
                write!(f, "{case} is {found}, and is not listed")
            }
            Self::Other { case, behavior, behavior_close, reason, found } => {
                if (found.behavior, found.behavior_close) == (Behavior::Ok, BehaviorClose::Ok) {
                    write!(f, "{case} is OK now: its entry has to go")?;
                } else {
                    write!(f, "{case} is {found}")?;
                }
                write!(f, " (listed as {behavior} / {behavior_close}: {reason})")
            }
            Self::NotRun { case } => write!(f, "{case} is listed, and was not run"),
            Self::Count { expected, found } => {
                write!(f, "{found} cases were run, and {expected} are expected")
            }
            Self::RepeatedKeys { keys } => {
                let more = keys.len().saturating_sub(1);
                f.write_str(&plain(&keys.first().map(RepeatedKey::to_string).unwrap_or_default()))?;
                if more > 0 { write!(f, " (and {more} more keys)") } else { Ok(()) }
            }
            Self::NoRepeatedKeys { reason } => {
                write!(f, "no key repeats now: `repeatedKeys` has to go (listed as: {reason})")
            }
        }
    }
}
