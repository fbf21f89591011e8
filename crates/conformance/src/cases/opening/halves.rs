//! H.2: checks of a server's response. H.3: checks of a client's request.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::rules;
use super::half::{HELLO, Half, takes};
use crate::case::{Case, Check, Conversation, Event, Opening, Rule, Script, Split, Step};
use crate::side::Side;
use crate::wire::{
    Frame, Head, PERMESSAGE_DEFLATE, Terms, accept_value, elements, extensions, is_token,
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = responses();
    cases.extend(requests());
    cases
}

/// H.2.
fn responses() -> Vec<Case> {
    let check = |id, title, rule, check: Check| {
        let half = Half::new("A request that is right in every way.", Opening::check(check));
        checked(takes(id, title, Side::Server, rule, half))
    };
    let key = |id, title, key: &'static str, accept: &'static str| {
        let opening = Opening { key: Some(key), ..Opening::default() };
        let words = format!(
            "A request that is right, with the key `{key}`: the response to it has `{accept}`."
        );
        debug_assert_eq!(accept_value(key), accept);
        takes(id, title, Side::Server, ACCEPT, Half::new(words, opening))
    };
    vec![
        check("H.2.1", "The version is HTTP/1.1", STATUS_LINE, |head| {
            say(head.version == 1, "its 101 is of HTTP/1.0 (RFC 9110 §15.2)")
        }),
        check("H.2.2", "Upgrade is websocket, and nothing else", RESPONSE_UPGRADE, |head| {
            let value = head.one("upgrade")?.unwrap_or_default();
            say(
                value.eq_ignore_ascii_case("websocket"),
                "its Upgrade is something else (RFC 6455 §4.2.2)",
            )
        }),
        check("H.2.3", "Connection holds Upgrade", RESPONSE_CONNECTION, |head| {
            say(
                head.lists("connection", "upgrade"),
                "its Connection does not hold it (RFC 6455 §4.2.2)",
            )
        }),
        key(
            "H.2.4",
            "The accept value of the RFC's sample key",
            "dGhlIHNhbXBsZSBub25jZQ==",
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        ),
        key(
            "H.2.5",
            "The accept value of a key of zeros",
            "AAAAAAAAAAAAAAAAAAAAAA==",
            "ICX+Yqv66kxgM0FcWaLWlFLwTAI=",
        ),
        key(
            "H.2.6",
            "The accept value of a key with the two signs of base64",
            "+/+/+/+/+/+/+/+/+/+/+w==",
            "M0DUs3om0SqzerhOhYSMM7WQuBQ=",
        ),
        check("H.2.7", "There is one accept value", rules::ACCEPT_ONCE, |head| {
            head.one("sec-websocket-accept").map(drop)
        }),
        check("H.2.8", "No subprotocol that was not asked for", NO_SUBPROTOCOL, |head| {
            absent(head, "sec-websocket-protocol")
        }),
        check("H.2.9", "No extension that was not offered", NO_EXTENSION, |head| {
            absent(head, "sec-websocket-extensions")
        }),
        check("H.2.10", "No Content-Length", NO_LENGTH, |head| absent(head, "content-length")),
        check("H.2.11", "No Transfer-Encoding", NO_ENCODING, |head| {
            absent(head, "transfer-encoding")
        }),
    ]
}

