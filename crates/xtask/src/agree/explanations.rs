//! `crates/conformance/agree.json`: why the two suites have different verdicts.

use std::fmt;

use serde::Deserialize;

use crate::autobahn::{CaseId, Role, Verdict, matches};
use crate::shell::{Failure, Outcome, fail};

/// A case in which the two suites have different verdicts.
pub(super) struct Difference {
    pub(super) endpoint: String,
    pub(super) role: Role,
    pub(super) case: CaseId,
    pub(super) wstest: Verdict,
    pub(super) ours: Verdict,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, role, case, wstest, ours } = self;
        write!(f, "{endpoint}, {role}, {case}: wstest says {wstest}, we say {ours}")
    }
}

/// All explanations, each with whether it was needed.
pub(super) struct Explanations(Vec<(Explanation, bool)>);

/// Which suite is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Right {
    Wstest,
    ThisSuite,
    /// The RFC allows both views.
    Both,
    /// The endpoint behaves differently each time.
    Varies,
}

/// Why the verdicts differ.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Explanation {
    /// Patterns of cases, as in wstest.
    cases: Vec<String>,
    /// Names of endpoints; empty for all of them.
    #[serde(default)]
    endpoints: Vec<String>,
    /// The role; `None` for both.
    role: Option<String>,
    /// The verdicts of wstest, each as BEHAVIOR / BEHAVIOR OF THE CLOSE, where `*` matches any.
    wstest: Vec<String>,
    /// Ours.
    ours: Vec<String>,
    right: Right,
    why: String,
    /// The sentence of the RFC that decides it.
    rule: String,
}

impl Explanations {
    /// Parses the file. An explanation without a reason or a rule is refused.
    pub(super) fn parse(text: &str) -> Outcome<Self> {
        let explanations: Vec<Explanation> = serde_json::from_str(text)
            .map_err(|error| Failure::new(format!("agree.json: {error}")))?;
        for explanation in &explanations {
            if explanation.cases.is_empty() || explanation.why.trim().is_empty() {
                return fail(format!("agree.json: {} is not explained", explanation.name()));
            }
            if explanation.rule.trim().is_empty() {
                return fail(format!("agree.json: {} names no rule", explanation.name()));
            }
        }
        Ok(Self(explanations.into_iter().map(|explanation| (explanation, false)).collect()))
    }

    /// Whether the difference is explained. If it is, records that the explanation is needed.
    pub(super) fn explain(&mut self, difference: &Difference) -> bool {
        let found = self.0.iter_mut().find(|(explanation, _)| explanation.covers(difference));
        found.map(|(_, is_needed)| *is_needed = true).is_some()
    }

    /// The explanations that the endpoints that were run have not needed, as sentences.
    pub(super) fn idle(&self, was_run: impl Fn(&str) -> bool) -> Vec<String> {
        let idle = self.0.iter().filter(|(explanation, is_needed)| {
            let endpoints = &explanation.endpoints;
            // An endpoint that varies may give equal verdicts this time.
            !is_needed
                && explanation.right != Right::Varies
                && (endpoints.is_empty() || endpoints.iter().any(|name| was_run(name)))
        });
        idle.map(|(explanation, _)| {
            format!("agree.json explains {}, but nothing needs it", explanation.name())
        })
        .collect()
    }
}

impl Explanation {
    fn covers(&self, difference: &Difference) -> bool {
        let case = difference.case.to_string();
        self.cases.iter().any(|pattern| matches(pattern, &case))
            && (self.endpoints.is_empty() || self.endpoints.contains(&difference.endpoint))
            && self.role.as_ref().is_none_or(|role| *role == difference.role.to_string())
            && covers(&self.wstest, &difference.wstest)
            && covers(&self.ours, &difference.ours)
    }

    fn name(&self) -> String {
        let of = |names: &[String]| names.join(", ");
        let endpoints =
            if self.endpoints.is_empty() { "every endpoint".into() } else { of(&self.endpoints) };
        format!("{} of {endpoints}", of(&self.cases))
    }
}

fn covers(patterns: &[String], verdict: &Verdict) -> bool {
    let covers = |pattern: &str, word: &str| pattern == "*" || pattern == word;
    patterns.iter().any(|pattern| {
        pattern.split_once(" / ").is_some_and(|(behavior, close)| {
            covers(behavior, &verdict.behavior) && covers(close, &verdict.behavior_close)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"[{
        "cases": ["6.4.*"], "endpoints": ["ws"], "role": "server",
        "wstest": ["NON-STRICT / *"], "ours": ["OK / OK"],
        "right": "this-suite", "why": "a reason", "rule": "RFC 6455 §8.1: a sentence"
    }]"#;

    fn difference(endpoint: &str, case: &str, wstest: &str) -> Difference {
        let verdict =
            |behavior: &str| Verdict { behavior: behavior.into(), behavior_close: "OK".into() };
        Difference {
            endpoint: endpoint.into(),
            role: Role::Server,
            case: case.parse().unwrap(),
            wstest: verdict(wstest),
            ours: verdict("OK"),
        }
    }

    #[test]
    fn only_the_difference_that_is_meant_is_explained() {
        let mut explanations = Explanations::parse(FILE).unwrap();
        assert!(!explanations.explain(&difference("beast", "6.4.1", "NON-STRICT")));
        assert!(!explanations.explain(&difference("ws", "6.3.1", "NON-STRICT")));
        assert!(!explanations.explain(&difference("ws", "6.4.1", "FAILED")));
        assert_eq!(explanations.idle(|name| name == "ws").len(), 1);
        assert!(explanations.idle(|name| name == "beast").is_empty());
        assert!(explanations.explain(&difference("ws", "6.4.1", "NON-STRICT")));
        assert!(explanations.idle(|name| name == "ws").is_empty());
    }

    #[test]
    fn an_explanation_without_a_reason_is_refused() {
        assert!(Explanations::parse(&FILE.replace("a reason", " ")).is_err());
        assert!(Explanations::parse(&FILE.replace("RFC 6455 §8.1: a sentence", "")).is_err());
        assert!(Explanations::parse(&FILE.replace("this-suite", "nobody")).is_err());
    }
}
