//! Two endpoints from the handshake to the end, with reads and writes of any size: every message arrives once, in order and
//! intact, nothing fails, and nothing hangs.
#![no_main]

#[path = "endpoint/phase.rs"]
mod phase;
#[path = "endpoint/side.rs"]
mod side;

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use fullduplex::handshake::OwnedClientRequest;
use fullduplex::{CloseCode, CloseFrameRef, Connecting, EndpointConfig, Incoming};
use fullduplex_fuzz::{Answer, Bound, Data, Measured, Oracle};
use fullduplex_testkit::{Seen, TestEntropy};
use libfuzzer_sys::fuzz_target;

use phase::Phase;
use side::{Side, is_data, message};

/// The buffers of two endpoints; what is sent, on its way and received.
const MEMORY: Bound = Bound { constant: 256 << 10, factor: 8 };

/// After this many rounds, reads and writes are no longer small, so that a run stays short.
const SMALL_ROUNDS: usize = 3_000;

/// A run must take fewer rounds than this.
const MOST_ROUNDS: usize = 20_000;

#[derive(Arbitrary, Debug)]
struct Input {
    rejected: bool,
    subprotocol: bool,
    keepalive: bool,
    max_write_buffer: Option<u16>,
    /// The most bytes that each write and each read moves.
    sizes: Vec<(u16, u16)>,
    acts: Vec<Act>,
    /// What the server's application adds to its response.
    answer: Answer,
    /// In which round the transport is reset.
    reset: Option<u8>,
}

#[derive(Arbitrary, Debug)]
struct Act {
    by_client: bool,
    what: What,
    /// How many rounds pass before the next act.
    rounds: u8,
}

/// How a message is sent.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum How {
    Lent,
    Owned,
    /// Owned, and the application has another handle to it.
    Shared,
    Prepared,
}

#[derive(Arbitrary, Debug)]
pub(crate) enum What {
    Send(Data, How),
    Fragment { text: bool, payload: Vec<u8>, last: bool },
    Ping(Vec<u8>),
    Close(u16, String),
    Release,
    Poll(Way),
}

/// How messages are received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Lent,
    Owned,
    /// Lent, in two steps.
    Found,
    Pieces,
}

/// One byte chooses the way.
impl<'a> Arbitrary<'a> for Way {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(match u8::arbitrary(u)? % 4 {
            0 => Self::Lent,
            1 => Self::Owned,
            2 => Self::Found,
            _ => Self::Pieces,
        })
    }
}

fuzz_target!(|input: Measured<Input>| input.run(MEMORY, run));

/// Returns how many bytes were in the messages.
fn run(input: &Input) -> usize {
    let mut config = EndpointConfig::new();
    if let Some(most) = input.max_write_buffer {
        config.max_write_buffer_size = most.into();
    }
    if input.keepalive {
        config.connection.timeouts =
            config.connection.timeouts.keepalive(Duration::from_secs(20), Duration::from_secs(10));
    }
    let request = OwnedClientRequest::new("ws://fuzz.example/").expect("a valid URI");
    let request = if input.subprotocol { request.subprotocol("chat") } else { request };
    let client = Connecting::new(request, config, TestEntropy::new(1));
    let mut wire = Wire {
        client: Side::new(Phase::Connecting(client.expect("a valid request"))),
        server: Side::new(Phase::Incoming(Incoming::new(config, TestEntropy::new(2)))),
        now: Duration::ZERO,
        rounds: 0,
        decision: Decision { rejected: input.rejected, answer: &input.answer },
        reset: input.reset.map(usize::from),
        is_reset: false,
        sizes: &input.sizes,
    };

    for act in input.acts.iter().take(40) {
        let side = if act.by_client { &mut wire.client } else { &mut wire.server };
        side.act(&act.what);
        for _ in 0..act.rounds % 8 {
            wire.round();
        }
    }
    // Everything on its way arrives. Only a few deadlines may pass, because the keepalive never ends.
    wire.settle(3);
    let reason = CloseFrameRef { code: CloseCode::Normal, reason: "that is all" };
    let _ = wire.client.phase.send(|endpoint| endpoint.writer.close(reason));
    wire.settle(20);
    wire.check();
    wire.client.sent_bytes() + wire.server.sent_bytes()
}

