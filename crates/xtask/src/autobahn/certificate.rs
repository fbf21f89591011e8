//! The certificate of a run over TLS, made only for it.

use std::path::{Path, PathBuf};

use super::build::Testees;
use crate::shell::{Outcome, command, run};

/// A self-signed certificate for [`HOST`](Self::HOST).
pub(crate) struct Certificate {
    /// The certificate, as PEM.
    pub(crate) path: PathBuf,
    /// Its private key, as PEM.
    pub(crate) key: PathBuf,
}

impl Certificate {
    /// The host that it is for: `wstest` and our endpoints only connect there.
    const HOST: &str = "127.0.0.1";

    /// Makes a certificate in the folder.
    pub(crate) fn make(testees: &Testees, folder: &Path) -> Outcome<Self> {
        let made = Self { path: folder.join("certificate.pem"), key: folder.join("key.pem") };
        run(command(&testees.self_signed)
            .args(["--host", Self::HOST])
            .args([&made.path, &made.key]))?;
        Ok(made)
    }
}
