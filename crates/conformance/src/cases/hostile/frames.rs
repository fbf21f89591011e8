//! Group X.1: single frames.

use std::time::Duration;

use super::super::rules;
use super::shared::{STILL_THERE, failing, fails, goes_on, not_answered, pong, text};
use crate::case::{Case, Close, Conversation, Cut, Event, Piece, Rule, Script, Step};
use crate::side::Side;
use crate::verdict::Behavior;
use crate::wire::{Frame, LengthForm, Mask};

const MINIMAL: Rule = Rule::should(
    "RFC 6455 §5.2",
    "In all cases, the minimal number of bytes MUST be used to encode the length. What a receiver does with more of them \
     is not said.",
);
const HIGHEST_BIT: Rule = Rule::should(
    "RFC 6455 §5.2",
    "The following 8 bytes interpreted as a 64-bit unsigned integer (the most significant bit MUST be 0) are the payload \
     length.",
);
const LIMITS: Rule = Rule::should(
    "RFC 6455 §10.4",
    "Implementations that have limitations regarding the frame size or total message size after reassembly from multiple \
     frames MUST protect themselves against exceeding those limits.",
);
const MASKS: Rule = Rule::must(
    "RFC 6455 §5.1",
    "The server MUST close the connection upon receiving a frame that is not masked. A client MUST close a connection if \
     it detects a masked frame. It MAY use the status code 1002.",
);
const KEYS: Rule = Rule::must(
    "RFC 6455 §5.3",
    "Octet i of the transformed data is the XOR of octet i of the original data with octet i modulo 4 of the masking key.",
);
const BITS: Rule = Rule::must(
    "RFC 6455 §5.2",
    "RSV1, RSV2, RSV3 MUST be 0 unless an extension is negotiated that defines meanings for non-zero values; otherwise \
     the receiving endpoint MUST _Fail the WebSocket Connection_.",
);
const FRESH: Rule = Rule::must(
    "RFC 6455 §5.3",
    "When preparing a masked frame, the client MUST pick a fresh masking key from the set of allowed 32-bit values.",
);
const HELLO: &str = "Hello";
const FAILS: &str = "The connection fails, with code 1002 or without a Close.";
const BACK: &str = "The message back, as it was sent.";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = lengths();
    cases.extend(claims());
    cases.extend(masks());
    cases.extend(reserved());
    cases.push(keys());
    cases
}

/// Frames that must make the connection fail with code 1002.
pub(super) fn fail(
    id: &str,
    title: impl Into<String>,
    rule: Rule,
    frames: impl Fn() -> Vec<Frame> + Send + Sync + 'static,
) -> Case {
    let title = title.into();
    Case::new(id, title.clone(), rule, move |_, _| {
        Script::new([Step::send(frames())], fails([], [1002]))
    })
    .words(format!("{title}."), FAILS)
}

/// A Close with reserved bits.
fn fail_close(id: &str, title: String, bits: u8) -> Case {
    Case::new(id, title.clone(), BITS, move |_, _| {
        Script::new([Step::send([Frame::close(1000, "").rsv(bits)])], not_answered())
    })
    .words(
        format!("{title}."),
        "The connection fails, with code 1002 or without a Close; the Close is not answered.",
    )
}

/// Lengths that are not in the shortest form.
fn lengths() -> Vec<Case> {
    use LengthForm::{Eight, Two};
    let lax = |id, title: &'static str, frames: Vec<Frame>, events: Vec<Event>| {
        Case::new(id, title, MINIMAL, move |_, _| {
            let conversation =
                fails([], [1002]).or(Behavior::NonStrict, events.clone(), goes_on());
            Script::new([Step::send(frames.clone())], conversation)
        })
        .words(
            format!("{title}."),
            "The connection fails with code 1002. To take the frame for what it means is NON-STRICT.",
        )
    };
    let long = |len: usize| Frame::binary(vec![0x2a; len]);
    let echo = |len: usize| vec![Event::Binary(vec![0x2a; len])];
    vec![
        lax(
            "X.1.1",
            "A text frame of 5 bytes, its length in 16 bits",
            vec![Frame::text(HELLO).length(Two)],
            vec![text(HELLO)],
        ),
        lax(
            "X.1.2",
            "An empty text frame, its length in 16 bits",
            vec![Frame::text([]).length(Two)],
            vec![text([])],
        ),
        lax(
            "X.1.3",
            "A binary frame of 125 bytes, its length in 16 bits",
            vec![long(125).length(Two)],
            echo(125),
        ),
        lax(
            "X.1.4",
            "A text frame of 5 bytes, its length in 64 bits",
            vec![Frame::text(HELLO).length(Eight)],
            vec![text(HELLO)],
        ),
        lax(
            "X.1.5",
            "A binary frame of 126 bytes, its length in 64 bits",
            vec![long(126).length(Eight)],
            echo(126),
        ),
        lax(
            "X.1.6",
            "A binary frame of 65535 bytes, its length in 64 bits",
            vec![long(65535).length(Eight)],
            echo(65535),
        ),
        lax(
            "X.1.7",
            "A continuation frame of 2 bytes, its length in 16 bits",
            vec![Frame::text("Hel").unfinished(), Frame::continuation("lo").length(Two)],
            vec![text(HELLO)],
        ),
        lax(
            "X.1.8",
            "A Ping of 5 bytes, its length in 16 bits",
            vec![Frame::ping(HELLO).length(Two)],
            vec![Event::Pong(HELLO.into())],
        ),
        lax(
            "X.1.9",
            "A Ping of 5 bytes, its length in 64 bits",
            vec![Frame::ping(HELLO).length(Eight)],
            vec![Event::Pong(HELLO.into())],
        ),
        lax(
            "X.1.10",
            "A Pong of 5 bytes, its length in 16 bits, and a Ping",
            vec![Frame::pong(HELLO).length(Two), Frame::ping(STILL_THERE)],
            vec![pong()],
        ),
        Case::new("X.1.11", "A Close with its length in 16 bits", MINIMAL, |_, _| {
            let send = Step::send([Frame::close(1000, "").length(Two)]);
            let close = Close::by_runner([1000, 1002]).unclean();
            Script::new([send], Conversation::ok([]).close(close))
        })
        .words(
            "A Close with code 1000, its length in 16 bits.",
            "A Close with code 1002 or 1000, or none.",
        ),
    ]
}

