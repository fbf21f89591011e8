//! The table at the beginning of the document: how many rules each party must obey, and what proves them.

use std::fmt::Write as _;

use super::sentences::Sentence;
use super::table::{Business, Proof, Row, Table};

/// The lines around the table.
const BEGIN: &str = "<!-- counted by `cargo xtask rules --bless` -->";
const END: &str = "<!-- end of the counts -->";

/// The counts as a table, with the lines around it.
pub(super) fn table(sentences: &[Sentence], table: &Table<'_>) -> String {
    let mut rfcs: Vec<u32> = sentences.iter().map(|sentence| sentence.rfc).collect();
    rfcs.dedup();
    let mut text = format!(
        "{BEGIN}\n\n| | {} |",
        rfcs.iter().map(u32::to_string).collect::<Vec<_>>().join(" | ")
    );
    text.push_str("\n|---|");
    text.push_str(&"---:|".repeat(rfcs.len()));
    let mut line = |title: &str, count: &dyn Fn(u32) -> usize| {
        let _ = write!(text, "\n| {title} |");
        for rfc in &rfcs {
            let _ = write!(text, " {} |", count(*rfc));
        }
    };
    let rows = |rfc: u32, is: &dyn Fn(&Row<'_>) -> bool| {
        table.rows.iter().filter(|row| row.rfc == rfc && is(row)).count()
    };
    line("sentences that demand something", &|rfc| {
        sentences.iter().filter(|sentence| sentence.rfc == rfc).count()
    });
    line("rows", &|rfc| rows(rfc, &|_| true));
    for business in Business::ALL {
        let title = format!("business of: {}", business.name());
        line(&title, &|rfc| rows(rfc, &|row| row.business == business));
    }
    line("with a test", &|rfc| rows(rfc, &|row| matches!(row.proof, Proof::Shown { .. })));
    line("with a case of the conformance suite as well", &|rfc| {
        rows(rfc, &|row| matches!(&row.proof, Proof::Shown { cases, .. } if !cases.is_empty()))
    });
    line("with a reason why there is no test", &|rfc| {
        rows(rfc, &|row| matches!(row.proof, Proof::None(_)))
    });
    text.push_str("\n\n");
    text.push_str(END);
    text
}

/// The document with its table replaced by `table`.
pub(super) fn replace(document: &str, table: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{table}{after}"))
}
