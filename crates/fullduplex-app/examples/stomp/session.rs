//! A connection: what its frames do, which messages are sent to it, its heart-beats, and its end.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use fullduplex_app::Pass;
use fullduplex_tokio::{
    CloseCode, CloseFrame, Error, Message, MessageKind, PreparedMessage, WebSocketStream,
};
use futures_util::future::select_all;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::yield_now;
use tokio::time::{Instant, Interval, interval, sleep_until, timeout};

use super::broker::{Broker, Subscription};
use super::frame::{self, Frame};

/// How many subscriptions a connection may have.
pub(crate) const SUBSCRIPTIONS: usize = 16;

/// How long a client may take to send CONNECT, and to read a frame.
const PATIENCE: Duration = Duration::from_secs(10);

/// The headers of SEND that are not the application's ("MESSAGE" says which ones are the server's).
const OURS: [&str; 7] = [
    "destination",
    "content-length",
    "message-id",
    "subscription",
    "ack",
    "receipt",
    "transaction",
];

/// Why a session ends.
enum End {
    /// The client has gone, or its connection has failed.
    Gone,
    /// The client has sent DISCONNECT.
    Done,
    /// The broker sends an ERROR with this text, and with the receipt that the client has asked for.
    Fault(&'static str, Option<String>),
    /// The client does not send CONNECT, or sends no heart-beats.
    Silent,
    /// The client does not read.
    Slow,
}

impl From<Error> for End {
    fn from(_: Error) -> Self {
        Self::Gone
    }
}

impl From<&'static str> for End {
    fn from(fault: &'static str) -> Self {
        Self::Fault(fault, None)
    }
}

/// What CONNECT and CONNECTED have agreed on: how often the server beats, and how long the client may be silent.
struct Beats {
    ours: Option<Interval>,
    silence: Option<Duration>,
}

pub(crate) struct Session<S> {
    broker: Arc<Broker>,
    socket: WebSocketStream<S>,
    pass: Pass,
    subscriptions: Vec<Subscription>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Runs a session to its end.
    pub(crate) async fn run(broker: Arc<Broker>, socket: WebSocketStream<S>, pass: Pass) {
        let mut session = Self { broker, socket, pass, subscriptions: Vec::new() };
        let ended = session.talk().await;
        session.subscriptions.clear();
        let (code, reason) = match ended {
            Ok(()) | Err(End::Gone) => return,
            Err(End::Done) => (CloseCode::Normal, ""),
            Err(End::Fault(fault, receipt)) => {
                let mut headers = vec![("message", fault), ("version", "1.2")];
                headers.extend(receipt.as_deref().map(|receipt| ("receipt-id", receipt)));
                let frame = frame::encode("ERROR", &headers, b"");
                if session.send(frame).await.is_err() {
                    return;
                }
                (CloseCode::Policy, fault)
            }
            Err(End::Silent) => (CloseCode::Policy, "you are silent"),
            Err(End::Slow) => (CloseCode::Again, "you read too slowly"),
        };
        let _ = session.socket.close(Some(CloseFrame { code, reason: reason.into() })).await;
    }

