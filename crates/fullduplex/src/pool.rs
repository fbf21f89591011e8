//! A pool for each thread: buffers and codecs that a connection needs for one message, and that another connection can
//! use for the next one. Items come back as they were last used, so the taker must reset them.

use core::cell::Cell;
#[cfg(not(fullduplex_loom))]
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering;
use std::thread::LocalKey;

// `crates/concurrency` compiles this file a second time.
#[cfg(fullduplex_loom)]
use loom::sync::atomic::AtomicUsize;

/// How many items the pool of a thread holds. A thread needs more of them at once only while more messages are in
/// progress, in pieces.
const PER_THREAD: usize = 4;

/// How many items the pools of all threads hold together: one or more for each core of most machines. If each
/// connection has a thread of its own, the pools of most threads therefore hold nothing.
const IN_ALL: usize = if cfg!(fullduplex_loom) { 2 } else { 64 };

/// A thread's pool of items of one kind. An item fits if its key is the one that is asked for.
pub(crate) struct Pool<K, T> {
    /// A stack of `len` items. The last one was put in last.
    kept: [Cell<Option<(K, T)>>; PER_THREAD],
    len: Cell<usize>,
    /// How many items this pool may hold. It claims a place of the `IN_ALL` once, and keeps it until the thread ends,
    /// so that taking and putting back does not touch the counter that the threads share.
    places: Cell<usize>,
    /// How many places the pools of this kind have claimed, on all threads. A function returns the counter: in Rust 1.89 the
    /// constant that a pool begins as may not refer to what changes.
    in_all: fn() -> &'static AtomicUsize,
}

impl<K: PartialEq, T> Pool<K, T> {
    /// An empty pool. All pools of one kind must have the same `in_all`.
    pub(crate) const fn new(in_all: fn() -> &'static AtomicUsize) -> Self {
        Self {
            kept: [const { Cell::new(None) }; PER_THREAD],
            len: Cell::new(0),
            places: Cell::new(0),
            in_all,
        }
    }

    #[inline(always)]
    fn take(&self, key: &K) -> Option<T> {
        let last = self.len.get().checked_sub(1)?;
        let place = self.kept.get(last)?;
        match place.take() {
            Some((kept, item)) if kept == *key => {
                self.len.set(last);
                Some(item)
            }
            other => {
                place.set(other);
                self.take_below(last, key)
            }
        }
    }

    /// Takes the last item that fits, of those up to `at`. The items above it move down.
    #[cold]
    fn take_below(&self, at: usize, key: &K) -> Option<T> {
        let mut above = None;
        for place in self.kept.get(..=at)?.iter().rev() {
            above = place.replace(above);
            if let Some((_, item)) = above.take_if(|(kept, _)| kept == key) {
                self.len.set(at);
                return Some(item);
            }
        }
        // No item fits: move all of them back.
        for place in self.kept.get(..=at)? {
            above = place.replace(above);
        }
        None
    }

    #[inline(always)]
    fn put(&self, key: K, item: T) {
        let len = self.len.get();
        match self.kept.get(len) {
            Some(place) if len < self.places.get() => {
                place.set(Some((key, item)));
                self.len.set(len + 1);
            }
            _ => self.put_if_claimed(key, item),
        }
    }

    #[cold]
    fn put_if_claimed(&self, key: K, item: T) {
        if self.claim() {
            self.put(key, item);
        } else if let Some(places) = self.kept.get(..self.len.get()) {
            // The first item has not been used for the longest time: drop it.
            let mut item = Some((key, item));
            for place in places.iter().rev() {
                item = place.replace(item);
            }
        }
    }

