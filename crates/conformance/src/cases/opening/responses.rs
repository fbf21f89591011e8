//! H.4: responses to a client.

mod wrong;

use std::time::Duration;

use super::super::rules;
use super::half::{HELLO, Half, informs, response, response_of, takes, takes_or};
use crate::case::{Case, Conversation, Event, Opening, Refusal, Rule, Script, Split};
use crate::side::Side;
use crate::verdict::Behavior::NonStrict;
use crate::wire::Frame;

const CLIENT: Side = Side::Client;

const VALID: Rule = Rule::must(
    "RFC 6455 §4.1",
    "If the server's response is validated as provided for above, it is said that _The WebSocket Connection is \
     Established_.",
);
const CASE: Rule = Rule::must(
    "RFC 6455 §4.1",
    "An ASCII case-insensitive match for the value \"websocket\", a token that is an ASCII case-insensitive match for the \
     value \"Upgrade\"; all header field names are case-insensitive.",
);
const TOKEN: Rule = Rule::must(
    "RFC 6455 §4.1",
    "A Connection header field that contains a token that is an ASCII case-insensitive match for the value \"Upgrade\".",
);
const REASON: Rule = Rule::should(
    "RFC 9112 §4",
    "A client SHOULD ignore the reason-phrase content because it is not a reliable channel for information.",
);
const NO_REASON: Rule =
    Rule::must("RFC 9112 §4", "status-line = HTTP-version SP status-code SP [ reason-phrase ].");
const NO_SPACE: Rule = Rule::info(
    "RFC 9112 §4",
    "A server MUST send the space that separates the status-code from the reason-phrase even when the reason-phrase is \
     absent; a client may be lenient.",
);
const UNKNOWN: Rule =
    Rule::must("RFC 9110 §5.1", "A recipient of a field that it does not recognize ignores it.");
const SPACE: Rule = Rule::must(
    "RFC 9112 §5",
    "field-line = field-name \":\" OWS field-value OWS. RFC 6455 §4.1: ignoring any leading and trailing whitespace.",
);
const BEHIND: Rule = Rule::must(
    "RFC 6455 §4.2.2",
    "This completes the server's handshake. At this point, the server may begin sending data.",
);
const INTERIM: Rule = Rule::must(
    "RFC 9110 §15.2",
    "A client MUST be able to parse one or more 1xx responses received prior to a final response, even if the client does \
     not expect one.",
);
const FOLD: Rule = Rule::must(
    "RFC 9112 §5.2",
    "A user agent that receives an obs-fold in a response message MUST replace each received obs-fold with one or more SP \
     octets prior to interpreting the field value.",
);
const NO_CONTENT: Rule = Rule::must(
    "RFC 9112 §6.3",
    "Any response with a 1xx status code is always terminated by the first empty line after the header fields, regardless \
     of the header fields present in the message. RFC 9110 §8.6: a server MUST NOT send a Content-Length in it.",
);
const SIZE: Rule = Rule::info(
    "RFC 9110 §5.4",
    "HTTP does not place a predefined limit on the length of each header field line or on a header as a whole; a client \
     may have one.",
);

pub(super) fn cases() -> Vec<Case> {
    [right(), cuts(), lenient(), wrong::cases()].into_iter().flatten().collect()
}

