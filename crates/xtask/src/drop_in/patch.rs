//! Our packages that replace published ones, as a `[patch.crates-io]` table.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::says::Node;
use super::version::{Version, serves};
use crate::shell::{Failure, Outcome, cargo, fail, output};

/// A package of ours with the name of a published one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: Version,
    /// Its folder.
    pub(super) path: PathBuf,
}

/// All of these packages.
#[derive(Debug)]
pub(super) struct Patch(Vec<Package>);

impl Patch {
    /// The packages that the manifests in `folder` and below it declare. Packages with the name `fullduplex` or
    /// `fullduplex-...` replace no other.
    pub(super) fn find(folder: &Path) -> Outcome<Self> {
        let mut manifests = BTreeSet::new();
        collect(folder, &mut manifests)?;
        let mut packages = BTreeSet::new();
        for manifest in &manifests {
            let metadata = cargo("metadata --no-deps --format-version 1 --manifest-path");
            let metadata = output({ metadata }.arg(manifest))?;
            // The metadata has all packages of the manifest's workspace.
            packages.extend(packages_in(&metadata)?.into_iter().filter(|package| {
                manifests.contains(&package.path.join("Cargo.toml"))
                    && !package.name.starts_with("fullduplex")
            }));
        }
        if packages.is_empty() {
            return fail(format!("no package in {} replaces a published one", folder.display()));
        }
        Ok(Self(packages.into_iter().collect()))
    }

    /// The packages, by name and version.
    pub(super) fn packages(&self) -> &[Package] {
        &self.0
    }

    /// Whether the patch has a package `name` that a requirement of `version` accepts.
    pub(super) fn offers(&self, name: &str, version: &Version) -> bool {
        self.0.iter().any(|package| package.name == name && serves(&package.version, version))
    }

    /// Whether one of the packages should have replaced this one in a tree.
    pub(super) fn should_replace(&self, node: &Node) -> bool {
        node.folder.is_none() && self.offers(&node.name, &node.version)
    }

    /// The table. If a package has several versions, only one of them can have its name as the key.
    pub(super) fn table(&self) -> String {
        let mut table = "[patch.crates-io]\n".to_owned();
        for (at, Package { name, version, path }) in self.0.iter().enumerate() {
            let newest = self.0.get(at + 1).is_none_or(|next| next.name != *name);
            // A path may contain characters that must be escaped in TOML. Rust's escapes are a subset of TOML's.
            let path = path.display().to_string();
            table += &if newest {
                format!("{name} = {{ path = {path:?} }}\n")
            } else {
                let key = format!("{name}-{version}").replace('.', "_");
                format!("{key} = {{ package = \"{name}\", path = {path:?} }}\n")
            };
        }
        table
    }
}

/// Collects the manifests below `folder`, except for those in folders that cargo has built.
fn collect(folder: &Path, manifests: &mut BTreeSet<PathBuf>) -> Outcome {
    let cannot_read =
        |error| Failure::new(format!("cannot read the folder {}: {error}", folder.display()));
    for entry in fs::read_dir(folder).map_err(cannot_read)? {
        let path = entry.map_err(cannot_read)?.path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, manifests)?;
        } else if path.ends_with("Cargo.toml") {
            manifests.insert(path);
        }
    }
    Ok(())
}

/// The packages in the output of `cargo metadata`.
fn packages_in(metadata: &str) -> Outcome<Vec<Package>> {
    let metadata: Value = serde_json::from_str(metadata)
        .map_err(|error| Failure::new(format!("cargo metadata: {error}")))?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let parsed = packages.map(|package| {
        let manifest = Path::new(package["manifest_path"].as_str()?);
        Some(Package {
            name: package["name"].as_str()?.to_owned(),
            version: Version::parse(package["version"].as_str()?)?,
            path: manifest.parent()?.to_path_buf(),
        })
    });
    parsed
        .collect::<Option<_>>()
        .ok_or_else(|| Failure::new("cargo metadata: a package lacks its name, version or path"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn package(name: &str, version: &str, path: &str) -> Package {
        let version = Version::parse(version).unwrap();
        Package { name: name.into(), version, path: path.into() }
    }

    pub(in crate::drop_in) fn patch() -> Patch {
        Patch(vec![
            package("tokio-tungstenite", "0.29.100", "/c/v/tt29"),
            package("tokio-tungstenite", "0.30.100", "/c/tt"),
            package("tungstenite", "0.30.100", "/c/t"),
        ])
    }

    #[test]
    fn every_version_of_a_package_has_a_key_of_its_own() {
        assert_eq!(
            patch().table(),
            "[patch.crates-io]\n\
             tokio-tungstenite-0_29_100 = { package = \"tokio-tungstenite\", path = \"/c/v/tt29\" }\n\
             tokio-tungstenite = { path = \"/c/tt\" }\n\
             tungstenite = { path = \"/c/t\" }\n"
        );
    }

    #[test]
    fn a_package_is_offered_where_cargo_would_take_it() {
        let offers = |name, version| patch().offers(name, &Version::parse(version).unwrap());
        assert!(offers("tokio-tungstenite", "0.29.0"));
        assert!(offers("tungstenite", "0.30.2"));
        assert!(!offers("tungstenite", "0.29.0"));
        assert!(!offers("tungstenite", "0.30.101"));
        assert!(!offers("async-tungstenite", "0.30.0"));
    }

    #[test]
    fn the_packages_of_a_workspace_are_read_from_cargo_metadata() {
        let metadata = r#"{"packages": [
            {"name": "tungstenite", "version": "0.30.100", "manifest_path": "/c/t/Cargo.toml"}
        ]}"#;
        assert_eq!(packages_in(metadata).unwrap(), [package("tungstenite", "0.30.100", "/c/t")]);
        assert!(packages_in(r#"{"packages": [{"name": "tungstenite"}]}"#).is_err());
        assert!(packages_in("").is_err());
    }
}
