//! Section T: slow input, silence, and how connections end.

use std::time::Duration;

use super::rules;
use crate::case::{Answered, Case, Close, Conversation, Cut, Event, Piece, Rule, Script, Step};
use crate::side::Side;
use crate::verdict::Behavior;
use crate::wire::Frame;

const STREAM: Rule = Rule::must(
    "RFC 9293 §2.2",
    "TCP provides a byte stream: in which segments and how fast it comes means nothing.",
);
const CONTROL: Rule = Rule::should(
    "RFC 6455 §5.5.2",
    "An endpoint SHOULD respond with Pong frame as soon as is practical. §5.4: An endpoint MUST be capable of handling \
     control frames in the middle of a fragmented message.",
);
const PONGS: Rule = Rule::must(
    "RFC 6455 §5.5.2",
    "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response. §5.5.3: It MAY elect to send a Pong \
     for only the most recently processed Ping.",
);
const STAY: Rule = Rule::should(
    "RFC 6455 §7.3",
    "Servers MAY close the WebSocket connection whenever desired. Clients SHOULD NOT close the WebSocket connection \
     arbitrarily.",
);
const LOST: Rule = Rule::must(
    "RFC 6455 §7.2.1",
    "If at any point the underlying transport layer connection is unexpectedly lost, the client MUST _Fail the WebSocket \
     Connection_.",
);
const WHOLE: Rule = Rule::must(
    "RFC 6455 §6.2",
    "_A WebSocket Message Has Been Received_ when its frame is there or, if it is fragmented, when the last fragment is. \
     §7.2.1: If the underlying transport layer connection is unexpectedly lost, the client MUST _Fail the WebSocket \
     Connection_.",
);
const HALF: Rule = Rule::info(
    "RFC 9293 §3.6",
    "CLOSE is an operation meaning \"I have no more data to send\"; the other direction stays open. RFC 6455 does not speak \
     of that.",
);
const SERVER_FIRST: Rule = Rule::must(
    "RFC 6455 §5.5.1",
    "After both sending and receiving a Close message, the server MUST close the underlying TCP connection immediately.",
);
const CLIENT_WAITS: Rule = Rule::should(
    "RFC 6455 §5.5.1",
    "After both sending and receiving a Close message, the client SHOULD wait for the server to close the connection but \
     MAY close the connection at any time.",
);
const FAIL: Rule = Rule::must(
    "RFC 6455 §7.1.7",
    "To _Fail the WebSocket Connection_, an endpoint MUST _Close the WebSocket Connection_; it MUST NOT continue to \
     attempt to process data (including a responding Close frame) from the remote endpoint.",
);
const BOTH: Rule = Rule::must(
    "RFC 6455 §5.5.1",
    "If a client and server both send a Close message at the same time, both endpoints will have sent and received a \
     Close message and should consider the WebSocket connection closed and close the underlying TCP connection.",
);
const CURRENT: Rule = Rule::may(
    "RFC 6455 §5.5.1",
    "An endpoint MAY delay sending a Close frame until its current message is sent. However, there is no guarantee that \
     the endpoint that has already sent a Close frame will continue to process data.",
);

const HELLO: &str = "Hello";

/// Codes that are acceptable from an endpoint that has lost its peer, if it sends a Close at all.
const GONE: [u16; 6] = [1000, 1001, 1002, 1007, 1008, 1011];

const KIB: usize = 1 << 10;

pub(super) fn cases() -> Vec<Case> {
    [slow(), ends(), closes()].into_iter().flatten().collect()
}

/// A conversation at the end of which the runner ends its direction. RFC 6455 §7.2.1 demands that a client then ends the
/// connection, too, but says nothing about a server.
pub(super) fn at_end(side: Side, conversation: Conversation) -> Conversation {
    if side == Side::Client {
        return conversation;
    }
    let ways: Vec<Vec<Event>> = conversation.ways().map(|(_, events, _)| events.to_vec()).collect();
    ways.into_iter().fold(conversation, |conversation, events| {
        conversation.or(Behavior::NonStrict, events, Close::by_runner([1000]).unclean())
    })
}

fn text(payload: impl Into<Vec<u8>>) -> Event {
    Event::Text(payload.into())
}

