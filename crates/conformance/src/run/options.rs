//! Options for running cases.

use std::time::Duration;

use crate::case::Scale;

/// Options for every case of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long the runner waits for a subject that does nothing.
    pub patience: Duration,
    /// How long a case may take in total.
    pub limit: Duration,
    /// How much data the cases of sections 9, 12 and 13 send.
    pub scale: Scale,
    /// The seed of handshake keys and masking keys: the same seed gives the same bytes.
    pub seed: u64,
    /// The `Host` of requests to a server.
    pub host: String,
    /// The target of requests to a server.
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
