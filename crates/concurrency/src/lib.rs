//! What the models of the adapters share: a peer in memory, and types of loom in the form in which the adapters use them.
//!
//! loom runs a model again and again, each time with another interleaving of its threads, until it has run them all.

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

/// How often loom takes the turn from a thread that could go on, in one run, unless `LOOM_MAX_PREEMPTIONS` says more. Faults
/// are found with two as a rule; all runs with three are too many for CI.
const PREEMPTIONS: usize = 2;

/// Runs `model` with every interleaving.
///
/// # Panics
/// When the model does, when all its threads wait, and when it does not end.
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
