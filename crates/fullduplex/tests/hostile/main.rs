//! `tests/vectors/hostile.json`: hostile, odd, and unusual but valid inputs, each with the expected result.
//!
//! A row with bytes is run whole, byte by byte, and split in two at every place, or at 64 places if it is long. Frames are
//! split at random as well. The result must always be the same. The rows without bytes are recipes. A recipe for a core
//! without I/O is a test in `recipes`. Without the feature `deflate`, the rows about permessage-deflate are left out.

mod client;
#[cfg(feature = "deflate")]
mod deflate;
mod frames;
mod http;
mod recipes;
#[cfg(feature = "deflate")]
#[path = "../deflate/support.rs"]
mod support;

use serde_json::Value;

/// The longest input that is cut at every place.
const CUT_EVERYWHERE: usize = 2048;

/// Whether permessage-deflate is built.
const DEFLATE: bool = cfg!(feature = "deflate");

/// A row of the file.
struct Row(Value);

impl Row {
    fn id(&self) -> &str {
        self.0["id"].as_str().expect("every row has an id")
    }

    fn oracle(&self, key: &str) -> &Value {
        &self.0["oracle"][key]
    }

    /// Whether the oracle has an entry for `key`, which may be `null`.
    fn judges(&self, key: &str) -> bool {
        self.0["oracle"].get(key).is_some()
    }

    fn setup(&self, key: &str) -> &Value {
        &self.0["setup"][key]
    }

    /// Whether the row belongs to a group about deflate, or offers or negotiates it.
    fn concerns_deflate(&self) -> bool {
        let group = self.0["group"].as_str().expect("every row has a group");
        group.starts_with("deflate-")
            || ["pmd", "pmd_enabled", "pmd_offer"].iter().any(|key| !self.setup(key).is_null())
    }

    /// The input from `bytes_hex` or `bytes_rle`, with `suffix` after the key. `None` for a recipe.
    fn bytes(&self, suffix: &str) -> Option<Vec<u8>> {
        if let Some(hex) = self.0[format!("bytes_hex{suffix}")].as_str() {
            return Some(unhex(hex));
        }
        let runs = self.0[format!("bytes_rle{suffix}")].as_array()?;
        Some(runs.iter().flat_map(run_of).collect())
    }

    fn subprotocols(&self) -> Vec<&str> {
        strings(self.setup("subprotocols"))
    }
}

fn run_of(run: &Value) -> Vec<u8> {
    let (hex, count) = (run[0].as_str().unwrap(), run[1].as_u64().unwrap());
    unhex(hex).repeat(count as usize)
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().map(|item| item.as_str().unwrap()).collect()
}

fn unhex(hex: &str) -> Vec<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16).expect("a hexadecimal digit") as u8;
    hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn all_rows() -> Vec<Row> {
    let file = include_str!("../vectors/hostile.json");
    let rows: Vec<Value> = serde_json::from_str(file).expect("the file is JSON");
    rows.into_iter().map(Row).collect()
}

/// The rows of this kind that can be run with the features that are on.
fn rows(kind: &str) -> Vec<Row> {
    let mut rows = all_rows();
    rows.retain(|row| row.oracle("kind") == kind && (DEFLATE || !row.concerns_deflate()));
    rows
}

/// Where to cut an input of this length in two: everywhere, or at 64 places.
fn cuts(len: usize) -> Vec<usize> {
    match len {
        0..=CUT_EVERYWHERE => (1..len).collect(),
        _ => (1..=64).map(|nth| nth * len / 65).collect(),
    }
}

#[test]
fn every_row_is_run_is_a_recipe_or_needs_deflate() {
    let rows = all_rows();
    let deflate = rows.iter().filter(|row| row.concerns_deflate()).count();
    let recipes: Vec<&str> =
        rows.iter().filter(|row| row.bytes("").is_none()).map(Row::id).collect();
    assert_eq!(rows.len(), 200);
    assert_eq!(deflate, 41);
    assert_eq!(
        recipes,
        // In `recipes`, and DD-32 in `deflate`.
        [
            "HS-61", "HS-62", "HR-37", "FR-24", "FR-25", "FG-15", "CT-09", "DD-32", "TM-02",
            "TM-05", "TM-07", "TM-08", "TR-01",
            // These are about the transport, TLS and HTTP/2, which the core does not have.
            "TR-02", "TR-06", "TR-07", "TR-08", "TR-09", "TR-10", "TR-11", "TR-13",
            // In `recipes`.
            "TR-14", "TR-15"
        ]
    );
    let run = http::ROWS + client::ROWS + frames::ROWS;
    // DD-32 counts twice: it is a recipe, and concerns deflate.
    let not_run = if DEFLATE { 0 } else { deflate - 1 };
    assert_eq!(run + recipes.len() + not_run, rows.len());
}
