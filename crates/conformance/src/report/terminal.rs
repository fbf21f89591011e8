//! A summary for a terminal.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use textwrap::core::display_width;

use super::plain::plain;
use super::words::scale_word;
use super::{Counts, Report, Tested, sections, verdicts};
use crate::cases::section_title;
use crate::verdict::Behavior;

/// How many cases that are not OK are shown in full, of each report.
const MOST_SHOWN: usize = 40;

/// The width of a terminal that does not say how wide it is.
const WIDTH: u16 = 80;

const BOLD: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const FAIR: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// Prints the summary to the standard output, as wide as the terminal is. Colours are left out where it is none, and where
/// the environment says so (`NO_COLOR`).
///
/// # Errors
/// Those of the standard output.
pub fn print_summary(reports: &[Report]) -> io::Result<()> {
    let width = terminal_size::terminal_size().map_or(WIDTH, |(width, _)| width.0);
    let mut out = anstream::stdout().lock();
    out.write_all(summary(reports, usize::from(width)).as_bytes())?;
    out.flush()
}

/// The reports as text for a terminal of this width: a table by section, and each case that is not OK with what was sent,
/// what came, and the rule.
///
/// It has colours, as escape sequences of ANSI; [`print_summary`] leaves them out where they do not belong.
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
        let bad: Vec<&Tested> = report.results().filter(|tested| !tested.outcome.is_ok()).collect();
        for tested in bad.iter().take(MOST_SHOWN) {
            text.push('\n');
            case(&mut text, tested, width);
        }
        if bad.len() > MOST_SHOWN {
            text += &format!("\nand {} more that are not OK\n", bad.len() - MOST_SHOWN);
        }
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

/// A column of the table: its name, its number of a section, and how a number that is not 0 looks.
type Column = (&'static str, fn(&Counts) -> usize, Style);

const COLUMNS: [Column; 7] = [
    ("all", |counts| counts.all, Style::new()),
    ("OK", |counts| counts.ok, GOOD),
    ("info", |counts| counts.informational, Style::new()),
    ("nonstr", |counts| counts.non_strict, FAIR),
    ("unimpl", |counts| counts.unimplemented, FAIR),
    ("FAILED", |counts| counts.failed, BAD),
    ("close", |counts| counts.close, FAIR),
];

fn table(text: &mut String, report: &Report, width: usize) {
    const NUMBER: usize = 5;
    const ID: usize = 4;
    let cells: usize = COLUMNS.iter().map(|(name, ..)| name.len().max(NUMBER) + 1).sum();
    let room = width.saturating_sub(cells + ID).min(44);
    // A title of which nothing but a few letters is left says nothing.
    let room = if room < 8 { 0 } else { room };
    let mut line = |id: &str, title: &str, cells: [(String, Style); COLUMNS.len()]| {
        *text += &format!("{id:<ID$}");
        if room > 0 {
            *text += &fitted(title, room);
        }
        for ((cell, style), (name, ..)) in cells.into_iter().zip(COLUMNS) {
            let width = name.len().max(NUMBER) + 1;
            *text += &format!("{style}{cell:>width$}{style:#}");
        }
        text.push('\n');
    };
    line("", "", COLUMNS.map(|(name, ..)| (name.to_owned(), FAINT)));
    let numbers = |counts: Counts| {
        COLUMNS.map(|(_, number, style)| match number(&counts) {
            0 => ("·".to_owned(), FAINT),
            number => (number.to_string(), style),
        })
    };
    for (section, ids) in sections(std::slice::from_ref(report)) {
        let outcomes = ids.iter().filter_map(|id| report.get(id)).map(|tested| &tested.outcome);
        line(&section, section_title(&section), numbers(outcomes.collect()));
    }
    line("", "all", numbers(report.counts()));
}

/// The text in just this width.
fn fitted(text: &str, width: usize) -> String {
    let len = display_width(text);
    if len <= width {
        return text.to_owned() + &" ".repeat(width - len);
    }
    let mut fitted: String = text.chars().take(width - 1).collect();
    fitted.push('…');
    fitted
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
