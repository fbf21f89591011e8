//! The URL of a proxy.

use std::fmt;

use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use crate::error::ProxyUrlError;

/// A proxy, by its URL.
///
/// The credentials of the URL are sent to the proxy alone, and are not printed.
#[derive(Clone)]
pub struct Proxy {
    pub(super) kind: Kind,
    pub(super) intercept: Intercept,
    pub(super) host: Box<str>,
    pub(super) port: u16,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Http,
    Https,
    Socks5,
}

impl Proxy {
    /// A proxy from its URL: `http://proxy:3128`, `https://proxy`, `socks5://user:password@proxy`.
    ///
    /// `http` and `https` proxies are asked by `CONNECT` (RFC 9110 §9.3.6), also for `ws` URLs; to an `https` proxy the
    /// request goes over TLS. `socks5` and `socks5h` both mean SOCKS5 (RFC 1928), and that the proxy looks up names.
    /// Without a scheme, `http` is meant. The default ports are 80, 443 and 1080. User name and password are
    /// percent-decoded. They are sent as `Proxy-Authorization: Basic` (RFC 7617), or as RFC 1929 says, where neither may
    /// be empty or longer than 255 bytes.
    ///
    /// # Errors
    /// [`ProxyUrlError`] for anything else.
    pub fn parse(url: impl AsRef<str>) -> Result<Self, ProxyUrlError> {
        Self::of(url.as_ref()).ok_or(ProxyUrlError { variable: None })
    }

    pub(super) fn of(url: &str) -> Option<Self> {
        let matcher = Matcher::builder().all(url).build();
        let intercept = matcher.intercept(&http::Uri::from_static("http://any/"))?;
        let (kind, default_port) = match intercept.uri().scheme_str()? {
            "http" => (Kind::Http, 80),
            "https" => (Kind::Https, 443),
            "socks5" | "socks5h" => (Kind::Socks5, 1080),
            _ => return None,
        };
        let fits = |text: &str| (1..=255).contains(&text.len());
        if intercept.raw_auth().is_some_and(|(user, password)| !fits(user) || !fits(password)) {
            return None;
        }
        let authority = intercept.uri().authority()?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').into();
        let port = match authority.as_str().strip_prefix(authority.host())? {
            "" => default_port,
            port => port.strip_prefix(':')?.parse().ok()?,
        };
        Some(Self { kind, intercept, host, port })
    }
}

/// The URL, without credentials.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            Kind::Http => "http",
            Kind::Https => "https",
            Kind::Socks5 => "socks5",
        };
        write!(f, "{scheme}://{}", Authority(&self.host, self.port))
    }
}

/// The URL, without credentials.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// A host, in brackets if it is an IPv6 address, and a port.
pub(super) struct Authority<'a>(pub(super) &'a str, pub(super) u16);

impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(host, port) = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}
