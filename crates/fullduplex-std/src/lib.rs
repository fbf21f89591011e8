//! WebSocket over blocking streams: the [`fullduplex`] protocol core on [`std::io`].
//!
//! A client and a server, each complete:
//!
//! ```no_run
//! use fullduplex_std::Message;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (mut socket, _response) = fullduplex_std::connect("ws://127.0.0.1:9001/chat")?;
//! socket.send("Hello".into())?;
//! println!("{}", socket.read()?);
//! socket.close(None)?;
//! while socket.read().is_ok() {} // until the peer has closed as well
//! # Ok(())
//! # }
//! ```
//!
//! ```no_run
//! use std::net::TcpListener;
//!
//! # fn main() -> std::io::Result<()> {
//! for stream in TcpListener::bind("127.0.0.1:9001")?.incoming() {
//!     std::thread::spawn(move || -> Result<(), fullduplex_std::Error> {
//!         let mut socket = fullduplex_std::accept(stream?)?;
//!         loop {
//!             let message = socket.read()?;
//!             if message.is_text() || message.is_binary() {
//!                 socket.feed(message)?; // written before `read` waits again
//!             }
//!         }
//!     });
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Two threads
//!
//! A [`WebSocket`] receives or sends, one at a time. [`WebSocket::into_split`] makes two halves of it, for two threads that do
//! both at the same time:
//!
//! ```
//! use std::net::{TcpListener, TcpStream};
//! use std::thread;
//!
//! use fullduplex_std::{Error, Message};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let listener = TcpListener::bind("127.0.0.1:0")?;
//! # let address = listener.local_addr()?;
//! # let peer = thread::spawn(move || -> Result<(), Error> {
//! #     let mut socket = fullduplex_std::accept(listener.accept()?.0)?;
//! #     loop {
//! #         match socket.read() {
//! #             Ok(message) if message.is_text() => socket.feed(message)?,
//! #             Ok(_) => {}
//! #             Err(Error::ConnectionClosed) => return Ok(()),
//! #             Err(error) => return Err(error),
//! #         }
//! #     }
//! # });
//! let stream = TcpStream::connect(address)?; // an echo server's
//! let (socket, _response) = fullduplex_std::client("ws://localhost/chat", stream)?;
//! let (mut sender, mut receiver) = socket.into_split()?;
//! let sending = thread::spawn(move || -> Result<(), Error> {
//!     for number in 0..3 {
//!         sender.send(format!("message {number}").into())?;
//!     }
//!     sender.close(None)
//! });
//! let mut echoes = Vec::new();
//! loop {
//!     match receiver.read() {
//!         // Pings are answered, even while the other thread is blocked in `send`.
//!         Ok(Message::Text(text)) => echoes.push(text),
//!         Ok(_) => {}
//!         Err(Error::ConnectionClosed) => break,
//!         Err(error) => return Err(error.into()),
//!     }
//! }
//! sending.join().unwrap()?;
//! assert_eq!(echoes, ["message 0", "message 1", "message 2"]);
//! # peer.join().unwrap()?;
//! # Ok(())
//! # }
//! ```
//!
//! # More
//!
//! `read` returns [`Error::ConnectionClosed`] at a clean end. `close` does not wait for the peer's Close, as that of
//! `fullduplex-tokio` does: read on until then. Pings are answered by `read`, without the application.
//!
//! Subprotocols, headers, rejections: [`accept_with`] and [`OwnedClientRequest`]; health checks on the same port:
//! [`accept_or_respond`]. Limits and deadlines: [`EndpointConfig`]. TLS: the features `tls-ring` or `tls-aws-lc-rs`, and
//! `webpki-roots` or `native-roots`; a server over TLS accepts by `accept_tls`. Internationalised host names in URLs, and a
//! `url::Url` in the place of text: the feature `url`. Masking with AVX2: the feature `simd`, on by default.

#![forbid(unsafe_code)]

mod connect;
mod engine;
mod entropy;
mod error;
mod guard;
mod halves;
mod handshake;
mod sending;
mod socket;
mod sync;
#[cfg(feature = "tls")]
pub mod tls;
mod transport;
mod websocket;

pub use connect::{ConnectOptions, DEFAULT_CONNECT_TIMEOUT, connect, connect_with};
pub use entropy::OsEntropy;
pub use error::{Error, Result, TlsError};
pub use fullduplex;
pub use fullduplex::handshake::{
    IntoRequest, OwnedAcceptance, OwnedClientRequest, OwnedRejection, OwnedResponse, PlainRequest,
    Request,
};
pub use fullduplex::{
    Bytes, Chunk, CloseCode, CloseFrame, Config, EndpointConfig, Limits, Message, MessageKind,
    Part, PreparedMessage, Refused, Role, Timeouts, Utf8Bytes,
};
#[cfg(feature = "deflate")]
pub use fullduplex::{DeflateChoice, DeflateConfig, DeflateParams};
pub use halves::{ReuniteError, WebSocketReceiver, WebSocketSender};
pub use handshake::{
    Decision, HandshakeError, MidAccept, MidConnect, NoResponse, accept, accept_or_respond,
    accept_with, client, client_with,
};
#[cfg(feature = "tls")]
pub use rustls;
pub use socket::into_halves::IntoHalves;
pub use socket::stream::MaybeTlsStream;
#[cfg(feature = "tls")]
pub use tls::{accept_tls, accept_tls_with};
pub use websocket::WebSocket;

/// The examples of the project's README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;

/// The example of this crate's README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct ReadmeOfCrate;
