//! `std::sync::Mutex` for models: which of loom's cannot be tried to take as std's can.
//!
//! loom's has a thread that is about to try wait until the mutex is free, and changes no threads before it is given back. So a
//! model would hardly ever see that `try_lock` fails. Here both are operations of their own, on a flag that says whether it is
//! taken.

use std::ops::{Deref, DerefMut};
use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};

use loom::sync::{self, Condvar};

/// As `std::sync::Mutex`; a panic does not poison it.
#[derive(Debug, Default)]
pub struct Mutex<T> {
    is_taken: sync::Mutex<bool>,
    freed: Condvar,
    value: std::sync::Mutex<T>,
}

/// As `std::sync::MutexGuard`.
#[derive(Debug)]
pub struct MutexGuard<'a, T> {
    /// `None` once it is given back.
    value: Option<std::sync::MutexGuard<'a, T>>,
    of: &'a Mutex<T>,
}

impl<T> Mutex<T> {
    /// As there.
    pub fn new(value: T) -> Self {
        Self {
            is_taken: sync::Mutex::new(false),
            freed: Condvar::new(),
            value: std::sync::Mutex::new(value),
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
        let mut is_taken = self.is_taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *is_taken {
            is_taken = self.freed.wait(is_taken).unwrap_or_else(PoisonError::into_inner);
        }
        *is_taken = true;
        Ok(self.taken())
    }

    /// As there.
    ///
    /// # Errors
    /// `WouldBlock`, as there.
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        let mut is_taken = self.is_taken.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *is_taken, true) {
            return Err(TryLockError::WouldBlock);
        }
        Ok(self.taken())
    }

    /// The value, which nobody else has.
    fn taken(&self) -> MutexGuard<'_, T> {
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        MutexGuard { value: Some(value), of: self }
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        // A model that has failed is not run on.
        if std::thread::panicking() {
            return;
        }
        let mut is_taken = self.of.is_taken.lock().unwrap_or_else(PoisonError::into_inner);
        self.value = None;
        *is_taken = false;
        drop(is_taken);
        self.of.freed.notify_one();
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
