//! Group X.1: frames in pieces, in very many fragments, and where they are unwelcome.

use std::time::Duration;

use super::super::rules;
use super::frames::fail;
use super::shared::{STILL_THERE, TOO_MUCH, failing, fails, goes_on, pong, text};
use crate::case::{Answered, Case, Close, Conversation, Cut, Event, Piece, Rule, Script, Step};
use crate::verdict::Behavior;
use crate::wire::Frame;

const RECEIVED: Rule = Rule::should(
    "RFC 6455 §6.2",
    "If the frame comprises an unfragmented message, it is said that _A WebSocket Message Has Been Received_.",
);
const PONGS: Rule = Rule::must(
    "RFC 6455 §5.5.2",
    "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response. §5.5.3: An endpoint that has not yet \
     sent Pongs to previous Pings MAY elect to send a Pong for only the most recently processed Ping.",
);
const REGISTERED: Rule = Rule::should(
    "RFC 6455 §7.4.2",
    "Status codes in the range 1000-2999 are reserved for definition by this protocol, its future revisions, and \
     extensions. 1012 to 1014 are in the registry of IANA (§11.7).",
);
const TLS_FAILURE: Rule = Rule::must(
    "RFC 6455 §7.4.1",
    "1015 is a reserved value and MUST NOT be set as a status code in a Close control frame by an endpoint.",
);
const HELLO: &str = "Hello";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cuts();
    cases.extend(fragments());
    cases.extend(control());
    cases.extend(codes());
    cases
}

/// Frames that arrive in pieces.
fn cuts() -> Vec<Case> {
    /// The wait after which each part is read by itself.
    const READ: Duration = Duration::from_millis(2);
    const CUT: &str = "after the cut";
    let header = |id, title: &'static str, len: usize| {
        Case::new(id, title, rules::SEGMENTS, move |side, _| {
            let payload = vec![b'*'; len];
            let frame = Frame::binary(payload.clone()).encode(side, [0x37, 0xfa, 0x21, 0x3d]);
            let places = 1..=frame.len() - len;
            let echoes: Vec<Event> =
                places.clone().map(|_| Event::Binary(payload.clone())).collect();
            let send = |bytes: &[u8]| Step::Send(vec![Piece::Raw(bytes.to_vec())], Cut::Whole);
            let steps: Vec<Step> = places
                .flat_map(|at| [send(&frame[..at]), Step::Wait(READ), send(&frame[at..])])
                .collect();
            Script::new(steps, Conversation::ok(echoes))
        })
        .words(
            format!("{title}: as many messages as there are places, a short wait in each."),
            "Each message back, as it was sent.",
        )
    };
    let second = |id, title: &'static str, len: usize, bytes: fn(usize) -> usize| {
        Case::new(id, title, RECEIVED, move |side, _| {
            let first = Frame::text("first").encode(side, [1, 2, 3, 4]);
            let payload = vec![b'*'; len];
            let second = Frame::text(payload.clone()).encode(side, [5, 6, 7, 8]);
            let send = |bytes: Vec<u8>| Step::Send(vec![Piece::Raw(bytes)], Cut::Whole);
            let (begin, rest) = second.split_at(bytes(second.len()));
            let steps = [
                send([&first, begin].concat()),
                Step::Await(1),
                Step::Pause(CUT, 10 * READ),
                send(rest.to_vec()),
            ];
            let (first, quiet, second) = (text("first"), Event::Quiet(CUT), text(payload));
            let soon = [first.clone(), quiet.clone(), second.clone()];
            Script::new(
                steps,
                Conversation::ok(soon).non_strict([quiet, first, second]),
            )
        })
        .words(
            format!("{title}; the rest once the first has come back."),
            "The first message back before the rest of the second comes, and then the second. Both at the end is \
             NON-STRICT.",
        )
    };
    vec![
        header("X.1.48", "A header with a length of 7 bits, cut at each byte", 5),
        header("X.1.49", "A header with a length of 16 bits, cut at each byte", 126),
        header("X.1.50", "A header with a length of 64 bits, cut at each byte", 65536),
        second("X.1.51", "A message and the first byte of another one, in one write", 5, |_| 1),
        second(
            "X.1.52",
            "A message and another one without its last byte, in one write",
            5,
            |len| len - 1,
        ),
        second("X.1.53", "A message and a part of one of 4 KiB, in one write", 4096, |_| 1000),
        Case::new(
            "X.1.54",
            "Ten thousand messages of one byte in one write",
            rules::SEGMENTS,
            |_, _| {
                let frames = (0..10_000u32).map(|n| Frame::binary([n as u8]));
                let echoes: Vec<Event> =
                    (0..10_000u32).map(|n| Event::Binary(vec![n as u8])).collect();
                Script::new([Step::send(frames)], Conversation::ok(echoes))
            },
        )
        .words(
            "Ten thousand binary messages of one byte, in one write.",
            "All of them back, in order.",
        ),
    ]
}

