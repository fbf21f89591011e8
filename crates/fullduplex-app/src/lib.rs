//! What an application needs around its WebSockets, over [`fullduplex_tokio`]:
//!
//! | | |
//! |---|---|
//! | [`Gate`] | a server's limits: connections in all, connections from one address (behind proxies, too), and new connections in a second; and its graceful shutdown, which sends 1001 to the clients whose task waits in [`Pass::recv`] and counts the connections that ended in time |
//! | [`serve`] | the accept loop with a gate, which goes on when file descriptors run out |
//! | [`asked_to_end`] | Ctrl-C and SIGTERM |
//! | [`Room`] | one message to many connections, encoded once, with a bound for each member and a choice of what happens to a slow one |
//! | [`Stay`] | a client that stays connected: exponential backoff with jitter, `Retry-After`, and giving up where another try is useless |
//!
//! [`guide`] has the rest: who may connect, what a peer can make the server hold, how to end on SIGTERM, tests, proxies.
//!
//! A chat server is these three:
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use fullduplex_app::{Gate, GateLimits, Pass, Room, Slow, asked_to_end, serve};
//! use fullduplex_tokio::{
//!     CloseCode, CloseFrame, Error, Message, OwnedAcceptance, PreparedMessage, WebSocketConfig, accept_with,
//! };
//! use tokio::net::{TcpListener, TcpStream};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let gate = Gate::new(GateLimits::new());
//! let room = Room::new();
//! let listener = TcpListener::bind("127.0.0.1:9001").await?;
//! let talk = move |stream, pass| chat(stream, pass, room.clone());
//! tokio::spawn(serve(listener, gate.clone(), talk));
//! asked_to_end().await?;
//! let left = gate.close(Duration::from_secs(10)).await;
//! println!("{} connections ended in time, {} were dropped", left.ended, left.dropped);
//! # Ok(())
//! # }
//!
//! async fn chat(stream: TcpStream, mut pass: Pass, room: Room) -> Result<(), Error> {
//!     let config = WebSocketConfig::new().max_message_size(Some(64 << 10));
//!     let mut socket = accept_with(stream, config, |_| Ok(OwnedAcceptance::new())).await?;
//!     let mut heard = room.join(64, Slow::Leave);
//!     loop {
//!         tokio::select! {
//!             biased;
//!             message = heard.next() => match message {
//!                 Some(message) if heard.feed(&mut socket, &message).await? => {}
//!                 // Too slow: the client connects again, and asks for what it has missed.
//!                 _ => return socket.close(Some(CloseFrame { code: CloseCode::Again, reason: "".into() })).await,
//!             },
//!             message = pass.recv(&mut socket) => match message {
//!                 Some(message) => {
//!                     if let Message::Text(text) = message? {
//!                         room.send(&PreparedMessage::text(&text)).await;
//!                     }
//!                 }
//!                 None => return Ok(()),
//!             },
//!         }
//!     }
//! }
//! ```

#![forbid(unsafe_code)]

mod backoff;
mod end;
mod gate;
mod room;
mod serve;
mod stay;
mod sync;
mod time;
mod trace;

#[doc = include_str!("guide.md")]
pub mod guide {}

pub use backoff::{Backoff, Verdict, verdict};
pub use end::asked_to_end;
pub use gate::{Denied, DeniedCounts, Forwarding, Gate, GateLimits, Left, Pass, Rate};
pub use room::{Member, Room, Slow};
pub use serve::serve;
pub use stay::{Connect, Event, Stay};
