//! Two endpoints that compress with arbitrary parameters. With any messages, any fragments, any reads and any calls of
//! `release`, each receives exactly what the other has sent, and no window is exceeded.
#![no_main]

use arbitrary::Arbitrary;
use fullduplex::{
    DeflateParams, Endpoint, EndpointConfig, Message, MessageKind, MessageRef, Role, SendError,
};
use fullduplex_fuzz::{Bound, Data, Measured, Oracle, Terms, negotiate, read_strictly, scaled};
use fullduplex_testkit::TestEntropy;
use libfuzzer_sys::fuzz_target;

/// Two compressors and two decompressors of up to 300 KiB each; what is sent, on the wire and received.
const MEMORY: Bound = Bound { constant: 1 << 20, factor: 16 };

#[derive(Arbitrary, Debug)]
struct Input {
    client: Terms,
    server: Terms,
    /// The most bytes that each read returns.
    reads: Vec<u16>,
    acts: Vec<(bool, Act)>,
}

#[derive(Arbitrary, Debug)]
enum Act {
    Send(Data),
    /// The next fragment of a message: the unit, how often it is repeated, and whether it is the last.
    Fragment(Vec<u8>, u8, bool),
    TextFragment(String, u8, bool),
    Ping(Vec<u8>),
    Compress(bool),
    Release,
    Deliver,
    /// Whether messages are taken owned or lent.
    Owned(bool),
}

fuzz_target!(|input: Measured<Input>| input.run(MEMORY, run));

/// Returns how many bytes were in the messages and on the wire.
fn run(input: &Input) -> usize {
    let (by_client, by_server) = negotiate(input.client.config(), input.server.config());
    let open = |role, negotiated| {
        let mut config = EndpointConfig::new();
        config.max_write_buffer_size = usize::MAX;
        Endpoint::open(role, negotiated, &[], &config, TestEntropy::new(role as u64 + 1))
    };
    let mut client = Side::new(open(Role::Client, by_client), by_client.deflate());
    let mut server = Side::new(open(Role::Server, by_server), by_server.deflate());
    let mut reads = Reads { sizes: &input.reads, nth: 0 };
    for (by_client, act) in input.acts.iter().take(40) {
        let (side, peer) =
            if *by_client { (&mut client, &mut server) } else { (&mut server, &mut client) };
        match act {
            Act::Deliver => side.deliver(peer, &mut reads),
            act => side.act(act),
        }
    }
    for side in [&mut client, &mut server] {
        side.finish();
    }
    client.deliver(&mut server, &mut reads);
    server.deliver(&mut client, &mut reads);
    let sides = [(&client, &server), (&server, &client)];
    sides.map(|(side, peer)| side.check(peer)).into_iter().sum()
}

/// The sizes of the reads.
struct Reads<'a> {
    sizes: &'a [u16],
    nth: usize,
}

impl Reads<'_> {
    fn next(&mut self, pending: usize) -> usize {
        self.nth += 1;
        let size = self.sizes.get(self.nth % self.sizes.len().max(1)).copied();
        // At most a few hundred reads, so that a run stays short.
        usize::from(size.unwrap_or(u16::MAX)).max(1 + pending / 300)
    }
}

struct Side {
    endpoint: Endpoint<TestEntropy>,
    params: Option<DeflateParams>,
    owned: bool,
    sent: Vec<(bool, Vec<u8>)>,
    unfinished: Option<(bool, Vec<u8>)>,
    received: Vec<(bool, Vec<u8>)>,
    /// Everything that it wrote.
    written: Vec<u8>,
}

