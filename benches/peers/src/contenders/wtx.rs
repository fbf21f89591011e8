//! wtx: frames that borrow its buffer. It masks in place, so a client that keeps its payload has to copy it first. Its
//! masking keys come from xorshift, as in its own acceptor.

use ::wtx::collection::Vector;
use ::wtx::rng::{Xorshift64, simple_seed};
use ::wtx::web_socket::{Frame, OpCode, WebSocketBuffer, WebSocketOwned, WebSocketPayloadOrigin};

use crate::contenders::{Candidate, Contender, Parts, Payloads, Side};
use crate::memory::{Memory, ready};
use crate::tally::Tally;

/// The initial size of its read buffer. Its documentation recommends to allocate enough beforehand.
const BUFFER_SIZE: usize = 128 << 10;

pub(super) const CANDIDATE: Candidate = Candidate {
    name: "wtx",
    side: Side::Peer,
    package: Some("wtx"),
    usage: "WebSocket::read_frame, payloads borrowed (Adaptive), buffer of 128 KiB; \
            WebSocket::write_frame of a copy; keys of Xorshift64",
    make: |parts| {
        Some(match parts.case.kind.is_server() {
            true => make::<false>(parts),
            false => make::<true>(parts),
        })
    },
};

type Socket<const IS_CLIENT: bool> = WebSocketOwned<(), Xorshift64, Memory, IS_CLIENT>;

fn make<const IS_CLIENT: bool>(parts: Parts) -> Box<dyn Contender> {
    let Parts { case, memory, payloads } = parts;
    let buffer = WebSocketBuffer::with_capacity(BUFFER_SIZE, 0, 0).expect("memory");
    let socket = Socket::<IS_CLIENT>::new((), false, simple_seed().into(), memory, buffer);
    match case.kind.is_sending() {
        false => Box::new(Receive(socket, Vector::new())),
        true => Box::new(Send(socket, payloads, Vec::new())),
    }
}

struct Receive<const IS_CLIENT: bool>(Socket<IS_CLIENT>, Vector<u8>);

impl<const IS_CLIENT: bool> Contender for Receive<IS_CLIENT> {
    fn run(&mut self, messages: usize, tally: &mut Tally) {
        ready(async {
            for _ in 0..messages {
                let origin = WebSocketPayloadOrigin::Adaptive;
                let frame = self.0.read_frame(&mut self.1, origin).await.expect("valid frames");
                match frame.text_payload() {
                    Some(text) => tally.text(text.as_bytes()),
                    None => tally.binary(frame.payload()),
                }
            }
        });
    }
}

struct Send<const IS_CLIENT: bool>(Socket<IS_CLIENT>, Payloads, Vec<u8>);

impl<const IS_CLIENT: bool> Contender for Send<IS_CLIENT> {
    fn run(&mut self, messages: usize, _: &mut Tally) {
        ready(async {
            for _ in 0..messages {
                self.2.clear();
                self.2.extend_from_slice(self.1.next());
                let mut frame = Frame::new_fin(OpCode::Binary, self.2.as_mut_slice());
                self.0.write_frame(&mut frame).await.expect("sent");
            }
        });
    }
}
