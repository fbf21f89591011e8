//! Two peers in memory with a virtual clock.

use std::collections::VecDeque;
use std::time::Duration;

use fullduplex::{Config, Connection, Error, Input, Negotiated, Role};

use crate::{Seen, TestEntropy, drive};

/// One end of a [`Pair`].
#[derive(Debug)]
pub struct Side {
    /// The connection under test.
    pub conn: Connection,
    /// Its masking keys.
    pub entropy: TestEntropy,
    /// What its application has received.
    pub seen: Vec<Seen>,
    /// Failures, in order.
    pub errors: Vec<Error>,
    /// Bytes on their way to it.
    inbox: VecDeque<u8>,
    /// Everything that it has written.
    pub written: Vec<u8>,
}

impl Side {
    fn new(role: Role, config: Config) -> Self {
        Self {
            conn: Connection::new(role, Negotiated::without_extensions(), config),
            entropy: TestEntropy::new(role as u64 + 1),
            seen: Vec::new(),
            errors: Vec::new(),
            inbox: VecDeque::new(),
            written: Vec::new(),
        }
    }

    fn receive(&mut self, most: usize) -> bool {
        let len = self.inbox.len().min(most);
        let mut buffer: Vec<u8> = self.inbox.drain(..len).collect();
        let mut input = Input::new(&mut buffer);
        loop {
            match self.conn.poll_event(&mut input) {
                Ok(Some(event)) => drive::record(&mut self.seen, &self.conn, event),
                Ok(None) => break,
                Err(error) => self.errors.push(error),
            }
        }
        len > 0
    }

    fn transmit(&mut self) -> Vec<u8> {
        let mut out = [0; 256];
        let mut sent = Vec::new();
        while let Some(bytes) =
            self.conn.poll_transmit(&mut out, &mut self.entropy).expect("room and entropy")
        {
            sent.extend_from_slice(bytes);
        }
        sent
    }
}

/// A client and a server, connected to each other, with one clock.
#[derive(Debug)]
pub struct Pair {
    /// The client.
    pub client: Side,
    /// The server.
    pub server: Side,
    /// The time of the clock.
    pub now: Duration,
    /// The most bytes that a read returns.
    pub read_size: usize,
}

impl Pair {
    /// Two open connections with the same configuration.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            client: Side::new(Role::Client, config),
            server: Side::new(Role::Server, config),
            now: Duration::ZERO,
            read_size: usize::MAX,
        }
    }

    /// Lets the client write. `write` gets the connection, an output buffer and entropy, and returns how many bytes it
    /// has written.
    pub fn client_sends(
        &mut self,
        write: impl FnOnce(&mut Connection, &mut [u8], &mut TestEntropy) -> usize,
    ) {
        send(&mut self.client, &mut self.server, write);
    }

    /// Lets the server write, as [`client_sends`](Self::client_sends).
    pub fn server_sends(
        &mut self,
        write: impl FnOnce(&mut Connection, &mut [u8], &mut TestEntropy) -> usize,
    ) {
        send(&mut self.server, &mut self.client, write);
    }

    /// Carries bytes in both directions until there are no more.
    pub fn run(&mut self) {
        loop {
            let to_server = carry(&mut self.client, &mut self.server, self.read_size);
            let to_client = carry(&mut self.server, &mut self.client, self.read_size);
            let moved = to_server | to_client;
            if !moved {
                return;
            }
        }
    }

    /// Lets time pass. It calls `handle_timeout` at every deadline, and carries the bytes that this causes, unless
    /// `connected` is false.
    pub fn pass(&mut self, time: Duration, connected: bool) {
        let end = self.now + time;
        loop {
            let now = self.now;
            let next = [&mut self.client, &mut self.server]
                .into_iter()
                .filter_map(|side| side.conn.poll_timeout(now))
                .filter(|at| *at > now)
                .min();
            let Some(next) = next.filter(|at| *at <= end) else { break };
            self.now = next;
            for side in [&mut self.client, &mut self.server] {
                if let Err(error) = side.conn.handle_timeout(next) {
                    side.errors.push(error);
                }
            }
            if connected {
                self.run();
            }
        }
        self.now = end;
    }
}

/// Carries the bytes that `from` has to write. Returns whether there were any.
fn carry(from: &mut Side, to: &mut Side, read_size: usize) -> bool {
    let bytes = from.transmit();
    from.written.extend(&bytes);
    to.inbox.extend(&bytes);
    to.receive(read_size) | !bytes.is_empty()
}

fn send(
    from: &mut Side,
    to: &mut Side,
    write: impl FnOnce(&mut Connection, &mut [u8], &mut TestEntropy) -> usize,
) {
    let mut out = vec![0; 1 << 20];
    let len = write(&mut from.conn, &mut out, &mut from.entropy);
    from.written.extend(&out[..len]);
    to.inbox.extend(&out[..len]);
}
