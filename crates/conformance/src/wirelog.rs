//! The bytes of a case, with their times.

use std::time::Duration;

/// The sender of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// The runner.
    Runner,
    /// The subject.
    Subject,
}

/// An event on the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When, relative to the beginning of the connection.
    pub at: Duration,
    /// Who did it.
    pub from: Party,
    /// What happened.
    pub what: What,
}

/// What happened on the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Bytes were sent.
    Bytes {
        /// How many.
        len: usize,
        /// Their beginning: all of them, unless the log has become too long.
        kept: Vec<u8>,
    },
    /// The direction was ended.
    End,
    /// The connection was reset or broke.
    Reset,
}

/// The bytes of a case in both directions, in the order in which the runner saw them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WireLog {
    entries: Vec<Entry>,
    kept: usize,
}

/// How many bytes of a case are kept.
const MOST_KEPT: usize = 64 << 10;

/// How many entries of a case are kept. Later bytes are added to the last entry of their direction.
const MOST_ENTRIES: usize = 1 << 10;

impl WireLog {
    /// A log with these entries, read back from a report.
    #[cfg(feature = "report")]
    pub(crate) fn from_entries(entries: Vec<Entry>) -> Self {
        let kept = entries
            .iter()
            .map(|entry| if let What::Bytes { kept, .. } = &entry.what { kept.len() } else { 0 })
            .sum();
        Self { entries, kept }
    }

    /// What happened, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many bytes this side has sent.
    #[must_use]
    pub fn len(&self, from: Party) -> u64 {
        let of_it = self.entries.iter().filter(|entry| entry.from == from);
        of_it
            .map(|entry| if let What::Bytes { len, .. } = entry.what { len as u64 } else { 0 })
            .sum()
    }

    pub(crate) fn bytes(&mut self, at: Duration, from: Party, bytes: &[u8]) {
        if self.entries.len() >= MOST_ENTRIES {
            let last = self.entries.iter_mut().rev().find(|entry| entry.from == from);
            if let Some(Entry { what: What::Bytes { len, .. }, .. }) = last {
                *len += bytes.len();
                return;
            }
        }
        let kept = bytes.len().min(MOST_KEPT.saturating_sub(self.kept));
        self.kept += kept;
        let what = What::Bytes { len: bytes.len(), kept: bytes[..kept].to_vec() };
        self.entries.push(Entry { at, from, what });
    }

    pub(crate) fn end(&mut self, at: Duration, from: Party, what: What) {
        self.entries.push(Entry { at, from, what });
    }
}
