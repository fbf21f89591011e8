//! Section 5: fragmented messages.

use super::rules;
use crate::case::{Case, Conversation, Cut, Event, Piece, Rule, Script, Step};
use crate::wire::Frame;

const NOTHING: Rule = Rule::must(
    "RFC 6455 §5.4",
    "A continuation frame continues a message that has begun: with nothing to continue it is an error.",
);

/// All at once, each frame in its own write, and byte by byte. This must make no difference.
const CUTS: [(Cut, &str); 3] = [
    (Cut::Whole, "in one write"),
    (Cut::Pieces, "each frame in its own write"),
    (Cut::Every(1), "byte by byte"),
];

fn echoed(fragments: &[&str]) -> Event {
    Event::Text(fragments.concat().into_bytes())
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        failing(
            "5.1",
            "A Ping in two fragments",
            rules::CONTROL,
            || vec![Frame::ping("fragment1").unfinished(), Frame::continuation("fragment2")],
            Cut::Whole,
        ),
        failing(
            "5.2",
            "A Pong in two fragments, with a Ping between them",
            rules::CONTROL,
            || {
                vec![
                    Frame::pong("fragment1").unfinished(),
                    Frame::ping([]),
                    Frame::continuation("fragment2"),
                ]
            },
            Cut::Whole,
        )
        .differs(
            "Autobahn's case has no Ping: an endpoint that takes the first fragment for a Pong fails it at the second.",
        ),
    ];
    for ((cut, how), number) in CUTS.into_iter().zip(3..) {
        let title = format!("A text message in two fragments, {how}");
        cases.push(
            Case::new(&format!("5.{number}"), title.clone(), rules::FRAGMENTS, move |_, _| {
                let frames =
                    [Frame::text("fragment1").unfinished(), Frame::continuation("fragment2")];
                let send = Step::Send(frames.into_iter().map(Piece::Frame).collect(), cut);
                Script::new([send], Conversation::ok([echoed(&["fragment1", "fragment2"])]))
            })
            .words(format!("{title}."), "The message back, whole."),
        );
    }
    for ((cut, how), number) in CUTS.into_iter().zip(6..) {
        let title = format!("A Ping between two fragments, {how}");
        cases.push(
            Case::new(&format!("5.{number}"), title.clone(), rules::BETWEEN, move |_, _| {
                let frames = [
                    Frame::text("fragment1").unfinished(),
                    Frame::ping("ping payload"),
                    Frame::continuation("fragment2"),
                ];
                let send = Step::Send(frames.into_iter().map(Piece::Frame).collect(), cut);
                let pong = Event::Pong(b"ping payload".to_vec());
                Script::new([send], Conversation::ok([pong, echoed(&["fragment1", "fragment2"])]))
            })
            .words(format!("{title}."), "The Pong, and then the message."),
        );
    }
    for ((cut, how), number) in CUTS.into_iter().zip(9..) {
        let title =
            format!("A last continuation frame with nothing to continue, and a message, {how}");
        cases.push(failing(
            &format!("5.{number}"),
            title,
            NOTHING,
            || vec![Frame::continuation("non-continuation payload"), Frame::text("Hello, world!")],
            cut,
        ));
    }
    for ((cut, how), number) in CUTS.into_iter().zip(12..) {
        let title = format!("A continuation frame with nothing to continue, and a message, {how}");
        cases.push(failing(
            &format!("5.{number}"),
            title,
            NOTHING,
            || {
                vec![
                    Frame::continuation("non-continuation payload").unfinished(),
                    Frame::text("Hello, world!"),
                ]
            },
            cut,
        ));
    }
    cases.extend([
        Case::new("5.15", "A continuation frame after a whole message", NOTHING, |_, _| {
            let send = Step::send([
                Frame::text("fragment1").unfinished(),
                Frame::continuation("fragment2"),
                Frame::continuation("fragment3").unfinished(),
                Frame::text("fragment4"),
            ]);
            let echo = echoed(&["fragment1", "fragment2"]);
            Script::new([send], Conversation::fails([echo], [1002]).non_strict([]))
        })
        .words(
            "A text message in two fragments, a continuation frame with nothing to continue, a text message.",
            "The echo of the first message, and then the connection fails with code 1002. Without the echo it is \
             NON-STRICT.",
        ),
        failing("5.16", "Messages that begin with a continuation frame", NOTHING, || {
            let once = [
                Frame::continuation("fragment1").unfinished(),
                Frame::text("fragment2").unfinished(),
                Frame::continuation("fragment3"),
            ];
            [once.clone(), once].concat()
        }, Cut::Whole),
        failing("5.17", "Messages that begin with a last continuation frame", NOTHING, || {
            let once = [
                Frame::continuation("fragment1"),
                Frame::text("fragment2").unfinished(),
                Frame::continuation("fragment3"),
            ];
            [once.clone(), once].concat()
        }, Cut::Whole),
        failing("5.18", "A text message whose second fragment is a text frame", rules::FRAGMENTS, || {
            vec![Frame::text("fragment1").unfinished(), Frame::text("fragment2")]
        }, Cut::Whole),
        pinged("5.19", "Pings between five fragments, with a wait", Cut::Whole),
        pinged("5.20", "Pings between five fragments, with a wait, each frame in its own write", Cut::Pieces),
    ]);
    cases
}

/// Frames that must make the connection fail.
fn failing(
    id: &str,
    title: impl Into<String>,
    rule: Rule,
    frames: fn() -> Vec<Frame>,
    cut: Cut,
) -> Case {
    let title = title.into();
    Case::new(id, title.clone(), rule, move |_, _| {
        let send = Step::Send(frames().into_iter().map(Piece::Frame).collect(), cut);
        Script::new([send], Conversation::fails([], [1002]))
    })
    .words(format!("{title}."), "The connection fails at once, with code 1002.")
}

fn pinged(id: &str, title: &'static str, cut: Cut) -> Case {
    Case::new(id, title, rules::BETWEEN, move |_, _| {
        let fragments = ["fragment1", "fragment2", "fragment3", "fragment4", "fragment5"];
        let pings = ["pongme 1!", "pongme 2!"];
        let send = |frames: Vec<Frame>| Step::Send(frames.into_iter().map(Piece::Frame).collect(), cut);
        let first = send(vec![
            Frame::text(fragments[0]).unfinished(),
            Frame::continuation(fragments[1]).unfinished(),
            Frame::ping(pings[0]),
        ]);
        let second = send(vec![
            Frame::continuation(fragments[2]).unfinished(),
            Frame::continuation(fragments[3]).unfinished(),
            Frame::ping(pings[1]),
            Frame::continuation(fragments[4]),
        ]);
        let pong = |ping: &str| Event::Pong(ping.into());
        Script::new(
            [first, Step::Await(1), second],
            Conversation::ok([pong(pings[0]), pong(pings[1]), echoed(&fragments)]),
        )
    })
    .words(
        "Two fragments of a text message and a Ping; after the Pong two more fragments, a Ping and the last fragment.",
        "The Pong to the first Ping before the message is whole; the Pong to the second; the message.",
    )
    .differs("Autobahn's case waits one second in the middle, and this one for the Pong.")
}
