//! `server`: tests a server.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fullduplex_conformance::report::Report;
use fullduplex_conformance::{Options, ServerError, ServerTest, Side, Trust};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::process::Child;
use tokio::time::timeout;
use url::Url;

use super::child;
use super::end::{End, Failure, interrupted};
use super::options::RunOptions;
use super::progress::Progress;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The server's URL, ws:// or wss://
    #[arg(required_unless_present = "command")]
    url: Option<Url>,
    /// How many connections to test at the same time
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
    /// The server's name in the report
    #[arg(long, value_name = "NAME", default_value = "server")]
    agent: String,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    run: RunOptions,
    /// A command that starts the server; {port} is replaced with the port to listen on
    #[arg(last = true, conflicts_with = "url")]
    command: Vec<String>,
}

/// How a server is reached.
#[derive(clap::Args)]
pub(super) struct Target {
    /// The certificates to check a wss:// server against, as PEM, in place of the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Take any certificate of a wss:// server
    #[arg(long, conflicts_with = "ca")]
    insecure: bool,
}

/// How long a server may take to start.
const START: Duration = Duration::from_secs(10);

#[tokio::main]
pub(super) async fn run(arguments: Arguments) -> Result<End, Failure> {
    let cases = arguments.run.selected(Side::Server)?;
    let (measure, options) = (arguments.run.measure()?, arguments.run.options());
    let (url, mut subject) = match &arguments.url {
        Some(url) => (url.clone(), None),
        None => {
            let port = free_port()?;
            let subject = child::start(&arguments.command, "port", &port.to_string())?;
            (Url::parse(&format!("ws://127.0.0.1:{port}/"))?, Some(subject))
        }
    };
    let mut report = Report::new(&*arguments.agent, Side::Server, &options);
    let test = arguments.target.test(&url, arguments.jobs.into(), options)?;
    // If the runner has not started the server, it must be running already.
    let most = if subject.is_some() { START } else { Duration::ZERO };
    tokio::select! {
        probed = test.probe(most) => probed?,
        status = child::exit(&mut subject) => {
            return Err(Failure::new(format!("the server has ended: {}", status?)));
        }
    }

    let mut progress = Progress::new(cases.len());
    let begun = Instant::now();
    let ended = tokio::select! {
        ended = test.run(cases.iter().cloned(), |case, outcome| {
            progress.done(&outcome);
            report.add(case, outcome);
        }) => match ended {
            Ok(()) => Ok(()),
            Err(error) => Err(why_gone(subject.as_mut(), error).await),
        },
        () = interrupted() => Err(Failure::new("interrupted")),
    };
    progress.finish();
    report.duration = begun.elapsed();
    arguments.run.finish(report, &measure, cases.len(), ended)
}

/// Why no more connections can be made: the error, unless the server that the runner has started has ended.
async fn why_gone(subject: Option<&mut Child>, error: ServerError) -> Failure {
    // The system closes the sockets of a process shortly before the process has ended.
    const SOON: Duration = Duration::from_secs(1);
    if let Some(subject) = subject
        && let Ok(Ok(status)) = timeout(SOON, subject.wait()).await
    {
        return Failure::new(format!(
            "the server has ended ({status}; `--jobs 1` shows in which case)"
        ));
    }
    error.into()
}

impl Target {
    /// A test of the server at this URL.
    pub(super) fn test(
        &self,
        url: &Url,
        jobs: usize,
        mut options: Options,
    ) -> Result<ServerTest, Failure> {
        let wrong = |how: &str| Failure::new(format!("`{url}`: {how}"));
        let tls = match url.scheme() {
            "ws" => None,
            "wss" => Some(self.trust()?),
            _ => return Err(wrong("the URL of a server begins with ws:// or wss://")),
        };
        let host = url.host_str().ok_or_else(|| wrong("it has no host"))?;
        let port = url.port().unwrap_or(if tls.is_some() { 443 } else { 80 });
        options.host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        options.path = url[url::Position::BeforePath..url::Position::AfterQuery].to_owned();
        // An IPv6 address has brackets in a URL, but nowhere else.
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(ServerTest { host, port, tls, jobs, options })
    }

    fn trust(&self) -> Result<Trust, Failure> {
        if self.insecure {
            return Ok(Trust::everything()?);
        }
        let (roots, from): (Vec<_>, _) = match &self.ca {
            None => {
                // Certificates that cannot be read are left out, as in every other TLS client.
                let mut roots = rustls_native_certs::load_native_certs().certs;
                roots.retain(|root| RootCertStore::empty().add(root.clone()).is_ok());
                (roots, "the system's certificates".to_owned())
            }
            Some(file) => {
                let roots = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
                let from = file.display().to_string();
                (roots.map_err(|error| Failure::new(format!("{from}: {error}")))?, from)
            }
        };
        if roots.is_empty() {
            return Err(Failure::new(format!(
                "{from}: there is no certificate to check the server against"
            )));
        }
        Ok(Trust::roots(roots)?)
    }
}

/// A port that nothing listens on at the moment.
fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
