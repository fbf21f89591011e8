//! `cargo xtask simulate`: runs plans until they have made enough steps, or the time is over.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use fullduplex_simulate::{Coverage, Found, Plan, World, generate, run, shrink};

/// Simulates connections that fail, and checks invariants after every step.
#[derive(Parser)]
struct Options {
    /// The seed of the first run; the next runs have the next seeds
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Runs for so many seconds, instead of a number of steps
    #[arg(long)]
    seconds: Option<u64>,
    /// The least number of steps
    #[arg(long, default_value_t = 1_000_000)]
    steps: u64,
    /// Simulates only the core or one of the adapters. By default, five of eight seeds are for the core, two for tokio, one
    /// for std
    #[arg(long)]
    world: Option<Only>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Only {
    Core,
    Tokio,
    Std,
}

/// The world of a seed.
fn world_of(only: Option<Only>, seed: u64) -> World {
    match only {
        Some(Only::Core) => World::Core,
        Some(Only::Tokio) => World::Tokio,
        Some(Only::Std) => World::Std,
        // A step over tokio takes longer than any other.
        None => match seed % 8 {
            0 | 4 => World::Tokio,
            2 => World::Std,
            _ => World::Core,
        },
    }
}

/// The results of all runs.
#[derive(Default)]
struct Done {
    coverage: Coverage,
    found: Option<(u64, Found)>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let begun = Instant::now();
    println!("simulate: seed {}", options.seed);
    let (next, runs) = (AtomicU64::new(options.seed), AtomicU64::new(0));
    let steps = [const { AtomicU64::new(0) }; 3];
    let stop = AtomicBool::new(false);
    let done = Mutex::new(Done::default());
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let is_over = match options.seconds {
                Some(seconds) => begun.elapsed() >= Duration::from_secs(seconds),
                None => {
                    steps.iter().map(|of| of.load(Ordering::Relaxed)).sum::<u64>() >= options.steps
                }
            };
            if is_over {
                return;
            }
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let plan = generate::plan(world_of(options.world, seed), seed);
            runs.fetch_add(1, Ordering::Relaxed);
            let of = &steps[plan.setup.world as usize];
            of.fetch_add(plan.steps.len() as u64, Ordering::Relaxed);
            match run(&plan) {
                Ok(coverage) => {
                    if let Ok(mut done) = done.lock() {
                        done.coverage.add(&coverage);
                    }
                }
                Err(broken) => {
                    stop.store(true, Ordering::Relaxed);
                    println!("simulate: seed {seed}: {broken}");
                    let found = shrink(Plan { steps: plan.steps, setup: plan.setup }, broken);
                    if let Ok(mut done) = done.lock()
                        && done.found.as_ref().is_none_or(|(other, _)| *other > seed)
                    {
                        done.found = Some((seed, found));
                    }
                }
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let Ok(Done { coverage, found }) = done.into_inner() else { return ExitCode::FAILURE };
    let [core, tokio, blocking] = steps.map(AtomicU64::into_inner);
    let seconds = begun.elapsed().as_secs_f64();
    print!("{coverage}");
    println!();
    println!(
        "simulate: {} runs from seed {}, {core} steps of the core, {tokio} of the tokio adapter and {blocking} of the \
         blocking one in {seconds:.1} s, {:.0} a second",
        runs.into_inner(),
        options.seed,
        (core + tokio + blocking) as f64 / seconds
    );
    match found {
        None => ExitCode::SUCCESS,
        Some((seed, found)) => {
            println!("simulate: seed {seed} breaks an invariant, shrunk in {} runs:", found.runs);
            println!("{}\n\n{}", found.broken, found.as_test());
            ExitCode::FAILURE
        }
    }
}
