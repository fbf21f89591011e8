//! N.1: subprotocols that are offered to a server. N.2: subprotocols in responses to a client.

use super::super::opening::{Half, refusal, refuses, takes, takes_or, tolerated};
use super::super::rules;
use super::shared::with;
use crate::case::{Case, Opening, Refusal, Rule};
use crate::side::Side;
use crate::verdict::Behavior::NonStrict;
use crate::wire::Head;

const CHOICE: Rule = Rule::must(
    "RFC 6455 §4.2.2",
    "The value chosen MUST be derived from the client's handshake, by selecting one of the values. If the server does not \
     agree to any of them, it MUST NOT send back a Sec-WebSocket-Protocol header field.",
);
const SEVERAL_LINES: Rule = Rule::must(
    "RFC 6455 §11.3.4",
    "Sec-WebSocket-Protocol MAY appear multiple times in an HTTP request, which is logically the same as a single field \
     that contains all values. However, it MUST NOT appear more than once in an HTTP response.",
);
const EMPTY_ELEMENTS: Rule = Rule::must(
    "RFC 9110 §5.6.1.2",
    "A recipient MUST parse and ignore a reasonable number of empty list elements.",
);
const UNIQUE: Rule = Rule::must(
    "RFC 6455 §4.1",
    "The elements MUST all be unique strings. §4.2.1: if the client's handshake does not match, the server returns an \
     error.",
);
const TOKENS: Rule = Rule::must(
    "RFC 6455 §4.2.1",
    "On any violation of the ABNF grammar the server MUST return an HTTP response with an appropriate error code. §4.3: \
     Sec-WebSocket-Protocol-Client = 1#token.",
);
const ONE: Rule = Rule::must(
    "RFC 6455 §4.3",
    "Sec-WebSocket-Protocol-Server = token. §4.1: if the response does not conform to §4.2.2, the client MUST _Fail the \
     WebSocket Connection_.",
);
const ONCE: Rule = Rule::must(
    "RFC 6455 §11.3.4",
    "The Sec-WebSocket-Protocol header field MUST NOT appear more than once in an HTTP response.",
);
const EMPTY: Rule = Rule::must(
    "RFC 6455 §4.2.2",
    "The empty string is not the same as the null value for these purposes and is not a legal value for this field. §4.1: \
     if the response does not conform to §4.2.2, the client MUST _Fail the WebSocket Connection_.",
);
const ASKED: Rule = Rule::must(
    "RFC 6455 §4.1",
    "The Subprotocol In Use is the value of the Sec-WebSocket-Protocol header field in the server's handshake.",
);
const NONE: Rule = Rule::info(
    "RFC 6455 §4.1",
    "The Subprotocol In Use is the null value if that header field was not present in the server's handshake. A client may \
     still want no connection without its subprotocol.",
);

pub(super) fn cases() -> Vec<Case> {
    [offered(), chosen()].into_iter().flatten().collect()
}

/// N.1.
fn offered() -> Vec<Case> {
    let server = Side::Server;
    let takes = |id, title, rule, lines: &[&str]| {
        takes_or(id, title, server, rule, with("request", lines), tolerated())
    };
    let bad = |id, title, rule, line: &str, refusal: Refusal| {
        refuses(id, title, server, rule, with("request", &[line]), refusal)
    };
    let lenient = || refusal().opened(NonStrict);
    vec![
        takes("N.1.1", "One subprotocol", CHOICE, &["Sec-WebSocket-Protocol: chat"]),
        takes(
            "N.1.2",
            "One that no server knows",
            CHOICE,
            &["Sec-WebSocket-Protocol: unknown-to-all.example"],
        ),
        takes(
            "N.1.3",
            "Several in a list",
            CHOICE,
            &["Sec-WebSocket-Protocol: chat, superchat, unknown-to-all.example"],
        ),
        takes(
            "N.1.4",
            "Several in two lines",
            SEVERAL_LINES,
            &["Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: superchat"],
        ),
        takes(
            "N.1.5",
            "A list with empty elements and tabs",
            EMPTY_ELEMENTS,
            &["Sec-WebSocket-Protocol: ,chat\t,,superchat ,"],
        ),
        takes(
            "N.1.6",
            "Two that differ only in case",
            CHOICE,
            &["Sec-WebSocket-Protocol: CHAT, Chat"],
        ),
        takes(
            "N.1.7",
            "One with each sign that a token may have",
            CHOICE,
            &["Sec-WebSocket-Protocol: v1.2!#$%&'*+-^_`|~"],
        ),
        takes_or(
            "N.1.8",
            "The same one twice",
            server,
            UNIQUE,
            with("request", &["Sec-WebSocket-Protocol: chat, chat"]),
            refusal(),
        ),
        bad("N.1.9", "An empty list", TOKENS, "Sec-WebSocket-Protocol:", lenient()),
        bad("N.1.10", "A space within", TOKENS, "Sec-WebSocket-Protocol: super chat", lenient()),
        bad("N.1.11", "A slash within", TOKENS, "Sec-WebSocket-Protocol: chat/1", lenient()),
        bad("N.1.12", "Quotes around it", TOKENS, "Sec-WebSocket-Protocol: \"chat\"", lenient()),
        bad("N.1.13", "Semicolons for commas", TOKENS, "Sec-WebSocket-Protocol: a; b", lenient()),
        bad(
            "N.1.14",
            "Letters outside of ASCII",
            TOKENS,
            "Sec-WebSocket-Protocol: pl\u{e4}n",
            lenient(),
        ),
    ]
}

/// N.2.
fn chosen() -> Vec<Case> {
    let client = Side::Client;
    let asks = |half: Half| half.map(|opening| Opening { needs: Some(asks), ..opening });
    let no = |id, title, rule, lines: &[&str]| {
        refuses(id, title, client, rule, with("response", lines), Refusal::default())
    };
    vec![
        takes(
            "N.2.1",
            "The first one that it asked for",
            client,
            ASKED,
            asks(with("response", &["Sec-WebSocket-Protocol: {protocol}"])),
        ),
        takes_or(
            "N.2.2",
            "None, though it asked for one",
            client,
            NONE,
            asks(Half::new(
                "A response that is right and chooses no subprotocol.",
                Opening::default(),
            )),
            Refusal::default(),
        ),
        no(
            "N.2.3",
            "One that is longer than what it may have asked for",
            rules::SUBPROTOCOL_NOT_ASKED,
            &["Sec-WebSocket-Protocol: {protocol}.v2"],
        ),
        no(
            "N.2.4",
            "A list of the one that it may have asked for and another one",
            ONE,
            &["Sec-WebSocket-Protocol: {protocol}, not-asked-for.example"],
        ),
        no(
            "N.2.5",
            "Two lines, of which the second has another one",
            ONCE,
            &[
                "Sec-WebSocket-Protocol: {protocol}",
                "Sec-WebSocket-Protocol: not-asked-for.example",
            ],
        ),
        no("N.2.6", "An empty value", EMPTY, &["Sec-WebSocket-Protocol:"]),
        no("N.2.7", "Quotes around it", ONE, &["Sec-WebSocket-Protocol: \"{protocol}\""]),
    ]
}

fn asks(head: &Head) -> Result<(), String> {
    match head.values("sec-websocket-protocol").next() {
        Some(_) => Ok(()),
        None => Err("it asks for no subprotocol".into()),
    }
}
