//! Scripted streams and WebSocket sessions (RFC 6455), for anyone who carries WebSockets over a transport of their own: they
//! test it in one line.
//!
//! Bytes may be split anywhere, calls may be interrupted or would block, and a stream may break at any call. An adapter must
//! handle each of these correctly, at each place. A [`Kit`] plays the peer of an echo endpoint over a [`Stream`] in memory,
//! hundreds of times, and checks every message and frame that comes back. It depends on no implementation: the endpoint may use any
//! library.
//!
//! ```
//! use std::io::{Read, Write};
//!
//! use fullduplex_transport_kit::{Kit, Stream};
//!
//! # fn main() {
//! let runs = Kit::server().check_blocking(echo);
//! assert!(runs.broken > 100);
//! # }
//!
//! /// The endpoint: here `fullduplex-std`, accepting over any `Read + Write`.
//! fn echo(stream: Stream) {
//!     let Ok(mut socket) = fullduplex_std::accept(stream) else { return };
//!     while let Ok(message) = socket.read() {
//!         if (message.is_text() || message.is_binary()) && socket.feed(message).is_err() {
//!             break;
//!         }
//!     }
//! }
//! ```
//!
//! # Features
//!
//! * `tokio`: [`Stream`] implements tokio's traits, and `Kit::check_tokio` runs endpoints under a paused clock. Off by
//!   default.
#![forbid(unsafe_code)]

mod frame;
mod handshake;
mod judge;
mod kit;
mod script;
mod session;
mod stream;

pub use kit::{Kit, Runs};
pub use script::{Break, Pause, Pieces, Script};
pub use stream::Stream;
