//! What happens after a peer has ended the transport in the middle of our output.

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use fullduplex_std::fullduplex::{self, Ended};
use fullduplex_std::{EndpointConfig, Error, IntoHalves, Message, Role, WebSocket};

/// What the handles of a stream share.
#[derive(Debug, Default)]
struct Shared {
    /// How many more writes are blocked, before each takes some bytes.
    blocked: usize,
    ended: bool,
    written_after_the_end: bool,
}

/// A stream whose peer has ended its direction, and takes few bytes at a time.
#[derive(Clone, Debug)]
struct HalfOpen(Rc<RefCell<Shared>>);

impl HalfOpen {
    fn new(blocked: usize) -> Self {
        Self(Rc::new(RefCell::new(Shared { blocked, ..Shared::default() })))
    }
}

impl Read for HalfOpen {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}

impl Write for HalfOpen {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut shared = self.0.borrow_mut();
        shared.written_after_the_end |= shared.ended;
        if let Some(left) = shared.blocked.checked_sub(1) {
            shared.blocked = left;
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(buf.len().min(10))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl IntoHalves for HalfOpen {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(self.clone())
    }

    fn set_read_timeout(&self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&self, _: Shutdown) -> io::Result<()> {
        self.0.borrow_mut().ended = true;
        Ok(())
    }
}

fn is_early_end(error: &Error) -> bool {
    matches!(error, Error::Protocol(fullduplex::Error::Ended(Ended::WithoutClose)))
}

#[test]
fn halves_write_nothing_behind_the_end_of_their_stream() {
    for blocked in 1..4 {
        let stream = HalfOpen::new(blocked);
        let ours = WebSocket::from_raw_socket(stream.clone(), Role::Server, EndpointConfig::new());
        let (mut sender, mut receiver) = ours.into_split().unwrap();
        sender.feed(Message::binary(vec![0; 100])).unwrap();
        assert!(is_early_end(&receiver.read().unwrap_err()));
        assert!(stream.0.borrow().ended);
        assert!(matches!(receiver.read(), Err(Error::AlreadyClosed)));
        assert!(matches!(sender.flush(), Err(Error::AlreadyClosed)));
        drop((sender, receiver));
        assert!(!stream.0.borrow().written_after_the_end, "{blocked}");
    }
}

#[test]
fn a_failure_that_was_told_is_not_told_as_a_timeout() {
    for blocked in 1..4 {
        let stream = HalfOpen::new(blocked);
        let mut ours = WebSocket::from_raw_socket(stream, Role::Server, EndpointConfig::new());
        ours.feed(Message::binary(vec![0; 100])).unwrap();
        assert!(is_early_end(&ours.read().unwrap_err()));
        loop {
            match ours.flush() {
                Err(error) if error.would_block() => {}
                other => break assert!(matches!(other, Err(Error::AlreadyClosed)), "{other:?}"),
            }
        }
    }
}
