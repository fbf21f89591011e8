//! `cargo xtask bench-instructions`: the instructions that each message costs, counted by callgrind, and compared with the
//! counts in `benches/instructions.json`.
//!
//! Below a microsecond, times on a shared machine drift by more than most changes are worth. Counts do not: valgrind
//! emulates the same processor wherever it runs, so that the C library selects the same copy routines. Differences that
//! remain come mainly from the compiler.

mod callgrind;
mod table;

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use clap::Args;

use crate::shell::{Outcome, executables, fail, read, root, write};
use callgrind::Callgrind;
use table::{Case, Comparison, Difference, Table, Verdict};

/// The file with the counts.
const TABLE: &str = "benches/instructions.json";

/// How many programs run at once. They do not wait for anything, and most machines have two cores.
const JOBS: usize = 2;

/// What to count; without options, everything.
#[derive(Args)]
pub(crate) struct Options {
    /// Only cases with this in their names, such as lent, masked-ascii or 65536
    #[arg(long, value_delimiter = ',')]
    case: Vec<String>,
    /// Records the new counts in the table
    #[arg(long)]
    bless: bool,
    /// Installs valgrind with apt-get if it is missing
    #[arg(long)]
    install: bool,
}

/// Counts, compares, and fails if something has become more expensive than the tolerance allows.
pub(crate) fn run(options: &Options) -> Outcome {
    let path = root().join(TABLE);
    let table = Table::parse(&read(&path)?)?;
    let callgrind = Callgrind::find(options.install)?;
    count_and_compare(&path, table, &callgrind, options)
}

/// As [`run`], but if the counts cannot be compared, it returns the reason instead of counting.
pub(crate) fn run_where_comparable() -> Outcome<Option<String>> {
    let path = root().join(TABLE);
    let table = Table::parse(&read(&path)?)?;
    let callgrind = match Callgrind::find(true) {
        Ok(callgrind) => callgrind,
        Err(reason) => return Ok(Some(reason.to_string())),
    };
    let differences = table.counted_with.differences(&callgrind.surroundings);
    // Another C library or valgrind changes the counts a little, but another compiler or processor may change them at will.
    if differences.iter().any(Difference::is_decisive) {
        return Ok(Some(listed(&differences, "; ")));
    }
    let everything = Options { case: Vec::new(), bless: false, install: false };
    count_and_compare(&path, table, &callgrind, &everything).map(|()| None)
}

fn count_and_compare(
    path: &Path,
    mut table: Table,
    callgrind: &Callgrind,
    options: &Options,
) -> Outcome {
    let chosen: Vec<usize> = (0..table.cases.len())
        .filter(|&at| {
            // Filters match whole words, as in the other benches: 16 does not match 16384.
            let name = format!("-{}-", table.cases[at].case);
            let chosen = |filter: &String| name.contains(&format!("-{filter}-"));
            options.case.is_empty() || options.case.iter().any(chosen)
        })
        .collect();
    if chosen.is_empty() {
        return fail(format!("no case in {TABLE} has such a name"));
    }
    let differences = table.counted_with.differences(&callgrind.surroundings);
    if options.bless && !differences.is_empty() && chosen.len() < table.cases.len() {
        return fail(format!(
            "the other cases were counted elsewhere, so all have to be noted at once: {}",
            listed(&differences, "; ")
        ));
    }
    if !options.bless && !callgrind.surroundings.same_machine(&table.counted_with) {
        return fail(format!("there is nothing to compare with: {}", listed(&differences, "; ")));
    }

    let [program] =
        executables("build --profile bench -p fullduplex-benches --bin count", ["count"])?;
    let cases: Vec<&Case> = chosen.iter().map(|&at| &table.cases[at]).collect();
    let counts = count_all(callgrind, &program, &cases)?;

    println!("\ninstructions per message, with {}", callgrind.surroundings);
    if !differences.is_empty() {
        println!("NOT COMPARABLE with {TABLE}, for");
        println!("  {}", listed(&differences, "\n  "));
        println!("so only differences of more than {} count", table.tolerance_elsewhere);
    }
    let tolerance = table.tolerance(!differences.is_empty());
    let comparisons: Vec<Comparison<'_>> =
        cases.iter().zip(&counts).map(|(case, &now)| Comparison { case, now, tolerance }).collect();
    println!("\n{}", table::text(&comparisons));

    if options.bless {
        for (&at, &now) in chosen.iter().zip(&counts) {
            table.cases[at].instructions = Some(now);
        }
        table.counted_with = callgrind.surroundings.clone();
        write(path, &table.to_json()?)?;
        println!("noted in {TABLE}");
        return Ok(());
    }
    verdict(&comparisons)
}

/// Lists what is better, and fails with a list of what is worse.
fn verdict(comparisons: &[Comparison<'_>]) -> Outcome {
    let having = |verdict: Verdict| {
        let found = comparisons.iter().filter(move |comparison| comparison.verdict() == verdict);
        found.map(ToString::to_string).collect::<Vec<String>>()
    };
    let better = having(Verdict::Better);
    if !better.is_empty() {
        println!("better: run with --bless to note it");
        println!("  {}\n", better.join("\n  "));
    }
    let new = having(Verdict::New);
    if !new.is_empty() {
        let list = new.join("\n  ");
        return fail(format!("not noted yet, run with --bless to do so:\n  {list}"));
    }
    let worse = having(Verdict::Worse);
    if !worse.is_empty() {
        return fail(format!("more instructions than noted in {TABLE}:\n  {}", worse.join("\n  ")));
    }
    println!("bench-instructions: {} cases, none above its figure", comparisons.len());
    Ok(())
}

/// Counts every case, several at once. The counts are in the order of the cases.
fn count_all(callgrind: &Callgrind, program: &Path, cases: &[&Case]) -> Outcome<Vec<f64>> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<Outcome<f64>>>> =
        Mutex::new(cases.iter().map(|_| None).collect());
    println!("$ {}", callgrind.shown(program));
    thread::scope(|scope| {
        for _ in 0..JOBS {
            scope.spawn(|| {
                while let at = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(case) = cases.get(at)
                {
                    let count = callgrind.each(program, &case.case, case.n);
                    if let Ok(mut results) = results.lock() {
                        results[at] = Some(count);
                    }
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_default();
    results.into_iter().map(|count| count.unwrap_or_else(|| fail("a case was not run"))).collect()
}

fn listed<T: ToString>(items: &[T], separator: &str) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(separator)
}
