//! The table of layers in the architecture document.

use std::collections::BTreeMap;

/// The heading above the table, at whatever level.
const HEADING: &str = "Layers of the core";

/// The layer of each file.
pub(super) struct Layers(BTreeMap<String, u32>);

impl Layers {
    /// Reads the rows of the table: a number, then files in backticks, then what is nobody's
    /// business here.
    pub(super) fn parse(document: &str) -> Result<Self, String> {
        let mut lines = document.lines().map(str::trim);
        if !lines
            .any(|line| line.starts_with('#') && line.trim_start_matches('#').trim() == HEADING)
        {
            return Err(format!("the document has no heading `{HEADING}`"));
        }
        let rows =
            lines.take_while(|line| !line.starts_with('#')).filter(|line| line.starts_with('|'));
        let mut layers = BTreeMap::new();
        // The first two rows are the head of the table and the line below it.
        for row in rows.skip(2) {
            let mut cells = row.trim_matches('|').split('|').map(str::trim);
            let number = cells.next().unwrap_or_default();
            let Ok(layer) = number.parse() else {
                return Err(format!("a row of the table has no number: {row}"));
            };
            // Between backticks lies every second piece.
            let files: Vec<&str> =
                cells.next().unwrap_or_default().split('`').skip(1).step_by(2).collect();
            if files.is_empty() {
                return Err(format!("a row of the table names no file in backticks: {row}"));
            }
            for file in files {
                if file.ends_with("mod.rs") {
                    return Err(format!(
                        "{file} is in the table, but only declares and re-exports"
                    ));
                }
                if layers.insert(file.to_owned(), layer).is_some() {
                    return Err(format!("{file} is in the table twice"));
                }
            }
        }
        if layers.is_empty() {
            return Err(format!("there is no table below `{HEADING}`"));
        }
        Ok(Self(layers))
    }

    /// The layer of a file, if the table has it.
    pub(super) fn of(&self, file: &str) -> Option<u32> {
        self.0.get(file).copied()
    }

    /// All files of the table.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