/// Impossible lengths.
fn claims() -> Vec<Case> {
    /// How long a subject may take to check a header.
    const THINK: Duration = Duration::from_millis(250);
    const HEADER: &str = "after the header";
    let claim = |id, title: &'static str, rule: Rule, frames: Vec<Frame>| {
        Case::new(id, title, rule, move |side, _| {
            let steps = [Step::send(frames.clone()), Step::Pause(HEADER, THINK), Step::EndOutput];
            let codes = [1002, 1009];
            let late = [Event::Quiet(HEADER)];
            let any = [1000, 1001, 1002, 1006, 1009, 1011];
            let conversation = fails([], codes).or(Behavior::NonStrict, late, failing(any));
            Script::new(steps, crate::cases::time::at_end(side, conversation))
        })
        .words(
            format!("{title}; a wait; the end of the runner's direction."),
            "The connection fails at the header, with code 1002 or 1009. To wait for the payload until the end is \
             NON-STRICT.",
        )
    };
    let claims = |frame: Frame, len: u64| vec![frame.length(LengthForm::Claim(len))];
    let continued = vec![
        Frame::text("a").unfinished(),
        Frame::continuation([]).length(LengthForm::Claim((1 << 63) - 1)),
    ];
    vec![
        claim(
            "X.1.12",
            "The header of a text frame of 2^63 bytes",
            HIGHEST_BIT,
            claims(Frame::text([]), 1 << 63),
        ),
        claim(
            "X.1.13",
            "The header of a binary frame of 2^64-1 bytes",
            HIGHEST_BIT,
            claims(Frame::binary([]), u64::MAX),
        ),
        claim(
            "X.1.14",
            "The header of a binary frame of 2^63-1 bytes",
            LIMITS,
            claims(Frame::binary([]), (1 << 63) - 1),
        ),
        claim(
            "X.1.15",
            "One byte of text, then the header of a continuation frame of 2^63-1 bytes",
            LIMITS,
            continued,
        ),
        claim(
            "X.1.16",
            "The header of a Ping of 2^63 bytes",
            rules::CONTROL,
            claims(Frame::ping([]), 1 << 63),
        ),
        claim(
            "X.1.17",
            "The header of a Pong without FIN, of 2^64-1 bytes",
            rules::CONTROL,
            claims(Frame::pong([]).unfinished(), u64::MAX),
        ),
        claim(
            "X.1.18",
            "The header of a Close of 65536 bytes",
            rules::CONTROL,
            claims(Frame::new(8, []), 65536),
        ),
    ]
}

