//! N.3 to N.5: offers of extensions to a server.

use super::super::opening::{Half, informs, refusal, refuses, takes, takes_or, tolerated};
use super::super::rules;
use super::shared::{compresses, with};
use crate::case::{Case, Opening, Rule};
use crate::side::Side;
use crate::verdict::Behavior::NonStrict;
use crate::wire::{Head, extensions};

const SERVER: Side = Side::Server;

const PLAIN: Rule = Rule::must(
    "RFC 7692 §7.1",
    "An offer without parameters: the response may limit the server, and the client's context. §7.1.2.2: it MUST NOT include \
     client_max_window_bits, which the offer does not have.",
);
const CLIENT_WINDOW: Rule = Rule::must(
    "RFC 7692 §7.1.2.2",
    "By client_max_window_bits without a value a client lets the server limit the client's window; a value in the response \
     is from 8 to 15.",
);
const CLIENT_HINT: Rule = Rule::must(
    "RFC 7692 §7.1.2.2",
    "If the offer has a value, the server may ignore it, or include the parameter in the response with a value equal to or \
     smaller than the received value.",
);
const SERVER_WINDOW: Rule = Rule::must(
    "RFC 7692 §7.1.2.1",
    "A server accepts an offer with server_max_window_bits by including it in the response with the same or smaller value \
     as the offer, and uses no larger window than that.",
);
const SERVER_CONTEXT: Rule = Rule::must(
    "RFC 7692 §7.1.1.1",
    "A server accepts an offer with server_no_context_takeover by including it in the response; the server then does not \
     use context takeover.",
);
const CLIENT_CONTEXT: Rule = Rule::must(
    "RFC 7692 §7.1.1.2",
    "By client_no_context_takeover a client informs the server of a hint that the client is not going to use context \
     takeover, even if the response does not include it.",
);
const PREFERENCE: Rule = Rule::should(
    "RFC 7692 §5",
    "The set of elements MAY include multiple ones with the same extension name, to offer different parameters; the order \
     specifies the client's preference. It is recommended that a server accepts what has a higher preference.",
);
const SEVERAL_LINES: Rule = Rule::must(
    "RFC 6455 §9.1",
    "Like other HTTP header fields, this header field MAY be split or combined across multiple lines.",
);
const SELECT: Rule = Rule::must(
    "RFC 6455 §4.2.2",
    "The extensions MUST be derived from the client's handshake, by selecting one or more of the values. Extensions not \
     listed by the client MUST NOT be listed.",
);
const DECLINE_VALUE: Rule = Rule::must(
    "RFC 7692 §7.1",
    "A server MUST decline an extension negotiation offer for this extension if it contains an extension parameter with an \
     invalid value.",
);
const DECLINE_UNKNOWN: Rule = Rule::must(
    "RFC 7692 §7.1",
    "A server MUST decline an extension negotiation offer for this extension if it contains an extension parameter not \
     defined for use in an offer.",
);
const DECLINE_TWICE: Rule = Rule::must(
    "RFC 7692 §7.1",
    "A server MUST decline an extension negotiation offer for this extension if it contains multiple extension parameters \
     with the same name.",
);

pub(super) fn cases() -> Vec<Case> {
    let mut cases = right();
    cases.extend(declined());
    cases.extend(malformed());
    cases
}

/// A request that offers this list of extensions.
fn offers(list: &str) -> Half {
    with("request", &[&format!("Sec-WebSocket-Extensions: {list}")])
}

/// The same, in a case that needs the server to accept it.
fn wanted(half: Half) -> Half {
    half.map(|opening| Opening { needs: Some(accepts), ..opening })
}

fn accepts(head: &Head) -> Result<(), String> {
    // A malformed list is a fault, which is detected elsewhere.
    match extensions(head.values("sec-websocket-extensions")).as_deref() {
        Ok([]) => Err("it does not accept this offer of permessage-deflate".into()),
        _ => Ok(()),
    }
}

