//! What the echo server and the echo client share: their options, their report, and the endpoints over tokio.

pub mod over_std;
pub mod over_tokio;
mod report;

use std::path::Path;

use clap::{Args, ValueEnum};
use fullduplex_std::rustls::pki_types::CertificateDer;
use fullduplex_std::rustls::pki_types::pem::PemObject;
use fullduplex_std::{DeflateConfig, EndpointConfig};

pub use report::{Report, Result};

/// The adapter under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Adapter {
    /// fullduplex-std: blocking streams.
    Std,
    /// fullduplex-std, the WebSocket in two halves.
    StdHalves,
    /// fullduplex-tokio: asynchronous streams.
    Tokio,
    /// fullduplex-tokio, the WebSocket in two halves.
    TokioHalves,
}

/// The limits and extensions of a testee.
#[derive(Clone, Copy, Debug, Args)]
pub struct ConnectionOptions {
    /// Largest message to receive, in bytes
    #[arg(long, value_name = "BYTES")]
    max_message: Option<u64>,
    /// Largest frame to receive, in bytes
    #[arg(long, value_name = "BYTES")]
    max_frame: Option<u64>,
    /// Negotiate permessage-deflate
    #[arg(long)]
    deflate: bool,
}

impl ConnectionOptions {
    /// The adapter's default configuration with these limits.
    #[must_use]
    pub fn config(&self) -> EndpointConfig {
        let mut config = EndpointConfig::new();
        let limits = &mut config.connection.limits;
        limits.max_message_size = self.max_message.unwrap_or(limits.max_message_size);
        limits.max_frame_size = self.max_frame.unwrap_or(limits.max_frame_size);
        if self.deflate { config.deflate(DeflateConfig::new()) } else { config }
    }
}

/// Reads certificates from a PEM file.
///
/// # Errors
/// When the file cannot be read or holds no certificate.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    if found.is_empty() {
        return Err(format!("{}: it contains no certificate", path.display()).into());
    }
    Ok(found)
}
