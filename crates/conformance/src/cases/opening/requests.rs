//! H.1: requests to a server.

mod none;
mod wrong;

use std::time::Duration;

use super::super::rules;
use super::half::{
    HELLO, Half, informs, refusal, refusal_with, refuses, request, request_of, takes, takes_or,
    tolerated,
};
use crate::case::{Case, Close, Conversation, Event, Opening, Rule, Script, Split};
use crate::side::Side;
use crate::verdict::Behavior::NonStrict;
use crate::wire::Frame;

const SERVER: Side = Side::Server;

const PARTS: Rule = Rule::must(
    "RFC 6455 §4.2.1",
    "The client's opening handshake consists of the following parts (the order of the header fields is not important).",
);
const CASE: Rule = Rule::must(
    "RFC 6455 §4.2.1",
    "An Upgrade header field containing the value \"websocket\", and a Connection header field that includes the token \
     \"Upgrade\", treated as ASCII case-insensitive values. RFC 9110 §5.1: field names are case-insensitive.",
);
const CONNECTION: Rule = Rule::must(
    "RFC 6455 §4.2.1",
    "A Connection header field that includes the token \"Upgrade\", treated as an ASCII case-insensitive value.",
);
const UPGRADE: Rule = Rule::must(
    "RFC 6455 §4.2.1",
    "An Upgrade header field containing the value \"websocket\", treated as an ASCII case-insensitive value.",
);
const SPACE: Rule = Rule::must(
    "RFC 9112 §5",
    "field-line = field-name \":\" OWS field-value OWS; the whitespace is excluded by parsers when extracting the value.",
);
const EMPTY_LINE: Rule = Rule::should(
    "RFC 9112 §2.2",
    "A server that is expecting to receive and parse a request-line SHOULD ignore at least one empty line (CRLF) received \
     prior to the request-line.",
);
const ABSOLUTE: Rule = Rule::must(
    "RFC 9112 §3.2.2",
    "A server MUST accept the absolute-form in requests even though most HTTP/1.1 clients will only send the absolute-form \
     to a proxy. RFC 6455 §4.2.1: or an absolute HTTP/HTTPS URI containing the resource name.",
);
const QUERY: Rule = Rule::should(
    "RFC 6455 §3",
    "resource-name = path [ \"?\" query ]. Which resources there are is up to the server.",
);
const UNKNOWN: Rule = Rule::must(
    "RFC 6455 §4.2.1",
    "Optionally, other header fields, such as those used to send cookies or request authentication. Unknown header fields \
     are ignored.",
);
const ORIGIN: Rule = Rule::may(
    "RFC 6455 §4.2.2",
    "The server MAY use the origin as part of a determination of whether to accept the connection. If it does not wish to \
     accept it, it MUST return an appropriate HTTP error code (e.g., 403 Forbidden).",
);
const OPAQUE: Rule = Rule::should(
    "RFC 9110 §5.5",
    "A recipient SHOULD treat other allowed octets in field content (i.e., obs-text) as opaque data.",
);
const TARGET_LENGTH: Rule = Rule::should(
    "RFC 9112 §3",
    "It is RECOMMENDED that all HTTP senders and recipients support, at a minimum, request-line lengths of 8000 octets.",
);
const TARGET_LIMIT: Rule = Rule::info(
    "RFC 9112 §3",
    "A server that receives a request-target longer than any URI it wishes to parse MUST respond with a 414 (URI Too \
     Long) status code.",
);
const HEAD_LIMIT: Rule = Rule::info(
    "RFC 9110 §5.4",
    "A server that receives a request header field line, field value, or set of fields larger than it wishes to process \
     MUST respond with an appropriate 4xx status code; RFC 6585 §5: 431.",
);
const BEHIND: Rule = Rule::should(
    "RFC 6455 §4.2.2",
    "The server considers the connection to be in the OPEN state, and may begin sending and receiving data. The client is \
     told to wait (§4.1), and so a server may refuse what did not; but it should lose nothing.",
);
const TWO: Rule = Rule::must(
    "RFC 6455 §4.2.2",
    "At this point the connection is in the OPEN state: what follows the request are frames, and `GE` is a frame with a \
     reserved bit (§5.2: the endpoint MUST fail the connection).",
);
const CONTENT: Rule = Rule::must(
    "RFC 9110 §7.8",
    "A client cannot begin using an upgraded protocol until it has completely sent the request message: the content of \
     the request is no frame. §9.3.1: content in a GET might lead some implementations to reject the request.",
);
const BOTH_LENGTHS: Rule = Rule::should(
    "RFC 9112 §6.3",
    "If a message is received with both a Transfer-Encoding and a Content-Length, it might be an attempt to perform \
     request smuggling, and ought to be handled as an error.",
);
const HOST_PORT: Rule = Rule::should(
    "RFC 9110 §7.2",
    "Host = uri-host [ \":\" port ]. A server may refuse an authority that is not its own.",
);
const LAST_BITS: Rule = Rule::may(
    "RFC 4648 §3.5",
    "Pad bits MUST be set to zero by conforming encoders; decoders MAY reject an encoding with other ones. RFC 6455 \
     §4.2.2: the accept value is made of the key as a string.",
);

