//! `replay`: runs one case of a report again, and prints every byte.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use fullduplex_conformance::{CaseId, ClientProgress, ClientTest, Options, Side, cases, report};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use url::Url;

use super::client::Certificate;
use super::end::{End, Failure};
use super::list;
use super::options::Patience;
use super::server::Target;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The folder of the report
    #[arg(value_name = "REPORT")]
    report: PathBuf,
    /// The case, such as 6.4.1
    #[arg(value_name = "CASE")]
    case: CaseId,
    /// The server's URL, if the report is about a server
    #[arg(value_name = "URL")]
    url: Option<Url>,
    /// Where to listen, if the report is about a client; it finds one case there, number 1
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    listen: SocketAddr,
    #[command(flatten)]
    certificate: Certificate,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    target: Target,
}

#[tokio::main]
pub(super) async fn run(arguments: Arguments) -> Result<End, Failure> {
    let reports = report::read(&arguments.report)?;
    let id = &arguments.case;
    let then = reports
        .iter()
        .find(|report| report.get(id).is_some())
        .ok_or_else(|| Failure::new(format!("{} has no case {id}", arguments.report.display())))?;
    let case = cases::all()
        .into_iter()
        .find(|case| case.id == *id && case.is_for(then.side))
        .map(Arc::new)
        .ok_or_else(|| Failure::new(format!("there is no case {id} any more")))?;
    let options = Options { seed: then.seed, scale: then.scale, ..arguments.patience.options() };
    let outcome = match then.side {
        Side::Server => {
            let url = arguments.url.ok_or_else(|| {
                Failure::new("the report is about a server: give its URL after the case")
            })?;
            arguments.target.test(&url, 1, options)?.case(&case).await?
        }
        Side::Client => {
            let identity = arguments.certificate.identity()?;
            let scheme = if identity.is_some() { "wss" } else { "ws" };
            let listener = TcpListener::bind(arguments.listen).await?;
            eprintln!("case {id} for a client at {scheme}://{}", listener.local_addr()?);
            let test = Arc::new(ClientTest::new(vec![case.clone()], identity, options));
            let (sender, mut happened) = mpsc::channel(1);
            let serving = tokio::spawn(test.serve(listener, sender));
            let outcome = loop {
                match happened.recv().await {
                    Some(ClientProgress::Done { outcome, .. }) => break *outcome,
                    Some(ClientProgress::Finished { .. }) => {}
                    None => return Err(Failure::new("no more connections can be accepted")),
                }
            };
            serving.abort();
            outcome
        }
    };
    let mut now = report::Report::new(&*then.agent, then.side, &Options::default());
    now.add(&case, outcome);
    let Some(tested) = now.get(id) else { return Ok(End::AsExpected) };
    list::print(&report::hex(tested))?;
    Ok(if tested.outcome.is_ok() { End::AsExpected } else { End::Different })
}
