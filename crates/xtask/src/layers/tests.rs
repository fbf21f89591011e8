//! The checker on small invented trees, and on the real one.

use super::*;

const TABLE: &str = "
# Something

## Modules

Words about it.

### `crates/small`

| layer | module | owns |
|---|---|---|
| 3 | `lib` | the tour |
| 2 | `connection` | the whole |
| 1 | `frame` `limits` | `Frame` in and out; numbers |
| 0 | `mask` | masking |

## Something else

### `crates/nowhere`

| 9 | `nowhere` | another table |
";

/// A valid tree, with one file replaced or added.
fn tree_with(name: &str, text: &str) -> Sources {
    let mut sources: Sources = [
        ("lib.rs", "mod connection; mod frame; mod limits; mod mask; pub use connection::Connection; pub use mask::Key;"),
        ("connection.rs", "mod halves; use crate::frame::{Decoder, Encoder}; pub struct Connection(Decoder, Encoder);"),
        ("connection/halves.rs", "use super::Connection; pub struct Half(Connection);"),
        ("frame/mod.rs", "mod decoder; mod encoder; pub use self::decoder::Decoder; pub(crate) use encoder::*;"),
        ("frame/decoder.rs", "use super::super::mask; pub struct Decoder(mask::Key);"),
        ("frame/encoder.rs", "pub struct Encoder(crate::mask::Key); pub fn encode() {}"),
        ("limits.rs", "pub struct Limits;"),
        ("mask.rs", "pub struct Key; #[cfg(test)] mod tests;"),
        ("mask/tests.rs", "use crate::connection::Connection;"),
    ]
    .map(|(name, text)| (name.to_owned(), text.to_owned()))
    .into();
    sources.insert(name.to_owned(), text.to_owned());
    sources
}

/// The result of checking a tree.
fn checked(sources: &Sources) -> Result<String, Vec<String>> {
    check(&table::parse(TABLE).unwrap()["crates/small"], sources)
}

/// The complaints about the tree with one file replaced.
fn complaints(name: &str, text: &str) -> Vec<String> {
    checked(&tree_with(name, text)).err().unwrap_or_default()
}

/// Asserts that there is one complaint, which contains these words.
fn assert_found(name: &str, text: &str, words: &str) {
    let complaints = complaints(name, text);
    assert!(complaints.len() == 1 && complaints[0].contains(words), "{text}: {complaints:?}");
}

#[test]
fn all_crates_are_in_order() {
    let outcome = run();
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}

#[test]
fn a_tree_in_order_passes() {
    let summary = checked(&tree_with("mask.rs", "pub struct Key;")).unwrap();
    assert_eq!(summary, "5 modules, 7 files, 6 imports between modules");
}

#[test]
fn a_program_has_modules_as_a_library_has() {
    let mut sources = tree_with("mask.rs", "pub struct Key(crate::VERSION);");
    let root = sources.remove("lib.rs").unwrap() + "const VERSION: u8 = 1;";
    sources.insert("main.rs".to_owned(), root);
    let rooms = table::parse(&TABLE.replace("`lib`", "`main`")).unwrap();
    let complaints = check(&rooms["crates/small"], &sources).unwrap_err();
    assert!(complaints.len() == 1, "{complaints:?}");
    assert!(complaints[0].contains("imports from main.rs, up from layer 0 to layer 3"));
}

#[test]
fn an_upward_edge_is_found_however_it_is_written() {
    const UP: &str = "frame/decoder.rs:1 imports from connection.rs, up from layer 1 to layer 2";
    for text in [
        "use crate::connection::Connection;",
        "pub use crate::connection::Connection as C;",
        "use crate::{mask, connection::{self, Connection}};",
        "use super::super::connection::Connection;",
        "use super::super::connection::*;",
        "use crate::Connection;",
        "fn f() { crate::connection::connect() }",
        "fn f() { use crate::connection::Connection; }",
        "fn f(c: &crate::Connection) {}",
        "fn f() { assert!(matches!(x, crate::connection::State::Open)) }",
        "macro_rules! m { () => { $crate::connection::connect() } }",
        "struct S<T = Vec<crate::connection::Connection>>(T);",
        "mod inner { use super::super::super::connection::Connection; }",
        "use crate as root; fn f() { root::connection::connect() }",
        "#[cfg(not(test))] use crate::connection::Connection;",
        "#[cfg(any(test, feature = \"std\"))] use crate::connection::Connection;",
    ] {
        let complaints = complaints("frame/decoder.rs", &format!("{text} pub struct Decoder;"));
        assert!(
            complaints.iter().any(|complaint| complaint.starts_with(UP)),
            "{text}: {complaints:?}"
        );
    }
}

