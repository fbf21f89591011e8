//! Tells `wstest` what to run.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::{Value, json};

use super::case::CaseId;
use super::certificate::Certificate;
use crate::shell::{Failure, Outcome, fail, read, root, write};

/// Our side of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Our server, and `wstest -m fuzzingclient`
    Server,
    /// Our client, and `wstest -m fuzzingserver`
    Client,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "server",
            Self::Client => "client",
        })
    }
}

/// The cases to run, as patterns of `wstest`.
pub(crate) struct Selection {
    patterns: Vec<String>,
}

impl Selection {
    /// The cases that match one of the patterns; without a pattern, all of them.
    pub(crate) fn new(patterns: &[String]) -> Outcome<Self> {
        for pattern in patterns {
            if !pattern.starts_with(|c: char| c.is_ascii_digit() || c == '*')
                || pattern.contains(|c: char| !c.is_ascii_digit() && c != '.' && c != '*')
            {
                return fail(format!(
                    "`{pattern}` is not a pattern of cases, such as 6.4.1 or 6.4.* or *"
                ));
            }
        }
        Ok(Self { patterns: patterns.to_vec() })
    }

    /// Whether all cases are selected.
    pub(crate) fn is_everything(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Fails if there are no cases, or none for one of the patterns: a mistyped pattern must not
    /// pass for a run without findings.
    pub(crate) fn check(&self, cases: &BTreeSet<CaseId>) -> Outcome {
        if cases.is_empty() {
            return fail("there is no such case");
        }
        let idle = self
            .patterns
            .iter()
            .find(|pattern| !cases.iter().any(|case| matches(pattern, &case.to_string())));
        idle.map_or(Ok(()), |pattern| fail(format!("no case matches `{pattern}`")))
    }

    fn cases(&self) -> Value {
        if self.is_everything() { json!(["*"]) } else { json!(self.patterns) }
    }
}

/// Whether the pattern matches the case as in `wstest`: `*` matches anything, and if there is one,
/// what follows the match is ignored.
pub(crate) fn matches(pattern: &str, case: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == case,
        Some((before, after)) => {
            case.strip_prefix(before).is_some_and(|rest| occurs_in_order(after, rest))
        }
    }
}

fn occurs_in_order(pattern: &str, mut text: &str) -> bool {
    pattern.split('*').all(|piece| match text.find(piece) {
        Some(at) => {
            text = &text[at + piece.len()..];
            true
        }
        None => false,
    })
}

/// Writes the specification for `wstest -m fuzzingclient`, which connects to the server at `url`.
pub(crate) fn for_server(
    folder: &Path,
    selection: &Selection,
    agent: &str,
    url: &str,
) -> Outcome<PathBuf> {
    let mut spec = template("fuzzingclient.json")?;
    spec["servers"] = json!([{ "agent": agent, "url": url }]);
    finish(spec, folder, selection)
}

/// Writes the specification for `wstest -m fuzzingserver`, which listens at `url`: a `wss` URL if
/// there is a certificate.
pub(crate) fn for_client(
    folder: &Path,
    selection: &Selection,
    url: &str,
    certificate: Option<&Certificate>,
) -> Outcome<PathBuf> {
    let mut spec = template("fuzzingserver.json")?;
    spec["url"] = json!(url);
    if let Some(certificate) = certificate {
        spec["cert"] = json!(certificate.path);
        spec["key"] = json!(certificate.key);
    }
    finish(spec, folder, selection)
}

fn template(name: &str) -> Outcome<Value> {
    let path = root().join("autobahn/config").join(name);
    serde_json::from_str(&read(&path)?)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

fn finish(mut spec: Value, folder: &Path, selection: &Selection) -> Outcome<PathBuf> {
    spec["outdir"] = json!(folder);
    spec["cases"] = selection.cases();
    let path = folder.join("spec.json");
    write(&path, &format!("{spec:#}\n"))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::{env, process};

    use super::*;

    fn selection(patterns: &[&str]) -> Outcome<Selection> {
        Selection::new(&patterns.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn patterns_match_as_in_wstest() {
        assert!(matches("*", "6.4.1"));
        assert!(matches("6.4.*", "6.4.1"));
        assert!(matches("1.*.1", "1.2.1"));
        assert!(matches("6.4.1", "6.4.1"));
        assert!(!matches("1.*", "10.1.1"));
        assert!(!matches("6.4", "6.4.1"));
    }

    #[test]
    fn a_pattern_without_a_case_is_a_failure() {
        let cases = BTreeSet::from(["6.4.1".parse().unwrap()]);
        assert!(selection(&["6.4.*"]).unwrap().check(&cases).is_ok());
        assert!(selection(&["6.4.*", "6.5.*"]).unwrap().check(&cases).is_err());
    }

    #[test]
    fn wstest_is_given_a_certificate_for_tls_alone() {
        let folder = env::temp_dir().join(format!("xtask-spec-{}", process::id()));
        crate::shell::empty_folder(&folder).unwrap();
        let spec = |url: &str, certificate: Option<&Certificate>| -> Value {
            let path = for_client(&folder, &selection(&[]).unwrap(), url, certificate).unwrap();
            serde_json::from_str(&read(&path).unwrap()).unwrap()
        };

        let plain = spec("ws://127.0.0.1:9001", None);
        assert_eq!((plain.get("cert"), plain.get("key")), (None, None));

        let certificate = Certificate { path: "certificate.pem".into(), key: "key.pem".into() };
        let secure = spec("wss://127.0.0.1:9001", Some(&certificate));
        assert_eq!(secure["url"], "wss://127.0.0.1:9001");
        assert_eq!(
            (&secure["cert"], &secure["key"]),
            (&json!("certificate.pem"), &json!("key.pem"))
        );
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_no_pattern_is_a_failure() {
        assert!(selection(&["1.*", "2.1"]).is_ok());
        assert!(selection(&["framing"]).is_err());
    }
}
