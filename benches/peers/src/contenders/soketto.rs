//! soketto: a receiver and a sender over buffered halves, as in its examples. The application has
//! to check text.

use ::soketto::connection::{Builder, Mode};
use ::soketto::{Data, Receiver, Sender};
use futures::io::{BufReader, BufWriter};

use crate::contenders::{Candidate, Contender, Parts, Payloads, Side, checked};
use crate::memory::{Memory, READ_SIZE, ready};
use crate::tally::Tally;

pub(super) const CANDIDATE: Candidate = Candidate {
    name: "soketto",
    side: Side::Peer,
    package: Some("soketto"),
    usage: "Receiver::receive_data into one vector, text checked by simdutf8; Sender::send_binary and \
            flush; BufReader and BufWriter of 64 KiB",
    make: |parts| {
        let Parts { case, memory, payloads } = parts;
        let mode = if case.kind.is_server() { Mode::Server } else { Mode::Client };
        let stream = BufWriter::with_capacity(READ_SIZE, memory);
        let stream = BufReader::with_capacity(READ_SIZE, stream);
        let (sender, receiver) = Builder::new(stream, mode).finish();
        Some(match case.kind.is_sending() {
            // Both halves are kept, because neither works without the other.
            false => Box::new(Receive(receiver, sender, Vec::new())),
            true => Box::new(Send(sender, receiver, payloads)),
        })
    },
};

type Stream = BufReader<BufWriter<Memory>>;

struct Receive(Receiver<Stream>, #[expect(dead_code)] Sender<Stream>, Vec<u8>);

impl Contender for Receive {
    fn run(&mut self, messages: usize, tally: &mut Tally) {
        ready(async {
            for _ in 0..messages {
                self.2.clear();
                match self.0.receive_data(&mut self.2).await.expect("valid frames") {
                    Data::Text(_) => tally.text(checked(&self.2)),
                    Data::Binary(_) => tally.binary(&self.2),
                }
            }
        });
    }
}

struct Send(Sender<Stream>, #[expect(dead_code)] Receiver<Stream>, Payloads);

impl Contender for Send {
    fn run(&mut self, messages: usize, _: &mut Tally) {
        ready(async {
            for _ in 0..messages {
                self.0.send_binary(self.2.next()).await.expect("sent");
                self.0.flush().await.expect("flushed");
            }
        });
    }
}
