//! web-socket: it reads a few bytes at a time, so it gets a `BufReader`, as in its examples. The application has to check
//! text.

use ::web_socket::{DataType, Event, MessageType, WebSocket};
use tokio::io::BufReader;

use crate::contenders::{Candidate, Contender, Parts, Payloads, Side, checked};
use crate::memory::{Memory, READ_SIZE, ready};
use crate::tally::Tally;

pub(super) const CANDIDATE: Candidate = Candidate {
    name: "web-socket",
    side: Side::Peer,
    package: Some("web-socket"),
    usage: "WebSocket::recv, text checked by simdutf8; WebSocket::send and flash; BufReader of 64 KiB",
    make: |parts| {
        let Parts { case, memory, payloads } = parts;
        let stream = BufReader::with_capacity(READ_SIZE, memory);
        let socket = match case.kind.is_server() {
            true => WebSocket::server(stream),
            false => WebSocket::client(stream),
        };
        Some(match case.kind.is_sending() {
            false => Box::new(Receive(socket)),
            true => Box::new(Send(socket, payloads)),
        })
    },
};

struct Receive(WebSocket<BufReader<Memory>>);

impl Contender for Receive {
    fn run(&mut self, messages: usize, tally: &mut Tally) {
        ready(async {
            for _ in 0..messages {
                match self.0.recv().await.expect("valid frames") {
                    Event::Data { ty: DataType::Complete(MessageType::Binary), data } => {
                        tally.binary(&data);
                    }
                    Event::Data { ty: DataType::Complete(MessageType::Text), data } => {
                        tally.text(checked(&data));
                    }
                    _ => panic!("nothing but messages"),
                }
            }
        });
    }
}

struct Send(WebSocket<BufReader<Memory>>, Payloads);

impl Contender for Send {
    fn run(&mut self, messages: usize, _: &mut Tally) {
        ready(async {
            for _ in 0..messages {
                self.0.send(&self.1.next()[..]).await.expect("sent");
                self.0.flash().await.expect("flushed");
            }
        });
    }
}
