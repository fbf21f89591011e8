//! WebSocket for tokio: the [`fullduplex`] protocol core over [`tokio::io`], under the names that
//! tokio-tungstenite has.

#![forbid(unsafe_code)]

mod aside;
mod config;
#[cfg(feature = "connect")]
mod connect;
mod engine;
mod entropy;
mod error;
mod handshake;
mod request;
mod stream;
mod timer;
pub mod tls;
pub mod tungstenite;
mod waiters;
mod websocket;

pub use config::{DEFAULT_WRITE_BUFFER_SIZE, WebSocketConfig};
#[cfg(feature = "connect")]
pub use connect::{
    DEFAULT_CONNECT_TIMEOUT, Dial, TcpDial, connect_async, connect_async_tls_with_config,
    connect_async_with_config, connect_with,
};
pub use entropy::OsEntropy;
pub use error::{
    CapacityError, Error, ProtocolError, Result, SubProtocolError, TlsError, UrlError,
};
pub use fullduplex;
#[cfg(feature = "deflate")]
pub use fullduplex::DeflateConfig;
pub use fullduplex::handshake::{OwnedAnswer, OwnedRejection};
pub use fullduplex::{
    Bytes, CloseCode, CloseFrame, EndpointConfig, Message, MessageKind, MessageRef,
    PreparedMessage, Role, Timeouts, Utf8Bytes,
};
pub use handshake::{
    Callback, ClientResponse, ErrorResponse, NoCallback, Request, Response, accept_async,
    accept_async_with_config, accept_hdr_async, accept_hdr_async_with_config, accept_with,
    client_async, client_async_with_config,
};
pub use http;
#[cfg(feature = "native-tls")]
pub use native_tls;
pub use request::{ClientRequest, ClientRequestBuilder, IntoClientRequest};
#[cfg(feature = "tls")]
pub use rustls;
pub use stream::MaybeTlsStream;
pub use tls::{Connector, client_async_tls, client_async_tls_with_config};
#[cfg(feature = "tls")]
pub use tokio_rustls;
pub use websocket::WebSocketStream;
