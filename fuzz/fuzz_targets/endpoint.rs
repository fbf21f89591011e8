//! Two endpoints, joined by reads and writes of any size, from handshake to end: every message arrives
//! once, in order and intact, nothing fails, and nothing hangs.
#![no_main]

use std::collections::VecDeque;
use std::time::Duration;

use arbitrary::Arbitrary;
use fullduplex::handshake::{OwnedAnswer, OwnedClientRequest, OwnedRejection};
use fullduplex::{
    BufMut, CloseCode, CloseReason, Endpoint, EndpointConfig, HandshakeEvent, Message, MessageKind,
    MessageRef, PreparedMessage, Shutdown,
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
    let client = Endpoint::client(request, config, TestEntropy::new(1));
    let mut wire = Wire {
        client: Side::new(client.expect("a valid request")),
        server: Side::new(Endpoint::server(config, TestEntropy::new(2))),
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
    let _ = wire.client.endpoint.close(reason);
    wire.settle(20);
    wire.check();
});

/// One endpoint and its application.
struct Side {
    endpoint: Endpoint<TestEntropy>,
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
    fn new(endpoint: Endpoint<TestEntropy>) -> Self {
        Self {
            endpoint,
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
        let endpoint = &mut self.endpoint;
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
                        Ok(payload) if text => endpoint.send(MessageRef::Text(payload)),
                        _ => endpoint.send(MessageRef::Binary(&payload)),
                    },
                    How::Owned => {
                        let mut message = owned();
                        endpoint.send_message(&mut message).inspect_err(|_| {
                            assert_eq!(message, owned(), "refused and changed");
                        })
                    }
                    How::Shared => {
                        let message = owned();
                        let sent = endpoint.send_message(&mut message.clone());
                        assert_eq!(message, owned(), "masked under the eyes of another");
                        sent
                    }
                    How::Prepared => {
                        let prepared = PreparedMessage::new(kind, &payload).expect("checked");
                        endpoint.send_prepared(&prepared)
                    }
                };
                if sent.is_ok() {
                    self.sent.push(message(text, payload));
                }
            }
            What::Fragment { text, payload, last } => {
                let kind = if *text { MessageKind::Text } else { MessageKind::Binary };
                if endpoint.send_fragment(kind, payload, *last).is_ok() {
                    let (_, data) = self.unfinished.get_or_insert((*text, Vec::new()));
                    data.extend(payload);
                    if *last && let Some((text, data)) = self.unfinished.take() {
                        self.sent.push(message(text, data));
                    }
                }
            }
            What::Ping(payload) => {
                if endpoint.send(MessageRef::Ping(payload)).is_ok() {
                    self.pings.push(Seen::Ping(payload.clone()));
                }
            }
            What::Close(code, reason) => {
                let code = CloseCode::from_u16(close_code(*code));
                if endpoint.close(CloseReason { code, reason }).is_ok() {
                    self.closed = Some((code.to_u16(), reason.clone()));
                }
            }
            What::Release => endpoint.release(),
            What::PollOwned(owned) => self.owned = *owned,
        }
    }

    /// Everything that what has arrived means.
    fn deliver(&mut self, rejects: bool) {
        while !self.endpoint.is_handshake_over() {
            match self.endpoint.poll_handshake().expect("both handshakes are in order") {
                None => break,
                Some(HandshakeEvent::Request) if rejects => {
                    let rejection = OwnedRejection::new(403).body("not today");
                    self.endpoint.reject(&rejection.as_rejection()).expect("in order");
                    self.refused = Some(403);
                }
                Some(HandshakeEvent::Request) => {
                    let request = self.endpoint.request().expect("it waits");
                    let chosen = request.choose_subprotocol(&["chat"]).map(str::to_owned);
                    let answer = OwnedAnswer::new();
                    let answer = match chosen {
                        Some(chosen) => answer.subprotocol(chosen),
                        None => answer,
                    };
                    let request = self.endpoint.accept(&answer.as_answer()).expect("in order");
                    assert!(request.is_some());
                    self.opened = true;
                }
                Some(HandshakeEvent::Answered(status)) => {
                    panic!("nobody answers, and with {status}")
                }
                Some(HandshakeEvent::Open(response)) => {
                    assert_eq!(response.as_response().status(), 101);
                    self.opened = true;
                }
                Some(HandshakeEvent::Refused(response, _)) => {
                    self.refused = Some(response.as_response().status());
                }
            }
        }
        loop {
            let seen = if self.owned {
                self.endpoint.poll_owned().expect("a peer without fault").map(|message| {
                    match message {
                        Message::Text(text) => Seen::Text(text.as_bytes().to_vec(), true),
                        Message::Binary(data) => Seen::Binary(data.to_vec(), true),
                        Message::Ping(data) => Seen::Ping(data.to_vec()),
                        Message::Pong(data) => Seen::Pong(data.to_vec()),
                        Message::Close(frame) => Seen::Close(
                            frame.map(|close| (close.code.to_u16(), close.reason.to_string())),
                        ),
                    }
                })
            } else {
                self.endpoint.poll().expect("a peer without fault").map(|message| match message {
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
        let output = self.endpoint.output_chunks().expect("entropy never fails here");
        let before = peer.inbox.len();
        peer.inbox.extend(output.flatten().take(sizes.0));
        let written = peer.inbox.len() - before;
        assert!(written == 0 || !peer.inbox_ended, "output after the end");
        self.endpoint.advance_output(written);
        match self.endpoint.shutdown() {
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
        let most = self.inbox.len().min(sizes.1);
        let read = if self.owned {
            let mut room = self.endpoint.room_buf();
            assert!(room.has_remaining_mut(), "nowhere to read into");
            let read = most.min(room.remaining_mut());
            self.inbox.drain(..read).for_each(|byte| room.put_u8(byte));
            read
        } else {
            let room = self.endpoint.room();
            assert!(!room.is_empty(), "nowhere to read into");
            let read = most.min(room.len());
            for (slot, byte) in room.iter_mut().zip(self.inbox.drain(..read)) {
                *slot = byte;
            }
            read
        };
        self.endpoint.advance(read);
        if read == 0 && self.inbox_ended && !self.knows_end {
            self.knows_end = true;
            self.endpoint.handle_eof().expect("a peer ends after its Close");
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
            let Some(next) = waiting.filter_map(|side| side.endpoint.poll_timeout(now)).min()
            else {
                return;
            };
            self.now = self.now.max(next);
            for side in [&mut self.client, &mut self.server] {
                if !side.over {
                    side.endpoint.handle_timeout(self.now).expect("nobody is late");
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
            let conn = side.endpoint.connection().expect("it was open");
            assert!(conn.is_clean(), "not a clean end");
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
