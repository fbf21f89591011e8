//! The outcome as text, as Markdown and as JSON.

use std::error::Error;
use std::fmt::Write;
use std::process::Command;
use std::thread;

use fullduplex_benches::measure::{Spread, short};
use serde::Serialize;

use crate::cargo::Built;
use crate::servers::{OURS, Server, UNIT};

/// The most that our server may cost: crates, KiB, and the time as a multiple of plain TCP's. It took 10 s when plain TCP
/// took 6.4.
const CRATES: usize = 20;
const KIB: f64 = 560.0;
const TIME: f64 = 1.56;

/// What a server costs to build.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) server: &'static Server,
    /// The time in seconds of each round.
    seconds: Vec<f64>,
    /// The processor time in seconds of each round, on Linux.
    processor: Vec<f64>,
    crates: usize,
    /// The size of the program, linked with LTO and stripped.
    pub(crate) bytes: u64,
}

impl Figures {
    pub(crate) fn new(server: &'static Server) -> Self {
        Self { server, seconds: Vec::new(), processor: Vec::new(), crates: 0, bytes: 0 }
    }

    pub(crate) fn add(&mut self, built: &Built) {
        self.seconds.push(built.elapsed.as_secs_f64());
        self.processor.extend(built.processor.map(|time| time.as_secs_f64()));
        self.crates = built.crates;
    }

    fn kib(&self) -> f64 {
        self.bytes as f64 / 1024.0
    }
}

/// Ratios to plain TCP, round by round.
fn ratio(ours: &[f64], theirs: &[f64]) -> Spread {
    Spread::of(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect())
}

/// A server's figures, ready for output.
#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    server: &'static Server,
    crates: usize,
    kib: f64,
    seconds: Spread,
    time_to_unit: Spread,
    /// Left out where it was not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    processor_seconds: Option<Spread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    processor_to_unit: Option<Spread>,
}

fn lines(figures: &[Figures]) -> Vec<Line> {
    let Some(unit) = figures.iter().find(|one| one.server.name == UNIT) else { return Vec::new() };
    let line = |one: &Figures| {
        let known = !one.processor.is_empty();
        Line {
            server: one.server,
            crates: one.crates,
            kib: one.kib(),
            seconds: Spread::of(one.seconds.clone()),
            time_to_unit: ratio(&one.seconds, &unit.seconds),
            processor_seconds: known.then(|| Spread::of(one.processor.clone())),
            processor_to_unit: known.then(|| ratio(&one.processor, &unit.processor)),
        }
    };
    figures.iter().map(line).collect()
}

/// The compiler, and how many compilations can run at once.
fn machine() -> Result<String, Box<dyn Error>> {
    let rustc = String::from_utf8(Command::new("rustc").arg("--version").output()?.stdout)?;
    Ok(format!("{}, {} processors", rustc.trim(), thread::available_parallelism()?))
}

/// The table, and which targets are met.
pub(crate) fn text(figures: &[Figures], rounds: usize) -> Result<String, Box<dyn Error>> {
    let mut text = format!(
        "A minimal echo server, built from scratch: `cargo build --release`, its dependencies fetched \
         before.\nMedians (smallest-largest) of {rounds} rounds, interleaved, ratios taken round by round. Size: \
         fat LTO, one codegen unit, stripped.\n{}.\n\n",
        machine()?
    );
    let mut row = |cells: [&str; 7]| {
        let [name, crates, kib, time, to_unit, processor, processor_to_unit] = cells;
        let line = format!(
            "{name:<20}{crates:>7}{kib:>7}{time:>21}{to_unit:>19}{processor:>21}{processor_to_unit:>19}"
        );
        let _ = writeln!(text, "{}", line.trim_end());
    };
    row(["", "crates", "KiB", "seconds", "/ tokio TCP", "of processors", "/ tokio TCP"]);
    let lines = lines(figures);
    for line in &lines {
        let shown = |spread: Option<Spread>| spread.map(|it| it.to_string()).unwrap_or_default();
        row([
            line.server.name,
            &line.crates.to_string(),
            &format!("{:.0}", line.kib),
            &line.seconds.to_string(),
            &line.time_to_unit.to_string(),
            &shown(line.processor_seconds),
            &shown(line.processor_to_unit),
        ]);
    }
    text.push('\n');
    if let Some(ours) = lines.iter().find(|line| line.server.name == OURS) {
        let mut target = |what: &str, holds: bool| {
            let _ = writeln!(text, "{} {what}", if holds { "holds " } else { "MISSED" });
        };
        target(&format!("{} crates, at most {CRATES}", ours.crates), ours.crates <= CRATES);
        target(&format!("{:.0} KiB, at most {KIB}", ours.kib), ours.kib <= KIB);
        let time = ours.time_to_unit.median;
        target(&format!("time / tokio TCP {}, at most {TIME}", short(time)), time <= TIME);
    }
    text.push('\n');
    for line in &lines {
        let _ = writeln!(text, "{}: {}", line.server.name, line.server.about);
    }
    Ok(text)
}

/// The medians as a table in Markdown.
pub(crate) fn markdown(figures: &[Figures]) -> String {
    let mut text =
        "| | crates | KiB | seconds | x tokio TCP | seconds of processors | x tokio TCP |\n\
                    |---|---|---|---|---|---|---|\n"
            .to_owned();
    for line in lines(figures) {
        let name = match line.server.name {
            OURS => format!("**{OURS}**"),
            name => name.to_owned(),
        };
        let median = |spread: Option<Spread>| spread.map(|it| short(it.median)).unwrap_or_default();
        let _ = writeln!(
            text,
            "| {name} | {} | {:.0} | {} | {} | {} | {} |",
            line.crates,
            line.kib,
            short(line.seconds.median),
            short(line.time_to_unit.median),
            median(line.processor_seconds),
            median(line.processor_to_unit),
        );
    }
    text
}

#[derive(Serialize)]
struct Report {
    machine: String,
    rounds: usize,
    results: Vec<Line>,
}

/// Everything as JSON.
pub(crate) fn json(figures: &[Figures], rounds: usize) -> Result<String, Box<dyn Error>> {
    let report = Report { machine: machine()?, rounds, results: lines(figures) };
    Ok(serde_json::to_string_pretty(&report)?)
}
