//! All cases, and the titles of their sections and groups.

use super::{
    closing, compression, fragments, framing, hostile, limits, negotiation, opening, pings,
    reserved, resets, time, utf8,
};
use crate::case::Case;
use crate::id::CaseId;

/// All cases, in the order of their numbers.
#[must_use]
pub fn all() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        framing::cases(),
        pings::cases(),
        reserved::cases(),
        fragments::cases(),
        utf8::cases(),
        closing::cases(),
        limits::cases(),
        compression::cases(),
        hostile::cases(),
        time::cases(),
        resets::cases(),
        opening::cases(),
        negotiation::cases(),
    ]
    .into_iter()
    .flatten()
    .collect();
    cases.sort_by(|one, other| one.id.cmp(&other.id));
    cases
}

/// The title of a section.
#[must_use]
pub fn section_title(section: &str) -> &'static str {
    match section {
        "1" => "Framing",
        "2" => "Pings and Pongs",
        "3" => "Reserved bits",
        "4" => "Opcodes",
        "5" => "Fragmentation",
        "6" => "UTF-8",
        "7" => "Close",
        "9" => "Limits and performance",
        "10" => "Fragmentation by size",
        "12" => "permessage-deflate, different payloads",
        "13" => "permessage-deflate, different parameters",
        "H" => "Opening handshake",
        "N" => "Negotiation of subprotocols and extensions",
        "X" => "Hostile frames and messages",
        "T" => "Time",
        _ => "Other",
    }
}

/// The title of the case's group, such as `6.4`; empty if the section has no groups.
#[must_use]
pub fn group_title(id: &CaseId) -> &'static str {
    match id.group().as_str() {
        "1.1" => "Text messages",
        "1.2" => "Binary messages",
        "4.1" => "Reserved opcodes of data frames",
        "4.2" => "Reserved opcodes of control frames",
        "6.1" => "Valid UTF-8 with empty fragments",
        "6.2" => "Valid UTF-8, unfragmented, fragmented on code points and within",
        "6.3" => "Invalid UTF-8, in one frame and in many",
        "6.4" => "Fail fast on invalid UTF-8",
        "7.1" => "Basic close behaviour",
        "7.3" => "Close with a body of each length",
        "7.5" => "Close with a reason that is not UTF-8",
        "7.7" => "Close with a valid code",
        "7.9" => "Close with an invalid code",
        "7.13" => "Close with a code that no RFC speaks of",
        "9.1" => "Text message, larger and larger",
        "9.2" => "Binary message, larger and larger",
        "9.3" => "Fragmented text message, larger and larger fragments",
        "9.4" => "Fragmented binary message, larger and larger fragments",
        "9.5" => "Text message in small writes",
        "9.6" => "Binary message in small writes",
        "9.7" => "Round trips of text messages",
        "9.8" => "Round trips of binary messages",
        "10.1" => "Fragments of one size",
        "12.1" | "13.1" => "JSON; default parameters",
        "12.2" => "A picture",
        "12.3" => "Prose",
        "12.4" => "HTML",
        "12.5" => "A document that is compressed already",
        "13.2" => "No context takeover",
        "13.3" => "A window of 512 bytes",
        "13.4" => "A window of 32 KiB",
        "13.5" => "No context takeover, a window of 512 bytes",
        "13.6" => "No context takeover, a window of 32 KiB",
        "13.7" => "Three offers",
        "X.1" => "Hostile frames",
        "X.2" => "Hostile text",
        "X.3" => "Hostile compression",
        "T.1" => "Slowness and silence",
        "T.2" => "The end of the runner's direction, without a Close",
        "T.3" => "Closes, and the end of the TCP connection",
        "T.4" => "The TCP connection is reset",
        group if group.starts_with('H') => opening::group_title(group),
        group if group.starts_with('N') => negotiation::group_title(group),
        group => utf8::group_title(group),
    }
}
