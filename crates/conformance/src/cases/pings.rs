//! Section 2: Pings and Pongs.

use super::rules;
use crate::case::{Case, Conversation, Event, Rule, Script, Step};
use crate::wire::Frame;

const PONG: Rule = Rule::must(
    "RFC 6455 §5.5.2",
    "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response, unless it already received a Close \
     frame.",
);
const SAME_DATA: Rule = Rule::must(
    "RFC 6455 §5.5.3",
    "A Pong frame sent in response to a Ping frame must have identical \"Application data\" as found in the message \
     body of the Ping frame being replied to.",
);
const EACH: Rule = Rule::may(
    "RFC 6455 §5.5.3",
    "If an endpoint receives a Ping frame and has not yet sent Pong frame(s) in response to previous Ping frame(s), the \
     endpoint MAY elect to send a Pong frame for only the most recently processed Ping frame.",
);

const BYTES: [u8; 8] = [0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff];

pub(super) fn cases() -> Vec<Case> {
    let ping = |id, title: &'static str, rule, payload: Vec<u8>, cut: usize| {
        Case::new(id, title, rule, move |_, _| {
            let frame = Frame::ping(payload.clone());
            let step = if cut == 0 { Step::send([frame]) } else { Step::send_cut([frame], cut) };
            Script::new([step], Conversation::ok([Event::Pong(payload.clone())]))
        })
        .words(
            format!("{title}."),
            "A Pong with the same payload; then the closing handshake with code 1000.",
        )
    };
    let ten = |id, title: &'static str, cut: usize| {
        Case::new(id, title, EACH, move |_, _| {
            let payloads: Vec<Vec<u8>> = (0..10).map(|n| format!("payload-{n}").into_bytes()).collect();
            let pings = payloads.iter().cloned().map(Frame::ping);
            let step = if cut == 0 { Step::send(pings) } else { Step::send_cut(pings, cut) };
            let pongs: Vec<Event> = payloads.into_iter().map(Event::Pong).collect();
            Script::new([step], Conversation::ok(pongs))
        })
        .words(format!("{title}."), "Ten Pongs with the payloads of the Pings, in their order.")
        .differs("The RFC allows to answer the last Ping alone; Autobahn's case asks for all ten, and so does this one.")
    };
    vec![
        ping("2.1", "A Ping without a payload", PONG, Vec::new(), 0),
        ping("2.2", "A Ping with a text payload", SAME_DATA, b"Hello, world!".to_vec(), 0),
        ping("2.3", "A Ping with a payload that is not UTF-8", SAME_DATA, BYTES.to_vec(), 0),
        ping("2.4", "A Ping with 125 bytes of payload", SAME_DATA, vec![0xfe; 125], 0),
        Case::new("2.5", "A Ping with 126 bytes of payload", rules::CONTROL, |_, _| {
            Script::new([Step::send([Frame::ping([0xfe; 126])])], Conversation::fails([], [1002]))
        })
        .words(
            "A Ping with 126 bytes of payload.",
            "The connection fails with code 1002; no Pong.",
        ),
        ping(
            "2.6",
            "A Ping with 125 bytes of payload, byte by byte",
            SAME_DATA,
            vec![0xfe; 125],
            1,
        ),
        Case::new(
            "2.7",
            "A Pong that answers no Ping, without a payload",
            rules::UNSOLICITED,
            |_, _| {
                Script::new(
                    [Step::send([Frame::pong([])]), Step::send([Frame::close(1000, "")])],
                    Conversation::ok([]),
                )
            },
        )
        .words("A Pong, and then a Close.", "Nothing but the answer to the Close."),
        Case::new(
            "2.8",
            "A Pong that answers no Ping, with a payload",
            rules::UNSOLICITED,
            |_, _| {
                Script::new(
                    [
                        Step::send([Frame::pong("unsolicited pong payload")]),
                        Step::send([Frame::close(1000, "")]),
                    ],
                    Conversation::ok([]),
                )
            },
        )
        .words("A Pong, and then a Close.", "Nothing but the answer to the Close."),
        Case::new("2.9", "A Pong that answers no Ping, then a Ping", rules::UNSOLICITED, |_, _| {
            Script::new(
                [Step::send([
                    Frame::pong("unsolicited pong payload"),
                    Frame::ping("ping payload"),
                ])],
                Conversation::ok([Event::Pong(b"ping payload".to_vec())]),
            )
        })
        .words("A Pong and a Ping.", "A Pong with the payload of the Ping, and nothing else."),
        ten("2.10", "Ten Pings with payloads", 0),
        ten("2.11", "Ten Pings with payloads, byte by byte", 1),
    ]
}
