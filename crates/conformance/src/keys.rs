//! The keys of clients, over all cases: one connection does not show whether they are random.

use std::collections::BTreeMap;

use crate::id::CaseId;
use crate::side::Side;
use crate::verdict::Outcome;
use crate::wire::{Head, head_end};
use crate::wirelog::{Party, What};

/// Pairs of cases in which a client sent the same `Sec-WebSocket-Key`: the first case with it, and each later one. "The
/// nonce MUST be selected randomly for each connection" (RFC 6455 §4.1).
#[must_use]
pub fn repeated_keys(outcomes: &[Outcome]) -> Vec<(CaseId, CaseId)> {
    let mut first: BTreeMap<String, &CaseId> = BTreeMap::new();
    let mut repeated = Vec::new();
    for outcome in outcomes.iter().filter(|outcome| outcome.side == Side::Client) {
        let Some(key) = key_of(outcome) else { continue };
        match first.get(&key) {
            Some(earlier) => repeated.push(((*earlier).clone(), outcome.id.clone())),
            None => drop(first.insert(key, &outcome.id)),
        }
    }
    repeated
}

/// The key in the request that the client sent.
fn key_of(outcome: &Outcome) -> Option<String> {
    let mut sent = Vec::new();
    for entry in outcome.wire.entries().iter().filter(|entry| entry.from == Party::Subject) {
        if let What::Bytes { kept, .. } = &entry.what {
            sent.extend_from_slice(kept);
        }
        if let Some(end) = head_end(&sent) {
            let head = Head::of_request(&sent[..end]).ok()?;
            return head.values("sec-websocket-key").next().map(Into::into);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use crate::memory::{Subject, Transport, run_in_memory};
    use crate::run::Options;

    /// A client that sends a request with this key, and ends.
    struct Client(&'static str);

    impl Subject for Client {
        fn receive(&mut self, _: &[u8]) {}

        fn end_of_input(&mut self) {}

        fn transmit(&mut self, out: &mut Vec<u8>) -> Transport {
            out.extend(b"GET / HTTP/1.1\r\nSec-WebSocket-Key: ");
            out.extend(self.0.bytes());
            out.extend(b"\r\n\r\n");
            Transport::Closed
        }
    }

    #[test]
    fn a_key_that_comes_again_is_found() {
        let cases = cases::all();
        let run =
            |case, key| run_in_memory(case, Side::Client, &Options::default(), &mut Client(key));
        let outcomes = [run(&cases[0], "a"), run(&cases[1], "b"), run(&cases[2], "a")];
        assert_eq!(repeated_keys(&outcomes), [(cases[0].id.clone(), cases[2].id.clone())]);
        assert!(repeated_keys(&outcomes[..2]).is_empty());
    }
}
