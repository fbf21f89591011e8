use super::*;

fn parts(text: &str) -> (bool, &str, u16, &str, Option<&str>) {
    let uri = Uri::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    (uri.is_secure(), uri.host(), uri.port(), uri.path(), uri.query())
}

/// The bytes that `put` writes.
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
        ("", UriError::MissingScheme),
        ("example.com", UriError::MissingScheme),
        ("example.com/chat", UriError::MissingScheme),
        ("localhost:9001", UriError::MissingScheme),
        ("127.0.0.1:9001", UriError::MissingScheme),
        ("//example.com/", UriError::MissingScheme),
        ("://example.com/", UriError::MissingScheme),
        ("/chat?a://b", UriError::MissingScheme),
        ("w\u{017f}://h/", UriError::MissingScheme),
        ("ftp://h/", UriError::Scheme),
        ("wsss://h/", UriError::Scheme),
        ("ws://", UriError::MissingHost),
        ("ws:", UriError::MissingHost),
        ("ws://?q", UriError::MissingHost),
        ("ws://:80/", UriError::MissingHost),
        ("ws://user@/", UriError::MissingHost),
        ("ws://a b/", UriError::Host),
        ("ws://a^b/", UriError::Host),
        ("ws://a|b/", UriError::Host),
        ("ws://a{b/", UriError::Host),
        ("ws://[::1/", UriError::Host),
        ("ws://[::1]a/", UriError::Host),
        ("ws://[v1.a]/", UriError::Host),
        ("ws://a]/", UriError::Host),
        ("ws://1.2.3.256/", UriError::Host),
        ("ws://1.2.3.4.5/", UriError::Host),
        ("ws://1.2.3.4.0/", UriError::Host),
        ("ws://a.0x/", UriError::Host),
        ("ws://099/", UriError::Host),
        ("ws://h:8a/", UriError::Port),
        ("ws://h:-1/", UriError::Port),
        ("ws://h:0/", UriError::Port),
        ("ws://h:000/", UriError::Port),
        ("ws://h:65536/", UriError::Port),
        ("ws://h:99999999999999999999/", UriError::Port),
        ("ws://h/#", UriError::Fragment),
        ("ws://h/a#b", UriError::Fragment),
        ("ws://h#?", UriError::Fragment),
        ("ws://a%3Ab:c@h/", UriError::Userinfo),
        ("ws://a:%0d%0a@h/", UriError::Userinfo),
        ("ws://a%00@h/", UriError::Userinfo),
    ] {
        assert_eq!(Uri::parse(text).err(), Some(error), "{text:?}");
        #[cfg(feature = "alloc")]
        assert_eq!(OwnedUri::parse(text).err(), Some(error), "{text:?}");
    }
}

#[test]
fn what_must_be_rewritten_is_not_borrowed() {
    for text in [
        "ws:h",
        "ws:///h",
        "ws:\\\\h/",
        "ws://h\\x",
        "ws://a%2eb/",
        "ws://b\u{fc}cher.example/",
        "ws://0x7f.1/",
        "ws://127.0.0.1./",
        "ws://[0:0::1]/",
        "ws://[::127.0.0.1]/",
        "ws://h/a b",
        "ws://h/\u{e9}",
        "ws://h/^x",
        "ws://h/{",
        "ws://h/a/../b",
        "ws://h/.",
        "ws://h/%2E%2e",
        "ws://h?q=\"",
        "ws://h?q='",
        "ws://h/a\r\nX: y",
        "ws://h/a\tb",
    ] {
        assert_eq!(Uri::parse(text).err(), Some(UriError::NotNormal), "{text:?}");
    }
    // Such a name needs the feature `url`, not only a heap.
    #[cfg(all(feature = "alloc", not(feature = "url")))]
    for text in ["ws://b\u{fc}cher.example/", "ws://b%C3%BCcher.example/"] {
        assert_eq!(OwnedUri::parse(text).err(), Some(UriError::NonAsciiHost), "{text:?}");
    }
}

