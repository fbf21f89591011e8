//! Echo, handshakes and waiting connections over loopback: compares fullduplex over tokio with other libraries.
//!
//! `cargo xtask bench-echo`, `bench-handshake` and `bench-idle` build and run it. Each server is a separate process: this
//! program, started with `serve`. This process is the load, the same for all. Server and load are pinned to different
//! processors. Nothing leaves the machine, everything is bounded in time and number, and only processes that were started
//! here are ended.

mod calls;
mod case;
mod contenders;
mod echo;
mod fanout;
mod handshake;
mod idle;
mod machine;
mod measure;
mod report;
mod server;
mod waiting;

use std::error::Error;
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};

use case::{Case, Load};
use contenders::{Choice, Discipline};
use echo::Echo;
use handshake::Handshake;
use machine::Cores;
use measure::Effort;

/// Compares fullduplex over tokio with other libraries.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures echo over loopback
    Echo(Options),
    /// Measures handshakes over loopback, opening and closing
    Handshake(Options),
    /// Measures the memory of waiting connections
    Idle(IdleOptions),
    /// Measures one message to many connections
    Fanout(FanoutOptions),
    /// Serves until the end of the standard input: for the other commands, and for a profiler
    Serve(server::Options),
    /// Keeps a server busy for some seconds, for a profiler
    Load(LoadOptions),
}

#[derive(clap::Args)]
struct Options {
    /// Fewer and shorter rounds
    #[arg(long)]
    quick: bool,
    /// Only cases with this in their names, such as 125, 50x16 or 1048576-50x1 for an echo, chromium-16 for handshakes
    #[arg(long, value_delimiter = ',')]
    case: Vec<String>,
    #[command(flatten)]
    choice: Choice,
    /// The number of rounds
    #[arg(long)]
    rounds: Option<usize>,
    /// The load polls for input instead of sleeping, so that no server has to wake it
    #[arg(long)]
    spin: bool,
    /// The folder for results.txt, results.md and results.json
    #[arg(long)]
    out: PathBuf,
}

#[derive(clap::Args)]
struct IdleOptions {
    /// The number of waiting connections
    #[arg(long, default_value_t = 5000)]
    connections: usize,
    #[command(flatten)]
    choice: Choice,
    /// The folder for results.txt, results.md and results.json
    #[arg(long)]
    out: PathBuf,
}

#[derive(clap::Args)]
struct FanoutOptions {
    /// How many connections receive each message, one number for each table
    #[arg(long, value_delimiter = ',', default_value = "1000,10000")]
    subscribers: Vec<usize>,
    #[command(flatten)]
    choice: Choice,
    /// The folder for results.md and results.json
    #[arg(long)]
    out: PathBuf,
}

#[derive(clap::Args)]
struct LoadOptions {
    /// The contender's name
    name: String,
    /// The port that the server has printed
    port: u16,
    /// The case's name
    #[arg(long, default_value = "125-50x16")]
    case: String,
    /// How many seconds to run
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// The most messages or connections
    #[arg(long, default_value_t = usize::MAX)]
    most: usize,
    /// Polls for input instead of sleeping
    #[arg(long)]
    spin: bool,
}

/// How much processor time the unit takes in each round.
const ECHO_UNIT: Duration = Duration::from_millis(40);

/// The same for handshakes, whose number is limited as well.
const HANDSHAKE_UNIT: Duration = Duration::from_millis(4);

fn main() -> Result<(), Box<dyn Error>> {
    match Arguments::parse().command {
        Command::Echo(options) => compare::<Echo>(&options, ECHO_UNIT),
        Command::Handshake(options) => compare::<Handshake>(&options, HANDSHAKE_UNIT),
        Command::Idle(options) => {
            fs::create_dir_all(&options.out)?;
            idle::run(options.connections, &options.choice.of(Discipline::Idle), &options.out)
        }
        Command::Fanout(options) => {
            fs::create_dir_all(&options.out)?;
            let contenders = options.choice.of(Discipline::Fanout);
            fanout::run(&options.subscribers, &contenders, &options.out)
        }
        Command::Serve(options) => server::run(&options),
        Command::Load(options) => load_only(&options),
    }
}

fn compare<C: Case>(options: &Options, unit: Duration) -> Result<(), Box<dyn Error>> {
    let (rounds, unit) = if options.quick { (5, unit / 4) } else { (25, unit) };
    let effort =
        Effort { rounds: options.rounds.unwrap_or(rounds).max(1), unit, spin: options.spin };
    let cases = C::chosen(&options.case);
    if cases.is_empty() {
        return Err("no case has such a name".into());
    }
    let contenders = options.choice.of(C::DISCIPLINE);
    fs::create_dir_all(&options.out)?;
    let cores = Cores::of_this_machine();
    cores.pin_load()?;

    let calls = calls::Strace::find();
    let mut text = report::preamble(C::DISCIPLINE, effort, cores, &calls);
    println!("{text}");
    let mut outcomes = Vec::new();
    for case in cases {
        let outcome = measure::measure(case, effort, cores, &calls, &contenders)?;
        let table = report::table(&outcome);
        println!("{table}");
        text = format!("{text}\n{table}");
        outcomes.push(outcome);
    }
    let targets = report::targets(&contenders, &outcomes);
    let end = format!("{targets}\n{}", report::legend(&contenders));
    println!("{end}");
    fs::write(options.out.join("results.txt"), format!("{text}\n{end}"))?;
    fs::write(options.out.join("results.md"), report::markdown(&contenders, &outcomes))?;
    fs::write(
        options.out.join("results.json"),
        report::json(effort, cores, &calls, &contenders, &outcomes)?,
    )?;
    println!("written to {}: results.txt, results.md, results.json", options.out.display());
    Ok(())
}

fn load_only(options: &LoadOptions) -> Result<(), Box<dyn Error>> {
    let filter = std::slice::from_ref(&options.case);
    match (Echo::chosen(filter).first(), Handshake::chosen(filter).first()) {
        (Some(case), _) => keep_busy(*case, options),
        (_, Some(case)) => keep_busy(*case, options),
        (None, None) => Err("no case has such a name".into()),
    }
}

fn keep_busy(case: impl Case, options: &LoadOptions) -> Result<(), Box<dyn Error>> {
    let contender = contenders::named(&options.name).ok_or("no contender has such a name")?;
    Cores::of_this_machine().pin_load()?;
    let address = (Ipv4Addr::LOCALHOST, options.port).into();
    let mut load = case.load(contender, address, options.spin)?;
    load.prove()?;
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < Duration::from_secs(options.seconds) && count < options.most {
        load.run(8)?;
        count += 8 * case.turn();
    }
    println!("{count} messages or connections in {:.2} s", begun.elapsed().as_secs_f64());
    Ok(())
}