/// Messages in very many fragments.
fn fragments() -> Vec<Case> {
    /// The fragments of a text message with these parts.
    fn fragments<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> Vec<Frame> {
        let mut frames: Vec<Frame> =
            parts.into_iter().map(|part| Frame::continuation(part).unfinished()).collect();
        if let Some(first) = frames.first_mut() {
            first.opcode = 1;
        }
        if let Some(last) = frames.last_mut() {
            last.fin = true;
        }
        frames
    }
    let whole = |id, title: &'static str, make: fn() -> (Vec<Frame>, Vec<u8>)| {
        Case::new(id, title, rules::FRAGMENTS, move |_, _| {
            let (frames, payload) = make();
            let conversation = Conversation::ok([text(payload)])
                .or(Behavior::NonStrict, [], failing(TOO_MUCH));
            Script::new([Step::send(frames)], conversation)
        })
        .words(
            format!("{title}."),
            "The message back, whole. To fail the connection because the fragments are too many is NON-STRICT.",
        )
    };
    vec![
        whole("X.1.55", "A text message in a thousand empty fragments", || {
            (fragments([&b""[..]; 1000]), Vec::new())
        }),
        whole("X.1.56", "A text message with a thousand empty fragments inside", || {
            let mut parts = [&b""[..]; 1002];
            (parts[0], parts[1001]) = (b"Hel", b"lo");
            (fragments(parts), HELLO.into())
        }),
        whole("X.1.57", "A text message of 10,000 fragments of one byte", || {
            let payload: Vec<u8> = (0..10_000u32).map(|n| b'a' + (n % 26) as u8).collect();
            (fragments(payload.chunks(1)), payload)
        }),
        Case::new(
            "X.1.58",
            "A text message of a thousand fragments of one byte, a Ping after each hundred",
            rules::BETWEEN,
            |_, _| {
                let payload = vec![b'*'; 1000];
                let pings: Vec<Vec<u8>> = (0..9).map(|n| format!("ping {n}").into_bytes()).collect();
                let mut frames = fragments(payload.chunks(1));
                for (number, ping) in pings.iter().enumerate().rev() {
                    frames.insert(100 * (number + 1), Frame::ping(ping.clone()));
                }
                let ponged = |answered| [Event::Pongs(answered), text(payload.clone())];
                Script::new(
                    [Step::send(frames), Step::Pongs(pings)],
                    Conversation::ok(ponged(Answered::All)).or(Behavior::Ok, ponged(Answered::Last), goes_on()),
                )
            },
        )
        .words(
            "A text message in a thousand fragments of one byte, and a Ping after each hundred of them but the last, in \
             one write.",
            "The Pongs, or that to the last Ping, and then the message.",
        ),
        Case::new("X.1.59", "Ten thousand fragments of a message that never ends, and a Close", rules::ANSWER, |_, _| {
            let mut frames = fragments([&b""[..]; 10_000]);
            frames[9_999].fin = false;
            frames.push(Frame::close(1000, ""));
            Script::new(
                [Step::send(frames)],
                Conversation::ok([]).close(Close::by_runner([1000, 1002, 1008, 1009]).unclean()),
            )
        })
        .words(
            "Ten thousand empty fragments of a message that is not finished, and a Close.",
            "The answer to the Close, and no message. To fail the connection because the fragments are too many is right \
             as well.",
        ),
        fail("X.1.60", "A thousand text frames without FIN", rules::FRAGMENTS, || {
            vec![Frame::text("a").unfinished(); 1000]
        }),
    ]
}

