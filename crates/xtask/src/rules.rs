//! `cargo xtask rules`: each rule of the RFCs has its place in the code and its test.
//!
//! `crates/RULES.md` says which ones. Here it is checked that the files exist, that each test is a test of the file named,
//! and that sections are section numbers, in their order. Whether the test proves the rule nobody can check but a reader.

mod table;

#[cfg(test)]
mod tests;

use std::path::Path;

use crate::shell::{Outcome, fail, read, root};
use table::{Proof, Row, Table};

/// Checks the table of rules.
pub(crate) fn run() -> Outcome {
    let crates = root().join("crates");
    let document = read(&crates.join("RULES.md"))?;
    match check(&document, |file| read_below(&crates, file)) {
        Ok(summary) => {
            println!(
                "rules: {} rules, {} of them with a test, the others with a reason",
                summary.rules, summary.tested
            );
            Ok(())
        }
        Err(complaints) => fail(format!("rules:\n  {}", complaints.join("\n  "))),
    }
}

/// What was found in order.
#[derive(Debug, PartialEq, Eq)]
struct Summary {
    rules: usize,
    tested: usize,
}

/// Checks the table; complains with one sentence for each thing that is wrong. `read` gives the text of a file below
/// `crates`, if there is one.
fn check(document: &str, read: impl Fn(&str) -> Option<String>) -> Result<Summary, Vec<String>> {
    let table = Table::parse(document)?;
    let mut complaints = Vec::new();
    for row in &table.rows {
        complaints.extend(check_row(row, &read));
    }
    if complaints.is_empty() {
        let tested = table.rows.iter().filter(|row| matches!(row.proof, Proof::Tests(_))).count();
        Ok(Summary { rules: table.rows.len(), tested })
    } else {
        Err(complaints)
    }
}

fn check_row(row: &Row<'_>, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut complaints = Vec::new();
    let missing = |file: &str| format!("line {}: there is no file `{file}`", row.line);
    for file in &row.files {
        if read(file).is_none() {
            complaints.push(missing(file));
        }
    }
    let Proof::Tests(tests) = &row.proof else { return complaints };
    for (file, name) in tests {
        match read(file) {
            None => complaints.push(missing(file)),
            Some(source) if !has_test(&source, name) => {
                complaints.push(format!("line {}: `{file}` has no test `{name}`", row.line));
            }
            Some(_) => {}
        }
    }
    complaints
}

/// Whether a function of this name is marked as a test. Its text is looked at, not its syntax, for tests stand in macros,
/// too.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let is_function = |line: &str| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        let rest = line.strip_prefix("fn ").and_then(|rest| rest.strip_prefix(name));
        rest.is_some_and(|rest| rest.starts_with(['(', '<']))
    };
    let is_test = |at: usize| {
        // Attributes and documentation stand above the function, line by line.
        let above = lines.iter().take(at).rev();
        let mut above = above.take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        above.any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
    };
    lines.iter().enumerate().any(|(at, line)| is_function(line) && is_test(at))
}

/// The text of a file below `crates`. A path that leads out of it is none.
fn read_below(crates: &Path, file: &str) -> Option<String> {
    let inside = !file.is_empty() && file.split('/').all(|part| !matches!(part, "" | "." | ".."));
    inside.then(|| read(&crates.join(file)).ok()).flatten()
}
