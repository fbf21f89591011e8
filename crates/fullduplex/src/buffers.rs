//! Buffers that idle connections do not need, for the connections that read or write next. With `std`, the connections
//! of a thread share a pool of them. Without `std` there is no pool, and buffers are freed.

use alloc::vec::Vec;
#[cfg(feature = "std")]
use core::sync::atomic::AtomicUsize;

use bytes::BytesMut;

#[cfg(feature = "std")]
use crate::pool::{self, Pool};

/// The first size of a receive buffer: one page, because most messages are small.
pub(crate) const FIRST_SIZE: usize = 4 << 10;

/// A receive buffer that a read has filled grows up to this size. One system call can then read as much as a socket
/// buffer usually holds.
pub(crate) const READ_SIZE: usize = 64 << 10;

/// How many places the pools of receive buffers have claimed, on all threads: see [`Pool`].
#[cfg(feature = "std")]
static RECEIVING_IN_ALL: AtomicUsize = AtomicUsize::new(0);

/// How many places the pools of output buffers have claimed, on all threads.
#[cfg(feature = "std")]
static OUTPUT_IN_ALL: AtomicUsize = AtomicUsize::new(0);

#[cfg(feature = "std")]
std::thread_local! {
    /// The key is the size of a buffer.
    static RECEIVING: Pool<usize, BytesMut> = const { Pool::new(|| &RECEIVING_IN_ALL) };
    static OUTPUT: Pool<(), Vec<u8>> = const { Pool::new(|| &OUTPUT_IN_ALL) };
}

/// Takes an empty receive buffer with a capacity of `size` bytes from the pool, or allocates one.
#[inline]
pub(crate) fn take_receive_buffer(size: usize) -> BytesMut {
    #[cfg(feature = "std")]
    if let Some(kept) = pool::take(&RECEIVING, &size) {
        return kept;
    }
    BytesMut::with_capacity(size)
}

/// Returns an empty receive buffer to the pool, if it has one of the two usual sizes. No message may share its memory.
pub(crate) fn return_receive_buffer(buffer: BytesMut) {
    #[cfg(feature = "std")]
    if matches!(buffer.capacity(), FIRST_SIZE | READ_SIZE) {
        pool::put(&RECEIVING, buffer.capacity(), buffer);
    }
    #[cfg(not(feature = "std"))]
    drop(buffer);
}

/// Takes an empty output buffer from the pool, or creates one without memory.
pub(crate) fn take_output_buffer() -> Vec<u8> {
    #[cfg(feature = "std")]
    if let Some(kept) = pool::take(&OUTPUT, &()) {
        return kept;
    }
    Vec::new()
}

/// Returns an empty output buffer to the pool, unless it is large.
pub(crate) fn return_output_buffer(buffer: Vec<u8>) {
    #[cfg(feature = "std")]
    if (1..=READ_SIZE).contains(&buffer.capacity()) {
        pool::put(&OUTPUT, (), buffer);
    }
    #[cfg(not(feature = "std"))]
    drop(buffer);
}
