//! What is written when: `feed` buffers, `send` flushes, and a `read` that is about to wait flushes first.

use std::io::Write;
use std::thread;

use fullduplex_std::{
    EndpointConfig, Error, Message, MessageKind, PreparedMessage, Role, WebSocket,
};
use fullduplex_testkit::{Frame, frames};

use crate::raw::{our_client, our_server, read_frames, read_to_end};
use crate::support::{bounded, ms};
use crate::wire::Scripted;

fn server(
    script: impl IntoIterator<Item = Vec<Frame>>,
) -> (WebSocket<Scripted>, crate::wire::SharedLog) {
    let encode = |frames: Vec<Frame>| -> Vec<u8> {
        frames.into_iter().flat_map(|frame| frame.masked().encode()).collect()
    };
    let (stream, log) = Scripted::new(script.into_iter().map(encode));
    (WebSocket::from_raw_socket(stream, Role::Server, EndpointConfig::new()), log)
}

#[test]
fn an_echo_of_all_the_messages_that_one_read_brought_takes_one_write() {
    let texts = (0..16).map(|number| Frame::text(format!("message {number}")));
    let (mut socket, log) = server([texts.clone().collect()]);
    for _ in 0..16 {
        let message = socket.read().unwrap();
        socket.feed(message).unwrap();
    }
    assert_eq!((log.borrow().reads, log.borrow().writes), (1, 0));
    // `read` flushes before it waits for more input, and then finds the end of the script.
    assert!(matches!(socket.read(), Err(Error::Protocol(_))));
    assert_eq!(log.borrow().writes, 1);
    assert_eq!(frames(&log.borrow().written), texts.collect::<Vec<_>>());
}

#[test]
fn pings_between_messages_are_answered_in_their_place() {
    let received: Vec<Frame> = (0..16)
        .map(|number: u8| match number % 3 {
            0 => Frame::ping([number]),
            _ => Frame::binary([number]),
        })
        .collect();
    let (mut socket, log) = server([received.clone()]);
    for _ in 0..16 {
        match socket.read().unwrap() {
            Message::Ping(_) => {}
            message => socket.feed(message).unwrap(),
        }
    }
    assert!(socket.read().is_err());
    assert_eq!(log.borrow().writes, 1);
    let expected: Vec<Frame> = received
        .into_iter()
        .map(|frame| if frame.opcode == 9 { Frame::pong(frame.payload) } else { frame })
        .collect();
    assert_eq!(frames(&log.borrow().written), expected);
}

#[test]
fn sending_writes_at_once_and_in_order() {
    let (mut socket, log) = server([]);
    socket.feed("1".into()).unwrap();
    socket.feed_fragment(MessageKind::Text, b"2", false).unwrap();
    assert_eq!((socket.pending_bytes(), log.borrow().writes), (6, 0));
    socket.send(Message::Ping(b"3"[..].to_vec().into())).unwrap();
    assert_eq!((socket.pending_bytes(), log.borrow().writes), (0, 1));
    socket.feed_fragment(MessageKind::Text, b"4", true).unwrap();
    socket.flush().unwrap();
    socket.flush().unwrap();
    assert_eq!(log.borrow().writes, 2);
    let expected = [
        Frame::text("1"),
        Frame::text("2").unfinished(),
        Frame::ping("3"),
        Frame::continuation("4"),
    ];
    assert_eq!(frames(&log.borrow().written), expected);
}

#[test]
fn the_answer_to_a_close_is_written_before_the_close_is_returned() {
    let (mut socket, log) = server([vec![Frame::close(1001, "bye")]]);
    assert!(socket.read().unwrap().is_close());
    assert_eq!(frames(&log.borrow().written), [Frame::close(1001, "")]);
}

#[test]
fn a_late_reader_that_has_sent_its_close_gets_every_answer() {
    const COUNT: usize = 200;
    bounded(|| {
        for sends in [false, true] {
            let (mut ours, mut peer) = our_server(EndpointConfig::new());
            let serving = thread::spawn(move || {
                loop {
                    match ours.read() {
                        Ok(message) if !message.is_binary() => {}
                        Ok(message) if sends => ours.send(message).unwrap(),
                        Ok(message) => ours.feed(message).unwrap(),
                        Err(error) => break error,
                    }
                }
            });
            let mut writing = peer.try_clone().unwrap();
            let talking = thread::spawn(move || {
                for nth in 0..COUNT {
                    let frame = Frame::binary(vec![nth as u8; 64 << 10]).masked().encode();
                    writing.write_all(&frame).unwrap();
                }
                writing.write_all(&Frame::close(1000, "").masked().encode()).unwrap();
            });
            thread::sleep(ms(300));
            let received = frames(&read_to_end(&mut peer));
            talking.join().unwrap();
            assert!(matches!(serving.join().unwrap(), Error::ConnectionClosed));
            assert_eq!(received.len(), COUNT + 1);
            for (nth, frame) in received[..COUNT].iter().enumerate() {
                assert!(*frame == Frame::binary(vec![nth as u8; 64 << 10]), "{nth}");
            }
            assert_eq!(received[COUNT], Frame::close(1000, ""));
        }
    });
}

/// A stream that keeps what is written until it is flushed.
struct Buffered {
    received: std::io::Cursor<Vec<u8>>,
    kept: Vec<u8>,
    flushed: std::rc::Rc<std::cell::RefCell<Vec<u8>>>,
}

impl std::io::Read for Buffered {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.received.read(buf)
    }
}

impl Write for Buffered {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.kept.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.flushed.borrow_mut().append(&mut self.kept);
        Ok(())
    }
}

#[test]
fn the_answer_to_a_close_is_flushed_before_the_application_sees_the_close() {
    let flushed = std::rc::Rc::default();
    let received = [Frame::text("last").masked(), Frame::close(1000, "").masked()];
    let received: Vec<u8> = received.iter().flat_map(Frame::encode).collect();
    let stream = Buffered {
        received: std::io::Cursor::new(received),
        kept: Vec::new(),
        flushed: std::rc::Rc::clone(&flushed),
    };
    let mut socket = WebSocket::from_raw_socket(stream, Role::Server, EndpointConfig::new());
    let message = socket.read().unwrap();
    socket.feed(message).unwrap();
    assert!(socket.read().unwrap().is_close());
    assert_eq!(frames(&flushed.borrow()), [Frame::text("last"), Frame::close(1000, "")]);
}

#[test]
fn a_prepared_message_goes_out_as_it_is_whole_and_in_halves() {
    let news = PreparedMessage::text("news");
    let (mut server, mut peer) = our_server(EndpointConfig::new());
    let (client, mut peer_of_client) = our_client(EndpointConfig::new());
    server.feed_prepared(&news).unwrap();
    server.close(None).unwrap();
    assert!(matches!(server.feed_prepared(&news), Err(Error::Send(_))));
    let (mut sender, receiver) = client.into_split().unwrap();
    sender.feed_prepared(&news).unwrap();
    sender.close(None).unwrap();
    assert!(matches!(sender.feed_prepared(&news), Err(Error::Send(_))));
    drop((server, sender, receiver));
    assert_eq!(read_frames(&mut peer)[0], Frame::text("news"));
    assert_eq!(read_frames(&mut peer_of_client)[0].payload, b"news");
}
