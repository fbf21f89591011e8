//! The GitHub action and the Dockerfile: the options that they pass must be options of the program.
#![cfg(all(unix, feature = "cli"))]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

const ACTION: &str = include_str!("../action.yml");
const SCRIPT: &str = include_str!("../action.sh");
const RECIPE: &str = include_str!("../Dockerfile");

const PROGRAM: &str = env!("CARGO_BIN_EXE_fullduplex-conformance");

/// What follows each `begin` in `text`, as far as letters, hyphens and underscores reach.
fn words<'t>(text: &'t str, begin: &str) -> BTreeSet<&'t str> {
    let ends = |letter: char| !(letter.is_ascii_alphabetic() || letter == '-' || letter == '_');
    let words = text.split(begin).skip(1);
    words.map(|rest| rest.split(ends).next().unwrap_or_default()).collect()
}

/// The names of the inputs that the action declares: the keys one step below `inputs`.
fn declared() -> BTreeSet<&'static str> {
    let lines = ACTION.lines().skip_while(|line| *line != "inputs:").skip(1);
    let block = lines.take_while(|line| line.starts_with(' ') || line.is_empty());
    let keys = block.filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'));
    keys.filter(|key| !key.starts_with(' ')).collect()
}

#[test]
fn each_option_of_the_action_is_one_of_the_program() {
    let help = |role: &str| {
        let output = Command::new(PROGRAM).args([role, "--help"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let (server, client) = (help("server"), help("client"));
    let options = words(SCRIPT, "--");
    assert!(options.len() > 8, "{options:?}");
    for option in options.iter().filter(|option| !option.is_empty()) {
        let option = format!("--{option}");
        // `--listen` is only for testing a client, and `--jobs` only for testing a server.
        assert!(option == "--listen" || server.contains(&option), "{option}");
        assert!(option == "--jobs" || client.contains(&option), "{option}");
    }
}

#[test]
fn each_input_of_the_action_is_declared_and_reaches_the_script() {
    let (declared, used) = (declared(), words(ACTION, "inputs."));
    assert!(declared.len() > 8, "{declared:?}");
    assert_eq!(declared, used);
    for input in declared {
        let variable = input.to_ascii_uppercase().replace('-', "_");
        assert!(ACTION.contains(&format!("{variable}: ${{{{ inputs.{input} }}}}")), "{input}");
        assert!(SCRIPT.contains(&format!("${variable}")), "{input}");
    }
}

/// Runs the action's script as its step does.
fn act(inputs: &[(&str, &str)]) -> (Option<i32>, String) {
    let suite = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("action");
    std::fs::create_dir_all(suite.join("bin")).unwrap();
    let program = suite.join("bin/fullduplex-conformance");
    // Another test may have created it already.
    let _ = std::os::unix::fs::symlink(PROGRAM, program);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/action.sh");
    let mut command = Command::new("bash");
    command.arg(script).env("SUITE", &suite);
    for input in declared() {
        let value = inputs.iter().find(|(name, _)| *name == input).map_or("", |(_, value)| *value);
        command.env(input.to_ascii_uppercase().replace('-', "_"), value);
    }
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn the_action_tests_what_it_starts_and_fails_with_it() {
    let report = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("action-report");
    let report = report.to_str().unwrap();
    let inputs = [
        ("role", "client"),
        ("command", "true {url}"),
        ("listen", "127.0.0.1:0"),
        ("cases", "1.1.1"),
        ("report", report),
    ];
    let (code, text) = act(&inputs);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("only 0 of 1 cases were run"), "{text}");
    assert!(text.contains("client --report"), "{text}");
    let server = [
        ("role", "server"),
        ("url", "ws://127.0.0.1:1/"),
        ("fail-on", "non-strict"),
        ("jobs", "1"),
        ("full", "true"),
        ("agent", "nobody"),
        ("report", report),
    ];
    let (code, text) = act(&server);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("no connection to 127.0.0.1:1"), "{text}");
}

#[test]
fn the_container_is_made_of_what_is_there() {
    assert!(RECIPE.contains("cargo install --locked --path crates/conformance --root /suite"));
    let manifest = include_str!("../Cargo.toml");
    assert!(manifest.contains("name = \"fullduplex-conformance\""));
    assert!(RECIPE.contains("/suite/bin/fullduplex-conformance"));
}