pub(super) fn cases() -> Vec<Case> {
    [right(), sizes(), cuts(), contents(), wrong::cases(), none::cases()]
        .into_iter()
        .flatten()
        .collect()
}

/// Requests that are valid, though some look invalid.
fn right() -> Vec<Case> {
    vec![
        takes("H.1.1", "A request that is right", SERVER, PARTS, request("", &[])),
        takes(
            "H.1.2",
            "Names and values in other cases",
            SERVER,
            CASE,
            request_of(&[
                "GET {path} HTTP/1.1",
                "HOST: {host}",
                "upgrade: WebSocket",
                "connection: uPGRADE",
                "sec-websocket-key: {key}",
                "SEC-WEBSOCKET-VERSION: 13",
            ]),
        ),
        takes(
            "H.1.3",
            "Connection with another element before Upgrade",
            SERVER,
            CONNECTION,
            request("Connection", &["Connection: keep-alive, Upgrade"]),
        ),
        takes(
            "H.1.4",
            "Connection in two lines, with empty elements and tabs",
            SERVER,
            rules::LIST,
            request("Connection", &["Connection: ,keep-alive\t,,", "Connection: \tUpgrade , ,"]),
        ),
        takes_or(
            "H.1.5",
            "Upgrade with another protocol before websocket",
            SERVER,
            UPGRADE,
            request("Upgrade", &["Upgrade: example/1, websocket"]),
            tolerated(),
        ),
        takes(
            "H.1.6",
            "No space after the colons",
            SERVER,
            SPACE,
            request_of(&[
                "GET {path} HTTP/1.1",
                "Host:{host}",
                "Upgrade:websocket",
                "Connection:Upgrade",
                "Sec-WebSocket-Key:{key}",
                "Sec-WebSocket-Version:13",
            ]),
        ),
        takes(
            "H.1.7",
            "Spaces and tabs around the values",
            SERVER,
            SPACE,
            request_of(&[
                "GET {path} HTTP/1.1",
                "Host: \t{host} \t",
                "Upgrade:\t websocket \t",
                "Connection:   Upgrade  ",
                "Sec-WebSocket-Key: \t {key}\t ",
                "Sec-WebSocket-Version:\t13 ",
            ]),
        ),
        takes(
            "H.1.8",
            "The fields in the opposite order",
            SERVER,
            PARTS,
            request_of(&[
                "GET {path} HTTP/1.1",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: {key}",
                "Connection: Upgrade",
                "Upgrade: websocket",
                "Host: {host}",
            ]),
        ),
        takes_or(
            "H.1.9",
            "Host with a port",
            SERVER,
            HOST_PORT,
            request("Host", &["Host: localhost:65000"]),
            tolerated(),
        ),
        takes_or(
            "H.1.10",
            "An empty line before the request",
            SERVER,
            EMPTY_LINE,
            request("GET", &["", "GET {path} HTTP/1.1"]),
            tolerated(),
        ),
        takes(
            "H.1.11",
            "The target as an absolute URI",
            SERVER,
            ABSOLUTE,
            request("GET", &["GET http://{host}{path} HTTP/1.1"]),
        ),
        takes_or(
            "H.1.12",
            "A target with a query",
            SERVER,
            QUERY,
            request("GET", &["GET {path}?a=1&b=%20%C3%A4?/ HTTP/1.1"]),
            tolerated(),
        ),
        takes(
            "H.1.13",
            "Fields that a server need not know",
            SERVER,
            UNKNOWN,
            request(
                "",
                &[
                    "X-Unknown: 1",
                    "User-Agent: a/1 (b; c)",
                    "Accept-Language: de, en;q=0.5",
                    "Pragma: no-cache",
                    "Cache-Control: no-cache",
                    "Cookie: a=b; c=\"d\"",
                ],
            ),
        ),
        takes_or(
            "H.1.14",
            "The Origin that a page of the same server has",
            SERVER,
            ORIGIN,
            request("", &["Origin: http://{host}"]),
            refusal_with(&[403]),
        ),
        takes_or(
            "H.1.15",
            "The Origin null",
            SERVER,
            ORIGIN,
            request("", &["Origin: null"]),
            refusal_with(&[403]),
        ),
        takes(
            "H.1.16",
            "A field without a value",
            SERVER,
            SPACE,
            request("", &["X-Empty:", "X-Space: \t"]),
        ),
        takes_or(
            "H.1.17",
            "A field value with bytes outside of ASCII",
            SERVER,
            OPAQUE,
            request("", &["X-Name: J\u{fc}rgen \u{1f980}"]),
            tolerated(),
        ),
        takes_or(
            "H.1.18",
            "A key with other last bits than zero",
            SERVER,
            LAST_BITS,
            Half::new(
                "A request that is right but for its key, `dGhlIHNhbXBsZSBub25jZR==`, in which the last `R` has four bits \
                 that mean nothing.",
                Opening { key: Some("dGhlIHNhbXBsZSBub25jZR=="), ..Opening::default() },
            ),
            refusal(),
        ),
        takes_or(
            "H.1.19",
            "A Content-Length of 0",
            SERVER,
            PARTS,
            request("", &["Content-Length: 0"]),
            tolerated(),
        ),
    ]
}

