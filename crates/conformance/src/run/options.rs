//! What whoever runs cases may choose.

use std::time::Duration;

use crate::case::Scale;

/// What holds for every case of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long the runner waits for a subject that does nothing.
    pub patience: Duration,
    /// How long a case may take in all.
    pub limit: Duration,
    /// How much the cases of sections 9, 12 and 13 send.
    pub scale: Scale,
    /// Where the keys of handshakes and masks come from: the same seed gives the same bytes.
    pub seed: u64,
    /// The `Host` that a server is asked for.
    pub host: String,
    /// The target that a server is asked for.
    pub path: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(2),
            limit: Duration::from_secs(120),
            scale: Scale::Quick,
            seed: 0,
            host: "localhost".into(),
            path: "/".into(),
        }
    }
}
