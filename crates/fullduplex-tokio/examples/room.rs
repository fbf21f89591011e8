//! A room in which each message reaches all peers: `cargo run --example room [ADDRESS]`.
//!
//! A message is encoded once, and every connection writes the same bytes: nothing is copied for each peer. For a peer that
//! does not read, at most [`QUEUE`] messages wait, and what its write buffer holds; then it is closed. `Room` of
//! `fullduplex-app` is this as a library, with a choice of what happens to a slow peer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fullduplex_tokio::{
    CloseCode, CloseFrame, Error, Message, OwnedAcceptance, PreparedMessage, WebSocketConfig,
    WebSocketStream, accept_with,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::sleep;

/// How many messages may wait for one peer.
const QUEUE: usize = 64;

/// The peers in the room, by number.
#[derive(Default)]
struct Room(Mutex<Peers>);

#[derive(Default)]
struct Peers {
    next: u64,
    senders: HashMap<u64, Sender<PreparedMessage>>,
}

impl Room {
    fn peers(&self) -> MutexGuard<'_, Peers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self) -> (u64, Receiver<PreparedMessage>) {
        let (sender, receiver) = channel(QUEUE);
        let mut peers = self.peers();
        peers.next += 1;
        let number = peers.next;
        peers.senders.insert(number, sender);
        (number, receiver)
    }

    fn leave(&self, number: u64) {
        self.peers().senders.remove(&number);
    }

    /// Sends a message to all peers. A peer whose queue is full loses its place: its receiver comes to its end.
    fn say(&self, message: &PreparedMessage) {
        self.peers().senders.retain(|_, sender| sender.try_send(message.clone()).is_ok());
    }
}

/// How long the loop waits when it cannot accept.
const PAUSE: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let listener = TcpListener::bind(&address).await?;
    println!("listening on {}", listener.local_addr()?);
    let room = Arc::new(Room::default());
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            sleep(PAUSE).await; // there may be too many open files, until a connection ends
            continue;
        };
        let room = Arc::clone(&room);
        tokio::spawn(async move {
            let (number, heard) = room.enter();
            if let Err(error) = serve(stream, &room, heard).await {
                println!("{peer}: {error}");
            }
            room.leave(number);
        });
    }
}

async fn serve(
    stream: TcpStream,
    room: &Room,
    mut heard: Receiver<PreparedMessage>,
) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::new().max_message_size(Some(64 << 10));
    let mut socket = accept_with(stream, config, |_| Ok(OwnedAcceptance::new())).await?;
    loop {
        tokio::select! {
            message = socket.recv() => {
                let Some(message) = message else { return Ok(()) };
                room.say(&match message? {
                    Message::Text(text) => PreparedMessage::text(&text),
                    Message::Binary(data) => PreparedMessage::binary(&data),
                    _ => continue,
                });
            }
            message = heard.recv() => match message {
                Some(message) => tell(&mut socket, message, &mut heard).await?,
                None => {
                    let reason = "you read too slowly".into();
                    return socket.close(Some(CloseFrame { code: CloseCode::Policy, reason })).await;
                }
            },
        }
    }
}

/// Writes a message, together with the messages that wait already.
async fn tell(
    socket: &mut WebSocketStream<TcpStream>,
    message: PreparedMessage,
    heard: &mut Receiver<PreparedMessage>,
) -> Result<(), Error> {
    socket.feed_prepared(&message).await?;
    while let Ok(message) = heard.try_recv() {
        socket.feed_prepared(&message).await?;
    }
    socket.flush().await
}
