//! A report as one page of HTML that needs no other file.
//!
//! All text from a subject goes through maud, which escapes it, and through [`plain`], which makes invisible characters
//! visible. In addition, the page has a content security policy: only its own script runs, and nothing is loaded.

mod log;

use std::time::Duration;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::plain::plain;
use super::value::{Counts, Report, Tested, ended_well, rfc3339, sections};
use super::words::scale_word;
use crate::cases::{group_title, section_title};
use crate::id::CaseId;
use crate::verdict::{Behavior, BehaviorClose};
use log::Budget;

const STYLE: &str = include_str!("html/style.css");
/// The style that puts the verdicts of a case below its title, where there is no space for them
/// beside it.
const WRAP: &str = include_str!("html/wrap.css");
const SCRIPT: &str = include_str!("html/script.js");
/// The hash of the script, which the page's policy allows (CSP Level 3 §2.3.1).
const SCRIPT_HASH: &str = "sha256-1JT9Syuvr0j61/hpvBEbK3Mw/kI5HhnoBPi4oG1OtM0=";

/// The reports side by side, as one page of HTML.
///
/// It has a summary by section, and for each case a line with the verdicts on each subject. Opening a line shows what was
/// sent and expected, the rule, what was seen, and the wire log. Logs of cases that are not OK are shown as long as the page
/// stays small enough to open quickly; of the others, the beginning is shown. Its script filters and searches, but
/// everything can be read without it.
#[must_use]
pub fn html(reports: &[Report]) -> String {
    render(reports, &|_, _| None)
}

/// The page, with links to the files of cases; `name` returns the name of such a file without its extension.
pub(super) fn page(reports: &[Report], name: impl Fn(usize, &CaseId) -> String) -> String {
    render(reports, &|number, id| Some(name(number, id)))
}

/// The name of the files of a report's case, if the page is beside them.
type Name<'n> = &'n dyn Fn(usize, &CaseId) -> Option<String>;

