//! Tests a server: connects to it once for each case.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Trust, drive};
use crate::case::{Case, Side};
use crate::run::{Options, Run};
use crate::verdict::Outcome;

/// A test of a server.
#[derive(Clone, Debug)]
pub struct ServerTest {
    /// The server's host, a name or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What its certificate is checked against; without this there is no TLS.
    pub tls: Option<Trust>,
    /// How many cases run at the same time; at least one does.
    pub jobs: usize,
    /// What holds for every case.
    pub options: Options,
}

/// The server could not be reached.
#[derive(Debug)]
pub struct Unreachable {
    /// Where it was looked for.
    pub address: String,
    /// Why it was not found.
    pub error: std::io::Error,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no connection to {}: {}", self.address, self.error)
    }
}

impl std::error::Error for Unreachable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl ServerTest {
    /// Runs these cases, as many at a time as there are jobs, and calls `done` with each outcome as it comes.
    ///
    /// # Errors
    /// [`Unreachable`] when a connection cannot be made; the outcomes until then were given to `done`.
    pub async fn run(
        &self,
        cases: impl IntoIterator<Item = Arc<Case>>,
        mut done: impl FnMut(Outcome),
    ) -> Result<(), Unreachable> {
        let waiting = Arc::new(Mutex::new(cases.into_iter().collect::<Vec<_>>().into_iter()));
        let (outcomes, mut finished) = mpsc::channel(1);
        let mut jobs = JoinSet::new();
        for _ in 0..self.jobs.max(1) {
            let (waiting, outcomes, test) = (waiting.clone(), outcomes.clone(), self.clone());
            jobs.spawn(async move {
                loop {
                    let Some(case) = waiting.lock().await.next() else { return };
                    let outcome = test.case(&case).await;
                    let is_over = outcome.is_err();
                    if outcomes.send(outcome).await.is_err() || is_over {
                        return;
                    }
                }
            });
        }
        drop(outcomes);
        while let Some(outcome) = finished.recv().await {
            done(outcome?);
        }
        Ok(())
    }

    /// Runs one case.
    ///
    /// # Errors
    /// [`Unreachable`] when a connection cannot be made.
    pub async fn case(&self, case: &Case) -> Result<Outcome, Unreachable> {
        let stream = self.connect().await?;
        let run = Run::new(case, Side::Server, &self.options);
        let patience = self.options.patience;
        Ok(match &self.tls {
            None => drive(run, stream, &[], patience).await,
            Some(trust) => {
                let stream = trust.connect(&self.host, stream, patience).await;
                drive(run, stream.map_err(|error| self.unreachable(error))?, &[], patience).await
            }
        })
    }

    /// Waits until the server takes connections, for so long at most.
    ///
    /// # Errors
    /// [`Unreachable`] when it does not.
    pub async fn wait(&self, most: Duration) -> Result<(), Unreachable> {
        let begin = tokio::time::Instant::now();
        loop {
            match self.connect().await {
                Ok(_) => return Ok(()),
                Err(error) if begin.elapsed() > most => return Err(error),
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
    }

    async fn connect(&self) -> Result<TcpStream, Unreachable> {
        let connect = TcpStream::connect((self.host.as_str(), self.port));
        let stream = match timeout(self.options.patience, connect).await {
            Ok(stream) => stream.map_err(|error| self.unreachable(error))?,
            Err(_) => return Err(self.unreachable(std::io::ErrorKind::TimedOut.into())),
        };
        // What a case sends in small writes is to be received in small parts.
        stream.set_nodelay(true).map_err(|error| self.unreachable(error))?;
        Ok(stream)
    }

    fn unreachable(&self, error: std::io::Error) -> Unreachable {
        Unreachable { address: format!("{}:{}", self.host, self.port), error }
    }
}
