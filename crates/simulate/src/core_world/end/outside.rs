//! State that all connections of a world share.

use crate::coverage::Coverage;
use crate::memory::Held;
use crate::plan::{Kind, Mutant};

/// A mutant makes its mistake at its second opportunity.
pub(super) const MUTATES_FROM: u32 = 2;

/// What all connections share.
pub(crate) struct Outside {
    pub(crate) now: u64,
    pub(crate) held: Held,
    pub(crate) coverage: Coverage,
    pub(crate) mutant: Option<Mutant>,
    /// How many opportunities a mutant had to make its mistake.
    pub(crate) mutations: u32,
    /// A message that a mutant holds back until the next one has been given.
    pub(crate) swapped: Option<(Kind, Vec<u8>)>,
    pub(crate) hoard: Vec<Vec<u8>>,
}

impl Outside {
    /// Whether this mutant makes its mistake now, for the first time.
    pub(super) fn mutates(&mut self, mutant: Mutant) -> bool {
        if self.mutant != Some(mutant) {
            return false;
        }
        self.mutations += 1;
        self.mutations == MUTATES_FROM
    }
}
