//! `list` and `explain`.

use std::fmt::Write;
use std::io::Write as _;

use fullduplex_conformance::{Case, Pattern, Side, cases};

use super::end::{End, Failure};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The cases, such as 6.4.1, 6.4, H or *
    #[arg(value_name = "CASES")]
    cases: Vec<Pattern>,
    /// Only cases for a subject on this side
    #[arg(long, value_name = "SIDE")]
    side: Option<Side>,
}

impl Arguments {
    fn selected(&self) -> Result<Vec<Case>, Failure> {
        let mut found = cases::all();
        found.retain(|case| self.side.is_none_or(|side| case.is_for(side)));
        for pattern in &self.cases {
            if !found.iter().any(|case| pattern.matches(&case.id)) {
                return Err(Failure::new(format!("there is no case `{pattern}`")));
            }
        }
        found.retain(|case| {
            self.cases.is_empty() || self.cases.iter().any(|pattern| pattern.matches(&case.id))
        });
        Ok(found)
    }
}

/// One line for each case, under the titles of the sections.
pub(super) fn list(arguments: &Arguments) -> Result<End, Failure> {
    let mut text = String::new();
    let mut section = String::new();
    let found = arguments.selected()?;
    for case in &found {
        if case.id.section() != section {
            section = case.id.section();
            let _ = writeln!(text, "{section} {}", cases::section_title(&section));
        }
        let only = case.only.map_or(String::new(), |side| format!(" ({side}s)"));
        let _ = writeln!(text, "  {:<8} {}{only}", case.id.to_string(), case.title);
    }
    let _ = writeln!(text, "{} cases", found.len());
    print(&text)
}

/// Prints everything about each case.
pub(super) fn explain(arguments: &Arguments) -> Result<End, Failure> {
    let mut text = String::new();
    for case in arguments.selected()? {
        let _ = write!(
            text,
            "{} {}\n  sends    {}\n  expects  {}\n  rule     {} ({}): {}\n",
            case.id,
            case.title,
            case.sends,
            case.expects,
            case.rule.section,
            case.rule.level,
            case.rule.sentence
        );
        if let Some(side) = case.only {
            let _ = writeln!(text, "  for      {side}s");
        }
        if let Some(note) = case.differs {
            let _ = writeln!(text, "  note     {note}");
        }
    }
    print(&text)
}

/// Prints the text. If the reader has gone away, such as `head`, that is no failure.
pub(super) fn print(text: &str) -> Result<End, Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(End::AsExpected),
    }
}
