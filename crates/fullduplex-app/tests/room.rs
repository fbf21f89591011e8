//! Rooms: the order of messages, bounds, and slow members.

use std::time::Duration;

use fullduplex_app::{Room, Slow};
use fullduplex_tokio::{PreparedMessage, Role, WebSocketConfig, WebSocketStream};
use tokio::io::duplex;
use tokio::time::{sleep, timeout};

fn said(text: &str) -> PreparedMessage {
    PreparedMessage::text(text)
}

async fn heard(member: &mut fullduplex_app::Member) -> Option<String> {
    let next = timeout(Duration::from_millis(10), member.next()).await.expect("something was said");
    next.map(|message| String::from_utf8(message.payload().to_vec()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn everybody_hears_everything_in_order_from_the_time_that_he_joins() {
    let room = Room::new();
    assert_eq!(room.send(&said("nobody hears this")).await, 0);
    let mut first = room.join(10, Slow::Leave);
    assert_eq!(room.send(&said("a")).await, 1);
    let mut second = room.join(10, Slow::DropOldest);
    assert_eq!(room.send(&said("b")).await, 2);
    assert_eq!((first.waiting(), second.waiting(), room.members()), (2, 1, 2));
    assert_eq!(heard(&mut first).await.as_deref(), Some("a"));
    assert_eq!(heard(&mut first).await.as_deref(), Some("b"));
    assert_eq!(heard(&mut second).await.as_deref(), Some("b"));
    drop(first);
    assert_eq!((room.members(), room.send(&said("c")).await), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_oldest_is_lost_and_counted() {
    let room = Room::new();
    let mut member = room.join(2, Slow::DropOldest);
    for text in ["a", "b", "c", "d"] {
        assert_eq!(room.send(&said(text)).await, 1);
    }
    assert_eq!((member.missed(), member.missed(), member.waiting()), (2, 0, 2));
    assert_eq!(heard(&mut member).await.as_deref(), Some("c"));
    assert_eq!(heard(&mut member).await.as_deref(), Some("d"));
}

#[tokio::test(start_paused = true)]
async fn whoever_must_not_miss_anything_leaves_before_he_does() {
    let room = Room::new();
    let mut slow = room.join(2, Slow::Leave);
    let mut quick = room.join(10, Slow::Leave);
    assert_eq!(room.send(&said("a")).await, 2);
    assert_eq!(room.send(&said("b")).await, 2);
    assert_eq!(room.send(&said("c")).await, 1);
    assert_eq!((room.members(), slow.waiting()), (1, 0));
    assert_eq!(heard(&mut slow).await, None);
    assert_eq!(heard(&mut slow).await, None);
    for text in ["a", "b", "c"] {
        assert_eq!(heard(&mut quick).await.as_deref(), Some(text));
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_waited_for_loses_nothing_and_all_hear_the_same_order() {
    let room = Room::new();
    let mut slow = room.join(1, Slow::Wait);
    let mut other = room.join(100, Slow::Leave);
    let speakers: Vec<_> = (0..10)
        .map(|number| {
            let room = room.clone();
            tokio::spawn(async move { room.send(&said(&number.to_string())).await })
        })
        .collect();
    let mut order = Vec::new();
    for _ in 0..10 {
        sleep(Duration::from_secs(1)).await;
        order.push(heard(&mut slow).await);
    }
    for speaker in speakers {
        assert_eq!(speaker.await.unwrap(), 2);
    }
    for expected in order {
        assert_eq!(heard(&mut other).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_goes_is_no_longer_waited_for() {
    let room = Room::new();
    let slow = room.join(1, Slow::Wait);
    assert_eq!(room.send(&said("a")).await, 1);
    let speaking = tokio::spawn({
        let room = room.clone();
        async move { room.send(&said("b")).await }
    });
    sleep(Duration::from_secs(1)).await;
    assert!(!speaking.is_finished());
    drop(slow);
    assert_eq!(speaking.await.unwrap(), 0);
    assert_eq!(room.members(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_who_stops_speaking_in_the_middle_stops_nobody() {
    let room = Room::new();
    let mut slow = room.join(1, Slow::Wait);
    room.send(&said("a")).await;
    let given_up = timeout(Duration::from_secs(1), room.send(&said("b"))).await;
    assert!(given_up.is_err());
    assert_eq!(heard(&mut slow).await.as_deref(), Some("a"));
    assert_eq!(room.send(&said("c")).await, 1);
    assert_eq!(heard(&mut slow).await.as_deref(), Some("c"));
    assert_eq!((slow.missed(), slow.missed()), (1, 0));
}

/// The deadline of a gate drops a handler in the middle of `send`.
#[tokio::test(start_paused = true)]
async fn each_member_receives_a_message_that_is_given_up_or_counts_it() {
    let room = Room::new();
    let mut quick = room.join(10, Slow::Leave);
    let mut slow: Vec<_> = (0..3).map(|_| room.join(1, Slow::Wait)).collect();
    assert_eq!(room.send(&said("a")).await, 4);
    let message = said("b");
    let mut sending = Box::pin(room.send(&message));
    assert!(timeout(Duration::from_secs(1), &mut sending).await.is_err());
    // This one has room now, but another one may be waited for first.
    assert_eq!(heard(&mut slow[0]).await.as_deref(), Some("a"));
    assert!(timeout(Duration::from_secs(1), &mut sending).await.is_err());
    drop(sending);
    assert_eq!((quick.waiting(), quick.missed()), (2, 0));
    assert_eq!(slow[0].waiting() as u64 + slow[0].missed(), 1);
    assert_eq!((slow[1].waiting(), slow[1].missed()), (1, 1));
    assert_eq!((slow[2].waiting(), slow[2].missed()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_all_receive_in_the_end_is_not_counted() {
    let room = Room::new();
    let mut slow: Vec<_> = (0..3).map(|_| room.join(1, Slow::Wait)).collect();
    assert_eq!(room.send(&said("a")).await, 3);
    let message = said("b");
    let mut sending = Box::pin(room.send(&message));
    assert!(timeout(Duration::from_secs(1), &mut sending).await.is_err());
    // No member gets a message that is given up before its turn.
    assert!(timeout(Duration::from_secs(1), room.send(&said("c"))).await.is_err());
    for member in &mut slow {
        assert_eq!(heard(member).await.as_deref(), Some("a"));
    }
    assert_eq!(sending.await, 3);
    for member in &mut slow {
        assert_eq!(heard(member).await.as_deref(), Some("b"));
        assert_eq!((member.missed(), member.waiting()), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_whose_connection_takes_nothing_is_not_waited_for() {
    let (near, _far) = duplex(1 << 10);
    let config = WebSocketConfig::new();
    let mut socket = WebSocketStream::from_raw_socket(near, Role::Server, config);
    let room = Room::new();
    let mut member = room.join(2, Slow::Leave);
    let large = PreparedMessage::binary(&vec![0; 2 << 20]);
    room.send(&large).await;
    let message = member.next().await.unwrap();
    assert!(member.feed(&mut socket, &message).await.unwrap());
    // The buffer is full now, so the next message waits for space.
    room.send(&large).await;
    let message = member.next().await.unwrap();
    let saying = async {
        for _ in 0..3 {
            room.send(&said("more")).await;
        }
    };
    let (fed, ()) = tokio::join!(member.feed(&mut socket, &message), saying);
    assert!(!fed.unwrap());
    assert_eq!((room.members(), heard(&mut member).await), (0, None));
}

/// Members of a room that is never silent can still be heard.
#[tokio::test]
async fn a_member_is_heard_although_the_room_is_never_silent() {
    let (near, far) = duplex(1 << 16);
    let mut server = WebSocketStream::from_raw_socket(near, Role::Server, WebSocketConfig::new());
    let mut client = WebSocketStream::from_raw_socket(far, Role::Client, WebSocketConfig::new());
    let room = Room::new();
    let mut member = room.join(64, Slow::DropOldest);
    let talks = async {
        loop {
            room.send(&said("noise")).await;
            tokio::task::yield_now().await;
        }
    };
    let hears = async {
        loop {
            tokio::select! {
                biased;
                message = member.next() => {
                    // A message always waits.
                    room.send(&said("noise")).await;
                    assert!(member.feed(&mut server, &message.unwrap()).await.unwrap());
                }
                message = server.recv() => return message.unwrap().unwrap(),
            }
        }
    };
    client.send("may I?".into()).await.unwrap();
    let reads = async { while client.recv().await.is_some() {} };
    let heard = async {
        tokio::select! {
            heard = hears => heard,
            () = reads => panic!("the server has ended"),
            () = talks => unreachable!(),
        }
    };
    let heard = timeout(Duration::from_secs(20), heard).await;
    assert_eq!(heard.expect("it is heard"), "may I?".into());
}
