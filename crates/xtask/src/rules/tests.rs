//! The checker on small invented tables and lists, and on the real ones.

use super::table::Business;
use super::*;

/// A list of sentences.
const LIST: &str = "\
# A comment.

§3 An endpoint MUST do the first thing when it is asked for it [RFC2616], and SHOULD NOT do the second thing before that.
§5.1 A 'frame' has no more than one header and then its payload.
§5.1 ~In our words: an endpoint MUST keep all of its promises.
§5.10 It SHOULD do so.
";

/// Rows that quote all of the list.
const ROWS: [&str; 4] = [
    "| \"MUST do the first thing when it is asked for it\"; \"when ..., and SHOULD NOT do the second thing\", sent | §3 | library | `fullduplex/src/code.rs` | `core/tests/rules.rs::a_rule_is_obeyed`, `case 5.1`, `case 6.*` |",
    "| \"A 'frame' has ... its payload.\"; we add: only one | §5.1 | adapter | `fullduplex-std/src/code.rs` | `core/tests/rules.rs::it_is_obeyed_later`, `core/tests/rules.rs::whatever_comes` |",
    "| \"an endpoint [any] MUST keep all of ... promises\" | §5.1 | specification | — | —, because nobody does |",
    "| \"It SHOULD do so.\" | §5.10 | HTTP library | — | `core/tests/rules.rs::a_rule_is_obeyed_twice` |",
];

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

fn sentences() -> Vec<Sentence> {
    sentences::parse(6455, LIST).unwrap()
}

/// A document with these rows below the heading of an RFC, and with correct counts.
fn document(rows: &[&str]) -> String {
    let rows = rows.join("\n");
    let head = "| rule | section | business of | file | shown by |\n|---|---|---|---|---|";
    let rows = format!("## RFC 6455, the protocol\n\n{head}\n{rows}\n");
    let counts = Table::parse(&rows).map(|table| summary::table(&sentences(), &table));
    format!("# Rules\n\nWords.\n\n{}\n\n{rows}", counts.unwrap_or_default())
}

/// The only file of code in each folder, and a file of tests.
fn read_file(file: &str) -> Option<String> {
    match file {
        "fullduplex/src/code.rs" | "fullduplex-std/src/code.rs" => Some("fn rule() {}".to_owned()),
        "core/tests/rules.rs" => Some(TESTS.to_owned()),
        _ => None,
    }
}

/// The number of rows in a valid document, or the complaints about it.
fn check_document(document: &str) -> Result<usize, Vec<String>> {
    check(document, &sentences(), read_file).map(|checked| checked.rows.len())
}

/// The complaints about the rows if `from` is replaced by `to` in one of them.
fn complaints_about(from: &str, to: &str) -> Vec<String> {
    let rows = ROWS.map(|row| row.replace(from, to));
    assert_ne!(rows.join("\n"), ROWS.join("\n"), "{from} is in no row");
    check_document(&document(&rows.each_ref().map(String::as_str))).err().unwrap_or_default()
}

/// Asserts that there is one complaint, which contains these words, about the rows with `to` in place of `from`.
fn assert_found(from: &str, to: &str, words: &str) {
    let complaints = complaints_about(from, to);
    assert!(complaints.len() == 1 && complaints[0].contains(words), "{to}: {complaints:?}");
}

#[test]
fn the_rules_are_in_order() {
    let outcome = run(&Options::default());
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}

#[test]
fn rows_in_order_pass() {
    assert_eq!(check_document(&document(&ROWS)), Ok(4));
}

#[test]
fn a_sentence_that_no_row_quotes_is_found() {
    for left_out in 0..ROWS.len() {
        let mut rows = ROWS.to_vec();
        rows.remove(left_out);
        let complaints = check_document(&document(&rows)).unwrap_err();
        let words = "no row quotes the key words of RFC 6455 §";
        assert!(complaints.len() == 1 && complaints[0].starts_with(words), "{complaints:?}");
    }
}

#[test]
fn a_key_word_that_no_row_quotes_is_found() {
    for (from, to) in [
        (
            "\"when ..., and SHOULD NOT do the second thing\"",
            "\"when it is asked for it, and SHOULD\"",
        ),
        ("\"when ..., and SHOULD NOT do the second thing\"", "\"NOT do the second thing before\""),
        ("\"MUST do the first thing", "\"do the first thing"),
        ("\"an endpoint [any] MUST keep all of ... promises\"", "\"keep all of its promises\""),
        ("\"MUST do the first thing when", "\"MUST ... the first thing when"),
    ] {
        assert_found(from, to, "no row quotes the key words of RFC 6455 §");
    }
}

