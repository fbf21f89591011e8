//! Parses the output of cargo, and of the programs that it builds.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::version::Version;

/// One package of a tree of dependencies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) version: Version,
    /// Its folder; `None` if it comes from the registry.
    pub(super) folder: Option<PathBuf>,
}

/// The packages in the output of `cargo tree --prefix none --format {p}`, each once, by name and version.
pub(super) fn tree(text: &str) -> Vec<Node> {
    let mut nodes: Vec<Node> = text.lines().filter_map(node).collect();
    nodes.sort();
    nodes.dedup();
    nodes
}

/// One line: `name v1.2.3`, with the folder and other remarks in parentheses.
fn node(line: &str) -> Option<Node> {
    let (package, remarks) = line.split_once(" (").unwrap_or((line, ""));
    let (name, version) = package.trim().split_once(" v")?;
    let mut remarks = remarks.split(" (").map(|remark| remark.trim_end().trim_end_matches(')'));
    let folder = remarks.find(|remark| remark.contains(['/', '\\'])).map(PathBuf::from);
    Some(Node { name: name.to_owned(), version: Version::parse(version)?, folder })
}

/// The first error in the output of cargo or the compiler, on one line, with its place in the
/// sources.
pub(super) fn first_error(text: &str) -> Option<String> {
    let mut lines = text.lines();
    let error = lines.by_ref().find(|line| line.starts_with("error"))?.trim_end();
    // The place is on the next line, or further down if the message has several lines.
    let place = lines
        .by_ref()
        .take_while(|line| !line.is_empty() && !line.starts_with("error"))
        .find_map(|line| line.trim_start().strip_prefix("--> "));
    match place {
        Some(place) => Some(format!("{error} at {}", below_the_registry(place))),
        // Cargo gives the reason on the lines below: no matching version, or a missing file.
        None => {
            let reason = text.lines().skip_while(|line| !line.starts_with("error")).nth(1);
            let reason = reason.map(str::trim).filter(|line| !line.is_empty());
            Some(reason.map_or_else(|| error.to_owned(), |reason| format!("{error} {reason}")))
        }
    }
}

/// How many errors the compiler reports: lines such as `error[E0432]: ...`, without the summary.
pub(super) fn errors(text: &str) -> usize {
    let sums_up = |line: &str| {
        line.starts_with("error: could not compile") || line.starts_with("error: aborting")
    };
    text.lines().filter(|line| line.starts_with("error") && !sums_up(line)).count()
}

/// The path without the folder of the registry's sources on this machine.
fn below_the_registry(place: &str) -> &str {
    let Some((_, below)) = place.split_once("/registry/src/") else { return place };
    below.split_once('/').map_or(below, |(_, path)| path)
}

/// A program that cargo has built: tests to run, or an example.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Program {
    /// The name of its target.
    pub(super) target: String,
    pub(super) path: PathBuf,
    pub(super) is_example: bool,
}

/// The programs in the output of `cargo test --no-run --message-format=json`.
pub(super) fn test_programs(messages: &str) -> Vec<Program> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let program = |message: Value| {
        let path = PathBuf::from(message["executable"].as_str()?);
        let target = message["target"]["name"].as_str()?.to_owned();
        let is_example = message["target"]["kind"][0] == "example";
        let is_test = message["profile"]["test"] == true;
        (is_test || is_example).then_some(Program { target, path, is_example })
    };
    messages.filter_map(program).collect()
}

/// The targets that could not be compiled in the output of `cargo --message-format=json`, each with its first error.
pub(super) fn failed_targets(messages: &str) -> BTreeMap<String, String> {
    let mut failed = BTreeMap::new();
    for line in messages.lines() {
        let Ok(message) = serde_json::from_str::<Value>(line) else { continue };
        if message["message"]["level"] != "error" {
            continue;
        }
        let (target, text) = (&message["target"]["name"], &message["message"]["rendered"]);
        if let (Some(target), Some(text)) = (target.as_str(), text.as_str())
            && let Some(error) = first_error(text)
        {
            failed.entry(target.to_owned()).or_insert(error);
        }
    }
    failed
}

/// The result of one test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    Failed,
    Ignored,
}

