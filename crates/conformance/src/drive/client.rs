//! Tests a client: it connects as it would to wstest's fuzzing server, and the target of its request says which case it
//! wants.

use std::collections::HashMap;
use std::io;
use std::io::ErrorKind::{ConnectionAborted, ConnectionReset};
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use url::form_urlencoded;

use super::carry::{drive, drive_with};
use super::socket::{Socket, reset};
use super::tls::Identity;
use crate::case::{Case, Conversation, Rule, Script, Step};
use crate::run::{Options, Run};
use crate::side::Side;
use crate::verdict::Outcome;
use crate::wire::{Frame, Head, head_end};

/// A test of clients.
#[derive(Debug)]
pub struct ClientTest {
    cases: Vec<Arc<Case>>,
    identity: Option<Identity>,
    options: Options,
    /// The verdicts so far, by agent and case, for a client that asks for them.
    verdicts: Mutex<HashMap<(String, usize), &'static str>>,
}

/// An event in a test of clients.
#[derive(Debug)]
pub enum Progress {
    /// A case is over.
    Done {
        /// What the client calls itself.
        agent: String,
        /// The outcome of the case.
        outcome: Box<Outcome>,
    },
    /// A client has run all cases that it wants, and asks for the report.
    Finished {
        /// What the client calls itself.
        agent: String,
    },
}

/// What a client asks for in the target of its request.
#[derive(Debug, PartialEq, Eq)]
enum Wish {
    /// The number of cases.
    Count,
    /// The description of the case with this number.
    Info(usize),
    /// The verdict on a case for this agent.
    Status(usize, String),
    /// Running this case, as this agent.
    Run(usize, String),
    /// The report.
    Report(String),
}

impl ClientTest {
    /// A test of clients with these cases. A client selects a case by its place in the list, counted from 1. With an
    /// identity, the test is over TLS.
    #[must_use]
    pub fn new(cases: Vec<Arc<Case>>, identity: Option<Identity>, options: Options) -> Self {
        Self { cases, identity, options, verdicts: Mutex::default() }
    }

    /// Serves clients for ever, and reports what happens. Drop the future to end it.
    ///
    /// # Errors
    /// When no more connections can be accepted.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        progress: mpsc::Sender<Progress>,
    ) -> io::Result<()> {
        loop {
            let (stream, _) = match listener.accept().await {
                // The client has reset the connection before it was accepted (`accept(2)`).
                Err(error) if matches!(error.kind(), ConnectionAborted | ConnectionReset) => {
                    continue;
                }
                accepted => accepted?,
            };
            // Small writes of a case must arrive as small reads. On some systems this fails if the connection was reset.
            let _ = stream.set_nodelay(true);
            let (test, progress) = (self.clone(), progress.clone());
            tokio::spawn(async move {
                let happened = match &test.identity {
                    None => test.connection(stream).await,
                    // A client whose TLS handshake fails has not requested a case.
                    Some(identity) => match identity.accept(stream, test.options.patience).await {
                        Ok(stream) => test.connection(stream).await,
                        Err(_) => None,
                    },
                };
                if let Some(happened) = happened {
                    // The receiver is dropped when the test is over.
                    let _ = progress.send(happened).await;
                }
            });
        }
    }

    async fn connection(&self, mut stream: impl Socket) -> Option<Progress> {
        let read = timeout(self.options.patience, read_head(&mut stream)).await.ok()??;
        let end = head_end(&read)?;
        let target = Head::of_request(&read[..end]).map(|head| head.start.1);
        let wish = target.ok().and_then(|target| wish(&target));
        match wish {
            Some(Wish::Run(number, agent)) => {
                let Some(case) = number.checked_sub(1).and_then(|at| self.cases.get(at)) else {
                    refuse(&mut stream, &format!("there is no case {number}")).await;
                    return None;
                };
                let run = Run::new(case, Side::Client, &self.options);
                let reset = async |stream| {
                    // The client shows that it goes on when it connects for the next case.
                    reset(stream);
                    Ok(())
                };
                let patience = self.options.patience;
                let outcome = drive_with(run, stream, &read, patience, reset).await;
                self.note(&agent, number, &outcome);
                Some(Progress::Done { agent, outcome: Box::new(outcome) })
            }
            Some(Wish::Count) => {
                self.tell(stream, &read, self.cases.len().to_string()).await;
                None
            }
            Some(Wish::Info(number)) => {
                let case = number.checked_sub(1).and_then(|at| self.cases.get(at));
                let info = case.map(|case| {
                    serde_json::json!({ "id": case.id.to_string(), "description": &*case.sends })
                });
                self.tell(stream, &read, info.unwrap_or_default().to_string()).await;
                None
            }
            Some(Wish::Status(number, agent)) => {
                let verdict = self.verdict(&agent, number);
                let status = serde_json::json!({ "behavior": verdict });
                self.tell(stream, &read, status.to_string()).await;
                None
            }
            Some(Wish::Report(agent)) => {
                self.tell(stream, &read, None).await;
                Some(Progress::Finished { agent })
            }
            None => {
                let text = "this is a WebSocket conformance suite: connect to /getCaseCount, then to \
                            /runCase?case=NUMBER&agent=NAME for each case, and to /updateReports?agent=NAME at the end";
                refuse(&mut stream, text).await;
                None
            }
        }
    }

    /// Opens the connection, sends a text message if there is one, and closes it.
    async fn tell(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        read: &[u8],
        message: impl Into<Option<String>>,
    ) {
        let message: Option<String> = message.into();
        let rule = Rule::info("", "");
        let service = Case::new("0.0", "", rule, move |_, _| {
            let send = message.clone().map(|message| Step::send([Frame::text(message)]));
            Script::new(send.into_iter().collect::<Vec<_>>(), Conversation::ok([]))
        });
        let run = Run::new(&service, Side::Client, &self.options);
        drive(run, stream, read, self.options.patience).await;
    }

    fn note(&self, agent: &str, number: usize, outcome: &Outcome) {
        if let Ok(mut verdicts) = self.verdicts.lock() {
            verdicts.insert((agent.to_owned(), number), outcome.behavior.word());
        }
    }

    fn verdict(&self, agent: &str, number: usize) -> Option<&'static str> {
        self.verdicts.lock().ok()?.get(&(agent.to_owned(), number)).copied()
    }
}

