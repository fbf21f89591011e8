//! Invalid requests.

use super::super::super::rules;
use super::super::half::{Half, refusal, refusal_with, refuses, request, request_of, takes_or};
use crate::case::{Case, Opening, Refusal, Rule};
use crate::side::Side;
use crate::verdict::Behavior::{self, NonStrict};
use crate::wire::Head;

const SERVER: Side = Side::Server;

const METHOD: Rule = Rule::must(
    "RFC 6455 §4.2.1",
    "An HTTP/1.1 or higher GET request. If the client did not send a handshake that matches, the server MUST return an \
     HTTP response with an appropriate error code (such as 400 Bad Request).",
);
const MINOR: Rule = Rule::should(
    "RFC 9110 §2.5",
    "A recipient that receives a message with a minor version number higher than what it implements SHOULD process the \
     message as if it was in the highest minor version to which it is conformant.",
);
const MAJOR: Rule = Rule::should(
    "RFC 9110 §15.6.6",
    "505: the server does not support the major version of HTTP that was used in the request message.",
);
const REQUEST_LINE: Rule = Rule::should(
    "RFC 9112 §3",
    "Recipients of an invalid request-line SHOULD respond with either a 400 (Bad Request) error or a 301 with the target \
     properly encoded.",
);
const TARGET: Rule = Rule::must(
    "RFC 6455 §4.2.1",
    "A Request-URI that should be interpreted as a resource name, or an absolute HTTP/HTTPS URI containing it. RFC 9112 \
     §3.2: the other forms are for CONNECT and OPTIONS.",
);
const FRAGMENT: Rule = Rule::must(
    "RFC 6455 §3",
    "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT be used on these URIs.",
);
const HOST: Rule = Rule::must(
    "RFC 9112 §3.2",
    "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks a Host header \
     field, contains more than one Host header field line, or has a Host with an invalid value.",
);
const VERSION: Rule = Rule::must(
    "RFC 6455 §4.2.2",
    "If this version does not match a version understood by the server, the server MUST send an appropriate HTTP error \
     code (such as 426 Upgrade Required) and a Sec-WebSocket-Version header field indicating the versions it understands.",
);
const NO_UPGRADE: Rule = Rule::must(
    "RFC 6455 §4.2.1",
    "An Upgrade header field containing the value \"websocket\". If the client did not send a handshake that matches, the \
     server MUST return an HTTP response with an appropriate error code.",
);
const NO_CONNECTION: Rule = Rule::must(
    "RFC 6455 §4.2.1",
    "A Connection header field that includes the token \"Upgrade\". If the client did not send a handshake that matches, \
     the server MUST return an HTTP response with an appropriate error code.",
);
const NO_KEY: Rule = Rule::must(
    "RFC 6455 §4.2.1",
    "A Sec-WebSocket-Key header field with a base64-encoded value that, when decoded, is 16 bytes in length. If the client \
     did not send a handshake that matches, the server MUST return an HTTP response with an appropriate error code.",
);
const BAD_KEY: Rule = Rule::must(
    "RFC 6455 §4.2.1",
    "A Sec-WebSocket-Key header field with a base64-encoded value that, when decoded, is 16 bytes in length. Yet §4.2.2: \
     it is not necessary for the server to base64-decode the value.",
);
const NO_VERSION: Rule = Rule::must(
    "RFC 6455 §4.2.1",
    "A Sec-WebSocket-Version header field, with a value of 13. If the client did not send a handshake that matches, the \
     server MUST return an HTTP response with an appropriate error code.",
);
const VERSION_GRAMMAR: Rule = Rule::must(
    "RFC 6455 §4.2.1",
    "On any violation of the ABNF grammar the server MUST return an HTTP response with an appropriate error code. §4.3: a \
     version is one number from 0 to 255, with no leading zeros.",
);
const VERSION_ONCE: Rule = Rule::must(
    "RFC 6455 §11.3.5",
    "The Sec-WebSocket-Version header field MUST NOT appear more than once in an HTTP request.",
);
const OLD: Rule = Rule::must(
    "RFC 6455 §4.2.1",
    "A Sec-WebSocket-Key and a Sec-WebSocket-Version header field, with a value of 13: this is a draft of 2010, which has \
     neither.",
);
const COLON: Rule = Rule::must(
    "RFC 9112 §5.1",
    "A server MUST reject, with a response status code of 400 (Bad Request), any received request message that contains \
     whitespace between a header field name and colon.",
);
const FOLD: Rule = Rule::must(
    "RFC 9112 §5.2",
    "A server that receives an obs-fold in a request message MUST either reject the message by sending a 400 (Bad Request) \
     or replace each received obs-fold with one or more SP octets.",
);
const BEFORE_FIELDS: Rule = Rule::must(
    "RFC 9112 §2.2",
    "A recipient that receives whitespace between the start-line and the first header field MUST either reject the message \
     as invalid or consume each whitespace-preceded line without further processing of it.",
);

