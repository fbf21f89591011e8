//! tokio-websockets: a `Stream` and a `Sink`. Its masking keys come from fastrand, its fastest generator.

use ::tokio_websockets::{ClientBuilder, Message, ServerBuilder, WebSocketStream};
use futures::{SinkExt, StreamExt};

use crate::contenders::{Candidate, Contender, Parts, Payloads, Side};
use crate::memory::{Memory, ready};
use crate::tally::Tally;

pub(super) const CANDIDATE: Candidate = Candidate {
    name: "tokio-websockets",
    side: Side::Peer,
    package: Some("tokio-websockets"),
    usage: "StreamExt::next and SinkExt::send; keys of fastrand",
    make: |parts| {
        let Parts { case, memory, payloads } = parts;
        let socket = match case.kind.is_server() {
            true => ServerBuilder::new().serve(memory),
            false => ClientBuilder::new().take_over(memory),
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
                let message = self.0.next().await.expect("no end").expect("valid frames");
                match message.as_text() {
                    Some(text) => tally.text(text.as_bytes()),
                    None => tally.binary(message.as_payload()),
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
                self.0.send(Message::binary(self.1.next().clone())).await.expect("sent");
            }
        });
    }
}
