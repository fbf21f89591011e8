//! An axum program, measured unchanged and patched: echo, and the memory of waiting connections.

use std::fs;
use std::path::PathBuf;

use super::patch::Patch;
use super::scratch::{Package, Scratch, Side};
use crate::bench_echo;
use crate::shell::{Failure, Outcome, command, executables, fail, root, run as run_command};

/// The program, whose package has the same name.
const PROGRAM: &str = "echo-axum";

/// The cases of an echo that are measured: one message at a time, and many.
const CASES: &str = "125-1x1,125-50x16,1024-50x16";

/// The number of waiting connections.
const CONNECTIONS: &str = "3000";

/// Builds the program on both sides, and compares the two with plain TCP.
pub(super) fn run(scratch: &Scratch, patch: &Patch) -> Outcome {
    let original = root().join("benches/axum");
    let real = scratch.copy(PROGRAM, Side::Real, &original, "")?;
    let as_it_is = build(&real)?;
    let patched = scratch.copy(PROGRAM, Side::Ours, &original, &patch.table())?;
    let locked = patched.lock_like(&real, &real.tree("normal")?, patch)?;
    if !locked.succeeded {
        return fail(format!(
            "drop-in: no versions of what the patched program needs: {}",
            locked.stderr
        ));
    }
    let with_ours = build(&patched)?;
    if let Some(node) = patched.tree("normal")?.iter().find(|node| patch.should_replace(node)) {
        return fail(format!("drop-in: the patched program has the real {}", node.name));
    }
    let [bench] = executables(bench_echo::BUILD, ["bench-echo"])?;
    let disciplines = [("echo", ["--case", CASES]), ("idle", ["--connections", CONNECTIONS])];
    for (discipline, options) in disciplines {
        let mut bench = command(&bench);
        bench.arg(discipline).args(options);
        bench.arg("--out").arg(root().join("target/bench-drop-in").join(discipline));
        for (name, program) in [("axum", &as_it_is), ("axum, patched", &with_ours)] {
            bench.arg("--program").arg(format!("{name}={}", program.display()));
        }
        run_command(&mut bench)?;
    }
    Ok(())
}

/// Builds the package, and keeps its program in its folder, because the next program has the same
/// name.
fn build(package: &Package<'_>) -> Outcome<PathBuf> {
    let ran = package.run(package.cargo("build --release --quiet"))?;
    if !ran.succeeded {
        return fail(format!(
            "drop-in: {PROGRAM} does not compile, see {}",
            package.log().display()
        ));
    }
    let kept = package.folder.join("program");
    fs::copy(package.built(PROGRAM), &kept)
        .map_err(|error| Failure::new(format!("cannot copy {PROGRAM}: {error}")))?;
    Ok(kept)
}
