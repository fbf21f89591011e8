//! `client`: tests a client.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fullduplex_conformance::report::Report;
use fullduplex_conformance::{ClientProgress, ClientTest, Identity, Outcome, Side};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::child;
use super::end::{End, Failure, interrupted};
use super::options::RunOptions;
use super::progress::Progress;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Where to listen; port 0 chooses a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    listen: SocketAddr,
    /// The client's name in the report, in place of the name that it gives itself
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    #[command(flatten)]
    certificate: Certificate,
    #[command(flatten)]
    run: RunOptions,
    /// A command that starts the client; {url} is replaced with the URL to connect to
    #[arg(last = true)]
    command: Vec<String>,
}

/// What clients are shown over TLS.
#[derive(clap::Args)]
pub(super) struct Certificate {
    /// Listen over TLS, with the certificates of this PEM file
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The key of the first certificate, as PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

#[tokio::main]
pub(super) async fn run(arguments: Arguments) -> Result<End, Failure> {
    let cases = arguments.run.selected(Side::Client)?;
    let (measure, options) = (arguments.run.measure()?, arguments.run.options());
    let identity = arguments.certificate.identity()?;
    let scheme = if identity.is_some() { "wss" } else { "ws" };
    let test = Arc::new(ClientTest::new(cases.clone(), identity, options.clone()));
    let listener = TcpListener::bind(arguments.listen)
        .await
        .map_err(|error| Failure::new(format!("cannot listen on {}: {error}", arguments.listen)))?;
    let url = format!("{scheme}://{}", listener.local_addr()?);
    let mut subject = match &arguments.command[..] {
        [] => {
            eprintln!("{} cases for a client at {url}; Ctrl-C ends the test", cases.len());
            None
        }
        command => Some(child::start(command, "url", &url)?),
    };

    let (sender, mut happened) = mpsc::channel(16);
    let mut progress = Progress::new(cases.len());
    let mut report = Report::new("client", Side::Client, &options);
    let (mut agent, begun) = (arguments.agent.clone(), Instant::now());
    let mut done = |name: String, outcome: Box<Outcome>| {
        progress.done(&outcome);
        if let Some(case) = cases.iter().find(|case| case.id == outcome.id) {
            report.add(case, *outcome);
        }
        agent.get_or_insert(name);
    };
    let mut serving = Box::pin(test.serve(listener, sender));
    let mut stop = pin!(interrupted());
    // A case in progress waits so long for its end, and for its last write.
    let mut patience = options.patience * 2;
    // A case never takes longer, so a client that was started has stopped connecting.
    let idle = options.limit + options.patience;
    let ended = loop {
        tokio::select! {
            // Handle the outcomes that are queued before the end of the process.
            biased;
            Some(happened) = happened.recv() => match happened {
                ClientProgress::Done { agent, outcome } => done(agent, outcome),
                ClientProgress::Finished { .. } => break Ok(()),
            },
            ended = &mut serving => break ended.map_err(Failure::from),
            ended = child::exit(&mut subject) => break match ended? {
                status if status.success() => Ok(()),
                status => Err(Failure::new(format!("the client has ended: {status}"))),
            },
            () = sleep(idle), if subject.is_some() => {
                let time = idle.as_secs();
                break Err(Failure::new(format!("the client has ended no connection for {time} seconds")));
            }
            () = &mut stop => {
                patience = Duration::ZERO;
                break Err(Failure::new("interrupted"));
            }
        }
    };
    // No new case begins, and those in progress end with the client.
    drop(serving);
    let rest = async {
        while let Ok(Some(happened)) = timeout(patience, happened.recv()).await {
            if let ClientProgress::Done { agent, outcome } = happened {
                done(agent, outcome);
            }
        }
    };
    tokio::select! {
        () = rest => {}
        () = interrupted() => {}
    }
    progress.finish();
    if let Some(agent) = agent {
        report.agent = agent;
    }
    report.duration = begun.elapsed();
    arguments.run.finish(report, &measure, cases.len(), ended)
}

impl Certificate {
    pub(super) fn identity(&self) -> Result<Option<Identity>, Failure> {
        let (Some(cert), Some(key)) = (&self.cert, &self.key) else { return Ok(None) };
        let named = |file: &PathBuf, error| Failure::new(format!("{}: {error}", file.display()));
        let chain = CertificateDer::pem_file_iter(cert)
            .and_then(Iterator::collect)
            .map_err(|error| named(cert, error))?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| named(key, error))?;
        Ok(Some(Identity::new(chain, key)?))
    }
}
