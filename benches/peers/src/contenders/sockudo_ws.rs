//! sockudo-ws: a `Stream` and a `Sink`. Its keepalive is off, because it needs a tokio runtime and
//! costs time.

use ::sockudo_ws::{Config, Message, WebSocketStream};
use futures::{SinkExt, StreamExt};

use crate::contenders::{Candidate, Contender, Parts, Payloads, Side};
use crate::memory::{Memory, ready};
use crate::tally::Tally;

pub(super) const CANDIDATE: Candidate = Candidate {
    name: "sockudo-ws",
    side: Side::Peer,
    package: Some("sockudo-ws"),
    usage: "StreamExt::next and SinkExt::send; keepalive off, keys of fastrand",
    make: |parts| {
        let Parts { case, memory, payloads } = parts;
        let config = Config::builder().auto_ping(false).idle_timeout(0).build();
        let socket = match case.kind.is_server() {
            true => WebSocketStream::server(memory, config),
            false => WebSocketStream::client(memory, config),
        };
        Some(match case.kind.is_sending() {
            false => Box::new(Receive(socket)),
            true => Box::new(Send(socket, payloads)),
        })
    },
};

struct Receive(WebSocketStream<Memory>);

impl Contender for Receive {
    fn run(&mut self, messages: usize, tally: &mut Tally) {
        ready(async {
            for _ in 0..messages {
                match self.0.next().await.expect("no end").expect("valid frames") {
                    Message::Binary(payload) => tally.binary(&payload),
                    Message::Text(text) => tally.text(&text),
                    _ => panic!("nothing but messages"),
                }
            }
        });
    }
}

struct Send(WebSocketStream<Memory>, Payloads);

impl Contender for Send {
    fn run(&mut self, messages: usize, _: &mut Tally) {
        ready(async {
            for _ in 0..messages {
                self.0.send(Message::Binary(self.1.next().clone())).await.expect("sent");
            }
        });
    }
}
