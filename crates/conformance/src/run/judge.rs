//! The verdict on what was seen, as Autobahn's suite finds it.

use super::opening::NotOpened;
use super::reader::Seen;
use crate::case::{Close, Closer, Conversation, Event, Expect, Refusal, Side};
use crate::verdict::{Behavior, BehaviorClose};
use crate::wirelog::What;

/// A verdict, and what it rests on.
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

/// Who ended the connection: whoever sent the first Close or, without one, ended the TCP connection.
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

/// Whether the subject refused the opening handshake, and how.
fn refused(side: Side, expect: &Refusal, seen: &Seen) -> Verdict {
    let failed = |how: String| (Behavior::Failed, how);
    let (behavior, observed) = match (&seen.not_opened, side) {
        (Some(NotOpened::Status(status)), _) => {
            let right = match &expect.statuses[..] {
                [] => (400..600).contains(status),
                statuses => statuses.contains(status),
            };
            let behavior = if right { Behavior::Ok } else { Behavior::Failed };
            (behavior, format!("It answered with status {status}."))
        }
        (Some(NotOpened::Fault(how)), _) => failed(sentence(how)),
        (Some(NotOpened::Unimplemented(how)), _) => (Behavior::Unimplemented, sentence(how)),
        // A client refuses by ending the connection, and has nothing to say before that.
        (None, Side::Client) if seen.ended() && seen.events.is_empty() => {
            (Behavior::Ok, "It ended the connection.".into())
        }
        (None, _) if seen.opened => {
            let behavior = expect.opened.unwrap_or(Behavior::Failed);
            (behavior, format!("It opened the connection. {}", observed(seen)))
        }
        (None, _) if seen.ended() => {
            let behavior = expect.silence.unwrap_or(Behavior::NonStrict);
            (behavior, "It ended the connection without a response.".into())
        }
        (None, _) => failed("It did not answer at all.".into()),
    };
    Verdict {
        behavior,
        behavior_close: BehaviorClose::Ok,
        observed,
        observed_close: "There was to be no connection.".into(),
    }
}

/// What the subject was seen to do, in a sentence or two.
fn observed(seen: &Seen) -> String {
    match &seen.not_opened {
        Some(NotOpened::Status(status)) => {
            return format!("It refused the opening handshake with status {status}.");
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
