//! URLs compared with the crate `url`, another implementation of the URL standard. Both refuse the same texts, and read the
//! same host, port, path, query and credentials from the others. Each difference is named here.

#![cfg(feature = "alloc")]

use fullduplex::handshake::{ClientHandshake, OwnedClientRequest};
use fullduplex::{OwnedUri, Uri, UriError};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// What a browser's `WebSocket` does with a text, by the crate `url` (WebSockets standard §3, "constructor steps"), and
/// what we refuse beyond the standard. `None` where the crate differs from the standard of today.
fn expected(text: &str) -> Option<Result<url::Url, UriError>> {
    let mut url = match url::Url::parse(text) {
        Ok(url) => url,
        // "If domain is an ASCII string, then set result to domain, lowercased": the crate still decodes punycode, and
        // refuses some.
        Err(url::ParseError::IdnaError) if text.to_ascii_lowercase().contains("xn--") => {
            return None;
        }
        Err(_) => return Some(Err(UriError::Host)),
    };
    // "If url's scheme is "file" … and path[0] is a normalized Windows drive letter, then return": the crate does
    // not remove such a segment for `..` with any scheme.
    let is_drive = |segment: &str| matches!(segment.as_bytes(), [letter, b':' | b'|'] if letter.is_ascii_alphabetic());
    if url.path().split('/').any(is_drive) {
        return None;
    }
    match url.scheme() {
        "http" => url.set_scheme("ws").unwrap(),
        "https" => url.set_scheme("wss").unwrap(),
        "ws" | "wss" => {}
        _ => return Some(Err(UriError::Scheme)),
    }
    if url.fragment().is_some() {
        return Some(Err(UriError::Fragment));
    }
    // No client can connect to port 0.
    if url.port() == Some(0) {
        return Some(Err(UriError::Port));
    }
    // Not in the grammar of a `Host` header (RFC 9110 §7.2).
    if url.host_str().unwrap().contains(['"', '`', '{', '}']) {
        return Some(Err(UriError::Host));
    }
    // "The user-id and password MUST NOT contain any control characters", "a user-id containing a colon character is
    // invalid" (RFC 7617 §2).
    let decoded = |text: &str| Vec::from_iter(percent_decoded(text));
    let (user, password) = (decoded(url.username()), decoded(url.password().unwrap_or_default()));
    if user.contains(&b':')
        || [&user, &password].iter().any(|it| it.iter().any(u8::is_ascii_control))
    {
        return Some(Err(UriError::Userinfo));
    }
    Some(Ok(url))
}

fn percent_decoded(text: &str) -> impl Iterator<Item = u8> {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        let (&first, behind) = rest.split_first()?;
        let digits = behind.get(..2).and_then(|digits| str::from_utf8(digits).ok());
        let digits = digits.filter(|it| it.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let (byte, skipped) = match digits.map(|digits| u8::from_str_radix(digits, 16)) {
            Some(Ok(byte)) if first == b'%' => (byte, 3),
            _ => (first, 1),
        };
        rest = &rest[skipped..];
        Some(byte)
    })
}

/// The request for a URL, the host and port that it goes to, and whether it goes over TLS.
fn request(uri: Uri<'_>) -> (Vec<u8>, String, u16, bool) {
    let request = fullduplex::handshake::ClientRequest::new(uri);
    let mut out = vec![0; 1 << 17];
    let handshake = ClientHandshake::with_fixed_key_for_tests([7; 16]);
    let len = handshake.encode_request(&request, &mut out).unwrap();
    out.truncate(len);
    (out, uri.host().to_ascii_lowercase(), uri.port(), uri.is_secure())
}

fn agrees(text: &str) {
    let ours = OwnedUri::parse(text);
    match expected(text) {
        // The feature `url` is off.
        _ if ours.as_ref().err() == Some(&UriError::NonAsciiHost) => {}
        None => {}
        Some(Err(_)) => assert!(ours.is_err(), "{text:?}: {ours:?} is to be refused"),
        Some(Ok(url)) => {
            let uri =
                ours.as_ref().unwrap_or_else(|error| panic!("{text:?}: {error}; {url}")).as_uri();
            assert_eq!(Some(uri.bracketed_host()), url.host_str(), "{text:?}");
            assert_eq!(Some(uri.port()), url.port_or_known_default(), "{text:?}");
            // Since 2024, "the path percent-encode set is … U+005E (^)"; the crate is older.
            assert_eq!(uri.path(), url.path().replace('^', "%5E"), "{text:?}");
            assert_eq!(uri.query(), url.query(), "{text:?}");
            assert_eq!(uri.as_str(), url.as_str().replacen(url.path(), uri.path(), 1).as_str());
        }
    }
    borrowed_is_owned(text, &ours);
    if let Ok(uri) = &ours {
        // The normal form is its own normal form, and needs no heap.
        assert_eq!(OwnedUri::parse(uri.as_uri().as_str()).as_ref(), Ok(uri), "{text:?}");
        assert_eq!(Uri::parse(uri.as_uri().as_str()), Ok(uri.as_uri()), "{text:?}");
        let asked = OwnedClientRequest::new(text).unwrap();
        assert_eq!(request(asked.as_request().uri), request(uri.as_uri()));
    }
}

