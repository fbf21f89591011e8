//! `cargo xtask conformance`: runs our own suite against our echo endpoints, over each adapter and in both roles.

use std::time::Instant;

use clap::Args;

use crate::autobahn::{self, Certificate, Role, Running, START_LIMIT, Testees, testees};
use crate::shell::{Outcome, command, empty_folder, executables, fail, root, run as run_command};

/// What to run; without options, everything.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    runs: autobahn::Runs,
    /// Sends in sections 9, 12 and 13 as much as wstest
    #[arg(long)]
    full: bool,
}

/// Runs the suite for every role and adapter, and fails if a verdict is not the expected one.
pub(crate) fn run(options: &Options) -> Outcome {
    let begun = Instant::now();
    let [suite] =
        executables("build --release -p fullduplex-conformance", ["fullduplex-conformance"])?;
    let testees = testees()?;
    let mut failed = Vec::new();
    for adapter in options.runs.adapters() {
        for role in options.runs.roles() {
            let name = format!("{role}-{adapter}{}", if options.runs.tls { "-tls" } else { "" });
            let folder = root().join("target/conformance").join(&name);
            empty_folder(&folder)?;
            let certificate =
                if options.runs.tls { Some(Certificate::make(&testees, &folder)?) } else { None };
            let mut test = command(&suite);
            test.arg(role.to_string());
            test.args(["--agent", &format!("fullduplex-{adapter}")]);
            test.arg("--report").arg(&folder);
            test.arg("--expected").arg(root().join("crates/conformance/expected.json"));
            if options.full {
                test.arg("--full");
            }
            if !options.runs.cases.is_empty() {
                test.args(["--cases", &options.runs.cases.join(",")]);
            }
            let run = Run { testees: &testees, adapter, certificate: certificate.as_ref() };
            let outcome = match role {
                Role::Server => run.server(&mut test, &folder),
                Role::Client => run.client(&mut test),
            };
            if let Err(reason) = outcome {
                println!("{name}: {reason}\n");
                failed.push(name);
            }
        }
    }
    println!("conformance: {:.1} s in all", begun.elapsed().as_secs_f64());
    if failed.is_empty() { Ok(()) } else { fail(format!("not as expected: {}", failed.join(", "))) }
}

struct Run<'a> {
    testees: &'a Testees,
    adapter: &'a str,
    certificate: Option<&'a Certificate>,
}

impl Run<'_> {
    fn server(&self, test: &mut std::process::Command, folder: &std::path::Path) -> Outcome {
        let mut listen = command(&self.testees.server);
        listen.args(["--adapter", self.adapter, "--deflate", "--listen", "127.0.0.1:0"]);
        if let Some(certificate) = self.certificate {
            listen.arg("--tls").args([&certificate.path, &certificate.key]);
            test.arg("--ca").arg(&certificate.path);
        }
        let mut server = Running::start("echo-server", &mut listen, folder)?;
        let deadline = Instant::now() + START_LIMIT;
        let address = server.wait_for("listening on ADDRESS", deadline, |line| {
            line.strip_prefix("listening on ").map(str::to_owned)
        })?;
        let scheme = if self.certificate.is_some() { "wss" } else { "ws" };
        run_command(test.arg(format!("{scheme}://{address}")))
    }

    fn client(&self, test: &mut std::process::Command) -> Outcome {
        test.args(["--listen", "127.0.0.1:0"]);
        if let Some(certificate) = self.certificate {
            test.arg("--cert").arg(&certificate.path).arg("--key").arg(&certificate.key);
        }
        test.arg("--").arg(&self.testees.client);
        test.args(["--adapter", self.adapter, "--deflate", "--url", "{url}"]);
        test.args(["--agent", &format!("fullduplex-{}", self.adapter)]);
        if let Some(certificate) = self.certificate {
            test.arg("--ca").arg(&certificate.path);
        }
        run_command(test)
    }
}
