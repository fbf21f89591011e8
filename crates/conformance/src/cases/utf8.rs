//! Section 6: valid and invalid UTF-8.

use std::time::Duration;

use super::rules;
use crate::case::{Case, Close, Conversation, Cut, Event, Piece, Rule, Script, Step};
use crate::wire::{Frame, LengthForm};

const EARLY: Rule = Rule::may(
    "RFC 6455 §8.1",
    "The RFC does not say when invalid text is to be found; the sooner, the less of it is taken for good.",
);

/// "κόσμε", whose second character takes three bytes and the others two.
const KOSME: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";

/// Text with characters of one and two bytes.
const MIXED: &str = "Hello-µ@ßöäüàá-UTF-8!!";

/// A text, and whether it is valid.
type Sample = (Vec<u8>, bool);

/// Groups 6.5 to 6.23, from Markus Kuhn's stress test of UTF-8 decoders: the title, and the texts.
fn groups() -> Vec<(&'static str, Vec<Sample>)> {
    let list = |texts: &[&[u8]], valid| {
        texts.iter().map(|text| (text.to_vec(), valid)).collect::<Vec<_>>()
    };
    let prefixes = (1..=KOSME.len())
        .map(|len| (KOSME[..len].to_vec(), std::str::from_utf8(&KOSME[..len]).is_ok()))
        .collect();
    let boundaries = [
        list(&[b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf"], true),
        list(&[b"\xf4\x90\x80\x80"], false),
    ];
    let all_continuation: Vec<u8> = (0x80..0xbf).collect();
    let lonely = [(0xc0, 0xdf), (0xe0, 0xef), (0xf0, 0xf7), (0xf8, 0xfb), (0xfc, 0xfd)]
        .map(|(from, to)| ((from..to).flat_map(|byte| [byte, b' ']).collect::<Vec<u8>>(), false));
    let cut_short: [&[u8]; 10] = [
        b"\xc0",
        b"\xe0\x80",
        b"\xf0\x80\x80",
        b"\xf8\x80\x80\x80",
        b"\xfc\x80\x80\x80\x80",
        b"\xdf",
        b"\xef\xbf",
        b"\xf7\xbf\xbf",
        b"\xfb\xbf\xbf\xbf",
        b"\xfd\xbf\xbf\xbf\xbf",
    ];
    let non_characters = [0xfffe, 0xffff]
        .into_iter()
        .chain((1..=16).flat_map(|plane| [plane << 16 | 0xfffe, plane << 16 | 0xffff]))
        .filter_map(char::from_u32)
        .map(|letter| (letter.to_string().into_bytes(), true))
        .collect();
    vec![
        (
            "Valid UTF-8",
            list(
                &[
                    b"hello\x24world",
                    b"hello\xc2\xa2world",
                    b"hello\xe2\x82\xacworld",
                    b"hello\xf0\xa4\xad\xa2world",
                    KOSME,
                ],
                true,
            ),
        ),
        ("All prefixes of a text with characters of several bytes", prefixes),
        (
            "The first sequence of each length",
            list(&[b"\x00", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"], true),
        ),
        (
            "The first sequence of five and of six bytes",
            list(&[b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"], false),
        ),
        (
            "The last sequence of each length",
            list(&[b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"], true),
        ),
        (
            "The last sequence of four, five and six bytes",
            list(
                &[b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"],
                false,
            ),
        ),
        ("Other boundaries", boundaries.concat()),
        (
            "Continuation bytes that continue nothing",
            list(
                &[
                    b"\x80",
                    b"\xbf",
                    b"\x80\xbf",
                    b"\x80\xbf\x80",
                    b"\x80\xbf\x80\xbf",
                    b"\x80\xbf\x80\xbf\x80",
                    b"\x80\xbf\x80\xbf\x80\xbf",
                    &all_continuation,
                ],
                false,
            ),
        ),
        ("First bytes without continuation", lonely.to_vec()),
        ("Sequences without their last byte", list(&cut_short, false)),
        ("Sequences without their last byte, joined", vec![(cut_short.concat(), false)]),
        ("Bytes that are in no UTF-8", list(&[b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"], false)),
        (
            "A slash in too many bytes",
            list(
                &[
                    b"\xc0\xaf",
                    b"\xe0\x80\xaf",
                    b"\xf0\x80\x80\xaf",
                    b"\xf8\x80\x80\x80\xaf",
                    b"\xfc\x80\x80\x80\x80\xaf",
                ],
                false,
            ),
        ),
        (
            "The largest character of each length in one byte too many",
            list(
                &[
                    b"\xc1\xbf",
                    b"\xe0\x9f\xbf",
                    b"\xf0\x8f\xbf\xbf",
                    b"\xf8\x87\xbf\xbf\xbf",
                    b"\xfc\x83\xbf\xbf\xbf\xbf",
                ],
                false,
            ),
        ),
        (
            "NUL in too many bytes",
            list(
                &[
                    b"\xc0\x80",
                    b"\xe0\x80\x80",
                    b"\xf0\x80\x80\x80",
                    b"\xf8\x80\x80\x80\x80",
                    b"\xfc\x80\x80\x80\x80\x80",
                ],
                false,
            ),
        ),
        (
            "Single surrogates of UTF-16",
            list(
                &[
                    b"\xed\xa0\x80",
                    b"\xed\xad\xbf",
                    b"\xed\xae\x80",
                    b"\xed\xaf\xbf",
                    b"\xed\xb0\x80",
                    b"\xed\xbe\x80",
                    b"\xed\xbf\xbf",
                ],
                false,
            ),
        ),
        (
            "Pairs of surrogates of UTF-16",
            list(
                &[
                    b"\xed\xa0\x80\xed\xb0\x80",
                    b"\xed\xa0\x80\xed\xbf\xbf",
                    b"\xed\xad\xbf\xed\xb0\x80",
                    b"\xed\xad\xbf\xed\xbf\xbf",
                    b"\xed\xae\x80\xed\xb0\x80",
                    b"\xed\xae\x80\xed\xbf\xbf",
                    b"\xed\xaf\xbf\xed\xb0\x80",
                    b"\xed\xaf\xbf\xed\xbf\xbf",
                ],
                false,
            ),
        ),
        ("Code points that are no characters, and valid UTF-8", non_characters),
        (
            "Specials of Unicode, such as the replacement character",
            list(
                &[
                    b"\xef\xbf\xb9",
                    b"\xef\xbf\xba",
                    b"\xef\xbf\xbb",
                    b"\xef\xbf\xbc",
                    b"\xef\xbf\xbd",
                    b"\xef\xbf\xbe",
                    b"\xef\xbf\xbf",
                ],
                true,
            ),
        ),
    ]
}

/// The title of a group from 6.5 on.
pub(super) fn group_title(group: &str) -> &'static str {
    let number = group.strip_prefix("6.").and_then(|number| number.parse::<usize>().ok());
    let at = number.and_then(|number| number.checked_sub(5));
    at.and_then(|at| groups().get(at).map(|(title, _)| *title)).unwrap_or("")
}

pub(super) fn cases() -> Vec<Case> {
    let one_byte_each = |text: &[u8]| -> Vec<Frame> {
        let mut frames: Vec<Frame> =
            text.chunks(1).map(|byte| Frame::continuation(byte).unfinished()).collect();
        frames[0].opcode = 1;
        frames[text.len() - 1].fin = true;
        frames
    };
    let (first, second) = MIXED.split_at("Hello-µ@ßöä".len());
    let mut cases = vec![
        valid("6.1.1", "An empty text message", rules::WHOLE_UTF8, b"", || vec![Frame::text([])]),
        valid("6.1.2", "Three empty fragments", rules::WHOLE_UTF8, b"", || {
            vec![
                Frame::text([]).unfinished(),
                Frame::continuation([]).unfinished(),
                Frame::continuation([]),
            ]
        }),
        valid(
            "6.1.3",
            "Three fragments, of which the middle one is not empty",
            rules::WHOLE_UTF8,
            b"middle frame payload",
            || {
                vec![
                    Frame::text([]).unfinished(),
                    Frame::continuation("middle frame payload").unfinished(),
                    Frame::continuation([]),
                ]
            },
        ),
        valid("6.2.1", "Valid text in one frame", rules::WHOLE_UTF8, MIXED.as_bytes(), || {
            vec![Frame::text(MIXED)]
        }),
        valid(
            "6.2.2",
            "Valid text in two fragments, cut between characters",
            rules::WHOLE_UTF8,
            MIXED.as_bytes(),
            move || vec![Frame::text(first).unfinished(), Frame::continuation(second)],
        ),
        valid(
            "6.2.3",
            "Valid text in fragments of one byte",
            rules::WHOLE_UTF8,
            MIXED.as_bytes(),
            move || one_byte_each(MIXED.as_bytes()),
        ),
        valid(
            "6.2.4",
            "Valid text in fragments of one byte, characters of three bytes",
            rules::WHOLE_UTF8,
            KOSME,
            move || one_byte_each(KOSME),
        ),
        invalid("6.3.1", "Text with a surrogate, in one frame", b"\xed\xa0\x80", |text| {
            vec![Frame::text(text)]
        }),
        invalid(
            "6.3.2",
            "Text with a surrogate, in fragments of one byte",
            b"\xed\xa0\x80",
            move |text| one_byte_each(&text),
        ),
    ];
    let text = surrounded(b"\xf4\x90\x80\x80");
    let (begin, end) = (KOSME.len(), KOSME.len() + 4);
    for (id, title, cuts, in_frames) in [
        ("6.4.1", "Text that becomes invalid in the second of three fragments", [begin, end], true),
        (
            "6.4.2",
            "Text that becomes invalid with the one byte of the second fragment",
            [12, 13],
            true,
        ),
        (
            "6.4.3",
            "Text that becomes invalid in the second of three writes of one frame",
            [begin, end],
            false,
        ),
        (
            "6.4.4",
            "Text that becomes invalid with the one byte of the second write of one frame",
            [12, 13],
            false,
        ),
    ] {
        cases.push(fail_fast(id, title, text.clone(), cuts, in_frames));
    }
    for ((_, texts), group) in groups().into_iter().zip(5..) {
        for ((text, is_valid), number) in texts.into_iter().zip(1..) {
            let id = format!("6.{group}.{number}");
            let hex: String = text.iter().map(|byte| format!("{byte:02x}")).collect();
            let title = format!("The bytes {hex}, {}valid", if is_valid { "" } else { "in" });
            let expect = if is_valid { echoed(&text) } else { failed() };
            let words = if is_valid {
                "The message back."
            } else {
                "The connection fails at once, with code 1007."
            };
            let sends = format!("A text message with the bytes {hex}.");
            cases.push(
                Case::new(&id, title, rules::UTF8, move |_, _| {
                    Script::new([Step::send([Frame::text(text.clone())])], expect.clone())
                })
                .words(sends, words),
            );
        }
    }
    cases
}

/// These bytes between valid text.
fn surrounded(bytes: &[u8]) -> Vec<u8> {
    [KOSME, bytes, b"edited"].concat()
}

fn echoed(text: &[u8]) -> Conversation {
    Conversation::ok([Event::Text(text.to_vec())])
}

fn failed() -> Conversation {
    Conversation::ok([]).close(Close::by_subject([1007]).wrong_closer_fails())
}

fn valid(
    id: &str,
    title: &'static str,
    rule: Rule,
    text: &'static [u8],
    frames: impl Fn() -> Vec<Frame> + Send + Sync + 'static,
) -> Case {
    Case::new(id, title, rule, move |_, _| Script::new([Step::send(frames())], echoed(text)))
        .words(format!("{title}."), "The message back, whole.")
}

fn invalid(
    id: &str,
    title: &'static str,
    bytes: &'static [u8],
    frames: impl Fn(Vec<u8>) -> Vec<Frame> + Send + Sync + 'static,
) -> Case {
    Case::new(id, title, rules::UTF8, move |_, _| {
        Script::new([Step::send(frames(surrounded(bytes)))], failed())
    })
    .words(format!("{title}."), "The connection fails at once, with code 1007.")
}

/// Text in three parts, split at these places. It becomes invalid within the second part.
fn fail_fast(
    id: &str,
    title: &'static str,
    text: Vec<u8>,
    cuts: [usize; 2],
    in_frames: bool,
) -> Case {
    /// Long enough for the first part to be read by itself.
    const SHORT: Duration = Duration::from_millis(50);
    /// As long as Autobahn waits. If the subject finds the fault at once, the case ends earlier.
    const LONG: Duration = Duration::from_secs(1);
    Case::new(id, title, EARLY, move |_, _| {
        let parts = [&text[..cuts[0]], &text[cuts[0]..cuts[1]], &text[cuts[1]..]];
        let sends = if in_frames {
            let [a, b, c] = parts;
            [
                vec![Piece::Frame(Frame::text(a).unfinished())],
                vec![Piece::Frame(Frame::continuation(b).unfinished())],
                vec![Piece::Frame(Frame::continuation(c))],
            ]
        } else {
            let [a, b, c] = parts;
            // The header of the whole frame, and the first part, masked with zeros, so that the rest can be sent unchanged.
            let head = Frame::text(a)
                .mask(crate::wire::Mask::Key([0; 4]))
                .length(LengthForm::Claim(text.len() as u64));
            [vec![Piece::Frame(head)], vec![Piece::Raw(b.to_vec())], vec![Piece::Raw(c.to_vec())]]
        };
        let [a, b, c] = sends.map(|pieces| Step::Send(pieces, Cut::Whole));
        let steps = [a, Step::Pause("A", SHORT), b, Step::Pause("B", LONG), c];
        let late = [Event::Quiet("A"), Event::Quiet("B")];
        let close = Close::by_subject([1007]).wrong_closer_fails();
        Script::new(
            steps,
            Conversation::fails([Event::Quiet("A")], [1007]).non_strict(late).close(close),
        )
    })
    .words(
        format!("{title}, with a wait after the first and after the second."),
        "The connection fails after the second part, with code 1007. Only after the third it is NON-STRICT.",
    )
    .differs("Autobahn's case waits one second after the first part, and this one less.")
}
