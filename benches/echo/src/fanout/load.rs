//! The load of the fan-out: many connections. One of them sends, and all receive. One thread, over mio.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::Interest;
use mio::net::TcpStream;

use crate::case::Failure;
use crate::contenders::{Contender, Side};
use crate::echo::Echo;
use crate::echo::load::connect;
use crate::waiting::Waiting;

/// The largest size of a read.
const READ_SIZE: usize = 64 << 10;

/// Connections to one server.
pub(super) struct Subscribers {
    waiting: Waiting,
    streams: Vec<TcpStream>,
    /// How much of the current messages each connection has received.
    received: Vec<usize>,
    /// What the first connection sends, and what each one then receives.
    sent: Vec<u8>,
    expected: Vec<u8>,
    buffer: Vec<u8>,
}

/// How long messages took to reach their subscribers.
pub(super) struct Arrival {
    pub(super) half: Duration,
    pub(super) last: Duration,
}

impl Subscribers {
    /// Connects, and does the handshakes.
    pub(super) fn connect(
        contender: &Contender,
        address: SocketAddr,
        count: usize,
        messages: usize,
    ) -> Result<Self, Failure> {
        let is_websocket = contender.side != Side::Unit;
        let burst = Echo { len: super::LEN, connections: 1, depth: messages }.burst();
        let expected = match is_websocket {
            true => {
                let frames = burst.payloads.iter();
                frames.flat_map(|payload| [&burst.echoed_header[..], payload].concat()).collect()
            }
            false => burst.wire.clone(),
        };
        let waiting = Waiting::new(count, false)?;
        let mut streams = Vec::with_capacity(count);
        for number in 0..count {
            let stream = connect(address, is_websocket)?;
            streams.push(waiting.add(number, stream, Interest::READABLE)?);
        }
        let received = vec![0; count];
        Ok(Self {
            waiting,
            streams,
            received,
            sent: burst.wire,
            expected,
            buffer: vec![0; READ_SIZE],
        })
    }

    /// Sends the messages, and waits until all have received them. With `proves`, every byte is compared.
    pub(super) fn send(&mut self, proves: bool) -> Result<Arrival, Failure> {
        self.received.fill(0);
        let begun = Instant::now();
        // It fits into the socket's buffer, because nothing else waits there.
        self.streams[0].write_all(&self.sent)?;
        let (mut done, mut half) = (0, None);
        self.waiting.begin();
        while done < self.streams.len() {
            for event in self.waiting.wait()? {
                let number = event.token().0;
                let received = &mut self.received[number];
                let before = *received;
                read(&mut self.streams[number], &mut self.buffer, |bytes| {
                    let expected = self.expected.get(*received..*received + bytes.len());
                    *received += bytes.len();
                    expected.is_some_and(|expected| !proves || expected == bytes)
                })?;
                if before < self.expected.len() && *received == self.expected.len() {
                    done += 1;
                    if done >= self.streams.len().div_ceil(2) {
                        half.get_or_insert_with(|| begun.elapsed());
                    }
                }
            }
        }
        let last = begun.elapsed();
        Ok(Arrival { half: half.unwrap_or(last), last })
    }
}

/// Reads what is there, and passes it to `is_right`.
fn read(
    stream: &mut TcpStream,
    buffer: &mut [u8],
    mut is_right: impl FnMut(&[u8]) -> bool,
) -> Result<(), Failure> {
    loop {
        let len = match stream.read(buffer) {
            Ok(0) => return Err("the server has ended a connection".into()),
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        if !is_right(&buffer[..len]) {
            return Err("what was received differs from what was sent".into());
        }
        // A read that does not fill the buffer has emptied the socket. More input causes another event.
        if len < buffer.len() {
            return Ok(());
        }
    }
}
