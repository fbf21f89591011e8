//! The table of rules: Markdown rows below headings that name an RFC.

/// The columns, in their order.
const COLUMNS: [&str; 4] = ["rule", "section", "file", "test"];

/// What a cell begins with instead of a test or of a file.
const NONE: &str = "—";

/// All rows of the document.
#[derive(Debug)]
pub(super) struct Table<'d> {
    pub(super) rows: Vec<Row<'d>>,
}

/// One rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row<'d> {
    /// Where in the document, counted from 1.
    pub(super) line: usize,
    /// The files that obey the rule, below `crates`; none where no code of ours is concerned.
    pub(super) files: Vec<&'d str>,
    pub(super) proof: Proof<'d>,
}

/// How it is known that the rule is obeyed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Proof<'d> {
    /// File and function of each test.
    Tests(Vec<(&'d str, &'d str)>),
    /// Why there is none.
    None(&'d str),
}

/// A section number, as far as numbers compare.
type Section = Vec<u32>;

impl<'d> Table<'d> {
    /// Reads all tables of the document.
    ///
    /// # Errors
    /// One sentence for each row that cannot be read, or stands in the wrong place.
    pub(super) fn parse(document: &'d str) -> Result<Self, Vec<String>> {
        let mut rows = Vec::new();
        let mut complaints = Vec::new();
        let mut rfc = None;
        let mut last = Section::new();
        for (number, line) in document.lines().enumerate().map(|(at, line)| (at + 1, line.trim())) {
            if let Some(heading) = line.strip_prefix("## ") {
                rfc = heading.strip_prefix("RFC ").and_then(number_at_start);
                last.clear();
            }
            let Some(cells) = cells(line) else { continue };
            if is_head(&cells) {
                continue;
            }
            match read_row(number, &cells) {
                Ok((section, row)) => {
                    if rfc.is_none() {
                        complaints.push(format!("line {number}: no heading above names an RFC"));
                    }
                    if section < last {
                        complaints.push(format!(
                            "line {number}: §{} comes after §{}",
                            dotted(&section),
                            dotted(&last)
                        ));
                    }
                    last = section;
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

/// Whether it is the head of a table, or the line below it.
fn is_head(cells: &[&str]) -> bool {
    cells == COLUMNS || cells.iter().all(|cell| cell.trim_matches(['-', ':']).is_empty())
}

fn read_row<'d>(line: usize, cells: &[&'d str]) -> Result<(Section, Row<'d>), String> {
    let [rule, section, files, test] = cells else {
        return Err(format!("{} cells instead of {}", cells.len(), COLUMNS.len()));
    };
    if rule.is_empty() {
        return Err("there is no rule".to_owned());
    }
    let section = read_section(section)
        .ok_or_else(|| format!("`{section}` is no section, as `§5.5.1` is"))?;
    Ok((section, Row { line, files: read_files(files)?, proof: read_proof(test)? }))
}

/// `§`, and numbers with dots between them.
fn read_section(cell: &str) -> Option<Section> {
    cell.strip_prefix('§')?.split('.').map(section_part).collect()
}

fn section_part(part: &str) -> Option<u32> {
    let is_number = !part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { part.parse().ok() } else { None }
}

fn dotted(section: &[u32]) -> String {
    section.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
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
    let tests = in_backticks(cell)?
        .into_iter()
        .map(|test| test.split_once("::").ok_or_else(|| format!("`{test}` is no `file::test`")));
    Ok(Proof::Tests(tests.collect::<Result<_, _>>()?))
}

/// What stands between backticks, and nothing else but spaces and commas in the cell.
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
