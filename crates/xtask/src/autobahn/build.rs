//! The echo endpoints under test, built.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;

use crate::shell::{Failure, Outcome, cargo, fail, shown};

/// Where the programs are that the suite drives.
pub(crate) struct Testees {
    /// `echo-server --adapter A --listen ADDRESS`
    pub(crate) server: PathBuf,
    /// `echo-client --adapter A --url URL --agent NAME`
    pub(crate) client: PathBuf,
}

/// Builds both programs with optimisation, and asks cargo where it put them.
pub(crate) fn testees() -> Outcome<Testees> {
    let mut build = cargo("build --release -p fullduplex-autobahn");
    println!("$ {}", shown(&build));
    let output = build
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Failure::new(format!("cannot run cargo: {error}")))?;
    if !output.status.success() {
        return fail("the echo endpoints do not build");
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let messages: Vec<Value> =
        messages.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let find = |name: &str| {
        let artifact = messages.iter().find(|message| message["target"]["name"] == name);
        let executable = artifact.and_then(|message| message["executable"].as_str());
        executable
            .map(PathBuf::from)
            .ok_or_else(|| Failure::new(format!("the package has no program `{name}`")))
    };
    Ok(Testees { server: find("echo-server")?, client: find("echo-client")? })
}