/// Responses that a client must accept.
fn right() -> Vec<Case> {
    let first = |line: &str| response("HTTP", &[line]);
    vec![
        takes("H.4.1", "A response that is right", CLIENT, VALID, response("", &[])),
        takes(
            "H.4.2",
            "Names and values in other cases",
            CLIENT,
            CASE,
            response_of(&[
                "HTTP/1.1 101 Switching Protocols",
                "UPGRADE: WebSocket",
                "connection: uPGRADE",
                "sec-websocket-ACCEPT: {accept}",
            ]),
        ),
        takes(
            "H.4.3",
            "Connection with another element before Upgrade",
            CLIENT,
            TOKEN,
            response("Connection", &["Connection: keep-alive, Upgrade"]),
        ),
        takes(
            "H.4.4",
            "Connection in two lines, with empty elements and tabs",
            CLIENT,
            rules::LIST,
            response("Connection", &["Connection: ,keep-alive\t,,", "Connection: \tUpgrade , ,"]),
        ),
        takes(
            "H.4.5",
            "Another reason phrase",
            CLIENT,
            REASON,
            first("HTTP/1.1 101 Web Socket Protocol Handshake"),
        ),
        takes("H.4.6", "An empty reason phrase", CLIENT, NO_REASON, first("HTTP/1.1 101 ")),
        informs("H.4.7", "No space after the status", CLIENT, NO_SPACE, first("HTTP/1.1 101")),
        takes(
            "H.4.8",
            "Fields that a client need not know",
            CLIENT,
            UNKNOWN,
            response(
                "",
                &[
                    "Date: Sun, 06 Nov 1994 08:49:37 GMT",
                    "Server: a/1 (b; c)",
                    "X-Unknown: 1",
                    "Set-Cookie: a=b; Path=/; HttpOnly",
                    "Set-Cookie: c=d",
                ],
            ),
        ),
        takes(
            "H.4.9",
            "Spaces and tabs around the values",
            CLIENT,
            SPACE,
            response_of(&[
                "HTTP/1.1 101 Switching Protocols",
                "Upgrade:\t websocket \t",
                "Connection:   Upgrade  ",
                "Sec-WebSocket-Accept: \t {accept}\t ",
            ]),
        ),
        takes(
            "H.4.10",
            "No space after the colons",
            CLIENT,
            SPACE,
            response_of(&[
                "HTTP/1.1 101 Switching Protocols",
                "Upgrade:websocket",
                "Connection:Upgrade",
                "Sec-WebSocket-Accept:{accept}",
            ]),
        ),
        takes(
            "H.4.11",
            "The fields in the opposite order",
            CLIENT,
            VALID,
            response_of(&[
                "HTTP/1.1 101 Switching Protocols",
                "Sec-WebSocket-Accept: {accept}",
                "Connection: Upgrade",
                "Upgrade: websocket",
            ]),
        ),
        takes(
            "H.4.12",
            "100 (Continue) before the response",
            CLIENT,
            INTERIM,
            first("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols"),
        ),
        takes(
            "H.4.13",
            "103 (Early Hints) with a field, twice, before the response",
            CLIENT,
            INTERIM,
            first(
                "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-Unknown: 1\r\n\r\n\
                 HTTP/1.1 101 Switching Protocols",
            ),
        ),
    ]
}

/// Responses in several writes, and with frames after them.
fn cuts() -> Vec<Case> {
    let cut = |words: &'static str, split: Split, gap: u64| {
        let gap = Duration::from_millis(gap);
        Half::new(
            format!("A response that is right, {words}."),
            Opening { split, gap, ..Opening::default() },
        )
    };
    let ping = || Frame::ping(HELLO);
    vec![
        takes(
            "H.4.14",
            "Byte by byte",
            CLIENT,
            rules::HEAD,
            cut("one byte with each write", Split::Every(1), 0),
        ),
        takes(
            "H.4.15",
            "Slowly, some bytes at a time",
            CLIENT,
            rules::HEAD,
            cut("16 bytes with each write and 20 ms between them", Split::Every(16), 20),
        ),
        takes(
            "H.4.16",
            "The last LF in a write of its own",
            CLIENT,
            rules::HEAD,
            cut("its last byte 20 ms after the others", Split::Tail(1), 20),
        ),
        takes(
            "H.4.17",
            "The empty line in a write of its own",
            CLIENT,
            rules::HEAD,
            cut("its last two bytes 20 ms after the others", Split::Tail(2), 20),
        ),
        behind(
            "H.4.18",
            "A frame right after the response",
            "A response that is right, and a text message in the same write.",
            Split::Whole,
            vec![Frame::text(HELLO)],
            &[Event::Text(HELLO.into())],
        ),
        // The header of an unmasked frame has 2 bytes.
        behind(
            "H.4.19",
            "A frame right after the response, cut within its header",
            "A response that is right, and the first byte of a text message in the same write; the rest 20 ms later.",
            Split::Tail(HELLO.len() + 1),
            vec![Frame::text(HELLO)],
            &[Event::Text(HELLO.into())],
        ),
        behind(
            "H.4.20",
            "A frame right after the empty line, which comes late",
            "A response that is right; its last two bytes and a text message in one write, 20 ms later.",
            Split::Tail(HELLO.len() + 4),
            vec![Frame::text(HELLO)],
            &[Event::Text(HELLO.into())],
        ),
        behind(
            "H.4.21",
            "Several frames right after the response",
            "A response that is right, a Ping and a message in two fragments, all in the same write.",
            Split::Whole,
            vec![ping(), Frame::text("Hel").unfinished(), Frame::continuation("lo")],
            &[Event::Pong(HELLO.into()), Event::Text(HELLO.into())],
        ),
    ]
}

