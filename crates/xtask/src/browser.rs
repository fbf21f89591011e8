//! `cargo xtask browser`: the tests in a real browser: the chat and the dashboard of the examples, an echo server,
//! WebSockets over HTTP/2, the report of the conformance suite.
//!
//! `cargo xtask test` runs the same tests, but only reports that they were skipped if there is no Chromium. Here that is a
//! failure.

use crate::shell::{Outcome, cargo, command, fail, root, run as run_command, succeeds};

/// The possible names of Chromium's program.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Runs the tests.
pub(crate) fn run() -> Outcome {
    if !NAMES.iter().any(|name| succeeds(command(name).arg("--version"))) {
        return fail("browser: no Chromium is installed (Debian: apt-get install chromium)");
    }
    for package in ["fullduplex-app", "fullduplex-conformance"] {
        run_command(cargo("test --test browser --package").arg(package))?;
    }
    run_command(&mut cargo("test --test dashboard --package fullduplex-app page"))?;
    let target = root().join("target");
    println!(
        "browser: pictures are in {0}/browser-pictures and {0}/report-pictures",
        target.display()
    );
    Ok(())
}
