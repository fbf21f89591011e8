extern crate std;

use super::*;

fn block(text: &str) -> Headers<'_> {
    Headers::from_validated(text.as_bytes())
}

fn list(value: &str) -> impl Iterator<Item = &str> {
    list_elements(value.as_bytes()).map(|element| core::str::from_utf8(element).unwrap())
}

/// How many elements there are, and whether the value is malformed.
fn read(value: &str) -> (usize, bool) {
    let mut count = 0;
    for element in extensions(value.as_bytes()) {
        match element {
            Ok(_) => count += 1,
            Err(MalformedExtension) => return (count, true),
        }
    }
    (count, false)
}

#[test]
fn headers_come_in_order_with_white_space_trimmed() {
    let headers = block("Host: a\r\nX:\t b \t\r\nempty:\r\nx:c\r\n");
    let mut lines = headers.iter();
    assert_eq!(lines.next(), Some(Header { name: "Host", value: b"a" }));
    assert_eq!(lines.next(), Some(Header { name: "X", value: b"b" }));
    assert_eq!(lines.next(), Some(Header { name: "empty", value: b"" }));
    assert_eq!(lines.next(), Some(Header { name: "x", value: b"c" }));
    assert_eq!(lines.next(), None);
    assert_eq!(headers.into_iter().count(), 4);
    assert!(Headers::default().is_empty());
}

#[test]
fn names_are_found_without_regard_to_case() {
    let headers = block("Host: a\r\nX: b\r\nx: c\r\nbin: \u{e9}\r\n");
    assert_eq!(headers.get("hOST"), Some(b"a".as_slice()));
    assert_eq!(headers.get("nothing"), None);
    assert!(headers.get_all("x").eq([b"b", b"c"]));
    assert_eq!(headers.get_str("bin"), Some("\u{e9}"));
}

#[test]
fn values_that_are_no_utf_8_are_bytes_only() {
    let headers = Headers::from_validated(b"X: \xff\r\n");
    assert_eq!(headers.get("x"), Some(b"\xff".as_slice()));
    assert_eq!(headers.get_str("x"), None);
    assert_eq!(headers.iter().next().unwrap().value_str(), None);
}

#[test]
fn lists_span_lines_and_skip_empty_elements() {
    let headers = block("X: a ,\tb\r\nY: no\r\nx: ,,\t ,c\t,\r\nX:\r\n");
    assert!(headers.list("X").eq([b"a", b"b", b"c"]));
    assert!(list("keep-alive, Upgrade").eq(["keep-alive", "Upgrade"]));
    assert!(list(" , ,").next().is_none());
    assert!(list_contains(b"keep-alive,UPGRADE", "upgrade"));
    assert!(!list_contains(b"Upgraded, xUpgrade", "upgrade"));
}

#[cfg(feature = "alloc")]
#[test]
fn credentials_are_not_printed() {
    let headers = block("Authorization: Basic secret\r\nCOOKIE: secret\r\nX: y\r\n");
    let printed = alloc::format!("{headers:?}");
    assert!(!printed.contains("secret"), "{printed}");
    assert!(printed.contains("X: y"), "{printed}");
}

#[test]
fn tokens_and_values_are_told_from_what_would_smuggle() {
    assert!(is_token(b"permessage-deflate") && is_token(b"!#$%&'*+-.^_`|~09azAZ"));
    for bad in ["", "a b", "a,b", "a\r\n", "a:", "a/b", "\"a\"", "\u{e9}", "a\0", "a\x7f"] {
        assert!(!is_token(bad.as_bytes()), "{bad:?}");
    }
    assert!(is_header_value(b"") && is_header_value("tab\t, \u{e9}".as_bytes()));
    for bad in ["a\r\nX: y", "a\n", "a\r", "a\0", "a\x1b", "a\x7f"] {
        assert!(!is_header_value(bad.as_bytes()), "{bad:?}");
    }
}

#[test]
fn the_word_wise_search_for_control_characters_agrees_with_the_plain_one() {
    for position in 0..24 {
        for byte in 0..=255_u8 {
            for filler in [b' ', b'~', 0x80, 0xff] {
                let mut bytes = [filler; 24];
                bytes[position] = byte;
                let plain = bytes.iter().take_while(|byte| !byte.is_ascii_control()).count();
                assert_eq!(
                    bytes.len() - skip_plain(&bytes).len(),
                    plain,
                    "{byte:#x} at {position}"
                );
            }
        }
    }
}

#[test]
fn an_extension_offer_is_read_with_its_parameters() {
    let mut offer = extensions(
        b" , permessage-deflate ; client_max_window_bits; server_max_window_bits = 10,,x;y=\"1\\0\"",
    );
    let first = offer.next().unwrap().unwrap();
    assert_eq!(first.name(), "permessage-deflate");
    let mut params = first.params();
    assert_eq!(params.next(), Some(ExtensionParam { name: "client_max_window_bits", value: None }));
    let bits = params.next().unwrap();
    assert_eq!(bits.name, "server_max_window_bits");
    assert!(bits.value.unwrap() == *"10");
    assert_eq!(params.next(), None);

    let second = offer.next().unwrap().unwrap();
    assert_eq!(second.name(), "x");
    let quoted = second.params().next().unwrap().value.unwrap();
    assert!(quoted == *"10" && quoted.chars().eq("10".chars()));
    assert_eq!(offer.next(), None);
}

#[test]
fn extensions_of_all_lines_are_joined() {
    let headers = block("Sec-WebSocket-Extensions: a, b\r\nsec-websocket-extensions: c;d\r\n");
    assert!(headers.extensions().map(|element| element.unwrap().name()).eq(["a", "b", "c"]));
}

#[test]
fn malformed_extensions_are_an_error_and_the_end() {
    for bad in [
        "a b",
        "a;",
        "a;;b",
        "a;b=",
        "a;b=,c",
        "a;b=\"",
        "a;b=\"\"",
        "a;b=\"c",
        "a;b=\"c\\",
        "a;=b",
        "a;b=\"c d\"",
        "a;b=\"\\\"\"",
        "=",
        ";",
        "a/b",
        "a;b=\"c\"d",
        "a;b c",
        "a;b=c=d",
        "\u{e9}",
    ] {
        assert_eq!(read(bad), (0, true), "{bad}");
        let mut elements = extensions(bad.as_bytes());
        elements.next();
        assert_eq!(elements.next(), None, "{bad}");
    }
    assert_eq!(read("good, a;"), (1, true));
    assert_eq!(read("x-webkit-deflate-frame, foo; bar=1"), (2, false));
    assert_eq!(read(""), (0, false));
}

#[test]
fn an_unclosed_quotation_of_many_escapes_is_refused_in_one_pass() {
    let mut value = [b'c'; 8 * 1024];
    value[..7].copy_from_slice(b"a; b=\"\\");
    for escape in value[6..].iter_mut().step_by(2) {
        *escape = b'\\';
    }
    assert_eq!(extensions(&value).next(), Some(Err(MalformedExtension)));
}

#[test]
fn a_header_is_printed_in_one_line_whatever_its_name_is() {
    let header = Header { name: "X\r\nY", value: b"a\nb" };
    assert_eq!(std::format!("{header:?}"), r"X\r\nY: a\nb");
    let header = Header { name: "Cookie", value: b"secret" };
    assert_eq!(std::format!("{header:?}"), "Cookie: (not shown)");
}
