//! `autobahn/expected.json`: every case that is not plainly OK, with its reason.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::case::CaseId;
use super::report::{Verdict, Verdicts};
use super::spec::Role;
use crate::shell::{Failure, Outcome, fail};

/// The verdicts that are expected of a run. A case that is not listed must be plainly OK.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    /// How many cases a run without `--cases` has, so that no case can disappear unnoticed.
    cases: usize,
    server: BTreeMap<CaseId, Exception>,
    client: BTreeMap<CaseId, Exception>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    behavior: String,
    #[serde(rename = "behaviorClose")]
    behavior_close: String,
    reason: String,
}

impl Exception {
    fn verdict(&self) -> Verdict {
        Verdict { behavior: self.behavior.clone(), behavior_close: self.behavior_close.clone() }
    }
}

impl Expected {
    /// Parses the file. An entry without a reason, or for a verdict that is plainly OK, is refused.
    pub(crate) fn parse(text: &str) -> Outcome<Self> {
        let expected: Self = serde_json::from_str(text)
            .map_err(|error| Failure::new(format!("expected.json: {error}")))?;
        for (case, exception) in expected.server.iter().chain(&expected.client) {
            if exception.verdict().is_plain_ok() {
                return fail(format!(
                    "expected.json: {case} is expected to be OK, and need not be listed"
                ));
            }
            if exception.reason.trim().is_empty() {
                return fail(format!("expected.json: {case} has no reason"));
            }
        }
        Ok(expected)
    }

    /// The differences between the verdicts and what is expected, as sentences.
    ///
    /// `asked` are the cases that `wstest` announced; `everything` says that the run was not
    /// limited to some of them.
    pub(crate) fn compare(
        &self,
        role: Role,
        asked: &BTreeSet<CaseId>,
        found: &Verdicts,
        everything: bool,
    ) -> Vec<String> {
        let listed = match role {
            Role::Server => &self.server,
            Role::Client => &self.client,
        };
        let mut differences = Vec::new();
        if asked.is_empty() {
            differences.push("no case was run".to_owned());
        }
        for case in asked {
            differences.extend(difference(case, found.get(case), listed.get(case)));
        }
        for case in found.keys().filter(|case| !asked.contains(case)) {
            differences.push(format!("{case} is in index.json, but wstest did not announce it"));
        }
        if everything {
            if asked.len() != self.cases {
                differences.push(format!(
                    "wstest announced {} cases, {} are expected",
                    asked.len(),
                    self.cases
                ));
            }
            for case in listed.keys().filter(|case| !asked.contains(case)) {
                differences.push(format!("{case} is listed, but wstest did not announce it"));
            }
        }
        differences
    }
}

