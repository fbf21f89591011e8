//! Sections 12 and 13: permessage-deflate (RFC 7692), with different payloads and different parameters.

use std::sync::Arc;

use super::corpus::Corpus;
use super::limits::size;
use crate::case::{Case, Conversation, Echoes, Event, Offer, Opening, Rule, Scale, Script, Step};

const PAYLOADS: Rule = Rule::must(
    "RFC 7692 §7.2",
    "An endpoint compresses the payload of a message with DEFLATE, and decompresses what the other one has compressed.",
);
const PARAMETERS: Rule = Rule::must(
    "RFC 7692 §7.1",
    "An endpoint uses context takeover and a window as they were agreed on in the opening handshake.",
);

/// Payload length, and the size of the fragments that it is sent in; 0 is one frame.
const SIZES: [(usize, usize); 18] = [
    (16, 0),
    (64, 0),
    (256, 0),
    (1024, 0),
    (4096, 0),
    (8192, 0),
    (16384, 0),
    (32768, 0),
    (65536, 0),
    (131_072, 0),
    (8192, 256),
    (16384, 256),
    (32768, 256),
    (65536, 256),
    (131_072, 256),
    (131_072, 1024),
    (131_072, 4096),
    (131_072, 32768),
];

const fn offer(no_context_takeover: bool, max_window_bits: Option<u8>) -> Offer {
    Offer { no_context_takeover, max_window_bits }
}

/// The offers of groups 13.1 to 13.7.
const OFFERS: [&[Offer]; 7] = [
    &[offer(false, None)],
    &[offer(true, None)],
    &[offer(false, Some(9))],
    &[offer(false, Some(15))],
    &[offer(true, Some(9))],
    &[offer(true, Some(15))],
    &[offer(true, Some(9)), offer(true, None), offer(false, None)],
];

pub(super) fn cases() -> Vec<Case> {
    let corpora = [Corpus::Json, Corpus::Picture, Corpus::Prose, Corpus::Html, Corpus::Packed];
    let payloads = corpora.into_iter().zip(1..).flat_map(|(corpus, group)| {
        section(12, group, PAYLOADS, corpus, OFFERS[0], corpus.word().to_owned())
    });
    let parameters = OFFERS.into_iter().zip(1..).flat_map(|(offers, group)| {
        section(13, group, PARAMETERS, Corpus::Json, offers, describe(offers))
    });
    payloads.chain(parameters).collect()
}

fn section(
    section: u8,
    group: u8,
    rule: Rule,
    corpus: Corpus,
    offers: &'static [Offer],
    what: String,
) -> impl Iterator<Item = Case> {
    SIZES.into_iter().zip(1..).map(move |((len, fragment), number): (_, u8)| {
        let fragments = if fragment == 0 {
            String::new()
        } else {
            format!(" in fragments of {}", size(fragment))
        };
        let title = format!("Messages of {}{fragments}, {what}", size(len));
        Case::new(&format!("{section}.{group}.{number}"), title.clone(), rule, move |_, scale| {
            // Even a few are enough for the window to be full, and to show whether it is kept.
            let count = match (scale, len) {
                (Scale::Full, _) => 1000,
                (Scale::Quick, 0..=1024) => 40,
                (Scale::Quick, 1025..=16384) => 8,
                (Scale::Quick, _) => 3,
            };
            let data = corpus.data();
            let payload = Arc::new(move |number| corpus.part(&data, number, len));
            let echo = Echoes { count, binary: corpus.is_binary(), fragment, payload };
            Script::new([Step::Echo(echo)], Conversation::ok([Event::Echoed(count)]))
                .opening(Opening::deflate(offers))
        })
        .words(
            format!("{title}: 1000 of them, or a few, each when the one before has come back."),
            "Each message back, compressed as it was agreed on.",
        )
        .differs(
            "The payloads are of the kinds that Autobahn sends, and not the same. To a server, Autobahn offers \
             client_no_context_takeover as well, and so it does not see a server that loses the client's context.",
        )
    })
}

/// A description of the parameters of some offers.
fn describe(offers: &[Offer]) -> String {
    let one = |offer: &Offer| match (offer.no_context_takeover, offer.max_window_bits) {
        (false, None) => "default parameters".to_owned(),
        (true, None) => "no context takeover".to_owned(),
        (false, Some(bits)) => format!("window of {}", size(1 << bits)),
        (true, Some(bits)) => format!("no context takeover, window of {}", size(1 << bits)),
    };
    offers.iter().map(one).collect::<Vec<_>>().join("; or ")
}
