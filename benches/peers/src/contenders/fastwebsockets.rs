//! fastwebsockets: `FragmentCollector`, as its documentation advises for whole messages.

use ::fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, Role, WebSocket};

use crate::contenders::{Candidate, Contender, Parts, Payloads, Side};
use crate::memory::{Memory, ready};
use crate::tally::Tally;

pub(super) const CANDIDATE: Candidate = Candidate {
    name: "fastwebsockets",
    side: Side::Peer,
    package: Some("fastwebsockets"),
    usage: "FragmentCollector::read_frame; WebSocket::write_frame and flush",
    make: |parts| {
        let Parts { case, memory, payloads } = parts;
        let role = if case.kind.is_server() { Role::Server } else { Role::Client };
        let socket = WebSocket::after_handshake(memory, role);
        Some(match case.kind.is_sending() {
            false => Box::new(Receive(FragmentCollector::new(socket))),
            true => Box::new(Send(socket, payloads)),
        })
    },
};

struct Receive(FragmentCollector<Memory>);

impl Contender for Receive {
    fn run(&mut self, messages: usize, tally: &mut Tally) {
        ready(async {
            for _ in 0..messages {
                let frame = self.0.read_frame().await.expect("valid frames");
                match frame.opcode {
                    OpCode::Binary => tally.binary(&frame.payload),
                    OpCode::Text => tally.text(&frame.payload),
                    _ => panic!("nothing but messages"),
                }
            }
        });
    }
}

struct Send(WebSocket<Memory>, Payloads);

impl Contender for Send {
    fn run(&mut self, messages: usize, _: &mut Tally) {
        ready(async {
            for _ in 0..messages {
                let payload = Payload::Borrowed(self.1.next());
                self.0.write_frame(Frame::binary(payload)).await.expect("sent");
                self.0.flush().await.expect("flushed");
            }
        });
    }
}