#[test]
fn a_module_that_was_imported_is_followed() {
    let text = "pub struct Limits; use crate::frame; fn f() { frame::encode() }";
    assert_found("limits.rs", text, "imports from frame/encoder.rs, sideways");
    let text = "use crate::connection;\nfn f() { connection::connect() } pub struct Decoder;";
    assert_eq!(complaints("frame/decoder.rs", text).len(), 2);
}

#[test]
fn a_sideways_edge_is_found_through_what_re_exports() {
    const SIDEWAYS: &str = "imports from frame/decoder.rs, sideways from layer 1 to layer 1";
    assert_found("limits.rs", "use crate::frame::decoder::Decoder;", SIDEWAYS);
    assert_found("limits.rs", "use crate::frame::Decoder;", SIDEWAYS);
    assert_found("limits.rs", "use super::frame::{Decoder as D};", SIDEWAYS);
    assert_found("limits.rs", "pub struct Limits(super::frame::Decoder);", SIDEWAYS);
    assert_eq!(complaints("limits.rs", "use crate::frame::*;").len(), 2);
}

#[test]
fn within_a_room_imports_run_in_any_direction() {
    for (name, text) in [
        ("frame/encoder.rs", "use super::decoder::Decoder; pub struct Encoder;"),
        ("frame/decoder.rs", "use super::encoder::Encoder; pub struct Decoder;"),
        ("frame/decoder.rs", "use crate::frame::Encoder; pub struct Decoder;"),
        ("connection/parts.rs", "use crate::connection::{Connection, halves::Half};"),
    ] {
        assert_eq!(complaints(name, text), [] as [&str; 0], "{text}");
    }
}

#[test]
fn a_circle_within_a_room_is_found() {
    let mut sources = tree_with("frame/decoder.rs", "use super::Encoder; pub struct Decoder;");
    let mut replace = |name: &str, text: &str| {
        sources.insert(name.to_owned(), text.to_owned());
        checked(&sources).err().unwrap_or_default()
    };
    for text in [
        "use super::Decoder; pub struct Encoder;",
        "use crate::frame::Decoder; pub struct Encoder;",
        "use super::*; pub struct Encoder;",
        "pub struct Encoder(super::decoder::Decoder);",
    ] {
        assert_eq!(
            replace("frame/encoder.rs", text),
            ["frame has a circle: frame/decoder.rs -> frame/encoder.rs -> frame/decoder.rs"],
            "{text}"
        );
    }
}

#[test]
fn a_circle_through_the_file_beside_the_folder_is_found() {
    assert_found(
        "connection.rs",
        "mod halves; pub use halves::Half; pub struct Connection;",
        "connection has a circle: connection.rs -> connection/halves.rs -> connection.rs",
    );
}

#[test]
fn a_long_circle_is_found_and_what_only_leads_to_it_is_not_named() {
    let mut sources = tree_with("connection.rs", "use halves::Half; pub struct Connection;");
    for (name, text) in [
        ("connection/a.rs", "use super::Connection;"),
        ("connection/halves.rs", "use crate::connection::parts::Part; pub struct Half;"),
        ("connection/parts.rs", "use super::Connection; pub struct Part;"),
        ("connection/z.rs", "use super::parts::Part;"),
    ] {
        sources.insert(name.to_owned(), text.to_owned());
    }
    assert_eq!(
        checked(&sources).unwrap_err(),
        [
            "connection has a circle: connection.rs -> connection/halves.rs -> connection/parts.rs -> connection.rs"
        ]
    );
}

