//! Compares fullduplex with other WebSocket libraries: in one program and one run, all of them over the same stream in
//! memory, interleaved.
//!
//! `cargo xtask bench-peers` builds and runs it. The package depends on nine libraries and their dependencies, so
//! `cargo xtask lint` and `cargo xtask test` leave it out, except for its formatting: CI stays quick, and no peer's newer
//! version can make it fail. After a change here, run `cargo clippy -p fullduplex-bench-peers`.
//!
//! A ratio is a contender's time divided by that of a limit in the same round. Limits do only the work that no library can
//! avoid; see `contenders/limits.rs`. The head of each file and the report say how a library is used. Sent payloads belong
//! to the application, which keeps them.

mod case;
mod chart;
mod contenders;
mod measure;
mod memory;
mod report;
mod tally;

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use case::{Case, Kind};
use measure::{Effort, measure};

/// Compares fullduplex with other WebSocket libraries.
#[derive(Parser)]
struct Arguments {
    /// Fewer and shorter rounds
    #[arg(long)]
    quick: bool,
    /// Only cases with this in their names, such as receive-masked, plain-binary-125 or 16384
    #[arg(long, value_delimiter = ',')]
    case: Vec<String>,
    /// Only contenders whose name contains this, and the limits
    #[arg(long, value_delimiter = ',')]
    contender: Vec<String>,
    /// The folder for results.txt, results.md, results.json and chart.svg
    #[arg(long, default_value = "target/bench-peers")]
    out: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let effort = match arguments.quick {
        true => Effort { rounds: 3, limit: Duration::from_micros(500) },
        false => Effort { rounds: 9, limit: Duration::from_millis(2) },
    };
    let cases = Case::chosen(&arguments.case);
    if cases.is_empty() {
        return Err("no case has such a name".into());
    }
    fs::create_dir_all(&arguments.out)?;

    let mut text = report::preamble(effort);
    println!("{text}");
    let mut outcomes = Vec::new();
    for kind in Kind::ALL {
        let of_kind: Vec<&Case> = cases.iter().filter(|case| case.kind == kind).collect();
        for case in &of_kind {
            outcomes.push(measure(**case, effort, &arguments.contender)?);
        }
        if !of_kind.is_empty() {
            let table = report::table(kind, &outcomes);
            println!("{table}");
            text = format!("{text}\n{table}");
        }
    }
    let end = format!("{}\n{}", report::not_first(&outcomes), report::legend());
    println!("{end}");
    fs::write(arguments.out.join("results.txt"), format!("{text}\n{end}"))?;
    fs::write(arguments.out.join("results.md"), report::markdown(&outcomes))?;
    fs::write(arguments.out.join("results.json"), report::json(effort, &outcomes)?)?;
    chart::draw(&arguments.out.join("chart.svg"), &outcomes)?;
    println!(
        "written to {}: results.txt, results.md, results.json, chart.svg",
        arguments.out.display()
    );
    Ok(())
}
