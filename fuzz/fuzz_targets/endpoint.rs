//! Two endpoints, joined by reads and writes of any size, from handshake to end: every message arrives
//! once, in order and intact, nothing fails, and nothing hangs.
#![no_main]

use std::collections::VecDeque;
use std::time::Duration;

use arbitrary::Arbitrary;
use fullduplex::handshake::{OwnedAcceptance, OwnedClientRequest, OwnedRejection};
use fullduplex::{
    BufMut, CloseCode, CloseReason, Connected, Connecting, Endpoint, EndpointConfig, Incoming,
    Message, MessageKind, MessageRef, PreparedMessage, Progress, Refusal, SendError, Shutdown,
};
use fullduplex_fuzz::{Data, close_code};
use fullduplex_testkit::{Seen, TestEntropy};
use libfuzzer_sys::fuzz_target;

/// After so many rounds reads and writes are no longer small, so that a run stays short.
const SMALL_ROUNDS: usize = 3_000;

/// No run takes so many rounds.
const MOST_ROUNDS: usize = 20_000;

#[derive(Arbitrary, Debug)]
struct Input {
    rejected: bool,
    subprotocol: bool,
    keepalive: bool,
    max_write_buffer: Option<u16>,
    /// How much each read and write moves at most.
    sizes: Vec<(u16, u16)>,
    acts: Vec<Act>,
}

#[derive(Arbitrary, Debug)]
struct Act {
    by_client: bool,
    what: What,
    /// How many rounds pass before the next.
    rounds: u8,
}

/// In which of the ways a message is sent.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum How {
    Lent,
    Owned,
    /// Somebody else has a handle to it.
    Shared,
    Prepared,
}

#[derive(Arbitrary, Debug)]
enum What {
    Send(Data, How),
    Fragment { text: bool, payload: Vec<u8>, last: bool },
    Ping(Vec<u8>),
    Close(u16, String),
    Release,
    PollOwned(bool),
}

fuzz_target!(|input: Input| {
    let mut config = EndpointConfig::new();
    if let Some(most) = input.max_write_buffer {
        config.max_write_buffer = most.into();
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
        rejected: input.rejected,
        sizes: &input.sizes,
    };

    for act in input.acts.iter().take(40) {
        let side = if act.by_client { &mut wire.client } else { &mut wire.server };
        side.act(&act.what);
        for _ in 0..act.rounds % 8 {
            wire.round();
        }
    }
    // What is under way arrives; the clock may move, but not for ever: keepalive never comes to rest.
    wire.settle(3);
    let reason = CloseReason { code: CloseCode::Normal, reason: "that is all" };
    let _ = wire.client.phase.send(|endpoint| endpoint.writer.close(reason));
    wire.settle(20);
    wire.check();
});

/// How far an end has come.
enum Phase {
    Incoming(Incoming<TestEntropy>),
    Connecting(Connecting<TestEntropy>),
    Open(Endpoint<TestEntropy>),
    /// A server that has refused the request.
    Refusal(Refusal),
    /// There is nothing more to do but to drop the transport.
    Over,
}

impl Phase {
    /// Sends, once the connection is open.
    fn send(
        &mut self,
        f: impl FnOnce(&mut Endpoint<TestEntropy>) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        match self {
            Self::Open(endpoint) => f(endpoint),
            _ => Err(SendError::Closed),
        }
    }

    /// Gives up to `most` bytes of what is to be written.
    fn write(&mut self, most: usize) -> Vec<u8> {
        let cut = |output: &[u8]| output[..output.len().min(most)].to_vec();
        match self {
            Self::Incoming(_) | Self::Over => Vec::new(),
            Self::Connecting(connecting) => {
                let output = cut(connecting.output());
                connecting.advance_output(output.len());
                output
            }
            Self::Refusal(refusal) => {
                let output = cut(refusal.output());
                refusal.advance_output(output.len());
                output
            }
            Self::Open(endpoint) => {
                let writer = endpoint.output().expect("entropy never fails here");
                let output: Vec<u8> = writer.chunks().flatten().take(most).copied().collect();
                writer.advance(output.len());
                output
            }
        }
    }

