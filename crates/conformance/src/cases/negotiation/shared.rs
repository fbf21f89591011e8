//! What several groups of the section use: halves with additional fields, and cases that check whether the subject keeps to
//! what was negotiated.

use std::borrow::Cow;
use std::sync::Arc;

use super::super::opening::{Half, shown_all};
use crate::case::{Case, Conversation, Echoes, Event, Opening, Refusal, Rule, Script, Step};
use crate::side::Side;
use crate::verdict::Behavior;

/// A valid half of an opening handshake, with these field lines added.
pub(super) fn with(what: &str, lines: &[&str]) -> Half {
    let plain = |line: &&str| line.replace("{context}", "").replace("{window}", "");
    let plain: Vec<String> = lines.iter().map(plain).collect();
    let shown = shown_all(&plain.iter().map(String::as_str).collect::<Vec<_>>());
    let adds = lines.iter().any(|line| line.contains("{window}") || line.contains("{context}"));
    let adds = if adds { ", with the answers to what the client asks of the server" } else { "" };
    let words = format!("A {what} with {shown}{adds}; all else of it is right.");
    Half::new(words, Opening::fields(lines.iter().copied()))
}

/// How many messages are enough to check this.
const COUNT: usize = 3;

/// Messages that show whether the other end keeps to its window and to its context takeover. All messages are the same, and
/// each repeats its content at a distance that is larger than the window.
fn probe(bits: u8) -> Echoes {
    let period = if bits < 15 { (1 << bits) + 300 } else { 500 };
    let mut random = fastrand::Rng::with_seed(u64::from(bits));
    let part: Vec<u8> = (0..period).map(|_| random.alphanumeric() as u8).collect();
    let payload = [&part[..], &part].concat();
    Echoes { count: COUNT, binary: false, fragment: 0, payload: Arc::new(move |_| payload.clone()) }
}

/// The subject must agree to permessage-deflate, and keep to the window of its direction.
pub(super) fn compresses(
    id: &str,
    title: impl Into<Cow<'static, str>>,
    side: Side,
    rule: Rule,
    half: Half,
    bits: u8,
    refusal: Option<Refusal>,
) -> Case {
    let Half { opening, words } = half;
    let period = if bits < 15 { "larger than its window" } else { "that is short" };
    let mut expects = format!(
        "permessage-deflate as it was agreed on, and each message back: {COUNT} that are the same, each of which repeats at a \
         distance {period}. A {side} that does not want it so is UNIMPLEMENTED."
    );
    if let Some(refusal) = &refusal {
        let right = refusal.right.unwrap_or(Behavior::Ok);
        expects += &format!(" A refusal is {right}.");
    }
    Case::new(id, title, rule, move |_, _| {
        let steps = [Step::Echo(probe(bits))];
        let script =
            Script::new(steps, Conversation::ok([Event::Echoed(COUNT)])).opening(opening.clone());
        match &refusal {
            Some(refusal) => script.or_refused(refusal.clone()),
            None => script,
        }
    })
    .only(side)
    .words(words, expects)
}
