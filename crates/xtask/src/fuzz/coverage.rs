//! `cargo xtask fuzz --coverage`: what of the core the inputs reach that are kept, the seeds and what was found.
//!
//! The targets are built once more, with the compiler's counters, and each of them runs its inputs. All of their counts together
//! are held against the sources of the core.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::workspace::Workspace;
use crate::shell::{
    Failure, Outcome, command, empty_folder, fail, output, root, run as run_command,
    written_some_at_once,
};

/// What is looked at.
const SOURCES: &str = "crates/fullduplex/src";

/// Prints, for each file of the core, how many lines and regions were reached, and which lines were not.
pub(super) fn run(workspace: &Workspace, targets: &[String]) -> Outcome {
    let folder = root().join("target/fuzz-coverage");
    let raw = folder.join("raw");
    empty_folder(&raw)?;
    let [merge, cov] = llvm_tools(workspace)?;
    let mut build = workspace.cargo_fuzz("build")?;
    build.args(["--sanitizer", "none", "--target-dir"]).arg(&folder);
    run_command(build.env("RUSTFLAGS", "-Cinstrument-coverage"))?;

    let programs: Vec<PathBuf> =
        targets.iter().map(|target| workspace.program(&folder, target)).collect();
    let runs = targets.iter().zip(&programs).map(|(target, program)| {
        let mut run = command(program);
        run.arg("-runs=0").args([workspace.corpus(target)?, workspace.seeds(target)?]);
        run.env("LLVM_PROFILE_FILE", raw.join(format!("{target}.profraw")));
        Ok(run)
    });
    written_some_at_once(runs.collect::<Outcome<Vec<Command>>>()?)?;

    let counts = folder.join("all.profdata");
    let mut merge = command(merge);
    merge.args(["merge", "-sparse", "-o"]).arg(&counts);
    run_command(merge.args(targets.iter().map(|target| raw.join(format!("{target}.profraw")))))?;
    let mut export = command(cov);
    export.args(["export", "-skip-functions", "-skip-expansions", "-instr-profile"]).arg(&counts);
    export.args(programs.iter().flat_map(|program| ["-object".into(), program.clone()]));
    let export = output(export.arg("-sources").arg(root().join(SOURCES)))?;
    let export = serde_json::from_str(&export)
        .map_err(|error| Failure::new(format!("llvm-cov writes no JSON: {error}")))?;
    print!("{}", table(&export).ok_or_else(|| Failure::new("llvm-cov says something else"))?);
    Ok(())
}

/// llvm-profdata and llvm-cov of the nightly compiler.
fn llvm_tools(workspace: &Workspace) -> Outcome<[PathBuf; 2]> {
    let sysroot = output(command("rustc").args(["+nightly", "--print", "sysroot"]))?;
    let folder =
        PathBuf::from(sysroot.trim()).join("lib/rustlib").join(&workspace.host).join("bin");
    let tools = ["llvm-profdata", "llvm-cov"].map(|name| folder.join(name));
    if tools.iter().all(|tool| tool.is_file()) {
        Ok(tools)
    } else {
        fail("coverage needs LLVM's tools: rustup component add llvm-tools --toolchain nightly")
    }
}

/// A line for each file, those with the most regions that were not reached first, and the total.
fn table(export: &Value) -> Option<String> {
    let data = export["data"].get(0)?;
    let missed = |summary: &Value| {
        let regions = &summary["regions"];
        Some(regions["count"].as_u64()? - regions["covered"].as_u64()?)
    };
    let mut files = Vec::new();
    for file in data["files"].as_array()? {
        files.push((missed(&file["summary"])?, file));
    }
    files.sort_by_key(|(missed, _)| std::cmp::Reverse(*missed));
    let mut text = format!("{:<40} {:>11} {:>11}  lines not reached\n", "file", "lines", "regions");
    for (_, file) in files {
        let (_, name) = file["filename"].as_str()?.rsplit_once(SOURCES)?;
        let lines = unreached(file["segments"].as_array()?)?.join(" ");
        text.push_str(&line(name.trim_start_matches('/'), &file["summary"], &lines)?);
    }
    text.push_str(&line("total", &data["totals"], "")?);
    Some(text)
}

fn line(name: &str, summary: &Value, rest: &str) -> Option<String> {
    let part = |kind: &str| {
        let part = &summary[kind];
        Some(format!("{}/{}", part["covered"].as_u64()?, part["count"].as_u64()?))
    };
    let text = format!("{name:<40} {:>11} {:>11}  {rest}", part("lines")?, part("regions")?);
    Some(format!("{}\n", text.trim_end()))
}

/// The lines on which a region lies that was not reached, as ranges. A segment is a place from which on a count holds: its line,
/// its column, the count, and whether there is one.
fn unreached(segments: &[Value]) -> Option<Vec<String>> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for pair in segments.windows(2) {
        let [here, next] = pair else { continue };
        let is_missed = here[3].as_bool()? && !here[5].as_bool()? && here[2].as_u64()? == 0;
        if !is_missed {
            continue;
        }
        let (from, to) = (here[0].as_u64()?, next[0].as_u64()?);
        match ranges.last_mut() {
            Some((_, last)) if from <= *last + 1 => *last = to,
            _ => ranges.push((from, to)),
        }
    }
    let shown = |(from, to): (u64, u64)| match from == to {
        true => from.to_string(),
        false => format!("{from}-{to}"),
    };
    Some(ranges.into_iter().map(shown).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_lines_that_were_not_reached_are_named() {
        let counted = |covered: u64, count: u64| json!({"covered": covered, "count": count});
        let summary = json!({"lines": counted(7, 9), "regions": counted(3, 4)});
        let export = json!({"data": [{"totals": summary, "files": [{
            "filename": "/there/crates/fullduplex/src/frame/header.rs",
            "summary": summary,
            "segments": [[3, 1, 5, true, true, false], [4, 9, 0, true, true, false],
                [6, 2, 5, true, false, false], [8, 1, 0, true, true, false],
                [8, 9, 0, false, false, false]],
        }]}]});
        let text = table(&export).unwrap();
        let lines: Vec<Vec<&str>> =
            text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["frame/header.rs", "7/9", "3/4", "4-6", "8"]);
        assert_eq!(lines[2], ["total", "7/9", "3/4"]);
        assert_eq!(table(&json!({"data": []})), None);
    }
}