fn send(frames: impl IntoIterator<Item = Frame>, cut: Cut) -> Step {
    Step::Send(frames.into_iter().map(Piece::Frame).collect(), cut)
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// This number of bytes at a time, with a wait of this many milliseconds after each part.
const fn slowly(bytes: usize, wait: u64) -> Cut {
    Cut::Slowly { bytes, wait: millis(wait) }
}

/// The subject must end the connection, because the runner is gone.
fn gone() -> Close {
    Close::by_subject(GONE).wrong_closer_fails()
}

fn slow() -> Vec<Case> {
    let back = "The message back, as it was sent.";
    let slow = |id, title: &'static str, frames: fn() -> Vec<Frame>, cut, events: Vec<Event>| {
        Case::new(id, title, STREAM, move |_, _| {
            Script::new([send(frames(), cut)], Conversation::ok(events.clone()))
        })
        .words(format!("{title}, with a wait after each part."), back)
    };
    vec![
        slow(
            "T.1.1",
            "A short text message, byte by byte",
            || vec![Frame::text(HELLO)],
            slowly(1, 10),
            vec![text(HELLO)],
        ),
        slow(
            "T.1.2",
            "A text message of 130 bytes in parts of three bytes",
            || vec![Frame::text([b'*'; 130])],
            slowly(3, 3),
            vec![text([b'*'; 130])],
        ),
        slow(
            "T.1.3",
            "A text message of 64 KiB in parts of 8000 bytes",
            || vec![Frame::text(vec![b'*'; 64 * KIB])],
            slowly(8000, 10),
            vec![text(vec![b'*'; 64 * KIB])],
        ),
        slow(
            "T.1.4",
            "A character in two fragments with a Ping between, byte by byte",
            || {
                vec![
                    Frame::text(b"\xe2\x82").unfinished(),
                    Frame::ping("p"),
                    Frame::continuation(b"\xac"),
                ]
            },
            slowly(1, 4),
            vec![Event::Pong("p".into()), text("\u{20ac}")],
        ),
        Case::new("T.1.5", "A Ping, byte by byte", STREAM, |_, _| {
            let pong = Event::Pong(HELLO.into());
            Script::new([send([Frame::ping(HELLO)], slowly(1, 5))], Conversation::ok([pong]))
        })
        .words("A Ping, byte by byte, with a wait after each.", "A Pong with its payload."),
        Case::new("T.1.6", "A Close, byte by byte", STREAM, |_, _| {
            let close = [Frame::close(1000, "bye")];
            Script::new([send(close, slowly(1, 5))], Conversation::ok([]))
        })
        .words(
            "A Close with a reason, byte by byte, with a wait after each.",
            "A Close with code 1000 or none.",
        ),
        Case::new("T.1.7", "Silence, and then a message", STAY, |_, _| {
            let silence = "silence";
            let steps = [Step::Pause(silence, millis(400)), Step::send([Frame::text(HELLO)])];
            let conversation = Conversation::ok([Event::Quiet(silence), text(HELLO)]);
            Script::new(steps, conversation.or(Behavior::NonStrict, [], gone()))
        })
        .words(
            "Nothing for a while, and then a text message.",
            "The message back: the connection is still open. To close it so soon is NON-STRICT.",
        ),
        Case::new("T.1.8", "Half a header, silence, and then the rest of the message", STAY, |side, _| {
            let silence = "half a header";
            let frame = Frame::binary([7; 200]).encode(side, [1, 2, 3, 4]);
            let part = |bytes: &[u8]| Step::Send(vec![Piece::Raw(bytes.to_vec())], Cut::Whole);
            let steps =
                [part(&frame[..3]), Step::Pause(silence, millis(300)), part(&frame[3..])];
            let echo = Event::Binary(vec![7; 200]);
            let conversation = Conversation::ok([Event::Quiet(silence), echo]);
            Script::new(steps, conversation.or(Behavior::NonStrict, [], gone()))
        })
        .words(
            "The first three bytes of a binary frame, nothing for a while, and then the rest.",
            "The message back. To close the connection so soon is NON-STRICT.",
        ),
        Case::new("T.1.9", "A Ping inside a large message is answered before the message ends", CONTROL, |_, _| {
            const BEFORE: &str = "before the last fragment";
            let part = || vec![b'*'; 64 * KIB];
            let begin = [
                Frame::text(part()).unfinished(),
                Frame::continuation(part()).unfinished(),
                Frame::ping(HELLO),
                Frame::continuation(part()).unfinished(),
            ];
            let steps = [
                Step::send(begin),
                Step::Await(1),
                Step::Pause(BEFORE, millis(20)),
                Step::send([Frame::continuation(part())]),
            ];
            let (quiet, pong) = (Event::Quiet(BEFORE), Event::Pong(HELLO.into()));
            let message = text(vec![b'*'; 256 * KIB]);
            Script::new(
                steps,
                Conversation::ok([pong.clone(), quiet.clone(), message.clone()])
                    .non_strict([quiet.clone(), pong.clone(), message.clone()])
                    .non_strict([quiet, message, pong]),
            )
        })
        .words(
            "Three fragments of 64 KiB, a Ping among them; the last fragment once the Pong has come.",
            "The Pong before the last fragment is sent, and then the message. A late Pong is NON-STRICT.",
        ),
        Case::new("T.1.10", "Pings while the subject sends a large message", PONGS, |_, _| {
            let large = vec![b'*'; 512 * KIB];
            let pings: Vec<Vec<u8>> = (0..5u8).map(|n| vec![n; 100]).collect();
            let frames = [Frame::text(large.clone())];
            let frames = frames.into_iter().chain(pings.iter().cloned().map(Frame::ping));
            let ponged = |answered| Event::Pongs(answered);
            let ways = [Answered::All, Answered::Last].into_iter().flat_map(|answered| {
                let echo = text(large.clone());
                [vec![echo.clone(), ponged(answered)], vec![ponged(answered), echo]]
            });
            let mut conversation = Conversation::ok([]);
            conversation.accepted = ways.map(|events| (Behavior::Ok, events)).collect();
            Script::new([Step::send(frames), Step::Pongs(pings)], conversation)
        })
        .words(
            "A text message of 512 KiB, and five Pings right after it, in one write.",
            "The message back, and Pongs before, inside or after it; that to the last Ping is among them.",
        ),
    ]
}

