//! `cargo xtask supply`: checks licences, sources and duplicates of our dependencies, with cargo-deny and
//! `.cargo/deny.toml`.

use clap::Args;

use crate::shell::{Outcome, cargo, fail, output, run as run_command};
use crate::tools::{self, with_path};

/// The version of cargo-deny to install if it is missing.
const CARGO_DENY: &str = "cargo-deny@0.20.2";

/// The workspaces, each with its own lock file, and what is allowed there: in the small ones, licences in the list that none
/// of their dependencies has. What `drop-in` and `bench-build` compile is not checked.
const WORKSPACES: [(&str, &str); 3] = [
    ("Cargo.toml", ""),
    ("crates/embedded/Cargo.toml", "-A license-not-encountered"),
    ("fuzz/Cargo.toml", "-A license-not-encountered"),
];

/// The libraries whose dependencies become dependencies of an application.
const LIBRARIES: [&str; 4] = ["fullduplex", "fullduplex-app", "fullduplex-std", "fullduplex-tokio"];

/// What to check in addition.
#[derive(Args)]
pub(crate) struct Options {
    /// Also looks for known vulnerabilities in our dependencies: fetches RustSec's list
    #[arg(long)]
    advisories: bool,
}

/// Checks our dependencies.
pub(crate) fn run(options: &Options) -> Outcome {
    let tools = tools::folder("deny", CARGO_DENY)?;
    let deny = |manifest: &str, check: &str| {
        let line = format!(
            "deny --config .cargo/deny.toml --locked --manifest-path {manifest} --workspace --all-features check {check}"
        );
        run_command(&mut with_path(cargo(&line), &tools)?)
    };
    for (manifest, allowed) in WORKSPACES {
        deny(manifest, &format!("{allowed} licenses bans sources"))?;
        if options.advisories {
            deny(manifest, "advisories")?;
        }
    }
    LIBRARIES.iter().try_for_each(|library| without_duplicates(library))
}

/// Fails if a library with its default features has a crate in two versions, which would be compiled twice. cargo-deny
/// cannot check this, because it includes the features that the library's own tests enable.
fn without_duplicates(library: &str) -> Outcome {
    let line = format!("tree --locked -p {library} --edges no-dev --target all --duplicates");
    let twice = output(&mut cargo(&line))?;
    if twice.trim().is_empty() {
        println!("supply: {library} has no dependency twice");
        return Ok(());
    }
    fail(format!("supply: {library} has dependencies twice:\n{twice}"))
}
