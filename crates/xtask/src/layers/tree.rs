//! The files of a crate as modules, and which file a path leads to.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Facts;

/// The text of each source file by its path below `src`, with `/` between folders.
pub(super) type Sources = BTreeMap<String, String>;

/// The longest chain of re-exports that is followed. A longer one is circular.
const CHAIN: usize = 16;

/// All files of a crate.
pub(super) struct Tree {
    files: BTreeMap<String, File>,
    /// The file of each module, by its path.
    modules: BTreeMap<Vec<String>, String>,
}

struct File {
    module: Vec<String>,
    facts: Facts,
}

/// An import of one file from another.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge<'a> {
    /// The line in the importing file.
    pub(super) line: usize,
    /// The file that is imported from.
    pub(super) to: &'a str,
    /// The path, from the root of the crate.
    pub(super) path: String,
}

/// Whether the file only declares and re-exports.
pub(super) fn is_facade(file: &str) -> bool {
    file == "mod.rs" || file.ends_with("/mod.rs")
}

/// Whether the file is the root of its crate.
fn is_root(file: &str) -> bool {
    matches!(file, "lib.rs" | "main.rs")
}

/// The room of a file: a folder, with the file of the same name beside it, or a single file.
pub(super) fn room_of(file: &str) -> &str {
    file.split('/').next().unwrap_or(file).trim_end_matches(".rs")
}

