//! The checker on small tables made up for the purpose, and on the real one.

use super::*;

/// A document with these rows below the heading of an RFC.
fn document(rows: &[&str]) -> String {
    let rows = rows.join("\n");
    format!(
        "# Rules\n\nWords.\n\n## RFC 6455, the protocol\n\n| rule | section | file | test |\n|---|---|---|---|\n{rows}\n"
    )
}

const CODE: &str = "fn rule() {}";

const TESTS: &str = r#"
    #[test]
    fn a_rule_is_obeyed() {}

    /// Documentation.
    #[cfg(feature = "x")]
    #[tokio::test(flavor = "multi_thread")]
    // A comment.
    async fn it_is_obeyed_later() {}

    #[test]
    fn a_rule_is_obeyed_twice() {}

    fn a_helper() {}
    proptest! {
        #[test]
        fn whatever_comes(input in any::<u8>()) {}
    }
"#;

/// What the check says about these rows. Two files exist.
fn check_rows(rows: &[&str]) -> Result<Summary, Vec<String>> {
    check(&document(rows), |file| match file {
        "core/src/code.rs" => Some(CODE.to_owned()),
        "core/tests/rules.rs" => Some(TESTS.to_owned()),
        _ => None,
    })
}

/// Asserts that there is one complaint about these rows, with these words in it.
fn assert_found(rows: &[&str], words: &str) {
    let complaints = check_rows(rows).err().unwrap_or_default();
    assert!(complaints.len() == 1 && complaints[0].contains(words), "{rows:?}: {complaints:?}");
}

#[test]
fn the_rules_are_in_order() {
    let outcome = run();
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}

#[test]
fn rows_in_order_pass() {
    let summary = check_rows(&[
        "| \"MUST\" | §5.1 | `core/src/code.rs` | `core/tests/rules.rs::a_rule_is_obeyed` |",
        "| \"MUST\" | §5.1 | `core/src/code.rs` | `core/tests/rules.rs::a_rule_is_obeyed` |",
        "| \"SHOULD\" | §5.5.1 | `core/src/code.rs`, `core/tests/rules.rs` | \
         `core/tests/rules.rs::it_is_obeyed_later`, `core/tests/rules.rs::whatever_comes` |",
        "| \"MUST NOT\" | §10.3 | — | —, because nobody does |",
    ]);
    assert_eq!(summary, Ok(Summary { rules: 4, tested: 3 }));
}

#[test]
fn a_file_that_does_not_exist_is_found() {
    let test = "`core/tests/rules.rs::a_rule_is_obeyed`";
    assert_found(
        &[&format!("| x | §1 | `core/src/gone.rs` | {test} |")],
        "line 9: there is no file `core/src/gone.rs`",
    );
    assert_found(
        &["| x | §1 | — | `core/tests/gone.rs::a_rule_is_obeyed` |"],
        "no file `core/tests/gone.rs`",
    );
}

#[test]
fn a_test_that_does_not_exist_is_found() {
    for name in ["gone", "a_rule", "a_helper", "a_rule_is_obeyed_", "fn"] {
        let row = format!("| x | §1 | — | `core/tests/rules.rs::{name}` |");
        assert_found(&[&row], &format!("has no test `{name}`"));
    }
    for name in
        ["a_rule_is_obeyed", "a_rule_is_obeyed_twice", "it_is_obeyed_later", "whatever_comes"]
    {
        let row = format!("| x | §1 | — | `core/tests/rules.rs::{name}` |");
        assert!(check_rows(&[&row]).is_ok(), "{name}");
    }
}

#[test]
fn a_section_that_is_none_or_out_of_order_is_found() {
    let row = |section: &str| format!("| x | {section} | — | —, because y |");
    for section in [
        "",
        "5.1",
        "§",
        "§5.",
        "§.5",
        "§05",
        "§5..1",
        "§5.x",
        "§5.1,",
        "§ 5",
        "§+5",
        "§99999999999",
    ] {
        assert_found(&[&row(section)], "is no section");
    }
    assert!(check_rows(&[&row("§5.2"), &row("§5.2"), &row("§5.10"), &row("§5.10.1")]).is_ok());
    assert_found(&[&row("§5.10"), &row("§5.9")], "line 10: §5.9 comes after §5.10");
    // Each RFC begins anew.
    let both = format!("{}\n## RFC 7692\n\n{}\n", document(&[&row("§7")]), row("§5"));
    assert!(check(&both, |_| None).is_ok());
}

#[test]
fn a_row_that_says_too_little_is_found() {
    for (row, words) in [
        ("| x | §1 | — |", "3 cells instead of 4"),
        ("| x | §1 | — | —, because y | z |", "5 cells"),
        ("| | §1 | — | —, because y |", "there is no rule"),
        ("| x | §1 | | —, because y |", "nothing in backticks"),
        ("| x | §1 | core/src/code.rs | —, because y |", "nothing in backticks"),
        ("| x | §1 | `core/src/code.rs | —, because y |", "nothing in backticks, or half of it"),
        ("| x | §1 | `core/src/code.rs` and more | —, because y |", "`and more` stands outside"),
        ("| x | §1 | `core/tests/rules.rs::a_rule_is_obeyed` | —, because y |", "is no file"),
        ("| x | §1 | — | |", "nothing in backticks"),
        ("| x | §1 | — | — |", "`—` without `because`"),
        ("| x | §1 | — | —, because |", "`—` without `because`"),
        ("| x | §1 | — | `core/tests/rules.rs` |", "is no `file::test`"),
    ] {
        assert_found(&[row], words);
    }
}

#[test]
fn rules_of_no_rfc_and_no_rules_are_found() {
    let row = "| x | §1 | — | —, because y |";
    let complaints = check(&document(&[row]).replace("RFC 6455", "Else"), |_| None).unwrap_err();
    assert!(complaints.len() == 1 && complaints[0].contains("names an RFC"), "{complaints:?}");
    assert_eq!(check(&document(&[]), |_| None), Err(vec!["the document has no rules".to_owned()]));
}

#[test]
fn a_path_that_leads_out_of_the_crates_is_no_file() {
    let crates = root().join("crates");
    assert!(read_below(&crates, "RULES.md").is_some());
    for path in ["", "../Cargo.toml", "/etc/hostname", "./RULES.md", "xtask/../RULES.md", "xtask"] {
        assert_eq!(read_below(&crates, path), None, "{path}");
    }
}
