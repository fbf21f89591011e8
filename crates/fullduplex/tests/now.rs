//! A clock that is given as [`Now`] is asked when the time matters, and what it says counts.
#![cfg(feature = "alloc")]

use std::time::Duration;

use fullduplex::{
    CloseCode, CloseReason, Endpoint, EndpointConfig, Message, MessageRef, Negotiated, NoEntropy,
    Now, Role, Timeout, Timeouts,
};
use fullduplex_testkit::Frame;

/// A clock that counts how often it is asked.
struct Counted {
    time: Duration,
    asked: usize,
}

impl Now for Counted {
    fn now(&mut self) -> Duration {
        self.asked += 1;
        self.time
    }
}

const fn at(seconds: u64) -> Counted {
    Counted { time: Duration::from_secs(seconds), asked: 0 }
}

fn open(timeouts: Timeouts) -> Endpoint<NoEntropy> {
    let mut config = EndpointConfig::new();
    config.connection.timeouts = timeouts;
    let negotiated = Negotiated::without_extensions();
    Endpoint::open(Role::Server, negotiated, &[], config, NoEntropy, Duration::ZERO)
}

fn receive(endpoint: &mut Endpoint<NoEntropy>, wire: &[u8]) {
    endpoint.room()[..wire.len()].copy_from_slice(wire);
    endpoint.advance(wire.len());
}

/// Two whole messages.
fn messages() -> Vec<u8> {
    [Frame::binary(vec![1; 40]).masked().encode(), Frame::text("whole").masked().encode()].concat()
}

#[test]
fn by_default_no_clock_is_asked_for_messages_or_for_what_is_sent() {
    let mut endpoint = open(Timeouts::new());
    let mut clock = at(1);
    receive(&mut endpoint, &messages());
    assert!(endpoint.poll(&mut clock).unwrap().is_some());
    assert!(endpoint.poll_owned(&mut clock).unwrap().is_some());
    assert!(endpoint.poll_owned(&mut clock).unwrap().is_none());
    receive(&mut endpoint, &messages());
    let answered = endpoint.poll_with(&mut clock, |message, mut reply| reply.send(message));
    assert_eq!(answered, Ok(Some(Ok(()))));
    let found = endpoint.poll_found(&mut clock).unwrap().unwrap();
    assert_eq!(endpoint.lend(found, &mut clock), Ok(MessageRef::Text("whole")));
    assert!(endpoint.poll_found(&mut clock).unwrap().is_none());
    endpoint.send_message(&mut Message::text("hi"), &mut clock).unwrap();
    endpoint.send(MessageRef::Ping(b""), &mut clock).unwrap();
    endpoint.handle_timeout(&mut clock).unwrap();
    assert_eq!(clock.asked, 0);
}

#[test]
fn where_silence_counts_the_clock_is_asked_for_each_message() {
    let mut timeouts = Timeouts::new();
    timeouts.idle_timeout = Some(Duration::from_secs(5));
    let mut endpoint = open(timeouts);
    let mut clock = at(3);
    receive(&mut endpoint, &messages());
    while endpoint.poll_owned(&mut clock).unwrap().is_some() {}
    assert_eq!(clock.asked, 2);
    assert_eq!(endpoint.poll_timeout(), Some(Duration::from_secs(8)));
    assert_eq!(endpoint.handle_timeout(at(7)), Ok(()));
    assert_eq!(endpoint.handle_timeout(at(8)), Err(Timeout::Idle.into()));
}

#[test]
fn a_wait_for_a_close_begins_when_the_clock_says() {
    let wait = Timeouts::new().close_timeout;
    let mut endpoint = open(Timeouts::new());
    endpoint.send_message(&mut Message::Close(None), at(100)).unwrap();
    assert_eq!(endpoint.poll_timeout(), Some(Duration::from_secs(100) + wait));

    // A reply while a message is lent begins it as well.
    let mut endpoint = open(Timeouts::new());
    receive(&mut endpoint, &messages());
    let reason = CloseReason { code: CloseCode::Normal, reason: "" };
    let close = MessageRef::Close(Some(reason));
    let closed = endpoint.poll_with(at(200), |_, mut reply| reply.send(close));
    assert_eq!(closed, Ok(Some(Ok(()))));
    assert_eq!(endpoint.poll_timeout(), Some(Duration::from_secs(200) + wait));
}

#[test]
fn a_failure_begins_the_wait_when_the_clock_says_however_it_is_received() {
    let wait = Timeouts::new().close_timeout;
    // The first is found by the shortcut, the second by the machines.
    for wire in [Frame::text(*b"\xff whole").masked(), Frame::new(3, *b"reserved").masked()] {
        for way in 0..4 {
            let mut endpoint = open(Timeouts::new());
            receive(&mut endpoint, &wire.encode());
            let mut clock = at(300);
            let failed = match way {
                0 => endpoint.poll(&mut clock).is_err(),
                1 => endpoint.poll_owned(&mut clock).is_err(),
                2 => endpoint.poll_with(&mut clock, |_, _| ()).is_err(),
                _ => {
                    endpoint.poll_chunk(&mut clock).is_err()
                        || endpoint.poll_chunk(&mut clock).is_err()
                }
            };
            assert!(failed, "way {way}");
            assert!(clock.asked > 0, "way {way}");
            let until = Duration::from_secs(300) + wait;
            assert_eq!(endpoint.poll_timeout(), Some(until), "way {way}");
        }
    }
}
