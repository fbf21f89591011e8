//! Makes a self-signed certificate and its private key.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use fullduplex_autobahn::Result;

/// Makes a self-signed certificate and its private key
#[derive(Parser)]
struct Options {
    /// The address or the name that the certificate is for
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Where the certificate goes, as PEM
    certificate: PathBuf,
    /// Where the private key goes, as PEM
    key: PathBuf,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let made = rcgen::generate_simple_self_signed([options.host])?;
    write(&options.certificate, &made.cert.pem())?;
    write(&options.key, &made.signing_key.serialize_pem())
}

fn write(path: &Path, pem: &str) -> Result<()> {
    fs::write(path, pem).map_err(|error| format!("cannot write {}: {error}", path.display()).into())
}
