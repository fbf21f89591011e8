//! Random bits for masking keys, from a generator that the operating system seeds.

use std::cell::RefCell;

use chacha20::ChaCha12Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use fullduplex::{Entropy, EntropyError};

thread_local! {
    /// One generator per thread, so that a connection holds none, and no frame takes a lock.
    static GENERATOR: RefCell<Option<ChaCha12Rng>> = const { RefCell::new(None) };
}

/// Unpredictable bits from ChaCha12, one generator per thread, each seeded once by the operating
/// system (RFC 6455 §5.3: "derived from a strong source of entropy").
///
/// After a `fork`, parent and child would have generators with the same state. A process that uses WebSockets in both
/// should call `exec` in the child.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn next_u32(&mut self) -> Result<u32, EntropyError> {
        GENERATOR.with_borrow_mut(|generator| match generator {
            Some(generator) => Ok(generator.next_u32()),
            None => {
                let mut seed = [0; 32];
                getrandom::fill(&mut seed).map_err(|_| EntropyError)?;
                Ok(generator.insert(ChaCha12Rng::from_seed(seed)).next_u32())
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_do_not_repeat_within_or_across_threads() {
        let draw = || (0..1000).map(|_| OsEntropy.next_u32().unwrap()).collect::<HashSet<u32>>();
        let here = draw();
        let there = std::thread::spawn(draw).join().unwrap();
        // Two of 2,000 random 32-bit numbers are equal once in some 2,000 runs; ten never are.
        assert!(here.union(&there).count() > 1990);
    }
}