/// Masks on the side that must not have them, none on the side that must, and unusual keys.
fn masks() -> Vec<Case> {
    let wrong = |id, title: &'static str, before: Option<Frame>, frame: Frame| {
        fail(id, title, MASKS, move || {
            before.clone().into_iter().chain([frame.clone().mask(Mask::Wrong)]).collect()
        })
    };
    let key = |id, title: &'static str, frames: Vec<Frame>, events: Vec<Event>| {
        Case::new(id, title, KEYS, move |_, _| {
            Script::new([Step::send(frames.clone())], Conversation::ok(events.clone()))
        })
        .words(format!("{title}."), BACK)
        .only(Side::Server)
    };
    let same = Mask::Key([0x37, 0xfa, 0x21, 0x3d]);
    vec![
        wrong("X.1.19", "A text frame masked the wrong way round: with a mask to a client, without one to a server", None, Frame::text(HELLO)),
        wrong("X.1.20", "An empty binary frame masked the wrong way round", None, Frame::binary([])),
        wrong("X.1.21", "A Ping masked the wrong way round", None, Frame::ping(HELLO)),
        wrong("X.1.22", "A Pong masked the wrong way round", None, Frame::pong(HELLO)),
        wrong("X.1.23", "A Close masked the wrong way round", None, Frame::close(1000, "")),
        wrong(
            "X.1.24",
            "The second fragment of a message masked the wrong way round",
            Some(Frame::text("Hel").unfinished()),
            Frame::continuation("lo"),
        ),
        Case::new("X.1.25", "A right message, one masked the wrong way, a Ping", rules::STOP, |_, _| {
            let send = Step::send([
                Frame::text("first"),
                Frame::text("second").mask(Mask::Wrong),
                Frame::ping(STILL_THERE),
            ]);
            let conversation = fails([text("first")], [1002])
                .or(Behavior::NonStrict, [], failing([1002]));
            Script::new([send], conversation)
        })
        .words(
            "A text message, one that is masked the wrong way round, and a Ping, in one write.",
            "The echo of the first; then the connection fails with code 1002, and there is no Pong. Without the echo it \
             is NON-STRICT.",
        ),
        key(
            "X.1.26",
            "A text frame with a key of zeros",
            vec![Frame::text(HELLO).mask(Mask::Key([0; 4]))],
            vec![text(HELLO)],
        ),
        key(
            "X.1.27",
            "Three frames with the same key, of a message with a Ping inside",
            vec![
                Frame::text("Hel").unfinished().mask(same),
                Frame::ping("p").mask(same),
                Frame::continuation("lo").mask(same),
            ],
            vec![Event::Pong("p".into()), text(HELLO)],
        ),
        key(
            "X.1.28",
            "Payloads of 1 to 9 bytes with a key of four different bytes",
            (1..10).map(|len| Frame::binary(vec![0xa5; len]).mask(Mask::Key([1, 2, 4, 8]))).collect(),
            (1..10).map(|len| Event::Binary(vec![0xa5; len])).collect(),
        ),
    ]
}

/// Reserved bits and opcodes that sections 3 and 4 do not test, and bytes that are not frames at all.
fn reserved() -> Vec<Case> {
    let mut cases = Vec::new();
    let bits = [(4, "RSV1"), (2, "RSV2"), (1, "RSV3")];
    let controls = [(Frame::ping(HELLO), "Ping"), (Frame::pong(HELLO), "Pong")];
    let mut number = 29..;
    let mut id = || format!("X.1.{}", number.next().unwrap_or(0));
    for (frame, name) in controls {
        for (bit, word) in bits {
            let frame = frame.clone().rsv(bit);
            cases.push(fail(&id(), format!("A {name} with {word}"), BITS, move || {
                vec![frame.clone()]
            }));
        }
    }
    for (bit, word) in bits {
        cases.push(fail_close(&id(), format!("A Close with {word}"), bit));
    }
    for (bit, word) in bits {
        cases.push(fail(
            &id(),
            format!("A last continuation frame with {word}"),
            BITS,
            move || vec![Frame::text("Hel").unfinished(), Frame::continuation("lo").rsv(bit)],
        ));
    }
    cases.push(fail(&id(), "A continuation frame with RSV1 that is not the last", BITS, || {
        vec![
            Frame::text("H").unfinished(),
            Frame::continuation("el").rsv(4).unfinished(),
            Frame::continuation("lo"),
        ]
    }));
    for (opcode, kind) in [(3, "data"), (7, "data"), (11, "control"), (15, "control")] {
        let title = format!(
            "A frame with opcode {opcode}, reserved for {kind}, inside a fragmented message"
        );
        cases.push(fail(&id(), title, rules::UNKNOWN_OPCODE, move || {
            vec![
                Frame::text("Hel").unfinished(),
                Frame::new(opcode, "?"),
                Frame::continuation("lo"),
            ]
        }));
    }
    let raw = |id: String, title: &'static str, rule, bytes: &'static [u8]| {
        Case::new(&id, title, rule, move |_, _| {
            let send = Step::Send(vec![Piece::Raw(bytes.to_vec())], Cut::Whole);
            Script::new([send], fails([], [1002]))
        })
        .words(format!("{title}."), FAILS)
    };
    cases.extend([
        raw(
            id(),
            "A request of HTTP where a frame should be",
            BITS,
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ),
        raw(
            id(),
            "The beginning of a TLS handshake where a frame should be",
            BITS,
            b"\x16\x03\x01\x00\x2e\x01\x00\x00\x2a\x03\x03ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF\x00\x00\x02\x13\x01\x01\x00",
        ),
    ]);
    cases
}

/// Checks a client's masking keys.
fn keys() -> Case {
    const COUNT: u8 = 20;
    Case::new("X.1.76", "The masking keys of a client", FRESH, |_, _| {
        let frames = (0..COUNT).map(|n| Frame::binary([n; 8]));
        let echoes = (0..COUNT).map(|n| Event::Binary(vec![n; 8]));
        let events: Vec<Event> = echoes.chain([Event::FreshKeys]).collect();
        let steps = [Step::send(frames), Step::Await(COUNT.into()), Step::CompareKeys];
        Script::new(steps, Conversation::ok(events))
    })
    .words("Twenty short messages.", "All of them back, each masked with a key of its own.")
    .only(Side::Client)
}
