//! One run of the suite: `wstest` on one side, an echo endpoint on the other.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use super::case::CaseId;
use super::certificate::Certificate;
use super::running::{Next, Running};
use super::spec::{self, Selection};
use super::wstest::Wstest;
use crate::shell::{Failure, Outcome, fail};

/// How long a program may take to start: an interpreter is slow on a busy machine.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(60);

/// How long `wstest` may take to write its report once the client has asked for it.
const REPORT_LIMIT: Duration = Duration::from_secs(60);

/// What `wstest -m fuzzingserver` prints when it has written the report.
const REPORT_IS_WHOLE: &str = "Report generation complete";

/// How often two programs are checked in turn.
const TICK: Duration = Duration::from_millis(50);

/// What one run needs to know.
pub(crate) struct Run<'a> {
    /// The suite.
    pub(crate) wstest: &'a Wstest,
    /// The name of the run.
    pub(crate) name: &'a str,
    /// The endpoint's name in the report.
    pub(crate) agent: &'a str,
    /// For TLS: the certificate of the server, whichever side that is.
    pub(crate) certificate: Option<&'a Certificate>,
    /// The folder for the report.
    pub(crate) folder: &'a Path,
    /// The cases to run.
    pub(crate) selection: &'a Selection,
}

impl Run<'_> {
    /// Runs `wstest -m fuzzingclient` against this server, which listens at the address. Returns the cases that `wstest`
    /// announced.
    pub(crate) fn server(
        &self,
        mut server: Running,
        address: &str,
        limit: Duration,
    ) -> Outcome<BTreeSet<CaseId>> {
        let deadline = Instant::now() + limit;
        let url = self.url(address);
        let spec = spec::for_server(self.folder, self.selection, self.agent, &url)?;
        let mut wstest = self.wstest.start("fuzzingclient", &spec, self.folder)?;
        let mut progress = Progress::new(self);
        loop {
            match wstest.next(TICK) {
                Next::Line(line) => progress.line(&line)?,
                Next::Nothing => {}
                Next::End => break,
            }
            // Checked after every line, because a program that never stops writing must be stopped
            // as well.
            if Instant::now() >= deadline {
                return wstest
                    .fail(&format!("did not get through within {} seconds", limit.as_secs()));
            }
            // If the server has exited, the suite cannot run the remaining cases.
            if let Some(status) = server.ended()? {
                return server.fail(&format!("ended before the suite did ({status})"));
            }
        }
        wstest.wait_for_success(deadline)?;
        progress.finish(&mut wstest)
    }

    /// Runs `wstest -m fuzzingserver` against the client that `start` starts for a URL. Returns the cases that `wstest`
    /// announced.
    pub(crate) fn client(
        &self,
        start: impl FnOnce(&str) -> Outcome<Running>,
        limit: Duration,
    ) -> Outcome<BTreeSet<CaseId>> {
        let deadline = Instant::now() + limit;
        let port = free_port()?;
        let url = self.url(&format!("127.0.0.1:{port}"));
        let spec = spec::for_client(self.folder, self.selection, &url, self.certificate)?;
        let mut wstest = self.wstest.start("fuzzingserver", &spec, self.folder)?;
        let mut progress = Progress::new(self);
        wstest.wait_for("Cases = ", start_deadline(), |line| match progress.line(line) {
            Ok(()) if progress.asked.is_none() => None,
            outcome => Some(outcome),
        })??;
        wstest.wait_until_it_accepts(port, start_deadline())?;

        let mut client = start(&url)?;
        while client.ended()?.is_none() {
            if let Next::Line(line) = wstest.next(TICK) {
                progress.line(&line)?;
            }
            if let Some(status) = wstest.ended()? {
                return wstest.fail(&format!("ended before the client did ({status})"));
            }
            if Instant::now() >= deadline {
                return client
                    .fail(&format!("did not get through within {} seconds", limit.as_secs()));
            }
        }
        client.wait_for_success(deadline)?;
        // The server would run for ever, so this only waits until its report is complete.
        while !progress.report_is_whole {
            let deadline = Instant::now() + REPORT_LIMIT;
            wstest.wait_for(REPORT_IS_WHOLE, deadline, |line| Some(progress.line(line)))??;
        }
        progress.finish(&mut wstest)
    }

    fn url(&self, address: &str) -> String {
        let scheme = if self.certificate.is_some() { "wss" } else { "ws" };
        format!("{scheme}://{address}")
    }
}

