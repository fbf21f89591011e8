//! N.6 and N.7: responses with extensions to a client.

use super::super::opening::{Half, informs, refuses};
use super::super::rules;
use super::shared::{compresses, with};
use crate::case::{Case, Opening, Refusal, Rule};
use crate::side::Side;
use crate::verdict::Behavior::NonStrict;
use crate::wire::{Head, offers};

const CLIENT: Side = Side::Client;

const PLAIN: Rule = Rule::must(
    "RFC 7692 §7.1",
    "A response without parameters: both ends may use context takeover and a window of 32 KiB.",
);
const SERVER_CONTEXT: Rule = Rule::must(
    "RFC 7692 §7.1.1.1",
    "A server MAY include server_no_context_takeover in a response even if the offer did not include it.",
);
const CLIENT_CONTEXT: Rule = Rule::must(
    "RFC 7692 §7.1.1.2",
    "By client_no_context_takeover in a response a server prevents the client from using context takeover, even if the offer \
     did not include it. A client MUST support it.",
);
const SERVER_WINDOW: Rule = Rule::should(
    "RFC 7692 §7.1.2.1",
    "A server MAY include server_max_window_bits in a response even if the offer did not include it.",
);
const CLIENT_WINDOW: Rule = Rule::must(
    "RFC 7692 §7.1.2.2",
    "By client_max_window_bits in a response a server limits the window that the client uses, if the offer has that \
     parameter.",
);
const VALUE: Rule = Rule::must(
    "RFC 7692 §7.1",
    "A client MUST _Fail the WebSocket Connection_ if the response contains an extension parameter with an invalid value.",
);
const UNKNOWN: Rule = Rule::must(
    "RFC 7692 §7.1",
    "A client MUST _Fail the WebSocket Connection_ if the response contains an extension parameter not defined for use in a \
     response.",
);
const TWICE: Rule = Rule::must(
    "RFC 7692 §7.1",
    "A client MUST _Fail the WebSocket Connection_ if the response contains multiple extension parameters with the same \
     name.",
);
const LARGER: Rule = Rule::must(
    "RFC 7692 §7.1.2.1",
    "A server accepts an offer with server_max_window_bits by including it in the response with the same or smaller value: \
     the value of this response is invalid, and so a client MUST _Fail the WebSocket Connection_ (§7.1).",
);
const NOT_ALLOWED: Rule = Rule::must(
    "RFC 7692 §7.1.2.2",
    "If an offer does not have client_max_window_bits, the response to it MUST NOT include it.",
);
const SMALLER: Rule = Rule::should(
    "RFC 7692 §7.1.2.2",
    "If client_max_window_bits has a value in the offer, that in the response is equal to or smaller than the received \
     value. A larger one does no harm to a client that keeps to its own.",
);
const TWO: Rule = Rule::must(
    "RFC 7692 §5",
    "A client that received a response accepting a PMCE extension negotiation offer together with another extension that \
     conflicts on the use of the RSV1 bit MUST _Fail the WebSocket Connection_.",
);

pub(super) fn cases() -> Vec<Case> {
    let mut cases = right();
    cases.extend(wrong());
    cases
}

/// A response that accepts this list of extensions.
fn accepts(list: &str) -> Half {
    with("response", &[&format!("Sec-WebSocket-Extensions: {list}")])
}

/// N.6.
fn right() -> Vec<Case> {
    let tolerated = || Some(Refusal::default().called(NonStrict));
    let one = |id: &str, title: &'static str, rule, list: &str, bits, refusal| {
        compresses(id, title, CLIENT, rule, accepts(list), bits, refusal)
    };
    let mut cases = vec![
        one("N.6.1", "No parameters", PLAIN, "permessage-deflate{context}{window}", 15, None),
        one(
            "N.6.2",
            "server_no_context_takeover",
            SERVER_CONTEXT,
            "permessage-deflate; server_no_context_takeover{window}",
            15,
            None,
        ),
        one(
            "N.6.3",
            "client_no_context_takeover",
            CLIENT_CONTEXT,
            "permessage-deflate{context}{window}; client_no_context_takeover",
            15,
            None,
        ),
    ];
    for bits in 8..=15 {
        cases.push(compresses(
            &format!("N.6.{}", bits - 4),
            format!("server_max_window_bits={bits}"),
            CLIENT,
            SERVER_WINDOW,
            accepts(&format!("permessage-deflate{{context}}; server_max_window_bits={bits}")),
            15,
            tolerated(),
        ));
    }
    for bits in 8..=15 {
        // zlib has no window of 256 bytes, and a client must fail if it does not support what the response says.
        let refusal = if bits == 8 { Some(Refusal::default()) } else { tolerated() };
        cases.push(compresses(
            &format!("N.6.{}", bits + 4),
            format!("client_max_window_bits={bits}"),
            CLIENT,
            CLIENT_WINDOW,
            accepts(&format!(
                "permessage-deflate{{context}}{{window}}; client_max_window_bits={bits}"
            )),
            bits,
            refusal,
        ));
    }
    cases.extend([
        one(
            "N.6.20",
            "All four parameters",
            CLIENT_WINDOW,
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; \
             client_max_window_bits=11",
            11,
            tolerated(),
        ),
        one(
            "N.6.21",
            "A quoted value",
            rules::QUOTED,
            "permessage-deflate{context}{window}; client_max_window_bits=\"10\"",
            10,
            tolerated(),
        ),
        one(
            "N.6.22",
            "Spaces and tabs around all signs",
            rules::WHITESPACE,
            "permessage-deflate{context} \t; client_no_context_takeover ;\tserver_max_window_bits = 10",
            15,
            tolerated(),
        ),
    ]);
    cases
}

