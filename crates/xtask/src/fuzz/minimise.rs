//! `cargo xtask fuzz --minimise`: of what was found, the few inputs that reach more than the seeds become seeds.

use std::path::Path;

use super::workspace::Workspace;
use crate::shell::{Failure, Outcome, command, fail, root, run as run_command};

/// All seeds together have at most this many bytes: they are cloned with the sources, and run in each chore.
const MOST_BYTES: u64 = 256 << 10;

/// Takes what is in `fuzz/corpus` into `fuzz/seeds`, where it reaches an edge that no seed written by hand reaches.
pub(super) fn run(workspace: &Workspace, targets: &[String]) -> Outcome {
    let mut lines = Vec::new();
    for target in targets {
        let seeds = workspace.seeds(target)?;
        let corpus = workspace.corpus(target)?;
        take_back(&seeds, &corpus)?;
        let mut merge = command(workspace.program(&workspace.folder.join("target"), target));
        // How often an edge is taken does not count, or there would be three times as many. A long input is cut before it is run.
        merge.args(["-set_cover_merge=1", "-use_counters=0", "-max_len=1024"]);
        run_command(merge.arg(&seeds).arg(corpus))?;
        let (files, bytes) = size(&seeds)?;
        lines.push(format!("{target:<20} {files:>5} {bytes:>7}"));
    }
    println!("{:<20} {:>5} {:>7}", "target", "files", "bytes");
    lines.iter().for_each(|line| println!("{line}"));
    let bytes = check_size()?;
    println!("fuzz: the seeds have {bytes} bytes, of {MOST_BYTES}");
    Ok(())
}

/// Moves the seeds that were found back to where they were found, so that as few as possible are chosen anew. libFuzzer names
/// them by 40 digits; seeds written by hand have words for names, and stay.
fn take_back(seeds: &Path, corpus: &Path) -> Outcome {
    for entry in seeds.read_dir().map_err(cannot_read)? {
        let name = entry.map_err(cannot_read)?.file_name();
        let text = name.to_string_lossy();
        if text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            std::fs::rename(seeds.join(&name), corpus.join(&name)).map_err(|error| {
                Failure::new(format!("cannot move a seed to {}: {error}", corpus.display()))
            })?;
        }
    }
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
    use crate::shell::empty_folder;

    #[test]
    fn seeds_written_by_hand_stay() {
        let folder = std::env::temp_dir().join(format!("xtask-seeds-{}", std::process::id()));
        let [seeds, corpus] = ["seeds", "corpus"].map(|name| folder.join(name));
        empty_folder(&seeds).unwrap();
        empty_folder(&corpus).unwrap();
        let found = "00c296f8d307177d1f9702f06cf456083ed76a71";
        for name in ["rfc6455_1_2", found] {
            std::fs::write(seeds.join(name), name).unwrap();
        }
        take_back(&seeds, &corpus).unwrap();
        assert_eq!((size(&seeds).unwrap(), size(&corpus).unwrap()), ((1, 11), (1, 40)));
        assert!(corpus.join(found).exists());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_seeds_are_small() {
        assert!(check_size().unwrap() > 0);
    }
}
