//! Sections 3 and 4: reserved bits and reserved opcodes.

use super::rules;
use crate::case::{Case, Conversation, Cut, Event, Piece, Rule, Script, Step};
use crate::wire::Frame;

const BITS: Rule = Rule::must(
    "RFC 6455 §5.2",
    "RSV1, RSV2, RSV3 MUST be 0 unless an extension is negotiated that defines meanings for non-zero values. If a \
     nonzero value is received and none of the negotiated extensions defines the meaning of such a nonzero value, the \
     receiving endpoint MUST _Fail the WebSocket Connection_.",
);

const HELLO: &[u8] = b"Hello, world!";

const BYTES: [u8; 8] = [0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff];

pub(super) fn cases() -> Vec<Case> {
    let hello = || Frame::text(HELLO);
    vec![
        alone("3.1", "A text frame with RSV3", BITS, hello().rsv(1)),
        between(
            "3.2",
            "A text frame with RSV2, between a message and a Ping",
            BITS,
            hello().rsv(2),
            Cut::Whole,
        ),
        between(
            "3.3",
            "A text frame with RSV2 and RSV3, each frame in its own write",
            BITS,
            hello().rsv(3),
            Cut::Pieces,
        ),
        between("3.4", "A text frame with RSV1, byte by byte", BITS, hello().rsv(4), Cut::Every(1)),
        alone("3.5", "A binary frame with RSV1 and RSV3", BITS, Frame::binary(BYTES).rsv(5)),
        alone("3.6", "A Ping with RSV1 and RSV2", BITS, Frame::ping(HELLO).rsv(6))
            .differs("Autobahn's title says Ping, and it sends a binary frame; this is a Ping."),
        alone("3.7", "A Close with all reserved bits", BITS, Frame::close(1000, "").rsv(7)).differs(
            "Autobahn's Close has no code; this one has 1000, so that an endpoint that ignores the bits answers with that.",
        ),
        alone("4.1.1", "A frame with opcode 3", rules::UNKNOWN_OPCODE, Frame::new(3, [])),
        alone(
            "4.1.2",
            "A frame with opcode 4 and a payload",
            rules::UNKNOWN_OPCODE,
            Frame::new(4, "reserved opcode payload"),
        ),
        between(
            "4.1.3",
            "A frame with opcode 5, between a message and a Ping",
            rules::UNKNOWN_OPCODE,
            Frame::new(5, []),
            Cut::Whole,
        ),
        between(
            "4.1.4",
            "A frame with opcode 6 and a payload, between a message and a Ping",
            rules::UNKNOWN_OPCODE,
            Frame::new(6, HELLO),
            Cut::Whole,
        ),
        between(
            "4.1.5",
            "A frame with opcode 7 and a payload, byte by byte",
            rules::UNKNOWN_OPCODE,
            Frame::new(7, HELLO),
            Cut::Every(1),
        ),
        alone("4.2.1", "A frame with opcode 11", rules::UNKNOWN_OPCODE, Frame::new(11, [])),
        alone(
            "4.2.2",
            "A frame with opcode 12 and a payload",
            rules::UNKNOWN_OPCODE,
            Frame::new(12, "reserved opcode payload"),
        ),
        between(
            "4.2.3",
            "A frame with opcode 13, between a message and a Ping",
            rules::UNKNOWN_OPCODE,
            Frame::new(13, []),
            Cut::Whole,
        ),
        between(
            "4.2.4",
            "A frame with opcode 14 and a payload, between a message and a Ping",
            rules::UNKNOWN_OPCODE,
            Frame::new(14, HELLO),
            Cut::Whole,
        ),
        between(
            "4.2.5",
            "A frame with opcode 15 and a payload, byte by byte",
            rules::UNKNOWN_OPCODE,
            Frame::new(15, HELLO),
            Cut::Every(1),
        ),
    ]
}

/// Only this frame.
fn alone(id: &str, title: &'static str, rule: Rule, frame: Frame) -> Case {
    Case::new(id, title, rule, move |_, _| {
        Script::new([Step::send([frame.clone()])], Conversation::fails([], [1002]))
    })
    .words(format!("{title}."), "The connection fails at once, with code 1002.")
}

/// This frame after a message that must be echoed, and before a Ping that must not be answered.
fn between(id: &str, title: &'static str, rule: Rule, frame: Frame, cut: Cut) -> Case {
    Case::new(id, title, rule, move |_, _| {
        let frames = [Frame::text(HELLO), frame.clone(), Frame::ping([])];
        let step = Step::Send(frames.into_iter().map(Piece::Frame).collect(), cut);
        Script::new(
            [step],
            Conversation::fails([Event::Text(HELLO.to_vec())], [1002]).non_strict([]),
        )
    })
    .words(
        format!("A text message, {}{}, and a Ping.", title[..1].to_lowercase(), &title[1..]),
        "The echo of the message; then the connection fails with code 1002, and there is no Pong. Without the echo it is \
         NON-STRICT.",
    )
}