/// The verdicts in the output of a test program, by the names of the tests.
pub(super) fn verdicts(text: &str) -> BTreeMap<String, Verdict> {
    let verdict = |line: &str| {
        let (name, verdict) = line.strip_prefix("test ")?.split_once(" ... ")?;
        // If a test must panic, the output says so after its name.
        let name = name.trim_end_matches(" - should panic").to_owned();
        match verdict.split([',', ' ']).next()? {
            "ok" => Some((name, Verdict::Passed)),
            "FAILED" => Some((name, Verdict::Failed)),
            "ignored" => Some((name, Verdict::Ignored)),
            _ => None,
        }
    };
    text.lines().filter_map(verdict).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_registry(name: &str, version: &str) -> Node {
        Node { name: name.into(), version: Version::parse(version).unwrap(), folder: None }
    }

    #[test]
    fn a_tree_names_each_package_once_with_its_folder() {
        let text = "member v0.0.0 (/scratch/ours/axum)\n\
                    axum v0.8.9\n\
                    axum-macros v0.5.1 (proc-macro)\n\
                    derive v1.0.0 (proc-macro) (/our/derive)\n\
                    tungstenite v0.29.0\n\
                    tungstenite v0.29.0 (*)\n\
                    tungstenite v0.30.100 (/our folder/tungstenite) (*)\n\n\
                    [build-dependencies]\n";
        let ours = |name, version, folder: &str| Node {
            folder: Some(folder.into()),
            ..in_registry(name, version)
        };
        assert_eq!(
            tree(text),
            [
                in_registry("axum", "0.8.9"),
                in_registry("axum-macros", "0.5.1"),
                ours("derive", "1.0.0", "/our/derive"),
                ours("member", "0.0.0", "/scratch/ours/axum"),
                in_registry("tungstenite", "0.29.0"),
                ours("tungstenite", "0.30.100", "/our folder/tungstenite"),
            ]
        );
    }

    #[test]
    fn the_first_error_of_the_compiler_comes_with_its_place() {
        let text = "warning: unused\n --> /x/a.rs:1:1\n\n\
                    error[E0432]: unresolved import `tungstenite::x`\n   \
                    --> /home/a/.cargo/registry/src/index-1/poem-3.1.12/src/ws.rs:9:5\n    |\n\n\
                    error[E0599]: no method\n --> /x/b.rs:2:1\n\n\
                    error: could not compile `poem` (lib) due to 2 previous errors\n";
        assert_eq!(
            first_error(text).unwrap(),
            "error[E0432]: unresolved import `tungstenite::x` at poem-3.1.12/src/ws.rs:9:5"
        );
        assert_eq!(errors(text), 2);
        assert_eq!(first_error("warning: unused\n"), None);
        assert_eq!(errors(""), 0);
    }

    #[test]
    fn the_first_error_of_cargo_comes_with_its_next_line() {
        let text = "error: failed to select a version for `x`.\n    ... required by package `m`\n";
        assert_eq!(
            first_error(text).unwrap(),
            "error: failed to select a version for `x`. ... required by package `m`"
        );
        assert_eq!(first_error("error: no such thing").unwrap(), "error: no such thing");
        let text = "error: one\n\nerror[E1]: two\n --> a.rs:1:1\n";
        assert_eq!(first_error(text).unwrap(), "error: one");
    }

    #[test]
    fn programs_are_told_from_other_artifacts() {
        let text = r#"
{"target":{"kind":["lib"],"name":"lib"},"profile":{"test":false},"executable":null}
{"target":{"kind":["test"],"name":"ws"},"profile":{"test":true},"executable":"/t/ws-1"}
{"target":{"kind":["bin"],"name":"tool"},"profile":{"test":false},"executable":"/t/tool"}
{"target":{"kind":["example"],"name":"echo"},"profile":{"test":false},"executable":"/t/echo"}
{"reason":"build-finished","success":true}
"#;
        let program = |target: &str, path: &str, is_example| Program {
            target: target.into(),
            path: path.into(),
            is_example,
        };
        assert_eq!(
            test_programs(text),
            [program("ws", "/t/ws-1", false), program("echo", "/t/echo", true)]
        );
    }

    #[test]
    fn each_target_that_fails_has_its_first_error() {
        let text = r#"
{"target":{"name":"a"},"message":{"level":"warning","rendered":"warning: unused\n"}}
{"target":{"name":"b"},"message":{"level":"error","rendered":"error[E2]: two\n --> b.rs:2:1\n"}}
{"target":{"name":"a"},"message":{"level":"error","rendered":"error[E1]: one\n --> a.rs:1:1\n"}}
{"target":{"name":"a"},"message":{"level":"error","rendered":"error: aborting\n"}}
"#;
        let expected = [("a", "error[E1]: one at a.rs:1:1"), ("b", "error[E2]: two at b.rs:2:1")];
        let expected = expected.map(|(target, error)| (target.to_owned(), error.to_owned()));
        assert_eq!(failed_targets(text), expected.into());
        assert!(failed_targets("error: no such version\n").is_empty());
    }

    #[test]
    fn verdicts_are_read_by_name() {
        let text = "running 5 tests\n\
                    test ws::tests::a ... ok\n\
                    test ws::tests::b ... FAILED\n\
                    test ws::tests::c ... ignored, needs a network\n\
                    test ws::tests::d - should panic ... ok\n\
                    test ws::tests::hangs ...\n\
                    test result: FAILED. 2 passed; 1 failed\n";
        let expected = [
            ("ws::tests::a", Verdict::Passed),
            ("ws::tests::b", Verdict::Failed),
            ("ws::tests::c", Verdict::Ignored),
            ("ws::tests::d", Verdict::Passed),
        ];
        assert_eq!(verdicts(text), expected.map(|(name, verdict)| (name.into(), verdict)).into());
    }
}
