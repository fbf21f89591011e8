//! Memory of waiting connections: how much the resident set of a server process grows with them, divided by their number.
//! Each connection has one task, which has echoed one message and waits for the next.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde::Serialize;

use crate::case::Failure;
use crate::contenders::{BASE, Contender, OWNED, Side};
use crate::echo::Echo;
use crate::echo::load::connect;
use crate::machine::{Cores, processor, raise_file_limit, resident};
use crate::report::with_version;
use crate::server::Server;

/// Connections that are opened before the measurement, so that what is allocated only once does not
/// count.
const BEFORE: usize = 50;

/// Files that server and load need in addition to the connections.
const OTHER_FILES: usize = 100;

/// The most that a connection of ours may take in all, in KiB.
const TARGET: f64 = 1.5;

/// How long the server gets to settle.
const REST: Duration = Duration::from_millis(300);

#[derive(Serialize)]
struct Report {
    machine: String,
    connections: usize,
    target_kib: f64,
    results: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    name: &'static str,
    version: String,
    side: Side,
    usage: &'static str,
    kib_per_connection: f64,
    above_base: f64,
}

/// Measures, prints, and writes to the folder `out`.
pub(crate) fn run(
    wanted: usize,
    contenders: &[&'static Contender],
    out: &Path,
) -> Result<(), Box<dyn Error>> {
    let limit = raise_file_limit();
    let connections = wanted.min(limit.saturating_sub(BEFORE + OTHER_FILES));
    let cores = Cores::of_this_machine();
    cores.pin_load()?;
    let mut text = format!(
        "Growth of the server's resident set with {connections} connections (VmRSS of /proc/PID/status), for \
         each of them.\nEach has a task that has echoed 125 bytes and waits to receive; the handshake is over. \
         {}.\n",
        processor()
    );
    if connections < wanted {
        let _ = writeln!(
            text,
            "FEWER than the {wanted} asked for: a process may have {limit} files open (ulimit -Hn)."
        );
    }
    println!("{text}");

    let mut lines: Vec<Line> = Vec::new();
    for &contender in contenders {
        let each = growth(contender, connections, cores)
            .map_err(|error| format!("{}: {error}", contender.name))?;
        let base = lines.iter().find(|line| line.name == BASE);
        let above_base = each - base.map_or(each, |base| base.kib_per_connection);
        let version = with_version(contender);
        let row = format!("{version:<32}{each:>9.2} KiB{above_base:>9.2} KiB above the base");
        println!("{row}");
        let _ = writeln!(text, "{row}");
        lines.push(Line {
            name: contender.name,
            version,
            side: contender.side,
            usage: contender.usage,
            kib_per_connection: each,
            above_base,
        });
    }
    if let Some(ours) = lines.iter().find(|line| line.name == OWNED) {
        let holds = if ours.kib_per_connection <= TARGET { "holds" } else { "MISSED" };
        let line =
            format!("\n{holds}: {OWNED} {:.2} KiB, at most {TARGET}", ours.kib_per_connection);
        println!("{line}");
        let _ = writeln!(text, "{line}");
    }
    let mut markdown =
        format!("| {connections} connections | KiB each | above the base |\n|---|---|---|\n");
    for line in &lines {
        let _ = writeln!(
            markdown,
            "| {} | {:.2} | {:.2} |",
            line.version, line.kib_per_connection, line.above_base
        );
    }
    let report = Report { machine: processor(), connections, target_kib: TARGET, results: lines };
    fs::write(out.join("results.txt"), text)?;
    fs::write(out.join("results.md"), markdown)?;
    fs::write(out.join("results.json"), serde_json::to_string_pretty(&report)?)?;
    println!("written to {}: results.txt, results.md, results.json", out.display());
    Ok(())
}

/// KiB for each connection.
fn growth(contender: &Contender, connections: usize, cores: Cores) -> Result<f64, Failure> {
    let server = Server::start(contender, cores.server(), &[])?;
    let mut clients: Vec<TcpStream> = Vec::with_capacity(BEFORE + connections);
    let mut open = |count: usize| -> Result<u64, Failure> {
        for _ in 0..count {
            clients.push(echoed(contender, &server)?);
        }
        thread::sleep(REST);
        Ok(resident(server.process())?)
    };
    let before = open(BEFORE)?;
    let after = open(connections)?;
    Ok((after as f64 - before as f64) / connections as f64)
}

/// Opens a connection, and echoes one message over it.
fn echoed(contender: &Contender, server: &Server) -> Result<TcpStream, Failure> {
    let is_websocket = contender.side != Side::Unit;
    let burst = Echo { len: 125, connections: 1, depth: 1 }.burst();
    let mut client = connect(server.address, is_websocket)?;
    client.write_all(&burst.wire)?;
    let expected = match is_websocket {
        true => [&burst.echoed_header[..], &burst.payloads[0]].concat(),
        false => burst.wire,
    };
    let mut echo = vec![0; expected.len()];
    client.read_exact(&mut echo)?;
    if echo != expected {
        return Err("an echo differs from what was sent".into());
    }
    Ok(client)
}
