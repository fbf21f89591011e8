//! A summary for a terminal.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use textwrap::core::display_width;

use super::plain::plain;
use super::value::{Counts, Report, Tested, sections, verdicts};
use super::words::scale_word;
use crate::cases::section_title;
use crate::verdict::Behavior;

/// How many cases that are not OK are shown in full for each report.
const MOST_SHOWN: usize = 40;

/// How many repeated keys are shown.
const MOST_KEYS: usize = 5;

/// The width of a terminal that does not report its width.
const WIDTH: u16 = 80;

const BOLD: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const FAIR: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// Prints the summary to the standard output, in the width of the terminal. It has no colours if the output is no terminal,
/// or if the environment says so (`NO_COLOR`).
///
/// # Errors
/// The errors of the standard output.
pub fn print_summary(reports: &[Report]) -> io::Result<()> {
    let width = terminal_size::terminal_size().map_or(WIDTH, |(width, _)| width.0);
    let mut out = anstream::stdout().lock();
    out.write_all(summary(reports, usize::from(width)).as_bytes())?;
    out.flush()
}

/// The reports as text for a terminal of this width: a table by section, and each case that is not OK with what was sent,
/// what was received, and the rule.
///
/// It has colours, as ANSI escape sequences; [`print_summary`] removes them where they are not wanted.
#[must_use]
pub fn summary(reports: &[Report], width: usize) -> String {
    let width = width.max(40);
    let mut text = String::new();
    for report in reports {
        if !text.is_empty() {
            text.push('\n');
        }
        heading(&mut text, report, width);
        table(&mut text, report, width);
        keys(&mut text, report, width);
        let (missing, bad): (Vec<&Tested>, Vec<&Tested>) = report
            .results()
            .filter(|tested| !tested.outcome.is_ok())
            .partition(|tested| tested.outcome.behavior == Behavior::Unimplemented);
        for tested in bad.iter().take(MOST_SHOWN) {
            text.push('\n');
            case(&mut text, tested, width);
        }
        if bad.len() > MOST_SHOWN {
            text += &format!("\nand {} more that are not OK\n", bad.len() - MOST_SHOWN);
        }
        unimplemented(&mut text, &missing, width);
    }
    text
}

fn heading(text: &mut String, report: &Report, width: usize) {
    let counts = report.counts();
    let line = format!(
        "{}, a {}: {} of {} cases OK in {:.1} s ({}, seed {})",
        plain(&report.agent),
        report.side,
        counts.good,
        counts.all,
        report.duration.as_secs_f64(),
        scale_word(report.scale),
        report.seed
    );
    for line in textwrap::wrap(&line, width) {
        *text += &format!("{BOLD}{line}{BOLD:#}\n");
    }
}