fn start_deadline() -> Instant {
    Instant::now() + START_LIMIT
}

/// A port that nothing listens on. If that changes before it is used, `wstest` reports it and exits.
pub(crate) fn free_port() -> Outcome<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    listener
        .map(|address| address.port())
        .map_err(|error| Failure::new(format!("no free port: {error}")))
}

/// The progress of `wstest`, by its output.
struct Progress<'a> {
    name: &'a str,
    selection: &'a Selection,
    asked: Option<BTreeSet<CaseId>>,
    begun: usize,
    report_is_whole: bool,
    on_terminal: bool,
}

impl<'a> Progress<'a> {
    /// The number of cases between two lines of progress, if there is no terminal on which a line
    /// can be overwritten.
    const STEP: usize = 50;

    fn new(run: &Run<'a>) -> Self {
        Self {
            name: run.name,
            selection: run.selection,
            asked: None,
            begun: 0,
            report_is_whole: false,
            on_terminal: io::stdout().is_terminal(),
        }
    }

    fn line(&mut self, line: &str) -> Outcome {
        if let Some(list) = line.strip_prefix("Cases = ") {
            let cases = parse_cases(list)?;
            // Without any case, the suite would wait for ever.
            self.selection.check(&cases)?;
            self.asked = Some(cases);
        }
        self.report_is_whole |= line.starts_with(REPORT_IS_WHOLE);
        let Some(rest) = line.strip_prefix("Running test case ID ") else {
            return Ok(());
        };
        self.begun += 1;
        let total = self.asked.as_ref().map_or(0, BTreeSet::len);
        let case = rest.split(' ').next().unwrap_or_default();
        let (name, begun) = (self.name, self.begun);
        if self.on_terminal {
            print!("\r  {name}: case {case:<8} {begun:>3} of {total} ");
            // It does not matter whether the line is seen.
            _ = io::stdout().flush();
        } else if begun.is_multiple_of(Self::STEP) {
            println!("  {name}: case {case}, {begun} of {total}");
        }
        Ok(())
    }

    fn finish(mut self, wstest: &mut Running) -> Outcome<BTreeSet<CaseId>> {
        self.asked.take().map_or_else(|| wstest.fail("did not say which cases it would run"), Ok)
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if self.on_terminal {
            println!();
        }
    }
}

/// Reads a list as Python prints it: `['1.1.1', '1.1.2']`.
fn parse_cases(list: &str) -> Outcome<BTreeSet<CaseId>> {
    let Some(inner) = list.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
        return fail(format!("wstest announced its cases in an unknown way: {list}"));
    };
    let names = inner.split(',').map(|name| name.trim().trim_start_matches('u').trim_matches('\''));
    let cases = names.filter(|name| !name.is_empty()).map(str::parse);
    cases
        .collect::<Result<_, String>>()
        .map_err(|error| Failure::new(format!("wstest announced its cases: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_announced_cases_are_read() {
        let cases = parse_cases("['1.1.1', u'1.1.10']").unwrap();
        assert_eq!(cases, BTreeSet::from(["1.1.1".parse().unwrap(), "1.1.10".parse().unwrap()]));
        assert!(parse_cases("[]").unwrap().is_empty());
        assert!(parse_cases("['1.x']").is_err());
        assert!(parse_cases("1.1.1").is_err());
    }

    #[test]
    fn a_port_is_found() {
        assert_ne!(free_port().unwrap(), 0);
    }
}
