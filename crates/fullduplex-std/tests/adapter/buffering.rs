//! What is written when: `feed` buffers, `send` flushes, and a `read` that is about to wait flushes first.

use fullduplex_std::{EndpointConfig, Error, Message, MessageKind, Role, WebSocket};
use fullduplex_testkit::{Frame, frames};

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
    // The script is at its end, which is found by waiting for more.
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
    socket.feed("1").unwrap();
    socket.feed_fragment(MessageKind::Text, b"2", false).unwrap();
    assert_eq!(log.borrow().writes, 0);
    socket.send(Message::Ping(b"3"[..].to_vec().into())).unwrap();
    assert_eq!(log.borrow().writes, 1);
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
