//! A `std::sync::Mutex` for models, which loom's threads can find locked.
//!
//! With loom's own mutex, a thread that is about to call `try_lock` waits until the mutex is free, and loom switches threads
//! only after the mutex was unlocked. So a model would hardly ever see `try_lock` fail. Here a flag says whether the mutex
//! is locked, and loom may switch threads whenever the flag is read or set.

use std::ops::{Deref, DerefMut};
use std::sync::{self, LockResult, PoisonError, TryLockError, TryLockResult};

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread::{self, Thread};

/// Stands in for `std::sync::Mutex`; a panic does not poison it.
#[derive(Debug, Default)]
pub struct Mutex<T> {
    is_taken: AtomicBool,
    /// The threads that wait for the mutex.
    waiting: sync::Mutex<Vec<Thread>>,
    value: sync::Mutex<T>,
}

/// Stands in for `std::sync::MutexGuard`.
#[derive(Debug)]
pub struct MutexGuard<'a, T> {
    /// `None` once the mutex is unlocked.
    value: Option<sync::MutexGuard<'a, T>>,
    mutex: &'a Mutex<T>,
}

impl<T> Mutex<T> {
    /// See [`std::sync::Mutex::new`].
    pub fn new(value: T) -> Self {
        Self {
            is_taken: AtomicBool::new(false),
            waiting: sync::Mutex::default(),
            value: sync::Mutex::new(value),
        }
    }

    /// See [`std::sync::Mutex::into_inner`].
    ///
    /// # Errors
    /// Never.
    pub fn into_inner(self) -> LockResult<T> {
        Ok(self.value.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// See [`std::sync::Mutex::lock`].
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
            // The thread must not be woken once it waits for something else.
            self.waiting().retain(|thread| thread.id() != this.id());
            if let Ok(guard) = guard {
                return Ok(guard);
            }
        }
    }

    /// See [`std::sync::Mutex::try_lock`].
    ///
    /// # Errors
    /// `WouldBlock`, if the mutex is locked.
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
        // A failed model does not continue.
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
