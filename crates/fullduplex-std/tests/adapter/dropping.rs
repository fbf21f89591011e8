//! What a WebSocket that is dropped tells its peer.

use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Instant;

use fullduplex_std::{CloseCode, EndpointConfig, Message, Role, WebSocket};
use fullduplex_testkit::Frame;
use socket2::SockRef;

use crate::raw::{closes_with, our_client, our_server, read_frames, read_to_end};
use crate::support::{bounded, drain, ms, pair};

fn open(role: Role) -> (WebSocket<TcpStream>, TcpStream) {
    let config = EndpointConfig::new();
    if role == Role::Client { our_client(config) } else { our_server(config) }
}

#[test]
fn a_websocket_that_is_dropped_writes_what_is_pending_and_says_that_it_goes_away() {
    bounded(|| {
        for role in [Role::Client, Role::Server] {
            let (mut ours, mut peer) = open(role);
            ours.feed("still to be written".into()).unwrap();
            drop(ours);
            let frames = read_frames(&mut peer);
            assert_eq!(frames.len(), 2, "{frames:?}");
            assert_eq!(frames[0].payload, b"still to be written");
            closes_with(&frames, CloseCode::Away);
        }
    });
}

/// Thread-locals are dropped in reverse order, and the socket was there first, so the adapter's own are gone when it is
/// dropped.
#[test]
fn a_client_in_a_thread_local_is_dropped_when_its_thread_ends() {
    thread_local!(static KEPT: RefCell<Option<WebSocket<TcpStream>>> = const { RefCell::new(None) });
    bounded(|| {
        let (mut ours, mut peer) = open(Role::Client);
        let use_and_keep = move || {
            KEPT.with_borrow_mut(|kept| {
                ours.send("Hello".into()).unwrap();
                *kept = Some(ours);
            });
        };
        std::thread::spawn(use_and_keep).join().unwrap();
        let frames = read_frames(&mut peer);
        assert_eq!(frames.len(), 2, "{frames:?}");
        closes_with(&frames, CloseCode::Away);
    });
}

#[cfg(unix)]
#[test]
fn a_websocket_over_a_unix_socket_says_so_as_well() {
    bounded(|| {
        let (near, mut far) = std::os::unix::net::UnixStream::pair().unwrap();
        drop(WebSocket::from_raw_socket(near, Role::Server, EndpointConfig::new()));
        closes_with(&read_frames(&mut far), CloseCode::Away);
    });
}

#[test]
fn a_peer_that_reads_on_sees_a_clean_close() {
    bounded(|| {
        let (ours, mut peer) = pair(EndpointConfig::new(), EndpointConfig::new());
        drop(ours);
        let Message::Close(Some(frame)) = peer.read().unwrap() else { panic!("no Close") };
        assert_eq!(frame.code, CloseCode::Away);
        drain(&mut peer);
        assert!(peer.receiver().is_clean());
    });
}

#[test]
fn a_peer_that_does_not_read_does_not_delay_the_drop() {
    bounded(|| {
        for role in [Role::Client, Role::Server] {
            let (mut ours, peer) = open(role);
            SockRef::from(ours.get_ref()).set_send_buffer_size(16 << 10).unwrap();
            SockRef::from(&peer).set_recv_buffer_size(16 << 10).unwrap();
            // The write buffer is full, and so are the buffers of the sockets.
            ours.get_ref().set_nonblocking(true).unwrap();
            while ours.send(vec![0; 256 << 10].into()).is_ok() {}
            while ours.feed(vec![0; 64 << 10].into()).is_ok() {}
            ours.get_ref().set_nonblocking(false).unwrap();
            let begun = Instant::now();
            drop(ours);
            let took = begun.elapsed();
            assert!(took < ms(1000), "{took:?}");
        }
    });
}

#[test]
fn nothing_is_said_after_the_end_or_a_close_or_by_into_inner() {
    bounded(|| {
        let (mut ours, mut peer) = open(Role::Server);
        peer.write_all(&Frame::close(1000, "").masked().encode()).unwrap();
        drain(&mut ours);
        drop(ours);
        let frames = read_frames(&mut peer);
        assert_eq!(frames.len(), 1, "{frames:?}");
        closes_with(&frames, CloseCode::Normal);

        let (mut ours, mut peer) = open(Role::Server);
        ours.close(None).unwrap();
        drop(ours);
        let frames = read_frames(&mut peer);
        assert_eq!(frames.len(), 1, "{frames:?}");
        closes_with(&frames, CloseCode::Normal);

        let (mut ours, mut peer) = open(Role::Server);
        ours.feed("lost".into()).unwrap();
        drop(ours.into_inner());
        assert_eq!(read_to_end(&mut peer), b"");
    });
}

#[test]
fn nothing_is_said_once_a_write_has_failed() {
    bounded(|| {
        let (mut ours, mut peer) = open(Role::Server);
        ours.get_ref().shutdown(Shutdown::Write).unwrap();
        ours.send("in vain".into()).unwrap_err();
        drop(ours);
        assert_eq!(read_to_end(&mut peer), b"");
    });
}

#[test]
fn nothing_is_said_while_the_thread_panics() {
    bounded(|| {
        let (ours, mut peer) = open(Role::Server);
        let panicked = catch_unwind(AssertUnwindSafe(move || {
            let _ours = ours;
            std::panic::resume_unwind(Box::new("on purpose"));
        }));
        assert!(panicked.is_err());
        assert_eq!(read_to_end(&mut peer), b"");
    });
}

/// A stream of a kind that the adapter does not know, so a write might take for ever. It counts writes.
struct Unknown(Rc<Cell<usize>>);

impl Read for Unknown {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}

impl Write for Unknown {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.set(self.0.get() + 1);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn nothing_is_written_to_an_unknown_stream() {
    let writes = Rc::new(Cell::new(0));
    let stream = Unknown(Rc::clone(&writes));
    let mut ours = WebSocket::from_raw_socket(stream, Role::Server, EndpointConfig::new());
    ours.send("once".into()).unwrap();
    ours.feed("never".into()).unwrap();
    drop(ours);
    assert_eq!(writes.get(), 1);
}
