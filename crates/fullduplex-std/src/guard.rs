//! What does something before it is dropped.

use std::ops::{Deref, DerefMut};

/// Does `goodbye` when it is dropped, unless its content is taken out: nothing can be moved out of a type that itself
/// implements `Drop`.
pub(crate) struct Guard<T> {
    inner: Option<T>,
    /// Knows what `T` can do, which a bound of this type would make its user repeat.
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
