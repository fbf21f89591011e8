//! The core of fullduplex as a subject: all cases, in memory, in both roles.

use std::collections::{BTreeSet, VecDeque};
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use fullduplex::handshake::{Acceptance, OwnedClientRequest};
use fullduplex::{
    Connected, Connecting, DeflateConfig, Endpoint, EndpointConfig, Incoming, MessageRef, Progress,
    Shutdown,
};
use fullduplex_conformance::{
    Behavior, Case, Options, Outcome, Side, Subject, Transport, WireLog, cases, run_in_memory,
};
use fullduplex_testkit::TestEntropy;

/// What an endpoint asks for and chooses in its opening handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Wishes {
    /// The default permessage-deflate, and no subprotocol.
    #[default]
    Default,
    /// A small window for the other end, a large one for itself, and a subprotocol.
    Much,
    /// No limit on its own window.
    NoLimit,
}

/// An echo endpoint over the core.
struct Echo {
    wishes: Wishes,
    state: State,
    /// The input that was not read yet.
    input: VecDeque<u8>,
    end_of_input: bool,
    now: Duration,
}

enum State {
    Incoming(Incoming<TestEntropy>),
    Connecting(Connecting<TestEntropy>),
    Open(Box<Endpoint<TestEntropy>>),
    /// The output that must still be sent before the end.
    Over(Vec<u8>),
}

impl Echo {
    fn new(side: Side, wishes: Wishes) -> Self {
        let deflate = DeflateConfig::new();
        let deflate = match wishes {
            Wishes::Default => deflate,
            Wishes::Much => deflate.max_window_bits(15).max_peer_window_bits(10),
            Wishes::NoLimit => deflate.accept_window_limit(false),
        };
        let mut config = EndpointConfig::new().deflate(deflate);
        config.connection.limits.max_message_size = 64 << 20;
        config.connection.limits.max_frame_size = 64 << 20;
        let entropy = TestEntropy::new(1);
        let state = match side {
            Side::Server => State::Incoming(Incoming::new(config, entropy)),
            Side::Client => {
                let mut request = OwnedClientRequest::new("ws://localhost/").unwrap();
                if wishes == Wishes::Much {
                    request = request.subprotocol("superchat").subprotocol("chat");
                }
                State::Connecting(Connecting::new(request, config, entropy).unwrap())
            }
        };
        Self { wishes, state, input: VecDeque::new(), end_of_input: false, now: Duration::ZERO }
    }

    /// Continues until there is nothing to do. Returns whether the connection is over.
    fn advance(&mut self, out: &mut Vec<u8>) -> Transport {
        loop {
            let state = std::mem::replace(&mut self.state, State::Over(Vec::new()));
            match state {
                State::Over(last) => {
                    out.extend(last);
                    return Transport::Closed;
                }
                State::Incoming(mut incoming) => {
                    let room = incoming.room();
                    let len = self.input.read(room).expect("memory");
                    incoming.advance(len);
                    self.state = match incoming.poll() {
                        Ok(Progress::Done(request)) => {
                            let last = request.request().subprotocols().last().map(String::from);
                            let last = last.filter(|_| self.wishes == Wishes::Much);
                            match request.accept(&Acceptance::new().subprotocol(last.as_deref())) {
                                Ok((endpoint, _)) => State::Open(Box::new(endpoint)),
                                Err(refused) => State::Over(refused.refusal.output().to_vec()),
                            }
                        }
                        Ok(Progress::Waiting(same)) if len == 0 && !self.end_of_input => {
                            self.state = State::Incoming(same);
                            return Transport::Open;
                        }
                        Ok(Progress::Waiting(_)) if len == 0 => State::Over(Vec::new()),
                        Ok(Progress::Waiting(same)) => State::Incoming(same),
                        Err(refused) => State::Over(refused.refusal.output().to_vec()),
                    };
                }
                State::Connecting(mut connecting) => {
                    out.extend_from_slice(connecting.output());
                    let written = connecting.output().len();
                    connecting.advance_output(written);
                    let room = connecting.room();
                    let len = self.input.read(room).expect("memory");
                    connecting.advance(len);
                    self.state = match connecting.poll() {
                        Ok(Progress::Done(Connected::Open { endpoint, .. })) => {
                            State::Open(Box::new(endpoint))
                        }
                        Ok(Progress::Done(Connected::Refused { .. })) | Err(_) => {
                            State::Over(Vec::new())
                        }
                        Ok(Progress::Waiting(same)) if len == 0 && !self.end_of_input => {
                            self.state = State::Connecting(same);
                            return Transport::Open;
                        }
                        Ok(Progress::Waiting(_)) if len == 0 => State::Over(Vec::new()),
                        Ok(Progress::Waiting(same)) => State::Connecting(same),
                    };
                }
                State::Open(mut endpoint) => {
                    let over = self.converse(&mut endpoint, out);
                    if over {
                        return Transport::Closed;
                    }
                    let waits = self.input.is_empty();
                    self.state = State::Open(endpoint);
                    if waits {
                        return Transport::Open;
                    }
                }
            }
        }
    }

