//! What several groups of the section expect, and what they send to see whether the subject is still there.

use crate::case::{Close, Conversation, Event};
use crate::verdict::Behavior;

/// What a Ping says behind something odd: its Pong shows that the subject went on.
pub(super) const STILL_THERE: &str = "still there?";

pub(super) fn pong() -> Event {
    Event::Pong(STILL_THERE.into())
}

/// Codes that fit a compressed message that cannot be decompressed: no RFC says which one.
pub(super) const BROKEN: [u16; 5] = [1007, 1002, 1003, 1008, 1011];

/// Codes of an endpoint to which a message is too much.
pub(super) const TOO_MUCH: [u16; 3] = [1009, 1008, 1011];

/// The subject sends this and then fails the connection; a subject that does not has failed the case.
pub(super) fn fails(events: impl Into<Vec<Event>>, codes: impl Into<Vec<u16>>) -> Conversation {
    Conversation::ok(events).close(failing(codes))
}

/// The subject fails the connection; a subject that does not has failed the case.
pub(super) fn failing(codes: impl Into<Vec<u16>>) -> Close {
    Close::by_subject(codes).wrong_closer_fails()
}

/// A Close that is none: code 1002 is for the fault, and with another code the subject has answered it.
pub(super) fn not_answered() -> Conversation {
    Conversation::ok([]).close(failing([1002]).wrong_code_fails())
}

/// The runner closes the connection, since the subject had no reason to.
pub(super) fn goes_on() -> Close {
    Close::by_runner([1000])
}

/// What no RFC speaks of, and the subject may answer like this or in the other ways that are added.
pub(super) fn observed(events: impl Into<Vec<Event>>, close: Close) -> Conversation {
    let mut conversation = Conversation::ok([]).close(close);
    conversation.accepted = vec![(Behavior::Informational, events.into())];
    conversation
}

pub(super) fn text(payload: impl Into<Vec<u8>>) -> Event {
    Event::Text(payload.into())
}

pub(super) fn binary(payload: impl Into<Vec<u8>>) -> Event {
    Event::Binary(payload.into())
}
