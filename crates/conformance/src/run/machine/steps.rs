//! The steps of a case's script, one at a time.

use super::{Action, Phase, Run};
use crate::case::{Cut, Event, Piece, Step};
use crate::wirelog::{Party, What};

impl Run<'_> {
    /// Skips the remaining steps, because the subject has ended the connection.
    pub(super) fn leave_steps(&mut self) {
        for step in self.steps.drain(..) {
            if let Step::Pongs(pings) = step {
                self.seen.join_pongs(&pings);
            }
        }
    }

    /// Executes the next step of the script.
    pub(super) fn step(&mut self) -> Option<Action> {
        let Some(step) = self.steps.front() else {
            self.phase = match &self.seen.close {
                _ if self.seen.close_sent => Phase::Ending,
                // The pauses of the case have given the subject its time already.
                Some(_) if self.ignores_close => Phase::Done,
                _ => Phase::Expecting,
            };
            return None;
        };
        match step {
            Step::Send(..) => {
                let Some(Step::Send(pieces, cut)) = self.steps.pop_front() else { return None };
                self.send(pieces, cut);
            }
            Step::Await(count) => {
                let waits = self.seen.events.len() < *count && !self.seen.is_violated();
                match self.deadline().filter(|_| waits) {
                    Some(at) => return Some(Action::Wait(at)),
                    None => drop(self.steps.pop_front()),
                }
            }
            Step::Pause(_, time) | Step::Wait(time) => {
                let until = self.seen.paused_at.get_or_insert(self.now).saturating_add(*time);
                if self.now < until {
                    return Some(Action::Wait(until));
                }
                self.seen.paused_at = None;
                self.since = self.now;
                if let Some(Step::Pause(name, _)) = self.steps.pop_front() {
                    self.seen.events.push(Event::Quiet(name));
                }
            }
            Step::Pongs(pings) => {
                let came = pings.last().is_none_or(|last| self.seen.has_pong(last));
                let waits = !came && !self.seen.is_violated();
                match self.deadline().filter(|_| waits) {
                    Some(at) => return Some(Action::Wait(at)),
                    None => {
                        self.seen.join_pongs(pings);
                        self.steps.pop_front();
                    }
                }
            }
            Step::Echo(_) => return self.echo(),
            Step::CompareKeys => {
                self.seen.compare_keys();
                self.steps.pop_front();
            }
            Step::IgnoreClose => {
                self.ignores_close = true;
                self.steps.pop_front();
            }
            Step::Reset => {
                self.steps.clear();
                self.outgoing.clear();
                self.seen.reset = true;
                self.since = self.now;
                self.wire.end(self.now, Party::Runner, What::Reset);
                self.phase = Phase::Reset;
                return Some(Action::Reset);
            }
            Step::EndOutput => {
                self.output_ended = true;
                self.steps.pop_front();
                return Some(self.end_output());
            }
        }
        None
    }

    /// Sends the next message of [`Step::Echo`], or waits for the echo of the last.
    fn echo(&mut self) -> Option<Action> {
        let Some(Step::Echo(echoes)) = self.steps.front().cloned() else { return None };
        let sent = match self.echoing.take() {
            None => 0,
            Some((sent, payload)) => match self.seen.take_message() {
                Some((binary, echo)) if binary == echoes.binary && echo == payload => sent,
                Some((binary, echo)) => {
                    let what = difference(echoes.binary, &payload, binary, &echo);
                    self.seen.violation(Some(format!("the echo of message {sent} {what}")));
                    self.steps.clear();
                    return None;
                }
                None => {
                    self.echoing = Some((sent, payload));
                    return match self.deadline() {
                        Some(at) => Some(Action::Wait(at)),
                        None => {
                            let of = echoes.count;
                            self.seen.violation(Some(format!(
                                "message {sent} of {of} did not come back in time"
                            )));
                            self.steps.clear();
                            None
                        }
                    };
                }
            },
        };
        if sent == echoes.count {
            self.seen.events.push(Event::Echoed(sent));
            self.steps.pop_front();
            return None;
        }
        let payload = (echoes.payload)(sent);
        self.send(
            vec![Piece::Message {
                binary: echoes.binary,
                payload: payload.clone(),
                fragment: echoes.fragment,
            }],
            Cut::Whole,
        );
        self.echoing = Some((sent + 1, payload));
        None
    }
}

/// How an echo differs from what was sent, as the rest of a sentence.
fn difference(binary: bool, sent: &[u8], echo_binary: bool, echo: &[u8]) -> String {
    let kind = |binary| if binary { "binary" } else { "text" };
    if binary != echo_binary {
        return format!("is {}, not {}", kind(echo_binary), kind(binary));
    }
    if sent.len() != echo.len() {
        return format!("has {} bytes, not {}", echo.len(), sent.len());
    }
    let at = sent.iter().zip(echo).position(|(sent, echo)| sent != echo).unwrap_or(0);
    format!("differs from what was sent at byte {at}")
}
