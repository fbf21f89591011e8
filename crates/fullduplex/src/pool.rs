//! Buffers that connections have given back while they wait, for the next one on the same thread. Without `std`
//! there are no threads to know of, and nothing is kept.

use alloc::vec::Vec;

use bytes::BytesMut;

/// The first size of a receive buffer: one page, as most messages are small.
pub(crate) const FIRST_SIZE: usize = 4 << 10;

/// The size up to which a receive buffer grows because a read has filled it: one system call then brings as
/// much as a socket buffer usually holds.
pub(crate) const READ_SIZE: usize = 64 << 10;

/// How many buffers of a kind are kept: connections that are in the middle of something have their own.
#[cfg(feature = "std")]
const MOST: usize = 8;

#[cfg(feature = "std")]
std::thread_local! {
    static POOL: core::cell::RefCell<Pool> = const { core::cell::RefCell::new(Pool::new()) };
}

/// What a thread keeps: at most some 1.5 MiB.
#[cfg(feature = "std")]
struct Pool {
    first: Vec<BytesMut>,
    read: Vec<BytesMut>,
    output: Vec<Vec<u8>>,
}

#[cfg(feature = "std")]
impl Pool {
    const fn new() -> Self {
        Self { first: Vec::new(), read: Vec::new(), output: Vec::new() }
    }

    fn receiving(&mut self, size: usize) -> Option<&mut Vec<BytesMut>> {
        match size {
            FIRST_SIZE => Some(&mut self.first),
            READ_SIZE => Some(&mut self.read),
            _ => None,
        }
    }
}

/// Runs `with` on the thread's pool, if it is not gone already.
#[cfg(feature = "std")]
fn pool<T>(with: impl FnOnce(&mut Pool) -> Option<T>) -> Option<T> {
    POOL.try_with(|pool| with(&mut pool.borrow_mut())).ok().flatten()
}

/// An empty receive buffer with a capacity of `size` bytes.
pub(crate) fn take(size: usize) -> BytesMut {
    #[cfg(feature = "std")]
    if let Some(kept) = pool(|pool| pool.receiving(size)?.pop()) {
        return kept;
    }
    BytesMut::with_capacity(size)
}

/// Keeps an empty receive buffer that nobody else has a handle to, if it has one of the two usual sizes.
pub(crate) fn give(buffer: BytesMut) {
    #[cfg(feature = "std")]
    pool(|pool| {
        let kept = pool.receiving(buffer.capacity())?;
        (kept.len() < MOST).then(|| kept.push(buffer))
    });
    #[cfg(not(feature = "std"))]
    drop(buffer);
}

/// An empty output buffer.
pub(crate) fn take_output() -> Vec<u8> {
    #[cfg(feature = "std")]
    if let Some(kept) = pool(|pool| pool.output.pop()) {
        return kept;
    }
    Vec::new()
}

/// Keeps an empty output buffer, unless it is large.
pub(crate) fn give_output(buffer: Vec<u8>) {
    #[cfg(feature = "std")]
    if (1..=READ_SIZE).contains(&buffer.capacity()) {
        pool(|pool| (pool.output.len() < MOST).then(|| pool.output.push(buffer)));
    }
    #[cfg(not(feature = "std"))]
    drop(buffer);
}