/// H.3.
fn requests() -> Vec<Case> {
    let check = |id, title, rule, check: Check| {
        let half = Half::new("A response that is right in every way.", Opening::check(check));
        checked(takes(id, title, Side::Client, rule, half))
    };
    let slow = Opening {
        split: Split::Tail(2),
        gap: std::time::Duration::from_millis(50),
        ..Opening::default()
    };
    vec![
        check("H.3.1", "The method is GET", METHOD, |head| {
            say(head.start.0 == "GET", "its method is another one (RFC 6455 §4.1)")
        }),
        check("H.3.2", "The version is HTTP/1.1", METHOD, |head| {
            say(head.version == 1, "its version is another one (RFC 6455 §4.1)")
        }),
        check(
            "H.3.3",
            "The target is a path, or an absolute URI, without a fragment",
            TARGET,
            target,
        ),
        check("H.3.4", "There is one Host, and it is valid", HOST, host),
        check("H.3.5", "Upgrade holds websocket", UPGRADE, |head| {
            say(head.lists("upgrade", "websocket"), "its Upgrade does not (RFC 6455 §4.1)")
        }),
        check("H.3.6", "Connection holds Upgrade", CONNECTION, |head| {
            say(head.lists("connection", "upgrade"), "its Connection does not (RFC 6455 §4.1)")
        }),
        check("H.3.7", "The key is 16 bytes in base64", KEY, |head| key(head).map(drop)),
        check("H.3.8", "There is one key", rules::KEY_ONCE, |head| {
            head.one("sec-websocket-key").map(drop)
        }),
        check("H.3.9", "The key is not the same for everybody", KEY, |head| {
            let key = key(head)?;
            let constant = key.iter().all(|byte| *byte == key[0])
                || key == b"the sample nonce"
                || (1..=16).eq(key.iter().copied());
            say(!constant, "its key is a constant (RFC 6455 §4.1)")
        }),
        check("H.3.10", "The version of the protocol is 13, once", VERSION, |head| {
            let version = head.one("sec-websocket-version")?;
            say(version == Some("13"), "its Sec-WebSocket-Version is not 13 (RFC 6455 §4.1)")
        }),
        check("H.3.11", "Subprotocols are tokens, each once", PROTOCOLS, protocols),
        check("H.3.12", "The list of extensions is well-formed", EXTENSIONS, |head| {
            extensions(head.values("sec-websocket-extensions")).map(drop)
        }),
        check("H.3.13", "Offers of permessage-deflate are valid", OFFERS, |head| {
            for extension in extensions(head.values("sec-websocket-extensions"))? {
                if extension.name == PERMESSAGE_DEFLATE {
                    Terms::of_offer(&extension).map_err(|what| format!("its offer {what}"))?;
                }
            }
            Ok(())
        }),
        no_content(),
        takes(
            "H.3.15",
            "Nothing before the response has come",
            Side::Client,
            WAIT,
            Half::new(
                "A response that is right, with its last two bytes 50 ms after the others.",
                slow,
            ),
        ),
    ]
}

/// The case, with its title added to what it expects.
fn checked(mut case: Case) -> Case {
    case.expects = format!("{}. {}", case.title, case.expects).into();
    case
}

fn no_content() -> Case {
    const FAULT: &str = "its GET announces content (RFC 9110 §9.3.1)";
    let check: Check = |head| {
        let length = head.values("content-length").any(|length| length != "0");
        let coded = head.values("transfer-encoding").next().is_some();
        say(!length && !coded, FAULT)
    };
    Case::new("H.3.14", "No content", NO_CONTENT, move |_, _| {
        let expect = Conversation::ok([Event::Text(HELLO.into())])
            .non_strict([Event::Violation(FAULT.into())]);
        Script::new([Step::send([Frame::text(HELLO)])], expect).opening(Opening::check(check))
    })
    .only(Side::Client)
    .words(
        "A response that is right in every way.",
        "A request without content. One that announces content is NON-STRICT.",
    )
}