/// A borrowed URL is sent as an owned one would be, or it is refused because it must be rewritten first.
fn borrowed_is_owned(text: &str, owned: &Result<OwnedUri, UriError>) {
    match (Uri::parse(text), owned) {
        (Err(UriError::NotNormal), _) => {}
        (Ok(borrowed), Ok(owned)) => {
            assert_eq!(request(borrowed), request(owned.as_uri()), "{text:?}");
        }
        (borrowed, owned) => {
            assert_eq!(borrowed.err(), owned.as_ref().err().copied(), "{text:?}");
        }
    }
}

fn pieces(all: &'static [&'static str]) -> impl Strategy<Value = String> {
    vec(select(all), 0..6).prop_map(|pieces| pieces.concat())
}

/// Mostly one of the usual texts, and sometimes one of the others.
fn mostly(
    usual: &'static [&'static str],
    others: &'static [&'static str],
) -> impl Strategy<Value = &'static str> + Clone {
    prop_oneof![4 => select(usual), 1 => select(others)]
}

/// A text that is nearly a URL.
fn texts() -> impl Strategy<Value = String> {
    let scheme = mostly(
        &["ws", "wss", "http", "https", "WS", "hTTps"],
        &["ws ", "wx", "w\ts", "ftp", "localhost", "1ws", ""],
    );
    let slashes = mostly(&["://"], &[":", ":/", ":///", ":\\\\", ":/\\", "//", ":\n//", ""]);
    let userinfo = mostly(
        &["", "u:p@"],
        &[
            "@",
            ":@",
            "u@",
            ":p@",
            "a@b@",
            "a:b:c@",
            "\u{e9} \"@",
            "%3a@",
            "%zz:%41@",
            "a[b]^|@",
            "a/@",
            "u:%0a@",
        ],
    );
    let name = prop_oneof![
        pieces(&["h", "A", ".", "-", "_", "1", "0x", "127", "%2e", "%41", "xn--a", "~!$&'()*+,;="]),
        pieces(&[
            "h", ".", "%", "xn--", "xn--a", "\u{fc}", "\u{ff0e}", "\u{3002}", " ", "[", "]", "<",
            "^", "|", "{", "\"", "\u{ad}", "\u{df}", "%c3%bc", "%ff",
        ]),
    ];
    let v4 = vec(
        select(
            &[
                "0",
                "1",
                "255",
                "256",
                "09",
                "0377",
                "0x",
                "0xFf",
                "65535",
                "4294967295",
                "4294967296",
                "",
            ][..],
        ),
        1..6,
    )
    .prop_map(|parts| parts.join("."));
    let v6 = pieces(&[
        ":",
        "::",
        ":",
        "0",
        "1",
        "ffff",
        "FF",
        "0:0",
        "12345",
        "1.2.3.4",
        "1.2.3.400",
        "0001:",
        "%",
    ])
    .prop_map(|address| format!("[{address}]"));
    let groups = vec(0_u16..3, 0..9).prop_map(|groups| {
        let groups = Vec::from_iter(groups.iter().map(|group| format!("{group:x}")));
        format!("[{}]", groups.join(":").replacen(":0:", "::", 1))
    });
    let host = prop_oneof![
        4 => name,
        1 => v4,
        1 => v6,
        1 => groups,
        2 => Just("example.com".to_owned()),
    ];
    let port = mostly(
        &["", ":", ":80", ":443", ":8080", ":0080"],
        &[":0", ":65535", ":65536", ":8a", ":-1", ":8\t1"],
    );
    let path = pieces(&[
        "/",
        "/",
        "/",
        "\\",
        ".",
        "..",
        "%2e",
        "%2E",
        "a",
        "B",
        " ",
        "%",
        "%zz",
        "%2f",
        "{",
        "}",
        "^",
        "`",
        "|",
        "[",
        "]",
        "'",
        "\"",
        "<",
        ">",
        ":",
        "@",
        "\u{e9}",
        "\u{1f600}",
        "\n",
        "\u{0}",
        "\u{7f}",
        "~",
        "//",
        "C:",
    ]);
    let query = pieces(&[
        "?", "?", "a=b", "&", " ", "'", "\"", "<", "{", "^", "`", "[", "|", "\\", "/../", "%",
        "%41", "\u{e9}", "\u{1}", "\t", "+", ";",
    ])
    .prop_map(|query| if query.is_empty() { query } else { format!("?{query}") });
    let fragment = prop_oneof![19 => Just(""), 1 => select(&["#", "#x"][..])];
    let space = mostly(&[""], &[" ", "\t", "\u{0}", "\u{1f} \r\n", "\u{a0}"]);
    let tail = (host, port, path, query, fragment);
    (space.clone(), scheme, slashes, userinfo, tail, space).prop_map(
        |(before, scheme, slashes, userinfo, (host, port, path, query, fragment), after)| {
            format!("{before}{scheme}{slashes}{userinfo}{host}{port}{path}{query}{fragment}{after}")
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_url_means_what_the_url_standard_says(text in texts()) {
        agrees(&text);
    }

    #[test]
    fn so_does_any_text_behind_a_scheme(rest in "\\PC{0,12}", secure: bool) {
        agrees(&format!("{}{rest}", if secure { "wss://h/" } else { "ws:" }));
    }

    #[test]
    fn so_does_any_text_at_all(text in any::<String>()) {
        agrees(&text);
    }
}
