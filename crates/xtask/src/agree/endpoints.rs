//! The endpoints that both suites are run against.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::autobahn::testees;
use crate::peers;
use crate::shell::{Failure, Outcome, command, executables, root, run as run_command, succeeds};

/// An echo server and an echo client of one make.
pub(super) struct Endpoint {
    /// The name in the reports, which its client also uses.
    pub(super) name: String,
    /// The words that start the server; `{port}` is replaced with its port.
    pub(super) server: Vec<String>,
    /// The words that start the client; `{url}` is replaced with the URL of the suite.
    pub(super) client: Vec<String>,
}

impl Endpoint {
    fn new(name: &str, server: &[&str], client: &[&str]) -> Self {
        let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        Self { name: name.into(), server: owned(server), client: owned(client) }
    }

    /// The words that start the server on this port.
    pub(super) fn server(&self, port: u16) -> Vec<String> {
        self.server.iter().map(|word| word.replace("{port}", &port.to_string())).collect()
    }

    /// The words that start the client with this URL.
    pub(super) fn client(&self, url: &str) -> Vec<String> {
        self.client.iter().map(|word| word.replace("{url}", url)).collect()
    }
}

/// The other libraries for Rust.
const RUST: [&str; 5] =
    ["fastwebsockets", "soketto", "tokio-tungstenite", "tokio-websockets", "tungstenite"];

/// All endpoints that can be run here. Prints which ones cannot, and why.
pub(super) fn endpoints() -> Outcome<Vec<Endpoint>> {
    let mut found = Vec::new();

    let ours = testees()?;
    let (server, client) = (shown(&ours.server), shown(&ours.client));
    for adapter in ["std", "tokio"] {
        let name = format!("fullduplex-{adapter}");
        found.push(Endpoint::new(
            &name,
            &[&server, "--adapter", adapter, "--deflate", "--listen", "127.0.0.1:{port}"],
            &[&client, "--adapter", adapter, "--deflate", "--url", "{url}", "--agent", &name],
        ));
    }

    let [echo] = executables("build --release -p fullduplex-conformance-peers", ["peer-echo"])?;
    let echo = shown(&echo);
    for library in RUST {
        found.push(Endpoint::new(
            library,
            &[&echo, "--library", library, "--server", "{port}"],
            &[&echo, "--library", library, "--client", "{url}"],
        ));
    }

    peers::run()?;
    let python = shown(&root().join("target/peers/venv/bin/python"));
    let script = |path: &str| shown(&root().join("crates/conformance/peers").join(path));
    found.push(Endpoint::new(
        "websockets",
        &[&python, &script("websockets/server.py"), "{port}"],
        &[&python, &script("websockets/client.py"), "{url}"],
    ));
    // Node looks for a package beside the script, unless `NODE_PATH` names another folder.
    let path = format!("NODE_PATH={}", shown(&root().join("target/peers/npm/node_modules")));
    found.push(Endpoint::new(
        "ws",
        &["env", &path, "node", &script("ws/server.js"), "{port}"],
        &["env", &path, "node", &script("ws/client.js"), "{url}"],
    ));

    if let Some(echo) = beast()? {
        let echo = shown(&echo);
        found.push(Endpoint::new(
            "beast",
            &[&echo, "server", "{port}"],
            &[&echo, "client", "{url}"],
        ));
    }
    Ok(found)
}

/// The endpoints with reports in this folder, in the order of their names. They cannot be started.
pub(super) fn of_reports(folder: &Path) -> Outcome<Vec<Endpoint>> {
    let unreadable = |error| Failure::new(format!("{}: {error}", folder.display()));
    let mut names = BTreeSet::new();
    for entry in folder.read_dir().map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix("-server").map(str::to_owned));
    }
    Ok(names.iter().map(|name| Endpoint::new(name, &[], &[])).collect())
}

/// Compiles the endpoints over Boost.Beast, if there are a compiler and Boost.
fn beast() -> Outcome<Option<PathBuf>> {
    let header = ["-std=c++17", "-fsyntax-only", "-include", "boost/beast/version.hpp", "-xc++"];
    if !succeeds(command("c++").args(header).arg("/dev/null")) {
        println!("beast: skipped, it needs g++ and libboost-dev");
        return Ok(None);
    }
    let source = root().join("crates/conformance/peers/beast/echo.cpp");
    let program = root().join("target/beast-echo");
    let changed = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    if changed(&program).is_none_or(|made| changed(&source).is_none_or(|source| source > made)) {
        let mut compile = command("c++");
        compile.args(["-std=c++17", "-O1", "-pthread", "-o"]);
        run_command(compile.arg(&program).arg(&source))?;
    }
    Ok(Some(program))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
