//! What the operating system is asked for: processors, limits, memory, names. On systems other than Linux, nothing is
//! pinned, no memory is measured, and the limits are not raised.

use std::fs;
use std::io;

/// The processors for server and load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cores(Option<(usize, usize)>);

impl Cores {
    /// The first and the last processor that this process may use; none if there is only one.
    pub(crate) fn of_this_machine() -> Self {
        let allowed = system::allowed();
        Self(allowed.first().copied().zip(allowed.last().copied()).filter(|(a, b)| a != b))
    }

    /// The server's processor.
    pub(crate) fn server(self) -> Option<usize> {
        self.0.map(|(server, _)| server)
    }

    /// Pins this process, which is the load, to its processor.
    pub(crate) fn pin_load(self) -> io::Result<()> {
        self.0.map_or(Ok(()), |(_, load)| pin(load))
    }

    /// A sentence about it for the report.
    pub(crate) fn sentence(self) -> String {
        match self.0 {
            Some((server, load)) => {
                format!(
                    "Server on processor {server}, load on processor {load} (sched_setaffinity)."
                )
            }
            None => "Server and load are NOT pinned to different processors.".to_owned(),
        }
    }
}

/// Pins this process to one processor. Threads that begin later inherit this.
pub(crate) fn pin(core: usize) -> io::Result<()> {
    system::pin(core)
}

/// Raises the limit of open files as far as is possible without privileges. Returns the limit.
pub(crate) fn raise_file_limit() -> usize {
    system::raise_file_limit()
}

/// Resident memory of a process, in KiB.
pub(crate) fn resident(process: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| io::Error::other("no VmRSS in /proc/PID/status"))
}

/// The processor's name, on Linux.
pub(crate) fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()));
    let count = text.lines().filter(|line| line.starts_with("processor")).count();
    let name = name.unwrap_or_else(|| "a processor without a name".into());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{name}, {count} of them, kernel {}", kernel.trim())
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;

    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    pub(super) fn allowed() -> Vec<usize> {
        let Ok(set) = sched_getaffinity(None) else { return Vec::new() };
        (0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect()
    }

    pub(super) fn pin(core: usize) -> io::Result<()> {
        let mut set = CpuSet::new();
        set.set(core);
        Ok(sched_setaffinity(None, &set)?)
    }

    pub(super) fn raise_file_limit() -> usize {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        // If this is refused, the limit stays as it is. It is read below.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        let current = getrlimit(Resource::Nofile).current;
        current.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;

    pub(super) fn allowed() -> Vec<usize> {
        Vec::new()
    }

    pub(super) fn pin(_core: usize) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn raise_file_limit() -> usize {
        256
    }
}
