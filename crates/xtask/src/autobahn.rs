//! `cargo xtask autobahn`: runs the real Autobahn test suite against our echo endpoints, and compares its verdicts with
//! `autobahn/expected.json`.
//!
//! All verdicts come from the `index.json` that `wstest` wrote, and it announces which cases have to run before the first
//! one. Our own installation is started by `autobahn/config/wstest.py`, which makes the compressed cases about a quarter
//! faster, and changes neither what is sent nor a verdict.

mod build;
mod case;
mod certificate;
mod expected;
pub(crate) mod report;
mod runner;
mod running;
mod spec;
mod wstest;

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use crate::shell::{Outcome, command, empty_folder, fail, read, root};
pub(crate) use build::{Testees, testees};
pub(crate) use case::CaseId;
pub(crate) use certificate::Certificate;
use expected::Expected;
pub(crate) use report::{Verdict, Verdicts};
pub(crate) use runner::{Run, START_LIMIT, free_port};
pub(crate) use running::Running;
pub(crate) use spec::{Role, Selection, matches};
pub(crate) use wstest::Wstest;

/// The adapters that have echo endpoints.
pub(crate) const ADAPTERS: [&str; 4] = ["std", "std-halves", "tokio", "tokio-halves"];

/// The time limit of one run. The 517 cases take some minutes on two cores, nearly all of it compression in Python. `wstest`
/// gives up a case that hangs after some seconds.
const TIME_LIMIT: Duration = Duration::from_secs(1800);

/// What to run; without options, everything.
#[derive(Args)]
pub(crate) struct Runs {
    /// Only our server, or only our client
    #[arg(long)]
    role: Option<Role>,
    /// Only these cases, such as 1.*,6.4.*; their verdicts alone are compared
    #[arg(long, value_delimiter = ',')]
    pub(crate) cases: Vec<String>,
    /// Only these adapters
    #[arg(long, value_delimiter = ',', value_parser = ADAPTERS)]
    adapter: Vec<String>,
    /// Over TLS, wss instead of ws, with a certificate made for this run
    #[arg(long)]
    pub(crate) tls: bool,
}

impl Runs {
    /// The selected roles.
    pub(crate) fn roles(&self) -> Vec<Role> {
        self.role.map_or_else(|| vec![Role::Server, Role::Client], |role| vec![role])
    }

    /// The selected adapters.
    pub(crate) fn adapters(&self) -> Vec<&str> {
        match self.adapter.as_slice() {
            // A blocking TLS stream has no halves.
            [] => ADAPTERS.into_iter().filter(|name| !self.tls || *name != "std-halves").collect(),
            chosen => chosen.iter().map(String::as_str).collect(),
        }
    }
}

/// Runs the suite for every role and adapter, and fails if a verdict is not the expected one.
pub(crate) fn run(options: &Runs) -> Outcome {
    let expected = Expected::parse(&read(&root().join("autobahn/expected.json"))?)?;
    let selection = Selection::new(&options.cases)?;
    // The suite may have to be installed, which is mostly waiting.
    let (wstest, testees) = thread::scope(|scope| {
        let wstest = scope.spawn(Wstest::find);
        let testees = testees();
        (wstest.join().unwrap_or_else(|_| fail("looking for wstest panicked")), testees)
    });
    let suite = Suite { expected, selection, wstest: wstest?, testees: testees?, tls: options.tls };
    let mut failed = Vec::new();
    for adapter in options.adapters() {
        // Both roles run at once, because the suite is one Python thread each time.
        let suite = &suite;
        let outcomes = thread::scope(|scope| {
            let start = |role| scope.spawn(move || suite.run(role, adapter));
            let runs: Vec<_> =
                options.roles().into_iter().map(|role| (role, start(role))).collect();
            let join = |(role, run): (Role, thread::ScopedJoinHandle<'_, Outcome>)| {
                (role, run.join().unwrap_or_else(|_| fail("it panicked")))
            };
            runs.into_iter().map(join).collect::<Vec<_>>()
        });
        for (role, outcome) in outcomes {
            if let Err(reason) = outcome {
                let name = format!("{role}-{}", suite.transport(adapter));
                println!("{name}: {reason}\n");
                failed.push(name);
            }
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        fail(format!("autobahn: failed for {}", failed.join(", ")))
    }
}

/// What all runs share.
struct Suite {
    wstest: Wstest,
    testees: Testees,
    selection: Selection,
    expected: Expected,
    tls: bool,
}

impl Suite {
    /// Runs one role of one adapter, from an empty report folder to the comparison.
    fn run(&self, role: Role, adapter: &str) -> Outcome {
        let transport = self.transport(adapter);
        let name = format!("{role}-{transport}");
        let folder = root().join("target/autobahn").join(&name);
        empty_folder(&folder)?;
        let certificate =
            if self.tls { Some(Certificate::make(&self.testees, &folder)?) } else { None };

        let run = Run {
            wstest: &self.wstest,
            name: &name,
            agent: &format!("fullduplex-{transport}"),
            certificate: certificate.as_ref(),
            folder: &folder,
            selection: &self.selection,
        };
        let certificate = certificate.as_ref();
        let asked = match role {
            Role::Server => {
                let (server, address) = self.server(adapter, certificate, &folder)?;
                run.server(server, &address, TIME_LIMIT)?
            }
            Role::Client => {
                let start = |url: &str| self.client(adapter, certificate, url, run.agent, &folder);
                run.client(start, TIME_LIMIT)?
            }
        };
        let found = report::parse(&read(&folder.join("index.json"))?, run.agent)?;

        let table = report::table(&format!("{role}, {transport}"), &found);
        println!("\n{table}\nreport: {}", shortened(&folder.join("index.html")));
        let everything = self.selection.is_everything();
        let differences = self.expected.compare(role, &asked, &found, everything);
        if differences.is_empty() {
            println!("{name}: {} cases, every verdict as in autobahn/expected.json\n", found.len());
            return Ok(());
        }
        for difference in &differences {
            println!("  {difference}");
        }
        fail("not as autobahn/expected.json says")
    }

    /// Starts our server, and returns the address that it listens on.
    fn server(
        &self,
        adapter: &str,
        certificate: Option<&Certificate>,
        folder: &Path,
    ) -> Outcome<(Running, String)> {
        let mut listen = command(&self.testees.server);
        listen.args(["--adapter", adapter, "--deflate", "--listen", "127.0.0.1:0"]);
        if let Some(certificate) = certificate {
            listen.arg("--tls").args([&certificate.path, &certificate.key]);
        }
        let mut server = Running::start("echo-server", &mut listen, folder)?;
        let deadline = Instant::now() + START_LIMIT;
        let address = server.wait_for("listening on ADDRESS", deadline, |line| {
            line.strip_prefix("listening on ").map(str::to_owned)
        })?;
        Ok((server, address))
    }

    /// Starts our client.
    fn client(
        &self,
        adapter: &str,
        certificate: Option<&Certificate>,
        url: &str,
        agent: &str,
        folder: &Path,
    ) -> Outcome<Running> {
        let mut run = command(&self.testees.client);
        run.args(["--adapter", adapter, "--deflate", "--url", url, "--agent", agent]);
        if let Some(certificate) = certificate {
            run.arg("--ca").arg(&certificate.path);
        }
        Running::start("echo-client", &mut run, folder)
    }

    /// The transport below the adapter, in one word: `tokio`, or `tokio-tls`.
    fn transport(&self, adapter: &str) -> String {
        format!("{adapter}{}", if self.tls { "-tls" } else { "" })
    }
}

fn shortened(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
