//! As [`tokio::sync::watch`], whose receivers wake in an order of chance. Here they wake in the order in which they came.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use super::Steps;

/// As [`tokio::sync::watch::Sender`].
#[derive(Debug)]
pub struct Sender<T>(Arc<Shared<T>>);

/// As [`tokio::sync::watch::Receiver`]; a sender that is gone may still send.
#[derive(Clone, Debug)]
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    seen: u64,
}

/// As [`tokio::sync::watch::Ref`], a copy.
#[derive(Debug)]
pub struct Ref<T>(T);

#[derive(Debug)]
struct Shared<T> {
    steps: Steps,
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    value: T,
    version: u64,
    waiting: Vec<Waker>,
}

impl<T> Shared<T> {
    /// loom changes threads here, and not while the lock is held.
    fn step(&self) -> MutexGuard<'_, State<T>> {
        self.steps.step();
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Sender<T> {
    /// As there.
    pub fn new(value: T) -> Self {
        let state = Mutex::new(State { value, version: 0, waiting: Vec::new() });
        Self(Arc::new(Shared { steps: Steps::default(), state }))
    }

    /// As there.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<T> {
        let seen = self.0.step().version;
        Receiver { shared: Arc::clone(&self.0), seen }
    }

    /// As there.
    pub fn send_modify(&self, modify: impl FnOnce(&mut T)) {
        let mut state = self.0.step();
        modify(&mut state.value);
        state.version += 1;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl<T: Copy> Receiver<T> {
    /// As there.
    #[must_use]
    pub fn borrow(&self) -> Ref<T> {
        Ref(self.shared.step().value)
    }

    /// As there.
    ///
    /// # Errors
    /// Never.
    pub async fn changed(&mut self) -> Result<(), Infallible> {
        self.until(|state, seen| state.version > seen).await;
        Ok(())
    }

    /// As there.
    ///
    /// # Errors
    /// Never.
    pub async fn wait_for(&mut self, mut wanted: impl FnMut(&T) -> bool) -> Result<(), Infallible> {
        self.until(|state, _| wanted(&state.value)).await;
        Ok(())
    }

    fn until(
        &mut self,
        mut is_over: impl FnMut(&State<T>, u64) -> bool,
    ) -> impl Future<Output = ()> {
        poll_fn(move |cx| {
            let waker = cx.waker().clone();
            let mut state = self.shared.step();
            if !is_over(&state, self.seen) {
                state.waiting.push(waker);
                return Poll::Pending;
            }
            self.seen = state.version;
            drop(state);
            Poll::Ready(())
        })
    }
}

impl<T> Deref for Ref<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
