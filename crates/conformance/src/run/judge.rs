//! The verdict on what was seen, by the rules of Autobahn's suite.

use super::opening::NotOpened;
use super::reader::Seen;
use crate::case::{Close, Closer, Conversation, Event, Expect, Refusal};
use crate::side::Side;
use crate::verdict::{Behavior, BehaviorClose};
use crate::wire::{Head, missing_field};
use crate::wirelog::What;

/// A verdict and its reasons.
pub(super) struct Verdict {
    pub(super) behavior: Behavior,
    pub(super) behavior_close: BehaviorClose,
    pub(super) observed: String,
    pub(super) observed_close: String,
}

pub(super) fn judge(side: Side, expect: &Expect, seen: &Seen) -> Verdict {
    if let Some(NotOpened::Unimplemented(how)) = &seen.not_opened {
        return Verdict {
            behavior: Behavior::Unimplemented,
            behavior_close: BehaviorClose::Unimplemented,
            observed: how.clone(),
            observed_close: String::new(),
        };
    }
    match expect {
        Expect::Conversation(conversation) => open(side, conversation, seen),
        Expect::Refusal(refusal) => refused(side, refusal, seen),
        Expect::Either(conversation, refusal) => {
            if is_open(side, seen) {
                return open(side, conversation, seen);
            }
            let mut verdict = refused(side, refusal, seen);
            if conversation.informational {
                verdict.behavior = Behavior::Informational;
                verdict.behavior_close = BehaviorClose::Informational;
            }
            verdict
        }
    }
}

fn open(side: Side, expect: &Conversation, seen: &Seen) -> Verdict {
    let observed = observed(seen);
    if !seen.opened {
        return Verdict {
            behavior: Behavior::Failed,
            behavior_close: BehaviorClose::Failed,
            observed,
            observed_close: "The opening handshake was never completed.".into(),
        };
    }
    let came = |events: &[Event]| events == seen.events;
    let way = expect
        .ways()
        .find(|(_, events, close)| came(events) && close.by == closer(seen))
        .or_else(|| expect.ways().find(|(_, events, _)| came(events)));
    let (mut behavior, end) = match way {
        Some((behavior, _, close)) => (behavior, close),
        None => (Behavior::Failed, &expect.close),
    };
    let (close, why) = close(side, end, seen);
    if (end.wrong_closer_fails && closer(seen) != end.by)
        || (end.wrong_code_fails && close == BehaviorClose::WrongCode)
    {
        behavior = Behavior::Failed;
    }
    let too_big = expect.may_be_too_big && seen.close.is_some_and(|close| close.code == Some(1009));
    let (behavior, behavior_close) = if expect.informational || too_big {
        (Behavior::Informational, BehaviorClose::Informational)
    } else {
        (behavior, close)
    };
    Verdict { behavior, behavior_close, observed, observed_close: why }
}

/// Who ended the connection: the side that sent the first Close or, without one, ended the TCP connection first.
fn closer(seen: &Seen) -> Closer {
    match seen.closed_first {
        Some(closer) => closer,
        None if seen.ended() => Closer::Subject,
        None => Closer::Runner,
    }
}

fn close(side: Side, expect: &Close, seen: &Seen) -> (BehaviorClose, String) {
    let clean = seen.close.is_some() && seen.close_sent;
    let code = seen.close.and_then(|close| close.code);
    if closer(seen) != expect.by {
        let how = match expect.by {
            Closer::Subject => "The subject did not fail the connection.",
            Closer::Runner => "The subject ended the connection, and had no reason to.",
        };
        return (BehaviorClose::Failed, how.into());
    }
    if seen.reset {
        return (BehaviorClose::Ok, "The runner reset the TCP connection.".into());
    }
    if expect.clean && !clean {
        return (BehaviorClose::Unclean, "There was no Close from the subject.".into());
    }
    if side == Side::Client && seen.close.is_none() && !seen.ended() {
        return (
            BehaviorClose::Unclean,
            "The subject neither answered the Close nor ended the connection (RFC 6455 §5.5.1)."
                .into(),
        );
    }
    if let Some(code) = code.filter(|code| !expect.codes.contains(code)) {
        let codes: Vec<String> = expect.codes.iter().map(u16::to_string).collect();
        let how =
            format!("The code of its Close is {code}, and not {} or none.", codes.join(" or "));
        return (BehaviorClose::WrongCode, how);
    }
    if side == Side::Server && !seen.ended() {
        return (
            BehaviorClose::FailedByClient,
            "The server left it to the client to close the TCP connection (RFC 6455 §7.1.1)."
                .into(),
        );
    }
    (BehaviorClose::Ok, "The connection ended as it should.".into())
}

