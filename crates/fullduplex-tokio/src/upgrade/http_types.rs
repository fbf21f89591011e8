//! The types of the `http` crate, in which hyper has requests and responses, as the core wants them.

use std::io;

use fullduplex::handshake::RequestParts;
use fullduplex::headers::Header;
use http::Version;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::error::{Error, Result};

/// Hands the request over as the core wants it.
pub(crate) fn with_parts<B, T>(
    request: &http::Request<B>,
    then: impl FnOnce(RequestParts<'_>) -> T,
) -> T {
    let headers = header_list(request.headers());
    then(RequestParts {
        method: request.method().as_str(),
        target: &request.uri().to_string(),
        version: match request.version() {
            Version::HTTP_09 => (0, 9),
            Version::HTTP_10 => (1, 0),
            Version::HTTP_11 => (1, 1),
            Version::HTTP_2 => (2, 0),
            // There is no later one.
            _ => (3, 0),
        },
        headers: &headers,
    })
}

/// The headers as the core wants them.
pub(crate) fn header_list(headers: &HeaderMap) -> Vec<Header<'_>> {
    headers
        .iter()
        .map(|(name, value)| Header { name: name.as_str(), value: value.as_bytes() })
        .collect()
}

/// Adds a header that the core has checked.
///
/// # Errors
/// [`Error::Io`] when there are more headers than a map can hold.
pub(crate) fn append(headers: &mut HeaderMap, name: &str, value: &[u8]) -> Result<()> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(unfit)?;
    let value = HeaderValue::from_bytes(value).map_err(unfit)?;
    headers.try_append(name, value).map_err(unfit)?;
    Ok(())
}

/// The error for what the core has checked, and what the `http` crate nevertheless cannot hold.
pub(crate) fn unfit(error: impl Into<http::Error>) -> Error {
    io::Error::new(io::ErrorKind::InvalidInput, error.into()).into()
}
