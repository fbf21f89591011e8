//! Parses the words of reports.

use super::error::ErrorKind;
use crate::case::{Level, Scale};
use crate::id::CaseId;
use crate::side::Side;
use crate::verdict::{Behavior, BehaviorClose};

pub(super) fn behavior(word: &str) -> Result<Behavior, ErrorKind> {
    use Behavior::{Failed, Informational, NonStrict, Ok, Unimplemented};
    let all = [Ok, NonStrict, Informational, Unimplemented, Failed];
    one_of(all, "a verdict on a behavior", word, Behavior::word)
}

pub(super) fn behavior_close(word: &str) -> Result<BehaviorClose, ErrorKind> {
    use BehaviorClose::{
        Failed, FailedByClient, Informational, Ok, Unclean, Unimplemented, WrongCode,
    };
    let all = [Ok, Informational, Failed, WrongCode, Unclean, FailedByClient, Unimplemented];
    one_of(all, "a verdict on the end of a connection", word, BehaviorClose::word)
}

pub(super) const fn side_word(side: Side) -> &'static str {
    match side {
        Side::Server => "server",
        Side::Client => "client",
    }
}

pub(super) fn side(word: &str) -> Result<Side, ErrorKind> {
    one_of([Side::Server, Side::Client], "a side", word, side_word)
}

pub(super) const fn scale_word(scale: Scale) -> &'static str {
    match scale {
        Scale::Quick => "quick",
        Scale::Full => "full",
    }
}

pub(super) fn scale(word: &str) -> Result<Scale, ErrorKind> {
    one_of([Scale::Quick, Scale::Full], "a scale", word, scale_word)
}

pub(super) const fn level_word(level: Level) -> &'static str {
    match level {
        Level::Must => "MUST",
        Level::Should => "SHOULD",
        Level::May => "MAY",
        Level::Info => "INFO",
    }
}

pub(super) fn level(word: &str) -> Result<Level, ErrorKind> {
    let all = [Level::Must, Level::Should, Level::May, Level::Info];
    one_of(all, "the level of a rule", word, level_word)
}

pub(super) fn case_id(word: &str) -> Result<CaseId, ErrorKind> {
    word.parse().map_err(|_| ErrorKind::Word { what: "the number of a case", word: word.into() })
}

fn one_of<T: Copy, const N: usize>(
    all: [T; N],
    what: &'static str,
    word: &str,
    word_of: fn(T) -> &'static str,
) -> Result<T, ErrorKind> {
    all.into_iter()
        .find(|one| word_of(*one) == word)
        .ok_or_else(|| ErrorKind::Word { what, word: word.into() })
}
