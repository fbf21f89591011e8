//! `index.json`: the verdicts on some subjects, in the form of Autobahn's suite.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::{Error, ErrorKind};
use super::value::Report;
use super::words;
use crate::id::CaseId;
use crate::verdict::{Behavior, BehaviorClose, Outcome};

/// The name of the file in a report.
pub(super) const INDEX: &str = "index.json";

/// The verdicts on some subjects, by their names: the content of `index.json`, ours or that of Autobahn's `wstest`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// The verdicts on each subject, by case.
    pub agents: BTreeMap<String, BTreeMap<CaseId, Verdict>>,
}

/// The result of a case for a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The verdict on the subject's behaviour.
    pub behavior: Behavior,
    /// The verdict on the end of the connection.
    pub behavior_close: BehaviorClose,
    /// The code of the subject's Close.
    pub remote_close_code: Option<u16>,
    /// How long the case took, to the millisecond.
    pub duration: Duration,
}

impl Verdict {
    /// The verdicts of an outcome.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Self {
        Self {
            behavior: outcome.behavior,
            behavior_close: outcome.behavior_close,
            remote_close_code: outcome.remote_close_code,
            duration: Duration::from_millis(outcome.duration.as_millis() as u64),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.behavior.word() == self.behavior_close.word() {
            return self.behavior.fmt(f);
        }
        write!(f, "{} / {}", self.behavior, self.behavior_close)
    }
}

/// A case in the file. Other fields that a suite writes are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IndexFile {
    behavior: String,
    behavior_close: String,
    #[serde(default)]
    duration: Option<f64>,
    #[serde(default)]
    remote_close_code: Option<u16>,
    #[serde(default)]
    reportfile: Option<String>,
}

type Agents = BTreeMap<String, BTreeMap<String, IndexFile>>;

impl Index {
    /// The verdicts of these reports.
    #[must_use]
    pub fn of(reports: &[Report]) -> Self {
        let verdicts = |report: &Report| {
            report
                .results()
                .map(|tested| (tested.outcome.id.clone(), Verdict::of(&tested.outcome)))
                .collect()
        };
        Self {
            agents: reports.iter().map(|report| (report.agent.clone(), verdicts(report))).collect(),
        }
    }

    /// Reads the verdicts in a report: from its directory, or from the file `index.json` in it.
    ///
    /// # Errors
    /// The file, and what is wrong with it: it cannot be read, has another form, or a word that is no verdict.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let path = if path.is_dir() { path.join(INDEX) } else { path.into() };
        let agents = agents(&path)?;
        let mut index = Self::default();
        for (agent, cases) in agents {
            let cases: Result<_, ErrorKind> = cases
                .into_iter()
                .map(|(id, case)| Ok((words::case_id(&id)?, case.verdict()?)))
                .collect();
            index.agents.insert(agent, cases.map_err(|kind| Error::new(&path, kind))?);
        }
        Ok(index)
    }
}

impl IndexFile {
    fn verdict(&self) -> Result<Verdict, ErrorKind> {
        let millis = self.duration.unwrap_or(0.0).max(0.0);
        Ok(Verdict {
            behavior: words::behavior(&self.behavior)?,
            behavior_close: words::behavior_close(&self.behavior_close)?,
            remote_close_code: self.remote_close_code,
            duration: Duration::from_millis(millis as u64),
        })
    }
}

fn agents(path: &Path) -> Result<Agents, Error> {
    let text = std::fs::read(path).map_err(|error| Error::new(path, error))?;
    serde_json::from_slice(&text).map_err(|error| Error::new(path, error))
}

/// The names of all files of cases in an `index.json`.
pub(super) fn files(path: &Path) -> Result<Vec<String>, Error> {
    let cases = agents(path)?.into_values().flat_map(BTreeMap::into_values);
    Ok(cases.filter_map(|case| case.reportfile).collect())
}

/// The text of `index.json` for these reports; `name` returns the file of a case.
pub(super) fn text(reports: &[Report], name: impl Fn(usize, &CaseId) -> String) -> Vec<u8> {
    // As in wstest: whole numbers of milliseconds, names in order.
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Case {
        behavior: &'static str,
        behavior_close: &'static str,
        duration: u64,
        remote_close_code: Option<u16>,
        reportfile: String,
    }
    let agents: BTreeMap<&str, BTreeMap<String, Case>> = reports
        .iter()
        .enumerate()
        .map(|(number, report)| {
            let cases = report.results().map(|tested| {
                let outcome = &tested.outcome;
                let case = Case {
                    behavior: outcome.behavior.word(),
                    behavior_close: outcome.behavior_close.word(),
                    duration: outcome.duration.as_millis() as u64,
                    remote_close_code: outcome.remote_close_code,
                    reportfile: name(number, &outcome.id),
                };
                (outcome.id.to_string(), case)
            });
            (&*report.agent, cases.collect())
        })
        .collect();
    // Serializing names and numbers to memory cannot fail.
    serde_json::to_vec_pretty(&agents).unwrap_or_default()
}
