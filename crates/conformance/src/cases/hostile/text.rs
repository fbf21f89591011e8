//! Group X.2: text.

use std::time::Duration;

use super::super::rules;
use super::shared::{STILL_THERE, failing, fails, pong, text};
use crate::case::{Answered, Case, Close, Conversation, Event, Rule, Script, Step};
use crate::verdict::Behavior;
use crate::wire::Frame;

const EARLY: Rule = Rule::may(
    "RFC 6455 §8.1",
    "This rule applies both during the opening handshake and during subsequent data exchange. It does not say when \
     invalid text is to be found; the sooner, the less of it is taken for good.",
);
const BINARY: Rule = Rule::must(
    "RFC 6455 §5.6",
    "The \"Payload data\" of a binary frame is arbitrary binary data whose interpretation is solely up to the application \
     layer.",
);
const NEW: Rule = Rule::must(
    "RFC 6455 §5.4",
    "The fragments of one message MUST NOT be interleaved between the fragments of another message unless an extension \
     has been negotiated that can interpret the interleaving.",
);
const REASON: Rule = Rule::must(
    "RFC 6455 §5.5.1",
    "Following the 2-byte integer, the body of a Close MAY contain UTF-8-encoded data.",
);

const BACK: &str = "The message back, byte for byte.";
const FAILS: &str = "The connection fails, with code 1007 or without a Close.";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = valid();
    cases.extend(invalid());
    cases.extend(reasons());
    cases
}

/// A text message in these fragments.
fn fragments(parts: &[&[u8]]) -> Vec<Frame> {
    let mut frames: Vec<Frame> =
        parts.iter().map(|part| Frame::continuation(*part).unfinished()).collect();
    if let Some(first) = frames.first_mut() {
        first.opcode = 1;
    }
    if let Some(last) = frames.last_mut() {
        last.fin = true;
    }
    frames
}

fn valid() -> Vec<Case> {
    let cut = |id, title: &'static str, letter: &'static str| {
        Case::new(id, title, rules::WHOLE_UTF8, move |_, _| {
            let bytes = letter.as_bytes();
            let places = 1..bytes.len();
            let frames = places.clone().flat_map(|at| {
                let (begin, rest) = bytes.split_at(at);
                fragments(&[begin, rest])
            });
            let echoes: Vec<Event> = places.clone().map(|_| text(bytes)).collect();
            Script::new([Step::send(frames)], Conversation::ok(echoes))
        })
        .words(
            format!("{title}: as many messages of two fragments as there are places."),
            "Each message back, whole.",
        )
    };
    let legal = |id, title: &'static str, payload: &'static [u8], frames: fn() -> Vec<Frame>| {
        Case::new(id, title, rules::WHOLE_UTF8, move |_, _| {
            Script::new([Step::send(frames())], Conversation::ok([text(payload)]))
        })
        .words(format!("{title}."), BACK)
    };
    vec![
        cut("X.2.1", "A character of two bytes cut by two fragments", "\u{e9}"),
        cut("X.2.2", "A character of three bytes cut by two fragments at each byte", "\u{20ac}"),
        cut("X.2.3", "A character of four bytes cut by two fragments at each byte", "\u{10ffff}"),
        Case::new("X.2.4", "A character of four bytes, each in a fragment with a Ping after it", rules::WHOLE_UTF8, |_, _| {
            let pings: Vec<Vec<u8>> = (1..4).map(|at| vec![at]).collect();
            let mut frames = fragments(&[b"\xf0", b"\x9d", b"\x84", b"\x9e"]);
            for (ping, at) in pings.iter().zip(1..4).rev() {
                frames.insert(at, Frame::ping(ping.clone()));
            }
            let ponged = |answered| [Event::Pongs(answered), text("\u{1d11e}")];
            Script::new(
                [Step::send(frames), Step::Pongs(pings)],
                Conversation::ok(ponged(Answered::All)).or(
                    Behavior::Ok,
                    ponged(Answered::Last),
                    Close::by_runner([1000]),
                ),
            )
        })
        .words(
            "A character of four bytes, each in a fragment of its own, and a Ping after each of the first three.",
            "The Pongs, or that to the last Ping, and then the message.",
        ),
        legal(
            "X.2.5",
            "A character of three bytes with empty fragments before, inside and after it",
            "\u{20ac}".as_bytes(),
            || fragments(&[b"", b"\xe2", b"", b"", b"\x82", b"", b"\xac", b""]),
        ),
        legal(
            "X.2.6",
            "Text that begins with a byte order mark",
            "\u{feff}text".as_bytes(),
            || vec![Frame::text("\u{feff}text")],
        ),
        legal(
            "X.2.7",
            "Text with NUL at the beginning, inside and at the end",
            b"\0a\0\0b\0",
            || vec![Frame::text("\0a\0\0b\0")],
        ),
        legal(
            "X.2.8",
            "Code points that are no characters, the last one of Unicode among them",
            "\u{fdd0}\u{fffe}\u{ffff}\u{1fffe}\u{10fffe}\u{10ffff}".as_bytes(),
            || vec![Frame::text("\u{fdd0}\u{fffe}\u{ffff}\u{1fffe}\u{10fffe}\u{10ffff}")],
        ),
        legal(
            "X.2.9",
            "All control characters, and line ends of every kind",
            CONTROLS,
            || vec![Frame::text(CONTROLS)],
        ),
        Case::new("X.2.10", "A binary message that is not UTF-8, in two fragments", BINARY, |_, _| {
            let frames = [Frame::binary(b"\xff").unfinished(), Frame::continuation(b"\xfe")];
            Script::new([Step::send(frames)], Conversation::ok([Event::Binary(b"\xff\xfe".into())]))
        })
        .words("A binary message of the bytes ff and fe, one in each of two fragments.", BACK),
        Case::new("X.2.11", "Texts that end within a character as binary messages, then a text", BINARY, |_, _| {
            let frames = [Frame::binary(b"\xe2\x82"), Frame::text("\u{20ac}")];
            let events = [Event::Binary(b"\xe2\x82".into()), text("\u{20ac}")];
            Script::new([Step::send(frames)], Conversation::ok(events))
        })
        .words(
            "A binary message of the first two bytes of a character, and a text message of the character.",
            "Both messages back.",
        ),
    ]
}