pub(super) fn cases() -> Vec<Case> {
    [first_lines(), fields(), syntax()].into_iter().flatten().collect()
}

/// Invalid request lines.
fn first_lines() -> Vec<Case> {
    let method = || refusal_with(&[400, 405, 426, 501]);
    let version = || refusal_with(&[400, 426, 505]);
    let line = |line: &str| request("GET", &[line]);
    vec![
        refuses("H.1.39", "POST", SERVER, METHOD, line("POST {path} HTTP/1.1"), method()),
        refuses("H.1.40", "HEAD", SERVER, METHOD, line("HEAD {path} HTTP/1.1"), method()),
        refuses(
            "H.1.41",
            "The method in lower case",
            SERVER,
            METHOD,
            line("get {path} HTTP/1.1"),
            method(),
        ),
        refuses(
            "H.1.42",
            "A method that nobody knows",
            SERVER,
            METHOD,
            line("GETS {path} HTTP/1.1"),
            method(),
        ),
        refuses("H.1.43", "HTTP/1.0", SERVER, METHOD, line("GET {path} HTTP/1.0"), version()),
        takes_or(
            "H.1.44",
            "HTTP/1.2",
            SERVER,
            MINOR,
            line("GET {path} HTTP/1.2"),
            version().called(NonStrict),
        ),
        refuses(
            "H.1.45",
            "HTTP/2.0",
            SERVER,
            MAJOR,
            line("GET {path} HTTP/2.0"),
            version().opened(NonStrict),
        ),
        refuses(
            "H.1.46",
            "No version",
            SERVER,
            METHOD,
            line("GET {path}"),
            version().silence(Behavior::Ok),
        ),
        refuses(
            "H.1.47",
            "The name of the protocol in lower case",
            SERVER,
            METHOD,
            line("GET {path} http/1.1"),
            version(),
        ),
        refuses("H.1.48", "The target *", SERVER, TARGET, line("GET * HTTP/1.1"), refusal()),
        refuses(
            "H.1.49",
            "An authority for a target",
            SERVER,
            TARGET,
            line("GET localhost:80 HTTP/1.1"),
            refusal(),
        ),
        refuses(
            "H.1.50",
            "A target with a fragment",
            SERVER,
            FRAGMENT,
            line("GET {path}#part HTTP/1.1"),
            refusal().opened(NonStrict),
        ),
        refuses(
            "H.1.51",
            "A target with a space",
            SERVER,
            REQUEST_LINE,
            line("GET {path}?a b HTTP/1.1"),
            refusal().opened(NonStrict),
        ),
        refuses(
            "H.1.52",
            "A target with NUL",
            SERVER,
            REQUEST_LINE,
            line("GET {path}?a\0b HTTP/1.1"),
            refusal().opened(NonStrict),
        ),
    ]
}

