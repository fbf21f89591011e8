//! What a client's request can be made of: a URL, or a request that was put together.

use alloc::string::String;

use super::owned::OwnedClientRequest;
use crate::uri::{OwnedUri, UriError};

/// What a client can open a WebSocket with: a URL, or a request that was put together.
///
/// A URL means what it means to a browser: [`OwnedUri::parse`] says what is encoded, and what is
/// refused. With the feature `url`, it may be a `url::Url`.
pub trait IntoRequest {
    /// The request.
    ///
    /// # Errors
    /// [`UriError`] when it is not the URL of a WebSocket (RFC 6455 §3).
    fn into_request(self) -> Result<OwnedClientRequest, UriError>;
}

impl IntoRequest for OwnedClientRequest {
    fn into_request(self) -> Result<OwnedClientRequest, UriError> {
        Ok(self)
    }
}

impl IntoRequest for OwnedUri {
    fn into_request(self) -> Result<OwnedClientRequest, UriError> {
        Ok(OwnedClientRequest::from_uri(self))
    }
}

impl IntoRequest for &str {
    fn into_request(self) -> Result<OwnedClientRequest, UriError> {
        OwnedClientRequest::new(self)
    }
}

impl IntoRequest for String {
    fn into_request(self) -> Result<OwnedClientRequest, UriError> {
        OwnedClientRequest::new(self)
    }
}

impl IntoRequest for &String {
    fn into_request(self) -> Result<OwnedClientRequest, UriError> {
        OwnedClientRequest::new(self)
    }
}

#[cfg(feature = "url")]
impl IntoRequest for url::Url {
    fn into_request(self) -> Result<OwnedClientRequest, UriError> {
        OwnedClientRequest::new(self)
    }
}

#[cfg(feature = "url")]
impl IntoRequest for &url::Url {
    fn into_request(self) -> Result<OwnedClientRequest, UriError> {
        OwnedClientRequest::new(self)
    }
}