    /// Claims one more place, if there is one.
    fn claim(&self) -> bool {
        if self.places.get() == PER_THREAD {
            return false;
        }
        let in_all = (self.in_all)();
        if in_all.fetch_add(1, Ordering::Relaxed) >= IN_ALL {
            in_all.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        self.places.set(self.places.get() + 1);
        true
    }
}

impl<K, T> Drop for Pool<K, T> {
    fn drop(&mut self) {
        (self.in_all)().fetch_sub(self.places.get(), Ordering::Relaxed);
    }
}

/// Takes an item from this thread's pool. Returns `None` also while the thread ends.
#[inline(always)]
pub(crate) fn take<K: PartialEq, T>(pool: &'static LocalKey<Pool<K, T>>, key: &K) -> Option<T> {
    pool.try_with(|pool| pool.take(key)).ok().flatten()
}

/// Puts an item into this thread's pool. If the pool is full, an item is dropped; while the thread ends, this one is.
#[inline(always)]
pub(crate) fn put<K: PartialEq, T>(pool: &'static LocalKey<Pool<K, T>>, key: K, item: T) {
    // If the pool is gone, the closure is not called, and is dropped with the item.
    let _ = pool.try_with(|pool| pool.put(key, item));
}

/// What loom tries in every interleaving.
#[cfg(all(test, fullduplex_loom))]
mod model {
    use std::sync::{Arc, Mutex};

    use fullduplex_concurrency::explore;
    use loom::thread;

    use super::*;

    loom::lazy_static! {
        static ref POOLED: AtomicUsize = AtomicUsize::new(0);
    }

    /// Three threads put away more items than all pools together may hold, take some of them, and end.
    #[test]
    fn the_threads_have_no_more_places_than_there_are_and_give_all_back() {
        explore(|| {
            let claimed = Arc::new(Mutex::new(0));
            let use_pool = |claimed: Arc<Mutex<usize>>| {
                let pool = Pool::new(|| &POOLED);
                for item in 0..2 {
                    let before = pool.places.get();
                    pool.put((), item);
                    let mut claimed = claimed.lock().unwrap();
                    *claimed += pool.places.get() - before;
                    assert!(*claimed <= IN_ALL);
                }
                let kept: Vec<i32> = core::iter::from_fn(|| pool.take(&())).collect();
                // The last items come first, and each comes once.
                assert_eq!(kept, [1, 0][..pool.places.get()]);
                *claimed.lock().unwrap() -= pool.places.get();
            };
            let threads = [(); 2].map(|()| {
                let claimed = Arc::clone(&claimed);
                thread::spawn(move || use_pool(claimed))
            });
            use_pool(claimed);
            for thread in threads {
                thread.join().unwrap();
            }
            assert_eq!(POOLED.load(Ordering::Relaxed), 0);
        });
    }
}

#[cfg(all(test, not(fullduplex_loom)))]
mod tests {
    extern crate std;

