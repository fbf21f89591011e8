//! A value for which a function runs before it is dropped.

use std::ops::{Deref, DerefMut};

/// Calls `goodbye` when it is dropped, unless its content was taken out. The content has no `Drop` itself, because its
/// fields could then not be moved out.
pub(crate) struct Guard<T> {
    inner: Option<T>,
    /// A function and not a trait of `T`: a bound here would be needed on every type that contains a guard.
    goodbye: fn(&mut T),
}

impl<T> Guard<T> {
    pub(crate) fn new(inner: T, goodbye: fn(&mut T)) -> Self {
        Self { inner: Some(inner), goodbye }
    }

    pub(crate) fn into_inner(mut self) -> T {
        match self.inner.take() {
            Some(inner) => inner,
            None => unreachable!("only this takes it, which consumes the guard"),
        }
    }
}

impl<T> Deref for Guard<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match &self.inner {
            Some(inner) => inner,
            None => unreachable!("only `into_inner` takes it, which consumes the guard"),
        }
    }
}

impl<T> DerefMut for Guard<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.inner {
            Some(inner) => inner,
            None => unreachable!("only `into_inner` takes it, which consumes the guard"),
        }
    }
}

impl<T> Drop for Guard<T> {
    fn drop(&mut self) {
        if let Some(inner) = &mut self.inner {
            (self.goodbye)(inner);
        }
    }
}