/// The control characters of ASCII and of Latin-1, and the line ends of Unicode.
const CONTROLS: &[u8] =
    "\u{1}\u{2}\t\n\u{b}\u{c}\r\u{1b}\u{1f}\u{7f}\u{80}\u{85}\u{9f}\r\n\u{2028}\u{2029}".as_bytes();

fn invalid() -> Vec<Case> {
    let bad = |id, title: &'static str, frames: fn() -> Vec<Frame>| {
        Case::new(id, title, rules::UTF8, move |_, _| {
            Script::new([Step::send(frames())], fails([], [1007]))
        })
        .words(format!("{title}."), FAILS)
    };
    vec![
        bad("X.2.12", "Text of 64 KiB of which the very last byte is in no UTF-8", || {
            let mut payload = vec![b'*'; 64 << 10];
            payload[(64 << 10) - 1] = 0xff;
            vec![Frame::text(payload)]
        }),
        bad("X.2.13", "Text whose last fragment is one byte that is in no UTF-8", || {
            fragments(&[b"fragment1", b"fragment2", b"\xff"])
        }),
        bad("X.2.14", "Text that ends with one byte of a character of two", || {
            vec![Frame::text(b"text\xc3")]
        }),
        bad("X.2.15", "Text that ends with two bytes of a character of three", || {
            vec![Frame::text(b"text\xe2\x82")]
        }),
        bad("X.2.16", "Text that ends with three bytes of a character of four", || {
            vec![Frame::text(b"text\xf0\x9d\x84")]
        }),
        bad("X.2.17", "Text that ends within a character, and an empty last fragment", || {
            fragments(&[b"text\xe2\x82", b""])
        }),
        bad("X.2.18", "Text that ends within a character, and a binary message with the rest of it", || {
            vec![Frame::text(b"text\xe2\x82"), Frame::binary(b"\xac")]
        }),
        bad("X.2.19", "Text that ends within a character, and a text message with the rest of it", || {
            vec![Frame::text(b"text\xe2\x82"), Frame::text(b"\xac")]
        }),
        Case::new("X.2.20", "A text fragment that ends within a character, then a binary frame with the rest", NEW, |_, _| {
            let frames = [Frame::text(b"text\xe2\x82").unfinished(), Frame::binary(b"\xac")];
            Script::new([Step::send(frames)], fails([], [1002, 1007]))
        })
        .words(
            "A text frame without FIN that ends within a character, and a binary frame with the rest of the character.",
            "The connection fails: the second frame is none that can stand there.",
        ),
        bad("X.2.21", "Two halves of a pair of surrogates, in a fragment each", || {
            fragments(&[b"\xed\xa0\xbd", b"\xed\xb8\x80"])
        }),
        bad("X.2.22", "A slash in too many bytes, cut by two fragments", || {
            fragments(&[b"\xc0", b"\xaf"])
        }),
        bad("X.2.23", "A code point after the last one of Unicode, cut by fragments at each byte", || {
            fragments(&[b"\xf4", b"\x90", b"\x80", b"\x80"])
        }),
        Case::new("X.2.24", "A bad fragment, and then silence", EARLY, |_, _| {
            const UNFINISHED: &str = "after the bad fragment";
            let send = |frame| Step::send([frame]);
            let steps = [
                send(Frame::text(b"ok\xf4\x90").unfinished()),
                Step::Pause(UNFINISHED, Duration::from_millis(250)),
                send(Frame::continuation(b"\x80\x80")),
            ];
            let late = [Event::Quiet(UNFINISHED)];
            Script::new(steps, fails([], [1007]).or(Behavior::NonStrict, late, failing([1007])))
        })
        .words(
            "A text frame without FIN that no text can go on from; a wait; the last fragment.",
            "The connection fails with code 1007 before the last fragment comes. Only after that it is NON-STRICT.",
        ),
        Case::new("X.2.25", "A bad fragment, a Ping and the last fragment", rules::UTF8, |_, _| {
            let frames = [
                Frame::text(b"ok\xff").unfinished(),
                Frame::ping(STILL_THERE),
                Frame::continuation("end"),
            ];
            let conversation =
                fails([], [1007]).or(Behavior::NonStrict, [pong()], failing([1007]));
            Script::new([Step::send(frames)], conversation)
        })
        .words(
            "A text frame without FIN with a byte that is in no UTF-8, a Ping, and the last fragment.",
            "The connection fails with code 1007. With a Pong before that, it is NON-STRICT.",
        ),
    ]
}