/// N.3.
fn right() -> Vec<Case> {
    let offer = |id: &str, title: &'static str, rule, list: &str, bits| {
        compresses(id, title, SERVER, rule, wanted(offers(list)), bits, None)
    };
    let offer_or = |id: &str, title: &'static str, rule, list: &str, bits| {
        let half = wanted(offers(list));
        compresses(id, title, SERVER, rule, half, bits, Some(tolerated()))
    };
    let mut cases = vec![
        offer("N.3.1", "No parameters", PLAIN, "permessage-deflate", 15),
        offer(
            "N.3.2",
            "client_max_window_bits without a value",
            CLIENT_WINDOW,
            "permessage-deflate; client_max_window_bits",
            15,
        ),
    ];
    for bits in 8..=15 {
        let list = format!("permessage-deflate; server_max_window_bits={bits}");
        cases.push(compresses(
            &format!("N.3.{}", bits - 5),
            format!("server_max_window_bits={bits}"),
            SERVER,
            SERVER_WINDOW,
            wanted(offers(&list)),
            bits,
            None,
        ));
    }
    for bits in 8..=15 {
        let list = format!("permessage-deflate; client_max_window_bits={bits}");
        cases.push(compresses(
            &format!("N.3.{}", bits + 3),
            format!("client_max_window_bits={bits}"),
            SERVER,
            CLIENT_HINT,
            wanted(offers(&list)),
            15,
            None,
        ));
    }
    cases.extend([
        offer(
            "N.3.19",
            "server_no_context_takeover",
            SERVER_CONTEXT,
            "permessage-deflate; server_no_context_takeover",
            15,
        ),
        offer(
            "N.3.20",
            "client_no_context_takeover",
            CLIENT_CONTEXT,
            "permessage-deflate; client_no_context_takeover",
            15,
        ),
        offer(
            "N.3.21",
            "All four parameters",
            SERVER_WINDOW,
            "permessage-deflate; client_max_window_bits=10; server_max_window_bits=11; client_no_context_takeover; \
             server_no_context_takeover",
            11,
        ),
        offer(
            "N.3.22",
            "A quoted value",
            rules::QUOTED,
            "permessage-deflate; server_max_window_bits=\"10\"",
            10,
        ),
        offer_or(
            "N.3.23",
            "Spaces and tabs around all signs",
            rules::WHITESPACE,
            "permessage-deflate \t; server_max_window_bits = 10\t;server_no_context_takeover ",
            10,
        ),
        offer_or(
            "N.3.24",
            "Two offers, of which the first is invalid",
            PREFERENCE,
            "permessage-deflate; server_max_window_bits=16, permessage-deflate",
            15,
        ),
        offer_or(
            "N.3.25",
            "Two offers, of which the first has an unknown parameter",
            PREFERENCE,
            "permessage-deflate; unknown=1, permessage-deflate; server_no_context_takeover",
            15,
        ),
        offer(
            "N.3.26",
            "Three offers, of which each asks for less",
            PREFERENCE,
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=9, permessage-deflate; \
             server_max_window_bits=9, permessage-deflate",
            9,
        ),
        compresses(
            "N.3.27",
            "Two offers in two lines",
            SERVER,
            SEVERAL_LINES,
            wanted(with(
                "request",
                &[
                    "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=7",
                    "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover",
                ],
            )),
            15,
            Some(tolerated()),
        ),
        offer(
            "N.3.28",
            "Other extensions before and after it",
            SELECT,
            "x-unknown; a=1; b=\"2\", permessage-deflate, permessage-unknown; c",
            15,
        ),
        takes(
            "N.3.29",
            "Other extensions only",
            SERVER,
            SELECT,
            offers("x-unknown; a=1; b=\"2\", permessage-unknown; c, constructor"),
        ),
        informs(
            "N.3.30",
            "The name in other case",
            SERVER,
            rules::NAME_CASE,
            offers("Permessage-Deflate"),
        ),
    ]);
    cases
}