/// The path of a file's module.
fn module_of(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if is_root(file) { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

impl Tree {
    /// Parses all files.
    pub(super) fn parse(sources: &Sources) -> Result<Self, Vec<String>> {
        let mut files = BTreeMap::new();
        let mut modules = BTreeMap::new();
        let mut complaints = Vec::new();
        for (name, source) in sources {
            match Facts::parse(source) {
                Ok(facts) => {
                    let module = module_of(name);
                    modules.insert(module.clone(), name.clone());
                    files.insert(name.clone(), File { module, facts });
                }
                Err(error) => {
                    complaints.push(format!(
                        "{name}:{} cannot be read: {error}",
                        error.span().start().line
                    ));
                }
            }
        }
        if !modules.contains_key([].as_slice()) && complaints.is_empty() {
            complaints.push("there is neither a lib.rs nor a main.rs".to_owned());
        }
        if complaints.is_empty() { Ok(Self { files, modules }) } else { Err(complaints) }
    }

    /// The files that lie in a room.
    pub(super) fn files_in_rooms(&self) -> impl Iterator<Item = &str> {
        let names = self.files.keys().map(String::as_str);
        names.filter(|name| !is_facade(name) && !self.is_for_tests(name))
    }

    /// Items in a `mod.rs`, which belongs to no room.
    pub(super) fn misplaced_items(&self) -> Vec<String> {
        let facades =
            self.files.iter().filter(|(name, _)| is_facade(name) && !self.is_for_tests(name));
        let items =
            facades.flat_map(|(name, file)| file.facts.items.iter().map(move |item| (name, item)));
        items
            .map(|(name, (item, line))| {
                format!("{name}:{line} defines {item}, but should only declare and re-export")
            })
            .collect()
    }

    /// The other files that a file imports from, in the order of its lines.
    pub(super) fn edges_from(&self, name: &str) -> BTreeSet<Edge<'_>> {
        let Some((name, file)) = self.files.get_key_value(name) else {
            return BTreeSet::new();
        };
        let names = self.names_in(file);
        let mut edges = BTreeSet::new();
        let imports = file.facts.imports.iter();
        let imports = imports
            .map(|import| (&import.inside, &import.path, import.name.is_none(), import.line));
        let mentions = file.facts.mentions.iter();
        let mentions =
            mentions.map(|mention| (&mention.inside, &mention.path, false, mention.line));
        for (inside, path, is_glob, line) in imports.chain(mentions) {
            let Some(path) = self.absolute(file, inside, path, &names) else {
                continue;
            };
            let targets = if is_glob {
                self.files_behind_all_of(&path, CHAIN)
            } else {
                self.files_behind(&path, CHAIN)
            };
            for to in targets.into_iter().filter(|to| to != name) {
                edges.insert(Edge { line, to, path: format!("crate::{}", path.join("::")) });
            }
        }
        edges
    }

    /// Whether the file is only compiled for tests.
    fn is_for_tests(&self, name: &str) -> bool {
        let module = module_of(name);
        (0..module.len()).any(|depth| {
            let (parent, child) = (&module[..depth], &module[depth]);
            let declared =
                self.file(parent).is_some_and(|file| file.facts.test_modules.contains(child));
            child == "tests" || declared
        })
    }

    fn file(&self, module: &[String]) -> Option<&File> {
        self.files.get(self.modules.get(module)?)
    }

    /// The names that the imports of a file give to items of this crate, as paths from its root.
    fn names_in(&self, file: &File) -> BTreeMap<String, Vec<String>> {
        let mut names = BTreeMap::new();
        // The second round is for imports that begin with a name from a later line.
        for _ in 0..2 {
            for import in &file.facts.imports {
                let path = self.absolute(file, &import.inside, &import.path, &names);
                if let (Some(name), Some(path)) = (&import.name, path) {
                    names.insert(name.clone(), path);
                }
            }
        }
        names
    }

    /// The path from the root of the crate, or `None` if it leads to another crate.
    fn absolute(
        &self,
        file: &File,
        inside: &[String],
        path: &[String],
        names: &BTreeMap<String, Vec<String>>,
    ) -> Option<Vec<String>> {
        let mut base = [file.module.as_slice(), inside].concat();
        let (first, mut rest) = path.split_first()?;
        match first.as_str() {
            "crate" => base.clear(),
            "self" => {}
            "super" => _ = base.pop(),
            _ => {
                let child = [base.as_slice(), std::slice::from_ref(first)].concat();
                if self.modules.contains_key(&child) {
                    base = child;
                } else {
                    // `use bytes;` gives the name `bytes` to another crate.
                    base = names.get(first)?.clone();
                }
            }
        }
        while let Some((_, after)) = rest.split_first().filter(|(word, _)| *word == "super") {
            base.pop();
            rest = after;
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    /// The files that a path from the root leads to: one, or none if it ends at a module that only
    /// re-exports, because then the names behind it count.
    fn files_behind(&self, path: &[String], chain: usize) -> BTreeSet<&str> {
        let (name, rest) = self.deepest_module(path);
        match rest.first() {
            _ if !is_facade(name) && !is_root(name) => BTreeSet::from([name]),
            None => BTreeSet::new(),
            Some(item) => {
                let found = self.files_that_give(name, item, chain);
                if found.is_empty() { BTreeSet::from([name]) } else { found }
            }
        }
    }

    /// The files that a glob over a path from the root leads to.
    fn files_behind_all_of(&self, path: &[String], chain: usize) -> BTreeSet<&str> {
        let (name, rest) = self.deepest_module(path);
        let all_of_a_facade = rest.is_empty() && (is_facade(name) || is_root(name));
        if !all_of_a_facade || chain == 0 {
            return self.files_behind(path, chain);
        }
        let mut found = BTreeSet::new();
        for (path, is_glob) in self.exports(name) {
            found.extend(if is_glob {
                self.files_behind_all_of(&path, chain - 1)
            } else {
                self.files_behind(&path, chain - 1)
            });
        }
        if self.files[name].facts.items.is_empty() || is_facade(name) {
            return found;
        }
        found.insert(name);
        found
    }

    /// The file of the longest module path that the path begins with, and the rest of the path.
    fn deepest_module<'a>(&self, path: &'a [String]) -> (&str, &'a [String]) {
        let depth =
            (0..=path.len()).take_while(|depth| self.modules.contains_key(&path[..*depth])).last();
        let (module, rest) = path.split_at(depth.unwrap_or(0));
        (&self.modules[module], rest)
    }

    /// The files from which a re-exporting file gets `item`.
    fn files_that_give(&self, name: &str, item: &str, chain: usize) -> BTreeSet<&str> {
        let Some(file) = self.files.get(name).filter(|_| chain > 0) else {
            return BTreeSet::new();
        };
        let names = self.names_in(file);
        if let Some(path) = names.get(item) {
            return self.files_behind(path, chain - 1);
        }
        let globs = self.exports(name).into_iter().filter(|(_, is_glob)| *is_glob);
        globs
            .flat_map(|(path, _)| {
                let (inner, rest) = self.deepest_module(&path);
                if is_facade(inner) {
                    return self.files_that_give(inner, item, chain - 1);
                }
                // A glob over an enum imports its variants, which are not looked up.
                let gives = rest.is_empty() && self.gives_itself(inner, item);
                gives.then_some(inner).into_iter().collect()
            })
            .collect()
    }

    /// Whether a file in a room defines or imports the item.
    fn gives_itself(&self, name: &str, item: &str) -> bool {
        let facts = &self.files[name].facts;
        facts.items.iter().any(|(defined, _)| defined == item)
            || facts.imports.iter().any(|import| import.name.as_deref() == Some(item))
    }

    /// The imports of a file, as paths from the root, and whether each is a glob.
    fn exports(&self, name: &str) -> Vec<(Vec<String>, bool)> {
        let Some(file) = self.files.get(name) else {
            return Vec::new();
        };
        let names = self.names_in(file);
        let imports = file.facts.imports.iter();
        imports
            .filter_map(|import| {
                let path = self.absolute(file, &import.inside, &import.path, &names)?;
                Some((path, import.name.is_none()))
            })
            .collect()
    }
}