    fn shutdown(&mut self) -> Shutdown {
        match self {
            Self::Incoming(_) | Self::Connecting(_) => Shutdown::No,
            Self::Refusal(refusal) if !refusal.output().is_empty() => Shutdown::No,
            Self::Refusal(_) => Shutdown::Write,
            Self::Open(endpoint) => endpoint.shutdown(),
            Self::Over => Shutdown::Both,
        }
    }

    /// Takes up to `most` bytes of `inbox`, by one way or the other; how many it took.
    fn read(&mut self, inbox: &mut VecDeque<u8>, most: usize, by_buf: bool) -> usize {
        let most = most.min(inbox.len());
        let fill = |room: &mut [u8], inbox: &mut VecDeque<u8>| {
            assert!(!room.is_empty(), "nowhere to read into");
            let read = most.min(room.len());
            for (slot, byte) in room.iter_mut().zip(inbox.drain(..read)) {
                *slot = byte;
            }
            read
        };
        let put = |room: &mut dyn BufMut, inbox: &mut VecDeque<u8>| {
            assert!(room.has_remaining_mut(), "nowhere to read into");
            let read = most.min(room.remaining_mut());
            inbox.drain(..read).for_each(|byte| room.put_u8(byte));
            read
        };
        macro_rules! take {
            ($it:expr) => {{
                let read =
                    if by_buf { put(&mut $it.room_buf(), inbox) } else { fill($it.room(), inbox) };
                $it.advance(read);
                read
            }};
        }
        match self {
            Self::Incoming(incoming) => take!(incoming),
            Self::Connecting(connecting) => take!(connecting),
            Self::Open(endpoint) => take!(endpoint.reader),
            Self::Refusal(_) | Self::Over => inbox.drain(..most).count(),
        }
    }

    fn poll_timeout(&mut self, now: Duration) -> Option<Duration> {
        match self {
            Self::Incoming(incoming) => incoming.poll_timeout(now),
            Self::Connecting(connecting) => connecting.poll_timeout(now),
            Self::Open(endpoint) => endpoint.poll_timeout(now),
            Self::Refusal(refusal) => refusal.poll_timeout(now),
            Self::Over => None,
        }
    }

    fn handle_timeout(&mut self, now: Duration) {
        match self {
            Self::Incoming(incoming) => incoming.handle_timeout(now).expect("nobody is late"),
            Self::Connecting(connecting) => connecting.handle_timeout(now).expect("nobody is late"),
            Self::Open(endpoint) => endpoint.handle_timeout(now).expect("nobody is late"),
            Self::Refusal(refusal) => {
                if refusal.handle_timeout(now).is_err() {
                    *self = Self::Over;
                }
            }
            Self::Over => {}
        }
    }
}

/// One end and its application.
struct Side {
    phase: Phase,
    /// Bytes on their way to it, and whether more can come.
    inbox: VecDeque<u8>,
    inbox_ended: bool,
    knows_end: bool,
    over: bool,
    opened: bool,
    refused: Option<u16>,
    owned: bool,
    sent: Vec<Seen>,
    pings: Vec<Seen>,
    unfinished: Option<(bool, Vec<u8>)>,
    closed: Option<(u16, String)>,
    received: Vec<Seen>,
}

impl Side {
    fn new(phase: Phase) -> Self {
        Self {
            phase,
            inbox: VecDeque::new(),
            inbox_ended: false,
            knows_end: false,
            over: false,
            opened: false,
            refused: None,
            owned: false,
            sent: Vec::new(),
            pings: Vec::new(),
            unfinished: None,
            closed: None,
            received: Vec::new(),
        }
    }

