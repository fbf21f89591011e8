//! What is done again and again: what measuring and reporting have to know of it, whatever it is.

use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;

use crate::contenders::{Contender, Discipline};

/// How long nothing may come from any connection.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(15);

/// Why it did not work, for a person to read.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// One row of measurements. As text it is the case's name.
pub(crate) trait Case: Copy + fmt::Display + Serialize + 'static {
    const DISCIPLINE: Discipline;
    /// All of them.
    const ALL: &'static [Self];
    type Load: Load;

    /// The case as the title of a table.
    fn title(self) -> String;

    /// The case as the title of a column.
    fn column(self) -> String;

    /// How many messages, or connections, a turn of the load has.
    fn turn(self) -> usize;

    /// How many turns a run has, where `wanted` would take as long as is wanted.
    fn turns(self, wanted: usize) -> usize;

    /// How many turns there are when system calls are counted: some thousand calls, and not for ever.
    fn turns_to_count(self) -> usize;

    /// The load for a server that listens at `address`. When `spin` is set it does not sleep.
    fn load(
        self,
        contender: &Contender,
        address: SocketAddr,
        spin: bool,
    ) -> Result<Self::Load, Failure>;

    /// Those whose name contains one of `filters`, or all when there are none.
    fn chosen(filters: &[String]) -> Vec<Self> {
        let chosen = |case: &Self| {
            let name = case.to_string();
            filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
        };
        Self::ALL.iter().copied().filter(chosen).collect()
    }
}

/// What keeps a server busy, the same for every server.
pub(crate) trait Load {
    /// One turn in which everything that comes is compared with what has to come.
    fn prove(&mut self) -> Result<(), Failure>;

    /// So many turns.
    fn run(&mut self, turns: usize) -> Result<(), Failure>;
}
