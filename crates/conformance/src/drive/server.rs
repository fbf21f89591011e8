//! Tests a server: connects to it once for each case.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::client::TlsStream;

use super::carry::drive_with;
use super::socket::reset;
use super::tls::Trust;
use crate::case::{Case, Conversation, Event, Rule, Script, Step};
use crate::run::{Options, Run};
use crate::side::Side;
use crate::verdict::{Behavior, Outcome};
use crate::wire::Frame;

/// A test of a server.
#[derive(Clone, Debug)]
pub struct ServerTest {
    /// The server's host, a name or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What its certificate is checked against; `None` for no TLS.
    pub tls: Option<Trust>,
    /// How many cases run at the same time; 0 counts as 1.
    pub jobs: usize,
    /// The options for every case.
    pub options: Options,
}

/// Why a server cannot be tested, or no longer can be.
#[derive(Debug)]
pub enum ServerError {
    /// It cannot be connected to.
    Unreachable {
        /// Its address.
        address: String,
        /// Why connecting failed.
        error: std::io::Error,
    },
    /// It does not complete a valid opening handshake.
    NotWebSocket {
        /// What it does instead, as a sentence.
        observed: String,
    },
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { address, error } => {
                write!(f, "no connection to {address}: {error}")
            }
            Self::NotWebSocket { observed } => {
                write!(f, "the server does not open a WebSocket connection: {observed}")
            }
        }
    }
}

impl std::error::Error for ServerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreachable { error, .. } => Some(error),
            Self::NotWebSocket { .. } => None,
        }
    }
}

impl ServerTest {
    /// Runs these cases, as many at a time as there are jobs, and calls `done` after each case.
    ///
    /// # Errors
    /// [`ServerError::Unreachable`] when a connection fails; `done` was called for the cases before that, and for those that
    /// ran at the same time.
    pub async fn run(
        &self,
        cases: impl IntoIterator<Item = Arc<Case>>,
        mut done: impl FnMut(&Case, Outcome),
    ) -> Result<(), ServerError> {
        let waiting = Arc::new(Mutex::new(cases.into_iter().collect::<Vec<_>>().into_iter()));
        let (outcomes, mut finished) = mpsc::channel(1);
        let mut jobs = JoinSet::new();
        for _ in 0..self.jobs.max(1) {
            let (waiting, outcomes, test) = (waiting.clone(), outcomes.clone(), self.clone());
            jobs.spawn(async move {
                loop {
                    let Some(case) = waiting.lock().await.next() else { return };
                    let outcome = test.case(&case).await;
                    if outcome.is_err() {
                        // The other jobs end as well, after their case.
                        waiting.lock().await.by_ref().for_each(drop);
                    }
                    if outcomes.send((case, outcome)).await.is_err() {
                        return;
                    }
                }
            });
        }
        drop(outcomes);
        let mut ended = Ok(());
        while let Some((case, outcome)) = finished.recv().await {
            match outcome {
                Ok(outcome) => done(&case, outcome),
                Err(error) => ended = ended.and(Err(error)),
            }
        }
        ended
    }

    /// Runs one case.
    ///
    /// # Errors
    /// [`ServerError::Unreachable`] when a connection cannot be made.
    pub async fn case(&self, case: &Case) -> Result<Outcome, ServerError> {
        self.carried(case, async || self.takes_another().await).await
    }

    /// Runs one case; `after` checks what the server does after a reset.
    async fn carried(
        &self,
        case: &Case,
        after: impl AsyncFnOnce() -> Result<(), String>,
    ) -> Result<Outcome, ServerError> {
        let stream = self.connect().await?;
        let run = Run::new(case, Side::Server, &self.options);
        let patience = self.options.patience;
        let reset = async |stream| {
            reset(stream);
            after().await
        };
        Ok(match &self.tls {
            None => drive_with(run, stream, &[], patience, reset).await,
            Some(trust) => {
                let stream = trust.connect(&self.host, stream, patience).await;
                let stream = stream.map_err(|error| self.unreachable(error))?;
                let reset = async |stream: TlsStream<TcpStream>| reset(stream.into_inner().0).await;
                drive_with(run, stream, &[], patience, reset).await
            }
        })
    }

    /// Checks that the server accepts a connection and echoes a message. The error says, as the rest of a sentence, what it
    /// does instead.
    async fn takes_another(&self) -> Result<(), String> {
        let echoes = Case::new("0.0", "", Rule::info("", ""), |_, _| {
            let text = "Are you still there?";
            let steps = [Step::send([Frame::text(text)]), Step::Await(1)];
            Script::new(steps, Conversation::ok([Event::Text(text.into())]))
        });
        match self.carried(&echoes, async || Ok(())).await {
            Ok(outcome) if outcome.behavior == Behavior::Ok => Ok(()),
            Ok(outcome) => Err(format!("on the next connection: {}", outcome.observed)),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Opens a connection and closes it, so that hundreds of cases are not run against a server that does not exist or has
    /// no WebSockets. If the server does not accept or open connections yet, this waits for at most `most`.
    ///
    /// # Errors
    /// [`ServerError`] when it cannot be tested.
    pub async fn probe(&self, most: Duration) -> Result<(), ServerError> {
        let opens =
            Case::new("0.0", "", Rule::info("", ""), |_, _| Script::new([], Conversation::ok([])));
        let begin = Instant::now();
        loop {
            let why = match self.case(&opens).await {
                Ok(outcome) if outcome.behavior == Behavior::Ok => return Ok(()),
                Ok(outcome) => ServerError::NotWebSocket { observed: outcome.observed },
                Err(error) => error,
            };
            if begin.elapsed() > most {
                return Err(why);
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn connect(&self) -> Result<TcpStream, ServerError> {
        let connect = TcpStream::connect((self.host.as_str(), self.port));
        let stream = match timeout(self.options.patience, connect).await {
            Ok(stream) => stream.map_err(|error| self.unreachable(error))?,
            Err(_) => return Err(self.unreachable(std::io::ErrorKind::TimedOut.into())),
        };
        // Small writes of a case must arrive as small reads.
        stream.set_nodelay(true).map_err(|error| self.unreachable(error))?;
        Ok(stream)
    }

    fn unreachable(&self, error: std::io::Error) -> ServerError {
        ServerError::Unreachable { address: format!("{}:{}", self.host, self.port), error }
    }
}