/// Invalid or missing fields.
fn fields() -> Vec<Case> {
    let host = || refusal_with(&[400]);
    let upgrade = |id, title, lines: &[&str]| {
        refuses(id, title, SERVER, NO_UPGRADE, request("Upgrade", lines), refusal())
    };
    let connection = |id, title, lines: &[&str]| {
        refuses(id, title, SERVER, NO_CONNECTION, request("Connection", lines), refusal())
    };
    let no_key = |id, title, rule, lines: &[&str]| {
        refuses(id, title, SERVER, rule, request("Sec-WebSocket-Key", lines), refusal())
    };
    let bad_key = |id, title, key: &'static str| {
        let line = format!("Sec-WebSocket-Key: {key}");
        let half = request("Sec-WebSocket-Key", &[&line]);
        // A server that accepts it has computed the accept value from this very key.
        let half = half.map(|opening| Opening { key: Some(key), ..opening });
        refuses(id, title, SERVER, BAD_KEY, half, refusal().opened(NonStrict))
    };
    let version = |id, title, rule, lines: &[&str], refusal: Refusal| {
        refuses(id, title, SERVER, rule, request("Sec-WebSocket-Version", lines), refusal)
    };
    let old_or_new = |mut case: Case| {
        let field = "A response without `Sec-WebSocket-Version: 13` is FAILED.";
        case.expects = format!("{} {field}", case.expects).into();
        case
    };
    let unknown = |id, title, line: &str| {
        let refusal = refusal_with(&[400, 426]).check(versions);
        old_or_new(version(id, title, VERSION, &[line], refusal))
    };
    vec![
        refuses("H.1.53", "No Host", SERVER, HOST, request("Host", &[]), host()),
        refuses(
            "H.1.54",
            "Two Hosts",
            SERVER,
            HOST,
            request("Host", &["Host: {host}", "Host: other.example"]),
            host(),
        ),
        refuses(
            "H.1.55",
            "A Host with a path",
            SERVER,
            HOST,
            request("Host", &["Host: {host}/path"]),
            host(),
        ),
        refuses(
            "H.1.56",
            "A Host without a value",
            SERVER,
            Rule::should(
                "RFC 6455 §4.2.1",
                "A Host header field containing the server's authority. In HTTP itself it may be empty (RFC 9112 §3.2).",
            ),
            request("Host", &["Host:"]),
            host().opened(NonStrict),
        ),
        upgrade("H.1.57", "No Upgrade", &[]),
        upgrade("H.1.58", "Upgrade: websockets", &["Upgrade: websockets"]),
        upgrade("H.1.59", "Upgrade to another protocol", &["Upgrade: h2c"]),
        upgrade("H.1.60", "Upgrade without a value", &["Upgrade:"]),
        connection("H.1.61", "No Connection", &[]),
        connection("H.1.62", "Connection: keep-alive", &["Connection: keep-alive"]),
        connection(
            "H.1.63",
            "Connection with words that are only like Upgrade",
            &["Connection: Upgraded, upgrade-insecure"],
        ),
        no_key("H.1.64", "No key", NO_KEY, &[]),
        no_key("H.1.65", "A key without a value", NO_KEY, &["Sec-WebSocket-Key:"]),
        no_key(
            "H.1.66",
            "Two keys",
            rules::KEY_ONCE,
            &["Sec-WebSocket-Key: {key}", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
        ),
        refuses(
            "H.1.67",
            "The same key twice",
            SERVER,
            rules::KEY_ONCE,
            request("Sec-WebSocket-Key", &["Sec-WebSocket-Key: {key}", "Sec-WebSocket-Key: {key}"]),
            refusal().opened(NonStrict),
        ),
        bad_key("H.1.68", "A key of 15 bytes", "AAECAwQFBgcICQoLDA0O"),
        bad_key("H.1.69", "A key of 17 bytes", "AAECAwQFBgcICQoLDA0ODxA="),
        bad_key("H.1.70", "A key of 300 bytes", LONG_KEY),
        bad_key("H.1.71", "A key without padding", "AAECAwQFBgcICQoLDA0ODw"),
        bad_key("H.1.72", "A key with a character that is not base64", "AAECAwQFBgcI!QoLDA0ODw=="),
        bad_key("H.1.73", "A key in the base64 of URLs", "-_-_-_-_-_-_-_-_-_-_-Q=="),
        bad_key("H.1.74", "A key with padding in the middle", "AAECAwQFBg==CQoLDA0ODw=="),
        bad_key("H.1.75", "A key with a space within", "AAECAwQFBgcI CQoLDA0ODw=="),
        version("H.1.76", "No version of the protocol", NO_VERSION, &[], refusal()),
        old_or_new(version(
            "H.1.77",
            "Version 8, of a draft",
            VERSION,
            &["Sec-WebSocket-Version: 8"],
            refusal_with(&[400, 426]).check(versions).opened(NonStrict),
        )),
        unknown("H.1.78", "Version 0", "Sec-WebSocket-Version: 0"),
        unknown("H.1.79", "Version 12", "Sec-WebSocket-Version: 12"),
        unknown("H.1.80", "Version 14", "Sec-WebSocket-Version: 14"),
        unknown("H.1.81", "Version 255", "Sec-WebSocket-Version: 255"),
        version(
            "H.1.82",
            "Version 013",
            VERSION_GRAMMAR,
            &["Sec-WebSocket-Version: 013"],
            refusal(),
        ),
        version(
            "H.1.83",
            "Version 269, which is 13 in one byte",
            VERSION_GRAMMAR,
            &["Sec-WebSocket-Version: 269"],
            refusal(),
        ),
        version(
            "H.1.84",
            "A version that is no number",
            VERSION_GRAMMAR,
            &["Sec-WebSocket-Version: thirteen"],
            refusal(),
        ),
        version(
            "H.1.85",
            "Several versions in a list",
            VERSION_GRAMMAR,
            &["Sec-WebSocket-Version: 13, 8"],
            refusal(),
        ),
        version(
            "H.1.86",
            "Several versions in two lines",
            VERSION_ONCE,
            &["Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"],
            refusal(),
        ),
        version(
            "H.1.87",
            "The same version twice",
            VERSION_ONCE,
            &["Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 13"],
            refusal().opened(NonStrict),
        ),
        refuses(
            "H.1.88",
            "The keys of a draft of 2010",
            SERVER,
            OLD,
            request_of(&[
                "GET {path} HTTP/1.1",
                "Host: {host}",
                "Upgrade: WebSocket",
                "Connection: Upgrade",
                "Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5",
                "Sec-WebSocket-Key2: 12998 5 Y3 1  .P00",
                "Origin: http://{host}",
            ]),
            refusal(),
        ),
    ]
}

