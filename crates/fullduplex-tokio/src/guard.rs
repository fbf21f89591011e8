//! What says farewell when it is dropped.

use std::ops::{Deref, DerefMut};

/// Has something to say before it goes.
pub(crate) trait Farewell {
    /// Tells the peer what can be told without waiting.
    fn say_farewell(&mut self);
}

impl<T: Farewell> Farewell for Box<T> {
    fn say_farewell(&mut self) {
        (**self).say_farewell();
    }
}

/// Something that [says farewell](Farewell) when it is dropped, unless it is taken out.
pub(crate) struct Guard<T: Farewell>(Option<T>);

impl<T: Farewell> Guard<T> {
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

impl<T: Farewell> Deref for Guard<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match &self.0 {
            Some(inner) => inner,
            None => unreachable!("only `into_inner` takes it, which consumes the guard"),
        }
    }
}

impl<T: Farewell> DerefMut for Guard<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.0 {
            Some(inner) => inner,
            None => unreachable!("only `into_inner` takes it, which consumes the guard"),
        }
    }
}

impl<T: Farewell> Drop for Guard<T> {
    fn drop(&mut self) {
        if let Some(inner) = &mut self.0 {
            inner.say_farewell();
        }
    }
}
