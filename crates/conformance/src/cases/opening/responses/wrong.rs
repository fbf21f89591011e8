//! Invalid responses, and input that is not a response.

use super::super::super::rules;
use super::super::half::{HELLO, Half, refuses, response};
use crate::case::{Case, Opening, Refusal, Rule};
use crate::side::Side;
use crate::verdict::Behavior::NonStrict;
use crate::wire::Frame;

const CLIENT: Side = Side::Client;

const UPGRADE: Rule = Rule::must(
    "RFC 6455 §4.1",
    "If the response lacks an Upgrade header field or it contains a value that is not an ASCII case-insensitive match for \
     the value \"websocket\", the client MUST _Fail the WebSocket Connection_.",
);
const ACCEPT: Rule = Rule::must(
    "RFC 6455 §4.1",
    "If the response lacks a Sec-WebSocket-Accept header field or it contains a value other than the base64-encoded SHA-1 \
     of the key and the GUID, the client MUST _Fail the WebSocket Connection_.",
);
const CONNECTION: Rule = Rule::must(
    "RFC 6455 §4.1",
    "If the response lacks a Connection header field or it doesn't contain a token that is an ASCII case-insensitive match \
     for the value \"Upgrade\", the client MUST _Fail the WebSocket Connection_.",
);
const STATUS: Rule = Rule::must(
    "RFC 6455 §4.1",
    "If the status code received from the server is not 101, the client handles the response per HTTP procedures: there is \
     no WebSocket connection. §4.2.2: a server accepts with a 101 response code.",
);
const STATUS_LINE: Rule = Rule::must(
    "RFC 6455 §4.1",
    "If the server's response does not conform to the requirements for the server's handshake in §4.2.2 (a valid HTTP \
     response, with a Status-Line with a 101 response code), the client MUST _Fail the WebSocket Connection_.",
);
const HTTP_VERSION: Rule = Rule::should(
    "RFC 9110 §15.2",
    "HTTP/1.0 did not define any 1xx status codes; §7.8: Upgrade is of HTTP/1.1, and of no other version.",
);
const GRAMMAR: Rule = Rule::should(
    "RFC 6455 §4.2.2",
    "The server MUST reply with a valid HTTP response; RFC 9112 §5: field-line = field-name \":\" OWS field-value OWS.",
);
const CUT_OFF: Rule = Rule::must(
    "RFC 9112 §8",
    "A client that receives an incomplete response message, which can occur when a connection is closed prematurely, MUST \
     record the message as incomplete.",
);

pub(super) fn cases() -> Vec<Case> {
    [fields(), statuses(), others()].into_iter().flatten().collect()
}

