//! `cargo xtask fuzz --minimise`: of what was found, the few inputs that reach more than the seeds become seeds.

use std::path::Path;

use super::workspace::Workspace;
use crate::shell::{Failure, Outcome, command, fail, root, run as run_command};

/// All seeds together have at most this many bytes: they are cloned with the sources, and run in each chore.
const MOST_BYTES: u64 = 256 << 10;

/// Takes what is in `fuzz/corpus` into `fuzz/seeds`, where it reaches an edge that no seed reaches.
pub(super) fn run(workspace: &Workspace, targets: &[String]) -> Outcome {
    let mut lines = Vec::new();
    for target in targets {
        let seeds = workspace.seeds(target)?;
        let before = size(&seeds)?;
        let mut merge = command(workspace.program(&workspace.folder.join("target"), target));
        // How often an edge is taken does not count, or there would be ten times as many. As few inputs as cover the rest.
        merge.args(["-set_cover_merge=1", "-use_counters=0"]);
        run_command(merge.arg(&seeds).arg(workspace.corpus(target)?))?;
        let after = size(&seeds)?;
        lines.push(format!("{target:<20} {:>5} {:>7}", after.0 - before.0, after.1));
    }
    println!("{:<20} {:>5} {:>7}", "target", "new", "bytes");
    lines.iter().for_each(|line| println!("{line}"));
    let bytes = check_size()?;
    println!("fuzz: the seeds have {bytes} bytes, of {MOST_BYTES}");
    Ok(())
}

/// How large all seeds are together, if they are not too large.
fn check_size() -> Outcome<u64> {
    let folders = root().join("fuzz/seeds").read_dir().map_err(cannot_read)?;
    let mut all = 0;
    for folder in folders {
        all += size(&folder.map_err(cannot_read)?.path())?.1;
    }
    if all > MOST_BYTES {
        return fail(format!("the seeds have {all} bytes, more than {MOST_BYTES}"));
    }
    Ok(all)
}

/// How many files a folder has, and how many bytes they have together.
fn size(folder: &Path) -> Outcome<(usize, u64)> {
    let (mut files, mut bytes) = (0, 0);
    for entry in folder.read_dir().map_err(cannot_read)? {
        files += 1;
        bytes += entry.and_then(|entry| entry.metadata()).map_err(cannot_read)?.len();
    }
    Ok((files, bytes))
}

fn cannot_read(error: std::io::Error) -> Failure {
    Failure::new(format!("cannot read the seeds: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_are_small() {
        assert!(check_size().unwrap() > 0);
    }
}