fn render(reports: &[Report], name: Name<'_>) -> String {
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src '{SCRIPT_HASH}'; img-src data:; \
         base-uri 'none'; form-action 'none'"
    );
    let names: Vec<String> = reports.iter().map(|report| plain(&report.agent)).collect();
    let mut budget = Budget::default();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" href="data:,";
                title { (names.join(", ")) " – WebSocket conformance" }
                style { (PreEscaped(STYLE)) (PreEscaped(wrap(reports.len()))) }
            }
            body.one[reports.len() < 2] style=(format!("--n:{}", reports.len().max(1))) {
                a.skip href="#cases" { "To the cases" }
                header {
                    h1 { "WebSocket conformance" }
                    div.agents { @for report in reports { (agent(report)) } }
                }
                main {
                    (summary(reports))
                    (filter(reports))
                    (cases(reports, name, &mut budget))
                }
                footer {
                    p {
                        "Made by fullduplex-conformance. The numbers of cases in sections 1 to 13 and the words of verdicts are "
                        "those of Autobahn’s test suite."
                    }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

/// The style for screens that are too narrow for a column for each subject; with many subjects, for every screen.
fn wrap(subjects: usize) -> String {
    match subjects {
        0..=7 => format!("@media(max-width:{}rem){{{WRAP}}}", (24 + 7 * subjects).max(40)),
        _ => format!("@media all{{{WRAP}}}"),
    }
}

/// A verdict's class in the style, its sign, and its word. The sign is for readers who cannot see the colours.
const fn look(behavior: Behavior) -> (&'static str, &'static str) {
    match behavior {
        Behavior::Ok => ("ok", "✓"),
        Behavior::NonStrict => ("loose", "~"),
        Behavior::Informational => ("info", "i"),
        Behavior::Unimplemented => ("none", "–"),
        Behavior::Failed => ("failed", "✗"),
    }
}

const ALL: [Behavior; 5] = [
    Behavior::Ok,
    Behavior::NonStrict,
    Behavior::Informational,
    Behavior::Unimplemented,
    Behavior::Failed,
];

const fn number(counts: &Counts, behavior: Behavior) -> usize {
    match behavior {
        Behavior::Ok => counts.ok,
        Behavior::NonStrict => counts.non_strict,
        Behavior::Informational => counts.informational,
        Behavior::Unimplemented => counts.unimplemented,
        Behavior::Failed => counts.failed,
    }
}

/// A subject, its run, and the counts of its outcomes.
fn agent(report: &Report) -> Markup {
    let counts = report.counts();
    html! {
        section.agent {
            h2 { (plain(&report.agent)) }
            p.big { b { (counts.good) } " of " (counts.all) " as they should be" }
            (bar(&counts))
            ul.counts {
                @for behavior in ALL {
                    @let (class, sign) = look(behavior);
                    @let number = number(&counts, behavior);
                    @if number > 0 {
                        li { span class=(format!("v {class}")) { (sign) } b { (number) } " " (behavior) }
                    }
                }
                @if counts.close > 0 {
                    li { span.v.loose { "!" } b { (counts.close) } " ended otherwise than they should" }
                }
            }
            (keys(report))
            p.run {
                "A " (report.side) ", "
                time datetime=(rfc3339(report.started)) { (date(report)) }
                ", " (seconds(report.duration)) ", " (scale_word(report.scale)) ", seed " (report.seed)
                @if !report.selection.is_empty() { ", cases " (plain(&report.selection.join(" "))) }
            }
        }
    }
}

/// The keys that a client used at the beginning of more than one connection.
fn keys(report: &Report) -> Markup {
    const MOST: usize = 20;
    let keys = report.repeated_keys();
    html! {
        @if !keys.is_empty() {
            ul.keys {
                @for key in keys.iter().take(MOST) {
                    @let section = key.kind.section();
                    li {
                        span.v.failed { "✗" } " " (plain(&key.to_string())) ". " q { (key.kind.sentence()) } " "
                        @match address(section) {
                            Some(address) => a href=(address) { (section) },
                            None => (section),
                        }
                    }
                }
                @if keys.len() > MOST { li { (keys.len() - MOST) " more keys that were used again" } }
            }
        }
    }
}

/// The outcomes as a bar, beside text that says the same. Cases that went well but ended badly do not count as green.
fn bar(counts: &Counts) -> Markup {
    let ended_badly = (counts.ok + counts.informational).saturating_sub(counts.good);
    let parts = [
        ("ok", counts.ok.saturating_sub(ended_badly)),
        ("info", counts.informational),
        ("loose", counts.non_strict + ended_badly),
        ("none", counts.unimplemented),
        ("failed", counts.failed),
    ];
    html! {
        span.bar aria-hidden="true" {
            @for (class, number) in parts.into_iter().filter(|(_, number)| *number > 0) {
                i class=(class) style=(format!("flex-grow:{number}")) {}
            }
        }
    }
}

fn date(report: &Report) -> String {
    let date = chrono::DateTime::<chrono::Utc>::from(report.started);
    date.format("%-d %B %Y, %H:%M UTC").to_string()
}

fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1.0 { format!("{:.0} ms", seconds * 1000.0) } else { format!("{seconds:.1} s") }
}

/// The table of the sections.
fn summary(reports: &[Report]) -> Markup {
    html! {
        section.summary aria-labelledby="summary" {
            h2 #summary { "By section" }
            div.wide tabindex="0" role="region" aria-labelledby="summary" {
                table {
                    thead {
                        tr {
                            th scope="col" colspan="2" { "Section" }
                            @for report in reports { th.n scope="col" { (plain(&report.agent)) } }
                        }
                    }
                    tbody {
                        @for (section, ids) in sections(reports) {
                            tr {
                                th.id scope="row" { a href=(format!("#section-{section}")) { (section) } }
                                td { (section_title(&section)) }
                                @for report in reports {
                                    @let counts: Counts = ids
                                        .iter()
                                        .filter_map(|id| report.get(id))
                                        .map(|tested| &tested.outcome)
                                        .collect();
                                    td.n {
                                        @if counts.all == 0 { "–" } @else {
                                            @if counts.good == counts.all { (counts.all) } @else {
                                                b { (counts.good) } "/" (counts.all)
                                            }
                                            (bar(&counts))
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The classes of a line: the verdicts of all subjects on its case.
fn classes(tested: &[Option<&Tested>]) -> String {
    let mut classes: Vec<&str> = Vec::new();
    for outcome in tested.iter().flatten().map(|tested| &tested.outcome) {
        classes.push(look(outcome.behavior).0);
        if !ended_well(outcome.behavior_close) {
            classes.push("close");
        }
        if !outcome.is_ok() {
            classes.push("bad");
        }
    }
    classes.sort_unstable();
    classes.dedup();
    classes.join(" ")
}

/// What the script filters by: a class of lines, and what it is called.
const FILTERS: [(&str, &str); 8] = [
    ("", "All"),
    ("bad", "Not as they should be"),
    ("failed", "Failed"),
    ("loose", "Non-strict"),
    ("info", "Informational"),
    ("none", "Unimplemented"),
    ("close", "Wrong end"),
    ("ok", "OK"),
];

/// The controls. They do nothing without the script, which is what shows them.
fn filter(reports: &[Report]) -> Markup {
    let sections = sections(reports);
    let lines: Vec<String> =
        sections.iter().flat_map(|(_, ids)| ids).map(|id| classes(&row(reports, id))).collect();
    html! {
        form #filter hidden role="search" aria-label="Filter the cases" {
            fieldset {
                legend { "Verdict on any subject" }
                @for (class, words) in FILTERS {
                    @let number =
                        lines.iter().filter(|line| class.is_empty() || line.split(' ').any(|one| one == class)).count();
                    @if number > 0 || class.is_empty() {
                        label {
                            input type="radio" name="v" value=(class) checked[class.is_empty()];
                            span { (words) " " b { (number) } }
                        }
                    }
                }
            }
            label { "Section"
                select name="s" {
                    option value="" { "All" }
                    @for (section, _) in &sections {
                        option value=(section) { (section) " " (section_title(section)) }
                    }
                }
            }
            label { "Search" input type="search" name="q" placeholder="number, title or words" autocomplete="off" spellcheck="false"; }
            span.do {
                button type="button" name="open" { "Open those shown" }
                button type="button" name="close" { "Close all" }
                button type="reset" { "Show all" }
            }
            output #shown {}
        }
    }
}

fn row<'r>(reports: &'r [Report], id: &CaseId) -> Vec<Option<&'r Tested>> {
    reports.iter().map(|report| report.get(id)).collect()
}

fn cases(reports: &[Report], name: Name<'_>, budget: &mut Budget) -> Markup {
    html! {
        div #cases tabindex="-1" {
            div.cols aria-hidden="true" {
                span { "Case" }
                span {}
                @for report in reports { span { (plain(&report.agent)) } }
            }
            @for (section, ids) in sections(reports) {
                section.sec #(format!("section-{section}")) data-s=(section) {
                    h2 { (section) " " (section_title(&section)) }
                    @for group in ids.chunk_by(|one, other| one.group() == other.group()) {
                        div.grp {
                            @if let Some(first) = group.first() && first.group() != section {
                                h3 { (first.group()) " " (group_title(first)) }
                            }
                            @for id in group { (case(reports, id, name, budget)) }
                        }
                    }
                }
            }
        }
    }
}

/// A line with the verdicts, and the details that it opens.
fn case(reports: &[Report], id: &CaseId, name: Name<'_>, budget: &mut Budget) -> Markup {
    let row = row(reports, id);
    let Some(words) = row.iter().flatten().next() else { return html! {} };
    let rule = html! { (words.section) };
    html! {
        details class=(format!("case {}", classes(&row))) {
            summary {
                span.id { (id) }
                span.t { (words.title) }
                @for (report, tested) in reports.iter().zip(&row) { (cell(report, *tested)) }
            }
            div.part {
                a.here href=(format!("#{id}")) { "Link to " (id) }
                // A link to this element makes the browser open the details around it.
                dl #(id.to_string()) {
                    dt { "Sent" } dd { (words.sends) }
                    dt { "Expected" } dd { (words.expects) }
                    dt { "Rule" }
                    dd {
                        span.level { (words.level) } " " q { (words.sentence) } " "
                        @match address(&words.section) {
                            Some(address) => a href=(address) { (rule) },
                            None => (rule),
                        }
                    }
                    @if let Some(note) = &words.differs { dt { "Autobahn" } dd { (note) } }
                }
                @for (number, (report, tested)) in reports.iter().zip(&row).enumerate() {
                    @if let Some(tested) = tested {
                        (seen(report, tested, name(number, id), budget))
                    }
                }
            }
        }
    }
}

/// The verdicts on one subject.
fn cell(report: &Report, tested: Option<&Tested>) -> Markup {
    let agent = html! { span.a { (plain(&report.agent)) } };
    let Some(outcome) = tested.map(|tested| &tested.outcome) else {
        return html! { span.v.not { (agent) b { "not run" } } };
    };
    let (class, sign) = look(outcome.behavior);
    html! {
        span class=(format!("v {class}")) {
            (agent) b { (sign) " " (outcome.behavior) } (end(outcome.behavior_close, outcome.remote_close_code))
        }
    }
}

/// How the connection ended, in a word and the code of the subject's Close.
fn end(close: BehaviorClose, code: Option<u16>) -> Markup {
    let well = ended_well(close);
    html! {
        @if !well || code.is_some() {
            small {
                @if !well { "end: " (close) " " }
                @if let Some(code) = code { (code) }
            }
        }
    }
}

/// What one subject was seen to do.
fn seen(report: &Report, tested: &Tested, name: Option<String>, budget: &mut Budget) -> Markup {
    let outcome = &tested.outcome;
    let (class, sign) = look(outcome.behavior);
    html! {
        section.seen {
            h4 {
                (plain(&report.agent)) " "
                span class=(format!("v {class}")) { b { (sign) " " (outcome.behavior) } (end(outcome.behavior_close, None)) }
                " " span.took { (seconds(outcome.duration)) }
            }
            p { (plain(&outcome.observed)) " " (plain(&outcome.observed_close)) }
            (log::log(tested, name, budget))
        }
    }
}

/// Where a section of an RFC can be read: `RFC 6455 §5.5` and nothing else.
fn address(section: &str) -> Option<String> {
    let (rfc, section) = section.strip_prefix("RFC ")?.split_once(" §")?;
    let numbers = |text: &str, dots| {
        text.bytes().all(|letter| letter.is_ascii_digit() || (dots && letter == b'.'))
    };
    (numbers(rfc, false) && numbers(section, true))
        .then(|| format!("https://www.rfc-editor.org/rfc/rfc{rfc}#section-{section}"))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sha2::Digest;

    use super::*;

    #[test]
    fn the_policy_of_the_page_knows_its_script() {
        let hash = STANDARD.encode(sha2::Sha256::digest(SCRIPT));
        assert_eq!(SCRIPT_HASH.strip_prefix("sha256-"), Some(&*hash));
    }

    #[test]
    fn a_rule_leads_to_its_section() {
        let there = "https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1";
        assert_eq!(address("RFC 6455 §5.5.1").as_deref(), Some(there));
        assert_eq!(address("RFC 6455 §5, §6"), None);
        assert_eq!(address("nothing"), None);
    }
}