/// The sentence as an error, if the condition does not hold.
fn say(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

fn absent(head: &Head, name: &str) -> Result<(), String> {
    match head.values(name).next() {
        None => Ok(()),
        Some(value) => Err(format!("its response has the field {name} with `{value}`")),
    }
}

fn key(head: &Head) -> Result<Vec<u8>, String> {
    let value = head.values("sec-websocket-key").next().unwrap_or_default();
    match STANDARD.decode(value) {
        Ok(key) if key.len() == 16 => Ok(key),
        _ => Err(format!("its key `{value}` is not 16 bytes in base64 (RFC 6455 §4.1)")),
    }
}

fn target(head: &Head) -> Result<(), String> {
    let target = &head.start.1;
    let lower = target.to_ascii_lowercase();
    let absolute = lower.starts_with("http://") || lower.starts_with("https://");
    say(
        (target.starts_with('/') || absolute) && !target.contains('#'),
        "its target is not a resource name, nor an absolute URI with one (RFC 6455 §4.1)",
    )
}

fn host(head: &Head) -> Result<(), String> {
    let host = head.one("host")?.ok_or("it sent no Host (RFC 6455 §4.1)")?;
    let (name, port) = match (host.strip_prefix('['), host.rsplit_once(':')) {
        (Some(literal), _) => {
            let (address, port) = literal.rsplit_once(']').unwrap_or(("", "-"));
            (address, port.strip_prefix(':').unwrap_or(port))
        }
        (None, Some((name, port))) => (name, port),
        (None, None) => (host, ""),
    };
    // "Host = uri-host [ ":" port ]"
    let valid = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#@\\<>\"".contains(&byte))
        && port.bytes().all(|byte| byte.is_ascii_digit());
    say(valid, &format!("its Host is `{host}`, which is none (RFC 9110 §7.2)"))
}

fn protocols(head: &Head) -> Result<(), String> {
    let mut values = head.values("sec-websocket-protocol").peekable();
    if values.peek().is_none() {
        return Ok(());
    }
    let names: Vec<&str> = values.flat_map(elements).collect();
    let unique: BTreeSet<&&str> = names.iter().collect();
    let valid =
        !names.is_empty() && names.iter().all(|name| is_token(name)) && unique.len() == names.len();
    say(valid, "its list of subprotocols is not one of different tokens (RFC 6455 §4.1)")
}

const STATUS_LINE: Rule = Rule::must(
    "RFC 6455 §4.2.2",
    "A Status-Line with a 101 response code. RFC 9110 §15.2: HTTP/1.0 did not define any 1xx status codes.",
);
const RESPONSE_UPGRADE: Rule =
    Rule::must("RFC 6455 §4.2.2", "An Upgrade header field with value \"websocket\".");
const RESPONSE_CONNECTION: Rule =
    Rule::must("RFC 6455 §4.2.2", "A Connection header field with value \"Upgrade\".");
const ACCEPT: Rule = Rule::must(
    "RFC 6455 §4.2.2",
    "Sec-WebSocket-Accept is made by concatenating the key with \"258EAFA5-E914-47DA-95CA-C5AB0DC85B11\", taking the SHA-1 \
     hash, and base64-encoding this 20-byte hash.",
);
const NO_SUBPROTOCOL: Rule = Rule::must(
    "RFC 6455 §4.2.2",
    "If the client's handshake did not contain such a header field, the only acceptable value is null; the server MUST NOT \
     send back a Sec-WebSocket-Protocol header field.",
);
const NO_EXTENSION: Rule =
    Rule::must("RFC 6455 §4.2.2", "Extensions not listed by the client MUST NOT be listed.");
const NO_LENGTH: Rule = Rule::must(
    "RFC 9110 §8.6",
    "A server MUST NOT send a Content-Length header field in any response with a status code of 1xx or 204.",
);
const NO_ENCODING: Rule = Rule::must(
    "RFC 9112 §6.1",
    "A server MUST NOT send a Transfer-Encoding header field in any response with a status code of 1xx or 204.",
);
const METHOD: Rule = Rule::must(
    "RFC 6455 §4.1",
    "The method of the request MUST be GET, and the HTTP version MUST be at least 1.1.",
);
const TARGET: Rule = Rule::must(
    "RFC 6455 §4.1",
    "The Request-URI MUST match the resource name (a relative URI) or be an absolute http/https URI; §3: fragment \
     identifiers MUST NOT be used.",
);
const HOST: Rule = Rule::must(
    "RFC 6455 §4.1",
    "The request MUST contain a Host header field whose value contains the host plus optionally \":\" followed by the port.",
);
const UPGRADE: Rule = Rule::must(
    "RFC 6455 §4.1",
    "The request MUST contain an Upgrade header field whose value MUST include the \"websocket\" keyword.",
);
const CONNECTION: Rule = Rule::must(
    "RFC 6455 §4.1",
    "The request MUST contain a Connection header field whose value MUST include the \"Upgrade\" token.",
);
const KEY: Rule = Rule::must(
    "RFC 6455 §4.1",
    "The value of Sec-WebSocket-Key MUST be a nonce consisting of a randomly selected 16-byte value that has been \
     base64-encoded. The nonce MUST be selected randomly for each connection.",
);
const VERSION: Rule = Rule::must(
    "RFC 6455 §4.1",
    "The request MUST include Sec-WebSocket-Version, and its value MUST be 13; §11.3.5: it MUST NOT appear more than once \
     in an HTTP request.",
);
const PROTOCOLS: Rule = Rule::must(
    "RFC 6455 §4.1",
    "The elements of Sec-WebSocket-Protocol MUST be non-empty strings without separator characters, and MUST all be unique \
     strings.",
);
const EXTENSIONS: Rule = Rule::must(
    "RFC 6455 §9.1",
    "extension-list = 1#extension; extension = extension-token *( \";\" extension-param ).",
);
const OFFERS: Rule = Rule::must(
    "RFC 7692 §7.1",
    "An offer has parameters that are defined for an offer, each once, with valid values.",
);
const NO_CONTENT: Rule = Rule::should(
    "RFC 9110 §9.3.1",
    "A client SHOULD NOT generate content in a GET request unless it is made directly to an origin server that has \
     indicated that such a request has a purpose.",
);
const WAIT: Rule = Rule::must(
    "RFC 6455 §4.1",
    "Once the client's opening handshake has been sent, the client MUST wait for a response from the server before sending \
     any further data.",
);