    /// One turn of the loop that the core's documentation begins with. Returns whether the connection is over.
    fn converse(&mut self, endpoint: &mut Endpoint<TestEntropy>, out: &mut Vec<u8>) -> bool {
        while let Ok(Some((message, writer))) = endpoint.poll() {
            if let MessageRef::Text(_) | MessageRef::Binary(_) = message {
                writer.send(message).expect("room for an echo");
            }
            if writer.pending() > 1 << 16 {
                drain(endpoint, out);
            }
        }
        drain(endpoint, out);
        match endpoint.shutdown() {
            Shutdown::Both => return true,
            // The runner reads to the end, so the transport can be dropped now.
            Shutdown::Write if self.input.is_empty() => return true,
            Shutdown::Write | Shutdown::No => {}
        }
        let _ = endpoint.handle_timeout(self.now);
        if self.input.is_empty() {
            if self.end_of_input {
                let _ = endpoint.handle_eof();
                drain(endpoint, out);
                return true;
            }
            return false;
        }
        let room = endpoint.reader.room();
        let len = self.input.read(room).expect("memory");
        endpoint.reader.advance(len);
        false
    }
}

fn drain(endpoint: &mut Endpoint<TestEntropy>, out: &mut Vec<u8>) {
    let writer = endpoint.output().expect("keys");
    while writer.pending() > 0 {
        let len = writer.first().len();
        out.extend_from_slice(writer.first());
        writer.advance(len);
    }
}

impl Subject for Echo {
    fn receive(&mut self, bytes: &[u8]) {
        self.input.extend(bytes);
    }

    fn end_of_input(&mut self) {
        self.end_of_input = true;
    }

    fn transmit(&mut self, out: &mut Vec<u8>) -> Transport {
        self.advance(out)
    }

    fn time(&mut self, now: Duration) -> Option<Duration> {
        self.now = now;
        match &mut self.state {
            State::Open(endpoint) => endpoint.poll_timeout(now),
            _ => None,
        }
    }
}

/// The cases in which the core is not OK, and why.
const KNOWN: [(&str, Behavior, &str); 5] = [
    ("H.1.44", Behavior::NonStrict, "it refuses HTTP/1.2, which does not exist"),
    ("N.5.1", Behavior::NonStrict, "it takes an empty list of extensions for none"),
    ("N.5.2", Behavior::NonStrict, "it takes an empty list of extensions for none"),
    ("N.7.23", Behavior::NonStrict, "it takes an empty list of extensions for none"),
    (
        "N.7.27",
        Behavior::NonStrict,
        "it takes a larger window than it offered, and keeps to its own",
    ),
];

/// Runs these cases on all processors.
fn outcomes(cases: &[&Case], side: Side, wishes: Wishes) -> Vec<Outcome> {
    let (next, options) = (AtomicUsize::new(0), Options::default());
    let work = || {
        let taken = std::iter::from_fn(|| cases.get(next.fetch_add(1, Ordering::Relaxed)));
        let run = |case: &&Case| {
            let mut outcome = run_in_memory(case, side, &options, &mut Echo::new(side, wishes));
            outcome.wire = WireLog::default();
            outcome
        };
        taken.map(run).collect::<Vec<Outcome>>()
    };
    thread::scope(|scope| {
        let count = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..count).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no panic")).collect()
    })
}