/// Requests of certain sizes.
fn sizes() -> Vec<Case> {
    let fields = |count: usize| {
        let lines: Vec<String> = (0..count).map(|number| format!("X-{number}: {number}")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let Half { opening, .. } = request("", &lines);
        Half::new(
            format!("A request that is right, with {count} further fields that mean nothing."),
            opening,
        )
    };
    let target = |len: usize| {
        let line = format!("GET {{path}}?{} HTTP/1.1", "a".repeat(len));
        let Half { opening, .. } = request("GET", &[&line]);
        Half::new(format!("A request that is right, with a query of {len} bytes."), opening)
    };
    let value = |len: usize| {
        let line = format!("X-Long: {}", "a".repeat(len));
        let Half { opening, .. } = request("", &[&line]);
        Half::new(format!("A request that is right, with a further field of {len} bytes."), opening)
    };
    vec![
        takes_or("H.1.20", "60 more fields", SERVER, UNKNOWN, fields(60), tolerated()),
        informs("H.1.21", "300 more fields", SERVER, HEAD_LIMIT, fields(300)),
        takes_or(
            "H.1.22",
            "A target of 7,900 bytes",
            SERVER,
            TARGET_LENGTH,
            target(7_900),
            tolerated(),
        ),
        informs("H.1.23", "A target of 128 KiB", SERVER, TARGET_LIMIT, target(128 << 10)),
        takes_or("H.1.24", "A field of 4 KiB", SERVER, UNKNOWN, value(4 << 10), tolerated()),
        informs("H.1.25", "A field of 32 KiB", SERVER, HEAD_LIMIT, value(32 << 10)),
        informs("H.1.26", "A field of 1 MiB", SERVER, HEAD_LIMIT, value(1 << 20)),
    ]
}

/// Requests in several writes, and with frames after them.
fn cuts() -> Vec<Case> {
    let cut = |words: &'static str, split: Split, gap: u64| {
        let gap = Duration::from_millis(gap);
        Half::new(
            format!("A request that is right, {words}."),
            Opening { split, gap, ..Opening::default() },
        )
    };
    let tail = |len| Split::Tail(len);
    vec![
        takes(
            "H.1.27",
            "Byte by byte",
            SERVER,
            rules::HEAD,
            cut("one byte with each write", Split::Every(1), 0),
        ),
        takes(
            "H.1.28",
            "Slowly, some bytes at a time",
            SERVER,
            rules::HEAD,
            cut("16 bytes with each write and 20 ms between them", Split::Every(16), 20),
        ),
        takes(
            "H.1.29",
            "The last LF in a write of its own",
            SERVER,
            rules::HEAD,
            cut("its last byte 20 ms after the others", tail(1), 20),
        ),
        takes(
            "H.1.30",
            "The empty line in a write of its own",
            SERVER,
            rules::HEAD,
            cut("its last two bytes 20 ms after the others", tail(2), 20),
        ),
        takes(
            "H.1.31",
            "A cut between the CR and the LF of the last field",
            SERVER,
            rules::HEAD,
            cut("its last three bytes 20 ms after the others", tail(3), 20),
        ),
        behind(
            "H.1.32",
            "A frame right after the request",
            "A request that is right, and a text message in the same write.",
            Split::Whole,
        ),
        // The header of a masked frame has 6 bytes.
        behind(
            "H.1.33",
            "A frame right after the request, cut within its header",
            "A request that is right, and the first byte of a text message in the same write; the rest 20 ms later.",
            tail(HELLO.len() + 5),
        ),
        two_requests(),
    ]
}

