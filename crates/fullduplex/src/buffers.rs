//! Buffers of connections that wait, for the next one that does not: with `std` a thread's connections share them.
//! Without, there are no threads to know of, and nothing is kept.

use alloc::vec::Vec;
#[cfg(feature = "std")]
use core::sync::atomic::AtomicUsize;

use bytes::BytesMut;

#[cfg(feature = "std")]
use crate::pool::{self, Pool};

/// The first size of a receive buffer: one page, as most messages are small.
pub(crate) const FIRST_SIZE: usize = 4 << 10;

/// The size up to which a receive buffer grows because a read has filled it: one system call then brings as
/// much as a socket buffer usually holds.
pub(crate) const READ_SIZE: usize = 64 << 10;

/// How many receive buffers the pools of all threads hold.
#[cfg(feature = "std")]
static RECEIVING_IN_ALL: AtomicUsize = AtomicUsize::new(0);

/// How many output buffers the pools of all threads hold.
#[cfg(feature = "std")]
static OUTPUT_IN_ALL: AtomicUsize = AtomicUsize::new(0);

#[cfg(feature = "std")]
std::thread_local! {
    /// By their sizes.
    static RECEIVING: Pool<usize, BytesMut> = const { Pool::new(&RECEIVING_IN_ALL) };
    static OUTPUT: Pool<(), Vec<u8>> = const { Pool::new(&OUTPUT_IN_ALL) };
}

/// An empty receive buffer with a capacity of `size` bytes.
#[inline]
pub(crate) fn take(size: usize) -> BytesMut {
    #[cfg(feature = "std")]
    if let Some(kept) = pool::take(&RECEIVING, &size) {
        return kept;
    }
    BytesMut::with_capacity(size)
}

/// Keeps an empty receive buffer that nobody else has a handle to, if it has one of the two usual sizes.
pub(crate) fn give(buffer: BytesMut) {
    #[cfg(feature = "std")]
    if matches!(buffer.capacity(), FIRST_SIZE | READ_SIZE) {
        pool::put(&RECEIVING, buffer.capacity(), buffer);
    }
    #[cfg(not(feature = "std"))]
    drop(buffer);
}

/// An empty output buffer.
pub(crate) fn take_output() -> Vec<u8> {
    #[cfg(feature = "std")]
    if let Some(kept) = pool::take(&OUTPUT, &()) {
        return kept;
    }
    Vec::new()
}

/// Keeps an empty output buffer, unless it is large.
pub(crate) fn give_output(buffer: Vec<u8>) {
    #[cfg(feature = "std")]
    if (1..=READ_SIZE).contains(&buffer.capacity()) {
        pool::put(&OUTPUT, (), buffer);
    }
    #[cfg(not(feature = "std"))]
    drop(buffer);
}
