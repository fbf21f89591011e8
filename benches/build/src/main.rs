//! What it costs to build a minimal echo server: time from scratch, crates, size. It compares fullduplex over tokio with
//! other libraries; the servers are in `servers`.
//!
//! `cargo xtask bench-build` builds and runs it. All dependencies are fetched before anything is timed, and then cargo stays
//! offline.

mod cargo;
mod report;
mod servers;

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use clap::Parser;
use fullduplex_benches::measure::order;

use cargo::Cargo;
use report::Figures;

/// What to measure; without options, everything.
#[derive(Parser)]
struct Arguments {
    /// Only servers whose name contains this, and the one over plain TCP
    #[arg(long, value_delimiter = ',')]
    contender: Vec<String>,
    /// How many times each server is built for its time
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The folder of the servers' workspace
    #[arg(long)]
    servers: PathBuf,
    /// The lock file with the versions to build
    #[arg(long)]
    lock: PathBuf,
    /// The folder for the builds, and for results.txt, results.md and results.json
    #[arg(long)]
    out: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    fs::create_dir_all(&arguments.out)?;
    // cargo uses from it what the servers need, and removes the rest.
    fs::copy(&arguments.lock, arguments.servers.join("Cargo.lock"))?;
    let cargo = Cargo {
        manifest: arguments.servers.join("Cargo.toml"),
        target: arguments.out.join("target"),
    };
    cargo.fetch()?;

    let mut figures: Vec<Figures> =
        servers::chosen(&arguments.contender).into_iter().map(Figures::new).collect();
    let rounds = arguments.rounds.max(1);
    for round in 0..rounds {
        for place in order(round, figures.len()) {
            let one = &mut figures[place];
            let built = cargo.build(one.server.package, "release")?;
            println!(
                "round {} of {rounds}: {}, {:.1} s",
                round + 1,
                one.server.name,
                built.elapsed.as_secs_f64()
            );
            one.add(&built);
        }
    }
    for one in &mut figures {
        let built = cargo.build(one.server.package, "size")?;
        one.bytes = fs::metadata(built.program)?.len();
    }

    let text = report::text(&figures, rounds)?;
    println!("\n{text}");
    fs::write(arguments.out.join("results.txt"), text)?;
    fs::write(arguments.out.join("results.md"), report::markdown(&figures))?;
    fs::write(arguments.out.join("results.json"), report::json(&figures, rounds)?)?;
    println!("written to {}: results.txt, results.md, results.json", arguments.out.display());
    Ok(())
}
