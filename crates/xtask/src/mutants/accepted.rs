//! `crates/fullduplex/tests/mutants.json`: the changes that no test notices, and why none could.

use std::fmt;

use serde::Deserialize;

use crate::shell::{Failure, Outcome, fail};

/// A change in a file of the core.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) file: String,
    /// The number of its line; 0 in the list, because lines move.
    pub(super) number: usize,
    /// The text of the line.
    pub(super) line: String,
    /// The change, in the words of cargo-mutants.
    pub(super) change: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, number, line, change } = self;
        f.write_str(file)?;
        if *number > 0 {
            write!(f, ":{number}")?;
        }
        write!(f, ": {change}: {line}")
    }
}

/// An entry of the list: changes of one line that are accepted for the same reason.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    file: String,
    line: String,
    changes: Vec<String>,
    reason: String,
}

/// The accepted changes that were not found yet.
pub(super) struct Accepted(Vec<Change>);

impl Accepted {
    /// Parses the list. An entry without a reason is refused.
    pub(super) fn parse(text: &str) -> Outcome<Self> {
        let entries: Vec<Entry> = serde_json::from_str(text)
            .map_err(|error| Failure::new(format!("mutants.json: {error}")))?;
        let mut accepted = Vec::new();
        for Entry { file, line, changes, reason } in entries {
            if reason.trim().is_empty() || changes.is_empty() {
                return fail(format!("mutants.json: no change or no reason: {file}: {line}"));
            }
            let change =
                |change| Change { file: file.clone(), number: 0, line: line.clone(), change };
            accepted.extend(changes.into_iter().map(change));
        }
        Ok(Self(accepted))
    }

    /// Whether the change is accepted. Each entry accepts one change, because a line may have the same one twice.
    pub(super) fn take(&mut self, found: &Change) -> bool {
        let same = |change: &Change| {
            change.file == found.file && change.line == found.line && change.change == found.change
        };
        let at = self.0.iter().position(same);
        at.map(|at| self.0.remove(at)).is_some()
    }

    /// The accepted changes that were not found.
    pub(super) fn left(&self) -> impl Iterator<Item = &Change> {
        self.0.iter()
    }
}
