//! Fan-out: every connection receives what one connection sends. It measures the server's processor time for each delivery,
//! the time until the last subscriber has the message, and the server's memory.

mod load;
pub(crate) mod servers;

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde::Serialize;

use crate::case::Failure;
use crate::contenders::{Contender, FANOUT, Side};
use crate::machine::{Cores, processor, raise_file_limit, resident};
use crate::report::with_version;
use crate::server::Server;
use load::Subscribers;

/// Length of the payload in bytes.
const LEN: usize = 125;

/// How many times the contenders are measured, one after the other.
const ROUNDS: usize = 5;

/// The least number of deliveries in a round.
const DELIVERIES: usize = 100_000;

/// How long the server gets to register the last connections.
const REST: Duration = Duration::from_millis(500);

/// Files that server and load need in addition to the connections.
const OTHER_FILES: usize = 100;

#[derive(Serialize)]
struct Report {
    machine: String,
    cases: Vec<Case>,
}

#[derive(Serialize)]
struct Case {
    subscribers: usize,
    /// How many messages are sent at once.
    messages: usize,
    results: Vec<Line>,
}

/// Medians of all rounds.
#[derive(Serialize)]
struct Line {
    name: &'static str,
    version: String,
    side: Side,
    usage: &'static str,
    microseconds_per_delivery: f64,
    times_unit: f64,
    half_milliseconds: f64,
    last_milliseconds: f64,
    mebibytes: f64,
}

/// The measurements of one round.
#[derive(Clone, Copy)]
struct Round {
    microseconds: f64,
    half: f64,
    last: f64,
    mebibytes: f64,
}

/// Measures, prints, and writes to the folder `out`.
pub(crate) fn run(
    subscribers: &[usize],
    contenders: &[&'static Contender],
    out: &Path,
) -> Result<(), Box<dyn Error>> {
    let limit = raise_file_limit().saturating_sub(OTHER_FILES);
    let cores = Cores::of_this_machine();
    cores.pin_load()?;
    let mut text = format!(
        "What one connection sends, {LEN} bytes, every connection gets. Medians of {ROUNDS} rounds; x is the server's processor \
         time beside that of {FANOUT}; \"half\" and \"last\" are when that many subscribers had all of it. {} {}.\n",
        cores.sentence(),
        processor()
    );
    println!("{text}");
    let mut cases = Vec::new();
    for &wanted in subscribers {
        if wanted > limit {
            return Err(format!(
                "{wanted} subscribers, but only {limit} files may be open (ulimit -Hn)"
            )
            .into());
        }
        for messages in [1, 16] {
            let results = compare(contenders, wanted, messages, cores)?;
            let case = Case { subscribers: wanted, messages, results };
            let table = case.table();
            println!("{table}");
            let _ = writeln!(text, "{table}");
            cases.push(case);
        }
    }
    let report = Report { machine: processor(), cases };
    fs::write(out.join("results.md"), text)?;
    fs::write(out.join("results.json"), serde_json::to_string_pretty(&report)?)?;
    println!("written to {}: results.md, results.json", out.display());
    Ok(())
}

/// Measures all contenders, and returns a row for each.
fn compare(
    contenders: &[&'static Contender],
    subscribers: usize,
    messages: usize,
    cores: Cores,
) -> Result<Vec<Line>, Failure> {
    let mut rounds = vec![Vec::new(); contenders.len()];
    for _ in 0..ROUNDS {
        for (contender, rounds) in contenders.iter().zip(&mut rounds) {
            let round = measure(contender, subscribers, messages, cores)
                .map_err(|error| format!("{}: {error}", contender.name))?;
            rounds.push(round);
        }
    }
    let of = |rounds: &[Round], figure: fn(&Round) -> f64| {
        let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    let time = |rounds: &[Round]| of(rounds, |round| round.microseconds);
    let unit = contenders.iter().position(|contender| contender.name == FANOUT);
    let unit = unit.map_or(f64::NAN, |at| time(&rounds[at]));
    let lines = contenders.iter().zip(&rounds).map(|(contender, rounds)| Line {
        name: contender.name,
        version: with_version(contender),
        side: contender.side,
        usage: contender.usage,
        microseconds_per_delivery: time(rounds),
        times_unit: time(rounds) / unit,
        half_milliseconds: of(rounds, |round| round.half),
        last_milliseconds: of(rounds, |round| round.last),
        mebibytes: of(rounds, |round| round.mebibytes),
    });
    Ok(lines.collect())
}

/// Measures one server, from its start to its end.
fn measure(
    contender: &Contender,
    subscribers: usize,
    messages: usize,
    cores: Cores,
) -> Result<Round, Failure> {
    let mut server = Server::start(contender, cores.server(), &[])?;
    let mut load = Subscribers::connect(contender, server.address, subscribers, messages)?;
    thread::sleep(REST);
    // The first time is not measured, but everything is compared.
    load.send(true)?;
    load.send(false)?;
    let times = DELIVERIES.div_ceil(subscribers * messages).max(5);
    let before = server.time()?;
    let arrivals = (0..times).map(|_| load.send(false)).collect::<Result<Vec<_>, _>>()?;
    let spent = server.time()? - before;
    let mebibytes = resident(server.process())? as f64 / 1024.0;
    let median = |mut figures: Vec<f64>| {
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2] * 1e3
    };
    Ok(Round {
        microseconds: spent.as_secs_f64() * 1e6 / (times * subscribers * messages) as f64,
        half: median(arrivals.iter().map(|arrival| arrival.half.as_secs_f64()).collect()),
        last: median(arrivals.iter().map(|arrival| arrival.last.as_secs_f64()).collect()),
        mebibytes,
    })
}

impl Case {
    fn table(&self) -> String {
        let Self { subscribers, messages, results } = self;
        let at_once =
            if *messages == 1 { String::new() } else { format!(", {messages} messages at once") };
        let mut text = format!(
            "| {subscribers} subscribers{at_once} | µs each | x | half, ms | last, ms | MiB |\n|---|---|---|---|---|---|\n"
        );
        for line in results {
            let _ = writeln!(
                text,
                "| {} | {:.2} | {:.2} | {:.1} | {:.1} | {:.1} |",
                line.version,
                line.microseconds_per_delivery,
                line.times_unit,
                line.half_milliseconds,
                line.last_milliseconds,
                line.mebibytes
            );
        }
        text
    }
}
