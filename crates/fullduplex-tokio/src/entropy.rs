//! Random bits for masking keys, from a generator that the operating system seeds, or from the operating system itself.

use std::cell::RefCell;

use fullduplex::{Entropy, EntropyError};

#[cfg(feature = "connect")]
use seeded::Seeded as Generator;
#[cfg(not(feature = "connect"))]
use system::System as Generator;

thread_local! {
    /// One generator per thread, so that a connection holds none, and no frame takes a lock.
    static GENERATOR: RefCell<Generator> = const { RefCell::new(Generator::new()) };
}

/// Unpredictable bits (RFC 6455 §5.3: "derived from a strong source of entropy") from ChaCha12, one generator per
/// thread, each seeded once by the operating system. Without the feature `connect`, the bits come from the operating
/// system itself, which saves three packages: a program without that feature is usually a server, which masks nothing.
///
/// After a `fork`, parent and child would have generators with the same state. A process that uses WebSockets in both
/// should call `exec` in the child.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn next_u32(&mut self) -> Result<u32, EntropyError> {
        let drawn = GENERATOR.try_with(|generator| generator.borrow_mut().next_u32());
        // A thread that is ending has lost its generator.
        drawn.unwrap_or_else(|_| getrandom::u32().map_err(|_| EntropyError))
    }
}

#[cfg(feature = "connect")]
mod seeded {
    use chacha20::ChaCha12Rng;
    use chacha20::rand_core::{Rng, SeedableRng};
    use fullduplex::EntropyError;

    /// ChaCha12. It is seeded when the first bits are drawn.
    pub(super) struct Seeded(Option<ChaCha12Rng>);

    impl Seeded {
        pub(super) const fn new() -> Self {
            Self(None)
        }

        pub(super) fn next_u32(&mut self) -> Result<u32, EntropyError> {
            if let Some(generator) = &mut self.0 {
                return Ok(generator.next_u32());
            }
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(|_| EntropyError)?;
            Ok(self.0.insert(ChaCha12Rng::from_seed(seed)).next_u32())
        }
    }
}

#[cfg(any(test, not(feature = "connect")))]
mod system {
    use fullduplex::EntropyError;

    /// How many keys one system call returns, so that it costs about 15 ns for each key. Linux returns 256 bytes either
    /// whole or not at all.
    const KEYS: usize = 64;

    /// Bits from the operating system, many of them at a time.
    pub(super) struct System {
        keys: [u8; 4 * KEYS],
        /// How many of them were not drawn yet. They are drawn from the end.
        left: usize,
    }

    impl System {
        pub(super) const fn new() -> Self {
            Self { keys: [0; 4 * KEYS], left: 0 }
        }

        pub(super) fn next_u32(&mut self) -> Result<u32, EntropyError> {
            if self.left == 0 {
                getrandom::fill(&mut self.keys).map_err(|_| EntropyError)?;
                self.left = KEYS;
            }
            self.left -= 1;
            let (keys, _) = self.keys.as_chunks();
            keys.get(self.left).copied().map(u32::from_le_bytes).ok_or(EntropyError)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::system::System;
    use super::*;

    fn are_different(draw: impl Fn() -> HashSet<u32> + Send + Copy + 'static) {
        let here = draw();
        let there = std::thread::spawn(draw).join().unwrap();
        // Two of 2,000 random 32-bit numbers are equal once in some 2,000 runs; ten never are.
        assert!(here.union(&there).count() > 1990);
    }

    #[test]
    fn keys_do_not_repeat_within_or_across_threads() {
        are_different(|| (0..1000).map(|_| OsEntropy.next_u32().unwrap()).collect());
    }

    #[test]
    fn keys_of_the_operating_system_do_not_repeat_either() {
        are_different(|| {
            let mut system = System::new();
            (0..1000).map(|_| system.next_u32().unwrap()).collect()
        });
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
