//! Why a text is not a URL that a WebSocket client can connect to.

use core::fmt;

/// Why a text is not a URL that a WebSocket client can connect to (RFC 6455 §3, URL standard §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UriError {
    /// There is no scheme: `example.com/chat`, or `localhost:9001`, where the text before the colon is a host.
    MissingScheme,
    /// The scheme is not `ws`, `wss`, `http` or `https`. `http` means `ws` here, and `https` means `wss`.
    Scheme,
    /// There is no host.
    MissingHost,
    /// The host is neither a name that a `Host` header can contain nor an IP address.
    Host,
    /// The host has characters that are not ASCII, and the feature `url`, which encodes them, is off.
    NonAsciiHost,
    /// The port is not a number from 1 to 65535.
    Port,
    /// There is a fragment (`#…`), which a WebSocket URL must not have.
    Fragment,
    /// The user information cannot be sent as Basic credentials: once decoded, it contains a control character, or its
    /// user name contains a colon (RFC 7617 §2).
    Userinfo,
    /// The text is not in the form in which it would be sent, and [`Uri`](super::Uri) has no heap to rewrite it;
    /// `OwnedUri` rewrites it. See [`Uri::parse`](super::Uri::parse) for what must be encoded.
    NotNormal,
    /// The URL is longer than 65 534 bytes. Servers accept about 8 000 (RFC 9112 §3).
    TooLong,
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MissingScheme => {
                "the URL has no scheme that is followed by a host: it must begin with ws:// or wss://"
            }
            Self::Scheme => "the URL's scheme is neither ws nor wss, nor http or https",
            Self::MissingHost => "the URL has no host",
            Self::Host => "the URL's host is neither a valid name nor an IP address",
            Self::NonAsciiHost => {
                "the URL's host is not ASCII: write it as punycode (xn--...), or enable the feature `url`, \
                 which does that"
            }
            Self::Port => "the URL's port is not a number from 1 to 65535",
            Self::Fragment => {
                "a WebSocket URL must not have a fragment ('#'; in a path or query it is written %23)"
            }
            Self::Userinfo => "the URL's user name or password cannot be sent as Basic credentials",
            Self::NotNormal => {
                "the URL must be percent-encoded and without dot segments before it can be borrowed; \
                 OwnedUri rewrites it"
            }
            Self::TooLong => "the URL is longer than 65534 bytes",
        })
    }
}

impl core::error::Error for UriError {}
