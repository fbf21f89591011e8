//! Arbitrary URLs: the normal form is its own normal form, a borrowed URL is sent as the owned one, and our server accepts
//! the request and reads the URL from it.
#![no_main]

use fullduplex::handshake::{ClientHandshake, ClientRequest, ServerHandshake};
use fullduplex::{OwnedUri, Uri, UriError};
use fullduplex_fuzz::{Bound, Measured, Oracle, in_words};
use libfuzzer_sys::fuzz_target;

/// Most of it is the buffer for a request; parsing copies the text a few times.
const MEMORY: Bound = Bound { constant: 320 << 10, factor: 16 };

fuzz_target!(|input: Measured<&str>| input.run(MEMORY, |text| {
    check(text);
    0
}));

fn check(text: &str) {
    let owned = OwnedUri::parse(text);
    match (Uri::parse(text), &owned) {
        (Err(UriError::NotNormal), _) => {}
        (Ok(borrowed), Ok(owned)) => {
            let owned = owned.as_uri();
            let mut head_of_owned = head(owned);
            head_of_owned[0] ^= u8::from(Oracle::UrlsHeads.faulty());
            Oracle::UrlsHeads.same(head(borrowed), head_of_owned);
            let host = if Oracle::UrlsHosts.faulty() { "" } else { borrowed.host() };
            Oracle::UrlsHosts.holds(host.eq_ignore_ascii_case(owned.host()), host);
            let port = borrowed.port() ^ u16::from(Oracle::UrlsPorts.faulty());
            Oracle::UrlsPorts.same((port, borrowed.is_secure()), (owned.port(), owned.is_secure()));
        }
        (borrowed, owned) => {
            let error = borrowed.err().filter(|_| !Oracle::UrlsErrors.faulty());
            Oracle::UrlsErrors.same(error, owned.as_ref().err().copied());
        }
    }
    let owned = match &owned {
        Ok(owned) => owned,
        Err(error) => return in_words(error, 200),
    };
    let uri = owned.as_uri();
    let printed = if Oracle::UrlsSecret.faulty() { uri.as_str() } else { &uri.to_string() };
    Oracle::UrlsSecret.same(printed, without_credentials(uri.as_str()));
    let again = if Oracle::UrlsNormal.faulty() { "ws://a/" } else { uri.as_str() };
    Oracle::UrlsNormal.same(OwnedUri::parse(again).as_ref(), Ok(owned));
    let again = if Oracle::UrlsBorrowed.faulty() { "ws://a/" } else { uri.as_str() };
    Oracle::UrlsBorrowed.same(Uri::parse(again), Ok(uri));
    // Other targets test heads that are too large.
    if uri.as_str().len() > 4096 {
        return;
    }
    let mut head = head(uri);
    if Oracle::UrlsRequest.faulty() {
        head.pop();
    }
    let mut handshake = ServerHandshake::default();
    let request = Oracle::UrlsRequest.some(handshake.poll(&head).ok().flatten());
    let path = if Oracle::UrlsPath.faulty() { "" } else { request.path() };
    Oracle::UrlsPath.same(path, uri.path());
    let query = if Oracle::UrlsQuery.faulty() { Some("?") } else { request.query() };
    Oracle::UrlsQuery.same(query, uri.query());
    let host = if Oracle::UrlsHostField.faulty() { "" } else { request.host() };
    Oracle::UrlsHostField.holds(host.starts_with(uri.bracketed_host()), host);
}

/// A URL as it may be printed, without its user and password, which are secret.
fn without_credentials(url: &str) -> String {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let end = url[authority..].find(['/', '?']).map_or(url.len(), |at| authority + at);
    match url[authority..end].rfind('@') {
        Some(at) => format!("{}***{}", &url[..authority], &url[authority + at..]),
        None => url.to_owned(),
    }
}

fn head(uri: Uri<'_>) -> Vec<u8> {
    let handshake = ClientHandshake::with_fixed_key_for_tests([7; 16]);
    let mut out = vec![0; 1 << 18];
    let len = handshake.encode_request(&ClientRequest::new(uri), &mut out);
    out.truncate(len.expect("room for any URL and its credentials"));
    // Two heads are held at once, without the rest of their buffers.
    out.shrink_to_fit();
    out
}
