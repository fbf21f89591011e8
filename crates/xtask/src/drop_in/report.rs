//! The printed tables.

use super::trial::{Check, Trial, Verdict};
use super::upstream::Comparison;

/// The trials as a table, a line for each crate.
pub(super) fn trials(trials: &[Trial]) -> String {
    let head = ["crate", "version", "tungstenite", "with it", "ours", "with ours", "seconds"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(trials.iter().map(|trial| {
        let Trial { name, real, ours, verdict } = trial;
        let version = real.version_of(name).unwrap_or_else(|| "-".to_owned());
        let seconds = (real.duration + ours.duration).as_secs_f64();
        vec![
            name.clone(),
            version,
            real.libraries(),
            compiles(real),
            ours.libraries(),
            outcome(ours, *verdict).to_owned(),
            format!("{seconds:.0}"),
        ]
    }));
    let mut text = columns(&rows);
    for trial in trials {
        for (check, side) in [(&trial.real, "real"), (&trial.ours, "ours")] {
            if let Some((first, count)) = &check.error {
                text += &format!("{} ({side}, {count} errors): {first}\n", trial.name);
            }
        }
    }
    text
}

fn compiles(check: &Check) -> String {
    if check.error.is_none() { "compiles" } else { "fails" }.to_owned()
}

fn outcome(ours: &Check, verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Same => "compiles",
        Verdict::Worse => "FAILS",
        Verdict::NotReached => "NOT USED",
        Verdict::NotOffered => "no such version",
        Verdict::NoTrial if ours.tree.is_empty() => "not tried",
        Verdict::NoTrial => "not in its tree",
    }
}

/// The tests of other projects as a table, with a line for each that ends differently than with the real packages.
pub(super) fn comparisons(comparisons: &[Comparison]) -> String {
    let head = ["tests of", "real", "ours", "left out"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(comparisons.iter().map(|comparison| {
        let Comparison { name, real, ours, left_out, .. } = comparison;
        vec![name.clone(), real.to_string(), ours.to_string(), left_out.to_string()]
    }));
    let mut text = columns(&rows);
    for comparison in comparisons {
        for difference in comparison.differences() {
            text += &format!("{}: {difference}\n", comparison.name);
        }
    }
    text
}

/// The rows, with every column padded to its widest cell.
fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text += "\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Duration;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a", "bb"], ["ccc", ""]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(columns(&rows), "a    bb\nccc\n");
        assert_eq!(columns(&[]), "");
    }

    #[test]
    fn a_failure_is_named_below_the_table() {
        let check = |error: Option<&str>| Check {
            duration: Duration::from_secs(2),
            tree: Vec::new(),
            error: error.map(|error| (error.to_owned(), 3)),
        };
        let trial = Trial {
            name: "poem".into(),
            real: check(None),
            ours: check(Some("error: no")),
            verdict: Verdict::Worse,
        };
        let text = trials(&[trial]);
        assert!(text.contains("FAILS"), "{text}");
        assert!(text.ends_with("poem (ours, 3 errors): error: no\n"), "{text}");
    }
}
