//! The resident memory of a server, over real sockets, when the members of a room read nothing.
#![cfg(target_os = "linux")]

use std::time::Duration;

use fullduplex_app::{Gate, GateLimits, Pass, Room, Slow, serve};
use fullduplex_testkit::resident;
use fullduplex_tokio::{
    CloseCode, CloseFrame, Error, OwnedAcceptance, PreparedMessage, WebSocketConfig, accept_with,
    connect,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

const MEMBERS: usize = 20;
const WAITING: usize = 16;
const MESSAGE: usize = 64 << 10;

async fn member(stream: TcpStream, mut pass: Pass, room: Room) -> Result<(), Error> {
    let config = WebSocketConfig::new().max_message_size(Some(MESSAGE));
    let mut socket = accept_with(stream, config, |_| Ok(OwnedAcceptance::new())).await?;
    let mut heard = room.join(WAITING, Slow::Leave);
    loop {
        tokio::select! {
            message = pass.recv(&mut socket) => match message {
                Some(message) => drop(message?),
                None => return Ok(()),
            },
            message = heard.next() => match message {
                Some(message) if heard.feed(&mut socket, &message).await? => {}
                _ => {
                    let close = CloseFrame { code: CloseCode::Again, reason: "".into() };
                    return socket.close(Some(close)).await;
                }
            },
        }
    }
}

#[tokio::test]
async fn members_that_read_nothing_leave_and_hold_no_more_than_their_buffers() {
    let (gate, room) = (Gate::new(GateLimits::new()), Room::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let joining = room.clone();
    let handle = move |stream, pass| member(stream, pass, joining.clone());
    tokio::spawn(serve(listener, gate.clone(), handle));
    let mut clients = Vec::new();
    for _ in 0..MEMBERS {
        clients.push(connect(url.as_str()).await.unwrap().0);
    }
    while room.members() < MEMBERS {
        sleep(Duration::from_millis(10)).await;
    }
    let (before, mut most) = (resident(), 0);
    // At most 2 GiB are sent; the kernel takes some MiB of that for each connection.
    for number in 0..32 << 10 {
        let payload = vec![number as u8; MESSAGE];
        room.send(&PreparedMessage::binary(&payload)).await;
        tokio::task::yield_now().await;
        if number % 64 == 0 {
            most = most.max(resident().saturating_sub(before));
        }
        if room.members() == 0 {
            break;
        }
    }
    assert_eq!(room.members(), 0, "a member that reads nothing is in the room still");
    // All members share one copy of a message, in their queues and in what waits to be written.
    let bound = (WAITING + 1) * MESSAGE + (2 << 20);
    assert!(most < bound, "{most} bytes of {bound}");
    // Their connections end at the close timeout, and their places are free.
    let all_ended = async {
        while gate.connections() > 0 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(15), all_ended).await.expect("they end");
    drop(clients);
}
