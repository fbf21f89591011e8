//! `cargo xtask supply`: the licences, the sources and the duplicates of what we depend on, by cargo-deny and
//! `.cargo/deny.toml`.

use clap::Args;

use crate::shell::{Outcome, cargo, fail, output, run as run_command};
use crate::tools::{self, with_path};

/// The version of cargo-deny that is installed where there is none.
const CARGO_DENY: &str = "cargo-deny@0.20.2";

/// The workspaces, each with a lock file of its own, and what is allowed there: in the small ones, licences that none of their
/// dependencies has. What `drop-in` and `bench-build` compile is in none.
const WORKSPACES: [(&str, &str); 3] = [
    ("Cargo.toml", ""),
    ("crates/embedded/Cargo.toml", "-A license-not-encountered"),
    ("fuzz/Cargo.toml", "-A license-not-encountered"),
];

/// The libraries whose dependencies become those of an application.
const LIBRARIES: [&str; 4] = ["fullduplex", "fullduplex-app", "fullduplex-std", "fullduplex-tokio"];

/// What to check beside.
#[derive(Args)]
pub(crate) struct Options {
    /// Looks for known faults in what we depend on, too: fetches the list of RustSec
    #[arg(long)]
    advisories: bool,
}

/// Checks what we depend on.
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

/// Fails where a library with its default features has a crate in two versions: it would be compiled twice. cargo-deny cannot
/// tell, for it counts the features that the library's own tests ask for.
fn without_duplicates(library: &str) -> Outcome {
    let line = format!("tree --locked -p {library} --edges no-dev --target all --duplicates");
    let twice = output(&mut cargo(&line))?;
    if twice.trim().is_empty() {
        println!("supply: {library} has no dependency twice");
        return Ok(());
    }
    fail(format!("supply: {library} has dependencies twice:\n{twice}"))
}
