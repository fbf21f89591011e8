//! A client that stays connected.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use fullduplex_tokio::{CloseFrame, Error, Message, Result, WebSocketStream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};

use crate::backoff::{Backoff, Verdict, verdict};
use crate::time::after;
use crate::trace;

/// Opens a new connection at each call: a function that returns a future of a WebSocket.
///
/// This is the place to get a fresh token, to pick the next server, or to change headers. It should have a timeout, as
/// `connect` of `fullduplex-tokio` has.
pub trait Connect {
    /// The stream of the WebSocket.
    type Stream: AsyncRead + AsyncWrite + Unpin;
    /// Resolves to the connection.
    type Future: Future<Output = Result<WebSocketStream<Self::Stream>>> + Send + 'static;

    /// Starts to connect.
    fn connect(&mut self) -> Self::Future;
}

impl<F, Fut, S> Connect for F
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<WebSocketStream<S>>> + Send + 'static,
    S: AsyncRead + AsyncWrite + Unpin,
{
    type Stream = S;
    type Future = Fut;

    fn connect(&mut self) -> Fut {
        self()
    }
}

/// What has happened to a client that stays connected.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// It starts to connect.
    Connecting {
        /// Failures in a row: connections that were lost, closed early, or not made.
        failures: u32,
    },
    /// It is connected. The server knows nothing of earlier connections: log in and subscribe now, with [`Stay::send`].
    Open,
    /// The server has sent a message, or a Ping, a Pong or a Close, which were answered already.
    Message(Message),
    /// The connection was lost, closed (with any code), or could not be made. The client waits and tries again; call
    /// [`Stay::close`] to end instead.
    Lost {
        /// Why; `None` when the connection was closed cleanly.
        error: Option<Error>,
        /// How long it waits.
        retry_in: Duration,
    },
    /// It does not try again: another try would be useless ([`verdict`]), or there were [`Backoff::max_failures`] failures.
    /// This is the last event.
    GaveUp {
        /// Why; `None` when the connection was closed cleanly.
        error: Option<Error>,
    },
}

/// A client that stays connected: when its connection is lost, it waits a while and connects again.
///
/// ```no_run
/// use fullduplex_app::{Backoff, Event, Stay};
/// use fullduplex_tokio::{ConnectOptions, Error, OwnedClientRequest, WebSocketConfig, connect_with};
/// use std::time::Duration;
///
/// # async fn fresh_token() -> String { String::new() }
/// # async fn go() -> Result<(), Error> {
/// let connect = || async {
///     let request = OwnedClientRequest::new("ws://127.0.0.1:9001/prices")?
///         .header("Authorization", format!("Bearer {}", fresh_token().await));
///     // Without a keepalive, nobody notices that the network is gone.
///     let config = WebSocketConfig::new().keepalive(Duration::from_secs(20), Duration::from_secs(10));
///     Ok(connect_with(request, &ConnectOptions::new().config(config)).await?.0)
/// };
/// let mut client = Stay::new(connect, Backoff::new());
/// while let Some(event) = client.next().await {
///     match event {
///         // If this fails, the connection is lost, and the next event says so.
///         Event::Open => drop(client.send("subscribe gold".into()).await),
///         Event::Message(message) if message.is_text() => println!("{message:?}"),
///         Event::Lost { error, retry_in } => println!("lost: {error:?}, again in {retry_in:?}"),
///         Event::GaveUp { error } => println!("that is all: {error:?}"),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// Messages are not kept while there is no connection. TCP does not say what has arrived, so an application that must not
/// lose messages numbers them and has the server acknowledge them.
pub struct Stay<C: Connect> {
    connect: C,
    backoff: Backoff,
    judge: Box<dyn Fn(&Error) -> Verdict + Send + Sync>,
    /// Failures since a connection last lasted for [`Backoff::well_after`].
    failures: u32,
    state: State<C>,
}

enum State<C: Connect> {
    /// The next event is [`Event::Connecting`].
    Beginning,
    Connecting(Pin<Box<C::Future>>),
    /// Connected since this instant.
    Open(Box<WebSocketStream<C::Stream>>, Instant),
    Waiting(Instant),
    Over,
}