    use alloc::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn what_was_put_away_last_under_a_key_is_taken_first() {
        static IN_ALL: AtomicUsize = AtomicUsize::new(0);
        let pool = Pool::new(|| &IN_ALL);
        assert_eq!(pool.take(&1), None);
        for (key, item) in [(1, 'a'), (2, 'b'), (1, 'c')] {
            pool.put(key, item);
        }
        assert_eq!(IN_ALL.load(Ordering::Relaxed), 3);
        assert_eq!([pool.take(&1), pool.take(&1), pool.take(&1)], [Some('c'), Some('a'), None]);
        // The places stay with the pool, and the next items use them.
        pool.put(1, 'd');
        assert_eq!(IN_ALL.load(Ordering::Relaxed), 3);
        assert_eq!([pool.take(&3), pool.take(&1), pool.take(&2)], [None, Some('d'), Some('b')]);
        assert_eq!(pool.take(&2), None);
        drop(pool);
        assert_eq!(IN_ALL.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_full_pool_drops_what_was_of_no_use_for_longest() {
        static IN_ALL: AtomicUsize = AtomicUsize::new(0);
        let pool = Pool::new(|| &IN_ALL);
        for key in 0..100 {
            pool.put(key, key);
        }
        assert_eq!(IN_ALL.load(Ordering::Relaxed), PER_THREAD);
        assert_eq!(pool.take(&(99 - PER_THREAD)), None);
        assert_eq!(pool.take(&(100 - PER_THREAD)), Some(100 - PER_THREAD));
    }

    #[test]
    fn a_pool_that_gets_no_more_places_keeps_what_was_used_last() {
        static POOLED: AtomicUsize = AtomicUsize::new(IN_ALL - 1);
        let (pool, other) = (Pool::new(|| &POOLED), Pool::new(|| &POOLED));
        pool.put(1, 'a');
        pool.put(2, 'b');
        assert_eq!([pool.take(&1), pool.take(&2)], [None, Some('b')]);
        other.put(1, 'c');
        assert_eq!(other.take(&1), None);
        drop(pool);
        other.put(1, 'd');
        assert_eq!(other.take(&1), Some('d'));
    }

    #[test]
    fn whatever_is_put_and_taken_the_last_that_fits_comes_and_the_first_goes() {
        static POOLED: AtomicUsize = AtomicUsize::new(IN_ALL - 3);
        let pool = Pool::new(|| &POOLED);
        let (mut model, mut state) = (alloc::vec::Vec::new(), 1_u32);
        for item in 0..10_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let key = (state >> 16) % 3;
            if state >> 31 == 0 {
                pool.put(key, item);
                model.push((key, item));
                if model.len() > 3 {
                    model.remove(0);
                }
            } else {
                let at = model.iter().rposition(|(kept, _)| *kept == key);
                assert_eq!(pool.take(&key), at.map(|at| model.remove(at).1));
            }
            assert_eq!(pool.len.get(), model.len());
        }
        assert_eq!(POOLED.load(Ordering::Relaxed), IN_ALL);
    }

    /// An item that puts another one away when it is dropped.
    struct Leaves(u32);

    std::thread_local! {
        static LEFT: Pool<(), Leaves> = const { Pool::new(|| &LEFT_IN_ALL) };
    }

    static LEFT_IN_ALL: AtomicUsize = AtomicUsize::new(0);

    impl Drop for Leaves {
        fn drop(&mut self) {
            if let Some(less) = self.0.checked_sub(1) {
                put(&LEFT, (), Self(less));
            }
        }
    }

    #[test]
    fn what_is_dropped_may_put_another_one_away() {
        let user = thread::spawn(|| {
            // Once the pool is full, each item replaces the first one, which puts another item away while it is dropped.
            for more in 0..20 {
                put(&LEFT, (), Leaves(more));
            }
            assert_eq!(LEFT_IN_ALL.load(Ordering::Relaxed), PER_THREAD);
            let kept = core::iter::from_fn(|| take(&LEFT, &())).take(PER_THREAD);
            let kept: alloc::vec::Vec<_> = kept.collect();
            assert_eq!(kept.len(), PER_THREAD);
            assert!(take(&LEFT, &()).is_none());
            // They are dropped with the pool, so they find no pool for another item.
            for leaves in kept {
                put(&LEFT, (), leaves);
            }
        });
        assert!(user.join().is_ok());
        // As in the next test, the pool may be dropped a moment later.
        while LEFT_IN_ALL.load(Ordering::Relaxed) > 0 {
            thread::yield_now();
        }
    }

    #[test]
    fn all_threads_together_keep_a_bounded_number() {
        static POOLED: AtomicUsize = AtomicUsize::new(0);
        std::thread_local! {
            static POOL: Pool<(), Arc<()>> = const { Pool::new(|| &POOLED) };
        }
        let item = Arc::new(());
        let wait = std::sync::Barrier::new(101);
        thread::scope(|scope| {
            for _ in 0..100 {
                scope.spawn(|| {
                    put(&POOL, (), item.clone());
                    wait.wait();
                    wait.wait();
                });
            }
            wait.wait();
            assert_eq!(POOLED.load(Ordering::Relaxed), IN_ALL);
            assert_eq!(Arc::strong_count(&item), 1 + IN_ALL);
            wait.wait();
        });
        // A thread's pool is dropped a moment after the scope has seen the end of the thread.
        while POOLED.load(Ordering::Relaxed) > 0 || Arc::strong_count(&item) > 1 {
            thread::yield_now();
        }
    }
}