/// The runner ends its direction of the TCP connection without a Close.
fn ends() -> Vec<Case> {
    let expects = "No message, and the end of the TCP connection.";
    let cut = |id, title: &'static str, sends: &'static str, bytes: fn(Side) -> Vec<u8>| {
        Case::new(id, title, WHOLE, move |side, _| {
            let begin = Step::Send(vec![Piece::Raw(bytes(side))], Cut::Whole);
            let conversation = Conversation::ok([]).close(gone());
            Script::new([begin, Step::EndOutput], at_end(side, conversation))
        })
        .words(format!("{sends}, and then the end of the runner's direction."), expects)
    };
    /// The first bytes of a binary frame with a payload of `len` bytes.
    fn first(side: Side, len: usize, bytes: usize) -> Vec<u8> {
        let mut frame = Frame::binary(vec![7; len]).encode(side, [1, 2, 3, 4]);
        frame.truncate(bytes);
        frame
    }
    vec![
        Case::new("T.2.1", "The end right after the opening handshake", LOST, |side, _| {
            let conversation = Conversation::ok([]).close(gone());
            Script::new([Step::EndOutput], at_end(side, conversation))
        })
        .words("Nothing but the end of the runner's direction.", expects),
        Case::new("T.2.2", "The end after a message that has come back", LOST, |side, _| {
            let steps = [Step::send([Frame::text(HELLO)]), Step::Await(1), Step::EndOutput];
            let conversation = Conversation::ok([text(HELLO)]).close(gone());
            Script::new(steps, at_end(side, conversation))
        })
        .words(
            "A text message, and the end of the runner's direction once its echo has come.",
            "The echo, and the end of the TCP connection.",
        ),
        Case::new("T.2.3", "A message and the end at once", HALF, |side, _| {
            let steps = [Step::send([Frame::text(HELLO)]), Step::EndOutput];
            let mut conversation = Conversation::ok([]).close(gone());
            conversation.accepted = vec![
                (Behavior::Informational, vec![text(HELLO)]),
                (Behavior::Informational, Vec::new()),
            ];
            Script::new(steps, at_end(side, conversation))
        })
        .words(
            "A text message, and the end of the runner's direction, which goes on to read.",
            "Whether the message still comes back is up to the endpoint; then the end of the TCP connection.",
        ),
        Case::new("T.2.4", "A Ping and the end at once", HALF, |side, _| {
            let steps = [Step::send([Frame::ping(HELLO)]), Step::EndOutput];
            let mut conversation = Conversation::ok([]).close(gone());
            conversation.accepted = vec![
                (Behavior::Informational, vec![Event::Pong(HELLO.into())]),
                (Behavior::Informational, Vec::new()),
            ];
            Script::new(steps, at_end(side, conversation))
        })
        .words(
            "A Ping, and the end of the runner's direction, which goes on to read.",
            "Whether there is a Pong is up to the endpoint; then the end of the TCP connection.",
        ),
        Case::new("T.2.5", "A Close and the end at once", rules::ANSWER, |side, _| {
            let steps = [Step::send([Frame::close(1000, "")]), Step::EndOutput];
            let mut close = Close::by_runner([1000]);
            if side == Side::Client {
                // RFC 6455 §5.5.1: "the client MAY close the connection at any time", so it is not certain that the answer
                // can be read.
                close = close.unclean();
            }
            Script::new(steps, Conversation::ok([]).close(close))
        })
        .words(
            "A Close, and the end of the runner's direction, which goes on to read.",
            "A Close with code 1000 or none, and the end of the TCP connection.",
        ),
        cut("T.2.6", "The end inside a header", "The first byte of a binary frame", |side| {
            first(side, 5, 1)
        }),
        cut("T.2.7", "The end inside a length of 16 bits", "Three bytes of a binary frame of 200 bytes", |side| {
            first(side, 200, 3)
        }),
        cut("T.2.8", "The end inside a length of 64 bits", "Nine bytes of a binary frame of 64 KiB", |side| {
            first(side, 64 * KIB, 9)
        }),
        cut("T.2.9", "The end after a header", "The header of a binary frame of 5 bytes", |side| {
            first(side, 5, if side == Side::Server { 6 } else { 2 })
        }),
        cut("T.2.10", "The end inside a masking key", "Four bytes of a masked binary frame", |side| {
            first(side, 5, 4)
        })
        .only(Side::Server),
        cut("T.2.11", "The end inside a payload", "A binary frame without its last byte", |side| {
            let whole = Frame::binary([7; 200]).encode(side, [1, 2, 3, 4]);
            first(side, 200, whole.len() - 1)
        }),
        cut("T.2.12", "The end inside a Close", "A Close without the last byte of its code", |side| {
            let mut close = Frame::close(1000, "").encode(side, [1, 2, 3, 4]);
            close.pop();
            close
        }),
        Case::new("T.2.13", "The end inside a fragmented message", WHOLE, |side, _| {
            let frames = [Frame::text("Hel").unfinished(), Frame::continuation("lo").unfinished()];
            let conversation = Conversation::ok([]).close(gone());
            Script::new([Step::send(frames), Step::EndOutput], at_end(side, conversation))
        })
        .words(
            "Two fragments of a text message that is not finished, and then the end of the runner's direction.",
            expects,
        ),
        Case::new("T.2.14", "The end after a whole message and a part of another one", WHOLE, |side, _| {
            let frame = Frame::binary([7; 200]).encode(side, [1, 2, 3, 4]);
            let pieces = vec![Piece::Frame(Frame::text(HELLO)), Piece::Raw(frame[..100].to_vec())];
            let steps = [Step::Send(pieces, Cut::Whole), Step::Await(1), Step::EndOutput];
            let conversation = Conversation::ok([text(HELLO)]).close(gone());
            Script::new(steps, at_end(side, conversation))
        })
        .words(
            "A text message and a part of a binary frame; the end of the runner's direction once the echo has come.",
            "The echo of the first message, and the end of the TCP connection.",
        ),
    ]
}

