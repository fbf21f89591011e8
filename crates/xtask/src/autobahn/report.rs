//! What `wstest` wrote: the verdicts in `index.json`, and a table of them.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde::Deserialize;

use super::case::CaseId;
use crate::shell::{Failure, Outcome, fail};

/// The verdict on an endpoint in one case, in the words of `wstest`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Verdict {
    /// How it behaved before the close.
    pub(crate) behavior: String,
    /// How it closed.
    #[serde(rename = "behaviorClose")]
    pub(crate) behavior_close: String,
}

impl Verdict {
    /// Whether the verdict needs no explanation.
    pub(crate) fn is_plain_ok(&self) -> bool {
        self.behavior == "OK" && self.behavior_close == "OK"
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (close: {})", self.behavior, self.behavior_close)
    }
}

/// The verdicts of one run.
pub(crate) type Verdicts = BTreeMap<CaseId, Verdict>;

/// Parses `index.json`, which must be about `agent` and no other.
pub(crate) fn parse(index: &str, agent: &str) -> Outcome<Verdicts> {
    let mut agents: BTreeMap<String, BTreeMap<String, Verdict>> = serde_json::from_str(index)
        .map_err(|error| Failure::new(format!("index.json: {error}")))?;
    let Some(cases) = agents.remove(agent) else {
        return fail(format!("index.json has no case for {agent}: nothing was run"));
    };
    if let Some(stranger) = agents.keys().next() {
        return fail(format!("index.json is also about {stranger}"));
    }
    let verdicts = cases.into_iter().map(|(name, verdict)| Ok((name.parse()?, verdict)));
    verdicts
        .collect::<Result<_, String>>()
        .map_err(|error| Failure::new(format!("index.json: {error}")))
}

/// The sections of the suite; 8 and 11 do not exist.
const SECTIONS: [(u32, &str); 11] = [
    (1, "Framing"),
    (2, "Pings/Pongs"),
    (3, "Reserved Bits"),
    (4, "Opcodes"),
    (5, "Fragmentation"),
    (6, "UTF-8 Handling"),
    (7, "Close Handling"),
    (9, "Limits/Performance"),
    (10, "Misc"),
    (12, "Compression (payloads)"),
    (13, "Compression (parameters)"),
];

/// The columns for words of `wstest`. Every other word counts as failed.
const WORDS: [&str; 4] = ["OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED"];

#[derive(Default)]
struct Counts {
    cases: usize,
    words: [usize; WORDS.len()],
    failed: usize,
    bad_close: usize,
}

impl Counts {
    fn add(&mut self, verdict: &Verdict) {
        self.cases += 1;
        match WORDS.iter().position(|word| *word == verdict.behavior) {
            Some(column) => self.words[column] += 1,
            None => self.failed += 1,
        }
        // If the close is informational, the whole case is.
        if !["OK", "INFORMATIONAL"].contains(&verdict.behavior_close.as_str()) {
            self.bad_close += 1;
        }
    }

    fn row(&self, name: &str) -> String {
        let [ok, non_strict, informational, unimplemented] = self.words;
        format!(
            "{name:<28} {:>5} {ok:>5} {non_strict:>11} {informational:>14} {unimplemented:>14} {:>7} {:>10}\n",
            self.cases, self.failed, self.bad_close
        )
    }
}

/// A table of the verdicts by section.
pub(crate) fn table(title: &str, verdicts: &Verdicts) -> String {
    let mut sections: BTreeMap<u32, Counts> = BTreeMap::new();
    let mut total = Counts::default();
    for (case, verdict) in verdicts {
        sections.entry(case.section()).or_default().add(verdict);
        total.add(verdict);
    }
    let [ok, non_strict, informational, unimplemented] = WORDS;
    let mut table = format!(
        "{title:<28} cases {ok:>5} {non_strict:>11} {informational:>14} {unimplemented:>14}  FAILED  bad close\n"
    );
    for (number, name) in SECTIONS {
        let name = format!("{number:>2} {name}");
        match sections.remove(&number) {
            Some(counts) => table += &counts.row(&name),
            None => _ = writeln!(table, "{name:<28}     - not run"),
        }
    }
    for (number, counts) in sections {
        table += &counts.row(&format!("{number:>2}"));
    }
    table + &total.row("   total")
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = r#"{ "us": {
        "1.1.1": { "behavior": "OK", "behaviorClose": "OK", "duration": 2, "remoteCloseCode": 1000 },
        "1.1.10": { "behavior": "WRONG CODE", "behaviorClose": "UNCLEAN", "duration": 2, "remoteCloseCode": null },
        "7.1.6": { "behavior": "INFORMATIONAL", "behaviorClose": "INFORMATIONAL" }
    } }"#;

    #[test]
    fn the_table_counts_by_section_and_word() {
        let table = table("server, std", &parse(INDEX, "us").unwrap());
        let row = |name: &str| {
            let line = table.lines().find(|line| line.contains(name)).unwrap();
            line[28..].split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(row("1 Framing"), "2 1 0 0 0 1 1");
        assert_eq!(row("7 Close"), "1 0 0 1 0 0 0");
        assert_eq!(row("9 Limits"), "- not run");
        assert_eq!(row("total"), "3 1 0 1 0 1 1");
    }

    #[test]
    fn a_report_about_somebody_else_is_refused() {
        assert!(parse(INDEX, "them").is_err());
        assert!(parse("{}", "us").is_err());
        assert!(parse(r#"{ "us": {}, "them": {} }"#, "us").is_err());
        assert!(
            parse(r#"{ "us": { "1.x": { "behavior": "OK", "behaviorClose": "OK" } } }"#, "us")
                .is_err()
        );
    }
}
