//! `cargo xtask concurrency`: what several threads share, run by loom with every interleaving of them. Then the halves run
//! whole conversations on threads of the system.
//!
//! The models are in the crates themselves, beside what they show. `crates/concurrency` compiles these a second time, with loom's
//! types.

mod faults;
mod unseen;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::shell::{
    Failure, Outcome, cargo, command, empty_folder, fail, output, read, root, run as run_command,
    succeeds, write,
};
use faults::{FAULTS, Fault};
use unseen::{UNSEEN, Unseen};

/// Options of `cargo xtask concurrency`.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// How often loom takes the turn from a thread that could go on, in one run: 2, which takes seconds; 3 takes minutes
    #[arg(long)]
    preemptions: Option<u32>,
    /// Puts known faults into a copy of the sources, one at a time, each of which a model has to find
    #[arg(long)]
    faults: bool,
}

/// Runs the models.
pub(crate) fn run(options: &Options) -> Outcome {
    let mut models = cargo("test -p fullduplex-concurrency --tests model -- --nocapture");
    if let Some(preemptions) = options.preemptions {
        models.env("LOOM_MAX_PREEMPTIONS", preemptions.to_string());
    }
    run_command(&mut models)?;
    run_command(&mut cargo("test -p fullduplex-concurrency --test halves"))?;
    if options.faults { find_faults() } else { Ok(()) }
}

/// Sees that the models find what is wrong.
fn find_faults() -> Outcome {
    let folder = copy()?;
    for fault in &FAULTS {
        let Fault { test, file, right, wrong, about } = fault;
        let path = folder.join(file);
        let source = read(&path)?;
        if source.matches(right).count() != 1 {
            return fail(format!(
                "{file} does not have this once, where a fault would be:\n{right}"
            ));
        }
        write(&path, &source.replace(right, wrong))?;
        let line = format!("test -q -p fullduplex-concurrency --test {test}");
        let in_copy = |rest: &str| {
            let mut cargo = cargo(&format!("{line} {rest}"));
            // A folder of its own: to cargo the copy is the same workspace, and what it has compiled would pass for ours.
            cargo
                .current_dir(&folder)
                .env("CARGO_TARGET_DIR", root().join("target/concurrency/build"));
            cargo
        };
        run_command(&mut in_copy("--no-run"))?;
        if succeeds(&mut in_copy("model")) {
            return fail(format!("no model finds this fault: {about}"));
        }
        println!("concurrency: found: {about}");
        write(&path, &source)?;
    }
    for Unseen { file, line, why } in &UNSEEN {
        println!("concurrency: not seen: {file}: {line}: {why}");
    }
    println!("concurrency: the models find all {} faults", FAULTS.len());
    Ok(())
}

/// A copy of the repository, without what is not in git.
fn copy() -> Outcome<PathBuf> {
    let folder = root().join("target/concurrency/sources");
    empty_folder(&folder)?;
    let files =
        output(command("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]))?;
    for file in files.lines() {
        let (from, to) = (root().join(file), folder.join(file));
        if from.is_file() {
            copy_file(&from, &to)
                .map_err(|error| Failure::new(format!("cannot copy {file}: {error}")))?;
        }
    }
    Ok(folder)
}

fn copy_file(from: &Path, to: &Path) -> std::io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to).map(drop)
}