/// Whether the subject is judged by its behaviour on an open connection. A client that ended the connection at once, without
/// a frame, has refused the response.
fn is_open(side: Side, seen: &Seen) -> bool {
    let silent = seen.events.is_empty() && seen.close.is_none() && !seen.close_sent;
    seen.opened && !(side == Side::Client && silent && seen.ended())
}

/// Whether the subject refused the opening handshake, and how.
fn refused(side: Side, expect: &Refusal, seen: &Seen) -> Verdict {
    let right = expect.right.unwrap_or(Behavior::Ok);
    let (behavior, observed) = match &seen.not_opened {
        Some(NotOpened::Refused(head)) => by_status(head, expect),
        Some(NotOpened::Fault(how)) => (Behavior::Failed, sentence(how)),
        Some(NotOpened::Unimplemented(how)) => (Behavior::Unimplemented, sentence(how)),
        None => match side {
            Side::Server if seen.opened => opened(expect, seen),
            Side::Server if seen.ended() => (
                expect.silence.unwrap_or(Behavior::NonStrict),
                "It ended the connection without a response.".into(),
            ),
            Side::Client if !seen.events.is_empty() => opened(expect, seen),
            Side::Client if seen.opened && seen.close.is_some() => (
                // A frame, even a Close, means that the subject has opened the connection (RFC 6455
                // §4.1, §7.1.7).
                if right == Behavior::Ok { Behavior::NonStrict } else { right },
                format!("It refused the response with a Close. {}", observed(seen)),
            ),
            Side::Client if seen.opened && seen.ended() => {
                let how = match seen.output_ended {
                    true => "It ended the connection when the runner did.",
                    false => "It ended the connection.",
                };
                (right, how.into())
            }
            Side::Server | Side::Client => {
                let idle = if seen.opened || side == Side::Server { expect.idle } else { None };
                (idle.unwrap_or(Behavior::Failed), observed(seen))
            }
        },
    };
    Verdict {
        behavior,
        behavior_close: BehaviorClose::Ok,
        observed,
        observed_close: "There was to be no connection.".into(),
    }
}

/// The verdict on a server's response that refuses.
fn by_status(head: &Head, expect: &Refusal) -> (Behavior, String) {
    let status = head.status();
    let listed = match &expect.statuses[..] {
        [] => (400..500).contains(&status),
        statuses => statuses.contains(&status),
    };
    let observed = format!("It answered with status {status}");
    if let Some(how) = expect.check.and_then(|check| check(head).err()) {
        return (Behavior::Failed, format!("{observed}, and {how}."));
    }
    let right = expect.right.unwrap_or(Behavior::Ok);
    if let (true, Behavior::Ok, Some(how)) = (listed, right, missing_field(head)) {
        return (Behavior::NonStrict, format!("{observed}, and {how}."));
    }
    let behavior = match status {
        _ if listed => right,
        400..600 => expect.other.unwrap_or(Behavior::NonStrict),
        _ => Behavior::Failed,
    };
    (behavior, observed + ".")
}

/// The verdict on a subject that opened the connection but should not have.
fn opened(expect: &Refusal, seen: &Seen) -> (Behavior, String) {
    let behavior = expect.opened.unwrap_or(Behavior::Failed);
    (behavior, format!("It opened the connection. {}", observed(seen)))
}

/// What the subject did, in a sentence or two.
fn observed(seen: &Seen) -> String {
    match &seen.not_opened {
        Some(NotOpened::Refused(head)) => {
            return format!("It refused the opening handshake with status {}.", head.status());
        }
        Some(NotOpened::Fault(how) | NotOpened::Unimplemented(how)) => return sentence(how),
        None => {}
    }
    let mut parts: Vec<String> = seen.events.iter().map(Event::to_string).collect();
    if let Some(close) = &seen.close {
        parts.push(match close.code {
            Some(code) => format!("Close {code}"),
            None => "Close without a code".into(),
        });
    }
    parts.push(match &seen.end {
        Some(What::End) => "end of the TCP connection".into(),
        Some(_) => "the TCP connection was reset".into(),
        None if seen.reset && !seen.patience_lost => return sentence(&parts.join("; ")),
        None if seen.patience_lost => "then nothing, for as long as the runner waits".into(),
        None => "the runner closed the TCP connection".into(),
    });
    sentence(&parts.join("; "))
}

/// The text with a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    let mut sentence: String = first.chain(letters).collect();
    if !sentence.ends_with('.') {
        sentence.push('.');
    }
    sentence
}
