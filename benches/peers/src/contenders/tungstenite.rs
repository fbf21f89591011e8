//! tungstenite: blocking, `read` and `send`. By default its buffers have 128 KiB, which its documentation recommends for
//! much traffic.

use ::tungstenite::Message;
use ::tungstenite::protocol::{Role, WebSocket};

use crate::contenders::{Candidate, Contender, Parts, Payloads, Side};
use crate::memory::Memory;
use crate::tally::Tally;

pub(super) const CANDIDATE: Candidate = Candidate {
    name: "tungstenite",
    side: Side::Peer,
    package: Some("tungstenite"),
    usage: "WebSocket::read and WebSocket::send, default configuration",
    make: |parts| {
        let Parts { case, memory, payloads } = parts;
        let role = if case.kind.is_server() { Role::Server } else { Role::Client };
        let socket = WebSocket::from_raw_socket(memory, role, None);
        Some(match case.kind.is_sending() {
            false => Box::new(Receive(socket)),
            true => Box::new(Send(socket, payloads)),
        })
    },
};

struct Receive(WebSocket<Memory>);

impl Contender for Receive {
    fn run(&mut self, messages: usize, tally: &mut Tally) {
        for _ in 0..messages {
            match self.0.read().expect("valid frames") {
                Message::Binary(payload) => tally.binary(&payload),
                Message::Text(text) => tally.text(text.as_str().as_bytes()),
                _ => panic!("nothing but messages"),
            }
        }
    }
}

struct Send(WebSocket<Memory>, Payloads);

impl Contender for Send {
    fn run(&mut self, messages: usize, _: &mut Tally) {
        for _ in 0..messages {
            self.0.send(Message::Binary(self.1.next().clone())).expect("sent");
        }
    }
}
