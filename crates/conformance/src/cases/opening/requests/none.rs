//! Input in place of a request that is not a request.

use super::super::super::rules;
use super::super::half::{Half, informs, refusal, refuses, request};
use crate::case::{Case, Opening, Refusal, Rule, Script};
use crate::side::Side;
use crate::verdict::Behavior::{self, NonStrict};

const SERVER: Side = Side::Server;

const PLAIN: Rule = Rule::info(
    "RFC 9110 §15",
    "It is an HTTP request and no opening handshake: the server may answer it as it likes, but not with 101.",
);
const INCOMPLETE: Rule = Rule::must(
    "RFC 9112 §8",
    "A server that receives an incomplete request message, usually due to a canceled request or a triggered timeout \
     exception, MAY send an error response prior to closing the connection.",
);
const HTTP_2: Rule = Rule::info(
    "RFC 9113 §3.4",
    "A server that does not know HTTP/2 sees a request with the method PRI and the version HTTP/2.0.",
);

/// Input that is not an opening handshake at all.
pub(super) fn cases() -> Vec<Case> {
    let raw = |words: &'static str, bytes: &[u8], ends: bool| {
        Half::new(words, Opening { ends, ..Opening::text(bytes) })
    };
    let any = || {
        let statuses: Vec<u16> = (200..600).collect();
        Refusal::with(statuses).silence(Behavior::Ok)
    };
    let plain = "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n";
    vec![
        Case::new("H.1.100", "A plain HTTP request", PLAIN, move |_, _| {
            Script::refused(SERVER, Opening::text(plain), any())
        })
        .only(SERVER)
        .words(
            "A GET with a Host and nothing else.",
            "Any response but one that opens a WebSocket, or the end of the connection.",
        ),
        refuses(
            "H.1.101",
            "Text that is not HTTP",
            SERVER,
            rules::GRAMMAR,
            raw("`HELO there` and an empty line.", b"HELO there\r\n\r\n", false),
            refusal().silence(Behavior::Ok).idle(NonStrict),
        ),
        refuses(
            "H.1.102",
            "A TLS ClientHello",
            SERVER,
            rules::GRAMMAR,
            raw(
                "The record with which TLS begins; then the runner ends its direction.",
                &client_hello(),
                true,
            ),
            refusal().silence(Behavior::Ok).idle(NonStrict),
        ),
        informs(
            "H.1.103",
            "The preface of HTTP/2",
            SERVER,
            HTTP_2,
            raw(
                "`PRI * HTTP/2.0`, `SM` and an empty SETTINGS frame; then the runner ends its direction.",
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
                true,
            ),
        ),
        refuses(
            "H.1.104",
            "A frame with no opening handshake before it",
            SERVER,
            rules::GRAMMAR,
            raw(
                "A masked text frame and nothing before it; then the runner ends its direction.",
                b"\x81\x85\x01\x02\x03\x04\x49\x67\x6f\x68\x6e",
                true,
            ),
            refusal().silence(Behavior::Ok).idle(NonStrict),
        ),
        refuses(
            "H.1.105",
            "The end of the connection in the request line",
            SERVER,
            INCOMPLETE,
            raw("`GET / HT`; then the runner ends its direction.", b"GET / HT", true),
            refusal().silence(Behavior::Ok).idle(NonStrict),
        ),
        refuses(
            "H.1.106",
            "The end of the connection before the empty line",
            SERVER,
            INCOMPLETE,
            {
                let Half { opening, .. } = request("", &[]);
                let mut head = opening.instead.unwrap_or_default();
                head.truncate(head.len() - 2);
                Half::new(
                    "A request that is right but has no empty line at its end; then the runner ends its direction.",
                    Opening { ends: true, ..Opening::text(head) },
                )
            },
            refusal().silence(Behavior::Ok).idle(NonStrict),
        ),
        refuses(
            "H.1.107",
            "The end of the connection and nothing before it",
            SERVER,
            INCOMPLETE,
            raw("Nothing; the runner ends its direction.", b"", true),
            refusal().silence(Behavior::Ok).idle(NonStrict),
        ),
    ]
}

/// The beginning of TLS: a handshake record with a ClientHello of 196 bytes.
fn client_hello() -> Vec<u8> {
    let mut record = vec![0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3];
    record.resize(5 + 200, 0);
    record
}