impl<C: Connect> fmt::Debug for Stay<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Beginning => "beginning",
            State::Connecting(_) => "connecting",
            State::Open(..) => "open",
            State::Waiting(_) => "waiting",
            State::Over => "over",
        };
        f.debug_struct("Stay")
            .field("state", &state)
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}

impl<C: Connect> Stay<C> {
    /// A client that connects with [`next`](Self::next).
    pub fn new(connect: C, backoff: Backoff) -> Self {
        Self { connect, backoff, judge: Box::new(verdict), failures: 0, state: State::Beginning }
    }

    /// Replaces [`verdict`]: the function decides whether another try makes sense. An application that gets a new token for
    /// each connection may want to try again after a 401.
    #[must_use]
    pub fn judged_by(mut self, judge: impl Fn(&Error) -> Verdict + Send + Sync + 'static) -> Self {
        self.judge = Box::new(judge);
        self
    }

    /// What happens next; `None` once it has [given up](Event::GaveUp) or was [closed](Self::close). Connections are made,
    /// and pending messages written, only while this is waited for. Cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            match &mut self.state {
                State::Beginning => {
                    self.state = State::Connecting(Box::pin(self.connect.connect()));
                    trace::connecting(self.failures);
                    return Some(Event::Connecting { failures: self.failures });
                }
                State::Connecting(connecting) => match connecting.await {
                    Ok(socket) => {
                        self.state = State::Open(Box::new(socket), Instant::now());
                        trace::open();
                        return Some(Event::Open);
                    }
                    Err(error) => return Some(self.lost(Some(error))),
                },
                State::Open(socket, since) => match socket.recv().await {
                    Some(Ok(message)) => return Some(Event::Message(message)),
                    ended => {
                        if since.elapsed() >= self.backoff.well_after {
                            self.failures = 0;
                        }
                        return Some(self.lost(ended.and_then(Result::err)));
                    }
                },
                State::Waiting(until) => {
                    sleep_until(*until).await;
                    self.state = State::Beginning;
                }
                State::Over => return None,
            }
        }
    }

    fn lost(&mut self, error: Option<Error>) -> Event {
        self.failures = self.failures.saturating_add(1);
        let verdict = error.as_ref().map_or(Verdict::Retry, |error| (self.judge)(error));
        if verdict == Verdict::GiveUp
            || self.backoff.max_failures.is_some_and(|most| self.failures >= most)
        {
            self.state = State::Over;
            trace::gave_up(error.is_none());
            return Event::GaveUp { error };
        }
        let mut retry_in = self.backoff.wait(self.failures);
        if let Verdict::RetryAfter(asked) = verdict {
            // The jitter comes on top, because the server may have told all its clients the same time.
            retry_in = retry_in.saturating_add(asked.min(self.backoff.max_retry_after));
        }
        self.state = State::Waiting(after(retry_in));
        trace::lost(error.is_none(), retry_in);
        Event::Lost { error, retry_in }
    }

    /// The WebSocket, while it is open.
    pub fn socket(&mut self) -> Option<&mut WebSocketStream<C::Stream>> {
        match &mut self.state {
            State::Open(socket, _) => Some(socket),
            _ => None,
        }
    }

    /// Sends a message. Cancel-safe as [`WebSocketStream::send`] is.
    ///
    /// # Errors
    /// [`Error::AlreadyClosed`] while there is no connection; else as [`WebSocketStream::send`]. The connection's own
    /// failure comes by [`next`](Self::next) as well, so this error need not be answered.
    pub async fn send(&mut self, message: Message) -> Result<()> {
        match self.socket() {
            Some(socket) => socket.send(message).await,
            None => Err(Error::AlreadyClosed),
        }
    }

    /// Ends the wait, if there is one, and connects now: for an application that knows that the network is back.
    pub fn hurry(&mut self) {
        if let State::Waiting(_) = self.state {
            self.state = State::Beginning;
        }
    }

    /// Closes the connection, if there is one, and does not connect again. If this future is dropped, so is the connection.
    ///
    /// # Errors
    /// As [`WebSocketStream::close`].
    pub async fn close(&mut self, frame: Option<CloseFrame>) -> Result<()> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Open(mut socket, _) => socket.close(frame).await,
            _ => Ok(()),
        }
    }
}
