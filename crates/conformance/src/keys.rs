//! The keys of clients, compared over all cases, because one connection does not show whether they
//! are random.

use std::collections::BTreeMap;
use std::fmt;

use crate::id::CaseId;
use crate::side::Side;
use crate::verdict::Outcome;
use crate::wire::{Head, first_key, head_end};
use crate::wirelog::{Party, What};

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// The `Sec-WebSocket-Key` of an opening handshake (RFC 6455 §4.1).
    Handshake,
    /// The masking key of the first frame after it (RFC 6455 §5.3).
    Masking,
}

impl KeyKind {
    /// The section with the rule that a key of this kind is new each time.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self {
            Self::Handshake => "RFC 6455 §4.1",
            Self::Masking => "RFC 6455 §5.3",
        }
    }

    /// The rule in the RFC's words, shortened.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Handshake => "The nonce MUST be selected randomly for each connection.",
            Self::Masking => {
                "The masking key needs to be unpredictable; when preparing a masked frame, the client MUST pick a fresh \
                 masking key from the set of allowed 32-bit values."
            }
        }
    }
}

/// A key that a client used at the beginning of more than one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatedKey {
    /// What it is for.
    pub kind: KeyKind,
    /// The key: as it was sent, or in hexadecimal.
    pub key: String,
    /// The cases in which it was used, at least two.
    pub cases: Vec<CaseId>,
}

impl RepeatedKey {
    /// Whether the key did not repeat by chance: a `Sec-WebSocket-Key` never does, and a masking key does in two connections
    /// of so many.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        self.kind == KeyKind::Handshake || self.cases.len() > 2
    }
}

impl fmt::Display for RepeatedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 4;
        let (count, key) = (self.cases.len(), self.key.chars().take(64).collect::<String>());
        match self.kind {
            KeyKind::Handshake => {
                write!(f, "{count} connections have the Sec-WebSocket-Key {key}: cases ")?;
            }
            KeyKind::Masking => {
                write!(f, "{count} connections begin with the masking key {key}: cases ")?;
            }
        }
        let cases: Vec<String> = self.cases.iter().take(MOST).map(CaseId::to_string).collect();
        f.write_str(&cases.join(", "))?;
        if count > MOST {
            write!(f, " and {} more", count - MOST)?;
        }
        Ok(())
    }
}

/// The keys that a client used at the beginning of more than one connection. "The nonce MUST be selected randomly for each
/// connection" (RFC 6455 §4.1), and so must masking keys (§5.3).
///
/// Of the masking keys, only the first one of each connection is compared. So few keys repeat by chance in less than one of
/// 10,000 runs.
#[must_use]
pub fn repeated_keys<'o>(outcomes: impl IntoIterator<Item = &'o Outcome>) -> Vec<RepeatedKey> {
    let mut seen: BTreeMap<(KeyKind, String), Vec<CaseId>> = BTreeMap::new();
    for outcome in outcomes.into_iter().filter(|outcome| outcome.side == Side::Client) {
        for (kind, key) in keys_of(outcome) {
            seen.entry((kind, key)).or_default().push(outcome.id.clone());
        }
    }
    let repeated = seen.into_iter().filter(|(_, cases)| cases.len() > 1);
    repeated.map(|((kind, key), cases)| RepeatedKey { kind, key, cases }).collect()
}

/// The key in the client's request, and the masking key of its first frame.
fn keys_of(outcome: &Outcome) -> Vec<(KeyKind, String)> {
    let mut sent = Vec::new();
    for entry in outcome.wire.entries().iter().filter(|entry| entry.from == Party::Subject) {
        if let What::Bytes { len, kept } = &entry.what {
            sent.extend_from_slice(kept);
            if kept.len() < *len {
                break;
            }
        }
    }
    let Some(end) = head_end(&sent) else { return Vec::new() };
    let head = Head::of_request(&sent[..end]).ok();
    let nonce = head.and_then(|head| head.values("sec-websocket-key").next().map(String::from));
    let mask = first_key(&sent[end..]).map(|[a, b, c, d]| format!("{a:02x}{b:02x}{c:02x}{d:02x}"));
    let nonce = nonce.map(|key| (KeyKind::Handshake, key));
    nonce.into_iter().chain(mask.map(|key| (KeyKind::Masking, key))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use crate::memory::{Subject, Transport, run_in_memory};
    use crate::run::Options;

    /// A client that sends a request with this key and a frame with this masking key, and then
    /// ends.
    struct Client(&'static str, [u8; 4]);

    impl Subject for Client {
        fn receive(&mut self, _: &[u8]) {}

        fn end_of_input(&mut self) {}

        fn transmit(&mut self, out: &mut Vec<u8>) -> Transport {
            out.extend(b"GET / HTTP/1.1\r\nSec-WebSocket-Key: ");
            out.extend(self.0.bytes());
            out.extend(b"\r\n\r\n");
            out.extend([0x81, 0x80]);
            out.extend(self.1);
            Transport::Closed
        }
    }

    #[test]
    fn a_key_that_comes_again_is_found() {
        let cases = cases::all();
        let run = |case, key, mask| {
            run_in_memory(case, Side::Client, &Options::default(), &mut Client(key, mask))
        };
        let outcomes = [
            run(&cases[0], "a", [1, 2, 3, 4]),
            run(&cases[1], "b", [1, 2, 3, 0xff]),
            run(&cases[2], "a", [5; 4]),
            run(&cases[3], "c", [1, 2, 3, 0xff]),
        ];
        let ids =
            |first: usize, second: usize| vec![cases[first].id.clone(), cases[second].id.clone()];
        let found = repeated_keys(&outcomes);
        let expected = [
            RepeatedKey { kind: KeyKind::Handshake, key: "a".into(), cases: ids(0, 2) },
            RepeatedKey { kind: KeyKind::Masking, key: "010203ff".into(), cases: ids(1, 3) },
        ];
        assert_eq!(found, expected);
        let words = found[0].to_string();
        assert_eq!(words, "2 connections have the Sec-WebSocket-Key a: cases 1.1.1, 1.1.3");
        assert!(found[0].is_fault() && !found[1].is_fault());
        assert!(repeated_keys(&outcomes[..2]).is_empty());
    }
}
