//! Echo over loopback, and connections that wait: fullduplex over tokio side by side with others.
//!
//! `cargo xtask bench-echo` and `cargo xtask bench-idle` build and run it. Each server is a process of its own,
//! this program started anew with `serve`; this process is the load, the same for all. Server and load are
//! pinned to different processors. Nothing leaves the machine, everything is bounded in time and number, and
//! no process is ended but those that were started here.

mod calls;
mod case;
mod contenders;
mod idle;
mod load;
mod machine;
mod measure;
mod report;
mod server;

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

use case::Case;
use machine::Cores;
use measure::Effort;

/// fullduplex over tokio side by side with others.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures echo over loopback
    Echo(EchoOptions),
    /// Measures the memory of connections that wait
    Idle(IdleOptions),
    /// Serves, for the two others
    #[command(hide = true)]
    Serve(server::Options),
}

#[derive(clap::Args)]
struct EchoOptions {
    /// Fewer and shorter rounds
    #[arg(long)]
    quick: bool,
    /// Only cases with this in their names, such as 125, 50x16 or 1048576-50x1
    #[arg(long, value_delimiter = ',')]
    case: Vec<String>,
    /// Only contenders whose name contains this, and the unit
    #[arg(long, value_delimiter = ',')]
    contender: Vec<String>,
    /// The folder for results.txt, results.md and results.json
    #[arg(long, default_value = "target/bench-echo")]
    out: PathBuf,
}

#[derive(clap::Args)]
struct IdleOptions {
    /// How many connections wait
    #[arg(long, default_value_t = 5000)]
    connections: usize,
    /// Only contenders whose name contains this, and the base
    #[arg(long, value_delimiter = ',')]
    contender: Vec<String>,
    /// The folder for results.txt, results.md and results.json
    #[arg(long, default_value = "target/bench-idle")]
    out: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    match Arguments::parse().command {
        Command::Echo(options) => echo(&options),
        Command::Idle(options) => {
            fs::create_dir_all(&options.out)?;
            idle::run(options.connections, &options.contender, &options.out)
        }
        Command::Serve(options) => server::run(&options),
    }
}

fn echo(options: &EchoOptions) -> Result<(), Box<dyn Error>> {
    let effort = match options.quick {
        true => Effort { rounds: 3, unit: Duration::from_millis(20) },
        false => Effort { rounds: 9, unit: Duration::from_millis(100) },
    };
    let cases = Case::chosen(&options.case);
    if cases.is_empty() {
        return Err("no case has such a name".into());
    }
    fs::create_dir_all(&options.out)?;
    let cores = Cores::of_this_machine();
    cores.pin_load()?;

    let calls = calls::Strace::find();
    let mut text = report::preamble(effort, cores, &calls);
    println!("{text}");
    let mut outcomes = Vec::new();
    for case in cases {
        let outcome = measure::measure(case, effort, cores, &calls, &options.contender)?;
        let table = report::table(&outcome);
        println!("{table}");
        text = format!("{text}\n{table}");
        outcomes.push(outcome);
    }
    let end = format!("{}\n{}", report::targets(&outcomes), report::legend());
    println!("{end}");
    fs::write(options.out.join("results.txt"), format!("{text}\n{end}"))?;
    fs::write(options.out.join("results.md"), report::markdown(&outcomes))?;
    fs::write(options.out.join("results.json"), report::json(effort, cores, &calls, &outcomes)?)?;
    println!("written to {}: results.txt, results.md, results.json", options.out.display());
    Ok(())
}
