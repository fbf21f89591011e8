//! [`fullduplex`] under the name and the interface of tungstenite 0.30.
//!
//! Two lines in the `Cargo.toml` of a program put it under all of the program's dependencies that ask for 0.30. The
//! README of `crates/compat` has the lines for older versions.
//!
//! ```toml
//! [patch.crates-io]
//! tungstenite = { version = "0.30", git = "https://github.com/fullduplex/fullduplex" }
//! tokio-tungstenite = { version = "0.30", git = "https://github.com/fullduplex/fullduplex" }
//! ```
//!
//! What tungstenite's configuration cannot express, such as permessage-deflate and keepalive, is in
//! [`WebSocketConfig`](protocol::WebSocketConfig), and can be set once for the whole process. A new program, or one that
//! wants two halves for two threads, lent messages or exact deadlines, should use `fullduplex-std`.

pub mod buffer;
#[cfg(feature = "handshake")]
pub mod client;
pub mod error;
#[cfg(feature = "handshake")]
pub mod handshake;
pub mod protocol;
#[cfg(feature = "handshake")]
mod server;
pub mod stream;
#[cfg(all(any(feature = "native-tls", feature = "__rustls-tls"), feature = "handshake"))]
mod tls;
pub mod util;

/// What the package `tokio-tungstenite` needs from this one. It is not part of the interface.
#[doc(hidden)]
pub mod internals {
    #[cfg(feature = "handshake")]
    pub use crate::handshake::HEAD_LIMITS;
    #[cfg(feature = "handshake")]
    pub use crate::handshake::convert::{
        accept_error, handshake_error, to_core, to_response, unasked,
    };
    #[cfg(feature = "handshake")]
    pub use crate::handshake::server::decide;
    pub use crate::protocol::context::limit_error;
    pub use crate::protocol::message::{Outgoing, fragment_kind};
    #[cfg(all(feature = "__rustls-tls", feature = "handshake"))]
    pub use crate::tls::{default_client_config, without_h2};
}

pub use bytes::Bytes;
#[cfg(feature = "handshake")]
pub use client::{ClientRequestBuilder, client, connect};
pub use error::{Error, Result};
pub use fullduplex;
#[cfg(feature = "handshake")]
pub use handshake::{HandshakeError, client::ClientHandshake, server::ServerHandshake};
#[cfg(feature = "handshake")]
pub use http;
pub use protocol::frame::Utf8Bytes;
pub use protocol::{Message, WebSocket};
#[cfg(feature = "handshake")]
pub use server::{accept, accept_hdr, accept_hdr_with_config, accept_with_config};
#[cfg(all(any(feature = "native-tls", feature = "__rustls-tls"), feature = "handshake"))]
pub use tls::{Connector, client_tls, client_tls_with_config};
