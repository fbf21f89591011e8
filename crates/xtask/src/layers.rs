//! `cargo xtask layers`: a file of the core imports only from lower layers.
//!
//! Which file lies where is written once, in the table of `crates/ARCHITECTURE.md`. Files with the
//! same number do not import each other. Three kinds of file have no layer: a `mod.rs` only declares
//! and re-exports, so that naming something through it is naming the file where it comes from; the
//! same holds for `lib.rs`, save what it defines itself; and tests may import what they like.

mod facts;
mod table;
mod tree;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::shell::{Failure, Outcome, fail, read, root};
use table::Layers;
use tree::Tree;

/// The text of each source file by its path below `src`, with `/` between folders.
type Sources = BTreeMap<String, String>;

/// Checks the core.
pub(crate) fn run() -> Outcome {
    let document = read(&root().join("crates/ARCHITECTURE.md"))?;
    let mut sources = Sources::new();
    collect(&root().join("crates/fullduplex/src"), "", &mut sources)?;
    match check(&document, &sources) {
        Ok(summary) => {
            println!(
                "layers: {} files, {} imports, all of them down",
                summary.files, summary.imports
            );
            Ok(())
        }
        Err(complaints) => fail(format!("layers:\n  {}", complaints.join("\n  "))),
    }
}

/// What was found in order.
#[derive(Debug)]
struct Summary {
    /// Files that have a layer.
    files: usize,
    /// Pairs of files of which one imports from the other.
    imports: usize,
}

/// Checks the files against the table; complains with one sentence for each thing that is wrong.
fn check(document: &str, sources: &Sources) -> Result<Summary, Vec<String>> {
    let layers = Layers::parse(document).map_err(|complaint| vec![complaint])?;
    let tree = Tree::parse(sources)?;

    let mut complaints: Vec<String> = tree.misplaced_items();
    for file in layers.files().filter(|file| !sources.contains_key(*file)) {
        complaints.push(format!("{file} is in the table, but there is no such file"));
    }
    let mut imports = BTreeSet::new();
    for file in tree.files_with_layer() {
        let Some(layer) = layers.of(file) else {
            complaints.push(format!("{file} is not in the table"));
            continue;
        };
        for edge in tree.edges_from(file) {
            // A file that is missing in the table is complained of once, as itself.
            match layers.of(edge.to) {
                Some(other) if other > layer => complaints.push(format!(
                    "{file}:{} imports from {}, from layer {layer} up to layer {other}: {}",
                    edge.line, edge.to, edge.path
                )),
                Some(other) if other == layer => complaints.push(format!(
                    "{file}:{} imports from {}, sideways within layer {layer}: {}",
                    edge.line, edge.to, edge.path
                )),
                Some(_) => _ = imports.insert((file, edge.to)),
                None if tree::is_facade(edge.to) => complaints.push(format!(
                    "{file}:{} names {}, but {} does not say whose it is",
                    edge.line, edge.path, edge.to
                )),
                None => {}
            }
        }
    }
    if complaints.is_empty() {
        Ok(Summary { files: tree.files_with_layer().count(), imports: imports.len() })
    } else {
        Err(complaints)
    }
}

/// Reads all Rust files of a folder and of those in it.
fn collect(folder: &Path, prefix: &str, sources: &mut Sources) -> Outcome {
    let broken =
        |error: std::io::Error| Failure::new(format!("cannot list {}: {error}", folder.display()));
    for entry in folder.read_dir().map_err(broken)? {
        let path = entry.map_err(broken)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return fail(format!("{} has a strange name", path.display()));
        };
        if path.is_dir() {
            collect(&path, &format!("{prefix}{name}/"), sources)?;
        } else if name.ends_with(".rs") {
            sources.insert(format!("{prefix}{name}"), read(&path)?);
        }
    }
    Ok(())
}
