//! `cargo xtask rules`: each sentence of the RFCs that demands something must have a row, and each row its proof.
//!
//! The rows are in `crates/RULES.md`. This checks that they cover each sentence of the lists in this folder, and that what
//! they name exists: the sentences they quote, the files, and each test in its file. The counts at the beginning of the
//! document are checked as well. Only a reader can check whether a test proves its rule. A test of the conformance suite
//! (`crates/conformance/tests/rules.rs`) checks that its cases exist, and that our endpoints pass them.

mod page;
mod sentences;
mod summary;
mod table;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use clap::Args;

use crate::shell::{Outcome, fail, read, root, write};
use sentences::{Coverage, Sentence, dotted};
use table::{Proof, Row, Table};

/// What to do in addition to checking.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Updates the counts at the beginning of RULES.md
    #[arg(long)]
    bless: bool,
    /// Writes all rules to this file, as a page for browsers
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Checks the table of rules.
pub(crate) fn run(options: &Options) -> Outcome {
    let crates = root().join("crates");
    let path = crates.join("RULES.md");
    let mut document = read(&path)?;
    let listed = |complaints: Vec<String>| format!("rules:\n  {}", complaints.join("\n  "));
    let sentences = match sentences::all() {
        Ok(sentences) => sentences,
        Err(complaints) => return fail(listed(complaints)),
    };
    if options.bless
        && let Ok(table) = Table::parse(&document)
        && let Some(blessed) = summary::replace(&document, &summary::table(&sentences, &table))
    {
        write(&path, &blessed)?;
        document = blessed;
    }
    match check(&document, &sentences, |file| read_below(&crates, file)) {
        Ok(checked) => {
            if let Some(path) = &options.html {
                write(path, &page::html(&checked.rows))?;
            }
            let tested = checked.rows.iter().filter(|(row, _)| row.proof.is_shown()).count();
            println!(
                "rules: {} sentences, {} rows, {tested} of them with a test, the others with a reason",
                sentences.len(),
                checked.rows.len()
            );
            Ok(())
        }
        Err(complaints) => fail(listed(complaints)),
    }
}

/// A valid document: each row, with the sentences that it quotes.
#[derive(Debug)]
struct Checked<'d> {
    rows: Vec<(Row<'d>, Vec<&'d Sentence>)>,
}

/// Checks the document. Returns one sentence for each fault. `read` returns the text of a file below `crates`, if it exists.
fn check<'d>(
    document: &'d str,
    sentences: &'d [Sentence],
    read: impl Fn(&str) -> Option<String>,
) -> Result<Checked<'d>, Vec<String>> {
    let table = Table::parse(document)?;
    let counts = summary::table(sentences, &table);
    let mut complaints = Vec::new();
    let mut coverage = Coverage::new(sentences);
    let mut rows = Vec::new();
    for row in table.rows {
        let mut quoted = Vec::new();
        for quotation in &row.quotations {
            match coverage.add(quotation, row.rfc, &row.section) {
                Ok(sentence) => quoted.push(sentence),
                Err(complaint) => complaints.push(format!("line {}: {complaint}", row.line)),
            }
        }
        complaints.extend(check_row(&row, &read));
        quoted.dedup_by_key(|sentence| &raw const **sentence);
        rows.push((row, quoted));
    }
    complaints.extend(coverage.lacking().map(|Sentence { rfc, section, text, .. }| {
        format!("no row quotes the key words of RFC {rfc} §{}: {text}", dotted(section))
    }));
    if complaints.is_empty() && !document.contains(&counts) {
        complaints
            .push("the counts are not those of the rows: `cargo xtask rules --bless`".to_owned());
    }
    if complaints.is_empty() { Ok(Checked { rows }) } else { Err(complaints) }
}

fn check_row(row: &Row<'_>, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut complain = |what: String| complaints.push(format!("line {}: {what}", row.line));
    let missing = |file: &str| format!("there is no file `{file}`");
    for file in &row.files {
        if read(file).is_none() {
            complain(missing(file));
        }
    }
    let Proof::Shown { tests, .. } = &row.proof else { return complaints };
    // A rule for our code needs a file that obeys it, not only a test.
    let folders = row.business.folders();
    let is_ours = |file: &str| folders.iter().any(|folder| file.starts_with(folder));
    if !folders.is_empty() && !row.files.iter().any(|file| is_ours(file)) {
        complain(format!("business of the {}, without a file of it", row.business.name()));
    }
    for (file, name) in tests {
        match read(file) {
            None => complain(missing(file)),
            Some(source) if !has_test(&source, name) => {
                complain(format!("`{file}` has no test `{name}`"));
            }
            Some(_) => {}
        }
    }
    complaints
}
/// Whether a function with this name is marked as a test. This searches the text and does not parse it, because tests may be
/// inside macros.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let is_function = |line: &str| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        let rest = line.strip_prefix("fn ").and_then(|rest| rest.strip_prefix(name));
        rest.is_some_and(|rest| rest.starts_with(['(', '<']))
    };
    let is_test = |at: usize| {
        // Attributes and documentation are on the lines above the function.
        let above = lines.iter().take(at).rev();
        let mut above = above.take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        above.any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
    };
    lines.iter().enumerate().any(|(at, line)| is_function(line) && is_test(at))
}

/// The text of a file below `crates`; `None` for a path that leads out of it.
fn read_below(crates: &Path, file: &str) -> Option<String> {
    let inside = !file.is_empty() && file.split('/').all(|part| !matches!(part, "" | "." | ".."));
    inside.then(|| read(&crates.join(file)).ok()).flatten()
}
