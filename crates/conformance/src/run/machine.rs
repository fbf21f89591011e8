//! A run as a state machine: the steps of its case in order, and what the subject does in the meantime.

mod steps;

use std::collections::VecDeque;
use std::time::Duration;

use super::opening::{Half, Next, Request};
use super::options::Options;
use super::outgoing::{Outgoing, is_close};
use super::reader::{Reader, Seen};
use super::{judge, opening};
use crate::case::{Case, Closer, Conversation, Cut, Event, Expect, Piece, Script, Step};
use crate::side::Side;
use crate::verdict::Outcome;
use crate::wire::Frame;
use crate::wirelog::{Party, What, WireLog};

/// What the caller must do next for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send these bytes to the subject, in one write, and report with [`Run::sent`] when they are sent. A caller that reads
    /// meanwhile asks [`Run::is_late`] whether to go on.
    Send(Vec<u8>),
    /// End the direction towards the subject.
    EndOutput,
    /// Reset the connection, and report with [`Run::let_go`] or [`Run::hung`] whether the subject releases it.
    Reset,
    /// Wait for the subject, at most until this time.
    Wait(Duration),
    /// The case is over: close the connection.
    Done,
}

/// One run of one case.
///
/// The caller carries bytes: it does what [`poll`](Self::poll) returns, and reports what the subject does. All times are
/// relative to the beginning of the connection.
pub struct Run<'c> {
    case: &'c Case,
    side: Side,
    script: Script,
    patience: Duration,
    limit: Duration,
    steps: VecDeque<Step>,
    phase: Phase,
    /// When the runner started to wait, or last saw a sign of life.
    since: Duration,
    /// The request to a server.
    request: Request,
    /// The runner's half of the opening handshake, which is sent before everything else.
    half: Half,
    outgoing: Outgoing,
    reader: Reader,
    /// The number of messages that the step [`Step::Echo`] has sent, and the payload of the last
    /// one.
    echoing: Option<(usize, Vec<u8>)>,
    /// Whether the runner does not answer the subject's Close.
    ignores_close: bool,
    /// Whether the runner has ended its direction, so that nothing more can be sent.
    output_ended: bool,
    seen: Seen,
    wire: WireLog,
    /// The time of the last event.
    now: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The subject's half of the opening handshake has not come.
    Opening,
    /// The steps of the case are being executed.
    Steps,
    /// All steps have been executed. The runner waits for what it expects.
    Expecting,
    /// The runner has sent a Close or answered one, and waits for the end.
    Ending,
    /// The runner has reset the connection, and waits for the subject to release it.
    Reset,
    Done,
}