/// Reasons of Closes.
fn reasons() -> Vec<Case> {
    let bad = |id, title: &'static str, reason: &'static [u8]| {
        Case::new(id, title, rules::UTF8, move |_, _| {
            let close = Close::by_runner([1007, 1002]).unclean().wrong_code_fails();
            let send = Step::send([Frame::close(1000, reason)]);
            Script::new([send], Conversation::ok([]).close(close))
        })
        .words(
            format!("{title}."),
            "A Close with code 1007 or 1002, or none, or the end of the TCP connection.",
        )
    };
    let good = |id, title: &'static str, reason: String| {
        Case::new(id, title, REASON, move |_, _| {
            let close = Close::by_runner([1000]).wrong_code_fails();
            let send = Step::send([Frame::close(1000, &reason)]);
            Script::new([send], Conversation::ok([]).close(close))
        })
        .words(format!("{title}."), "A Close with code 1000 or none.")
    };
    vec![
        bad(
            "X.2.26",
            "A Close with a reason that is cut within a character",
            b"ende gut, alles gut \xe2\x82",
        ),
        bad("X.2.27", "A Close with a reason of one byte, the first one of a character", b"\xf0"),
        good(
            "X.2.28",
            "A Close with the longest reason, of characters of three bytes",
            "\u{20ac}".repeat(41),
        ),
        good(
            "X.2.29",
            "A Close with a reason of a byte order mark, NUL and a code point that is no character",
            "\u{feff}\0\u{ffff}".into(),
        ),
    ]
}
