//! WebSocket for tokio: the [`fullduplex`] protocol core over [`tokio::io`]. See [`migration`] for coming from
//! tokio-tungstenite.
//!
//! A client and a server, each complete:
//!
//! ```no_run
//! # async fn client() -> Result<(), fullduplex_tokio::Error> {
//! let (mut socket, _response) = fullduplex_tokio::connect("ws://127.0.0.1:9001/chat").await?;
//! socket.send("Hello".into()).await?;
//! if let Some(message) = socket.recv().await {
//!     println!("{}", message?);
//! }
//! socket.close(None).await?;
//! # Ok(())
//! # }
//! ```
//!
//! ```no_run
//! use tokio::net::TcpListener;
//!
//! # async fn server() -> std::io::Result<()> {
//! let listener = TcpListener::bind("127.0.0.1:9001").await?;
//! loop {
//!     let (stream, _) = listener.accept().await?;
//!     tokio::spawn(async move {
//!         let mut socket = fullduplex_tokio::accept(stream).await?;
//!         while let Some(message) = socket.recv().await {
//!             let message = message?; // Pings and Closes are answered already
//!             if message.is_text() || message.is_binary() {
//!                 socket.feed(message).await?; // written before `recv` waits again
//!             }
//!         }
//!         Ok::<_, fullduplex_tokio::Error>(())
//!     });
//! }
//! # }
//! ```
//!
//! This accept loop ends when file descriptors run out; `serve` of `fullduplex-app` waits and goes on.
//!
//! [`WebSocketStream`] says what holds for receiving, sending, deadlines and dropping. Limits and deadlines:
//! [`WebSocketConfig`]. Subprotocols, headers, rejections: [`accept_with`] and [`OwnedClientRequest`]; a decision that
//! takes time: [`accept_async`]. Health checks on the
//! same port: [`accept_or_respond`]. TLS for `wss` URLs: the features `tls-ring` or `tls-aws-lc-rs`, and `webpki-roots`,
//! `native-roots` or `platform-verifier`; or `native-tls`. A server over TLS accepts by [`accept_tls`] or
//! [`accept_tls_with`]. URLs mean what they mean to browsers ([`IntoRequest`]); the feature `url` adds internationalised
//! host names and `url::Url`. Dialling and masking with AVX2 are the features `connect` and `simd`, on by default.
//! `ConnectOptions` has timeouts and TLS, and what dials; with the feature `proxy` that can be a `ProxyDial`.
//!
//! To see what happens: the feature `counters` has `Counters`, which `WebSocketConfig::counters` gives to connections and a
//! metrics exporter reads; the feature `tracing` tells a subscriber how each connection opens and ends. The guide of
//! `fullduplex-app` has both, with what the fields mean.
//!
//! On a port where hyper or axum speaks HTTP, the feature `hyper` has `upgrade`: it takes the request and makes the
//! response and the WebSocket, with `http2` also over HTTP/2; `client_http2` is the other end of that. Any other HTTP server
//! that has done the handshake hands over its stream by [`WebSocketStream::from_raw_socket`], or by
//! [`WebSocketStream::from_negotiated`] if [`fullduplex::handshake::RequestParts`] has checked the request.

#![forbid(unsafe_code)]

mod clock;
mod config;
#[cfg(feature = "connect")]
mod connect;
#[cfg(feature = "counters")]
mod counters;
#[cfg(feature = "connect")]
mod dial;
mod engine;
mod entropy;
mod error;
mod guard;
mod halves;
mod handshake;
#[cfg(feature = "http2")]
mod http2;
mod into_halves;
mod opening;
#[cfg(feature = "proxy")]
mod proxy;
mod sending;
mod stream;
mod sync;
mod timer;
pub mod tls;
#[cfg(feature = "hyper")]
mod upgrade;
mod waiters;
mod watch;
mod websocket;

pub use config::{DEFAULT_READ_AHEAD_SIZE, DEFAULT_WRITE_BUFFER_SIZE, WebSocketConfig};
#[cfg(feature = "connect")]
pub use connect::{ConnectOptions, DEFAULT_CONNECT_TIMEOUT, connect, connect_with};
#[cfg(feature = "counters")]
pub use counters::{Cause, Counters, Counts, Flow};
#[cfg(all(feature = "connect", unix))]
pub use dial::UnixDial;
#[cfg(feature = "connect")]
pub use dial::{Dial, Target, TcpDial};
pub use entropy::OsEntropy;
#[cfg(feature = "connect")]
pub use error::{Attempt, AttemptError, DialError, RedirectError, Redirected, Unreachable};
pub use error::{Error, Result, TlsError};
#[cfg(feature = "proxy")]
pub use error::{ProxyError, ProxyUrlError};
pub use fullduplex;
pub use fullduplex::handshake::{
    HeadLimits, IntoRequest, OwnedAcceptance, OwnedClientRequest, OwnedRejection, OwnedResponse,
    PlainRequest, Request,
};
pub use fullduplex::{
    Bytes, Chunk, CloseCode, CloseFrame, EndpointConfig, Message, MessageKind, MessageRef, Part,
    PreparedMessage, Refused, Role, Timeouts, Utf8Bytes,
};
#[cfg(feature = "deflate")]
pub use fullduplex::{DeflateChoice, DeflateConfig, DeflateParams};
pub use halves::{ReuniteError, WebSocketReceiver, WebSocketSender};
pub use handshake::{
    Decision, accept, accept_async, accept_or_respond, accept_with, client, client_with,
};
#[cfg(feature = "hyper")]
pub use http;
#[cfg(feature = "hyper")]
pub use http_body_util;
#[cfg(feature = "http2")]
pub use http2::{client_http2, http2_ready};
#[cfg(feature = "hyper")]
pub use hyper;
#[cfg(feature = "hyper")]
pub use hyper_util;
pub use into_halves::{IntoHalves, MaybeTlsReadHalf, MaybeTlsWriteHalf};
#[cfg(feature = "native-tls")]
pub use native_tls;
#[cfg(feature = "proxy")]
pub use proxy::{Proxy, ProxyDial, ProxyReadHalf, ProxyStream};
#[cfg(feature = "tls")]
pub use rustls;
pub use stream::MaybeTlsStream;
#[cfg(feature = "hyper")]
pub use stream::UpgradedStream;
pub use tls::{AcceptTls, Connector, accept_tls, accept_tls_with, client_tls, client_tls_with};
#[cfg(feature = "tls")]
pub use tokio_rustls;
#[cfg(feature = "hyper")]
pub use upgrade::{UpgradeResponse, Upgrading, is_upgrade_request, upgrade, upgrade_with};
pub use websocket::{Reply, WebSocketStream};

#[doc = include_str!("../MIGRATION.md")]
pub mod migration {}

/// The example of this crate's README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
