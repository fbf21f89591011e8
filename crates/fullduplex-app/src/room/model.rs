//! Rooms under loom: however the threads interleave, a member receives all messages except the counted ones, in the same
//! order as the other members, and no thread waits for ever. `crates/concurrency` runs this.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use fullduplex_concurrency::explore;
use fullduplex_tokio::{Role, WebSocketConfig};
use loom::future::block_on;
use loom::thread::{self, JoinHandle};
use tokio::io::duplex;

use super::*;

fn message(text: &str) -> PreparedMessage {
    PreparedMessage::text(text)
}

/// A thread that sends these messages, and counts how many members they reach.
fn speaks(room: &Room, texts: &'static [&str]) -> JoinHandle<usize> {
    let room = room.clone();
    thread::spawn(move || texts.iter().map(|text| block_on(room.send(&message(text)))).sum())
}

/// The text of the next message.
fn hears(member: &mut Member) -> Option<Vec<u8>> {
    block_on(member.next()).map(|message| message.payload().to_vec())
}

#[test]
fn a_member_that_is_late_misses_what_is_counted_and_nothing_else() {
    explore(|| {
        let room = Room::new();
        let mut member = room.join(1, Slow::DropOldest);
        let speakers = [speaks(&room, &["a"]), speaks(&room, &["b"])];
        let mut count = 0;
        while count < 2 {
            assert!(hears(&mut member).is_some());
            count += 1 + member.missed();
        }
        assert_eq!((count, member.waiting()), (2, 0));
        assert_eq!(speakers.map(|speaker| speaker.join().unwrap()), [1, 1]);
    });
}

#[test]
fn a_member_that_is_too_slow_hears_that_it_has_left() {
    explore(|| {
        let room = Room::new();
        let mut member = room.join(1, Slow::Leave);
        let speaker = speaks(&room, &["a", "b"]);
        let heard = [hears(&mut member), hears(&mut member)];
        let reached = speaker.join().unwrap();
        let is_member = room.members() == 1;
        // A member that has left was not reached by the second message, because the first one still waited.
        assert_eq!(reached, if is_member { 2 } else { 1 });
        assert_eq!(heard[1].is_some(), is_member);
        assert!(is_member || hears(&mut member).is_none());
    });
}

#[test]
fn a_speaker_waits_for_a_member_until_that_has_heard_or_gone() {
    for hears_all in [true, false] {
        explore(move || {
            let room = Room::new();
            let mut member = room.join(1, Slow::Wait);
            let speaker = speaks(&room, &["a", "b", "c"]);
            assert!(hears(&mut member).is_some());
            if hears_all {
                assert!(hears(&mut member).is_some() && hears(&mut member).is_some());
                assert_eq!(speaker.join().unwrap(), 3);
            } else {
                drop(member);
                assert!(speaker.join().unwrap() <= 2);
                assert_eq!(room.members(), 0);
            }
        });
    }
}

#[test]
fn all_members_hear_the_same_order() {
    explore(|| {
        let room = Room::new();
        let (mut one, mut other) = (room.join(1, Slow::Wait), room.join(3, Slow::DropOldest));
        // Both speakers wait for `one`.
        assert_eq!(block_on(room.send(&message("first"))), 2);
        let speakers = [speaks(&room, &["a"]), speaks(&room, &["b"])];
        let heard = [(); 3].map(|()| hears(&mut one));
        assert_eq!(speakers.map(|speaker| speaker.join().unwrap()), [2, 2]);
        assert_eq!(heard, [(); 3].map(|()| hears(&mut other)));
    });
}

#[test]
fn a_speaker_that_gives_up_keeps_none_from_speaking() {
    explore(|| {
        let room = Room::new();
        let mut member = room.join(1, Slow::Wait);
        let speaker = {
            let room = room.clone();
            thread::spawn(move || {
                block_on(async {
                    assert_eq!(room.send(&message("a")).await, 1);
                    let b = message("b");
                    let mut sending = pin!(room.send(&b));
                    let _ = poll_fn(|cx| Poll::Ready(sending.as_mut().poll(cx))).await;
                });
                block_on(room.send(&message("c")))
            })
        };
        let last = message("c").payload().to_vec();
        let mut count = 1;
        while hears(&mut member) != Some(last.clone()) {
            count += 1;
        }
        // A message that was given up is counted.
        assert_eq!(count + member.missed(), 3);
        assert_eq!(speaker.join().unwrap(), 1);
    });
}

#[test]
fn a_member_whose_connection_takes_nothing_hears_that_it_was_too_slow() {
    explore(|| {
        let room = Room::new();
        let mut member = room.join(1, Slow::Leave);
        let (near, _far) = duplex(1);
        let config = WebSocketConfig::new().max_write_buffer_size(1).write_buffer_size(1);
        let mut socket = WebSocketStream::from_raw_socket(near, Role::Server, config);
        // The connection takes no more after this message.
        block_on(socket.feed_prepared(&message("first"))).unwrap();
        let speaker = speaks(&room, &["a", "b", "c"]);
        block_on(async {
            while let Some(message) = member.next().await {
                if !member.feed(&mut socket, &message).await.unwrap() {
                    break;
                }
            }
        });
        speaker.join().unwrap();
        assert_eq!(room.members(), 0);
    });
}
