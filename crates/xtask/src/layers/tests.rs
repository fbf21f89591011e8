//! The checker on small trees made up for the purpose, and on the real one.

use super::*;

const TABLE: &str = "
# Something

## Layers of the core

Words about it.

| n | file | owns |
|---|---|---|
| 3 | `lib.rs` | the tour |
| 2 | `connection.rs` | the whole |
| 1 | `frame/decoder.rs` `frame/encoder.rs` | `Frame` in and out |
| 0 | `mask.rs` | masking |

## Something else

| 9 | `nowhere.rs` | another table |
";

/// A tree that is in order, with one file replaced or added.
fn tree_with(name: &str, text: &str) -> Sources {
    let mut sources: Sources = [
        ("lib.rs", "mod connection; mod frame; mod mask; pub use connection::Connection; pub use mask::Key;"),
        ("connection.rs", "use crate::frame::{Decoder, Encoder}; pub struct Connection(Decoder, Encoder);"),
        ("frame/mod.rs", "mod decoder; mod encoder; pub use self::decoder::Decoder; pub(crate) use encoder::*;"),
        ("frame/decoder.rs", "use super::super::mask; pub struct Decoder(mask::Key);"),
        ("frame/encoder.rs", "pub struct Encoder(crate::mask::Key); pub fn encode() {}"),
        ("mask.rs", "pub struct Key; #[cfg(test)] mod tests;"),
        ("mask/tests.rs", "use crate::connection::Connection;"),
    ]
    .map(|(name, text)| (name.to_owned(), text.to_owned()))
    .into();
    sources.insert(name.to_owned(), text.to_owned());
    sources
}

/// What the check says when one file of the tree reads differently.
fn complaints(name: &str, text: &str) -> Vec<String> {
    check(TABLE, &tree_with(name, text)).err().unwrap_or_default()
}

/// Asserts that there is one complaint, with these words in it.
fn assert_found(name: &str, text: &str, words: &str) {
    let complaints = complaints(name, text);
    assert!(complaints.len() == 1 && complaints[0].contains(words), "{text}: {complaints:?}");
}

#[test]
fn the_core_is_in_order() {
    let outcome = run();
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}

#[test]
fn a_tree_in_order_passes() {
    let summary = check(TABLE, &tree_with("mask.rs", "pub struct Key;")).unwrap();
    assert_eq!((summary.files, summary.imports), (5, 6));
}

#[test]
fn an_upward_edge_is_found_however_it_is_written() {
    const UP: &str = "frame/decoder.rs:1 imports from connection.rs, from layer 1 up to layer 2";
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
    let text = "pub struct Decoder; use crate::frame; fn f() { frame::encode() }";
    assert_found("frame/decoder.rs", text, "imports from frame/encoder.rs, sideways");
    let text = "use crate::connection;\nfn f() { connection::connect() } pub struct Decoder;";
    assert_eq!(complaints("frame/decoder.rs", text).len(), 2);
}

#[test]
fn a_sideways_edge_is_found_through_what_re_exports() {
    const SIDEWAYS: &str = "imports from frame/decoder.rs, sideways within layer 1";
    assert_found("frame/encoder.rs", "use super::decoder::Decoder;pub struct Encoder;", SIDEWAYS);
    assert_found("frame/encoder.rs", "use super::Decoder;pub struct Encoder;", SIDEWAYS);
    assert_found("frame/encoder.rs", "use crate::frame::Decoder;pub struct Encoder;", SIDEWAYS);
    assert_found("frame/encoder.rs", "use super::*;pub struct Encoder;", SIDEWAYS);
    const BACK: &str = "imports from frame/encoder.rs, sideways within layer 1";
    assert_found("frame/decoder.rs", "use super::Encoder; pub struct Decoder;", BACK);
    assert_found("frame/decoder.rs", "pub struct Decoder(super::Encoder);", BACK);
}

#[test]
fn what_the_top_defines_itself_lies_at_the_top() {
    let mut sources = tree_with("mask.rs", "pub struct Key(crate::VERSION);");
    sources.get_mut("lib.rs").unwrap().push_str("pub const VERSION: u8 = 1;");
    let complaints = check(TABLE, &sources).unwrap_err();
    assert!(
        complaints[0].contains("imports from lib.rs, from layer 0 up to layer 3"),
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
fn a_module_that_only_tests_compile_has_no_layer() {
    let mut sources = tree_with("script.rs", "use crate::connection::Connection;");
    sources.get_mut("lib.rs").unwrap().push_str("#[cfg(test)] mod script;");
    assert!(check(TABLE, &sources).is_ok());
}

#[test]
fn a_file_that_is_not_in_the_table_is_found() {
    assert_found("utf8.rs", "", "utf8.rs is not in the table");
}

#[test]
fn a_row_without_its_file_is_found() {
    let mut sources = tree_with("mask.rs", "pub struct Key;");
    sources.remove("frame/encoder.rs");
    let complaints = check(TABLE, &sources).unwrap_err();
    assert!(
        complaints[0].contains("frame/encoder.rs is in the table, but there is no such file"),
        "{complaints:?}"
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
fn a_table_that_cannot_be_read_is_refused() {
    let sources = tree_with("mask.rs", "pub struct Key;");
    let refused = |table: &str, words: &str| {
        let complaints = check(table, &sources).unwrap_err();
        assert!(complaints[0].contains(words), "{complaints:?}");
    };
    refused("# Title", "no heading");
    refused("## Layers of the core\nNothing.", "no table");
    refused(&TABLE.replace("| 0 |", "| ? |"), "has no number");
    refused(&TABLE.replace("`mask.rs`", "mask.rs"), "names no file");
    refused(&TABLE.replace("`mask.rs`", "`lib.rs`"), "twice");
    refused(&TABLE.replace("`mask.rs`", "`frame/mod.rs`"), "only declares");
}