fn behind(
    id: &str,
    title: &'static str,
    words: &'static str,
    split: Split,
    frames: Vec<Frame>,
    events: &[Event],
) -> Case {
    let events = events.to_vec();
    Case::new(id, title, BEHIND, move |_, _| {
        let gap = Duration::from_millis(20);
        let opening = Opening { behind: frames.clone(), split, gap, ..Opening::default() };
        Script::new([], Conversation::ok(events.clone())).opening(opening)
    })
    .only(CLIENT)
    .words(words, "The answer to each frame, in order.")
}

/// Responses that are not quite valid, but that a client may accept.
fn lenient() -> Vec<Case> {
    let tolerated = || Refusal::default().called(NonStrict);
    let further = |lines: &[&str]| response("", lines);
    let many: Vec<String> = (0..60).map(|number| format!("X-{number}: {number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let long = |len: usize| {
        let Half { opening, .. } = further(&[&format!("X-Long: {}", "a".repeat(len))]);
        Half::new(
            format!("A response that is right, with a further field of {len} bytes."),
            opening,
        )
    };
    let lf = {
        let instead = response("", &[]).opening.instead.unwrap_or_default();
        let instead: Vec<u8> = instead.into_iter().filter(|byte| *byte != b'\r').collect();
        let words = "A response that is right but whose lines end with LF alone.";
        Half::new(words, Opening::text(instead))
    };
    let content = |lines: &[&str]| {
        further(lines).map(|opening| Opening { behind: vec![Frame::ping(HELLO)], ..opening })
    };
    vec![
        takes_or(
            "H.4.22",
            "A folded field that means nothing",
            CLIENT,
            FOLD,
            further(&["X-Unknown: 1", " 2"]),
            tolerated(),
        ),
        takes_or(
            "H.4.23",
            "60 more fields",
            CLIENT,
            UNKNOWN,
            Half::new(
                "A response that is right, with 60 further fields that mean nothing.",
                further(&many).opening,
            ),
            tolerated(),
        ),
        takes_or("H.4.24", "A field of 4 KiB", CLIENT, UNKNOWN, long(4 << 10), tolerated()),
        informs("H.4.25", "A field of 32 KiB", CLIENT, SIZE, long(32 << 10)),
        informs("H.4.26", "A field of 1 MiB", CLIENT, SIZE, long(1 << 20)),
        takes_or(
            "H.4.27",
            "Lines that end with LF alone",
            CLIENT,
            rules::BARE_LF,
            lf,
            Refusal::default(),
        ),
        takes_or(
            "H.4.28",
            "NUL in a field that means nothing",
            CLIENT,
            rules::NUL,
            further(&["X-Unknown: a\0b"]),
            Refusal::default(),
        ),
        content_case(
            "H.4.29",
            "A Content-Length, and a Ping of that length",
            content(&["Content-Length: 7"]),
        ),
        content_case(
            "H.4.30",
            "A Transfer-Encoding, and a Ping",
            content(&["Transfer-Encoding: chunked"]),
        ),
    ]
}

fn content_case(id: &str, title: &'static str, half: Half) -> Case {
    let Half { opening, words } = half;
    Case::new(id, title, NO_CONTENT, move |_, _| {
        Script::new([], Conversation::ok([Event::Pong(HELLO.into())]))
            .opening(opening.clone())
            .or_refused(Refusal::default())
    })
    .only(CLIENT)
    .words(
        format!("{words} A Ping is right after it."),
        "The Pong, as the response has no content; or the end of the connection.",
    )
}
