//! What the models of the adapters share: a peer in memory, and loom's types in the form in which the adapters use them.
//!
//! loom runs a model again and again, each time with another interleaving of its threads, until it has run every
//! interleaving.

mod clock;
mod mutex;
mod peer;
mod sync;
mod waker;

pub use clock::{Instant, sleep};
pub use loom;
pub use mutex::{Mutex, MutexGuard};
pub use peer::{CLOSE, PING, Peer, frames};
pub use sync::{AsyncMutex, AsyncMutexGuard, Notify, watch};
pub use waker::AtomicWaker;

/// How often, in one run, loom may preempt a thread that could go on, unless `LOOM_MAX_PREEMPTIONS` says otherwise. Two
/// preemptions find faults as a rule; all runs with three are too many for CI.
const PREEMPTIONS: usize = 2;

/// Runs `model` with every interleaving.
///
/// # Panics
/// If the model panics, if all its threads wait, or if it does not end.
pub fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut loom = loom::model::Builder::new();
    loom.preemption_bound.get_or_insert(PREEMPTIONS);
    loom.max_branches = 10_000;
    let runs = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = runs.clone();
    loom.check(move || {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        model();
    });
    println!("{} interleavings", runs.load(std::sync::atomic::Ordering::Relaxed));
}
