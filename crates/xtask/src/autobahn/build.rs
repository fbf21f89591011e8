//! Builds the echo endpoints under test, and the program that makes their certificates.

use std::path::PathBuf;

use crate::shell::{Outcome, executables};

/// The paths of these programs.
pub(crate) struct Testees {
    /// `echo-server --adapter A --listen ADDRESS`
    pub(crate) server: PathBuf,
    /// `echo-client --adapter A --url URL --agent NAME`
    pub(crate) client: PathBuf,
    /// `self-signed --host HOST CERT KEY`
    pub(crate) self_signed: PathBuf,
}

/// Builds the programs with optimisation.
pub(crate) fn testees() -> Outcome<Testees> {
    let build = "build --release -p fullduplex-autobahn";
    let programs = ["echo-server", "echo-client", "self-signed"];
    let [server, client, self_signed] = executables(build, programs)?;
    Ok(Testees { server, client, self_signed })
}