/// Responses with status 101 that a client must refuse.
fn fields() -> Vec<Case> {
    let no = |id, title, rule, name: &str, lines: &[&str]| {
        refuses(id, title, CLIENT, rule, response(name, lines), Refusal::default())
    };
    let lenient = |id, title, rule, name: &str, lines: &[&str]| {
        refuses(
            id,
            title,
            CLIENT,
            rule,
            response(name, lines),
            Refusal::default().opened(NonStrict),
        )
    };
    let accept = "Sec-WebSocket-Accept";
    vec![
        no("H.4.31", "No Upgrade", UPGRADE, "Upgrade", &[]),
        no("H.4.32", "Upgrade to another protocol", UPGRADE, "Upgrade", &["Upgrade: h2c"]),
        no("H.4.33", "Upgrade: websockets", UPGRADE, "Upgrade", &["Upgrade: websockets"]),
        no("H.4.34", "Upgrade without a value", UPGRADE, "Upgrade", &["Upgrade:"]),
        no(
            "H.4.35",
            "Upgrade with another protocol before websocket",
            UPGRADE,
            "Upgrade",
            &["Upgrade: example/1, websocket"],
        ),
        no("H.4.36", "No Connection", CONNECTION, "Connection", &[]),
        no(
            "H.4.37",
            "Connection: keep-alive",
            CONNECTION,
            "Connection",
            &["Connection: keep-alive"],
        ),
        no(
            "H.4.38",
            "Connection with words that are only like Upgrade",
            CONNECTION,
            "Connection",
            &["Connection: Upgraded, upgrade-insecure"],
        ),
        no("H.4.39", "No accept value", ACCEPT, accept, &[]),
        no("H.4.40", "An empty accept value", ACCEPT, accept, &["Sec-WebSocket-Accept:"]),
        no(
            "H.4.41",
            "The accept value of another key",
            ACCEPT,
            accept,
            &["Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="],
        ),
        no(
            "H.4.42",
            "The accept value with lower and upper case swapped",
            ACCEPT,
            accept,
            &["Sec-WebSocket-Accept: {swapped}"],
        ),
        no(
            "H.4.43",
            "The key in place of the accept value",
            ACCEPT,
            accept,
            &["Sec-WebSocket-Accept: {key}"],
        ),
        no(
            "H.4.44",
            "The accept value and something after it",
            ACCEPT,
            accept,
            &["Sec-WebSocket-Accept: {accept}x"],
        ),
        no(
            "H.4.45",
            "The right accept value and another one, in two lines",
            ACCEPT,
            accept,
            &[
                "Sec-WebSocket-Accept: {accept}",
                "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            ],
        ),
        lenient(
            "H.4.46",
            "The right accept value twice",
            rules::ACCEPT_ONCE,
            accept,
            &["Sec-WebSocket-Accept: {accept}", "Sec-WebSocket-Accept: {accept}"],
        ),
        no(
            "H.4.47",
            "The accept value after a CR without LF",
            rules::BARE_CR,
            accept,
            &["X-Unknown: 1\rSec-WebSocket-Accept: {accept}"],
        ),
        no(
            "H.4.48",
            "A subprotocol that was not asked for",
            rules::SUBPROTOCOL_NOT_ASKED,
            "",
            &["Sec-WebSocket-Protocol: not-asked-for.example"],
        ),
        no(
            "H.4.49",
            "An extension that was not offered",
            rules::EXTENSION_NOT_OFFERED,
            "",
            &["Sec-WebSocket-Extensions: x-not-offered"],
        ),
        refuses(
            "H.4.50",
            "A wrong accept value, and a frame in the same write",
            CLIENT,
            ACCEPT,
            response(accept, &["Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="])
                .map(|opening| Opening { behind: vec![Frame::ping(HELLO)], ..opening }),
            Refusal::default(),
        ),
        lenient(
            "H.4.51",
            "A space before a colon",
            GRAMMAR,
            accept,
            &["Sec-WebSocket-Accept : {accept}"],
        ),
        lenient("H.4.52", "A line without a colon", GRAMMAR, "", &["X-Unknown"]),
    ]
}

/// Responses with another status, or without one.
fn statuses() -> Vec<Case> {
    // These responses also have all fields of a 101, so only the status is wrong.
    let status = |id, title, line: &str, further: &[&str]| {
        let mut lines = vec![line];
        lines.extend(further);
        let refusal = Refusal::default().idle(NonStrict);
        refuses(id, title, CLIENT, STATUS, response("HTTP", &lines), refusal)
    };
    let none = "Content-Length: 0";
    let line = |id, title, rule, line: &str, refusal: Refusal| {
        refuses(id, title, CLIENT, rule, response("HTTP", &[line]), refusal)
    };
    vec![
        status("H.4.53", "200 (OK)", "HTTP/1.1 200 OK", &[none]),
        status("H.4.54", "204 (No Content)", "HTTP/1.1 204 No Content", &[]),
        status(
            "H.4.55",
            "301 (Moved Permanently)",
            "HTTP/1.1 301 Moved Permanently",
            &["Location: http://redirect.invalid/", none],
        ),
        status(
            "H.4.56",
            "302 (Found)",
            "HTTP/1.1 302 Found",
            &["Location: ws://redirect.invalid/", none],
        ),
        status("H.4.57", "400 (Bad Request)", "HTTP/1.1 400 Bad Request", &[none]),
        status(
            "H.4.58",
            "401 (Unauthorized)",
            "HTTP/1.1 401 Unauthorized",
            &["WWW-Authenticate: Basic realm=\"a\"", none],
        ),
        status("H.4.59", "403 (Forbidden)", "HTTP/1.1 403 Forbidden", &[none]),
        status("H.4.60", "404 (Not Found)", "HTTP/1.1 404 Not Found", &["X-Unknown: 1", none]),
        status(
            "H.4.61",
            "426 (Upgrade Required), for another version",
            "HTTP/1.1 426 Upgrade Required",
            &["Sec-WebSocket-Version: 14, 15", none],
        ),
        status(
            "H.4.62",
            "500 (Internal Server Error)",
            "HTTP/1.1 500 Internal Server Error",
            &[none],
        ),
        status(
            "H.4.63",
            "503 (Service Unavailable)",
            "HTTP/1.1 503 Service Unavailable",
            &["Retry-After: 3600", none],
        ),
        line(
            "H.4.64",
            "100 (Continue), and nothing after it",
            STATUS,
            "HTTP/1.1 100 Continue",
            Refusal::default(),
        ),
        line(
            "H.4.65",
            "102 (Processing) with all fields of a 101",
            STATUS,
            "HTTP/1.1 102 Processing",
            Refusal::default(),
        ),
        line(
            "H.4.66",
            "HTTP/1.0",
            HTTP_VERSION,
            "HTTP/1.0 101 Switching Protocols",
            Refusal::default().opened(NonStrict),
        ),
        line(
            "H.4.67",
            "HTTP/2.0",
            HTTP_VERSION,
            "HTTP/2.0 101 Switching Protocols",
            Refusal::default().opened(NonStrict),
        ),
        line(
            "H.4.68",
            "The status 1010",
            STATUS_LINE,
            "HTTP/1.1 1010 Switching Protocols",
            Refusal::default(),
        ),
        line("H.4.69", "The status 10", STATUS_LINE, "HTTP/1.1 10 Switching", Refusal::default()),
        line(
            "H.4.70",
            "No status",
            STATUS_LINE,
            "HTTP/1.1 Switching Protocols",
            Refusal::default(),
        ),
        line(
            "H.4.71",
            "No version of HTTP",
            STATUS_LINE,
            "101 Switching Protocols",
            Refusal::default(),
        ),
    ]
}

/// Input that is not a response at all, or an incomplete one.
fn others() -> Vec<Case> {
    let raw = |id, title, rule, words: &'static str, bytes: &[u8], ends: bool| {
        let half = Half::new(words, Opening { ends, ..Opening::text(bytes) });
        refuses(id, title, CLIENT, rule, half, Refusal::default())
    };
    let instead = response("", &[]).opening.instead.unwrap_or_default();
    vec![
        raw(
            "H.4.72",
            "Text that is not HTTP",
            STATUS_LINE,
            "`HELO there` and an empty line.",
            b"HELO there\r\n\r\n",
            false,
        ),
        raw(
            "H.4.73",
            "A frame with no response before it",
            STATUS_LINE,
            "A text frame and nothing before it.",
            b"\x81\x05Hello",
            false,
        ),
        raw(
            "H.4.74",
            "A frame, and a right response after it",
            STATUS_LINE,
            "A text frame, and a response that is right in the same write.",
            &[b"\x81\x05Hello", &instead[..]].concat(),
            false,
        ),
        raw(
            "H.4.75",
            "The end of the connection in the status line",
            CUT_OFF,
            "`HTTP/1.1 101 Swi`; then the runner ends its direction.",
            b"HTTP/1.1 101 Swi",
            true,
        ),
        raw(
            "H.4.76",
            "The end of the connection before the empty line",
            CUT_OFF,
            "A response that is right but has no empty line at its end; then the runner ends its direction.",
            &instead[..instead.len() - 2],
            true,
        ),
        raw(
            "H.4.77",
            "The end of the connection and nothing before it",
            CUT_OFF,
            "Nothing; the runner ends its direction.",
            b"",
            true,
        ),
    ]
}