/// N.7.
fn wrong() -> Vec<Case> {
    let parameters = [
        ("server_max_window_bits=7", VALUE, "server_max_window_bits=7"),
        ("server_max_window_bits=16", VALUE, "server_max_window_bits=16"),
        ("server_max_window_bits=08", VALUE, "server_max_window_bits=08"),
        ("server_max_window_bits without a value", VALUE, "server_max_window_bits"),
        ("client_max_window_bits=7", VALUE, "client_max_window_bits=7"),
        ("client_max_window_bits=16", VALUE, "client_max_window_bits=16"),
        ("client_max_window_bits=+9", VALUE, "client_max_window_bits=+9"),
        ("client_max_window_bits without a value", VALUE, "client_max_window_bits"),
        ("server_no_context_takeover=1", VALUE, "server_no_context_takeover=1"),
        ("client_no_context_takeover=true", VALUE, "client_no_context_takeover=true"),
        ("An unknown parameter", UNKNOWN, "unknown"),
        ("An unknown parameter with a value", UNKNOWN, "server_window_bits=10"),
        (
            "server_no_context_takeover twice",
            TWICE,
            "server_no_context_takeover; server_no_context_takeover",
        ),
        (
            "server_max_window_bits twice",
            TWICE,
            "server_max_window_bits=10; server_max_window_bits=10",
        ),
    ];
    let no = |id: &str, title, rule, list: &str| {
        refuses(id, title, CLIENT, rule, accepts(list), Refusal::default())
    };
    let needs = |half: Half, needs| half.map(|opening| Opening { needs: Some(needs), ..opening });
    let mut cases: Vec<Case> = (1..)
        .zip(parameters)
        .map(|(number, (title, rule, parameter)): (usize, _)| {
            no(&format!("N.7.{number}"), title, rule, &format!("permessage-deflate; {parameter}"))
        })
        .collect();
    cases.extend([
        refuses(
            "N.7.15",
            "A larger window of the server than it asked for",
            CLIENT,
            LARGER,
            needs(accepts("permessage-deflate; server_max_window_bits=15"), limits),
            Refusal::default(),
        ),
        refuses(
            "N.7.16",
            "client_max_window_bits, which it did not offer",
            CLIENT,
            NOT_ALLOWED,
            needs(accepts("permessage-deflate; client_max_window_bits=15"), offers_no_limit),
            Refusal::default(),
        ),
        no("N.7.17", "permessage-deflate twice", TWO, "permessage-deflate, permessage-deflate"),
        refuses(
            "N.7.18",
            "permessage-deflate twice, in two lines",
            CLIENT,
            TWO,
            with(
                "response",
                &[
                    "Sec-WebSocket-Extensions: permessage-deflate",
                    "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover",
                ],
            ),
            Refusal::default(),
        ),
        no(
            "N.7.19",
            "Another extension before it",
            rules::EXTENSION_NOT_OFFERED,
            "x-not-offered, permessage-deflate",
        ),
        no(
            "N.7.20",
            "Another extension after it",
            rules::EXTENSION_NOT_OFFERED,
            "permessage-deflate, x-not-offered; a=1",
        ),
        no(
            "N.7.21",
            "An extension whose name only begins like it",
            rules::EXTENSION_NOT_OFFERED,
            "permessage-deflate-2",
        ),
        informs(
            "N.7.22",
            "The name in other case",
            CLIENT,
            rules::NAME_CASE,
            accepts("PerMessage-Deflate"),
        ),
        refuses(
            "N.7.23",
            "An empty list",
            CLIENT,
            rules::MALFORMED,
            accepts(""),
            Refusal::default().opened(NonStrict),
        ),
        no("N.7.24", "A semicolon at the end", rules::MALFORMED, "permessage-deflate;"),
        no(
            "N.7.25",
            "A quote that does not end",
            rules::MALFORMED,
            "permessage-deflate; server_max_window_bits=\"10",
        ),
        no(
            "N.7.26",
            "No semicolon before a parameter",
            rules::MALFORMED,
            "permessage-deflate server_no_context_takeover",
        ),
        refuses(
            "N.7.27",
            "A larger window of the client than it offered",
            CLIENT,
            SMALLER,
            needs(accepts("permessage-deflate; client_max_window_bits=15"), offers_small_window),
            Refusal::default().opened(NonStrict),
        ),
    ]);
    cases
}

fn offers_small_window(head: &Head) -> Result<(), String> {
    let offers = offers(head);
    let small = |bits: Option<Option<u8>>| bits.flatten().is_some_and(|bits| bits < 15);
    if offers.iter().all(|offer| small(offer.client_max_window_bits)) && !offers.is_empty() {
        return Ok(());
    }
    Err("it does not offer a smaller window of its own".into())
}

fn limits(head: &Head) -> Result<(), String> {
    let offers = offers(head);
    let limits =
        offers.iter().all(|offer| offer.server_max_window_bits.is_some_and(|bits| bits < 15));
    if limits && !offers.is_empty() {
        return Ok(());
    }
    Err("it does not ask for a smaller window of the server".into())
}

fn offers_no_limit(head: &Head) -> Result<(), String> {
    let offers = offers(head);
    if offers.iter().all(|offer| offer.client_max_window_bits.is_none()) && !offers.is_empty() {
        return Ok(());
    }
    Err("it offers no permessage-deflate, or each value of client_max_window_bits".into())
}
