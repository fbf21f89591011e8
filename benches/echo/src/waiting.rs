//! What the load waits with, until something can be read.

use std::io::ErrorKind;
use std::net::TcpStream as StdTcpStream;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::case::{Failure, PATIENCE};

/// Connections of which some will be ready.
#[derive(Debug)]
pub(crate) struct Waiting {
    poll: Poll,
    events: Events,
    /// Whether to ask again and again instead of sleeping.
    spin: bool,
    heard: Instant,
}

impl Waiting {
    /// For so many connections.
    pub(crate) fn new(connections: usize, spin: bool) -> Result<Self, Failure> {
        let events = Events::with_capacity(connections.max(16));
        Ok(Self { poll: Poll::new()?, events, spin, heard: Instant::now() })
    }

    /// Adds one, whose events will have the number.
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

    /// Begins to count the time in which nothing comes.
    pub(crate) fn begin(&mut self) {
        self.heard = Instant::now();
    }

    /// What is ready; nothing, when this does not sleep and nothing has come.
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
