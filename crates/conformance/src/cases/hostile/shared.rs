//! What several groups of the section expect, and what they send to check whether the subject goes on.

use crate::case::{Close, Conversation, Event};
use crate::verdict::Behavior;

/// The payload of a Ping that follows something unusual. Its Pong shows that the subject went on.
pub(super) const STILL_THERE: &str = "still there?";

pub(super) fn pong() -> Event {
    Event::Pong(STILL_THERE.into())
}

/// Codes that are acceptable for a compressed message that cannot be decompressed. No RFC says
/// which one is right.
pub(super) const BROKEN: [u16; 5] = [1007, 1002, 1003, 1008, 1011];

/// Codes that are acceptable from an endpoint when a message is too much for it.
pub(super) const TOO_MUCH: [u16; 3] = [1009, 1008, 1011];

/// The subject must send this and then fail the connection.
pub(super) fn fails(events: impl Into<Vec<Event>>, codes: impl Into<Vec<u16>>) -> Conversation {
    Conversation::ok(events).close(failing(codes))
}

/// The subject must fail the connection.
pub(super) fn failing(codes: impl Into<Vec<u16>>) -> Close {
    Close::by_subject(codes).wrong_closer_fails()
}

/// An invalid Close: the subject must fail the connection with code 1002. With another code, it has answered the Close.
pub(super) fn not_answered() -> Conversation {
    Conversation::ok([]).close(failing([1002]).wrong_code_fails())
}

/// The runner closes the connection, because the subject had no reason to.
pub(super) fn goes_on() -> Close {
    Close::by_runner([1000])
}

/// Behaviour that no RFC defines: the subject may do this, or one of the other ways that are added.
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