/// N.4.
fn declined() -> Vec<Case> {
    let offer = |(number, (title, rule, parameters)): (usize, (&'static str, Rule, &str))| {
        let half = offers(&format!("permessage-deflate; {parameters}"));
        let mut case = takes_or(&format!("N.4.{number}"), title, SERVER, rule, half, tolerated());
        case.expects =
            format!("{} A response that accepts the offer is FAILED.", case.expects).into();
        case
    };
    let all = [
        ("server_max_window_bits=7", DECLINE_VALUE, "server_max_window_bits=7"),
        ("server_max_window_bits=16", DECLINE_VALUE, "server_max_window_bits=16"),
        ("server_max_window_bits=0", DECLINE_VALUE, "server_max_window_bits=0"),
        ("server_max_window_bits=08", DECLINE_VALUE, "server_max_window_bits=08"),
        ("server_max_window_bits=9x", DECLINE_VALUE, "server_max_window_bits=9x"),
        ("server_max_window_bits=+9", DECLINE_VALUE, "server_max_window_bits=+9"),
        (
            "server_max_window_bits=265, which is 9 in one byte",
            DECLINE_VALUE,
            "server_max_window_bits=265",
        ),
        ("server_max_window_bits without a value", DECLINE_VALUE, "server_max_window_bits"),
        ("A quoted value that is too large", DECLINE_VALUE, "server_max_window_bits=\"16\""),
        ("client_max_window_bits=7", DECLINE_VALUE, "client_max_window_bits=7"),
        ("client_max_window_bits=16", DECLINE_VALUE, "client_max_window_bits=16"),
        ("client_max_window_bits=09", DECLINE_VALUE, "client_max_window_bits=09"),
        ("client_max_window_bits=+9", DECLINE_VALUE, "client_max_window_bits=+9"),
        ("server_no_context_takeover=1", DECLINE_VALUE, "server_no_context_takeover=1"),
        ("client_no_context_takeover=true", DECLINE_VALUE, "client_no_context_takeover=true"),
        ("An unknown parameter", DECLINE_UNKNOWN, "unknown"),
        ("An unknown parameter with a value", DECLINE_UNKNOWN, "server_window_bits=10"),
        ("A parameter in other case", DECLINE_UNKNOWN, "Server_No_Context_Takeover"),
        (
            "server_no_context_takeover twice",
            DECLINE_TWICE,
            "server_no_context_takeover; server_no_context_takeover",
        ),
        (
            "client_no_context_takeover twice",
            DECLINE_TWICE,
            "client_no_context_takeover; client_no_context_takeover",
        ),
        (
            "server_max_window_bits twice",
            DECLINE_TWICE,
            "server_max_window_bits=10; server_max_window_bits=10",
        ),
        (
            "client_max_window_bits twice",
            DECLINE_TWICE,
            "client_max_window_bits; client_max_window_bits=10",
        ),
    ];
    (1..).zip(all).map(offer).collect()
}

/// N.5.
fn malformed() -> Vec<Case> {
    let list = |(number, (title, list)): (usize, (&'static str, &str))| {
        let id = format!("N.5.{number}");
        let refusal = refusal().opened(NonStrict);
        let mut case = refuses(&id, title, SERVER, rules::MALFORMED, offers(list), refusal);
        case.expects =
            format!("{} A response that accepts an extension is FAILED.", case.expects).into();
        case
    };
    let long = format!("a; b=\"{}", "\\c".repeat(1000));
    let all = [
        ("An empty list", ""),
        ("Commas only", ", ,"),
        ("A semicolon at the end", "permessage-deflate;"),
        ("Two semicolons", "permessage-deflate;; server_no_context_takeover"),
        ("A parameter without a name", "permessage-deflate; =10"),
        (
            "A parameter with no value after its equals sign",
            "permessage-deflate; server_max_window_bits=",
        ),
        ("A quote that does not end", "permessage-deflate; server_max_window_bits=\"10"),
        ("A quoted value that is no token", "permessage-deflate; server_max_window_bits=\"1 0\""),
        ("An empty quoted value", "permessage-deflate; server_max_window_bits=\"\""),
        ("No semicolon before a parameter", "permessage-deflate server_no_context_takeover"),
        ("A name with a slash", "permessage/deflate"),
        ("A name in quotes", "\"permessage-deflate\""),
        ("A malformed element after a right one", "permessage-deflate, x-unknown; ="),
        ("1,000 escaped characters in a quote that does not end", &long),
    ];
    (1..).zip(all).map(list).collect()
}
