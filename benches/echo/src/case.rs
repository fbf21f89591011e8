//! What is repeated in a measurement: the interface that measuring and reporting need of every kind
//! of case.

use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;

use crate::contenders::{Contender, Discipline};

/// How long the load waits while no connection receives anything.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(15);

/// Why something did not work, as a text for the user.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// One row of measurements. Its text is the case's name.
pub(crate) trait Case: Copy + fmt::Display + Serialize + 'static {
    const DISCIPLINE: Discipline;
    /// All cases.
    const ALL: &'static [Self];
    type Load: Load;

    /// The case as the title of a table.
    fn title(self) -> String;

    /// The case as the title of a column.
    fn column(self) -> String;

    /// How many messages or connections there are in one turn of the load.
    fn turn(self) -> usize;

    /// How many turns a run has. `wanted` turns would take the wanted time.
    fn turns(self, wanted: usize) -> usize;

    /// How many turns there are when system calls are counted: enough for some thousand calls.
    fn turns_to_count(self) -> usize;

    /// The load for a server that listens at `address`. With `spin` it does not sleep.
    fn load(
        self,
        contender: &Contender,
        address: SocketAddr,
        spin: bool,
    ) -> Result<Self::Load, Failure>;

    /// The cases whose name contains one of `filters`, or all without filters.
    fn chosen(filters: &[String]) -> Vec<Self> {
        let chosen = |case: &Self| {
            let name = case.to_string();
            filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
        };
        Self::ALL.iter().copied().filter(chosen).collect()
    }
}

/// The load on a server, the same for every server.
pub(crate) trait Load {
    /// Runs one turn, in which everything that is received is compared with what is expected.
    fn prove(&mut self) -> Result<(), Failure>;

    /// Runs this number of turns.
    fn run(&mut self, turns: usize) -> Result<(), Failure>;
}