    async fn talk(&mut self) -> Result<(), End> {
        let mut beats = timeout(PATIENCE, self.connect()).await.map_err(|_| End::Silent)??;
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                // Frames that came while a message waited to be written are received before the client counts as silent.
                biased;
                () = tick(&mut beats.ours) => self.send(b"\n".to_vec()).await?,
                message = self.pass.recv(&mut self.socket) => {
                    let message = message.ok_or(End::Gone)??;
                    heard = Instant::now();
                    self.handle(&message).await?;
                }
                (at, message) = next(&mut self.subscriptions) => {
                    self.deliver(at, message.ok_or(End::Slow)?).await?;
                }
                () = until(beats.silence.map(|silence| heard + silence)) => return Err(End::Silent),
            }
            // A client that sends much to itself must not count as slow because of that.
            for at in 0..self.subscriptions.len() {
                for _ in 0..self.subscriptions[at].member.waiting() {
                    let message = self.subscriptions[at].member.next().await.ok_or(End::Slow)?;
                    self.deliver(at, message).await?;
                }
            }
        }
    }

    /// "Connecting": the first frame, and its response.
    async fn connect(&mut self) -> Result<Beats, End> {
        loop {
            let message = self.pass.recv(&mut self.socket).await.ok_or(End::Gone)??;
            let Some(frame) = read(&message)? else { continue };
            if !matches!(frame.command, "CONNECT" | "STOMP") {
                return Err("CONNECT comes first".into());
            }
            // The header `host` is ignored: there is one host here, and not every client names one. A broker with users
            // would check `login` and `passcode` here.
            let mut versions = frame.header("accept-version").unwrap_or("1.0").split(',');
            if !versions.any(|version| version == "1.2") {
                return Err("this is STOMP 1.2".into());
            }
            let (theirs, wanted) =
                frame.header("heart-beat").unwrap_or("0,0").split_once(',').ok_or(BEATS)?;
            let [theirs, wanted] = [theirs, wanted].map(frame::number::<u32>);
            let beat = self.broker.beat;
            // "Heart-beating": the interval is the larger of what one end can do and what the other end wants, if neither is
            // 0.
            let agreed = |other: Option<u32>| {
                let other = Duration::from_millis(other.ok_or(BEATS)?.into());
                Ok::<_, End>((!other.is_zero()).then(|| other.max(beat)))
            };
            let beats = Beats {
                ours: agreed(wanted)?.map(interval),
                // "an error margin": twice the interval.
                silence: agreed(theirs)?.map(|beat| beat * 2),
            };
            let ours = format!("{0},{0}", beat.as_millis());
            let headers = [("version", "1.2"), ("heart-beat", &ours)];
            self.send(frame::encode("CONNECTED", &headers, b"")).await?;
            return Ok(beats);
        }
    }

    /// Handles a message of the client.
    async fn handle(&mut self, message: &Message) -> Result<(), End> {
        let Some(frame) = read(message)? else { return Ok(()) };
        let receipt = frame.header("receipt");
        self.obey(&frame, kind(message)).await.map_err(|end| match end {
            End::Fault(fault, _) => End::Fault(fault, receipt.map(Into::into)),
            end => end,
        })?;
        if let Some(receipt) = receipt {
            self.send(frame::encode("RECEIPT", &[("receipt-id", receipt)], b"")).await?;
        }
        if frame.command == "DISCONNECT" { Err(End::Done) } else { Ok(()) }
    }

    /// "Client Frames".
    async fn obey(&mut self, frame: &Frame<'_>, kind: MessageKind) -> Result<(), End> {
        let needed =
            |name, fault| frame.header(name).filter(|value| !value.is_empty()).ok_or(fault);
        match frame.command {
            "SEND" => {
                let destination = needed("destination", "SEND without a destination")?;
                if frame.header("transaction").is_some() {
                    return Err("no transactions here".into());
                }
                self.publish(frame, destination, kind).await
            }
            "SUBSCRIBE" => {
                let destination = needed("destination", "SUBSCRIBE without a destination")?;
                let id = needed("id", "SUBSCRIBE without an id")?;
                if frame.header("ack").is_some_and(|ack| ack != "auto") {
                    return Err("no acknowledgements here: ack must be auto".into());
                }
                if self.subscriptions.iter().any(|it| it.id == id) {
                    return Err("a subscription with this id is there".into());
                }
                if self.subscriptions.len() >= SUBSCRIPTIONS {
                    return Err("too many subscriptions".into());
                }
                self.subscriptions.push(self.broker.subscribe(destination, id)?);
                Ok(())
            }
            "UNSUBSCRIBE" => {
                let id = needed("id", "UNSUBSCRIBE without an id")?;
                let at = self.subscriptions.iter().position(|it| it.id == id);
                self.subscriptions.remove(at.ok_or("no subscription has this id")?);
                Ok(())
            }
            "DISCONNECT" => Ok(()),
            "CONNECT" | "STOMP" => Err("connected already".into()),
            "ACK" | "NACK" => Err("no acknowledgements here".into()),
            "BEGIN" | "COMMIT" | "ABORT" => Err("no transactions here".into()),
            _ => Err("no such command".into()),
        }
    }

    /// "SEND": the room gets the frame without the header `subscription`, which differs for each subscriber.
    async fn publish(
        &mut self,
        frame: &Frame<'_>,
        destination: &str,
        kind: MessageKind,
    ) -> Result<(), End> {
        let Some(room) = self.broker.room(destination) else { return Ok(()) };
        let (id, length) = (self.broker.message_id(), frame.body.len().to_string());
        let mut headers =
            vec![("message-id", &*id), ("destination", destination), ("content-length", &length)];
        let theirs = frame.headers.iter().filter(|(name, _)| !OURS.contains(&name.as_str()));
        headers.extend(theirs.map(|(name, value)| (name.as_str(), value.as_str())));
        let rest = frame::rest(&headers, frame.body);
        room.send(&PreparedMessage::new(kind, &rest).map_err(|_| End::Gone)?).await;
        // The subscribers run before the next message fills their queues.
        yield_now().await;
        Ok(())
    }

    /// "MESSAGE".
    async fn deliver(&mut self, at: usize, message: PreparedMessage) -> Result<(), End> {
        let Subscription { id, member, .. } = &mut self.subscriptions[at];
        let mut frame = b"MESSAGE\n".to_vec();
        frame::put_header(&mut frame, "subscription", id);
        frame.extend(message.payload());
        let message = PreparedMessage::new(message.kind(), &frame).map_err(|_| End::Gone)?;
        let fed = timeout(PATIENCE, member.feed(&mut self.socket, &message)).await;
        if fed.map_err(|_| End::Slow)?? { Ok(()) } else { Err(End::Slow) }
    }

    async fn send(&mut self, frame: Vec<u8>) -> Result<(), End> {
        // Our frames are UTF-8: the parts that come from the client were checked.
        let frame = String::from_utf8(frame).map_err(|_| End::Gone)?;
        let fed = timeout(PATIENCE, self.socket.feed(Message::text(frame))).await;
        Ok(fed.map_err(|_| End::Slow)??)
    }
}

const BEATS: &str = "heart-beat is not two numbers";

/// The frame in a message; `None` for a heart-beat, a Ping, a Pong or a Close.
fn read(message: &Message) -> Result<Option<Frame<'_>>, End> {
    Ok(match message {
        Message::Text(text) => frame::parse(text.as_bytes())?,
        Message::Binary(bytes) => frame::parse(bytes)?,
        _ => None,
    })
}

fn kind(message: &Message) -> MessageKind {
    if message.is_text() { MessageKind::Text } else { MessageKind::Binary }
}

/// The next message of any subscription, and the index of that subscription. There is no message if the subscription was too
/// slow.
async fn next(subscriptions: &mut [Subscription]) -> (usize, Option<PreparedMessage>) {
    if subscriptions.is_empty() {
        return pending().await;
    }
    let all = subscriptions.iter_mut().map(|it| Box::pin(it.member.next()));
    let (message, at, _) = select_all(all).await;
    (at, message)
}

async fn tick(beats: &mut Option<Interval>) {
    match beats {
        Some(beats) => drop(beats.tick().await),
        None => pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
