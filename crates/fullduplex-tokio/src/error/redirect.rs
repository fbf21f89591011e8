//! Why a redirect was not followed.

use std::fmt;

use fullduplex::{Refused, UriError};

/// A redirect that was not followed, and the redirects before it: `too many redirects: ws://a/ to ws://b/ to ws://a/`.
#[derive(Debug)]
#[non_exhaustive]
pub struct Redirected {
    /// The URLs in their order, without credentials: first the URL that the application has asked for, then the URL of each
    /// redirect. The URL of the redirect that was not followed is missing if it is not the URL of a WebSocket.
    pub chain: Vec<String>,
    /// Why the last redirect was not followed.
    pub error: RedirectError,
    /// The response with the last redirect.
    pub refused: Refused,
}

/// Why a redirect was not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectError {
    /// There were more of them than [`max_redirects`](crate::ConnectOptions#structfield.max_redirects).
    TooMany,
    /// It leads from a `wss` URL to a `ws` URL.
    Insecure,
    /// Its `Location` is not the URL of a WebSocket.
    Url(UriError),
}

impl fmt::Display for Redirected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.error)?;
        for (nth, url) in self.chain.iter().enumerate() {
            let separator = if nth == 0 { "" } else { " to " };
            write!(f, "{separator}{url}")?;
        }
        Ok(())
    }
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany => f.write_str("too many redirects"),
            Self::Insecure => f.write_str("a redirect from wss to ws"),
            Self::Url(error) => write!(f, "a redirect to no URL of a WebSocket ({error})"),
        }
    }
}

impl std::error::Error for Redirected {}

impl std::error::Error for RedirectError {}
