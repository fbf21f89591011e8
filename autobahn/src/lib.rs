//! What the echo server and the echo client have in common: their options, their report, and the endpoints over
//! tokio.

pub mod over_tokio;

use std::path::Path;

use clap::{Args, ValueEnum};
use fullduplex_std::fullduplex::Connection;
use fullduplex_std::rustls::pki_types::CertificateDer;
use fullduplex_std::rustls::pki_types::pem::PemObject;
use fullduplex_std::{CloseCode, DeflateConfig, EndpointConfig, Message};
use serde::Serialize;

/// The adapter under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Adapter {
    /// fullduplex-std: blocking streams.
    Std,
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
    /// The defaults of the adapter, with these limits.
    #[must_use]
    pub fn config(&self) -> EndpointConfig {
        let mut config = EndpointConfig::new();
        let limits = &mut config.connection.limits;
        limits.max_message_size = self.max_message.unwrap_or(limits.max_message_size);
        limits.max_frame_size = self.max_frame.unwrap_or(limits.max_frame_size);
        if self.deflate { config.deflate(DeflateConfig::new()) } else { config }
    }
}

/// A result whose error is for a person to read.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Reads certificates from a PEM file.
///
/// # Errors
/// When the file cannot be read or holds no certificate.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    if found.is_empty() {
        return Err(format!("{}: there is no certificate in it", path.display()).into());
    }
    Ok(found)
}

/// What became of one connection.
#[derive(Default, Serialize)]
pub struct Report {
    /// `open` or `fail`.
    pub handshake: &'static str,
    /// The status of the server's response.
    pub status: Option<u16>,
    /// Why the handshake or the connection failed.
    pub error: Option<String>,
    messages: Vec<Received>,
    close_sent: Option<u16>,
    close_received: Option<u16>,
    clean: bool,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Received {
    Text { data: String },
    Binary { hex: String },
}

/// No code in a Close frame, as the API of browsers puts it (RFC 6455 §7.1.5).
const NO_CODE: u16 = 1005;

impl Report {
    /// The connection was opened.
    #[must_use]
    pub fn open() -> Self {
        Self { handshake: "open", status: Some(101), ..Self::default() }
    }

    /// The handshake failed.
    #[must_use]
    pub fn failed(status: Option<u16>, error: &impl ToString) -> Self {
        Self { handshake: "fail", status, error: Some(error.to_string()), ..Self::default() }
    }

    /// Adds a message; control frames do not count.
    pub fn add(&mut self, message: Message) {
        match message {
            Message::Text(text) => self.messages.push(Received::Text { data: text.into() }),
            Message::Binary(data) => {
                let hex = data.iter().map(|byte| format!("{byte:02x}")).collect();
                self.messages.push(Received::Binary { hex });
            }
            _ => {}
        }
    }

    /// Adds how the connection ended.
    pub fn end(&mut self, connection: &Connection) {
        self.close_sent =
            connection.sent_close().map(|sent| sent.map_or(NO_CODE, CloseCode::to_u16));
        self.close_received =
            connection.peer_close().map(|close| close.map_or(NO_CODE, |close| close.code.to_u16()));
        self.clean = connection.is_clean();
    }
}
