//! One crate, compiled with the real packages and then with ours.

use std::time::{Duration, Instant};

use super::catalog::Entry;
use super::patch::Patch;
use super::says::{self, Node};
use super::scratch::{Package, Scratch, Side};
use crate::shell::Outcome;

/// The package that shows which WebSocket library a tree contains.
const LIBRARY: &str = "tungstenite";

/// The dependencies of a tree that are compiled: not those that only its tests need.
const EDGES: &str = "normal,build";

/// The result for a crate on one side.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) duration: Duration,
    pub(super) tree: Vec<Node>,
    /// The first error and the number of errors, if it does not compile.
    pub(super) error: Option<(String, usize)>,
}

/// The result for a crate.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) name: String,
    pub(super) real: Check,
    pub(super) ours: Check,
    pub(super) verdict: Verdict,
}

/// The verdict on our packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It compiles with both, and with ours there is no WebSocket library of the registry left.
    Same,
    /// It compiles with the real packages but not with ours.
    Worse,
    /// We have a package for the version that it requires, but it was compiled with the real one.
    NotReached,
    /// It compiles, but it requires a version that none of our packages replaces.
    NotOffered,
    /// It does not compile with the real packages, so it says nothing about ours.
    NoTrial,
}

impl Verdict {
    /// Whether our packages are at fault.
    pub(super) fn is_failure(self) -> bool {
        matches!(self, Self::Worse | Self::NotReached)
    }
}

/// Compiles the crate on both sides.
pub(super) fn run(entry: &Entry, scratch: &Scratch, patch: &Patch) -> Outcome<Trial> {
    let manifest = manifest(entry);
    let package = scratch.package(&entry.name, Side::Real, &manifest)?;
    let real = check(&package, None)?;
    let ours = if real.error.is_none() {
        let with_patch = format!("{manifest}\n{}", patch.table());
        let patched = scratch.package(&entry.name, Side::Ours, &with_patch)?;
        let locked = patched.lock_like(&package, &real.tree, patch)?;
        check(&patched, (!locked.succeeded).then_some(locked.stderr))?
    } else {
        Check { duration: Duration::ZERO, tree: Vec::new(), error: None }
    };
    let verdict = verdict(&real, &ours, patch);
    Ok(Trial { name: entry.name.clone(), real, ours, verdict })
}

/// The manifest of a package that depends on the crate.
fn manifest(entry: &Entry) -> String {
    format!(
        "[package]\n\
         name = \"member\"\n\
         version = \"0.0.0\"\n\
         edition = \"2024\"\n\
         publish = false\n\n\
         [workspace]\n\n\
         [dependencies]\n{}",
        entry.dependency()
    )
}

/// Compiles the package, unless there was an error before.
fn check(package: &Package<'_>, complaint: Option<String>) -> Outcome<Check> {
    let begun = Instant::now();
    let complaint = match complaint {
        Some(complaint) => Some(complaint),
        None => {
            let ran = package.run(package.cargo("check --quiet"))?;
            (!ran.succeeded).then_some(ran.stderr)
        }
    };
    let duration = begun.elapsed();
    let error = complaint.map(|text| {
        let first =
            says::first_error(&text).unwrap_or_else(|| "it failed without a message".into());
        (first, says::errors(&text))
    });
    // If no versions could be found for it, it has no tree.
    let tree = package.tree(EDGES).unwrap_or_default();
    Ok(Check { duration, tree, error })
}

fn verdict(real: &Check, ours: &Check, patch: &Patch) -> Verdict {
    if real.error.is_some() {
        return Verdict::NoTrial;
    }
    if ours.error.is_some() {
        return Verdict::Worse;
    }
    let left = |node: &&Node| {
        node.folder.is_none() && patch.packages().iter().any(|package| package.name == node.name)
    };
    let mut left = ours.tree.iter().filter(left).peekable();
    if left.peek().is_none() {
        // Without either of them, nothing was tested, for example because a feature for WebSockets is missing.
        let has_ours = ours.tree.iter().any(|node| node.name == LIBRARY);
        return if has_ours { Verdict::Same } else { Verdict::NoTrial };
    }
    if left.any(|node| patch.should_replace(node)) {
        Verdict::NotReached
    } else {
        Verdict::NotOffered
    }
}

impl Check {
    /// The version of the package, if the tree has it.
    pub(super) fn version_of(&self, name: &str) -> Option<String> {
        let node = self.tree.iter().rev().find(|node| node.name == name)?;
        Some(node.version.to_string())
    }

    /// The versions of the WebSocket library in the tree. Versions from a folder are ours.
    pub(super) fn libraries(&self) -> String {
        let libraries = self.tree.iter().filter(|node| node.name == LIBRARY);
        let versions: Vec<String> = libraries.map(|node| node.version.to_string()).collect();
        if versions.is_empty() { "-".to_owned() } else { versions.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::path::PathBuf;

    use crate::drop_in::patch::tests::patch;
    use crate::drop_in::version::Version;

    fn check(tree: &[(&str, &str, bool)]) -> Check {
        let node = |&(name, version, ours): &(&str, &str, bool)| Node {
            name: name.into(),
            version: Version::parse(version).unwrap(),
            folder: ours.then(|| PathBuf::from("/c")),
        };
        let tree = tree.iter().map(node).collect();
        Check { duration: Duration::ZERO, tree, error: None }
    }

    fn failed() -> Check {
        Check { error: Some(("error: no".into(), 1)), ..check(&[]) }
    }

    #[test]
    fn a_crate_must_compile_with_ours_where_it_does_with_the_real_ones() {
        let real = check(&[("tungstenite", "0.30.0", false)]);
        let ours = check(&[("tungstenite", "0.30.100", true)]);
        assert_eq!(verdict(&real, &ours, &patch()), Verdict::Same);
        assert_eq!(verdict(&real, &failed(), &patch()), Verdict::Worse);
        assert_eq!(verdict(&failed(), &failed(), &patch()), Verdict::NoTrial);
    }

    #[test]
    fn what_was_compiled_with_the_real_one_is_told_apart() {
        let real = check(&[]);
        for (left, expected) in [
            (("tungstenite", "0.30.0", false), Verdict::NotReached),
            (("tungstenite", "0.28.0", false), Verdict::NotOffered),
            (("rand", "0.10.0", false), Verdict::Same),
        ] {
            let ours = check(&[("tungstenite", "0.30.100", true), left]);
            assert_eq!(verdict(&real, &ours, &patch()), expected, "{left:?}");
        }
        assert_eq!(verdict(&real, &check(&[]), &patch()), Verdict::NoTrial);
    }

    #[test]
    fn a_manifest_asks_for_the_crate_with_its_features() {
        let entry =
            Entry { name: "axum".into(), version: "0.8".into(), features: vec!["ws", "http1"] };
        let last = "[workspace]\n\n[dependencies]\n\
                    axum = { version = \"0.8\", features = [\"ws\", \"http1\"] }\n";
        assert!(manifest(&entry).ends_with(last), "{}", manifest(&entry));
    }
}
