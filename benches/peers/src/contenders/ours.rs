//! The core and the blocking adapter of this project.

use std::io::{IoSlice, Read, Write};

use fullduplex::{
    Config, Connection, Endpoint, EndpointConfig, Event, Input, Message, MessageRef, Negotiated,
    NoEntropy, Reader, Role,
};
use fullduplex_benches::Content;
use fullduplex_std::{OsEntropy, WebSocket};

use crate::case::Kind;
use crate::contenders::{Candidate, Contender, Parts, Payloads, Side};
use crate::memory::{Memory, READ_SIZE};
use crate::tally::Tally;

pub(super) const EVENTS: Candidate = Candidate {
    name: "fullduplex, events",
    side: Side::Ours,
    package: Some("fullduplex"),
    usage: "Connection::poll_event over a buffer of 64 KiB, messages in chunks as they lie in it; \
            Connection::send_binary into a buffer",
    make: |parts| {
        // Each kind has its own copy of the call, as in an application that calls it in several
        // places.
        Some(match parts.case.kind {
            Kind::ReceivePlain => Box::new(Events::<0>::new(parts)),
            Kind::ReceiveMasked(Content::Binary) => Box::new(Events::<1>::new(parts)),
            Kind::ReceiveMasked(_) => Box::new(Events::<2>::new(parts)),
            Kind::SendPlain | Kind::SendMasked => Box::new(Encoded::new(parts)),
        })
    },
};

pub(super) const LENT: Candidate = Candidate {
    name: "fullduplex, lent",
    side: Side::Ours,
    package: Some("fullduplex"),
    usage: "Reader::poll, whole messages lent, text as &str; Connection::binary_header and a vectored write",
    make: |parts| match parts.case.kind {
        Kind::ReceivePlain | Kind::ReceiveMasked(_) => Some(Box::new(Lent::new(parts))),
        Kind::SendPlain => Some(Box::new(HeaderAlone::new(parts))),
        // A client has to mask a copy, which is what `send_binary` does.
        Kind::SendMasked => None,
    },
};

pub(super) const OWNED: Candidate = Candidate {
    name: "fullduplex, owned",
    side: Side::Ours,
    package: Some("fullduplex"),
    usage: "Reader::poll_owned; Endpoint::send_message and a vectored write",
    make: |parts| match parts.case.kind {
        Kind::ReceivePlain | Kind::ReceiveMasked(_) => Some(Box::new(Owned::new(parts))),
        Kind::SendPlain | Kind::SendMasked => Some(Box::new(Queued::new(parts))),
    },
};

pub(super) const ADAPTER: Candidate = Candidate {
    name: "fullduplex-std",
    side: Side::Ours,
    package: Some("fullduplex-std"),
    usage: "WebSocket::read and WebSocket::send",
    make: |parts| {
        let role = role(&parts);
        let Parts { case, memory, payloads } = parts;
        let socket = WebSocket::from_raw_socket(memory, role, EndpointConfig::new());
        Some(match case.kind.is_sending() {
            false => Box::new(AdapterReceive(socket)),
            true => Box::new(AdapterSend(socket, payloads)),
        })
    },
};

fn role(parts: &Parts) -> Role {
    if parts.case.kind.is_server() { Role::Server } else { Role::Client }
}

fn connection(parts: &Parts) -> Connection {
    Connection::new(role(parts), Negotiated::without_extensions(), Config::new())
}

/// `SITE` only distinguishes the copies of [`run`](Contender::run).
struct Events<const SITE: u8> {
    conn: Connection,
    memory: Memory,
    buffer: Vec<u8>,
    /// The range of the unread input.
    start: usize,
    end: usize,
}

impl<const SITE: u8> Events<SITE> {
    fn new(parts: Parts) -> Self {
        let conn = connection(&parts);
        let buffer = vec![0; READ_SIZE];
        Self { conn, memory: parts.memory, buffer, start: 0, end: 0 }
    }
}

impl<const SITE: u8> Contender for Events<SITE> {
    #[inline(never)]
    fn run(&mut self, messages: usize, tally: &mut Tally) {
        let goal = tally.messages + messages as u64;
        loop {
            let mut input = Input::new(&mut self.buffer[self.start..self.end]);
            while tally.messages < goal
                && let Some(event) = self.conn.poll_event(&mut input).expect("valid frames")
            {
                match event {
                    Event::Binary(chunk, part) => {
                        tally.chunk(chunk);
                        if part.is_last() {
                            tally.end(false);
                        }
                    }
                    Event::Text(chunk, part) => {
                        tally.chunk(chunk);
                        if part.is_last() {
                            tally.end(true);
                        }
                    }
                    _ => panic!("nothing but messages"),
                }
            }
            self.start += input.consumed();
            if tally.messages == goal {
                return;
            }
            self.start = 0;
            self.end = self.memory.read(&mut self.buffer).expect("never fails");
        }
    }
}

struct Lent {
    reader: Reader,
    memory: Memory,
}

impl Lent {
    fn new(parts: Parts) -> Self {
        let (receiver, _) = connection(&parts).split();
        Self { reader: Reader::new(receiver), memory: parts.memory }
    }
}

