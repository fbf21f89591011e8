//! What changed between two reports.

use std::collections::BTreeSet;
use std::fmt;

use super::index::{Index, Verdict};
use super::plain::plain;
use crate::id::CaseId;
use crate::verdict::{Behavior, BehaviorClose};

/// What changed from one report to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// What changed, in the order of the agents and of the cases.
    pub changes: Vec<Change>,
    /// How many cases have the same verdicts in both reports.
    pub same: usize,
}

/// A case that is in only one report, or has other verdicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The subject, named as in the newer report if that has it.
    pub agent: String,
    /// The case.
    pub case: CaseId,
    /// Its verdict before; `None` if it was not run.
    pub old: Option<Verdict>,
    /// Its verdict now; `None` if it was not run.
    pub new: Option<Verdict>,
}

/// The direction of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trend {
    /// For the worse.
    Worse,
    /// For the better.
    Better,
    /// Neither: a case is in only one report, or its other verdicts are as good as before.
    Neither,
}

/// Compares two reports, ours or `wstest`'s.
///
/// Subjects with the same name are compared. If each report has only one subject, their names do not matter. A verdict has
/// changed if one of its two words has, or the code of the subject's Close, if both reports have one.
#[must_use]
pub fn compare(old: &Index, new: &Index) -> Comparison {
    let mut comparison = Comparison::default();
    if let ([(_, before)], [(agent, after)]) =
        (&old.agents.iter().collect::<Vec<_>>()[..], &new.agents.iter().collect::<Vec<_>>()[..])
    {
        comparison.add(agent, before, after);
        return comparison;
    }
    let agents: BTreeSet<&String> = old.agents.keys().chain(new.agents.keys()).collect();
    let none = Default::default();
    for agent in agents {
        let of = |index: &'_ Index| index.agents.get(agent).cloned();
        comparison.add(agent, of(old).as_ref().unwrap_or(&none), of(new).as_ref().unwrap_or(&none));
    }
    comparison
}

type Cases = std::collections::BTreeMap<CaseId, Verdict>;

impl Comparison {
    fn add(&mut self, agent: &str, old: &Cases, new: &Cases) {
        let cases: BTreeSet<&CaseId> = old.keys().chain(new.keys()).collect();
        for case in cases {
            let (old, new) = (old.get(case).copied(), new.get(case).copied());
            if let (Some(old), Some(new)) = (old, new)
                && is_same(&old, &new)
            {
                self.same += 1;
                continue;
            }
            self.changes.push(Change { agent: agent.into(), case: case.clone(), old, new });
        }
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// How many changes go in this direction.
    #[must_use]
    pub fn count(&self, trend: Trend) -> usize {
        self.changes.iter().filter(|change| change.trend() == trend).count()
    }
}

fn is_same(old: &Verdict, new: &Verdict) -> bool {
    let codes = old.remote_close_code.zip(new.remote_close_code);
    old.behavior == new.behavior
        && old.behavior_close == new.behavior_close
        && codes.is_none_or(|(old, new)| old == new)
}

impl Change {
    /// The direction of the change.
    #[must_use]
    pub fn trend(&self) -> Trend {
        let (Some(old), Some(new)) = (self.old, self.new) else { return Trend::Neither };
        match rank(&new).cmp(&rank(&old)) {
            std::cmp::Ordering::Greater => Trend::Worse,
            std::cmp::Ordering::Less => Trend::Better,
            std::cmp::Ordering::Equal => Trend::Neither,
        }
    }
}

/// How bad a verdict is. The behaviour counts more than the end of the connection.
fn rank(verdict: &Verdict) -> (u8, u8) {
    let behavior = match verdict.behavior {
        Behavior::Ok | Behavior::Informational => 0,
        Behavior::NonStrict => 1,
        Behavior::Unimplemented => 2,
        Behavior::Failed => 3,
    };
    let close = match verdict.behavior_close {
        BehaviorClose::Ok | BehaviorClose::Informational | BehaviorClose::Unimplemented => 0,
        BehaviorClose::FailedByClient => 1,
        BehaviorClose::WrongCode | BehaviorClose::Unclean => 2,
        BehaviorClose::Failed => 3,
    };
    (behavior, close)
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |verdict: Option<Verdict>| match verdict {
            None => "not run".to_owned(),
            Some(verdict) => match verdict.remote_close_code {
                Some(code) => format!("{verdict} ({code})"),
                None => verdict.to_string(),
            },
        };
        write!(f, "{}: {} -> {}", self.case, shown(self.old), shown(self.new))
    }
}

impl fmt::Display for Comparison {
    /// One line for each change, with the title of the case and how Autobahn's differs, and a last line with the numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cases = crate::cases::all();
        let mut agent = None;
        for change in &self.changes {
            if agent != Some(&change.agent) {
                writeln!(f, "{}", plain(&change.agent))?;
                agent = Some(&change.agent);
            }
            let mark = match change.trend() {
                Trend::Worse => '-',
                Trend::Better => '+',
                Trend::Neither => ' ',
            };
            write!(f, "{mark} {change}")?;
            if let Some(case) = cases.iter().find(|case| case.id == change.case) {
                write!(f, "  {}", case.title)?;
                if let Some(note) = case.differs {
                    write!(f, "\n    {note}")?;
                }
            }
            writeln!(f)?;
        }
        write!(
            f,
            "{} worse, {} better, {} otherwise different, {} the same",
            self.count(Trend::Worse),
            self.count(Trend::Better),
            self.count(Trend::Neither),
            self.same
        )
    }
}
