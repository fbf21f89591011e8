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
        let drawn = GENERATOR.try_with(|generator| draw(&mut generator.borrow_mut()));
        // A thread that is ending has lost its generator.
        drawn.unwrap_or_else(|_| getrandom::u32().map_err(|_| EntropyError))
    }
}

/// Draws from the generator, which is seeded when there is none.
fn draw(generator: &mut Option<ChaCha12Rng>) -> Result<u32, EntropyError> {
    if let Some(generator) = generator {
        return Ok(generator.next_u32());
    }
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| EntropyError)?;
    Ok(generator.insert(ChaCha12Rng::from_seed(seed)).next_u32())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn keys_do_not_repeat_within_or_across_threads() {
        let draw = || (0..1000).map(|_| OsEntropy.next_u32().unwrap()).collect::<HashSet<u32>>();
        let here = draw();
        let there = std::thread::spawn(draw).join().unwrap();
        // Two of 2,000 random 32-bit numbers are equal once in some 2,000 runs; ten never are.
        assert!(here.union(&there).count() > 1990);
    }

    /// Thread-locals are dropped in reverse order: `LAST` was there first, so it draws keys when the generator is gone.
    #[test]
    fn a_thread_that_is_ending_still_draws_keys() {
        static DRAWN: AtomicU32 = AtomicU32::new(0);
        struct Last;
        impl Drop for Last {
            fn drop(&mut self) {
                let keys = (0..10).filter_map(|_| OsEntropy.next_u32().ok());
                DRAWN.store(keys.count() as u32, Ordering::Relaxed);
            }
        }
        thread_local!(static LAST: Last = const { Last });
        let draws = || LAST.with(|_| OsEntropy.next_u32().unwrap());
        std::thread::spawn(draws).join().unwrap();
        assert_eq!(DRAWN.load(Ordering::Relaxed), 10);
    }
}
