//! `cargo xtask layers`: imports between the modules of a crate go down, and within a module they form no circle.
//!
//! A module is a folder of sources together with the file of the same name beside it, or a single file. The code here calls it
//! a room, to tell it from a module of Rust. The tables in `crates/ARCHITECTURE.md` say in which layer each of them is. It
//! imports only from lower layers.
//!
//! Three kinds of files are special. A `mod.rs` only declares and re-exports, so a path through it leads to the file that
//! defines the name. The same holds for `lib.rs` and `main.rs`, except for what they define themselves. Tests may import
//! anything.

mod circle;
mod facts;
mod table;
mod tree;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::shell::{Failure, Outcome, fail, read, root};
use circle::Imports;
pub(crate) use facts::attributes;
use table::Rooms;
use tree::{Sources, Tree, room_of};

/// Checks every crate that has a table, and that every other crate in `crates` has one.
pub(crate) fn run() -> Outcome {
    let document = read(&root().join("crates/ARCHITECTURE.md"))?;
    let crates = table::parse(&document).map_err(Failure::new)?;
    let mut complaints = Vec::new();
    for name in names_in(&root().join("crates"))? {
        let folder = format!("crates/{name}");
        let manifest = root().join(&folder).join("Cargo.toml");
        // A folder that groups packages may have a manifest without a package.
        let is_crate = manifest.is_file() && read(&manifest)?.contains("[package]");
        if is_crate && !crates.contains_key(&folder) {
            complaints.push(format!("{folder} has no table"));
        }
    }
    for (folder, rooms) in &crates {
        let mut sources = Sources::new();
        collect(&root().join(folder).join("src"), "", &mut sources)?;
        match check(rooms, &sources) {
            Ok(summary) => println!("layers: {folder}: {summary}"),
            Err(found) => {
                complaints.extend(found.iter().map(|complaint| format!("{folder}: {complaint}")));
            }
        }
    }
    if complaints.is_empty() {
        Ok(())
    } else {
        fail(format!("layers:\n  {}", complaints.join("\n  ")))
    }
}

/// Checks the files of a crate against its table. Returns a summary, or one sentence for each fault.
fn check(rooms: &Rooms, sources: &Sources) -> Result<String, Vec<String>> {
    let tree = Tree::parse(sources)?;
    let mut complaints: Vec<String> = tree.misplaced_items();
    // For each room, which of its files imports from which other file.
    let mut found: BTreeMap<&str, Imports<'_>> = BTreeMap::new();
    let mut between = BTreeSet::new();
    for file in tree.files_in_rooms() {
        let room = room_of(file);
        let within = found.entry(room).or_default().entry(file).or_default();
        for edge in tree.edges_from(file) {
            let to = room_of(edge.to);
            if tree::is_facade(edge.to) {
                complaints.push(format!(
                    "{file}:{} names {}, but {} does not say whose it is",
                    edge.line, edge.path, edge.to
                ));
            } else if to == room {
                within.insert(edge.to);
            } else if let (Some(layer), Some(other)) = (rooms.layer_of(room), rooms.layer_of(to)) {
                // The missing room itself is reported once, below.
                between.insert((file, edge.to));
                if other >= layer {
                    let direction = if other > layer { "up" } else { "sideways" };
                    complaints.push(format!(
                        "{file}:{} imports from {}, {direction} from layer {layer} to layer {other}: {}",
                        edge.line, edge.to, edge.path
                    ));
                }
            }
        }
    }
    for (room, imports) in &found {
        if rooms.layer_of(room).is_none() {
            complaints.push(format!("{room} is not in the table"));
        }
        if let Some(circle) = circle::find(imports) {
            complaints.push(format!("{room} has a circle: {}", circle.join(" -> ")));
        }
    }
    for room in rooms.names().filter(|room| !found.contains_key(room)) {
        complaints.push(format!("{room} is in the table, but there is no such module"));
    }
    if complaints.is_empty() {
        let files: usize = found.values().map(BTreeMap::len).sum();
        let (rooms, between) = (found.len(), between.len());
        Ok(format!("{rooms} modules, {files} files, {between} imports between modules"))
    } else {
        Err(complaints)
    }
}

/// Reads all Rust files of a folder and its subfolders. Programs in `bin` are separate crates above this one.
fn collect(folder: &Path, prefix: &str, sources: &mut Sources) -> Outcome {
    for name in names_in(folder)? {
        let path = folder.join(&name);
        let below = format!("{prefix}{name}");
        if path.is_dir() {
            if below != "bin" {
                collect(&path, &format!("{below}/"), sources)?;
            }
        } else if name.ends_with(".rs") {
            sources.insert(below, read(&path)?);
        }
    }
    Ok(())
}

/// The names in a folder, in order.
fn names_in(folder: &Path) -> Outcome<Vec<String>> {
    let broken =
        |error: std::io::Error| Failure::new(format!("cannot list {}: {error}", folder.display()));
    let mut names = Vec::new();
    for entry in folder.read_dir().map_err(broken)? {
        let name = entry.map_err(broken)?.file_name();
        let name = name.into_string().map_err(|name| {
            Failure::new(format!("{} in {} is a strange name", name.display(), folder.display()))
        })?;
        names.push(name);
    }
    names.sort();
    Ok(names)
}
