//! yawc: a `Stream` and a `Sink`, with the buffers of its own benchmarks, and text checked by simdutf8.

use ::yawc::{Frame, OpCode, Options, Role, WebSocket};
use futures::SinkExt;

use crate::contenders::{Candidate, Contender, Parts, Payloads, Side};
use crate::memory::{Memory, ready};
use crate::tally::Tally;

pub(super) const CANDIDATE: Candidate = Candidate {
    name: "yawc",
    side: Side::Peer,
    package: Some("yawc"),
    usage: "WebSocket::next_frame and SinkExt::send; read buffer of 128 KiB, write boundary of 64 KiB, \
            UTF-8 check on",
    make: |parts| {
        let Parts { case, memory, payloads } = parts;
        let role = if case.kind.is_server() { Role::Server } else { Role::Client };
        let options = Options::default()
            .with_utf8()
            // Its default limit is too low for the largest messages here.
            .with_limits(16 << 20, 32 << 20)
            .with_read_buffer_capacity(128 << 10)
            .with_backpressure_boundary(64 << 10);
        let socket = WebSocket::from_stream(memory, role, options).expect("no extensions");
        Some(match case.kind.is_sending() {
            false => Box::new(Receive(socket)),
            true => Box::new(Send(socket, payloads)),
        })
    },
};

struct Receive(WebSocket<Memory>);

impl Contender for Receive {
    fn run(&mut self, messages: usize, tally: &mut Tally) {
        ready(async {
            for _ in 0..messages {
                let frame = self.0.next_frame().await.expect("valid frames");
                match frame.opcode() {
                    OpCode::Binary => tally.binary(frame.payload()),
                    OpCode::Text => tally.text(frame.payload()),
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
                self.0.send(Frame::binary(self.1.next().clone())).await.expect("sent");
            }
        });
    }
}