    fn act(&mut self, what: &What) {
        let Self { phase: Phase::Open(endpoint), .. } = self else {
            if let What::PollOwned(owned) = what {
                self.owned = *owned;
            }
            return;
        };
        match what {
            What::Send(data, how) => {
                let (text, payload) = data.payload();
                let text = text && std::str::from_utf8(&payload).is_ok();
                let kind = if text { MessageKind::Text } else { MessageKind::Binary };
                let owned = || match std::str::from_utf8(&payload) {
                    Ok(payload) if text => Message::text(payload),
                    _ => Message::binary(payload.clone()),
                };
                let sent = match how {
                    How::Lent => match std::str::from_utf8(&payload) {
                        Ok(payload) if text => endpoint.writer.send(MessageRef::Text(payload)),
                        _ => endpoint.writer.send(MessageRef::Binary(&payload)),
                    },
                    How::Owned => {
                        let mut message = owned();
                        endpoint.writer.send_message(&mut message).inspect_err(|_| {
                            assert_eq!(message, owned(), "refused and changed");
                        })
                    }
                    How::Shared => {
                        let message = owned();
                        let sent = endpoint.writer.send_message(&mut message.clone());
                        assert_eq!(message, owned(), "masked under the eyes of another");
                        sent
                    }
                    How::Prepared => {
                        let prepared = PreparedMessage::new(kind, &payload).expect("checked");
                        endpoint.writer.send_prepared(&prepared)
                    }
                };
                if sent.is_ok() {
                    self.sent.push(message(text, payload));
                }
            }
            What::Fragment { text, payload, last } => {
                let kind = if *text { MessageKind::Text } else { MessageKind::Binary };
                if endpoint.writer.send_fragment(kind, payload, *last).is_ok() {
                    let (_, data) = self.unfinished.get_or_insert((*text, Vec::new()));
                    data.extend(payload);
                    if *last && let Some((text, data)) = self.unfinished.take() {
                        self.sent.push(message(text, data));
                    }
                }
            }
            What::Ping(payload) => {
                if endpoint.writer.send(MessageRef::Ping(payload)).is_ok() {
                    self.pings.push(Seen::Ping(payload.clone()));
                }
            }
            What::Close(code, reason) => {
                let code = CloseCode::from_u16(close_code(*code));
                if endpoint.writer.close(CloseReason { code, reason }).is_ok() {
                    self.closed = Some((code.to_u16(), reason.clone()));
                }
            }
            What::Release => endpoint.release(),
            What::PollOwned(owned) => self.owned = *owned,
        }
    }

    /// Everything that what has arrived means.
    fn deliver(&mut self, rejects: bool) {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Incoming(incoming) => match incoming.poll().expect("the request is in order") {
                Progress::Waiting(incoming) => Phase::Incoming(incoming),
                Progress::Done(request) if rejects => {
                    self.refused = Some(403);
                    let rejection = OwnedRejection::new(403).body("not today");
                    Phase::Refusal(request.reject(&rejection.as_rejection()).expect("in order"))
                }
                Progress::Done(request) => {
                    let chosen = request.request().choose_subprotocol(&["chat"]).map(str::to_owned);
                    let acceptance = OwnedAcceptance::new();
                    let acceptance = match chosen {
                        Some(chosen) => acceptance.subprotocol(chosen),
                        None => acceptance,
                    };
                    let (endpoint, _) =
                        request.accept(&acceptance.as_acceptance()).expect("in order");
                    self.opened = true;
                    Phase::Open(endpoint)
                }
            },
            Phase::Connecting(connecting) => {
                match connecting.poll().expect("the response is in order") {
                    Progress::Waiting(connecting) => Phase::Connecting(connecting),
                    Progress::Done(Connected::Open { endpoint, response }) => {
                        assert_eq!(response.as_response().status(), 101);
                        self.opened = true;
                        Phase::Open(endpoint)
                    }
                    Progress::Done(Connected::Refused(refused)) => {
                        self.refused = Some(refused.response.as_response().status());
                        Phase::Over
                    }
                }
            }
            other => other,
        };
        let Phase::Open(endpoint) = &mut self.phase else { return };
        loop {
            let seen = if self.owned {
                endpoint.poll_owned().expect("a peer without fault").map(|message| match message {
                    Message::Text(text) => Seen::Text(text.as_bytes().to_vec(), true),
                    Message::Binary(data) => Seen::Binary(data.to_vec(), true),
                    Message::Ping(data) => Seen::Ping(data.to_vec()),
                    Message::Pong(data) => Seen::Pong(data.to_vec()),
                    Message::Close(frame) => Seen::Close(
                        frame.map(|close| (close.code.to_u16(), close.reason.to_string())),
                    ),
                })
            } else {
                endpoint.poll().expect("a peer without fault").map(|(message, _)| match message {
                    MessageRef::Text(text) => Seen::Text(text.as_bytes().to_vec(), true),
                    MessageRef::Binary(data) => Seen::Binary(data.to_vec(), true),
                    MessageRef::Ping(data) => Seen::Ping(data.to_vec()),
                    MessageRef::Pong(data) => Seen::Pong(data.to_vec()),
                    MessageRef::Close(reason) => Seen::Close(
                        reason.map(|close| (close.code.to_u16(), close.reason.to_owned())),
                    ),
                })
            };
            match seen {
                Some(seen) => self.received.push(seen),
                None => break,
            }
        }
    }

    /// What an adapter does once: deliver, write, end, read. Returns whether anything moved.
    fn round(&mut self, peer: &mut Self, sizes: (usize, usize), rejects: bool) -> bool {
        if self.over {
            return false;
        }
        self.deliver(rejects);
        let output = self.phase.write(sizes.0);
        peer.inbox.extend(&output);
        let written = output.len();
        assert!(written == 0 || !peer.inbox_ended, "output after the end");
        match self.phase.shutdown() {
            Shutdown::No => {}
            Shutdown::Write if peer.inbox_ended => {}
            Shutdown::Write => {
                peer.inbox_ended = true;
                return true;
            }
            Shutdown::Both => {
                peer.inbox_ended = true;
                self.over = true;
                return true;
            }
        }
        let read = self.phase.read(&mut self.inbox, sizes.1, self.owned);
        if read == 0 && self.inbox_ended && !self.knows_end {
            self.knows_end = true;
            match &mut self.phase {
                Phase::Open(endpoint) => {
                    endpoint.handle_eof().expect("a peer ends after its Close")
                }
                phase => *phase = Phase::Over,
            }
            return true;
        }
        written + read > 0
    }

    fn only(&self, keep: impl Fn(&Seen) -> bool) -> Vec<&Seen> {
        self.received.iter().filter(|seen| keep(seen)).collect()
    }
}

