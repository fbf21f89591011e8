//! The echo endpoints under test, built.

use std::path::PathBuf;

use crate::shell::{Outcome, executables};

/// Where the programs are that the suite drives.
pub(crate) struct Testees {
    /// `echo-server --adapter A --listen ADDRESS`
    pub(crate) server: PathBuf,
    /// `echo-client --adapter A --url URL --agent NAME`
    pub(crate) client: PathBuf,
}

/// Builds both programs with optimisation.
pub(crate) fn testees() -> Outcome<Testees> {
    let build = "build --release -p fullduplex-autobahn";
    let [server, client] = executables(build, ["echo-server", "echo-client"])?;
    Ok(Testees { server, client })
}
