//! A value that does something when it is dropped, and can still be taken apart.

use std::ops::{Deref, DerefMut};

/// What a value does when it is dropped.
pub(crate) trait OnDrop {
    /// Sends a Close to the peer, as far as that is possible without waiting.
    fn on_drop(&mut self);
}

impl<T: OnDrop> OnDrop for Box<T> {
    fn on_drop(&mut self) {
        (**self).on_drop();
    }
}

/// Holds a value and calls [`OnDrop`] when it is dropped, unless the value was taken out.
pub(crate) struct Guard<T: OnDrop>(Option<T>);

impl<T: OnDrop> Guard<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self(Some(inner))
    }

    pub(crate) fn into_inner(mut self) -> T {
        match self.0.take() {
            Some(inner) => inner,
            None => unreachable!("only this takes it, which consumes the guard"),
        }
    }
}

impl<T: OnDrop> Deref for Guard<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match &self.0 {
            Some(inner) => inner,
            None => unreachable!("only `into_inner` takes it, which consumes the guard"),
        }
    }
}

impl<T: OnDrop> DerefMut for Guard<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.0 {
            Some(inner) => inner,
            None => unreachable!("only `into_inner` takes it, which consumes the guard"),
        }
    }
}

impl<T: OnDrop> Drop for Guard<T> {
    fn drop(&mut self) {
        if let Some(inner) = &mut self.0 {
            inner.on_drop();
        }
    }
}
