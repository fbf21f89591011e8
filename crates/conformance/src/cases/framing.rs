//! Section 1: text and binary messages of the lengths at which the header changes.

use crate::case::{Case, Conversation, Event, Rule, Script, Step};
use crate::wire::Frame;

const RULE: Rule = Rule::must(
    "RFC 6455 §5.2",
    "The length of the payload data, in bytes: if 0-125, that is the payload length. If 126, the following 2 bytes \
     interpreted as a 16-bit unsigned integer are the payload length. If 127, the following 8 bytes.",
);

/// Payload length, and the size of the writes; 0 is one write.
const LENGTHS: [(usize, usize); 8] =
    [(0, 0), (125, 0), (126, 0), (127, 0), (128, 0), (65535, 0), (65536, 0), (65536, 997)];

pub(super) fn cases() -> Vec<Case> {
    let case = |group: u8,
                kind: &str,
                byte: u8,
                frame: fn(Vec<u8>) -> Frame,
                event: fn(Vec<u8>) -> Event| {
        let kind = kind.to_owned();
        LENGTHS.iter().zip(1..).map(move |((len, cut), number): (&(usize, usize), u8)| {
            let (len, cut) = (*len, *cut);
            let how = if cut == 0 { String::new() } else { format!(", in writes of {cut} bytes") };
            Case::new(
                &format!("1.{group}.{number}"),
                format!("A {kind} message of {len} bytes{how}"),
                RULE,
                move |_, _| {
                    let payload = vec![byte; len];
                    let frame = frame(payload.clone());
                    let step =
                        if cut == 0 { Step::send([frame]) } else { Step::send_cut([frame], cut) };
                    Script::new([step], Conversation::ok([event(payload)]))
                },
            )
            .words(
                format!("A {kind} message with a payload of {len} bytes{how}."),
                "The same message back; then the closing handshake with code 1000.",
            )
        })
    };
    let text = case(1, "text", b'*', Frame::text, Event::Text);
    let binary = case(2, "binary", 0xfe, Frame::binary, Event::Binary);
    text.chain(binary).collect()
}
