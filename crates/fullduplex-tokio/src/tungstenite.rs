//! This crate's types under the paths of `tungstenite`. With `use fullduplex_tokio as tokio_tungstenite;`, the imports
//! of an application keep working.
//!
//! These are missing: `Message::Frame` and the frame types, because only the core handles frames; the blocking
//! `WebSocket` and `connect`, for which there is `fullduplex-std`. [`crate::migration`] lists the differences.

pub use crate::error::{Error, Result};
pub use crate::request::ClientRequestBuilder;
pub use fullduplex::{Bytes, Message, Utf8Bytes};
pub use http;

/// Requests of a client.
pub mod client {
    pub use crate::request::{ClientRequestBuilder, IntoClientRequest};

    use fullduplex::UriError;

    use crate::error::Result;
    use crate::tungstenite::stream::Mode;

    /// Whether the scheme of a URI means TLS.
    ///
    /// # Errors
    /// [`Error::Url`](crate::Error::Url) when its scheme is neither `ws` nor `wss`, nor `http` or `https`.
    pub fn uri_mode(uri: &http::Uri) -> Result<Mode> {
        let is_any_of = |schemes: [&str; 2]| {
            uri.scheme_str()
                .is_some_and(|it| schemes.iter().any(|name| it.eq_ignore_ascii_case(name)))
        };
        if is_any_of(["ws", "http"]) {
            Ok(Mode::Plain)
        } else if is_any_of(["wss", "https"]) {
            Ok(Mode::Tls)
        } else {
            Err(UriError::Scheme.into())
        }
    }
}

/// Errors.
pub mod error {
    pub use crate::error::{Error, Result, TlsError};
}

/// The opening handshake.
pub mod handshake {
    /// The `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (RFC 6455 §4.2.2), if another library does the handshake.
    /// For a key that is not 16 bytes in base64, it is empty, and no client accepts that.
    #[must_use]
    pub fn derive_accept_key(key: &[u8]) -> String {
        match fullduplex::handshake::Key::parse(key) {
            Some(key) => String::from_iter(key.accept().map(char::from)),
            None => String::new(),
        }
    }

    /// The client's side.
    pub mod client {
        pub use crate::handshake::ClientResponse as Response;
        pub use crate::request::ClientRequest as Request;

        /// A random `Sec-WebSocket-Key`, if another library does the handshake.
        ///
        /// # Panics
        /// When the operating system returns no random bytes.
        #[must_use]
        pub fn generate_key() -> String {
            let key = fullduplex::handshake::Key::random(&mut crate::OsEntropy);
            let key = key.expect("the operating system returns random bytes");
            String::from_iter(key.as_bytes().map(char::from))
        }
    }

    /// The server's side.
    pub mod server {
        pub use crate::handshake::{
            Callback, ErrorResponse, NoCallback, Request, Response, create_response,
            create_response_with_body,
        };
    }
}

/// Messages and settings.
pub mod protocol {
    pub use crate::config::WebSocketConfig;
    pub use fullduplex::{CloseFrame, Message, Role};

    /// Parts of messages.
    pub mod frame {
        pub use fullduplex::{CloseFrame, Utf8Bytes};

        /// Close codes.
        pub mod coding {
            pub use fullduplex::CloseCode;
        }
    }
}

/// With TLS or without.
pub mod stream {
    pub use crate::stream::MaybeTlsStream;

    /// Whether TLS is asked for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Mode {
        /// `ws`.
        Plain,
        /// `wss`.
        Tls,
    }
}