/// Closes, and what happens to the TCP connection after them.
fn closes() -> Vec<Case> {
    const OPEN: &str = "with the TCP connection open";
    /// A frame that makes the subject fail the connection.
    fn fault() -> Frame {
        Frame::new(3, "?")
    }
    vec![
        Case::new("T.3.1", "The server ends the TCP connection at once", SERVER_FIRST, |_, _| {
            let steps = [Step::send([Frame::close(1000, "")]), Step::Pause(OPEN, millis(500))];
            let conversation = Conversation::ok([]).non_strict([Event::Quiet(OPEN)]);
            Script::new(steps, conversation)
        })
        .words(
            "A Close, and then nothing.",
            "A Close and the end of the TCP connection. If that takes half a second it is NON-STRICT.",
        )
        .only(Side::Server),
        Case::new("T.3.2", "The client leaves the end of the TCP connection to the server", CLIENT_WAITS, |_, _| {
            let steps = [Step::send([Frame::close(1000, "")]), Step::Pause(OPEN, millis(200))];
            let conversation = Conversation::ok([Event::Quiet(OPEN)]).non_strict([]);
            Script::new(steps, conversation)
        })
        .words(
            "A Close; the runner, which is the server, then waits a little before it ends the TCP connection.",
            "A Close, and the end of the TCP connection after the runner has ended it. To end it first is NON-STRICT.",
        )
        .only(Side::Client),
        Case::new("T.3.3", "A Close, and a message while the TCP connection is still open", rules::AFTER_CLOSE, |_, _| {
            let steps = [
                Step::send([Frame::close(1000, "")]),
                Step::Wait(millis(30)),
                Step::send([Frame::text(HELLO), Frame::ping(HELLO)]),
                Step::Pause(OPEN, millis(100)),
            ];
            let conversation = Conversation::ok([Event::Quiet(OPEN)]).or(
                Behavior::Ok,
                [],
                Close::by_runner([1000]),
            );
            Script::new(steps, conversation)
        })
        .words(
            "A Close; a text message and a Ping a little later.",
            "A Close, and nothing after it but the end of the TCP connection.",
        ),
        Case::new("T.3.4", "The subject's Close is not answered", FAIL, |_, _| {
            let steps =
                [Step::IgnoreClose, Step::send([fault()]), Step::Pause(OPEN, millis(1000))];
            let close = Close::by_subject([1002]).wrong_closer_fails();
            let conversation = Conversation::ok([]).close(close).non_strict([Event::Quiet(OPEN)]);
            Script::new(steps, conversation)
        })
        .words(
            "A frame with an unknown opcode; the runner does not answer the subject's Close.",
            "The connection fails, and the subject ends the TCP connection by itself. If that takes a second it is \
             NON-STRICT.",
        ),
        Case::new("T.3.5", "The subject's Close is not answered, and messages go on to come", FAIL, |_, _| {
            let more = || Step::send([Frame::text(vec![b'*'; 16 * KIB]), Frame::ping(HELLO)]);
            let wait = || Step::Wait(millis(20));
            let steps = [
                Step::IgnoreClose,
                Step::send([fault()]),
                wait(),
                more(),
                wait(),
                more(),
                Step::Pause(OPEN, millis(1000)),
            ];
            let close = Close::by_subject([1002]).wrong_closer_fails();
            let conversation = Conversation::ok([]).close(close).non_strict([Event::Quiet(OPEN)]);
            Script::new(steps, conversation)
        })
        .words(
            "A frame with an unknown opcode; messages and Pings after it, and no answer to the subject's Close.",
            "The connection fails, nothing comes back, and the subject ends the TCP connection by itself. If that takes \
             a second it is NON-STRICT.",
        ),
        Case::new("T.3.6", "Both send a Close at once", BOTH, |_, _| {
            let close = Close::by_runner([1002]).unclean().wrong_code_fails();
            let send = Step::send([fault(), Frame::close(1000, "")]);
            Script::new([send], Conversation::ok([]).close(close))
        })
        .words(
            "A frame with an unknown opcode and a Close, in one write: the subject's Close crosses the runner's.",
            "One Close with code 1002, or none, and the end of the TCP connection.",
        ),
        Case::new("T.3.7", "A Close with much unread data after it", rules::AFTER_CLOSE, |_, _| {
            let frames = [Frame::close(1000, ""), Frame::binary(vec![7; 256 * KIB])];
            let conversation = Conversation::ok([]).close(Close::by_runner([1000]).unclean());
            Script::new([Step::send(frames)], conversation)
        })
        .words(
            "A Close and a binary message of 256 KiB, in one write.",
            "A Close with code 1000 or none, and no message. A TCP connection that was ended with unread data may lose \
             the Close.",
        ),
        Case::new("T.3.8", "A Close while a large echo is on its way", CURRENT, |_, _| {
            let large = vec![7; 1024 * KIB];
            let frames = [Frame::binary(large.clone()), Frame::close(1000, "")];
            let conversation = Conversation::ok([Event::Binary(large)]).or(
                Behavior::Ok,
                [],
                Close::by_runner([1000]),
            );
            Script::new([Step::send(frames)], conversation)
        })
        .words(
            "A binary message of 1 MiB and a Close, in one write.",
            "A Close with code 1000 or none; the message before it, whole, or none of it.",
        ),
        Case::new("T.3.9", "A Close a while after a fragment", rules::ANSWER, |_, _| {
            let steps = [
                Step::send([Frame::text("Hel").unfinished()]),
                Step::Wait(millis(50)),
                Step::send([Frame::close(1001, "")]),
            ];
            let conversation = Conversation::ok([]).close(Close::by_runner([1001, 1000, 1002]));
            Script::new(steps, conversation)
        })
        .words(
            "A fragment of a text message; a Close with code 1001 a little later.",
            "A Close with code 1001, 1000 or none, or 1002 for the message that is not finished; no message.",
        ),
    ]
}
