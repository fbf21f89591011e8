//! How many system calls a server makes for each message or connection, counted by `strace -c -f` in runs that are not
//! timed.
//!
//! A server runs twice, for n and for 3 n, so that what it does once (its start, the handshakes of an echo) drops out of the
//! difference. Under strace it is several times slower, so more connections are ready at once: there are somewhat fewer
//! `epoll_wait` than without strace.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::process::Command;

use crate::case::{Case, Failure, Load};
use crate::contenders::Contender;
use crate::machine::Cores;
use crate::server::Server;

/// How to install strace.
const HOW: &str = "there is no `strace` on the path (apt-get install strace, dnf install strace)";

/// Whether strace can be used, or why not.
#[derive(Debug)]
pub(crate) struct Strace(Result<(), String>);

/// System calls for each message or connection, by name.
pub(crate) type Calls = BTreeMap<String, f64>;

impl Strace {
    /// Looks for strace, and tries it: a container may forbid it.
    pub(crate) fn find() -> Self {
        let tried = Command::new("strace").args(["-c", "-f", "-o", "/dev/null", "true"]).output();
        Self(match tried {
            Err(_) => Err(HOW.to_owned()),
            Ok(output) if !output.status.success() => {
                let complaint = String::from_utf8_lossy(&output.stderr);
                Err(format!("strace does not work here: {}", complaint.trim()))
            }
            Ok(_) => Ok(()),
        })
    }

    /// A sentence about it for the report.
    pub(crate) fn sentence(&self) -> String {
        match &self.0 {
            Ok(()) => "System calls: by strace -c -f, in runs of their own.".to_owned(),
            Err(reason) => format!("System calls: not measured, {reason}."),
        }
    }

    /// Counts the system calls; `None` without strace.
    pub(crate) fn count(
        &self,
        case: impl Case,
        contender: &Contender,
        cores: Cores,
    ) -> Result<Option<Calls>, Failure> {
        if self.0.is_err() {
            return Ok(None);
        }
        let turns = case.turns_to_count();
        let fewer = run(case, contender, cores, turns)?;
        let more = run(case, contender, cores, 3 * turns)?;
        let between = (2 * turns * case.turn()) as f64;
        let mut calls = Calls::new();
        for (name, count) in more {
            let once = fewer.get(&name).copied().unwrap_or_default();
            let each = (count as f64 - once as f64) / between;
            if each > 0.0005 {
                calls.insert(name, each);
            }
        }
        Ok(Some(calls))
    }
}

/// How often each call was made.
fn run(
    case: impl Case,
    contender: &Contender,
    cores: Cores,
    turns: usize,
) -> Result<BTreeMap<String, u64>, Failure> {
    let file = std::env::temp_dir().join(format!("bench-echo-{}.strace", std::process::id()));
    let mut strace: Vec<OsString> = ["strace", "-c", "-f", "-o"].map(OsString::from).to_vec();
    strace.push(file.clone().into());
    let server = Server::start(contender, cores.server(), &strace)?;
    case.load(contender, server.address, false)?.run(turns)?;
    // strace writes its table when the server has exited.
    drop(server);
    let table = fs::read_to_string(&file)?;
    fs::remove_file(&file)?;
    Ok(table.lines().filter_map(row).collect())
}

/// Parses a line such as `50.00  0.000010  5  2  1 epoll_wait`: share, seconds, each, calls, errors if any, name.
fn row(line: &str) -> Option<(String, u64)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.first()?.parse::<f64>().ok()?;
    let name = words.last().filter(|name| **name != "total")?;
    Some(((*name).to_owned(), words.get(3)?.parse().ok()?))
}
