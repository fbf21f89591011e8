//! The tables of rooms in ARCHITECTURE.md, one for each crate.

use std::collections::BTreeMap;

/// The heading above the tables. Each crate has a smaller heading below it, with its folder in backticks.
const HEADING: &str = "Modules";

/// Parses the tables: the rooms of each crate, by the crate's folder.
pub(super) fn parse(document: &str) -> Result<BTreeMap<String, Rooms>, String> {
    let (_, below) = document
        .split_once(&format!("\n## {HEADING}\n"))
        .ok_or_else(|| format!("the document has no heading `{HEADING}`"))?;
    let below = below.split("\n## ").next().unwrap_or_default();
    let mut crates = BTreeMap::new();
    for section in below.split("\n### ").skip(1) {
        let (heading, table) = section.split_once('\n').unwrap_or((section, ""));
        let Some(folder) = in_backticks(heading).next() else {
            return Err(format!("a heading below `{HEADING}` names no folder: {heading}"));
        };
        let rooms = Rooms::parse(table).map_err(|complaint| format!("{folder}: {complaint}"))?;
        if crates.insert(folder.to_owned(), rooms).is_some() {
            return Err(format!("{folder} has two tables"));
        }
    }
    if crates.is_empty() {
        return Err(format!("there is no table below `{HEADING}`"));
    }
    Ok(crates)
}

/// The layer of each room of a crate.
#[derive(Debug)]
pub(super) struct Rooms(BTreeMap<String, u32>);

impl Rooms {
    /// Parses the rows of a table, from the highest layer to the lowest: a number, then rooms in backticks, then a
    /// description.
    fn parse(table: &str) -> Result<Self, String> {
        let rows = table.lines().map(str::trim).filter(|line| line.starts_with('|'));
        let mut rooms = BTreeMap::new();
        let mut lowest = u32::MAX;
        // The first two rows are the head of the table and the line below it.
        for row in rows.skip(2) {
            let mut cells = row.trim_matches('|').split('|').map(str::trim);
            let Ok(layer) = cells.next().unwrap_or_default().parse() else {
                return Err(format!("a row of the table has no number: {row}"));
            };
            if layer > lowest {
                return Err(format!("a row of the table stands below a lower layer: {row}"));
            }
            lowest = layer;
            let mut named = in_backticks(cells.next().unwrap_or_default()).peekable();
            if named.peek().is_none() {
                return Err(format!("a row of the table names no module in backticks: {row}"));
            }
            for room in named {
                if rooms.insert(room.to_owned(), layer).is_some() {
                    return Err(format!("{room} is in the table twice"));
                }
            }
        }
        if rooms.is_empty() { Err("there are no modules".to_owned()) } else { Ok(Self(rooms)) }
    }

    /// The layer of a room, if it is in the table.
    pub(super) fn layer_of(&self, room: &str) -> Option<u32> {
        self.0.get(room).copied()
    }

    /// All rooms of the table.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Every second piece of a text that is split at backticks was inside a pair of them.
fn in_backticks(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}
