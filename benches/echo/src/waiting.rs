//! How the load waits for input.

use std::io::ErrorKind;
use std::net::TcpStream as StdTcpStream;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::case::{Failure, PATIENCE};

/// Connections, some of which will be ready.
#[derive(Debug)]
pub(crate) struct Waiting {
    poll: Poll,
    events: Events,
    /// Whether to poll instead of sleeping.
    spin: bool,
    heard: Instant,
}

impl Waiting {
    /// Waits for this number of connections.
    pub(crate) fn new(connections: usize, spin: bool) -> Result<Self, Failure> {
        let events = Events::with_capacity(connections.max(16));
        Ok(Self { poll: Poll::new()?, events, spin, heard: Instant::now() })
    }

    /// Adds a connection, whose events will have this number.
    pub(crate) fn add(
        &self,
        number: usize,
        stream: StdTcpStream,
        interest: Interest,
    ) -> Result<TcpStream, Failure> {
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        self.poll.registry().register(&mut stream, Token(number), interest)?;
        Ok(stream)
    }

    /// Starts to measure the time without input.
    pub(crate) fn begin(&mut self) {
        self.heard = Instant::now();
    }

    /// The connections that are ready; none if this does not sleep and nothing has come.
    pub(crate) fn wait(&mut self) -> Result<&Events, Failure> {
        let timeout = if self.spin { Duration::ZERO } else { PATIENCE };
        loop {
            match self.poll.poll(&mut self.events, Some(timeout)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other?,
            }
        }
        if !self.events.is_empty() {
            self.heard = Instant::now();
        } else if self.heard.elapsed() >= PATIENCE {
            return Err(format!("nothing came for {PATIENCE:?}").into());
        }
        Ok(&self.events)
    }
}
