//! What the crate for applications has of `tokio::sync`, with each operation as one step between which loom changes threads.
//!
//! loom does not see what is in it, and need not: what is asked is how we use it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use loom::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync;

pub mod watch;

/// Where loom may change threads, before an operation of what has this.
#[derive(Debug, Default)]
struct Steps(AtomicUsize);

impl Steps {
    fn step(&self) {
        // A model that has failed is not run on.
        if !std::thread::panicking() {
            self.0.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Runs a future, each poll of which is a step.
    async fn run<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let mut waker: Option<(Waker, Waker)> = None;
        poll_fn(move |cx| {
            self.step();
            let known = waker.take().filter(|(theirs, _)| theirs.will_wake(cx.waker()));
            let (_, ours) = waker.insert(known.unwrap_or_else(|| {
                (cx.waker().clone(), Waker::from(Arc::new(Plain(cx.waker().clone()))))
            }));
            future.as_mut().poll(&mut Context::from_waker(ours))
        })
        .await
    }
}

/// A waker of loom's, behind a counter that is not loom's: tokio clones it under a lock, where no thread may be changed.
struct Plain(Waker);

impl Wake for Plain {
    fn wake(self: Arc<Self>) {
        self.0.wake_by_ref();
    }
}

/// As [`tokio::sync::Notify`].
#[derive(Debug, Default)]
pub struct Notify {
    notify: sync::Notify,
    steps: Steps,
}

impl Notify {
    /// As there.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As there.
    pub fn notify_one(&self) {
        self.steps.step();
        self.notify.notify_one();
    }

    /// As there.
    pub async fn notified(&self) {
        self.steps.run(self.notify.notified()).await;
    }
}

/// As [`tokio::sync::Mutex`].
#[derive(Debug, Default)]
pub struct AsyncMutex<T> {
    mutex: sync::Mutex<T>,
    steps: Steps,
}

/// As [`tokio::sync::MutexGuard`].
pub struct AsyncMutexGuard<'a, T> {
    guard: sync::MutexGuard<'a, T>,
    steps: &'a Steps,
}

impl<T> AsyncMutex<T> {
    /// As there.
    pub async fn lock(&self) -> AsyncMutexGuard<'_, T> {
        let guard = self.steps.run(self.mutex.lock()).await;
        AsyncMutexGuard { guard, steps: &self.steps }
    }
}

impl<T> Deref for AsyncMutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for AsyncMutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

impl<T> Drop for AsyncMutexGuard<'_, T> {
    fn drop(&mut self) {
        self.steps.step();
    }
}

impl<T: fmt::Debug> fmt::Debug for AsyncMutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.guard.fmt(f)
    }
}
