//! A room over several servers: what a client sends to one of them reaches the clients of all, through Redis.
//!
//! ```sh
//! redis-server &
//! cargo run -p fullduplex-app --example many_servers -- 127.0.0.1:9001 redis://127.0.0.1/ &
//! cargo run -p fullduplex-app --example many_servers -- 127.0.0.1:9002 redis://127.0.0.1/ &
//! fullduplex connect ws://127.0.0.1:9001/
//! ```
//!
//! Each server has a `Room` for its own clients, and one subscription to Redis that fills it. Redis keeps nothing of what is
//! published, so a server that loses Redis misses messages: it closes its clients with 1013, and refuses new ones with 503
//! until Redis is there again. Clients that connect again by themselves, such as `Stay`, then go on.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use fullduplex_app::{Backoff, Gate, GateLimits, Pass, Room, Slow, asked_to_end, serve};
use fullduplex_tokio::{
    CloseCode, CloseFrame, Message, MessageKind, OwnedAcceptance, OwnedRejection, PreparedMessage,
    WebSocketConfig, WebSocketStream, accept_with,
};
use futures_util::StreamExt;
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, Client};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{interval, timeout};

type Failure = Box<dyn Error + Send + Sync>;

/// The channel in Redis that all servers subscribe to.
const CHANNEL: &str = "room";

/// The largest message, and how many may wait for a client.
const MOST: usize = 16 << 10;
const WAITING: usize = 64;

/// How often Redis has to answer, and how soon.
const BEAT: Duration = Duration::from_secs(2);

/// What the connections of this server share.
struct Server {
    room: Room,
    /// Where messages are published; `None` while Redis is not there.
    redis: watch::Sender<Option<MultiplexedConnection>>,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(redis)) = (arguments.next(), arguments.next()) else {
        return Err("usage: many_servers ADDRESS redis://HOST[:PORT]/".into());
    };
    run(&address, &redis).await
}

pub(crate) async fn run(address: &str, redis: &str) -> Result<(), Failure> {
    let redis = Client::open(redis)?;
    let listener = TcpListener::bind(address).await?;
    println!("listens at {}", listener.local_addr()?);

    let server = Arc::new(Server { room: Room::new(), redis: watch::Sender::new(None) });
    tokio::spawn(relay(server.clone(), redis));
    let gate = Gate::new(GateLimits::new());
    let handle = move |stream, pass| connection(stream, pass, server.clone());
    tokio::spawn(serve(listener, gate.clone(), handle));
    asked_to_end().await?;
    gate.close(Duration::from_secs(5)).await;
    Ok(())
}

/// Passes what is published on to the room, and connects to Redis again whenever the connection was lost.
async fn relay(server: Arc<Server>, redis: Client) {
    let (backoff, mut failures) = (Backoff::new(), 0);
    loop {
        if let Err(error) = subscribe(&server, &redis, &mut failures).await {
            eprintln!("Redis is lost: {error}");
        }
        server.redis.send_replace(None);
        failures += 1;
        tokio::time::sleep(backoff.wait(failures)).await;
    }
}

async fn subscribe(server: &Server, redis: &Client, failures: &mut u32) -> Result<(), Failure> {
    let mut subscription = redis.get_async_pubsub().await?;
    subscription.subscribe(CHANNEL).await?;
    // Clients may publish only now, so that each client receives what it has sent itself.
    server.redis.send_replace(Some(redis.get_multiplexed_async_connection().await?));
    *failures = 0;
    let (mut asks, mut published) = subscription.split();
    let mut beats = interval(BEAT);
    loop {
        tokio::select! {
            message = published.next() => {
                let message = message.ok_or("the subscription has ended")?;
                // Other programs may publish there, too.
                if let Ok(message) = PreparedMessage::new(MessageKind::Text, message.get_payload_bytes()) {
                    server.room.send(&message).await;
                }
            }
            // A Redis that hangs and a network that is gone report nothing.
            _ = beats.tick() => timeout(BEAT, asks.ping::<()>()).await??,
        }
    }
}

async fn connection(
    stream: TcpStream,
    mut pass: Pass,
    server: Arc<Server>,
) -> Result<(), fullduplex_tokio::Error> {
    let config = WebSocketConfig::new()
        .max_message_size(Some(MOST))
        // The server notices within a minute that a laptop was closed.
        .keepalive(Duration::from_secs(40), Duration::from_secs(20));
    let mut redis = server.redis.subscribe();
    let publisher = redis.borrow_and_update().clone();
    let decide = |request: &fullduplex_tokio::Request<'_>| match publisher {
        // Otherwise a script of another site could send messages here (RFC 6455 §10.2).
        _ if !request.is_same_origin() => Err(OwnedRejection::new(403)),
        Some(_) => Ok(OwnedAcceptance::new()),
        None => Err(OwnedRejection::new(503).header("Retry-After", "1")),
    };
    let mut socket = accept_with(stream, config, decide).await?;
    let mut member = server.room.join(WAITING, Slow::Leave);
    let Some(mut publisher) = publisher else { return Ok(()) };
    loop {
        tokio::select! {
            biased;
            _ = redis.changed() => return again(&mut socket, "messages may be missing").await,
            message = member.next() => match message {
                Some(message) if member.feed(&mut socket, &message).await? => {}
                _ => return again(&mut socket, "you read too slowly").await,
            },
            message = pass.recv(&mut socket) => match message.transpose()? {
                Some(Message::Text(text)) => {
                    let published = publisher.publish::<_, _, ()>(CHANNEL, text.as_str());
                    if !matches!(timeout(BEAT, published).await, Ok(Ok(()))) {
                        return again(&mut socket, "it is not known whether the message was sent").await;
                    }
                }
                Some(_) => {}
                None => return Ok(()),
            },
        }
    }
}

/// Closes with 1013, so that the client connects again.
async fn again(
    socket: &mut WebSocketStream<TcpStream>,
    reason: &'static str,
) -> Result<(), fullduplex_tokio::Error> {
    socket.close(Some(CloseFrame { code: CloseCode::Again, reason: reason.into() })).await
}
