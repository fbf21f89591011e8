//! Bytes that arrive together with the end of a handshake belong to the first frames.

use std::io::Write;
use std::thread;

use fullduplex_std::fullduplex::handshake::{Acceptance, HeadLimits, ServerHandshake};
use fullduplex_std::{DeflateConfig, EndpointConfig, Message, Role, WebSocket, accept, client};
use fullduplex_testkit::Frame;

use crate::raw::{REQUEST, serve};
use crate::support::{bounded, sockets};
use crate::wire::Scripted;

#[test]
fn frames_in_the_same_write_as_the_response_are_read() {
    bounded(|| {
        let (near, mut far) = sockets();
        let serving = thread::spawn(move || {
            let more = [Frame::text("1"), Frame::binary(vec![2; 9000])].map(|frame| frame.encode());
            serve(&mut far, &more.concat());
            far
        });
        let (mut socket, _) = client("ws://localhost/", near).unwrap();
        assert_eq!(socket.read().unwrap(), Message::text("1"));
        assert_eq!(socket.read().unwrap(), Message::binary(vec![2; 9000]));
        drop(serving.join().unwrap());
    });
}

#[test]
fn half_a_frame_in_the_same_write_as_the_response_is_completed() {
    bounded(|| {
        let (near, mut far) = sockets();
        let serving = thread::spawn(move || {
            let frame = Frame::text("κόσμε".repeat(100)).encode();
            let (half, rest) = frame.split_at(frame.len() / 2);
            serve(&mut far, half);
            far.write_all(rest).unwrap();
            far
        });
        let (mut socket, _) = client("ws://localhost/", near).unwrap();
        assert_eq!(socket.read().unwrap(), Message::text("κόσμε".repeat(100)));
        drop(serving.join().unwrap());
    });
}

#[test]
fn frames_in_the_same_write_as_the_request_are_read() {
    bounded(|| {
        let (mut near, far) = sockets();
        let frames =
            [Frame::text("1"), Frame::binary(vec![2; 9000])].map(|frame| frame.masked().encode());
        near.write_all(&[format!("{REQUEST}\r\n").as_bytes(), &frames.concat()].concat()).unwrap();
        let mut socket = accept(far).unwrap();
        assert_eq!(socket.read().unwrap(), Message::text("1"));
        assert_eq!(socket.read().unwrap(), Message::binary(vec![2; 9000]));
    });
}

#[test]
fn bytes_read_by_somebody_else_come_first() {
    bounded(|| {
        for role in [Role::Client, Role::Server] {
            let encode = |frame: Frame| match role {
                Role::Client => frame.encode(),
                Role::Server => frame.masked().encode(),
            };
            let wire = [Frame::text("first"), Frame::text("second")].map(encode).concat();
            for cut in 0..=wire.len() {
                let (near, mut far) = sockets();
                let part = wire[..cut].to_vec();
                let mut socket =
                    WebSocket::from_partially_read(near, part, role, EndpointConfig::new());
                far.write_all(&wire[cut..]).unwrap();
                assert_eq!(socket.read().unwrap(), Message::text("first"));
                assert_eq!(socket.read().unwrap(), Message::text("second"));
            }
        }
    });
}

#[test]
fn a_handshake_by_hand_goes_on_with_its_extension_and_with_what_was_read_behind_it() {
    let head = format!("{REQUEST}Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
    let early = Frame::text("early").masked().encode();
    let mut handshake = ServerHandshake::new(HeadLimits::new());
    let request = handshake.poll(head.as_bytes()).unwrap().unwrap();
    let mut response = [0; 512];
    let acceptance = Acceptance::new().deflate(DeflateConfig::new());
    let (_, negotiated) = request.accept(&acceptance, &mut response).unwrap();
    let (stream, log) = Scripted::new([Frame::text("late").masked().encode()]);
    let config = EndpointConfig::new();
    let mut ours = WebSocket::from_negotiated(stream, &early, Role::Server, negotiated, config);
    assert_eq!(ours.read().unwrap(), Message::text("early"));
    assert_eq!(ours.read().unwrap(), Message::text("late"));
    assert!(ours.deflate().is_some());
    ours.send("a".repeat(1000).into()).unwrap();
    assert!(log.borrow().written.len() < 100);
}