/// Heads that are not, or hardly, HTTP.
fn syntax() -> Vec<Case> {
    let lf = || {
        let Half { opening, .. } = request("", &[]);
        let instead = opening.instead.unwrap_or_default();
        let instead: Vec<u8> = instead.into_iter().filter(|byte| *byte != b'\r').collect();
        Half::new(
            "A request that is right but whose lines end with LF alone.",
            Opening::text(instead),
        )
    };
    vec![
        refuses(
            "H.1.89",
            "A space before a colon",
            SERVER,
            COLON,
            request("Upgrade", &["Upgrade : websocket"]),
            refusal_with(&[400]),
        ),
        refuses(
            "H.1.90",
            "A space before the colon of a field that means nothing",
            SERVER,
            COLON,
            request("", &["X-Unknown : 1"]),
            refusal_with(&[400]),
        ),
        takes_or(
            "H.1.91",
            "A folded field",
            SERVER,
            FOLD,
            request("Connection", &["Connection: keep-alive,", " Upgrade"]),
            refusal_with(&[400]),
        ),
        takes_or(
            "H.1.92",
            "A line that begins with a space before all fields",
            SERVER,
            BEFORE_FIELDS,
            request("GET", &["GET {path} HTTP/1.1", " X-Unknown: 1"]),
            refusal(),
        ),
        refuses(
            "H.1.93",
            "A space in the name of a field",
            SERVER,
            rules::GRAMMAR,
            request("", &["X Unknown: 1"]),
            refusal().opened(NonStrict),
        ),
        refuses(
            "H.1.94",
            "A line without a colon",
            SERVER,
            rules::GRAMMAR,
            request("", &["X-Unknown"]),
            refusal().opened(NonStrict),
        ),
        refuses(
            "H.1.95",
            "A field without a name",
            SERVER,
            rules::GRAMMAR,
            request("", &[": 1"]),
            refusal().opened(NonStrict),
        ),
        takes_or("H.1.96", "Lines that end with LF alone", SERVER, rules::BARE_LF, lf(), refusal()),
        refuses(
            "H.1.97",
            "The key after a CR without LF",
            SERVER,
            rules::BARE_CR,
            request("Sec-WebSocket-Key", &["X-Unknown: 1\rSec-WebSocket-Key: {key}"]),
            refusal(),
        ),
        takes_or(
            "H.1.98",
            "NUL in a field that means nothing",
            SERVER,
            rules::NUL,
            request("", &["X-Unknown: a\0b"]),
            refusal(),
        ),
        refuses(
            "H.1.99",
            "NUL after the value of Upgrade",
            SERVER,
            rules::NUL,
            request("Upgrade", &["Upgrade: websocket\0h2c"]),
            refusal(),
        ),
    ]
}

/// A key of 300 bytes of zeros, in base64.
const LONG_KEY: &str = match std::str::from_utf8(&[b'A'; 400]) {
    Ok(text) => text,
    Err(_) => "",
};

/// Checks a response to an unknown version.
fn versions(head: &Head) -> Result<(), String> {
    if head.status() >= 400 && !head.lists("sec-websocket-version", "13") {
        return Err(
            "that response has no `Sec-WebSocket-Version: 13` (RFC 6455 §4.2.2, §4.4)".into()
        );
    }
    Ok(())
}
