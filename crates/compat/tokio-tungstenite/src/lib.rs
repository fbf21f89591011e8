//! [fullduplex](fullduplex_tokio) under the name and the interface of tokio-tungstenite 0.30.
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
//! What tokio-tungstenite cannot express, such as permessage-deflate and keepalive, is in
//! [`WebSocketConfig`](tungstenite::protocol::WebSocketConfig), and can be set once for the whole process. A new program
//! should use `fullduplex-tokio`; [`WebSocketStream::into_native`] converts a socket to it.

#[cfg(feature = "connect")]
mod connect;
mod error;
#[cfg(feature = "handshake")]
mod handshake;
#[cfg(feature = "stream")]
mod stream;
#[cfg(any(feature = "native-tls", feature = "__rustls-tls", feature = "connect"))]
mod tls;
mod websocket;

#[cfg(all(any(feature = "native-tls", feature = "__rustls-tls"), feature = "connect"))]
pub use connect::connect_async_tls_with_config;
#[cfg(feature = "connect")]
pub use connect::{connect_async, connect_async_with_config};
pub use fullduplex_tokio;
#[cfg(feature = "handshake")]
pub use handshake::{
    accept_async, accept_async_with_config, accept_hdr_async, accept_hdr_async_with_config,
    client_async, client_async_with_config,
};
#[cfg(feature = "stream")]
pub use stream::MaybeTlsStream;
#[cfg(any(feature = "native-tls", feature = "__rustls-tls", feature = "connect"))]
pub use tls::Connector;
#[cfg(any(feature = "native-tls", feature = "__rustls-tls"))]
pub use tls::{client_async_tls, client_async_tls_with_config};
pub use tungstenite;
pub use websocket::WebSocketStream;