#[cfg(feature = "alloc")]
#[test]
fn a_url_is_sent_as_browsers_send_it() {
    for (text, normal) in [
        // These stay as they are.
        ("ws://h/?ids[]=1&ids[]=2", "ws://h/?ids[]=1&ids[]=2"),
        ("ws://h/a|b[c]~$&+,;=:@!*()'", "ws://h/a|b[c]~$&+,;=:@!*()'"),
        ("ws://h/%", "ws://h/%"),
        ("ws://h/%2f%zz?%", "ws://h/%2f%zz?%"),
        ("ws://h/?", "ws://h/?"),
        ("ws://h/?/..?a^b`c{d}|\\", "ws://h/?/..?a^b`c{d}|\\"),
        // These are encoded.
        ("ws://h/?q={\"a\":1}", "ws://h/?q={%22a%22:1}"),
        ("ws://h/?a'<b>", "ws://h/?a%27%3Cb%3E"),
        ("ws://h/^x`{}\"<>", "ws://h/%5Ex%60%7B%7D%22%3C%3E"),
        ("ws://h/a b", "ws://h/a%20b"),
        ("ws://h/caf\u{e9}?q=\u{e9}", "ws://h/caf%C3%A9?q=%C3%A9"),
        ("ws://h/\u{1}\u{7f}\u{10ffff}", "ws://h/%01%7F%F4%8F%BF%BF"),
        // Space.
        (" \u{0}\tws://h/ \r\n", "ws://h/"),
        ("ws://h/a\n b?c\td", "ws://h/a%20b?cd"),
        ("w\ns:/\t/h:8\r1", "ws://h:81/"),
        // Scheme and slashes.
        ("http://h/", "ws://h/"),
        ("HTTPS://h:443/", "wss://h/"),
        ("http://h:443/", "ws://h:443/"),
        ("Wss:h", "wss://h/"),
        ("ws:/h", "ws://h/"),
        ("ws:///h//x", "ws://h//x"),
        ("ws:\\/h\\a\\b?\\", "ws://h/a/b?\\"),
        // Hosts and ports.
        ("ws://EXAMPLE.com.", "ws://example.com./"),
        ("ws://a%2eB%2D/", "ws://a.b-/"),
        ("ws://a_b..c", "ws://a_b..c/"),
        ("ws://XN--bcher-kva.example", "ws://xn--bcher-kva.example/"),
        ("ws://xn--a", "ws://xn--a/"),
        ("ws://127.1", "ws://127.0.0.1/"),
        ("ws://0x7F000001/", "ws://127.0.0.1/"),
        ("ws://017700000001", "ws://127.0.0.1/"),
        ("ws://1.2.0x0304.", "ws://1.2.3.4/"),
        ("ws://0x", "ws://0.0.0.0/"),
        ("ws://[1:0:0:2::3:0]", "ws://[1::2:0:0:3:0]/"),
        ("ws://[2001:DB8:0:0:0:0:0:1]:80", "ws://[2001:db8::1]/"),
        ("ws://[::ffff:1.2.3.4]", "ws://[::ffff:102:304]/"),
        ("ws://h:00081", "ws://h:81/"),
        ("ws://h:?", "ws://h/?"),
        // Dot segments.
        ("ws://h/a/./b/../c/%2e%2E/..", "ws://h/"),
        ("ws://h/../a/.", "ws://h/a/"),
        ("ws://h/C:/../b", "ws://h/b"),
        ("ws://h/a/..b/.../", "ws://h/a/..b/.../"),
        ("ws://h/a//../b", "ws://h/a/b"),
        ("ws://h/a/.%2e\\b", "ws://h/b"),
        // User information.
        ("ws://a b:c;d@h", "ws://a%20b:c%3Bd@h/"),
        ("ws://a@b:c:d@h", "ws://a%40b:c%3Ad@h/"),
        ("ws://@h/", "ws://h/"),
        ("ws://:@h/", "ws://h/"),
        ("ws://a:@h/", "ws://a@h/"),
        ("ws://:b@h/", "ws://:b@h/"),
    ] {
        let uri = OwnedUri::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(uri.as_uri().as_str(), normal, "{text:?}");
        // The result has the normal form, so it can be borrowed.
        assert_eq!(OwnedUri::parse(normal).as_ref(), Ok(&uri));
        assert_eq!(Uri::parse(normal), Ok(uri.as_uri()));
    }
}

#[cfg(feature = "url")]
#[test]
fn a_name_outside_of_ascii_becomes_punycode() {
    for (text, host) in [
        ("ws://b\u{fc}cher.example/", "xn--bcher-kva.example"),
        ("ws://B%C3%9Ccher.example/", "xn--bcher-kva.example"),
        ("ws://\u{ff11}\u{ff12}\u{ff17}.1", "127.0.0.1"),
        ("ws://a\u{3002}b", "a.b"),
    ] {
        assert_eq!(OwnedUri::parse(text).unwrap().as_uri().host(), host, "{text}");
    }
    for text in ["ws://\u{ad}/", "ws://\u{fffd}/", "ws://a\u{2024}\u{ff03}/", "ws://%ff/"] {
        assert_eq!(OwnedUri::parse(text).err(), Some(UriError::Host), "{text:?}");
    }
}

#[test]
fn what_is_borrowed_is_set_right_while_it_is_written() {
    for (text, host, resource) in [
        ("ws://EXAMPLE.com:80", "example.com", "/"),
        ("HTTP://[2001:DB8::1]:0081?a", "[2001:db8::1]:81", "/?a"),
        (" https://h:443/ ", "h", "/"),
        ("ws://\u{fc} \"@h/a|b?{[^`", "h", "/a|b?{[^`"),
    ] {
        let uri = Uri::parse(text).unwrap();
        assert_eq!(written(&mut [0; 64], |out| uri.put_host(out)), host);
        assert_eq!(written(&mut [0; 64], |out| uri.put_resource_name(out)), resource);
        #[cfg(feature = "alloc")]
        {
            let owned = OwnedUri::parse(text).unwrap();
            let owned = owned.as_uri();
            assert_eq!(written(&mut [0; 64], |out| owned.put_host(out)), host);
            assert_eq!(written(&mut [0; 64], |out| owned.put_resource_name(out)), resource);
            let (mut one, mut other) = ([0; 64], [0; 64]);
            assert_eq!(
                written(&mut one, |out| uri.put_basic_credentials(out)),
                written(&mut other, |out| owned.put_basic_credentials(out)),
            );
        }
    }
}

#[cfg(feature = "alloc")]
#[test]
fn a_url_that_no_request_holds_is_refused() {
    let longest = alloc::format!("ws://h/{}", "a".repeat(65_534 - 7));
    assert!(Uri::parse(&longest).is_ok() && OwnedUri::parse(&longest).is_ok());
    let longer = longest + "a";
    assert_eq!(Uri::parse(&longer).err(), Some(UriError::TooLong));
    assert_eq!(OwnedUri::parse(&longer).err(), Some(UriError::TooLong));
    let encoded = alloc::format!("ws://h/{}", " ".repeat(30_000)) + "a";
    assert_eq!(OwnedUri::parse(&encoded).err(), Some(UriError::TooLong));
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
    assert!(!Uri::parse("ws://:@h/").unwrap().has_credentials());
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
