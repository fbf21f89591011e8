//! How a connection ends, over streams that fail.

use std::io::{self, ErrorKind, Read, Write};

use tungstenite::protocol::Role;
use tungstenite::{Error, WebSocket};

/// A stream that has this input, and whose reads fail after it.
#[derive(Debug)]
struct Fails {
    input: &'static [u8],
    kind: ErrorKind,
}

impl Read for Fails {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() { Err(self.kind.into()) } else { self.input.read(buf) }
    }
}

impl Write for Fails {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const KINDS: [ErrorKind; 4] = [
    ErrorKind::ConnectionReset,
    ErrorKind::UnexpectedEof,
    ErrorKind::InvalidData,
    ErrorKind::Other,
];

#[test]
fn a_stream_may_fail_after_the_close_and_the_end_is_clean() {
    for kind in KINDS {
        let stream = Fails { input: b"\x88\x02\x03\xe8", kind };
        let mut client = WebSocket::from_raw_socket(stream, Role::Client, None);
        assert!(client.read().unwrap().is_close());
        assert!(matches!(client.read(), Err(Error::ConnectionClosed)), "{kind:?}");
        assert!(matches!(client.read(), Err(Error::AlreadyClosed)), "{kind:?}");
    }
}

#[test]
fn a_stream_that_fails_before_the_close_is_an_error() {
    for kind in KINDS {
        let stream = Fails { input: b"\x81\x02hi", kind };
        let mut client = WebSocket::from_raw_socket(stream, Role::Client, None);
        assert!(client.read().unwrap().is_text());
        let error = client.read().unwrap_err();
        assert!(matches!(error, Error::Io(error) if error.kind() == kind), "{kind:?}");
    }
}

#[test]
fn a_stream_that_has_nothing_yet_is_not_over_after_the_close() {
    for kind in [ErrorKind::WouldBlock, ErrorKind::TimedOut, ErrorKind::Interrupted] {
        let stream = Fails { input: b"\x88\x02\x03\xe8", kind };
        let mut client = WebSocket::from_raw_socket(stream, Role::Client, None);
        assert!(client.read().unwrap().is_close());
        for _ in 0..2 {
            let error = client.read().unwrap_err();
            assert!(matches!(error, Error::Io(error) if error.kind() == kind), "{kind:?}");
        }
    }
}
