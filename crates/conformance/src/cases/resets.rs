//! T.4: the TCP connection is reset while something is in progress.

use std::time::Duration;

use crate::case::{Case, Close, Conversation, Cut, Event, Piece, Rule, Script, Step};
use crate::verdict::Behavior;
use crate::wire::Frame;

const LOST: Rule = Rule::must(
    "RFC 6455 §7.2.1",
    "If at any point the underlying transport layer connection is unexpectedly lost, the client MUST _Fail the WebSocket \
     Connection_. A server has nothing else to do with it, and other connections are not touched by that.",
);

/// A wait, so that the subject reads what was sent before it notices the reset.
const READS: Step = Step::Wait(Duration::from_millis(20));

const EXPECTS: &str = "The subject lets go of the connection: a server takes another one, and sends back a message there; a \
                       client comes for the next case, and in memory the connection is closed.";

pub(super) fn cases() -> Vec<Case> {
    let let_go = |events: Vec<Event>| {
        let events: Vec<Event> = events.into_iter().chain([Event::LetGo]).collect();
        Conversation::ok(events).close(Close::by_runner([]).unclean())
    };
    vec![
        Case::new("T.4.1", "A reset inside a payload", LOST, move |side, _| {
            let frame = Frame::binary([7; 200]).encode(side, [1, 2, 3, 4]);
            let part = Step::Send(vec![Piece::Raw(frame[..100].to_vec())], Cut::Whole);
            Script::new([part, READS, Step::Reset], let_go(Vec::new()))
        })
        .words("The first 100 bytes of a binary frame of 200 bytes, and a reset.", EXPECTS),
        Case::new("T.4.2", "A reset inside a fragmented message", LOST, move |_, _| {
            let frames = [Frame::text("Hel").unfinished(), Frame::continuation("lo").unfinished()];
            Script::new([Step::send(frames), READS, Step::Reset], let_go(Vec::new()))
        })
        .words("Two fragments of a text message that is not finished, and a reset.", EXPECTS),
        Case::new("T.4.3", "A reset while a large echo is on its way", LOST, move |_, _| {
            let large = vec![7; 1 << 20];
            let whole = vec![Event::Binary(large.clone()), Event::LetGo];
            let mut conversation = let_go(Vec::new());
            conversation.accepted.push((Behavior::Ok, whole));
            Script::new([Step::send([Frame::binary(large)]), Step::Reset], conversation)
        })
        .words("A binary message of 1 MiB, and a reset before its echo was read.", EXPECTS),
        Case::new("T.4.4", "A reset between two messages", LOST, move |_, _| {
            let text = Event::Text("Hello".into());
            let steps = [Step::send([Frame::text("Hello")]), Step::Await(1), Step::Reset];
            Script::new(steps, let_go(vec![text]))
        })
        .words("A text message, and a reset once its echo has come.", EXPECTS),
    ]
}