fn behind(id: &str, title: &'static str, words: &'static str, split: Split) -> Case {
    Case::new(id, title, BEHIND, move |_, _| {
        let expect = Conversation::ok([Event::Text(HELLO.into())]).non_strict([]);
        let opening = Opening {
            behind: vec![Frame::text(HELLO)],
            split,
            gap: Duration::from_millis(20),
            ..Opening::default()
        };
        Script::new([], expect).opening(opening).or_refused(tolerated())
    })
    .only(SERVER)
    .words(
        words,
        "An open connection, and the message back. If it does not come back or the server refuses, that is NON-STRICT, as \
         a client has to wait. If a part of it is lost, the server reads frames that are none, and has failed.",
    )
}

fn two_requests() -> Case {
    Case::new("H.1.34", "Two requests in one write", TWO, |_, _| {
        let twice = [request("", &[]).opening, request("", &[]).opening];
        let twice: Vec<u8> =
            twice.into_iter().flat_map(|opening| opening.instead.unwrap_or_default()).collect();
        let close = Close::by_subject([1002]).wrong_closer_fails();
        Script::new([], Conversation::ok([]).close(close))
            .opening(Opening::text(twice))
            .or_refused(refusal())
    })
    .only(SERVER)
    .words(
        "A request that is right, twice in one write.",
        "One response, which opens the connection; then the connection fails, with code 1002, as the second request is no \
         frame. A refusal with a status from 400 to 499 is OK as well.",
    )
}

/// Requests with content.
fn contents() -> Vec<Case> {
    let with = |lines: &[&str], content: &'static str| {
        let Half { mut opening, words } = request("", lines);
        opening.instead.get_or_insert_default().extend(content.bytes());
        Half::new(format!("{words} Its content is {content:?}."), opening)
    };
    vec![
        takes_or(
            "H.1.35",
            "Content of a known length",
            SERVER,
            CONTENT,
            with(&["Content-Length: 5"], "hello"),
            refusal(),
        ),
        takes_or(
            "H.1.36",
            "Content in chunks",
            SERVER,
            CONTENT,
            with(&["Transfer-Encoding: chunked"], "5\r\nhello\r\n0\r\n\r\n"),
            refusal_with(&[400, 411, 413, 415, 426, 501]),
        ),
        refuses(
            "H.1.37",
            "Content-Length and Transfer-Encoding",
            SERVER,
            BOTH_LENGTHS,
            with(&["Content-Length: 5", "Transfer-Encoding: chunked"], "0\r\n\r\n"),
            refusal().opened(NonStrict),
        ),
        refuses(
            "H.1.38",
            "A Content-Length that is no number",
            SERVER,
            Rule::must(
                "RFC 9112 §6.3",
                "If a message is received without Transfer-Encoding and with an invalid Content-Length header field, the \
                 recipient MUST treat it as an unrecoverable error; a server MUST respond with 400 and close.",
            ),
            request("", &["Content-Length: five"]),
            refusal(),
        ),
    ]
}
