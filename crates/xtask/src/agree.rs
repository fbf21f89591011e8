//! `cargo xtask agree`: the real `wstest` and our own suite against the same endpoints, most of which are not ours.
//!
//! Each case with different verdicts must be explained in `crates/conformance/agree.json`: which suite is right, and which
//! sentence of the RFC says so. The chore fails on a difference without an explanation, and on an explanation that is no
//! longer needed.

mod endpoints;
mod explanations;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use clap::Args;

use crate::autobahn::report;
use crate::autobahn::{
    CaseId, Role, Run, Running, START_LIMIT, Selection, Verdicts, Wstest, free_port,
};
use crate::shell::{Failure, Outcome, command, empty_folder, executables, fail, read, root, write};
use endpoints::{Endpoint, endpoints};
use explanations::{Difference, Explanations};

/// The cases that run by default: all except for most of those that send much, which take `wstest` many minutes.
const CASES: &str = "1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.1.1,9.2.1,9.3.5,9.5.5,9.7.2,10.*,12.1.1,12.1.5,13.1.1,13.2.1,13.3.1,\
                     13.4.1,13.5.1,13.6.1,13.7.1";

/// The time limit of one run.
const TIME_LIMIT: Duration = Duration::from_secs(1800);

/// What to run; without options, every endpoint in both roles.
#[derive(Args)]
pub(crate) struct Options {
    /// Only these endpoints
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    endpoint: Vec<String>,
    /// Only as a server, or only as a client
    #[arg(long)]
    role: Option<Role>,
    /// These cases, such as 1.*,6.4.* or *
    #[arg(long, value_delimiter = ',', default_value = CASES)]
    cases: Vec<String>,
    /// Compares the reports of the last run, without running anything
    #[arg(long)]
    again: bool,
}

/// Runs both suites against every endpoint, and fails if a difference is not explained.
pub(crate) fn run(options: &Options) -> Outcome {
    let path = root().join("crates/conformance/agree.json");
    let mut explanations = Explanations::parse(&read(&path)?)?;
    let found = if options.again { endpoints::of_reports(&reports())? } else { endpoints()? };
    if let Some(unknown) =
        options.endpoint.iter().find(|name| !found.iter().any(|other| other.name == **name))
    {
        return fail(format!("there is no endpoint `{unknown}`"));
    }
    let suites = if options.again { None } else { Some(Suites::new(&options.cases)?) };
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    for endpoint in &found {
        if !options.endpoint.is_empty() && !options.endpoint.contains(&endpoint.name) {
            continue;
        }
        for role in [Role::Server, Role::Client] {
            if options.role.is_some_and(|only| only != role) {
                continue;
            }
            match row(suites.as_ref(), endpoint, role, &mut explanations) {
                Ok(row) => rows.push(row),
                Err(reason) => failed.push(format!("{}, {role}: {reason}", endpoint.name)),
            }
        }
    }
    println!("\n{}", table(&rows));
    for row in &rows {
        for difference in &row.unexplained {
            failed.push(difference.to_string());
        }
    }
    let everything = options.endpoint.is_empty()
        && options.role.is_none()
        && options.cases.join(",") == CASES
        && failed.is_empty();
    if everything {
        failed.extend(explanations.idle(|name| found.iter().any(|other| other.name == name)));
    }
    if failed.is_empty() {
        println!("every difference is explained in crates/conformance/agree.json");
        return Ok(());
    }
    for reason in &failed {
        println!("  {reason}");
    }
    fail("agree: not as crates/conformance/agree.json says")
}

/// The folder of the reports. The container of `wstest` can see folders below `target/autobahn`.
fn reports() -> PathBuf {
    root().join("target/autobahn/agree")
}

/// Both suites.
struct Suites {
    wstest: Wstest,
    ours: PathBuf,
    selection: Selection,
}

/// The result for one endpoint in one role.
struct Row {
    endpoint: String,
    role: Role,
    cases: usize,
    explained: usize,
    unexplained: Vec<Difference>,
    /// How long `wstest` and our suite took, in seconds.
    times: [String; 2],
}

