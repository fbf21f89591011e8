//! Section N: negotiation of subprotocols (RFC 6455 §11.3.4) and of extensions (RFC 6455 §9.1, RFC 7692 §5 and §7.1).

mod clients;
mod servers;

use std::sync::Arc;

use super::opening::{Half, refuses, shown_all, takes, takes_or, tolerated};
use crate::case::{Case, Conversation, Echoes, Event, Opening, Refusal, Rule, Script, Step};
use crate::side::Side;
use crate::verdict::Behavior::NonStrict;
use crate::wire::Head;

pub(super) fn cases() -> Vec<Case> {
    [offered(), chosen(), servers::cases(), clients::cases()].into_iter().flatten().collect()
}

/// What a group of section N is about.
pub(super) fn group_title(group: &str) -> &'static str {
    match group {
        "N.1" => "Subprotocols that a server is offered",
        "N.2" => "Subprotocols that a client gets",
        "N.3" => "Offers of permessage-deflate that are right",
        "N.4" => "Offers of permessage-deflate that must be declined",
        "N.5" => "Malformed lists of extensions to a server",
        "N.6" => "Responses with permessage-deflate that are right",
        "N.7" => "Responses with extensions that must be refused",
        _ => "",
    }
}

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
const NOT_ASKED: Rule = Rule::must(
    "RFC 6455 §4.1",
    "If the response indicates the use of a subprotocol that was not present in the client's handshake, the client MUST \
     _Fail the WebSocket Connection_.",
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

/// A half of an opening handshake that is right but for these field lines.
fn with(what: &str, lines: &[&str]) -> Half {
    let plain = |line: &&str| line.replace("{context}", "").replace("{window}", "");
    let plain: Vec<String> = lines.iter().map(plain).collect();
    let shown = shown_all(&plain.iter().map(String::as_str).collect::<Vec<_>>());
    let adds = lines.iter().any(|line| line.contains("{window}") || line.contains("{context}"));
    let adds = if adds { ", with the answers to what the client asks of the server" } else { "" };
    let words = format!("A {what} with {shown}{adds}; all else of it is right.");
    Half::new(words, Opening::fields(lines.iter().copied()))
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
    let lenient = || super::opening::refusal().opened(NonStrict);
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
            "Two that differ in the case of their letters",
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
            super::opening::refusal(),
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
            NOT_ASKED,
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

/// How many messages show whether what was agreed on is kept.
const COUNT: usize = 3;

/// Messages that show whether the other end keeps to a window, and to whether it takes over context: each is the same, and
/// within each all repeats at a distance that is larger than the window.
fn probe(bits: u8) -> Echoes {
    let period = if bits < 15 { (1 << bits) + 300 } else { 500 };
    let mut random = fastrand::Rng::with_seed(u64::from(bits));
    let part: Vec<u8> = (0..period).map(|_| random.alphanumeric() as u8).collect();
    let payload = [&part[..], &part].concat();
    Echoes { count: COUNT, binary: false, fragment: 0, payload: Arc::new(move |_| payload.clone()) }
}

/// The subject agrees to permessage-deflate, and keeps to the window of its direction.
fn compresses(
    id: &str,
    title: impl Into<std::borrow::Cow<'static, str>>,
    side: Side,
    rule: Rule,
    half: Half,
    bits: u8,
    refusal: Option<Refusal>,
) -> Case {
    let Half { opening, words } = half;
    let period = if bits < 15 { "larger than its window" } else { "that is short" };
    let mut expects = format!(
        "permessage-deflate as it was agreed on, and each message back: {COUNT} that are the same, each of which repeats at a \
         distance {period}. A {side} that does not want it so is UNIMPLEMENTED."
    );
    if let Some(refusal) = &refusal {
        let right = refusal.right.unwrap_or(crate::verdict::Behavior::Ok);
        expects += &format!(" A refusal is {right}.");
    }
    Case::new(id, title, rule, move |_, _| {
        let steps = [Step::Echo(probe(bits))];
        let script =
            Script::new(steps, Conversation::ok([Event::Echoed(COUNT)])).opening(opening.clone());
        match &refusal {
            Some(refusal) => script.or_refused(refusal.clone()),
            None => script,
        }
    })
    .only(side)
    .words(words, expects)
}
