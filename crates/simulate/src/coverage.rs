//! Counts what a run has exercised, by name.

use std::collections::BTreeMap;
use std::fmt;

use fullduplex::{Ended, Error, Timeout};

use crate::plan::Net;

/// What was exercised, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<&'static str, u64>);

impl Coverage {
    /// Something has happened.
    pub(crate) fn note(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    /// Counts it if the condition holds.
    pub(crate) fn note_if(&mut self, condition: bool, what: &'static str) {
        if condition {
            self.note(what);
        }
    }

    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }

    /// How often something has happened.
    #[must_use]
    pub fn count(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.keys().map(|what| what.len()).max().unwrap_or(0);
        for (nth, (what, count)) in self.0.iter().enumerate() {
            let end = if nth % 3 == 2 { "\n" } else { "  " };
            write!(f, "  {what:<width$} {count:>9}{end}")?;
        }
        Ok(())
    }
}

/// The name under which something that the network does is counted.
pub(crate) const fn net_name(net: Net) -> &'static str {
    match net {
        Net::Split(_) => "net: split",
        Net::Capacity(_) => "net: capacity",
        Net::Delay(_) => "net: delay",
        Net::Stall => "net: stall",
        Net::Go => "net: go",
        Net::HalfClose => "net: half-close",
        Net::Reset => "net: reset",
        Net::Corrupt(..) => "net: corrupt",
    }
}

/// The name under which a failure is counted.
pub(crate) const fn failure_name(error: Error) -> &'static str {
    match error {
        Error::Frame(_) => "failure: frame",
        Error::Message(_) => "failure: message",
        Error::CloseFrame(_) => "failure: close frame",
        Error::Inflate(_) => "failure: inflate",
        Error::Timeout(Timeout::Pong) => "failure: pong timeout",
        Error::Timeout(Timeout::Idle) => "failure: idle timeout",
        Error::Timeout(Timeout::Close) => "failure: close timeout",
        Error::Ended(Ended::Reset) => "failure: reset",
        Error::Ended(Ended::InsideMessage) => "failure: ended inside a message",
        Error::Ended(_) => "failure: ended without a Close",
        _ => "failure: another one",
    }
}
