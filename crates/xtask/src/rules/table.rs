//! The table of rules: Markdown rows below headings that name an RFC.

use super::sentences::{Quotation, Section, dotted, read_section};

/// The columns, in their order.
const COLUMNS: [&str; 5] = ["rule", "section", "business of", "file", "shown by"];

/// The beginning of a cell without a test or a file.
const NONE: &str = "—";

/// All rows of the document.
#[derive(Debug)]
pub(super) struct Table<'d> {
    pub(super) rows: Vec<Row<'d>>,
}

/// One rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row<'d> {
    /// The line in the document, counted from 1.
    pub(super) line: usize,
    pub(super) rfc: u32,
    pub(super) section: Section,
    pub(super) rule: &'d str,
    pub(super) quotations: Vec<Quotation>,
    pub(super) business: Business,
    /// The files that obey the rule, below `crates`; empty if the rule is not about our code.
    pub(super) files: Vec<&'d str>,
    pub(super) proof: Proof<'d>,
}

/// The party that must obey a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Business {
    /// The core.
    Library,
    /// A crate that connects the core with a transport.
    Adapter,
    /// The program that uses a WebSocket, or a browser.
    Application,
    /// The library that speaks HTTP/2.
    HttpLibrary,
    /// The specification of an extension or of a subprotocol.
    Specification,
    /// A proxy between two endpoints.
    Intermediary,
}

impl Business {
    pub(super) const ALL: [Self; 6] = [
        Self::Library,
        Self::Adapter,
        Self::Application,
        Self::HttpLibrary,
        Self::Specification,
        Self::Intermediary,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Library => "library",
            Self::Adapter => "adapter",
            Self::Application => "application",
            Self::HttpLibrary => "HTTP library",
            Self::Specification => "specification",
            Self::Intermediary => "intermediary",
        }
    }

    /// A file must be named in one of these folders, if there are any.
    pub(super) fn folders(self) -> &'static [&'static str] {
        match self {
            Self::Library => &["fullduplex/src/"],
            Self::Adapter => &["fullduplex-std/src/", "fullduplex-tokio/src/"],
            _ => &[],
        }
    }
}

/// How it is proved that the rule is obeyed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Proof<'d> {
    /// File and function of each test, at least one; and numbers of cases of the conformance suite.
    Shown { tests: Vec<(&'d str, &'d str)>, cases: Vec<&'d str> },
    /// Why there is no test.
    None(&'d str),
}

impl Proof<'_> {
    pub(super) fn is_shown(&self) -> bool {
        matches!(self, Self::Shown { .. })
    }
}

impl<'d> Table<'d> {
    /// Reads all tables of the document.
    ///
    /// # Errors
    /// One sentence for each row that cannot be parsed, or is in the wrong place.
    pub(super) fn parse(document: &'d str) -> Result<Self, Vec<String>> {
        let mut rows = Vec::new();
        let mut complaints = Vec::new();
        // The RFC in the last heading; `None` before the first one.
        let mut heading = None;
        let mut last = Section::new();
        for (number, line) in document.lines().enumerate().map(|(at, line)| (at + 1, line.trim())) {
            if let Some(text) = line.strip_prefix("## ") {
                heading = Some(text.strip_prefix("RFC ").and_then(number_at_start));
                last.clear();
            }
            let Some(cells) = cells(line) else { continue };
            // Before the first heading there is the summary.
            let Some(rfc) = heading else { continue };
            if is_head(&cells) {
                continue;
            }
            let Some(rfc) = rfc else {
                complaints.push(format!("line {number}: no heading above names an RFC"));
                continue;
            };
            match read_row(number, rfc, &cells) {
                Ok(row) => {
                    if row.section < last {
                        complaints.push(format!(
                            "line {number}: §{} comes after §{}",
                            dotted(&row.section),
                            dotted(&last)
                        ));
                    }
                    last.clone_from(&row.section);
                    rows.push(row);
                }
                Err(complaint) => complaints.push(format!("line {number}: {complaint}")),
            }
        }
        if rows.is_empty() && complaints.is_empty() {
            complaints.push("the document has no rules".to_owned());
        }
        if complaints.is_empty() { Ok(Self { rows }) } else { Err(complaints) }
    }
}

/// The cells of a row of a table.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inside = line.strip_prefix('|')?;
    Some(inside.strip_suffix('|').unwrap_or(inside).split('|').map(str::trim).collect())
}

/// Whether the row is the head of a table, or the line below it.
fn is_head(cells: &[&str]) -> bool {
    cells == COLUMNS || cells.iter().all(|cell| cell.trim_matches(['-', ':']).is_empty())
}

fn read_row<'d>(line: usize, rfc: u32, cells: &[&'d str]) -> Result<Row<'d>, String> {
    let [rule, section, business, files, proof] = *cells else {
        return Err(format!("{} cells instead of {}", cells.len(), COLUMNS.len()));
    };
    if rule.is_empty() {
        return Err("there is no rule".to_owned());
    }
    let quotations =
        Quotation::all_of(rule).ok_or("a quotation has no end, or there is one within it")?;
    if quotations.is_empty() {
        return Err("the rule quotes no sentence of the RFC".to_owned());
    }
    let section = read_section(section)
        .ok_or_else(|| format!("`{section}` is no section, as `§5.5.1` is"))?;
    let business = Business::ALL.into_iter().find(|it| it.name() == business);
    let business = business.ok_or_else(|| format!("`{}` is nobody's name", cells[2]))?;
    let (files, proof) = (read_files(files)?, read_proof(proof)?);
    Ok(Row { line, rfc, section, rule, quotations, business, files, proof })
}

fn read_files(cell: &str) -> Result<Vec<&str>, String> {
    if cell == NONE {
        return Ok(Vec::new());
    }
    let files = in_backticks(cell)?;
    match files.iter().find(|file| file.contains("::")) {
        Some(test) => Err(format!("`{test}` is no file")),
        None => Ok(files),
    }
}

fn read_proof(cell: &str) -> Result<Proof<'_>, String> {
    if let Some(reason) = cell.strip_prefix(NONE) {
        let reason = reason.trim_start_matches(',').trim();
        return match reason.strip_prefix("because ") {
            Some(reason) if !reason.is_empty() => Ok(Proof::None(reason)),
            _ => Err(format!("`{NONE}` without `because` and a reason")),
        };
    }
    let (mut tests, mut cases) = (Vec::new(), Vec::new());
    for shown in in_backticks(cell)? {
        if let Some(case) = shown.strip_prefix("case ") {
            cases.push(case);
        } else {
            let test = shown.split_once("::");
            tests.push(test.ok_or_else(|| format!("`{shown}` is no `file::test`, nor a `case`"))?);
        }
    }
    if tests.is_empty() {
        return Err("there are cases, but no test".to_owned());
    }
    Ok(Proof::Shown { tests, cases })
}

/// The texts in backticks. Besides them, the cell may only contain spaces and commas.
fn in_backticks(cell: &str) -> Result<Vec<&str>, String> {
    let pieces: Vec<&str> = cell.split('`').collect();
    let between = pieces.iter().step_by(2);
    if pieces.len() < 3 || pieces.len().is_multiple_of(2) {
        return Err(format!("nothing in backticks, or half of it: {cell}"));
    }
    if let Some(stray) = between.map(|piece| piece.trim_matches([' ', ','])).find(|p| !p.is_empty())
    {
        return Err(format!("`{stray}` stands outside of backticks"));
    }
    Ok(pieces.into_iter().skip(1).step_by(2).collect())
}

fn number_at_start(text: &str) -> Option<u32> {
    text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
