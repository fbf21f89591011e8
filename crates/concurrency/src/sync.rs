//! The types of `tokio::sync` that the crate for applications uses. Each operation is one step, and loom may switch threads
//! between steps.
//!
//! loom does not see inside these types, and need not: the models test how we use them.

use std::fmt;
use std::future::{Future, poll_fn};
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use loom::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync;

pub mod watch;

/// Lets loom switch threads before each operation of the type that has this field.
#[derive(Debug, Default)]
struct Steps(AtomicUsize);

impl Steps {
    fn step(&self) {
        // A failed model does not continue.
        if !std::thread::panicking() {
            self.0.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Runs a future; each poll is a step.
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

/// loom's waker behind a plain `Arc`: tokio clones it under a lock, where loom must not switch threads.
struct Plain(Waker);

impl Wake for Plain {
    fn wake(self: Arc<Self>) {
        self.0.wake_by_ref();
    }
}

/// Stands in for [`tokio::sync::Notify`].
#[derive(Debug, Default)]
pub struct Notify {
    notify: sync::Notify,
    steps: Steps,
}

impl Notify {
    /// See [`tokio::sync::Notify::new`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// See [`tokio::sync::Notify::notify_one`].
    pub fn notify_one(&self) {
        self.steps.step();
        self.notify.notify_one();
    }

    /// See [`tokio::sync::Notify::notified`].
    pub async fn notified(&self) {
        self.steps.run(self.notify.notified()).await;
    }
}

/// Stands in for [`tokio::sync::Mutex`].
#[derive(Debug, Default)]
pub struct AsyncMutex<T> {
    mutex: sync::Mutex<T>,
    steps: Steps,
}

/// Stands in for [`tokio::sync::MutexGuard`].
pub struct AsyncMutexGuard<'a, T> {
    guard: sync::MutexGuard<'a, T>,
    steps: &'a Steps,
}

impl<T> AsyncMutex<T> {
    /// See [`tokio::sync::Mutex::lock`].
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