impl Contender for Lent {
    fn run(&mut self, messages: usize, tally: &mut Tally) {
        let goal = tally.messages + messages as u64;
        while tally.messages < goal {
            match self.reader.poll().expect("valid frames") {
                Some(MessageRef::Binary(payload)) => tally.binary(payload),
                Some(MessageRef::Text(text)) => tally.text(text.as_bytes()),
                Some(_) => panic!("nothing but messages"),
                None => {
                    let room = self.reader.room();
                    let len = self.memory.read(room).expect("never fails");
                    self.reader.advance(len);
                }
            }
        }
    }
}

struct Owned(Lent);

impl Owned {
    fn new(parts: Parts) -> Self {
        Self(Lent::new(parts))
    }
}

impl Contender for Owned {
    fn run(&mut self, messages: usize, tally: &mut Tally) {
        let Lent { reader, memory } = &mut self.0;
        let goal = tally.messages + messages as u64;
        while tally.messages < goal {
            match reader.poll_owned().expect("valid frames") {
                Some(Message::Binary(payload)) => tally.binary(&payload),
                Some(Message::Text(text)) => tally.text(text.as_bytes()),
                Some(_) => panic!("nothing but messages"),
                None => {
                    let len = memory.read_buf(reader.room_buf());
                    reader.advance(len);
                }
            }
        }
    }
}

struct AdapterReceive(WebSocket<Memory>);

impl Contender for AdapterReceive {
    fn run(&mut self, messages: usize, tally: &mut Tally) {
        for _ in 0..messages {
            match self.0.read().expect("valid frames") {
                Message::Binary(payload) => tally.binary(&payload),
                Message::Text(text) => tally.text(text.as_bytes()),
                _ => panic!("nothing but messages"),
            }
        }
    }
}

struct Encoded {
    conn: Connection,
    is_server: bool,
    memory: Memory,
    payloads: Payloads,
    out: Vec<u8>,
}

impl Encoded {
    fn new(parts: Parts) -> Self {
        let conn = connection(&parts);
        let Parts { case, memory, payloads } = parts;
        let out = vec![0; case.frame_len()];
        Self { conn, is_server: case.kind.is_server(), memory, payloads, out }
    }
}

impl Contender for Encoded {
    fn run(&mut self, messages: usize, _: &mut Tally) {
        for _ in 0..messages {
            let payload = self.payloads.next();
            let len = if self.is_server {
                self.conn.send_binary(payload, &mut self.out, NoEntropy)
            } else {
                self.conn.send_binary(payload, &mut self.out, OsEntropy)
            };
            let frame = &self.out[..len.expect("room for the frame")];
            self.memory.write_all(frame).expect("never fails");
            self.memory.flush().expect("never fails");
        }
    }
}

struct HeaderAlone {
    conn: Connection,
    memory: Memory,
    payloads: Payloads,
}

impl HeaderAlone {
    fn new(parts: Parts) -> Self {
        let conn = connection(&parts);
        Self { conn, memory: parts.memory, payloads: parts.payloads }
    }
}

impl Contender for HeaderAlone {
    fn run(&mut self, messages: usize, _: &mut Tally) {
        for _ in 0..messages {
            let payload = self.payloads.next();
            let header = self.conn.binary_header(payload.len()).expect("a server may");
            let frame = [IoSlice::new(&header), IoSlice::new(payload)];
            let len = self.memory.write_vectored(&frame).expect("never fails");
            assert_eq!(len, header.len() + payload.len(), "all is written");
            self.memory.flush().expect("never fails");
        }
    }
}

struct Queued {
    endpoint: Endpoint<OsEntropy>,
    memory: Memory,
    payloads: Payloads,
}

impl Queued {
    fn new(parts: Parts) -> Self {
        let negotiated = Negotiated::without_extensions();
        let config = EndpointConfig::new();
        let endpoint = Endpoint::open(role(&parts), negotiated, &[], &config, OsEntropy);
        let Parts { memory, payloads, .. } = parts;
        Self { endpoint, memory, payloads }
    }
}

impl Contender for Queued {
    fn run(&mut self, messages: usize, _: &mut Tally) {
        for _ in 0..messages {
            let mut message = Message::Binary(self.payloads.next().clone());
            self.endpoint.writer.send_message(&mut message).expect("room for the frame");
            // As in an adapter, there is usually one piece.
            let pending = self.endpoint.writer.pending();
            let first = self.endpoint.output().expect("no answers wait").first();
            let len = if first.len() == pending {
                self.memory.write(first)
            } else {
                let mut pieces = [IoSlice::new(&[]); 2];
                let chunks = self.endpoint.writer.slices();
                for (piece, chunk) in pieces.iter_mut().zip(chunks) {
                    *piece = IoSlice::new(chunk);
                }
                self.memory.write_vectored(&pieces)
            };
            assert_eq!(len.expect("never fails"), pending, "all is written");
            self.endpoint.writer.advance(pending);
            self.memory.flush().expect("never fails");
        }
    }
}

struct AdapterSend(WebSocket<Memory>, Payloads);

impl Contender for AdapterSend {
    fn run(&mut self, messages: usize, _: &mut Tally) {
        for _ in 0..messages {
            self.0.send(self.1.next().clone().into()).expect("room for the frame");
        }
    }
}