/// The decision of the server's application about the request.
#[derive(Clone, Copy)]
pub(crate) struct Decision<'a> {
    pub(crate) rejected: bool,
    pub(crate) answer: &'a Answer,
}

struct Wire<'a> {
    client: Side,
    server: Side,
    now: Duration,
    rounds: usize,
    decision: Decision<'a>,
    /// The round in which the transport is reset, if it is, and whether that has happened.
    reset: Option<usize>,
    is_reset: bool,
    sizes: &'a [(u16, u16)],
}

impl Wire<'_> {
    fn round(&mut self) -> bool {
        self.rounds += 1;
        Oracle::EndpointRest.holds(self.rounds < MOST_ROUNDS, "the endpoints do not come to rest");
        let sizes = match self.sizes.get(self.rounds % self.sizes.len().max(1)) {
            Some((write, read)) if self.rounds < SMALL_ROUNDS => {
                (usize::from(*write) + 1, usize::from(*read) + 1)
            }
            _ => (1 << 16, 1 << 16),
        };
        let (client, server, decision) = (&mut self.client, &mut self.server, self.decision);
        if self.reset == Some(self.rounds) {
            self.is_reset = client.reset(decision) | server.reset(decision);
        }
        let client_moved = client.round(server, sizes, decision);
        let server_moved = server.round(client, sizes, decision);
        client_moved | server_moved | Oracle::EndpointRest.faulty()
    }

    /// Runs until nothing moves and no deadline is left, or until `jumps` deadlines have passed.
    fn settle(&mut self, jumps: usize) {
        for _ in 0..jumps {
            while self.round() {}
            let now = self.now;
            let sides = [&mut self.client, &mut self.server];
            let waiting = sides.into_iter().filter(|side| !side.over);
            let Some(next) = waiting.filter_map(|side| side.phase.poll_timeout(now)).min() else {
                return;
            };
            self.now = self.now.max(next);
            for side in [&mut self.client, &mut self.server] {
                if !side.over {
                    side.phase.handle_timeout(self.now);
                }
            }
        }
        while self.round() {}
    }

    fn check(&mut self) {
        bend(&mut self.client);
        let (client, server) = (&self.client, &self.server);
        Oracle::EndpointOver.holds(client.over && server.over, "an endpoint waits for ever");
        let is_reset = self.is_reset;
        if !is_reset && server.refused.is_some() {
            let status = |side: &Side| side.refused.as_ref().map(|refused| refused.status);
            Oracle::EndpointRefused.same(status(client), status(server));
            Oracle::EndpointNotOpened.holds(!client.opened && !server.opened, "it has opened");
            check_refused(client, server);
            return;
        }
        for (side, peer) in [(client, server), (server, client)] {
            let endpoint = match &side.phase {
                Phase::Open(endpoint) => Some(endpoint),
                _ => None,
            };
            if !is_reset {
                let endpoint = Oracle::EndpointOpened.some(endpoint.filter(|_| side.opened));
                let is_clean =
                    endpoint.reader.receiver().is_clean() && !Oracle::EndpointClean.faulty();
                Oracle::EndpointClean.holds(is_clean, "not a clean end");
            }
            check_received(side, peer, is_reset);
        }
    }
}

/// Checks that the client has received the rejection of the server's application, and the part of its body that had
/// arrived.
fn check_refused(client: &Side, server: &Side) {
    let (Some(read), Some(said)) = (&client.refused, &server.refused) else { return };
    Oracle::EndpointRefusedHeaders.same(&read.headers, &said.headers);
    Oracle::EndpointRefusedBody
        .holds(said.body.starts_with(&read.body), format_args!("{read:?} of {said:?}"));
}

