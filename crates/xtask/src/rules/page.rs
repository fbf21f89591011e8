//! The rules as one page of HTML that needs no other file.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::sentences::{Sentence, dotted};
use super::table::{Business, Proof, Row};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// All rows with the sentences that they quote, in a table with filters. Without its script the page shows everything.
pub(super) fn html(rows: &[(Row<'_>, Vec<&Sentence>)]) -> String {
    let mut rfcs: Vec<u32> = rows.iter().map(|(row, _)| row.rfc).collect();
    rfcs.dedup();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "What the RFCs demand" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "What the RFCs demand, and what shows it" }
                form {
                    (choice("rfc", "RFC", rfcs.iter().map(u32::to_string)))
                    (choice("business", "business of", Business::ALL.map(|it| it.name().to_owned())))
                    (choice("proof", "shown by", ["test", "case", "reason"].map(str::to_owned)))
                    label { "text " input type="search" name="text"; }
                    output {}
                }
                table {
                    thead { tr { th { "rule" } th { "business of" } th { "file" } th { "shown by" } } }
                    tbody { @for (row, sentences) in rows { (table_row(row, sentences)) } }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

/// A list for choosing one of these values, or all.
fn choice(name: &str, title: &str, values: impl IntoIterator<Item = String>) -> Markup {
    html! {
        label {
            (title) " "
            select name=(name) {
                option value="" { "all" }
                @for value in values { option { (value) } }
            }
        }
    }
}

fn table_row(row: &Row<'_>, sentences: &[&Sentence]) -> Markup {
    let proof = match &row.proof {
        Proof::Shown { cases, .. } if cases.is_empty() => "test",
        Proof::Shown { .. } => "test case",
        Proof::None(_) => "reason",
    };
    html! {
        tr data-rfc=(row.rfc) data-business=(row.business.name()) data-proof=(proof) {
            td {
                small { "RFC " (row.rfc) " §" (dotted(&row.section)) }
                p { (row.rule) }
                details {
                    summary { "in full" }
                    @for sentence in sentences {
                        blockquote {
                            (sentence.text)
                            @if !sentence.is_literal { " (in our words)" }
                        }
                    }
                }
            }
            td { (row.business.name()) }
            td { @for file in &row.files { div { code { (file) } } } }
            td {
                @match &row.proof {
                    Proof::Shown { tests, cases } => {
                        @for (file, name) in tests { div { code { (file) } " " (name.replace('_', " ")) } }
                        @for case in cases { div { "case " (case) } }
                    }
                    Proof::None(reason) => { "no test, because " (reason) }
                }
            }
        }
    }
}
