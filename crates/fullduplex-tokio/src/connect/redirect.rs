//! Where a redirect leads, and what of the request may go there.

use fullduplex::handshake::OwnedClientRequest;
use fullduplex::{OwnedUri, Refused, Uri, UriError};

use crate::error::RedirectError;

/// The headers that no other origin gets, whatever the application says.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// The `Location` of a redirect. `None` when the response is no redirect: RFC 6455 §4.1: "the server might redirect the
/// client using a 3xx status code (but clients are not required to follow them)".
pub(super) fn location(refused: &Refused) -> Option<&str> {
    let response = refused.response.as_response();
    let is_redirect = matches!(response.status(), 301 | 302 | 303 | 307 | 308);
    response.headers().get_str("location").filter(|_| is_redirect)
}

/// Where `location` leads from `base`.
///
/// RFC 9110 §10.2.2: "If the value of Location in a 3xx (Redirection) response is a relative reference, the final
/// value is computed by resolving it against the target URI". What is resolved is then read as any URL, so dot segments
/// and characters to be encoded are dealt with there.
pub(super) fn resolve(base: Uri<'_>, location: &str) -> Result<OwnedUri, UriError> {
    // RFC 6455 §3: a fragment "MUST NOT be used". In a Location it is for a page, and means nothing here.
    let location = location.split('#').next().unwrap_or_default().trim();
    let text = base.as_str();
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let folder = &path[..path.find('?').unwrap_or(path.len())];
    // The URL standard takes a backslash for a slash.
    let is_slash = |byte: Option<&u8>| matches!(byte, Some(b'/' | b'\\'));
    let bytes = location.as_bytes();
    let next = if has_scheme(location) {
        OwnedUri::parse(location)?
    } else if is_slash(bytes.first()) && is_slash(bytes.get(1)) {
        OwnedUri::parse(format!("{scheme}:{location}"))?
    } else if is_slash(bytes.first()) {
        OwnedUri::parse(format!("{scheme}://{authority}{location}"))?
    } else if location.is_empty() {
        OwnedUri::parse(text)?
    } else if location.starts_with('?') {
        OwnedUri::parse(format!("{scheme}://{authority}{folder}{location}"))?
    } else {
        let folder = folder.rfind('/').map_or("/", |end| &folder[..=end]);
        OwnedUri::parse(format!("{scheme}://{authority}{folder}{location}"))?
    };
    // The same origin gets the credentials of the URL again.
    let uri = next.as_uri();
    if let Some((credentials, _)) = authority.rsplit_once('@')
        && is_same_origin(base, uri)
        && !uri.has_credentials()
        && let Some((scheme, rest)) = uri.as_str().split_once("://")
    {
        return OwnedUri::parse(format!("{scheme}://{credentials}@{rest}"));
    }
    Ok(next)
}

/// Whether a redirect from `base` to `next` may be followed.
pub(super) fn check(base: Uri<'_>, next: Uri<'_>) -> Result<(), RedirectError> {
    if base.is_secure() && !next.is_secure() { Err(RedirectError::Insecure) } else { Ok(()) }
}

/// The same request for `uri`. For another origin, it has no credentials, and none of the `sensitive` headers.
pub(super) fn redirected(
    request: &OwnedClientRequest,
    uri: OwnedUri,
    sensitive: &[String],
) -> OwnedClientRequest {
    let request = request.as_request();
    let may_go = is_same_origin(request.uri, uri.as_uri());
    let sensitive = |name: &str| {
        let mut names = CREDENTIALS.into_iter().chain(sensitive.iter().map(String::as_str));
        names.any(|sensitive| sensitive.eq_ignore_ascii_case(name))
    };
    let mut next = OwnedClientRequest::from_uri(uri);
    // Browsers can set no other field, so some servers take a token there.
    if may_go || !sensitive("Sec-WebSocket-Protocol") {
        for subprotocol in request.subprotocols {
            next = next.subprotocol(subprotocol);
        }
    }
    for (name, value) in request.headers {
        if may_go || !sensitive(name) {
            next = next.header(name, value);
        }
    }
    if let Some(origin) = request.origin {
        next = next.origin(origin);
    }
    if request.require_subprotocol {
        next = next.require_subprotocol();
    }
    #[cfg(feature = "deflate")]
    {
        next = next.deflate(request.deflate);
    }
    next
}

/// RFC 6454 §4: "the triple (uri-scheme, uri-host, uri-port)".
fn is_same_origin(a: Uri<'_>, b: Uri<'_>) -> bool {
    a.is_secure() == b.is_secure()
        && a.host().eq_ignore_ascii_case(b.host())
        && a.port() == b.port()
}

/// RFC 3986 §3.1: "scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )".
fn has_scheme(location: &str) -> bool {
    location.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn led(base: &str, location: &str) -> Result<String, RedirectError> {
        let base = OwnedUri::parse(base).unwrap();
        let next = resolve(base.as_uri(), location).map_err(RedirectError::Url)?;
        check(base.as_uri(), next.as_uri())?;
        Ok(next.as_uri().as_str().to_owned())
    }

    #[test]
    fn a_location_is_resolved_against_the_url() {
        let base = "ws://user:pass@host:81/a/b?c=d";
        for (location, is) in [
            ("http://other/x", "ws://other/x"),
            ("https://other", "wss://other/"),
            ("WSS://OTHER:443/", "wss://other/"),
            ("//other:82/x?y", "ws://other:82/x?y"),
            ("\\\\other/x", "ws://other/x"),
            ("/x", "ws://user:pass@host:81/x"),
            ("/x/../y?z#fragment", "ws://user:pass@host:81/y?z"),
            ("x", "ws://user:pass@host:81/a/x"),
            ("./x y", "ws://user:pass@host:81/a/x%20y"),
            ("../../x", "ws://user:pass@host:81/x"),
            ("?e", "ws://user:pass@host:81/a/b?e"),
            ("", "ws://user:pass@host:81/a/b?c=d"),
            ("#fragment", "ws://user:pass@host:81/a/b?c=d"),
            ("x?a:b", "ws://user:pass@host:81/a/x?a:b"),
            ("http://host:81/x", "ws://user:pass@host:81/x"),
            ("http://other:pass@host:81/x", "ws://other:pass@host:81/x"),
            ("http://host/x", "ws://host/x"),
        ] {
            assert_eq!(led(base, location).unwrap(), is, "{location}");
        }
        assert_eq!(led("ws://host", "x").unwrap(), "ws://host/x");
        assert_eq!(led("ws://host?q", "x").unwrap(), "ws://host/x");
    }

    #[test]
    fn a_redirect_never_leads_from_wss_to_ws_nor_to_another_scheme() {
        for location in ["http://host/", "ws://host/", "http://other/"] {
            assert_eq!(led("wss://host/", location), Err(RedirectError::Insecure), "{location}");
        }
        assert_eq!(led("wss://host/a", "/b").unwrap(), "wss://host/b");
        for location in ["ftp://host/", "host:81/x", "javascript:alert(1)", "http://", "//"] {
            let led = led("ws://host/", location);
            assert!(matches!(led, Err(RedirectError::Url(_))), "{location}: {led:?}");
        }
    }
}
