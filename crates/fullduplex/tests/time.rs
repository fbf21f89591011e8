//! Only `poll_timeout` and `handle_timeout` tell an endpoint the time. What happens between two calls counts from the
//! second one on.
#![cfg(feature = "alloc")]

use std::time::Duration;

use fullduplex::{
    Endpoint, EndpointConfig, Message, Negotiated, NoEntropy, Role, Timeout, Timeouts,
};
use fullduplex_testkit::Frame;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn open(timeouts: Timeouts) -> Endpoint<NoEntropy> {
    let mut config = EndpointConfig::new();
    config.connection.timeouts = timeouts;
    let negotiated = Negotiated::without_extensions();
    Endpoint::open(Role::Server, negotiated, &[], &config, NoEntropy)
}

fn receive(endpoint: &mut Endpoint<NoEntropy>, wire: &[u8]) {
    endpoint.reader.room()[..wire.len()].copy_from_slice(wire);
    endpoint.reader.advance(wire.len());
}

#[test]
fn by_default_an_open_connection_needs_no_clock() {
    let mut endpoint = open(Timeouts::new());
    assert!(!endpoint.has_timeout());
    receive(&mut endpoint, &Frame::text("whole").masked().encode());
    assert_eq!(endpoint.poll_owned(), Ok(Some(Message::text("whole"))));
    endpoint.writer.send_message(&mut Message::text("hi")).unwrap();
    assert!(!endpoint.has_timeout());
    assert_eq!(endpoint.poll_timeout(s(1)), None);
}

#[test]
fn silence_is_counted_from_the_first_wait_after_the_last_byte() {
    let mut timeouts = Timeouts::new();
    timeouts.idle_timeout = Some(s(5));
    let mut endpoint = open(timeouts);
    assert!(endpoint.has_timeout());
    assert_eq!(endpoint.poll_timeout(s(1)), Some(s(6)));
    receive(&mut endpoint, &Frame::text("whole").masked().encode());
    assert!(endpoint.poll_owned().unwrap().is_some());
    assert_eq!(endpoint.poll_timeout(s(3)), Some(s(8)));
    assert_eq!(endpoint.poll_timeout(s(7)), Some(s(8)), "only bytes put it off");
    assert_eq!(endpoint.handle_timeout(s(7)), Ok(()));
    assert_eq!(endpoint.handle_timeout(s(8)), Err(Timeout::Idle.into()));
}

#[test]
fn input_that_was_polled_before_a_deadline_is_looked_at_puts_it_off() {
    let mut timeouts = Timeouts::new();
    timeouts.idle_timeout = Some(s(5));
    let mut endpoint = open(timeouts);
    endpoint.poll_timeout(s(0));
    receive(&mut endpoint, &Frame::text("late").masked().encode());
    assert!(endpoint.poll_owned().unwrap().is_some());
    assert_eq!(endpoint.handle_timeout(s(9)), Ok(()));
    assert_eq!(endpoint.poll_timeout(s(9)), Some(s(14)));
}

#[test]
fn the_wait_for_a_close_begins_with_the_first_wait_after_ours_or_after_a_failure() {
    let wait = Timeouts::new().close_timeout;
    let mut endpoint = open(Timeouts::new());
    endpoint.writer.send_message(&mut Message::Close(None)).unwrap();
    assert!(endpoint.has_timeout());
    assert_eq!(endpoint.poll_timeout(s(100)), Some(s(100) + wait));
    assert_eq!(endpoint.poll_timeout(s(103)), Some(s(100) + wait));

    // The shortcut for whole frames finds the first fault, and the state machines find the second.
    for wire in [Frame::text(*b"\xff whole").masked(), Frame::new(3, *b"reserved").masked()] {
        let mut endpoint = open(Timeouts::new());
        receive(&mut endpoint, &wire.encode());
        assert!(endpoint.poll_owned().is_err());
        assert_eq!(endpoint.poll_timeout(s(300)), Some(s(300) + wait));
    }
}