fn difference(
    case: &CaseId,
    found: Option<&Verdict>,
    listed: Option<&Exception>,
) -> Option<String> {
    let Some(found) = found else {
        return Some(format!("{case} was announced, but is missing from index.json"));
    };
    match listed {
        None if found.is_plain_ok() => None,
        None => Some(format!("{case} is {found}, and is not listed")),
        Some(exception) if exception.verdict() == *found => None,
        Some(_) if found.is_plain_ok() => {
            Some(format!("{case} is plainly OK now: its entry has to go"))
        }
        Some(exception) => {
            Some(format!("{case} is {found}, but is listed as {}", exception.verdict()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::report;
    use super::*;

    const EXPECTED: &str = r#"{
        "cases": 3,
        "server": {
            "7.1.6": { "behavior": "INFORMATIONAL", "behaviorClose": "INFORMATIONAL", "reason": "so for everyone" }
        },
        "client": {}
    }"#;

    const ALL: [&str; 3] = ["1.1.1", "1.1.2", "7.1.6"];

    /// The differences for our server, for these announced cases and these verdicts.
    fn compare(asked: &[&str], index: &[(&str, &str, &str)], everything: bool) -> Vec<String> {
        let cases: Vec<String> = index
            .iter()
            .map(|(case, behavior, close)| {
                format!(r#""{case}": {{ "behavior": "{behavior}", "behaviorClose": "{close}", "duration": 1 }}"#)
            })
            .collect();
        let found =
            report::parse(&format!(r#"{{ "us": {{ {} }} }}"#, cases.join(", ")), "us").unwrap();
        let asked = asked.iter().map(|case| case.parse().unwrap()).collect();
        Expected::parse(EXPECTED).unwrap().compare(Role::Server, &asked, &found, everything)
    }

    const OK_1: (&str, &str, &str) = ("1.1.1", "OK", "OK");
    const OK_2: (&str, &str, &str) = ("1.1.2", "OK", "OK");
    const INFORMATIONAL: (&str, &str, &str) = ("7.1.6", "INFORMATIONAL", "INFORMATIONAL");

    #[test]
    fn a_run_as_expected_has_no_difference() {
        assert!(compare(&ALL, &[OK_1, OK_2, INFORMATIONAL], true).is_empty());
    }

    #[test]
    fn a_case_that_fails_and_is_not_listed_is_a_difference() {
        let differences = compare(&ALL, &[OK_1, ("1.1.2", "FAILED", "OK"), INFORMATIONAL], true);
        assert_eq!(differences, ["1.1.2 is FAILED (close: OK), and is not listed"]);
    }

    #[test]
    fn a_bad_close_alone_is_a_difference() {
        let differences = compare(&ALL, &[OK_1, ("1.1.2", "OK", "UNCLEAN"), INFORMATIONAL], true);
        assert_eq!(differences, ["1.1.2 is OK (close: UNCLEAN), and is not listed"]);
    }

    #[test]
    fn a_listed_case_that_turned_out_ok_is_a_difference() {
        let differences = compare(&ALL, &[OK_1, OK_2, ("7.1.6", "OK", "OK")], true);
        assert_eq!(differences, ["7.1.6 is plainly OK now: its entry has to go"]);
    }

    #[test]
    fn a_listed_case_with_another_verdict_is_a_difference() {
        let differences = compare(&ALL, &[OK_1, OK_2, ("7.1.6", "INFORMATIONAL", "FAILED")], true);
        assert_eq!(differences.len(), 1);
        assert!(differences[0].contains("but is listed as INFORMATIONAL"));
    }

    #[test]
    fn a_case_that_did_not_run_is_a_difference() {
        let differences = compare(&ALL, &[OK_1, INFORMATIONAL], true);
        assert_eq!(differences, ["1.1.2 was announced, but is missing from index.json"]);
        let differences = compare(&ALL, &[OK_1, OK_2], true);
        assert_eq!(differences, ["7.1.6 was announced, but is missing from index.json"]);
    }

    #[test]
    fn a_suite_that_shrank_is_a_difference() {
        assert_eq!(
            compare(&["1.1.1"], &[OK_1], true),
            [
                "wstest announced 1 cases, 3 are expected",
                "7.1.6 is listed, but wstest did not announce it"
            ]
        );
    }

    #[test]
    fn a_run_without_a_case_is_a_difference() {
        assert_eq!(compare(&[], &[], false), ["no case was run"]);
    }

    #[test]
    fn a_case_nobody_asked_for_is_a_difference() {
        assert_eq!(
            compare(&["1.1.1"], &[OK_1, OK_2], false),
            ["1.1.2 is in index.json, but wstest did not announce it"]
        );
    }

    #[test]
    fn what_was_not_picked_out_is_not_compared() {
        assert!(compare(&["1.1.1"], &[OK_1], false).is_empty());
    }

    #[test]
    fn the_file_is_refused_when_an_entry_says_nothing() {
        let with = |entry: &str| {
            Expected::parse(&format!(
                r#"{{ "cases": 1, "server": {{ {entry} }}, "client": {{}} }}"#
            ))
        };
        assert!(
            with(
                r#""1.1.1": { "behavior": "NON-STRICT", "behaviorClose": "OK", "reason": "late" }"#
            )
            .is_ok()
        );
        assert!(
            with(r#""1.1.1": { "behavior": "NON-STRICT", "behaviorClose": "OK", "reason": " " }"#)
                .is_err()
        );
        assert!(with(r#""1.1.1": { "behavior": "NON-STRICT", "behaviorClose": "OK" }"#).is_err());
        assert!(
            with(r#""1.1.1": { "behavior": "OK", "behaviorClose": "OK", "reason": "fine" }"#)
                .is_err()
        );
        assert!(
            with(r#""one": { "behavior": "NON-STRICT", "behaviorClose": "OK", "reason": "late" }"#)
                .is_err()
        );
    }

    #[test]
    fn the_file_in_the_repository_can_be_read() {
        let path = crate::shell::root().join("autobahn/expected.json");
        Expected::parse(&crate::shell::read(&path).unwrap()).unwrap();
    }
}
