//! Faults that the simulation has found, as it printed them. The crate at fault has its own test for each.

use Act::{CloseAndWait, Fragment, Poll, Send};
use Kind::{Binary, Text};
use Side::{Client, Server};
use Step::{App, Net, Pass};
use fullduplex_simulate::{Act, How, Kind, Net as Network, Setup, Side, Step, Take, World, replay};

/// The received part of an unfinished message was given as a piece after the Close.
#[test]
fn no_piece_is_given_after_the_close() {
    let setup = Setup::plain(World::Core);
    let steps = [
        App(0, Server, Fragment(Binary, 1, false)),
        App(0, Server, CloseAndWait(1011)),
        Net(0, Client, Network::Stall),
        Pass(0),
        App(0, Client, Poll(Take::Chunks, 1)),
    ];
    replay(&setup, &steps).unwrap();
}

/// When halves were dropped, the rest of a frame was written although the stream had been ended.
#[test]
fn nothing_is_written_behind_the_end_by_halves_that_are_dropped() {
    let mut setup = Setup::plain(World::Tokio);
    setup.capacity = 1;
    setup.client.ping_interval = Some(50);
    setup.client.pong_timeout = Some(40);
    setup.client.close_timeout = 1000;
    setup.client.halves = true;
    replay(&setup, &[Net(0, Client, Network::Stall), Pass(1090)]).unwrap();
}

/// The rest of a frame was written by the next call that receives.
#[test]
fn nothing_is_written_behind_the_end_by_the_next_call() {
    let mut setup = Setup::plain(World::Tokio);
    setup.capacity = 1;
    setup.client.ping_interval = Some(1000);
    setup.client.pong_timeout = Some(500);
    setup.server.close_timeout = 200;
    setup.server.max_write_buffer = 0;
    replay(&setup, &[Net(0, Server, Network::Stall), Pass(1700)]).unwrap();
}

/// The receiving half went on writing after it had ended the stream.
#[test]
fn nothing_is_written_behind_the_end_by_halves_of_the_blocking_adapter() {
    let mut setup = Setup::plain(World::Std);
    setup.capacity = 1000;
    setup.server.halves = true;
    let steps = [App(0, Server, Fragment(Binary, 4093, true)), Net(0, Client, Network::HalfClose)];
    replay(&setup, &steps).unwrap();
}

/// `flush` returned a failure that had been returned before, as a close timeout.
#[test]
fn a_failure_is_no_close_timeout() {
    let mut setup = Setup::plain(World::Std);
    setup.capacity = 1;
    let steps = [
        Net(0, Server, Network::HalfClose),
        App(0, Client, Send(Text, 0, How::Owned)),
        App(0, Client, Poll(Take::Owned, 1)),
        App(0, Server, Poll(Take::Owned, 1)),
        App(0, Client, Send(Binary, 0, How::Lent)),
    ];
    replay(&setup, &steps).unwrap();
}
