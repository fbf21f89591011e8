//! Entropy for tests: predictable, or broken.

use fullduplex::{Entropy, EntropyError};

use crate::Random;

/// Entropy from a seed, so that a test's bytes are the same each time. Never for real connections.
#[derive(Clone, Debug)]
pub struct TestEntropy(Random);

impl TestEntropy {
    /// Entropy for `seed`; equal seeds give equal keys.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(Random::new(seed))
    }
}

impl Entropy for TestEntropy {
    fn next_u32(&mut self) -> Result<u32, EntropyError> {
        Ok((self.0.next_u64() >> 32) as u32)
    }
}

/// Entropy that works `draws` times and then fails.
#[derive(Clone, Debug)]
pub struct BrokenEntropy {
    /// How many draws still work.
    pub draws: usize,
}

impl Entropy for BrokenEntropy {
    fn next_u32(&mut self) -> Result<u32, EntropyError> {
        self.draws = self.draws.checked_sub(1).ok_or(EntropyError)?;
        Ok(0x5a5a_5a5a)
    }
}
