//! The report on a connection, and results with readable errors.

use fullduplex_std::fullduplex::{Receiver, Sender};
use fullduplex_std::{CloseCode, Message};
use serde::Serialize;

/// A result whose error is a text for the user.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The report on one connection.
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

/// A Close frame without a code, as browsers report it (RFC 6455 §7.1.5).
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

    /// Adds a message; control frames are not reported.
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
    pub fn end(&mut self, receiver: &Receiver, sender: &Sender) {
        self.close_sent = sender.sent_close().map(|sent| sent.map_or(NO_CODE, CloseCode::to_u16));
        self.close_received =
            receiver.peer_close().map(|close| close.map_or(NO_CODE, |close| close.code.to_u16()));
        self.clean = receiver.is_clean();
    }
}