/// A column of the table: its name, its number for a section, and its style for a number other than
/// 0.
type Column = (&'static str, fn(&Counts) -> usize, Style);

const COLUMNS: [Column; 7] = [
    ("all", |counts| counts.all, Style::new()),
    ("OK", |counts| counts.ok, GOOD),
    ("FAILED", |counts| counts.failed, BAD),
    ("close", |counts| counts.close, FAIR),
    ("nonstr", |counts| counts.non_strict, FAIR),
    ("info", |counts| counts.informational, Style::new()),
    ("unimpl", |counts| counts.unimplemented, FAIR),
];

/// The width of the column with the sections.
const ID: usize = 4;

/// The width of a column of numbers.
fn width_of((name, ..): &Column) -> usize {
    name.len().max(5) + 1
}

fn table(text: &mut String, report: &Report, width: usize) {
    let mut room = width.saturating_sub(ID);
    let columns: Vec<Column> = COLUMNS
        .into_iter()
        .take_while(|column| {
            let left = room.checked_sub(width_of(column));
            room = left.unwrap_or(room);
            left.is_some()
        })
        .collect();
    // A title that is cut to a few characters says nothing.
    let room = if room < 8 { 0 } else { room.min(44) };
    let mut line = |id: &str, title: &str, cell: &dyn Fn(&Column) -> (String, Style)| {
        *text += &format!("{id:<ID$}");
        if room > 0 {
            *text += &fitted(title, room);
        }
        for column in &columns {
            let width = width_of(column);
            let (cell, style) = cell(column);
            *text += &format!("{style}{cell:>width$}{style:#}");
        }
        text.push('\n');
    };
    let number = |counts: &Counts, (_, number, style): &Column| match number(counts) {
        0 => ("·".to_owned(), FAINT),
        number => (number.to_string(), *style),
    };
    line("", "", &|(name, ..)| ((*name).to_owned(), FAINT));
    for (section, ids) in sections(std::slice::from_ref(report)) {
        let outcomes = ids.iter().filter_map(|id| report.get(id)).map(|tested| &tested.outcome);
        let counts = outcomes.collect();
        line(&section, section_title(&section), &|column| number(&counts, column));
    }
    let counts = report.counts();
    line("", "all", &|column| number(&counts, column));
}

/// The keys that a client used at the beginning of more than one connection.
fn keys(text: &mut String, report: &Report, width: usize) {
    let keys = report.repeated_keys();
    for key in keys.iter().take(MOST_KEYS) {
        let (sentence, section) = (key.kind.sentence(), key.kind.section());
        let line = format!("{}: \"{sentence}\" ({section})", plain(&key.to_string()));
        for line in textwrap::wrap(&line, width) {
            *text += &format!("\n{BAD}{line}{BAD:#}");
        }
        text.push('\n');
    }
    if keys.len() > MOST_KEYS {
        *text += &format!("\nand {} more keys that were used again\n", keys.len() - MOST_KEYS);
    }
}

/// The text, cut or padded to this width.
fn fitted(text: &str, width: usize) -> String {
    let len = display_width(text);
    if len <= width {
        return text.to_owned() + &" ".repeat(width - len);
    }
    let mut fitted: String = text.chars().take(width - 1).collect();
    fitted.push('…');
    fitted
}

/// Cases whose needs the subject does not have, in one line for each reason.
fn unimplemented(text: &mut String, cases: &[&Tested], width: usize) {
    let mut reasons: BTreeMap<&str, Vec<&Tested>> = BTreeMap::new();
    for tested in cases {
        reasons.entry(&tested.outcome.observed).or_default().push(tested);
    }
    for (reason, cases) in reasons {
        let (Some(first), Some(last)) = (cases.first(), cases.last()) else { continue };
        let (first, last) = (&first.outcome.id, &last.outcome.id);
        let which = match cases.len() {
            1 => first.to_string(),
            number => format!("{number} cases from {first} to {last}"),
        };
        let line = format!("{which} {}: {}", Behavior::Unimplemented, plain(reason));
        for line in textwrap::wrap(&line, width) {
            *text += &format!("\n{FAIR}{line}{FAIR:#}");
        }
        text.push('\n');
    }
}

fn case(text: &mut String, tested: &Tested, width: usize) {
    let outcome = &tested.outcome;
    let style = if outcome.behavior == Behavior::Failed { BAD } else { FAIR };
    let head = format!("{} {}: {}", outcome.id, verdicts(outcome), tested.title);
    for line in textwrap::wrap(&head, width) {
        *text += &format!("{style}{line}{style:#}\n");
    }
    let came = format!("{} {}", outcome.observed, outcome.observed_close);
    let rule = format!("\"{}\" ({})", tested.sentence, tested.section);
    for (name, words) in
        [("sent", &*tested.sends), ("came", came.trim()), (&*tested.level.to_string(), &rule)]
    {
        let first = format!("  {name:<7}");
        let options =
            textwrap::Options::new(width).initial_indent(&first).subsequent_indent("         ");
        for line in textwrap::wrap(&plain(words), options) {
            let (indent, words) = line.split_at(line.len().min(first.len()));
            *text += &format!("{FAINT}{indent}{FAINT:#}{words}\n");
        }
    }
}
