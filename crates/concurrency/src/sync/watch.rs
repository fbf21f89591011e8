//! Stands in for [`tokio::sync::watch`], which wakes receivers in random order. Here they wake in the order in which they
//! began to wait.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use super::Steps;

/// Stands in for [`tokio::sync::watch::Sender`].
#[derive(Debug)]
pub struct Sender<T>(Arc<Shared<T>>);

/// Stands in for [`tokio::sync::watch::Receiver`]; it does not notice that the sender was dropped.
#[derive(Clone, Debug)]
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    seen: u64,
}

/// Stands in for [`tokio::sync::watch::Ref`]; it holds a copy.
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
    /// Lets loom switch threads before the lock is taken. While it is held, loom does not switch.
    fn step(&self) -> MutexGuard<'_, State<T>> {
        self.steps.step();
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Sender<T> {
    /// See [`tokio::sync::watch::Sender::new`].
    pub fn new(value: T) -> Self {
        let state = Mutex::new(State { value, version: 0, waiting: Vec::new() });
        Self(Arc::new(Shared { steps: Steps::default(), state }))
    }

    /// See [`tokio::sync::watch::Sender::subscribe`].
    #[must_use]
    pub fn subscribe(&self) -> Receiver<T> {
        let seen = self.0.step().version;
        Receiver { shared: Arc::clone(&self.0), seen }
    }

    /// See [`tokio::sync::watch::Sender::send_modify`].
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
    /// See [`tokio::sync::watch::Receiver::borrow`].
    #[must_use]
    pub fn borrow(&self) -> Ref<T> {
        Ref(self.shared.step().value)
    }

    /// See [`tokio::sync::watch::Receiver::changed`].
    ///
    /// # Errors
    /// Never.
    pub async fn changed(&mut self) -> Result<(), Infallible> {
        self.until(|state, seen| state.version > seen).await;
        Ok(())
    }

    /// See [`tokio::sync::watch::Receiver::wait_for`].
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
