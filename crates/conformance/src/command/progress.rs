//! A progress bar, if the output is a terminal.

use fullduplex_conformance::{Behavior, BehaviorClose, Outcome};
use indicatif::{ProgressBar, ProgressStyle};

/// The progress of a run.
pub(super) struct Progress {
    bar: ProgressBar,
    not_ok: usize,
}

impl Progress {
    pub(super) fn new(cases: usize) -> Self {
        let bar = ProgressBar::new(cases as u64);
        if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len} {elapsed} {msg}") {
            bar.set_style(style);
        }
        Self { bar, not_ok: 0 }
    }

    /// A case is over.
    pub(super) fn done(&mut self, outcome: &Outcome) {
        let unimplemented = outcome.behavior == Behavior::Unimplemented
            && outcome.behavior_close == BehaviorClose::Unimplemented;
        if !outcome.is_ok() && !unimplemented {
            self.not_ok += 1;
        }
        self.bar.inc(1);
        let not_ok = match self.not_ok {
            0 => String::new(),
            count => format!(", {count} not OK"),
        };
        self.bar.set_message(format!("{}{not_ok}", outcome.id));
    }

    pub(super) fn finish(self) {
        self.bar.finish_and_clear();
    }
}
