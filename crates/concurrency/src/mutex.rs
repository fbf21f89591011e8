//! `std::sync::Mutex` for models: one that loom's threads can find taken.
//!
//! loom's own has a thread that is about to try wait until the mutex is free, and changes no threads before it is given back. So
//! a model would hardly ever see that `try_lock` fails. Here a flag says whether the mutex is taken, and loom may change threads
//! whenever it is looked at or set.

use std::ops::{Deref, DerefMut};
use std::sync::{self, LockResult, PoisonError, TryLockError, TryLockResult};

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread::{self, Thread};

/// As `std::sync::Mutex`; a panic does not poison it.
#[derive(Debug, Default)]
pub struct Mutex<T> {
    is_taken: AtomicBool,
    /// The threads that wait until it is free.
    waiting: sync::Mutex<Vec<Thread>>,
    value: sync::Mutex<T>,
}

/// As `std::sync::MutexGuard`.
#[derive(Debug)]
pub struct MutexGuard<'a, T> {
    /// `None` once it is given back.
    value: Option<sync::MutexGuard<'a, T>>,
    mutex: &'a Mutex<T>,
}

impl<T> Mutex<T> {
    /// As there.
    pub fn new(value: T) -> Self {
        Self {
            is_taken: AtomicBool::new(false),
            waiting: sync::Mutex::default(),
            value: sync::Mutex::new(value),
        }
    }

    /// As there.
    ///
    /// # Errors
    /// Never.
    pub fn into_inner(self) -> LockResult<T> {
        Ok(self.value.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// As there.
    ///
    /// # Errors
    /// Never.
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        loop {
            if let Ok(guard) = self.try_lock() {
                return Ok(guard);
            }
            let this = thread::current();
            self.waiting().push(this.clone());
            let guard = self.try_lock();
            if guard.is_err() {
                thread::park();
            }
            // It must not be woken once it waits for something else.
            self.waiting().retain(|thread| thread.id() != this.id());
            if let Ok(guard) = guard {
                return Ok(guard);
            }
        }
    }

    /// As there.
    ///
    /// # Errors
    /// `WouldBlock`, as there.
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        if self.is_taken.swap(true, Ordering::AcqRel) {
            return Err(TryLockError::WouldBlock);
        }
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(MutexGuard { value: Some(value), mutex: self })
    }

    fn waiting(&self) -> sync::MutexGuard<'_, Vec<Thread>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        self.value = None;
        // A model that has failed is not run on.
        if !std::thread::panicking() {
            self.mutex.is_taken.swap(false, Ordering::AcqRel);
            self.mutex.waiting().drain(..).for_each(|thread| thread.unpark());
        }
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.value {
            Some(value) => value,
            None => unreachable!("only the drop takes it"),
        }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.value {
            Some(value) => value,
            None => unreachable!("only the drop takes it"),
        }
    }
}
