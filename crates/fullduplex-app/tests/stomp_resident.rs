//! The resident memory of the STOMP broker of the examples, over real sockets, when its subscribers read nothing.
#![cfg(target_os = "linux")]

use std::time::Duration;

use fullduplex_app::{Gate, GateLimits, serve};
use fullduplex_testkit::resident;
use fullduplex_tokio::{Message, connect};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

#[expect(dead_code, reason = "what other tests and the example use")]
#[path = "../examples/stomp/main.rs"]
mod stomp;

use stomp::MOST;
use stomp::broker::{Broker, WAITING};
use stomp::session::SUBSCRIPTIONS;

const SUBSCRIBERS: usize = 20;

#[tokio::test]
async fn subscribers_that_read_nothing_are_left_and_hold_no_more_than_their_queues() {
    let (broker, gate) = (Broker::new(Duration::from_secs(10)), Gate::new(GateLimits::new()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let serving = broker.clone();
    let handle = move |stream, pass| stomp::connection(stream, pass, serving.clone());
    tokio::spawn(serve(listener, gate.clone(), handle));
    let mut clients = Vec::new();
    for _ in 0..=SUBSCRIBERS {
        let (mut client, _) = connect(url.as_str()).await.unwrap();
        client.send(Message::text("CONNECT\naccept-version:1.2\n\n\0")).await.unwrap();
        client.recv().await.unwrap().unwrap();
        clients.push(client);
    }
    let mut sender = clients.pop().unwrap();
    for client in &mut clients {
        for number in 0..SUBSCRIPTIONS {
            let frame = format!("SUBSCRIBE\nid:{number}\ndestination:/{number}\nreceipt:r\n\n\0");
            client.send(Message::text(frame)).await.unwrap();
            client.recv().await.unwrap().unwrap();
        }
    }
    assert_eq!(broker.destinations(), SUBSCRIPTIONS);
    let (before, mut most, mut sent) = (resident(), 0, 0);
    // At most 512 MiB are sent; the kernel takes some MiB of that for each connection.
    while broker.destinations() > 0 && sent < 32 << 10 {
        let destination = sent % SUBSCRIPTIONS;
        let body = "b".repeat(MOST - 100);
        let receipt = if sent % 64 == 0 { "receipt:r\n" } else { "" };
        let frame = format!("SEND\ndestination:/{destination}\n{receipt}\n{body}\0");
        sender.send(Message::text(frame)).await.unwrap();
        if sent % 64 == 0 {
            sender.recv().await.unwrap().unwrap();
            most = most.max(resident().saturating_sub(before));
        }
        sent += 1;
    }
    assert_eq!(broker.destinations(), 0, "a subscriber that reads nothing is there still");
    // All subscribers share one copy of a message in their queues; each has its own copy of what waits to be written.
    let queues = SUBSCRIPTIONS * WAITING * MOST;
    let bound = queues + SUBSCRIBERS * 7 * MOST + (8 << 20);
    println!("{most} bytes of {bound} after {sent} messages");
    assert!(most < bound, "{most} bytes of {bound}");
    // Their connections end at the close timeout, and their places are free.
    let all_ended = async {
        while gate.connections() > 1 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(15), all_ended).await.expect("they end");
}