/// Puts in the faults of what an application has seen.
fn bend(side: &mut Side) {
    side.over &= !Oracle::EndpointOver.faulty();
    if let Some(refused) = &mut side.refused {
        refused.status ^= u16::from(Oracle::EndpointRefused.faulty());
        if Oracle::EndpointRefusedHeaders.faulty() {
            refused.headers.pop();
        }
        if Oracle::EndpointRefusedBody.faulty() {
            refused.body.push(b'x');
        }
    }
    side.opened |= Oracle::EndpointNotOpened.faulty();
    side.opened &= !Oracle::EndpointOpened.faulty();
    let received = &mut side.received;
    if let Some(at) = received.iter().rposition(is_data) {
        if Oracle::EndpointMessages.faulty()
            && let Seen::Text(data, _) | Seen::Binary(data, _) = &mut received[at]
        {
            data.push(b'x');
        }
        if Oracle::EndpointArrived.faulty() {
            received.remove(at);
        }
    }
    if Oracle::EndpointPings.faulty() {
        received.insert(0, Seen::Ping(b"nobody sent it".to_vec()));
    }
    if Oracle::EndpointPongs.faulty() {
        received.insert(0, Seen::Pong(b"of no Ping".to_vec()));
    }
    if Oracle::EndpointOneClose.faulty() {
        received.push(Seen::Close(None));
    }
    if Oracle::EndpointCloseLast.faulty() {
        received.push(Seen::Ping(Vec::new()));
    }
    if Oracle::EndpointCloseReason.faulty() {
        received.pop();
        received.push(Seen::Close(Some((1000, "for no reason".to_owned()))));
    }
}

/// Checks that the peer has received what this side has sent, or a part of it if the transport was reset.
fn check_received(side: &Side, peer: &Side, is_reset: bool) {
    check_messages(side, peer, is_reset);
    // Keepalive sends Pings without payload.
    let sent = side.pings.iter().filter(|ping| **ping != Seen::Ping(Vec::new()));
    let pings = peer.only(|seen| matches!(seen, Seen::Ping(data) if !data.is_empty()));
    let arrived = if is_reset { pings.len() } else { usize::MAX };
    Oracle::EndpointPings.same(pings, Vec::from_iter(sent.take(arrived)));
    for pong in side.only(|seen| matches!(seen, Seen::Pong(data) if !data.is_empty())) {
        let Seen::Pong(data) = pong else { continue };
        let asked = side.pings.contains(&Seen::Ping(data.clone()));
        Oracle::EndpointPongs.holds(asked, format_args!("{pong:?}"));
    }
    let closes = peer.only(|seen| matches!(seen, Seen::Close(_)));
    if is_reset && closes.is_empty() {
        return;
    }
    Oracle::EndpointOneClose.same(closes.len(), 1);
    let last = peer.received.iter().rfind(|seen| seen.is_whole());
    Oracle::EndpointCloseLast.same(last, closes.first().copied());
    if side.closed.is_some() {
        Oracle::EndpointCloseReason.same(closes.first(), Some(&&Seen::Close(side.closed.clone())));
    }
}

/// Checks that each message that has arrived is the next one that was sent, or its beginning if the rest was given up.
fn check_messages(side: &Side, peer: &Side, is_reset: bool) {
    let received = peer.only(is_data);
    let unfinished = side.unfinished.clone().map(|(text, data)| message(text, data));
    let mut sent = side.sent.iter().chain(&unfinished);
    for (nth, seen) in received.iter().enumerate() {
        let arrived = match (sent.next(), seen) {
            (Some(Seen::Text(sent, _)), Seen::Text(data, whole))
            | (Some(Seen::Binary(sent, _)), Seen::Binary(data, whole)) => {
                sent == data || (!whole || peer.given_up.contains(&nth)) && sent.starts_with(data)
            }
            _ => false,
        };
        Oracle::EndpointMessages
            .holds(arrived, format_args!("message {nth} is lost or changed: {seen:?}"));
    }
    let missing = side.sent.len().saturating_sub(received.len());
    Oracle::EndpointArrived.holds(is_reset || missing == 0, format_args!("{missing} are missing"));
}