/// Reads until the head of the request is complete or too large.
async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    const MAX: usize = 64 << 10;
    let mut read = Vec::new();
    while head_end(&read).is_none() {
        if read.len() > MAX || stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
    Some(read)
}

/// Responds to a request that is not for a case.
async fn refuse(stream: &mut (impl AsyncWrite + Unpin), text: &str) {
    let response = format!(
        "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{text}\n",
        text.len() + 1
    );
    // A client that does not read it does not need it.
    let _ = stream.write_all(response.as_bytes()).await;
    let _ = timeout(Duration::from_secs(1), stream.shutdown()).await;
}

/// The target without scheme and authority, if it has them: RFC 6455 §4.1 allows "an absolute http/https URI".
fn resource_name(target: &str) -> &str {
    let Some((scheme, rest)) = target.split_once("://") else { return target };
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return target;
    }
    rest.find(['/', '?']).map_or("/", |at| &rest[at..])
}

/// What this target asks for, if it is one that wstest has.
fn wish(target: &str) -> Option<Wish> {
    let target = resource_name(target);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let value = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
    };
    let number = || value("case")?.parse().ok();
    let agent = || value("agent").unwrap_or_else(|| "unnamed".into());
    match path {
        "/getCaseCount" => Some(Wish::Count),
        "/getCaseInfo" => Some(Wish::Info(number()?)),
        "/getCaseStatus" => Some(Wish::Status(number()?, agent())),
        "/runCase" => Some(Wish::Run(number()?, agent())),
        "/updateReports" => Some(Wish::Report(agent())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_says_in_the_target_what_it_wants() {
        let run = Wish::Run(7, "my client/1.0".into());
        assert_eq!(wish("/runCase?case=7&agent=my%20client%2F1.0"), Some(run));
        assert_eq!(wish("/getCaseCount"), Some(Wish::Count));
        assert_eq!(wish("/updateReports?agent=a"), Some(Wish::Report("a".into())));
        assert_eq!(wish("http://127.0.0.1:9001/getCaseCount"), Some(Wish::Count));
        assert_eq!(wish("/runCase?agent=a"), None);
        assert_eq!(wish("http://127.0.0.1:9001"), None);
        assert_eq!(wish("/runCase?case=-1&agent=a"), None);
        assert_eq!(wish("/"), None);
    }
}
