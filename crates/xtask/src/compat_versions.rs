//! `cargo xtask compat-versions`: writes the manifests under `crates/compat/versions`, which compile the packages of
//! `crates/compat` as older versions. Everything except the version comes from the manifests of those packages.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::Value;

use crate::shell::{Failure, Outcome, cargo, fail, output, read, root, write};

/// The minor numbers of the older versions.
const MINORS: [u32; 4] = [26, 27, 28, 29];

/// The packages of `crates/compat`.
pub(crate) const PACKAGES: [&str; 2] = ["tungstenite", "tokio-tungstenite"];

/// Writes the manifests.
pub(crate) fn run() -> Outcome {
    for (path, text) in manifests()? {
        write(&path, &text)?;
    }
    Ok(())
}

/// Fails if a manifest is not what [`run`] would write.
pub(crate) fn check() -> Outcome {
    for (path, text) in manifests()? {
        if read(&path)? != text {
            return fail(format!(
                "{} is not what `cargo xtask compat-versions` writes",
                path.display()
            ));
        }
    }
    Ok(())
}

fn manifests() -> Outcome<Vec<(PathBuf, String)>> {
    let metadata = output(&mut cargo("metadata --no-deps --format-version 1"))?;
    let metadata: Value = serde_json::from_str(&metadata)
        .map_err(|error| Failure::new(format!("`cargo metadata`: {error}")))?;
    let all = metadata["packages"].as_array();
    let mut manifests = Vec::new();
    for name in PACKAGES {
        let package = all.and_then(|all| all.iter().find(|package| package["name"] == name));
        let package = package.ok_or_else(|| Failure::new(format!("there is no package {name}")))?;
        for minor in MINORS {
            let folder = format!("crates/compat/versions/0.{minor}/{name}/Cargo.toml");
            let text = manifest(package, minor).ok_or_else(|| {
                Failure::new(format!("`cargo metadata` says too little about {name}"))
            })?;
            manifests.push((root().join(folder), text));
        }
    }
    Ok(manifests)
}

/// The manifest of a package as version 0.`minor`.
fn manifest(package: &Value, minor: u32) -> Option<String> {
    let name = package["name"].as_str()?;
    let mut text = format!(
        "# Written by `cargo xtask compat-versions`.\n\
         [package]\n\
         name = \"{name}\"\n\
         description = \"fullduplex under the name and the interface of {name} 0.{minor}, for [patch.crates-io]\"\n\
         version = \"0.{minor}.100\"\n"
    );
    for key in ["edition", "rust_version", "license"] {
        let value = package[key].as_str()?;
        writeln!(text, "{} = \"{value}\"", key.replace('_', "-")).ok()?;
    }
    text += "publish = false\n";
    if name == "tungstenite" {
        text += "build = \"../../build.rs\"\n";
    }
    write!(text, "\n[lib]\npath = \"../../../{name}/src/lib.rs\"\n\n[features]\n").ok()?;
    for (feature, turns_on) in package["features"].as_object()? {
        writeln!(text, "{feature} = {turns_on}").ok()?;
    }
    text += "\n[dependencies]\n";
    for dependency in package["dependencies"].as_array()? {
        if dependency["kind"].is_null() {
            text += &line(dependency, minor)?;
        }
    }
    Some(text)
}

/// The line of one dependency of a package as version 0.`minor`.
fn line(dependency: &Value, minor: u32) -> Option<String> {
    let name = dependency["name"].as_str()?;
    let mut keys = match dependency["path"].as_str() {
        None => vec![format!("version = {}", dependency["req"])],
        // From a git repository, cargo takes any package of this name that fits, and not the one at the path.
        Some(_) if PACKAGES.contains(&name) => {
            vec![format!("path = \"../{name}\""), format!("version = \"=0.{minor}.100\"")]
        }
        Some(_) => vec![format!("path = \"../../../../{name}\"")],
    };
    if dependency["optional"] == true {
        keys.push("optional = true".into());
    }
    if dependency["uses_default_features"] == false {
        keys.push("default-features = false".into());
    }
    if !dependency["features"].as_array()?.is_empty() {
        keys.push(format!("features = {}", dependency["features"]));
    }
    Some(format!("{name} = {{ {} }}\n", keys.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_keeps_what_its_package_says_of_it() {
        let mut dependency = serde_json::json!({
            "name": "http", "req": "^1.5", "optional": true, "uses_default_features": false,
            "features": ["std"],
        });
        let expected = "http = { version = \"^1.5\", optional = true, default-features = false, \
                        features = [\"std\"] }\n";
        assert_eq!(line(&dependency, 29).as_deref(), Some(expected));
        dependency["path"] = "/anywhere/crates/compat/tungstenite".into();
        dependency["name"] = "tungstenite".into();
        let expected = "tungstenite = { path = \"../tungstenite\", version = \"=0.29.100\", ";
        assert!(line(&dependency, 29).unwrap().starts_with(expected));
    }

    /// Without a version, cargo says "resolved to more than one candidate", because the repository has several.
    #[test]
    fn each_patch_that_is_recommended_names_a_version() {
        let mut patches = 0;
        for file in ["README.md", "tungstenite/src/lib.rs", "tokio-tungstenite/src/lib.rs"] {
            let text = read(&root().join("crates/compat").join(file)).unwrap();
            for line in text.lines().filter(|line| line.contains("{ ") && line.contains("git = ")) {
                patches += 1;
                assert!(line.contains("version = \"0."), "{file}: {line}");
            }
        }
        assert!(patches >= 4, "only {patches}");
    }
}
