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
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};

use case::Case;
use load::Load;
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
    /// Serves until the standard input ends: what the others start, and what a profiler looks at
    Serve(server::Options),
    /// Keeps a server busy for some seconds, for a profiler
    Load(LoadOptions),
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
    /// How many rounds there are
    #[arg(long)]
    rounds: Option<usize>,
    /// The load asks for input again and again instead of sleeping, so that no server has to wake it
    #[arg(long)]
    spin: bool,
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

#[derive(clap::Args)]
struct LoadOptions {
    /// Which contender it is
    name: String,
    /// Where it listens: the port that it has said
    port: u16,
    /// The case's name
    #[arg(long, default_value = "125-50x16")]
    case: String,
    /// How long
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Asks for input again and again instead of sleeping
    #[arg(long)]
    spin: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    match Arguments::parse().command {
        Command::Echo(options) => echo(&options),
        Command::Idle(options) => {
            fs::create_dir_all(&options.out)?;
            idle::run(options.connections, &options.contender, &options.out)
        }
        Command::Serve(options) => server::run(&options),
        Command::Load(options) => load_only(&options),
    }
}

fn echo(options: &EchoOptions) -> Result<(), Box<dyn Error>> {
    let (rounds, unit) = if options.quick { (5, 10) } else { (25, 40) };
    let effort = Effort {
        rounds: options.rounds.unwrap_or(rounds).max(1),
        unit: Duration::from_millis(unit),
        spin: options.spin,
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

fn load_only(options: &LoadOptions) -> Result<(), Box<dyn Error>> {
    let contender = contenders::named(&options.name).ok_or("no contender has such a name")?;
    let case = Case::chosen(std::slice::from_ref(&options.case));
    let case = *case.first().ok_or("no case has such a name")?;
    Cores::of_this_machine().pin_load()?;
    let address = (Ipv4Addr::LOCALHOST, options.port).into();
    let mut load = Load::connect(case, contender, address, options.spin)?;
    load.prove()?;
    let begun = Instant::now();
    let mut messages = 0;
    while begun.elapsed() < Duration::from_secs(options.seconds) {
        load.run(8)?;
        messages += 8 * case.depth * case.connections;
    }
    println!("{messages} messages in {:.2} s", begun.elapsed().as_secs_f64());
    Ok(())
}