/// Control frames where they are unwelcome, and too many of them.
fn control() -> Vec<Case> {
    let close = |id, title: &'static str, rule, frames: fn() -> Vec<Frame>| {
        Case::new(id, title, rule, move |_, _| {
            let close = Close::by_runner([1000]);
            Script::new([Step::send(frames())], Conversation::ok([]).close(close))
        })
        .words(format!("{title}."), "Nothing but a Close with code 1000 or none.")
    };
    // The RFC does not say whether a message that never becomes whole is a fault.
    let inside = |id, title: &'static str, frames: fn() -> Vec<Frame>| {
        Case::new(id, title, rules::ANSWER, move |_, _| {
            let close = Close::by_runner([1000, 1002]);
            Script::new([Step::send(frames())], Conversation::ok([]).close(close))
        })
        .words(
            format!("{title}."),
            "Nothing but a Close: with code 1000 or none, or with 1002 for the message that is not finished.",
        )
    };
    let flood = |id, title: &'static str, count: u32, len: usize| {
        Case::new(id, title, PONGS, move |_, _| {
            let pings: Vec<Vec<u8>> =
                (0..count).map(|n| format!("{n:0>len$}").into_bytes()).collect();
            let send = Step::send(pings.iter().cloned().map(Frame::ping));
            let answers = |answered| [Event::Pongs(answered)];
            Script::new(
                [send, Step::Pongs(pings)],
                Conversation::ok(answers(Answered::All))
                    .or(Behavior::Ok, answers(Answered::Last), goes_on())
                    .or(Behavior::NonStrict, answers(Answered::Some), failing(TOO_MUCH))
                    .or(Behavior::NonStrict, [], failing(TOO_MUCH)),
            )
        })
        .words(
            format!("{title}, in one write."),
            "Pongs with their payloads and in their order; that to the last Ping is among them. To end the connection \
             because the Pings are too many is NON-STRICT.",
        )
    };
    vec![
        inside("X.1.61", "A Close between two binary fragments", || {
            vec![Frame::binary("a").unfinished(), Frame::close(1000, ""), Frame::continuation("b")]
        }),
        inside("X.1.62", "A Close inside a message that is never finished", || {
            vec![
                Frame::text("a").unfinished(),
                Frame::continuation("b").unfinished(),
                Frame::close(1000, ""),
            ]
        }),
        close("X.1.63", "Two Closes with different codes", rules::AFTER_CLOSE, || {
            vec![Frame::close(1000, ""), Frame::close(1001, "gone")]
        }),
        close("X.1.64", "A Close, and then what is against the rules", rules::AFTER_CLOSE, || {
            vec![Frame::close(1000, ""), Frame::new(3, "?"), Frame::text(b"\xff")]
        }),
        fail("X.1.65", "A Close without FIN", rules::CONTROL, || {
            vec![Frame::close(1000, "").unfinished()]
        }),
        fail("X.1.66", "A Ping without FIN between two fragments", rules::CONTROL, || {
            vec![
                Frame::text("Hel").unfinished(),
                Frame::ping("p").unfinished(),
                Frame::continuation("lo"),
            ]
        }),
        fail("X.1.67", "A Pong with 126 bytes of payload", rules::CONTROL, || {
            vec![Frame::pong([0xfe; 126])]
        }),
        flood("X.1.68", "A thousand Pings", 1000, 4),
        flood("X.1.69", "Ten thousand Pings of 125 bytes", 10_000, 125),
        Case::new(
            "X.1.70",
            "A thousand Pongs that answer nothing, and a Ping",
            rules::UNSOLICITED,
            |_, _| {
                let pongs = (0..1000).map(|n| Frame::pong(n.to_string()));
                let frames: Vec<Frame> = pongs.chain([Frame::ping(STILL_THERE)]).collect();
                Script::new([Step::send(frames)], Conversation::ok([pong()]))
            },
        )
        .words(
            "A thousand Pongs with different payloads, and a Ping, in one write.",
            "A Pong with the payload of the Ping, and nothing else.",
        ),
        Case::new(
            "X.1.71",
            "An unknown opcode, and a message and a Ping after it",
            rules::STOP,
            |_, _| {
                let frames = [Frame::new(3, "?"), Frame::text(HELLO), Frame::ping(STILL_THERE)];
                Script::new([Step::send(frames)], fails([], [1002]))
            },
        )
        .words(
            "A frame with opcode 3, a text message and a Ping, in one write.",
            "The connection fails with code 1002; there is neither an echo nor a Pong.",
        ),
    ]
}

/// Close codes that section 7 does not test.
fn codes() -> Vec<Case> {
    let mut cases: Vec<Case> = [1012, 1013, 1014]
        .into_iter()
        .zip(72..)
        .map(|(code, number)| {
            let title = format!("A Close with code {code}");
            Case::new(&format!("X.1.{number}"), title.clone(), REGISTERED, move |_, _| {
                let close = Close::by_runner([1000, code]);
                let send = Step::send([Frame::close(code, "")]);
                Script::new([send], Conversation::ok([]).close(close))
            })
            .words(format!("{title}."), "A Close with the same code, with 1000, or with none.")
        })
        .collect();
    cases.push(
        Case::new("X.1.75", "A Close with code 1015", TLS_FAILURE, |_, _| {
            let close = Close::by_runner([1002]).unclean().wrong_code_fails();
            let send = Step::send([Frame::close(1015, "")]);
            Script::new([send], Conversation::ok([]).close(close))
        })
        .words(
            "A Close with code 1015.",
            "A Close that says what is wrong with it, or none, or the end of the TCP connection.",
        ),
    );
    cases
}
