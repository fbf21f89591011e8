//! How much memory this process really takes.

use std::process::Command;

/// The resident memory of this process, in bytes.
///
/// # Panics
/// On another system than Linux.
#[must_use]
pub fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

/// glibc's allocator keeps memory that was freed, and this would hide what is still held. It keeps no allocation of this
/// size or more.
const RETURNED_FROM: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "32768");

/// Whether large allocations are returned to the system once they are freed. If not, this runs the tests of this process
/// once more, in a process where they are, and the caller has nothing more to do.
///
/// # Panics
/// When the tests in the other process fail.
#[must_use]
pub fn returns_freed_memory() -> bool {
    let is_set = std::env::var_os(RETURNED_FROM.0).is_some();
    if !is_set {
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(std::env::args_os().skip(1)).env(RETURNED_FROM.0, RETURNED_FROM.1);
        assert!(again.status().unwrap().success(), "the tests have failed in another process");
    }
    is_set
}