/// Runs both suites, unless their reports exist already, and compares their verdicts.
fn row(
    suites: Option<&Suites>,
    endpoint: &Endpoint,
    role: Role,
    explanations: &mut Explanations,
) -> Outcome<Row> {
    let folder = reports().join(format!("{}-{role}", endpoint.name));
    let (theirs, ours) = (folder.join("wstest"), folder.join("ours"));
    if let Some(suites) = suites {
        let begun = Instant::now();
        empty_folder(&theirs)?;
        let asked = suites.theirs(endpoint, role, &theirs)?;
        note_time(&theirs, begun)?;
        let begun = Instant::now();
        empty_folder(&ours)?;
        suites.ours(endpoint, role, &asked, &ours)?;
        note_time(&ours, begun)?;
    }
    let times = [&theirs, &ours].map(|folder| read(&folder.join(TIME)).unwrap_or_default());
    let verdicts = |folder: &Path| -> Outcome<Verdicts> {
        report::parse(&read(&folder.join("index.json"))?, &endpoint.name)
    };
    let (theirs, ours) = (verdicts(&theirs)?, verdicts(&ours)?);
    let mut row = Row {
        endpoint: endpoint.name.clone(),
        role,
        cases: theirs.len(),
        explained: 0,
        unexplained: Vec::new(),
        times,
    };
    for (case, wstest) in &theirs {
        let Some(suite) = ours.get(case) else {
            return fail(format!("our suite has no verdict on {case}"));
        };
        if wstest == suite {
            continue;
        }
        let difference = Difference {
            endpoint: endpoint.name.clone(),
            role,
            case: case.clone(),
            wstest: wstest.clone(),
            ours: suite.clone(),
        };
        if explanations.explain(&difference) {
            row.explained += 1;
        } else {
            row.unexplained.push(difference);
        }
    }
    Ok(row)
}

/// The file that contains how long a suite took.
const TIME: &str = "seconds";

fn note_time(folder: &Path, begun: Instant) -> Outcome {
    write(&folder.join(TIME), &format!("{:.1}", begun.elapsed().as_secs_f64()))
}

impl Suites {
    fn new(cases: &[String]) -> Outcome<Self> {
        let [ours] =
            executables("build --release -p fullduplex-conformance", ["fullduplex-conformance"])?;
        Ok(Self { wstest: Wstest::find()?, ours, selection: Selection::new(cases)? })
    }

    /// Runs `wstest`, and returns the cases that it ran.
    fn theirs(&self, endpoint: &Endpoint, role: Role, folder: &Path) -> Outcome<BTreeSet<CaseId>> {
        let name = format!("{role}-{}", endpoint.name);
        let run = Run {
            wstest: &self.wstest,
            name: &name,
            agent: &endpoint.name,
            certificate: None,
            folder,
            selection: &self.selection,
        };
        match role {
            Role::Server => {
                let port = free_port()?;
                let mut server =
                    Running::start("server", &mut words(&endpoint.server(port)), folder)?;
                server.wait_until_it_accepts(port, Instant::now() + START_LIMIT)?;
                run.server(server, &format!("127.0.0.1:{port}"), TIME_LIMIT)
            }
            Role::Client => {
                let start =
                    |url: &str| Running::start("client", &mut words(&endpoint.client(url)), folder);
                run.client(start, TIME_LIMIT)
            }
        }
    }

    /// Runs these cases with our suite.
    fn ours(
        &self,
        endpoint: &Endpoint,
        role: Role,
        cases: &BTreeSet<CaseId>,
        folder: &Path,
    ) -> Outcome {
        let cases: Vec<String> = cases.iter().map(ToString::to_string).collect();
        let mut test = command(&self.ours);
        test.arg(role.to_string()).args(["--agent", &endpoint.name]);
        test.args(["--cases", &cases.join(",")]).arg("--report").arg(folder);
        match role {
            Role::Server => test.arg("--").args(&endpoint.server),
            Role::Client => test.args(["--listen", "127.0.0.1:0"]).arg("--").args(&endpoint.client),
        };
        let output = test
            .stdin(Stdio::null())
            .output()
            .map_err(|error| Failure::new(format!("cannot run our suite: {error}")))?;
        match output.status.code() {
            // Both exit codes are fine, because the verdicts are compared here.
            Some(0 | 1) => Ok(()),
            _ => fail(format!("our suite: {}", String::from_utf8_lossy(&output.stderr).trim())),
        }
    }
}

/// The command with these words. There must be at least one.
fn words(words: &[String]) -> std::process::Command {
    let mut words = words.iter();
    let mut command = command(words.next().map_or("", String::as_str));
    command.args(words);
    command
}

/// A table of all runs, in Markdown.
fn table(rows: &[Row]) -> String {
    let mut text =
        "| endpoint | role | cases | differences | explained | wstest, s | this suite, s |\n\
                    |---|---|--:|--:|--:|--:|--:|\n"
            .to_owned();
    for row in rows {
        let [theirs, ours] = &row.times;
        text += &format!(
            "| {} | {} | {} | {} | {} | {theirs} | {ours} |\n",
            row.endpoint,
            row.role,
            row.cases,
            row.explained + row.unexplained.len(),
            row.explained,
        );
    }
    text
}