/// Runs the cases of one side, and describes the cases whose outcome is not as expected. Cases that an endpoint with these
/// wishes cannot run are added to `unimplemented`.
fn run_all(side: Side, wishes: Wishes, unimplemented: &mut BTreeSet<String>) -> Vec<String> {
    let all = cases::all();
    // The wishes only affect the negotiation.
    let asked = |case: &&Case| wishes == Wishes::Default || case.id.section() == "N";
    let cases: Vec<&Case> = all.iter().filter(|case| case.is_for(side)).filter(asked).collect();
    let mut wrong = Vec::new();
    for outcome in outcomes(&cases, side, wishes) {
        let id = outcome.id.to_string();
        let known = KNOWN.iter().find(|(known, ..)| *known == id).map(|(_, known, _)| *known);
        if outcome.behavior == Behavior::Unimplemented {
            unimplemented.insert(id);
        } else if known.map_or(!outcome.is_ok(), |known| outcome.behavior != known) {
            wrong.push(format!(
                "{side} {wishes:?} {id}: {} / {}\n    {}\n    {}",
                outcome.behavior, outcome.behavior_close, outcome.observed, outcome.observed_close
            ));
        }
    }
    wrong
}

#[test]
fn every_case_is_ok_in_both_roles() {
    let mut wrong = Vec::new();
    for side in [Side::Server, Side::Client] {
        let mut never = BTreeSet::new();
        wrong.extend(run_all(side, Wishes::Default, &mut never));
        for wishes in [Wishes::Much, Wishes::NoLimit] {
            let mut unimplemented = BTreeSet::new();
            wrong.extend(run_all(side, wishes, &mut unimplemented));
            never.retain(|id| unimplemented.contains(id));
        }
        wrong.extend(never.iter().map(|id| format!("{side} {id}: UNIMPLEMENTED with all wishes")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_cases_of_autobahn_are_all_there() {
    let of_autobahn = |id: &str| id.starts_with(|first: char| first.is_ascii_digit());
    let ids: Vec<String> = cases::all().iter().map(|case| case.id.to_string()).collect();
    assert_eq!(ids.iter().filter(|id| of_autobahn(id)).count(), 517);
    let unique: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len());

    // README.md and the README of this crate have these numbers.
    let own = |side| cases::all().iter().filter(|case| case.is_for(side)).count() - 517;
    assert_eq!((ids.len() - 517, own(Side::Server), own(Side::Client)), (539, 389, 336));
}

#[test]
fn an_endpoint_that_answers_nothing_fails() {
    struct Silent;
    impl Subject for Silent {
        fn receive(&mut self, _: &[u8]) {}
        fn end_of_input(&mut self) {}
        fn transmit(&mut self, _: &mut Vec<u8>) -> Transport {
            Transport::Open
        }
    }
    for case in cases::all().iter().filter(|case| case.is_for(Side::Server)) {
        let outcome = run_in_memory(case, Side::Server, &Options::default(), &mut Silent);
        if outcome.behavior == Behavior::Informational {
            continue;
        }
        assert!(!outcome.is_ok(), "{}", case.id);
        assert_eq!(
            outcome.observed, "Then nothing, for as long as the runner waits.",
            "{}",
            case.id
        );
    }
}

#[test]
fn section_t_takes_little_time() {
    let mut all = Duration::ZERO;
    for case in cases::all().iter().filter(|case| case.id.section() == "T") {
        let longest = [Side::Server, Side::Client]
            .into_iter()
            .filter(|side| case.is_for(*side))
            .map(|side| {
                run_in_memory(
                    case,
                    side,
                    &Options::default(),
                    &mut Echo::new(side, Wishes::Default),
                )
                .duration
            })
            .max();
        all += longest.unwrap_or_default();
    }
    assert!(all < Duration::from_secs(3), "{all:?}");
}
