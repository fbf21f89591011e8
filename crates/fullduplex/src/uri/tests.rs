use super::*;

fn parts(text: &str) -> (bool, &str, u16, &str, Option<&str>) {
    let uri = Uri::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    (uri.is_secure(), uri.host(), uri.port(), uri.path(), uri.query())
}

/// What `put` writes.
fn written(out: &mut [u8], put: impl FnOnce(&mut Cursor<'_>)) -> &str {
    let mut cursor = Cursor::new(out);
    put(&mut cursor);
    let length = cursor.finish().unwrap();
    core::str::from_utf8(&out[..length]).unwrap()
}

fn host_header(text: &str, expected: &str) {
    let uri = Uri::parse(text).unwrap();
    assert_eq!(written(&mut [0; 64], |out| uri.put_host(out)), expected, "{text}");
}

fn credentials(text: &str, expected: &str) {
    let uri = Uri::parse(text).unwrap();
    assert_eq!(written(&mut [0; 64], |out| uri.put_basic_credentials(out)), expected, "{text}");
}

#[test]
fn a_uri_says_where_to_connect_and_what_to_ask_for() {
    assert_eq!(parts("ws://example.com"), (false, "example.com", 80, "/", None));
    assert_eq!(parts("WSS://example.com/a%20b?"), (true, "example.com", 443, "/a%20b", Some("")));
    assert_eq!(parts("ws://h?x=1?2"), (false, "h", 80, "/", Some("x=1?2")));
    assert_eq!(parts("ws://h:/"), (false, "h", 80, "/", None));
    assert_eq!(parts("ws://h:00081/"), (false, "h", 81, "/", None));
    assert_eq!(parts("wss://[::1]:9/x"), (true, "::1", 9, "/x", None));
    assert_eq!(parts("ws://u:p@127.0.0.1:65535"), (false, "127.0.0.1", 65535, "/", None));
    assert_eq!(Uri::parse("ws://[::1]").unwrap().bracketed_host(), "[::1]");
}

#[test]
fn the_host_header_names_the_port_unless_it_is_the_default() {
    host_header("ws://h:80/", "h");
    host_header("ws://h:443/", "h:443");
    host_header("wss://h:443/", "h");
    host_header("wss://u@[2001:db8::1]:8443/", "[2001:db8::1]:8443");
}

#[test]
fn what_a_client_cannot_connect_to_is_refused_with_the_part_at_fault() {
    for (text, error) in [
        ("", UriError::Syntax),
        ("example.com", UriError::Syntax),
        ("/chat", UriError::Syntax),
        ("ws://a b/", UriError::Syntax),
        ("ws://h/\r\nX: y", UriError::Syntax),
        ("ws://h/%", UriError::Syntax),
        ("ws://h/\u{e9}", UriError::Syntax),
        ("ws://[::1/", UriError::Syntax),
        ("ws://h:8a/", UriError::Syntax),
        ("http://h/", UriError::Scheme),
        ("wsss://h/", UriError::Scheme),
        ("ws:h", UriError::Host),
        ("ws:///x", UriError::Host),
        ("ws://:80/", UriError::Host),
        ("ws://a%2eb/", UriError::Host),
        ("ws://h:0/", UriError::Port),
        ("ws://h:65536/", UriError::Port),
        ("ws://h:99999999999999999999/", UriError::Port),
        ("ws://h/#", UriError::Fragment),
        ("ws://h/a#b", UriError::Fragment),
        ("ws://a%3Ab:c@h/", UriError::Userinfo),
        ("ws://a:%0d%0a@h/", UriError::Userinfo),
        ("ws://a%00@h/", UriError::Userinfo),
    ] {
        assert_eq!(Uri::parse(text).err(), Some(error), "{text:?}");
    }
}

#[test]
fn user_information_becomes_basic_credentials() {
    // RFC 7617 §2: "Aladdin" and "open sesame".
    credentials("ws://Aladdin:open%20sesame@h/", "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    credentials("ws://a@h/", "YTo=");
    credentials("ws://a:@h/", "YTo=");
    credentials("ws://:b@h/", "OmI=");
    credentials("ws://a:b:c@h/", "YTpiOmM=");
    credentials("ws://%C3%BC:%ff@h/", "w7w6/w==");
    assert!(!Uri::parse("ws://@h/").unwrap().has_credentials());
    assert!(!Uri::parse("ws://h/a@b").unwrap().has_credentials());
}

#[cfg(feature = "alloc")]
#[test]
fn credentials_are_not_printed() {
    let uri = OwnedUri::parse("wss://user:secret@h:1/p?q").unwrap();
    assert_eq!(alloc::format!("{uri:?}"), "Uri(wss://***@h:1/p?q)");
    assert_eq!(alloc::format!("{}", uri.as_uri()), "wss://***@h:1/p?q");
    assert_eq!(uri.as_uri(), Uri::parse("wss://user:secret@h:1/p?q").unwrap());
}

#[test]
fn an_origin_matches_the_host_it_was_loaded_from() {
    for (origin, host, expected) in [
        ("http://a.example", "a.example", true),
        ("http://a.example", "A.Example:80", true),
        ("https://a.example", "a.example", true),
        ("https://a.example", "a.example:443", true),
        ("https://a.example", "a.example:80", false),
        ("http://a.example:8080", "a.example:8080", true),
        ("http://a.example:8080", "a.example", false),
        ("http://[::1]:8080", "[::1]:8080", true),
        ("http://[::1]", "[::1]", true),
        ("http://a.example.evil", "a.example", false),
        ("http://evil", "a.example", false),
        ("chrome-extension://a", "a", false),
    ] {
        let parsed = Origin::parse(origin).unwrap();
        assert_eq!(parsed.matches_host(host), expected, "{origin} {host}");
    }
    for bad in
        ["null", "", "a.example", "http://", "http://a/", "http://u@a", "http://a?", "http:a"]
    {
        assert!(Origin::parse(bad).is_none(), "{bad}");
    }
}

#[test]
fn a_host_header_is_a_host_and_a_port() {
    for good in
        ["a", "a.example:80", "127.0.0.1:1", "[::1]", "[::1]:80", "a:", "xn--e-ca.example", "a_b"]
    {
        assert!(is_host(good), "{good}");
    }
    for bad in
        ["", ":80", "a:b", "a:99999", "u@a", "a/b", "a b", "a, b", "::1", "[::1", "[]", "a:+1"]
    {
        assert!(!is_host(bad), "{bad}");
    }
}

#[test]
fn an_absolute_target_is_split_behind_its_authority() {
    assert_eq!(split_absolute_target("http://a:1/x?y"), Some(("a:1", "/x?y")));
    assert_eq!(split_absolute_target("WSS://a"), Some(("a", "")));
    for bad in ["ftp://a/", "http:///x", "http://u@a/", "*", "a:80", "http:a"] {
        assert_eq!(split_absolute_target(bad), None, "{bad}");
    }
}
