//! Synchronising lines that no model misses, each with the reason. They were found by deleting or changing each one in turn.

/// A line without which all models pass.
pub(super) struct Unseen {
    pub(super) file: &'static str,
    /// What stands there.
    pub(super) line: &'static str,
    pub(super) why: &'static str,
}

pub(super) const UNSEEN: [Unseen; 18] = [
    Unseen {
        file: "crates/fullduplex-tokio/src/halves/shared.rs",
        line: "self.wanted(side).swap(true, Ordering::AcqRel);",
        why: "a weaker ordering: in loom a compare-and-exchange that fails has always seen the newest value",
    },
    Unseen {
        file: "crates/fullduplex-tokio/src/halves/shared.rs",
        line: "if self.wanted(side.other()).swap(false, Ordering::AcqRel) {",
        why: "a weaker ordering, as above; a load, after which both halves wake each other without end, takes both of them finding \
              the sending side taken, which is more preemptions than are tried",
    },
    Unseen {
        file: "crates/fullduplex-tokio/src/halves.rs",
        line: "// The receiver must wait for the close timeout now.",
        why: "the wake is for a `close` that is dropped after it has begun and before it has written, while the receiver gives up \
              memory: three preemptions",
    },
    Unseen {
        file: "crates/fullduplex-tokio/src/engine.rs",
        line: "(true, _) => Next::WaitForSender,",
        why: "a stream that has ended says so again when it is read again",
    },
    Unseen {
        file: "crates/fullduplex-tokio/src/engine.rs",
        line: "self.link.with_sending(cx, |sending, _, _| sending.watch.note(&error));",
        why: "it is for the counters, a feature that the models do not have",
    },
    Unseen {
        file: "crates/fullduplex-tokio/src/engine.rs",
        line: "sending.writer.release();",
        why: "it gives up memory, and nothing waits for that",
    },
    Unseen {
        file: "crates/fullduplex-tokio/src/sending/write_state.rs",
        line: "// A sender may wait for the flush alone.",
        why: "the peers of the models take what is written without a flush; `tests/adapter/blocked.rs` has a transport that does not",
    },
    Unseen {
        file: "crates/fullduplex-tokio/src/waiters.rs",
        line: "*self.side(side).1 = false;",
        why: "a side that is taken to wait is woken once too often",
    },
    Unseen {
        file: "crates/fullduplex-std/src/halves/shared.rs",
        line: "Some((earlier, _)) => earlier.merge(signals),",
        why: "a report of the sender's has the state of closing alone, and the receiver comes to the same state by any of them",
    },
    Unseen {
        file: "crates/fullduplex-std/src/halves/shared.rs",
        line: "self.mailbox.open().write_went_on = true;",
        why: "it is for keepalive, which no model has; so are the other lines of `write_went_on`, and the exchanges before a \
              deadline is looked at. The tests `drip` and `deadlines` have them",
    },
    Unseen {
        file: "crates/fullduplex-std/src/halves/shared.rs",
        line: "while !self.ended && !self.transport.unwritable && self.sending.writer.pending() > 0 {",
        why: "a stream that was ended takes nothing anyway: it saves the attempt",
    },
    Unseen {
        file: "crates/fullduplex-std/src/halves/shared.rs",
        line: "Some(earlier) => earlier.merge(signals),",
        why: "to put the later report in the place of the earlier one loses a Pong before a Close, which is not due then \
              (RFC 6455 §5.5.2), or before a Ping of keepalive, which no model has",
    },
    Unseen {
        file: "crates/fullduplex-std/src/halves/receiving.rs",
        line: "side.link.exchange(side.reader.receiver_mut());",
        why: "two halves that are put together are both at rest, so nothing interleaves; so it is where `into_side` hears",
    },
    Unseen {
        file: "crates/fullduplex-app/src/gate.rs",
        line: "if is_last && is_closing {",
        why: "without `is_last`, or without `is_closing`, those that wait are woken more often, and wait on",
    },
    Unseen {
        file: "crates/fullduplex-app/src/gate.rs",
        line: "self.0.go_to(Phase::Over);",
        why: "it is for a deadline, which no model has, and so is the wait after it; `tests/gate.rs` has them",
    },
    Unseen {
        file: "crates/fullduplex-app/src/gate.rs",
        line: "        drop(state);
        // Another call",
        why: "nobody takes the lock of the state under that of the phase, so holding it for longer costs time alone",
    },
    Unseen {
        file: "crates/fullduplex-app/src/room.rs",
        line: "waiting.messages = VecDeque::new();",
        why: "a member that has left is given no message, so it is memory alone",
    },
    Unseen {
        file: "crates/fullduplex/src/pool.rs",
        line: "if self.places.get() == PER_THREAD {",
        why: "a thread's own bound; all threads together have fewer places in the model",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::{read, root};

    #[test]
    fn each_line_is_in_the_sources() {
        for Unseen { file, line, why } in &UNSEEN {
            let source = read(&root().join(file)).unwrap();
            assert!(source.contains(line), "{file}: {line}\n{why}");
        }
    }
}