impl Side {
    fn new(endpoint: Endpoint<TestEntropy>, params: Option<DeflateParams>) -> Self {
        let deflate = endpoint.deflate().filter(|_| !Oracle::RoundTripParams.faulty());
        Oracle::RoundTripParams.same(deflate, params);
        Self {
            endpoint,
            params,
            owned: false,
            sent: Vec::new(),
            unfinished: None,
            received: Vec::new(),
            written: Vec::new(),
        }
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Send(data) => {
                let (text, payload) = data.payload();
                let mut sent = match std::str::from_utf8(&payload) {
                    Ok(payload) if text => self.endpoint.writer.send(MessageRef::Text(payload)),
                    _ => self.endpoint.writer.send(MessageRef::Binary(&payload)),
                };
                if Oracle::RoundTripSends.faulty() {
                    sent = Err(SendError::Closed);
                }
                Oracle::RoundTripSends.same(sent.is_ok(), self.unfinished.is_none());
                if sent.is_ok() {
                    self.sent.push((text, payload));
                }
            }
            Act::Fragment(unit, scale, last) => self.fragment(false, &scaled(unit, *scale), *last),
            Act::TextFragment(unit, scale, last) => {
                self.fragment(true, &scaled(unit.as_bytes(), *scale), *last);
            }
            Act::Ping(payload) => {
                let _ = self.endpoint.writer.send(MessageRef::Ping(payload));
            }
            Act::Compress(on) => self.endpoint.writer.sender_mut().set_compression(*on),
            Act::Release => self.endpoint.release(),
            Act::Deliver => {}
            Act::Owned(owned) => self.owned = *owned,
        }
    }

    fn fragment(&mut self, text: bool, payload: &[u8], last: bool) {
        let kind = if text { MessageKind::Text } else { MessageKind::Binary };
        if self.endpoint.writer.send_fragment(kind, payload, last).is_ok() {
            let (_, data) = self.unfinished.get_or_insert((text, Vec::new()));
            data.extend(payload);
            if last && let Some(message) = self.unfinished.take() {
                self.sent.push(message);
            }
        }
    }

    /// Ends a message that was begun in fragments.
    fn finish(&mut self) {
        if let Some((text, _)) = self.unfinished {
            self.fragment(text, b"", !Oracle::RoundTripFinishes.faulty());
        }
        Oracle::RoundTripFinishes.holds(self.unfinished.is_none(), "a fragment is refused");
    }

    /// Carries everything that it has to write to the peer.
    fn deliver(&mut self, peer: &mut Self, reads: &mut Reads<'_>) {
        let mut output = self.endpoint.output().expect("entropy never fails here").first().to_vec();
        self.endpoint.writer.advance(output.len());
        self.written.extend(&output);
        if let Some(first) = output.first_mut() {
            *first ^= 0x10 * u8::from(Oracle::RoundTripTaken.faulty());
        }
        let mut rest = &output[..];
        while !rest.is_empty() {
            let room = peer.endpoint.reader.room();
            let len = room.len().min(rest.len()).min(reads.next(output.len()));
            room[..len].copy_from_slice(&rest[..len]);
            rest = &rest[len..];
            peer.endpoint.reader.advance(len);
            peer.poll();
        }
    }

    fn poll(&mut self) {
        loop {
            let endpoint = &mut self.endpoint;
            let polled = if self.owned {
                let owned = |message| match message {
                    Message::Text(text) => Some((true, text.as_bytes().to_vec())),
                    Message::Binary(data) => Some((false, data.to_vec())),
                    _ => None,
                };
                endpoint.poll_owned().map(|message| message.map(owned))
            } else {
                let lent = |(message, _)| match message {
                    MessageRef::Text(text) => Some((true, text.as_bytes().to_vec())),
                    MessageRef::Binary(data) => Some((false, data.to_vec())),
                    _ => None,
                };
                endpoint.poll().map(|message| message.map(lent))
            };
            match Oracle::RoundTripTaken.ok(polled) {
                Some(message) => self.received.extend(message),
                None => return,
            }
        }
    }

    /// Checks that the peer has received what it has sent, and that a strict decoder reads the same on the wire. Returns
    /// how many bytes it has sent and written.
    fn check(&self, peer: &Self) -> usize {
        let mut received = &peer.received[..];
        if Oracle::RoundTripReceived.faulty() {
            received = received.split_last().map_or(received, |(_, others)| others);
        }
        Oracle::RoundTripReceived.holds(self.sent == received, "messages are lost or changed");
        let mut on_wire = read_strictly(&self.written, self.params);
        if let Some((text, _)) = on_wire.last_mut() {
            *text ^= Oracle::RoundTripWire.faulty();
        }
        Oracle::RoundTripWire.holds(self.sent == on_wire, "something else is on the wire");
        self.written.len() + self.sent.iter().map(|(_, payload)| payload.len()).sum::<usize>()
    }
}