#[test]
fn a_quotation_that_is_from_no_sentence_is_found() {
    let first = "\"MUST do the first thing when it is asked for it\"";
    for other in [
        // A different word, a different order, words of two sentences.
        "\"MUST do the first thing if it is asked for it\"",
        "\"when it is asked for it ... MUST do the first thing\"",
        "\"MUST do the first thing ... header and then its payload\"",
        "\"must do the first thing when it is asked for it\"",
    ] {
        assert!(
            complaints_about(first, other)[0].contains("no sentence of RFC 6455 §3 says"),
            "{other}"
        );
    }
    // A quotation that is too short, and one of another section.
    assert!(complaints_about(first, "\"MUST do the first\"")[0].contains("no sentence"));
    assert!(
        complaints_about("\"It SHOULD do so.\"", first)[0]
            .contains("no sentence of RFC 6455 §5.10")
    );
    let several = sentences::parse(
        6455,
        "§1 One MUST not be at all like two.\n§1 Ones MUST not be at all like two.",
    );
    let rows =
        document(&["| \"MUST not be at all like two\" | §1 | application | — | —, because y |"]);
    let complaints = check(&rows, &several.unwrap(), read_file).unwrap_err();
    assert!(
        complaints[0].contains("line") && complaints[0].contains("several sentences"),
        "{complaints:?}"
    );
}

#[test]
fn a_rule_without_quotations_or_with_half_of_one_is_found() {
    assert_found("\"It SHOULD do so.\"", "It SHOULD do so.", "the rule quotes no sentence");
    assert_found("\"It SHOULD do so.\"", "\"It SHOULD do so.", "a quotation has no end");
    assert_found("\"It SHOULD do so.\"", "", "there is no rule");
}

#[test]
fn counts_that_are_not_those_of_the_rows_are_found() {
    let right = document(&ROWS);
    for (from, to) in [("| rows | 4 |", "| rows | 5 |"), ("| business of: adapter | 1 |", "")] {
        let wrong = right.replace(from, to);
        assert_ne!(wrong, right);
        let complaints = check_document(&wrong).unwrap_err();
        assert!(
            complaints.len() == 1 && complaints[0].contains("the counts are not"),
            "{complaints:?}"
        );
        let table = Table::parse(&wrong).unwrap();
        let blessed = summary::replace(&wrong, &summary::table(&sentences(), &table)).unwrap();
        assert_eq!(blessed, right);
    }
    assert!(summary::replace("no counts", "").is_none());
}

#[test]
fn business_without_a_file_of_the_one_whose_it_is_is_found() {
    let words = "business of the library, without a file of it";
    assert_found("`fullduplex/src/code.rs`", "—", words);
    assert_found("`fullduplex/src/code.rs`", "`fullduplex-std/src/code.rs`", words);
    assert_found(
        "`fullduplex-std/src/code.rs`",
        "`fullduplex/src/code.rs`",
        "business of the adapter",
    );
    for nobody in ["", "Library", "library, adapter", "me"] {
        assert_found("| library |", &format!("| {nobody} |"), "is nobody's name");
    }
    for business in Business::ALL {
        let row = ROWS[2].replace("specification", business.name());
        assert_eq!(check_document(&document(&[ROWS[0], ROWS[1], &row, ROWS[3]])), Ok(4));
    }
}

#[test]
fn a_file_that_does_not_exist_is_found() {
    let gone = "`fullduplex/src/code.rs`, `core/src/gone.rs`";
    assert_found("`fullduplex/src/code.rs`", gone, "there is no file `core/src/gone.rs`");
    let gone = "`core/tests/gone.rs::a_rule_is_obeyed`";
    assert_found("`core/tests/rules.rs::a_rule_is_obeyed`", gone, "no file `core/tests/gone.rs`");
}

#[test]
fn a_test_that_does_not_exist_is_found() {
    for name in ["gone", "a_rule", "a_helper", "a_rule_is_obeyed_", "fn"] {
        let test = format!("`core/tests/rules.rs::{name}`");
        let words = format!("line 27: `core/tests/rules.rs` has no test `{name}`");
        assert_found("`core/tests/rules.rs::a_rule_is_obeyed`", &test, &words);
    }
    let last = "`core/tests/rules.rs::a_rule_is_obeyed_twice`";
    for name in ["a_rule_is_obeyed", "it_is_obeyed_later", "whatever_comes"] {
        let complaints = complaints_about(last, &format!("`core/tests/rules.rs::{name}`"));
        assert!(complaints.is_empty(), "{name}: {complaints:?}");
    }
}

