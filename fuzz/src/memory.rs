//! How much memory an input may hold while it runs, and how much it must give back.

use std::fmt;
use std::hint::black_box;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use allocation_counter::measure;
use arbitrary::{Arbitrary, Unstructured};

use crate::Oracle;

/// What all inputs together may keep: the pools of a thread, with four receive buffers, output buffers, compressors and
/// decompressors each, and what is allocated once.
const KEPT: i64 = 2 << 20;

/// The most that may be held at once while an input runs: `constant + factor × (input + made)` bytes.
///
/// `input` is the size of the input. `made` is what the target returns: the bytes on the wire that it has made of the
/// input, and the limits that it has configured. The target's own copies of them count as well, and they are most of
/// `factor`.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// Bytes, whatever the input: buffers and states of fixed size.
    pub constant: u64,
    /// For each byte of the input, and of what the target has made of it.
    pub factor: u64,
}

/// An input that knows how many bytes it was made of.
pub struct Measured<T> {
    len: usize,
    input: T,
}

impl<T> Measured<T> {
    /// Calls `prepare` with the input. The memory of that is not measured.
    pub fn with<R>(&self, prepare: impl FnOnce(&T) -> R) -> R {
        prepare(&self.input)
    }

    /// Runs the target with the input, within `bound`. The target returns the sum of what it has made of the input and of
    /// the limits that it has configured.
    pub fn run(&self, bound: Bound, target: impl FnOnce(&T) -> usize) {
        self.run_watched(Oracle::Memory, bound, target);
    }

    /// As [`run`](Self::run), with another oracle, for a part of the code that has its own bound.
    pub fn run_watched(&self, oracle: Oracle, bound: Bound, target: impl FnOnce(&T) -> usize) {
        let mut most = 0;
        let held = measure(|| {
            let made = target(&self.input);
            most = bound.constant + bound.factor * (self.len + made) as u64;
            if oracle.faulty() {
                drop(black_box(vec![0_u8; most as usize + 1]));
            }
            if Oracle::MemoryReturned.faulty() {
                hoard(bound.constant as usize / 2);
            }
        });
        let held_at_once = held.bytes_max;
        oracle.holds(
            held_at_once <= most,
            format_args!("{held_at_once} bytes are held at once, and {most} may be"),
        );
        static ALL_INPUTS: AtomicI64 = AtomicI64::new(0);
        let kept = ALL_INPUTS.fetch_add(held.bytes_current, Ordering::Relaxed) + held.bytes_current;
        Oracle::MemoryReturned.holds(kept <= KEPT, format_args!("{kept} bytes are kept"));
    }
}

/// Keeps `len` bytes for ever, as a cache that is never cleared.
fn hoard(len: usize) {
    static HOARD: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
    HOARD.lock().unwrap_or_else(PoisonError::into_inner).push(vec![0; len]);
}

/// Shows only the input, because `cargo fuzz fmt` prints this.
impl<T: fmt::Debug> fmt::Debug for Measured<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.input.fmt(f)
    }
}

impl<'a, T: Arbitrary<'a>> Arbitrary<'a> for Measured<T> {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let before = u.len();
        let input = T::arbitrary(u)?;
        Ok(Self { len: before - u.len(), input })
    }

    fn arbitrary_take_rest(u: Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(Self { len: u.len(), input: T::arbitrary_take_rest(u)? })
    }

    fn size_hint(depth: usize) -> (usize, Option<usize>) {
        T::size_hint(depth)
    }
}