#[test]
fn what_the_top_defines_itself_lies_at_the_top() {
    let mut sources = tree_with("mask.rs", "pub struct Key(crate::VERSION);");
    sources.get_mut("lib.rs").unwrap().push_str("pub const VERSION: u8 = 1;");
    let complaints = checked(&sources).unwrap_err();
    assert!(
        complaints[0].contains("imports from lib.rs, up from layer 0 to layer 3"),
        "{complaints:?}"
    );
}

#[test]
fn tests_comments_and_other_crates_are_no_edges() {
    for text in [
        "#[cfg(test)] mod tests { use crate::connection::Connection; }",
        "#[cfg(all(test, feature = \"std\"))] use crate::connection::Connection;",
        "#[cfg(test)] fn f() { crate::connection::connect() }",
        "struct S; impl S { #[cfg(test)] fn f() { crate::connection::connect() } }",
        "//! See [`crate::connection::Connection`].",
        "// use crate::connection::Connection;",
        "/// ```\n/// use crate::connection::Connection;\n/// ```\nfn f() {}",
        "const S: &str = \"crate::connection::Connection\";",
        "use core::fmt; use bytes::{Buf, Bytes}; use ::connection::Connection;",
        "pub(in crate::frame) fn f() {}",
        "fn f() { assert!(::connection::connect()) }",
    ] {
        assert!(complaints("mask.rs", &format!("{text}\npub struct Key;")).is_empty(), "{text}");
    }
}

#[test]
fn a_module_that_only_tests_compile_lies_in_no_room() {
    let mut sources = tree_with("script.rs", "use crate::connection::Connection;");
    sources.get_mut("lib.rs").unwrap().push_str("#[cfg(test)] mod script;");
    assert!(checked(&sources).is_ok());
}

#[test]
fn a_room_that_is_not_in_the_table_is_found() {
    assert_found("utf8.rs", "", "utf8 is not in the table");
    assert_found("utf8/tables.rs", "", "utf8 is not in the table");
}

#[test]
fn a_row_without_its_room_is_found() {
    let mut sources = tree_with("mask.rs", "pub struct Key;");
    sources.remove("limits.rs");
    assert_eq!(
        checked(&sources).unwrap_err(),
        ["limits is in the table, but there is no such module"]
    );
}

#[test]
fn a_mod_rs_that_does_more_than_declare_is_found() {
    let text = "mod decoder; mod encoder; pub use decoder::Decoder; pub use encoder::Encoder; pub fn decode() {}";
    assert_found("frame/mod.rs", text, "frame/mod.rs:1 defines decode");
}

#[test]
fn a_name_that_nobody_gives_is_found() {
    let text = "use crate::frame::Nothing;";
    assert_found(
        "connection.rs",
        text,
        "names crate::frame::Nothing, but frame/mod.rs does not say whose it is",
    );
}

#[test]
fn a_source_that_cannot_be_read_is_found() {
    assert_found("mask.rs", "\npub struct ;", "mask.rs:2 cannot be read");
}

#[test]
fn a_crate_without_a_root_is_found() {
    let mut sources = tree_with("mask.rs", "pub struct Key;");
    sources.remove("lib.rs");
    assert_eq!(checked(&sources).unwrap_err(), ["there is neither a lib.rs nor a main.rs"]);
}

#[test]
fn a_table_that_cannot_be_read_is_refused() {
    let refused = |document: &str, words: &str| {
        let complaint = table::parse(document).unwrap_err();
        assert!(complaint.contains(words), "{complaint}");
    };
    refused("# Title", "no heading");
    refused("# Title\n## Modules\nNothing.\n", "no table");
    refused(&TABLE.replace("`crates/small`", "The crate"), "names no folder");
    refused(&TABLE.replace("| 1 |", "| ? |"), "has no number");
    refused(&TABLE.replace("| 1 |", "| 3 |"), "stands below a lower layer");
    refused(&TABLE.replace("`mask`", "mask"), "names no module");
    refused(&TABLE.replace("`mask`", "`lib`"), "twice");
    refused("# Title\n## Modules\n\n### `a`\n", "there are no modules");
    let twice =
        TABLE.replace("## Something else", "").replace("`crates/nowhere`", "`crates/small`");
    let twice = twice.replace("| 9 |", "| head |\n|---|\n| 9 |");
    refused(&twice, "two tables");
}
