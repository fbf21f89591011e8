//! Section 7: the closing handshake.

use super::rules;
use crate::case::{Case, Close, Conversation, Event, Rule, Script, Step};
use crate::wire::Frame;

const AFTER: Rule = Rule::must(
    "RFC 6455 §1.4",
    "After sending a control frame indicating the connection should be closed, a peer does not send any further data; \
     after receiving a control frame indicating the connection should be closed, a peer discards any further data \
     received.",
);
const BODY: Rule = Rule::must(
    "RFC 6455 §5.5.1",
    "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer representing a status code.",
);
const REASON: Rule = Rule::must(
    "RFC 6455 §5.5.1",
    "Following the 2-byte integer, the body MAY contain UTF-8-encoded data.",
);
const LONG: Rule = Rule::must(
    "RFC 6455 §5.5",
    "All control frames MUST have a payload length of 125 bytes or less.",
);
const CODES: Rule = Rule::must(
    "RFC 6455 §7.4",
    "Endpoints MAY use the status codes that are defined in §7.4.1, 3000-3999 of IANA's registry, and 4000-4999 for \
     private use.",
);
const RESERVED: Rule = Rule::must(
    "RFC 6455 §7.4.1",
    "1004, 1005 and 1006 are reserved values and MUST NOT be set as a status code in a Close control frame by an \
     endpoint; §7.4.2: 0-999 are not used, 1000-2999 are reserved for definition by this protocol.",
);
const OUTSIDE: Rule =
    Rule::info("RFC 6455 §7.4.2", "Of status codes from 5000 on the RFC says nothing.");

/// Codes that may be sent, in Autobahn's order.
const VALID: [u16; 13] =
    [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];

/// Codes that must not be sent, in Autobahn's order.
const INVALID: [u16; 9] = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];

pub(super) fn cases() -> Vec<Case> {
    let close = || Frame::close(1000, "");
    let mut cases = vec![
        Case::new("7.1.1", "A message, then a Close", rules::ANSWER, |_, _| {
            Script::new([Step::send([Frame::text("Hello World!")])], {
                let echo = Event::Text(b"Hello World!".to_vec());
                Conversation::ok([echo]).close(Close::by_runner([1000]).wrong_code_fails())
            })
        })
        .words(
            "A text message; a Close once its echo has come.",
            "The echo, and a Close with code 1000 or none.",
        ),
        clean("7.1.2", "Two Closes", AFTER, move || vec![close(), Frame::new(8, [])]),
        clean("7.1.3", "A Ping after a Close", AFTER, move || vec![close(), Frame::ping([])]),
        clean("7.1.4", "A text message after a Close", AFTER, move || {
            vec![close(), Frame::text("Hello World!")]
        }),
        clean("7.1.5", "A Close between two fragments", AFTER, move || {
            vec![Frame::text("fragment1").unfinished(), close(), Frame::continuation("fragment2")]
        }),
        Case::new(
            "7.1.6",
            "256 KiB, a short message, a Close and a Ping at once",
            AFTER,
            move |_, _| {
                let large =
                    b"BAsd7&jh23".iter().copied().cycle().take(256 << 10).collect::<Vec<u8>>();
                let send = Step::send([
                    Frame::text(large.clone()),
                    Frame::text("Hello World!"),
                    close(),
                    Frame::ping([]),
                ]);
                let echoes = [Event::Text(large), Event::Text(b"Hello World!".to_vec())];
                Script::new([send], Conversation::ok(echoes).informational())
            },
        )
        .words(
            "A text message of 256 KiB, a short one, a Close and a Ping, back to back.",
            "Whether the messages still come back is up to the endpoint.",
        ),
        clean("7.3.1", "A Close without a body", rules::ANSWER, || vec![Frame::new(8, [])]),
        failing("7.3.2", "A Close with a body of one byte", BODY, &[1002], || Frame::new(8, "a")),
        clean("7.3.3", "A Close with a code", rules::ANSWER, move || vec![close()]),
        clean("7.3.4", "A Close with a code and a reason", REASON, || {
            vec![Frame::close(1000, "Hello World!")]
        }),
        clean("7.3.5", "A Close with the longest reason, 123 bytes", REASON, || {
            vec![Frame::close(1000, "*".repeat(123))]
        }),
        failing("7.3.6", "A Close with a reason of 124 bytes", LONG, &[1002], || {
            Frame::close(1000, "*".repeat(124))
        }),
        failing("7.5.1", "A Close with a reason that is not UTF-8", REASON, &[1002, 1007], || {
            let reason =
                b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65\x64\x69\x74\x65\x64";
            Frame::close(1000, reason)
        }),
    ];
    for (code, number) in VALID.into_iter().zip(1..) {
        let title = format!("A Close with code {code}");
        cases.push(
            Case::new(&format!("7.7.{number}"), title.clone(), CODES, move |_, _| {
                let close = Close::by_runner([1000, code]).wrong_code_fails();
                Script::new(
                    [Step::send([Frame::close(code, "")])],
                    Conversation::ok([]).close(close),
                )
            })
            .words(format!("{title}."), "A Close with the same code, with 1000, or with none."),
        );
    }
    for (code, number) in INVALID.into_iter().zip(1..) {
        let title = format!("A Close with code {code}");
        let id = format!("7.9.{number}");
        cases.push(failing(&id, title, RESERVED, &[1002], move || Frame::close(code, "")));
    }
    for (code, id) in [(5000, "7.13.1"), (65535, "7.13.2")] {
        let title = format!("A Close with code {code}");
        cases.push(
            Case::new(id, title.clone(), OUTSIDE, move |_, _| {
                let send = Step::send([Frame::close(code, "")]);
                let close = Close::by_runner([1000, code, 1002]).unclean();
                Script::new([send], Conversation::ok([]).close(close).informational())
            })
            .words(format!("{title}."), "What the subject does is up to it."),
        );
    }
    cases
}

/// Frames that include a Close, which the subject must answer with a Close and nothing else.
fn clean(
    id: &str,
    title: &'static str,
    rule: Rule,
    frames: impl Fn() -> Vec<Frame> + Send + Sync + 'static,
) -> Case {
    Case::new(id, title, rule, move |_, _| {
        Script::new(
            [Step::send(frames())],
            Conversation::ok([]).close(Close::by_runner([1000]).wrong_code_fails()),
        )
    })
    .words(format!("{title}."), "Nothing but a Close with code 1000 or none.")
}

/// A Close that must not be sent. The subject must answer with one of these codes, or end the connection.
fn failing(
    id: &str,
    title: impl Into<String>,
    rule: Rule,
    codes: &'static [u16],
    frame: impl Fn() -> Frame + Send + Sync + 'static,
) -> Case {
    let title = title.into();
    Case::new(id, title.clone(), rule, move |_, _| {
        let close = Close::by_runner(codes).unclean().wrong_code_fails();
        Script::new([Step::send([frame()])], Conversation::ok([]).close(close))
    })
    .words(
        format!("{title}."),
        "A Close that says what is wrong with it, or none, or the end of the TCP connection.",
    )
}
