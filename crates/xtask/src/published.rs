//! The packages that are published, from `cargo metadata`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::shell::{Failure, Outcome, cargo, output};

/// The feature that compiles OpenSSL, which takes minutes. None of our code depends on it.
pub(crate) const COMPILES_OPENSSL: &str = "native-tls-vendored";

/// A package that may be published.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    /// In order, including `default`.
    pub(crate) features: BTreeSet<String>,
    /// The oldest compiler that it supports, by its manifest.
    pub(crate) rust_version: String,
}

/// All of these packages, in the order of their names.
pub(crate) fn packages() -> Outcome<Vec<Package>> {
    let metadata = output(&mut cargo("metadata --no-deps --format-version 1"))?;
    let metadata: Value = serde_json::from_str(&metadata)
        .map_err(|error| Failure::new(format!("`cargo metadata`: {error}")))?;
    packages_in(&metadata)
        .ok_or_else(|| Failure::new("`cargo metadata` says too little about the packages"))
}

/// The package with this name.
pub(crate) fn package(name: &str) -> Outcome<Package> {
    packages()?
        .into_iter()
        .find(|package| package.name == name)
        .ok_or_else(|| Failure::new(format!("there is no package {name} to be published")))
}

fn packages_in(metadata: &Value) -> Option<Vec<Package>> {
    let mut packages = Vec::new();
    for package in metadata["packages"].as_array()? {
        // `publish = false` is an empty list of registries.
        if !package["publish"].is_null() {
            continue;
        }
        packages.push(Package {
            name: package["name"].as_str()?.to_owned(),
            folder: Path::new(package["manifest_path"].as_str()?).parent()?.to_path_buf(),
            features: package["features"].as_object()?.keys().cloned().collect(),
            rust_version: package["rust_version"].as_str()?.to_owned(),
        });
    }
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Some(packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_libraries_are_published_and_the_chores_are_not() {
        let packages = packages().unwrap();
        let names: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
        for library in ["fullduplex", "fullduplex-std", "fullduplex-tokio"] {
            assert!(names.contains(&library), "{names:?}");
        }
        assert!(!names.contains(&"xtask"), "{names:?}");
        assert!(packages[0].features.contains("deflate"), "{:?}", packages[0]);
        assert!(packages[0].folder.ends_with("crates/fullduplex"), "{:?}", packages[0]);
    }
}