struct Wire<'a> {
    client: Side,
    server: Side,
    now: Duration,
    rounds: usize,
    rejected: bool,
    sizes: &'a [(u16, u16)],
}

impl Wire<'_> {
    fn round(&mut self) -> bool {
        self.rounds += 1;
        assert!(self.rounds < MOST_ROUNDS, "the endpoints do not come to rest");
        let sizes = match self.sizes.get(self.rounds % self.sizes.len().max(1)) {
            Some((write, read)) if self.rounds < SMALL_ROUNDS => {
                (usize::from(*write) + 1, usize::from(*read) + 1)
            }
            _ => (1 << 16, 1 << 16),
        };
        let (client, server, rejected) = (&mut self.client, &mut self.server, self.rejected);
        let client_moved = client.round(server, sizes, rejected);
        let server_moved = server.round(client, sizes, rejected);
        client_moved | server_moved
    }

    /// Goes on until nothing moves and no deadline is left, or `jumps` deadlines have come.
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

    fn check(&self) {
        let (client, server) = (&self.client, &self.server);
        assert!(client.over && server.over, "an endpoint waits for ever");
        if self.rejected {
            assert_eq!((client.refused, server.refused), (Some(403), Some(403)));
            assert!(!client.opened && !server.opened);
            return;
        }
        for (side, peer) in [(client, server), (server, client)] {
            assert!(side.opened);
            let Phase::Open(endpoint) = &side.phase else { panic!("it was open") };
            assert!(endpoint.reader.receiver().is_clean(), "not a clean end");
            let data = peer.only(|seen| matches!(seen, Seen::Text(..) | Seen::Binary(..)));
            assert!(data.iter().copied().eq(&side.sent), "messages are lost or changed");
            let pings = peer.only(|seen| matches!(seen, Seen::Ping(data) if !data.is_empty()));
            let sent = side
                .pings
                .iter()
                .filter(|ping| !matches!(ping, Seen::Ping(data) if data.is_empty()));
            assert!(pings.into_iter().eq(sent), "pings are lost or changed");
            for pong in side.only(|seen| matches!(seen, Seen::Pong(data) if !data.is_empty())) {
                let Seen::Pong(data) = pong else { continue };
                assert!(side.pings.contains(&Seen::Ping(data.clone())), "a Pong of no Ping");
            }
            let closes = peer.only(|seen| matches!(seen, Seen::Close(_)));
            assert_eq!(closes.len(), 1);
            assert_eq!(peer.received.last(), closes.first().copied(), "something after the Close");
            if side.closed.is_some() {
                assert_eq!(closes.first(), Some(&&Seen::Close(side.closed.clone())));
            }
        }
    }
}

fn message(text: bool, data: Vec<u8>) -> Seen {
    if text { Seen::Text(data, true) } else { Seen::Binary(data, true) }
}
