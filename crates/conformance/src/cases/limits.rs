//! Sections 9 and 10: large messages, many fragments, small writes, round trips.

use std::sync::Arc;

use super::rules;
use crate::case::{Case, Conversation, Cut, Echoes, Event, Piece, Rule, Scale, Script, Step};
use crate::wire::Frame;

const LARGE: Rule = Rule::info(
    "RFC 6455 §10.4",
    "Implementations that have implementation- and/or platform-specific limitations regarding the frame size or total \
     message size after reassembly from multiple frames MUST protect themselves against exceeding those limits.",
);
const FRAGMENTS: Rule = Rule::must(
    "RFC 6455 §5.4",
    "The primary purpose of fragmentation is to allow sending a message that is of unknown size when the message is \
     started. An unfragmented message and a fragmented one mean the same.",
);
const ROUND_TRIPS: Rule =
    Rule::must("RFC 6455 §5.6", "Messages come in the order in which they are sent.");

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The kind of a message, with Autobahn's payload.
struct Kind {
    word: &'static str,
    binary: bool,
    pattern: &'static [u8],
}

const TEXT: Kind = Kind { word: "text", binary: false, pattern: b"BAsd7&jh23" };
const BINARY: Kind = Kind { word: "binary", binary: true, pattern: b"\x00\xfe\x23\xfa\xf0" };

impl Kind {
    fn payload(&self, len: usize) -> Vec<u8> {
        self.pattern.iter().copied().cycle().take(len).collect()
    }

    fn event(&self, payload: Vec<u8>) -> Event {
        if self.binary { Event::Binary(payload) } else { Event::Text(payload) }
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, group) in [(&TEXT, 1), (&BINARY, 2)] {
        for (len, number) in
            [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB].into_iter().zip(1..)
        {
            let title = format!("A {} message of {}", kind.word, size(len));
            cases.push(single(&format!("9.{group}.{number}"), title, LARGE, kind, len, 0, 0));
        }
    }
    for (kind, group) in [(&TEXT, 3), (&BINARY, 4)] {
        let fragments = [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB];
        for (fragment, number) in fragments.into_iter().zip(1..) {
            let title =
                format!("A {} message of 4 MiB in fragments of {}", kind.word, size(fragment));
            cases.push(single(
                &format!("9.{group}.{number}"),
                title,
                FRAGMENTS,
                kind,
                4 * MIB,
                fragment,
                0,
            ));
        }
    }
    for (kind, group) in [(&TEXT, 5), (&BINARY, 6)] {
        for (cut, number) in [64, 128, 256, 512, KIB, 2 * KIB].into_iter().zip(1..) {
            let title = format!("A {} message of 1 MiB in writes of {}", kind.word, size(cut));
            cases.push(single(
                &format!("9.{group}.{number}"),
                title,
                rules::SEGMENTS,
                kind,
                MIB,
                0,
                cut,
            ));
        }
    }
    for (kind, group) in [(&TEXT, 7), (&BINARY, 8)] {
        for (len, number) in [0, 16, 64, 256, KIB, 4 * KIB].into_iter().zip(1..) {
            let title = format!("Round trips of {} messages of {}", kind.word, size(len));
            let binary = kind.binary;
            let payload: Arc<dyn Fn(usize) -> Vec<u8> + Send + Sync> =
                Arc::new(move |_| vec![if binary { 0xfe } else { b'*' }; len]);
            cases.push(
                Case::new(
                    &format!("9.{group}.{number}"),
                    title.clone(),
                    ROUND_TRIPS,
                    move |_, scale| {
                        let count = if scale == Scale::Full { 1000 } else { 100 };
                        let echo = Echoes { count, binary, fragment: 0, payload: payload.clone() };
                        Script::new(
                            [Step::Echo(echo)],
                            Conversation::ok([Event::Echoed(count)]).may_be_too_big(),
                        )
                    },
                )
                .words(
                    format!("{title}, one after the other: 1000, or 100."),
                    "Each comes back before the next is sent.",
                ),
            );
        }
    }
    cases.push(
        Case::new(
            "10.1.1",
            "A text message of 64 KiB in fragments of 1300 bytes",
            FRAGMENTS,
            |_, _| {
                let payload = vec![b'*'; 64 * KIB];
                let send = Step::Send(fragments(false, &payload, 1300), Cut::Whole);
                Script::new([send], Conversation::ok([Event::Text(payload)]))
            },
        )
        .words("A text message of 64 KiB in fragments of 1300 bytes.", "The message back."),
    );
    cases
}

/// One message, split into fragments and writes of these sizes if they are not 0.
fn single(
    id: &str,
    title: String,
    rule: Rule,
    kind: &'static Kind,
    len: usize,
    fragment: usize,
    cut: usize,
) -> Case {
    Case::new(id, title.clone(), rule, move |_, scale| {
        // A quarter is still larger than every buffer on the way.
        let quick = (len / 4).max(64 * KIB).max(fragment / 4);
        let payload = kind.payload(if scale == Scale::Full { len } else { quick });
        let pieces = if fragment == 0 {
            let frame = if kind.binary { Frame::binary } else { Frame::text };
            vec![Piece::Frame(frame(payload.clone()))]
        } else {
            fragments(kind.binary, &payload, fragment)
        };
        let cut = if cut == 0 { Cut::Whole } else { Cut::Every(cut) };
        Script::new([Step::Send(pieces, cut)], Conversation::ok([kind.event(payload)]).may_be_too_big())
    })
    .words(
        format!("{title}, or a quarter of that."),
        "The message back, as it was sent. A Close with code 1009 is INFORMATIONAL: it is too big for the endpoint.",
    )
    .differs("Autobahn's case fails an endpoint that has a limit and says so.")
}

fn fragments(binary: bool, payload: &[u8], size: usize) -> Vec<Piece> {
    let mut frames: Vec<Frame> =
        payload.chunks(size).map(|part| Frame::continuation(part).unfinished()).collect();
    if let Some(first) = frames.first_mut() {
        first.opcode = if binary { 2 } else { 1 };
    }
    if let Some(last) = frames.last_mut() {
        last.fin = true;
    }
    frames.into_iter().map(Piece::Frame).collect()
}

/// A number of bytes as text.
pub(super) fn size(bytes: usize) -> String {
    match bytes {
        bytes if bytes >= MIB && bytes.is_multiple_of(MIB) => format!("{} MiB", bytes / MIB),
        bytes if bytes >= KIB && bytes.is_multiple_of(KIB) => format!("{} KiB", bytes / KIB),
        bytes => format!("{bytes} bytes"),
    }
}