#[test]
fn a_section_that_is_none_or_out_of_order_is_found() {
    for section in [
        "",
        "5.10",
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
        assert_found("| §5.10 |", &format!("| {section} |"), "is no section");
    }
    let [first, .., last] = ROWS;
    let complaints = Table::parse(&document(&[last, first])).unwrap_err();
    assert!(complaints[0].contains("§3 comes after §5.10"), "{complaints:?}");
    // The order starts again with each RFC.
    assert!(Table::parse(&format!("{}\n## RFC 7692\n\n{first}\n", document(&[last]))).is_ok());
}

#[test]
fn a_row_that_says_too_little_is_found() {
    let files = "| — | `core/tests/rules.rs::a_rule_is_obeyed_twice` |";
    for (cells, words) in [
        ("| — |", "4 cells instead of 5"),
        ("| — | —, because y | z |", "6 cells"),
        ("| | —, because y |", "nothing in backticks"),
        ("| code.rs | —, because y |", "nothing in backticks"),
        ("| `code.rs | —, because y |", "nothing in backticks, or half of it"),
        ("| `code.rs` and more | —, because y |", "`and more` stands outside"),
        ("| `core/tests/rules.rs::a_rule_is_obeyed` | —, because y |", "is no file"),
        ("| — | |", "nothing in backticks"),
        ("| — | — |", "`—` without `because`"),
        ("| — | —, because |", "`—` without `because`"),
        ("| — | `core/tests/rules.rs` |", "is no `file::test`"),
        ("| — | `case 5.1` |", "there are cases, but no test"),
    ] {
        assert_found(files, cells, words);
    }
}

#[test]
fn rules_of_no_rfc_and_no_rules_are_found() {
    let document = document(&ROWS[3..]).replace("RFC 6455", "Else");
    let complaints = check_document(&document).unwrap_err();
    assert!(complaints.iter().all(|it| it.contains("names an RFC")), "{complaints:?}");
    assert_eq!(check_document("# Rules"), Err(vec!["the document has no rules".to_owned()]));
    let unknown = super::tests::document(&ROWS).replace("RFC 6455", "RFC 1");
    assert!(check_document(&unknown).unwrap_err()[0].contains("no sentence of RFC 1 §3"));
}

#[test]
fn a_line_of_a_list_that_is_no_sentence_is_found() {
    for (list, words) in [
        ("MUST", "rfc6455.txt:1: no space"),
        ("5.1 It MUST.", "does not begin with a section"),
        ("§5.x It MUST.", "does not begin with a section"),
        ("§5.1 ", "no sentence"),
        ("§5.1 It \"MUST\".", "without double quotation marks"),
        ("§5.10 It MUST.\n§5.2 It MUST.", "rfc6455.txt:2: its section comes before"),
        ("§5.1 It MUST.\n§5.1 It MUST.", "is there already"),
    ] {
        let complaints = sentences::parse(6455, list).unwrap_err();
        assert!(complaints.len() == 1 && complaints[0].contains(words), "{list}: {complaints:?}");
    }
}

#[test]
fn the_page_shows_every_row_and_its_sentences() {
    let (document, sentences) = (document(&ROWS), sentences());
    let checked = check(&document, &sentences, read_file).unwrap();
    let page = page::html(&checked.rows);
    assert_eq!(page.matches("<tr data-rfc=\"6455\"").count(), ROWS.len());
    assert_eq!(page.matches("<blockquote>").count(), 4);
    for words in [
        "A 'frame' has no more than one header",
        "promises. (in our words)",
        "data-business=\"HTTP library\" data-proof=\"test\"",
        "data-proof=\"test case\"",
        "case 6.*",
        "no test, because nobody does",
    ] {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn a_path_that_leads_out_of_the_crates_is_no_file() {
    let crates = root().join("crates");
    assert!(read_below(&crates, "RULES.md").is_some());
    for path in ["", "../Cargo.toml", "/etc/hostname", "./RULES.md", "xtask/../RULES.md", "xtask"] {
        assert_eq!(read_below(&crates, path), None, "{path}");
    }
}
