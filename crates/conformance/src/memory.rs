//! Runs cases in memory, against a subject that does no I/O. Time is only a number, so no case waits for it.

use std::time::Duration;

use crate::case::Case;
use crate::run::{Action, Options, Run};
use crate::side::Side;
use crate::verdict::Outcome;

/// An endpoint in memory: one connection.
pub trait Subject {
    /// The runner has sent these bytes.
    fn receive(&mut self, bytes: &[u8]);

    /// The runner has ended its direction of the connection.
    fn end_of_input(&mut self);

    /// The connection was reset: nothing more is received, and nothing that is sent arrives. The subject must then report
    /// that it has closed the connection ([`Transport::Closed`]). By default this is the same as the end of the input.
    fn reset(&mut self) {
        self.end_of_input();
    }

    /// Appends what the subject has to send, and says whether it then closes the connection.
    fn transmit(&mut self, out: &mut Vec<u8>) -> Transport;

    /// Passes the time since the beginning of the connection. Returns when the subject must be called next, if it must.
    fn time(&mut self, now: Duration) -> Option<Duration> {
        let _ = now;
        None
    }
}

/// Whether a subject has closed its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// The connection is open.
    Open,
    /// The subject has closed the connection: it no longer sends or reads.
    Closed,
}

/// Runs a case against a subject in memory, which is on this side.
pub fn run_in_memory(
    case: &Case,
    side: Side,
    options: &Options,
    subject: &mut dyn Subject,
) -> Outcome {
    let mut run = Run::new(case, side, options);
    let mut now = Duration::ZERO;
    let mut out = Vec::new();
    let (mut closed, mut reset) = (false, false);
    loop {
        let until = match run.poll(now) {
            Action::Done => return run.outcome(),
            Action::Send(bytes) => {
                if !closed {
                    subject.receive(&bytes);
                }
                None
            }
            Action::EndOutput => {
                if !closed {
                    subject.end_of_input();
                }
                None
            }
            Action::Reset => {
                subject.reset();
                reset = true;
                None
            }
            Action::Wait(until) => Some(until),
        };
        if closed {
            run.end_of_input(now);
            continue;
        }
        let wakes = subject.time(now);
        out.clear();
        closed = subject.transmit(&mut out) == Transport::Closed;
        if reset {
            // What the subject sends after a reset does not arrive.
            out.clear();
            if closed {
                run.let_go(now);
                continue;
            }
        }
        if !out.is_empty() {
            run.receive(now, &out);
        }
        if closed {
            run.end_of_input(now);
        } else if let (true, Some(until)) = (out.is_empty(), until) {
            // Nothing happens before the earlier of the two deadlines.
            now = wakes.filter(|at| *at > now).map_or(until, |at| at.min(until));
        }
    }
}