impl<'c> Run<'c> {
    /// A run of this case against a subject on this side.
    #[must_use]
    pub fn new(case: &'c Case, side: Side, options: &Options) -> Self {
        let script = case.script(side, options.scale);
        let salt =
            case.id.to_string().bytes().fold(options.seed, |salt, byte| {
                salt.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte)
            });
        let mut random = fastrand::Rng::with_seed(salt);
        let request = Request::new(options, &script.opening, &mut random);
        let mut run = Self {
            case,
            side,
            steps: script.steps.iter().cloned().collect(),
            script,
            patience: options.patience,
            limit: options.limit,
            phase: Phase::Opening,
            since: Duration::ZERO,
            request,
            half: Half::default(),
            outgoing: Outgoing::new(side, random),
            reader: Reader::new(side),
            echoing: None,
            ignores_close: false,
            output_ended: false,
            seen: Seen::default(),
            wire: WireLog::default(),
            now: Duration::ZERO,
        };
        if side == Side::Server {
            run.begin_half(run.request.bytes());
        }
        run
    }

    /// Returns what the caller must do at this time.
    pub fn poll(&mut self, now: Duration) -> Action {
        self.now = now;
        loop {
            if self.phase == Phase::Done {
                return Action::Done;
            }
            if self.seen.ended() {
                self.leave_steps();
                self.outgoing.clear();
                self.phase = Phase::Done;
                continue;
            }
            match self.half.next(now) {
                Some(Next::Send(bytes)) => {
                    self.since = now;
                    self.wire.bytes(now, Party::Runner, &bytes);
                    return Action::Send(bytes);
                }
                Some(Next::Wait(until)) => return Action::Wait(until),
                Some(Next::End) => return self.end_output(),
                None => {}
            }
            if let Some(bytes) = self.outgoing.next() {
                self.since = now;
                self.wire.bytes(now, Party::Runner, &bytes);
                return Action::Send(bytes);
            }
            if let Some(action) = self.advance() {
                return action;
            }
        }
    }

    /// The subject has sent these bytes.
    pub fn receive(&mut self, now: Duration, bytes: &[u8]) {
        self.now = now;
        // A subject that sends without end after a fault must not prolong the case.
        if !self.seen.is_violated() {
            self.since = now;
        }
        self.wire.bytes(now, Party::Subject, bytes);
        self.reader.feed(bytes);
        if self.phase == Phase::Opening {
            self.read_opening();
        } else if self.side == Side::Client && self.half.has_head() {
            self.seen.violation(Some(opening::EARLY.into()));
        }
        if self.phase != Phase::Opening {
            self.read_frames();
        }
    }

    /// The bytes of [`Action::Send`] are sent: the wait for an answer begins.
    pub fn sent(&mut self, now: Duration) {
        self.now = now;
        self.since = self.since.max(now);
    }

    /// Whether a case whose bytes are still being sent must be given up: its time is over, or a violation has decided it
    /// and the runner's patience has ended.
    #[must_use]
    pub fn is_late(&self, now: Duration) -> bool {
        now >= self.limit || (self.seen.is_violated() && now >= self.since + self.patience)
    }

    /// The subject has ended its direction of the connection.
    pub fn end_of_input(&mut self, now: Duration) {
        self.now = now;
        if !self.seen.ended() {
            self.wire.end(now, Party::Subject, What::End);
            self.seen.end = Some(What::End);
        }
    }

    /// The connection was reset, or is broken for another reason.
    pub fn broken(&mut self, now: Duration) {
        self.now = now;
        if !self.seen.ended() {
            self.wire.end(now, Party::Subject, What::Reset);
            self.seen.end = Some(What::Reset);
        }
    }

    /// The subject has released the connection that was reset.
    pub fn let_go(&mut self, now: Duration) {
        self.now = now;
        self.seen.events.push(Event::LetGo);
        self.phase = Phase::Done;
    }

    /// The subject has not released the connection that was reset. `how` says, as the rest of a sentence, how that was seen.
    pub fn hung(&mut self, now: Duration, how: &str) {
        self.now = now;
        self.seen.violation(Some(format!("the TCP connection was reset, and then {how}")));
        self.phase = Phase::Done;
    }

    /// The subject has not read anything for as long as the runner waits.
    pub fn stalled(&mut self, now: Duration) {
        self.now = now;
        self.seen.patience_lost = true;
        self.outgoing.clear();
        self.phase = Phase::Done;
    }

    /// The outcome, once [`poll`](Self::poll) has returned [`Action::Done`]. Before that, it is based on what was seen so
    /// far.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        let verdict = judge::judge(self.side, &self.script.expect, &self.seen);
        Outcome {
            id: self.case.id.clone(),
            side: self.side,
            behavior: verdict.behavior,
            behavior_close: verdict.behavior_close,
            observed: verdict.observed,
            observed_close: verdict.observed_close,
            remote_close_code: self.seen.close.as_ref().and_then(|close| close.code),
            duration: self.now,
            wire: self.wire,
        }
    }

    /// Does one step of the state machine. Returns what the caller must do for it, if anything.
    fn advance(&mut self) -> Option<Action> {
        match self.phase {
            Phase::Opening | Phase::Reset => self.wait(),
            Phase::Steps => self.step(),
            Phase::Expecting => self.expect(),
            Phase::Ending => {
                // RFC 6455 §5.5.1: "After both sending and receiving a Close message, […] the server MUST close the
                // underlying TCP connection immediately". So a runner that is the server does not wait.
                if self.side == Side::Client && self.seen.close.is_some() {
                    self.phase = Phase::Done;
                    return None;
                }
                self.wait()
            }
            Phase::Done => Some(Action::Done),
        }
    }

    /// Waits for the subject. When the runner's patience has ended, the case is over.
    fn wait(&mut self) -> Option<Action> {
        match self.deadline() {
            Some(at) => Some(Action::Wait(at)),
            None => {
                self.seen.patience_lost = true;
                self.phase = Phase::Done;
                None
            }
        }
    }

    /// When the runner's patience ends, if it has not ended yet.
    fn deadline(&self) -> Option<Duration> {
        let at = (self.since + self.patience).min(self.limit);
        (self.now < at).then_some(at)
    }

    /// Starts to send the runner's half of the opening handshake, and the frames after it.
    fn begin_half(&mut self, head: Vec<u8>) {
        let behind = self.script.opening.behind.iter().cloned().map(Piece::Frame).collect();
        let behind = self.outgoing.encode_all(behind).concat();
        self.half = Half::new(head, &behind, &self.script.opening);
    }

    fn end_output(&mut self) -> Action {
        self.since = self.now;
        self.seen.output_ended = true;
        self.wire.end(self.now, Party::Runner, What::End);
        Action::EndOutput
    }

    fn read_opening(&mut self) {
        let Some(head) = self.reader.take_head() else { return };
        match self.side {
            // "A client MUST be able to parse one or more 1xx responses received prior to a final response."
            Side::Server if opening::is_interim(&head) => self.read_opening(),
            Side::Server => match opening::response(head, &self.request, &self.script) {
                Ok(opened) => self.opened(opened),
                Err(refused) => self.refused(refused),
            },
            Side::Client => match opening::request(head, &self.script) {
                Ok((answer, mut opened)) => {
                    if self.reader.has_more() {
                        opened.fault.get_or_insert_with(|| opening::EARLY.into());
                    }
                    self.begin_half(answer);
                    self.opened(opened);
                }
                Err(refused) => {
                    if let opening::NotOpened::Unimplemented(_) = refused {
                        self.outgoing
                            .send(vec![Piece::Raw(opening::UNAVAILABLE.to_vec())], Cut::Whole);
                    }
                    self.refused(refused);
                }
            },
        }
    }

    fn opened(&mut self, opened: opening::Opened) {
        self.seen.opened = true;
        self.seen.violation(opened.fault);
        if let Some(deflate) = opened.deflate {
            let (from, to) = match self.side {
                Side::Server => (deflate.server, deflate.client),
                Side::Client => (deflate.client, deflate.server),
            };
            self.reader.inflate(from);
            self.outgoing.deflate(to);
        }
        self.phase = Phase::Steps;
    }

    fn refused(&mut self, refused: opening::NotOpened) {
        self.seen.not_opened = Some(refused);
        self.phase = Phase::Done;
    }

    /// Reads the frames that have arrived, and answers a Close.
    fn read_frames(&mut self) {
        let had_close = self.seen.close.is_some();
        self.reader.read(&mut self.seen);
        if let (false, Some(close)) = (had_close, &self.seen.close)
            && self.phase != Phase::Done
        {
            let code = close.code;
            if self.seen.closed_first.is_none() {
                self.seen.closed_first = Some(Closer::Subject);
                if self.ignores_close {
                    return;
                }
                // RFC 6455 §5.5.1: "an endpoint MUST send a Close frame in response".
                let answer = code.map_or_else(|| Frame::new(8, []), |code| Frame::close(code, ""));
                self.leave_steps();
                self.outgoing.clear();
                self.send_close(&answer);
            }
            if self.steps.is_empty() {
                self.phase = Phase::Ending;
            }
        }
        if self.seen.is_violated() && self.phase == Phase::Steps {
            self.steps.clear();
        }
    }

    /// Everything has been sent: waits for what is expected, and closes the connection if the runner has to.
    fn expect(&mut self) -> Option<Action> {
        let conversation = match (&self.script.expect, self.side) {
            (Expect::Conversation(conversation) | Expect::Either(conversation, _), _) => {
                conversation
            }
            // A refusal is expected, but the server has opened the connection: there is nothing to wait for.
            (Expect::Refusal(_), Side::Server) => return self.close(1000),
            (Expect::Refusal(_), Side::Client) => return self.await_refusal(),
        };
        let Some(end) =
            conversation.ways().map(|(.., close)| close).find(|end| end.by == Closer::Runner)
        else {
            // No end of the connection can make up for what the subject has sent.
            let lost = conversation.close.wrong_closer_fails && self.is_decided(conversation);
            return if lost { self.close(1000) } else { self.wait() };
        };
        let code = end.codes.first().copied().unwrap_or(1000);
        if self.is_decided(conversation) {
            return self.close(code);
        }
        match self.deadline() {
            Some(at) => Some(Action::Wait(at)),
            None => self.close(code),
        }
    }

    /// Waits for a client that must refuse: it ends the connection at once, or once the runner has ended its direction,
    /// because "a client […] SHOULD wait for a TCP Close from the server" (RFC 6455 §7.1.1).
    fn await_refusal(&mut self) -> Option<Action> {
        if !self.seen.events.is_empty() {
            self.phase = Phase::Done;
            return None;
        }
        let until = self.since + self.patience / 8;
        if self.seen.output_ended {
            return self.wait();
        }
        Some(if self.now < until { Action::Wait(until) } else { self.end_output() })
    }

    /// Whether the events are those of the best way, or can no longer become those of any way. Then the runner must end the
    /// connection.
    fn is_decided(&self, conversation: &Conversation) -> bool {
        let seen = &*self.seen.events;
        let mut ways = conversation.ways().map(|(_, events, close)| (events, close.by));
        let best = ways.next().is_none_or(|(best, by)| best == seen && by == Closer::Runner);
        let mut ways = conversation.ways().map(|(_, events, close)| (events, close.by));
        best || !ways.any(|(events, by)| {
            events.starts_with(seen) && (by == Closer::Subject || events.len() > seen.len())
        })
    }

    fn close(&mut self, code: u16) -> Option<Action> {
        if self.output_ended {
            // Only the end could still come, and it has not.
            self.seen.patience_lost = true;
            self.phase = Phase::Done;
            return None;
        }
        self.send_close(&Frame::close(code, ""));
        self.phase = Phase::Ending;
        self.since = self.now;
        None
    }

    fn send(&mut self, pieces: Vec<Piece>, cut: Cut) {
        if pieces.iter().any(is_close) {
            self.seen.close_sent = true;
            self.seen.closed_first.get_or_insert(Closer::Runner);
        }
        if let Cut::Slowly { bytes, wait } = cut {
            let whole = self.outgoing.encode_all(pieces).concat();
            for part in whole.chunks(bytes.max(1)).rev() {
                self.steps.push_front(Step::Wait(wait));
                let part = Piece::Raw(part.to_vec());
                self.steps.push_front(Step::Send(vec![part], Cut::Whole));
            }
            return;
        }
        self.outgoing.send(pieces, cut);
    }

    fn send_close(&mut self, close: &Frame) {
        if self.output_ended {
            return;
        }
        self.outgoing.send(vec![Piece::Frame(close.clone())], Cut::Whole);
        self.seen.close_sent = true;
        self.seen.closed_first.get_or_insert(Closer::Runner);
    }
}
